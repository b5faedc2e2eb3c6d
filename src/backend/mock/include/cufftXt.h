/* The part of cuFFT's callbacks that src/backend/cuda uses. Here an image is a function of the host and its name.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_MOCK_CUFFTXT_H
#define PP_MOCK_CUFFTXT_H

#include "cufft.h"

enum cufftXtCallbackType { CUFFT_CB_LD_COMPLEX = 0x0, CUFFT_CB_ST_COMPLEX = 0x4 };
typedef cufftComplex (*cufftJITCallbackLoadC)(void *in, unsigned long long offset, void *info,
                                              void *shared);

struct pp_mock_callback {
    const char *name;
    cufftJITCallbackLoadC function;
};

#define cufftXtSetJITCallback PP_MOCK_RENAME(cufftXtSetJITCallback)

extern "C" {
/** Load callbacks of plans that are not made yet. As cuFFT does, it reads name, image and *info when the plan is made. The callback then is
 *  called once for each element, in an order of its own, as a kernel of that name: its loads are counted. Meanwhile the output is NaN, and
 *  in place an element that has been loaded is: cuFFT may write there before it has loaded the next. */
cufftResult cufftXtSetJITCallback(cufftHandle plan, const char *name, const void *image,
                                  size_t image_bytes, cufftXtCallbackType type, void **info);
}

#endif
