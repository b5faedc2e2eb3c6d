/* Results of a view: whole object, probe, illumination and positions from what the devices hold.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "base/alloc.h"
#include "models/probe.h"
#include "solvers/view_internal.h"

static pp_status meet(const solve *s)
{
    return s->group ? pp_comm_barrier(s->group) : PP_OK;
}

/* The pair may drift together: |F(p o)| does not change where both are moved by the same amount. */
static pp_status move_back(const solve *s)
{
    const pp_sweep_setup *u = &s->setup;
    pp_c32 *probe = pp_array_data(s->out->probe);
    double now[2], shift[2];
    if (!s->o->solver.refine_probe) return PP_OK;
    pp_probe_orthogonalise(probe, u->n, u->modes);
    pp_probe_center(probe, u->n, u->modes, now);
    for (int a = 0; a < 2; a++) s->out->moved[a] = shift[a] = s->center[a] - now[a];
    PP_TRY(pp_probe_move(probe, u->n, u->modes, shift));
    return pp_object_move(pp_array_data(s->out->object), s->v->frame.size, shift, s->o->threads);
}

static pp_status put_positions(const solve *s)
{
    const view *v = s->v;
    const int64_t half = v->n / 2;
    PP_TRY(pp_array_copy(s->in->positions, &s->out->positions));
    double *g = pp_array_data(s->out->positions);
    for (int64_t i = 0; s->o->solver.refine_positions && i < 2 * v->patterns; i++)
        g[i] = v->corners[i] - (double)(v->frame.origin[i % 2] - half);
    PP_TRY(pp_array_create_1d(PP_I64, 2, "pixel", &s->out->origin));
    memcpy(pp_array_data(s->out->origin), v->frame.origin, sizeof v->frame.origin);
    return PP_OK;
}

static pp_status put_background(const solve *s)
{
    const int64_t n = s->v->n;
    PP_TRY(pp_array_create(PP_F32, 2, (const int64_t[]){n, n}, "counts", &s->out->background));
    float *to = pp_array_data(s->out->background);
    for (int64_t k = 0; k < n * n; k++) to[s->order ? s->order[k] : k] = s->background.values[k];
    return PP_OK;
}

static pp_status create_arrays(const solve *s)
{
    const int64_t n = s->v->n, *size = s->v->frame.size;
    PP_TRY(pp_array_create(PP_C32, 2, size, "1", &s->out->object));
    PP_TRY(pp_array_create(PP_F32, 2, size, "counts", &s->out->illumination));
    if (s->settings.refine_intensities)
        PP_TRY(pp_array_create_1d(PP_F64, s->v->patterns, "1", &s->out->intensities));
    if (s->background.values) PP_TRY(put_background(s));
    return pp_array_create(PP_C32, 3, (const int64_t[]){s->model.modes, n, n}, "sqrt(counts)",
                           &s->out->probe);
}

/* This device's core of the object. Devices write to different places. */
static pp_status put_core(const solve *s)
{
    const pp_box *mine = &s->v->tiles.extended[s->rank], *core = &s->v->tiles.core[s->rank];
    const int64_t stride = mine->to[1] - mine->from[1], width = core->to[1] - core->from[1],
                  whole = s->v->frame.size[1];
    pp_c32 *host, *to = pp_array_data(s->out->object);
    PP_TRY(PP_ALLOC(s->model.pixels + 1, &host));
    const pp_status status =
        s->backend->download(host, s->point.object, (size_t)s->model.pixels * sizeof *host);
    for (int64_t y = core->from[0]; y < core->to[0]; y++)
        memcpy(to + y * whole + core->from[1],
               host + (y - mine->from[0]) * stride + core->from[1] - mine->from[1],
               (size_t)width * sizeof *host);
    pp_free(host);
    return status;
}

/* What this device made of the positions and intensities that it owns. */
static void put_patterns(const solve *s)
{
    const pp_box *mine = &s->v->tiles.extended[s->rank];
    for (int64_t i = 0; i < 2 * s->setup.patterns; i++) {
        const int64_t j = s->pick ? s->pick[i / 2] : i / 2;
        if (s->v->tile_of[j] != s->rank) continue;
        s->v->corners[2 * j + i % 2] = s->corners[i] + (double)mine->from[i % 2];
        if (s->factors)
            ((double *)pp_array_data(s->out->intensities))[j] =
                s->factors[i / 2] * s->factors[i / 2];
    }
}

/* With patterns that several tiles work on each tile tells what it saw on its core. */
static void add_light(const solve *s, const float *w)
{
    const pp_box *mine = &s->v->tiles.extended[s->rank],
                 *box = s->v->tiles.reach > 0 ? &s->v->tiles.core[s->rank] : mine;
    const int64_t width = mine->to[1] - mine->from[1], whole = s->v->frame.size[1];
    float *to = pp_array_data(s->out->illumination);
    for (int64_t y = box->from[0]; y < box->to[0]; y++)
        for (int64_t x = box->from[1]; x < box->to[1]; x++)
            to[y * whole + x] += w[(y - mine->from[0]) * width + x - mine->from[1]];
}

/* Devices add in rank order. */
static pp_status take_turns(const solve *s, const float *w)
{
    for (int r = 0; r < s->v->tiles.count; r++) {
        if (r == s->rank && s->model.sweep) add_light(s, w);
        PP_TRY(meet(s));
    }
    return PP_OK;
}

static pp_status put_illumination(solve *s)
{
    const pp_ptychography *m = &s->model;
    const pp_sweep_point at = {s->point.object, s->point.probe};
    float *w = NULL, *host = NULL;
    pp_status status = PP_OK;
    PP_TRY_TO(done, m->backend->upload(s->point.probe, pp_array_read(s->out->probe),
                                       pp_array_bytes(s->out->probe)));
    PP_TRY_TO(done, m->backend->alloc((size_t)(m->pixels + 1) * sizeof *w, (void **)&w));
    PP_TRY_TO(done, PP_ALLOC(m->pixels + 1, &host));
    if (m->sweep) PP_TRY_TO(done, pp_sweep_illumination(m->sweep, w, NULL, &at));
    PP_TRY_TO(done, m->backend->download(host, w, (size_t)m->pixels * sizeof *w));
    status = take_turns(s, host);
done:
    if (w) m->backend->release(w);
    pp_free(host);
    return status;
}

pp_status pp_view_put(solve *s)
{
    const bool alone = pp_view_apart(s) && s->o->split == PP_SPLIT_INDEPENDENT;
    if (s->rank == 0) PP_TRY(create_arrays(s));
    PP_TRY(meet(s));
    PP_TRY(alone ? pp_view_blend(s) : put_core(s));
    put_patterns(s);
    PP_TRY(meet(s));
    if (s->rank == 0) {
        PP_TRY(s->backend->download(pp_array_data(s->out->probe), s->point.probe,
                                    pp_array_bytes(s->out->probe)));
        PP_TRY(move_back(s));
        PP_TRY(put_positions(s));
    }
    PP_TRY(meet(s));
    return alone ? PP_OK : put_illumination(s);
}

void pp_view_output_free(pp_view_output *out)
{
    pp_array_free(&out->object), pp_array_free(&out->origin), pp_array_free(&out->illumination);
    pp_array_free(&out->probe), pp_array_free(&out->positions);
    pp_array_free(&out->cost), pp_array_free(&out->steps), pp_array_free(&out->error),
        pp_array_free(&out->intensities);
    pp_array_free(&out->background);
}
