/* ptycho: object and probe of one view from its diffraction patterns (src/solvers/ptychography.h).
 * SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>
#include <polyptych/stage.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/fft.h"
#include "base/alloc.h"
#include "comm/wisdom.h"
#include "solvers/halves.h"
#include "solvers/view_cut.h"

typedef struct ptycho {
    int method, model, positions;
    int64_t iterations, probe_modes;
    bool refine_probe, refine_positions, refine_intensities;
    int rescale_probe, keep_far_field, stream_frames;
    double device_memory;
    int64_t probe_start, position_start, position_interval;
    double position_limit;
    int preconditioner;
    int64_t amplitude_start;
    int sweep, gradient_sum, stop, planning_effort, half, background;
    double background_counts, object_smoothness;
    bool ring_correlation;
} ptycho;

/* clang-format off */
static const pp_port ports[] = {
    {"frames", PP_IN, PP_DTYPE_BIT(PP_U16) | PP_DTYPE_BIT(PP_F32), {PP_AXIS_PATTERN, PP_AXIS_Y, PP_AXIS_X}, "counts"},
    {"mask", PP_IN, PP_DTYPE_BIT(PP_U8), {PP_AXIS_Y, PP_AXIS_X}, "1"},
    {"positions", PP_INOUT, PP_DTYPE_BIT(PP_F64), {PP_AXIS_PATTERN, PP_AXIS_COMPONENT}, "pixel"},
    {"probe", PP_INOUT, PP_DTYPE_BIT(PP_C32), {PP_AXIS_MODE, PP_AXIS_Y, PP_AXIS_X}, "sqrt(counts)"},
    {"measured_background", PP_IN_OPTIONAL, PP_DTYPE_BIT(PP_F32), {PP_AXIS_Y, PP_AXIS_X}, "counts"},
    {"tiles", PP_IN_OPTIONAL, PP_DTYPE_BIT(PP_I64), {PP_AXIS_TILE, PP_AXIS_COMPONENT}, "pixel"},
    {"tile_of", PP_IN_OPTIONAL, PP_DTYPE_BIT(PP_I32), {PP_AXIS_PATTERN}, "1"},
    {"split", PP_IN_OPTIONAL, PP_DTYPE_BIT(PP_F64), {PP_AXIS_COMPONENT}, "1"},
    {"object", PP_OUT, PP_DTYPE_BIT(PP_C32), {PP_AXIS_Y, PP_AXIS_X}, "1"},
    {"origin", PP_OUT, PP_DTYPE_BIT(PP_I64), {PP_AXIS_COMPONENT}, "pixel"},
    {"illumination", PP_OUT, PP_DTYPE_BIT(PP_F32), {PP_AXIS_Y, PP_AXIS_X}, "counts"},
    {"intensities", PP_OUT_OPTIONAL, PP_DTYPE_BIT(PP_F64), {PP_AXIS_PATTERN}, "1"},
    {"background", PP_OUT_OPTIONAL, PP_DTYPE_BIT(PP_F32), {PP_AXIS_Y, PP_AXIS_X}, "counts"},
    {"ring_correlation", PP_OUT_OPTIONAL, PP_DTYPE_BIT(PP_F64), {PP_AXIS_COMPONENT, PP_AXIS_COMPONENT}, "1"},
    {"cost", PP_OUT, PP_DTYPE_BIT(PP_F64), {PP_AXIS_ITERATION}, "1"},
    {"steps", PP_OUT, PP_DTYPE_BIT(PP_F64), {PP_AXIS_ITERATION, PP_AXIS_COMPONENT}, "1"},
    {"error", PP_OUT, PP_DTYPE_BIT(PP_F64), {PP_AXIS_COMPONENT}, "1"},
    PP_PORT_END};

static const pp_param params[] = {
    PP_CHOICE(ptycho, method, "cg", "cg|published", "cg: preconditioned Polak-Ribiere conjugate gradients, object and probe together; published: those of Yu et al. (2021), object alone"),
    PP_CHOICE(ptycho, model, "amplitude", "amplitude|poisson", "cost: sum (sqrt I - sqrt d)^2, or the likelihood of counts sum (I - d log I)"),
    PP_INT(ptycho, iterations, 128, 1, 1000000, "1", "iterations"),
    PP_CHOICE(ptycho, positions, "fourier", "nearest|fourier|bilinear", "fractions of a pixel: dropped; the probe moved by them in Fourier space; or the object sampled between its pixels, for interchange with programs that do so (it blurs)"),
    PP_INT(ptycho, probe_modes, 1, 1, 64, "1", "incoherent modes of the probe; those that the starting probe lacks are made from its first"),
    PP_BOOL(ptycho, refine_probe, true, "recover the probe too"),
    PP_BOOL(ptycho, refine_positions, false, "recover the scan positions too"),
    PP_BOOL(ptycho, refine_intensities, false, "recover the intensity of the beam in each frame too; only fluctuations from frame to frame: a smooth change is the object's modulus as well"),
    PP_CHOICE(ptycho, background, "none", "none|given|constant|pixel", "intensity that adds to the model's in every frame (incoherent scatter, detector offset): none; given: background_counts in each pixel and what load's background_file has measured; or one number, or one a pixel, estimated with the positions"),
    PP_REAL(ptycho, background_counts, 0, 0, 1e9, "counts", "background given: of each pixel; estimated: where it starts, 0 for what background_file has measured, or else a tenth of the mean counts"),
    PP_REAL(ptycho, object_smoothness, 0, 0, 1e6, "1", "adds this times the largest illumination times sum |o(r + 1) - o(r)|^2 over neighbouring pixels to the cost (Tikhonov); method cg, one device a view; 0: none"),
    PP_CHOICE(ptycho, rescale_probe, "auto", "auto|true|false", "scale the starting probe so that its far field has the mean counts of a frame, both in measured pixels; auto: where it is refined"),
    PP_CHOICE(ptycho, keep_far_field, "auto", "auto|true|false", "keep the far fields from iteration to iteration; auto: where they fit into half of the memory, or into the device's"),
    PP_CHOICE(ptycho, stream_frames, "auto", "auto|true|false", "GPUs: frames stay in the host's memory and are copied in chunks behind the computation, at every pass; auto: where they do not fit"),
    PP_AUTO_REAL(ptycho, device_memory, auto, 1, 1e18, "byte", "GPUs: what a device may hold of a view; auto: nine tenths of what it has free"),
    PP_INT(ptycho, probe_start, 2, 0, 1000000, "1", "first iteration that changes the probe"),
    PP_INT(ptycho, position_start, 10, 0, 1000000, "1", "first iteration after which positions and intensities change"),
    PP_INT(ptycho, position_interval, 5, 2, 1000000, "1", "one iteration in so many is spent on positions and intensities"),
    PP_REAL(ptycho, position_limit, 0.5, 0, 100, "pixel", "largest change of a position at a time"),
    PP_CHOICE(ptycho, preconditioner, "illumination", "illumination|none", "metric of the gradient, method cg"),
    PP_INT(ptycho, amplitude_start, 6, 0, 1000, "1", "model poisson: iterations with the amplitude model before the first, as its gradient is singular where the start is dark"),
    PP_CHOICE(ptycho, sweep, "auto", "auto|fused|fftw", "transform inside the sweep (sizes 2^a), or around the FFT library's plans"),
    PP_CHOICE(ptycho, gradient_sum, "float32", "float32|float64", "precision in which the object's gradient is added up over the patterns and devices; float64: with method published any number of devices takes the same path to the last digits (cg: nearly, its preconditioner stays in float32), some percent slower"),
    PP_CHOICE(ptycho, stop, "never", "never|noise", "before the last iteration, method cg. noise: once ten iterations change the likelihood of the counts by less than one standard deviation would; without noise in the data, never is right"),
    PP_CHOICE(ptycho, planning_effort, "measure", "estimate|measure|patient", "how long the FFT library looks for the best transform, where plans are not known yet"),
    PP_CHOICE(ptycho, half, "none", "none|even|odd", "use every second frame only"),
    PP_BOOL(ptycho, ring_correlation, false, "solve the view from its even and its odd frames too, and tell the resolution by the Fourier ring correlation of the two; twice the time"),
    PP_PARAM_END};
/* clang-format on */

/* What the devices that stage partition gives cannot do together; key: the parameter that asks for it. */
static pp_status check_sharing(const ptycho *p, const pp_plan_groups *sharing, const char **key)
{
    const pp_view_options o = {.method = (pp_ptycho_method)p->method,
                               .positions = (pp_sweep_positions)p->positions,
                               .background = (pp_background_choice)p->background,
                               .wide_sum = p->gradient_sum == 1,
                               .split = (pp_split_method)sharing->split,
                               .solver = {.refine_probe = p->refine_probe,
                                          .refine_positions = p->refine_positions,
                                          .refine_intensities = p->refine_intensities,
                                          .stop_at_noise = p->stop == 1,
                                          .smoothness = p->object_smoothness}};
    return sharing->devices > 1 ? pp_view_check_group(&o, key) : PP_OK;
}

static void check_group(const ptycho *p, pp_check *findings)
{
    const char *key;
    pp_plan_groups sharing;
    pp_check_get_groups(findings, &sharing);
    if (check_sharing(p, &sharing, &key) != PP_OK) pp_check_last_error(findings, key);
}

static pp_status unused_background(void)
{
    return PP_FAIL(PP_ERR_CONFIG, "a background was measured (load's background_file), and "
                                  "background = \"none\" leaves it out: set background = "
                                  "\"given\", or take the file out");
}

static void check(const void *params_, pp_check *findings)
{
    const ptycho *p = params_;
    const bool published = p->method == PP_PTYCHO_PUBLISHED;
    check_group(p, findings);
    if (published && p->refine_probe)
        pp_check_error(findings, "refine_probe", PP_ERR_CONFIG,
                       "method \"published\" is for the object alone: set refine_probe = false, "
                       "or use method \"cg\"");
    if (published && p->refine_positions)
        pp_check_error(findings, "refine_positions", PP_ERR_CONFIG,
                       "method \"published\" does not refine positions: use method \"cg\"");
    if (published && p->refine_intensities)
        pp_check_error(findings, "refine_intensities", PP_ERR_CONFIG,
                       "method \"published\" does not refine intensities: use method \"cg\"");
    if (published && p->stop)
        pp_check_error(findings, "stop", PP_ERR_CONFIG,
                       "method \"published\" never stops before its iterations: set stop = "
                       "\"never\", or use method \"cg\"");
    if (p->half && p->ring_correlation)
        pp_check_error(findings, "ring_correlation", PP_ERR_CONFIG,
                       "half the frames are not halved again: set half = \"none\"");
    if (published && (p->background > PP_BACKGROUND_GIVEN || p->object_smoothness > 0))
        pp_check_error(findings, p->object_smoothness > 0 ? "object_smoothness" : "background",
                       PP_ERR_CONFIG,
                       "method \"published\" is for the object alone by a rule of its own: use "
                       "method \"cg\"");
    if (p->background_counts > 0 && p->background == PP_BACKGROUND_NONE)
        pp_check_error(findings, "background_counts", PP_ERR_CONFIG,
                       "without a background they have no effect: set background = \"given\", "
                       "\"constant\" or \"pixel\"");
    if (p->background == PP_BACKGROUND_NONE && pp_check_will_have(findings, "measured_background"))
        (void)unused_background(), pp_check_last_error(findings, "background");
    if (p->background > PP_BACKGROUND_GIVEN && p->iterations <= p->position_start)
        pp_check_warning(findings, "background",
                         "%lld iterations end before the background changes (position_start = "
                         "%lld)",
                         (long long)p->iterations, (long long)p->position_start);
    if (p->refine_intensities && p->positions != PP_SWEEP_FOURIER)
        pp_check_error(findings, "refine_intensities", PP_ERR_CONFIG,
                       "intensities are refined with positions = \"fourier\" only");
    if (p->refine_positions && p->positions != PP_SWEEP_FOURIER)
        pp_check_error(findings, "refine_positions", PP_ERR_CONFIG,
                       "refined positions have fractions of a pixel: set positions = \"fourier\"");
    if (p->refine_positions && p->iterations <= p->position_start + p->position_interval)
        pp_check_warning(findings, "refine_positions",
                         "%lld iterations end before positions change (position_start = %lld)",
                         (long long)p->iterations, (long long)p->position_start);
}

/* ---- memory and time ---- */

static double physical_memory(void)
{
    return (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
}

static const char *sweep_name(const ptycho *p)
{
    return p->sweep == 0 ? NULL : p->sweep == 1 ? "fused" : "fftw";
}

static pp_sweep_setup setup_of(const ptycho *p, const pp_view_entry *view, int threads)
{
    return (pp_sweep_setup){.n = view->frame,
                            .modes = p->probe_modes,
                            .patterns = view->patterns,
                            .object = {view->object[0], view->object[1]},
                            .mode = (pp_sweep_positions)p->positions,
                            .model = (pp_sweep_model)p->model,
                            .frame_type = view->count_bytes == 4 ? PP_F32 : PP_U16,
                            .background = p->background != PP_BACKGROUND_NONE,
                            .probe_moves = p->refine_probe,
                            .wide_sum = p->gradient_sum == 1,
                            .threads = threads};
}

/* Nanoseconds of one thread for a pattern, mode, iteration and n^2 log2 n: what `polyptych bench ptycho --threads 1` gave, divided by
 * that, on a Xeon with AVX-512 at 2.8 GHz (2026-11-21): object alone 1.3, 0.9, 1.0, 1.2 at 64^2, 128^2, 256^2, 512^2 and 1.3 and 1.8 with
 * Fourier positions at 128^2 and 256^2; with the probe 1.5, 1.3, 1.5, 2.1; with the probe and Fourier positions 2.5, 2.8, 3.0, 4.0, and
 * 2.4, 3.2, 3.6, 4.6 a mode of three; bilinear 1.3 x nearest; with a background 1.2 x, with the Poisson model 1.35 x; at 192^2,
 * around FFTW, 2.9 alone and 6.6 with the probe and Fourier positions. Two threads: 1.8 x. */
static double nanoseconds(const ptycho *p, int64_t n)
{
    static const double fused[2][2] = {{1.1, 1.7}, {1.6, 3.3}}; /* [probe][Fourier positions] */
    const bool power = n >= 16 && n <= 1024 && (n & (n - 1)) == 0;
    double by = p->positions == PP_SWEEP_BILINEAR ? 1.3 : 1;
    if (p->model == PP_SWEEP_POISSON)
        by *= 1.35;
    else if (p->background != PP_BACKGROUND_NONE)
        by *= 1.2;
    return by * fused[p->refine_probe][p->positions == PP_SWEEP_FOURIER] *
           (p->sweep != 2 && power ? 1 : 2.3);
}

/* Seconds of one view. */
static double seconds_of(const ptycho *p, const pp_view_entry *view, int threads)
{
    const double n = (double)view->frame, work = n * n * log2(n > 1 ? n : 2),
                 speed = threads > 1 ? 0.9 * threads : 1, again = p->ring_correlation ? 2 : 1;
    return 1e-9 * again * nanoseconds(p, view->frame) * work *
           (double)(p->probe_modes * view->patterns * p->iterations) / speed;
}

static double fullest(const double *bytes, int count)
{
    double most = 0;
    for (int k = 0; k < count; k++) most = fmax(most, bytes[k]);
    return most;
}

/* What the devices of one view hold. */
typedef struct need {
    pp_tiles tiles;
    double far[PP_TILES_MOST], rest[PP_TILES_MOST], all_far, all_rest;
} need;

/* q: tiles are those of `out`. */
static bool fill_need(const ptycho *p, const pp_device_question *q, bool stream, need *out)
{
    const int count = out->tiles.count;
    const pp_backend *backend = pp_backend_find(q->backend);
    pp_sweep_setup setup = setup_of(p, q->view, q->threads > count ? q->threads / count : 1);
    setup.stream = stream;
    const pp_sweep_class *kind = backend ? pp_backend_sweep(backend, &setup, sweep_name(p)) : NULL;
    const pp_split_plan split = {(pp_split_method)q->sharing.split, q->sharing.exchanges, backend};
    out->all_far = out->all_rest = 0;
    for (int k = 0; kind && k < count; k++) {
        pp_view_device_bytes(&setup, kind, &out->tiles, k, &split, &out->far[k], &out->rest[k]);
        out->all_far += out->far[k], out->all_rest += out->rest[k];
    }
    return kind != NULL;
}

static bool needs(const ptycho *p, const pp_plan *budget, const pp_view_entry *view,
                  const pp_plan_groups *sharing, bool stream, need *out)
{
    const double halo = sharing->split == PP_SPLIT_HALO ? sharing->halo_rows : 0;
    const pp_device_question question = {.view = view,
                                         .tiles = &out->tiles,
                                         .backend = pp_plan_backend(budget),
                                         .sharing = *sharing,
                                         .threads = pp_plan_threads(budget) / sharing->groups};
    return pp_view_raster_tiles(view->patterns, view->frame, view->object, sharing->devices, halo,
                                &out->tiles) == PP_OK &&
           fill_need(p, &question, stream, out);
}

/* Far fields only where they are asked for, frames streamed where that is not ruled out. */
static double device_bytes(const void *params_, const pp_device_question *question)
{
    const ptycho *p = params_;
    const pp_backend *backend = pp_backend_find(question->backend);
    const bool stream = backend && backend->room && p->stream_frames != PP_CHOOSE_NO;
    need n = {.tiles = *question->tiles};
    if (!fill_need(p, question, stream, &n)) return 0;
    for (int k = 0; k < n.tiles.count && p->keep_far_field == PP_CHOOSE_YES; k++)
        n.rest[k] += n.far[k];
    return fullest(n.rest, n.tiles.count);
}

/* The view that needs most. */
static need largest_need(const ptycho *p, const pp_plan *budget, const pp_plan_groups *sharing,
                         bool stream, double *frames)
{
    const pp_views *views = pp_plan_views(budget);
    need most = {.all_rest = 0}, one;
    for (int64_t k = 0; k < pp_views_count(views); k++) {
        const pp_view_entry *view = pp_views_entry(views, k);
        if (!needs(p, budget, view, sharing, stream, &one) || one.all_rest <= most.all_rest)
            continue;
        most = one;
        *frames =
            (double)(view->patterns * view->frame * view->frame) * (view->count_bytes == 4 ? 4 : 2);
    }
    return most;
}

static void list_devices(pp_plan *budget, const need *n, bool keep)
{
    for (int k = 0; k < n->tiles.count; k++) {
        const pp_box *tile = &n->tiles.extended[k], *core = &n->tiles.core[k];
        pp_plan_line(budget,
                     "device %d: %lld patterns, tile %lld x %lld pixels (%lld x %lld its own), "
                     "%.3g MB%s",
                     k, (long long)n->tiles.patterns[k], (long long)(tile->to[0] - tile->from[0]),
                     (long long)(tile->to[1] - tile->from[1]),
                     (long long)(core->to[0] - core->from[0]),
                     (long long)(core->to[1] - core->from[1]),
                     1e-6 * (n->rest[k] + (keep ? n->far[k] : 0)), keep ? " with far fields" : "");
    }
}

static void plan_host(const ptycho *p, pp_plan *budget, const pp_plan_groups *sharing)
{
    double frames = 0;
    const need most = largest_need(p, budget, sharing, false, &frames);
    const double room = physical_memory() / 2 / sharing->groups;
    const bool keep = p->keep_far_field == PP_CHOOSE_YES ||
                      (p->keep_far_field == PP_CHOOSE_AUTO && most.all_far + most.all_rest <= room);
    pp_plan_add(budget, PP_HOST, most.all_rest, "objects, gradients and work space of one view");
    if (keep) pp_plan_add(budget, PP_HOST, most.all_far, "kept far fields of one view");
    if (keep) pp_plan_knob(budget, "ptycho.keep_far_field");
    if (sharing->devices > 1) list_devices(budget, &most, keep);
}

/* As pp_view_solve chooses: frames that do not fit are streamed, far fields that fit are kept. */
static void plan_device(const ptycho *p, pp_plan *budget, const pp_plan_groups *sharing,
                        const pp_backend *backend)
{
    double frames = 0, room = INFINITY;
    need most = largest_need(p, budget, sharing, false, &frames);
    if (pp_view_room(backend, p->device_memory, 0, sharing->devices, &room) != PP_OK)
        room = INFINITY; /* a plan needs no device */
    const bool stream =
        p->stream_frames == PP_CHOOSE_YES ||
        (p->stream_frames == PP_CHOOSE_AUTO && fullest(most.rest, most.tiles.count) > room);
    if (stream) most = largest_need(p, budget, sharing, true, &frames);
    const double rest = fullest(most.rest, most.tiles.count),
                 far = fullest(most.far, most.tiles.count);
    const bool keep = p->keep_far_field == PP_CHOOSE_YES ||
                      (p->keep_far_field == PP_CHOOSE_AUTO && far + rest <= room);
    pp_plan_add(budget, PP_DEVICE, rest, "objects, gradients and work space of one view");
    if (keep) pp_plan_add(budget, PP_DEVICE, far, "kept far fields of one view");
    if (keep) pp_plan_knob(budget, "ptycho.keep_far_field");
    if (stream) {
        pp_plan_add(budget, PP_HOST, frames, "frames of one view, ready for copies to the device");
        pp_plan_line(budget, "frames are streamed: %.3g MB to the devices at every pass",
                     1e-6 * frames);
    }
    if (sharing->devices > 1) list_devices(budget, &most, keep);
}

static void plan(const void *params_, pp_plan *budget)
{
    const ptycho *p = params_;
    const pp_views *views = pp_plan_views(budget);
    const pp_backend *backend = pp_backend_find(pp_plan_backend(budget));
    const char *key;
    double seconds = 0;
    pp_plan_groups sharing;
    pp_plan_get_groups(budget, &sharing);
    /* devices_per_view = auto is settled only now; what was given was found by `check` */
    if (check_sharing(p, &sharing, &key) != PP_OK) pp_plan_last_error(budget, key);
    for (int64_t k = 0; k < pp_views_count(views); k++)
        seconds = fmax(seconds, seconds_of(p, pp_views_entry(views, k), pp_plan_threads(budget)));
    if (backend && backend->room)
        plan_device(p, budget, &sharing, backend);
    else
        plan_host(p, budget, &sharing);
    pp_plan_work(budget, seconds, "object and probe of one view");
}

/* ---- transforms, planned once ---- */

typedef struct planner {
    const ptycho *params;
    const pp_context *context;
} planner;

static pp_status prepare(void *data)
{
    const planner *all = data;
    const ptycho *p = all->params;
    const pp_views *views = pp_context_views(all->context);
    const pp_backend *backend = pp_backend_find(pp_context_backend(all->context));
    int64_t last = 0;
    for (int64_t k = 0; k < pp_views_count(views); k++) {
        const pp_view_entry *view = pp_views_entry(views, k);
        const pp_sweep_setup setup = setup_of(p, view, 1);
        const pp_sweep_class *kind = pp_backend_sweep(backend, &setup, sweep_name(p));
        if (view->frame == last || !kind) continue;
        last = view->frame;
        if (kind->prepare) PP_TRY(kind->prepare(view->frame));
        if (!p->refine_probe && p->rescale_probe != PP_CHOOSE_YES) continue;
        const int64_t shape[2] = {view->frame, view->frame};
        for (int sign = -1; sign <= 1;
             sign += 2) { /* the start's scale; moves the probe back at the end */
            pp_fft *fft;
            PP_TRY(pp_fft_create(2, shape, 1, sign, &fft));
            pp_fft_free(&fft);
        }
    }
    return PP_OK;
}

static pp_status open_stage(const void *params_, pp_context *context)
{
    const ptycho *p = params_;
    planner all = {p, context};
    return pp_fft_prepare(pp_context_comm(context), pp_context_output(context),
                          (pp_fft_effort)p->planning_effort, prepare, &all);
}

/* ---- one view ---- */

typedef struct watch {
    pp_context *context;
    int64_t iterations, before; /* of all solves; of those that are over */
} watch;

static bool stopped(void *self, int64_t iteration, double cost)
{
    const watch *w = self;
    (void)cost;
    pp_context_progress(w->context, (double)(w->before + iteration) / (double)w->iterations);
    return pp_context_stopped(w->context);
}

static pp_view_options options_of(const ptycho *p, pp_context *context, watch *watcher)
{
    const int ranks = pp_comm_local_size(pp_context_comm(context));
    int groups;
    (void)pp_context_group(context, &groups);
    return (pp_view_options){
        .backend = pp_context_backend(context),
        .implementation = sweep_name(p),
        .method = (pp_ptycho_method)p->method,
        .model = (pp_sweep_model)p->model,
        .positions = (pp_sweep_positions)p->positions,
        .probe_modes = p->probe_modes,
        .rescale_probe = (pp_ptycho_choice)p->rescale_probe,
        .keep_far_field = (pp_ptycho_choice)p->keep_far_field,
        .amplitude_start = p->amplitude_start,
        .background = (pp_background_choice)p->background,
        .background_counts = p->background_counts,
        .wide_sum = p->gradient_sum == 1,
        .memory = physical_memory() / 2 / ranks / groups,
        .threads = pp_context_threads(context),
        .solver = {.iterations = p->iterations,
                   .refine_probe = p->refine_probe,
                   .refine_positions = p->refine_positions,
                   .refine_intensities = p->refine_intensities,
                   .stop_at_noise = p->stop == 1,
                   .probe_start = p->probe_start,
                   .positions_start = p->position_start,
                   .positions_every = p->position_interval,
                   .positions_limit = p->position_limit,
                   .precondition = p->preconditioner == 0,
                   .smoothness = p->object_smoothness,
                   .stopped = stopped,
                   .self = watcher},
    };
}

static void tell(pp_context *context, const pp_view_output *out)
{
    const double error = *(const double *)pp_array_read(out->error);
    pp_info("view %04lld: error %.5f after %lld iterations%s, probe scaled by %.4g",
            (long long)pp_context_view_number(context), error, (long long)out->iterations,
            out->converged ? " (converged)" : "", out->probe_scale);
    pp_context_fact(context, "sweep", "%s", out->implementation);
    pp_context_fact(context, "keep_far_field", "%s", out->kept ? "true" : "false");
    if (out->streamed) pp_context_fact(context, "frames", "%s", "streamed");
    pp_context_fact(context, "probe_scale", "%.6g", out->probe_scale);
    if (out->devices > 1) {
        pp_context_fact(context, "devices", "%d", out->devices);
        pp_context_fact(context, "seconds_waited", "%.3g", out->account.waited);
        pp_context_fact(context, "seconds_communicated", "%.3g", out->account.moving);
        pp_context_fact(context, "largest_tile_mismatch", "%.3g", out->tile_mismatch);
        pp_context_fact(context, "largest_tile_shift", "%.3g", out->tile_shift);
        pp_context_fact(context, "bytes_received", "%.6g", out->account.received);
    }
    pp_context_fact(context, "adjointness", "%.1e", out->adjointness);
}

static pp_status put_all(pp_context *context, pp_view_output *out)
{
    PP_TRY(pp_context_put(context, "object", &out->object));
    PP_TRY(pp_context_put(context, "origin", &out->origin));
    PP_TRY(pp_context_put(context, "illumination", &out->illumination));
    PP_TRY(pp_context_put(context, "probe", &out->probe));
    PP_TRY(pp_context_put(context, "positions", &out->positions));
    if (out->intensities) PP_TRY(pp_context_put(context, "intensities", &out->intensities));
    if (out->background) PP_TRY(pp_context_put(context, "background", &out->background));
    PP_TRY(pp_context_put(context, "cost", &out->cost));
    PP_TRY(pp_context_put(context, "steps", &out->steps));
    return pp_context_put(context, "error", &out->error);
}

/* The view solved from its even and from its odd frames, and how well both agree; the rest of the two is dropped. Halves that cannot
 * be compared are a warning: the view itself is solved. */
static pp_status correlate_halves(const pp_view_input *in, const pp_view_options *options,
                                  pp_context *context)
{
    pp_view_output even = {0}, odd = {0};
    pp_array *curve = NULL;
    pp_status status = PP_OK;
    PP_TRY_TO(done, pp_view_solve_half(in, options, 0, &even));
    PP_TRY_TO(done, pp_view_solve_half(in, options, 1, &odd));
    PP_TRY_TO(done, pp_ring_correlation(&even, &odd, options->threads, &curve));
    const double crossing = pp_ring_crossing(curve),
                 pixel = pp_context_geometry(context)->pixel_size[0];
    pp_info("view %04lld: halves of the frames correlate above half a bit up to %.3f cycles a "
            "pixel: half period %.3g nm",
            (long long)pp_context_view_number(context), crossing, 1e9 * pixel / (2 * crossing));
    pp_context_fact(context, "ring_correlation_crossing", "%.4f", crossing);
    status = pp_context_put(context, "ring_correlation", &curve);
done:
    pp_view_output_free(&even);
    pp_view_output_free(&odd);
    if (status != PP_ERR_DATA) return status;
    pp_error error;
    pp_error_take(&error);
    pp_warn("view %04lld: no ring correlation: %s", (long long)pp_context_view_number(context),
            error.text);
    return PP_OK;
}

static pp_status run(const void *params_, pp_context *context)
{
    const ptycho *p = params_;
    watch watcher = {context, p->ring_correlation ? 2 * p->iterations : p->iterations, 0};
    const pp_array *split = pp_context_get(context, "split"),
                   *background = pp_context_get(context, "measured_background");
    if (background && p->background == PP_BACKGROUND_NONE) return unused_background();
    const pp_view_input input = {.frames = pp_context_lend(context, "frames"),
                                 .mask = pp_context_get(context, "mask"),
                                 .positions = pp_context_get(context, "positions"),
                                 .probe = pp_context_get(context, "probe"),
                                 .tiles = pp_context_get(context, "tiles"),
                                 .tile_of = pp_context_get(context, "tile_of"),
                                 .background = background};
    pp_view_options options = options_of(p, context, &watcher);
    if (split) {
        const double *how = pp_array_read(split);
        options.split = (pp_split_method)how[0];
        options.halo_rows = how[1], options.period = (int64_t)how[2];
        options.exchanges = (int64_t)how[3];
        options.first_device = pp_context_group(context, NULL) *
                               (input.tiles ? (int)pp_array_size(input.tiles, 0) : 1);
    }
    pp_view_output out;
    if (p->half)
        PP_TRY(pp_view_solve_half(&input, &options, p->half - 1, &out));
    else
        PP_TRY(pp_view_solve(&input, &options, &out));
    tell(context, &out);
    watcher.before = p->iterations;
    pp_status status = PP_OK;
    /* before the results are put: they take the place of the arrays that the halves start from */
    if (p->ring_correlation) status = correlate_halves(&input, &options, context);
    if (status == PP_OK) status = put_all(context, &out);
    pp_view_output_free(&out);
    return status;
}

PP_STAGE(ptycho, .summary = "object and probe of each view from its diffraction patterns",
         .scope = PP_SCOPE_VIEW, .ports = ports, .params = params, .params_size = sizeof(ptycho),
         .run = run, .check = check, .plan = plan, .open = open_stage, .version = "1",
         .device_bytes = device_bytes);
