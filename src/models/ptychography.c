/* SPDX-License-Identifier: BSD-3-Clause */
#include "models/ptychography.h"

#include <math.h>

#include "base/alloc.h"
#include "kernels/regrid.h"

static bool in_group(const pp_ptychography *m)
{
    return m->split.group != NULL;
}

static bool hybrid(const pp_ptychography *m)
{
    return in_group(m) && m->split.method == PP_SPLIT_HYBRID;
}

/* Tiles that each have an object of their own, and one probe. */
static bool apart(const pp_ptychography *m)
{
    return in_group(m) &&
           (m->split.method == PP_SPLIT_HALO || m->split.method == PP_SPLIT_INDEPENDENT);
}

static bool has_whole(const pp_ptychography *m)
{
    return hybrid(m) && pp_comm_rank(m->split.group) == 0;
}

static int64_t whole_pixels(const pp_ptychography *m)
{
    const pp_box whole = pp_split_whole(&m->split);
    return pp_box_area(&whole);
}

pp_status pp_ptychography_create(const pp_backend *backend, const char *implementation,
                                 const pp_sweep_setup *setup, pp_ptychography *out)
{
    pp_ptychography m = {
        .backend = backend, .threads = setup->threads, .patterns = setup->patterns};
    const pp_sweep_class *kind = pp_backend_sweep(backend, setup, implementation);
    if (!kind)
        return PP_FAIL(PP_ERR_RUN, "back end %s has no %s sweep for detectors of %lld pixels",
                       backend->name, implementation ? implementation : "", (long long)setup->n);
    m.pixels = setup->object[0] * setup->object[1];
    m.frame = setup->n * setup->n;
    m.modes = setup->modes;
    m.probe_moves = setup->probe_moves;
    m.model = setup->model;
    if (setup->patterns > 0) {
        PP_TRY(pp_sweep_create(kind, setup, &m.sweep));
        pp_sweep_sums(m.sweep, &m.totals);
    }
    *out = m;
    return PP_OK;
}

static pp_status take_memory(const pp_ptychography *m, int64_t count, size_t size, void *out)
{
    return m->backend->alloc((size_t)(count > 0 ? count : 1) * size, out);
}

static pp_status take_rests(pp_ptychography *m, bool wanted)
{
    if (!wanted || apart(m)) return PP_OK;
    PP_TRY(take_memory(m, m->pixels, sizeof *m->rest, (void *)&m->rest));
    if (!has_whole(m)) return PP_OK;
    return take_memory(m, whole_pixels(m), sizeof *m->whole_rest, (void *)&m->whole_rest);
}

static pp_status join(pp_ptychography *m, const pp_split *split, bool wide_sum)
{
    double sums[3] = {m->totals.counts, m->totals.poisson_offset, m->totals.pixels};
    m->split = *split;
    m->split.backend = m->backend;
    pp_split_watch(&m->split);
    if (m->probe_moves && !split->links)
        PP_TRY(
            m->backend->alloc((size_t)(m->frame * m->modes) * sizeof *m->room, (void **)&m->room));
    PP_TRY(take_rests(m, wide_sum));
    PP_TRY(pp_ptychography_sum(m, sums, 3));
    m->totals = (pp_sweep_totals){sums[0], sums[1], sums[2]};
    return PP_OK;
}

/* With the stages in which its gradient is passed on. */
static pp_status create_staged(const pp_backend *backend, const char *implementation,
                               const pp_sweep_setup *setup, const pp_split *split,
                               pp_ptychography *out)
{
    pp_sweep_setup with = *setup;
    int32_t *stage;
    with.stages = setup->wide_sum ? 1 : pp_split_stages(split); /* in double: all at the end */
    if (with.stages == 1) return pp_ptychography_create(backend, implementation, setup, out);
    PP_TRY(PP_ALLOC(setup->patterns + 1, &stage));
    for (int64_t j = 0; j < setup->patterns; j++)
        stage[j] = pp_split_stage(split, setup->positions + 2 * j, setup->n);
    with.stage = stage;
    const pp_status status = pp_ptychography_create(backend, implementation, &with, out);
    pp_free(stage);
    return status;
}

pp_status pp_ptychography_create_tile(const pp_backend *backend, const char *implementation,
                                      const pp_sweep_setup *setup, const pp_split *split,
                                      pp_ptychography *out)
{
    pp_ptychography m;
    PP_TRY(create_staged(backend, implementation, setup, split, &m));
    const pp_status status = split->group ? join(&m, split, setup->wide_sum) : PP_OK;
    if (status == PP_OK)
        *out = m;
    else
        pp_ptychography_free(&m);
    return status;
}

void pp_ptychography_free(pp_ptychography *model)
{
    pp_sweep_free(&model->sweep);
    if (model->room) model->backend->release(model->room);
    if (model->rest) model->backend->release(model->rest);
    if (model->whole_rest) model->backend->release(model->whole_rest);
    model->room = model->rest = model->whole_rest = NULL;
}

/* ---- vectors ---- */

static pp_status create_point(const pp_ptychography *m, bool probe, bool whole, pp_point *out)
{
    pp_point p = {0};
    pp_status status = take_memory(m, m->pixels, sizeof *p.object, (void *)&p.object);
    if (status == PP_OK && probe)
        status = take_memory(m, m->frame * m->modes, sizeof *p.probe, (void *)&p.probe);
    if (status == PP_OK && whole)
        status = take_memory(m, whole_pixels(m), sizeof *p.whole, (void *)&p.whole);
    if (status != PP_OK)
        pp_point_free(m, &p);
    else
        *out = p;
    return status;
}

pp_status pp_point_create(const pp_ptychography *m, bool probe, pp_point *out)
{
    return create_point(m, probe, has_whole(m), out);
}

pp_status pp_point_create_place(const pp_ptychography *m, pp_point *out)
{
    return create_point(m, true, false, out);
}

void pp_point_free(const pp_ptychography *m, pp_point *point)
{
    if (point->object) m->backend->release(point->object);
    if (point->probe) m->backend->release(point->probe);
    if (point->whole) m->backend->release(point->whole);
    *point = (pp_point){0};
}

pp_status pp_point_weight_create(const pp_ptychography *m, pp_point_weight *out)
{
    pp_point_weight w = {0};
    pp_status status = take_memory(m, m->pixels, sizeof *w.object, (void *)&w.object);
    if (status == PP_OK && m->probe_moves)
        status = take_memory(m, m->frame, sizeof *w.probe, (void *)&w.probe);
    if (status == PP_OK && has_whole(m))
        status = take_memory(m, whole_pixels(m), sizeof *w.whole, (void *)&w.whole);
    if (status != PP_OK)
        pp_point_weight_free(m, &w);
    else
        *out = w;
    return status;
}

void pp_point_weight_free(const pp_ptychography *m, pp_point_weight *weight)
{
    if (weight->object) m->backend->release(weight->object);
    if (weight->probe) m->backend->release(weight->probe);
    if (weight->whole) m->backend->release(weight->whole);
    *weight = (pp_point_weight){0};
}

/* This device's part of a product of objects: its core, or on rank 0 of a hybrid group all. */
static pp_c64 dot_mine(const pp_ptychography *m, const pp_point *x, const pp_point *y,
                       const pp_point_weight *w)
{
    const pp_vectors *v = m->backend->vectors;
    if (!in_group(m) || apart(m))
        return v->dot(x->object, y->object, w ? w->object : NULL, m->pixels, m->threads);
    if (has_whole(m))
        return v->dot(x->whole, y->whole, w ? w->whole : NULL, whole_pixels(m), m->threads);
    if (hybrid(m)) return (pp_c64){0, 0};
    const pp_box mine = pp_split_extended(&m->split), core = pp_split_core(&m->split);
    const int64_t stride = mine.to[1] - mine.from[1],
                  at = (core.from[0] - mine.from[0]) * stride + core.from[1] - mine.from[1];
    return v->dot_box(x->object + at, y->object + at, w ? w->object + at : NULL,
                      core.to[0] - core.from[0], core.to[1] - core.from[1], stride, m->threads);
}

pp_c64 pp_point_dot(const pp_ptychography *m, const pp_point *x, const pp_point *y,
                    const pp_point_weight *w)
{
    const pp_vectors *v = m->backend->vectors;
    pp_c64 sum = dot_mine(m, x, y, w);
    if (isnan(sum.re) && in_group(m)) pp_split_tell_failure(&m->split);
    double parts[2] = {sum.re, sum.im};
    if (pp_ptychography_sum(m, parts, 2) != PP_OK) return (pp_c64){NAN, NAN};
    sum = (pp_c64){parts[0], parts[1]};
    for (int64_t k = 0; x->probe && y->probe && k < m->modes; k++) {
        const pp_c64 more = v->dot(x->probe + k * m->frame, y->probe + k * m->frame,
                                   w ? w->probe : NULL, m->frame, m->threads);
        sum.re += more.re, sum.im += more.im;
    }
    return sum;
}

pp_c64 pp_object_dot(const pp_ptychography *m, const pp_c32 *x, const pp_c32 *y, const float *w)
{
    /* only read */
    const pp_point a = {.object = (pp_c32 *)(uintptr_t)x}, b = {.object = (pp_c32 *)(uintptr_t)y};
    const pp_point_weight weight = {.object = (float *)(uintptr_t)w};
    return pp_point_dot(m, &a, &b, w ? &weight : NULL);
}

pp_status pp_point_direction(const pp_ptychography *m, pp_point *d, const pp_point *g,
                             const pp_point_weight *w, pp_c64 beta)
{
    const pp_vectors *v = m->backend->vectors;
    for (int64_t k = 0; d->probe && g->probe && k < m->modes; k++)
        v->direction(d->probe + k * m->frame, g->probe + k * m->frame, w ? w->probe : NULL, beta,
                     m->frame, m->threads);
    if (has_whole(m))
        v->direction(d->whole, g->whole, w ? w->whole : NULL, beta, whole_pixels(m), m->threads);
    if (hybrid(m)) return pp_split_scatter(&m->split, d->object, d->whole, 2);
    v->direction(d->object, g->object, w ? w->object : NULL, beta, m->pixels, m->threads);
    return PP_OK;
}

pp_status pp_point_axpy(const pp_ptychography *m, pp_point *y, double a, const pp_point *x)
{
    const pp_vectors *v = m->backend->vectors;
    v->axpy(y->object, a, x->object, m->pixels, m->threads);
    if (y->probe && x->probe) v->axpy(y->probe, a, x->probe, m->frame * m->modes, m->threads);
    /* Tiles hold the same numbers on what they share, and so do their directions: nothing has to be exchanged. */
    return PP_OK;
}

void pp_point_scale(const pp_ptychography *m, pp_point *g, double a)
{
    const pp_vectors *v = m->backend->vectors;
    v->scale(g->object, a, m->pixels, m->threads);
    if (g->whole) v->scale(g->whole, a, whole_pixels(m), m->threads);
}

/* ---- weights ---- */

static pp_status light_here(const pp_ptychography *m, float *object, float *probe,
                            const pp_point *at)
{
    const pp_vectors *v = m->backend->vectors;
    const pp_sweep_point here = {at->object, at->probe};
    if (m->sweep) return pp_sweep_illumination(m->sweep, object, probe, &here);
    v->box(object, 0, NULL, 0, 1, m->pixels, false);
    if (probe) v->box(probe, 0, NULL, 0, 1, m->frame, false);
    return PP_OK;
}

/* Of a group: the largest of all tiles. */
static pp_status find_largest(const pp_ptychography *m, const float *w, int64_t count, bool tiles,
                              double *most)
{
    *most = w ? m->backend->vectors->largest(w, count, m->threads) : 0;
    return tiles ? pp_group_sum(m->split.group, most, 1, PP_MAX) : PP_OK;
}

pp_status pp_ptychography_light(const pp_ptychography *m, float *light, double *largest,
                                const pp_point *at)
{
    PP_TRY(light_here(m, light, NULL, at));
    if (in_group(m) && !apart(m)) PP_TRY(pp_split_pass(&m->split, light, 1));
    return find_largest(m, light, m->pixels, in_group(m), largest);
}

static pp_status precondition(const pp_ptychography *m, float *w, int64_t count, bool tiles)
{
    double most;
    PP_TRY(find_largest(m, w, count, tiles, &most));
    if (w) m->backend->vectors->weight(w, most, count, m->threads);
    return PP_OK;
}

pp_status pp_point_weights(const pp_ptychography *m, pp_point_weight *w, const pp_point *at)
{
    PP_TRY(light_here(m, w->object, w->probe, at));
    if (in_group(m) && w->probe)
        PP_TRY(pp_split_sum(&m->split, w->probe, (float *)m->room, m->frame));
    PP_TRY(precondition(m, w->probe, m->frame, false));
    if (hybrid(m)) {
        PP_TRY(pp_split_gather(&m->split, w->whole, w->object, 1, 0, 1));
        return precondition(m, w->whole, w->whole ? whole_pixels(m) : 0, false);
    }
    if (in_group(m) && !apart(m)) PP_TRY(pp_split_pass(&m->split, w->object, 1));
    return precondition(m, w->object, m->pixels, in_group(m));
}

/* ---- cost and gradient ---- */

pp_status pp_ptychography_sum(const pp_ptychography *m, double *values, int count)
{
    return in_group(m) ? pp_group_sum(m->split.group, values, count, PP_SUM) : PP_OK;
}

/* What is passed on of a gradient. */
typedef struct sharing {
    const pp_ptychography *m;
    const pp_point *g;
} sharing;

/* image's sum over the tiles, on them or on rank 0 in `whole`: stage `stage` of `stages` of what has to be passed. */
static pp_status add_up(const pp_ptychography *m, pp_c32 *whole, pp_c32 *image, int stage,
                        int stages)
{
    if (hybrid(m)) return pp_split_gather(&m->split, whole, image, 2, stage, stages);
    return stage > 0 || apart(m) ? PP_OK : pp_split_pass(&m->split, image, 2);
}

/* After stage `stage` of the patterns. */
static pp_status share_object(void *argument, int stage)
{
    const sharing *s = argument;
    return add_up(s->m, s->g->whole, s->g->object, stage, pp_split_stages(&s->m->split));
}

static pp_status share_all(sharing *s)
{
    pp_status status = PP_OK;
    for (int k = 0; k < pp_split_stages(&s->m->split) && status == PP_OK; k++)
        status = share_object(s, k);
    return status;
}

/* This device's part, what it passes on meanwhile, and what it has of the others'. */
static pp_status gradient_here(const pp_ptychography *m, pp_point *g, double sums[2], bool misfit,
                               const pp_point *at)
{
    const pp_vectors *v = m->backend->vectors;
    const pp_sweep_point here = {at->object, at->probe};
    const bool shares = in_group(m) && g && !m->rest,
               beside = shares && !m->split.in_turn && m->sweep;
    double seconds[2] = {0, 0};
    sharing all = {m, g};
    const pp_sweep_gradient out = {.object = g ? g->object : NULL,
                                   .probe = g ? g->probe : NULL,
                                   .cost = &sums[0],
                                   .misfit = misfit ? &sums[1] : NULL,
                                   .rest = g ? m->rest : NULL,
                                   .ready = beside ? share_object : NULL,
                                   .self = &all,
                                   .beside = seconds};
    if (m->sweep) PP_TRY(pp_sweep_gradient_at(m->sweep, &out, &here));
    if (beside) pp_group_add(m->split.group, seconds[0], seconds[1], 0);
    if (!m->sweep && g) v->box((float *)g->object, 0, NULL, 0, 1, 2 * m->pixels, false);
    if (!m->sweep && g && m->rest) v->box((float *)m->rest, 0, NULL, 0, 1, 2 * m->pixels, false);
    if (!m->sweep && g && g->probe)
        v->box((float *)g->probe, 0, NULL, 0, 1, 2 * m->frame * m->modes, false);
    return shares && !beside ? share_all(&all) : PP_OK;
}

/* Of gradients summed in double, when all patterns are done: gradient and rest of all tiles on one grid, so that adding them does not
 * round; then what was cut off of them. */
static pp_status add_up_wide(const pp_ptychography *m, const pp_point *g)
{
    const pp_vectors *v = m->backend->vectors;
    double peak = v->peak((float *)g->object, 2 * m->pixels, m->threads);
    PP_TRY(pp_group_sum(m->split.group, &peak, 1, PP_MAX));
    const double unit = pp_regrid_unit(peak, pp_comm_size(m->split.group));
    if (unit > 0) v->regrid((float *)g->object, (float *)m->rest, unit, 2 * m->pixels, m->threads);
    PP_TRY(add_up(m, g->whole, g->object, 0, 1));
    PP_TRY(add_up(m, m->whole_rest, m->rest, 0, 1));
    if (g->whole)
        v->axpy(g->whole, 1, m->whole_rest, whole_pixels(m), m->threads);
    else
        v->axpy(g->object, 1, m->rest, m->pixels, m->threads);
    return PP_OK;
}

pp_status pp_ptychography_gradient(const pp_ptychography *m, pp_point *g, double *cost,
                                   double *misfit, const pp_point *at)
{
    double sums[2] = {0, 0};
    PP_TRY(gradient_here(m, g, sums, misfit != NULL, at));
    if (in_group(m) && g && m->rest) PP_TRY(add_up_wide(m, g));
    if (in_group(m) && g && g->probe)
        PP_TRY(
            pp_split_sum(&m->split, (float *)g->probe, (float *)m->room, 2 * m->frame * m->modes));
    PP_TRY(pp_ptychography_sum(m, sums, 2));
    *cost = sums[0];
    if (misfit) *misfit = sums[1];
    return PP_OK;
}

/* ---- along a line ---- */

static pp_status sum_line(const pp_ptychography *m, pp_sweep_slope *slope, double *costs, int count)
{
    double sums[PP_SWEEP_STEPS + 2] = {slope ? slope->slope : 0, slope ? slope->curvature : 0};
    if (!in_group(m)) return PP_OK;
    for (int k = 0; k < count; k++) sums[2 + k] = costs[k];
    PP_TRY(pp_ptychography_sum(m, sums, count + 2));
    for (int k = 0; k < count; k++) costs[k] = sums[2 + k];
    if (slope) *slope = (pp_sweep_slope){sums[0], sums[1]};
    return PP_OK;
}

pp_status pp_ptychography_line(const pp_ptychography *m, pp_sweep_slope *out, double *costs,
                               const pp_point *at, const pp_point *d, const double *steps,
                               int count)
{
    const pp_sweep_point here = {at->object, at->probe};
    const pp_sweep_direction along = {d->object, d->probe};
    *out = (pp_sweep_slope){0, 0};
    for (int k = 0; k < count; k++) costs[k] = 0;
    if (m->sweep) PP_TRY(pp_sweep_line(m->sweep, out, costs, &here, &along, steps, count));
    return sum_line(m, out, costs, count);
}

pp_status pp_ptychography_costs(const pp_ptychography *m, double *costs, const pp_point *at,
                                const pp_point *d, const double *steps, int count)
{
    const pp_sweep_point here = {at->object, at->probe};
    const pp_sweep_direction along = {d->object, d->probe};
    for (int k = 0; k < count; k++) costs[k] = 0;
    if (m->sweep) PP_TRY(pp_sweep_costs(m->sweep, costs, &here, &along, steps, count));
    return sum_line(m, NULL, costs, count);
}

void pp_ptychography_advance(const pp_ptychography *m, double to)
{
    if (m->sweep) pp_sweep_advance(m->sweep, to);
}

void pp_ptychography_renew(const pp_ptychography *m)
{
    if (m->sweep) pp_sweep_renew(m->sweep);
}

pp_status pp_ptychography_position_terms(const pp_ptychography *m, pp_sweep_position *terms,
                                         const pp_point *at)
{
    const pp_sweep_point here = {at->object, at->probe};
    return m->sweep ? pp_sweep_position_terms(m->sweep, terms, &here) : PP_OK;
}

void pp_ptychography_move(const pp_ptychography *m, const double *positions, const double *factors)
{
    if (m->sweep) pp_sweep_move(m->sweep, positions, factors);
}

double pp_ptychography_excess(const pp_ptychography *m, double cost)
{
    return m->model == PP_SWEEP_POISSON ? cost - m->totals.poisson_offset : cost;
}
