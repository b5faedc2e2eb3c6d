/* Benches: what `polyptych bench NAME` measures. A bench is a file src/app/bench_*.c that fills a pp_bench and one line in
 * the table of cmd_bench.c; it asks the code below for the measurement and puts the figures, named as in the contract, into
 * a JSON object, which the command prints as text or with --json.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_BENCH_H
#define PP_BENCH_H

#include <jansson.h>
#include <stdbool.h>

#include <polyptych/status.h>

#include "backend/backend.h"

/** What is before a device's transforms: kernels, cuFFT's callbacks, or one after the other for the difference. */
enum { PP_BENCH_KERNELS, PP_BENCH_CALLBACKS, PP_BENCH_BOTH };

/** From the options; what was not given is the bench's own default (0, NULL, false, -1). */
typedef struct pp_bench_request {
    int64_t size, patterns, modes, angles, threads, devices;
    const char *backend, *positions;
    bool refine_probe;
    int keep_far_field; /* 1 on, 0 off, -1 auto */
    bool in_turn;       /* a group passes nothing while it works on patterns */
    int transforms;     /* one of the above */
    int method;         /* of a group: 0 hybrid, 1 gradient, -1 as the program has it */
} pp_bench_request;

typedef struct pp_bench {
    const char *name, *summary;
    const char *options; /* that it takes, blanks around each: " --size --threads " */
    pp_status (*run)(const pp_bench_request *request, json_t *out);
} pp_bench;

/** loaded.KERNEL and stored.KERNEL for each; not 0 where memory ran out. */
int pp_bench_traffic(json_t *out, const pp_traffic *kernels, int count);

PP_MUST_CHECK pp_status pp_bench_ptycho(const pp_bench_request *request, json_t *out);
PP_MUST_CHECK pp_status pp_bench_tomo(const pp_bench_request *request, json_t *out);

#endif
