/* cuFFT's calls through the CPU's FFT.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>
#include <numeric>
#include <vector>

extern "C" {
#include "backend/fft.h"
}
#include "cufftXt.h"

using namespace pp_emulation;

namespace
{

/* As it is set; linked when the plan is made. */
struct callback {
    const char *name = nullptr;
    const pp_mock_callback *image = nullptr;
    size_t bytes = 0;
    void **info = nullptr;
};

struct plan {
    pp_fft *there = nullptr, *back = nullptr;
    size_t one = 0, batch = 0; /* elements of a transform; transforms */
    cudaStream_t stream = nullptr;
    bool automatic = true; /* the work area is cuFFT's own: none here */
    void *room = nullptr;
    callback load;
    cufftJITCallbackLoadC function = nullptr; /* linked; NULL: loads its input as it is */
    void *info = nullptr;
    ~plan()
    {
        pp_fft_free(&there);
        pp_fft_free(&back);
    }
};

std::mutex lock;
std::vector<std::shared_ptr<plan>> plans;
std::atomic<bool> missing_linker{false};
std::atomic<size_t> calls{0};

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

cufftResult link(plan *p)
{
    const callback &c = p->load;
    if (!c.name) return CUFFT_SUCCESS;
    if (missing_linker) return CUFFT_MISSING_DEPENDENCY;
    if (c.bytes != sizeof *c.image || strcmp(c.image->name, c.name) != 0)
        return CUFFT_NVJITLINK_FAILURE;
    p->function = c.image->function;
    p->info = c.info ? *c.info : nullptr;
    return CUFFT_SUCCESS;
}

/* Which element the i-th of `count` calls is for: a stride that has no factor in common with count. */
struct shuffle {
    size_t count, stride, start;
    explicit shuffle(size_t count_)
        : count(count_), stride(count_ / 3 + 1), start(calls.fetch_add(7919))
    {
        while (std::gcd(stride, count) != 1) stride++;
    }
    size_t operator[](size_t i) const { return (i % count * stride + start) % count; }
};

pp_c32 element(const plan &p, void *in, size_t k)
{
    const cufftComplex value = p.function(in, k, p.info, nullptr);
    return {value.x, value.y};
}

/* All elements through the callback, in device work of the stream. */
std::shared_ptr<std::vector<pp_c32>> load_all(const std::shared_ptr<plan> &p, cufftComplex *in,
                                              cufftComplex *out)
{
    const size_t count = p->one * p->batch;
    const auto loaded = std::make_shared<std::vector<pp_c32>>(count);
    const shuffle order(count);
    const float gone = std::nanf("");
    if (in != out)
        enqueue(p->stream, "fft", [=] { memset(other_mapping(out), 0xff, count * sizeof *out); });
    launch({p->load.name, static_cast<unsigned>((count + 255) / 256), 256, 0, 1}, p->stream, [=] {
        const size_t i = size_t(now->block.x) * 256 + now->thread.x;
        if (i >= count) return;
        (*loaded)[order[i]] = element(*p, in, order[i]);
        if (in == out) out[order[i]] = {gone, gone};
    });
    return loaded;
}

} // namespace

namespace pp_emulation
{

void refuse_callbacks(bool refuse)
{
    missing_linker = refuse;
}

} // namespace pp_emulation

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
    const cufftResult linked = link(p.get());
    if (linked != CUFFT_SUCCESS) return linked;
    return pp_fft_create(rank, shape, 1, -1, &p->there) == PP_OK &&
                   pp_fft_create(rank, shape, 1, 1, &p->back) == PP_OK
               ? CUFFT_SUCCESS
               : CUFFT_SETUP_FAILED;
}

cufftResult cufftXtSetJITCallback(cufftHandle number, const char *name, const void *image,
                                  size_t image_bytes, cufftXtCallbackType type, void **info)
{
    const auto p = find(number);
    if (!p || p->there) return CUFFT_INVALID_PLAN;
    if (type != CUFFT_CB_LD_COMPLEX) return CUFFT_NOT_IMPLEMENTED;
    if (!name || !image) return CUFFT_INVALID_VALUE;
    p->load = {name, static_cast<const pp_mock_callback *>(image), image_bytes, info};
    return CUFFT_SUCCESS;
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
    const auto loaded = p->function ? load_all(p, in, out) : nullptr;
    enqueue(p->stream, "fft", [=] {
        const size_t bytes = p->one * sizeof(pp_c32);
        if (room) memset(other_mapping(room), 0xff, p->batch * bytes);
        auto to = static_cast<char *>(other_mapping(out));
        if (loaded)
            memcpy(to, loaded->data(), p->batch * bytes);
        else if (in != out)
            memcpy(to, other_mapping(in), p->batch * bytes);
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
