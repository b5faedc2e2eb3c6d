/* One view's part of a joint solve: psi, its multiplier, and the data step of ADMM.
 *
 * psi lies on the view's object array (models/window.h), in the frame of the aligned stack: what alignment found is in the positions (a
 * shift of the object moves its windows) and in the probe (a plane exp(i k r) of the object multiplies the probe, but for a phase
 * of each pattern that no intensity sees), so that neither frames nor objects are resampled. The constant phase stays free.
 *
 * The likelihood of counts is that of I + 1 with d + 1 counts: (I + 1) - (d + 1) log (I + 1) (Snyder et al., J. Opt. Soc. Am. A 12, 272
 * (1995), for a variance of 1 that is no light's). Its gradient vanishes on average at the true object whatever the light, as that of
 * I - d log I does and that of (sqrt I - sqrt d)^2 does not: where fewer than some ten counts are expected the mean of sqrt d is
 * below sqrt I, and the fine detail of the object, whose light lies there, comes out too weak. And its curvature is bounded: d / I has a
 * pole in every dark pixel with a count, between which the splitting of a joint solve swings to and fro and never comes to rest.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_JOINT_VIEW_H
#define PP_JOINT_VIEW_H

#include <polyptych/array.h>

#include "backend/sweep.h"
#include "models/window.h"

/** Frames, mask and what lies under every frame in the order of the sweep's detector pixels. */
typedef struct pp_joint_frames {
    void *frames; /* [J][n * n] */
    uint8_t *mask;
    float *background; /* [n * n] counts; NULL: none */
} pp_joint_frames;

typedef struct pp_joint_view {
    int64_t n, patterns, modes, pixels; /* pixels: Y X */
    pp_dtype frame_type;
    pp_sweep_model model;
    pp_object_frame frame;
    double *corners;     /* [J][2] */
    double moved[2];     /* of them since the start, pixels (y, x) */
    pp_c32 *probe;       /* [M][n][n], moves where it is refined */
    pp_c32 *psi;         /* [Y][X] */
    pp_c32 *multiplier;  /* lambda [Y][X] */
    float *illumination; /* [Y][X] of the probe as given, windows at whole pixels */
    float largest;       /* of it */
    bool background;     /* counts lie under the frames */
    double *factors;     /* [J] amplitude of the beam in each frame; NULL: 1 */
    pp_joint_frames data;
} pp_joint_view;

typedef struct pp_joint_step {
    const char *backend;
    int64_t iterations;
    bool refine_probe, keep_far_field;
    int threads;
    int devices, first_device; /* that the view is split over (0: one), of those of the rank */
    double
        device_memory; /* bytes that a device may hold before frames are streamed to it; not above 0: 0.9 of what is free */
    const float *weight;  /* rho of each pixel [Y][X], on the host */
    const pp_c32 *target; /* h + lambda / rho [Y][X], on the host */
    const pp_c32
        *model; /* h [Y][X], on the host, whose fit is wanted before the step; NULL: none */
} pp_joint_step;

typedef struct pp_joint_step_result {
    double data, penalty; /* the model's cost without what no model can change; sum w |psi - t|^2 */
    double misfit; /* sum (sqrt I - sqrt d)^2, of I + 1 and d + 1 where the model is Poisson's */
    double counts; /* sum d */
    double model_data; /* the cost, as in data, of step->model */
} pp_joint_step_result;

/** positions [J][2]: grid points of the aligned frame. probe [M][n][n] is copied. psi and multiplier are 0. No frames yet. */
PP_MUST_CHECK pp_status pp_joint_view_create(const double *positions, int64_t patterns,
                                             const pp_array *probe, pp_sweep_model model,
                                             pp_joint_view *out);
/** Orders frames [J][n][n] (u16 or f32), mask [n][n] and the background f32 [n][n] that the view was solved with (NULL: none) for the
 *  sweeps of `backend`; for Poisson's model with one count more. */
PP_MUST_CHECK pp_status pp_joint_view_frames(pp_joint_view *view, const char *backend,
                                             const pp_array *frames, const pp_array *mask,
                                             const pp_array *background);
/** intensities f64 [J] of the beam that the view was solved with; NULL: 1. */
PP_MUST_CHECK pp_status pp_joint_view_intensities(pp_joint_view *view, const pp_array *intensities);
void pp_joint_frames_free(pp_joint_view *view);
void pp_joint_view_free(pp_joint_view *view);
/** Conjugate gradients from psi on data + sum w |psi - t|^2, then the phase of psi that is nearest to the target. */
PP_MUST_CHECK pp_status pp_joint_view_step(pp_joint_view *view, const pp_joint_step *step,
                                           pp_joint_step_result *result);
/** The shift (y, x) of the whole view that brings its frames nearest to the object step->target (a Gauss-Newton step, at most half a
 *  pixel); nothing is changed. */
PP_MUST_CHECK pp_status pp_joint_view_shift(pp_joint_view *view, const pp_joint_step *step,
                                            double shift[2]);
/** Moves all windows, as far as the margin of the object array lets them. */
void pp_joint_view_move(pp_joint_view *view, const double shift[2]);
/** What is known of a view before it is read; object: Y, X. */
typedef struct pp_joint_need {
    int64_t n, modes, patterns, object[2];
    bool refine_probe, poisson;
    int count_bytes; /* of one count in memory; 0: not known, taken as 2 */
} pp_joint_need;
/** Bytes of memory that a step takes on the fullest of so many devices, where the back end has devices with memory of their own (else 0). */
double pp_joint_view_device_bytes(const char *backend, const pp_joint_need *need, int devices);
/** The fewest devices on which a step takes no more than device_memory bytes each; not above 0: one. */
int pp_joint_view_group(const char *backend, const pp_joint_need *need, double device_memory);
/** Of the whole view, for the sweeps: what a step adds is left out. */
pp_sweep_setup pp_joint_view_setup(const pp_joint_view *view);
/** Bytes that a view's frames take. */
double pp_joint_frames_bytes(int64_t n, int64_t patterns, pp_dtype type);

#endif
