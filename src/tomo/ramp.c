/* Constant, plane and modulus of a view from the air beside the object.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "tomo/ramp.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/alloc.h"
#include "tomo/median.h"
#include "tomo/solve3.h"

static const double pi = 3.14159265358979323846;

enum { slope_passes = 5, robust_passes = 10 };

/* Pixels that the fit uses: coordinates from the middle, value, weight. */
typedef struct samples {
    int64_t count;
    double *y, *x, *weight, *value, *scratch;
} samples;

int64_t pp_air_width(int64_t nx, double air)
{
    const int64_t width = (int64_t)floor(air * (double)nx + 0.5);
    return width < 1 ? 1 : width > nx / 2 ? nx / 2 : width;
}

static bool in_strip(int64_t x, int64_t nx, int64_t width)
{
    return x < width || x >= nx - width;
}

static pp_status samples_create(int64_t most, samples *out)
{
    double *block;
    *out = (samples){0};
    PP_TRY(PP_ALLOC(5 * most, &block));
    *out = (samples){0, block, block + most, block + 2 * most, block + 3 * most, block + 4 * most};
    return PP_OK;
}

static pp_c64 times(pp_c32 a, double angle)
{
    const double c = cos(angle), s = sin(angle);
    return (pp_c64){a.re * c - a.im * s, a.re * s + a.im * c};
}

static double plane_at(const pp_plane *plane, double y, double x)
{
    return plane->c + plane->ky * y + plane->kx * x;
}

/* Angle of the sum over neighbouring pairs inside the fitted pixels: the mean slope along one axis, less the plane's. */
static double slope(int64_t ny, int64_t nx, const pp_c32 *psi, const float *weight, int64_t width,
                    bool along_x, double known)
{
    const int64_t step = along_x ? 1 : nx;
    pp_c64 sum = {0, 0};
    for (int64_t y = 0; y < (along_x ? ny : ny - 1); y++)
        for (int64_t x = 0; x < (along_x ? nx - 1 : nx); x++) {
            if (!in_strip(x, nx, width) || (along_x && !in_strip(x + 1, nx, width))) continue;
            const pp_c32 a = psi[y * nx + x], b = psi[y * nx + x + step];
            const double w = fmin(weight[y * nx + x], weight[y * nx + x + step]);
            sum.re += w * (b.re * (double)a.re + b.im * (double)a.im);
            sum.im += w * (b.im * (double)a.re - b.re * (double)a.im);
        }
    if (sum.re == 0 && sum.im == 0) return 0;
    return remainder(atan2(sum.im, sum.re) - known, 2 * pi);
}

static void first_slope(int64_t ny, int64_t nx, const pp_c32 *psi, const float *weight,
                        int64_t width, pp_plane *plane)
{
    /* One column wide strips have no pairs along x; their slope comes from the fit. */
    plane->ky = slope(ny, nx, psi, weight, width, false, 0);
    plane->kx = slope(ny, nx, psi, weight, width, true, 0);
}

static void take_samples(int64_t ny, int64_t nx, const float *weight, int64_t width, samples *out)
{
    out->count = 0;
    for (int64_t y = 0; y < ny; y++)
        for (int64_t x = 0; x < nx; x++)
            if (in_strip(x, nx, width)) {
                out->y[out->count] = (double)(y - ny / 2);
                out->x[out->count] = (double)(x - nx / 2);
                out->weight[out->count++] = weight[y * nx + x];
            }
}

/* Phase of psi less the plane at the samples, wrapped. */
static void residuals(int64_t ny, int64_t nx, const pp_c32 *psi, const pp_plane *plane, samples *s)
{
    for (int64_t i = 0; i < s->count; i++) {
        const int64_t y = (int64_t)s->y[i] + ny / 2, x = (int64_t)s->x[i] + nx / 2;
        const pp_c64 z = times(psi[y * nx + x], -plane_at(plane, s->y[i], s->x[i]));
        s->value[i] = z.re == 0 && z.im == 0 ? 0 : atan2(z.im, z.re);
    }
}

/* The constant: angle of the weighted mean over the samples. */
static double constant(int64_t ny, int64_t nx, const pp_c32 *psi, const pp_plane *plane,
                       const samples *s)
{
    pp_c64 sum = {0, 0};
    for (int64_t i = 0; i < s->count; i++) {
        const int64_t y = (int64_t)s->y[i] + ny / 2, x = (int64_t)s->x[i] + nx / 2;
        const pp_c64 z = times(psi[y * nx + x], -plane_at(plane, s->y[i], s->x[i]));
        sum.re += s->weight[i] * z.re;
        sum.im += s->weight[i] * z.im;
    }
    return sum.re == 0 && sum.im == 0 ? 0 : atan2(sum.im, sum.re);
}

static double largest_deviation(const samples *s)
{
    memcpy(s->scratch, s->value, (size_t)s->count * sizeof *s->scratch);
    const double middle = pp_median(s->scratch, s->count);
    for (int64_t i = 0; i < s->count; i++) s->scratch[i] = fabs(s->value[i] - middle);
    return pp_median(s->scratch, s->count);
}

/* Weighted least squares of value on 1, y, x; robust weights from the residuals' spread where `robust`. */
static void fit_residuals(const samples *s, bool robust, double out[3])
{
    const double spread = robust ? 5 * largest_deviation(s) : 0;
    double m[3][3] = {{0}}, b[3] = {0};
    for (int64_t i = 0; i < s->count; i++) {
        const double ratio = spread > 0 ? s->value[i] / spread : 0;
        const double w = s->weight[i] / (1 + ratio * ratio), basis[3] = {1, s->y[i], s->x[i]};
        for (int k = 0; k < 3; k++) {
            for (int j = 0; j < 3; j++) m[k][j] += w * basis[k] * basis[j];
            b[k] += w * basis[k] * s->value[i];
        }
    }
    pp_solve3(m, b);
    memcpy(out, b, sizeof b);
}

static void fit_plane(int64_t ny, int64_t nx, const pp_c32 *psi, bool robust, samples *s,
                      pp_plane *plane)
{
    for (int pass = 0; pass < (robust ? robust_passes : slope_passes); pass++) {
        double step[3];
        residuals(ny, nx, psi, plane, s);
        fit_residuals(s, robust, step);
        plane->c += step[0];
        plane->ky += step[1];
        plane->kx += step[2];
    }
}

/* Weighted median of |psi| over the samples. */
static double modulus_of_air(int64_t ny, int64_t nx, const pp_c32 *psi, const samples *s)
{
    int64_t used = 0;
    for (int64_t i = 0; i < s->count; i++) {
        const int64_t y = (int64_t)s->y[i] + ny / 2, x = (int64_t)s->x[i] + nx / 2;
        if (s->weight[i] > 0.05) s->scratch[used++] = hypot(psi[y * nx + x].re, psi[y * nx + x].im);
    }
    const double modulus = used > 0 ? pp_median(s->scratch, used) : 1;
    return modulus > 0 ? modulus : 1;
}

pp_status pp_ramp_fit(int64_t ny, int64_t nx, const pp_c32 *psi, const float *weight, int64_t width,
                      pp_ramp how, pp_plane *out)
{
    samples s;
    pp_plane plane = {1, 0, 0, 0};
    const int64_t everywhere = (nx + 1) / 2;
    PP_TRY(samples_create(ny * nx, &s));
    if (how != PP_RAMP_NONE)
        first_slope(ny, nx, psi, weight, how == PP_RAMP_AIR ? width : everywhere, &plane);
    if (how == PP_RAMP_MOMENTS) {
        take_samples(ny, nx, weight, everywhere, &s);
        plane.c = constant(ny, nx, psi, &plane, &s);
        fit_plane(ny, nx, psi, false, &s, &plane);
    }
    take_samples(ny, nx, weight, width, &s);
    plane.c += constant(ny, nx, psi, &plane, &s);
    if (how == PP_RAMP_AIR) fit_plane(ny, nx, psi, true, &s, &plane);
    if (how != PP_RAMP_NONE) plane.modulus = modulus_of_air(ny, nx, psi, &s);
    plane.c = remainder(plane.c, 2 * pi);
    pp_free(s.y);
    *out = plane;
    return PP_OK;
}

void pp_ramp_remove(int64_t ny, int64_t nx, pp_c32 *psi, const pp_plane *plane)
{
    for (int64_t y = 0; y < ny; y++)
        for (int64_t x = 0; x < nx; x++) {
            const pp_c64 z = times(psi[y * nx + x],
                                   -plane_at(plane, (double)(y - ny / 2), (double)(x - nx / 2)));
            psi[y * nx + x] =
                (pp_c32){(float)(z.re / plane->modulus), (float)(z.im / plane->modulus)};
        }
}

pp_status pp_air_anchor(int64_t ny, int64_t nx, float *phase, int64_t width)
{
    double *air;
    int64_t count = 0;
    PP_TRY(PP_ALLOC(ny * 2 * width, &air));
    for (int64_t y = 0; y < ny; y++)
        for (int64_t x = 0; x < nx; x++)
            if (in_strip(x, nx, width) && count < ny * 2 * width) air[count++] = phase[y * nx + x];
    const float turns = (float)(2 * pi * round(pp_median(air, count) / (2 * pi)));
    for (int64_t i = 0; i < ny * nx; i++) phase[i] -= turns;
    pp_free(air);
    return PP_OK;
}
