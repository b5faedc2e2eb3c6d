/* Registration by the cross-correlation's peak.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "tomo/register.h"

#include <math.h>

#include "backend/fft.h"
#include "base/alloc.h"

static const double pi = 3.14159265358979323846;

enum { newton_most = 20 };

/* What Newton's method needs at a shift. */
typedef struct expansion {
    double gradient[2], hessian[3]; /* yy, yx, xx */
} expansion;

static int64_t signed_index(int64_t k, int64_t n)
{
    return k <= n / 2 ? k : k - n;
}

static double frequency(int64_t k, int64_t n)
{
    /* The Nyquist frequency of an even length has no derivative. */
    return 2 * k == n ? 0 : 2 * pi * (double)signed_index(k, n) / (double)n;
}

/* Derivatives of C(s) = Re sum of cross exp(i k s). */
static expansion expand(int64_t ny, int64_t nx, const pp_c32 *cross, const double s[2])
{
    expansion e = {{0, 0}, {0, 0, 0}};
    for (int64_t y = 0; y < ny; y++) {
        const double ky = frequency(y, ny);
        for (int64_t x = 0; x < nx; x++) {
            const double kx = frequency(x, nx), a = ky * s[0] + kx * s[1];
            const pp_c32 z = cross[y * nx + x];
            const double re = z.re * cos(a) - z.im * sin(a), im = z.re * sin(a) + z.im * cos(a);
            e.gradient[0] -= ky * im;
            e.gradient[1] -= kx * im;
            e.hessian[0] -= ky * ky * re;
            e.hessian[1] -= ky * kx * re;
            e.hessian[2] -= kx * kx * re;
        }
    }
    return e;
}

static void refine(int64_t ny, int64_t nx, const pp_c32 *cross, double s[2])
{
    const double start[2] = {s[0], s[1]};
    for (int k = 0; k < newton_most; k++) {
        const expansion e = expand(ny, nx, cross, s);
        const double det = e.hessian[0] * e.hessian[2] - e.hessian[1] * e.hessian[1];
        if (!(det > 0 && e.hessian[0] < 0)) return;
        const double dy = -(e.hessian[2] * e.gradient[0] - e.hessian[1] * e.gradient[1]) / det;
        const double dx = -(e.hessian[0] * e.gradient[1] - e.hessian[1] * e.gradient[0]) / det;
        /* The peak lies within a pixel of the grid's. */
        s[0] = fmax(start[0] - 1, fmin(start[0] + 1, s[0] + dy));
        s[1] = fmax(start[1] - 1, fmin(start[1] + 1, s[1] + dx));
        if (fabs(dy) + fabs(dx) < 1e-7) return;
    }
}

static void peak(int64_t ny, int64_t nx, const pp_c32 *correlation, double s[2])
{
    int64_t best = 0;
    for (int64_t i = 1; i < ny * nx; i++)
        if (correlation[i].re > correlation[best].re) best = i;
    s[0] = (double)signed_index(best / nx, ny);
    s[1] = (double)signed_index(best % nx, nx);
}

/* cross = A conj(B): with a + i b in one transform, A and B are its even and odd parts. */
static void cross_spectrum(int64_t ny, int64_t nx, const pp_c32 *both, pp_c32 *cross)
{
    for (int64_t y = 0; y < ny; y++)
        for (int64_t x = 0; x < nx; x++) {
            const pp_c32 p = both[y * nx + x];
            const pp_c32 m = both[(ny - y) % ny * nx + (nx - x) % nx];
            const double ar = 0.5 * ((double)p.re + m.re), ai = 0.5 * ((double)p.im - m.im);
            const double br = 0.5 * ((double)p.im + m.im), bi = -0.5 * ((double)p.re - m.re);
            cross[y * nx + x] = (pp_c32){(float)(ar * br + ai * bi), (float)(ai * br - ar * bi)};
        }
    cross[0] = (pp_c32){0, 0}; /* means do not count */
}

static pp_status correlate(int64_t ny, int64_t nx, const float *a, const float *b, pp_c32 *both,
                           pp_c32 *cross, double shift[2])
{
    pp_fft *forward = NULL, *backward = NULL;
    const int64_t shape[] = {ny, nx};
    /* Estimated plans: the same on every rank. */
    const pp_fft_effort before = pp_fft_set_effort(PP_FFT_ESTIMATE);
    pp_status status = pp_fft_create(2, shape, 1, -1, &forward);
    if (status == PP_OK) status = pp_fft_create(2, shape, 1, 1, &backward);
    (void)pp_fft_set_effort(before);
    if (status == PP_OK) {
        for (int64_t i = 0; i < ny * nx; i++) both[i] = (pp_c32){a[i], b[i]};
        pp_fft_run(forward, both);
        cross_spectrum(ny, nx, both, cross);
        for (int64_t i = 0; i < ny * nx; i++) both[i] = cross[i];
        pp_fft_run(backward, both);
        peak(ny, nx, both, shift);
        refine(ny, nx, cross, shift);
    }
    if (forward) pp_fft_free(&forward);
    if (backward) pp_fft_free(&backward);
    return status;
}

pp_status pp_register(int64_t ny, int64_t nx, const float *a, const float *b, double shift[2])
{
    pp_c32 *both;
    PP_TRY(pp_fft_buffer(2 * ny * nx, &both));
    const pp_status status = correlate(ny, nx, a, b, both, both + ny * nx, shift);
    pp_free(both);
    return status;
}
