/* The rarer passes over the patterns: illumination, position terms, background terms.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "backend/cpu/fftw_pattern.h"
#include "kernels/complex.h"
#include "kernels/corner.h"
#include "kernels/frequency.h"

static void add_light(float *to, const pp_c32 *a, int64_t count, float part)
{
    for (int64_t x = 0; x < count; x++) to[x] += part * (a[x].re * a[x].re + a[x].im * a[x].im);
}

/* |probe|^2 of one pattern, into its chunk's box of floats. */
static void light_object(const pp_fftw_pattern *p, const pp_chunk *c, float *boxes,
                         const pp_sweep_point *at)
{
    const pp_c32 *probe = pp_fftw_moved(p, p->w->probe, p->s->hat, at->probe);
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
    pp_fftw_transform(s, s->hat, at->probe);
#pragma omp parallel for num_threads(s->base.setup.threads) schedule(dynamic, 1)
    for (int64_t i = 0; i < s->chunks.count; i++) {
        const pp_chunk *c = &s->chunks.chunk[i];
        memset(boxes + c->offset, 0, (size_t)(c->height * c->width) * sizeof *boxes);
        for (int64_t k = c->first; k < c->first + c->count; k++) {
            const pp_fftw_pattern p = pp_fftw_pattern_of(s, s->chunks.order[k]);
            light_object(&p, c, boxes, at);
        }
    }
    pp_chunks_merge(&s->chunks, object, boxes, 1, s->base.setup.object, s->base.setup.threads);
    return PP_OK;
}

/* to = F[(d probe / d position along `axis`) x window]: the derivative of the ramp is -2 pi i k. */
static void derivative_field(const pp_fftw_pattern *p, pp_c32 *to, int axis, const pp_c32 *object)
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
    pp_fftw_far_field(p, to, p->w->dprobe, object, NULL, NULL);
}

pp_status pp_fftw_positions(pp_sweep *sweep, pp_sweep_position *out, const pp_sweep_point *at)
{
    pp_fftw_sweep *s = (pp_fftw_sweep *)sweep;
    pp_fftw_transform(s, s->hat, at->probe);
#pragma omp parallel for num_threads(s->base.setup.threads) schedule(dynamic, 1)
    for (int64_t j = 0; j < s->base.setup.patterns; j++) {
        const pp_fftw_pattern p = pp_fftw_pattern_of(s, j);
        const pp_c32 *probe = pp_fftw_moved(&p, p.w->probe, s->hat, at->probe);
        const pp_c32 *far = pp_fftw_far_of(&p, probe, at->object);
        const pp_pixels pixels = pp_fftw_pixels(s, j);
        const float largest = pp_pixels_intensity(&pixels, p.w->inten, far);
        derivative_field(&p, p.w->f1, 0, at->object);
        derivative_field(&p, p.w->f2, 1, at->object);
        pp_pixels_position(&pixels, &out[j], far, p.w->f1, p.w->f2, p.w->inten, largest);
    }
    pp_fftw_all_known(s);
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
    pp_fftw_transform(s, s->hat, at->probe);
    for (int64_t j = 0; j < s->base.setup.patterns; j++) {
        const pp_fftw_pattern p = pp_fftw_pattern_of(s, j);
        const pp_c32 *probe = pp_fftw_moved(&p, p.w->probe, s->hat, at->probe);
        const pp_pixels pixels = pp_fftw_pixels(s, j);
        (void)pp_pixels_intensity(&pixels, p.w->inten, pp_fftw_far_of(&p, probe, at->object));
        pp_pixels_background(&pixels, first, second, p.w->inten);
    }
    pp_fftw_all_known(s);
    return PP_OK;
}
