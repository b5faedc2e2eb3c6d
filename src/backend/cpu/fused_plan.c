/* Tables of the fused sweeps' transforms, the order of detector pixels, and the choice of kernels.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>

#include "backend/cpu/fused.h"
#include "backend/level.h"

bool pp_fused_size(int64_t n)
{
    return n >= 16 && n <= 1024 && (n & (n - 1)) == 0;
}

static int passes_of(int n)
{
    int passes = 0;
    for (; n > 8; n /= 4) passes++;
    return passes;
}

int64_t pp_fused_tables(int n)
{
    int64_t floats = 0;
    for (int p = 0; p < passes_of(n); p++) floats += (int64_t)(n >> 2 * p) / 4 * 6;
    return floats;
}

/* A pass of radix r leaves frequencies k mod r in its k-th part; the parts are transforms of their own. */
static int frequency(int n, int last, int place)
{
    if (n <= last || n < 4) return place;
    const int q = n / 4;
    return place / q + 4 * frequency(q, last, place % q);
}

void pp_fused_plan_fill(pp_fused_plan *plan, int n, float *twiddles, int32_t *digits)
{
    const int passes = passes_of(n);
    *plan = (pp_fused_plan){.n = n,
                            .passes = passes,
                            .last = n >> 2 * passes,
                            .span = n + n / PP_FUSED_GROUP,
                            .stride = n + n / PP_FUSED_GROUP + 2,
                            .twiddles = twiddles,
                            .digits = digits};
    int at = 0;
    for (int p = 0; p < passes; p++) {
        const int length = n >> 2 * p;
        plan->at[p] = at;
        for (int j = 0; j < length / 4; j++)
            for (int k = 1; k < 4; k++) {
                const double angle = -2 * M_PI * j * k / length;
                twiddles[at++] = (float)cos(angle);
                twiddles[at++] = (float)sin(angle);
            }
    }
    for (int k = 0; k < n; k++) digits[k] = frequency(n, plan->last, k);
}

void pp_fused_order(const pp_fused_plan *plan, int width, int32_t *order)
{
    const int n = plan->n;
    for (int k = 0; k < n / width; k++)
        for (int x = 0; x < n; x++)
            for (int l = 0; l < width; l++)
                order[(k * n + x) * width + l] = plan->digits[k * width + l] * n + plan->digits[x];
}

const pp_fused_kernels *pp_fused_pick(void)
{
    switch (pp_level_get()) {
#ifdef __x86_64__
    case PP_LEVEL_V4:
        return &pp_fused_kernels_v4;
    case PP_LEVEL_V3:
        return &pp_fused_kernels_v3;
#endif
    default:
        return &pp_fused_kernels_v2;
    }
}
