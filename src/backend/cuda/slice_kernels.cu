/* Vectors of slices, see backend/slices.h. Factors of slices go with the launch, by value. A slice's sum is cut into parts by `count`
 * alone, a part's threads add in double (sums.h), and one block of a slice adds the parts: the same bits every run, and eight bytes a
 * slice to the host.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "backend/cuda/sums.h"
#include "kernels/circle.h"

namespace PP_DEVICE
{
namespace
{

constexpr int64_t PARTS_MOST = 128, PART_ELEMENTS = 4096; /* of a slice's sum */
constexpr int64_t TOGETHER = 64;                          /* slices of a launch */

/* Of the slices of one launch: factors, and whether a slice takes part. */
struct factors_t {
    float of[TOGETHER];
    bool chosen[TOGETHER];
};

/* Elements of a slice: this block's slice is blockIdx.y. */
__device__ int64_t first_element()
{
    return static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
}

__device__ int64_t element_step()
{
    return static_cast<int64_t>(gridDim.x) * blockDim.x;
}

/* part [slices][parts] */
__device__ void sum_part(double *part, double sum)
{
    const double mine[1] = {sum};
    block_sums(mine, part + static_cast<int64_t>(blockIdx.y) * gridDim.x + blockIdx.x, 1);
}

__global__ void slice_dots_kernel(double *part, const float *x, const float *y, int64_t count)
{
    const int64_t slice = blockIdx.y * count;
    double sum = 0.0;
    for (int64_t i = first_element(); i < count; i += element_step()) {
        const double a = static_cast<double>(load(x + slice + i));
        sum += x == y ? a * a : a * static_cast<double>(load(y + slice + i));
    }
    sum_part(part, sum);
}

/* One block a slice. */
__global__ void slice_totals_kernel(double *out, const double *part, int parts)
{
    double sum[1] = {0.0};
    for (int i = static_cast<int>(threadIdx.x); i < parts; i += THREADS)
        sum[0] += load(part + static_cast<int64_t>(blockIdx.x) * parts + i);
    block_sums(sum, out + blockIdx.x, 1);
}

__global__ void slice_add_kernel(float *y, factors_t a, const float *x, int64_t count)
{
    const int64_t slice = blockIdx.y * count;
    if (!a.chosen[blockIdx.y]) return;
    for (int64_t i = first_element(); i < count; i += element_step())
        store(y + slice + i, load(y + slice + i) + a.of[blockIdx.y] * load(x + slice + i));
}

/* Sums count the pixels that were below 0. part and x may be NULL. */
__global__ void slice_clip_kernel(double *part, float *y, factors_t a, const float *x,
                                  int64_t count)
{
    const int64_t slice = blockIdx.y * count;
    double below = 0.0;
    if (a.chosen[blockIdx.y])
        for (int64_t i = first_element(); i < count; i += element_step()) {
            const float here = load(y + slice + i),
                        next = x ? here + a.of[blockIdx.y] * load(x + slice + i) : here;
            if (next < 0.0f) below += 1.0;
            store(y + slice + i, next < 0.0f ? 0.0f : next);
        }
    if (part) sum_part(part, below);
}

__global__ void slice_follow_kernel(float *y, factors_t b, const float *x, int64_t count)
{
    const int64_t slice = blockIdx.y * count;
    for (int64_t i = first_element(); i < count; i += element_step()) {
        const float from = load(x + slice + i);
        store(y + slice + i,
              b.chosen[blockIdx.y] ? from + b.of[blockIdx.y] * load(y + slice + i) : from);
    }
}

__global__ void slice_subtract_kernel(float *r, const float *p, const float *q, factors_t a,
                                      int64_t count)
{
    const int64_t slice = blockIdx.y * count;
    if (!a.chosen[blockIdx.y]) return;
    for (int64_t i = first_element(); i < count; i += element_step())
        store(r + slice + i, load(p + slice + i) - load(q + slice + i));
}

__global__ void slice_weigh_kernel(double *part, float *q, const float *w, const float *p,
                                   int64_t count)
{
    const int64_t slice = blockIdx.y * count;
    double sum = 0.0;
    for (int64_t i = first_element(); i < count; i += element_step()) {
        const float gap = load(p + slice + i) - load(q + slice + i), left = load(w + i) * gap;
        store(q + slice + i, left);
        sum += static_cast<double>(gap) * static_cast<double>(left);
    }
    sum_part(part, sum);
}

__global__ void slice_hold_kernel(float *s, const float *u, int64_t count)
{
    const int64_t slice = blockIdx.y * count;
    for (int64_t i = first_element(); i < count; i += element_step())
        if (load(u + slice + i) <= 0.0f && load(s + slice + i) < 0.0f) store(s + slice + i, 0.0f);
}

__global__ void slice_mask_kernel(float *x, int64_t n)
{
    const int64_t slice = blockIdx.y * n * n;
    for (int64_t i = first_element(); i < n * n; i += element_step()) {
        const int64_t half = pp_circle_half(n, i / n, 0.0), from = i % n - n / 2;
        if (half < 0 || from < -half || from > half) store(x + slice + i, 0.0f);
    }
}

/* ---- launches ---- */

unsigned parts_of(int64_t count)
{
    const int64_t parts = (count + PART_ELEMENTS - 1) / PART_ELEMENTS;
    return static_cast<unsigned>(parts < 1 ? 1 : parts > PARTS_MOST ? PARTS_MOST : parts);
}

dim3 grid_for(int64_t slices, int64_t count)
{
    const int64_t blocks = (count + THREADS - 1) / THREADS;
    return dim3(static_cast<unsigned>(blocks > 1024 ? 1024 : blocks),
                static_cast<unsigned>(slices));
}

/* each(first slice, slices) for as many slices as go together. */
template <class F> pp_status in_launches(int64_t slices, int64_t count, F each)
{
    for (int64_t first = 0; count > 0 && first < slices; first += TOGETHER)
        each(first, slices - first < TOGETHER ? slices - first : TOGETHER);
    return launched();
}

/* Made before the launch: its arguments may be read later. */
factors_t factors(const double *of, int64_t first, int64_t slices)
{
    factors_t out = {};
    for (int64_t k = 0; k < slices; k++) {
        out.of[k] = of ? static_cast<float>(of[first + k]) : 0.0f;
        out.chosen[k] = !of || !(of[first + k] == 0.0);
    }
    return out;
}

/* put(slice, sum) of what launch(part, first slice, grid) leaves in part [slices][parts]. */
template <class L, class P> pp_status summed(int64_t slices, int64_t count, L launch, P put)
{
    const unsigned parts = parts_of(count);
    const size_t all = static_cast<size_t>(slices);
    double *part = nullptr, *total = nullptr;
    void *host = nullptr;
    if (slices < 1) return settle();
    pp_status status = take(all * parts, &part);
    if (status == PP_OK) status = take(all, &total);
    if (status == PP_OK) status = take_pinned(all * sizeof(double), &host);
    if (status == PP_OK)
        status = in_launches(slices, count, [&](int64_t first, int64_t some) {
            launch(part + first * parts, first, dim3(parts, static_cast<unsigned>(some)));
        });
    if (status == PP_OK) {
        PP_LAUNCH(slice_totals_kernel, static_cast<unsigned>(slices), THREADS, sums_bytes(1),
                  stream(), total, part, static_cast<int>(parts));
        status = PP_CHECK(
            cudaMemcpyAsync(host, total, all * sizeof(double), cudaMemcpyDeviceToHost, stream()));
    }
    const pp_status after = settle(); /* also of a failure: the host's memory goes */
    if (status == PP_OK) status = after;
    for (size_t k = 0; status == PP_OK && k < all; k++) put(k, static_cast<double *>(host)[k]);
    give_pinned(host);
    give(total), give(part);
    return status;
}

/* ---- the table ---- */

pp_status dots(double *sums, const float *x, const float *y, int64_t slices, int64_t count)
{
    return summed(
        slices, count,
        [=](double *part, int64_t first, dim3 grid) {
            PP_LAUNCH(slice_dots_kernel, grid, THREADS, sums_bytes(1), stream(), part,
                      x + first * count, y + first * count, count);
        },
        [=](size_t k, double sum) { sums[k] = sum; });
}

pp_status add(float *y, const double *a, const float *x, int64_t slices, int64_t count)
{
    return in_launches(slices, count, [=](int64_t first, int64_t some) {
        const factors_t each = factors(a, first, some);
        PP_LAUNCH(slice_add_kernel, grid_for(some, count), THREADS, 0, stream(), y + first * count,
                  each, x + first * count, count);
    });
}

pp_status add_clipped(float *y, bool *clipped, const double *a, const float *x, int64_t slices,
                      int64_t count)
{
    if (!clipped)
        return in_launches(slices, count, [=](int64_t first, int64_t some) {
            const factors_t each = factors(a, first, some);
            PP_LAUNCH(slice_clip_kernel, grid_for(some, count), THREADS, 0, stream(), nullptr,
                      y + first * count, each, x ? x + first * count : nullptr, count);
        });
    return summed(
        slices, count,
        [=](double *part, int64_t first, dim3 grid) {
            const factors_t each = factors(a, first, grid.y);
            PP_LAUNCH(slice_clip_kernel, grid, THREADS, sums_bytes(1), stream(), part,
                      y + first * count, each, x ? x + first * count : nullptr, count);
        },
        [=](size_t k, double below) { clipped[k] = below > 0.0; });
}

pp_status follow(float *y, const double *b, const float *x, int64_t slices, int64_t count)
{
    return in_launches(slices, count, [=](int64_t first, int64_t some) {
        const factors_t each = factors(b, first, some);
        PP_LAUNCH(slice_follow_kernel, grid_for(some, count), THREADS, 0, stream(),
                  y + first * count, each, x + first * count, count);
    });
}

pp_status subtract(float *r, const float *p, const float *q, const bool *chosen, int64_t slices,
                   int64_t count)
{
    return in_launches(slices, count, [=](int64_t first, int64_t some) {
        factors_t which = factors(nullptr, first, some);
        for (int64_t k = 0; chosen && k < some; k++) which.chosen[k] = chosen[first + k];
        PP_LAUNCH(slice_subtract_kernel, grid_for(some, count), THREADS, 0, stream(),
                  r + first * count, p + first * count, q + first * count, which, count);
    });
}

pp_status weigh(float *q, double *sums, const float *w, const float *p, int64_t slices,
                int64_t count)
{
    return summed(
        slices, count,
        [=](double *part, int64_t first, dim3 grid) {
            PP_LAUNCH(slice_weigh_kernel, grid, THREADS, sums_bytes(1), stream(), part,
                      q + first * count, w, p + first * count, count);
        },
        [=](size_t k, double sum) { sums[k] = sum; });
}

pp_status hold(float *s, const float *u, int64_t slices, int64_t count)
{
    return in_launches(slices, count, [=](int64_t first, int64_t some) {
        PP_LAUNCH(slice_hold_kernel, grid_for(some, count), THREADS, 0, stream(), s + first * count,
                  u + first * count, count);
    });
}

pp_status mask(float *x, int64_t slices, int64_t n)
{
    return in_launches(slices, n * n, [=](int64_t first, int64_t some) {
        PP_LAUNCH(slice_mask_kernel, grid_for(some, n * n), THREADS, 0, stream(), x + first * n * n,
                  n);
    });
}

double bytes(int64_t slices, int64_t count)
{
    return static_cast<double>(slices) *
           static_cast<double>((parts_of(count) + 1) * sizeof(double));
}

} // namespace

const pp_slice_class slice_class = {dots,  add,  add_clipped, follow, subtract,
                                    weigh, hold, mask,        bytes};

} // namespace PP_DEVICE
