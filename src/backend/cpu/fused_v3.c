/* The fused sweeps' kernels for x86-64-v3 (AVX2, FMA): eight lanes.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifdef __AVX2__
#define PP_WIDTH 8
#define PP_KERNELS pp_fused_kernels_v3
#define PP_KERNELS_NAME "x86-64-v3"
#include "backend/cpu/fused_kernels.h"
#else
typedef int pp_fused_v3_is_empty;
#endif
