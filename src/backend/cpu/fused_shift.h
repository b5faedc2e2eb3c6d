/* Translations of the probe.
 * Included by fused_kernels.h only.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_FUSED_SHIFT_H
#define PP_FUSED_SHIFT_H

#include "backend/cpu/fused_steps.h"

/** ramp at block k, place x. */
INLINE pair ramp_at(pp_fused_ramp ramp, pair y, int x)
{
    return times(y, (pair){all(ramp.x[x].re), all(ramp.x[x].im)});
}

static void shift(const pp_fused_plan *plan, float *probe, const float *spectrum,
                  pp_fused_ramp ramp, float *rows_, float *field)
{
    const int n = plan->n;
    const float scale = 1.0f / ((float)n * (float)n);
    pair *rows = pairs(rows_);
    for (int k = 0; k < n / W; k++) {
        const pair *from = const_pairs(spectrum) + (int64_t)k * n;
        pair y = load_complex(ramp.y + (int64_t)k * W);
        y.r *= scale, y.i *= scale;
        for (int x = 0; x < n; x++) rows[place(x)] = times(held(from[x]), ramp_at(ramp, y, x));
        scatter(plan, field, rows, k);
    }
    for (int b = 0; b < n / W; b++) {
        pair *x = pairs(field) + (int64_t)b * plan->stride;
        backward_rest(x, plan, 0);
        pair *to = pairs(probe) + (int64_t)b * n;
        for (int y = 0; y < n; y++) to[y] = x[place(y)];
    }
}

static void spectrum_of(const pp_fused_plan *plan, float *spectrum, const float *probe,
                        float *rows_, float *field)
{
    const int n = plan->n;
    pair *rows = pairs(rows_);
    for (int b = 0; b < n / W; b++) {
        pair *x = pairs(field) + (int64_t)b * plan->stride;
        const pair *from = const_pairs(probe) + (int64_t)b * n;
        for (int y = 0; y < n; y++) x[place(y)] = from[y];
        forward_rest(x, plan, 0);
    }
    for (int k = 0; k < n / W; k++) {
        gather(plan, rows, field, k);
        put_rows(plan, spectrum, rows, k);
    }
}

static void unshift(const pp_fused_plan *plan, float *spectrum, const float *moved,
                    pp_fused_ramp ramp, float *rows_)
{
    const int n = plan->n;
    pair *rows = pairs(rows_);
    for (int k = 0; k < n / W; k++) {
        pair *to = pairs(spectrum) + (int64_t)k * n;
        const pair y = load_complex(ramp.y + (int64_t)k * W);
        gather(plan, rows, moved, k);
        for (int x = 0; x < n; x++)
            to[x] = plus(to[x], times_conj(held(rows[place(x)]), ramp_at(ramp, y, x)));
    }
}

#endif
