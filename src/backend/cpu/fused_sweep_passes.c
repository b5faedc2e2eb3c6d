/* The fused sweeps' passes over the patterns: gradient, line, trial costs, illumination, position terms.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <omp.h>
#include <string.h>

#include "backend/cpu/fused_sweep.h"

/* One pattern in one thread. */
typedef struct pattern {
    const pp_fused_sweep *s;
    const pp_fused_work *w;
    int64_t j, modes, corner; /* corner: of its window in the object array */
    pp_fused_ramp ramp;       /* NULLs: nearest */
} pattern;

static pattern pattern_of(const pp_fused_sweep *s, int64_t j)
{
    const pp_sweep_setup *u = &s->base.setup;
    const int32_t *w = s->chunks.window[j];
    pattern p = {.s = s,
                 .w = &s->work[omp_get_thread_num()],
                 .j = j,
                 .modes = u->modes,
                 .corner = w[0] * u->object[1] + w[1]};
    if (s->ramp) {
        const pp_c32 *y = s->ramp + 2 * j * u->n;
        p.ramp = (pp_fused_ramp){y, y + u->n};
    }
    return p;
}

static pp_fused_window window(const pattern *p, const pp_c32 *object)
{
    return (pp_fused_window){object + p->corner, p->s->base.setup.object[1]};
}

/* ---- probes between natural order and the kernels' ---- */

typedef struct lanes {
    int64_t n, width;
} lanes;

/* Row y of a probe. */
static void pack(lanes l, int64_t y, float *to, const pp_c32 *from)
{
    for (int64_t x = 0; x < l.n; x++) {
        float *at = to + ((x / l.width) * l.n + y) * 2 * l.width + x % l.width;
        at[0] = from[y * l.n + x].re, at[l.width] = from[y * l.n + x].im;
    }
}

static void unpack(lanes l, int64_t y, pp_c32 *to, const float *from)
{
    for (int64_t x = 0; x < l.n; x++) {
        const float *at = from + ((x / l.width) * l.n + y) * 2 * l.width + x % l.width;
        to[y * l.n + x] = (pp_c32){at[0], at[l.width]};
    }
}

/* A probe (or NULL) into the kernels' layout, and its spectra where it will be moved. */
static void prepare(const pp_fused_sweep *s, float *packed, float *hat, const pp_c32 *probe)
{
    const pp_sweep_setup *u = &s->base.setup;
    const lanes l = {u->n, s->kernels->width};
    if (!probe) return;
#pragma omp parallel for num_threads(u->threads) schedule(static)
    for (int64_t i = 0; i < u->modes * u->n; i++)
        pack(l, i % u->n, packed + i / u->n * s->probe, probe + i / u->n * u->n * u->n);
    if (!hat) return;
#pragma omp parallel for num_threads(u->threads) schedule(static)
    for (int64_t m = 0; m < u->modes; m++) {
        const pp_fused_work *w = &s->work[omp_get_thread_num()];
        s->kernels->spectrum(&s->plan, hat + m * s->probe, packed + m * s->probe, w->rows,
                             w->fields);
    }
}

/* The probe as this pattern has it: moved into `room`, or as it is where positions are whole pixels. */
static const float *moved(const pattern *p, float *room, const float *hat, const float *packed)
{
    const pp_fused_sweep *s = p->s;
    if (!p->ramp.y) return packed;
    for (int64_t m = 0; m < p->modes; m++)
        s->kernels->shift(&s->plan, room + m * s->probe, hat + m * s->probe, p->ramp, p->w->rows,
                          p->w->fields);
    return room;
}

static float *field(const pattern *p, int64_t which)
{
    return p->w->fields + which * p->modes * p->s->field;
}

/* `to`: fields of window x probe. */
static void products(const pattern *p, float *to, const pp_c32 *object, const float *probe)
{
    const pp_fused_sweep *s = p->s;
    for (int64_t m = 0; m < p->modes; m++)
        s->kernels->product(&s->plan, to + m * s->field, window(p, object), probe + m * s->probe);
}

/* The pattern's part of kept spectra, or NULL. */
static float *part(const pattern *p, float *stack)
{
    return stack ? stack + p->j * p->modes * p->s->probe : NULL;
}

/* The pattern's largest intensity, by a pass of its own. */
static void measure(const pattern *p, const pp_fused_gradient *from)
{
    pp_fused_gradient g = *from;
    if (!g.along) g.kept = NULL;
    p->s->kernels->far(&p->s->plan, &g);
    p->s->most[p->j] = g.most;
}

/* The same from fields alone. */
static void measure_fields(const pattern *p, float *fields)
{
    measure(p, &(pp_fused_gradient){.modes = (int)p->modes, .fields = fields, .rows = p->w->rows});
}

/* ---- gradient ---- */

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

/* Of this pattern's window in the chunk's box, in pixels. */
static int64_t place_in(const pattern *p, const pp_chunk *c)
{
    const int32_t *w = p->s->chunks.window[p->j];
    return (w[0] - c->y) * c->width + (w[1] - c->x);
}

static void spread(const pattern *p, const part_of_sums *part, const pp_sweep_gradient *out,
                   const pp_sweep_point *at, const float *probe)
{
    const pp_fused_sweep *s = p->s;
    const int64_t place = place_in(p, part->chunk);
    pp_c32 *box = part->box ? (pp_c32 *)(void *)part->box + place : NULL;
    pp_c64 *wide_box = part->wide_box ? (pp_c64 *)(void *)part->wide_box + place : NULL;
    for (int64_t m = 0; m < p->modes; m++) {
        float *f = field(p, 0) + m * s->field,
              *sum = part->probe ? part->probe + m * s->probe : NULL;
        const bool moves = sum && p->ramp.y;
        const pp_fused_back to = {.box = out->object ? box : NULL,
                                  .wide_box = out->object ? wide_box : NULL,
                                  .box_stride = part->chunk->width,
                                  .probe = probe + m * s->probe,
                                  .object = window(p, at->object),
                                  .sum = moves ? NULL : sum,
                                  .moves = moves};
        s->kernels->back(&s->plan, f, &to);
        if (moves) s->kernels->unshift(&s->plan, sum, f, p->ramp, p->w->rows);
    }
}

static void pattern_gradient(const pattern *p, const part_of_sums *sums,
                             const pp_sweep_gradient *out, const pp_sweep_point *at)
{
    const pp_fused_sweep *s = p->s;
    const float *probe = moved(p, p->w->probe, s->hat, s->packed);
    pp_fused_gradient g = {.modes = (int)p->modes,
                           .fields = field(p, 0),
                           .rows = p->w->rows,
                           .kept = part(p, s->kept),
                           .along = s->linked ? part(p, s->along) : NULL,
                           .step = (float)(s->to - s->at)};
    if (!g.along) products(p, g.fields, at->object, probe);
    /* a Poisson residual 1 - d / I is largest where it is darkest: the limit must be this far field's */
    if (!s->measured || s->base.setup.model == PP_SWEEP_POISSON) measure(p, &g);
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
    const lanes l = {u->n, s->kernels->width};
    const pp_fused_ramp still = {s->ones, s->ones};
#pragma omp parallel for num_threads(u->threads) schedule(static)
    for (int64_t m = 0; m < (s->ramp ? u->modes : 0); m++) {
        const pp_fused_work *w = &s->work[omp_get_thread_num()];
        float *sum = s->dprobe_sum + m * s->probe;
        s->kernels->shift(&s->plan, sum, sum, still, w->rows, w->fields);
    }
#pragma omp parallel for num_threads(u->threads) schedule(static)
    for (int64_t i = 0; i < u->modes * u->n; i++)
        unpack(l, i % u->n, out + i / u->n * u->n * u->n, s->dprobe_sum + i / u->n * s->probe);
}

pp_status pp_fused_gradient_pass(pp_sweep *sweep, const pp_sweep_gradient *out,
                                 const pp_sweep_point *at)
{
    pp_fused_sweep *s = (pp_fused_sweep *)sweep;
    const pp_sweep_setup *u = &s->base.setup;
    if (out->probe && !u->probe_moves)
        return PP_FAIL(PP_ERR_RUN, "this sweep was made for a probe that stays");
    prepare(s, s->packed, s->hat, at->probe);
    pp_turns_begin(&s->turns, out->object ? &out->object->re : NULL,
                   out->rest ? &out->rest->re : NULL, 2, out->probe ? s->dprobe_sum : NULL);
#pragma omp parallel num_threads(u->threads)
    for (int64_t i; (i = pp_turns_take(&s->turns)) >= 0; pp_turns_give(&s->turns, i)) {
        const part_of_sums sums = part_of(s, i);
        for (int64_t k = sums.chunk->first; k < sums.chunk->first + sums.chunk->count; k++) {
            const pattern p = pattern_of(s, s->chunks.order[k]);
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
static void direction_fields(const pattern *p, const line_job *job, const float *probe)
{
    const pp_fused_sweep *s = p->s;
    if (!job->along->probe) {
        products(p, field(p, 1), job->along->object, probe);
        return;
    }
    const float *dprobe = moved(p, p->w->dprobe, s->dhat, s->dpacked);
    const pp_fused_window windows[2] = {window(p, job->at->object), window(p, job->along->object)};
    for (int64_t m = 0; m < p->modes; m++) {
        float *const f[2] = {field(p, 1) + m * s->field, field(p, 2) + m * s->field};
        const float *const probes[2] = {probe + m * s->probe, dprobe + m * s->probe};
        s->kernels->products(&s->plan, f, windows, probes);
    }
}

static void pattern_line(const pattern *p, const line_job *job)
{
    const pp_fused_sweep *s = p->s;
    double *scalars = s->scalars + p->j * PP_FUSED_SCALARS;
    const bool use_kept = job->known && s->kept, moves = job->along->probe != NULL;
    const float *probe = moved(p, p->w->probe, s->hat, s->packed);
    direction_fields(p, job, probe);
    if (!use_kept) products(p, field(p, 0), job->at->object, probe);
    if (!s->measured) measure_fields(p, field(p, 0));
    const pp_fused_frame frame = pp_fused_frame_of(s, p->j);
    pp_fused_line line = {
        .modes = (int)p->modes,
        .count = job->count,
        .fields = {use_kept ? NULL : field(p, 0), field(p, 1), moves ? field(p, 2) : NULL},
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
    prepare(s, s->packed, s->hat, job.at->probe);
    prepare(s, s->dpacked, s->dhat, job.along->probe);
/* a few neighbours at a time: they share most of their windows */
#pragma omp parallel for num_threads(s->base.setup.threads) schedule(dynamic, 4)
    for (int64_t k = 0; k < s->base.setup.patterns; k++) {
        const pattern p = pattern_of(s, s->chunks.order[k]);
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

/* ---- illumination ---- */

static void add_light(const part_of_sums *sums, int64_t to, float light)
{
    if (sums->wide_box)
        sums->wide_box[to] += (double)light;
    else
        sums->box[to] += light;
}

/* |probe|^2 of one pattern, into its chunk's box. */
static void light_object(const pattern *p, const part_of_sums *sums)
{
    const pp_fused_sweep *s = p->s;
    const int64_t n = s->base.setup.n, width = s->kernels->width;
    const float *probe = moved(p, p->w->probe, s->hat, s->packed);
    const int64_t columns = sums->chunk->width, place = place_in(p, sums->chunk);
    for (int64_t m = 0; m < p->modes; m++)
        for (int64_t b = 0; b < n / width; b++)
            for (int64_t y = 0; y < n; y++) {
                const float *a = probe + m * s->probe + (b * n + y) * 2 * width;
                const int64_t to = place + y * columns + b * width;
                for (int64_t l = 0; l < width; l++)
                    add_light(sums, to + l, a[l] * a[l] + a[width + l] * a[width + l]);
            }
}

pp_status pp_fused_illumination_pass(pp_sweep *sweep, float *object, float *probe,
                                     const pp_sweep_point *at)
{
    pp_fused_sweep *s = (pp_fused_sweep *)sweep;
    if (probe) pp_chunks_light(&s->chunks, probe, at->object, &s->base.setup);
    if (!object) return PP_OK;
    prepare(s, s->packed, s->hat, at->probe);
    pp_turns_begin(&s->turns, object, NULL, 1, NULL);
#pragma omp parallel num_threads(s->base.setup.threads)
    for (int64_t i; (i = pp_turns_take(&s->turns)) >= 0; pp_turns_give(&s->turns, i)) {
        const part_of_sums sums = part_of(s, i);
        for (int64_t k = sums.chunk->first; k < sums.chunk->first + sums.chunk->count; k++) {
            const pattern p = pattern_of(s, s->chunks.order[k]);
            light_object(&p, &sums);
        }
    }
    return PP_OK;
}

/* ---- positions ---- */

/* Fields `which` of the derivative along `axis`: the derivative of exp(-2 pi i k f / n) is -2 pi i k / n times it. */
static void derivative(const pattern *p, int64_t which, int axis, const pp_c32 *object)
{
    const pp_fused_sweep *s = p->s;
    const int64_t n = s->base.setup.n;
    const pp_c32 *from = axis == 0 ? p->ramp.y : p->ramp.x;
    for (int64_t place = 0; place < n; place++) {
        const int64_t k = s->digits[place];
        const float q = (float)(-6.283185307179586 * (double)(k < n / 2 ? k : k - n) / (double)n);
        // NOLINTNEXTLINE(clang-analyzer-core.NullDereference): ramps are there with Fourier positions
        p->w->ramp[place] = (pp_c32){-q * from[place].im, q * from[place].re};
    }
    pattern d = *p;
    if (axis == 0)
        d.ramp.y = p->w->ramp;
    else
        d.ramp.x = p->w->ramp;
    products(p, field(p, which), object, moved(&d, p->w->dprobe, s->hat, s->packed));
}

static void pattern_terms(const pattern *p, pp_sweep_position *out, const pp_sweep_point *at)
{
    const pp_fused_sweep *s = p->s;
    derivative(p, 2, 1, at->object); /* before the others: moving a probe uses field 0 */
    derivative(p, 1, 0, at->object);
    products(p, field(p, 0), at->object, moved(p, p->w->probe, s->hat, s->packed));
    if (!s->measured) measure_fields(p, field(p, 0));
    const pp_fused_frame frame = pp_fused_frame_of(s, p->j);
    pp_fused_terms terms = {.modes = (int)p->modes,
                            .fields = {field(p, 0), field(p, 1), field(p, 2)},
                            .rows = p->w->rows};
    s->kernels->terms(&s->plan, &terms, &frame);
    *out =
        (pp_sweep_position){terms.yy, terms.yx, terms.xx, terms.ry, terms.rx, terms.ww, terms.rw};
}

pp_status pp_fused_positions_pass(pp_sweep *sweep, pp_sweep_position *out, const pp_sweep_point *at)
{
    pp_fused_sweep *s = (pp_fused_sweep *)sweep;
    prepare(s, s->packed, s->hat, at->probe);
#pragma omp parallel for num_threads(s->base.setup.threads) schedule(dynamic, 1)
    for (int64_t j = 0; j < s->base.setup.patterns; j++) {
        const pattern p = pattern_of(s, j);
        pattern_terms(&p, out + j, at);
    }
    s->measured = true;
    return PP_OK;
}
