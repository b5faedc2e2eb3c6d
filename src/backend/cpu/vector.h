/* Vectors of W floats with the compilers' vector extensions: W columns (or rows) of a detector side by side. The file that
 * includes this defines PP_WIDTH (4, 8 or 16) and is compiled for an instruction set that has such registers; on any other
 * machine the compiler makes several narrower operations of one. Everything is static: one copy an instruction set.
 * Square roots and logarithms are made of additions and multiplications only, so they give the same bits on every
 * processor of one instruction-set level (the processors' own estimates differ between makers).
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_VECTOR_H
#define PP_VECTOR_H

#include <string.h>

#include <polyptych/types.h>

#ifdef __SSE__
#include <immintrin.h>
#endif

enum { W = PP_WIDTH };

typedef float vec __attribute__((vector_size(4 * PP_WIDTH)));
typedef int32_t veci __attribute__((vector_size(4 * PP_WIDTH)));
typedef double vecd __attribute__((vector_size(4 * PP_WIDTH)));
typedef uint16_t vec16 __attribute__((vector_size(2 * PP_WIDTH)));
typedef uint8_t vec8 __attribute__((vector_size(PP_WIDTH)));

/** Real and imaginary parts of W complex numbers. */
typedef struct pair {
    vec r, i;
} pair;

/** W sums in double. */
typedef struct sums {
    vecd low, high;
} sums;

#define INLINE static inline __attribute__((always_inline))
#ifdef __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

/** Has x in a register: gcc would rather read memory again at each use, and loads are what these kernels are bound by. */
#ifdef __x86_64__
#define HOLD(x) __asm__("" : "+v"(x))
#else
#define HOLD(x) ((void)(x))
#endif

/* Lane lists: the even and odd lanes of two vectors and the way back; halves; and the two results of a transpose's step of 1, 2, 4, 8. */
#if PP_WIDTH == 4
#define EVEN 0, 2, 4, 6
#define ODD 1, 3, 5, 7
#define LOWER 0, 1
#define UPPER 2, 3
#define ZIP_LOW 0, 4, 1, 5
#define ZIP_HIGH 2, 6, 3, 7
#define FIRST1 0, 4, 2, 6
#define SECOND1 1, 5, 3, 7
#define FIRST2 0, 1, 4, 5
#define SECOND2 2, 3, 6, 7
#elif PP_WIDTH == 8
#define EVEN 0, 2, 4, 6, 8, 10, 12, 14
#define ODD 1, 3, 5, 7, 9, 11, 13, 15
#define LOWER 0, 1, 2, 3
#define UPPER 4, 5, 6, 7
#define ZIP_LOW 0, 8, 1, 9, 2, 10, 3, 11
#define ZIP_HIGH 4, 12, 5, 13, 6, 14, 7, 15
#define FIRST1 0, 8, 2, 10, 4, 12, 6, 14
#define SECOND1 1, 9, 3, 11, 5, 13, 7, 15
#define FIRST2 0, 1, 8, 9, 4, 5, 12, 13
#define SECOND2 2, 3, 10, 11, 6, 7, 14, 15
#define FIRST4 0, 1, 2, 3, 8, 9, 10, 11
#define SECOND4 4, 5, 6, 7, 12, 13, 14, 15
#elif PP_WIDTH == 16
#define EVEN 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30
#define ODD 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31
#define LOWER 0, 1, 2, 3, 4, 5, 6, 7
#define UPPER 8, 9, 10, 11, 12, 13, 14, 15
#define ZIP_LOW 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define ZIP_HIGH 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31
#define FIRST1 0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30
#define SECOND1 1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31
#define FIRST2 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29
#define SECOND2 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31
#define FIRST4 0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27
#define SECOND4 4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31
#define FIRST8 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23
#define SECOND8 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31
#else
#error "PP_WIDTH is 4, 8 or 16"
#endif

#define SHUFFLE(a, b, ...) __builtin_shufflevector((a), (b), __VA_ARGS__)

INLINE vec all(float x)
{
    return (vec){0} + x;
}

INLINE vec load(const float *from)
{
    vec v;
    memcpy(&v, from, sizeof v);
    HOLD(v);
    return v;
}

INLINE pair held(pair x)
{
    HOLD(x.r);
    HOLD(x.i);
    return x;
}

INLINE void store(float *to, vec v)
{
    memcpy(to, &v, sizeof v);
}

/** W interleaved complex numbers at any address. */
INLINE pair load_complex(const pp_c32 *from)
{
    const vec a = load(&from->re), b = load(&from->re + W);
    return (pair){SHUFFLE(a, b, EVEN), SHUFFLE(a, b, ODD)};
}

/* Lanes of which something is true: a mask register where the processor has them, else a vector of 0 and -1. `&` is "and". */
#if defined(__AVX512BW__) && defined(__AVX512VL__) && PP_WIDTH == 16
typedef __mmask16 lanes;

INLINE lanes at_least(vec a, vec b)
{
    return _mm512_cmp_ps_mask((__m512)a, (__m512)b, _CMP_GE_OQ);
}

INLINE lanes above(vec a, vec b)
{
    return _mm512_cmp_ps_mask((__m512)a, (__m512)b, _CMP_GT_OQ);
}

INLINE lanes is_number(vec a)
{
    return _mm512_cmp_ps_mask((__m512)a, (__m512)a, _CMP_ORD_Q);
}

INLINE lanes differs(veci a, int32_t b)
{
    return _mm512_cmpneq_epi32_mask((__m512i)a, _mm512_set1_epi32(b));
}

INLINE lanes is_set(vec8 a)
{
    return _mm_test_epi8_mask((__m128i)a, (__m128i)a);
}

INLINE vec keep(vec x, lanes where)
{
    return (vec)_mm512_maskz_mov_ps(where, (__m512)x);
}
#else
typedef veci lanes;

INLINE lanes at_least(vec a, vec b)
{
    return a >= b;
}

INLINE lanes above(vec a, vec b)
{
    return a > b;
}

INLINE lanes is_number(vec a)
{
    return a == a; // NOLINT(misc-redundant-expression): NaN differs from itself
}

INLINE lanes differs(veci a, int32_t b)
{
    return a != b;
}

INLINE lanes is_set(vec8 a)
{
    return __builtin_convertvector(a, veci) != 0;
}

INLINE vec keep(vec x, lanes where)
{
    return (vec)((veci)x & where);
}
#endif

/** Where both are numbers. */
INLINE vec larger(vec a, vec b)
{
#if defined(__AVX512F__) && PP_WIDTH == 16
    return (vec)_mm512_max_ps((__m512)a, (__m512)b);
#elif defined(__AVX__) && PP_WIDTH == 8
    return (vec)_mm256_max_ps((__m256)a, (__m256)b);
#elif defined(__SSE__) && PP_WIDTH == 4
    return (vec)_mm_max_ps((__m128)a, (__m128)b);
#else
    const veci first = a > b;
    return (vec)(((veci)a & first) | ((veci)b & ~first));
#endif
}

/** x to memory that is not needed again soon: 64-byte aligned, past the caches where the processor can. */
INLINE void store_far(float *to, vec x)
{
#if defined(__AVX512F__) && PP_WIDTH == 16
    _mm512_stream_ps(to, (__m512)x);
#elif defined(__AVX__) && PP_WIDTH == 8
    _mm256_stream_ps(to, (__m256)x);
#elif defined(__SSE__) && PP_WIDTH == 4
    _mm_stream_ps(to, (__m128)x);
#else
    store(to, x);
#endif
}

/** x^(-1/2) of x >= 0 to a unit in the last place or two; finite at 0. Newton's iteration from an integer guess. */
INLINE vec inverse_root(vec x)
{
    const vec half = 0.5f * x;
    vec y = (vec)(0x5f3759df - ((veci)x >> 1));
    y = y * (1.5f - half * y * y);
    y = y * (1.5f - half * y * y);
    y = y * (1.5f - half * y * y);
    return y;
}

/** Natural logarithm of x >= 1.2e-38: 2 artanh((m - 1) / (m + 1)) of the mantissa m in [2/3, 4/3). */
INLINE vec logarithm(vec x)
{
    const veci exponent = ((veci)x - 0x3f2aaaab) >> 23;
    const vec f = (vec)((veci)x - (exponent << 23)) - 1.0f;
    const vec s = f / (2.0f + f), q = s * s;
    const vec p = 1.0f / 3 + q * (1.0f / 5 + q * (1.0f / 7 + q * (1.0f / 9 + q * (1.0f / 11))));
    return __builtin_convertvector(exponent, vec) * 0.693147181f + 2.0f * (s + s * (q * p));
}

INLINE void add(sums *s, vec x)
{
    s->low += __builtin_convertvector(SHUFFLE(x, x, LOWER), vecd);
    s->high += __builtin_convertvector(SHUFFLE(x, x, UPPER), vecd);
}

/** The lanes' sum in index order. */
INLINE double total(const sums *s)
{
    double sum = 0;
    for (int l = 0; l < W / 2; l++) sum += s->low[l];
    for (int l = 0; l < W / 2; l++) sum += s->high[l];
    return sum;
}

INLINE float largest(vec x)
{
    float most = x[0];
    for (int l = 1; l < W; l++)
        if (x[l] > most) most = x[l];
    return most;
}

#define TRANSPOSE_STEP(t, s, first, second)                                                        \
    UNROLL for (int k_ = 0; k_ < W; k_++) if (!(k_ & (s)))                                         \
    {                                                                                              \
        const vec a_ = (t)[k_], b_ = (t)[k_ + (s)];                                                \
        (t)[k_] = SHUFFLE(a_, b_, first);                                                          \
        (t)[k_ + (s)] = SHUFFLE(a_, b_, second);                                                   \
    }

/** W x W, in registers. */
INLINE void transpose(vec *t)
{
    TRANSPOSE_STEP(t, 1, FIRST1, SECOND1)
    TRANSPOSE_STEP(t, 2, FIRST2, SECOND2)
#if PP_WIDTH > 4
    TRANSPOSE_STEP(t, 4, FIRST4, SECOND4)
#endif
#if PP_WIDTH > 8
    TRANSPOSE_STEP(t, 8, FIRST8, SECOND8)
#endif
}

/** to[k] lane l = from[l] lane k; the two may be the same. */
INLINE void tile(pair *to, const pair *from)
{
    vec t[W];
    UNROLL for (int k = 0; k < W; k++) t[k] = from[k].r;
    transpose(t);
    vec s[W];
    UNROLL for (int k = 0; k < W; k++) s[k] = from[k].i;
    UNROLL for (int k = 0; k < W; k++) to[k].r = t[k];
    transpose(s);
    UNROLL for (int k = 0; k < W; k++) to[k].i = s[k];
}

#endif
