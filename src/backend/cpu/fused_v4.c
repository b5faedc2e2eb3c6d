/* The fused sweeps' kernels for x86-64-v4 (AVX-512 F, BW, CD, DQ, VL): sixteen lanes.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifdef __AVX512F__
#define PP_WIDTH 16
#define PP_KERNELS pp_fused_kernels_v4
#define PP_KERNELS_NAME "x86-64-v4"
#include "backend/cpu/fused_kernels.h"
#else
typedef int pp_fused_v4_is_empty;
#endif
