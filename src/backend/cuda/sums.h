/* Sums over a block of threads, in double and in a fixed order. Included by kernels.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_CUDA_SUMS_H
#define PP_CUDA_SUMS_H

#include "backend/cuda/device.h"

namespace PP_DEVICE
{

enum {
    THREADS = 256,
    SUM_PARTS = 8,          /* of THREADS terms, added by one thread each */
    SUM_PITCH = THREADS + 8 /* keeps the parts of neighbouring sums in different banks */
};

/** Bytes of shared memory that block_sums<K> takes. */
constexpr size_t sums_bytes(size_t k)
{
    return k * (SUM_PITCH + SUM_PARTS) * sizeof(double);
}

/** out[s * stride] = sum over the block of mine[s]. Every thread of the block calls it, once a kernel. */
template <int K> __device__ void block_sums(const double (&mine)[K], double *out, int64_t stride)
{
    PP_SHARED_BEGIN;
    PP_SHARED(double, all, K *SUM_PITCH);
    PP_SHARED(double, part, K *SUM_PARTS);
    const int t = static_cast<int>(threadIdx.x);
    PP_UNROLL for (int s = 0; s < K; s++) all[s * SUM_PITCH + t] = mine[s];
    __syncthreads();
    for (int i = t; i < K * SUM_PARTS; i += THREADS) {
        const double *const from = all + i / SUM_PARTS * SUM_PITCH + i % SUM_PARTS;
        double sum = 0;
        for (int k = 0; k < THREADS; k += SUM_PARTS) sum += from[k];
        part[i] = sum;
    }
    __syncthreads();
    if (t >= K) return;
    double sum = 0;
    for (int k = 0; k < SUM_PARTS; k++) sum += part[t * SUM_PARTS + k];
    out[t * stride] = sum;
}

/** Bytes of shared memory that block_largest takes. */
constexpr size_t largest_bytes = (THREADS + SUM_PARTS) * sizeof(float);

/** The largest of the block's values, in its first thread. Every thread of the block calls it, once a kernel. */
__device__ inline float block_largest(float mine)
{
    PP_SHARED_BEGIN;
    PP_SHARED(float, all, THREADS);
    PP_SHARED(float, part, SUM_PARTS);
    const int t = static_cast<int>(threadIdx.x);
    all[t] = mine;
    __syncthreads();
    if (t < SUM_PARTS) {
        for (int k = t; k < THREADS; k += SUM_PARTS) mine = all[k] > mine ? all[k] : mine;
        part[t] = mine;
    }
    __syncthreads();
    if (t == 0)
        for (int k = 1; k < SUM_PARTS; k++) mine = part[k] > mine ? part[k] : mine;
    return mine;
}

} // namespace PP_DEVICE
#endif
