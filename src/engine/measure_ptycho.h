/* What one iteration of the ptychography solver costs on this machine, in units of the FFT library's transforms.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_MEASURE_PTYCHO_H
#define PP_MEASURE_PTYCHO_H

#include "backend/backend.h"

typedef struct pp_measure_ptycho {
    int64_t size, patterns, modes; /* detector pixels a side, J, M */
    int threads, alternations;     /* alternations: of iteration and FFTs, at least 5 */
    const char *backend;           /* "cpu", "auto", ... */
    const char *implementation;    /* of the sweeps; NULL: the best */
    pp_sweep_positions positions;
    bool refine_probe;
    int keep_far_field; /* 1, 0, or -1: the faster of the two */
} pp_measure_ptycho;

typedef struct pp_measured_ptycho {
    double us_per_pattern_iteration, fft_pair_us, ratio; /* medians; ratio: times threads */
    double bytes_resident, bytes_moved;                  /* per pattern */
    bool keep_far_field;
    const char *implementation, *backend;
} pp_measured_ptycho;

/** Whole iterations of `cg` (line, step, gradient, direction) on simulated frames: a raster with 88 % overlap, counts of a
 *  smooth object. Alternated with the same number of FFT pairs: forward and backward 2-D FFT of one pattern in place by FFTW's
 *  measured plans in one thread, and one pass that multiplies by 1 / n^2. Times are those of the clock. */
PP_MUST_CHECK pp_status pp_measure_ptycho_run(pp_measured_ptycho *out,
                                              const pp_measure_ptycho *settings);

#endif
