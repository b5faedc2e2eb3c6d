/* An intensity that adds to the model's in every pattern, in each pixel or the same in all: incoherent scatter, detector offset.
 *
 * Newton steps of the cost in the background, object and probe held, each at most by a factor of 4: it stays above 0 and the cost, convex
 * in it for both models, falls. SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_BACKGROUND_SOLVER_H
#define PP_BACKGROUND_SOLVER_H

#include "models/ptychography.h"

typedef enum pp_background_choice {
    PP_BACKGROUND_NONE,
    PP_BACKGROUND_GIVEN,    /* stays as it starts */
    PP_BACKGROUND_CONSTANT, /* one number for all pixels */
    PP_BACKGROUND_PIXEL     /* a number for each */
} pp_background_choice;

typedef struct pp_background_estimate {
    pp_background_choice choice;
    float *values; /* [n * n] in detector order: start and result, the same on all devices */
    double *first, *second; /* [n * n] room */
} pp_background_estimate;

/** A few steps at this point; the model's sweeps have the new background then. Collective in a group. */
PP_MUST_CHECK pp_status pp_background_refine(const pp_ptychography *model,
                                             const pp_background_estimate *background,
                                             const pp_point *at);

#endif
