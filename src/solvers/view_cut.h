/* A view's tiles as arrays, for callers without a stage partition.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_VIEW_CUT_H
#define PP_VIEW_CUT_H

#include "models/tiles.h"

/** tiles i64 [devices][4] and tile_of i32 [J] of windows of n pixels at positions f64 [J][2] (grid points). New arrays. */
PP_MUST_CHECK pp_status pp_view_cut(const pp_array *positions, int64_t n, int devices,
                                    pp_array **tiles, pp_array **tile_of);

/** Tiles of a view of which only the sizes are known: a raster over the object is assumed. halo_rows > 0: each with the patterns around it
 *  (pp_tiles_surround, the same errors). */
PP_MUST_CHECK pp_status pp_view_raster_tiles(int64_t patterns, int64_t n, const int64_t object[2],
                                             int devices, double halo_rows, pp_tiles *out);

#endif
