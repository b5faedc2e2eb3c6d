/* One view on its way through the solver: what all its devices share, and what each has.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_VIEW_INTERNAL_H
#define PP_VIEW_INTERNAL_H

#include "models/tiles.h"
#include "models/window.h"
#include "solvers/view.h"

typedef struct view {
    const pp_view_input *in;
    const pp_view_options *o;
    const pp_backend *backend;
    int64_t n, patterns;
    pp_object_frame frame;
    double *
        corners; /* [J][2] in the whole object; at the end each device's are what it made of them */
    int32_t *tile_of;
    pp_tiles tiles;
    pp_links *links; /* of the devices; NULL: one device, or they read each other's memory */
    int teller;      /* the first device with patterns: tells what its sweep is */
    pp_view_output *out;
} view;

typedef struct solve {
    view *v;
    int rank;
    const pp_comm *group; /* NULL: alone */
    pp_split split; /* of the model; its group is NULL where each device solves for itself alone */
    const pp_view_input *in;
    const pp_view_options *o;
    const pp_backend *backend;
    pp_ptycho_settings settings;
    pp_sweep_setup setup;
    const char *implementation;
    double *corners; /* [this device's patterns][2] in its tile */
    double *factors; /* the beam's amplitude in each of them where it is refined, else NULL */
    int64_t *pick;   /* its patterns; NULL: all */
    void *frames;    /* in detector order; NULL: the view's own */
    uint8_t *mask;   /* in detector order */
    int32_t *order;  /* of the pixels of a frame */
    char *room; /* a frame for each thread, while the view's own are in detector order; or NULL */
    pp_background_estimate background; /* values NULL: none */
    double all_counts; /* of all devices, patterns counted as often as they are worked on */
    pp_c32 *probe;     /* [M][n][n] start, on the host */
    double center[2];  /* of the start probe */
    pp_ptychography model;
    pp_point point;
    double waited; /* local steps: seconds that the device has waited for its passes */
    pp_view_output *out;
} solve;

/** Errors: PP_ERR_DATA for arrays that do not fit together, PP_ERR_CONFIG for what a group cannot do. */
PP_MUST_CHECK pp_status pp_view_check(const pp_view_input *in, const pp_view_options *o);
/** Frames and mask in the sweep's order of pixels: setup.frames are `frames`, or the view's own, which are given back as they
 *  were by the second, when no sweep reads them any more. */
PP_MUST_CHECK pp_status pp_view_order_frames(solve *s, const pp_sweep_class *kind);
void pp_view_restore_frames(solve *s);
/** Where the solve starts (view_start.c): object 1 and the probe on the device; the background first, where there is one.
 *  counts: of a pattern in its measured pixels, mean; of all patterns. */
PP_MUST_CHECK pp_status pp_view_start(solve *s, double counts);
PP_MUST_CHECK pp_status pp_view_start_background(solve *s, double counts);
/** Tiles that solve for themselves (halo, independent): rounds of iterations, between them pasted borders, and the sum of all
 *  tiles' costs in the result. Collective. */
PP_MUST_CHECK pp_status pp_view_rounds(solve *s, pp_ptycho_result *result);
/** costs[count] become sums over devices, in rank order. Collective. */
PP_MUST_CHECK pp_status pp_view_sum_costs(const solve *s, double *costs, int64_t count);
/** Gradient Decomposition with local steps between exchanges, from the present point (view_local.c). Collective. */
PP_MUST_CHECK pp_status pp_view_local(solve *s, pp_ptycho_result *result);
/** The solver that was asked for, from the present point. */
PP_MUST_CHECK pp_status pp_view_run_solver(solve *s, const pp_ptycho_settings *settings,
                                           pp_ptycho_result *result);
/** Whether the devices solve for themselves; and whether then they share a probe, positions or intensities all the same. */
bool pp_view_apart(const solve *s);
bool pp_view_shared(const solve *s);
/** Independent tiles into the output's object and illumination, registered and blended in rank order. Collective. */
PP_MUST_CHECK pp_status pp_view_blend(solve *s);
/** From points on devices to the output's arrays; collective. */
PP_MUST_CHECK pp_status pp_view_put(solve *s);

#endif
