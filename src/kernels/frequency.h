/* Frequency of element k of a transform of length n, cycles a pixel: 0, 1/n, ..., then the negative ones.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_KERNEL_FREQUENCY_H
#define PP_KERNEL_FREQUENCY_H

#include <stdint.h>

#include "kernels/host_device.h"

static PP_HD double pp_frequency(int64_t k, int64_t n)
{
    const int64_t positive = (n + 1) / 2;
    return (double)(k < positive ? k : k - n) / (double)n;
}

#endif
