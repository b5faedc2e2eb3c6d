/* The image of load_residual: cuFFT looks the name up without a namespace.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "backend/cuda/callbacks.h"

__device__ cufftComplex pp_load_residual(void *in, unsigned long long offset, void *info,
                                         void *shared)
{
    return PP_DEVICE::load_residual(in, offset, info, shared);
}
