/* The data step of a joint solve and the shift of a view, on one device or on a group of them.
 *
 * A group holds the view in extended tiles (models/tiles.h), each with its patterns, its part of psi and its part of the penalty, and
 * adds gradients up from tile to tile (PP_SPLIT_GRADIENT): copies of a pixel have the same bits on all tiles, so each tile gives its
 * core. SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "solvers/joint_view.h"
#include "solvers/view.h"
#include "solvers/view_cut.h"

/* What the devices of a step share. */
typedef struct team {
    pp_joint_view *view; /* of a shift only read */
    const pp_joint_step *step;
    const pp_backend *backend;
    pp_tiles tiles;
    int32_t *tile_of;
    pp_links *links; /* NULL: one device, or they read each other's memory */
    pp_joint_step_result *result;
    pp_sweep_position *terms; /* of a shift, [J]; NULL: a step */
} team;

/* What each has. */
typedef struct device {
    team *t;
    int rank;
    pp_split split;
    pp_sweep_setup setup;
    double *corners; /* in its tile */
    double *factors; /* the beam's amplitude in its patterns; NULL: 1 */
    int64_t *pick;   /* its patterns */
    void *frames;    /* of them; NULL: the view's own */
    void *room;      /* on the host, as large as the tile */
    pp_ptychography model;
    pp_point point;
    float *weight;
    pp_c32 *target;
    double *history;   /* costs and steps */
    double model_cost; /* of the model, where it is asked for */
} device;

static void release(device *d)
{
    const pp_backend *backend = d->model.backend;
    if (backend) {
        if (d->weight) backend->release(d->weight);
        if (d->target) backend->release(d->target);
        pp_point_free(&d->model, &d->point);
        pp_ptychography_free(&d->model);
    }
    pp_free(d->corners), pp_free(d->factors), pp_free(d->pick), pp_free(d->frames);
    pp_free(d->room), pp_free(d->history);
}

/* ---- to a device ---- */

static const pp_box *tile_of(const device *d)
{
    return &d->t->tiles.extended[d->rank];
}

static int64_t width(const pp_box *box)
{
    return box->to[1] - box->from[1];
}

/* Rows of `box` between an image of the view and the contiguous pixels of `frame`, which holds the box. */
static void copy_box(const device *d, char *image, char *tile, const pp_box *box, size_t size,
                     bool in)
{
    const pp_box *frame = tile_of(d);
    const int64_t columns = d->t->view->frame.size[1];
    for (int64_t y = box->from[0]; y < box->to[0]; y++) {
        char *a = image + (size_t)(y * columns + box->from[1]) * size,
             *b = tile +
                  (size_t)((y - frame->from[0]) * width(frame) + box->from[1] - frame->from[1]) *
                      size;
        if (in)
            memcpy(b, a, (size_t)width(box) * size);
        else
            memcpy(a, b, (size_t)width(box) * size);
    }
}

/* This tile's part of an image of the view, to the device. */
static pp_status put_image(const device *d, void *to, const void *image, size_t size)
{
    /* only read */
    copy_box(d, (char *)(uintptr_t)image, d->room, tile_of(d), size, true);
    return d->model.backend->upload(to, d->room, (size_t)d->model.pixels * size);
}

/* This device's patterns: all, or those of its tile, with frames of their own. */
static pp_status take_patterns(device *d)
{
    const team *t = d->t;
    const pp_joint_view *view = t->view;
    const size_t frame = (size_t)(view->n * view->n) * pp_dtype_size(view->frame_type);
    int64_t mine = 0;
    d->setup.patterns = t->tiles.patterns[d->rank];
    PP_TRY(PP_ALLOC(2 * d->setup.patterns + 1, &d->corners));
    PP_TRY(PP_ALLOC(d->setup.patterns + 1, &d->pick));
    if (view->factors) PP_TRY(PP_ALLOC(d->setup.patterns + 1, &d->factors));
    for (int64_t j = 0; j < view->patterns; j++) {
        if (t->tile_of[j] != d->rank) continue;
        for (int a = 0; a < 2; a++)
            d->corners[2 * mine + a] = view->corners[2 * j + a] - (double)tile_of(d)->from[a];
        if (d->factors && view->factors) d->factors[mine] = view->factors[j];
        d->pick[mine++] = j;
    }
    d->setup.positions = d->corners, d->setup.frames = view->data.frames;
    if (t->tiles.count == 1) return PP_OK;
    PP_TRY(pp_alloc((size_t)(mine ? mine : 1), frame, &d->frames));
    for (int64_t k = 0; k < mine; k++)
        memcpy((char *)d->frames + (size_t)k * frame,
               (const char *)view->data.frames + (size_t)d->pick[k] * frame, frame);
    d->setup.frames = d->frames;
    return PP_OK;
}

/* Frames that the device has no room for stay on the host. */
static pp_status choose_frames(device *d)
{
    const team *t = d->t;
    const pp_sweep_class *kind = pp_backend_sweep(t->backend, &d->setup, NULL);
    double far, rest, room;
    if (!kind || !t->backend->room) return PP_OK; /* create tells */
    PP_TRY(pp_view_room(t->backend, t->step->device_memory, 0, t->tiles.count, &room));
    pp_view_bytes(&d->setup, kind, t->step->refine_probe, &far, &rest);
    d->setup.stream = rest > room;
    return PP_OK;
}

static pp_status set_up(device *d)
{
    const team *t = d->t;
    const pp_box *box = tile_of(d);
    d->setup = pp_joint_view_setup(t->view);
    for (int a = 0; a < 2; a++) d->setup.object[a] = box->to[a] - box->from[a];
    d->setup.mask = t->view->data.mask;
    d->setup.probe_moves = t->step->refine_probe, d->setup.keep = t->step->keep_far_field;
    d->setup.threads = t->step->threads / t->tiles.count;
    if (d->setup.threads < 1) d->setup.threads = 1;
    PP_TRY(PP_ALLOC(d->setup.object[0] * d->setup.object[1], (pp_c32 **)&d->room));
    PP_TRY(take_patterns(d));
    return choose_frames(d);
}

/* What the frames have beside the probe's light: the view's background, and a count more where the model is Poisson's. */
static pp_status expect_counts(const device *d)
{
    const pp_joint_view *view = d->t->view;
    const float *under = view->data.background, added = view->model == PP_SWEEP_POISSON;
    float *all;
    if (!d->setup.background || !d->model.sweep) return PP_OK;
    PP_TRY(PP_ALLOC(d->model.frame, &all));
    for (int64_t i = 0; i < d->model.frame; i++) all[i] = added + (under ? under[i] : 0);
    pp_sweep_set_background(d->model.sweep, all);
    pp_free(all);
    return PP_OK;
}

static pp_status to_device(device *d)
{
    const pp_backend *backend = d->t->backend;
    const pp_joint_view *view = d->t->view;
    const pp_joint_step *step = d->t->step;
    PP_TRY(set_up(d));
    PP_TRY(pp_ptychography_create_tile(backend, NULL, &d->setup, &d->split, &d->model));
    const size_t pixels = (size_t)d->model.pixels;
    PP_TRY(expect_counts(d));
    if (d->factors) pp_ptychography_move(&d->model, d->corners, d->factors);
    PP_TRY(pp_point_create_place(&d->model, &d->point));
    PP_TRY(backend->alloc(pixels * sizeof(float), (void **)&d->weight));
    PP_TRY(backend->alloc(pixels * sizeof(pp_c32), (void **)&d->target));
    if (step->weight) PP_TRY(put_image(d, d->weight, step->weight, sizeof(float)));
    PP_TRY(put_image(d, d->target, step->target, sizeof(pp_c32)));
    PP_TRY(put_image(d, d->point.object, step->model ? step->model : view->psi, sizeof(pp_c32)));
    PP_TRY(backend->upload(d->point.probe, view->probe,
                           (size_t)(view->modes * view->n * view->n) * sizeof(pp_c32)));
    return PP_ALLOC(2 * step->iterations + 1, &d->history);
}

/* ---- the step ---- */

/* psi exp(i c) nearest to the target, pixels weighted with their light. */
static void turn(pp_joint_view *view, const pp_c32 *target)
{
    double re = 0, im = 0;
    for (int64_t i = 0; i < view->pixels; i++) {
        const double w = view->illumination[i], a = view->psi[i].re, b = view->psi[i].im;
        re += w * (a * target[i].re + b * target[i].im);
        im += w * (a * target[i].im - b * target[i].re);
    }
    const double size = hypot(re, im);
    if (!(size > 0)) return;
    const float c = (float)(re / size), s = (float)(im / size);
    for (int64_t i = 0; i < view->pixels; i++) {
        const pp_c32 p = view->psi[i];
        view->psi[i] = (pp_c32){p.re * c - p.im * s, p.re * s + p.im * c};
    }
}

static void tell(const device *d, const pp_ptycho_result *found)
{
    const pp_sweep_totals *totals = &d->model.totals;
    const double cost = found->cost[found->done] - found->penalty,
                 added = d->t->view->model == PP_SWEEP_POISSON ? totals->pixels : 0;
    *d->t->result =
        (pp_joint_step_result){.data = pp_ptychography_excess(&d->model, cost),
                               .penalty = found->penalty,
                               .model_data = pp_ptychography_excess(&d->model, d->model_cost),
                               .misfit = found->misfit,
                               .counts = totals->counts - added};
}

/* This tile's core of psi, and the probe that all have. Devices write to different places, and after the solver's first sum all have
 * read what they start from. */
static pp_status from_device(const device *d)
{
    const team *t = d->t;
    const pp_backend *backend = d->model.backend;
    pp_joint_view *view = t->view;
    PP_TRY(backend->download(d->room, d->point.object, (size_t)d->model.pixels * sizeof(pp_c32)));
    copy_box(d, (char *)view->psi, d->room, &t->tiles.core[d->rank], sizeof(pp_c32), false);
    if (!t->step->refine_probe || d->rank != 0) return PP_OK;
    return backend->download(view->probe, d->point.probe,
                             (size_t)(view->modes * view->n * view->n) * sizeof(pp_c32));
}

/* The cost of the model that lies in place of psi, and psi. */
static pp_status fit_model(device *d)
{
    if (!d->t->step->model) return PP_OK;
    PP_TRY(pp_ptychography_gradient(&d->model, NULL, &d->model_cost, NULL, &d->point));
    return put_image(d, d->point.object, d->t->view->psi, sizeof(pp_c32));
}

static pp_status solve(device *d)
{
    const pp_joint_step *step = d->t->step;
    const pp_penalty penalty = {d->weight, d->target};
    const pp_ptycho_settings settings = {.iterations = step->iterations,
                                         .refine_probe = step->refine_probe,
                                         .precondition = true,
                                         .penalty = &penalty};
    pp_ptycho_result result = {.cost = d->history, .step = d->history + step->iterations + 1};
    PP_TRY(fit_model(d));
    PP_TRY(pp_solve_cg(&d->model, &d->point, &settings, &result));
    if (d->rank == 0) tell(d, &result);
    return from_device(d);
}

/* The terms of this device's patterns at the target. */
static pp_status find_terms(device *d)
{
    pp_sweep_position *mine;
    PP_TRY(put_image(d, d->point.object, d->t->step->target, sizeof(pp_c32)));
    PP_TRY(PP_ALLOC(d->model.patterns + 1, &mine));
    const pp_status status = pp_ptychography_position_terms(&d->model, mine, &d->point);
    for (int64_t k = 0; k < d->model.patterns; k++) d->t->terms[d->pick[k]] = mine[k];
    pp_free(mine);
    return status;
}

/* ---- the devices of a step ---- */

static int device_number(const team *t, int rank)
{
    return pp_backend_device(t->backend, t->step->first_device + rank);
}

/* One device's thread. */
static pp_status work(const pp_comm *group, void *argument)
{
    team *t = argument;
    device d = {.t = t, .rank = pp_comm_rank(group)};
    if (t->tiles.count > 1)
        d.split = (pp_split){.group = group,
                             .tiles = &t->tiles,
                             .method = PP_SPLIT_GRADIENT,
                             .backend = t->backend,
                             .links = t->links};
    pp_status status = pp_backend_use(t->backend, device_number(t, d.rank));
    if (status == PP_OK) status = to_device(&d);
    if (status == PP_OK) status = t->terms ? find_terms(&d) : solve(&d);
    release(&d);
    return status;
}

static void end_links(void *argument)
{
    const team *t = argument;
    if (t->links) t->backend->links->abort(t->links);
}

static pp_status open_links(team *t)
{
    const pp_joint_view *view = t->view;
    const int64_t probe = t->step->refine_probe ? 2 * view->n * view->n * view->modes : 0;
    int devices[PP_LINK_MOST];
    int64_t room[PP_LINK_MOST];
    if (t->tiles.count == 1 || !t->backend->links) return PP_OK;
    for (int r = 0; r < t->tiles.count; r++) {
        devices[r] = device_number(t, r);
        room[r] = pp_split_room(&t->tiles, PP_SPLIT_GRADIENT, r, 2, probe);
    }
    const pp_link_setup setup = {.size = t->tiles.count,
                                 .devices = devices,
                                 .room = room,
                                 .copies = t->step->first_device + t->tiles.count >
                                           pp_backend_devices(t->backend)};
    return t->backend->links->open(&setup, &t->links);
}

static pp_status run_team(team *t)
{
    const pp_joint_view *view = t->view;
    const int devices = t->step->devices > 1 ? t->step->devices : 1;
    t->backend = pp_backend_find(t->step->backend);
    if (!t->backend)
        return PP_FAIL(PP_ERR_CONFIG, "back end %s is not in this build", t->step->backend);
    PP_TRY(PP_ALLOC(view->patterns, &t->tile_of));
    pp_status status = pp_tiles_cut(view->corners, view->patterns, view->n, view->frame.size,
                                    devices, &t->tiles, t->tile_of);
    if (status == PP_OK) status = open_links(t);
    if (status == PP_OK) status = pp_group_run_alarmed(devices, work, end_links, t);
    if (t->links) t->backend->links->close(&t->links);
    pp_free(t->tile_of);
    return status;
}

pp_status pp_joint_view_step(pp_joint_view *view, const pp_joint_step *step,
                             pp_joint_step_result *result)
{
    team t = {.view = view, .step = step, .result = result};
    PP_TRY(run_team(&t));
    turn(view, step->target);
    return PP_OK;
}

/* ---- the shift of a view ---- */

/* One step for all patterns together. */
static void common_step(const pp_sweep_position *terms, int64_t count, double out[2])
{
    double yy = 0, yx = 0, xx = 0, ry = 0, rx = 0;
    for (int64_t j = 0; j < count; j++) {
        yy += terms[j].yy, yx += terms[j].yx, xx += terms[j].xx;
        ry += terms[j].ry, rx += terms[j].rx;
    }
    const double det = yy * xx - yx * yx + 1e-6 * yy * xx;
    out[0] = out[1] = 0;
    if (!(det > 0)) return;
    out[0] = fmin(fmax((yx * rx - xx * ry) / det, -0.5), 0.5);
    out[1] = fmin(fmax((yx * ry - yy * rx) / det, -0.5), 0.5);
}

pp_status pp_joint_view_shift(pp_joint_view *view, const pp_joint_step *step, double shift[2])
{
    team t = {.view = view, .step = step};
    PP_TRY(PP_ALLOC(view->patterns, &t.terms));
    const pp_status status = run_team(&t);
    if (status == PP_OK) common_step(t.terms, view->patterns, shift);
    pp_free(t.terms);
    return status;
}

/* ---- what a device needs ---- */

/* Of a raster: the positions are not known when it is planned. */
static double fullest(const pp_backend *backend, const pp_sweep_setup *setup, int devices)
{
    const pp_split_plan split = {PP_SPLIT_GRADIENT, 0, backend};
    const pp_sweep_class *kind = pp_backend_sweep(backend, setup, NULL);
    double most = 0;
    pp_tiles tiles;
    if (!kind ||
        pp_view_raster_tiles(setup->patterns, setup->n, setup->object, devices, 0, &tiles) != PP_OK)
        return 0;
    for (int k = 0; k < tiles.count; k++) {
        double far, rest;
        pp_view_device_bytes(setup, kind, &tiles, k, &split, &far, &rest);
        rest += (double)pp_box_area(&tiles.extended[k]) * (sizeof(float) + sizeof(pp_c32));
        most = fmax(most, rest); /* and the penalty */
    }
    return most;
}

static pp_sweep_setup planned(const pp_joint_need *need)
{
    return (pp_sweep_setup){.n = need->n,
                            .modes = need->modes,
                            .patterns = need->patterns,
                            .object = {need->object[0], need->object[1]},
                            .mode = PP_SWEEP_FOURIER,
                            .frame_type = need->count_bytes == 4 ? PP_F32 : PP_U16,
                            .background = need->poisson,
                            .probe_moves = need->refine_probe,
                            .threads = 1};
}

double pp_joint_view_device_bytes(const char *backend, const pp_joint_need *need, int devices)
{
    const pp_backend *found = pp_backend_find(backend);
    const pp_sweep_setup setup = planned(need);
    return found && found->room ? fullest(found, &setup, devices) : 0;
}

int pp_joint_view_group(const char *backend, const pp_joint_need *need, double device_memory)
{
    const pp_backend *found = pp_backend_find(backend);
    const pp_sweep_setup setup = planned(need);
    int devices = 1;
    if (!found || !(device_memory > 0)) return 1;
    while (devices < PP_GROUP_MOST && fullest(found, &setup, devices) > device_memory) devices++;
    return devices;
}
