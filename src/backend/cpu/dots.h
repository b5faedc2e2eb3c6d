/* Inner products, compiled for each instruction set. Nothing is contracted and the order of sums is fixed, so all levels give the same bits.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_DOTS_H
#define PP_DOTS_H

#include <polyptych/types.h>

/** sum over [from, to) of w conj(x) y, in double; w NULL: 1. */
typedef pp_c64 pp_dot_part(const pp_c32 *x, const pp_c32 *y, const float *w, int64_t from,
                           int64_t to);

pp_dot_part pp_dot_part_v2, pp_dot_part_v3, pp_dot_part_v4;

/** That of the level in use (backend/level.h). */
pp_dot_part *pp_dots_pick(void);

#endif
