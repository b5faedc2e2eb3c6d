/* The fused sweeps' kernels for x86-64-v2 (SSE 4.2), and for every processor that is not an x86-64: four lanes.
 * SPDX-License-Identifier: BSD-3-Clause */
#define PP_WIDTH 4
#define PP_KERNELS pp_fused_kernels_v2
#ifdef __x86_64__
#define PP_KERNELS_NAME "x86-64-v2"
#else
#define PP_KERNELS_NAME "generic"
#endif
#include "backend/cpu/fused_kernels.h"
