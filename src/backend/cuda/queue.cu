/* Queues and pools of memory, see device.h.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <algorithm>
#include <map>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "backend/cuda/device.h"

namespace PP_DEVICE
{
namespace
{

enum { DEVICES = 64 };

/* Larger blocks go back to the device at once: a pool would hold memory that another view needs in other pieces. */
constexpr size_t largest_pooled = size_t(64) << 20;

struct queue {
    int device = 0;
    cudaStream_t stream = nullptr, aside = nullptr;
    bool away = false;                  /* work goes aside */
    std::multimap<size_t, void *> free; /* given back, by size */
};

struct block {
    size_t bytes;
    int device; /* -1: pinned host memory */
};

/* All of it lives to the end of the program, past the runtime's own end: never destroyed. */
struct everything {
    std::mutex lock;
    std::vector<queue *> idle[DEVICES], all[DEVICES];
    std::unordered_map<void *, block> taken;
    std::multimap<size_t, void *> pinned;
    double bytes = 0, of[DEVICES] = {},
           most[DEVICES] = {}; /* taken: in all, on each, and at most */
};

everything &shared()
{
    static everything *const one = new everything;
    return *one;
}

/* A thread's queues; given on when it ends, without a call of the runtime. */
struct mine_t {
    queue *of[DEVICES] = {};
    cudaError_t failed = cudaSuccess;
    ~mine_t()
    {
        everything &s = shared();
        const std::lock_guard<std::mutex> hold(s.lock);
        for (int d = 0; d < DEVICES; d++)
            if (of[d]) s.idle[d].push_back(of[d]);
    }
};

mine_t &mine()
{
    thread_local mine_t one;
    return one;
}

cudaError_t find(int device, queue **out)
{
    everything &s = shared();
    queue *&slot = mine().of[device];
    const std::lock_guard<std::mutex> hold(s.lock);
    if (!slot && !s.idle[device].empty()) {
        slot = s.idle[device].back();
        s.idle[device].pop_back();
    }
    if (!slot) {
        cudaStream_t made = nullptr;
        const cudaError_t code = cudaStreamCreateWithFlags(&made, cudaStreamNonBlocking);
        if (code != cudaSuccess) return code;
        slot = new queue;
        slot->device = device, slot->stream = made;
        s.all[device].push_back(slot);
    }
    *out = slot;
    return cudaSuccess;
}

cudaError_t this_queue(queue **out)
{
    int device = 0;
    const cudaError_t code = cudaGetDevice(&device);
    if (code != cudaSuccess) return code;
    return device < DEVICES ? find(device, out) : cudaErrorInvalidDevice;
}

/* Sizes of a pool: steps of an eighth, so that blocks are found again; on mock exact ones, so that an index past the end faults. */
size_t rounded(size_t bytes)
{
    size_t step = 256;
#ifndef PP_MOCK
    while (step * 16 < bytes) step *= 2;
#endif
    return bytes < 1 ? step : (bytes + step - 1) / step * step;
}

/* Gives all that the device's pools hold back to it. The lock is not held where the runtime may wait for the device, whose work
 * may wait for another device's: that one's thread needs the lock to get there. */
void empty_pools(everything *s, int device)
{
    std::vector<void *> blocks;
    {
        const std::lock_guard<std::mutex> hold(s->lock);
        for (queue *q : s->all[device]) {
            for (const auto &entry : q->free) blocks.push_back(entry.second);
            q->free.clear();
        }
    }
    for (void *block : blocks) (void)cudaFree(block);
}

cudaError_t fresh(everything *s, int device, size_t bytes, void **out)
{
    cudaError_t code = cudaMalloc(out, bytes);
    if (code != cudaErrorMemoryAllocation) return code;
    (void)cudaGetLastError(); /* not an error of what follows */
    empty_pools(s, device);
    code = cudaMalloc(out, bytes);
    if (code == cudaErrorMemoryAllocation) (void)cudaGetLastError();
    return code;
}

/* A block that has been used before is as undefined as a fresh one: on mock it shows. */
cudaError_t spoil(void *memory, size_t bytes, cudaStream_t stream)
{
#ifdef PP_MOCK
    return cudaMemsetAsync(memory, 0xff, bytes, stream);
#else
    (void)memory, (void)bytes, (void)stream;
    return cudaSuccess;
#endif
}

pp_status full(size_t bytes)
{
    size_t available = 0, whole = 0;
    (void)cudaMemGetInfo(&available, &whole);
    return PP_FAIL(PP_ERR_RESOURCE,
                   PP_TABLE_NAME
                   ": %.1f MB of device memory asked for, %.1f of %.1f MB are free: set "
                   "keep_far_field = \"no\", or use more devices for a view",
                   static_cast<double>(bytes) / 1e6, static_cast<double>(available) / 1e6,
                   static_cast<double>(whole) / 1e6);
}

} // namespace

pp_status this_stream(cudaStream_t *out)
{
    queue *q = nullptr;
    PP_TRY(PP_CHECK(this_queue(&q)));
    *out = q->away ? q->aside : q->stream;
    return PP_OK;
}

pp_status make_urgent_stream(cudaStream_t *out)
{
    int least = 0, greatest = 0;
    PP_TRY(PP_CHECK(cudaDeviceGetStreamPriorityRange(&least, &greatest)));
    return PP_CHECK(cudaStreamCreateWithPriority(out, cudaStreamNonBlocking, greatest));
}

pp_status go_aside(cudaEvent_t ready)
{
    queue *q = nullptr;
    PP_TRY(PP_CHECK(this_queue(&q)));
    if (!q->aside) PP_TRY(make_urgent_stream(&q->aside));
    PP_TRY(PP_CHECK(cudaStreamWaitEvent(q->aside, ready, 0)));
    q->away = true;
    return PP_OK;
}

pp_status come_back(cudaEvent_t done)
{
    queue *q = nullptr;
    for (queue *each : mine().of) /* also where the device is lost and does not tell which it is */
        if (each) each->away = false;
    PP_TRY(PP_CHECK(this_queue(&q)));
    PP_TRY(PP_CHECK(cudaEventRecord(done, q->aside)));
    return PP_CHECK(cudaStreamWaitEvent(q->stream, done, 0));
}

cudaStream_t stream()
{
    queue *q = nullptr;
    const cudaError_t code = this_queue(&q);
    if (code == cudaSuccess) return q->away ? q->aside : q->stream;
    mine().failed = code;
    return nullptr;
}

void remember_failure()
{
    const cudaError_t code = cudaGetLastError();
    mine().failed = code != cudaSuccess ? code : cudaErrorMemoryAllocation;
}

pp_status launched()
{
    const cudaError_t failed = mine().failed, last = cudaGetLastError(); /* both are told now */
    mine().failed = cudaSuccess;
    PP_TRY(check(failed, "the queue of this thread", __FILE__, __LINE__));
    return check(last, "cudaGetLastError()", __FILE__, __LINE__);
}

pp_status settle()
{
    cudaStream_t q = nullptr;
    const pp_status before = launched();
    const pp_status chosen = before == PP_OK ? this_stream(&q) : PP_OK;
    if (before == PP_OK && chosen == PP_OK) {
        PP_TRY(PP_CHECK(cudaStreamSynchronize(q)));
        return launched();
    }
    /* also on the way out: what was enqueued reads host memory that its owner frees next */
    queue *mine_still = nullptr;
    if (this_queue(&mine_still) == cudaSuccess) (void)cudaStreamSynchronize(mine_still->stream);
    return before != PP_OK ? before : chosen;
}

pp_status take(size_t bytes, void **out)
{
    everything &s = shared();
    queue *q = nullptr;
    const size_t size = rounded(bytes);
    PP_TRY(PP_CHECK(this_queue(&q)));
    if (q->away) /* the pool's blocks are the first queue's */
        return PP_FAIL(PP_ERR_RUN, PP_TABLE_NAME ": memory is taken aside");
    std::unique_lock<std::mutex> hold(s.lock);
    void *memory = nullptr;
    const auto found = q->free.find(size);
    cudaError_t code = cudaSuccess;
    if (found != q->free.end()) {
        memory = found->second;
        q->free.erase(found);
        code = spoil(memory, size, q->stream);
    } else {
        hold.unlock();
        code = fresh(&s, q->device, size, &memory);
        hold.lock();
    }
    if (code == cudaErrorMemoryAllocation) hold.unlock();
    if (code == cudaErrorMemoryAllocation) return full(bytes);
    PP_TRY(PP_CHECK(code));
    s.taken[memory] = {size, q->device};
    s.bytes += static_cast<double>(size);
    s.of[q->device] += static_cast<double>(size);
    s.most[q->device] = std::max(s.most[q->device], s.of[q->device]);
    *out = memory;
    return PP_OK;
}

void give(void *memory)
{
    everything &s = shared();
    if (!memory) return;
    std::unique_lock<std::mutex> hold(s.lock);
    const auto found = s.taken.find(memory);
    if (found == s.taken.end() || found->second.device < 0) return;
    const block b = found->second;
    s.taken.erase(found);
    s.bytes -= static_cast<double>(b.bytes), s.of[b.device] -= static_cast<double>(b.bytes);
    queue *const q = mine().of[b.device];
    if (q && b.bytes <= largest_pooled) {
        q->free.emplace(b.bytes, memory);
        return;
    }
    hold.unlock();
    (void)cudaFree(memory); /* waits for the device */
}

pp_status take_pinned(size_t bytes, void **out)
{
    everything &s = shared();
    const size_t size = rounded(bytes);
    const std::lock_guard<std::mutex> hold(s.lock);
    void *memory = nullptr;
    const auto found = s.pinned.find(size);
    if (found != s.pinned.end()) {
        memory = found->second;
        s.pinned.erase(found);
    } else {
        const cudaError_t code = cudaMallocHost(&memory, size);
        if (code != cudaSuccess) (void)cudaGetLastError();
        PP_TRY(check(code, "cudaMallocHost", __FILE__, __LINE__));
    }
    s.taken[memory] = {size, -1};
    *out = memory;
    return PP_OK;
}

void give_pinned(void *memory)
{
    everything &s = shared();
    if (!memory) return;
    const std::lock_guard<std::mutex> hold(s.lock);
    const auto found = s.taken.find(memory);
    if (found == s.taken.end() || found->second.device >= 0) return;
    const size_t bytes = found->second.bytes;
    s.taken.erase(found);
    if (bytes <= largest_pooled)
        s.pinned.emplace(bytes, memory);
    else
        (void)cudaFreeHost(memory);
}

pp_status room(double *available, double *whole)
{
    everything &s = shared();
    size_t now = 0, all = 0;
    int device = 0;
    PP_TRY(PP_CHECK(cudaGetDevice(&device)));
    PP_TRY(PP_CHECK(cudaMemGetInfo(&now, &all)));
    const std::lock_guard<std::mutex> hold(s.lock);
    *available = static_cast<double>(now), *whole = static_cast<double>(all);
    for (const queue *q : s.all[device])
        for (const auto &entry : q->free) *available += static_cast<double>(entry.first);
    return PP_OK;
}

double bytes_taken()
{
    everything &s = shared();
    const std::lock_guard<std::mutex> hold(s.lock);
    return s.bytes;
}

double most_taken(int device)
{
    everything &s = shared();
    const std::lock_guard<std::mutex> hold(s.lock);
    const double most = s.most[device];
    s.most[device] = s.of[device];
    return most;
}

} // namespace PP_DEVICE
