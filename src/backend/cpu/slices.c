/* Vectors of slices in host memory.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "backend/slices.h"

#include <string.h>

#include "kernels/circle.h"

enum { PARTS = 8 }; /* partial sums of a dot product: their order is fixed */

static double dot(const float *a, const float *b, int64_t count)
{
    double part[PARTS] = {0}, sum = 0;
    int64_t i = 0;
    for (; i + PARTS <= count; i += PARTS) {
        for (int k = 0; k < PARTS; k++) part[k] += (double)a[i + k] * (double)b[i + k];
    }
    for (; i < count; i++) part[0] += (double)a[i] * (double)b[i];
    for (int k = 0; k < PARTS; k++) sum += part[k];
    return sum;
}

static pp_status dots(double *sums, const float *x, const float *y, int64_t slices, int64_t count)
{
    for (int64_t k = 0; k < slices; k++) sums[k] = dot(x + k * count, y + k * count, count);
    return PP_OK;
}

/* Slice k has no factor. */
static bool none(const double *a, int64_t k)
{
    return a[k] == 0;
}

static pp_status add(float *y, const double *a, const float *x, int64_t slices, int64_t count)
{
    for (int64_t k = 0; k < slices; k++) {
        const float gain = (float)a[k], *from = x + k * count;
        float *to = y + k * count;
        if (none(a, k)) continue;
        for (int64_t i = 0; i < count; i++) to[i] += gain * from[i];
    }
    return PP_OK;
}

static bool clip(float *y, int64_t count)
{
    bool clipped = false;
    for (int64_t i = 0; i < count; i++) {
        clipped = clipped || y[i] < 0;
        y[i] = y[i] < 0 ? 0 : y[i];
    }
    return clipped;
}

static bool clip_step(float *y, double a, const float *x, int64_t count)
{
    const float gain = (float)a;
    bool clipped = false;
    for (int64_t i = 0; i < count; i++) {
        const float next = y[i] + gain * x[i];
        clipped = clipped || next < 0;
        y[i] = next < 0 ? 0 : next;
    }
    return clipped;
}

static pp_status add_clipped(float *y, bool *clipped, const double *a, const float *x,
                             int64_t slices, int64_t count)
{
    for (int64_t k = 0; k < slices; k++) {
        bool below = false;
        if (!x)
            below = clip(y + k * count, count);
        else if (!none(a, k))
            below = clip_step(y + k * count, a[k], x + k * count, count);
        if (clipped) clipped[k] = below;
    }
    return PP_OK;
}

static pp_status follow(float *y, const double *b, const float *x, int64_t slices, int64_t count)
{
    for (int64_t k = 0; k < slices; k++) {
        const float gain = (float)b[k], *from = x + k * count;
        float *to = y + k * count;
        if (none(b, k)) {
            memcpy(to, from, (size_t)count * sizeof *to);
            continue;
        }
        for (int64_t i = 0; i < count; i++) to[i] = from[i] + gain * to[i];
    }
    return PP_OK;
}

static pp_status subtract(float *r, const float *p, const float *q, const bool *chosen,
                          int64_t slices, int64_t count)
{
    for (int64_t k = 0; k < slices; k++) {
        if (chosen && !chosen[k]) continue;
        for (int64_t i = k * count; i < (k + 1) * count; i++) r[i] = p[i] - q[i];
    }
    return PP_OK;
}

static pp_status weigh(float *q, double *sums, const float *w, const float *p, int64_t slices,
                       int64_t count)
{
    for (int64_t k = 0; k < slices; k++) {
        const float *from = p + k * count;
        float *left = q + k * count;
        sums[k] = 0;
        for (int64_t i = 0; i < count; i++) {
            const float gap = from[i] - left[i];
            left[i] = w[i] * gap;
            sums[k] += (double)gap * (double)left[i];
        }
    }
    return PP_OK;
}

static pp_status hold(float *s, const float *u, int64_t slices, int64_t count)
{
    for (int64_t i = 0; i < slices * count; i++) {
        if (u[i] <= 0 && s[i] < 0) s[i] = 0;
    }
    return PP_OK;
}

static pp_status mask(float *x, int64_t slices, int64_t n)
{
    for (int64_t row = 0; n > 0 && row < slices * n; row++) {
        const int64_t half = pp_circle_half(n, row % n, 0), first = half < 0 ? n : n / 2 - half,
                      last = half < 0 ? n : n / 2 + half + 1;
        for (int64_t i = 0; i < first; i++) x[row * n + i] = 0;
        for (int64_t i = last; i < n; i++) x[row * n + i] = 0;
    }
    return PP_OK;
}

static double bytes(int64_t slices, int64_t count)
{
    (void)slices, (void)count;
    return 0;
}

const pp_slice_class pp_slices_host = {.dots = dots,
                                       .add = add,
                                       .add_clipped = add_clipped,
                                       .follow = follow,
                                       .subtract = subtract,
                                       .weigh = weigh,
                                       .hold = hold,
                                       .mask = mask,
                                       .bytes = bytes};
