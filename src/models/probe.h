/* Probes on the host: start modes, scale, orthogonal modes, centre of mass. A probe is [M][n][n], centre at n / 2.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_PROBE_H
#define PP_PROBE_H

#include <polyptych/status.h>

/** sum |p|^2 of `modes` modes of n x n. */
double pp_probe_power(const pp_c32 *probe, int64_t n, int64_t modes);
/** Part of the far field's intensity, of a beam that meets nothing, in pixels where mask [n][n] is not 0 (zero frequency at
 *  [0, 0]). */
PP_MUST_CHECK pp_status pp_probe_measured_part(const pp_c32 *probe, int64_t n, int64_t modes,
                                               const uint8_t *mask, double *part);
/** probe [modes][n][n] from `given` modes: the first ones as given, then products of Hermite polynomials with the first:
 *  y and x times it (1.2 (y - n/2) / n, as much for x), then of higher degree, each with the power of the first of these. */
void pp_probe_start(pp_c32 *probe, int64_t modes, const pp_c32 *from, int64_t given, int64_t n);
/** Centre of mass (y, x) of sum_m |p_m|^2, in pixels from pixel [0, 0]. */
void pp_probe_center(const pp_c32 *probe, int64_t n, int64_t modes, double center[2]);
/** Moves every mode by (y, x) pixels, in Fourier space (periodic). */
PP_MUST_CHECK pp_status pp_probe_move(pp_c32 *probe, int64_t n, int64_t modes,
                                      const double shift[2]);
/** Turns the modes among themselves so that they are orthogonal, strongest first: eigenvectors of <p_k, p_l>. All
 *  intensities stay. */
void pp_probe_orthogonalise(pp_c32 *probe, int64_t n, int64_t modes);
/** The same, and `count` further arrays [modes][n][n] (gradients, directions) are turned as the probe is: every inner product
 *  between two of the arrays stays. */
void pp_probe_orthogonalise_with(pp_c32 *probe, int64_t n, int64_t modes, pp_c32 *const *others,
                                 int count);

#endif
