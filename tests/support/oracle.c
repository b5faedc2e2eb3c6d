/* SPDX-License-Identifier: BSD-3-Clause */
#include "support/oracle.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef double complex cplx;

static const double two_pi = 6.283185307179586476925;

static cplx *make(int64_t count)
{
    return calloc((size_t)count, sizeof(cplx));
}

static cplx phase(double turns)
{
    return cos(two_pi * turns) + I * sin(two_pi * turns);
}

/* One axis of a unitary transform, element by element: sign -1 forward. */
static void axis(cplx *a, int64_t n, int64_t stride, double sign, cplx *line)
{
    for (int64_t k = 0; k < n; k++) {
        line[k] = 0;
        for (int64_t x = 0; x < n; x++)
            line[k] += a[x * stride] * phase(sign * (double)(k * x % n) / (double)n);
    }
    for (int64_t k = 0; k < n; k++) a[k * stride] = line[k] / sqrt((double)n);
}

static void fourier(cplx *a, int64_t n, double sign)
{
    cplx *line = make(n);
    for (int64_t y = 0; y < n; y++) axis(a + y * n, n, 1, sign, line);
    for (int64_t x = 0; x < n; x++) axis(a + x, n, n, sign, line);
    free(line);
}

static double frequency(int64_t k, int64_t n)
{
    return (double)(k < (n + 1) / 2 ? k : k - n) / (double)n;
}

/* Moves a probe by sign * f pixels; sign = -1 is the adjoint. */
static void shift(cplx *a, int64_t n, const double f[2], double sign)
{
    if (f[0] == 0 && f[1] == 0) return;
    fourier(a, n, -1);
    for (int64_t y = 0; y < n; y++)
        for (int64_t x = 0; x < n; x++)
            a[y * n + x] *= phase(-sign * (frequency(y, n) * f[0] + frequency(x, n) * f[1]));
    fourier(a, n, 1);
}

typedef struct place {
    int64_t y, x;
    double f[2];
} place;

static place place_of(const oracle *o, int64_t j)
{
    const double *r = o->positions + 2 * j;
    place p = {(int64_t)rint(r[0]), (int64_t)rint(r[1]), {0, 0}};
    if (o->bilinear) p.y = (int64_t)floor(r[0]), p.x = (int64_t)floor(r[1]);
    if (o->fourier || o->bilinear) p.f[0] = r[0] - (double)p.y, p.f[1] = r[1] - (double)p.x;
    return p;
}

static void moved(const oracle *o, cplx *out, const cplx *probe, const place *p)
{
    memcpy(out, probe, (size_t)(o->n * o->n) * sizeof *out);
    if (o->fourier) shift(out, o->n, p->f, 1);
}

/* Four pixels of the object, and their weights, that pixel k of a window is made of. */
static int64_t corner(const oracle *o, const place *p, int64_t k, int which, double *weight)
{
    const int64_t y = p->y + k / o->n + which / 2, x = p->x + k % o->n + which % 2;
    const double wy = which / 2 ? p->f[0] : 1 - p->f[0], wx = which % 2 ? p->f[1] : 1 - p->f[1];
    *weight = o->bilinear ? wy * wx : which == 0;
    return *weight > 0 ? y * o->object[1] + x : 0;
}

static cplx sampled(const oracle *o, const place *p, const cplx *object, int64_t k)
{
    cplx sum = 0;
    for (int c = 0; c < 4; c++) {
        double weight;
        const int64_t at = corner(o, p, k, c, &weight);
        sum += weight * object[at];
    }
    return sum;
}

void oracle_forward(const oracle *o, cplx *far, const cplx *object, const cplx *probe)
{
    const int64_t n = o->n, n2 = n * n;
    for (int64_t j = 0; j < o->patterns; j++) {
        const place p = place_of(o, j);
        for (int64_t m = 0; m < o->modes; m++) {
            cplx *a = far + (j * o->modes + m) * n2;
            moved(o, a, probe + m * n2, &p);
            for (int64_t k = 0; k < n2; k++) a[k] *= sampled(o, &p, object, k);
            fourier(a, n, -1);
        }
    }
}

static double intensity(const oracle *o, const cplx *far, int64_t j, int64_t k)
{
    double sum = 0;
    for (int64_t m = 0; m < o->modes; m++) {
        const cplx a = far[(j * o->modes + m) * o->n * o->n + k];
        sum += creal(a) * creal(a) + cimag(a) * cimag(a);
    }
    return sum + (o->background ? o->background[k] : 0);
}

static double summed(const oracle *o, const cplx *far, bool poisson)
{
    const int64_t n2 = o->n * o->n;
    double cost = 0;
    for (int64_t j = 0; j < o->patterns; j++)
        for (int64_t k = 0; k < n2; k++) {
            if (o->mask[j * n2 + k] == 0) continue;
            const double i = intensity(o, far, j, k), d = o->data[j * n2 + k];
            cost += poisson ? i - d * log(i + 1e-32) : (sqrt(i) - sqrt(d)) * (sqrt(i) - sqrt(d));
        }
    return cost;
}

double oracle_cost(const oracle *o, const cplx *far)
{
    return summed(o, far, o->poisson);
}

double oracle_misfit(const oracle *o, const cplx *far)
{
    return summed(o, far, false);
}

/* far becomes the residual of pattern j. */
static void residual(const oracle *o, cplx *far, int64_t j)
{
    const int64_t n2 = o->n * o->n;
    double largest = 0;
    for (int64_t k = 0; k < n2; k++) largest = fmax(largest, intensity(o, far, j, k));
    for (int64_t k = 0; k < n2; k++) {
        const double i = intensity(o, far, j, k), d = o->data[j * n2 + k],
                     ratio = o->poisson ? d / (i + 1e-32) : sqrt(d / (i + 1e-32));
        const bool counts = o->mask[j * n2 + k] != 0 && i >= 1e-12 * largest && i > 0;
        for (int64_t m = 0; m < o->modes; m++)
            far[(j * o->modes + m) * n2 + k] *= counts ? 1 - ratio : 0;
    }
}

double oracle_gradients(const oracle *o, cplx *object_gradient, cplx *probe_gradient,
                        const cplx *object, const cplx *probe)
{
    const int64_t n = o->n, n2 = n * n, pixels = o->object[0] * o->object[1];
    cplx *far = make(o->patterns * o->modes * n2), *p = make(n2);
    memset(object_gradient, 0, (size_t)pixels * sizeof *p);
    memset(probe_gradient, 0, (size_t)(o->modes * n2) * sizeof *p);
    oracle_forward(o, far, object, probe);
    const double cost = oracle_cost(o, far);
    for (int64_t j = 0; j < o->patterns; j++) {
        const place at = place_of(o, j);
        residual(o, far, j);
        for (int64_t m = 0; m < o->modes; m++) {
            cplx *a = far + (j * o->modes + m) * n2;
            fourier(a, n, 1);
            moved(o, p, probe + m * n2, &at);
            for (int64_t k = 0; k < n2; k++) {
                for (int c = 0; c < 4; c++) {
                    double weight;
                    const int64_t q = corner(o, &at, k, c, &weight);
                    object_gradient[q] += weight * conj(p[k]) * a[k];
                }
                a[k] *= conj(sampled(o, &at, object, k));
            }
            if (o->fourier) shift(a, n, at.f, -1);
            for (int64_t k = 0; k < n2; k++) probe_gradient[m * n2 + k] += a[k];
        }
    }
    free(far);
    free(p);
    return cost;
}

static cplx dot(const cplx *a, const cplx *b, int64_t count)
{
    cplx sum = 0;
    for (int64_t k = 0; k < count; k++) sum += conj(a[k]) * b[k];
    return sum;
}

static double probe_power(const oracle *o, const cplx *probe)
{
    double largest = 0;
    for (int64_t k = 0; k < o->n * o->n; k++) {
        double sum = 0;
        for (int64_t m = 0; m < o->modes; m++)
            sum += creal(conj(probe[m * o->n * o->n + k]) * probe[m * o->n * o->n + k]);
        largest = fmax(largest, sum);
    }
    return largest;
}

/* Largest step of 1, 1/2, 1/4, ... that does not raise the cost; far is changed to the far field there. */
static double halve(const oracle *o, cplx *far, const cplx *dfar, double cost)
{
    const int64_t count = o->patterns * o->modes * o->n * o->n;
    cplx *trial = make(count);
    double step = 2;
    do {
        step *= 0.5;
        if (step < 1e-16) step = 0;
        for (int64_t k = 0; k < count; k++) trial[k] = far[k] + step * dfar[k];
    } while (step > 0 && oracle_cost(o, trial) > cost);
    free(trial);
    return step;
}

void oracle_cg(const oracle *o, cplx *object, const cplx *probe, int iterations, double *costs,
               double *steps)
{
    const int64_t pixels = o->object[0] * o->object[1], n2 = o->n * o->n,
                  fars = o->patterns * o->modes * n2;
    cplx *g = make(pixels), *old = make(pixels), *eta = make(pixels), *gp = make(o->modes * n2),
         *far = make(fars), *dfar = make(fars);
    const double scale = probe_power(o, probe);
    for (int i = 0; i <= iterations; i++) {
        costs[i] = oracle_gradients(o, g, gp, object, probe);
        if (i == iterations) break;
        for (int64_t k = 0; k < pixels; k++) g[k] /= scale;
        cplx beta = 0;
        if (i > 0) {
            for (int64_t k = 0; k < pixels; k++) old[k] = g[k] - old[k];
            beta = dot(g, g, pixels) / dot(eta, old, pixels);
        }
        for (int64_t k = 0; k < pixels; k++) eta[k] = -g[k] + beta * eta[k];
        oracle_forward(o, far, object, probe);
        oracle_forward(o, dfar, eta, probe);
        steps[i] = halve(o, far, dfar, costs[i]);
        for (int64_t k = 0; k < pixels; k++) object[k] += steps[i] * eta[k];
        memcpy(old, g, (size_t)pixels * sizeof *g);
    }
    free(g), free(old), free(eta), free(gp), free(far), free(dfar);
}
