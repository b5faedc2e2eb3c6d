/* Sums of a few numbers that do not depend on their order: each number is cut into a multiple of a common power of two, which
 * floats add without rounding, and a rest (Demmel and Nguyen, "Fast reproducible floating-point summation", 2013).
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_REGRID_H
#define PP_REGRID_H

#include <math.h>

#include "kernels/host_device.h"

#include "kernels/host_device.h"

/** high + rest stays; high becomes the nearest multiple of `unit`, a power of two with |high| <= 2^24 unit. */
static PP_HD void pp_regrid(float *high, float *rest, double unit)
{
    const double sum = (double)*high + (double)*rest, whole = rint(sum / unit) * unit;
    *high = (float)whole;
    *rest = (float)(sum - whole);
}

/** to = sum rounded; returns what that leaves. One number at a time: gcc 12 takes (double)(float)x for x where it makes a vector of two
 *  neighbours (seen with -O3: the rest came out 0). */
static PP_HD float pp_round_off(float *to, double sum)
{
    *to = (float)sum;
    return (float)(sum - (double)*to);
}

/** The unit for `count` numbers of at most `peak`: their multiples add up to less than 2^24. 0 where all are 0. */
static inline double pp_regrid_unit(double peak, int count)
{
    int exponent, room;
    if (!(peak > 0) || isinf(peak)) return 0;
    (void)frexp(peak, &exponent); /* peak < 2^exponent */
    (void)frexp((double)count, &room);
    return ldexp(1.0, exponent + room - 23);
}

#endif
