/* The passes over the patterns of every iteration: gradient, line, trial costs.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "backend/cpu/fftw_pattern.h"
#include "kernels/complex.h"
#include "kernels/corner.h"

/* part conj(a) b, `count` products, onto pixels of the chunks' boxes from `to` on, in the precision that was asked for. */
static void add_products(const pp_fftw_sweep *s, int64_t to, const pp_c32 *a, const pp_c32 *b,
                         int64_t count, float part)
{
    if (s->wide_boxes) {
        pp_c64 *wide = s->wide_boxes + to;
        for (int64_t x = 0; x < count; x++) {
            const pp_c32 value = pp_times(part, pp_cmul(a[x], b[x]));
            wide[x].re += (double)value.re, wide[x].im += (double)value.im;
        }
        return;
    }
    pp_c32 *box = s->boxes + to;
    for (int64_t x = 0; x < count; x++)
        box[x] = pp_add(box[x], pp_times(part, pp_cmul(a[x], b[x])));
}

/* The adjoint of `between` where the object is sampled between its pixels. */
static void add_object(const pp_fftw_pattern *p, const pp_chunk *c, const pp_c32 *probe,
                       const pp_c32 *near)
{
    const int32_t *w = p->s->chunks.window[p->j];
    const float *f = p->s->parts ? p->s->parts[p->j] : NULL;
    for (int64_t y = 0; y < p->n; y++) {
        const int64_t to = c->offset + (w[0] - c->y + y) * c->width + (w[1] - c->x);
        for (int i = 0; i < (f ? 4 : 1); i++)
            add_products(p->s, to + pp_corner_offset(i, c->width), probe + y * p->n,
                         near + y * p->n, p->n, f ? pp_corner_weight(i, f[0], f[1]) : 1);
    }
}

/* Adds conj(window) near to a chunk's probe gradient; in Fourier space where the probe is moved. `near` is used up. */
static void add_probe(const pp_fftw_pattern *p, pp_c32 *sum, const pp_c32 *object, pp_c32 *near)
{
    const pp_fftw_window seen = pp_fftw_window_of(p, object, p->w->window);
    for (int64_t y = 0; y < p->n; y++) {
        const pp_c32 *o = seen.first + y * seen.width;
        pp_c32 *a = near + y * p->n;
        for (int64_t x = 0; x < p->n; x++) a[x] = pp_cmul(o[x], a[x]);
    }
    if (p->ramp) pp_fft_run(p->s->there, near);
    for (int64_t y = 0; y < p->n; y++)
        for (int64_t x = 0; x < p->n; x++) {
            const int64_t k = y * p->n + x;
            const pp_c32 a =
                p->ramp ? pp_cmul(pp_mul(p->ramp[y], p->ramp[p->n + x]), near[k]) : near[k];
            sum[k] = pp_add(sum[k], a);
        }
}

static void pattern_gradient(const pp_fftw_pattern *p, const pp_chunk *c, pp_c32 *probe_sum,
                             const pp_sweep_gradient *out, const pp_sweep_point *at)
{
    const pp_c32 *probe = pp_fftw_moved(p, p->w->probe, p->s->hat, at->probe);
    const pp_c32 *far = pp_fftw_far_of(p, probe, at->object);
    const pp_pixels pixels = pp_fftw_pixels(p->s, p->j);
    double *scalars = p->s->scalars + p->j * PP_FFTW_SCALARS;
    float *u = p->w->inten;
    const float largest = pp_pixels_intensity(&pixels, u, far);
    scalars[0] = pp_pixels_residual(&pixels, u, largest, 1.0f / (float)p->n,
                                    out->misfit ? &scalars[1] : NULL);
    for (int64_t m = 0; (out->object || probe_sum) && m < p->modes; m++) {
        pp_c32 *near = p->w->f1;
        const pp_c32 *f = far + m * p->n2;
        for (int64_t k = 0; k < p->n2; k++) near[k] = pp_times(u[k], f[k]);
        pp_fft_run(p->s->back, near);
        if (out->object) add_object(p, c, probe + m * p->n2, near);
        if (probe_sum) add_probe(p, probe_sum + m * p->n2, at->object, near);
    }
}

/* Sum over the patterns, in index order, of scalar `which`. */
static double total(const pp_fftw_sweep *s, int which)
{
    double sum = 0;
    for (int64_t j = 0; j < s->base.setup.patterns; j++)
        sum += s->scalars[j * PP_FFTW_SCALARS + which];
    return sum;
}

/* Poisson costs are summed relative to their least value. */
static double offset(const pp_fftw_sweep *s)
{
    return s->base.setup.model == PP_SWEEP_POISSON ? s->totals.poisson_offset : 0;
}

/* out = sum of the chunks' probe gradients, in chunk order, back from Fourier space. */
static void merge_probes(const pp_fftw_sweep *s, pp_c32 *out)
{
    const int64_t n2 = s->base.setup.n * s->base.setup.n, count = n2 * s->base.setup.modes;
#pragma omp parallel for num_threads(s->base.setup.threads) schedule(static)
    for (int64_t k = 0; k < count; k++) {
        pp_c32 a = s->probes[k];
        for (int64_t c = 1; c < s->chunks.count; c++) a = pp_add(a, s->probes[c * count + k]);
        out[k] = s->ramp ? pp_times(1.0f / (float)n2, a) : a;
    }
    for (int64_t m = 0; s->ramp && m < s->base.setup.modes; m++) pp_fft_run(s->back, out + m * n2);
}

static void clear(pp_fftw_sweep *s, int64_t chunk, bool object, pp_c32 *probe_sum)
{
    const pp_chunk *c = &s->chunks.chunk[chunk];
    const size_t plane = (size_t)(s->base.setup.n * s->base.setup.n * s->base.setup.modes);
    const size_t pixels = (size_t)(c->height * c->width);
    if (object) memset(s->boxes + c->offset, 0, pixels * sizeof *s->boxes);
    if (object && s->wide_boxes)
        memset(s->wide_boxes + c->offset, 0, pixels * sizeof *s->wide_boxes);
    if (probe_sum) memset(probe_sum, 0, plane * sizeof *probe_sum);
}

pp_status pp_fftw_gradient(pp_sweep *sweep, const pp_sweep_gradient *out, const pp_sweep_point *at)
{
    pp_fftw_sweep *s = (pp_fftw_sweep *)sweep;
    const pp_sweep_setup *u = &s->base.setup;
    const int64_t plane = u->n * u->n * u->modes;
    if (out->probe && !u->probe_moves)
        return PP_FAIL(PP_ERR_RUN, "this sweep was made for a probe that stays");
    pp_fftw_transform(s, s->hat, at->probe);
#pragma omp parallel for num_threads(u->threads) schedule(dynamic, 1)
    for (int64_t i = 0; i < s->chunks.count; i++) {
        const pp_chunk *c = &s->chunks.chunk[i];
        pp_c32 *probe_sum = out->probe ? s->probes + i * plane : NULL;
        clear(s, i, out->object != NULL, probe_sum);
        for (int64_t k = c->first; k < c->first + c->count; k++) {
            const pp_fftw_pattern p = pp_fftw_pattern_of(s, s->chunks.order[k]);
            pattern_gradient(&p, c, probe_sum, out, at);
        }
    }
    pp_fftw_all_known(s);
    if (out->object && s->wide_boxes)
        pp_chunks_merge_wide(&s->chunks, out->object, out->rest, s->wide_boxes, u->object,
                             u->threads);
    else if (out->object)
        pp_chunks_merge(&s->chunks, &out->object->re, &s->boxes->re, 2, u->object, u->threads);
    if (out->probe) merge_probes(s, out->probe);
    if (out->cost) *out->cost = total(s, 0) + offset(s);
    if (out->misfit) *out->misfit = total(s, 1);
    return PP_OK;
}

/* F1 and F2 of a direction into f1, f2. */
static void direction_fields(const pp_fftw_pattern *p, pp_c32 *f1, pp_c32 *f2, const pp_c32 *probe,
                             const pp_sweep_point *at, const pp_sweep_direction *along)
{
    if (!along->probe) {
        pp_fftw_far_field(p, f1, probe, along->object, NULL, NULL);
        return;
    }
    const pp_c32 *dprobe = pp_fftw_moved(p, p->w->dprobe, p->s->dhat, along->probe);
    pp_fftw_far_field(p, f1, probe, along->object, dprobe, at->object);
    pp_fftw_far_field(p, f2, dprobe, along->object, NULL, NULL);
}

/* What both line passes do with one pattern; `fresh`: the direction is new, else kept fields are used where there are. */
static void pattern_line(const pp_fftw_pattern *p, const pp_sweep_point *at,
                         const pp_sweep_direction *along, const double *steps, int count,
                         bool fresh)
{
    const pp_fftw_sweep *s = p->s;
    const bool kept = s->far != NULL, square = along->probe != NULL;
    const int64_t o = p->j * p->modes * p->n2;
    pp_c32 *f1 = kept ? s->f1 + o : p->w->f1, *f2 = kept && square ? s->f2 + o : p->w->f2;
    pp_far_line line = {.far = kept ? s->far + o : NULL, .f1 = f1, .f2 = square ? f2 : NULL};
    if (fresh || !kept) {
        const pp_c32 *probe = pp_fftw_moved(p, p->w->probe, s->hat, at->probe);
        line.far = pp_fftw_far_of(p, probe, at->object);
        direction_fields(p, f1, f2, probe, at, along);
    } else {
        line.at = s->at;
    }
    const pp_pixels pixels = pp_fftw_pixels(s, p->j);
    double *scalars = s->scalars + p->j * PP_FFTW_SCALARS;
    const float largest = pp_pixels_intensity(&pixels, p->w->inten, line.far);
    pp_pixels_line(&pixels, fresh ? scalars : NULL, scalars + 2, steps, count, &line, p->w->inten,
                   largest);
}

static void line_pass(pp_fftw_sweep *s, const pp_sweep_point *at, const pp_sweep_direction *along,
                      const double *steps, int count, bool fresh)
{
    if (fresh || !s->far)
        pp_fftw_transform(s, s->hat, at->probe), pp_fftw_transform(s, s->dhat, along->probe);
#pragma omp parallel for num_threads(s->base.setup.threads) schedule(dynamic, 1)
    for (int64_t i = 0; i < s->chunks.count; i++) {
        const pp_chunk *c = &s->chunks.chunk[i];
        for (int64_t k = c->first; k < c->first + c->count; k++) {
            const pp_fftw_pattern p = pp_fftw_pattern_of(s, s->chunks.order[k]);
            pattern_line(&p, at, along, steps, count, fresh);
        }
    }
}

pp_status pp_fftw_line(pp_sweep *sweep, pp_sweep_slope *out, const pp_sweep_point *at,
                       const pp_sweep_direction *along, const double *steps, int count,
                       double *costs)
{
    pp_fftw_sweep *s = (pp_fftw_sweep *)sweep;
    if (along->probe && !s->base.setup.probe_moves)
        return PP_FAIL(PP_ERR_RUN, "this sweep was made for a probe that stays");
    line_pass(s, at, along, steps, count, true);
    pp_fftw_all_known(s);
    s->at = s->to = 0;
    s->square = along->probe != NULL;
    *out = (pp_sweep_slope){total(s, 0), total(s, 1)};
    for (int k = 0; k < count; k++) costs[k] = total(s, 2 + k) + offset(s);
    return PP_OK;
}

pp_status pp_fftw_costs(pp_sweep *sweep, double *costs, const pp_sweep_point *at,
                        const pp_sweep_direction *along, const double *steps, int count)
{
    pp_fftw_sweep *s = (pp_fftw_sweep *)sweep;
    line_pass(s, at, along, steps, count, false);
    for (int k = 0; k < count; k++) costs[k] = total(s, 2 + k) + offset(s);
    return PP_OK;
}
