/* Callbacks of cuFFT: its transforms of a sweep fetch their elements through these functions in place of what separate kernels have
 * written before (docs/performance.md tells what that saves). On a device each is linked into cuFFT's own kernels when a plan is made,
 * from an image of its own (callbacks/, LTO-IR) by nvJitLink, which cuFFT looks for then; the emulation calls the functions below.
 *
 * An out-of-place transform reads its input through the callback only, and hands on the address that it was given (dataIn). That is
 * the batch's entry in a table of the structs below: so one plan serves all batches, and nothing is copied between two of them.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_CUDA_CALLBACKS_H
#define PP_CUDA_CALLBACKS_H

#include <cufft.h>

#include "backend/cuda/scene.h"

namespace PP_DEVICE
{

/** Where load_product finds its elements. */
struct alignas(16) product_source {
    scene v;
    products f;
};

/** Where load_residual does: one mode. far [count][n][n] is not what the transform writes to. */
struct alignas(16) residual_source {
    scene v;
    measurement m;
    const pp_c32 *far;
    const float *limit; /* [count] of each pattern: intensities below it are dark */
};

/** Forward: element `offset` of the batch [count][M][n][n] of products. */
__device__ inline cufftComplex load_product(void *in, unsigned long long offset, void *, void *)
{
    const product_source &s = *static_cast<const product_source *>(in);
    const int64_t at = static_cast<int64_t>(offset);
    const int64_t field = s.v.shift >= 0 ? at >> (2 * s.v.shift) : at / s.v.plane;
    const int64_t pattern = s.v.modes == 1 ? field : field / s.v.modes;
    const pp_c32 f = product_at(s.v, s.f, static_cast<int>(pattern),
                                static_cast<int>(field - pattern * s.v.modes),
                                static_cast<int>(at - field * s.v.plane));
    return {f.re, f.im};
}

/** Inverse: element `offset` of [count][n][n], (1 - r) / n far. */
__device__ inline cufftComplex load_residual(void *in, unsigned long long offset, void *, void *)
{
    const residual_source &s = *static_cast<const residual_source *>(in);
    const int64_t at = static_cast<int64_t>(offset);
    const int64_t pattern = s.v.shift >= 0 ? at >> (2 * s.v.shift) : at / s.v.plane;
    const int j = static_cast<int>(pattern), k = static_cast<int>(at - pattern * s.v.plane);
    float d;
    const bool counts = s.m.u16 ? measured_at<uint16_t>(s.v, s.m, j, k, &d)
                                : measured_at<float>(s.v, s.m, j, k, &d);
    const pp_c32 far = load(s.far + at);
    float a = pp_intensity(far);
    if (s.v.background) a += load(s.v.background + k);
    const pp_c32 f = pp_times(counts ? way_back(s.v, s.m, a, d, s.limit[j]) : 0.0f, far);
    return {f.re, f.im};
}

} // namespace PP_DEVICE
#endif
