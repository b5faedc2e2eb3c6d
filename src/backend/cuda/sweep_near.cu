/* Kernels of real space: probe times window, and what is gathered from the way back. A thread owns what it writes.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "backend/cuda/sums.h"
#include "backend/cuda/sweep.h"
#include "kernels/corner.h"
#include "kernels/frequency.h"
#include "kernels/regrid.h"

namespace PP_DEVICE
{
namespace
{

enum { EACH = 4, TILE = EACH * THREADS, BOX_X = 32, BOX_Y = 8 };

__device__ int pixel_of(int i)
{
    return static_cast<int>(blockIdx.x) * TILE + i * THREADS + static_cast<int>(threadIdx.x);
}

/* Where the field of this block's mode and pattern begins. */
__device__ int64_t field_of(const scene &v)
{
    return (static_cast<int64_t>(blockIdx.z) * v.modes + blockIdx.y) * v.plane;
}

__device__ pp_c32 ramp_at(const scene &v, int pattern, int k)
{
    const pp_c32 *const r = v.ramp + static_cast<int64_t>(pattern) * 2 * v.n;
    const corner at = place_of(v, k);
    return pp_mul(r[at.y], r[v.n + at.x]);
}

__global__ void ramps_kernel(pp_c32 *ramp, const double *offsets, int slots, int n)
{
    const int64_t i = static_cast<int64_t>(blockIdx.x) * THREADS + threadIdx.x;
    if (i >= static_cast<int64_t>(slots) * 2 * n) return;
    const int64_t slot = i / (2 * n), k = i % n, axis = i / n % 2;
    store(ramp + i, pp_ramp(k, n, load(offsets + 3 * slot + axis),
                            axis == 0 ? load(offsets + 3 * slot + 2) : 1.0));
}

__global__ void scaled_kernel(pp_c32 *to, const pp_c32 *from, float s, int64_t count)
{
    const int64_t i = static_cast<int64_t>(blockIdx.x) * THREADS + threadIdx.x;
    if (i < count) store(to + i, pp_times(s, load(from + i)));
}

__global__ void shift_kernel(scene v, pp_c32 *to, const pp_c32 *hat, int axis)
{
    const int pattern = static_cast<int>(blockIdx.z);
    pp_c32 *const out = to + field_of(v);
    const pp_c32 *const from = hat + static_cast<int64_t>(blockIdx.y) * v.plane;
    PP_UNROLL for (int i = 0; i < EACH; i++)
    {
        const int k = pixel_of(i);
        if (k >= v.plane) continue;
        pp_c32 a = pp_mul(load(from + k), ramp_at(v, pattern, k));
        const corner at = place_of(v, k);
        if (axis >= 0) a = pp_mul(a, pp_ramp_slope(axis == 0 ? at.y : at.x, v.n));
        store(out + k, a);
    }
}

__global__ void product_kernel(scene v, pp_c32 *to, products f)
{
    const int pattern = static_cast<int>(blockIdx.z), mode = static_cast<int>(blockIdx.y);
    pp_c32 *const out = to + field_of(v);
    PP_UNROLL for (int i = 0; i < EACH; i++)
    {
        const int k = pixel_of(i);
        if (k < v.plane) store(out + k, product_at(v, f, pattern, mode, k));
    }
}

/* The pixel of the box that this thread owns; false: none. */
__device__ bool box_pixel(const batch &b, int *y, int *x)
{
    *x = b.from.x + static_cast<int>(blockIdx.x) * BOX_X + static_cast<int>(threadIdx.x) % BOX_X;
    *y = b.from.y + static_cast<int>(blockIdx.y) * BOX_Y + static_cast<int>(threadIdx.x) / BOX_X;
    return *x < b.to.x && *y < b.to.y;
}

/* The pixel's number in a pattern's window, or -1. */
__device__ int in_window(const scene &v, int pattern, int y, int x)
{
    const corner w = v.window[pattern];
    const unsigned dy = static_cast<unsigned>(y - w.y), dx = static_cast<unsigned>(x - w.x);
    const unsigned n = static_cast<unsigned>(v.n);
    return dy < n && dx < n ? static_cast<int>(dy * n + dx) : -1;
}

/* The window's pixels that an object pixel takes a part of, and how much: one, or up to four. */
struct share {
    int count, k[4];
    float weight[4];
};

__device__ share share_of(const scene &v, int pattern, int y, int x)
{
    share s;
    s.count = 0;
    for (int c = 0; c < (v.part ? 4 : 1); c++) {
        const int k = in_window(v, pattern, y - c / 2, x - c % 2);
        if (k < 0) continue;
        const float fy = v.part ? v.part[2 * pattern] : 0.0f,
                    fx = v.part ? v.part[2 * pattern + 1] : 0.0f;
        s.weight[s.count] = pp_corner_weight(c, fy, fx);
        s.k[s.count++] = k;
    }
    return s;
}

/* A sum of float products in float, or in double. */
__device__ pp_c32 plus(pp_c32 sum, pp_c32 a)
{
    return pp_add(sum, a);
}

__device__ double2 plus(double2 sum, pp_c32 a)
{
    return {sum.x + static_cast<double>(a.re), sum.y + static_cast<double>(a.im)};
}

/* Pixels of the box that no window holds are left alone: other work may change them meanwhile (`ready` in backend/sweep.h).
 * Bilinear positions: as add_object_kernel, which has no parts. */
template <class T>
__global__ void spread_object_kernel(scene v, batch b, T *object, probes p, const pp_c32 *near)
{
    int y, x;
    if (!box_pixel(b, &y, &x)) return;
    T *const own = object + y * v.width + x;
    T sum = {};
    bool held = false;
    const int64_t field = static_cast<int64_t>(v.modes) * v.plane;
    for (int j = 0; j < v.count; j++) {
        const share s = share_of(v, j, y, x);
        if (s.count > 0 && !held) sum = load(own);
        held = held || s.count > 0;
        for (int i = 0; i < s.count; i++) {
            const pp_c32 *const a = p.at + j * p.stride + s.k[i], *const f =
                                                                      near + j * field + s.k[i];
            for (int m = 0; m < v.modes; m++) {
                const int64_t at = static_cast<int64_t>(m) * v.plane;
                sum = plus(sum, pp_times(s.weight[i], pp_cmul(load(a + at), load(f + at))));
            }
        }
    }
    if (held) store(own, sum);
}

template <class T>
__global__ void add_object_kernel(scene v, batch b, T *object, probes p, const pp_c32 *near)
{
    int y, x;
    if (!box_pixel(b, &y, &x)) return;
    T *const own = object + y * v.width + x;
    T sum = {};
    bool held = false;
    const int64_t field = static_cast<int64_t>(v.modes) * v.plane;
    for (int j = 0; j < v.count; j++) {
        const int k = in_window(v, j, y, x);
        if (k < 0) continue;
        if (!held) sum = load(own);
        held = true;
        const pp_c32 *const a = p.at + j * p.stride + k, *const f = near + j * field + k;
        for (int m = 0; m < v.modes; m++) {
            const int64_t at = static_cast<int64_t>(m) * v.plane;
            sum = plus(sum, pp_cmul(load(a + at), load(f + at)));
        }
    }
    if (held) store(own, sum);
}

__global__ void light_object_kernel(scene v, batch b, float *object, probes p)
{
    int y, x;
    if (!box_pixel(b, &y, &x)) return;
    float *const own = object + y * v.width + x;
    float sum = 0.0f;
    bool held = false;
    for (int j = 0; j < v.count; j++) {
        const share s = share_of(v, j, y, x);
        if (s.count > 0 && !held) sum = load(own);
        held = held || s.count > 0;
        for (int i = 0; i < s.count; i++) {
            const pp_c32 *const a = p.at + j * p.stride + s.k[i];
            for (int m = 0; m < v.modes; m++)
                sum += s.weight[i] * pp_intensity(load(a + static_cast<int64_t>(m) * v.plane));
        }
    }
    if (held) store(own, sum);
}

__global__ void light_probe_kernel(scene v, float *probe, const pp_c32 *object)
{
    const int k = static_cast<int>(blockIdx.x) * THREADS + static_cast<int>(threadIdx.x);
    if (k >= v.plane) return;
    double sum = 0;
    for (int j = 0; j < v.count; j++)
        sum += static_cast<double>(pp_intensity(load(object + object_index(v, j, k))));
    store(probe + k, static_cast<float>(sum));
}

__global__ void window_conj_kernel(scene v, pp_c32 *near, const pp_c32 *o)
{
    const int pattern = static_cast<int>(blockIdx.z);
    pp_c32 *const f = near + field_of(v);
    PP_UNROLL for (int i = 0; i < EACH; i++)
    {
        const int k = pixel_of(i);
        if (k >= v.plane) continue;
        store(f + k, pp_cmul(seen(v, o, pattern, k), load(f + k)));
    }
}

__global__ void add_probe_kernel(scene v, double2 *total, const pp_c32 *near, const pp_c32 *o)
{
    const int k = static_cast<int>(blockIdx.x) * THREADS + static_cast<int>(threadIdx.x);
    const int64_t mode = static_cast<int64_t>(blockIdx.y) * v.plane,
                  field = static_cast<int64_t>(v.modes) * v.plane;
    if (k >= v.plane) return;
    double2 sum = load(total + mode + k);
    for (int j = 0; j < v.count; j++) {
        const pp_c32 f = load(near + j * field + mode + k);
        sum = plus(sum, pp_cmul(v.ramp ? ramp_at(v, j, k) : seen(v, o, j, k), f));
    }
    store(total + mode + k, sum);
}

/* Real numbers, two a pixel. */
__global__ void round_kernel(float *to, float *rest, const double *from, int64_t count)
{
    const int64_t i = static_cast<int64_t>(blockIdx.x) * THREADS + threadIdx.x;
    if (i >= count) return;
    float near;
    const float left = pp_round_off(&near, load(from + i));
    store(to + i, near);
    if (rest) store(rest + i, left);
}

unsigned blocks(int64_t count, int64_t each)
{
    return static_cast<unsigned>((count + each - 1) / each);
}

dim3 field_grid(const scene &v)
{
    return dim3(blocks(v.plane, TILE), static_cast<unsigned>(v.modes),
                static_cast<unsigned>(v.count));
}

dim3 box_grid(const batch &b)
{
    return dim3(blocks(b.to.x - b.from.x, BOX_X), blocks(b.to.y - b.from.y, BOX_Y));
}

template <class T>
void add_object(cudaStream_t q, const scene &v, const batch &b, T *object, probes p,
                const pp_c32 *near)
{
    if (v.part)
        PP_LAUNCH((spread_object_kernel<T>), box_grid(b), THREADS, 0, q, v, b, object, p, near);
    else
        PP_LAUNCH((add_object_kernel<T>), box_grid(b), THREADS, 0, q, v, b, object, p, near);
}

} // namespace

void launch_ramps(cudaStream_t q, pp_c32 *ramp, const double *offsets, int slots, int n)
{
    PP_LAUNCH(ramps_kernel, blocks(static_cast<int64_t>(slots) * 2 * n, THREADS), THREADS, 0, q,
              ramp, offsets, slots, n);
}

void launch_scaled(cudaStream_t q, pp_c32 *to, const pp_c32 *from, float s, int64_t count)
{
    PP_LAUNCH(scaled_kernel, blocks(count, THREADS), THREADS, 0, q, to, from, s, count);
}

void launch_shift(cudaStream_t q, const scene &v, pp_c32 *to, const pp_c32 *hat, int axis)
{
    PP_LAUNCH(shift_kernel, field_grid(v), THREADS, 0, q, v, to, hat, axis);
}

void launch_product(cudaStream_t q, const scene &v, pp_c32 *to, const products &f)
{
    PP_LAUNCH(product_kernel, field_grid(v), THREADS, 0, q, v, to, f);
}

void launch_add_object(cudaStream_t q, const scene &v, const batch &b, pp_c32 *object,
                       double2 *wide, probes p, const pp_c32 *near)
{
    if (wide)
        add_object(q, v, b, wide, p, near);
    else
        add_object(q, v, b, object, p, near);
}

void launch_light_object(cudaStream_t q, const scene &v, const batch &b, float *object, probes p)
{
    PP_LAUNCH(light_object_kernel, box_grid(b), THREADS, 0, q, v, b, object, p);
}

void launch_light_probe(cudaStream_t q, const scene &v, float *probe, const pp_c32 *object)
{
    PP_LAUNCH(light_probe_kernel, blocks(v.plane, THREADS), THREADS, 0, q, v, probe, object);
}

void launch_window_conj(cudaStream_t q, const scene &v, pp_c32 *near, const pp_c32 *o)
{
    PP_LAUNCH(window_conj_kernel, field_grid(v), THREADS, 0, q, v, near, o);
}

void launch_add_probe(cudaStream_t q, const scene &v, double2 *sum, const pp_c32 *near,
                      const pp_c32 *o)
{
    const dim3 grid(blocks(v.plane, THREADS), static_cast<unsigned>(v.modes));
    PP_LAUNCH(add_probe_kernel, grid, THREADS, 0, q, v, sum, near, o);
}

void launch_round(cudaStream_t q, pp_c32 *to, pp_c32 *rest, const double2 *from, int64_t count)
{
    PP_LAUNCH(round_kernel, blocks(2 * count, THREADS), THREADS, 0, q, &to->re,
              rest ? &rest->re : nullptr, &from->x, 2 * count);
}

} // namespace PP_DEVICE
