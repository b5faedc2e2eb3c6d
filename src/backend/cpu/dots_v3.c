/* Inner products for x86-64-v3.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifdef __AVX2__
#define PP_DOT_PART pp_dot_part_v3
#include "backend/cpu/dots_kernel.h"
#else
typedef int pp_dots_v3_is_empty;
#endif
