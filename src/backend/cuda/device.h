/* What the sources of this folder share: launches, shared memory, checked runtime calls, queues and memory. PP_DEVICE is the
 * namespace, pp_cuda or pp_mock; the emulation's cuda_runtime.h brings its own PP_LAUNCH and PP_SHARED.
 *
 * Order of work. A host thread has one queue (a stream that waits for no other) on each device that it drives; which device is
 * current is the runtime's own setting of that thread (cudaSetDevice). Everything that this folder does is enqueued on the calling
 * thread's queue and returns at once. Only these wait: upload and download (for the whole queue), functions that return a
 * number, and settle. So within a thread no event and no wait is needed. Where another thread, stream or device is to read what this queue
 * writes, either the writer settles first, or it records an event that the other one's stream waits for.
 *
 * Memory is taken from and given back to the calling thread's queue: what is given back may be taken again at once, because its
 * last work is ahead in the same queue. A thread that gives back what another thread's queue has used has that one settle first.
 * Queues and what their pools hold stay to the end of the program; a thread that ends leaves its queues to the next one. When a
 * device is full its pools are emptied before an allocation fails.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_DEVICE_H
#define PP_DEVICE_H

#include <cuda_runtime.h>

#include "backend/cuda/cuda.h"

#ifdef PP_MOCK
#define PP_TABLE pp_backend_mock
#define PP_TABLE_NAME "mock"
#define PP_UNROLL
#else
#define PP_TABLE pp_backend_cuda
#define PP_TABLE_NAME "cuda"
#define PP_UNROLL _Pragma("unroll")
#define PP_LAUNCH(kernel, grid, block, shared_bytes, stream, ...)                                  \
    kernel<<<(grid), (block), (shared_bytes), (stream)>>>(__VA_ARGS__)
extern __shared__ double2 pp_shared_bytes[];
/* Slices start at multiples of 16 bytes. */
#define PP_SHARED_BEGIN size_t pp_shared_cursor = 0
#define PP_SHARED(type, name, count)                                                               \
    type *name =                                                                                   \
        reinterpret_cast<type *>(reinterpret_cast<char *>(pp_shared_bytes) + pp_shared_cursor);    \
    pp_shared_cursor += (sizeof(type) * (count) + 15) / 16 * 16
#endif

/** PP_OK, or the failure of a runtime call as PP_ERR_RESOURCE. */
#define PP_CHECK(call) PP_DEVICE::check((call), #call, __FILE__, __LINE__)

namespace PP_DEVICE
{
/* Kernels reach the arrays that their traffic is told by (docs/performance.md) through load and store: on mock they count bytes. */
#ifdef PP_MOCK
template <class T> inline T load(const T *p)
{
    pp_emulation::count_load(sizeof(T));
    return *p;
}
template <class T> inline void store(T *p, T value)
{
    pp_emulation::count_store(sizeof(T));
    *p = value;
}
#else
template <class T> __device__ __forceinline__ T load(const T *p)
{
    return *p;
}
template <class T> __device__ __forceinline__ void store(T *p, T value)
{
    *p = value;
}
/* In one access of eight bytes: device memory is aligned. */
template <> __device__ __forceinline__ pp_c32 load(const pp_c32 *p)
{
    const float2 v = *reinterpret_cast<const float2 *>(p);
    return {v.x, v.y};
}
template <> __device__ __forceinline__ void store(pp_c32 *p, pp_c32 value)
{
    *reinterpret_cast<float2 *>(p) = make_float2(value.re, value.im);
}
#endif

PP_MUST_CHECK pp_status check(cudaError_t code, const char *call, const char *file, int line);

/** The calling thread's queue on its current device, made at first use. */
PP_MUST_CHECK pp_status this_stream(cudaStream_t *out);
/** The same where there is no status to return: a failure shows at the next settle. */
cudaStream_t stream();
/** Waits for all work of this queue; tells what went wrong in it, launches included. */
PP_MUST_CHECK pp_status settle();
/** What has no status of its own has failed: the next `launched` or `settle` of this thread says so. */
void remember_failure();
/** What this thread enqueues from here on goes aside: to a second queue, of high priority, beside what its first queue still has to do after
 *  `ready`. Memory is neither taken nor given back meanwhile. */
PP_MUST_CHECK pp_status go_aside(cudaEvent_t ready);
/** Back to the first queue, which from here on waits for what was enqueued aside; `done` is recorded at its end. */
PP_MUST_CHECK pp_status come_back(cudaEvent_t done);
/** A stream that waits for no other, for copies between devices: before the kernels of other streams. */
PP_MUST_CHECK pp_status make_urgent_stream(cudaStream_t *out);
/** What went wrong in launches so far, without waiting. */
PP_MUST_CHECK pp_status launched();

/** Memory of the current device, not set (NaN on mock), 256-byte aligned. */
PP_MUST_CHECK pp_status take(size_t bytes, void **out);
template <class T> PP_MUST_CHECK pp_status take(size_t count, T **out)
{
    void *memory = nullptr;
    PP_TRY(take(count * sizeof(T), &memory));
    *out = static_cast<T *>(memory);
    return PP_OK;
}
/** Gives it back to the queue of the calling thread on the memory's device; NULL is accepted. */
void give(void *memory);
/** Host memory that copies can run from and to behind computation; give_pinned waits for nothing: settle first. */
PP_MUST_CHECK pp_status take_pinned(size_t bytes, void **out);
void give_pinned(void *memory);
/** Bytes that the current device still has, those in pools included, and has in all. */
PP_MUST_CHECK pp_status room(double *available, double *whole);
/** Bytes of device memory that are taken and not given back: for tests and the plan. */
double bytes_taken();
/** The most bytes of a device that were taken at the same time since the last call. */
double most_taken(int device);

extern const pp_vectors vectors;
extern const pp_sweep_class sweep_batched;
PP_MUST_CHECK pp_status speed(int64_t n, pp_backend_speed *out);
extern const pp_link_class link_class;
extern const pp_projection_class projection_class;
extern const pp_slice_class slice_class;
extern const pp_slab_class slab_class;
extern const pp_device_class device_class;
} // namespace PP_DEVICE

#endif
