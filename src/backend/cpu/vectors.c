/* Vector kernels on the CPU. Reductions are cut into SEGMENTS pieces whatever the number of threads, each summed in
 * interleaved double sums (dots_kernel.h), so that their bits depend on the data only.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>

#include "backend/cpu/cpu.h"
#include "backend/cpu/dots.h"
#include "backend/level.h"
#include "kernels/regrid.h"
#include "kernels/weight.h"

enum { SEGMENTS = 128 };

pp_dot_part *pp_dots_pick(void)
{
    switch (pp_level_get()) {
#ifdef __x86_64__
    case PP_LEVEL_V4:
        return pp_dot_part_v4;
    case PP_LEVEL_V3:
        return pp_dot_part_v3;
#endif
    default:
        return pp_dot_part_v2;
    }
}

static pp_c64 dot(const pp_c32 *x, const pp_c32 *y, const float *w, int64_t count, int threads)
{
    pp_dot_part *const dot_part = pp_dots_pick();
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
    pp_dot_part *const dot_part = pp_dots_pick();
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
