/* Vector kernels. A reduction is cut into blocks by `count` alone, a block's threads add in double (sums.h), and the host adds the
 * blocks in order: the same bits every run.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <cmath>

#include "backend/cuda/sums.h"
#include "kernels/regrid.h"
#include "kernels/weight.h"

namespace PP_DEVICE
{
namespace
{

constexpr int64_t BLOCKS_MOST = 512, BLOCK_ELEMENTS = 4096; /* of a reduction */

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

/* The element of a box that is k-th in its rows. */
__device__ int64_t element(const rows_t &r, int64_t k)
{
    return r.rows == 1 ? k : k / r.columns * r.stride + k % r.columns;
}

/* out [2][blocks]: real and imaginary parts. */
__global__ void dot_kernel(double *out, const pp_c32 *x, const pp_c32 *y, const float *w, rows_t r)
{
    double sum[2] = {0.0, 0.0};
    const int64_t count = r.rows * r.columns;
    for (int64_t k = thread_number(); k < count; k += thread_count()) {
        const int64_t i = element(r, k);
        const pp_c32 a = load(x + i), b = load(y + i);
        const double xr = static_cast<double>(a.re), xi = static_cast<double>(a.im);
        const double yr = static_cast<double>(b.re), yi = static_cast<double>(b.im);
        const double s = w ? static_cast<double>(load(w + i)) : 1.0;
        sum[0] += s * (xr * yr + xi * yi);
        sum[1] += s * (xr * yi - xi * yr);
    }
    block_sums(sum, out + blockIdx.x, gridDim.x);
}

/* size: of |w|. */
__global__ void largest_kernel(double *out, const float *w, int64_t count, bool size)
{
    float most = size ? fabsf(w[0]) : w[0];
    for (int64_t i = thread_number(); i < count; i += thread_count()) {
        const float v = size ? fabsf(load(w + i)) : load(w + i);
        most = v > most ? v : most;
    }
    most = block_largest(most);
    if (threadIdx.x == 0) out[blockIdx.x] = static_cast<double>(most);
}

__global__ void direction_kernel(pp_c32 *d, const pp_c32 *g, const float *w, pp_c64 beta,
                                 int64_t count)
{
    const float br = static_cast<float>(beta.re), bi = static_cast<float>(beta.im);
    const bool fresh = beta.re == 0.0 && beta.im == 0.0;
    for (int64_t i = thread_number(); i < count; i += thread_count()) {
        const float s = w ? load(w + i) : 1.0f;
        const pp_c32 from = load(g + i);
        pp_c32 to = {-s * from.re, -s * from.im};
        if (!fresh) {
            const pp_c32 old = load(d + i);
            to.re += br * old.re - bi * old.im;
            to.im += br * old.im + bi * old.re;
        }
        store(d + i, to);
    }
}

__global__ void box_kernel(float *to, int64_t to_stride, const float *from, rows_t r, bool add)
{
    const int64_t count = r.rows * r.columns;
    for (int64_t k = thread_number(); k < count; k += thread_count()) {
        const int64_t row = k / r.columns, column = k % r.columns;
        float *const at = to + row * to_stride + column;
        const float value = from ? load(from + row * r.stride + column) : 0.0f;
        store(at, add ? load(at) + value : value);
    }
}

__global__ void axpy_kernel(pp_c32 *y, float a, const pp_c32 *x, int64_t count)
{
    for (int64_t i = thread_number(); i < count; i += thread_count()) {
        const pp_c32 more = load(x + i), old = load(y + i);
        store(y + i, pp_c32{old.re + a * more.re, old.im + a * more.im});
    }
}

__global__ void scale_kernel(pp_c32 *x, float a, int64_t count)
{
    for (int64_t i = thread_number(); i < count; i += thread_count()) {
        const pp_c32 old = load(x + i);
        store(x + i, pp_c32{old.re * a, old.im * a});
    }
}

__global__ void weight_kernel(float *w, float largest, int64_t count)
{
    for (int64_t i = thread_number(); i < count; i += thread_count())
        store(w + i, pp_weight(load(w + i), largest));
}

__global__ void regrid_kernel(float *high, float *rest, double unit, int64_t count)
{
    for (int64_t i = thread_number(); i < count; i += thread_count()) {
        float h = load(high + i), r = load(rest + i);
        pp_regrid(&h, &r, unit);
        store(high + i, h), store(rest + i, r);
    }
}

unsigned blocks_for(int64_t count)
{
    const int64_t blocks = (count + THREADS - 1) / THREADS;
    return static_cast<unsigned>(blocks < 1 ? 1 : blocks > 1024 ? 1024 : blocks);
}

unsigned reduction_blocks(int64_t count)
{
    const int64_t blocks = (count + BLOCK_ELEMENTS - 1) / BLOCK_ELEMENTS;
    return static_cast<unsigned>(blocks > BLOCKS_MOST ? BLOCKS_MOST : blocks);
}

/* Runs launch(memory) and has add(part) see what the blocks left in it, `count` numbers; false on a failure, which shows again at the
 * next copy. */
template <class L, class F> bool reduced(unsigned count, L launch, F add)
{
    const size_t bytes = count * sizeof(double);
    double *memory = nullptr;
    void *host = nullptr;
    bool fine = take(2 * BLOCKS_MOST, &memory) == PP_OK &&
                take_pinned(2 * BLOCKS_MOST * sizeof(double), &host) == PP_OK;
    if (fine) {
        launch(memory);
        fine =
            cudaMemcpyAsync(host, memory, bytes, cudaMemcpyDeviceToHost, stream()) == cudaSuccess &&
            cudaStreamSynchronize(stream()) == cudaSuccess;
    }
    if (fine)
        add(static_cast<const double *>(host));
    else
        remember_failure();
    give_pinned(host);
    give(memory);
    return fine;
}

pp_c64 dot_rows(const pp_c32 *x, const pp_c32 *y, const float *w, rows_t r)
{
    if (r.rows * r.columns < 1) return {0.0, 0.0};
    const unsigned blocks = reduction_blocks(r.rows * r.columns);
    pp_c64 sum = {0.0, 0.0};
    const bool fine = reduced(
        2 * blocks,
        [=](double *out) {
            PP_LAUNCH(dot_kernel, blocks, THREADS, sums_bytes(2), stream(), out, x, y, w, r);
        },
        [&](const double *part) {
            for (unsigned b = 0; b < blocks; b++) sum.re += part[b], sum.im += part[blocks + b];
        });
    return fine ? sum : pp_c64{std::nan(""), std::nan("")};
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

double largest_of(const float *w, int64_t count, bool size)
{
    if (count < 1) return 0.0;
    const unsigned blocks = reduction_blocks(count);
    double most = std::nan("");
    (void)reduced(
        blocks,
        [=](double *out) {
            PP_LAUNCH(largest_kernel, blocks, THREADS, largest_bytes, stream(), out, w, count,
                      size);
        },
        [&](const double *part) {
            most = part[0];
            for (unsigned b = 1; b < blocks; b++) most = part[b] > most ? part[b] : most;
        });
    return most;
}

double largest(const float *w, int64_t count, int)
{
    return largest_of(w, count, false);
}

double peak(const float *x, int64_t count, int)
{
    return largest_of(x, count, true);
}

void regrid(float *high, float *rest, double unit, int64_t count, int)
{
    if (count < 1) return;
    PP_LAUNCH(regrid_kernel, blocks_for(count), THREADS, 0, stream(), high, rest, unit, count);
}

void weight(float *w, double most, int64_t count, int)
{
    const float m = static_cast<float>(most);
    if (count < 1) return;
    PP_LAUNCH(weight_kernel, blocks_for(count), THREADS, 0, stream(), w, m, count);
}

} // namespace

const pp_vectors vectors = {dot,   direction, dot_box, box,    axpy,
                            scale, largest,   peak,    regrid, weight};

} // namespace PP_DEVICE
