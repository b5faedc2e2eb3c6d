/* Facts of a scan.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "io/scan.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "backend/fft.h"
#include "base/alloc.h"
#include "io/detector.h"

enum { SAMPLES = 500 };

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double nearest(const double *grid, int64_t count, int64_t of)
{
    double best = INFINITY;
    for (int64_t j = 0; j < count; j++) {
        const double dy = grid[2 * j] - grid[2 * of], dx = grid[2 * j + 1] - grid[2 * of + 1];
        const double d = dy * dy + dx * dx;
        if (j != of && d < best) best = d;
    }
    return sqrt(best);
}

pp_scan pp_scan_measure(const double *grid, int64_t count, int64_t n)
{
    pp_scan scan = {{grid[0], grid[1]}, {grid[0], grid[1]}, {0, 0}, 0};
    double distances[SAMPLES];
    int64_t samples = 0;
    for (int64_t j = 0; j < count; j++)
        for (int axis = 0; axis < 2; axis++) {
            scan.lowest[axis] = fmin(scan.lowest[axis], grid[2 * j + axis]);
            scan.highest[axis] = fmax(scan.highest[axis], grid[2 * j + axis]);
        }
    for (int axis = 0; axis < 2; axis++) {
        const double side = rint(scan.highest[axis]) - rint(scan.lowest[axis]) + (double)n;
        scan.object[axis] = side < 1e15 ? (int64_t)side : (int64_t)1e15;
    }
    const int64_t step = (count + SAMPLES - 1) / SAMPLES;
    for (int64_t j = 0; j < count && count > 1; j += step)
        distances[samples++] = nearest(grid, count, j);
    qsort(distances, (size_t)samples, sizeof *distances, ascending);
    if (samples) scan.spacing = distances[samples / 2];
    return scan;
}

double pp_probe_diameter(const pp_array *probe)
{
    const pp_c32 *p = pp_array_read(probe);
    const int64_t modes = pp_array_size(probe, 0), pixels = pp_array_count(probe) / modes;
    double sum = 0, squares = 0;
    for (int64_t k = 0; k < pixels; k++) {
        double v = 0;
        for (int64_t m = 0; m < modes; m++) {
            const pp_c32 a = p[m * pixels + k];
            v += (double)a.re * (double)a.re + (double)a.im * (double)a.im;
        }
        sum += v;
        squares += v * v;
    }
    return squares > 0 ? 2 * sum / sqrt(squares * 3.14159265358979323846) : 0;
}

double pp_scan_overlap(const pp_scan *scan, double diameter)
{
    return diameter > 0 ? fmax(0, 1 - scan->spacing / diameter) : 0;
}

static float measured(const void *frames, bool small, int64_t at)
{
    if (!small) {
        const float v = ((const float *)frames)[at];
        return isnan(v) ? 0 : v;
    }
    const uint16_t v = ((const uint16_t *)frames)[at];
    return v == UINT16_MAX ? 0 : (float)v;
}

pp_status pp_mean_pattern_probe(const pp_array *frames, const pp_array *mask, pp_array **out)
{
    const int64_t count = pp_array_size(frames, 0), n = pp_array_size(frames, 1);
    const int64_t sides[] = {n, n}, shape[] = {1, n, n}, pixels = n * n;
    const uint8_t *good = pp_array_read(mask);
    const bool small = pp_array_dtype(frames) == PP_U16;
    pp_c32 *work = NULL;
    pp_fft *fft = NULL;
    pp_array *probe = NULL;
    pp_status status = PP_OK;
    PP_TRY_TO(done, pp_fft_buffer(pixels, &work));
    PP_TRY_TO(done, pp_fft_create(2, sides, 1, 1, &fft));
    PP_TRY_TO(done, pp_array_create(PP_C32, 3, shape, "sqrt(counts)", &probe));
    for (int64_t k = 0; k < pixels; k++) {
        double sum = 0;
        for (int64_t j = 0; j < count && good[k]; j++)
            sum += (double)measured(pp_array_read(frames), small, j * pixels + k);
        work[k] = (pp_c32){(float)(sqrt(sum / (double)count) / (double)n), 0};
    }
    pp_fft_run(fft, work);
    pp_c32 *p = pp_array_data(probe);
    for (int64_t y = 0; y < n; y++)
        for (int64_t x = 0; x < n; x++)
            p[pp_centred(y, n) * n + pp_centred(x, n)] = work[y * n + x];
    *out = probe;
    probe = NULL;
done:
    pp_array_free(&probe);
    pp_fft_free(&fft);
    pp_free(work);
    return status;
}
