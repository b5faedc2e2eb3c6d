/* Complex transforms of 2^a points (16 to 1024), W of them side by side: passes of radix 4 with twiddles, then one of radix 4 or 8
 * without. Forward goes from natural order to digit-reversed and is exp(-2 pi i ...), backward the other way round with
 * +, both unnormalised: nothing is ever reordered. Decimation in frequency (Gentleman and Sande, 1966). A place is left out
 * after every sixteen: without that, reading one butterfly would wait for the writing of another whose address is the same
 * modulo 4096.
 * Included by fused_kernels.h only.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_PASSES_H
#define PP_PASSES_H

#include "backend/cpu/fused.h"
#include "backend/cpu/vector.h"

INLINE pair plus(pair a, pair b)
{
    return (pair){a.r + b.r, a.i + b.i};
}

INLINE pair minus(pair a, pair b)
{
    return (pair){a.r - b.r, a.i - b.i};
}

/** a b and a conj(b). */
INLINE pair times(pair a, pair b)
{
    return (pair){a.r * b.r - a.i * b.i, a.r * b.i + a.i * b.r};
}

INLINE pair times_conj(pair a, pair b)
{
    return (pair){a.r * b.r + a.i * b.i, a.i * b.r - a.r * b.i};
}

/** sign i x */
INLINE pair turn(pair x, float sign)
{
    return (pair){-sign * x.i, sign * x.r};
}

/** Four-point transform of v, in place; sign -1 forward. */
INLINE void four(pair *v, float sign)
{
    const pair a = plus(v[0], v[2]), b = minus(v[0], v[2]), c = plus(v[1], v[3]);
    const pair d = turn(minus(v[1], v[3]), sign);
    v[0] = plus(a, c), v[1] = plus(b, d), v[2] = minus(a, c), v[3] = minus(b, d);
}

/** A butterfly's twiddles, (cos, -sin) of 1, 2, 3 times the angle. */
typedef struct twiddles {
    pair w[3];
} twiddles;

INLINE twiddles read_twiddles(const float *w)
{
    return (twiddles){{{all(w[0]), all(w[1])}, {all(w[2]), all(w[3])}, {all(w[4]), all(w[5])}}};
}

INLINE void down(pair *v, const twiddles *t)
{
    four(v, -1.0f);
    UNROLL for (int k = 1; k < 4; k++) v[k] = times(v[k], t->w[k - 1]);
}

INLINE void up(pair *v, const twiddles *t)
{
    UNROLL for (int k = 1; k < 4; k++) v[k] = times_conj(v[k], t->w[k - 1]);
    four(v, 1.0f);
}

/** Where point i of a transform is. place(i + k q) = place(i) + place(k q) in every pass. */
INLINE int place(int i)
{
    return i + i / PP_FUSED_GROUP;
}

/** v[k] = point k step of x */
INLINE void read(pair *v, const pair *x, int count, int step)
{
    UNROLL for (int k = 0; k < count; k++) v[k] = held(x[place(k * step)]);
}

INLINE void write(pair *x, const pair *v, int count, int step)
{
    UNROLL for (int k = 0; k < count; k++) x[place(k * step)] = v[k];
}

/** Eight-point transform of x, in place. */
INLINE void eight(pair *x, float sign)
{
    const float h = 0.70710678f;
    pair e[4], o[4];
    read(e, x, 4, 2);
    read(o, x + 1, 4, 2);
    four(e, sign);
    four(o, sign);
    o[1] = (pair){h * (o[1].r - sign * o[1].i), h * (o[1].i + sign * o[1].r)};
    o[2] = turn(o[2], sign);
    o[3] = (pair){-h * (o[3].r + sign * o[3].i), h * (sign * o[3].r - o[3].i)};
    UNROLL for (int k = 0; k < 4; k++) x[k] = plus(e[k], o[k]), x[k + 4] = minus(e[k], o[k]);
}

/** The last pass's part of `last` (4 or 8) neighbouring places. */
INLINE void last_group(pair *v, int last, float sign)
{
    if (last == 4)
        four(v, sign);
    else
        eight(v, sign);
}

INLINE void last_pass(pair *x, const pp_fused_plan *plan, float sign)
{
    if (plan->last == 4)
        for (int b = 0; b < plan->n; b += 4) {
            pair v[4];
            read(v, x + place(b), 4, 1);
            four(v, sign);
            write(x + place(b), v, 4, 1);
        }
    else
        for (int b = 0; b < plan->n; b += 8) eight(x + place(b), sign);
}

/** The passes with twiddles; `first` (0 or 1) of them are left to the caller, and the last one without twiddles is too. */
INLINE void forward_twiddled(pair *x, const pp_fused_plan *plan, int first)
{
    for (int p = first, length = plan->n >> 2 * first; p < plan->passes; p++, length /= 4) {
        const int q = length / 4;
        const float *w = plan->twiddles + plan->at[p];
        for (int j = 0; j < q; j++, w += 6) {
            const twiddles t = read_twiddles(w);
            for (int b = j; b < plan->n; b += length) {
                pair v[4];
                read(v, x + place(b), 4, q);
                down(v, &t);
                write(x + place(b), v, 4, q);
            }
        }
    }
}

/** All but `first` passes. */
INLINE void forward_rest(pair *x, const pp_fused_plan *plan, int first)
{
    forward_twiddled(x, plan, first);
    last_pass(x, plan, -1.0f);
}

INLINE void backward_twiddled(pair *x, const pp_fused_plan *plan, int first)
{
    for (int p = plan->passes - 1; p >= first; p--) {
        const int length = plan->n >> 2 * p, q = length / 4;
        const float *w = plan->twiddles + plan->at[p];
        for (int j = 0; j < q; j++, w += 6) {
            const twiddles t = read_twiddles(w);
            for (int b = j; b < plan->n; b += length) {
                pair v[4];
                read(v, x + place(b), 4, q);
                up(v, &t);
                write(x + place(b), v, 4, q);
            }
        }
    }
}

INLINE void backward_rest(pair *x, const pp_fused_plan *plan, int first)
{
    last_pass(x, plan, 1.0f);
    backward_twiddled(x, plan, first);
}

#endif
