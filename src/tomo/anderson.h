/* Anderson's acceleration of a fixed-point iteration x <- x + f(x) (D. G. Anderson, J. ACM 12, 547 (1965)): the next point
 * combines the last few so that their steps, combined alike, are smallest. Slow modes converge in a few iterations.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_ANDERSON_H
#define PP_ANDERSON_H

#include <polyptych/status.h>

typedef struct pp_anderson pp_anderson;
PP_MUST_CHECK pp_status pp_anderson_create(int64_t count, pp_anderson **out);
void pp_anderson_free(pp_anderson **anderson);
/** Forgets the past: after a change of f. */
void pp_anderson_reset(pp_anderson *anderson);
/** x [count] becomes the next point; step [count] = f(x). No element moves by more than `most`. */
void pp_anderson_next(pp_anderson *anderson, double *x, const double *step, double most);

#endif
