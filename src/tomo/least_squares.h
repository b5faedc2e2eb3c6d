/* Least squares by conjugate gradients on the normal equations (CGLS: Hestenes and Stiefel, J. Res. Nat. Bur. Stand. 49, 409
 * (1952); Bjoerck, Numerical Methods for Least Squares Problems, 1996, section 7.4): min |R u - p|^2 over the circle.
 *
 * Slices are systems of their own with steps of their own, so nothing depends on how they are spread over ranks. Under noise
 * the iteration first approaches the truth and then fits the noise: stop it by the discrepancy, by stagnation or early.
 *
 * Where devices project and have the room, the vectors lie on them too: lines go there once, and the volume comes back once.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_LEAST_SQUARES_H
#define PP_LEAST_SQUARES_H

#include <stdbool.h>

#include "tomo/projector.h"

typedef struct pp_least_squares {
    int64_t iterations;
    double
        noise; /* standard deviation of the lines: stop at |R u - p| <= 1.02 noise sqrt(count); 0 for none */
    double
        stagnation; /* stop where an iteration lowers |R u - p| by less than this part; 0 for none */
    bool
        positivity; /* u >= 0: projected steps, a new start of the directions where pixels meet or leave 0 */
    bool
        whole_square; /* pixels outside the circle of radius n / 2 - 1 are free too; they are 0 otherwise */
    bool warm; /* start from what `volume` holds instead of 0 */
} pp_least_squares;

/** volume [slices][n][n] from lines [slices][V][n]. done [slices]: iterations of each slice; cost [slices][iterations + 1]:
 *  |R u - p|^2 after each of them, the last one repeated; both may be NULL. */
PP_MUST_CHECK pp_status pp_least_squares_run(const pp_projector *projector,
                                             const pp_least_squares *setup, int64_t slices,
                                             const float *lines, float *volume, int64_t *done,
                                             double *cost);
/** Bytes of working memory besides the projector's. */
double pp_least_squares_bytes(int64_t n, int64_t views, int threads);
/** Bytes on each of the projector's devices, besides the projector's own, for so many slices of this rank. */
double pp_least_squares_device_bytes(const pp_least_squares *setup,
                                     const pp_projector_setup *projector, int64_t slices);

#endif
