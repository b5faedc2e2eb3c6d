/* SPDX-License-Identifier: BSD-3-Clause */
#include "backend/cpu/pixels.h"

#include <math.h>

#include "kernels/pixel.h"

/* Pixels are taken in blocks that stay in registers and L1; a block's tail is filled with unmeasured pixels. */
enum { BLOCK = 128, LANES = 8 };

typedef struct block {
    int64_t first, count;
    float d[BLOCK], w[BLOCK]; /* counts (0 where not measured); 1 where measured, else 0 */
} block;

static double sum(const float *t)
{
    double lane[LANES] = {0};
    for (int i = 0; i < BLOCK; i += LANES)
        for (int l = 0; l < LANES; l++) lane[l] += (double)t[i + l];
    return ((lane[0] + lane[1]) + (lane[2] + lane[3])) +
           ((lane[4] + lane[5]) + (lane[6] + lane[7]));
}

static void measured(const pp_pixels *p, int64_t first, block *b)
{
    b->first = first;
    b->count = p->count - first < BLOCK ? p->count - first : BLOCK;
    for (int64_t i = b->count; i < BLOCK; i++) b->d[i] = b->w[i] = 0;
    const uint8_t *mask = p->mask + first;
    if (p->type == PP_U16) {
        const uint16_t *f = (const uint16_t *)p->frame + first;
        for (int64_t i = 0; i < b->count; i++) {
            const int ok = (mask[i] != 0) & pp_measured_u16(f[i]);
            b->w[i] = (float)ok, b->d[i] = ok ? (float)f[i] : 0.0f;
        }
    } else {
        const float *f = (const float *)p->frame + first;
        for (int64_t i = 0; i < b->count; i++) {
            const int ok = (mask[i] != 0) & pp_measured_f32(f[i]);
            b->w[i] = (float)ok, b->d[i] = ok ? f[i] : 0.0f;
        }
    }
}

float pp_pixels_intensity(const pp_pixels *p, float *inten, const pp_c32 *far)
{
    float top[LANES] = {0};
    for (int64_t k = 0; k < p->count; k++) inten[k] = 0;
    for (int64_t m = 0; m < p->modes; m++) {
        const pp_c32 *f = far + m * p->count;
        for (int64_t k = 0; k < p->count; k++) inten[k] += pp_intensity(f[k]);
    }
    for (int64_t k = 0; p->background && k < p->count; k++) inten[k] += p->background[k];
    for (int64_t k = 0; k < p->count; k++) {
        const int l = (int)(k % LANES);
        top[l] = inten[k] > top[l] ? inten[k] : top[l];
    }
    for (int l = 1; l < LANES; l++) top[0] = top[l] > top[0] ? top[l] : top[0];
    return top[0];
}

static float cost_of(pp_sweep_model model, float inten, float d)
{
    return pp_pixel_cost(model == PP_SWEEP_POISSON, inten, d);
}

static float ratio_of(pp_sweep_model model, float inten, float d)
{
    return pp_pixel_ratio(model == PP_SWEEP_POISSON, inten, d);
}

static float dark_limit(float largest)
{
    return pp_dark_limit(largest, PP_SWEEP_DARK);
}

static double block_cost(const block *b, const float *inten, pp_sweep_model model)
{
    float t[BLOCK];
    for (int i = 0; i < BLOCK; i++) t[i] = b->w[i] * cost_of(model, inten[i], b->d[i]);
    return sum(t);
}

/* inten of a block, its tail filled. */
static void take(const block *b, const float *inten, float out[BLOCK])
{
    for (int64_t i = 0; i < b->count; i++) out[i] = inten[b->first + i];
    for (int64_t i = b->count; i < BLOCK; i++) out[i] = 0;
}

double pp_pixels_residual(const pp_pixels *p, float *inten, float largest, float scale,
                          double *misfit)
{
    const float limit = dark_limit(largest);
    double cost = 0, square = 0;
    for (int64_t k = 0; k < p->count; k += BLOCK) {
        block b;
        float a[BLOCK];
        measured(p, k, &b);
        take(&b, inten, a);
        cost += block_cost(&b, a, p->model);
        if (misfit) square += block_cost(&b, a, PP_SWEEP_AMPLITUDE);
        for (int64_t i = 0; i < b.count; i++) {
            const float u = 1.0f - ratio_of(p->model, a[i], b.d[i]);
            inten[k + i] = a[i] >= limit && b.w[i] != 0.0f ? scale * u : 0.0f;
        }
    }
    if (misfit) *misfit = square;
    return cost;
}

/* Coefficients of I(at + h) = a + h (b + h (c + h (d + h e))) on a block. */
typedef struct quartic {
    float a[BLOCK], b[BLOCK], c[BLOCK], d[BLOCK], e[BLOCK];
} quartic;

static void add_linear(quartic *q, const pp_c32 *f, const pp_c32 *g, int64_t count)
{
    for (int64_t i = 0; i < count; i++) pp_line_add_linear(&q->b[i], &q->c[i], f[i], g[i]);
}

static void add_square(quartic *q, const pp_c32 *f, const pp_c32 *g, const pp_c32 *h, float at,
                       int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        const pp_c32 fgh[3] = {f[i], g[i], h[i]};
        pp_line_add_square(&q->b[i], &q->c[i], &q->d[i], &q->e[i], fgh, at);
    }
}

static void coefficients(const pp_pixels *p, const block *b, const pp_far_line *line,
                         const float *inten, quartic *q)
{
    take(b, inten, q->a);
    for (int i = 0; i < BLOCK; i++) q->b[i] = q->c[i] = q->d[i] = q->e[i] = 0;
    for (int64_t m = 0; m < p->modes; m++) {
        const int64_t o = m * p->count + b->first;
        if (line->f2)
            add_square(q, line->far + o, line->f1 + o, line->f2 + o, (float)line->at, b->count);
        else
            add_linear(q, line->far + o, line->f1 + o, b->count);
    }
}

static void derivatives(const block *b, const quartic *q, pp_sweep_model model, float limit,
                        double sums[2])
{
    const float s = model == PP_SWEEP_AMPLITUDE ? 0.5f : 1.0f;
    float slope[BLOCK], curve[BLOCK];
    for (int i = 0; i < BLOCK; i++) {
        const bool bright = q->a[i] >= limit && b->w[i] != 0.0f;
        const float a = bright ? q->a[i] : 1.0f, r = ratio_of(model, a, b->d[i]);
        slope[i] = bright ? pp_line_slope(r, q->b[i]) : 0.0f;
        curve[i] = bright ? pp_line_curvature(a, r, q->b[i], q->c[i], s) : 0.0f;
    }
    sums[0] += sum(slope), sums[1] += sum(curve);
}

static double trial(const block *b, const quartic *q, pp_sweep_model model, float h)
{
    float inten[BLOCK];
    for (int i = 0; i < BLOCK; i++) {
        const float bcde[4] = {q->b[i], q->c[i], q->d[i], q->e[i]};
        inten[i] = pp_line_intensity(q->a[i], bcde, h);
    }
    return block_cost(b, inten, model);
}

void pp_pixels_line(const pp_pixels *p, double sums[2], double *costs, const double *steps,
                    int count, const pp_far_line *line, const float *inten, float largest)
{
    const float limit = dark_limit(largest);
    if (sums) sums[0] = sums[1] = 0;
    for (int s = 0; s < count; s++) costs[s] = 0;
    for (int64_t k = 0; k < p->count; k += BLOCK) {
        block b;
        quartic q;
        measured(p, k, &b);
        coefficients(p, &b, line, inten, &q);
        if (sums) derivatives(&b, &q, p->model, limit, sums);
        for (int s = 0; s < count; s++)
            costs[s] += trial(&b, &q, p->model, (float)(steps[s] - line->at));
    }
}

void pp_pixels_background(const pp_pixels *p, double *first, double *second, const float *inten)
{
    for (int64_t k = 0; k < p->count; k += BLOCK) {
        block b;
        measured(p, k, &b);
        for (int64_t i = 0; i < b.count; i++) {
            const double q = (double)inten[k + i], d = (double)b.d[i];
            if (b.w[i] == 0.0f || !(q > 0)) continue;
            const double r = p->model == PP_SWEEP_POISSON ? d / q : sqrt(d / q);
            first[k + i] += 1 - r;
            second[k + i] += (p->model == PP_SWEEP_POISSON ? 1 : 0.5) * r / q;
        }
    }
}

void pp_pixels_totals(const pp_pixels *p, pp_sweep_totals *add)
{
    for (int64_t k = 0; k < p->count; k += BLOCK) {
        block b;
        measured(p, k, &b);
        for (int i = 0; i < BLOCK; i++) {
            const double d = (double)b.d[i];
            add->counts += d;
            add->pixels += (double)b.w[i];
            if (d > 0) add->poisson_offset += d - d * log(d);
        }
    }
}

void pp_pixels_position(const pp_pixels *p, pp_sweep_position *out, const pp_c32 *far,
                        const pp_c32 *jy, const pp_c32 *jx, const float *inten, float largest)
{
    const float limit = dark_limit(largest);
    pp_sweep_position s = {0};
    for (int64_t k = 0; k < p->count; k += BLOCK) {
        block b;
        measured(p, k, &b);
        for (int64_t i = 0; i < b.count; i++) {
            if (b.w[i] == 0.0f || inten[k + i] < limit) continue;
            float y = 0, x = 0;
            for (int64_t m = 0; m < p->modes; m++) {
                const int64_t o = m * p->count + k + i;
                y += far[o].re * jy[o].re + far[o].im * jy[o].im;
                x += far[o].re * jx[o].re + far[o].im * jx[o].im;
            }
            /* of the beam: d sqrt(I + background) / d log factor */
            const double mod = (double)sqrtf(inten[k + i]), dy = (double)y / mod,
                         dx = (double)x / mod, r = mod - (double)sqrtf(b.d[i]),
                         beam = p->background ? mod - (double)p->background[k + i] / mod : mod;
            s.yy += dy * dy, s.yx += dy * dx, s.xx += dx * dx;
            s.ry += dy * r, s.rx += dx * r;
            s.ww += beam * beam, s.rw += beam * r;
        }
    }
    *out = s;
}
