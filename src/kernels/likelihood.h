/* Costs of one detector pixel with intensity I and counts d, and what their derivatives are made of.
 *
 * amplitude: (sqrt I - sqrt d)^2; ratio r = sqrt(d / I); poisson: I - d log I, taken relative to its value at I = d so that
 * float keeps its digits; r = d / I. Wirtinger gradient of the far field: (1 - r) far. Along a line with I' = b, I'' = 2 c:
 * slope b (1 - r), curvature 2 c (1 - r) + s b^2 r / I with s = 1/2 (amplitude) or 1 (poisson).
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_KERNEL_LIKELIHOOD_H
#define PP_KERNEL_LIKELIHOOD_H

#include <math.h>

#include "kernels/host_device.h"

#define PP_LIKELIHOOD_TINY 1e-32f

static PP_HD float pp_amplitude_cost(float inten, float d)
{
    const float r = sqrtf(inten) - sqrtf(d);
    return r * r;
}

static PP_HD float pp_amplitude_ratio(float inten, float d)
{
    return sqrtf(d / (inten + PP_LIKELIHOOD_TINY));
}

/** Cost minus its least value d - d log d. */
static PP_HD float pp_poisson_cost(float inten, float d)
{
    const float excess = d > 0.0f ? d * logf((inten + PP_LIKELIHOOD_TINY) / d) : 0.0f;
    return (inten - d) - excess;
}

static PP_HD float pp_poisson_ratio(float inten, float d)
{
    return d / (inten + PP_LIKELIHOOD_TINY);
}

static PP_HD float pp_line_slope(float ratio, float b)
{
    return b * (1.0f - ratio);
}

/** s: 1/2 amplitude, 1 poisson. */
static PP_HD float pp_line_curvature(float inten, float ratio, float b, float c, float s)
{
    return 2.0f * c * (1.0f - ratio) + s * b * (b / inten) * ratio;
}

#endif
