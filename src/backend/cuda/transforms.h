/* cuFFT's plans: batches of contiguous transforms, whose working memory is the pool's, so that it is counted and shared.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_CUDA_TRANSFORMS_H
#define PP_CUDA_TRANSFORMS_H

#include <cufft.h>

#include "backend/cuda/device.h"

namespace PP_DEVICE
{

PP_MUST_CHECK pp_status fft_check(cufftResult code, const char *call, const char *file, int line);
#define PP_CHECK_FFT(call) PP_DEVICE::fft_check((call), #call, __FILE__, __LINE__)

/** `batch` transforms of n (rank 1) or n x n (rank 2), complex, in place. It has no working memory yet; *bytes becomes as large as this
 *  plan's at least. */
PP_MUST_CHECK pp_status make_transforms(int rank, int64_t n, int64_t batch, size_t *bytes,
                                        cufftHandle *out);
/** A function that a transform fetches its elements through: its name in its image. One image a function: cuFFT links the image again
 *  for each callback. */
struct load_callback {
    const char *name;
    const void *image;
    size_t bytes;
};
/** The same, n x n, elements fetched through a callback: PP_ERR_RESOURCE where cuFFT or what it needs for that does not take it. info: the
 *  device address that the callback gets. Name, image and *info stay where they are. */
PP_MUST_CHECK pp_status make_loading_transforms(int64_t n, int64_t batch, const load_callback &load,
                                                void **info, size_t *bytes, cufftHandle *out);
/** Plans of one stream take turns in `memory`, which is `take`n here and the caller's to give; handles below 0 are none. */
PP_MUST_CHECK pp_status share_room(const cufftHandle *plans, int count, size_t bytes,
                                   char **memory);

} // namespace PP_DEVICE
#endif
