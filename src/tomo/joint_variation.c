/* SPDX-License-Identifier: BSD-3-Clause */
#include "tomo/joint_variation.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "tomo/fbp.h"

enum { AXES = PP_VARIATION_AXES };
/* Squares over a slice: how far the splitting is off, how far it moved, and the sizes of both sides. */
enum { GAP, MOVED, GRADIENT, SPLIT, MULTIPLIER, SQUARES };

/* Start of tau and eta, in units of the quadratic part (R^T R / V is about 1 for fine detail). */
static const double start_weight = 0.5;

static pp_status allocate(pp_joint_variation *j)
{
    const int64_t voxels = j->voxels + 1, pixels = j->n * j->n;
    for (int axis = 0; axis < AXES; axis++) {
        PP_TRY(PP_ALLOC(voxels, &j->split[axis]));
        PP_TRY(PP_ALLOC(voxels, &j->multiplier[axis]));
    }
    PP_TRY(PP_ALLOC(voxels, &j->sign));
    PP_TRY(PP_ALLOC(voxels, &j->sign_multiplier));
    PP_TRY(PP_ALLOC(voxels, &j->pull));
    PP_TRY(PP_ALLOC(voxels, &j->turned));
    PP_TRY(PP_ALLOC(pixels, &j->before));
    PP_TRY(PP_ALLOC(pixels, &j->after));
    PP_TRY(PP_ALLOC((j->slab.slices + 1) * SQUARES, &j->squares));
    return PP_ALLOC(j->slab.slices + 1, &j->each);
}

pp_status pp_joint_variation_create(const pp_slab *slab, int64_t n, pp_joint_variation *out)
{
    *out = (pp_joint_variation){.slab = *slab,
                                .n = n,
                                .voxels = slab->slices * n * n,
                                .tau = start_weight,
                                .eta = start_weight};
    out->slab.pixels = 2 * n * n;
    const pp_status status = allocate(out);
    if (status != PP_OK) pp_joint_variation_free(out);
    return status;
}

void pp_joint_variation_free(pp_joint_variation *j)
{
    for (int axis = 0; axis < AXES; axis++) pp_free(j->split[axis]), pp_free(j->multiplier[axis]);
    pp_free(j->sign), pp_free(j->sign_multiplier), pp_free(j->pull), pp_free(j->turned);
    pp_free(j->before), pp_free(j->after), pp_free(j->each), pp_free(j->squares);
    *j = (pp_joint_variation){0};
}

double pp_joint_variation_bytes(int64_t n, int64_t slices)
{
    const double voxel = (2 * AXES + 2) * sizeof(pp_c32) + 2 * sizeof(float);
    return (double)(n * n) * ((double)slices * voxel + 2 * sizeof(pp_c32));
}

/* ---- differences ---- */

static inline pp_c32 minus(pp_c32 a, pp_c32 b)
{
    return (pp_c32){a.re - b.re, a.im - b.im};
}

static inline double square(pp_c32 a)
{
    return (double)a.re * a.re + (double)a.im * a.im;
}

static pp_status neighbours(const pp_joint_variation *j, const pp_c32 *v, bool before, bool after)
{
    return pp_slab_neighbours(&j->slab, (const float *)v, before ? (float *)j->before : NULL,
                              after ? (float *)j->after : NULL);
}

/* The slice after slice k of v, NULL at the end of the volume; and the one before. */
static const pp_c32 *slice_after(const pp_joint_variation *j, const pp_c32 *v, int64_t k)
{
    if (j->slab.first + k + 1 == j->slab.rows) return NULL;
    return k + 1 < j->slab.slices ? v + (k + 1) * j->n * j->n : j->after;
}

static const pp_c32 *slice_before(const pp_joint_variation *j, const pp_c32 *v, int64_t k)
{
    if (j->slab.first + k == 0) return NULL;
    return k > 0 ? v + (k - 1) * j->n * j->n : j->before;
}

/* Differences at pixel i of the slice `here`: z, y, x. */
static inline void difference(const pp_c32 *here, const pp_c32 *after, int64_t i, int64_t n,
                              pp_c32 g[AXES])
{
    const pp_c32 v = here[i], none = {0, 0};
    g[0] = after ? minus(after[i], v) : none;
    g[1] = i / n + 1 < n ? minus(here[i + n], v) : none;
    g[2] = i % n + 1 < n ? minus(here[i + 1], v) : none;
}

/* ---- start ---- */

static void start_slice(pp_joint_variation *j, const pp_c32 *v, int64_t k)
{
    const int64_t pixels = j->n * j->n;
    const pp_c32 *after = slice_after(j, v, k);
    for (int64_t i = 0; i < pixels; i++) {
        pp_c32 g[AXES];
        const int64_t at = k * pixels + i;
        difference(v + k * pixels, after, i, j->n, g);
        for (int axis = 0; axis < AXES; axis++) {
            j->split[axis][at] = g[axis];
            j->multiplier[axis][at] = (pp_c32){0, 0};
        }
        j->sign[at] = fminf(v[at].re, 0);
        j->sign_multiplier[at] = 0;
    }
}

pp_status pp_joint_variation_start(pp_joint_variation *j, bool smooth, bool positivity,
                                   const pp_c32 *v)
{
    if (!smooth) j->tau = 0;
    if (!positivity) j->eta = 0;
    if (j->ready) return PP_OK;
    PP_TRY(neighbours(j, v, false, true));
#pragma omp parallel for schedule(static)
    for (int64_t k = 0; k < j->slab.slices; k++) start_slice(j, v, k);
    j->ready = true;
    return PP_OK;
}

/* ---- the quadratic part ---- */

/* out = gain grad^T grad d + eta Re d */
static void turn_slice(const pp_joint_variation *j, const pp_c32 *d, int64_t k, pp_c32 *out)
{
    const int64_t n = j->n, pixels = n * n;
    const float gain = (float)j->tau, eta = (float)j->eta;
    const pp_c32 *before = slice_before(j, d, k), *after = slice_after(j, d, k),
                 *here = d + k * pixels;
    for (int64_t i = 0; i < pixels; i++) {
        const int64_t y = i / n, x = i % n;
        const pp_c32 c = here[i];
        pp_c32 sum = {0, 0};
        if (before) sum.re += c.re - before[i].re, sum.im += c.im - before[i].im;
        if (after) sum.re += c.re - after[i].re, sum.im += c.im - after[i].im;
        if (y > 0) sum.re += c.re - here[i - n].re, sum.im += c.im - here[i - n].im;
        if (y + 1 < n) sum.re += c.re - here[i + n].re, sum.im += c.im - here[i + n].im;
        if (x > 0) sum.re += c.re - here[i - 1].re, sum.im += c.im - here[i - 1].im;
        if (x + 1 < n) sum.re += c.re - here[i + 1].re, sum.im += c.im - here[i + 1].im;
        out[k * pixels + i] = (pp_c32){gain * sum.re + eta * c.re, gain * sum.im};
    }
}

static pp_status turn(pp_joint_variation *j, const pp_c32 *d)
{
    PP_TRY(neighbours(j, d, true, true));
#pragma omp parallel for schedule(static)
    for (int64_t k = 0; k < j->slab.slices; k++) turn_slice(j, d, k, j->turned);
    pp_circle_mask_complex(j->slab.slices, j->n, 0, j->turned);
    return PP_OK;
}

pp_status pp_joint_variation_turn(pp_joint_variation *j, const pp_c32 *d, double *curvature)
{
    PP_TRY(turn(j, d));
    pp_slab_dots(j->slab.slices, j->slab.pixels, (const float *)d, (const float *)j->turned,
                 j->each);
    return pp_slab_sum(&j->slab, j->each, curvature);
}

void pp_joint_variation_advance(pp_joint_variation *j, double step)
{
    const float a = (float)step;
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < j->voxels; i++) {
        j->pull[i].re -= a * j->turned[i].re;
        j->pull[i].im -= a * j->turned[i].im;
    }
}

/* z - m at a voxel. */
static inline pp_c32 wanted(const pp_joint_variation *j, int axis, int64_t at)
{
    return minus(j->split[axis][at], j->multiplier[axis][at]);
}

/* pull = tau grad^T (z - m) + eta (w - p) */
static void pull_slice(pp_joint_variation *j, int64_t k)
{
    const int64_t n = j->n, pixels = n * n;
    const float tau = (float)j->tau, eta = (float)j->eta;
    const bool first = j->slab.first + k == 0, last = j->slab.first + k + 1 == j->slab.rows;
    for (int64_t i = 0; i < pixels; i++) {
        const int64_t at = k * pixels + i, y = i / n, x = i % n;
        pp_c32 sum = {0, 0};
        if (!first) sum = k > 0 ? wanted(j, 0, at - pixels) : j->before[i];
        if (!last) sum = minus(sum, wanted(j, 0, at));
        if (y > 0) sum = minus(sum, minus((pp_c32){0, 0}, wanted(j, 1, at - n)));
        if (y + 1 < n) sum = minus(sum, wanted(j, 1, at));
        if (x > 0) sum = minus(sum, minus((pp_c32){0, 0}, wanted(j, 2, at - 1)));
        if (x + 1 < n) sum = minus(sum, wanted(j, 2, at));
        j->pull[at] =
            (pp_c32){tau * sum.re + eta * (j->sign[at] - j->sign_multiplier[at]), tau * sum.im};
    }
}

pp_status pp_joint_variation_pull(pp_joint_variation *j, const pp_c32 *v)
{
    /* the last slice of z - m, which the next rank needs; `turned` is free here */
    for (int64_t i = 0; i < j->voxels; i++) j->turned[i] = wanted(j, 0, i);
    PP_TRY(neighbours(j, j->turned, true, false));
#pragma omp parallel for schedule(static)
    for (int64_t k = 0; k < j->slab.slices; k++) pull_slice(j, k);
    PP_TRY(turn(j, v));
    pp_joint_variation_advance(j, 1);
    pp_circle_mask_complex(j->slab.slices, j->n, 0, j->pull);
    return PP_OK;
}

/* ---- z, w and the multipliers ---- */

/* max(|t| - bar, 0) t / |t| of the real parts and of the imaginary parts. */
static inline void shrunk(const pp_c32 t[AXES], float bar, pp_c32 z[AXES])
{
    float re = 0, im = 0;
    for (int axis = 0; axis < AXES; axis++)
        re += t[axis].re * t[axis].re, im += t[axis].im * t[axis].im;
    re = sqrtf(re), im = sqrtf(im);
    const float keep_re = re > bar ? 1 - bar / re : 0, keep_im = im > bar ? 1 - bar / im : 0;
    for (int axis = 0; axis < AXES; axis++)
        z[axis] = (pp_c32){keep_re * t[axis].re, keep_im * t[axis].im};
}

static void shrink_slice(pp_joint_variation *j, float bar, const pp_c32 *v, int64_t k,
                         double sums[SQUARES])
{
    const int64_t pixels = j->n * j->n;
    const pp_c32 *after = slice_after(j, v, k);
    for (int which = 0; which < SQUARES; which++) sums[which] = 0;
    for (int64_t i = 0; i < pixels; i++) {
        pp_c32 g[AXES], t[AXES], z[AXES];
        const int64_t at = k * pixels + i;
        difference(v + k * pixels, after, i, j->n, g);
        for (int axis = 0; axis < AXES; axis++) {
            const pp_c32 m = j->multiplier[axis][at];
            t[axis] = (pp_c32){g[axis].re + m.re, g[axis].im + m.im};
        }
        shrunk(t, bar, z);
        for (int axis = 0; axis < AXES; axis++) {
            sums[GAP] += square(minus(g[axis], z[axis]));
            sums[MOVED] += square(minus(z[axis], j->split[axis][at]));
            sums[GRADIENT] += square(g[axis]);
            sums[SPLIT] += square(z[axis]);
            j->split[axis][at] = z[axis];
            j->multiplier[axis][at] = minus(t[axis], z[axis]);
            sums[MULTIPLIER] += square(j->multiplier[axis][at]);
        }
        const float s = v[at].re + j->sign_multiplier[at];
        j->sign[at] = fminf(s, 0);
        j->sign_multiplier[at] = j->eta > 0 ? s - j->sign[at] : 0;
    }
}

static void times(pp_joint_variation *j, float factor)
{
    for (int axis = 0; axis < AXES; axis++)
        for (int64_t i = 0; i < j->voxels; i++)
            j->multiplier[axis][i].re *= factor, j->multiplier[axis][i].im *= factor;
}

void pp_joint_variation_scale(pp_joint_variation *j, double factor)
{
    times(j, (float)(1 / factor));
    for (int64_t i = 0; i < j->voxels; i++) j->sign_multiplier[i] /= (float)factor;
}

/* Residuals relative to what they are differences of (Boyd et al., section 3.3), tau by factors of 2 (3.4.1). */
static void balance(pp_joint_variation *j, bool change, const double total[SQUARES])
{
    const double scale = sqrt(fmax(total[GRADIENT], total[SPLIT])), force = sqrt(total[MULTIPLIER]);
    j->primal = scale > 0 ? sqrt(total[GAP]) / scale : 0;
    j->dual = force > 0 ? sqrt(total[MOVED]) / force : 0;
    const double factor = j->primal > 5 * j->dual ? 2 : j->dual > 5 * j->primal ? 0.5 : 1;
    if (!change || factor == 1 || !(j->tau > 0) || j->tau * factor < 0.01 || j->tau * factor > 100)
        return;
    j->tau *= factor;
    times(j, (float)(1 / factor));
}

pp_status pp_joint_variation_shrink(pp_joint_variation *j, double strength, bool change,
                                    const pp_c32 *v)
{
    double total[SQUARES];
    const float bar = j->tau > 0 ? (float)(strength / j->tau) : 0;
    PP_TRY(neighbours(j, v, false, true));
#pragma omp parallel for schedule(static)
    for (int64_t k = 0; k < j->slab.slices; k++)
        shrink_slice(j, bar, v, k, j->squares + k * SQUARES);
    for (int which = 0; which < SQUARES; which++) {
        for (int64_t k = 0; k < j->slab.slices; k++) j->each[k] = j->squares[k * SQUARES + which];
        PP_TRY(pp_slab_sum(&j->slab, j->each, &total[which]));
    }
    balance(j, change, total);
    return PP_OK;
}

pp_status pp_joint_variation_sum(pp_joint_variation *j, const pp_c32 *v, double *out)
{
    const int64_t pixels = j->n * j->n;
    PP_TRY(neighbours(j, v, false, true));
#pragma omp parallel for schedule(static)
    for (int64_t k = 0; k < j->slab.slices; k++) {
        const pp_c32 *after = slice_after(j, v, k);
        j->each[k] = 0;
        for (int64_t i = 0; i < pixels; i++) {
            pp_c32 g[AXES];
            double re = 0, im = 0;
            difference(v + k * pixels, after, i, j->n, g);
            for (int axis = 0; axis < AXES; axis++) {
                re += (double)g[axis].re * g[axis].re;
                im += (double)g[axis].im * g[axis].im;
            }
            j->each[k] += sqrt(re) + sqrt(im);
        }
    }
    return pp_slab_sum(&j->slab, j->each, out);
}
