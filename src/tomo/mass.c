/* Vertical mass fluctuation.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "tomo/mass.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "backend/fft.h"
#include "base/alloc.h"

static const double pi = 3.14159265358979323846;
static const double relaxation = 0.9, step_most = 0.5, small_step = 1e-4;

enum { iterations_most = 200 };

typedef struct problem {
    int64_t views, ny, margin, length;
    const double *row_weights;
    pp_c32 *spectra; /* [views][length] of the profiles with margins */
    pp_c32 *moved;   /* [views][length] */
    double *mean, *slope;
    pp_fft *forward, *backward;
} problem;

void pp_mass_profile(int64_t ny, int64_t nx, const float *phase, const float *weight,
                     double *profile, double *row_weight)
{
    for (int64_t y = 0; y < ny; y++) {
        double mass = 0, lit = 0;
        for (int64_t x = 0; x < nx; x++) {
            mass += phase[y * nx + x];
            lit += weight[y * nx + x];
        }
        profile[y] = mass;
        row_weight[y] = lit / (double)nx;
    }
}

/* The profiles with margins that fade from the end's value to 0. */
static void embed(const problem *p, const double *profiles)
{
    for (int64_t v = 0; v < p->views; v++)
        for (int64_t i = 0; i < p->length; i++) {
            const int64_t y = i - p->margin, last = p->ny - 1;
            const int64_t away = y < 0 ? -y : y > last ? y - last : 0;
            const double c = away >= p->margin ? 0 : cos(pi / 2 * (double)away / (double)p->margin);
            const double edge = profiles[v * p->ny + (y < 0 ? 0 : y > last ? last : y)];
            p->spectra[v * p->length + i] = (pp_c32){(float)(c * c * edge), 0};
        }
    pp_fft_run(p->forward, p->spectra);
}

static void move_all(const problem *p, const double *shifts)
{
    for (int64_t v = 0; v < p->views; v++)
        for (int64_t k = 0; k < p->length; k++) {
            const double f = (double)(k < p->length - k ? k : k - p->length) / (double)p->length;
            const double a = -2 * pi * f * shifts[v], c = cos(a) / (double)p->length,
                         s = sin(a) / (double)p->length;
            const pp_c32 z = p->spectra[v * p->length + k];
            p->moved[v * p->length + k] =
                (pp_c32){(float)(z.re * c - z.im * s), (float)(z.re * s + z.im * c)};
        }
    pp_fft_run(p->backward, p->moved);
}

/* Weight of row y of a moved profile; 0 where the row comes from outside. */
static double weight_at(const problem *p, const double *shifts, int64_t v, int64_t y)
{
    const int64_t from = y - (int64_t)floor(shifts[v] + 0.5);
    return from >= 0 && from < p->ny ? p->row_weights[v * p->ny + from] : 0;
}

static double value_at(const problem *p, int64_t v, int64_t y)
{
    return p->moved[v * p->length + p->margin + y].re;
}

static void mean_profile(const problem *p, const double *shifts)
{
    for (int64_t y = 0; y < p->ny; y++) {
        double sum = 0, weights = 0;
        for (int64_t v = 0; v < p->views; v++) {
            const double w = weight_at(p, shifts, v, y);
            sum += w * value_at(p, v, y);
            weights += w;
        }
        p->mean[y] = weights > 0 ? sum / weights : 0;
    }
    for (int64_t y = 0; y < p->ny; y++) {
        const int64_t low = y > 0 ? y - 1 : 0, high = y + 1 < p->ny ? y + 1 : y;
        p->slope[y] = (p->mean[high] - p->mean[low]) / (double)(high - low);
    }
}

/* Least squares of (profile - mean) on the slope of the mean and a constant: the first coefficient, 0 if it is not determined. */
static double step_of(const problem *p, const double *shifts, int64_t v)
{
    double weights = 0, slopes = 0, errors = 0, square = 0, product = 0;
    for (int64_t y = 0; y < p->ny; y++) {
        const double w = weight_at(p, shifts, v, y), e = value_at(p, v, y) - p->mean[y];
        weights += w;
        slopes += w * p->slope[y];
        errors += w * e;
        square += w * p->slope[y] * p->slope[y];
        product += w * p->slope[y] * e;
    }
    if (!(weights > 0)) return 0;
    const double power = square - slopes * slopes / weights;
    return power > 1e-6 * square ? (product - slopes * errors / weights) / power : 0;
}

static double clip(double a, double most)
{
    return fmax(-most, fmin(most, a));
}

static int iterate(const problem *p, double *shifts)
{
    for (int k = 0; k < iterations_most; k++) {
        double largest = 0, mean = 0;
        move_all(p, shifts);
        mean_profile(p, shifts);
        for (int64_t v = 0; v < p->views; v++) {
            const double step = clip(relaxation * step_of(p, shifts, v), step_most);
            largest = fmax(largest, fabs(step));
            shifts[v] = clip(shifts[v] + step, (double)p->ny / 4);
        }
        for (int64_t v = 0; v < p->views; v++) mean += shifts[v] / (double)p->views;
        for (int64_t v = 0; v < p->views; v++) shifts[v] -= mean;
        if (largest < small_step) return k + 1;
    }
    return iterations_most;
}

static pp_status problem_create(int64_t views, int64_t ny, problem *p)
{
    *p = (problem){.views = views, .ny = ny, .margin = ny / 4 > 16 ? ny / 4 : 16};
    p->length = ny + 2 * p->margin;
    PP_TRY(pp_fft_buffer(views * p->length, &p->spectra));
    PP_TRY(pp_fft_buffer(views * p->length, &p->moved));
    PP_TRY(PP_ALLOC(2 * ny, &p->mean));
    p->slope = p->mean + ny;
    /* Estimated plans: the same on every rank. */
    const pp_fft_effort before = pp_fft_set_effort(PP_FFT_ESTIMATE);
    pp_status status = pp_fft_create(1, &p->length, views, -1, &p->forward);
    if (status == PP_OK) status = pp_fft_create(1, &p->length, views, 1, &p->backward);
    (void)pp_fft_set_effort(before);
    return status;
}

pp_status pp_mass_align(int64_t views, int64_t ny, const double *profiles,
                        const double *row_weights, double *shifts, int *iterations)
{
    problem p;
    memset(shifts, 0, (size_t)views * sizeof *shifts);
    const pp_status status = problem_create(views, ny, &p);
    if (status == PP_OK) {
        p.row_weights = row_weights;
        embed(&p, profiles);
        const int done = iterate(&p, shifts);
        if (iterations) *iterations = done;
    }
    if (p.forward) pp_fft_free(&p.forward);
    if (p.backward) pp_fft_free(&p.backward);
    pp_free(p.spectra);
    pp_free(p.moved);
    pp_free(p.mean);
    return status;
}
