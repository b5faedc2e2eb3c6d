/* Slices of a volume, or their lines, as vectors of systems of their own: arrays [slices][count] of floats in the memory of the
 * calling thread's device, with a sum or a factor of each slice. What conjugate gradients and simultaneous iterations are made of
 * (tomo/least_squares.c, tomo/sirt.c), beside projections whose arrays lie there too (pp_projection_job.on_device).
 *
 * Functions enqueue their work and return; those that give numbers to the host ([slices], host memory) wait for the queue. Sums are in
 * double, in an order that depends on `count` only. Factors are doubles in host memory, read before the function returns, and used as
 * floats. Arrays of a call are distinct. Not collective. SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_SLICES_H
#define PP_SLICES_H

#include <stdbool.h>
#include <stdint.h>

#include <polyptych/status.h>

typedef struct pp_slice_class {
    /** sums[k] = sum x_k y_k; x and y may be the same. */
    pp_status (*dots)(double *sums, const float *x, const float *y, int64_t slices, int64_t count);
    /** y_k += a[k] x_k; slices with a[k] = 0 are left alone. */
    pp_status (*add)(float *y, const double *a, const float *x, int64_t slices, int64_t count);
    /** y_k = max(0, y_k + a[k] x_k) and whether a pixel was below 0; slices with a[k] = 0 are left alone and not clipped. a and x NULL:
     *  y_k = max(0, y_k). clipped NULL: it is not asked for, and nothing waits. */
    pp_status (*add_clipped)(float *y, bool *clipped, const double *a, const float *x,
                             int64_t slices, int64_t count);
    /** y_k = x_k + b[k] y_k; b[k] = 0 ignores what was in y_k. */
    pp_status (*follow)(float *y, const double *b, const float *x, int64_t slices, int64_t count);
    /** r_k = p_k - q_k of slices that are chosen (NULL: all); the others are left alone. r may be p or q. */
    pp_status (*subtract)(float *r, const float *p, const float *q, const bool *chosen,
                          int64_t slices, int64_t count);
    /** q_k = w (p_k - q_k), and sums[k] = sum w (p_k - q_k)^2, for weights w [count] that all slices share. */
    pp_status (*weigh)(float *q, double *sums, const float *w, const float *p, int64_t slices,
                       int64_t count);
    /** s = 0 where u <= 0 and s < 0: pixels at 0 that a step along s would push below it stay there. */
    pp_status (*hold)(float *s, const float *u, int64_t slices, int64_t count);
    /** 0 outside the circle of radius n / 2 - 1 about index n / 2 of slices [n][n]. */
    pp_status (*mask)(float *x, int64_t slices, int64_t n);
    /** Bytes of device memory that a call takes at most, and gives back, for so many slices. */
    double (*bytes)(int64_t slices, int64_t count);
} pp_slice_class;

#ifdef __cplusplus
extern "C" {
#endif
/** The same in host memory, by the calling thread alone; callers share slices over threads. */
extern const pp_slice_class pp_slices_host;
#ifdef __cplusplus
}
#endif

#endif
