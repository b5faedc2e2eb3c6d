/* SPDX-License-Identifier: BSD-3-Clause */
#include "backend/cuda/transforms.h"

#include <cufftXt.h>

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

/* Not every cuFFT knows its callbacks, and those that do look for other libraries when the plan is made. */
pp_status refused(const load_callback &load, cufftResult code)
{
    const int number = static_cast<int>(code);
    const char *const why = number == 0x10   ? ": this cuFFT has none"
                            : number == 0x11 ? ": libnvJitLink, or a library like it, was not found"
                            : number == 0x12 ? ": NVRTC failed"
                            : number == 0x13 ? ": nvJitLink failed"
                                             : "";
    return PP_FAIL(PP_ERR_RESOURCE,
                   PP_TABLE_NAME ": cuFFT does not take the callback %s (error %d%s); separate "
                                 "kernels do the same without it",
                   load.name, number, why);
}

cufftResult set_callback(cufftHandle plan, const load_callback &load, void **info)
{
#if defined(PP_MOCK) || CUFFT_VERSION >= 11300
    return cufftXtSetJITCallback(plan, load.name, load.image, load.bytes, CUFFT_CB_LD_COMPLEX,
                                 info);
#else
    (void)plan, (void)load, (void)info;
    return static_cast<cufftResult>(0x10);
#endif
}

/* In this order: a callback is set before its plan is made, and linked when it is made. */
pp_status make_loading_plan(cufftHandle plan, int64_t n, int64_t batch, const load_callback &load,
                            void **info, size_t *bytes)
{
    int size[2] = {static_cast<int>(n), static_cast<int>(n)};
    const int whole = size[0] * size[1];
    size_t needed = 0;
    const cufftResult set = set_callback(plan, load, info);
    if (set != CUFFT_SUCCESS) return refused(load, set);
    PP_TRY(PP_CHECK_FFT(cufftSetAutoAllocation(plan, 0)));
    const cufftResult made = cufftMakePlanMany(plan, 2, size, nullptr, 1, whole, nullptr, 1, whole,
                                               CUFFT_C2C, static_cast<int>(batch), &needed);
    if (made != CUFFT_SUCCESS) return refused(load, made);
    if (needed > *bytes) *bytes = needed;
    return PP_OK;
}

pp_status keep_plan(cufftHandle plan, pp_status status, cufftHandle *out)
{
    if (status == PP_OK)
        *out = plan;
    else
        (void)cufftDestroy(plan);
    return status;
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
    return keep_plan(
        plan, make_plan(plan, rank, static_cast<int>(n), static_cast<int>(batch), bytes), out);
}

pp_status make_loading_transforms(int64_t n, int64_t batch, const load_callback &load, void **info,
                                  size_t *bytes, cufftHandle *out)
{
    cufftHandle plan = 0;
    PP_TRY(PP_CHECK_FFT(cufftCreate(&plan)));
    return keep_plan(plan, make_loading_plan(plan, n, batch, load, info, bytes), out);
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
