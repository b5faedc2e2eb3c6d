/* Vertical alignment: the mass of each row, the sum of the phase over the columns, is the same in all views (the moment of
 * order 0 of Helgason and Ludwig). Gauss-Newton steps against the mean profile; with each view's shift goes a constant, which
 * an error of its phase's constant adds. A slope does not go with it: it is too much like a shift, and planes have been
 * taken out by then (M. Guizar-Sicairos et al., Opt. Express 19, 21345 (2011)).
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_MASS_H
#define PP_MASS_H

#include <polyptych/status.h>

/** profile [ny] = sum of phase [ny][nx] over x; row_weight [ny] = mean of weight over x. */
void pp_mass_profile(int64_t ny, int64_t nx, const float *phase, const float *weight,
                     double *profile, double *row_weight);
/** shifts [views] in pixels that make the profiles [views][ny] agree, less their mean: new(y) = old(y - s).
 *  row_weights [views][ny]. iterations, if not NULL: how many were done. No shift is beyond a quarter of ny. */
PP_MUST_CHECK pp_status pp_mass_align(int64_t views, int64_t ny, const double *profiles,
                                      const double *row_weights, double *shifts, int *iterations);

#endif
