/* cuFFT's calls through the CPU's FFT.
 * SPDX-License-Identifier: BSD-3-Clause */
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
    size_t count = 0; /* elements in all */
    cudaStream_t stream = nullptr;
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

} // namespace

extern "C" {

cufftResult cufftPlanMany(cufftHandle *out, int rank, int *n, int *inembed, int istride, int idist,
                          int *onembed, int ostride, int odist, cufftType type, int batch)
{
    if (type != CUFFT_C2C) return CUFFT_INVALID_TYPE;
    if (rank < 1 || rank > 2 || batch < 1) return CUFFT_INVALID_SIZE;
    int64_t shape[2], whole = 1;
    for (int k = 0; k < rank; k++) whole *= shape[k] = n[k];
    const bool contiguous = (!inembed && !onembed) ||
                            (istride == 1 && ostride == 1 && idist == whole && odist == whole);
    if (!contiguous) return CUFFT_INVALID_VALUE;
    auto made = std::make_shared<plan>();
    made->count = static_cast<size_t>(whole * batch);
    if (pp_fft_create(rank, shape, batch, -1, &made->there) != PP_OK ||
        pp_fft_create(rank, shape, batch, 1, &made->back) != PP_OK)
        return CUFFT_SETUP_FAILED;
    std::lock_guard<std::mutex> hold(lock);
    plans.push_back(made);
    *out = static_cast<int>(plans.size());
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
    if (!p) return CUFFT_INVALID_PLAN;
    if (!is_device_memory(in, nullptr) || !is_device_memory(out, nullptr))
        return CUFFT_INVALID_VALUE;
    enqueue(p->stream, "fft", [=] {
        auto to = static_cast<pp_c32 *>(other_mapping(out));
        if (in != out) memcpy(to, other_mapping(in), p->count * sizeof(pp_c32));
        pp_fft_run(direction == CUFFT_FORWARD ? p->there : p->back, to);
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
