/* The passes over the patterns: gradient, line, trial costs, illumination, position terms.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>
#include <omp.h>
#include <string.h>

#include "backend/cpu/fftw_sweep.h"
#include "kernels/complex.h"
#include "kernels/corner.h"
#include "kernels/frequency.h"

/* One pattern in one thread. */
typedef struct pattern {
    pp_fftw_sweep *s;
    pp_fftw_work *w;
    int64_t j, n, n2, modes, width; /* width: of the object's rows */
    const pp_c32 *ramp;             /* [2][n] or NULL */
    int64_t corner;                 /* of its window in the object array */
} pattern;

static pattern pattern_of(pp_fftw_sweep *s, int64_t j)
{
    const pp_sweep_setup *u = &s->base.setup;
    const int32_t *w = s->chunks.window[j];
    return (pattern){s,
                     &s->work[omp_get_thread_num()],
                     j,
                     u->n,
                     u->n * u->n,
                     u->modes,
                     u->object[1],
                     s->ramp ? s->ramp + 2 * j * u->n : NULL,
                     w[0] * u->object[1] + w[1]};
}

/* hat = F(probe) / n^2 of every mode: what `moved` starts from. */
static void transform(const pp_fftw_sweep *s, pp_c32 *hat, const pp_c32 *probe)
{
    const int64_t n2 = s->base.setup.n * s->base.setup.n;
    if (!hat || !probe) return;
#pragma omp parallel for num_threads(s->base.setup.threads) schedule(dynamic, 1)
    for (int64_t m = 0; m < s->base.setup.modes; m++) {
        pp_c32 *h = hat + m * n2;
        for (int64_t k = 0; k < n2; k++) h[k] = pp_times(1.0f / (float)n2, probe[m * n2 + k]);
        pp_fft_run(s->there, h);
    }
}

/* The probe as this pattern has it: moved into `room`, or as it is where positions are whole pixels. */
static const pp_c32 *moved(const pattern *p, pp_c32 *room, const pp_c32 *hat, const pp_c32 *probe)
{
    if (!p->ramp) return probe;
    for (int64_t m = 0; m < p->modes; m++) {
        pp_c32 *to = room + m * p->n2;
        const pp_c32 *from = hat + m * p->n2;
        for (int64_t y = 0; y < p->n; y++)
            for (int64_t x = 0; x < p->n; x++)
                to[y * p->n + x] =
                    pp_mul(from[y * p->n + x], pp_mul(p->ramp[y], p->ramp[p->n + x]));
        pp_fft_run(p->s->back, to);
    }
    return room;
}

/* A pattern's window of the object, rows `width` apart: as it lies there, or sampled between its pixels into `room`. */
typedef struct window {
    const pp_c32 *first;
    int64_t width;
} window;

static pp_c32 between(const pp_c32 *o, int64_t width, const float f[2])
{
    const pp_c32 above = pp_add(pp_times(1 - f[1], o[0]), pp_times(f[1], o[1])),
                 below = pp_add(pp_times(1 - f[1], o[width]), pp_times(f[1], o[width + 1]));
    return pp_add(pp_times(1 - f[0], above), pp_times(f[0], below));
}

static window window_of(const pattern *p, const pp_c32 *object, pp_c32 *room)
{
    const pp_c32 *o = object + p->corner;
    if (!p->s->parts) return (window){o, p->width};
    for (int64_t k = 0; k < p->n2; k++)
        room[k] = between(o + k / p->n * p->width + k % p->n, p->width, p->s->parts[p->j]);
    return (window){room, p->n};
}

/* to = F(probe x window), or added to with a second product before the transform (probe2 NULL: none). Unitary. */
static void far_field(const pattern *p, pp_c32 *to, const pp_c32 *probe, const pp_c32 *object,
                      const pp_c32 *probe2, const pp_c32 *object2)
{
    const float unit = 1.0f / (float)p->n;
    const window one = window_of(p, object, p->w->window),
                 two = probe2 ? window_of(p, object2, p->w->window2) : one;
    for (int64_t m = 0; m < p->modes; m++) {
        pp_c32 *f = to + m * p->n2;
        for (int64_t y = 0; y < p->n; y++) {
            const int64_t row = m * p->n2 + y * p->n;
            const pp_c32 *a = one.first + y * one.width, *b = two.first + y * two.width;
            if (probe2)
                for (int64_t x = 0; x < p->n; x++)
                    f[y * p->n + x] = pp_times(
                        unit, pp_add(pp_mul(probe[row + x], a[x]), pp_mul(probe2[row + x], b[x])));
            else
                for (int64_t x = 0; x < p->n; x++)
                    f[y * p->n + x] = pp_times(unit, pp_mul(probe[row + x], a[x]));
        }
        pp_fft_run(p->s->there, f);
    }
}

/* Brings a kept far field from `at` to `to` along the last line. */
static void follow(const pattern *p, pp_c32 *far)
{
    const pp_fftw_sweep *s = p->s;
    const float a = (float)(s->to - s->at), b = (float)(s->to * s->to - s->at * s->at);
    const int64_t count = p->modes * p->n2;
    const pp_c32 *f1 = s->f1 + p->j * count;
    if (s->to == s->at) return;
    for (int64_t k = 0; k < count; k++) far[k] = pp_add(far[k], pp_times(a, f1[k]));
    if (!s->square) return;
    const pp_c32 *f2 = s->f2 + p->j * count;
    for (int64_t k = 0; k < count; k++) far[k] = pp_add(far[k], pp_times(b, f2[k]));
}

/* The far field of a point: kept, followed or computed. */
static const pp_c32 *far_of(const pattern *p, const pp_c32 *probe, const pp_c32 *object)
{
    pp_c32 *far = p->s->far ? p->s->far + p->j * p->modes * p->n2 : p->w->far;
    if (p->s->far && p->s->known)
        follow(p, far);
    else
        far_field(p, far, probe, object, NULL, NULL);
    return far;
}

/* After a pass in which every pattern went through far_of. */
static void all_known(pp_fftw_sweep *s)
{
    s->known = true;
    s->at = s->to;
}

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
static void add_object(const pattern *p, const pp_chunk *c, const pp_c32 *probe, const pp_c32 *near)
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
static void add_probe(const pattern *p, pp_c32 *sum, const pp_c32 *object, pp_c32 *near)
{
    const window seen = window_of(p, object, p->w->window);
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

static void pattern_gradient(const pattern *p, const pp_chunk *c, pp_c32 *probe_sum,
                             const pp_sweep_gradient *out, const pp_sweep_point *at)
{
    const pp_c32 *probe = moved(p, p->w->probe, p->s->hat, at->probe);
    const pp_c32 *far = far_of(p, probe, at->object);
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
    transform(s, s->hat, at->probe);
#pragma omp parallel for num_threads(u->threads) schedule(dynamic, 1)
    for (int64_t i = 0; i < s->chunks.count; i++) {
        const pp_chunk *c = &s->chunks.chunk[i];
        pp_c32 *probe_sum = out->probe ? s->probes + i * plane : NULL;
        clear(s, i, out->object != NULL, probe_sum);
        for (int64_t k = c->first; k < c->first + c->count; k++) {
            const pattern p = pattern_of(s, s->chunks.order[k]);
            pattern_gradient(&p, c, probe_sum, out, at);
        }
    }
    all_known(s);
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
static void direction_fields(const pattern *p, pp_c32 *f1, pp_c32 *f2, const pp_c32 *probe,
                             const pp_sweep_point *at, const pp_sweep_direction *along)
{
    if (!along->probe) {
        far_field(p, f1, probe, along->object, NULL, NULL);
        return;
    }
    const pp_c32 *dprobe = moved(p, p->w->dprobe, p->s->dhat, along->probe);
    far_field(p, f1, probe, along->object, dprobe, at->object);
    far_field(p, f2, dprobe, along->object, NULL, NULL);
}

/* What both line passes do with one pattern; `fresh`: the direction is new, else kept fields are used where there are. */
static void pattern_line(const pattern *p, const pp_sweep_point *at,
                         const pp_sweep_direction *along, const double *steps, int count,
                         bool fresh)
{
    const pp_fftw_sweep *s = p->s;
    const bool kept = s->far != NULL, square = along->probe != NULL;
    const int64_t o = p->j * p->modes * p->n2;
    pp_c32 *f1 = kept ? s->f1 + o : p->w->f1, *f2 = kept && square ? s->f2 + o : p->w->f2;
    pp_far_line line = {.far = kept ? s->far + o : NULL, .f1 = f1, .f2 = square ? f2 : NULL};
    if (fresh || !kept) {
        const pp_c32 *probe = moved(p, p->w->probe, s->hat, at->probe);
        line.far = far_of(p, probe, at->object);
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
    if (fresh || !s->far) transform(s, s->hat, at->probe), transform(s, s->dhat, along->probe);
#pragma omp parallel for num_threads(s->base.setup.threads) schedule(dynamic, 1)
    for (int64_t i = 0; i < s->chunks.count; i++) {
        const pp_chunk *c = &s->chunks.chunk[i];
        for (int64_t k = c->first; k < c->first + c->count; k++) {
            const pattern p = pattern_of(s, s->chunks.order[k]);
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
    all_known(s);
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

static void add_light(float *to, const pp_c32 *a, int64_t count, float part)
{
    for (int64_t x = 0; x < count; x++) to[x] += part * (a[x].re * a[x].re + a[x].im * a[x].im);
}

/* |probe|^2 of one pattern, into its chunk's box of floats. */
static void light_object(const pattern *p, const pp_chunk *c, float *boxes,
                         const pp_sweep_point *at)
{
    const pp_c32 *probe = moved(p, p->w->probe, p->s->hat, at->probe);
    const int32_t *w = p->s->chunks.window[p->j];
    const float *f = p->s->parts ? p->s->parts[p->j] : NULL;
    for (int64_t m = 0; m < p->modes; m++)
        for (int64_t y = 0; y < p->n; y++) {
            float *to = boxes + c->offset + (w[0] - c->y + y) * c->width + (w[1] - c->x);
            const pp_c32 *a = probe + m * p->n2 + y * p->n;
            for (int i = 0; i < (f ? 4 : 1); i++)
                add_light(to + pp_corner_offset(i, c->width), a, p->n,
                          f ? pp_corner_weight(i, f[0], f[1]) : 1);
        }
}

pp_status pp_fftw_illumination(pp_sweep *sweep, float *object, float *probe,
                               const pp_sweep_point *at)
{
    pp_fftw_sweep *s = (pp_fftw_sweep *)sweep;
    float *boxes = &s->boxes->re;
    if (probe) pp_chunks_light(&s->chunks, probe, at->object, &s->base.setup);
    if (!object) return PP_OK;
    transform(s, s->hat, at->probe);
#pragma omp parallel for num_threads(s->base.setup.threads) schedule(dynamic, 1)
    for (int64_t i = 0; i < s->chunks.count; i++) {
        const pp_chunk *c = &s->chunks.chunk[i];
        memset(boxes + c->offset, 0, (size_t)(c->height * c->width) * sizeof *boxes);
        for (int64_t k = c->first; k < c->first + c->count; k++) {
            const pattern p = pattern_of(s, s->chunks.order[k]);
            light_object(&p, c, boxes, at);
        }
    }
    pp_chunks_merge(&s->chunks, object, boxes, 1, s->base.setup.object, s->base.setup.threads);
    return PP_OK;
}

/* to = F[(d probe / d position along `axis`) x window]: the derivative of the ramp is -2 pi i k. */
static void derivative_field(const pattern *p, pp_c32 *to, int axis, const pp_c32 *object)
{
    const pp_c32 *ramps = p->s->ramp + 2 * p->j * p->n; /* positions are Fourier here */
    for (int64_t m = 0; m < p->modes; m++) {
        const pp_c32 *from = p->s->hat + m * p->n2;
        pp_c32 *d = p->w->dprobe + m * p->n2;
        for (int64_t y = 0; y < p->n; y++)
            for (int64_t x = 0; x < p->n; x++) {
                const pp_c32 slope = pp_ramp_slope(axis == 0 ? y : x, p->n);
                const pp_c32 ramp = pp_mul(ramps[y], ramps[p->n + x]);
                d[y * p->n + x] = pp_mul(pp_mul(from[y * p->n + x], ramp), slope);
            }
        pp_fft_run(p->s->back, d);
    }
    far_field(p, to, p->w->dprobe, object, NULL, NULL);
}

pp_status pp_fftw_positions(pp_sweep *sweep, pp_sweep_position *out, const pp_sweep_point *at)
{
    pp_fftw_sweep *s = (pp_fftw_sweep *)sweep;
    transform(s, s->hat, at->probe);
#pragma omp parallel for num_threads(s->base.setup.threads) schedule(dynamic, 1)
    for (int64_t j = 0; j < s->base.setup.patterns; j++) {
        const pattern p = pattern_of(s, j);
        const pp_c32 *probe = moved(&p, p.w->probe, s->hat, at->probe);
        const pp_c32 *far = far_of(&p, probe, at->object);
        const pp_pixels pixels = pp_fftw_pixels(s, j);
        const float largest = pp_pixels_intensity(&pixels, p.w->inten, far);
        derivative_field(&p, p.w->f1, 0, at->object);
        derivative_field(&p, p.w->f2, 1, at->object);
        pp_pixels_position(&pixels, &out[j], far, p.w->f1, p.w->f2, p.w->inten, largest);
    }
    all_known(s);
    return PP_OK;
}

void pp_fftw_set_background(pp_sweep *sweep, const float *background)
{
    const pp_fftw_sweep *s = (pp_fftw_sweep *)sweep;
    memcpy(s->background, background, (size_t)(s->base.setup.n * s->base.setup.n) * sizeof(float));
}

/* Patterns one after another: each pixel has one order, and this is rare. */
pp_status pp_fftw_background_terms(pp_sweep *sweep, double *first, double *second,
                                   const pp_sweep_point *at)
{
    pp_fftw_sweep *s = (pp_fftw_sweep *)sweep;
    const size_t bytes = (size_t)(s->base.setup.n * s->base.setup.n) * sizeof *first;
    memset(first, 0, bytes), memset(second, 0, bytes);
    transform(s, s->hat, at->probe);
    for (int64_t j = 0; j < s->base.setup.patterns; j++) {
        const pattern p = pattern_of(s, j);
        const pp_c32 *probe = moved(&p, p.w->probe, s->hat, at->probe);
        const pp_pixels pixels = pp_fftw_pixels(s, j);
        (void)pp_pixels_intensity(&pixels, p.w->inten, far_of(&p, probe, at->object));
        pp_pixels_background(&pixels, first, second, p.w->inten);
    }
    all_known(s);
    return PP_OK;
}
