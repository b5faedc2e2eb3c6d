/* Scan patterns.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "models/scan_pattern.h"

#include <math.h>

#include "base/alloc.h"
#include "base/random.h"

/* Points of a line of this length, both ends included where the step divides it. */
static int64_t points(double length, double step)
{
    return (int64_t)(length / step) + 1;
}

static pp_status raster(const pp_scan_pattern *scan, pp_random *random, double **out,
                        int64_t *count)
{
    const int64_t ny = points(scan->height, scan->step), nx = points(scan->width, scan->step);
    const double jitter = scan->kind == PP_SCAN_JITTERED_RASTER ? scan->jitter : 0;
    PP_TRY(PP_ALLOC(2 * ny * nx, out));
    *count = ny * nx;
    for (int64_t k = 0; k < ny * nx; k++) {
        const int64_t row = k / nx, column = k % nx;
        const double y = (double)row - 0.5 * (double)(ny - 1);
        const double x = (double)column - 0.5 * (double)(nx - 1);
        (*out)[2 * k] = y * scan->step + jitter * (2 * pp_random_uniform(random) - 1);
        (*out)[2 * k + 1] = x * scan->step + jitter * (2 * pp_random_uniform(random) - 1);
    }
    return PP_OK;
}

/* A point of the spiral has the area pi c^2 to itself; the same density as a raster of this step: c = step / sqrt(pi). The
 * whole spiral turns with the scan's number, so that views do not share their positions. */
static pp_status spiral(const pp_scan_pattern *scan, pp_random *random, double **out,
                        int64_t *count)
{
    const double c = scan->step / sqrt(3.141592653589793), golden = 2.399963229728653;
    const double reach = 0.5 * hypot(scan->height, scan->width);
    const double start = 6.283185307179586 * pp_random_uniform(random);
    const int64_t tries = (int64_t)(reach * reach / (c * c)) + 1;
    double *all = NULL;
    PP_TRY(PP_ALLOC(2 * tries, &all));
    *count = 0;
    for (int64_t k = 0; k < tries; k++) {
        const double r = c * sqrt((double)k), t = start + golden * (double)k;
        const double y = r * sin(t), x = r * cos(t);
        if (fabs(y) > 0.5 * scan->height || fabs(x) > 0.5 * scan->width) continue;
        all[2 * *count] = y;
        all[2 * (*count)++ + 1] = x;
    }
    *out = all;
    return PP_OK;
}

pp_status pp_scan_positions(const pp_scan_pattern *scan, uint64_t seed, uint64_t stream,
                            double **positions, int64_t *count)
{
    pp_random random = pp_random_start(seed, stream);
    return scan->kind == PP_SCAN_FERMAT_SPIRAL ? spiral(scan, &random, positions, count)
                                               : raster(scan, &random, positions, count);
}
