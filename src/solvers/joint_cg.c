/* Conjugate gradients in object and probe together, the default solver.
 *
 * Polak-Ribiere+ in the metric of the illumination preconditioners: z = w g, beta = max(0, (<g, z> - <g_old, z>) /
 * <g_old, z_old>), d = -z + beta d; Newton step -F'/F'' within [1e-3, 4], from the exact derivatives along d. The cost at the
 * new point comes with the next gradient; only where it rose, halved steps are tried, all in one pass.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>

#include "base/alloc.h"
#include "models/probe.h"
#include "solvers/ptychography.h"
#include "solvers/smoothness.h"

enum { REFRESH_WEIGHTS = 10, HALVINGS = 10 };

typedef struct state {
    const pp_ptychography *model;
    const pp_ptycho_settings *settings;
    pp_ptycho_result *result;
    pp_point *point, g, next, d; /* next: gradient at a point that is not accepted yet */
    pp_point_weight w;
    pp_sweep_position *terms; /* [J] */
    pp_c32 *modes;   /* room for 4 probes on the host; NULL: one mode, or the probe stays */
    double cost, gz; /* at the accepted point */
    double gd;       /* Re <g, d> there */
    double step;     /* from it to the present point */
    pp_smoothness smooth;
    pp_c32 *gap; /* penalty: t - o at the present point; NULL without one */
    double energy, energy_slope, energy_curvature; /* of penalty and smoothness along the line */
    bool fresh;    /* the next direction is the preconditioned gradient */
    bool steepest; /* the last one was */
    bool weighted;
} state;

static const pp_point_weight *weights(const state *s)
{
    return s->settings->precondition ? &s->w : NULL;
}

/* Of this iteration in the whole solve. */
static int64_t number(const state *s)
{
    return s->settings->first + s->result->done;
}

/* A gradient or direction as the solver sees it now: without its probe part until the probe moves. */
static pp_point part(const state *s, const pp_point *whole)
{
    const bool probe = s->settings->refine_probe && number(s) >= s->settings->probe_start;
    return (pp_point){whole->object, probe ? whole->probe : NULL, whole->whole};
}

/* Turns the modes, and with them gradients and direction: nothing that the solver goes by changes, but modes are orthogonal
 * and the strongest is first, so no two of them can become one. */
static pp_status separate_modes(state *s)
{
    const pp_ptychography *m = s->model;
    const int64_t count = m->frame * m->modes;
    const size_t bytes = (size_t)count * sizeof(pp_c32);
    pp_c32 *const device[4] = {s->point->probe, s->g.probe, s->next.probe, s->d.probe};
    pp_c32 *const host[4] = {s->modes, s->modes + count, s->modes + 2 * count,
                             s->modes + 3 * count};
    for (int i = 0; i < 4; i++) PP_TRY(m->backend->download(host[i], device[i], bytes));
    pp_probe_orthogonalise_with(host[0], lround(sqrt((double)m->frame)), m->modes, host + 1, 3);
    for (int i = 0; i < 4; i++) PP_TRY(m->backend->upload(device[i], host[i], bytes));
    pp_ptychography_renew(m);
    return PP_OK;
}

static void add_smoothness(state *s, const pp_point *g, double *cost)
{
    if (!s->smooth.along) return;
    const double term =
        pp_smoothness_add(s->model, &s->smooth, g ? g->object : NULL, s->point->object);
    s->result->penalty += term;
    *cost += term;
}

/* The penalty's part of cost and gradient; the gap it leaves belongs to the present point. */
static void add_penalty(state *s, const pp_point *g, double *cost)
{
    const pp_ptychography *m = s->model;
    const pp_vectors *v = m->backend->vectors;
    const pp_penalty *penalty = s->settings->penalty;
    if (!penalty) return;
    v->direction(s->gap, s->point->object, NULL, (pp_c64){0, 0}, m->pixels, m->threads);
    v->axpy(s->gap, 1, penalty->target, m->pixels, m->threads);
    s->result->penalty = pp_object_dot(m, s->gap, s->gap, penalty->weight).re;
    *cost += s->result->penalty;
    if (g) v->direction(g->object, s->gap, penalty->weight, (pp_c64){1, 0}, m->pixels, m->threads);
}

static pp_status gradient(state *s, pp_point *g, double *cost, bool last)
{
    PP_TRY(pp_ptychography_gradient(s->model, g, cost, last ? &s->result->misfit : NULL, s->point));
    s->result->penalty = 0;
    add_penalty(s, g, cost);
    add_smoothness(s, g, cost);
    return PP_OK;
}

/* Both along d: energy + t slope + t^2 curvature / 2. */
static void add_penalty_line(state *s, const pp_point *d, pp_sweep_slope *slope)
{
    const pp_ptychography *m = s->model;
    const pp_penalty *penalty = s->settings->penalty;
    s->energy = s->result->penalty;
    s->energy_slope = s->energy_curvature = 0;
    if (s->smooth.along)
        pp_smoothness_line(m, &s->smooth, d->object, &s->energy_slope, &s->energy_curvature);
    if (penalty) {
        s->energy_slope -= 2 * pp_object_dot(m, s->gap, d->object, penalty->weight).re;
        s->energy_curvature += 2 * pp_object_dot(m, d->object, d->object, penalty->weight).re;
    }
    slope->slope += s->energy_slope;
    slope->curvature += s->energy_curvature;
}

/* w = 1 / (illumination + penalty); where neither says anything, a floor of the illumination acts. */
static pp_status penalised_weights(state *s)
{
    const pp_ptychography *m = s->model;
    const size_t bytes = (size_t)m->pixels * sizeof(float);
    float *lit = NULL, *penalty = NULL;
    double most;
    pp_status status = PP_OK;
    PP_TRY_TO(done, PP_ALLOC(m->pixels, &lit));
    PP_TRY_TO(done, PP_ALLOC(m->pixels, &penalty));
    PP_TRY_TO(done, pp_ptychography_light(m, s->w.object, &most, s->point));
    PP_TRY_TO(done, m->backend->download(lit, s->w.object, bytes));
    PP_TRY_TO(done, m->backend->download(penalty, s->settings->penalty->weight, bytes));
    for (int64_t i = 0; i < m->pixels; i++) {
        const float sum = lit[i] + penalty[i];
        lit[i] = 1 / (penalty[i] > 0 ? sum : hypotf(sum, 0.05f * (float)most));
    }
    status = m->backend->upload(s->w.object, lit, bytes);
done:
    pp_free(lit);
    pp_free(penalty);
    return status;
}

static pp_status refresh(state *s)
{
    const int64_t i = number(s);
    if (s->settings->precondition &&
        (!s->weighted || (s->settings->refine_probe && i % REFRESH_WEIGHTS == 0))) {
        PP_TRY(pp_point_weights(s->model, &s->w, s->point));
        if (s->settings->penalty) PP_TRY(penalised_weights(s));
        s->weighted = true;
    }
    if (s->modes && i > s->settings->probe_start && i % REFRESH_WEIGHTS == 0)
        PP_TRY(separate_modes(s));
    return PP_OK;
}

static pp_status turn(state *s)
{
    const pp_point g = part(s, &s->g), old = part(s, &s->next);
    pp_point d = part(s, &s->d);
    const double gz = pp_point_dot(s->model, &g, &g, weights(s)).re;
    pp_c64 beta = {0, 0};
    if (!s->fresh && s->gz > 0)
        beta.re = (gz - pp_point_dot(s->model, &old, &g, weights(s)).re) / s->gz;
    if (!(beta.re > 0)) beta.re = 0;
    PP_TRY(pp_point_direction(s->model, &d, &g, weights(s), beta));
    s->steepest = beta.re == 0;
    s->gd = s->steepest ? -gz : pp_point_dot(s->model, &g, &d, NULL).re;
    if (s->gd >= 0 && !s->steepest) {
        PP_TRY(pp_point_direction(s->model, &d, &g, weights(s), (pp_c64){0, 0}));
        s->steepest = true;
        s->gd = -gz;
    }
    s->gz = gz;
    s->fresh = false;
    return PP_OK;
}

/* Along d, to the point that Newton's rule gives. */
static pp_status walk(state *s)
{
    const pp_point g = part(s, &s->g), d = part(s, &s->d);
    pp_sweep_slope slope;
    PP_TRY(pp_ptychography_line(s->model, &slope, NULL, s->point, &d, NULL, 0));
    add_penalty_line(s, &d, &slope);
    pp_ptycho_adjointness(s->model, s->result, slope.slope, s->gd, &g, &d);
    const double newton = -slope.slope / slope.curvature;
    s->step = slope.curvature > 0 ? fmin(fmax(newton, 1e-3), 4) : 1;
    PP_TRY(pp_point_axpy(s->model, s->point, s->step, &d));
    pp_ptychography_advance(s->model, s->step);
    return PP_OK;
}

/* The cost rose: back to the accepted point and on to the largest halved step that lowers it, 0 where none does. */
static pp_status halve(state *s, int64_t turned)
{
    double steps[HALVINGS], costs[HALVINGS], taken = 0;
    const bool probe = s->settings->refine_probe && turned >= s->settings->probe_start;
    const pp_point d = {s->d.object, probe ? s->d.probe : NULL, s->d.whole};
    for (int k = 0; k < HALVINGS; k++) steps[k] = ldexp(s->step, -1 - k);
    PP_TRY(pp_point_axpy(s->model, s->point, -s->step, &d));
    PP_TRY(pp_ptychography_costs(s->model, costs, s->point, &d, steps, HALVINGS));
    for (int k = 0; k < HALVINGS && taken == 0; k++) {
        const double t = steps[k];
        costs[k] += s->energy + t * (s->energy_slope + t * s->energy_curvature / 2);
        if (costs[k] < s->cost) taken = t;
    }
    PP_TRY(pp_point_axpy(s->model, s->point, taken, &d));
    pp_ptychography_advance(s->model, taken);
    s->step = taken;
    return PP_OK;
}

/* Cost (and gradient, unless this is the end) at the present point; steps back where the cost rose. */
static pp_status evaluate(state *s, bool last)
{
    pp_ptycho_result *r = s->result;
    const int64_t i = r->done;
    double cost;
    pp_point swap = s->g;
    if (i > 0 && i % PP_PTYCHO_REFRESH == 0) pp_ptychography_renew(s->model);
    PP_TRY(gradient(s, last ? NULL : &s->next, &cost, last));
    if (s->step > 0 && cost > s->cost) {
        PP_TRY(halve(s, number(s) - 1));
        PP_TRY(gradient(s, last ? NULL : &s->next, &cost, last));
    }
    if (i > 0) pp_ptycho_record_step(s->model, r, i - 1, s->step, &s->d);
    s->g = s->next, s->next = swap;
    s->cost = cost;
    return PP_OK;
}

static bool positions_due(const state *s)
{
    const pp_ptycho_settings *p = s->settings;
    const int64_t i = number(s);
    return (p->refine_positions || p->refine_intensities || s->result->background) &&
           i >= p->positions_start &&
           (i - p->positions_start) % p->positions_every == p->positions_every / 2 + 1;
}

static pp_status move_positions(state *s)
{
    const pp_ptycho_settings *p = s->settings;
    pp_ptycho_result *r = s->result;
    s->fresh = true;
    s->step = 0;
    if (r->background) PP_TRY(pp_background_refine(s->model, r->background, s->point));
    if (!s->terms) return PP_OK;
    PP_TRY(pp_ptychography_position_terms(s->model, s->terms, s->point));
    if (p->refine_positions)
        PP_TRY(pp_ptycho_move_positions(s->model, r->positions, s->terms, p->positions_limit));
    if (p->refine_intensities) PP_TRY(pp_ptycho_scale_frames(s->model, r->factors, s->terms));
    pp_ptychography_move(s->model, r->positions, r->factors);
    return PP_OK;
}

/* One direction and step; a step that had to be taken back to 0 makes the next direction the gradient, and ends all where
 * it was the gradient already. */
static pp_status advance(state *s)
{
    PP_TRY(refresh(s));
    if (s->settings->refine_probe && number(s) == s->settings->probe_start) s->fresh = true;
    PP_TRY(turn(s));
    return walk(s);
}

static pp_status iterate(state *s)
{
    pp_ptycho_result *r = s->result;
    for (r->done = 0;; r->done++) {
        const bool last = r->done == s->settings->iterations;
        const bool moved = s->step > 0, was_steepest = s->steepest;
        PP_TRY(evaluate(s, last));
        PP_TRY(pp_ptycho_record(s->model, s->settings, r, s->cost));
        if (moved && s->step == 0) {
            if (was_steepest) r->converged = true;
            s->fresh = true;
        }
        if (last) break;
        if (r->converged) return gradient(s, NULL, &s->cost, true);
        if (positions_due(s))
            PP_TRY(move_positions(s));
        else
            PP_TRY(advance(s));
    }
    return PP_OK;
}

static void release(state *s)
{
    pp_point_free(s->model, &s->g);
    pp_point_free(s->model, &s->next);
    pp_point_free(s->model, &s->d);
    pp_point_weight_free(s->model, &s->w);
    if (s->gap) s->model->backend->release(s->gap);
    pp_smoothness_free(s->model, &s->smooth);
    pp_free(s->terms), pp_free(s->modes);
}

/* In units of the counts: the strength times the largest illumination. */
static pp_status start_smoothness(state *s)
{
    const pp_ptychography *m = s->model;
    const pp_sweep_point at = {s->point->object, s->point->probe};
    if (m->split.group) return PP_FAIL(PP_ERR_RUN, "a smooth object is for one device");
    PP_TRY(pp_sweep_illumination(m->sweep, s->w.object, NULL, &at));
    const double most = m->backend->vectors->largest(s->w.object, m->pixels, m->threads);
    return pp_smoothness_create(m, s->settings->smoothness * most, s->settings->object, &s->smooth);
}

pp_status pp_solve_cg(const pp_ptychography *model, pp_point *point,
                      const pp_ptycho_settings *settings, pp_ptycho_result *result)
{
    pp_status status = PP_OK;
    state s = {
        .model = model, .settings = settings, .result = result, .point = point, .fresh = true};
    PP_TRY_TO(done, pp_point_create(model, settings->refine_probe, &s.g));
    PP_TRY_TO(done, pp_point_create(model, settings->refine_probe, &s.next));
    PP_TRY_TO(done, pp_point_create(model, settings->refine_probe, &s.d));
    PP_TRY_TO(done, pp_point_weight_create(model, &s.w));
    if (settings->smoothness > 0) PP_TRY_TO(done, start_smoothness(&s));
    if (settings->penalty && model->split.group && model->split.method != PP_SPLIT_GRADIENT)
        PP_TRY_TO(done, PP_FAIL(PP_ERR_RUN, "a penalty is for one device or method \"gradient\""));
    if (settings->penalty)
        PP_TRY_TO(done,
                  model->backend->alloc((size_t)model->pixels * sizeof *s.gap, (void **)&s.gap));
    if (settings->refine_positions || settings->refine_intensities)
        PP_TRY_TO(done, PP_ALLOC(model->patterns ? model->patterns : 1, &s.terms));
    if (settings->refine_probe && model->modes > 1)
        PP_TRY_TO(done, PP_ALLOC(4 * model->frame * model->modes, &s.modes));
    pp_ptychography_renew(model);
    status = iterate(&s);
done:
    release(&s);
    return status;
}
