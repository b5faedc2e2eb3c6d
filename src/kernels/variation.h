/* Total variation of a volume, element by element: differences of neighbouring voxels and what is made of them. A volume is worked on
 * in blocks of slices; each has the slice before it and the one after it beside it. Differences run along z, y, x and are 0 at
 * the volume's last index.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_VARIATION_H
#define PP_VARIATION_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

#include "kernels/host_device.h"

enum { PP_VARIATION_AXES = 3, PP_VARIATION_SUMS = 5 };

/** Slices [slices][n][n] of a volume. before, after: the slices [n][n] next to them; NULL at the volume's ends. */
typedef struct pp_slab_cut {
    int64_t n, slices;
    const float *before, *after;
} pp_slab_cut;

/** A field of three components, and what is subtracted from it. */
typedef struct pp_slab_splitting {
    float *split[PP_VARIATION_AXES], *multiplier[PP_VARIATION_AXES];
} pp_slab_splitting;

/** Inside the circle of radius n / 2 - 1 around index n / 2. */
static PP_HD bool pp_in_circle(int64_t n, int64_t y, int64_t x)
{
    const int64_t r = n / 2 - 1, dy = y - n / 2, dx = x - n / 2;
    return dy * dy + dx * dx <= r * r;
}

/** Differences of u at a voxel; here: u's value there. */
static PP_HD void pp_variation_differences(const pp_slab_cut *b, const float *u, float here,
                                           int64_t k, int64_t y, int64_t x,
                                           float out[PP_VARIATION_AXES])
{
    const int64_t n = b->n, i = y * n + x, at = k * n * n + i;
    const float *const after = k + 1 < b->slices ? u + (k + 1) * n * n : b->after;
    out[0] = after ? after[i] - here : 0.0f;
    out[1] = y + 1 < n ? u[at + n] - here : 0.0f;
    out[2] = x + 1 < n ? u[at + 1] - here : 0.0f;
}

/** grad^T grad d at a voxel; here: d's value there. */
static PP_HD float pp_variation_laplacian(const pp_slab_cut *b, const float *d, float here,
                                          int64_t k, int64_t y, int64_t x)
{
    const int64_t n = b->n, i = y * n + x, at = k * n * n + i;
    const float *const before = k > 0 ? d + (k - 1) * n * n : b->before, *const after =
                                                                             k + 1 < b->slices
                                                                                 ? d + (k + 1) * n *
                                                                                           n
                                                                                 : b->after;
    float sum = (before ? here - before[i] : 0.0f) + (after ? here - after[i] : 0.0f);
    sum += (y > 0 ? here - d[at - n] : 0.0f) + (y + 1 < n ? here - d[at + n] : 0.0f);
    sum += (x > 0 ? here - d[at - 1] : 0.0f) + (x + 1 < n ? here - d[at + 1] : 0.0f);
    return sum;
}

/** grad^T g at a voxel of g = split - multiplier, exactly: what g holds at the last index of its axis does not count. here: g there;
 *  b->before: the slice of g's first component before. */
static PP_HD float pp_variation_transposed(const pp_slab_cut *b, const pp_slab_splitting *s,
                                           const float here[PP_VARIATION_AXES], int64_t k,
                                           int64_t y, int64_t x)
{
    const int64_t n = b->n, i = y * n + x, at = k * n * n + i;
    const bool last = k + 1 == b->slices && !b->after;
    float before = 0.0f;
    if (k > 0)
        before = s->split[0][at - n * n] - s->multiplier[0][at - n * n];
    else if (b->before)
        before = b->before[i];
    float sum = before - (last ? 0.0f : here[0]);
    sum += (y > 0 ? s->split[1][at - n] - s->multiplier[1][at - n] : 0.0f) -
           (y + 1 < n ? here[1] : 0.0f);
    sum += (x > 0 ? s->split[2][at - 1] - s->multiplier[2][at - 1] : 0.0f) -
           (x + 1 < n ? here[2] : 0.0f);
    return sum;
}

/** t = g + multiplier, split = t shortened by bar, multiplier = t - split; sums of squares: how far the splitting is off, how far it moved,
 *  and the sizes of g, split and multiplier. */
static PP_HD void pp_variation_shrink(const float g[PP_VARIATION_AXES],
                                      float split[PP_VARIATION_AXES],
                                      float multiplier[PP_VARIATION_AXES], float bar,
                                      double sums[PP_VARIATION_SUMS])
{
    float t[PP_VARIATION_AXES], square = 0.0f;
    for (int axis = 0; axis < PP_VARIATION_AXES; axis++) {
        t[axis] = g[axis] + multiplier[axis];
        square += t[axis] * t[axis];
    }
    const float length = sqrtf(square), keep = length > bar ? 1.0f - bar / length : 0.0f;
    for (int axis = 0; axis < PP_VARIATION_AXES; axis++) {
        const float z = keep * t[axis], moved = z - split[axis], rest = t[axis] - z;
        split[axis] = z;
        multiplier[axis] = rest;
        sums[0] += (double)(g[axis] - z) * (double)(g[axis] - z);
        sums[1] += (double)moved * (double)moved;
        sums[2] += (double)g[axis] * (double)g[axis];
        sums[3] += (double)z * (double)z;
        sums[4] += (double)rest * (double)rest;
    }
}

/** The length of a voxel's differences. */
static PP_HD double pp_variation_length(const float g[PP_VARIATION_AXES])
{
    return sqrt((double)(g[0] * g[0] + g[1] * g[1] + g[2] * g[2]));
}

/** w = max(0, u + multiplier), multiplier = what that leaves. */
static PP_HD void pp_keep_positive(float u, float *w, float *multiplier)
{
    const float t = u + *multiplier;
    *w = t > 0.0f ? t : 0.0f;
    *multiplier = t - *w;
}

#endif
