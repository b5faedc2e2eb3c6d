/* Horizontal alignment by the cross-correlation of neighbouring views: a coarse start for objects whose mass says little.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_CORRELATION_H
#define PP_CORRELATION_H

#include "tomo/stack.h"

/** Horizontal shifts [views] from the phase of `stack` moved vertically by shifts [views][2]: the modulus of the gradient,
 *  binned to at most 64 columns, registered from each angle to the next and added up. Their constant is that of
 *  `centres` [views], the shifts that the centres of mass ask for: correlation does not see the axis. Collective. */
PP_MUST_CHECK pp_status pp_correlation_align(const pp_comm *comm, const pp_stack *stack,
                                             const double *shifts, const double *centres,
                                             double *out);

#endif
