/* The part of the CUDA runtime that src/backend/cuda uses, for the host: see ../emulation.h. Every call is renamed, so that
 * it lives beside the real runtime in one program.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_MOCK_CUDA_RUNTIME_H
#define PP_MOCK_CUDA_RUNTIME_H

#include <cmath>
#include <cstring>
#include <ctime>

#include "backend/mock/emulation.h"

#define PP_MOCK 1
#define __host__
#define __device__
#define __global__
#define __forceinline__ inline __attribute__((always_inline))
#define __restrict__ __restrict
#define __launch_bounds__(...)
#define __constant__ static const

using dim3 = pp_emulation::dim3_t;
struct float2 {
    float x, y;
};
struct alignas(16) float4 {
    float x, y, z, w;
};
struct double2 {
    double x, y;
};
inline float2 make_float2(float x, float y)
{
    return {x, y};
}
inline float4 make_float4(float x, float y, float z, float w)
{
    return {x, y, z, w};
}
inline double2 make_double2(double x, double y)
{
    return {x, y};
}

#define threadIdx (pp_emulation::now->thread)
#define blockIdx (pp_emulation::now->block)
#define blockDim (pp_emulation::now->block_size)
#define gridDim (pp_emulation::now->grid)
#define warpSize 32

inline void __syncthreads()
{
    pp_emulation::sync_threads();
}
inline void __syncwarp(unsigned = 0xffffffffu)
{
    pp_emulation::sync_warp();
}
template <class T> inline T pp_mock_lane(T v, unsigned from)
{
    T out;
    pp_emulation::exchange(&v, &out, sizeof v, from);
    return out;
}
template <class T> inline T __shfl_sync(unsigned, T v, int lane)
{
    return pp_mock_lane(v, static_cast<unsigned>(lane));
}
template <class T> inline T __shfl_down_sync(unsigned, T v, unsigned d)
{
    const unsigned lane = pp_emulation::now->index % 32;
    return pp_mock_lane(v, lane + d < 32 ? lane + d : lane);
}
template <class T> inline T __shfl_up_sync(unsigned, T v, unsigned d)
{
    const unsigned lane = pp_emulation::now->index % 32;
    return pp_mock_lane(v, lane >= d ? lane - d : lane);
}
template <class T> inline T __shfl_xor_sync(unsigned, T v, int mask)
{
    return pp_mock_lane(v, (pp_emulation::now->index % 32) ^ static_cast<unsigned>(mask));
}
inline unsigned __ballot_sync(unsigned, int v)
{
    return pp_emulation::ballot(v != 0);
}
template <class T> inline T __ldg(const T *p)
{
    return *p;
}
inline int atomicAdd(int *p, int v)
{
    return __atomic_fetch_add(p, v, __ATOMIC_RELAXED);
}
inline unsigned atomicAdd(unsigned *p, unsigned v)
{
    return __atomic_fetch_add(p, v, __ATOMIC_RELAXED);
}
inline unsigned long long atomicAdd(unsigned long long *p, unsigned long long v)
{
    return __atomic_fetch_add(p, v, __ATOMIC_RELAXED);
}

enum cudaError_t {
    cudaSuccess = 0,
    cudaErrorInvalidValue = 1,
    cudaErrorMemoryAllocation = 2,
    cudaErrorInvalidConfiguration = 9,
    cudaErrorNotReady = 600,
    cudaErrorNoDevice = 100,
    cudaErrorInvalidDevice = 101,
    cudaErrorPeerAccessAlreadyEnabled = 704,
    cudaErrorLaunchFailure = 719
};
enum cudaMemcpyKind {
    cudaMemcpyHostToHost,
    cudaMemcpyHostToDevice,
    cudaMemcpyDeviceToHost,
    cudaMemcpyDeviceToDevice,
    cudaMemcpyDefault
};
enum { cudaStreamNonBlocking = 1, cudaEventDisableTiming = 2, cudaEventDefault = 0 };
enum cudaFuncAttribute { cudaFuncAttributeMaxDynamicSharedMemorySize = 8 };
struct cudaDeviceProp {
    char name[256];
    size_t totalGlobalMem, sharedMemPerBlockOptin;
    int major, minor, multiProcessorCount, l2CacheSize;
};
typedef struct pp_mock_stream *cudaStream_t;
typedef struct pp_mock_event *cudaEvent_t;

#define PP_MOCK_RENAME(name) pp_mock_##name
#define cudaGetDeviceCount PP_MOCK_RENAME(cudaGetDeviceCount)
#define cudaSetDevice PP_MOCK_RENAME(cudaSetDevice)
#define cudaGetDevice PP_MOCK_RENAME(cudaGetDevice)
#define cudaMalloc PP_MOCK_RENAME(cudaMalloc)
#define cudaFree PP_MOCK_RENAME(cudaFree)
#define cudaMallocHost PP_MOCK_RENAME(cudaMallocHost)
#define cudaFreeHost PP_MOCK_RENAME(cudaFreeHost)
#define cudaMemGetInfo PP_MOCK_RENAME(cudaMemGetInfo)
#define cudaMemcpy PP_MOCK_RENAME(cudaMemcpy)
#define cudaMemcpyAsync PP_MOCK_RENAME(cudaMemcpyAsync)
#define cudaMemcpyPeerAsync PP_MOCK_RENAME(cudaMemcpyPeerAsync)
#define cudaMemsetAsync PP_MOCK_RENAME(cudaMemsetAsync)
#define cudaStreamCreateWithFlags PP_MOCK_RENAME(cudaStreamCreateWithFlags)
#define cudaStreamCreateWithPriority PP_MOCK_RENAME(cudaStreamCreateWithPriority)
#define cudaDeviceGetStreamPriorityRange PP_MOCK_RENAME(cudaDeviceGetStreamPriorityRange)
#define cudaStreamDestroy PP_MOCK_RENAME(cudaStreamDestroy)
#define cudaStreamSynchronize PP_MOCK_RENAME(cudaStreamSynchronize)
#define cudaStreamQuery PP_MOCK_RENAME(cudaStreamQuery)
#define cudaStreamWaitEvent PP_MOCK_RENAME(cudaStreamWaitEvent)
#define cudaDeviceSynchronize PP_MOCK_RENAME(cudaDeviceSynchronize)
#define cudaEventCreateWithFlags PP_MOCK_RENAME(cudaEventCreateWithFlags)
#define cudaEventDestroy PP_MOCK_RENAME(cudaEventDestroy)
#define cudaEventRecord PP_MOCK_RENAME(cudaEventRecord)
#define cudaEventSynchronize PP_MOCK_RENAME(cudaEventSynchronize)
#define cudaEventElapsedTime PP_MOCK_RENAME(cudaEventElapsedTime)
#define cudaGetLastError PP_MOCK_RENAME(cudaGetLastError)
#define cudaPeekAtLastError PP_MOCK_RENAME(cudaPeekAtLastError)
#define cudaGetErrorString PP_MOCK_RENAME(cudaGetErrorString)
#define cudaGetDeviceProperties PP_MOCK_RENAME(cudaGetDeviceProperties)
#define cudaDeviceGetPCIBusId PP_MOCK_RENAME(cudaDeviceGetPCIBusId)
#define cudaDeviceCanAccessPeer PP_MOCK_RENAME(cudaDeviceCanAccessPeer)
#define cudaDeviceEnablePeerAccess PP_MOCK_RENAME(cudaDeviceEnablePeerAccess)
#define cudaFuncSetAttribute PP_MOCK_RENAME(cudaFuncSetAttribute)

extern "C" {
cudaError_t cudaGetDeviceCount(int *count);
cudaError_t cudaSetDevice(int number);
cudaError_t cudaGetDevice(int *number);
cudaError_t cudaMalloc(void **out, size_t bytes);
cudaError_t cudaFree(void *p);
cudaError_t cudaMallocHost(void **out, size_t bytes);
cudaError_t cudaFreeHost(void *p);
cudaError_t cudaMemGetInfo(size_t *available, size_t *total);
cudaError_t cudaMemcpy(void *to, const void *from, size_t bytes, cudaMemcpyKind kind);
cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream);
cudaError_t cudaMemcpyPeerAsync(void *to, int to_device, const void *from, int from_device,
                                size_t bytes, cudaStream_t stream);
cudaError_t cudaMemsetAsync(void *to, int value, size_t bytes, cudaStream_t stream);
cudaError_t cudaStreamCreateWithFlags(cudaStream_t *out, unsigned flags);
cudaError_t cudaStreamCreateWithPriority(cudaStream_t *out, unsigned flags, int priority);
cudaError_t cudaDeviceGetStreamPriorityRange(int *least, int *greatest);
cudaError_t cudaStreamDestroy(cudaStream_t stream);
cudaError_t cudaStreamSynchronize(cudaStream_t stream);
cudaError_t cudaStreamQuery(cudaStream_t stream);
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned flags);
cudaError_t cudaDeviceSynchronize(void);
cudaError_t cudaEventCreateWithFlags(cudaEvent_t *out, unsigned flags);
cudaError_t cudaEventDestroy(cudaEvent_t event);
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream);
cudaError_t cudaEventSynchronize(cudaEvent_t event);
cudaError_t cudaEventElapsedTime(float *milliseconds, cudaEvent_t from, cudaEvent_t to);
cudaError_t cudaGetLastError(void);
cudaError_t cudaPeekAtLastError(void);
const char *cudaGetErrorString(cudaError_t status);
cudaError_t cudaGetDeviceProperties(cudaDeviceProp *out, int number);
cudaError_t cudaDeviceGetPCIBusId(char *text, int room, int number);
cudaError_t cudaDeviceCanAccessPeer(int *can, int a, int b);
cudaError_t cudaDeviceEnablePeerAccess(int peer, unsigned flags);
cudaError_t cudaFuncSetAttribute(const void *kernel, cudaFuncAttribute what, int value);
}

/* PP_LAUNCH(kernel, grid, block, shared_bytes, stream, arguments...): arguments are copied at the launch. */
#define PP_LAUNCH(kernel, grid, block, shared_bytes, stream, ...)                                  \
    pp_emulation::launch({#kernel, dim3(grid), dim3(block), (shared_bytes), 1}, (stream),          \
                         [=] { pp_mock_call(kernel, __VA_ARGS__); })
template <class... P, class... A> inline void pp_mock_call(void (*kernel)(P...), A... arguments)
{
    kernel(arguments...);
}
#define PP_SHARED_BEGIN size_t pp_shared_cursor = 0
#define PP_SHARED(type, name, count)                                                               \
    type *name = static_cast<type *>(                                                              \
        pp_emulation::shared_slice(sizeof(type) * (count), alignof(type), &pp_shared_cursor))

#endif
