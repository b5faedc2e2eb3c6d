/* Horizontal alignment by the centre of mass, and the part of shifts that is a translation of the object.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_CENTRE_H
#define PP_CENTRE_H

#include <polyptych/status.h>

/** Column of the centre of mass of phase [ny][nx], in pixels from column `axis`. mass_part: |sum| / sum of moduli, near 0
 *  where the centre means nothing. */
double pp_centre_of_mass(int64_t ny, int64_t nx, const float *phase, double axis,
                         double *mass_part);
/** Least-squares fit c + a cos t + b sin t of values [views] (at `stride`): out = {c, a, b}. What the angles do not
 *  determine becomes as small as possible. */
void pp_fit_circle(int64_t views, const double *theta, const double *values, int64_t stride,
                   double out[3]);
/** Takes the translation of the object out of shifts [views][2]: the mean of y, and a cos t + b sin t of x. The constant
 *  of x is the rotation axis and stays. */
void pp_remove_translation(int64_t views, const double *theta, double *shifts);

#endif
