/* SPDX-License-Identifier: BSD-3-Clause */
#include "solvers/halves.h"

#include <math.h>
#include <string.h>

#include "backend/fft.h"
#include "base/alloc.h"
#include "models/tiles.h"
#include "solvers/blend.h"
#include "solvers/view_cut.h"

/* ---- half of the frames ---- */

/* Every second row of what the frames come with, from row `first`. */
static pp_status halve(const pp_array *whole, int64_t first, pp_array **out)
{
    int64_t shape[PP_MAX_DIM] = {1};
    for (int d = 0; d < pp_array_ndim(whole); d++) shape[d] = pp_array_size(whole, d);
    const size_t row = pp_array_bytes(whole) / (size_t)shape[0];
    shape[0] = (shape[0] - first + 1) / 2;
    PP_TRY(pp_array_create(pp_array_dtype(whole), pp_array_ndim(whole), shape, pp_array_unit(whole),
                           out));
    const char *from = pp_array_read(whole);
    char *to = pp_array_data(*out);
    for (int64_t j = 0; j < shape[0]; j++)
        memcpy(to + (size_t)j * row, from + (size_t)(2 * j + first) * row, row);
    return PP_OK;
}

pp_status pp_view_solve_half(const pp_view_input *in, const pp_view_options *options, int64_t first,
                             pp_view_output *out)
{
    const int64_t devices = in->tiles ? pp_array_size(in->tiles, 0) : 1;
    pp_view_input half = *in;
    pp_array *frames = NULL, *positions = NULL, *tiles = NULL, *tile_of = NULL;
    pp_status status = PP_OK;
    PP_TRY_TO(done, halve(in->frames, first, &frames));
    PP_TRY_TO(done, halve(in->positions, first, &positions));
    if (devices > 1)
        PP_TRY_TO(done,
                  pp_view_cut(positions, pp_array_size(frames, 1), (int)devices, &tiles, &tile_of));
    half.frames = frames, half.positions = positions, half.tiles = tiles, half.tile_of = tile_of;
    status = pp_view_solve(&half, options, out);
done:
    pp_array_free(&frames), pp_array_free(&positions);
    pp_array_free(&tiles), pp_array_free(&tile_of);
    return status;
}

/* ---- correlation ---- */

/* Two objects cut to the rectangle of grid points that both have lit. */
typedef struct pair {
    int64_t size[2];
    pp_c32 *object[2];
    float *light[2];
} pair;

/* Grid points whose light is at least 30 % of the most: a box that holds them. */
static pp_box lit_box(const pp_view_output *v)
{
    const float *light = pp_array_read(v->illumination);
    const int64_t *origin = pp_array_read(v->origin), ny = pp_array_size(v->object, 0),
                  nx = pp_array_size(v->object, 1);
    pp_box box = {{ny, nx}, {0, 0}};
    float most = 0;
    for (int64_t i = 0; i < ny * nx; i++) most = fmaxf(most, light[i]);
    for (int64_t i = 0; i < ny * nx; i++) {
        const int64_t at[2] = {i / nx, i % nx};
        for (int a = 0; a < 2 && light[i] >= 0.3f * most; a++) {
            box.from[a] = at[a] < box.from[a] ? at[a] : box.from[a];
            box.to[a] = at[a] >= box.to[a] ? at[a] + 1 : box.to[a];
        }
    }
    for (int a = 0; a < 2; a++) box.from[a] -= origin[a], box.to[a] -= origin[a];
    return box;
}

static pp_status cut_out(const pp_view_output *v, const pp_box *box, pair *p, int which)
{
    const int64_t *origin = pp_array_read(v->origin), nx = pp_array_size(v->object, 1);
    const pp_c32 *object = pp_array_read(v->object);
    const float *light = pp_array_read(v->illumination);
    PP_TRY(PP_ALLOC(p->size[0] * p->size[1], &p->object[which]));
    PP_TRY(PP_ALLOC(p->size[0] * p->size[1], &p->light[which]));
    for (int64_t y = 0; y < p->size[0]; y++) {
        const int64_t from = (box->from[0] + y + origin[0]) * nx + box->from[1] + origin[1],
                      to = y * p->size[1];
        memcpy(p->object[which] + to, object + from, (size_t)p->size[1] * sizeof *object);
        memcpy(p->light[which] + to, light + from, (size_t)p->size[1] * sizeof *light);
    }
    return PP_OK;
}

static double hann(int64_t k, int64_t n)
{
    return 0.5 - 0.5 * cos(6.283185307179586 * (double)k / (double)(n - 1));
}

/* The middle n x n pixels about their mean, windowed, transformed. */
static void transform(const pair *p, int which, int64_t n, const pp_fft *fft, pp_c32 *out)
{
    const int64_t y0 = (p->size[0] - n) / 2, x0 = (p->size[1] - n) / 2;
    double mean[2] = {0, 0};
    for (int64_t i = 0; i < n * n; i++) {
        out[i] = p->object[which][(y0 + i / n) * p->size[1] + x0 + i % n];
        mean[0] += (double)out[i].re, mean[1] += (double)out[i].im;
    }
    for (int64_t i = 0; i < n * n; i++) {
        const double w = hann(i / n, n) * hann(i % n, n);
        out[i].re = (float)(w * ((double)out[i].re - mean[0] / (double)(n * n)));
        out[i].im = (float)(w * ((double)out[i].im - mean[1] / (double)(n * n)));
    }
    pp_fft_run(fft, out);
}

static double signed_index(int64_t k, int64_t n)
{
    return (double)(2 * k < n ? k : k - n);
}

enum { CROSS, POWER_A, POWER_B, COUNT, SUMS };

static void add_rings(const pp_c32 *a, const pp_c32 *b, int64_t n, double *sums)
{
    for (int64_t i = 0; i < n * n; i++) {
        const int64_t ring = llround(hypot(signed_index(i / n, n), signed_index(i % n, n)));
        double *sum = sums + ring * SUMS;
        if (ring >= n / 2) continue;
        sum[CROSS] += (double)a[i].re * (double)b[i].re + (double)a[i].im * (double)b[i].im;
        sum[POWER_A] += (double)a[i].re * (double)a[i].re + (double)a[i].im * (double)a[i].im;
        sum[POWER_B] += (double)b[i].re * (double)b[i].re + (double)b[i].im * (double)b[i].im;
        sum[COUNT] += 1;
    }
}

static void fill_curve(const double *sums, int64_t n, double *curve)
{
    for (int64_t k = 0; k < n / 2; k++) {
        const double *sum = sums + k * SUMS, root = sqrt(sum[COUNT]),
                     norm = sqrt(sum[POWER_A] * sum[POWER_B]);
        double *row = curve + k * PP_RING_COLUMNS;
        row[PP_RING_FREQUENCY] = (double)k / (double)n;
        row[PP_RING_VALUE] = norm > 0 ? sum[CROSS] / norm : 0;
        row[PP_RING_THRESHOLD] = (0.2071 * root + 1.9102) / (1.2071 * root + 0.9102);
    }
}

static pp_status correlate(const pair *p, int64_t n, pp_array **curve)
{
    pp_fft *fft = NULL;
    pp_c32 *a = NULL, *b = NULL;
    double *sums = NULL;
    pp_status status = PP_OK;
    PP_TRY_TO(done, pp_fft_create(2, (const int64_t[]){n, n}, 1, -1, &fft));
    PP_TRY_TO(done, pp_fft_buffer(n * n, &a));
    PP_TRY_TO(done, pp_fft_buffer(n * n, &b));
    PP_TRY_TO(done, PP_ALLOC(n / 2 * SUMS, &sums));
    PP_TRY_TO(done,
              pp_array_create(PP_F64, 2, (const int64_t[]){n / 2, PP_RING_COLUMNS}, "1", curve));
    transform(p, 0, n, fft, a), transform(p, 1, n, fft, b);
    add_rings(a, b, n, sums);
    fill_curve(sums, n, pp_array_data(*curve));
done:
    pp_fft_free(&fft);
    pp_free(a), pp_free(b), pp_free(sums);
    return status;
}

pp_status pp_ring_correlation(const pp_view_output *even, const pp_view_output *odd, int threads,
                              pp_array **curve)
{
    const pp_box a = lit_box(even), b = lit_box(odd), box = pp_box_common(&a, &b);
    pair p = {.size = {box.to[0] - box.from[0], box.to[1] - box.from[1]}};
    const int64_t side = p.size[0] < p.size[1] ? p.size[0] : p.size[1];
    pp_blend_match match;
    pp_status status = PP_OK;
    if (pp_box_area(&box) == 0 || side < 8)
        return PP_FAIL(PP_ERR_DATA,
                       "half the frames light %lld x %lld pixels together: too few for a Fourier "
                       "ring correlation",
                       (long long)p.size[0], (long long)p.size[1]);
    PP_TRY_TO(done, cut_out(even, &box, &p, 0));
    PP_TRY_TO(done, cut_out(odd, &box, &p, 1));
    PP_TRY_TO(done, pp_blend_find(p.object[1], p.light[1], p.object[0], p.light[0], p.size, threads,
                                  &match));
    PP_TRY_TO(done, pp_blend_apply(p.object[1], p.size, &match, threads));
    status = correlate(&p, side / 2 * 2, curve);
done:
    for (int k = 0; k < 2; k++) pp_free(p.object[k]), pp_free(p.light[k]);
    return status;
}

double pp_ring_crossing(const pp_array *curve)
{
    const double *rows = pp_array_read(curve);
    for (int64_t k = 3; k < pp_array_size(curve, 0); k++) {
        const double *row = rows + k * PP_RING_COLUMNS, *last = row - PP_RING_COLUMNS;
        const double above = last[PP_RING_VALUE] - last[PP_RING_THRESHOLD],
                     below = row[PP_RING_VALUE] - row[PP_RING_THRESHOLD];
        if (below >= 0) continue;
        const double part = above > 0 ? above / (above - below) : 0;
        return last[PP_RING_FREQUENCY] + part * (row[PP_RING_FREQUENCY] - last[PP_RING_FREQUENCY]);
    }
    return 0.5;
}
