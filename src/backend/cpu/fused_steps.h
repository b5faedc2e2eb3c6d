/* The steps of a pattern: window x probe into columns, rows out of columns and back, columns into the gradients.
 * Included by fused_kernels.h only.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_FUSED_STEPS_H
#define PP_FUSED_STEPS_H

#include "backend/cpu/passes.h"

static int64_t field_floats(const pp_fused_plan *plan)
{
    return (int64_t)(plan->n / W) * plan->stride * 2 * W;
}

static int64_t spectrum_floats(const pp_fused_plan *plan)
{
    return (int64_t)plan->n * plan->n * 2;
}

/** The kernels' arrays as vectors. */
INLINE pair *pairs(float *x)
{
    return (pair *)(void *)x;
}

INLINE const pair *const_pairs(const float *x)
{
    return (const pair *)(const void *)x;
}

/* ---- window x probe ---- */

static void product(const pp_fused_plan *plan, float *field, pp_fused_window object,
                    const float *probe)
{
    const int n = plan->n, q = n / 4;
    for (int b = 0; b < n / W; b++) {
        pair *x = pairs(field) + (int64_t)b * plan->stride;
        const pair *p = const_pairs(probe) + (int64_t)b * n;
        const pp_c32 *o = object.data + (int64_t)b * W;
        const float *w = plan->twiddles;
        for (int j = 0; j < q; j++, w += 6) {
            pair v[4];
            UNROLL for (int k = 0; k < 4; k++) v[k] =
                times(load_complex(o + (j + k * q) * object.stride), held(p[j + k * q]));
            const twiddles t = read_twiddles(w);
            down(v, &t);
            write(x + place(j), v, 4, q);
        }
        forward_rest(x, plan, 1);
    }
}

static void products(const pp_fused_plan *plan, float *const f[2], const pp_fused_window object[2],
                     const float *const probe[2])
{
    const int n = plan->n;
    for (int b = 0; b < n / W; b++) {
        pair *x = pairs(f[0]) + (int64_t)b * plan->stride;
        pair *z = pairs(f[1]) + (int64_t)b * plan->stride;
        const pair *p = const_pairs(probe[0]) + (int64_t)b * n;
        const pair *dp = const_pairs(probe[1]) + (int64_t)b * n;
        for (int y = 0; y < n; y++) {
            const pair o = load_complex(object[0].data + y * object[0].stride + (int64_t)b * W);
            const pair d = load_complex(object[1].data + y * object[1].stride + (int64_t)b * W);
            const pair u = held(p[y]), du = held(dp[y]);
            x[place(y)] = plus(times(o, du), times(d, u));
            z[place(y)] = times(d, du);
        }
        forward_rest(x, plan, 0);
        forward_rest(z, plan, 0);
    }
}

/* ---- rows ---- */

/** rows = block k of rows of a field, transformed along x; `_most`: but for the last pass. */
INLINE void gather_most(const pp_fused_plan *plan, pair *rows, const float *field, int k)
{
    const pair *from = const_pairs(field) + place(k * W);
    for (int b = 0; b < plan->n / W; b++)
        tile(rows + place(b * W), from + (int64_t)b * plan->stride);
    forward_twiddled(rows, plan, 0);
}

INLINE void gather(const pp_fused_plan *plan, pair *rows, const float *field, int k)
{
    gather_most(plan, rows, field, k);
    last_pass(rows, plan, -1.0f);
}

/** The way back: destroys rows. */
INLINE void scatter_most(const pp_fused_plan *plan, float *field, pair *rows, int k)
{
    pair *to = pairs(field) + place(k * W);
    backward_twiddled(rows, plan, 0);
    for (int b = 0; b < plan->n / W; b++) tile(to + (int64_t)b * plan->stride, rows + place(b * W));
}

INLINE void scatter(const pp_fused_plan *plan, float *field, pair *rows, int k)
{
    last_pass(rows, plan, 1.0f);
    scatter_most(plan, field, rows, k);
}

/** Vectors to main memory. */
INLINE void put(pair *to, const pair *v, int count)
{
    UNROLL for (int i = 0; i < count; i++) store_far((float *)&to[i].r, v[i].r),
        store_far((float *)&to[i].i, v[i].i);
}

/** Block k of rows into an array in detector order. */
INLINE void put_rows(const pp_fused_plan *plan, float *spectrum, const pair *rows, int k)
{
    pair *to = pairs(spectrum) + (int64_t)k * plan->n;
    for (int x = 0; x < plan->n; x += PP_FUSED_GROUP) put(to + x, rows + place(x), PP_FUSED_GROUP);
}

/** Asks for what is read next but one: a stream from main memory is not looked ahead from one page to the next. */
INLINE void fetch(const void *from, int bytes)
{
    for (int i = 0; i < bytes; i += 64) __builtin_prefetch((const char *)from + i, 0, 3);
}

/* ---- back ---- */

INLINE void add_complex(pp_c32 *to, pair x)
{
    store(&to->re, load(&to->re) + SHUFFLE(x.r, x.i, ZIP_LOW));
    store(&to->re + W, load(&to->re + W) + SHUFFLE(x.r, x.i, ZIP_HIGH));
}

/** W floats onto W doubles. */
INLINE void add_wide(double *to, vec x)
{
    vecd low, high;
    memcpy(&low, to, sizeof low), memcpy(&high, to + W / 2, sizeof high);
    low += __builtin_convertvector(SHUFFLE(x, x, LOWER), vecd);
    high += __builtin_convertvector(SHUFFLE(x, x, UPPER), vecd);
    memcpy(to, &low, sizeof low), memcpy(to + W / 2, &high, sizeof high);
}

INLINE void add_complex_wide(pp_c64 *to, pair x)
{
    add_wide(&to->re, SHUFFLE(x.r, x.i, ZIP_LOW));
    add_wide(&to->re + W, SHUFFLE(x.r, x.i, ZIP_HIGH));
}

/** One block of columns, point y of it: the residual x into the gradients. */
INLINE void spread(const pp_fused_plan *plan, pair *field, pair x, const pp_fused_back *to, int b,
                   int y)
{
    const int64_t at = (int64_t)b * plan->n + y, column = (int64_t)b * W;
    const pair p = held(const_pairs(to->probe)[at]);
    if (to->box) add_complex(to->box + y * to->box_stride + column, times_conj(x, p));
    if (to->wide_box)
        add_complex_wide(to->wide_box + y * to->box_stride + column, times_conj(x, p));
    if (!to->sum && !to->moves) return;
    const pair g = times_conj(x, load_complex(to->object.data + y * to->object.stride + column));
    if (to->sum)
        pairs(to->sum)[at] = plus(pairs(to->sum)[at], g);
    else
        field[place(y)] = g;
}

static void back(const pp_fused_plan *plan, float *field, const pp_fused_back *to)
{
    const int n = plan->n, q = n / 4;
    for (int b = 0; b < n / W; b++) {
        pair *x = pairs(field) + (int64_t)b * plan->stride;
        const float *w = plan->twiddles;
        backward_rest(x, plan, 1);
        for (int j = 0; j < q; j++, w += 6) {
            const twiddles t = read_twiddles(w);
            pair v[4];
            read(v, x + place(j), 4, q);
            up(v, &t);
            UNROLL for (int k = 0; k < 4; k++) spread(plan, x, v[k], to, b, j + k * q);
        }
        if (to->moves) forward_rest(x, plan, 0);
    }
}

#endif
