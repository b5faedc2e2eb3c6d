/* The ptychography model by brute force in double precision: discrete Fourier sums written out, no library, no
 * float. What every fast path is compared with. Conventions as in src/backend/sweep.h, frames in natural order.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_TEST_ORACLE_H
#define PP_TEST_ORACLE_H

#include <complex.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct oracle {
    int64_t n, modes, patterns, object[2];
    const double *positions; /* [J][2] window's first pixel */
    bool fourier, poisson;
    const double *data;       /* [J][n][n] */
    const double *mask;       /* [J][n][n], 1 measured */
    bool bilinear;            /* the object sampled between its pixels; not with fourier */
    const double *background; /* [n][n]; NULL: none */
} oracle;

/** far [J][M][n][n]. */
void oracle_forward(const oracle *o, double complex *far, const double complex *object,
                    const double complex *probe);
double oracle_cost(const oracle *o, const double complex *far);
double oracle_misfit(const oracle *o, const double complex *far);
/** Wirtinger gradients [Y][X] and [M][n][n]; returns the cost. */
double oracle_gradients(const oracle *o, double complex *object_gradient,
                        double complex *probe_gradient, const double complex *object,
                        const double complex *probe);
/** The published conjugate gradients (complex Dai-Yuan factor, steps halved from 1, nearest positions): object is changed
 *  in place; costs [iterations + 1], steps [iterations]. */
void oracle_cg(const oracle *o, double complex *object, const double complex *probe, int iterations,
               double *costs, double *steps);

#endif
