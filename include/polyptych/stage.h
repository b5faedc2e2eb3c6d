/* Stages: what one is, and what it may ask of the engine that runs it. The built-in stages and those of plugins are
 * declared in the same way: one file, one parameter table, one port table, one PP_STAGE.
 *
 * Data flows through named ports. The engine connects a port to the nearest stage upstream that puts it, checks dtype, axes
 * and unit of the whole chain before any data is opened, and refuses what a stage did not declare.
 *
 * View-scope ports (one view; n detector pixels a side, J patterns, M probe modes, T tiles):
 *   frames        u16 or f32 [J][n][n]  counts; zero frequency at [0, 0]; 65535 in u16 and NaN in f32 mean "not measured"
 *   mask          u8  [n][n]      1 measured, 0 ignored; zero frequency at [0, 0]
 *   positions     f64 [J][2]      grid points (y, x) in object pixels, where the window's pixel n / 2 lies; absolute grid
 *   probe         c32 [M][n][n]   sqrt(counts), centre at n / 2
 *   tiles         i64 [T][4]      boxes (y0, x0, y1, x1) of object indices;  tile_of i32 [J]
 *   split         f64 [4]         how tiles work together: 0 hybrid, 1 gradient, 2 halo, 3 independent, 4 gradient with local steps; halo's
 *                                 rows of positions and period; exchanges in an iteration of local steps
 *   object        c32 [Y][X]      transmission;  origin i64 [2] array index (y, x) of grid point (0, 0)
 *   illumination  f32 [Y][X]      sum of |probe|^2 over the windows
 *   ring_correlation f64 [n / 2][3]  cycles a pixel, correlation of the halves of the frames, half-bit threshold;  intensities f64 [J] mean 1
 *   measured_background f32 [n][n] counts that were measured under every frame; zero frequency at [0, 0]
 *   background    f32 [n][n]      counts that add to the model's in every frame; zero frequency at [0, 0]
 *   cost          f64 [iterations done + 1];  error f64 [1] sum (sqrt I - sqrt d)^2 / sum d
 *   steps         f64 [iterations done][2]: the step length taken (0 where positions were refined instead); |o - o_before|, L2 over the object
 *                 (over tiles with their halos where these are solved apart; NaN with local steps, that have no step of the whole object)
 * Campaign-scope ports (V views; distributed ones hold this rank's rows):
 *   theta         f64 [V] rad;  views i64 [V] rows of the views table
 *   projections   c32 [V][Y][X] distributed; phase f32 [V][Y][X] rad distributed (unwrapped, air is 0)
 *   shifts        f64 [V][2] pixels applied, new(r) = old(r - s);  centre i64 [2]
 *   delta, beta   f32 [Z][Y][X] distributed by slabs of slices
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef POLYPTYCH_STAGE_H
#define POLYPTYCH_STAGE_H

#include <polyptych/array.h>
#include <polyptych/log.h>
#include <polyptych/param.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum pp_scope { PP_SCOPE_VIEW, PP_SCOPE_CAMPAIGN } pp_scope;

typedef enum pp_port_dir {
    PP_PORT_NONE,
    PP_IN,
    PP_IN_OPTIONAL,
    PP_OUT,
    PP_OUT_OPTIONAL,
    PP_INOUT
} pp_port_dir;

typedef enum pp_axis {
    PP_AXIS_NONE,
    PP_AXIS_VIEW,
    PP_AXIS_PATTERN,
    PP_AXIS_MODE,
    PP_AXIS_TILE,
    PP_AXIS_ITERATION,
    PP_AXIS_COMPONENT, /* (y, x) and the like */
    PP_AXIS_Z,
    PP_AXIS_Y,
    PP_AXIS_X
} pp_axis;

#define PP_DTYPE_BIT(dtype) (1u << (dtype))

typedef struct pp_port {
    const char *name;
    pp_port_dir dir;
    unsigned dtypes; /* PP_DTYPE_BIT of each that is accepted / may be put */
    pp_axis axes[PP_MAX_DIM];
    const char *unit;
} pp_port;
#define PP_PORT_END                                                                                \
    {                                                                                              \
        0, PP_PORT_NONE, 0, {PP_AXIS_NONE}, 0                                                      \
    }

/** Geometry of one view. SI units; (y, x). */
typedef struct pp_geometry {
    double wavelength;        /* m */
    double distance;          /* m, sample to detector */
    double detector_pixel[2]; /* m */
    double pixel_size[2];     /* m, object pixel = wavelength * distance / (n * detector_pixel) */
    double angle;             /* rad, angle_sign applied */
} pp_geometry;

/** One view as its source announces it, from headers alone. Texts are owned by the list. */
typedef struct pp_view_entry {
    int64_t number;   /* row in the views table, from 0: names views/NNNN.h5 */
    const char *path; /* absolute path of the data file; NULL where there is none */
    pp_geometry geometry;
    int64_t patterns, frame, modes; /* J, n, M */
    int64_t object[2];              /* Y, X that the view's object needs */
    int count_bytes; /* of one count in memory, 2 or 4, as far as headers tell; 0: not known */
} pp_view_entry;

/** The list that a source's `views` fills. */
typedef struct pp_views pp_views;
PP_API PP_MUST_CHECK pp_status pp_views_add(pp_views *views, const pp_view_entry *entry);
PP_API int64_t pp_views_count(const pp_views *views);
PP_API const pp_view_entry *pp_views_entry(const pp_views *views, int64_t index);

/** Collector of errors and warnings. `key` is the parameter that the finding is about (for its file:line), or NULL for
 *  the stage as a whole; the engine puts "FILE:LINE: stage 'id': " in front. code: PP_ERR_CONFIG or PP_ERR_DATA. */
typedef struct pp_check pp_check;
PP_API void pp_check_error(pp_check *check, const char *key, pp_status code, const char *format,
                           ...) PP_PRINTF(4, 5);
PP_API void pp_check_warning(pp_check *check, const char *key, const char *format, ...)
    PP_PRINTF(3, 4);
/** A line of facts that `check` and `run` print ("516 frames, 516 positions, ..."). */
PP_API void pp_check_info(pp_check *check, const char *format, ...) PP_PRINTF(2, 3);
/** Moves this thread's error record into the collector. */
PP_API void pp_check_last_error(pp_check *check, const char *key);
/** Whether the user gave this parameter a value other than its default (config.cfg gives every one). */
PP_API bool pp_check_given(const pp_check *check, const char *key);
/** What a stage that divides the devices of a rank settles for those after it: devices of the group that solves a view, groups at work
 *  at the same time (1 to 64; each holds a view), and how a group works together (as in the port split). Default: 1, 1, 0. */
typedef struct pp_plan_groups {
    int devices, groups, split;
    double halo_rows;  /* of split 2 */
    int64_t exchanges; /* of split 4 */
} pp_plan_groups;
/** The same in `check`, as far as parameters tell without the views: what a group of several devices cannot do is found there. */
PP_API void pp_check_set_groups(pp_check *check, const pp_plan_groups *sharing);
PP_API void pp_check_get_groups(const pp_check *check, pp_plan_groups *sharing);
/** An optional port that this stage puts with these parameters (the name is kept), and whether a stage before this one will: what has no
 *  effect is found by `check`. */
PP_API void pp_check_will_put(pp_check *check, const char *port);
PP_API bool pp_check_will_have(const pp_check *check, const char *port);

/** What a stage will need. View scope: for one view, the largest of `views`; campaign scope: on one of `ranks` ranks. */
typedef struct pp_plan pp_plan;
/** PP_LARGE: arrays of the campaign that are worked through slab by slab (pp_array, PP_ALLOC_LARGE): in host memory, or in scratch
 *  files in the run's directory where the setting host_memory leaves no room for them. */
typedef enum pp_memory { PP_HOST, PP_DEVICE, PP_DISK, PP_LARGE } pp_memory;
PP_API void pp_plan_add(pp_plan *plan, pp_memory memory, double bytes, const char *what);
PP_API void pp_plan_work(pp_plan *plan, double seconds, const char *what);
PP_API const pp_views *pp_plan_views(const pp_plan *plan);
/** Whether anything upstream puts what this stage reads at an optional port: what is not there needs no room. */
PP_API bool pp_plan_connected(const pp_plan *plan, const char *port);
PP_API int pp_plan_ranks(const pp_plan *plan);
/** Ranks on this node. */
PP_API int pp_plan_node_ranks(const pp_plan *plan);
PP_API int pp_plan_threads(const pp_plan *plan);
/** Name of the back end that the settings ask for: "auto", "cpu", "cuda" or "mock". */
PP_API const char *pp_plan_backend(const pp_plan *plan);
PP_API void pp_plan_set_groups(pp_plan *plan, const pp_plan_groups *sharing);
PP_API void pp_plan_get_groups(const pp_plan *plan, pp_plan_groups *sharing);
/** A line under the stage's own in the table of the plan. */
PP_API void pp_plan_line(pp_plan *plan, const char *format, ...) PP_PRINTF(2, 3);
/** What a plan finds that cannot be done; `key` as in pp_check_error. The second takes this thread's error record. */
PP_API void pp_plan_error(pp_plan *plan, const char *key, pp_status code, const char *format, ...)
    PP_PRINTF(4, 5);
PP_API void pp_plan_last_error(pp_plan *plan, const char *key);
/** What a stage that divides devices asks those after it: a view, in tiles of a device each. */
typedef struct pp_device_question {
    const pp_view_entry *view;    /* its sizes; count_bytes is known */
    const struct pp_tiles *tiles; /* src/models/tiles.h; of an object of their own size */
    const char *backend;
    pp_plan_groups sharing; /* how the group works together */
    int threads; /* for this view; 0: its part of the rank's, by the groups that share them */
} pp_device_question;
/** Bytes that the fullest device needs at least for it (device_bytes of the class): the largest that a stage of view scope after
 *  this one tells; 0 where none does. */
PP_API double pp_plan_device_bytes(const pp_plan *plan, const pp_device_question *question);
/** The parameter to change when this stage does not fit, e.g. "ptycho.keep_far_field". */
PP_API void pp_plan_knob(pp_plan *plan, const char *knob);

/** One call of one stage. */
typedef struct pp_context pp_context;
/** Array at a port; NULL where an optional one is not connected. Valid until the call returns. */
PP_API const pp_array *pp_context_get(const pp_context *context, const char *port);
/** The same for a call that changes it and gives it back as it was, whatever happens. */
PP_API pp_array *pp_context_lend(pp_context *context, const char *port);
/** The same for PP_INOUT ports, to be changed in place. */
PP_API pp_array *pp_context_edit(pp_context *context, const char *port);
/** Puts an array at an output port and takes it over (nulls the pointer), also on error. At a PP_INOUT port it takes the
 *  place of the one that was there (another number of modes). */
PP_API PP_MUST_CHECK pp_status pp_context_put(pp_context *context, const char *port,
                                              pp_array **array);
/** View scope: number of the view and its geometry (a source completes the geometry that it announced). */
PP_API int64_t pp_context_view_number(const pp_context *context);
PP_API pp_geometry *pp_context_geometry(pp_context *context);
/** All views of the campaign; which of them are done (campaign scope: failed ones have none). */
PP_API const pp_views *pp_context_views(const pp_context *context);
PP_API bool pp_context_view_done(const pp_context *context, int64_t index);
/** Campaign scope: one array of a view's stored result, by its view-scope port name. New array. Not collective. */
PP_API PP_MUST_CHECK pp_status pp_context_view_result(pp_context *context, int64_t index,
                                                      const char *port, pp_array **out);
/** As pp_context_view_result; *out is NULL where the view has no such array. */
PP_API PP_MUST_CHECK pp_status pp_context_view_optional(pp_context *context, int64_t index,
                                                        const char *port, pp_array **out);
/** Campaign scope: what the stages before the one that puts `object` hand to it, made anew for the view `index` (a solver
 *  of many views needs their frames again): the arrays at the view-scope ports named in ports [count] ("frames", "mask", ...), NULL where
 *  there is none. New references. These stages run on the calling thread, the main one; not collective. */
PP_API PP_MUST_CHECK pp_status pp_context_view_data(pp_context *context, int64_t index,
                                                    const char *const *ports, int count,
                                                    pp_array **out);
/** Threads of this rank for this call; the run's seed; the run's directory (absolute); the stage's id. */
PP_API int pp_context_threads(const pp_context *context);
/** View scope: which of the rank's groups of devices this call has, from 0, and how many there are (groups may be NULL). */
PP_API int pp_context_group(const pp_context *context, int *groups);
/** What the stage that divides devices has planned (pp_plan_set_groups). */
PP_API void pp_context_sharing(const pp_context *context, pp_plan_groups *sharing);
/** As pp_plan_device_bytes. */
PP_API double pp_context_device_bytes(const pp_context *context,
                                      const pp_device_question *question);
/** Name of the back end that the settings ask for: "auto", "cpu", "cuda" or "mock". */
PP_API const char *pp_context_backend(const pp_context *context);
PP_API int64_t pp_context_seed(const pp_context *context);
PP_API const char *pp_context_output(const pp_context *context);
PP_API const char *pp_context_stage_id(const pp_context *context);
/** Identity of what lies at a port (hash of everything upstream of it) and the parameters behind it, as text; output stages
 *  store both in their files (src/io/result.h). port NULL: of what this stage itself puts. Valid until the call returns. */
PP_API void pp_context_identity(const pp_context *context, const char *port, const char **hash,
                                const char **parameters);
/** A place for what the stage keeps from `open` to `close`; NULL at first. */
PP_API void **pp_context_state(pp_context *context);
/** Whether a signal asks to stop: finish the iteration and return PP_ERR_INTERRUPTED. */
PP_API bool pp_context_stopped(const pp_context *context);
/** Part of this call that is done, 0 to 1. */
PP_API void pp_context_progress(pp_context *context, double fraction);
/** What an "auto" became and other facts, for provenance.json and the report. Texts are copied. */
PP_API void pp_context_fact(pp_context *context, const char *name, const char *format, ...)
    PP_PRINTF(3, 4);
/** What a report shows of the run so far, by index from 0; false past the end. Names: "seconds.ID" (wall-clock seconds of a
 *  stage), the facts ("ID.NAME"), and of the provenance "version", "command", "hosts", "ranks", ... Valid until the call returns. */
PP_API bool pp_context_known(const pp_context *context, int64_t index, const char **name,
                             const char **value);
/** Whether the user allows that finished files of other parameters are replaced (--restart). */
PP_API bool pp_context_restart(const pp_context *context);
/** All ranks (src/comm/comm.h); calls are collective: campaign scope and `open` only. */
struct pp_comm;
PP_API const struct pp_comm *pp_context_comm(const pp_context *context);

enum {
    PP_STAGE_SOURCE = 1, /* begins a pipeline; has `views` */
    PP_STAGE_OUTPUT = 2, /* writes files only: runs again when they are missing */
    PP_STAGE_REPORT = 4, /* no result depends on it */
    PP_STAGE_MAKES = 8 /* a source that makes its data files itself: they do not count as inputs */
};

/** A result file of an output stage: written only if the first port is connected, or else `instead`, with this port's identity
 *  (pp_context_identity) in it. */
typedef struct pp_stage_file {
    const char *name; /* relative to the run's directory: "projections.h5" */
    const char
        *ports; /* what `restore` can put back from it, blanks between: "projections phase theta" */
    const char *
        instead; /* port of view scope that the file can be made from, where there are several views; or NULL */
} pp_stage_file;

/** A stage's const description. New members are appended; struct_size tells which are there. */
typedef struct pp_stage_class {
    uint32_t struct_size;
    const char *name, *summary;
    pp_scope scope;
    unsigned flags;
    const pp_port *ports;   /* up to PP_PORT_END */
    const pp_param *params; /* up to PP_PARAM_END */
    size_t params_size;
    /** Required. One view (view scope, any thread) or the campaign (collective, main thread). */
    pp_status (*run)(const void *params, pp_context *context);
    /** Checks across parameters and of the data that they name, without reading arrays. */
    void (*check)(const void *params, pp_check *check);
    /** Sources: every view, from headers alone. Findings go to `check`, if it is not NULL. */
    pp_status (*views)(const void *params, const char *output, pp_views *views, pp_check *check);
    void (*plan)(const void *params, pp_plan *plan);
    /** Before the first / after the last call of a run, on every rank; collective, main thread. */
    pp_status (*open)(const void *params, pp_context *context);
    void (*close)(const void *params, pp_context *context);
    /** Text that counts for the identity of results besides the parameters (e.g. a code version). */
    const char *version;
    /** Sources that can begin in either scope: the scope that these parameters ask for (run is then called in that scope). */
    pp_scope (*scope_of)(const void *params);
    /** Output stages: the files that they write, up to {0}. The engine runs the stage when one is missing or not right, and refuses
     *  (or with --restart allows) that a finished one is replaced. The stage itself leaves a file alone that has the right identity. */
    const pp_stage_file *files;
    /** Output stages: puts the ports listed for `file` (index into files) with pp_context_put, from the file in the run's directory,
     *  so that the stages that made them need not run again. Collective, main thread. */
    pp_status (*restore)(const void *params, pp_context *context, int file);
    /** Stages that work on a view's tiles: bytes that the fullest device needs at least, by these parameters. Any thread. */
    double (*device_bytes)(const void *params, const pp_device_question *question);
} pp_stage_class;

/** Defines the stage `id`; the rest are designated members: PP_STAGE(clip, .summary = "...", .run = run, ...); */
#define PP_STAGE(id, ...)                                                                          \
    const pp_stage_class pp_stage_##id = {                                                         \
        .struct_size = sizeof(pp_stage_class), .name = #id, __VA_ARGS__}

#ifdef __cplusplus
}
#endif
#endif
