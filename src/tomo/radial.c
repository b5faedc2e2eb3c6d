/* Table of the radial non-uniform FFT.
 *
 * Kernel: phi(t) = I0(beta sqrt(1 - (2 t / w)^2)) / I0(beta), |t| <= w / 2, with transform
 * w sinh(sqrt(beta^2 - (pi w xi)^2)) / (I0(beta) sqrt(...)); beta = pi sqrt((w / s)^2 (s - 1/2)^2 - 0.8) for oversampling s
 * (Beatty, Nishimura and Pauly, IEEE Trans. Med. Imag. 24, 799 (2005)).
 * SPDX-License-Identifier: BSD-3-Clause */
#include "tomo/radial.h"

#include <math.h>

#include "base/alloc.h"

enum { TILE = 32 }; /* cells a side: a tile of the grid with its halo is 46 kB */

static const double pi = 3.14159265358979323846;

/* Modified Bessel function of order 0 by its power series; all terms are positive. */
static double bessel_i0(double x)
{
    double term = 1, sum = 1;
    for (int k = 1; term > 1e-18 * sum; k++) {
        term *= (x / (2 * k)) * (x / (2 * k));
        sum += term;
    }
    return sum;
}

static double kernel_beta(double oversampling)
{
    const double w = PP_RADIAL_TAPS / oversampling * (oversampling - 0.5);
    return pi * sqrt(w * w - 0.8);
}

static double kernel(double t, double beta)
{
    const double r = 2 * t / PP_RADIAL_TAPS, square = 1 - r * r;
    return square > 0 ? bessel_i0(beta * sqrt(square)) / bessel_i0(beta) : 0;
}

static double kernel_transform(double xi, double beta)
{
    const double a = pi * PP_RADIAL_TAPS * xi, square = beta * beta - a * a, root = sqrt(square);
    return PP_RADIAL_TAPS * sinh(root) / (root * bessel_i0(beta));
}

int64_t pp_radial_grid(int64_t n, double oversampling)
{
    int64_t grid = (int64_t)ceil(oversampling * (double)n - 1e-9);
    for (;; grid++) {
        int64_t rest = grid;
        for (int64_t factor = 2; factor <= 7; factor++) {
            while (rest % factor == 0) rest /= factor;
        }
        if (rest == 1 && grid % 2 == 0) return grid;
    }
}

/* An odd number of cache lines from row to row: neighbours in a column do not compete for the same sets. */
static int64_t row_pitch(int64_t grid)
{
    const int64_t cells = grid + 2 * PP_RADIAL_HALO;
    return cells % 4 == 2 ? cells : cells + 2;
}

int64_t pp_radial_cells(int64_t grid)
{
    return (grid + 2 * PP_RADIAL_HALO) * row_pitch(grid);
}

/* Where sample `line` of a view lies on the grid, in cells from frequency 0. */
typedef struct place {
    double y, x;
} place;

static place find_place(const pp_radial *radial, const double *angles, int64_t line)
{
    const int64_t view = line / radial->samples, k = line % radial->samples - radial->n / 2;
    const double radius = (double)k * (double)radial->grid / (double)radial->n;
    return (place){radius * sin(angles[view]), radius * cos(angles[view])};
}

static int64_t first_tap(double at)
{
    return (int64_t)ceil(at - PP_RADIAL_HALO);
}

/* The data lie around the middle of the grid, which is a factor (-1)^frequency: it is taken into the weights. */
static int64_t axis_weights(double at, double beta, float weights[PP_RADIAL_TAPS])
{
    const int64_t first = first_tap(at);
    for (int tap = 0; tap < PP_RADIAL_TAPS; tap++) {
        const double value = kernel(at - (double)(first + tap), beta);
        weights[tap] = (float)((first + tap) % 2 ? -value : value);
    }
    return first;
}

static int64_t tile_of(const pp_radial *radial, place at)
{
    const int64_t shift = radial->grid / 2 + PP_RADIAL_HALO,
                  across = (radial->grid + 2 * PP_RADIAL_HALO) / TILE + 1;
    return (first_tap(at.y) + shift) / TILE * across + (first_tap(at.x) + shift) / TILE;
}

/* Counting sort of the samples by tile; inside a tile by view and sample. */
static pp_status sort_by_tile(const pp_radial *radial, const double *angles, int32_t *order)
{
    const int64_t across = (radial->grid + 2 * PP_RADIAL_HALO) / TILE + 1, tiles = across * across;
    int64_t *start;
    PP_TRY(PP_ALLOC(tiles + 1, &start));
    for (int64_t line = 0; line < radial->count; line++) {
        start[tile_of(radial, find_place(radial, angles, line)) + 1]++;
    }
    for (int64_t tile = 0; tile < tiles; tile++) start[tile + 1] += start[tile];
    for (int64_t line = 0; line < radial->count; line++) {
        order[start[tile_of(radial, find_place(radial, angles, line))]++] = (int32_t)line;
    }
    pp_free(start);
    return PP_OK;
}

static void fill_points(pp_radial *radial, const double *angles, const int32_t *order, double beta)
{
    const int64_t shift = radial->grid / 2 + PP_RADIAL_HALO;
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < radial->count; i++) {
        pp_radial_point *point = &radial->points[i];
        const place at = find_place(radial, angles, order[i]);
        const int64_t y = axis_weights(at.y, beta, point->wy) + shift,
                      x = axis_weights(at.x, beta, point->wx) + shift;
        point->line = order[i];
        point->cell = (int32_t)(y * radial->pitch + x);
    }
}

static void fill_apodisation(pp_radial *radial, double beta)
{
    for (int64_t i = 0; i < radial->n; i++) {
        const int64_t from_centre = i - radial->n / 2, at = from_centre + radial->grid / 2;
        const double value = 1 / kernel_transform((double)from_centre / (double)radial->grid, beta);
        radial->apodisation[i] = (float)(at % 2 ? -value : value);
    }
}

pp_status pp_radial_make(int64_t n, int64_t views, const double *angles, double oversampling,
                         pp_radial *out)
{
    pp_radial radial = {.n = n, .views = views, .samples = n / 2 * 2 + 1};
    int32_t *order = NULL;
    radial.count = radial.samples * views;
    radial.grid = pp_radial_grid(n, oversampling);
    radial.pitch = row_pitch(radial.grid);
    if (radial.count > INT32_MAX || pp_radial_cells(radial.grid) > INT32_MAX) {
        return PP_FAIL(PP_ERR_RESOURCE,
                       "a projector of %lld views of %lld pixels has more samples than 32-bit "
                       "numbers count; use fewer views or smaller slices",
                       (long long)views, (long long)n);
    }
    const double beta = kernel_beta((double)radial.grid / (double)n);
    pp_status status = PP_ALLOC(radial.count, &order);
    if (status == PP_OK) status = PP_ALLOC(radial.count, &radial.points);
    if (status == PP_OK) status = PP_ALLOC(n, &radial.apodisation);
    if (status == PP_OK) status = sort_by_tile(&radial, angles, order);
    if (status == PP_OK) {
        fill_points(&radial, angles, order, beta);
        fill_apodisation(&radial, beta);
        *out = radial;
    } else {
        pp_radial_free(&radial);
    }
    pp_free(order);
    return status;
}

void pp_radial_free(pp_radial *radial)
{
    pp_free(radial->points);
    pp_free(radial->apodisation);
    *radial = (pp_radial){0};
}
