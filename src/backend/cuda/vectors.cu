/* Vector kernels. A reduction is cut into BLOCKS pieces by `count` alone; a block's threads add in double, then pairwise through
 * shared memory, and the host adds the blocks in order: the same bits every run.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <cmath>

#include "backend/cuda/device.h"
#include "kernels/weight.h"

namespace PP_DEVICE
{
namespace
{

enum { BLOCKS = 128, THREADS = 256 };

struct rows_t {
    int64_t rows, columns, stride;
};

__device__ int64_t thread_number()
{
    return static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
}

__device__ int64_t thread_count()
{
    return static_cast<int64_t>(gridDim.x) * blockDim.x;
}

/* Pairs THREADS values of the block; thread 0 stores the result. */
template <class F> __device__ void reduce_block(double2 *shared, double2 mine, double2 *out, F add)
{
    const unsigned t = threadIdx.x;
    shared[t] = mine;
    for (unsigned half = THREADS / 2; half > 0; half /= 2) {
        __syncthreads();
        if (t < half) shared[t] = add(shared[t], shared[t + half]);
    }
    if (t == 0) out[blockIdx.x] = shared[0];
}

struct sum_t {
    __device__ double2 operator()(double2 a, double2 b) const
    {
        return make_double2(a.x + b.x, a.y + b.y);
    }
};

struct larger_t {
    __device__ double2 operator()(double2 a, double2 b) const { return a.x < b.x ? b : a; }
};

__global__ void dot_kernel(double2 *out, const pp_c32 *x, const pp_c32 *y, const float *w, rows_t r)
{
    PP_SHARED_BEGIN;
    PP_SHARED(double2, shared, THREADS);
    double2 sum = make_double2(0.0, 0.0);
    const int64_t count = r.rows * r.columns;
    for (int64_t k = thread_number(); k < count; k += thread_count()) {
        const int64_t i = k / r.columns * r.stride + k % r.columns;
        const double xr = x[i].re, xi = x[i].im, yr = y[i].re, yi = y[i].im;
        const double s = w ? static_cast<double>(w[i]) : 1.0;
        sum.x += s * (xr * yr + xi * yi);
        sum.y += s * (xr * yi - xi * yr);
    }
    reduce_block(shared, sum, out, sum_t());
}

__global__ void largest_kernel(double2 *out, const float *w, int64_t count)
{
    PP_SHARED_BEGIN;
    PP_SHARED(double2, shared, THREADS);
    double2 most = make_double2(static_cast<double>(w[0]), 0.0);
    for (int64_t i = thread_number(); i < count; i += thread_count())
        most = larger_t()(most, make_double2(static_cast<double>(w[i]), 0.0));
    reduce_block(shared, most, out, larger_t());
}

__global__ void direction_kernel(pp_c32 *d, const pp_c32 *g, const float *w, pp_c64 beta,
                                 int64_t count)
{
    const float br = static_cast<float>(beta.re), bi = static_cast<float>(beta.im);
    const bool fresh = beta.re == 0.0 && beta.im == 0.0;
    for (int64_t i = thread_number(); i < count; i += thread_count()) {
        const float s = w ? w[i] : 1.0f;
        pp_c32 to = {-s * g[i].re, -s * g[i].im};
        if (!fresh) {
            const pp_c32 old = d[i];
            to.re += br * old.re - bi * old.im;
            to.im += br * old.im + bi * old.re;
        }
        d[i] = to;
    }
}

__global__ void box_kernel(float *to, int64_t to_stride, const float *from, rows_t r, bool add)
{
    const int64_t count = r.rows * r.columns;
    for (int64_t k = thread_number(); k < count; k += thread_count()) {
        const int64_t row = k / r.columns, column = k % r.columns;
        float *const at = to + row * to_stride + column;
        const float value = from ? from[row * r.stride + column] : 0.0f;
        *at = add ? *at + value : value;
    }
}

__global__ void axpy_kernel(pp_c32 *y, float a, const pp_c32 *x, int64_t count)
{
    for (int64_t i = thread_number(); i < count; i += thread_count()) {
        y[i].re += a * x[i].re;
        y[i].im += a * x[i].im;
    }
}

__global__ void scale_kernel(pp_c32 *x, float a, int64_t count)
{
    for (int64_t i = thread_number(); i < count; i += thread_count()) {
        x[i].re *= a;
        x[i].im *= a;
    }
}

__global__ void weight_kernel(float *w, float largest, int64_t count)
{
    for (int64_t i = thread_number(); i < count; i += thread_count())
        w[i] = pp_weight(w[i], largest);
}

unsigned blocks_for(int64_t count)
{
    const int64_t blocks = (count + THREADS - 1) / THREADS;
    return static_cast<unsigned>(blocks < 1 ? 1 : blocks > 1024 ? 1024 : blocks);
}

/* Runs launch(memory) and fetches the blocks' results. A failure shows as NaN here, and again at the next copy. */
template <class L, class F> double2 reduced(L launch, F add)
{
    double2 *memory = nullptr, *part = nullptr, all = make_double2(std::nan(""), std::nan(""));
    void *host = nullptr;
    if (take(BLOCKS, &memory) == PP_OK && take_pinned(BLOCKS * sizeof(double2), &host) == PP_OK) {
        part = static_cast<double2 *>(host);
        launch(memory);
        const cudaError_t code = cudaMemcpyAsync(part, memory, BLOCKS * sizeof(double2),
                                                 cudaMemcpyDeviceToHost, stream());
        if (code == cudaSuccess && cudaStreamSynchronize(stream()) == cudaSuccess) {
            all = part[0];
            for (int b = 1; b < BLOCKS; b++) all = add(all.x, all.y, part[b]);
        }
    }
    give_pinned(part);
    give(memory);
    return all;
}

double2 add_host(double x, double y, double2 b)
{
    return make_double2(x + b.x, y + b.y);
}

double2 larger_host(double x, double y, double2 b)
{
    return x < b.x ? b : make_double2(x, y);
}

pp_c64 dot_rows(const pp_c32 *x, const pp_c32 *y, const float *w, rows_t r)
{
    if (r.rows * r.columns < 1) return {0.0, 0.0};
    const double2 sum = reduced(
        [=](double2 *out) {
            PP_LAUNCH(dot_kernel, BLOCKS, THREADS, THREADS * sizeof(double2), stream(), out, x, y,
                      w, r);
        },
        add_host);
    return {sum.x, sum.y};
}

pp_c64 dot(const pp_c32 *x, const pp_c32 *y, const float *w, int64_t count, int)
{
    return dot_rows(x, y, w, {1, count, count});
}

pp_c64 dot_box(const pp_c32 *x, const pp_c32 *y, const float *w, int64_t rows, int64_t columns,
               int64_t stride, int)
{
    return dot_rows(x, y, w, {rows, columns, stride});
}

void direction(pp_c32 *d, const pp_c32 *g, const float *w, pp_c64 beta, int64_t count, int)
{
    if (count < 1) return;
    PP_LAUNCH(direction_kernel, blocks_for(count), THREADS, 0, stream(), d, g, w, beta, count);
}

void box(float *to, int64_t to_stride, const float *from, int64_t from_stride, int64_t rows,
         int64_t columns, bool add)
{
    const rows_t r = {rows, columns, from_stride};
    if (rows * columns < 1) return;
    PP_LAUNCH(box_kernel, blocks_for(rows * columns), THREADS, 0, stream(), to, to_stride, from, r,
              add);
}

void axpy(pp_c32 *y, double a, const pp_c32 *x, int64_t count, int)
{
    const float s = static_cast<float>(a);
    if (count < 1) return;
    PP_LAUNCH(axpy_kernel, blocks_for(count), THREADS, 0, stream(), y, s, x, count);
}

void scale(pp_c32 *x, double a, int64_t count, int)
{
    const float s = static_cast<float>(a);
    if (count < 1) return;
    PP_LAUNCH(scale_kernel, blocks_for(count), THREADS, 0, stream(), x, s, count);
}

double largest(const float *w, int64_t count, int)
{
    if (count < 1) return 0.0;
    return reduced(
               [=](double2 *out) {
                   PP_LAUNCH(largest_kernel, BLOCKS, THREADS, THREADS * sizeof(double2), stream(),
                             out, w, count);
               },
               larger_host)
        .x;
}

void weight(float *w, double most, int64_t count, int)
{
    const float m = static_cast<float>(most);
    if (count < 1) return;
    PP_LAUNCH(weight_kernel, blocks_for(count), THREADS, 0, stream(), w, m, count);
}

} // namespace

const pp_vectors vectors = {dot, direction, dot_box, box, axpy, scale, largest, weight};

} // namespace PP_DEVICE
