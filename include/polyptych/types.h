/* Element types and plain views of memory that everything above may use.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef POLYPTYCH_TYPES_H
#define POLYPTYCH_TYPES_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define PP_API __attribute__((visibility("default")))
#define PP_MUST_CHECK __attribute__((warn_unused_result))
#define PP_PRINTF(text, first) __attribute__((format(printf, text, first)))
#else
#define PP_API
#define PP_MUST_CHECK
#define PP_PRINTF(text, first)
#endif

#ifdef __cplusplus
extern "C" {
#endif

/** Complex number, single precision: the layout of HDF5's {r, i} and of FFTW's. */
typedef struct pp_c32 {
    float re, im;
} pp_c32;

/** Complex number, double precision. */
typedef struct pp_c64 {
    double re, im;
} pp_c64;

/** Element type of an array; the number is the width of one real part. */
typedef enum pp_dtype {
    PP_U8,
    PP_U16,
    PP_I32,
    PP_I64,
    PP_F32,
    PP_F64,
    PP_C32,
    PP_C64,
    PP_DTYPES
} pp_dtype;

enum { PP_MAX_DIM = 4 };

/** Contiguous C-ordered memory with a shape, slowest axis first: what kernels take. Owns nothing. */
typedef struct pp_view {
    void *data;
    pp_dtype dtype;
    int ndim;
    int64_t shape[PP_MAX_DIM];
} pp_view;

/** Bytes of one element. */
PP_API size_t pp_dtype_size(pp_dtype dtype);
/** Name as in error messages: "float32", "complex64", ... */
PP_API const char *pp_dtype_name(pp_dtype dtype);
/** Number of elements; 1 for ndim = 0. */
PP_API int64_t pp_view_count(pp_view view);

#ifdef __cplusplus
}
#endif
#endif
