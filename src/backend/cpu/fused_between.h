/* Objects sampled between their pixels (bilinear positions), and the adjoint.
 * Included by fused_kernels.h only.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_FUSED_BETWEEN_H
#define PP_FUSED_BETWEEN_H

#include "backend/cpu/fused_steps.h"
#include "kernels/corner.h"

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

/** Row `to` += weight x row `from`, and the same onto doubles. */
INLINE void add_row(float *to, const float *from, int count, float weight)
{
    for (int k = 0; k < count; k += W) store(to + k, load(to + k) + weight * load(from + k));
}

INLINE void add_row_wide(double *to, const float *from, int count, float weight)
{
    for (int k = 0; k < count; k += W) add_wide(to + k, weight * load(from + k));
}

/** The adjoint of `sample`, into one of the two boxes; the other is NULL. */
INLINE void spread_rows(const pp_fused_plan *plan, pp_c32 *to, pp_c64 *wide, int64_t stride,
                        const pp_c32 *from, pp_fused_parts parts)
{
    const int n = plan->n;
    for (int i = 0; i < 4 * n; i++) {
        const int y = i / 4, corner = i % 4;
        const int64_t at = y * stride + pp_corner_offset(corner, stride);
        const float weight = pp_corner_weight(corner, parts.y, parts.x);
        if (wide)
            add_row_wide(&wide[at].re, &from[(int64_t)y * n].re, 2 * n, weight);
        else
            add_row(&to[at].re, &from[(int64_t)y * n].re, 2 * n, weight);
    }
}

static void spread_between(const pp_fused_plan *plan, pp_c32 *to, int64_t stride,
                           const pp_c32 *from, pp_fused_parts parts)
{
    spread_rows(plan, to, NULL, stride, from, parts);
}

static void spread_between_wide(const pp_fused_plan *plan, pp_c64 *to, int64_t stride,
                                const pp_c32 *from, pp_fused_parts parts)
{
    spread_rows(plan, NULL, to, stride, from, parts);
}

#endif
