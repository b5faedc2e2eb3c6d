/* Slabs of slices on a device, see backend/slabs.h. Kernels that sum have a fixed number of blocks for each slice, by the slice's size alone;
 * a block adds in double (sums.h), and the host adds a slice's blocks in order: the same bits every run.
 *
 * What a kernel reads of neighbouring voxels the caches hold: it is not counted (docs/performance.md).
 * SPDX-License-Identifier: BSD-3-Clause */
#include <algorithm>

#include "backend/cuda/sums.h"
#include "backend/slabs.h"

namespace PP_DEVICE
{
namespace
{

enum { AXES = PP_VARIATION_AXES, SUMS = PP_VARIATION_SUMS };
constexpr int64_t SLICE_BLOCKS_MOST = 32, SLICE_BLOCK_ELEMENTS = 4096; /* of a sum */

__device__ int64_t thread_number()
{
    return static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
}

unsigned blocks_for(int64_t count)
{
    return static_cast<unsigned>((count + THREADS - 1) / THREADS);
}

/* A voxel of a block of slices. */
struct voxel_t {
    int64_t k, y, x;
};

__device__ voxel_t voxel(const pp_slab_cut &cut, int64_t at)
{
    const int64_t pixels = cut.n * cut.n, i = at % pixels;
    return {at / pixels, i / cut.n, i % cut.n};
}

int64_t voxels(const pp_slab_cut &cut)
{
    return cut.slices * cut.n * cut.n;
}

/* ---- without sums: one thread an element ---- */

__global__ void slab_combine_kernel(float *out, float a, const float *x, float b, const float *y,
                                    int64_t count)
{
    const int64_t i = thread_number();
    if (i >= count) return;
    const float first = a * load(x + i);
    store(out + i, y ? first + b * load(y + i) : first);
}

__global__ void slab_normal_kernel(float *out, pp_slab_cut cut, pp_slab_normal t)
{
    const int64_t at = thread_number();
    if (at >= cut.slices * cut.n * cut.n) return;
    const voxel_t v = voxel(cut, at);
    const float here = load(t.d + at);
    float sum = t.part * load(out + at) + t.eta * here;
    sum += t.rho * pp_variation_laplacian(&cut, t.d, here, v.k, v.y, v.x);
    store(out + at, t.circle && !pp_in_circle(cut.n, v.y, v.x) ? 0.0f : sum);
}

__global__ void slab_right_kernel(float *out, pp_slab_cut cut, pp_slab_right t)
{
    const int64_t at = thread_number();
    if (at >= cut.slices * cut.n * cut.n) return;
    const voxel_t v = voxel(cut, at);
    float here[AXES], sum = load(t.data + at);
    for (int axis = 0; axis < AXES; axis++)
        here[axis] = load(t.fields.split[axis] + at) - load(t.fields.multiplier[axis] + at);
    sum += t.rho * pp_variation_transposed(&cut, &t.fields, here, v.k, v.y, v.x);
    if (t.positive) sum += t.eta * (load(t.positive + at) - load(t.positive_multiplier + at));
    store(out + at, t.circle && !pp_in_circle(cut.n, v.y, v.x) ? 0.0f : sum);
}

__global__ void slab_differences_kernel(pp_slab_splitting fields, pp_slab_cut cut, const float *u)
{
    const int64_t at = thread_number();
    if (at >= cut.slices * cut.n * cut.n) return;
    const voxel_t v = voxel(cut, at);
    float g[AXES];
    pp_variation_differences(&cut, u, load(u + at), v.k, v.y, v.x, g);
    for (int axis = 0; axis < AXES; axis++) store(fields.split[axis] + at, g[axis]);
}

__global__ void slab_positive_kernel(float *w, float *multiplier, const float *u, int64_t count)
{
    const int64_t i = thread_number();
    if (i >= count) return;
    float keep, rest = load(multiplier + i);
    pp_keep_positive(load(u + i), &keep, &rest);
    store(w + i, keep), store(multiplier + i, rest);
}

void combine(int64_t count, float *out, float a, const float *x, float b, const float *y)
{
    if (count < 1) return;
    PP_LAUNCH(slab_combine_kernel, blocks_for(count), THREADS, 0, stream(), out, a, x, b, y, count);
}

void normal(const pp_slab_cut *cut_, const pp_slab_normal *terms_, float *out)
{
    const pp_slab_cut cut = *cut_; /* launches keep values, and read no host memory later */
    const pp_slab_normal terms = *terms_;
    if (cut.slices < 1) return;
    PP_LAUNCH(slab_normal_kernel, blocks_for(voxels(cut)), THREADS, 0, stream(), out, cut, terms);
}

void right(const pp_slab_cut *cut_, const pp_slab_right *terms_, float *out)
{
    const pp_slab_cut cut = *cut_;
    const pp_slab_right terms = *terms_;
    if (cut.slices < 1) return;
    PP_LAUNCH(slab_right_kernel, blocks_for(voxels(cut)), THREADS, 0, stream(), out, cut, terms);
}

void differences(const pp_slab_cut *cut_, const float *u, const pp_slab_splitting *fields_)
{
    const pp_slab_cut cut = *cut_;
    const pp_slab_splitting fields = *fields_;
    if (cut.slices < 1) return;
    PP_LAUNCH(slab_differences_kernel, blocks_for(voxels(cut)), THREADS, 0, stream(), fields, cut,
              u);
}

void keep_positive(int64_t count, const float *u, float *w, float *multiplier)
{
    if (count < 1) return;
    PP_LAUNCH(slab_positive_kernel, blocks_for(count), THREADS, 0, stream(), w, multiplier, u,
              count);
}

/* ---- sums: so many blocks a slice ---- */

struct blocks_t {
    int64_t size, each; /* elements of a slice; blocks of one */
};

/* Where the block begins in its slice, and that slice. */
struct range_t {
    int64_t slice, first, step;
};

__device__ range_t my_range(const blocks_t &b)
{
    const int64_t block = static_cast<int64_t>(blockIdx.x);
    return {block / b.each, block % b.each * blockDim.x + threadIdx.x, b.each * blockDim.x};
}

__global__ void slab_shrink_kernel(double *out, pp_slab_splitting f, pp_slab_cut cut,
                                   const float *u, float bar, blocks_t blocks)
{
    const range_t r = my_range(blocks);
    double sums[SUMS] = {0.0, 0.0, 0.0, 0.0, 0.0};
    for (int64_t i = r.first; i < blocks.size; i += r.step) {
        const int64_t at = r.slice * blocks.size + i;
        float g[AXES], z[AXES], m[AXES];
        pp_variation_differences(&cut, u, load(u + at), r.slice, i / cut.n, i % cut.n, g);
        for (int axis = 0; axis < AXES; axis++)
            z[axis] = load(f.split[axis] + at), m[axis] = load(f.multiplier[axis] + at);
        pp_variation_shrink(g, z, m, bar, sums);
        for (int axis = 0; axis < AXES; axis++)
            store(f.split[axis] + at, z[axis]), store(f.multiplier[axis] + at, m[axis]);
    }
    block_sums(sums, out + blockIdx.x, gridDim.x);
}

__global__ void slab_variation_kernel(double *out, pp_slab_cut cut, const float *u, blocks_t blocks)
{
    const range_t r = my_range(blocks);
    double sum[1] = {0.0};
    for (int64_t i = r.first; i < blocks.size; i += r.step) {
        float g[AXES];
        pp_variation_differences(&cut, u, load(u + r.slice * blocks.size + i), r.slice, i / cut.n,
                                 i % cut.n, g);
        sum[0] += pp_variation_length(g);
    }
    block_sums(sum, out + blockIdx.x, gridDim.x);
}

blocks_t blocks_of(int64_t size)
{
    const int64_t each = (size + SLICE_BLOCK_ELEMENTS - 1) / SLICE_BLOCK_ELEMENTS;
    return {size, std::min(each, SLICE_BLOCKS_MOST)};
}

/* each [slices][count]: launch(out, blocks) leaves count numbers of every block, [which][slice][block]. */
template <class L>
pp_status summed(int64_t slices, const blocks_t &blocks, int count, double *each, L launch)
{
    const int64_t all = slices * blocks.each;
    const size_t numbers = static_cast<size_t>(all) * static_cast<size_t>(count);
    double *memory = nullptr;
    void *host = nullptr;
    if (slices < 1) return PP_OK;
    pp_status status = take(numbers, &memory);
    if (status == PP_OK) status = take_pinned(numbers * sizeof(double), &host);
    if (status == PP_OK) {
        launch(memory, static_cast<unsigned>(all));
        status = PP_CHECK(cudaMemcpyAsync(host, memory, numbers * sizeof(double),
                                          cudaMemcpyDeviceToHost, stream()));
    }
    if (status == PP_OK) status = settle();
    const double *const part = static_cast<const double *>(host);
    for (int64_t k = 0; status == PP_OK && k < slices; k++)
        for (int which = 0; which < count; which++) {
            double sum = 0;
            for (int64_t b = 0; b < blocks.each; b++)
                sum += part[which * all + k * blocks.each + b];
            each[k * count + which] = sum;
        }
    give_pinned(host);
    give(memory);
    return status;
}

pp_status shrink(const pp_slab_cut *cut_, const float *u, const pp_slab_splitting *fields_,
                 float bar, double *each)
{
    const pp_slab_cut cut = *cut_;
    const pp_slab_splitting fields = *fields_;
    const blocks_t blocks = blocks_of(cut.n * cut.n);
    return summed(cut.slices, blocks, SUMS, each, [=](double *out, unsigned count) {
        PP_LAUNCH(slab_shrink_kernel, count, THREADS, sums_bytes(SUMS), stream(), out, fields, cut,
                  u, bar, blocks);
    });
}

pp_status variation(const pp_slab_cut *cut_, const float *u, double *each)
{
    const pp_slab_cut cut = *cut_;
    const blocks_t blocks = blocks_of(cut.n * cut.n);
    return summed(cut.slices, blocks, 1, each, [=](double *out, unsigned count) {
        PP_LAUNCH(slab_variation_kernel, count, THREADS, sums_bytes(1), stream(), out, cut, u,
                  blocks);
    });
}

} // namespace

const pp_slab_class slab_class = {take_pinned, give_pinned, combine,   normal,       right,
                                  differences, shrink,      variation, keep_positive};

} // namespace PP_DEVICE
