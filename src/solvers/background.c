/* SPDX-License-Identifier: BSD-3-Clause */
#include "solvers/background.h"

#include <math.h>

enum { STEPS = 3 };

static pp_status sum_all(const pp_ptychography *m, double *values)
{
    for (int64_t k = 0; k < m->frame; k += PP_GROUP_FEW) {
        const int64_t left = m->frame - k;
        PP_TRY(
            pp_ptychography_sum(m, values + k, (int)(left < PP_GROUP_FEW ? left : PP_GROUP_FEW)));
    }
    return PP_OK;
}

static float stepped(float b, double first, double second)
{
    if (!(second > 0)) return b; /* measured in no pattern */
    const double newton = (double)b - first / second;
    return (float)fmin(fmax(newton, 0.25 * (double)b), 4 * (double)b);
}

static void step(const pp_ptychography *m, const pp_background_estimate *b)
{
    double first = 0, second = 0;
    if (b->choice == PP_BACKGROUND_PIXEL) {
        for (int64_t k = 0; k < m->frame; k++)
            b->values[k] = stepped(b->values[k], b->first[k], b->second[k]);
        return;
    }
    for (int64_t k = 0; k < m->frame; k++) first += b->first[k], second += b->second[k];
    const float value = stepped(b->values[0], first, second);
    for (int64_t k = 0; k < m->frame; k++) b->values[k] = value;
}

pp_status pp_background_refine(const pp_ptychography *m, const pp_background_estimate *b,
                               const pp_point *at)
{
    const pp_sweep_point here = {at->object, at->probe};
    for (int i = 0; i < STEPS; i++) {
        for (int64_t k = 0; k < m->frame; k++) b->first[k] = b->second[k] = 0;
        if (m->sweep) PP_TRY(pp_sweep_background_terms(m->sweep, b->first, b->second, &here));
        PP_TRY(sum_all(m, b->first));
        PP_TRY(sum_all(m, b->second));
        step(m, b);
        if (m->sweep) pp_sweep_set_background(m->sweep, b->values);
    }
    return PP_OK;
}
