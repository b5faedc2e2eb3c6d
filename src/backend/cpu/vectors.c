/* Vector kernels on the CPU. Reductions are cut into SEGMENTS pieces whatever the number of threads, each summed in
 * LANES interleaved double sums, so that their bits depend on the data only.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>
#include <string.h>

#include "backend/cpu/cpu.h"
#include "kernels/regrid.h"
#include "kernels/weight.h"

enum { SEGMENTS = 128, LANES = 8, NUMBERS = LANES / 2 };

/* LANES reals: as many complex numbers as NUMBERS. */
typedef float real_lanes __attribute__((vector_size(4 * LANES)));
typedef float half_lanes __attribute__((vector_size(2 * LANES)));
typedef double sum_lanes __attribute__((vector_size(8 * LANES)));

/* conj(x) y by lanes: `same` is real by real and imaginary by imaginary part, `cross` real by imaginary and imaginary by real. */
typedef struct products {
    sum_lanes same, cross;
} products;

static inline void add_products(products *to, const pp_c32 *x, const pp_c32 *y, const float *w)
{
    real_lanes a, b;
    memcpy(&a, x, sizeof a), memcpy(&b, y, sizeof b);
    sum_lanes left = __builtin_convertvector(a, sum_lanes);
    const sum_lanes right = __builtin_convertvector(b, sum_lanes);
    if (w) {
        half_lanes h;
        memcpy(&h, w, sizeof h);
        left *= __builtin_convertvector(__builtin_shufflevector(h, h, 0, 0, 1, 1, 2, 2, 3, 3),
                                        sum_lanes);
    }
    to->same += left * right;
    to->cross += left * __builtin_shufflevector(right, right, 1, 0, 3, 2, 5, 4, 7, 6);
}

static pp_c64 dot_part(const pp_c32 *x, const pp_c32 *y, const float *w, int64_t from, int64_t to)
{
    products sum = {{0}, {0}};
    pp_c64 out = {0, 0};
    int64_t i = from;
    if (w)
        for (; i + NUMBERS <= to; i += NUMBERS) add_products(&sum, x + i, y + i, w + i);
    else
        for (; i + NUMBERS <= to; i += NUMBERS) add_products(&sum, x + i, y + i, NULL);
    for (int l = 0; l < LANES; l += 2) {
        out.re += sum.same[l] + sum.same[l + 1];
        out.im += sum.cross[l] - sum.cross[l + 1];
    }
    for (; i < to; i++) {
        const double s = w ? (double)w[i] : 1, re = s * (double)x[i].re, im = s * (double)x[i].im;
        out.re += re * (double)y[i].re + im * (double)y[i].im;
        out.im += re * (double)y[i].im - im * (double)y[i].re;
    }
    return out;
}

static pp_c64 dot(const pp_c32 *x, const pp_c32 *y, const float *w, int64_t count, int threads)
{
    pp_c64 part[SEGMENTS], sum = {0, 0};
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int s = 0; s < SEGMENTS; s++)
        part[s] = dot_part(x, y, w, count * s / SEGMENTS, count * (s + 1) / SEGMENTS);
    for (int s = 0; s < SEGMENTS; s++) sum.re += part[s].re, sum.im += part[s].im;
    return sum;
}

static pp_c64 dot_rows(const pp_c32 *x, const pp_c32 *y, const float *w, int64_t rows,
                       int64_t columns, int64_t stride)
{
    pp_c64 sum = {0, 0};
    for (int64_t r = 0; r < rows; r++) {
        const int64_t at = r * stride;
        const pp_c64 row = dot_part(x + at, y + at, w ? w + at : NULL, 0, columns);
        sum.re += row.re, sum.im += row.im;
    }
    return sum;
}

static pp_c64 dot_box(const pp_c32 *x, const pp_c32 *y, const float *w, int64_t rows,
                      int64_t columns, int64_t stride, int threads)
{
    pp_c64 part[SEGMENTS], sum = {0, 0};
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int s = 0; s < SEGMENTS; s++) {
        const int64_t from = rows * s / SEGMENTS, to = rows * (s + 1) / SEGMENTS,
                      at = from * stride;
        part[s] = dot_rows(x + at, y + at, w ? w + at : NULL, to - from, columns, stride);
    }
    for (int s = 0; s < SEGMENTS; s++) sum.re += part[s].re, sum.im += part[s].im;
    return sum;
}

static void box(float *to, int64_t to_stride, const float *from, int64_t from_stride, int64_t rows,
                int64_t columns, bool add)
{
    for (int64_t r = 0; r < rows; r++) {
        float *t = to + r * to_stride;
        const float *f = from ? from + r * from_stride : NULL;
        for (int64_t k = 0; k < columns; k++) t[k] = (add ? t[k] : 0) + (f ? f[k] : 0);
    }
}

static void direction(pp_c32 *d, const pp_c32 *g, const float *w, pp_c64 beta, int64_t count,
                      int threads)
{
    const bool fresh = beta.re == 0 && beta.im == 0;
    const float br = (float)beta.re, bi = (float)beta.im;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t i = 0; i < count; i++) {
        const float s = w ? w[i] : 1.0f;
        const pp_c32 old = fresh ? (pp_c32){0, 0} : d[i];
        d[i].re = br * old.re - bi * old.im - s * g[i].re;
        d[i].im = br * old.im + bi * old.re - s * g[i].im;
    }
}

static void axpy(pp_c32 *y, double a, const pp_c32 *x, int64_t count, int threads)
{
    const float s = (float)a;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t i = 0; i < count; i++) y[i].re += s * x[i].re, y[i].im += s * x[i].im;
}

static void scale(pp_c32 *x, double a, int64_t count, int threads)
{
    const float s = (float)a;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t i = 0; i < count; i++) x[i].re *= s, x[i].im *= s;
}

static double largest(const float *w, int64_t count, int threads)
{
    float top = 0;
#pragma omp parallel for num_threads(threads) schedule(static) reduction(max : top)
    for (int64_t i = 0; i < count; i++) top = w[i] > top ? w[i] : top;
    return (double)top;
}

static double peak(const float *x, int64_t count, int threads)
{
    float top = 0;
#pragma omp parallel for num_threads(threads) schedule(static) reduction(max : top)
    for (int64_t i = 0; i < count; i++) top = fabsf(x[i]) > top ? fabsf(x[i]) : top;
    return (double)top;
}

static void regrid(float *high, float *rest, double unit, int64_t count, int threads)
{
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t i = 0; i < count; i++) pp_regrid(&high[i], &rest[i], unit);
}

static void weight(float *w, double top, int64_t count, int threads)
{
    const float limit = (float)top;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t i = 0; i < count; i++) w[i] = pp_weight(w[i], limit);
}

const pp_vectors pp_cpu_vectors = {dot,   direction, dot_box, box,    axpy,
                                   scale, largest,   peak,    regrid, weight};
