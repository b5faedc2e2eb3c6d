/* cuFFT's calls through the CPU's FFT.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>
#include <vector>

extern "C" {
#include "backend/fft.h"
}
#include "cufft.h"

using namespace pp_emulation;

namespace
{

struct plan {
    pp_fft *there = nullptr, *back = nullptr;
    size_t one = 0, batch = 0; /* elements of a transform; transforms */
    cudaStream_t stream = nullptr;
    bool automatic = true; /* the work area is cuFFT's own: none here */
    void *room = nullptr;
    ~plan()
    {
        pp_fft_free(&there);
        pp_fft_free(&back);
    }
};

std::mutex lock;
std::vector<std::shared_ptr<plan>> plans;

std::shared_ptr<plan> find(cufftHandle number)
{
    std::lock_guard<std::mutex> hold(lock);
    return number > 0 && static_cast<size_t>(number) <= plans.size()
               ? plans[static_cast<size_t>(number) - 1]
               : nullptr;
}

/* One transform at a time, so that its bits do not depend on the batch. Plans are for aligned data. */
void run_one(const pp_fft *fft, void *data, size_t bytes)
{
    if (reinterpret_cast<uintptr_t>(data) % 64 == 0) {
        pp_fft_run(fft, static_cast<pp_c32 *>(data));
        return;
    }
    void *room = aligned_alloc(64, (bytes + 63) / 64 * 64);
    memcpy(room, data, bytes);
    pp_fft_run(fft, static_cast<pp_c32 *>(room));
    memcpy(data, room, bytes);
    free(room);
}

} // namespace

extern "C" {

cufftResult cufftCreate(cufftHandle *out)
{
    std::lock_guard<std::mutex> hold(lock);
    plans.push_back(std::make_shared<plan>());
    *out = static_cast<int>(plans.size());
    return CUFFT_SUCCESS;
}

cufftResult cufftSetAutoAllocation(cufftHandle number, int automatic)
{
    const auto p = find(number);
    if (!p || p->there) return CUFFT_INVALID_PLAN;
    p->automatic = automatic != 0;
    return CUFFT_SUCCESS;
}

cufftResult cufftMakePlanMany(cufftHandle number, int rank, int *n, int *inembed, int istride,
                              int idist, int *onembed, int ostride, int odist, cufftType type,
                              int batch, size_t *bytes)
{
    const auto p = find(number);
    if (!p || p->there) return CUFFT_INVALID_PLAN;
    if (type != CUFFT_C2C) return CUFFT_INVALID_TYPE;
    if (rank < 1 || rank > 2 || batch < 1) return CUFFT_INVALID_SIZE;
    int64_t shape[2], whole = 1;
    for (int k = 0; k < rank; k++) whole *= shape[k] = n[k];
    const bool contiguous = (!inembed && !onembed) ||
                            (istride == 1 && ostride == 1 && idist == whole && odist == whole);
    if (!contiguous) return CUFFT_INVALID_VALUE;
    p->one = static_cast<size_t>(whole), p->batch = static_cast<size_t>(batch);
    *bytes = p->one * p->batch * sizeof(pp_c32);
    return pp_fft_create(rank, shape, 1, -1, &p->there) == PP_OK &&
                   pp_fft_create(rank, shape, 1, 1, &p->back) == PP_OK
               ? CUFFT_SUCCESS
               : CUFFT_SETUP_FAILED;
}

cufftResult cufftPlanMany(cufftHandle *out, int rank, int *n, int *inembed, int istride, int idist,
                          int *onembed, int ostride, int odist, cufftType type, int batch)
{
    cufftHandle number = 0;
    size_t bytes = 0;
    (void)cufftCreate(&number);
    const cufftResult result = cufftMakePlanMany(number, rank, n, inembed, istride, idist, onembed,
                                                 ostride, odist, type, batch, &bytes);
    if (result == CUFFT_SUCCESS)
        *out = number;
    else
        (void)cufftDestroy(number);
    return result;
}

cufftResult cufftSetWorkArea(cufftHandle number, void *memory)
{
    const auto p = find(number);
    if (!p || !p->there || p->automatic) return CUFFT_INVALID_PLAN;
    if (!is_device_memory(memory, nullptr)) return CUFFT_INVALID_VALUE;
    p->room = memory;
    return CUFFT_SUCCESS;
}

cufftResult cufftSetStream(cufftHandle number, cudaStream_t stream)
{
    const auto p = find(number);
    if (!p) return CUFFT_INVALID_PLAN;
    p->stream = stream;
    return CUFFT_SUCCESS;
}

cufftResult cufftExecC2C(cufftHandle number, cufftComplex *in, cufftComplex *out, int direction)
{
    const auto p = find(number);
    if (!p || !p->there || !(p->automatic || p->room)) return CUFFT_INVALID_PLAN;
    void *const room = p->room;
    if (!is_device_memory(in, nullptr) || !is_device_memory(out, nullptr))
        return CUFFT_INVALID_VALUE;
    enqueue(p->stream, "fft", [=] {
        const size_t bytes = p->one * sizeof(pp_c32);
        if (room) memset(other_mapping(room), 0xff, p->batch * bytes);
        auto to = static_cast<char *>(other_mapping(out));
        if (in != out) memcpy(to, other_mapping(in), p->batch * bytes);
        for (size_t k = 0; k < p->batch; k++)
            run_one(direction == CUFFT_FORWARD ? p->there : p->back, to + k * bytes, bytes);
    });
    return CUFFT_SUCCESS;
}

cufftResult cufftDestroy(cufftHandle number)
{
    std::lock_guard<std::mutex> hold(lock);
    if (number < 1 || static_cast<size_t>(number) > plans.size() ||
        !plans[static_cast<size_t>(number) - 1])
        return CUFFT_INVALID_PLAN;
    plans[static_cast<size_t>(number) - 1] = nullptr; /* queued work keeps its own share */
    return CUFFT_SUCCESS;
}

cufftResult cufftGetVersion(int *version)
{
    *version = 0;
    return CUFFT_SUCCESS;
}
}
