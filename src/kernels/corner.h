/* A point between pixels: the four around it, corner 0 to 3, one further along x where odd, along y from 2 on (bilinear
 * interpolation and its adjoint).
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_KERNEL_CORNER_H
#define PP_KERNEL_CORNER_H

#include <polyptych/types.h>

#include "kernels/host_device.h"

/** Weight of a corner; y, x: parts of a pixel beyond corner 0. */
static PP_HD float pp_corner_weight(int corner, float y, float x)
{
    return (corner / 2 ? y : 1.0f - y) * (corner % 2 ? x : 1.0f - x);
}

/** Where it lies, in an image of `width` pixels a row. */
static PP_HD int64_t pp_corner_offset(int corner, int64_t width)
{
    return corner / 2 * width + corner % 2;
}

#endif
