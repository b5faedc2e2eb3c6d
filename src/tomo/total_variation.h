/* Least squares with total variation over a distributed volume: min 1/2 |R u - p|^2 / V + a sum |grad u|, u >= 0 if asked.
 *
 * ADMM (Boyd et al., Found. Trends Mach. Learn. 3, 1 (2011)) with z = grad u and, for positivity, w = u; the u-step is a few
 * conjugate gradient iterations from the last u. grad: forward differences along z, y, x, 0 at the last index; isotropic.
 * V views scale the misfit, so that the strength does not depend on their number. The same bits for any number of ranks and devices.
 *
 * Where the projector works on devices and they have room, all vectors lie there for the whole solve, each device with a block of
 * the rank's slices: lines come from the host for the start and for the misfit at the end, the volume goes back once. Else they lie on the
 * host, and each projection streams them to the devices and back.
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
    double
        device_memory; /* bytes that the vectors may take of a device; not above 0: PP_TOTAL_VARIATION_PART of this process's share of what it has free */
} pp_total_variation;

#define PP_TOTAL_VARIATION_PART 0.9

typedef struct pp_total_variation_result {
    double strength, misfit, variation, objective; /* misfit |R u - p|; variation sum |grad u| */
    double primal, dual;                           /* relative residuals at the end */
    int64_t iterations;
    int devices; /* in whose memory the vectors lay, of the rank with most; 0: on the host */
} pp_total_variation_result;

/** This rank's slab of a volume of `rows` slices: volume [slices][n][n] from lines [slices][V][n], slabs of pp_slab_block.
 *  volume holds the start. Ranks without slices take part with projector NULL. Collective. */
PP_MUST_CHECK pp_status pp_total_variation_run(const pp_comm *comm, const pp_projector *projector,
                                               const pp_total_variation *setup, int64_t rows,
                                               const float *lines, float *volume,
                                               pp_total_variation_result *result);

/** Bytes of working memory on a rank that holds `slices`, besides the projector's, with the vectors on the host. */
double pp_total_variation_bytes(int64_t n, int64_t views, int64_t slices, bool positivity);
/** Whether the vectors of a rank's `slices` fit the back end's devices, which hold `held` bytes more than now by then. The calling thread is
 *  on the first of them then. */
PP_MUST_CHECK pp_status pp_total_variation_fits(const pp_backend *devices,
                                                const pp_total_variation *setup, int64_t n,
                                                int64_t views, int64_t slices, double held,
                                                bool *out);
/** Bytes of a device's memory, besides the projector's, that holds `slices` (pp_slab_seat_most) of them. */
double pp_total_variation_device_bytes(int64_t n, int64_t views, int64_t slices, bool positivity);

#endif
