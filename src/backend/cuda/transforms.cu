/* SPDX-License-Identifier: BSD-3-Clause */
#include "backend/cuda/transforms.h"

namespace PP_DEVICE
{
namespace
{

pp_status make_plan(cufftHandle plan, int rank, int n, int batch, size_t *bytes)
{
    int size[2] = {n, n};
    const int whole = rank == 2 ? n * n : n;
    size_t needed = 0;
    PP_TRY(PP_CHECK_FFT(cufftSetAutoAllocation(plan, 0)));
    PP_TRY(PP_CHECK_FFT(cufftMakePlanMany(plan, rank, size, nullptr, 1, whole, nullptr, 1, whole,
                                          CUFFT_C2C, batch, &needed)));
    if (needed > *bytes) *bytes = needed;
    return PP_OK;
}

} // namespace

pp_status fft_check(cufftResult code, const char *call, const char *file, int line)
{
    if (code == CUFFT_SUCCESS) return PP_OK;
    pp_fail(file, line, PP_ERR_RESOURCE, PP_TABLE_NAME ": cuFFT error %d in %s",
            static_cast<int>(code), call);
    return PP_ERR_RESOURCE;
}

pp_status make_transforms(int rank, int64_t n, int64_t batch, size_t *bytes, cufftHandle *out)
{
    cufftHandle plan = 0;
    PP_TRY(PP_CHECK_FFT(cufftCreate(&plan)));
    const pp_status status =
        make_plan(plan, rank, static_cast<int>(n), static_cast<int>(batch), bytes);
    if (status == PP_OK)
        *out = plan;
    else
        (void)cufftDestroy(plan);
    return status;
}

pp_status share_room(const cufftHandle *plans, int count, size_t bytes, char **memory)
{
    if (bytes == 0) return PP_OK;
    PP_TRY(take(bytes, memory));
    for (int k = 0; k < count; k++)
        if (plans[k] >= 0) PP_TRY(PP_CHECK_FFT(cufftSetWorkArea(plans[k], *memory)));
    return PP_OK;
}

} // namespace PP_DEVICE
