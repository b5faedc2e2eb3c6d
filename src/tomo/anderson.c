/* Anderson's acceleration.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "tomo/anderson.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"

enum { depth = 5 };

struct pp_anderson {
    int64_t count, calls;
    double *points, *steps; /* [depth][count] differences from call to call */
    double *last_point, *last_step;
};

pp_status pp_anderson_create(int64_t count, pp_anderson **out)
{
    pp_anderson *a;
    PP_TRY(PP_ALLOC(1, &a));
    a->count = count;
    const pp_status status = PP_ALLOC((2 * depth + 2) * count, &a->points);
    if (status != PP_OK) {
        pp_free(a);
        return status;
    }
    a->steps = a->points + depth * count;
    a->last_point = a->steps + depth * count;
    a->last_step = a->last_point + count;
    *out = a;
    return PP_OK;
}

void pp_anderson_free(pp_anderson **anderson)
{
    if (!*anderson) return;
    pp_free((*anderson)->points);
    pp_free(*anderson);
    *anderson = NULL;
}

void pp_anderson_reset(pp_anderson *anderson)
{
    anderson->calls = 0;
}

static double dot(int64_t count, const double *a, const double *b)
{
    double sum = 0;
    for (int64_t i = 0; i < count; i++) sum += a[i] * b[i];
    return sum;
}

static void remember(pp_anderson *a, const double *x, const double *step)
{
    if (a->calls > 0) {
        const int64_t slot = (a->calls - 1) % depth * a->count;
        for (int64_t i = 0; i < a->count; i++) {
            a->points[slot + i] = x[i] - a->last_point[i];
            a->steps[slot + i] = step[i] - a->last_step[i];
        }
    }
    memcpy(a->last_point, x, (size_t)a->count * sizeof *x);
    memcpy(a->last_step, step, (size_t)a->count * sizeof *step);
    a->calls++;
}

/* Least squares of step on the last `used` differences of steps. A ridge keeps differences that are alike harmless. */
static void combine(const pp_anderson *a, int used, const double *step, double out[depth])
{
    double m[depth][depth], trace = 0;
    for (int k = 0; k < used; k++) {
        for (int j = 0; j < used; j++)
            m[k][j] = dot(a->count, a->steps + k * a->count, a->steps + j * a->count);
        out[k] = dot(a->count, a->steps + k * a->count, step);
        trace += m[k][k];
    }
    for (int k = 0; k < used; k++) m[k][k] += 1e-8 * trace + 1e-300;
    for (int k = 0; k < used; k++)
        for (int i = k + 1; i < used; i++) {
            const double f = m[i][k] / m[k][k];
            for (int j = k; j < used; j++) m[i][j] -= f * m[k][j];
            out[i] -= f * out[k];
        }
    for (int k = used - 1; k >= 0; k--) {
        for (int j = k + 1; j < used; j++) out[k] -= m[k][j] * out[j];
        out[k] /= m[k][k];
    }
}

void pp_anderson_next(pp_anderson *anderson, double *x, const double *step, double most)
{
    double part[depth];
    remember(anderson, x, step);
    const int64_t past = anderson->calls - 1;
    const int used = past < depth ? (int)past : depth;
    combine(anderson, used, step, part);
    for (int64_t i = 0; i < anderson->count; i++) {
        double move = step[i];
        for (int k = 0; k < used; k++)
            move -= part[k] * (anderson->points[k * anderson->count + i] +
                               anderson->steps[k * anderson->count + i]);
        x[i] += fmax(-most, fmin(most, move));
    }
}
