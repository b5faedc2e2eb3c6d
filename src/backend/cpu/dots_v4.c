/* Inner products for x86-64-v4.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifdef __AVX512F__
#define PP_DOT_PART pp_dot_part_v4
#include "backend/cpu/dots_kernel.h"
#else
typedef int pp_dots_v4_is_empty;
#endif
