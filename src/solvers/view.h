/* One view, from its arrays to its arrays: start probe and object, sweep, solver, and the pair moved back to where the
 * starting probe's centre of mass was.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_SOLVER_VIEW_H
#define PP_SOLVER_VIEW_H

#include <polyptych/array.h>

#include "solvers/ptychography.h"

typedef enum pp_ptycho_method { PP_PTYCHO_CG, PP_PTYCHO_PUBLISHED } pp_ptycho_method;
/** auto: as asked for by the rest. */
typedef enum pp_ptycho_choice { PP_CHOOSE_AUTO, PP_CHOOSE_YES, PP_CHOOSE_NO } pp_ptycho_choice;

typedef struct pp_view_input {
    pp_array *frames;     /* u16 or f32 [J][n][n]; laid out anew while solving, then as they were */
    const pp_array *mask; /* u8 [n][n] */
    const pp_array *positions;  /* f64 [J][2] grid points */
    const pp_array *probe;      /* c32 [M0][n][n] */
    const pp_array *tiles;      /* i64 [T][4], one device each; NULL: one device */
    const pp_array *tile_of;    /* i32 [J] */
    const pp_array *background; /* f32 [n][n] natural order, measured beforehand; NULL: none */
} pp_view_input;

typedef struct pp_view_options {
    const char *backend;        /* "cpu", "auto", ... */
    const char *implementation; /* of the sweeps; NULL: the best */
    pp_ptycho_method method;
    pp_sweep_model model;
    pp_sweep_positions positions;
    int64_t probe_modes;
    pp_ptycho_choice rescale_probe, keep_far_field;
    int64_t amplitude_start; /* Poisson: iterations with the amplitude model before its first */
    double memory;           /* bytes of the host that keep_far_field = auto may fill */
    pp_ptycho_choice
        stream_frames; /* devices: frames stay on the host and are copied in chunks; auto: where they do not fit */
    double
        device_memory; /* bytes that a device may hold of this view; not above 0: 0.9 of what it has free */
    int threads;
    bool wide_sum; /* the object's gradient is summed in double */
    pp_ptycho_settings solver;
    pp_split_method split; /* how the devices of one view work together */
    double halo_rows;      /* halo: rows of positions around a tile that it works on too */
    int64_t period;        /* halo: iterations between exchanges */
    int64_t exchanges;     /* local: in an iteration */
    pp_background_choice background;
    double
        background_counts; /* given: of each pixel; else where the estimate starts, 0: a tenth of the mean counts */
    bool in_turn;     /* a group passes nothing while it works on patterns: for tests and benches */
    bool callbacks;   /* devices: as in pp_sweep_setup: for tests and benches */
    int first_device; /* of the group, among those of the rank */
    /** Every device calls it between iterations, with its communicator (NULL: alone): for benches. NULL: nobody. */
    void (*between)(void *self, const pp_comm *group, int64_t iteration);
    void *between_self;
} pp_view_options;

/** What of the way to split a view decides about memory. */
typedef struct pp_split_plan {
    pp_split_method method;
    int64_t exchanges;
    const pp_backend *backend; /* whose links stage transfers; NULL: the host */
} pp_split_plan;

/** Arrays are the caller's, as the ports of polyptych/stage.h have them. */
typedef struct pp_view_output {
    pp_array *object, *origin, *illumination, *probe, *positions, *cost, *error;
    pp_array *steps;       /* f64 [iterations][2]: the step taken, |o - o_before| */
    pp_array *background;  /* f32 [n][n] natural order; NULL: none */
    pp_array *intensities; /* f64 [J], of the beam in each frame, mean 1; NULL where not refined */
    /* facts */
    double probe_scale, adjointness;
    const char *implementation;
    bool kept, streamed, converged;
    int64_t iterations;
    double moved[2]; /* pixels (y, x) that the pair was moved back by */
    int devices;
    double tile_mismatch, tile_shift;   /* independent tiles: largest of pp_blend_match, pixels */
    pp_group_account account;           /* of rank 0 of a group */
    double bytes_resident, bytes_moved; /* main memory a pattern: held; moved in an iteration */
} pp_view_output;

/** What devices that solve a view together cannot do is PP_ERR_CONFIG; key: ptycho's parameter that asks for it. */
PP_MUST_CHECK pp_status pp_view_check_group(const pp_view_options *options, const char **key);
PP_MUST_CHECK pp_status pp_view_solve(const pp_view_input *input, const pp_view_options *options,
                                      pp_view_output *out);
void pp_view_output_free(pp_view_output *out);

/** Bytes on the device for a view beside its frames: kept far fields (or 0), and all the rest. object: Y, X. */
void pp_view_bytes(const pp_sweep_setup *setup, const pp_sweep_class *kind, bool refine_probe,
                   double *far_fields, double *rest);

/** Bytes that one of `tiles` devices may hold of a view; wanted: device_memory of the options (0: nine tenths of what is free, shared with
 *  other tiles and processes that work on the device), host: their `memory`. */
PP_MUST_CHECK pp_status pp_view_room(const pp_backend *backend, double wanted, double host,
                                     int tiles, double *room);

/** The same for device `k` of a group, what its links stage included; setup: of the whole view. */
void pp_view_device_bytes(const pp_sweep_setup *setup, const pp_sweep_class *kind,
                          const pp_tiles *tiles, int k, const pp_split_plan *split,
                          double *far_fields, double *rest);

#endif
