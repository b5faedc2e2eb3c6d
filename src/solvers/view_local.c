/* Gradient Decomposition with local steps (Wang et al. 2022, its algorithm 1 with APPP's asynchronous passes), sync = local.
 *
 * Each device goes down its own patterns' gradient as soon as it has it, V -= w g, with the preconditioner w of the whole view;
 * what it adds to pixels that others hold too travels meanwhile and comes one exchange late: V -= w (sum of all - own). (The paper
 * adds the own part twice, which drives copies of a pixel apart.) An iteration is cut into `exchanges` groups of patterns, in the order
 * of the scan, each followed by a step and an exchange. The passes run in a thread of their own while the device computes, but the
 * step that an exchange is applied after is fixed: the same bits whatever the timing.
 *
 * After the last exchange all copies of a pixel are equal but for rounding. The cost of an iteration is summed over groups, each at the
 * point where its gradient was taken.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "comm/background.h"
#include "solvers/view_internal.h"

typedef struct local {
    solve *s;
    pp_split split;        /* of the whole group */
    pp_ptychography *part; /* [parts], of this device's patterns */
    int64_t parts;
    pp_point g, own, sum, step; /* objects only */
    pp_point_weight w;
    pp_background *passes;
    double joined; /* seconds that this device has waited for its passes */
    bool flying;
} local;

static pp_status pass(void *argument)
{
    local *l = argument;
    return pp_split_pass(&l->split, l->sum.object, 2);
}

static pp_status descend(local *l, const pp_point *g)
{
    const pp_ptychography *m = &l->s->model;
    const pp_vectors *v = m->backend->vectors;
    v->direction(l->step.object, g->object, l->w.object, (pp_c64){0, 0}, m->pixels, m->threads);
    v->axpy(l->s->point.object, 1, l->step.object, m->pixels, m->threads);
    return PP_OK;
}

/* The exchange under way has come: what others have added to this device's pixels. */
static pp_status land(local *l)
{
    const pp_ptychography *m = &l->s->model;
    if (!l->flying) return PP_OK;
    l->flying = false;
    const double start = pp_clock_seconds();
    PP_TRY(pp_background_wait(l->passes));
    l->joined += pp_clock_seconds() - start;
    m->backend->vectors->axpy(l->sum.object, -1, l->own.object, m->pixels, m->threads);
    return descend(l, &l->sum);
}

static void take_off(local *l)
{
    const pp_ptychography *m = &l->s->model;
    const pp_point swap = l->own;
    l->own = l->g, l->g = swap;
    m->backend->vectors->box((float *)l->sum.object, 0, (float *)l->own.object, 0, 1, 2 * m->pixels,
                             false);
    pp_background_start(l->passes, pass, l);
    l->flying = true;
}

static pp_status one_part(local *l, int64_t k, double *cost)
{
    double misfit, more;
    PP_TRY(pp_ptychography_gradient(&l->part[k], &l->g, &more, &misfit, &l->s->point));
    *cost += more;
    PP_TRY(descend(l, &l->g));
    PP_TRY(land(l));
    take_off(l);
    return PP_OK;
}

static pp_status iterate(local *l, pp_ptycho_result *r)
{
    const pp_ptycho_settings *settings = &l->s->settings;
    for (r->done = 0; r->done < settings->iterations; r->done++) {
        double cost = 0;
        for (int64_t k = 0; k < l->parts; k++) PP_TRY(one_part(l, k, &cost));
        r->cost[r->done] = cost, r->step[r->done] = 1, r->change[r->done] = (double)NAN;
        if (!isfinite(cost))
            return PP_FAIL(PP_ERR_RUN, "iteration %lld: the cost of device %d is %g",
                           (long long)r->done, l->s->rank, cost);
        if (settings->stopped && settings->stopped(settings->self, r->done, cost))
            return PP_FAIL(PP_ERR_INTERRUPTED, "stopped in iteration %lld", (long long)r->done);
    }
    return land(l);
}

/* A group of patterns is a model of its own, over the same frames; all of them together are the device's. */
static pp_status create_part(local *l, int64_t k)
{
    solve *s = l->s;
    if (l->parts == 1) {
        l->part[0] = s->model;
        l->part[0].split = (pp_split){0};
        return PP_OK;
    }
    const int64_t n2 = s->setup.n * s->setup.n, from = s->setup.patterns * k / l->parts;
    pp_sweep_setup setup = s->setup;
    setup.patterns = s->setup.patterns * (k + 1) / l->parts - from;
    setup.positions += 2 * from;
    setup.frames =
        (const char *)setup.frames + (size_t)(from * n2) * pp_dtype_size(setup.frame_type);
    setup.keep = false;
    return pp_ptychography_create(s->backend, s->implementation, &setup, &l->part[k]);
}

static pp_status create(local *l)
{
    const pp_ptychography *m = &l->s->model;
    PP_TRY(PP_ALLOC(l->parts, &l->part));
    for (int64_t k = 0; k < l->parts; k++) PP_TRY(create_part(l, k));
    PP_TRY(pp_point_create(&l->part[0], false, &l->g));
    PP_TRY(pp_point_create(&l->part[0], false, &l->own));
    PP_TRY(pp_point_create(&l->part[0], false, &l->sum));
    PP_TRY(pp_point_create(&l->part[0], false, &l->step));
    PP_TRY(pp_point_weight_create(m, &l->w));
    return pp_background_create(m->backend->host_memory, &l->passes);
}

static void release(local *l)
{
    const pp_ptychography *m = &l->s->model;
    pp_background_free(&l->passes);
    for (int64_t k = 0; l->part && l->parts > 1 && k < l->parts; k++)
        pp_ptychography_free(&l->part[k]);
    pp_free(l->part);
    pp_point_free(m, &l->g), pp_point_free(m, &l->own);
    pp_point_free(m, &l->sum), pp_point_free(m, &l->step);
    pp_point_weight_free(m, &l->w);
}

pp_status pp_view_local(solve *s, pp_ptycho_result *r)
{
    const pp_tiles *tiles = &s->v->tiles;
    int64_t most = 1; /* patterns of a device: no more exchanges than that */
    for (int k = 0; k < tiles->count; k++)
        most = tiles->patterns[k] > most ? tiles->patterns[k] : most;
    local l = {.s = s, .split = s->split};
    l.parts = s->o->exchanges < most ? s->o->exchanges : most;
    double cost;
    pp_status status = PP_OK;
    PP_TRY_TO(done, create(&l));
    PP_TRY_TO(done, pp_point_weights(&s->model, &l.w, &s->point));
    PP_TRY_TO(done, iterate(&l, r));
    PP_TRY_TO(done, pp_view_sum_costs(s, r->cost, r->done));
    PP_TRY_TO(done, pp_ptychography_gradient(&s->model, NULL, &cost, &r->misfit, &s->point));
    r->cost[r->done] = cost;
done:
    if (l.flying) pp_group_fail(s->group, status);
    release(&l);
    s->waited = l.joined;
    return status;
}
