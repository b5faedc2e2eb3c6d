/* What the projector costs, against the FFTs and the interpolation that it cannot do without.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_TOMO_BENCH_H
#define PP_TOMO_BENCH_H

#include <polyptych/status.h>

#include "backend/backend.h"

typedef struct pp_tomo_bench {
    int64_t size, angles;      /* complex slices of size x size, regular angles over pi */
    int threads;               /* 0: as many as OpenMP gives; set to what was taken */
    const pp_backend *backend; /* whose devices project; NULL: the host */
    int devices;               /* set: of this process; 0: the host */
    /* results: medians of five alternations, milliseconds of wall clock */
    double forward_ms, adjoint_ms; /* per slice, of batches that keep all threads busy */
    double
        fft_ms; /* one slice, one thread: the 2-D FFT of the oversampled grid and the FFTs of all lines */
    double
        taps_ms; /* one slice, one thread: the interpolation's multiply-adds in the order of its table, from one place */
    double
        ratio; /* max(forward, adjoint) * threads / (fft + taps); on devices they take the place of threads, fft is
            the 2-D transform alone as cuFFT makes it from device memory, and taps is 0 */
    /* devices only: designed bytes of a slice one way, the mean of both, in device memory and over the link to the host; read and written
     * in a second by a copy within a device; and the part of that which the designed bytes reach in the slower way's time */
    double bytes_moved, bytes_linked, copy_bytes, share;
    pp_traffic kernels[PP_TRAFFIC_MOST]; /* where the back end counts: of a slice both ways */
    int kernel_count;
} pp_tomo_bench;

/** Measures; takes about 12 projections of a batch each way. */
PP_MUST_CHECK pp_status pp_tomo_bench_run(pp_tomo_bench *bench);

#endif
