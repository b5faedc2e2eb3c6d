/* Objects sampled between their pixels (bilinear positions), and the adjoint.
 * Included by fused_kernels.h only.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_FUSED_BETWEEN_H
#define PP_FUSED_BETWEEN_H

#include "backend/cpu/fused_steps.h"

/** Floats at x of a row and of the pixels to the right of it, 1 - part and part of each. */
INLINE vec beside(const float *x, float part)
{
    return (1.0f - part) * load(x) + part * load(x + 2);
}

static void sample(const pp_fused_plan *plan, pp_c32 *to, pp_fused_window object,
                   pp_fused_parts parts)
{
    const int n = plan->n;
    for (int y = 0; y < n; y++) {
        const float *above = &object.data[y * object.stride].re,
                    *below = &object.data[(y + 1) * object.stride].re;
        for (int k = 0; k < 2 * n; k += W)
            store(&to[(int64_t)y * n].re + k, (1.0f - parts.y) * beside(above + k, parts.x) +
                                                  parts.y * beside(below + k, parts.x));
    }
}

/** Row `to` += weight x row `from`. */
INLINE void add_row(float *to, const float *from, int count, float weight)
{
    for (int k = 0; k < count; k += W) store(to + k, load(to + k) + weight * load(from + k));
}

static void spread_between(const pp_fused_plan *plan, pp_c32 *to, int64_t stride,
                           const pp_c32 *from, pp_fused_parts parts)
{
    const int n = plan->n;
    for (int y = 0; y < n; y++)
        for (int corner = 0; corner < 4; corner++) {
            const int down = corner / 2, right = corner % 2;
            const float weight =
                (down ? parts.y : 1.0f - parts.y) * (right ? parts.x : 1.0f - parts.x);
            add_row(&to[(y + down) * stride + right].re, &from[(int64_t)y * n].re, 2 * n, weight);
        }
}

static void spread_between_wide(const pp_fused_plan *plan, pp_c64 *to, int64_t stride,
                                const pp_c32 *from, pp_fused_parts parts)
{
    const int n = plan->n;
    for (int y = 0; y < n; y++)
        for (int corner = 0; corner < 4; corner++) {
            const int down = corner / 2, right = corner % 2;
            const float weight =
                (down ? parts.y : 1.0f - parts.y) * (right ? parts.x : 1.0f - parts.x);
            double *row = &to[(y + down) * stride + right].re;
            for (int k = 0; k < 2 * n; k += W)
                add_wide(row + k, weight * load(&from[(int64_t)y * n].re + k));
        }
}

#endif
