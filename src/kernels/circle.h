/* The circle that a slice's pixels lie in, row by row.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_KERNEL_CIRCLE_H
#define PP_KERNEL_CIRCLE_H

#include <math.h>
#include <stdint.h>

#include "kernels/host_device.h"

/** Row y of an n x n slice has its pixels from n / 2 - half to n / 2 + half in the circle about index n / 2; -1: none. radius 0: n / 2 - 1. */
static PP_HD int64_t pp_circle_half(int64_t n, int64_t y, double radius)
{
    const double r = radius > 0 ? radius : (double)(n / 2) - 1, from = (double)(y - n / 2);
    const double square = r * r - from * from;
    return square >= 0 ? (int64_t)floor(sqrt(square)) : -1;
}

#endif
