/* Complex products of single precision, written out: C's own check for NaN at every product.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_KERNEL_COMPLEX_H
#define PP_KERNEL_COMPLEX_H

#include <polyptych/types.h>

#include "kernels/host_device.h"

static PP_HD pp_c32 pp_mul(pp_c32 a, pp_c32 b)
{
    const pp_c32 c = {a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
    return c;
}

/** conj(a) b */
static PP_HD pp_c32 pp_cmul(pp_c32 a, pp_c32 b)
{
    const pp_c32 c = {a.re * b.re + a.im * b.im, a.re * b.im - a.im * b.re};
    return c;
}

static PP_HD pp_c32 pp_add(pp_c32 a, pp_c32 b)
{
    const pp_c32 c = {a.re + b.re, a.im + b.im};
    return c;
}

static PP_HD pp_c32 pp_times(float s, pp_c32 a)
{
    const pp_c32 c = {s * a.re, s * a.im};
    return c;
}

#endif
