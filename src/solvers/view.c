/* SPDX-License-Identifier: BSD-3-Clause */
#include "solvers/view.h"

#include <math.h>
#include <polyptych/log.h>
#include <string.h>

#include "base/alloc.h"
#include "solvers/view_internal.h"

/* ---- start ---- */

static bool has_background(const pp_view_options *o)
{
    return o->background != PP_BACKGROUND_NONE;
}

/* This device's patterns and its part of the object. */
static pp_status lay_out(solve *s)
{
    const view *v = s->v;
    const pp_box *box = &v->tiles.extended[s->rank];
    pp_sweep_setup *u = &s->setup;
    *u = (pp_sweep_setup){.n = v->n,
                          .patterns = v->tiles.patterns[s->rank],
                          .modes = s->o->probe_modes,
                          .mode = s->o->positions,
                          .model = s->o->model,
                          .frame_type = pp_array_dtype(s->in->frames),
                          .probe_moves = s->o->solver.refine_probe,
                          .background = has_background(s->o),
                          .wide_sum = s->o->wide_sum,
                          .callbacks = s->o->callbacks,
                          .threads = s->o->threads / v->tiles.count,
                          .object = {box->to[0] - box->from[0], box->to[1] - box->from[1]}};
    if (u->threads < 1) u->threads = 1;
    PP_TRY(PP_ALLOC(2 * u->patterns + 1, &s->corners));
    if (v->tiles.count > 1) PP_TRY(PP_ALLOC(u->patterns + 1, &s->pick));
    int64_t mine = 0;
    for (int64_t j = 0; j < v->patterns; j++) {
        if (!pp_tiles_takes(&v->tiles, s->rank, v->tile_of[j], v->corners + 2 * j, v->n)) continue;
        for (int a = 0; a < 2; a++)
            s->corners[2 * mine + a] = v->corners[2 * j + a] - (double)box->from[a];
        if (s->pick) s->pick[mine] = j;
        mine++;
    }
    u->positions = s->corners;
    if (s->settings.refine_intensities) {
        PP_TRY(PP_ALLOC(u->patterns + 1, &s->factors));
        for (int64_t j = 0; j < u->patterns; j++) s->factors[j] = 1;
    }
    return PP_OK;
}

/* Local steps: gradient, what was sent, what travels and a step, instead of gradient twice and direction; each part of the patterns
 * has a sweep of its own where there are several. */
static double local_bytes(const pp_sweep_setup *mine, const pp_sweep_class *kind, int64_t exchanges)
{
    exchanges = exchanges < mine->patterns ? exchanges : mine->patterns;
    double bytes = (double)(mine->object[0] * mine->object[1]) * sizeof(pp_c32);
    for (int64_t k = 0; exchanges > 1 && k < exchanges; k++) {
        pp_sweep_setup part = *mine;
        part.keep = false;
        part.object[0] = (mine->object[0] - mine->n) / exchanges + mine->n; /* rows of a scan */
        part.patterns = mine->patterns * (k + 1) / exchanges - mine->patterns * k / exchanges;
        if (part.patterns > 0) bytes += kind->bytes(&part);
    }
    return bytes;
}

void pp_view_bytes(const pp_sweep_setup *setup, const pp_sweep_class *kind, bool refine_probe,
                   double *far_fields, double *rest)
{
    pp_sweep_setup with = *setup, without = *setup;
    const double pixels = (double)(setup->object[0] * setup->object[1]),
                 plane = (double)(setup->n * setup->n * setup->modes);
    with.keep = true, without.keep = false;
    *far_fields = kind->bytes(&with) - kind->bytes(&without);
    /* point, gradient twice, direction, weights */
    *rest = kind->bytes(&without) + pixels * (4 * sizeof(pp_c32) + sizeof(float)) +
            plane * (refine_probe ? 4.5 : 1) * sizeof(pp_c32);
}

/* Floats that the links of device k stage, as open_links asks for them. */
static int64_t staged(const pp_sweep_setup *setup, const pp_tiles *tiles, int k,
                      pp_split_method method)
{
    const int64_t probe = setup->probe_moves ? 2 * setup->n * setup->n * setup->modes : 0;
    return pp_split_room(tiles, method, k, 2, probe);
}

/* What a device's thread keeps in the host's memory: starting probe, room to make modes orthogonal, the background and its terms,
 * mask and order of pixels. */
static double host_bytes(const pp_sweep_setup *setup)
{
    const double frame = (double)(setup->n * setup->n);
    const bool mixed = setup->probe_moves && setup->modes > 1;
    return frame * ((double)setup->modes * (mixed ? 5 : 1) * sizeof(pp_c32) +
                    (setup->background ? sizeof(float) + 2 * sizeof(double) : 0) + sizeof(uint8_t) +
                    sizeof(int32_t));
}

void pp_view_device_bytes(const pp_sweep_setup *setup, const pp_sweep_class *kind,
                          const pp_tiles *tiles, int k, const pp_split_plan *split,
                          double *far_fields, double *rest)
{
    pp_sweep_setup mine = *setup;
    const pp_box *box = &tiles->extended[k];
    const double whole = (double)(tiles->object[0] * tiles->object[1]),
                 frame = (double)(setup->n * setup->n);
    mine.positions = NULL;
    mine.patterns = tiles->patterns[k];
    for (int a = 0; a < 2; a++) mine.object[a] = box->to[a] - box->from[a];
    *far_fields = *rest = 0;
    if (mine.patterns > 0) pp_view_bytes(&mine, kind, setup->probe_moves, far_fields, rest);
    if (!split->backend || split->backend->host_memory) *rest += host_bytes(setup);
    if (tiles->count == 1) return;
    /* its own frames, room for the probe's sums (or what links stage), on rank 0 of a hybrid group
     * gradient twice, direction and weight of the whole object */
    if (split->backend && split->backend->links) {
        *rest += (double)staged(setup, tiles, k, split->method) * sizeof(float);
    } else {
        *rest += (double)mine.patterns * frame * (double)pp_dtype_size(setup->frame_type);
        if (setup->probe_moves) *rest += frame * (double)setup->modes * sizeof(pp_c32);
    }
    if (split->method == PP_SPLIT_LOCAL) {
        *far_fields = 0;
        *rest += local_bytes(&mine, kind, split->exchanges);
    }
    if (setup->wide_sum && (split->method == PP_SPLIT_HYBRID || split->method == PP_SPLIT_GRADIENT))
        *rest += ((double)(mine.object[0] * mine.object[1]) +
                  (split->method == PP_SPLIT_HYBRID && k == 0 ? whole : 0)) *
                 sizeof(pp_c32);
    if (split->method == PP_SPLIT_HYBRID && k == 0)
        *rest += whole * (3 * sizeof(pp_c32) + sizeof(float));
}

static bool takes_local_steps(const view *v)
{
    return v->tiles.count > 1 && v->o->split == PP_SPLIT_LOCAL;
}

pp_status pp_view_room(const pp_backend *backend, double wanted, double host, int tiles,
                       double *room)
{
    *room = host / tiles;
    if (!backend->room) return PP_OK;
    const int devices = pp_backend_devices(backend);
    const int sharing = devices > 0 ? (tiles + devices - 1) / devices : 1;
    *room = wanted;
    if (*room > 0) return PP_OK;
    PP_TRY(backend->room(room));
    *room *= 0.9 / (sharing * pp_backend_sharers(backend));
    return PP_OK;
}

static pp_status choose(solve *s, const pp_sweep_class **kind)
{
    const pp_view_options *o = s->o;
    double far, rest, room;
    *kind = pp_backend_sweep(s->backend, &s->setup, s->o->implementation);
    if (!*kind)
        return PP_FAIL(
            PP_ERR_CONFIG, "back end %s has no %s%ssweep for %lld x %lld detectors%s%s%s",
            s->backend->name, o->implementation ? o->implementation : "",
            o->implementation ? " " : "", (long long)s->setup.n, (long long)s->setup.n,
            o->positions == PP_SWEEP_BILINEAR ? " with positions = \"bilinear\"" : "",
            has_background(o) ? " with a background" : "", o->callbacks ? " with callbacks" : "");
    PP_TRY(pp_view_room(s->backend, o->device_memory, o->memory, s->v->tiles.count, &room));
    pp_view_bytes(&s->setup, *kind, o->solver.refine_probe, &far, &rest);
    if ((*kind)->order) /* the frames in host memory count too */
        rest += (double)(s->setup.patterns * s->setup.n * s->setup.n) *
                (double)pp_dtype_size(s->setup.frame_type);
    s->setup.stream = s->backend->room && (o->stream_frames == PP_CHOOSE_YES ||
                                           (o->stream_frames == PP_CHOOSE_AUTO && rest > room));
    if (s->setup.stream) pp_view_bytes(&s->setup, *kind, o->solver.refine_probe, &far, &rest);
    s->setup.keep = o->keep_far_field == PP_CHOOSE_YES ||
                    (o->keep_far_field == PP_CHOOSE_AUTO && far + rest <= room);
    if (takes_local_steps(s->v)) s->setup.keep = false; /* each gradient is at another point */
    s->implementation = (*kind)->name;
    return PP_OK;
}

/* ---- solve ---- */

pp_status pp_view_run_solver(solve *s, const pp_ptycho_settings *settings, pp_ptycho_result *result)
{
    if (s->o->method == PP_PTYCHO_PUBLISHED)
        return pp_solve_published(&s->model, &s->point, settings, result);
    result->positions = s->corners;
    result->factors = s->factors;
    if (s->o->background > PP_BACKGROUND_GIVEN && settings->positions_every > 0)
        result->background = &s->background;
    return pp_solve_cg(&s->model, &s->point, settings, result);
}

static pp_status run_solver(solve *s, pp_ptycho_result *result)
{
    if (takes_local_steps(s->v)) return pp_view_local(s, result);
    return pp_view_apart(s) ? pp_view_rounds(s, result)
                            : pp_view_run_solver(s, &s->settings, result);
}

/* Far from the data the Poisson gradient is singular where the model is dark, so a few iterations with the amplitude
 * model come first; they are no part of the history. */
static pp_status approach(solve *s)
{
    double *history;
    pp_sweep_setup setup = s->setup;
    pp_ptychography poisson = s->model;
    pp_ptycho_settings settings = s->settings;
    settings.iterations = s->o->amplitude_start,
    settings.refine_positions = settings.refine_intensities = false;
    settings.stop_at_noise = false;
    settings.positions_every = 0; /* the background stays too */
    if (setup.model != PP_SWEEP_POISSON || settings.iterations == 0) return PP_OK;
    setup.model = PP_SWEEP_AMPLITUDE, setup.keep = false;
    PP_TRY(PP_ALLOC(2 * settings.iterations + 1, &history));
    pp_ptycho_result result = {.cost = history, .step = history + settings.iterations + 1};
    pp_status status =
        pp_ptychography_create_tile(s->backend, s->implementation, &setup, &s->split, &s->model);
    if (status == PP_OK) {
        if (s->background.values && s->model.sweep)
            pp_sweep_set_background(s->model.sweep, s->background.values);
        status = pp_view_run_solver(s, &settings, &result);
        pp_ptychography_free(&s->model);
    }
    s->model = poisson;
    pp_free(history);
    return status;
}

static pp_status put_steps(const solve *s, const pp_ptycho_result *result)
{
    const int64_t sizes[2] = {result->done, 2};
    PP_TRY(pp_array_create(PP_F64, 2, sizes, "1", &s->out->steps));
    double(*steps)[2] = pp_array_data(s->out->steps);
    for (int64_t i = 0; i < result->done; i++)
        steps[i][0] = result->step[i], steps[i][1] = result->change[i];
    return PP_OK;
}

static pp_status put_history(const solve *s, const pp_ptycho_result *result)
{
    PP_TRY(put_steps(s, result));
    PP_TRY(pp_array_create_1d(PP_F64, result->done + 1, "1", &s->out->cost));
    memcpy(pp_array_data(s->out->cost), result->cost,
           (size_t)(result->done + 1) * sizeof *result->cost);
    PP_TRY(pp_array_create_1d(PP_F64, 1, "1", &s->out->error));
    const double counts = pp_view_apart(s) ? s->all_counts : s->model.totals.counts;
    *(double *)pp_array_data(s->out->error) = counts > 0 ? result->misfit / counts : 0;
    s->out->iterations = result->done;
    s->out->converged = result->converged;
    s->out->adjointness = result->adjointness;
    return PP_OK;
}

static pp_status solve_point(solve *s)
{
    const int64_t iterations = s->o->solver.iterations;
    double *history;
    PP_TRY(PP_ALLOC(3 * iterations + 1, &history));
    pp_ptycho_result result = {
        .cost = history, .step = history + iterations + 1, .change = history + 2 * iterations + 1};
    pp_status status = approach(s);
    if (status == PP_OK) status = run_solver(s, &result);
    if (status == PP_OK && s->rank == 0) status = put_history(s, &result);
    pp_free(history);
    return status;
}

/* ---- devices ---- */

static pp_status run(solve *s)
{
    const pp_sweep_class *kind;
    pp_sweep_facts facts;
    PP_TRY(lay_out(s));
    PP_TRY(choose(s, &kind));
    PP_TRY(pp_view_order_frames(s, kind));
    s->setup.frames = s->frames ? s->frames : pp_array_read(s->in->frames);
    s->setup.mask = s->mask;
    s->settings.object = s->setup.object;
    PP_TRY(pp_ptychography_create_tile(s->backend, s->implementation, &s->setup, &s->split,
                                       &s->model));
    double sums[2] = {s->model.totals.counts, (double)s->setup.patterns};
    if (pp_view_apart(s)) PP_TRY(pp_group_sum(s->group, sums, 2, PP_SUM));
    if (pp_view_shared(s)) sums[0] = s->model.totals.counts; /* of all devices already */
    s->all_counts = sums[0];
    if (!(sums[0] > 0)) return PP_FAIL(PP_ERR_DATA, "the frames hold no counts in measured pixels");
    if (has_background(s->o)) PP_TRY(pp_view_start_background(s, sums[0]));
    PP_TRY(pp_view_start(s, sums[0] / (pp_view_apart(s) ? sums[1] : (double)s->v->patterns)));
    PP_TRY(solve_point(s));
    if (s->model.sweep && s->rank == s->v->teller) {
        pp_sweep_tell(s->model.sweep, &facts);
        s->out->implementation = facts.implementation, s->out->kept = s->setup.keep;
        s->out->streamed = s->setup.stream;
        s->out->bytes_resident = facts.bytes_resident, s->out->bytes_moved = facts.bytes_moved;
    }
    return pp_view_put(s);
}

static bool between(void *self, int64_t iteration, double cost)
{
    const solve *s = self;
    const pp_ptycho_settings *asked = &s->o->solver;
    s->o->between(s->o->between_self, s->group, iteration);
    return s->rank == 0 && asked->stopped && asked->stopped(asked->self, iteration, cost);
}

static void account(const view *v, const pp_comm *group)
{
    pp_group_tell(group, &v->out->account);
}

static int device_of(const view *v, int rank)
{
    return pp_backend_device(v->backend, v->o->first_device + rank);
}

/* Groups at work on the same devices must not wait for each other's transfers inside NCCL. */
static bool shares_devices(const view *v)
{
    return v->o->first_device + v->tiles.count > pp_backend_devices(v->backend);
}

/* One device's thread. */
static pp_status work(const pp_comm *group, void *argument)
{
    view *v = argument;
    solve s = {.v = v,
               .in = v->in,
               .o = v->o,
               .out = v->out,
               .backend = v->backend,
               .settings = v->o->solver,
               .rank = pp_comm_rank(group)};
    if (v->tiles.count > 1) {
        s.group = group;
        s.split = (pp_split){.tiles = &v->tiles,
                             .method = v->o->split,
                             .backend = v->backend,
                             .links = v->links,
                             .in_turn = v->o->in_turn};
        s.split.group = pp_view_apart(&s) && !pp_view_shared(&s) ? NULL : group;
    }
    if (s.rank != 0) s.settings.stopped = NULL;
    if (v->o->between) s.settings.stopped = between, s.settings.self = &s;
    pp_status status = pp_backend_use(v->backend, device_of(v, s.rank));
    if (status == PP_OK) status = run(&s);
    pp_free(s.background.values), pp_free(s.background.first), pp_free(s.background.second);
    pp_free(s.factors), pp_free(s.corners), pp_free(s.probe), pp_free(s.pick);
    if (s.model.backend) {
        pp_point_free(&s.model, &s.point);
        pp_ptychography_free(&s.model);
    }
    pp_view_restore_frames(&s);
    if (s.rank == 0 && s.group) account(v, group);
    if (s.rank == 0 && takes_local_steps(v)) v->out->account.waited = s.waited;
    return status;
}

static pp_status cut(view *v)
{
    const pp_array *tiles = v->in->tiles, *tile_of = v->in->tile_of;
    PP_TRY(PP_ALLOC(v->patterns, &v->tile_of));
    if (!tiles || !tile_of)
        return pp_tiles_cut(v->corners, v->patterns, v->n, v->frame.size, 1, &v->tiles, v->tile_of);
    if (pp_array_size(tile_of, 0) != v->patterns)
        return PP_FAIL(PP_ERR_DATA, "%lld frames, but tiles for %lld", (long long)v->patterns,
                       (long long)pp_array_size(tile_of, 0));
    memcpy(v->tile_of, pp_array_read(tile_of), pp_array_bytes(tile_of));
    return pp_tiles_from(pp_array_read(tiles), pp_array_size(tiles, 0), v->tile_of, v->corners,
                         v->patterns, v->n, v->frame.size, &v->tiles);
}

/* Halo: also the patterns around. */
static pp_status surround(view *v)
{
    const pp_view_options *o = v->o;
    if (v->tiles.count == 1 || o->split != PP_SPLIT_HALO) return PP_OK;
    return pp_tiles_surround(&v->tiles, v->corners, v->patterns, v->n, v->tile_of,
                             o->halo_rows * pp_tiles_step(v->corners, v->patterns));
}

static pp_status prepare(view *v)
{
    const double *positions = pp_array_read(v->in->positions);
    PP_TRY(pp_view_check(v->in, v->o));
    if (pp_array_size(v->in->probe, 0) > v->o->probe_modes)
        pp_warn("the starting probe has %lld modes, probe_modes = %lld: the others are left out",
                (long long)pp_array_size(v->in->probe, 0), (long long)v->o->probe_modes);
    v->n = pp_array_size(v->in->frames, 1);
    v->patterns = pp_array_size(v->in->frames, 0);
    PP_TRY(pp_object_frame_of(positions, v->patterns, v->n, &v->frame));
    PP_TRY(PP_ALLOC(2 * v->patterns, &v->corners));
    pp_object_corners(&v->frame, positions, v->patterns, v->n, v->corners);
    PP_TRY(cut(v));
    PP_TRY(surround(v));
    while (v->tiles.patterns[v->teller] == 0) v->teller++;
    return PP_OK;
}

/* ---- the group ---- */

static void end_links(void *argument)
{
    const view *v = argument;
    if (v->links) v->backend->links->abort(v->links);
}

static pp_status open_links(view *v)
{
    const pp_tiles *t = &v->tiles;
    const bool moves = v->o->solver.refine_probe;
    int devices[PP_LINK_MOST];
    int64_t room[PP_LINK_MOST];
    if (t->count == 1 || !v->backend->links) return PP_OK;
    for (int r = 0; r < t->count; r++) {
        devices[r] = device_of(v, r);
        room[r] =
            pp_split_room(t, v->o->split, r, 2, moves ? 2 * v->n * v->n * v->o->probe_modes : 0);
    }
    const pp_link_setup setup = {
        .size = t->count, .devices = devices, .room = room, .copies = shares_devices(v)};
    return v->backend->links->open(&setup, &v->links);
}

static pp_status solve_in_group(view *v)
{
    PP_TRY(open_links(v));
    const pp_status status = pp_group_run_alarmed(v->tiles.count, work, end_links, v);
    if (v->links) v->backend->links->close(&v->links);
    return status;
}

pp_status pp_view_solve(const pp_view_input *input, const pp_view_options *options,
                        pp_view_output *out)
{
    pp_view_output result = {0};
    view v = {.in = input, .o = options, .out = &result};
    v.backend = pp_backend_find(options->backend);
    if (!v.backend)
        return PP_FAIL(PP_ERR_CONFIG, "back end %s is not in this build", options->backend);
    pp_status status = prepare(&v);
    if (status == PP_OK) status = solve_in_group(&v);
    result.devices = v.tiles.count;
    pp_free(v.corners), pp_free(v.tile_of);
    if (status == PP_OK)
        *out = result;
    else
        pp_view_output_free(&result);
    return status;
}
