/* ADMM for total variation.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "tomo/total_variation.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "tomo/fbp.h"
#include "tomo/slab_sums.h"

enum { AXES = 3, BALANCED = 30 }; /* the penalties are balanced for so many iterations */

typedef struct state {
    const pp_projector *projector;
    const pp_total_variation *setup;
    pp_slab slab;
    int64_t n, voxels, samples; /* of this rank: voxels of the slab, samples of its lines */
    double views, strength, rho, eta;
    const float *lines;
    float *u;
    float *split[AXES], *multiplier[AXES]; /* z and its scaled multiplier: z, y, x components */
    float *positive,
        *positive_multiplier; /* w and its scaled multiplier; NULL without positivity */
    float *right, *residual, *direction, *image;
    float *projected; /* R of something */
    float *halo[2];   /* a slice before, a slice after */
    double *each;     /* [slices] */
} state;

/* ---- sums ---- */

static pp_status dot(const state *s, const float *a, const float *b, double *out)
{
    pp_slab_dots(s->slab.slices, s->slab.pixels, a, b, s->each);
    return pp_slab_sum(&s->slab, s->each, out);
}

/* ---- differences ---- */

/* Differences of u at voxel i of slice k; 0 at the last index. */
static void difference(const state *s, const float *u, int64_t k, int64_t i, float out[AXES])
{
    const int64_t n = s->n, x = i % n, y = i / n;
    const float here = u[k * n * n + i];
    const bool last_here = k + 1 == s->slab.slices, last = s->slab.first + k + 1 == s->slab.rows;
    out[0] = last ? 0 : (last_here ? s->halo[1][i] : u[(k + 1) * n * n + i]) - here;
    out[1] = y + 1 < n ? u[k * n * n + i + n] - here : 0;
    out[2] = x + 1 < n ? u[k * n * n + i + 1] - here : 0;
}

/* out += gain grad^T g, exactly: what g holds at the last index of its axis does not count. halo[0]: the slice of g[0] before. */
static void add_transposed(const state *s, float *const g[AXES], float gain, float *out)
{
    const int64_t n = s->n, pixels = n * n;
#pragma omp parallel for schedule(static)
    for (int64_t k = 0; k < s->slab.slices; k++) {
        const bool first = s->slab.first + k == 0, last = s->slab.first + k + 1 == s->slab.rows;
        const float *before = k > 0 ? g[0] + (k - 1) * pixels : s->halo[0];
        for (int64_t i = 0; i < pixels; i++) {
            const int64_t at = k * pixels + i, x = i % n, y = i / n;
            float sum = (first ? 0 : before[i]) - (last ? 0 : g[0][at]);
            sum += (y > 0 ? g[1][at - n] : 0) - (y + 1 < n ? g[1][at] : 0);
            sum += (x > 0 ? g[2][at - 1] : 0) - (x + 1 < n ? g[2][at] : 0);
            out[at] += gain * sum;
        }
    }
}

/* out += gain grad^T grad d. */
static pp_status add_laplacian(const state *s, const float *d, float gain, float *out)
{
    const int64_t n = s->n, pixels = n * n;
    PP_TRY(pp_slab_neighbours(&s->slab, d, s->halo[0], s->halo[1]));
#pragma omp parallel for schedule(static)
    for (int64_t k = 0; k < s->slab.slices; k++) {
        const bool first = s->slab.first + k == 0, last = s->slab.first + k + 1 == s->slab.rows;
        const float *before = k > 0 ? d + (k - 1) * pixels : s->halo[0],
                    *after = k + 1 < s->slab.slices ? d + (k + 1) * pixels : s->halo[1];
        for (int64_t i = 0; i < pixels; i++) {
            const int64_t at = k * pixels + i, x = i % n, y = i / n;
            const float here = d[at];
            float sum = (first ? 0 : here - before[i]) + (last ? 0 : here - after[i]);
            sum += (y > 0 ? here - d[at - n] : 0) + (y + 1 < n ? here - d[at + n] : 0);
            sum += (x > 0 ? here - d[at - 1] : 0) + (x + 1 < n ? here - d[at + 1] : 0);
            out[at] += gain * sum;
        }
    }
    return PP_OK;
}

/* ---- the step in u ---- */

static void mask(const state *s, float *volume)
{
    if (!s->setup->whole_square) pp_circle_mask(s->slab.slices, s->n, 0, volume);
}

/* out = (R^T R / V + rho grad^T grad + eta) d, inside the support. */
static pp_status normal(const state *s, const float *d, float *out)
{
    const float part = (float)(1 / s->views);
    pp_status status = PP_OK;
    if (s->slab.slices > 0) {
        status = pp_projector_forward_real(s->projector, s->slab.slices, d, s->projected);
        if (status == PP_OK) {
            status = pp_projector_adjoint_real(s->projector, s->slab.slices, s->projected, out);
        }
    }
    PP_TRY(pp_comm_agree(s->slab.comm, status));
    for (int64_t i = 0; i < s->voxels; i++) out[i] = part * out[i] + (float)s->eta * d[i];
    PP_TRY(add_laplacian(s, d, (float)s->rho, out));
    mask(s, out);
    return PP_OK;
}

/* right = R^T p / V + rho grad^T (z - multiplier) + eta (w - multiplier). data: R^T p / V. */
static pp_status right_side(const state *s, const float *data, float *const scratch[AXES])
{
    memcpy(s->right, data, (size_t)s->voxels * sizeof *s->right);
    for (int axis = 0; axis < AXES; axis++) {
        for (int64_t i = 0; i < s->voxels; i++) {
            scratch[axis][i] = s->split[axis][i] - s->multiplier[axis][i];
        }
    }
    PP_TRY(pp_slab_neighbours(&s->slab, scratch[0], s->halo[0], NULL));
    add_transposed(s, scratch, (float)s->rho, s->right);
    if (s->positive) {
        for (int64_t i = 0; i < s->voxels; i++) {
            s->right[i] += (float)s->eta * (s->positive[i] - s->positive_multiplier[i]);
        }
    }
    mask(s, s->right);
    return PP_OK;
}

static pp_status solve(const state *s)
{
    double gamma, curve, next;
    PP_TRY(normal(s, s->u, s->image));
    for (int64_t i = 0; i < s->voxels; i++) s->residual[i] = s->right[i] - s->image[i];
    memcpy(s->direction, s->residual, (size_t)s->voxels * sizeof *s->direction);
    PP_TRY(dot(s, s->residual, s->residual, &gamma));
    for (int64_t step = 0; step < s->setup->inner && gamma > 0; step++) {
        PP_TRY(normal(s, s->direction, s->image));
        PP_TRY(dot(s, s->direction, s->image, &curve));
        if (!(curve > 0)) break;
        const float a = (float)(gamma / curve);
        for (int64_t i = 0; i < s->voxels; i++) {
            s->u[i] += a * s->direction[i];
            s->residual[i] -= a * s->image[i];
        }
        PP_TRY(dot(s, s->residual, s->residual, &next));
        const float b = (float)(next / gamma);
        for (int64_t i = 0; i < s->voxels; i++)
            s->direction[i] = s->residual[i] + b * s->direction[i];
        gamma = next;
    }
    return PP_OK;
}

/* ---- the other steps ---- */

/* Squares of a step: how far the splitting is off, how far it moved, and the sizes of both sides. */
typedef struct squares {
    double primal, dual, gradient, split, multiplier;
} squares;

/* z = shrink(grad u + multiplier, a / rho), multiplier += grad u - z. */
static pp_status shrink(const state *s, squares *total)
{
    const float bar = (float)(s->strength / s->rho);
    const int64_t pixels = s->slab.pixels;
    squares *sums;
    PP_TRY(pp_slab_neighbours(&s->slab, s->u, NULL, s->halo[1]));
    PP_TRY(PP_ALLOC(s->slab.slices, &sums));
#pragma omp parallel for schedule(static)
    for (int64_t k = 0; k < s->slab.slices; k++) {
        for (int64_t i = 0; i < pixels; i++) {
            float g[AXES], t[AXES], square = 0;
            const int64_t at = k * pixels + i;
            difference(s, s->u, k, i, g);
            for (int axis = 0; axis < AXES; axis++) {
                t[axis] = g[axis] + s->multiplier[axis][at];
                square += t[axis] * t[axis];
            }
            const float length = sqrtf(square), keep = length > bar ? 1 - bar / length : 0;
            for (int axis = 0; axis < AXES; axis++) {
                const float z = keep * t[axis], moved = z - s->split[axis][at];
                s->split[axis][at] = z;
                s->multiplier[axis][at] = t[axis] - z;
                sums[k].primal += (double)(g[axis] - z) * (double)(g[axis] - z);
                sums[k].dual += (double)moved * (double)moved;
                sums[k].gradient += (double)g[axis] * (double)g[axis];
                sums[k].split += (double)z * (double)z;
                sums[k].multiplier += (double)(t[axis] - z) * (double)(t[axis] - z);
            }
        }
    }
    double *const out[] = {&total->primal, &total->dual, &total->gradient, &total->split,
                           &total->multiplier};
    pp_status status = PP_OK;
    for (int which = 0; which < 5 && status == PP_OK; which++) {
        for (int64_t k = 0; k < s->slab.slices; k++) {
            const double values[] = {sums[k].primal, sums[k].dual, sums[k].gradient, sums[k].split,
                                     sums[k].multiplier};
            s->each[k] = values[which];
        }
        status = pp_slab_sum(&s->slab, s->each, out[which]);
    }
    pp_free(sums);
    return status;
}

static void keep_positive(const state *s)
{
    if (!s->positive) return;
    for (int64_t i = 0; i < s->voxels; i++) {
        const float t = s->u[i] + s->positive_multiplier[i];
        s->positive[i] = t > 0 ? t : 0;
        s->positive_multiplier[i] = t - s->positive[i];
    }
}

/* Residuals relative to what they are differences of (Boyd, section 3.3); penalties by factors of 2 (section 3.4.1). */
static void balance(state *s, const squares *total, int64_t iteration,
                    pp_total_variation_result *result)
{
    const double scale = sqrt(fmax(total->gradient, total->split)), force = sqrt(total->multiplier);
    result->primal = scale > 0 ? sqrt(total->primal) / scale : 0;
    result->dual = force > 0 ? sqrt(total->dual) / force : 0;
    if (iteration >= BALANCED) return;
    const double factor = result->primal > 5 * result->dual   ? 2
                          : result->dual > 5 * result->primal ? 0.5
                                                              : 1;
    s->rho *= factor;
    for (int axis = 0; axis < AXES; axis++) {
        for (int64_t i = 0; i < s->voxels; i++) s->multiplier[axis][i] /= (float)factor;
    }
}

/* ---- strength ---- */

static int by_value(const void *a_, const void *b_)
{
    const float a = *(const float *)a_, b = *(const float *)b_;
    return (a > b) - (a < b);
}

/* Median of the absolute second differences along the lines of each slice, as a standard deviation of its noise, into
 * each[]. */
static pp_status slice_noise(const state *s)
{
    const int64_t of_slice = s->slab.slices > 0 ? s->samples / s->slab.slices : 0;
    float *values;
    PP_TRY(PP_ALLOC(of_slice, &values));
    for (int64_t k = 0; k < s->slab.slices; k++) {
        const float *p = s->lines + k * of_slice;
        int64_t count = 0;
        for (int64_t i = 1; i + 1 < of_slice; i++) {
            if (i % s->n == 0 || i % s->n == s->n - 1) continue;
            values[count++] = fabsf(p[i - 1] - 2 * p[i] + p[i + 1]);
        }
        qsort(values, (size_t)count, sizeof *values, by_value);
        s->each[k] = count > 0 ? (double)values[count / 2] / (0.6745 * sqrt(6)) : 0;
    }
    pp_free(values);
    return PP_OK;
}

/* The noise of a voxel of R^T p / V; and a fifth of the start's rms for what is no noise: streaks of few views, and
 * what ptychography left. Trials on a campaign of 48 views, exact and with noise: within 5 % of the best error. */
static pp_status find_strength(state *s)
{
    double noise = 0, square = 0;
    s->strength = s->setup->strength;
    if (s->strength > 0) return PP_OK;
    PP_TRY(pp_comm_agree(s->slab.comm, slice_noise(s)));
    PP_TRY(pp_slab_sum(&s->slab, s->each, &noise));
    PP_TRY(dot(s, s->u, s->u, &square));
    noise /= (double)s->slab.rows * sqrt(s->views);
    s->strength = hypot(noise, 0.2 * sqrt(square / (double)(s->slab.rows * s->slab.pixels)));
    return PP_OK;
}

/* ---- all of it ---- */

static pp_status make_state(state *s)
{
    const bool positivity = s->setup->positivity;
    for (int axis = 0; axis < AXES; axis++) {
        PP_TRY(PP_ALLOC(s->voxels, &s->split[axis]));
        PP_TRY(PP_ALLOC(s->voxels, &s->multiplier[axis]));
    }
    if (positivity) {
        PP_TRY(PP_ALLOC(s->voxels, &s->positive));
        PP_TRY(PP_ALLOC(s->voxels, &s->positive_multiplier));
    }
    PP_TRY(PP_ALLOC(s->voxels, &s->right));
    PP_TRY(PP_ALLOC(s->voxels, &s->residual));
    PP_TRY(PP_ALLOC(s->voxels, &s->direction));
    PP_TRY(PP_ALLOC(s->voxels, &s->image));
    PP_TRY(PP_ALLOC(s->samples, &s->projected));
    for (int side = 0; side < 2; side++) PP_TRY(PP_ALLOC(s->slab.pixels, &s->halo[side]));
    return PP_ALLOC(s->slab.slices + 1, &s->each);
}

static void free_state(state *s)
{
    for (int axis = 0; axis < AXES; axis++) {
        pp_free(s->split[axis]);
        pp_free(s->multiplier[axis]);
    }
    pp_free(s->positive);
    pp_free(s->positive_multiplier);
    pp_free(s->right);
    pp_free(s->residual);
    pp_free(s->direction);
    pp_free(s->image);
    pp_free(s->projected);
    pp_free(s->halo[0]);
    pp_free(s->halo[1]);
    pp_free(s->each);
}

/* z = grad u and w = max(0, u) of the start; data = R^T p / V. */
static pp_status start(state *s, float *data)
{
    pp_status status = PP_OK;
    mask(s, s->u);
    if (s->slab.slices > 0) {
        status = pp_projector_adjoint_real(s->projector, s->slab.slices, s->lines, data);
    }
    PP_TRY(pp_comm_agree(s->slab.comm, status));
    for (int64_t i = 0; i < s->voxels; i++) data[i] *= (float)(1 / s->views);
    PP_TRY(pp_slab_neighbours(&s->slab, s->u, NULL, s->halo[1]));
    for (int64_t at = 0; at < s->voxels; at++) {
        float g[AXES];
        difference(s, s->u, at / s->slab.pixels, at % s->slab.pixels, g);
        for (int axis = 0; axis < AXES; axis++) s->split[axis][at] = g[axis];
    }
    keep_positive(s);
    return PP_OK;
}

static pp_status iterate(state *s, const float *data, float *const scratch[AXES],
                         pp_total_variation_result *result)
{
    for (int64_t iteration = 0; iteration < s->setup->iterations; iteration++) {
        squares total = {0};
        PP_TRY(right_side(s, data, scratch));
        PP_TRY(solve(s));
        PP_TRY(shrink(s, &total));
        keep_positive(s);
        balance(s, &total, iteration, result);
        result->iterations = iteration + 1;
        if (result->primal < s->setup->tolerance && result->dual < s->setup->tolerance) break;
    }
    return PP_OK;
}

/* The objective and its parts at the volume that is handed over. */
static pp_status evaluate(const state *s, pp_total_variation_result *result)
{
    double misfit = 0;
    const int64_t of_slice = s->slab.slices > 0 ? s->samples / s->slab.slices : 0;
    pp_status status = PP_OK;
    if (s->slab.slices > 0) {
        status = pp_projector_forward_real(s->projector, s->slab.slices, s->u, s->projected);
    }
    PP_TRY(pp_comm_agree(s->slab.comm, status));
    for (int64_t i = 0; i < s->samples; i++) s->projected[i] -= s->lines[i];
    pp_slab_dots(s->slab.slices, of_slice, s->projected, s->projected, s->each);
    PP_TRY(pp_slab_sum(&s->slab, s->each, &misfit));
    PP_TRY(pp_slab_neighbours(&s->slab, s->u, NULL, s->halo[1]));
    for (int64_t k = 0; k < s->slab.slices; k++) {
        s->each[k] = 0;
        for (int64_t i = 0; i < s->slab.pixels; i++) {
            float g[AXES];
            difference(s, s->u, k, i, g);
            s->each[k] += sqrt((double)(g[0] * g[0] + g[1] * g[1] + g[2] * g[2]));
        }
    }
    PP_TRY(pp_slab_sum(&s->slab, s->each, &result->variation));
    result->misfit = sqrt(misfit);
    result->objective = misfit / (2 * s->views) + s->strength * result->variation;
    return PP_OK;
}

static pp_status run(state *s, pp_total_variation_result *result)
{
    float *data = NULL, *scratch[AXES] = {NULL, NULL, NULL};
    pp_status status = make_state(s);
    if (status == PP_OK) status = PP_ALLOC(s->voxels, &data);
    for (int axis = 0; axis < AXES && status == PP_OK; axis++) {
        status = PP_ALLOC(s->voxels, &scratch[axis]);
    }
    status = pp_comm_agree(s->slab.comm, status);
    if (status == PP_OK) status = start(s, data);
    if (status == PP_OK) status = find_strength(s);
    result->strength = s->strength;
    if (status == PP_OK) status = iterate(s, data, scratch, result);
    if (status == PP_OK && s->positive) {
        memcpy(s->u, s->positive, (size_t)s->voxels * sizeof *s->u);
        mask(s, s->u);
    }
    if (status == PP_OK) status = evaluate(s, result);
    for (int axis = 0; axis < AXES; axis++) pp_free(scratch[axis]);
    pp_free(data);
    return status;
}

pp_status pp_total_variation_run(const pp_comm *comm, const pp_projector *projector,
                                 const pp_total_variation *setup, int64_t rows, const float *lines,
                                 float *volume, pp_total_variation_result *result)
{
    double shape[2] = {projector ? (double)pp_projector_size(projector) : 0,
                       projector ? (double)pp_projector_views(projector) : 0};
    PP_TRY(pp_comm_allreduce(comm, shape, 2, PP_MAX));
    const int64_t n = (int64_t)shape[0];
    state s = {.projector = projector,
               .setup = setup,
               .slab = pp_slab_of(comm, rows, n * n),
               .n = n,
               .views = shape[1],
               .rho = 0.5,
               .eta = setup->positivity ? 0.5 : 0,
               .lines = lines,
               .u = volume};
    pp_total_variation_result local = {0};
    s.voxels = s.slab.slices * n * n;
    s.samples = s.slab.slices * n * (int64_t)s.views;
    const pp_status status = run(&s, &local);
    free_state(&s);
    if (status == PP_OK && result) *result = local;
    return status;
}

double pp_total_variation_bytes(int64_t n, int64_t views, int64_t slices, bool positivity)
{
    const double volumes = 3 * AXES + 5 + (positivity ? 2 : 0);
    return (double)sizeof(float) * (double)n *
           ((double)slices * (volumes * (double)n + (double)views) + 2 * (double)n);
}
