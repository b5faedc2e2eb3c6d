/* SPDX-License-Identifier: BSD-3-Clause */
#include "models/probe.h"

#include <complex.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "backend/fft.h"
#include "base/alloc.h"
#include "kernels/frequency.h"

typedef double complex cplx;

double pp_probe_power(const pp_c32 *probe, int64_t n, int64_t modes)
{
    double sum = 0;
    for (int64_t k = 0; k < modes * n * n; k++)
        sum +=
            (double)probe[k].re * (double)probe[k].re + (double)probe[k].im * (double)probe[k].im;
    return sum;
}

pp_status pp_probe_measured_part(const pp_c32 *probe, int64_t n, int64_t modes, const uint8_t *mask,
                                 double *part)
{
    const int64_t shape[2] = {n, n}, n2 = n * n;
    double seen = 0, all = 0;
    pp_fft *fft = NULL;
    pp_c32 *far = NULL;
    pp_status status = PP_OK;
    PP_TRY(pp_fft_create(2, shape, 1, -1, &fft));
    PP_TRY_TO(done, pp_fft_buffer(n2, &far));
    for (int64_t m = 0; m < modes; m++) {
        memcpy(far, probe + m * n2, (size_t)n2 * sizeof *far);
        pp_fft_run(fft, far);
        for (int64_t k = 0; k < n2; k++) {
            const double re = (double)far[k].re, im = (double)far[k].im, light = re * re + im * im;
            all += light;
            if (mask[k]) seen += light;
        }
    }
    *part = all > 0 ? seen / all : 0;
done:
    pp_free(far);
    pp_fft_free(&fft);
    return status;
}

/* He_k(u) = u He_{k-1} - (k - 1) He_{k-2}. */
static double hermite(int64_t degree, double u)
{
    double before = 0, now = 1;
    for (int64_t k = 1; k <= degree; k++) {
        const double next = u * now - (double)(k - 1) * before;
        before = now, now = next;
    }
    return now;
}

static void scale(pp_c32 *a, int64_t count, double factor)
{
    const float s = (float)factor;
    for (int64_t k = 0; k < count; k++) a[k].re *= s, a[k].im *= s;
}

/* Degrees (y, x) of extra mode `k` = 0, 1, ...: (1, 0), (0, 1), (2, 0), (1, 1), (0, 2), ... */
static void degrees(int64_t k, int64_t out[2])
{
    int64_t total = 1;
    while (k > total) k -= total + 1, total++;
    out[0] = total - k, out[1] = k;
}

/* width: rms radius along an axis, the polynomials' unit. */
static void product(pp_c32 *mode, const pp_c32 *first, int64_t n, const int64_t degree[2],
                    double width)
{
    const bool linear = degree[0] + degree[1] == 1;
    const double unit = linear ? (double)n / 1.2 : width;
    const int64_t half = n / 2;
    for (int64_t y = 0; y < n; y++)
        for (int64_t x = 0; x < n; x++) {
            const double v = (double)(y - half) / unit, u = (double)(x - half) / unit;
            const float s = (float)(hermite(degree[0], v) * hermite(degree[1], u));
            const pp_c32 p = first[y * n + x];
            mode[y * n + x] = (pp_c32){s * p.re, s * p.im};
        }
}

static double rms_width(const pp_c32 *p, int64_t n)
{
    double sum = 0, weight = 0;
    for (int64_t k = 0; k < n * n; k++) {
        const double w = (double)p[k].re * (double)p[k].re + (double)p[k].im * (double)p[k].im;
        const int64_t iy = k / n - n / 2, ix = k % n - n / 2;
        const double y = (double)iy, x = (double)ix;
        sum += w * (y * y + x * x) / 2, weight += w;
    }
    return weight > 0 && sum > 0 ? sqrt(sum / weight) : 1;
}

void pp_probe_start(pp_c32 *probe, int64_t modes, const pp_c32 *from, int64_t given, int64_t n)
{
    const int64_t n2 = n * n, taken = given < modes ? given : modes;
    memcpy(probe, from, (size_t)(taken * n2) * sizeof *probe);
    const double width = rms_width(from, n);
    double power = 0;
    for (int64_t m = taken; m < modes; m++) {
        int64_t degree[2];
        degrees(m - taken, degree);
        product(probe + m * n2, from, n, degree, width);
        const double own = pp_probe_power(probe + m * n2, n, 1);
        if (m == taken) power = own;
        if (degree[0] + degree[1] > 1 && own > 0) scale(probe + m * n2, n2, sqrt(power / own));
    }
}

void pp_probe_center(const pp_c32 *probe, int64_t n, int64_t modes, double center[2])
{
    double weight = 0, y = 0, x = 0;
    for (int64_t k = 0; k < modes * n * n; k++) {
        const double w =
            (double)probe[k].re * (double)probe[k].re + (double)probe[k].im * (double)probe[k].im;
        const int64_t iy = k / n % n, ix = k % n;
        weight += w, y += w * (double)iy, x += w * (double)ix;
    }
    const int64_t half = n / 2;
    center[0] = weight > 0 ? y / weight : (double)half;
    center[1] = weight > 0 ? x / weight : (double)half;
}

static cplx ramp(int64_t k, int64_t n, double shift)
{
    return cexp(-6.283185307179586 * I * pp_frequency(k, n) * shift);
}

static void move(pp_c32 *probe, int64_t n, int64_t modes, const double shift[2], pp_c32 *room,
                 const pp_fft *there, const pp_fft *back)
{
    for (int64_t m = 0; m < modes; m++) {
        memcpy(room, probe + m * n * n, (size_t)(n * n) * sizeof *room);
        pp_fft_run(there, room);
        for (int64_t y = 0; y < n; y++)
            for (int64_t x = 0; x < n; x++) {
                pp_c32 *a = &room[y * n + x];
                const cplx v = ((double)a->re + I * (double)a->im) * ramp(y, n, shift[0]) *
                               ramp(x, n, shift[1]) / (double)(n * n);
                *a = (pp_c32){(float)creal(v), (float)cimag(v)};
            }
        pp_fft_run(back, room);
        memcpy(probe + m * n * n, room, (size_t)(n * n) * sizeof *room);
    }
}

pp_status pp_probe_move(pp_c32 *probe, int64_t n, int64_t modes, const double shift[2])
{
    pp_status status = PP_OK;
    const int64_t shape[2] = {n, n};
    pp_fft *there = NULL, *back = NULL;
    pp_c32 *room = NULL;
    PP_TRY_TO(done, pp_fft_create(2, shape, 1, -1, &there));
    PP_TRY_TO(done, pp_fft_create(2, shape, 1, 1, &back));
    PP_TRY_TO(done, pp_fft_buffer(n * n, &room));
    move(probe, n, modes, shift, room, there, back);
done:
    pp_free(room);
    pp_fft_free(&there);
    pp_fft_free(&back);
    return status;
}

static cplx inner(const pp_c32 *a, const pp_c32 *b, int64_t count)
{
    cplx sum = 0;
    for (int64_t k = 0; k < count; k++)
        sum += ((double)a[k].re - I * (double)a[k].im) * ((double)b[k].re + I * (double)b[k].im);
    return sum;
}

/* Mixes modes k and l: p_k = c p_k + conj(s) p_l, p_l = -s p_k + c p_l, with c real. */
static void rotate(pp_c32 *a, pp_c32 *b, int64_t count, double c, cplx s)
{
    for (int64_t k = 0; k < count; k++) {
        const cplx u = (double)a[k].re + I * (double)a[k].im,
                   v = (double)b[k].re + I * (double)b[k].im, x = c * u + conj(s) * v,
                   y = c * v - s * u;
        a[k] = (pp_c32){(float)creal(x), (float)cimag(x)};
        b[k] = (pp_c32){(float)creal(y), (float)cimag(y)};
    }
}

/* Modes in several arrays that are turned alike; the first one decides. */
typedef struct modes_of {
    pp_c32 *probe, *const *others;
    int count;
    int64_t n2, modes;
} modes_of;

/* One Jacobi rotation that makes two modes orthogonal; returns |<a, b>| / (|a| |b|) before. */
static double separate(const modes_of *p, int64_t k, int64_t l)
{
    pp_c32 *a = p->probe + k * p->n2, *b = p->probe + l * p->n2;
    const double aa = creal(inner(a, a, p->n2)), bb = creal(inner(b, b, p->n2));
    const cplx ab = inner(a, b, p->n2);
    const double size = cabs(ab);
    if (size <= 1e-7 * sqrt(aa * bb)) return 0;
    const double t = 0.5 * atan2(2 * size, aa - bb), c = cos(t);
    const cplx s = sin(t) * ab / size;
    rotate(a, b, p->n2, c, s);
    for (int i = 0; i < p->count; i++)
        rotate(p->others[i] + k * p->n2, p->others[i] + l * p->n2, p->n2, c, s);
    return size / sqrt(aa * bb);
}

static void exchange(pp_c32 *a, pp_c32 *b, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        const pp_c32 t = a[i];
        a[i] = b[i], b[i] = t;
    }
}

static void sort_by_power(const modes_of *p)
{
    for (int64_t m = 1; m < p->modes; m++)
        for (int64_t k = m; k > 0; k--) {
            pp_c32 *a = p->probe + (k - 1) * p->n2, *b = p->probe + k * p->n2;
            if (creal(inner(a, a, p->n2)) >= creal(inner(b, b, p->n2))) break;
            exchange(a, b, p->n2);
            for (int i = 0; i < p->count; i++)
                exchange(p->others[i] + (k - 1) * p->n2, p->others[i] + k * p->n2, p->n2);
        }
}

void pp_probe_orthogonalise_with(pp_c32 *probe, int64_t n, int64_t modes, pp_c32 *const *others,
                                 int count)
{
    enum { SWEEPS = 30 };
    const modes_of p = {probe, others, count, n * n, modes};
    double worst = 1;
    for (int i = 0; i < SWEEPS && worst > 1e-6; i++) {
        worst = 0;
        for (int64_t k = 0; k < modes; k++)
            for (int64_t l = k + 1; l < modes; l++) worst = fmax(worst, separate(&p, k, l));
    }
    sort_by_power(&p);
}

void pp_probe_orthogonalise(pp_c32 *probe, int64_t n, int64_t modes)
{
    pp_probe_orthogonalise_with(probe, n, modes, NULL, 0);
}
