/* Slabs of slices on processors: one thread a slice.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "backend/slabs.h"

#include "backend/cpu/cpu.h"
#include "base/alloc.h"

enum { AXES = PP_VARIATION_AXES, ENOUGH = 1 << 14 }; /* voxels, for more than one thread */

static pp_status host_alloc(size_t bytes, void **out)
{
    return pp_alloc(bytes, 1, out);
}

static void combine(int64_t count, float *out, float a, const float *x, float b, const float *y)
{
    if (!y) {
#pragma omp parallel for schedule(static) if (count >= ENOUGH)
        for (int64_t i = 0; i < count; i++) out[i] = a * x[i];
        return;
    }
#pragma omp parallel for schedule(static) if (count >= ENOUGH)
    for (int64_t i = 0; i < count; i++) out[i] = a * x[i] + b * y[i];
}

static void normal(const pp_slab_cut *cut, const pp_slab_normal *terms, float *out)
{
    const int64_t n = cut->n;
#pragma omp parallel for schedule(static) if (cut->slices * n * n >= ENOUGH)
    for (int64_t row = 0; row < cut->slices * n; row++) {
        const int64_t k = row / n, y = row % n;
        for (int64_t x = 0; x < n; x++) {
            const float here = terms->d[row * n + x];
            float sum = terms->part * out[row * n + x] + terms->eta * here;
            sum += terms->rho * pp_variation_laplacian(cut, terms->d, here, k, y, x);
            out[row * n + x] = terms->circle && !pp_in_circle(n, y, x) ? 0 : sum;
        }
    }
}

static void right(const pp_slab_cut *cut, const pp_slab_right *terms, float *out)
{
    const int64_t n = cut->n;
    const pp_slab_splitting *f = &terms->fields;
#pragma omp parallel for schedule(static) if (cut->slices * n * n >= ENOUGH)
    for (int64_t row = 0; row < cut->slices * n; row++) {
        const int64_t k = row / n, y = row % n;
        for (int64_t x = 0; x < n; x++) {
            const int64_t at = row * n + x;
            float here[AXES], sum = terms->data[at];
            for (int axis = 0; axis < AXES; axis++)
                here[axis] = f->split[axis][at] - f->multiplier[axis][at];
            sum += terms->rho * pp_variation_transposed(cut, f, here, k, y, x);
            if (terms->positive)
                sum += terms->eta * (terms->positive[at] - terms->positive_multiplier[at]);
            out[at] = terms->circle && !pp_in_circle(n, y, x) ? 0 : sum;
        }
    }
}

static void differences(const pp_slab_cut *cut, const float *u, const pp_slab_splitting *fields)
{
    const int64_t n = cut->n;
#pragma omp parallel for schedule(static) if (cut->slices * n * n >= ENOUGH)
    for (int64_t row = 0; row < cut->slices * n; row++) {
        for (int64_t x = 0; x < n; x++) {
            const int64_t at = row * n + x;
            float g[AXES];
            pp_variation_differences(cut, u, u[at], row / n, row % n, x, g);
            for (int axis = 0; axis < AXES; axis++) fields->split[axis][at] = g[axis];
        }
    }
}

static void shrink_slice(const pp_slab_cut *cut, const float *u, const pp_slab_splitting *fields,
                         float bar, int64_t k, double *sums)
{
    const int64_t n = cut->n;
    for (int which = 0; which < PP_VARIATION_SUMS; which++) sums[which] = 0;
    for (int64_t i = 0; i < n * n; i++) {
        const int64_t at = k * n * n + i;
        float g[AXES], z[AXES], m[AXES];
        pp_variation_differences(cut, u, u[at], k, i / n, i % n, g);
        for (int axis = 0; axis < AXES; axis++) {
            z[axis] = fields->split[axis][at];
            m[axis] = fields->multiplier[axis][at];
        }
        pp_variation_shrink(g, z, m, bar, sums);
        for (int axis = 0; axis < AXES; axis++) {
            fields->split[axis][at] = z[axis];
            fields->multiplier[axis][at] = m[axis];
        }
    }
}

static pp_status shrink(const pp_slab_cut *cut, const float *u, const pp_slab_splitting *fields,
                        float bar, double *each)
{
#pragma omp parallel for schedule(static) if (cut->slices * cut->n * cut->n >= ENOUGH)
    for (int64_t k = 0; k < cut->slices; k++)
        shrink_slice(cut, u, fields, bar, k, each + k * PP_VARIATION_SUMS);
    return PP_OK;
}

static pp_status variation(const pp_slab_cut *cut, const float *u, double *each)
{
    const int64_t n = cut->n;
#pragma omp parallel for schedule(static) if (cut->slices * cut->n * cut->n >= ENOUGH)
    for (int64_t k = 0; k < cut->slices; k++) {
        each[k] = 0;
        for (int64_t i = 0; i < n * n; i++) {
            float g[AXES];
            pp_variation_differences(cut, u, u[k * n * n + i], k, i / n, i % n, g);
            each[k] += pp_variation_length(g);
        }
    }
    return PP_OK;
}

static void keep_positive(int64_t count, const float *u, float *w, float *multiplier)
{
#pragma omp parallel for schedule(static) if (count >= ENOUGH)
    for (int64_t i = 0; i < count; i++) pp_keep_positive(u[i], &w[i], &multiplier[i]);
}

const pp_slab_class pp_cpu_slabs = {
    .host_alloc = host_alloc,
    .host_free = pp_free,
    .combine = combine,
    .normal = normal,
    .right = right,
    .differences = differences,
    .shrink = shrink,
    .variation = variation,
    .keep_positive = keep_positive,
};
