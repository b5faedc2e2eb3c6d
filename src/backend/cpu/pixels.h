/* Loops over the detector pixels of one pattern: intensity, residual, line terms. Far fields are [M][pixels], unitary.
 * Sums are in double, in an order fixed by the pixel numbers.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_PIXELS_H
#define PP_PIXELS_H

#include "backend/sweep.h"

/** One pattern's measurement. */
typedef struct pp_pixels {
    int64_t count, modes;
    pp_sweep_model model;
    pp_dtype type;
    const void *frame;
    const uint8_t *mask;     /* never NULL */
    const float *background; /* NULL: none */
} pp_pixels;

/** Far field and its two derivatives along a line; f2 NULL: none. */
typedef struct pp_far_line {
    const pp_c32 *far, *f1, *f2;
    double at; /* line parameter that `far` belongs to */
} pp_far_line;

/** inten = sum over modes of |far|^2, and the background; returns the largest. */
float pp_pixels_intensity(const pp_pixels *p, float *inten, const pp_c32 *far);
/** inten becomes scale * (1 - r), 0 where dark or not measured. Returns the cost (Poisson: relative to d - d log d);
 *  misfit, if not NULL, gets sum (sqrt I - sqrt d)^2. */
double pp_pixels_residual(const pp_pixels *p, float *inten, float largest, float scale,
                          double *misfit);
/** Slope and curvature at `at` (if sums is not NULL) and costs at `count` steps counted from t = 0. inten, largest: of far. */
void pp_pixels_line(const pp_pixels *p, double sums[2], double *costs, const double *steps,
                    int count, const pp_far_line *line, const float *inten, float largest);
/** Adds a pattern's derivatives with respect to the background of each pixel. inten: of its far field. */
void pp_pixels_background(const pp_pixels *p, double *first, double *second, const float *inten);
/** One pattern's part of the sums over the frames. */
void pp_pixels_totals(const pp_pixels *p, pp_sweep_totals *add);
/** Gauss-Newton terms from jy, jx = F[dP/da O] of each mode. */
void pp_pixels_position(const pp_pixels *p, pp_sweep_position *out, const pp_c32 *far,
                        const pp_c32 *jy, const pp_c32 *jx, const float *inten, float largest);

#endif
