/* Least squares with total variation over a distributed volume: min 1/2 |R u - p|^2 / V + a sum |grad u|, u >= 0 if asked.
 *
 * ADMM (Boyd et al., Found. Trends Mach. Learn. 3, 1 (2011)) with z = grad u and, for positivity, w = u; the u-step is a few
 * conjugate gradient iterations from the last u. grad: forward differences along z, y, x, 0 at the last index; isotropic.
 * V views scale the misfit, so that the strength does not depend on their number. The same bits for any number of ranks.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_TOTAL_VARIATION_H
#define PP_TOTAL_VARIATION_H

#include <stdbool.h>

#include "comm/comm.h"
#include "tomo/projector.h"

typedef struct pp_total_variation {
    double
        strength; /* a, in units of the lines; 0: found from the noise of the lines and the size of the start */
    int64_t iterations, inner;
    double
        tolerance; /* stop where both ADMM residuals are below this part of their scale; 0 for never */
    bool positivity;   /* u >= 0 */
    bool whole_square; /* voxels outside the circle are free too */
} pp_total_variation;

typedef struct pp_total_variation_result {
    double strength, misfit, variation, objective; /* misfit |R u - p|; variation sum |grad u| */
    double primal, dual;                           /* relative residuals at the end */
    int64_t iterations;
} pp_total_variation_result;

/** This rank's slab of a volume of `rows` slices: volume [slices][n][n] from lines [slices][V][n], slabs of pp_slab_block.
 *  volume holds the start. Ranks without slices take part with projector NULL. Collective. */
PP_MUST_CHECK pp_status pp_total_variation_run(const pp_comm *comm, const pp_projector *projector,
                                               const pp_total_variation *setup, int64_t rows,
                                               const float *lines, float *volume,
                                               pp_total_variation_result *result);

/** Bytes of working memory on a rank that holds `slices`, besides the projector's. */
double pp_total_variation_bytes(int64_t n, int64_t views, int64_t slices, bool positivity);

#endif
