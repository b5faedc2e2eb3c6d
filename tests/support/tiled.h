/* Small views for the tests of views split over devices: made up, with noise-free intensities, and cut into tiles.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_TEST_TILED_H
#define PP_TEST_TILED_H

#include "models/window.h"
#include "solvers/view.h"
#include "support/support.h"

enum { N = 16, MOST = 100, SIDE = 120 };

/** A made-up view with noise-free intensities. */
typedef struct tiled_view {
    int64_t patterns, size[2];
    double corners[2 * MOST]; /* whole-pixel parts and fractions */
    float frames[MOST * N * N];
    pp_c32 object[SIDE * SIDE], probe[N * N];
} tiled_view;

extern tiled_view tiled;

/** Makes `tiled`: positions on a jittered raster or at random. */
void tiled_make(int64_t patterns, int64_t height, int64_t width, uint64_t seed, bool raster);
/** Of the whole view, for the sweeps. */
pp_sweep_setup tiled_setup(void);

/** The same view as a stage has it. */
typedef struct tiled_arrays {
    pp_array *frames, *mask, *positions, *probe, *tiles, *tile_of;
    pp_view_input in;
} tiled_arrays;

void tiled_arrays_make(tiled_arrays *a);
/** Tiles for so many devices, as stage partition cuts them. */
void tiled_arrays_cut(tiled_arrays *a, int devices, pp_tiles *t, pp_object_frame *frame);
void tiled_arrays_free(tiled_arrays *a);
/** Probe, positions and intensities refined; or none of them. */
pp_view_options tiled_options(int64_t iterations, pp_split_method split);
pp_view_options tiled_known_probe(int64_t iterations, pp_split_method split);

/** sum |a - b|^2; and its root relative to the first. */
double tiled_apart(const pp_c32 *a, const pp_c32 *b, int64_t count);
double tiled_difference(const pp_array *a, const pp_array *b);

#endif
