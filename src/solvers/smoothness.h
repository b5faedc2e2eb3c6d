/* Tikhonov's term on the object's gradient, lambda (sum |o(y + 1, x) - o(y, x)|^2 + sum |o(y, x + 1) - o(y, x)|^2): quadratic, so along a
 * line it is known exactly. Made of the back end's vector kernels; one device, no group.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_SMOOTHNESS_H
#define PP_SMOOTHNESS_H

#include "models/ptychography.h"

typedef struct pp_smoothness {
    double lambda;
    int64_t size[2]; /* Y, X */
    pp_c32 *room[2]; /* [Y][X], of the back end: differences of the object along y and x */
    pp_c32 *along;   /* of a direction */
} pp_smoothness;

PP_MUST_CHECK pp_status pp_smoothness_create(const pp_ptychography *model, double lambda,
                                             const int64_t size[2], pp_smoothness *out);
void pp_smoothness_free(const pp_ptychography *model, pp_smoothness *smoothness);
/** The term at `object`; its Wirtinger gradient is added to g (or NULL). Remembers the object's differences. */
double pp_smoothness_add(const pp_ptychography *model, const pp_smoothness *smoothness, pp_c32 *g,
                         const pp_c32 *object);
/** First and second derivative along d at the object of the last pp_smoothness_add. */
void pp_smoothness_line(const pp_ptychography *model, const pp_smoothness *smoothness,
                        const pp_c32 *d, double *slope, double *curvature);

#endif
