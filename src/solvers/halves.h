/* Half of a view's frames, and how far two halves agree: Fourier ring correlation.
 *
 * C(k) = Re sum A conj(B) / sqrt(sum |A|^2 sum |B|^2) over the frequencies of a ring of two objects that were solved from every second
 * frame each, and the half-bit threshold (0.2071 + 1.9102 / sqrt(m)) / (1.2071 + 0.9102 / sqrt(m)) of m frequencies (van Heel and Schatz,
 * J. Struct. Biol. 151, 2005, 250). What no data tells is taken out before: constant phase, phase ramp, common shift.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_HALVES_H
#define PP_HALVES_H

#include "solvers/view.h"

/** Columns of the curve. */
enum { PP_RING_FREQUENCY, PP_RING_VALUE, PP_RING_THRESHOLD, PP_RING_COLUMNS };

/** pp_view_solve with every second frame, from frame `first` (0 or 1); as many devices as the input has tiles. */
PP_MUST_CHECK pp_status pp_view_solve_half(const pp_view_input *input,
                                           const pp_view_options *options, int64_t first,
                                           pp_view_output *out);
/** curve f64 [n / 2][PP_RING_COLUMNS] of the largest square of n pixels, n even, in the rectangle where both are lit with 30 % of
 *  their most: row k holds frequencies within half a ring of k / n cycles a pixel. Errors: PP_ERR_DATA where it has less than 8 pixels. */
PP_MUST_CHECK pp_status pp_ring_correlation(const pp_view_output *even, const pp_view_output *odd,
                                            int threads, pp_array **curve);
/** Cycles a pixel where the curve first falls below its threshold, straight lines between rings, the first two left out (the window's
 *  own width); 0.5 where it never does. */
double pp_ring_crossing(const pp_array *curve);

#endif
