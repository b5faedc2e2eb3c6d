/* SPDX-License-Identifier: BSD-3-Clause */
#include "models/window.h"

#include <math.h>
#include <omp.h>
#include <string.h>

#include "base/alloc.h"

pp_status pp_object_frame_of(const double *positions, int64_t count, int64_t n,
                             pp_object_frame *out)
{
    for (int a = 0; a < 2; a++) {
        double lo = INFINITY, hi = -INFINITY;
        for (int64_t j = 0; j < count; j++) {
            const double g = positions[2 * j + a];
            if (!isfinite(g))
                return PP_FAIL(PP_ERR_DATA, "position %lld is %g along %s: every pattern needs one",
                               (long long)j, g, a ? "x" : "y");
            lo = fmin(lo, g), hi = fmax(hi, g);
        }
        if (fabs(lo) > 1e8 || fabs(hi) > 1e8 || hi - lo > 1e6)
            return PP_FAIL(PP_ERR_DATA,
                           "positions go from %g to %g object pixels along %s: look "
                           "at their unit and at the pixel size",
                           lo, hi, a ? "x" : "y");
        out->origin[a] = PP_WINDOW_MARGIN + n / 2 - (int64_t)floor(lo);
        out->size[a] = (int64_t)ceil(hi) + out->origin[a] - n / 2 + n + PP_WINDOW_MARGIN;
    }
    return PP_OK;
}

void pp_object_corners(const pp_object_frame *frame, const double *positions, int64_t count,
                       int64_t n, double *corners)
{
    const int64_t half = n / 2;
    for (int64_t i = 0; i < 2 * count; i++)
        corners[i] = positions[i] + (double)(frame->origin[i % 2] - half);
}

enum { HALF = 16, TAPS = 2 * HALF };

/* Modified Bessel function I_0 by its series. */
static double bessel(double x)
{
    double term = 1, sum = 1;
    for (int k = 1; k < 60; k++) {
        term *= x * x / (4.0 * k * k);
        sum += term;
    }
    return sum;
}

/* weights[t] of in[i - whole - HALF + t] for out[i] = in(i - shift), normalised to sum 1. */
static int64_t taps_of(double shift, float weights[TAPS])
{
    const double pi = 3.141592653589793, beta = 8;
    const int64_t whole = (int64_t)floor(shift);
    double w[TAPS], sum = 0;
    for (int t = 0; t < TAPS; t++) {
        const double x = (double)(t - HALF) + (shift - (double)whole), u = x / HALF;
        const double sinc = x == 0 ? 1 : sin(pi * x) / (pi * x);
        w[t] = fabs(u) < 1 ? sinc * bessel(beta * sqrt(1 - u * u)) / bessel(beta) : 0;
        sum += w[t];
    }
    for (int t = 0; t < TAPS; t++) weights[t] = (float)(w[t] / sum);
    return whole;
}

/* One line of `count` elements `stride` apart; line: room for them. */
static void move_line(pp_c32 *a, int64_t count, int64_t stride, int64_t whole,
                      const float weights[TAPS], pp_c32 *line)
{
    for (int64_t i = 0; i < count; i++)
        line[i] = (pp_c32){a[i * stride].re - 1.0f, a[i * stride].im};
    for (int64_t i = 0; i < count; i++) {
        pp_c32 sum = {1.0f, 0.0f};
        for (int t = 0; t < TAPS; t++) {
            const int64_t k = i - whole - HALF + t;
            if (k < 0 || k >= count) continue;
            sum.re += weights[t] * line[k].re, sum.im += weights[t] * line[k].im;
        }
        a[i * stride] = sum;
    }
}

pp_status pp_object_move(pp_c32 *object, const int64_t size[2], const double shift[2], int threads)
{
    const int64_t longest = size[0] > size[1] ? size[0] : size[1];
    pp_c32 *lines;
    PP_TRY(PP_ALLOC(longest * threads, &lines));
    for (int a = 0; a < 2; a++) {
        float weights[TAPS];
        const int64_t whole = taps_of(shift[a], weights), lengthwise = a == 0 ? size[1] : 1,
                      across = a == 0 ? 1 : size[1];
        if (shift[a] == 0) continue;
#pragma omp parallel for num_threads(threads) schedule(static)
        for (int64_t i = 0; i < size[1 - a]; i++)
            move_line(object + i * across, size[a], lengthwise, whole, weights,
                      lines + omp_get_thread_num() * longest);
    }
    pp_free(lines);
    return PP_OK;
}
