/* Phase unwrapping by least squares: the phase whose gradient is nearest to the wrapped gradient of arg psi, by cosine
 * transforms (D. C. Ghiglia and L. A. Romero, J. Opt. Soc. Am. A 11, 107 (1994)), repeated on what is left of the phase.
 *
 * Where no 2 x 2 loop holds a residue the answer is exact: it differs from arg psi by whole turns. Where there are residues
 * the fit is weighted (preconditioned conjugate gradients), pixels at residues count little, and what is left is added only
 * where it is below pi / 2: rounding to whole turns there would make wrong ones.
 * A true step of more than pi between neighbours leaves no residue and cannot be seen in one view.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_UNWRAP_H
#define PP_UNWRAP_H

#include <polyptych/status.h>

typedef struct pp_unwrap pp_unwrap;
/** Plans for images of ny x nx. */
PP_MUST_CHECK pp_status pp_unwrap_create(int64_t ny, int64_t nx, pp_unwrap **out);
void pp_unwrap_free(pp_unwrap **unwrap);
/** phase [ny][nx] in rad from psi [ny][nx] with weights [ny][nx] >= 0; residues: how many loops hold one. Thread-safe. */
PP_MUST_CHECK pp_status pp_unwrap_run(const pp_unwrap *unwrap, const pp_c32 *psi,
                                      const float *weight, float *phase, int64_t *residues);
/** Loops of 2 x 2 pixels whose wrapped differences do not add up to 0; `at` [ny][nx], if not NULL, becomes 1 at their
 *  four corners and 0 elsewhere. */
int64_t pp_count_residues(int64_t ny, int64_t nx, const float *wrapped, uint8_t *at);
/** Each row of a wrapped phase [ny][nx] by itself: differences of neighbours are taken as below pi and added up. Whole turns by
 *  which a row's end is away from its start, which no air at both sides has, are spread over the row. */
void pp_unwrap_rows(int64_t ny, int64_t nx, float *phase);

#endif
