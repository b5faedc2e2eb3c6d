/* joint: volume and views at once, from the frames of all views (src/tomo/joint.h).
 *
 * What `align` found is read off its result: the plane that it took out is what makes the view's object, moved by the shift, its
 * projection. Shift and plane go into the positions and the probe (src/solvers/joint_view.h).
 * SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>
#include <polyptych/stage.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/text.h"
#include "comm/comm.h"
#include "io/joint_state.h"
#include "tomo/joint.h"
#include "tomo/joint_origin.h"
#include "tomo/projector.h"
#include "tomo/reconstruct.h"
#include "tomo/stack_source.h"

static int finished; /* its address marks a run that is through */
static const double pi = 3.14159265358979323846;

enum { FRAMES_AUTO, FRAMES_HOLD, FRAMES_READ };

typedef struct joint {
    int64_t iterations, view_iterations, volume_iterations, penalty_iterations, volume_rounds,
        shift_every, checkpoint_every, devices_per_view;
    int linearisation, model, outside, frames;
    bool refine_probe, positivity;
    double total_variation, penalty, tolerance, oversampling, device_memory;
} joint;

/* clang-format off */
static const pp_param params[] = {
    PP_INT(joint, iterations, 50, 1, 100000, "1", "outer iterations at most: a step of every view, one of the volume"),
    PP_CHOICE(joint, linearisation, "gauss_newton", "gauss_newton|log", "of the volume's step: about the present model; or as published, with the logarithm of psi, for phases below pi"),
    PP_CHOICE(joint, model, "poisson", "amplitude|poisson", "cost of the frames: sum (sqrt I - sqrt d)^2, which weakens fine detail where there are few counts, or the likelihood of counts, sum (I - d log I) with I and d one count larger"),
    PP_BOOL(joint, refine_probe, false, "recover the probe of each view too"),
    PP_AUTO_REAL(joint, total_variation, auto, 0, 1e6, "rad", "strength of the total variation, the weight of the sum of the gradient's lengths against half the squared misfit of one view; auto: from the noise of the counts and the size of the start; 0: none"),
    PP_INT(joint, volume_rounds, 2, 1, 1000, "1", "steps of total variation and positivity in an outer iteration, each with volume_iterations"),
    PP_BOOL(joint, positivity, true, "keep delta at or above 0"),
    PP_CHOICE(joint, outside, "air", "air|free", "psi outside the stack's field: air, or free in each view, for samples that reach beyond the field"),
    PP_INT(joint, view_iterations, 4, 1, 1000, "1", "conjugate gradient iterations of a view in an outer iteration; four times as many in the first"),
    PP_INT(joint, volume_iterations, 4, 1, 1000, "1", "conjugate gradient iterations of the volume in a round"),
    PP_REAL(joint, penalty, 0.25, 0.05, 1, "largest illumination", "weight of the agreement of views and volume at the start; balanced between 0.05 and 1"),
    PP_INT(joint, penalty_iterations, 20, 0, 100000, "1", "outer iterations in which the weight is balanced, at most half of all; then it goes back to its start and stays"),
    PP_REAL(joint, tolerance, 0.001, 0, 1, "1", "stop where both residuals are below this part of their scale; 0: never"),
    PP_ROW(joint, frames, int, PP_T_CHOICE, (unsigned)PP_P_REPORT_ONLY, "auto", 0, 0, "1", "auto|hold|read", "frames stay in memory, or are read again in each outer iteration; auto: hold where they fit into half of the memory"),
    PP_INT(joint, shift_every, 0, 0, 100000, "1", "outer iterations after which each view as a whole is moved to where its frames fit the model best (kept in volume.h5, /process/joint_shifts); 0: never"),
    PP_ROW(joint, checkpoint_every, int64_t, PP_T_INT, (unsigned)PP_P_REPORT_ONLY, "5", 0, 100000, "1", 0, "outer iterations after which the state is written, from which an interrupted run goes on; 0: only on a signal"),
    PP_AUTO_INT(joint, devices_per_view, auto, 1, 64, "1", "devices that solve one view together, split as partition's method gradient does; each such group of a rank's devices has a view of its own; auto: as few as device_memory asks for"),
    PP_AUTO_REAL(joint, device_memory, auto, 1, 1e18, "byte", "what one device may hold of a view: for devices_per_view = auto, and with more than that its frames are streamed from the host; auto: what the device has"),
    PP_REAL(joint, oversampling, 2.0, 1.25, 4, "1", "of the projector's Fourier grid"),
    PP_PARAM_END};

static const pp_port ports[] = {
    {"object", PP_IN, PP_DTYPE_BIT(PP_C32), {PP_AXIS_Y, PP_AXIS_X}, "1"},
    {"origin", PP_IN, PP_DTYPE_BIT(PP_I64), {PP_AXIS_COMPONENT}, "pixel"},
    {"illumination", PP_IN, PP_DTYPE_BIT(PP_F32), {PP_AXIS_Y, PP_AXIS_X}, "counts"},
    {"positions", PP_IN, PP_DTYPE_BIT(PP_F64), {PP_AXIS_PATTERN, PP_AXIS_COMPONENT}, "pixel"},
    {"probe", PP_IN, PP_DTYPE_BIT(PP_C32), {PP_AXIS_MODE, PP_AXIS_Y, PP_AXIS_X}, "sqrt(counts)"},
    {"intensities", PP_IN_OPTIONAL, PP_DTYPE_BIT(PP_F64), {PP_AXIS_PATTERN}, "1"},
    {"background", PP_IN_OPTIONAL, PP_DTYPE_BIT(PP_F32), {PP_AXIS_Y, PP_AXIS_X}, "counts"},
    {"projections", PP_IN_OPTIONAL, PP_DTYPE_BIT(PP_C32), {PP_AXIS_VIEW, PP_AXIS_Y, PP_AXIS_X}, "1"},
    {"phase", PP_IN_OPTIONAL, PP_DTYPE_BIT(PP_F32), {PP_AXIS_VIEW, PP_AXIS_Y, PP_AXIS_X}, "rad"},
    {"theta", PP_IN_OPTIONAL, PP_DTYPE_BIT(PP_F64), {PP_AXIS_VIEW}, "rad"},
    {"views", PP_IN_OPTIONAL, PP_DTYPE_BIT(PP_I64), {PP_AXIS_VIEW}, "1"},
    {"shifts", PP_IN_OPTIONAL, PP_DTYPE_BIT(PP_F64), {PP_AXIS_VIEW, PP_AXIS_COMPONENT}, "pixel"},
    {"centre", PP_IN_OPTIONAL, PP_DTYPE_BIT(PP_I64), {PP_AXIS_COMPONENT}, "pixel"},
    {"delta", PP_IN_OPTIONAL, PP_DTYPE_BIT(PP_F32), {PP_AXIS_Z, PP_AXIS_Y, PP_AXIS_X}, "1"},
    {"beta", PP_IN_OPTIONAL, PP_DTYPE_BIT(PP_F32), {PP_AXIS_Z, PP_AXIS_Y, PP_AXIS_X}, "1"},
    {"delta", PP_OUT, PP_DTYPE_BIT(PP_F32), {PP_AXIS_Z, PP_AXIS_Y, PP_AXIS_X}, "1"},
    {"beta", PP_OUT, PP_DTYPE_BIT(PP_F32), {PP_AXIS_Z, PP_AXIS_Y, PP_AXIS_X}, "1"},
    PP_PORT_JOINT_SHIFTS(PP_OUT_OPTIONAL),
    PP_PORT_END};
/* clang-format on */

/* One call. */
typedef struct job {
    const joint *p;
    pp_context *context;
    const pp_comm *comm;
    pp_stack_arrays made; /* the stack where `align` did not run */
    const pp_array *projections, *phase, *theta, *numbers, *shifts, *centre;
    double nu;        /* radians a voxel of delta = 1 */
    int64_t *indices; /* [views] in the list of views */
    pp_joint_view *views;
    pp_joint_terms *terms;
    pp_c32 *volume;
    pp_array *moved; /* [views][2] where views move; NULL: they do not */
    char *state;     /* path of the state on file */
    pp_joint_setup setup;
} job;

/* ---- the stack ---- */

static pp_status find_stack(job *j)
{
    const pp_views *list = pp_context_views(j->context);
    const pp_geometry *geometry = &pp_views_entry(list, 0)->geometry;
    double voxel = geometry->pixel_size[1];
    j->projections = pp_context_get(j->context, "projections");
    j->phase = pp_context_get(j->context, "phase");
    j->theta = pp_context_get(j->context, "theta");
    j->numbers = pp_context_get(j->context, "views");
    j->shifts = pp_context_get(j->context, "shifts");
    j->centre = pp_context_get(j->context, "centre");
    if (!j->projections || !j->phase || !j->theta || !j->numbers || !j->shifts || !j->centre) {
        PP_TRY(pp_stack_raw(j->context, &j->made, &voxel));
        pp_warn("joint without align: the views are neither unwrapped nor aligned; phases must be "
                "below pi");
        j->projections = j->made.projections, j->phase = j->made.phase, j->theta = j->made.theta;
        j->numbers = j->made.views, j->shifts = j->made.shifts, j->centre = j->made.centre;
    }
    if (!(voxel > 0) || !(geometry->wavelength > 0))
        return PP_FAIL(PP_ERR_DATA,
                       "wavelength %g m and voxel size %g m: delta and beta need both; give them "
                       "in the data or in load",
                       geometry->wavelength, voxel);
    j->nu = 2 * pi * voxel / geometry->wavelength;
    return PP_OK;
}

static pp_joint_need need_of(const joint *p, const pp_view_entry *entry)
{
    return (pp_joint_need){.n = entry->frame,
                           .modes = entry->modes > 0 ? entry->modes : 1,
                           .patterns = entry->patterns,
                           .object = {entry->object[0], entry->object[1]},
                           .refine_probe = p->refine_probe,
                           .poisson = p->model == PP_SWEEP_POISSON,
                           .count_bytes = entry->count_bytes};
}

/* As many as the largest view of the campaign needs, the same on all ranks. */
static int devices_of(const joint *p, const pp_views *list, const char *backend)
{
    int most = 1;
    if (p->devices_per_view != PP_AUTO) return (int)p->devices_per_view;
    for (int64_t v = 0; v < pp_views_count(list); v++) {
        const pp_joint_need need = need_of(p, pp_views_entry(list, v));
        const int devices = pp_joint_view_group(backend, &need, p->device_memory);
        most = devices > most ? devices : most;
    }
    return most;
}

static void fill_setup(job *j)
{
    const joint *p = j->p;
    const int64_t *centre = pp_array_read(j->centre);
    j->setup = (pp_joint_setup){
        .comm = j->comm,
        .threads = pp_context_threads(j->context),
        .backend = pp_context_backend(j->context),
        .refine_probe = p->refine_probe,
        .devices_per_view =
            devices_of(p, pp_context_views(j->context), pp_context_backend(j->context)),
        .device_memory = p->device_memory >= 1 ? p->device_memory : 0, /* auto is NaN */
        .outside_free = p->outside == 1,
        .iterations = p->iterations,
        .view_iterations = p->view_iterations,
        .penalty = p->penalty,
        .penalty_bounds = {0.05, 1},
        .penalty_iterations = p->penalty_iterations,
        .tolerance = p->tolerance,
        .shift_every = p->shift_every,
        .keep_every = p->checkpoint_every,
        .volume = {.linearisation = (pp_linearisation)p->linearisation,
                   .iterations = p->volume_iterations,
                   .strength = p->total_variation,
                   .rounds = p->volume_rounds,
                   .positivity = p->positivity},
        .oversampling = p->oversampling,
        .shape = {pp_array_total_rows(j->projections), pp_array_size(j->projections, 1),
                  pp_array_size(j->projections, 2), sizeof(pp_c32)},
        .centre = {centre[0], centre[1]},
        .angles = pp_array_read(j->theta),
        .first = pp_array_first_row(j->projections),
        .count = pp_array_size(j->projections, 0),
    };
}

static pp_status find_indices(job *j)
{
    const pp_views *list = pp_context_views(j->context);
    const int64_t *numbers = pp_array_read(j->numbers), total = j->setup.shape.views;
    if (pp_array_count(j->theta) != total || pp_array_count(j->numbers) != total ||
        pp_array_count(j->shifts) != 2 * total)
        return PP_FAIL(PP_ERR_DATA, "%lld projections come with %lld angles and %lld shifts",
                       (long long)total, (long long)pp_array_count(j->theta),
                       (long long)pp_array_count(j->shifts) / 2);
    PP_TRY(PP_ALLOC(total, &j->indices));
    for (int64_t v = 0; v < total; v++) {
        j->indices[v] = -1;
        for (int64_t k = 0; k < pp_views_count(list); k++)
            if (pp_views_entry(list, k)->number == numbers[v]) j->indices[v] = k;
        if (j->indices[v] < 0)
            return PP_FAIL(PP_ERR_DATA, "view %lld of the stack is not in the list of views",
                           (long long)numbers[v]);
    }
    return PP_OK;
}

/* ---- the views ---- */

static pp_status open_view(job *j, int64_t local)
{
    const pp_stack_shape *shape = &j->setup.shape;
    const int64_t v = j->setup.first + local, pixels = shape->rows * shape->columns;
    const pp_joint_origin from = {.context = j->context,
                                  .index = j->indices[v],
                                  .rows = shape->rows,
                                  .columns = shape->columns,
                                  .centre = {j->setup.centre[0], j->setup.centre[1]},
                                  .psi = (const pp_c32 *)pp_array_read(j->projections) +
                                         local * pixels,
                                  .shift = (const double *)pp_array_read(j->shifts) + 2 * v,
                                  .model = (pp_sweep_model)j->p->model};
    return pp_joint_open_view(&from, &j->views[local]);
}

static double physical_memory(void)
{
    return (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
}

static void decide_frames(job *j)
{
    double bytes = 0;
    for (int64_t k = 0; k < j->setup.count; k++)
        bytes += pp_joint_frames_bytes(j->views[k].n, j->views[k].patterns, PP_F32);
    const double room = physical_memory() / 2 / pp_comm_local_size(j->comm);
    j->setup.hold = j->p->frames == FRAMES_HOLD || (j->p->frames == FRAMES_AUTO && bytes <= room);
    pp_context_fact(j->context, "frames", "%s", j->setup.hold ? "hold" : "read");
}

static pp_status open_views(job *j)
{
    PP_TRY(PP_ALLOC(j->setup.count + 1, &j->views));
    for (int64_t k = 0; k < j->setup.count; k++) PP_TRY(open_view(j, k));
    j->setup.views = j->views;
    decide_frames(j);
    return PP_OK;
}

/* Frames of a view, from its source once more. */
static pp_status frames_of(void *self, int64_t local, pp_joint_view *view)
{
    const job *j = self;
    static const char *const names[] = {"frames", "mask"};
    const int64_t index = j->indices[j->setup.first + local];
    pp_array *found[2] = {NULL, NULL}, *background = NULL;
    PP_TRY(pp_context_view_data(j->context, index, names, 2, found));
    pp_status status = pp_context_view_optional(j->context, index, "background", &background);
    if (status == PP_OK && (!found[0] || !found[1]))
        status = PP_FAIL(PP_ERR_DATA, "joint needs the frames of every view, which no stage of "
                                      "this pipeline gives");
    if (status == PP_OK)
        status = pp_joint_view_frames(view, j->setup.backend, found[0], found[1], background);
    for (int k = 0; k < 2; k++) pp_array_free(&found[k]);
    pp_array_free(&background);
    return status;
}

/* ---- the start ---- */

static void start_from(job *j, const float *data, int64_t count, bool absorption, double scale)
{
    for (int64_t i = 0; i < count; i++) {
        const float value = (float)(scale * data[i]);
        if (absorption)
            j->volume[i].im = value;
        else
            j->volume[i].re = -value;
    }
}

/* One quantity by filtered back-projection of its lines, in radians a voxel. */
static pp_status back_project(job *j, bool absorption, int64_t voxels)
{
    const pp_reconstruct setup = {.method = PP_RECONSTRUCT_FBP,
                                  .fbp = {.filter = PP_FILTER_SHEPP_LOGAN},
                                  .oversampling = j->p->oversampling,
                                  .threads = j->setup.threads,
                                  .backend = pp_backend_find(j->setup.backend)};
    const int64_t count = pp_array_count(j->phase);
    const pp_c32 *psi = pp_array_read(j->projections);
    const float *phase = pp_array_read(j->phase);
    float *lines = NULL, *data = NULL;
    pp_status status = PP_ALLOC(count + 1, &lines);
    if (status == PP_OK) status = PP_ALLOC(voxels + 1, &data);
    status = pp_comm_agree(j->comm, status);
    for (int64_t i = 0; status == PP_OK && i < count; i++)
        lines[i] = absorption ? -logf(fmaxf(hypotf(psi[i].re, psi[i].im), 1e-3f)) : -phase[i];
    if (status == PP_OK)
        status =
            pp_reconstruct_run(j->comm, &setup, j->setup.shape, j->setup.angles, lines, data, NULL);
    if (status == PP_OK) start_from(j, data, voxels, absorption, 1);
    pp_free(data);
    pp_free(lines);
    return status;
}

static pp_status start(job *j)
{
    const pp_stack_shape *shape = &j->setup.shape;
    const pp_array *delta = pp_context_get(j->context, "delta"),
                   *beta = pp_context_get(j->context, "beta");
    int64_t first, slices;
    pp_slab_block(shape->rows, pp_comm_size(j->comm), pp_comm_rank(j->comm), &first, &slices);
    const int64_t voxels = slices * shape->columns * shape->columns;
    pp_status status = PP_ALLOC(voxels + 1, &j->volume);
    if (status == PP_OK && delta && (!beta || pp_array_count(delta) != voxels))
        status = PP_FAIL(PP_ERR_DATA, "the volume before joint has %lld voxels here, %lld expected",
                         (long long)pp_array_count(delta), (long long)voxels);
    PP_TRY(pp_comm_agree(j->comm, status));
    if (!delta) {
        pp_info("joint: starts from filtered back-projection");
        PP_TRY(back_project(j, false, voxels));
        return back_project(j, true, voxels);
    }
    start_from(j, pp_array_read(delta), voxels, false, j->nu);
    start_from(j, pp_array_read(beta), voxels, true, j->nu);
    return PP_OK;
}

/* ---- the state on file ---- */

static pp_status state_path(const pp_context *context, char **out)
{
    char name[96];
    (void)snprintf(name, sizeof name, "%s-state.h5", pp_context_stage_id(context));
    return pp_path_join(pp_context_output(context), name, out);
}

static pp_status keep(void *self, const pp_joint_state *state)
{
    const job *j = self;
    const char *hash, *parameters;
    pp_context_identity(j->context, NULL, &hash, &parameters);
    return pp_joint_state_write(j->state, hash, state);
}

static pp_status recall(void *self, pp_joint_state *state, bool *found)
{
    const job *j = self;
    const char *hash, *parameters;
    pp_context_identity(j->context, NULL, &hash, &parameters);
    return pp_joint_state_read(j->state, hash, state, found);
}

/* ---- the stage ---- */

static bool stopped(void *self, int64_t done)
{
    const job *j = self;
    pp_context_progress(j->context, (double)done / (double)j->setup.iterations);
    return pp_context_stopped(j->context);
}

static pp_status put_volume(job *j, const char *port, bool absorption)
{
    const pp_stack_shape *shape = &j->setup.shape;
    int64_t first, slices;
    pp_array *out = NULL;
    pp_slab_block(shape->rows, pp_comm_size(j->comm), pp_comm_rank(j->comm), &first, &slices);
    const int64_t size[] = {slices, shape->columns, shape->columns};
    PP_TRY(pp_array_create(PP_F32, 3, size, "1", &out));
    pp_array_set_rows(out, first, shape->rows);
    float *data = pp_array_data(out);
    for (int64_t i = 0; i < pp_array_count(out); i++)
        data[i] =
            (float)((absorption ? (double)j->volume[i].im : -(double)j->volume[i].re) / j->nu);
    return pp_context_put(j->context, port, &out);
}

static pp_status put_moves(job *j)
{
    return j->moved ? pp_context_put(j->context, "joint_shifts", &j->moved) : PP_OK;
}

static pp_status make_moves(job *j)
{
    const int64_t size[] = {j->setup.shape.views, 2};
    if (j->p->shift_every == 0) return PP_OK;
    PP_TRY(pp_array_create(PP_F64, 2, size, "pixel", &j->moved));
    j->setup.moves = pp_array_data(j->moved);
    return PP_OK;
}

static void tell(job *j, const pp_joint_result *result)
{
    const pp_joint_terms *last = &j->terms[result->done - 1];
    pp_context_fact(j->context, "iterations", "%lld%s", (long long)result->done,
                    result->converged ? ", converged" : "");
    if (j->p->shift_every > 0)
        pp_context_fact(j->context, "views_moved", "%.4g pixels rms", result->moved);
    pp_context_fact(j->context, "devices_per_view", "%d", j->setup.devices_per_view);
    pp_context_fact(j->context, "total_variation", "%.6g rad", result->strength);
    pp_context_fact(j->context, "residuals", "primal %.3g, dual %.3g", last->primal, last->dual);
    pp_context_fact(j->context, "penalty", "%.4g of the largest illumination", last->rho);
    pp_context_fact(j->context, "misfit", "%.6g, %.6g at the start", last->misfit,
                    j->terms[0].misfit);
    pp_info("joint: %lld iterations%s, error of the frames %.5f", (long long)result->done,
            result->converged ? " (converged)" : "", last->misfit);
}

static pp_status solve(job *j)
{
    pp_joint_result result;
    fill_setup(j);
    pp_status status = find_indices(j);
    if (status == PP_OK) status = open_views(j);
    if (status == PP_OK) status = PP_ALLOC(j->setup.iterations, &j->terms);
    if (status == PP_OK) status = make_moves(j);
    PP_TRY(pp_comm_agree(j->comm, status));
    j->setup.frames = frames_of, j->setup.stopped = stopped, j->setup.self = j;
    j->setup.keep = keep, j->setup.recall = recall;
    PP_TRY(pp_comm_agree(j->comm, state_path(j->context, &j->state)));
    PP_TRY(start(j));
    PP_TRY(pp_joint_run(&j->setup, j->volume, j->terms, &result));
    tell(j, &result);
    *pp_context_state(j->context) = &finished;
    PP_TRY(put_moves(j));
    PP_TRY(put_volume(j, "delta", false));
    return put_volume(j, "beta", true);
}

static pp_status run(const void *params_, pp_context *context)
{
    job j = {.p = params_, .context = context, .comm = pp_context_comm(context)};
    pp_status status = find_stack(&j);
    if (status == PP_OK) status = solve(&j);
    for (int64_t k = 0; j.views && k < j.setup.count; k++) pp_joint_view_free(&j.views[k]);
    pp_free(j.views), pp_free(j.indices), pp_free(j.terms), pp_free(j.volume);
    pp_free(j.state);
    pp_array_free(&j.moved);
    pp_stack_arrays_free(&j.made);
    return status;
}

/* What was made is in the volume's file by now: the state is not needed any more. */
static void close_stage(const void *ignored, pp_context *context)
{
    char *path = NULL;
    (void)ignored;
    if (*pp_context_state(context) != &finished || pp_comm_rank(pp_context_comm(context)) != 0)
        return;
    if (state_path(context, &path) == PP_OK)
        (void)unlink(path);
    else
        pp_log_last_error();
    pp_free(path);
}

static void check(const void *params_, pp_check *findings)
{
    const joint *p = params_;
    if (p->total_variation == 0 && pp_check_given(findings, "total_variation"))
        pp_check_warning(findings, "total_variation",
                         "without total variation the joint solve fits the noise: stop it early");
    if (p->linearisation == PP_LINEARISE_LOG)
        pp_check_warning(findings, "linearisation",
                         "\"log\" is right for phases below pi only; \"gauss_newton\" for any");
}

static void plan(const void *params_, pp_plan *budget)
{
    const joint *p = params_;
    const pp_views *list = pp_plan_views(budget);
    const int ranks = pp_plan_ranks(budget), threads = pp_plan_threads(budget);
    pp_joint_setup setup = {.oversampling = p->oversampling, .threads = threads};
    const int devices = devices_of(p, list, pp_plan_backend(budget));
    double frames = 0, views = 0, largest = 0, flops = 0, device = 0;
    setup.shape.views = pp_views_count(list), setup.shape.element = sizeof(pp_c32);
    for (int64_t v = 0; v < setup.shape.views; v++) {
        const pp_view_entry *entry = pp_views_entry(list, v);
        const double n = (double)entry->frame;
        const int64_t *object = entry->object;
        if (object[0] > setup.shape.rows) setup.shape.rows = object[0];
        if (object[1] > setup.shape.columns) setup.shape.columns = object[1];
        frames += pp_joint_frames_bytes(entry->frame, entry->patterns, PP_F32);
        const double view = 20 * (double)object[0] * (double)object[1];
        views += view, largest = fmax(largest, view);
        const pp_joint_need need = need_of(p, entry);
        device = fmax(device, pp_joint_view_device_bytes(pp_plan_backend(budget), &need, devices));
        flops += 40 * n * n * log2(n > 1 ? n : 2) * (double)entry->patterns;
    }
    if (setup.shape.columns == 0) return;
    const int lanes =
        pp_joint_lanes(pp_plan_backend(budget), (setup.shape.views + ranks - 1) / ranks, devices);
    pp_plan_add(budget, PP_HOST, views / ranks + lanes * largest,
                "psi, multiplier and illumination of the views, what steps of views are given");
    if (p->frames == FRAMES_HOLD || frames / ranks <= physical_memory() / 2)
        pp_plan_add(budget, PP_HOST, p->frames == FRAMES_READ ? 0 : frames / ranks,
                    "frames of the views");
    pp_plan_add(budget, PP_HOST, pp_joint_bytes(&setup, ranks), "volume, lines, projector");
    const pp_projector_setup projector = {.n = setup.shape.columns,
                                          .views = setup.shape.views,
                                          .oversampling = p->oversampling,
                                          .backend = pp_backend_find(pp_plan_backend(budget))};
    pp_plan_add(budget, PP_DEVICE, device, "one view's step");
    pp_plan_add(budget, PP_DEVICE, pp_projector_device_bytes(&projector), "projector");
    pp_plan_work(budget,
                 flops * (double)(p->iterations * p->view_iterations) / (4e9 * threads * ranks),
                 "outer iterations");
    pp_plan_knob(budget, "joint.frames");
}

PP_STAGE(joint, .summary = "joint solve: the volume from the frames of all views at once",
         .scope = PP_SCOPE_CAMPAIGN, .ports = ports, .params = params, .params_size = sizeof(joint),
         .run = run, .check = check, .plan = plan, .close = close_stage, .version = "2");
