/* How long an iteration takes: the default solver on a made-up view, against two transforms by the FFT library, measured
 * alternately because the machine may be busy.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_SOLVER_BENCH_H
#define PP_SOLVER_BENCH_H

#include "solvers/view.h"

typedef struct pp_view_bench {
    int64_t size, patterns, modes;
    int threads;
    const char *backend;
    pp_sweep_positions positions;
    bool refine_probe;
    bool keep_far_field;
    int devices;           /* a group of so many, the threads divided among them */
    pp_split_method split; /* hybrid or gradient */
    bool in_turn;          /* as in pp_view_options */
    bool callbacks;        /* the same */
} pp_view_bench;

typedef struct pp_view_bench_figures {
    double
        us_per_pattern_iteration; /* median over iterations: one whole iteration of the solver over the patterns */
    double
        fft_pair_us; /* median: transform, back, and one pass that multiplies by 1 / n^2; one thread, in place, or the device in batches */
    double
        copy_bytes; /* read and written in a second by a copy within a device, measured between iterations; 0: not a device */
    double bytes_resident, bytes_moved; /* per pattern; per pattern and iteration */
    const char *implementation;
    /* What us_per_pattern_iteration is made of, shares of 1, mean over devices: own work; copying and adding what others
     * sent; waiting for them. One device: 1, 0, 0. */
    double compute, communication, waiting;
    double beside;         /* devices: passing that ran beside their own work, in the same unit */
    double bytes_received; /* by a device in an iteration, mean */
    pp_traffic kernels
        [PP_TRAFFIC_MOST]; /* where the back end counts: per pattern and iteration, as told */
    int kernel_count;
} pp_view_bench_figures;

PP_MUST_CHECK pp_status pp_view_bench_run(const pp_view_bench *bench, pp_view_bench_figures *out);

#endif
