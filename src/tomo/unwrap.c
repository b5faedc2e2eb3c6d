/* Phase unwrapping by least squares.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "tomo/unwrap.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "backend/fft.h"
#include "base/alloc.h"

static const double pi = 3.14159265358979323846;

enum { passes_most = 10, weighted_passes = 3, cg_iterations = 60 };

struct pp_unwrap {
    int64_t ny, nx;
    pp_dct *forward, *backward;
    float *
        inverse; /* [ny][nx] of the discrete Laplacian in cosine space, with the transforms' scale */
};

/* Work of one call. */
typedef struct work {
    float *wrapped, *left, *rho, *weight, *z, *p, *q;
    uint8_t *near_residue;
} work;

static void set_inverse(const pp_unwrap *u)
{
    for (int64_t y = 0; y < u->ny; y++)
        for (int64_t x = 0; x < u->nx; x++) {
            const double eigen = 2 * cos(pi * (double)y / (double)u->ny) +
                                 2 * cos(pi * (double)x / (double)u->nx) - 4;
            u->inverse[y * u->nx + x] =
                y + x == 0 ? 0 : (float)(1 / (eigen * 4 * (double)(u->ny * u->nx)));
        }
}

pp_status pp_unwrap_create(int64_t ny, int64_t nx, pp_unwrap **out)
{
    pp_unwrap *u;
    PP_TRY(PP_ALLOC(1, &u));
    u->ny = ny;
    u->nx = nx;
    /* Estimated plans: the same on every rank. */
    const pp_fft_effort before = pp_fft_set_effort(PP_FFT_ESTIMATE);
    pp_status status = pp_dct_create(ny, nx, &u->forward, &u->backward);
    (void)pp_fft_set_effort(before);
    if (status == PP_OK) status = PP_ALLOC(ny * nx, &u->inverse);
    if (status != PP_OK) {
        pp_unwrap_free(&u);
        return status;
    }
    set_inverse(u);
    *out = u;
    return PP_OK;
}

void pp_unwrap_free(pp_unwrap **unwrap)
{
    if (!*unwrap) return;
    if ((*unwrap)->forward) pp_dct_free(&(*unwrap)->forward);
    if ((*unwrap)->backward) pp_dct_free(&(*unwrap)->backward);
    pp_free((*unwrap)->inverse);
    pp_free(*unwrap);
    *unwrap = NULL;
}

static float wrap(float a)
{
    const double turn = 2 * pi;
    return (float)((double)a - turn * round((double)a / turn));
}

int64_t pp_count_residues(int64_t ny, int64_t nx, const float *wrapped, uint8_t *at)
{
    int64_t count = 0;
    if (at) memset(at, 0, (size_t)(ny * nx));
    for (int64_t y = 0; y + 1 < ny; y++)
        for (int64_t x = 0; x + 1 < nx; x++) {
            const float *a = wrapped + y * nx + x;
            const float loop = wrap(a[1] - a[0]) + wrap(a[nx + 1] - a[1]) +
                               wrap(a[nx] - a[nx + 1]) + wrap(a[0] - a[nx]);
            if (fabsf(loop) < 1) continue;
            count++;
            if (at) {
                uint8_t *b = at + y * nx + x;
                b[0] = b[1] = b[nx] = b[nx + 1] = 1;
            }
        }
    return count;
}

/* Solves Laplacian z = rho with free borders; the mean of z is 0. */
static void poisson(const pp_unwrap *u, const float *rho, float *z)
{
    const int64_t pixels = u->ny * u->nx;
    memcpy(z, rho, (size_t)pixels * sizeof *z);
    pp_dct_run(u->forward, z);
    for (int64_t i = 0; i < pixels; i++) z[i] *= u->inverse[i];
    pp_dct_run(u->backward, z);
}

static float pair_weight(const float *weight, int64_t i, int64_t j)
{
    if (!weight) return 1;
    const float w = fminf(weight[i], weight[j]);
    return w * w;
}

/* out = divergence of weight^2 times the (wrapped, where `wrapping`) gradient of a. */
static void divergence(const pp_unwrap *u, const float *a, const float *weight, bool wrapping,
                       float *out)
{
    const int64_t nx = u->nx;
    memset(out, 0, (size_t)(u->ny * nx) * sizeof *out);
    for (int64_t y = 0; y < u->ny; y++)
        for (int64_t x = 0; x < nx; x++) {
            const int64_t i = y * nx + x, next[2] = {i + 1, i + nx};
            for (int k = 0; k < 2; k++) {
                if (k == 0 ? x + 1 >= nx : y + 1 >= u->ny) continue;
                const float d = a[next[k]] - a[i];
                const float flow = pair_weight(weight, i, next[k]) * (wrapping ? wrap(d) : d);
                out[i] += flow;
                out[next[k]] -= flow;
            }
        }
}

static double dot(int64_t count, const float *a, const float *b)
{
    double sum = 0;
    for (int64_t i = 0; i < count; i++) sum += (double)a[i] * b[i];
    return sum;
}

/* Adds to `phase` the weighted least-squares solution for the gradients behind `w->rho`. */
static void weighted_solve(const pp_unwrap *u, work *w, float *phase)
{
    const int64_t pixels = u->ny * u->nx;
    double before = 0, start = 0;
    for (int k = 0; k < cg_iterations; k++) {
        poisson(u, w->rho, w->z);
        const double rz = dot(pixels, w->rho, w->z);
        if (k == 0) start = rz;
        if (fabs(rz) <= 1e-12 * fabs(start) || rz == 0) break;
        const float beta = k == 0 ? 0 : (float)(rz / before);
        for (int64_t i = 0; i < pixels; i++) w->p[i] = w->z[i] + beta * w->p[i];
        divergence(u, w->p, w->weight, false, w->q);
        const double pq = dot(pixels, w->p, w->q);
        if (pq == 0) break;
        const float step = (float)(rz / pq);
        for (int64_t i = 0; i < pixels; i++) {
            phase[i] += step * w->p[i];
            w->rho[i] -= step * w->q[i];
        }
        before = rz;
    }
}

/* left = what the phase still lacks, wrapped; returns its largest modulus. */
static float remaining(int64_t pixels, const float *wrapped, const float *phase, float *left)
{
    float largest = 0;
    for (int64_t i = 0; i < pixels; i++) {
        left[i] = wrap(wrapped[i] - phase[i]);
        largest = fmaxf(largest, fabsf(left[i]));
    }
    return largest;
}

/* The solutions' mean is arbitrary: brings the mean phasor of what is left to angle 0. */
static void settle_mean(int64_t pixels, const float *wrapped, float *phase, float *left)
{
    double re = 0, im = 0;
    (void)remaining(pixels, wrapped, phase, left);
    for (int64_t i = 0; i < pixels; i++) {
        re += cos((double)left[i]);
        im += sin((double)left[i]);
    }
    const float mean = re == 0 && im == 0 ? 0 : (float)atan2(im, re);
    for (int64_t i = 0; i < pixels; i++) phase[i] += mean;
}

static void unweighted(const pp_unwrap *u, work *w, float *phase)
{
    const int64_t pixels = u->ny * u->nx;
    for (int pass = 0; pass < passes_most; pass++) {
        const float largest = remaining(pixels, w->wrapped, phase, w->left);
        if (pass > 0 && largest < 1) break;
        divergence(u, w->left, NULL, true, w->rho);
        poisson(u, w->rho, w->z);
        for (int64_t i = 0; i < pixels; i++) phase[i] += w->z[i];
        settle_mean(pixels, w->wrapped, phase, w->left);
    }
    (void)remaining(pixels, w->wrapped, phase, w->left);
    for (int64_t i = 0; i < pixels; i++) phase[i] += w->left[i];
}

static void weighted(const pp_unwrap *u, const float *weight, work *w, float *phase)
{
    const int64_t pixels = u->ny * u->nx;
    /* Never quite 0: the problem stays connected. */
    for (int64_t i = 0; i < pixels; i++)
        w->weight[i] = w->near_residue[i] ? 0.01F : sqrtf(fminf(1, fmaxf(weight[i], 1e-3F)));
    for (int pass = 0; pass < weighted_passes; pass++) {
        (void)remaining(pixels, w->wrapped, phase, w->left);
        divergence(u, w->left, w->weight, true, w->rho);
        weighted_solve(u, w, phase);
        settle_mean(pixels, w->wrapped, phase, w->left);
    }
    (void)remaining(pixels, w->wrapped, phase, w->left);
    for (int64_t i = 0; i < pixels; i++)
        if (fabsf(w->left[i]) < (float)(pi / 2)) phase[i] += w->left[i];
}

static pp_status work_create(int64_t pixels, work *out)
{
    float *block;
    *out = (work){0};
    PP_TRY(PP_ALLOC(7 * pixels, &block));
    /* z comes first: the cosine transforms want it aligned. */
    float **const parts[] = {&out->z,      &out->wrapped, &out->left, &out->rho,
                             &out->weight, &out->p,       &out->q};
    for (int k = 0; k < 7; k++) *parts[k] = block + k * pixels;
    const pp_status status = PP_ALLOC(pixels, &out->near_residue);
    if (status != PP_OK) pp_free(block);
    return status;
}

pp_status pp_unwrap_run(const pp_unwrap *unwrap, const pp_c32 *psi, const float *weight,
                        float *phase, int64_t *residues)
{
    const int64_t pixels = unwrap->ny * unwrap->nx;
    work w;
    PP_TRY(work_create(pixels, &w));
    for (int64_t i = 0; i < pixels; i++)
        w.wrapped[i] = psi[i].re == 0 && psi[i].im == 0 ? 0 : atan2f(psi[i].im, psi[i].re);
    memset(phase, 0, (size_t)pixels * sizeof *phase);
    *residues = pp_count_residues(unwrap->ny, unwrap->nx, w.wrapped, w.near_residue);
    if (*residues == 0) {
        unweighted(unwrap, &w, phase);
    } else {
        weighted(unwrap, weight, &w, phase);
    }
    pp_free(w.z);
    pp_free(w.near_residue);
    return PP_OK;
}

void pp_unwrap_rows(int64_t ny, int64_t nx, float *phase)
{
    for (int64_t y = 0; y < ny; y++) {
        float *row = phase + y * nx;
        double turns = 0;
        for (int64_t x = 1; x < nx; x++) {
            const double step = (double)row[x] + 2 * pi * turns - (double)row[x - 1];
            turns -= round(step / (2 * pi));
            row[x] = (float)((double)row[x] + 2 * pi * turns);
        }
        const double apart = 2 * pi * round((double)(row[nx - 1] - row[0]) / (2 * pi));
        for (int64_t x = 0; x < nx && apart != 0; x++)
            row[x] -= (float)(apart * (double)x / (double)(nx - 1));
    }
}
