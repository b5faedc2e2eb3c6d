/* Independent tiles of a view put together (solvers/blend.h): the output's object and illumination hold the weighted sum and the
 * weights of the tiles so far.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>

#include "base/alloc.h"
#include "solvers/blend.h"
#include "solvers/view_internal.h"

typedef struct patch {
    int64_t size[2], pixels;
    pp_c32 *tile, *reference;
    float *light, *before; /* weights of both */
} patch;

static pp_status fetch(const solve *s, patch *p)
{
    const pp_ptychography *m = &s->model;
    const pp_sweep_point at = {s->point.object, s->point.probe};
    float *w = NULL;
    pp_status status = PP_OK;
    PP_TRY(PP_ALLOC(p->pixels + 1, &p->tile));
    PP_TRY(PP_ALLOC(p->pixels + 1, &p->reference));
    PP_TRY(PP_ALLOC(p->pixels + 1, &p->light));
    PP_TRY(PP_ALLOC(p->pixels + 1, &p->before));
    PP_TRY(m->backend->download(p->tile, s->point.object, (size_t)p->pixels * sizeof *p->tile));
    if (!m->sweep) return PP_OK;
    PP_TRY(m->backend->alloc((size_t)p->pixels * sizeof *w, (void **)&w));
    PP_TRY_TO(done, pp_sweep_illumination(m->sweep, w, NULL, &at));
    status = m->backend->download(p->light, w, (size_t)p->pixels * sizeof *w);
done:
    m->backend->release(w);
    return status;
}

static int64_t place(const solve *s, const patch *p, int64_t k)
{
    const pp_box *box = &s->v->tiles.extended[s->rank];
    return (box->from[0] + k / p->size[1]) * s->v->frame.size[1] + box->from[1] + k % p->size[1];
}

static void read_reference(const solve *s, patch *p)
{
    const pp_c32 *sum = pp_array_read(s->out->object);
    const float *weight = pp_array_read(s->out->illumination);
    for (int64_t k = 0; k < p->pixels; k++) {
        const int64_t i = place(s, p, k);
        const float w = weight[i];
        p->before[k] = w;
        p->reference[k] = w > 0 ? (pp_c32){sum[i].re / w, sum[i].im / w} : (pp_c32){1, 0};
    }
}

static void add(const solve *s, const patch *p)
{
    pp_c32 *sum = pp_array_data(s->out->object);
    float *weight = pp_array_data(s->out->illumination);
    for (int64_t k = 0; k < p->pixels; k++) {
        const int64_t i = place(s, p, k);
        const float w = p->light[k];
        sum[i].re += w * p->tile[k].re, sum[i].im += w * p->tile[k].im;
        weight[i] += w;
    }
}

static pp_status blend_mine(const solve *s)
{
    const pp_box *box = &s->v->tiles.extended[s->rank];
    patch p = {.size = {box->to[0] - box->from[0], box->to[1] - box->from[1]}};
    pp_blend_match match = {0};
    pp_status status = PP_OK;
    p.pixels = p.size[0] * p.size[1];
    PP_TRY_TO(done, fetch(s, &p));
    read_reference(s, &p);
    if (s->rank > 0 && s->model.sweep) {
        PP_TRY_TO(done, pp_blend_find(p.tile, p.light, p.reference, p.before, p.size,
                                      s->setup.threads, &match));
        PP_TRY_TO(done, pp_blend_apply(p.tile, p.size, &match, s->setup.threads));
        for (int64_t i = 0; s->settings.refine_positions && i < 2 * s->setup.patterns; i++)
            s->corners[i] += match.shift[i % 2]; /* the windows move with the tile */
    }
    add(s, &p);
    s->out->tile_mismatch = fmax(s->out->tile_mismatch, match.mismatch);
    s->out->tile_shift = fmax(s->out->tile_shift, hypot(match.shift[0], match.shift[1]));
done:
    pp_free(p.tile), pp_free(p.reference), pp_free(p.light), pp_free(p.before);
    return status;
}

static void divide(const solve *s)
{
    pp_c32 *object = pp_array_data(s->out->object);
    const float *weight = pp_array_read(s->out->illumination);
    for (int64_t k = 0; k < pp_array_count(s->out->object); k++) {
        const float w = weight[k];
        object[k] = w > 0 ? (pp_c32){object[k].re / w, object[k].im / w} : (pp_c32){1, 0};
    }
}

pp_status pp_view_blend(solve *s)
{
    for (int r = 0; r < s->v->tiles.count; r++) {
        if (r == s->rank) PP_TRY(blend_mine(s));
        PP_TRY(pp_comm_barrier(s->group));
    }
    if (s->rank == 0) divide(s);
    return PP_OK;
}
