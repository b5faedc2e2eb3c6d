/* The CPU back end: FFTW plans, OpenMP threads, host memory.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_CPU_H
#define PP_CPU_H

#include "backend/backend.h"

extern const pp_backend pp_backend_cpu;
extern const pp_vectors pp_cpu_vectors;
extern const pp_slab_class pp_cpu_slabs;

#endif
