/* A view's tiles as arrays, for callers without a stage partition.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_VIEW_CUT_H
#define PP_VIEW_CUT_H

#include <polyptych/array.h>

/** tiles i64 [devices][4] and tile_of i32 [J] of windows of n pixels at positions f64 [J][2] (grid points). New arrays. */
PP_MUST_CHECK pp_status pp_view_cut(const pp_array *positions, int64_t n, int devices,
                                    pp_array **tiles, pp_array **tile_of);

#endif
