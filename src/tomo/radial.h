/* The table of a radial non-uniform FFT: for each sample of each view's radial line the six by six cells of the oversampled
 * grid that it is taken from, and the kernel's weights. Shared by all slices; ordered by tiles of the grid, so that reading
 * the grid stays in the cache. Grids hold PP_RADIAL_LANES slices interleaved.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_RADIAL_H
#define PP_RADIAL_H

#include <polyptych/status.h>

#include "kernels/radial.h"

PP_MUST_CHECK pp_status pp_radial_make(int64_t n, int64_t views, const double *angles,
                                       double oversampling, pp_radial *out);
void pp_radial_free(pp_radial *radial);
/** Size of the grid: even, of factors 2, 3, 5, 7, at least oversampling * n. */
int64_t pp_radial_grid(int64_t n, double oversampling);
/** Cells of a grid with its halos. */
int64_t pp_radial_cells(int64_t grid);

/** lines [view][sample][lane] from a grid [G + 2 halos][pitch][lane], and the transpose, which adds to the grid. */
void pp_radial_gather(const pp_radial *radial, const pp_c32 *grid, pp_c32 *lines);
void pp_radial_scatter(const pp_radial *radial, const pp_c32 *lines, pp_c32 *grid);

#endif
