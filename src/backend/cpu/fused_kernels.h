/* The kernels of the fused sweeps (see fused.h), written over the vector width and compiled once an instruction set: fused_v2.c,
 * fused_v3.c, fused_v4.c define PP_WIDTH, PP_KERNELS (the table's name) and PP_KERNELS_NAME and include this file.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "backend/cpu/fused_between.h"
#include "backend/cpu/fused_gradient.h"
#include "backend/cpu/fused_line.h"
#include "backend/cpu/fused_shift.h"
#include "backend/cpu/fused_terms.h"

const pp_fused_kernels PP_KERNELS = {.name = PP_KERNELS_NAME,
                                     .width = W,
                                     .product = product,
                                     .products = products,
                                     .gradient = gradient,
                                     .far = far,
                                     .line = line,
                                     .terms = terms,
                                     .back = back,
                                     .sample = sample,
                                     .spread = spread_between,
                                     .spread_wide = spread_between_wide,
                                     .shift = shift,
                                     .spectrum = spectrum_of,
                                     .unshift = unshift};
