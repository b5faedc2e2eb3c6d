/* The fused sweeps' kernels against FFTW, for every size and every instruction set that this processor has: products and their
 * transforms, the way back, translations, and the terms of costs, all against plain loops in double.
 * SPDX-License-Identifier: BSD-3-Clause */
// TIMEOUT 300
#include <complex.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "backend/cpu/fftw_sweep.h"
#include "backend/cpu/fused.h"
#include "backend/cpu/fused_sweep.h"
#include "backend/fft.h"
#include "backend/level.h"
#include "backend/sweep.h"
#include "base/alloc.h"
#include "base/random.h"
#include "tests/support/support.h"

/* Intensities are about 4; darker than this (for I -> 0 d / I blows rounding up) has no residual here. */
static const float dark = 1e-3f;

/* One size at one level: a window, two probes, and room. */
typedef struct bench {
    const pp_fused_kernels *kernels;
    pp_fused_plan plan;
    int n, width;
    int64_t pixels, stride, field;
    float *twiddles;
    int32_t *digits, *order;
    pp_c32 *object[2], *probe[2]; /* natural; objects with row stride `stride` */
    float *packed[2], *fields[3], *rows, *spectrum;
    pp_c32 *truth[3];
    pp_fft *forward, *backward;
} bench;

static void pack(const bench *b, float *to, const pp_c32 *from)
{
    for (int y = 0; y < b->n; y++)
        for (int x = 0; x < b->n; x++) {
            float *at = to + ((int64_t)(x / b->width) * b->n + y) * 2 * b->width + x % b->width;
            at[0] = from[y * b->n + x].re, at[b->width] = from[y * b->n + x].im;
        }
}

static void fill(pp_c32 *to, int64_t count, pp_random *random)
{
    for (int64_t k = 0; k < count; k++)
        to[k] = (pp_c32){(float)pp_random_normal(random), (float)pp_random_normal(random)};
}

static void bench_make(bench *b, int n, pp_level level)
{
    pp_level_cap(level);
    *b = (bench){.kernels = pp_fused_pick(), .n = n, .pixels = (int64_t)n * n, .stride = n + 13};
    b->width = b->kernels->width;
    pp_assert_ok(PP_ALLOC(pp_fused_tables(n), &b->twiddles));
    pp_assert_ok(PP_ALLOC(n, &b->digits));
    pp_assert_ok(PP_ALLOC(b->pixels, &b->order));
    pp_fused_plan_fill(&b->plan, n, b->twiddles, b->digits);
    pp_fused_order(&b->plan, b->width, b->order);
    b->field = (int64_t)(n / b->width) * b->plan.stride * 2 * b->width;
    pp_random random = pp_random_start(7, (uint64_t)n);
    for (int k = 0; k < 2; k++) {
        pp_assert_ok(PP_ALLOC(n * b->stride, b->object + k));
        pp_assert_ok(PP_ALLOC(b->pixels, b->probe + k));
        pp_assert_ok(PP_ALLOC(2 * b->pixels, b->packed + k));
        fill(b->object[k], n * b->stride, &random);
        fill(b->probe[k], b->pixels, &random);
        pack(b, b->packed[k], b->probe[k]);
    }
    for (int k = 0; k < 3; k++) {
        pp_assert_ok(PP_ALLOC(b->field, b->fields + k));
        pp_assert_ok(PP_ALLOC(b->pixels, b->truth + k));
    }
    pp_assert_ok(PP_ALLOC((int64_t)6 * b->plan.span * b->width, &b->rows));
    pp_assert_ok(PP_ALLOC(2 * b->pixels, &b->spectrum));
    const int64_t shape[2] = {n, n};
    pp_assert_ok(pp_fft_create(2, shape, 1, -1, &b->forward));
    pp_assert_ok(pp_fft_create(2, shape, 1, 1, &b->backward));
}

static void bench_free(bench *b)
{
    for (int k = 0; k < 2; k++) pp_free(b->object[k]), pp_free(b->probe[k]), pp_free(b->packed[k]);
    for (int k = 0; k < 3; k++) pp_free(b->fields[k]), pp_free(b->truth[k]);
    pp_free(b->twiddles), pp_free(b->digits), pp_free(b->order);
    pp_free(b->rows), pp_free(b->spectrum);
    pp_fft_free(&b->forward), pp_fft_free(&b->backward);
    pp_level_cap(PP_LEVEL_V4);
}

static pp_c32 times(pp_c32 a, pp_c32 b)
{
    return (pp_c32){a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}

static pp_c32 conjugate(pp_c32 a)
{
    return (pp_c32){a.re, -a.im};
}

/* truth[to] = object[o] x probe[p], not transformed */
static void multiply(const bench *b, int to, int o, int p)
{
    for (int64_t k = 0; k < b->pixels; k++)
        b->truth[to][k] = times(b->object[o][k / b->n * b->stride + k % b->n], b->probe[p][k]);
}

static pp_c32 at_order(const bench *b, const float *spectrum, int64_t k)
{
    const float *at = spectrum + k / b->width * 2 * b->width + k % b->width;
    return (pp_c32){at[0], at[b->width]};
}

/* Relative distance of a spectrum in detector order from natural order. */
static double distance(const bench *b, const float *spectrum, const pp_c32 *natural)
{
    double apart = 0, size = 0;
    for (int64_t k = 0; k < b->pixels; k++) {
        const pp_c32 x = at_order(b, spectrum, k), y = natural[b->order[k]];
        apart += pow(x.re - y.re, 2) + pow(x.im - y.im, 2);
        size += pow(y.re, 2) + pow(y.im, 2);
    }
    return sqrt(apart / size);
}

static void order_is_permutation(const bench *b)
{
    char *seen;
    pp_assert_ok(PP_ALLOC(b->pixels, &seen));
    for (int64_t k = 0; k < b->pixels; k++) {
        ck_assert_int_ge(b->order[k], 0);
        ck_assert_int_lt(b->order[k], (int)b->pixels);
        ck_assert_int_eq(seen[b->order[k]], 0);
        seen[b->order[k]] = 1;
    }
    pp_free(seen);
}

/* The far field of a product, as `far` writes it, is FFTW's. */
static void forward_is_fftw(bench *b)
{
    const pp_fused_window window = {b->object[0], b->stride};
    b->kernels->product(&b->plan, b->fields[0], window, b->packed[0]);
    pp_fused_gradient g = {
        .modes = 1, .fields = b->fields[0], .rows = b->rows, .kept = b->spectrum};
    b->kernels->far(&b->plan, &g, NULL);
    multiply(b, 0, 0, 0);
    pp_fft_run(b->forward, b->truth[0]);
    ck_assert_double_lt(distance(b, b->spectrum, b->truth[0]), 4e-7);
    double most = 0;
    for (int64_t k = 0; k < b->pixels; k++)
        most = fmax(most, pow(b->truth[0][k].re, 2) + pow(b->truth[0][k].im, 2));
    pp_assert_near(g.most * (double)b->pixels / most, 1, 2e-6);
}

/* Both products of a line's far fields, kept or not, against the derivatives by plain loops. */
typedef struct sums {
    double slope, curvature, cost, size; /* size: the slope's terms without their signs */
} sums;

static double pixel_cost(double inten, double d, bool poisson)
{
    if (poisson) return inten - d - (d > 0 ? d * log((inten + PP_SWEEP_TINY) / d) : 0);
    return pow(sqrt(inten) - sqrt(d), 2);
}

static sums line_truth(const bench *b, const uint16_t *counts, const uint8_t *mask, bool poisson,
                       double t)
{
    sums s = {0, 0, 0, 0};
    const double scale = 1.0 / (double)b->pixels;
    for (int64_t k = 0; k < b->pixels; k++) {
        if (counts[k] == 65535 || !mask[k]) continue;
        const int32_t at = b->order[k];
        const double complex g = b->truth[0][at].re + I * b->truth[0][at].im,
                             h = b->truth[1][at].re + I * b->truth[1][at].im,
                             z = b->truth[2][at].re + I * b->truth[2][at].im,
                             f = g + t * h + t * t * z;
        const double a = creal(g * conj(g)) * scale, d = counts[k],
                     slope = 2 * creal(conj(g) * h) * scale,
                     c = creal(h * conj(h) + 2 * conj(g) * z) * scale,
                     ratio = poisson ? d / a : sqrt(d / a);
        s.cost += pixel_cost(creal(f * conj(f)) * scale, d, poisson);
        if (a < (double)dark) continue;
        s.slope += slope * (1 - ratio), s.size += fabs(slope * (1 - ratio));
        s.curvature += 2 * c * (1 - ratio) + (poisson ? 1 : 0.5) * ratio * slope * slope / a;
    }
    return s;
}

static void line_is_plain(bench *b, const uint16_t *counts, const uint8_t *mask, bool poisson,
                          bool moves)
{
    const pp_fused_window windows[2] = {{b->object[0], b->stride}, {b->object[1], b->stride}};
    const float steps[2] = {0.25f, -0.5f};
    double costs[2];
    pp_fused_line line = {.modes = 1,
                          .count = 2,
                          .fields = {b->fields[0], b->fields[1], moves ? b->fields[2] : NULL},
                          .rows = b->rows,
                          .steps = steps,
                          .costs = costs};
    multiply(b, 0, 0, 0), multiply(b, 1, 1, 0), multiply(b, 2, 1, 1);
    b->kernels->product(&b->plan, b->fields[0], windows[0], b->packed[0]);
    if (moves) {
        const float *const probes[2] = {b->packed[0], b->packed[1]};
        float *const to[2] = {b->fields[1], b->fields[2]};
        b->kernels->products(&b->plan, to, windows, probes);
        for (int64_t k = 0; k < b->pixels; k++) {
            const pp_c32 more =
                times(b->object[0][k / b->n * b->stride + k % b->n], b->probe[1][k]);
            b->truth[1][k].re += more.re, b->truth[1][k].im += more.im;
        }
    } else {
        b->kernels->product(&b->plan, b->fields[1], windows[1], b->packed[0]);
        for (int64_t k = 0; k < b->pixels; k++) b->truth[2][k] = (pp_c32){0, 0};
    }
    for (int k = 0; k < 3; k++) pp_fft_run(b->forward, b->truth[k]);
    const pp_fused_frame frame = {.counts = counts, .mask = mask, .poisson = poisson, .dark = dark};
    b->kernels->line(&b->plan, &line, &frame);
    for (int k = 0; k < 2; k++) {
        const sums s = line_truth(b, counts, mask, poisson, steps[k]);
        pp_assert_near(costs[k] / s.cost, 1, 3e-6);
        pp_assert_near(line.slope / s.size, s.slope / s.size, 3e-6);
        pp_assert_near(line.curvature / s.curvature, 1, 1e-3);
    }
    pp_fused_line kept = line;
    kept.fields[0] = NULL, kept.kept = b->spectrum;
    b->kernels->line(&b->plan, &kept, &frame); /* spectrum: from forward_is_fftw */
    ck_assert_double_eq(kept.slope, line.slope);
}

/* Residual and way back: object's and probe's gradient. */
static void gradient_is_plain(bench *b, const uint16_t *counts, const uint8_t *mask, bool poisson)
{
    pp_c32 *box;
    float *sum;
    pp_assert_ok(PP_ALLOC(b->n * b->stride, &box));
    pp_assert_ok(PP_ALLOC(2 * b->pixels, &sum));
    const pp_fused_window window = {b->object[0], b->stride};
    const pp_fused_frame frame = {.counts = counts, .mask = mask, .poisson = poisson, .dark = dark};
    multiply(b, 0, 0, 0);
    pp_fft_run(b->forward, b->truth[0]);
    double cost = 0;
    for (int64_t k = 0; k < b->pixels; k++) {
        pp_c32 *far = b->truth[0] + b->order[k];
        const double inten = (pow(far->re, 2) + pow(far->im, 2)) / (double)b->pixels, d = counts[k];
        const bool on = counts[k] != 65535 && mask[k];
        const double u = on && inten >= (double)dark
                             ? (1 - (poisson ? d / inten : sqrt(d / inten))) / (double)b->pixels
                             : 0;
        if (on) cost += pixel_cost(inten, d, poisson);
        far->re = (float)(far->re * u), far->im = (float)(far->im * u);
    }
    pp_fft_run(b->backward, b->truth[0]);
    b->kernels->product(&b->plan, b->fields[0], window, b->packed[0]);
    pp_fused_gradient g = {.modes = 1, .fields = b->fields[0], .rows = b->rows};
    b->kernels->gradient(&b->plan, &g, &frame);
    pp_assert_near(g.cost / cost, 1, 3e-6);
    const pp_fused_back to = {
        .box = box, .box_stride = b->stride, .probe = b->packed[0], .object = window, .sum = sum};
    b->kernels->back(&b->plan, b->fields[0], &to);
    double apart[2] = {0, 0}, size[2] = {0, 0};
    for (int y = 0; y < b->n; y++)
        for (int x = 0; x < b->n; x++) {
            const pp_c32 near = b->truth[0][y * b->n + x],
                         o = times(near, conjugate(b->probe[0][y * b->n + x])),
                         p = times(near, conjugate(b->object[0][y * b->stride + x]));
            const float *s = sum + ((x / b->width) * b->n + y) * 2 * b->width + x % b->width;
            const pp_c32 u = box[y * b->stride + x];
            apart[0] += pow(u.re - o.re, 2) + pow(u.im - o.im, 2);
            apart[1] += pow(s[0] - p.re, 2) + pow(s[b->width] - p.im, 2);
            size[0] += pow(o.re, 2) + pow(o.im, 2), size[1] += pow(p.re, 2) + pow(p.im, 2);
        }
    const double bar = poisson ? 1e-5 : 2e-6;
    ck_assert_double_lt(sqrt(apart[0] / size[0]), bar);
    ck_assert_double_lt(sqrt(apart[1] / size[1]), bar);
    pp_free(box), pp_free(sum);
}

/* A probe moved by (3, -2) whole pixels and back. */
static void shift_moves(bench *b)
{
    pp_c32 *ramp[2];
    const int n = b->n, by[2] = {3, -2};
    for (int a = 0; a < 2; a++) {
        pp_assert_ok(PP_ALLOC(n, ramp + a));
        for (int k = 0; k < n; k++) {
            const double angle = -2 * M_PI * b->digits[k] * by[a] / n;
            ramp[a][k] = (pp_c32){(float)cos(angle), (float)sin(angle)};
        }
    }
    const pp_fused_ramp ramps = {ramp[0], ramp[1]};
    b->kernels->spectrum(&b->plan, b->spectrum, b->packed[0], b->rows, b->fields[0]);
    b->kernels->shift(&b->plan, b->packed[1], b->spectrum, ramps, b->rows, b->fields[0]);
    for (int y = 0; y < n; y++)
        for (int x = 0; x < n; x++) {
            const pp_c32 from = b->probe[0][(y + n - 3) % n * n + (x + 2) % n];
            const float *to = b->packed[1] + ((x / b->width) * n + y) * 2 * b->width + x % b->width;
            pp_assert_near(to[0], from.re, 1e-5);
            pp_assert_near(to[b->width], from.im, 1e-5);
        }
    pp_free(ramp[0]), pp_free(ramp[1]);
}

static void all_of(int n, pp_level level)
{
    bench b;
    bench_make(&b, n, level);
    uint16_t *counts;
    uint8_t *mask;
    pp_assert_ok(PP_ALLOC(b.pixels, &counts));
    pp_assert_ok(PP_ALLOC(b.pixels, &mask));
    pp_random random = pp_random_start(11, (uint64_t)n);
    for (int64_t k = 0; k < b.pixels; k++) {
        counts[k] = (uint16_t)pp_random_poisson(&random, 3);
        mask[k] = k % 17 != 0;
    }
    counts[5] = counts[n + 3] = 65535;
    order_is_permutation(&b);
    forward_is_fftw(&b);
    for (int poisson = 0; poisson < 2; poisson++) {
        line_is_plain(&b, counts, mask, poisson, false);
        line_is_plain(&b, counts, mask, poisson, true);
        gradient_is_plain(&b, counts, mask, poisson);
    }
    shift_moves(&b);
    pp_free(counts), pp_free(mask);
    bench_free(&b);
}

START_TEST(every_size_and_level)
{
    const pp_level top = pp_level_get();
    for (int level = PP_LEVEL_BASE; level <= (int)top; level++)
        for (int n = 16; n <= 1024; n *= 2)
            if (n < 512 || level == (int)top) all_of(n, (pp_level)level);
}
END_TEST

START_TEST(level_is_checked)
{
    pp_assert_ok(pp_level_check());
    ck_assert_int_eq(setenv("POLYPTYCH_INSTRUCTION_SET", "x86-64-v9", 1), 0);
    ck_assert_int_eq(pp_level_check(), PP_ERR_CONFIG);
    ck_assert_int_eq(setenv("POLYPTYCH_INSTRUCTION_SET", pp_level_name(PP_LEVEL_BASE), 1), 0);
    pp_assert_ok(pp_level_check());
    ck_assert_int_eq(pp_level_get(), PP_LEVEL_BASE);
    ck_assert_int_eq(unsetenv("POLYPTYCH_INSTRUCTION_SET"), 0);
}
END_TEST

/* ---- whole sweeps, several blocks of columns: against those around FFTW's plans ---- */

enum { SIDE = 64, SHOTS = 9, EXTENT = 84, PAIR = 2 };

typedef struct outcome {
    double cost;
    pp_sweep_slope slope;
    double costs[2];
    pp_c32 object[EXTENT * EXTENT], probe[PAIR * SIDE * SIDE];
    float light[EXTENT * EXTENT];
    pp_sweep_position terms[SHOTS];
} outcome;

/* A beam with a soft edge on a smooth object; counts of another one. */
static void sweep_once(const pp_sweep_class *kind, pp_sweep_positions mode, outcome *out)
{
    static pp_c32 object[EXTENT * EXTENT], probe[PAIR * SIDE * SIDE], d[EXTENT * EXTENT];
    static uint16_t counts[SHOTS * SIDE * SIDE], frames[SHOTS * SIDE * SIDE];
    static int32_t order[SIDE * SIDE];
    double positions[SHOTS][2];
    const double steps[2] = {0.5, 0.125};
    pp_random random = pp_random_start(5, 1);
    fill(object, EXTENT * EXTENT, &random), fill(d, EXTENT * EXTENT, &random);
    fill(probe, PAIR * SIDE * SIDE, &random);
    for (int k = 0; k < SHOTS * SIDE * SIDE; k++)
        counts[k] = (uint16_t)pp_random_poisson(&random, 8);
    for (int j = 0; j < SHOTS; j++)
        for (int a = 0; a < 2; a++) positions[j][a] = pp_random_uniform(&random) * (EXTENT - SIDE);
    for (int k = 0; k < SIDE * SIDE; k++) order[k] = k;
    if (kind->order) kind->order(SIDE, order);
    for (int k = 0; k < SHOTS * SIDE * SIDE; k++)
        frames[k] = counts[k / (SIDE * SIDE) * SIDE * SIDE + order[k % (SIDE * SIDE)]];
    const pp_sweep_setup setup = {.n = SIDE,
                                  .modes = PAIR,
                                  .patterns = SHOTS,
                                  .object = {EXTENT, EXTENT},
                                  .positions = &positions[0][0],
                                  .mode = mode,
                                  .frame_type = PP_U16,
                                  .frames = frames,
                                  .probe_moves = true,
                                  .keep = mode == PP_SWEEP_FOURIER,
                                  .threads = 2};
    pp_sweep *s;
    const pp_sweep_point at = {object, probe};
    const pp_sweep_direction along = {d, probe};
    const pp_sweep_gradient gradient = {out->object, out->probe, &out->cost, NULL,
                                        NULL,        NULL,       NULL,       NULL};
    pp_assert_ok(pp_sweep_create(kind, &setup, &s));
    pp_assert_ok(pp_sweep_gradient_at(s, &gradient, &at));
    pp_assert_ok(pp_sweep_line(s, &out->slope, out->costs, &at, &along, steps, 2));
    pp_assert_ok(pp_sweep_illumination(s, out->light, NULL, &at));
    if (mode == PP_SWEEP_FOURIER) pp_assert_ok(pp_sweep_position_terms(s, out->terms, &at));
    pp_sweep_free(&s);
}

static double apart(const pp_c32 *a, const pp_c32 *b, int count)
{
    double difference = 0, size = 0;
    for (int k = 0; k < count; k++) {
        difference += pow(a[k].re - b[k].re, 2) + pow(a[k].im - b[k].im, 2);
        size += pow(b[k].re, 2) + pow(b[k].im, 2);
    }
    return sqrt(difference / size);
}

static void compare_sweeps(const outcome *a, const outcome *b)
{
    pp_assert_near(a->cost / b->cost, 1, 1e-6);
    pp_assert_near(a->slope.slope / b->slope.slope, 1, 1e-5);
    pp_assert_near(a->slope.curvature / b->slope.curvature, 1, 1e-4);
    for (int k = 0; k < 2; k++) pp_assert_near(a->costs[k] / b->costs[k], 1, 1e-6);
    ck_assert_double_lt(apart(a->object, b->object, EXTENT * EXTENT), 3e-6);
    ck_assert_double_lt(apart(a->probe, b->probe, PAIR * SIDE * SIDE), 3e-6);
    for (int k = 0; k < EXTENT * EXTENT; k++)
        pp_assert_near((double)a->light[k], (double)b->light[k], 1e-5 * (1 + (double)b->light[k]));
    for (int j = 0; j < SHOTS; j++) {
        const pp_sweep_position *p = &a->terms[j], *q = &b->terms[j];
        pp_assert_near(p->yy, q->yy, 1e-4 * q->yy);
        pp_assert_near(p->yx, q->yx, 1e-4 * q->yy);
        pp_assert_near(p->xx, q->xx, 1e-4 * q->xx);
        pp_assert_near(p->ry, q->ry, 1e-4 * (q->yy + fabs(q->ry)));
        pp_assert_near(p->rx, q->rx, 1e-4 * (q->xx + fabs(q->rx)));
    }
}

START_TEST(sweeps_agree)
{
    static outcome fused, fftw;
    const pp_level top = pp_level_get();
    for (int mode = 0; mode < 2; mode++) {
        const pp_sweep_positions positions = mode ? PP_SWEEP_FOURIER : PP_SWEEP_NEAREST;
        sweep_once(&pp_sweep_fftw, positions, &fftw);
        for (int level = PP_LEVEL_BASE; level <= (int)top; level++) {
            pp_level_cap((pp_level)level);
            sweep_once(&pp_sweep_fused, positions, &fused);
            compare_sweeps(&fused, &fftw);
        }
        pp_level_cap(PP_LEVEL_V4);
    }
}
END_TEST

int main(void)
{
    pp_fft_set_effort(PP_FFT_ESTIMATE);
    const TTest *const tests[] = {every_size_and_level, sweeps_agree, level_is_checked, NULL};
    return pp_test_main(pp_test_suite("fused", tests));
}
