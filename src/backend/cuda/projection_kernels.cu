/* Kernels of the projections. The transpose of taking a sample from 6 x 6 cells is made by the cells: a block of 8 x 8 cells goes
 * through the points whose first cell lies in its own bin or in one before it, in order, so that sums have the same bits every
 * run. SPDX-License-Identifier: BSD-3-Clause */
#include "backend/cuda/projection.h"

#include "kernels/complex.h"

namespace PP_DEVICE
{
namespace
{

enum { THREADS = 256, BIN = PROJECTION_BIN, CHUNK = BIN * BIN, TAPS = PP_RADIAL_TAPS };

__device__ int64_t thread_number()
{
    return static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
}

unsigned blocks_for(int64_t count)
{
    return static_cast<unsigned>((count + THREADS - 1) / THREADS);
}

/* Element i of complex slice b of the caller's [slices][size]; two real slices make a complex one. */
__device__ pp_c32 element(const float *from, int slices, bool real, int b, int64_t size, int64_t i)
{
    pp_c32 value = {0.0f, 0.0f};
    if (!real && b < slices) value = load(reinterpret_cast<const pp_c32 *>(from) + b * size + i);
    if (real && 2 * b < slices) value.re = load(from + 2 * b * size + i);
    if (real && 2 * b + 1 < slices) value.im = load(from + (2 * b + 1) * size + i);
    return value;
}

__device__ void put_element(float *to, int slices, bool real, int b, int64_t size, int64_t i,
                            pp_c32 value)
{
    if (!real && b < slices) store(reinterpret_cast<pp_c32 *>(to) + b * size + i, value);
    if (real && 2 * b < slices) store(to + 2 * b * size + i, value.re);
    if (real && 2 * b + 1 < slices) store(to + (2 * b + 1) * size + i, value.im);
}

__global__ void load_image_kernel(pp_c32 *grid, const float *image, radial_t r, int slices,
                                  bool real)
{
    const int64_t cells = static_cast<int64_t>(r.grid) * r.grid, k = thread_number();
    if (k >= cells * PROJECTION_BATCH) return;
    const int b = static_cast<int>(k / cells), first = r.grid / 2 - r.n / 2,
              y = static_cast<int>(k % cells / r.grid) - first,
              x = static_cast<int>(k % r.grid) - first;
    pp_c32 value = {0.0f, 0.0f};
    if (y >= 0 && y < r.n && x >= 0 && x < r.n)
        value = pp_times(r.apodisation[y] * r.apodisation[x],
                         element(image, slices, real, b, static_cast<int64_t>(r.n) * r.n,
                                 static_cast<int64_t>(y) * r.n + x));
    store(grid + k, value);
}

__global__ void store_image_kernel(float *image, const pp_c32 *grid, radial_t r, int slices,
                                   bool real)
{
    const int64_t size = static_cast<int64_t>(r.n) * r.n, k = thread_number();
    if (k >= size * PROJECTION_BATCH) return;
    const int b = static_cast<int>(k / size), first = r.grid / 2 - r.n / 2,
              y = static_cast<int>(k % size / r.n), x = static_cast<int>(k % r.n);
    const pp_c32 cell =
        load(grid + (static_cast<int64_t>(b) * r.grid + first + y) * r.grid + first + x);
    put_element(image, slices, real, b, size, k % size,
                pp_times(r.apodisation[y] * r.apodisation[x], cell));
}

/* One thread a sample, for all slices of the batch. */
__global__ void gather_kernel(pp_c32 *values, const pp_c32 *grid, radial_t r)
{
    const int64_t i = thread_number(), cells = static_cast<int64_t>(r.grid) * r.grid;
    if (i >= r.count) return;
    const int y0 = r.first_y[i], x0 = r.first_x[i];
    float wx[TAPS];
    for (int k = 0; k < TAPS; k++) wx[k] = r.weights[(TAPS + k) * r.count + i];
    for (int b = 0; b < PROJECTION_BATCH; b++) {
        pp_c32 sum = {0.0f, 0.0f};
        for (int ky = 0; ky < TAPS; ky++) {
            const int y = y0 + ky < r.grid ? y0 + ky : y0 + ky - r.grid;
            const pp_c32 *row = grid + b * cells + static_cast<int64_t>(y) * r.grid;
            pp_c32 part = {0.0f, 0.0f};
            for (int kx = 0; kx < TAPS; kx++) {
                const int x = x0 + kx < r.grid ? x0 + kx : x0 + kx - r.grid;
                part = pp_add(part, pp_times(wx[kx], load(row + x)));
            }
            sum = pp_add(sum, pp_times(r.weights[ky * r.count + i], part));
        }
        store(values + b * r.count + r.line[i], sum);
    }
}

/* Bin `which` of those that hold the points of bin b: itself, the one before, and at the edge, where the last bin may be narrow,
 * the second before. -1: there are no more. */
__device__ int bin_before(int b, int which, int bins)
{
    const int most = b == 0 ? 3 : 2, all = most < bins ? most : bins;
    return which >= all ? -1 : (b - which + bins) % bins;
}

/* A chunk of points in shared memory. */
struct chunk_t {
    int *y, *x;
    float *wy, *wx; /* [TAPS][CHUNK] */
    pp_c32 *value;  /* [PROJECTION_BATCH][CHUNK] */
};

__device__ void load_chunk(const chunk_t &c, const pp_c32 *values, const radial_t &r, int64_t from,
                           int64_t to)
{
    const int t = static_cast<int>(threadIdx.x);
    const int64_t i = from + t;
    if (i >= to) return;
    c.y[t] = r.first_y[i], c.x[t] = r.first_x[i];
    for (int k = 0; k < TAPS; k++) {
        c.wy[k * CHUNK + t] = r.weights[k * r.count + i];
        c.wx[k * CHUNK + t] = r.weights[(TAPS + k) * r.count + i];
    }
    for (int b = 0; b < PROJECTION_BATCH; b++)
        c.value[b * CHUNK + t] = load(values + b * r.count + r.line[i]);
}

__device__ void add_chunk(pp_c32 *sums, const chunk_t &c, int count, int grid, int y, int x)
{
    for (int k = 0; k < count; k++) {
        const int ky = pp_radial_tap(grid, c.y[k], y), kx = pp_radial_tap(grid, c.x[k], x);
        if (ky >= TAPS || kx >= TAPS) continue;
        const float weight = c.wy[ky * CHUNK + k] * c.wx[kx * CHUNK + k];
        PP_UNROLL for (int b = 0; b < PROJECTION_BATCH; b++) sums[b] =
            pp_add(sums[b], pp_times(weight, c.value[b * CHUNK + k]));
    }
}

/* One block a bin of cells, one thread a cell. */
__global__ void scatter_kernel(pp_c32 *grid, const pp_c32 *values, radial_t r)
{
    PP_SHARED_BEGIN;
    PP_SHARED(int, at, 2 * CHUNK);
    PP_SHARED(float, weights, 2 * TAPS * CHUNK);
    PP_SHARED(pp_c32, value, PROJECTION_BATCH * CHUNK);
    const chunk_t c = {at, at + CHUNK, weights, weights + TAPS * CHUNK, value};
    const int by = static_cast<int>(blockIdx.x) / r.bins,
              bx = static_cast<int>(blockIdx.x) % r.bins,
              y = by * BIN + static_cast<int>(threadIdx.x) / BIN,
              x = bx * BIN + static_cast<int>(threadIdx.x) % BIN;
    pp_c32 sums[PROJECTION_BATCH];
    for (int b = 0; b < PROJECTION_BATCH; b++) sums[b] = {0.0f, 0.0f};
    for (int k = 0; k < 9; k++) {
        const int py = bin_before(by, k / 3, r.bins), px = bin_before(bx, k % 3, r.bins);
        if (py < 0 || px < 0) continue;
        const int64_t end = r.start[py * r.bins + px + 1];
        for (int64_t i = r.start[py * r.bins + px]; i < end; i += CHUNK) {
            const int count = end - i < CHUNK ? static_cast<int>(end - i) : static_cast<int>(CHUNK);
            __syncthreads();
            load_chunk(c, values, r, i, end);
            __syncthreads();
            add_chunk(sums, c, count, r.grid, y, x);
        }
    }
    if (y >= r.grid || x >= r.grid) return;
    for (int b = 0; b < PROJECTION_BATCH; b++)
        store(grid + (static_cast<int64_t>(b) * r.grid + y) * r.grid + x, sums[b]);
}

__global__ void values_to_lines_kernel(pp_c32 *lines, const pp_c32 *values, radial_t r)
{
    const int64_t size = static_cast<int64_t>(r.views) * r.n, k = thread_number();
    if (k >= size * PROJECTION_BATCH) return;
    const int64_t b = k / size, view = k % size / r.n, sample = pp_radial_sample(r.n, k % r.n),
                  at = view * r.samples + sample;
    pp_c32 sum = pp_mul(r.ramps[at], load(values + b * r.count + at));
    if (sample == 0 && r.n % 2 == 0)
        sum = pp_add(sum, pp_mul(r.ramps[at + r.n], load(values + b * r.count + at + r.n)));
    store(lines + k, sum);
}

__global__ void lines_to_values_kernel(pp_c32 *values, const pp_c32 *lines, radial_t r)
{
    const int64_t k = thread_number();
    if (k >= r.count * PROJECTION_BATCH) return;
    const int64_t b = k / r.count, at = k % r.count, view = at / r.samples,
                  bin = pp_radial_bin(r.n, at % r.samples);
    store(values + k, pp_cmul(r.ramps[at], load(lines + (b * r.views + view) * r.n + bin)));
}

__global__ void load_lines_kernel(pp_c32 *to, const float *lines, int64_t size, int slices,
                                  bool real)
{
    const int64_t k = thread_number();
    if (k >= size * PROJECTION_BATCH) return;
    store(to + k, element(lines, slices, real, static_cast<int>(k / size), size, k % size));
}

__global__ void store_lines_kernel(float *lines, const pp_c32 *from, int64_t size, int slices,
                                   bool real)
{
    const int64_t k = thread_number();
    if (k >= size * PROJECTION_BATCH) return;
    put_element(lines, slices, real, static_cast<int>(k / size), size, k % size, load(from + k));
}

} // namespace

void load_image(const radial_t &r, const batch_t &b)
{
    const int64_t threads = static_cast<int64_t>(r.grid) * r.grid * PROJECTION_BATCH;
    PP_LAUNCH(load_image_kernel, blocks_for(threads), THREADS, 0, b.stream, b.grid, b.image, r,
              b.slices, b.real);
}

void store_image(const radial_t &r, const batch_t &b)
{
    const int64_t threads = static_cast<int64_t>(r.n) * r.n * PROJECTION_BATCH;
    PP_LAUNCH(store_image_kernel, blocks_for(threads), THREADS, 0, b.stream, b.image, b.grid, r,
              b.slices, b.real);
}

void gather(const radial_t &r, const batch_t &b)
{
    PP_LAUNCH(gather_kernel, blocks_for(r.count), THREADS, 0, b.stream, b.values, b.grid, r);
}

void scatter(const radial_t &r, const batch_t &b)
{
    const size_t shared =
        (2 * sizeof(int) + 2 * TAPS * sizeof(float) + PROJECTION_BATCH * sizeof(pp_c32)) * CHUNK;
    PP_LAUNCH(scatter_kernel, static_cast<unsigned>(r.bins * r.bins), CHUNK, shared, b.stream,
              b.grid, b.values, r);
}

void values_to_lines(const radial_t &r, const batch_t &b)
{
    const int64_t threads = static_cast<int64_t>(r.views) * r.n * PROJECTION_BATCH;
    PP_LAUNCH(values_to_lines_kernel, blocks_for(threads), THREADS, 0, b.stream, b.transformed,
              b.values, r);
}

void lines_to_values(const radial_t &r, const batch_t &b)
{
    PP_LAUNCH(lines_to_values_kernel, blocks_for(r.count * PROJECTION_BATCH), THREADS, 0, b.stream,
              b.values, b.transformed, r);
}

void load_lines(const radial_t &r, const batch_t &b)
{
    const int64_t size = static_cast<int64_t>(r.views) * r.n;
    PP_LAUNCH(load_lines_kernel, blocks_for(size * PROJECTION_BATCH), THREADS, 0, b.stream,
              b.transformed, b.lines, size, b.slices, b.real);
}

void store_lines(const radial_t &r, const batch_t &b)
{
    const int64_t size = static_cast<int64_t>(r.views) * r.n;
    PP_LAUNCH(store_lines_kernel, blocks_for(size * PROJECTION_BATCH), THREADS, 0, b.stream,
              b.lines, b.transformed, size, b.slices, b.real);
}

} // namespace PP_DEVICE
