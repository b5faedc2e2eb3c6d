/* Registration of two images: the translation at which their cross-correlation is largest, to a small part of a pixel.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_REGISTER_H
#define PP_REGISTER_H

#include <polyptych/status.h>

/** The shift (y, x) that moves image b [ny][nx] onto a: b(r - s) is nearest to a(r). Images are periodic. The largest value
 *  of the correlation on the grid, then Newton's method on its Fourier series. */
PP_MUST_CHECK pp_status pp_register(int64_t ny, int64_t nx, const float *a, const float *b,
                                    double shift[2]);

#endif
