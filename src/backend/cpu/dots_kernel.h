/* The inner product in LANES interleaved double sums; dots_v2.c, dots_v3.c and dots_v4.c define PP_DOT_PART (the function's name) and
 * include this.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <stddef.h>
#include <string.h>

#include "backend/cpu/dots.h"

enum { LANES = 8, NUMBERS = LANES / 2 };

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

pp_c64 PP_DOT_PART(const pp_c32 *x, const pp_c32 *y, const float *w, int64_t from, int64_t to)
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
