/* Joseph's projector in single and double precision.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "tomo/joseph.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

/* A ray crosses n rows (or columns) k, `step` elements apart, at start + slope (k - n / 2) from the middle of each. */
typedef struct ray {
    double start, slope, length; /* length in pixels between two rows */
    int64_t step, stride;        /* elements from row to row, and along a row */
} ray;

/* Points of the ray: x cos t + y sin t = u. */
static ray find_ray(const pp_joseph *joseph, int64_t view, int64_t column)
{
    const double c = cos(joseph->angles[view]), s = sin(joseph->angles[view]);
    const double pitch = joseph->pitch > 0 ? joseph->pitch : 1,
                 u = (double)(column - joseph->columns / 2) * pitch;
    if (fabs(c) >= fabs(s)) return (ray){u / c, -s / c, 1 / fabs(c), joseph->n, 1};
    return (ray){u / s, -c / s, 1 / fabs(s), 1, joseph->n};
}

#define REAL float
#define NAME(x) x##_f32
#include "tomo/joseph_body.h"
#undef REAL
#undef NAME
#define REAL double
#define NAME(x) x##_f64
#include "tomo/joseph_body.h"

/* The walk reads or writes the image and the lines, as it is told; this takes the const off what it only reads. */
static void *input(const void *data)
{
    void *out;
    memcpy(&out, &data, sizeof out);
    return out;
}

void pp_joseph_forward(const pp_joseph *joseph, int64_t slices, const float *volume, float *lines)
{
    float *image = input(volume);
#pragma omp parallel for schedule(dynamic, 1)
    for (int64_t i = 0; i < slices * joseph->views; i++) {
        const int64_t slice = i / joseph->views, view = i % joseph->views;
        view_f32(joseph, view, image + slice * joseph->n * joseph->n,
                 lines + slice * joseph->views * joseph->columns, false);
    }
}

void pp_joseph_forward_f64(const pp_joseph *joseph, int64_t slices, const double *volume,
                           double *lines)
{
    double *image = input(volume);
#pragma omp parallel for schedule(dynamic, 1)
    for (int64_t i = 0; i < slices * joseph->views; i++) {
        const int64_t slice = i / joseph->views, view = i % joseph->views;
        view_f64(joseph, view, image + slice * joseph->n * joseph->n,
                 lines + slice * joseph->views * joseph->columns, false);
    }
}

void pp_joseph_adjoint(const pp_joseph *joseph, int64_t slices, const float *lines, float *volume)
{
    const int64_t pixels = joseph->n * joseph->n, samples = joseph->views * joseph->columns;
    float *values = input(lines);
#pragma omp parallel for schedule(dynamic, 1)
    for (int64_t slice = 0; slice < slices; slice++) {
        memset(volume + slice * pixels, 0, (size_t)pixels * sizeof *volume);
        for (int64_t view = 0; view < joseph->views; view++) {
            view_f32(joseph, view, volume + slice * pixels, values + slice * samples, true);
        }
    }
}

void pp_joseph_adjoint_f64(const pp_joseph *joseph, int64_t slices, const double *lines,
                           double *volume)
{
    const int64_t pixels = joseph->n * joseph->n, samples = joseph->views * joseph->columns;
    double *values = input(lines);
#pragma omp parallel for schedule(dynamic, 1)
    for (int64_t slice = 0; slice < slices; slice++) {
        memset(volume + slice * pixels, 0, (size_t)pixels * sizeof *volume);
        for (int64_t view = 0; view < joseph->views; view++) {
            view_f64(joseph, view, volume + slice * pixels, values + slice * samples, true);
        }
    }
}
