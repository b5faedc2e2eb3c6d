/* SPDX-License-Identifier: BSD-3-Clause */
#include "backend/cpu/fused_pattern.h"

#include <omp.h>

pp_fused_pattern pp_fused_pattern_of(const pp_fused_sweep *s, int64_t j, const pp_fused_work *w)
{
    const pp_sweep_setup *u = &s->base.setup;
    const int32_t *at = s->chunks.window[j];
    pp_fused_pattern p = {
        .s = s, .w = w, .j = j, .modes = u->modes, .corner = at[0] * u->object[1] + at[1]};
    if (s->ramp) {
        const pp_c32 *y = s->ramp + 2 * j * u->n;
        p.ramp = (pp_fused_ramp){y, y + u->n};
    }
    return p;
}

pp_fused_pattern pp_fused_pattern_here(const pp_fused_sweep *s, int64_t j)
{
    return pp_fused_pattern_of(s, j, &s->work[omp_get_thread_num()]);
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

void pp_fused_unpack(const pp_fused_sweep *s, int64_t y, pp_c32 *to, const float *from)
{
    const lanes l = {s->base.setup.n, s->kernels->width};
    for (int64_t x = 0; x < l.n; x++) {
        const float *at = from + ((x / l.width) * l.n + y) * 2 * l.width + x % l.width;
        to[y * l.n + x] = (pp_c32){at[0], at[l.width]};
    }
}

void pp_fused_prepare(const pp_fused_sweep *s, float *packed, float *hat, const pp_c32 *probe)
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

const float *pp_fused_moved(const pp_fused_pattern *p, float *room, const float *hat,
                            const float *packed)
{
    const pp_fused_sweep *s = p->s;
    if (!p->ramp.y) return packed;
    for (int64_t m = 0; m < p->modes; m++)
        s->kernels->shift(&s->plan, room + m * s->probe, hat + m * s->probe, p->ramp, p->w->rows,
                          p->w->fields);
    return room;
}

float *pp_fused_field(const pp_fused_pattern *p, int64_t which)
{
    return p->w->fields + which * p->modes * p->s->field;
}

pp_fused_window pp_fused_window_of(const pp_fused_pattern *p, const pp_c32 *object, int room)
{
    const pp_fused_sweep *s = p->s;
    const pp_fused_window whole = {object + p->corner, s->base.setup.object[1]};
    if (!s->parts) return whole;
    s->kernels->sample(&s->plan, p->w->between[room], whole, s->parts[p->j]);
    return (pp_fused_window){p->w->between[room], s->base.setup.n};
}

void pp_fused_products(const pp_fused_pattern *p, float *to, const pp_c32 *object,
                       const float *probe)
{
    const pp_fused_sweep *s = p->s;
    const pp_fused_window window = pp_fused_window_of(p, object, 0);
    for (int64_t m = 0; m < p->modes; m++)
        s->kernels->product(&s->plan, to + m * s->field, window, probe + m * s->probe);
}

void pp_fused_measure(const pp_fused_pattern *p, const pp_fused_gradient *from)
{
    pp_fused_gradient g = *from;
    if (!g.along) g.kept = NULL;
    p->s->kernels->far(&p->s->plan, &g, p->s->background);
    p->s->most[p->j] = g.most;
}

void pp_fused_measure_fields(const pp_fused_pattern *p, float *fields)
{
    pp_fused_measure(
        p, &(pp_fused_gradient){.modes = (int)p->modes, .fields = fields, .rows = p->w->rows});
}

int64_t pp_fused_place_in(const pp_fused_pattern *p, const pp_chunk *c)
{
    const int32_t *w = p->s->chunks.window[p->j];
    return (w[0] - c->y) * c->width + (w[1] - c->x);
}
