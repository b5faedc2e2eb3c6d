/* SPDX-License-Identifier: BSD-3-Clause */
#include "solvers/blend.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "models/window.h"

enum { UNKNOWNS = 5, ROUNDS = 8 };

typedef struct overlap {
    const pp_c32 *moved, *reference;
    const float *a, *b; /* weights */
    const int64_t *size;
} overlap;

/* Sums of one Gauss-Newton step: normal matrix, right side, squares. */
typedef struct sums {
    double n[UNKNOWNS][UNKNOWNS], r[UNKNOWNS], difference, reference;
} sums;

static double weight_at(const overlap *o, int64_t k)
{
    const double a = (double)o->a[k], b = (double)o->b[k];
    return a > 0 && b > 0 ? a * b / (a + b) : 0;
}

/* Derivatives of the tile's value t at (y, x): i t, i y t, i x t, - dt/dy, - dt/dx; y and x from the middle. */
static void derivatives(const overlap *o, int64_t y, int64_t x, double d[UNKNOWNS][2])
{
    const int64_t width = o->size[1], k = y * width + x;
    const pp_c32 *t = o->moved + k;
    const double v = (double)y - (double)o->size[0] / 2, u = (double)x - (double)width / 2;
    d[0][0] = -(double)t->im, d[0][1] = (double)t->re;
    for (int c = 0; c < 2; c++) {
        d[1][c] = v * d[0][c];
        d[2][c] = u * d[0][c];
    }
    d[3][0] = -0.5 * (double)(t[width].re - t[-width].re);
    d[3][1] = -0.5 * (double)(t[width].im - t[-width].im);
    d[4][0] = -0.5 * (double)(t[1].re - t[-1].re);
    d[4][1] = -0.5 * (double)(t[1].im - t[-1].im);
}

static void add_pixel(const overlap *o, int64_t y, int64_t x, sums *s)
{
    const int64_t k = y * o->size[1] + x;
    const double w = weight_at(o, k), re = (double)(o->reference[k].re - o->moved[k].re),
                 im = (double)(o->reference[k].im - o->moved[k].im);
    double d[UNKNOWNS][2];
    if (!(w > 0)) return;
    derivatives(o, y, x, d);
    for (int i = 0; i < UNKNOWNS; i++) {
        s->r[i] += w * (d[i][0] * re + d[i][1] * im);
        for (int j = 0; j < UNKNOWNS; j++)
            s->n[i][j] += w * (d[i][0] * d[j][0] + d[i][1] * d[j][1]);
    }
    s->difference += w * (re * re + im * im);
    s->reference += w * (double)(o->reference[k].re * o->reference[k].re +
                                 o->reference[k].im * o->reference[k].im);
}

static void add_all(const overlap *o, sums *s)
{
    memset(s, 0, sizeof *s);
    for (int64_t y = 1; y + 1 < o->size[0]; y++)
        for (int64_t x = 1; x + 1 < o->size[1]; x++) add_pixel(o, y, x, s);
}

/* Elimination with a small ridge, so that what the data does not tell (the shift of air) stays 0. */
static void solve(sums *s, double x[UNKNOWNS])
{
    for (int i = 0; i < UNKNOWNS; i++) s->n[i][i] += 1e-6 * s->n[i][i] + 1e-9 * s->reference;
    for (int i = 0; i < UNKNOWNS; i++)
        for (int k = i + 1; k < UNKNOWNS; k++) {
            const double f = s->n[i][i] > 0 ? s->n[k][i] / s->n[i][i] : 0;
            for (int j = i; j < UNKNOWNS; j++) s->n[k][j] -= f * s->n[i][j];
            s->r[k] -= f * s->r[i];
        }
    for (int i = UNKNOWNS - 1; i >= 0; i--) {
        double sum = s->r[i];
        for (int j = i + 1; j < UNKNOWNS; j++) sum -= s->n[i][j] * x[j];
        x[i] = s->n[i][i] > 0 ? sum / s->n[i][i] : 0;
    }
}

/* The constant phase alone, from any distance. */
static void turn(const overlap *o, pp_blend_match *m)
{
    double re = 0, im = 0;
    for (int64_t k = 0; k < o->size[0] * o->size[1]; k++) {
        const pp_c32 t = o->moved[k], r = o->reference[k];
        const double w = weight_at(o, k);
        re += w * (double)(t.re * r.re + t.im * r.im);
        im += w * (double)(t.re * r.im - t.im * r.re);
    }
    m->phase += re != 0 || im != 0 ? atan2(im, re) : 0;
}

static double limited(double shift)
{
    return fmax(-2, fmin(2, shift));
}

pp_status pp_blend_apply(pp_c32 *tile, const int64_t size[2], const pp_blend_match *m, int threads)
{
    for (int64_t k = 0; k < size[0] * size[1]; k++) {
        const double y = (double)(k / size[1]) - (double)size[0] / 2,
                     x = (double)(k % size[1]) - (double)size[1] / 2,
                     phase = m->phase + m->ramp[0] * y + m->ramp[1] * x;
        const float c = (float)cos(phase), s = (float)sin(phase);
        const pp_c32 t = tile[k];
        tile[k] = (pp_c32){t.re * c - t.im * s, t.re * s + t.im * c};
    }
    /* after the phase: the interpolation takes what lies outside for 1 */
    if (m->shift[0] == 0 && m->shift[1] == 0) return PP_OK;
    return pp_object_move(tile, size, m->shift, threads);
}

static pp_status correct(const pp_c32 *tile, pp_c32 *moved, const int64_t size[2],
                         const pp_blend_match *m, int threads)
{
    memcpy(moved, tile, (size_t)(size[0] * size[1]) * sizeof *moved);
    return pp_blend_apply(moved, size, m, threads);
}

pp_status pp_blend_find(const pp_c32 *tile, const float *tile_weight, const pp_c32 *reference,
                        const float *reference_weight, const int64_t size[2], int threads,
                        pp_blend_match *out)
{
    pp_blend_match m = {0};
    pp_c32 *moved;
    sums s;
    pp_status status = PP_OK;
    PP_TRY(PP_ALLOC(size[0] * size[1] + 1, &moved));
    const overlap o = {moved, reference, tile_weight, reference_weight, size};
    PP_TRY_TO(done, correct(tile, moved, size, &m, threads));
    turn(&o, &m);
    for (int round = 0; round < ROUNDS; round++) {
        double x[UNKNOWNS] = {0};
        PP_TRY_TO(done, correct(tile, moved, size, &m, threads));
        add_all(&o, &s);
        solve(&s, x);
        m.phase += x[0];
        for (int a = 0; a < 2; a++) {
            m.ramp[a] += x[1 + a];
            m.shift[a] = limited(m.shift[a] + x[3 + a]);
        }
    }
    PP_TRY_TO(done, correct(tile, moved, size, &m, threads));
    add_all(&o, &s);
    m.mismatch = s.reference > 0 ? sqrt(s.difference / s.reference) : 0;
    *out = m;
done:
    pp_free(moved);
    return status;
}
