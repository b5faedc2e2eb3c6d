/* Inner products for x86-64-v2, and for every processor that is not an x86-64.
 * SPDX-License-Identifier: BSD-3-Clause */
#define PP_DOT_PART pp_dot_part_v2
#include "backend/cpu/dots_kernel.h"
