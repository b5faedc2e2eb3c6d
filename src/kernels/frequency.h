/* Frequency of element k of a transform of length n, cycles a pixel: 0, 1/n, ..., then the negative ones; and the factors
 * that move a transformed image by parts of a pixel.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_KERNEL_FREQUENCY_H
#define PP_KERNEL_FREQUENCY_H

#include <math.h>
#include <stdint.h>

#include <polyptych/types.h>

#include "kernels/host_device.h"

static PP_HD double pp_frequency(int64_t k, int64_t n)
{
    const int64_t positive = (n + 1) / 2;
    return (double)(k < positive ? k : k - n) / (double)n;
}

/** factor exp(-2 pi i k f): element k of the ramp that moves by f pixels. */
static PP_HD pp_c32 pp_ramp(int64_t k, int64_t n, double f, double factor)
{
    const double turn = 6.283185307179586476925 * pp_frequency(k, n) * f;
    const pp_c32 r = {(float)(factor * cos(turn)), (float)(factor * -sin(turn))};
    return r;
}

/** -2 pi i k: what the ramp is multiplied with when it is differentiated by f. */
static PP_HD pp_c32 pp_ramp_slope(int64_t k, int64_t n)
{
    const pp_c32 r = {0.0f, (float)(-6.283185307179586 * pp_frequency(k, n))};
    return r;
}

#endif
