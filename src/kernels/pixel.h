/* One detector pixel: whether it was measured, and its intensity along a line. Far field far + h F1 + h^2 F2 around the line
 * parameter `at` gives I(at + h) = a + h (b + h (c + h (d + h e))); modes add up in b to e.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_KERNEL_PIXEL_H
#define PP_KERNEL_PIXEL_H

#include <polyptych/types.h>

#include "kernels/host_device.h"
#include "kernels/likelihood.h"

/** 1 where the frame's pixel was measured; 65535 and NaN are not. */
static PP_HD int pp_measured_u16(uint16_t value)
{
    return value != 65535;
}

static PP_HD int pp_measured_f32(float value)
{
    return value >= 0.0f; /* false for NaN */
}

/** Darkest intensity whose phase is taken as known; dark: the relative modulus. */
static PP_HD float pp_dark_limit(float largest, float dark)
{
    const float limit = dark * dark * largest;
    return limit > 0.0f ? limit : 1e-30f;
}

static PP_HD float pp_intensity(pp_c32 f)
{
    return f.re * f.re + f.im * f.im;
}

/** poisson: else amplitude. */
static PP_HD float pp_pixel_cost(int poisson, float inten, float d)
{
    return poisson ? pp_poisson_cost(inten, d) : pp_amplitude_cost(inten, d);
}

static PP_HD float pp_pixel_ratio(int poisson, float inten, float d)
{
    return poisson ? pp_poisson_ratio(inten, d) : pp_amplitude_ratio(inten, d);
}

/** Adds one mode's part where F2 = 0. */
static PP_HD void pp_line_add_linear(float *b, float *c, pp_c32 f, pp_c32 g)
{
    *b += 2.0f * (f.re * g.re + f.im * g.im);
    *c += g.re * g.re + g.im * g.im;
}

/** bcde: the four coefficients. */
static PP_HD void pp_line_add_square(float *b, float *c, float *d, float *e, const pp_c32 fgh[3],
                                     float at)
{
    const pp_c32 f = fgh[0], g = fgh[1], h = fgh[2];
    const float re = g.re + 2.0f * at * h.re, im = g.im + 2.0f * at * h.im;
    *b += 2.0f * (f.re * re + f.im * im);
    *c += re * re + im * im + 2.0f * (f.re * h.re + f.im * h.im);
    *d += 2.0f * (re * h.re + im * h.im);
    *e += h.re * h.re + h.im * h.im;
}

/** I(at + h), not below 0. bcde: the four coefficients. */
static PP_HD float pp_line_intensity(float a, const float bcde[4], float h)
{
    const float v = a + h * (bcde[0] + h * (bcde[1] + h * (bcde[2] + h * bcde[3])));
    return v > 0.0f ? v : 0.0f;
}

#endif
