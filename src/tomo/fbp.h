/* Filtered back-projection: lines times a ramp filter, back-projected by the projector's transpose.
 *
 * The ramp is the FFT of the sampled kernel h(0) = 1/4, h(odd k) = -1 / (pi k)^2 on lines padded to at least 2 n, so that the
 * mean is right (Kak and Slaney, Principles of Computerized Tomographic Imaging, 1988, section 3.3); windows multiply it.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_FBP_H
#define PP_FBP_H

#include <stdbool.h>

#include "tomo/projector.h"

typedef enum pp_filter {
    PP_FILTER_RAMP,
    PP_FILTER_SHEPP_LOGAN,
    PP_FILTER_COSINE,
    PP_FILTER_HANN
} pp_filter;

/** Quadrature weights [views] in rad of any angles: half of both gaps to the neighbours modulo pi; equal angles share
 *  theirs. A gap wider than 10 degrees and than twice the median is a missing wedge and counts as the median, so that the
 *  views at its edges do not dominate. Regular angles over pi: pi / views each. */
PP_MUST_CHECK pp_status pp_angle_weights(int64_t views, const double *angles, double *weights);

/** Zeroes pixels of slices [slices][n][n] outside the circle around index n / 2; radius 0 for n / 2 - 1. */
void pp_circle_mask(int64_t slices, int64_t n, double radius, float *volume);
void pp_circle_mask_complex(int64_t slices, int64_t n, double radius, pp_c32 *volume);

typedef struct pp_fbp_setup {
    pp_filter filter;
    double cutoff;         /* in Nyquist frequencies, 0 < cutoff <= 1; 0 for 1 */
    const double *weights; /* [V] rad; NULL for pp_angle_weights */
    bool equal_weights;    /* pi / V each instead of pp_angle_weights */
    /* Between samples lines are as smooth as R takes them. They are straight otherwise, which damps by sinc^2: less streaks
     * from few views, and what other programs do. */
    bool band_limited;
    bool derivative;   /* lines are d/du of the projections: Hilbert filter instead of the ramp */
    bool differences;  /* of derivative: lines are p(u + 1/2) - p(u - 1/2) instead */
    bool whole_square; /* keep pixels outside the circle of radius n / 2 - 1, else 0 */
} pp_fbp_setup;

typedef struct pp_fbp pp_fbp;
/** For this projector's angles; the projector is borrowed and must outlive it. */
PP_MUST_CHECK pp_status pp_fbp_create(const pp_projector *projector, const pp_fbp_setup *setup,
                                      pp_fbp **out);
void pp_fbp_free(pp_fbp **fbp);
/** volume [slices][n][n] from lines [slices][V][n]; in pixel units: the density per pixel whose projections the lines are. */
PP_MUST_CHECK pp_status pp_fbp_run(const pp_fbp *fbp, int64_t slices, const pp_c32 *lines,
                                   pp_c32 *volume);
PP_MUST_CHECK pp_status pp_fbp_run_real(const pp_fbp *fbp, int64_t slices, const float *lines,
                                        float *volume);

/** Bytes that a filtered back-projection holds besides its projector. */
double pp_fbp_bytes(int64_t n, int64_t views, int threads);

#endif
