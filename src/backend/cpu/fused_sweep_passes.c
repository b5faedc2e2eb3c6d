/* The fused sweeps' passes over the patterns: gradient, line, trial costs.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <omp.h>
#include <string.h>

#include "backend/cpu/fused_pattern.h"

/* ---- gradient ---- */

/* The pattern's part of kept spectra, or NULL. */
static float *part(const pp_fused_pattern *p, float *stack)
{
    return stack ? stack + p->j * p->modes * p->s->probe : NULL;
}

/* A chunk in the making. */
typedef struct part_of_sums {
    const pp_chunk *chunk;
    float *box;
    double *wide_box; /* one of the two is NULL */
    float *probe;     /* NULL: not asked for */
} part_of_sums;

static part_of_sums part_of(const pp_fused_sweep *s, int64_t i)
{
    return (part_of_sums){&s->chunks.chunk[i], pp_turns_box(&s->turns, i),
                          pp_turns_wide_box(&s->turns, i), pp_turns_probe(&s->turns, i)};
}

/* Where a pattern's part of the object's gradient goes: a box, in float or in double. */
typedef struct place {
    pp_c32 *box;
    pp_c64 *wide_box;
    int64_t stride;
} place;

static place place_of(const pp_fused_pattern *p, const part_of_sums *part,
                      const pp_sweep_gradient *out)
{
    const int64_t at = pp_fused_place_in(p, part->chunk);
    place to = {NULL, NULL, part->chunk->width};
    if (out->object && part->box) to.box = (pp_c32 *)(void *)part->box + at;
    if (out->object && part->wide_box) to.wide_box = (pp_c64 *)(void *)part->wide_box + at;
    return to;
}

/* With bilinear positions the modes are summed at the sampled points first. */
static void spread(const pp_fused_pattern *p, const part_of_sums *part,
                   const pp_sweep_gradient *out, const pp_sweep_point *at, const float *probe)
{
    const pp_fused_sweep *s = p->s;
    const int64_t n = s->base.setup.n;
    const place box = place_of(p, part, out);
    pp_c32 *between = s->parts && out->object ? p->w->between[1] : NULL;
    pp_fused_back to = {.box = between ? between : box.box,
                        .wide_box = between ? NULL : box.wide_box,
                        .box_stride = between ? n : box.stride,
                        .moves = part->probe && p->ramp.y};
    if (part->probe) to.object = pp_fused_window_of(p, at->object, 0);
    if (between) memset(between, 0, (size_t)(n * n) * sizeof *between);
    for (int64_t m = 0; m < p->modes; m++) {
        float *f = pp_fused_field(p, 0) + m * s->field,
              *sum = part->probe ? part->probe + m * s->probe : NULL;
        to.probe = probe + m * s->probe;
        to.sum = to.moves ? NULL : sum;
        s->kernels->back(&s->plan, f, &to);
        if (to.moves) s->kernels->unshift(&s->plan, sum, f, p->ramp, p->w->rows);
    }
    if (between && box.box)
        s->kernels->spread(&s->plan, box.box, box.stride, between, s->parts[p->j]);
    else if (between)
        s->kernels->spread_wide(&s->plan, box.wide_box, box.stride, between, s->parts[p->j]);
}

static void pattern_gradient(const pp_fused_pattern *p, const part_of_sums *sums,
                             const pp_sweep_gradient *out, const pp_sweep_point *at)
{
    const pp_fused_sweep *s = p->s;
    const float *probe = pp_fused_moved(p, p->w->probe, s->hat, s->packed);
    pp_fused_gradient g = {.modes = (int)p->modes,
                           .fields = pp_fused_field(p, 0),
                           .rows = p->w->rows,
                           .kept = part(p, s->kept),
                           .along = s->linked ? part(p, s->along) : NULL,
                           .step = (float)(s->to - s->at)};
    if (!g.along) pp_fused_products(p, g.fields, at->object, probe);
    /* a Poisson residual 1 - d / I is largest where it is darkest: the limit must be this far field's */
    if (!s->measured || s->base.setup.model == PP_SWEEP_POISSON) pp_fused_measure(p, &g);
    const pp_fused_frame frame = pp_fused_frame_of(s, p->j);
    s->kernels->gradient(&s->plan, &g, &frame);
    s->most[p->j] = g.most;
    double *scalars = s->scalars + p->j * PP_FUSED_SCALARS;
    scalars[0] = g.cost, scalars[1] = g.misfit;
    if (out->object || out->probe) spread(p, sums, out, at, probe);
}

/* Sum over the patterns, in index order, of scalar `which`. */
static double total(const pp_fused_sweep *s, int which)
{
    double sum = 0;
    for (int64_t j = 0; j < s->base.setup.patterns; j++)
        sum += s->scalars[j * PP_FUSED_SCALARS + which];
    return sum;
}

/* Poisson costs are summed relative to their least value. */
static double offset(const pp_fused_sweep *s)
{
    return s->base.setup.model == PP_SWEEP_POISSON ? s->totals.poisson_offset : 0;
}

/* The probe's gradient out of the kernels' layout, and back from Fourier space. */
static void finish_probe(const pp_fused_sweep *s, pp_c32 *out)
{
    const pp_sweep_setup *u = &s->base.setup;
    const pp_fused_ramp still = {s->ones, s->ones};
#pragma omp parallel for num_threads(u->threads) schedule(static)
    for (int64_t m = 0; m < (s->ramp ? u->modes : 0); m++) {
        const pp_fused_work *w = &s->work[omp_get_thread_num()];
        float *sum = s->dprobe_sum + m * s->probe;
        s->kernels->shift(&s->plan, sum, sum, still, w->rows, w->fields);
    }
#pragma omp parallel for num_threads(u->threads) schedule(static)
    for (int64_t i = 0; i < u->modes * u->n; i++)
        pp_fused_unpack(s, i % u->n, out + i / u->n * u->n * u->n,
                        s->dprobe_sum + i / u->n * s->probe);
}

pp_status pp_fused_gradient_pass(pp_sweep *sweep, const pp_sweep_gradient *out,
                                 const pp_sweep_point *at)
{
    pp_fused_sweep *s = (pp_fused_sweep *)sweep;
    const pp_sweep_setup *u = &s->base.setup;
    if (out->probe && !u->probe_moves)
        return PP_FAIL(PP_ERR_RUN, "this sweep was made for a probe that stays");
    pp_fused_prepare(s, s->packed, s->hat, at->probe);
    pp_turns_begin(&s->turns, out->object ? &out->object->re : NULL,
                   out->rest ? &out->rest->re : NULL, 2, out->probe ? s->dprobe_sum : NULL);
#pragma omp parallel num_threads(u->threads)
    for (int64_t i; (i = pp_turns_take(&s->turns)) >= 0; pp_turns_give(&s->turns, i)) {
        const part_of_sums sums = part_of(s, i);
        for (int64_t k = sums.chunk->first; k < sums.chunk->first + sums.chunk->count; k++) {
            const pp_fused_pattern p = pp_fused_pattern_here(s, s->chunks.order[k]);
            pattern_gradient(&p, &sums, out, at);
        }
    }
    s->known = s->measured = true;
    s->at = s->to;
    if (out->probe) finish_probe(s, out->probe);
    if (out->cost) *out->cost = total(s, 0) + offset(s);
    if (out->misfit) *out->misfit = total(s, 1);
    return PP_OK;
}

/* ---- line ---- */

typedef struct line_job {
    const pp_sweep_point *at;
    const pp_sweep_direction *along;
    const float *steps;
    int count;
    bool known, store; /* the kept far field is the point's; F1 is to be kept */
} line_job;

/* Fields of F1 (and F2) of the direction. */
static void direction_fields(const pp_fused_pattern *p, const line_job *job, const float *probe)
{
    const pp_fused_sweep *s = p->s;
    if (!job->along->probe) {
        pp_fused_products(p, pp_fused_field(p, 1), job->along->object, probe);
        return;
    }
    const float *dprobe = pp_fused_moved(p, p->w->dprobe, s->dhat, s->dpacked);
    const pp_fused_window windows[2] = {pp_fused_window_of(p, job->at->object, 0),
                                        pp_fused_window_of(p, job->along->object, 1)};
    for (int64_t m = 0; m < p->modes; m++) {
        float *const f[2] = {pp_fused_field(p, 1) + m * s->field,
                             pp_fused_field(p, 2) + m * s->field};
        const float *const probes[2] = {probe + m * s->probe, dprobe + m * s->probe};
        s->kernels->products(&s->plan, f, windows, probes);
    }
}

static void pattern_line(const pp_fused_pattern *p, const line_job *job)
{
    const pp_fused_sweep *s = p->s;
    double *scalars = s->scalars + p->j * PP_FUSED_SCALARS;
    const bool use_kept = job->known && s->kept, moves = job->along->probe != NULL;
    const float *probe = pp_fused_moved(p, p->w->probe, s->hat, s->packed);
    direction_fields(p, job, probe);
    if (!use_kept) pp_fused_products(p, pp_fused_field(p, 0), job->at->object, probe);
    if (!s->measured) pp_fused_measure_fields(p, pp_fused_field(p, 0));
    const pp_fused_frame frame = pp_fused_frame_of(s, p->j);
    pp_fused_line line = {.modes = (int)p->modes,
                          .count = job->count,
                          .fields = {use_kept ? NULL : pp_fused_field(p, 0), pp_fused_field(p, 1),
                                     moves ? pp_fused_field(p, 2) : NULL},
                          .kept = part(p, s->kept),
                          .along = job->store ? part(p, s->along) : NULL,
                          .rows = p->w->rows,
                          .steps = job->steps,
                          .costs = scalars + 2};
    s->kernels->line(&s->plan, &line, &frame);
    scalars[0] = line.slope, scalars[1] = line.curvature;
}

static pp_status run_line(pp_fused_sweep *s, line_job job, const double *steps)
{
    float short_steps[PP_SWEEP_STEPS];
    if (job.along->probe && !s->base.setup.probe_moves)
        return PP_FAIL(PP_ERR_RUN, "this sweep was made for a probe that stays");
    for (int k = 0; k < job.count; k++) short_steps[k] = (float)steps[k];
    job.steps = short_steps;
    pp_fused_prepare(s, s->packed, s->hat, job.at->probe);
    pp_fused_prepare(s, s->dpacked, s->dhat, job.along->probe);
/* a few neighbours at a time: they share most of their windows */
#pragma omp parallel for num_threads(s->base.setup.threads) schedule(dynamic, 4)
    for (int64_t k = 0; k < s->base.setup.patterns; k++) {
        const pp_fused_pattern p = pp_fused_pattern_here(s, s->chunks.order[k]);
        pattern_line(&p, &job);
    }
    s->measured = true;
    return PP_OK;
}

pp_status pp_fused_line_pass(pp_sweep *sweep, pp_sweep_slope *out, const pp_sweep_point *at,
                             const pp_sweep_direction *along, const double *steps, int count,
                             double *costs)
{
    pp_fused_sweep *s = (pp_fused_sweep *)sweep;
    const line_job job = {at, along, NULL, count, s->known, s->known && !along->probe};
    PP_TRY(run_line(s, job, steps));
    s->linked = job.store && s->along;
    s->at = s->to = 0;
    *out = (pp_sweep_slope){total(s, 0), total(s, 1)};
    for (int k = 0; k < count; k++) costs[k] = total(s, 2 + k) + offset(s);
    return PP_OK;
}

/* The kept far field may be that of another step by now: everything is computed from the point and the direction. */
pp_status pp_fused_costs_pass(pp_sweep *sweep, double *costs, const pp_sweep_point *at,
                              const pp_sweep_direction *along, const double *steps, int count)
{
    pp_fused_sweep *s = (pp_fused_sweep *)sweep;
    const line_job job = {at, along, NULL, count, false, false};
    PP_TRY(run_line(s, job, steps));
    for (int k = 0; k < count; k++) costs[k] = total(s, 2 + k) + offset(s);
    return PP_OK;
}
