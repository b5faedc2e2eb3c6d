/* Simultaneous iterative reconstruction: u += C R^T W (p - R u), W and C the inverse row and column sums of R (Gregor and
 * Benson, IEEE Trans. Med. Imag. 27, 918 (2008)). Slices are independent.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_SIRT_H
#define PP_SIRT_H

#include <stdbool.h>

#include "tomo/projector.h"

typedef struct pp_sirt {
    int64_t iterations;
    bool positivity;   /* u >= 0 after every iteration */
    bool whole_square; /* pixels outside the circle of radius n / 2 - 1 are free too */
} pp_sirt;

/** volume [slices][n][n] from 0, lines [slices][V][n]; cost [slices][iterations + 1]: |W^(1/2) (R u - p)|^2 before each
 *  iteration and at the end, or NULL. */
PP_MUST_CHECK pp_status pp_sirt_run(const pp_projector *projector, const pp_sirt *setup,
                                    int64_t slices, const float *lines, float *volume,
                                    double *cost);
/** Bytes of working memory besides the projector's. */
double pp_sirt_bytes(int64_t n, int64_t views, int threads);
/** Bytes on each of the projector's devices, besides the projector's own, for so many slices of this rank. */
double pp_sirt_device_bytes(const pp_projector_setup *projector, int64_t slices);

#endif
