/* Joseph's projector and its exact transpose: one sample a row (or column, whichever the ray crosses more steeply) by linear
 * interpolation (P. M. Joseph, IEEE Trans. Med. Imag. 1, 192 (1982)). Same frame as tomo/projector.h: axis at index n / 2,
 * u = x cos t + y sin t. It shares nothing with the Fourier projector: a second opinion, and the simulator's projector.
 * Any angles; objects may reach beyond the circle. Slices run in parallel; the result does not depend on the thread count.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_JOSEPH_H
#define PP_JOSEPH_H

#include <polyptych/status.h>

typedef struct pp_joseph {
    int64_t n;            /* slices are n x n */
    int64_t columns;      /* of a line; the axis lies at column columns / 2 */
    int64_t views;        /* V */
    const double *angles; /* [V] rad */
    double pitch;         /* pixels of the volume between columns; 0 for 1 */
} pp_joseph;

/** lines [slices][V][columns] = A volume [slices][n][n], line integrals in pixels. With `pitch` p, column c lies at
 *  u = (c - columns / 2) p: a volume of f times finer pixels is projected to the coarse columns with pitch f. */
void pp_joseph_forward(const pp_joseph *joseph, int64_t slices, const float *volume, float *lines);
void pp_joseph_adjoint(const pp_joseph *joseph, int64_t slices, const float *lines, float *volume);
void pp_joseph_forward_f64(const pp_joseph *joseph, int64_t slices, const double *volume,
                           double *lines);
void pp_joseph_adjoint_f64(const pp_joseph *joseph, int64_t slices, const double *lines,
                           double *volume);

#endif
