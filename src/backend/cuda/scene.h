/* What the kernels of a sweep and cuFFT's callbacks know of a batch of patterns, and what both compute of one element, so that it is the
 * same arithmetic. For device code.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_CUDA_SCENE_H
#define PP_CUDA_SCENE_H

#include "backend/cuda/device.h"
#include "kernels/complex.h"
#include "kernels/pixel.h"

namespace PP_DEVICE
{

/** First pixel (y, x) of a window in the object array. */
struct corner {
    int y, x;
};

/** What kernels know of a batch. */
struct scene {
    int n, plane, modes, count; /* detector pixels a side; n * n; modes; patterns */
    int shift;                  /* n = 2^shift; -1 for other sizes */
    int64_t width;              /* of the object's rows */
    const corner *window;       /* [count] */
    const pp_c32 *ramp;         /* [count][2][n]; NULL: nearest */
    const float *part;          /* [count][2] fractions of a pixel, bilinear; NULL: the others */
    const float *background;    /* [n * n]; NULL: none */
};

/** The probe of each pattern of a batch: [M][n][n], `stride` from pattern to pattern (0: one for all). */
struct probes {
    const pp_c32 *at;
    int64_t stride;
};

/** p window of o + p2 window of o2; p2.at NULL: the first product only. */
struct products {
    probes p;
    const pp_c32 *o;
    probes p2;
    const pp_c32 *o2;
};

/** A batch's measurement. */
struct measurement {
    const void *frames; /* [count][n * n] */
    const uint8_t *mask;
    bool u16, poisson;
    int slices; /* of a pattern */
};

/* ---- real space ---- */

/** Row and column of a detector pixel; divisions are slow. */
__device__ inline corner place_of(const scene &v, int k)
{
    const int y = v.shift >= 0 ? k >> v.shift : k / v.n;
    return {y, k - y * v.n};
}

__device__ inline int64_t object_index(const scene &v, int pattern, int k)
{
    const corner w = v.window[pattern], at = place_of(v, k);
    return (w.y + at.y) * v.width + w.x + at.x;
}

/** The window's pixel k of an object: as it lies there, or between four pixels of it. */
__device__ inline pp_c32 seen(const scene &v, const pp_c32 *object, int pattern, int k)
{
    const pp_c32 *const o = object + object_index(v, pattern, k);
    if (!v.part) return load(o);
    const float fy = v.part[2 * pattern], fx = v.part[2 * pattern + 1];
    const pp_c32 above = pp_add(pp_times(1.0f - fx, load(o)), pp_times(fx, load(o + 1))),
                 below = pp_add(pp_times(1.0f - fx, load(o + v.width)),
                                pp_times(fx, load(o + v.width + 1)));
    return pp_add(pp_times(1.0f - fy, above), pp_times(fy, below));
}

/** Pixel k of the products in one mode of a pattern, unitary. */
__device__ inline pp_c32 product_at(const scene &v, const products &f, int pattern, int mode, int k)
{
    const int64_t at = static_cast<int64_t>(mode) * v.plane + k;
    const float unit = 1.0f / static_cast<float>(v.n);
    pp_c32 sum = pp_mul(load(f.p.at + pattern * f.p.stride + at), seen(v, f.o, pattern, k));
    if (f.p2.at)
        sum = pp_add(sum,
                     pp_mul(load(f.p2.at + pattern * f.p2.stride + at), seen(v, f.o2, pattern, k)));
    return pp_times(unit, sum);
}

/* ---- detector ---- */

/** One pixel's counts; false where it was not measured. */
template <class F> struct frame_of;
template <> struct frame_of<uint16_t> {
    static __device__ bool read(const void *frame, int64_t k, float *d)
    {
        const uint16_t f = load(static_cast<const uint16_t *>(frame) + k);
        const bool ok = pp_measured_u16(f) != 0;
        *d = ok ? static_cast<float>(f) : 0.0f;
        return ok;
    }
};
template <> struct frame_of<float> {
    static __device__ bool read(const void *frame, int64_t k, float *d)
    {
        const float f = load(static_cast<const float *>(frame) + k);
        const bool ok = pp_measured_f32(f) != 0;
        *d = ok ? f : 0.0f;
        return ok;
    }
};

/** The counts in pixel k of a pattern; false, and 0, where it was not measured. */
template <class F>
__device__ bool measured_at(const scene &v, const measurement &m, int pattern, int k, float *d)
{
    const bool ok = frame_of<F>::read(m.frames, static_cast<int64_t>(pattern) * v.plane + k, d);
    const bool counts = ok && load(m.mask + k) != 0;
    if (!counts) *d = 0.0f;
    return counts;
}

/** Intensity of pixel k; far: of the pattern. */
__device__ inline float intensity_of(const scene &v, const pp_c32 *far, int k)
{
    float sum = 0.0f;
    for (int m = 0; m < v.modes; m++)
        sum += pp_intensity(load(far + static_cast<int64_t>(m) * v.plane + k));
    return v.background ? sum + load(v.background + k) : sum;
}

/** What a measured pixel's far field of intensity a is multiplied with on its way back; limit: intensities below it are dark. */
__device__ inline float way_back(const scene &v, const measurement &m, float a, float d,
                                 float limit)
{
    const float scale = 1.0f / static_cast<float>(v.n);
    return a >= limit ? scale * (1.0f - pp_pixel_ratio(m.poisson, a, d)) : 0.0f;
}

} // namespace PP_DEVICE
#endif
