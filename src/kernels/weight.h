/* Preconditioner from an illumination w: 1 / sqrt(((1 - d) w)^2 + (d largest)^2), d = 0.05, so that weakly lit pixels are held
 * back (LSQ-ML's regularised division, Odstrcil et al., Opt. Express 26, 3108 (2018), as a metric).
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_KERNEL_WEIGHT_H
#define PP_KERNEL_WEIGHT_H

#include <math.h>

#include "kernels/host_device.h"

static PP_HD float pp_weight(float w, float largest)
{
    const float a = 0.95f * w, b = 0.05f * largest;
    return 1.0f / sqrtf(a * a + b * b);
}

#endif
