/* Kernels of the detector: intensities, residuals, lines, position terms. A block takes one slice of one pattern; its sums go to
 * row s, place pattern * slices + slice.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "backend/cuda/sums.h"
#include "backend/cuda/sweep.h"

namespace PP_DEVICE
{
namespace
{

/* Pixels [first, last) of this block's slice. */
struct slice {
    int pattern, first, last;
    int64_t place, field;
};

__device__ slice slice_of(const scene &v, int slices)
{
    slice s;
    const int64_t i = blockIdx.x;
    s.pattern = static_cast<int>(blockIdx.y);
    s.first = static_cast<int>(v.plane * i / slices);
    s.last = static_cast<int>(v.plane * (i + 1) / slices);
    s.place = static_cast<int64_t>(s.pattern) * slices + i;
    s.field = static_cast<int64_t>(s.pattern) * v.modes * v.plane;
    return s;
}

template <class F>
__device__ bool measured(const scene &v, const measurement &m, const slice &s, int k, float *d)
{
    return measured_at<F>(v, m, s.pattern, k, d);
}

__device__ float dark_of(const float *maxima, const slice &s, int slices)
{
    const float *const m = maxima + static_cast<int64_t>(s.pattern) * slices;
    float largest = m[0];
    for (int i = 1; i < slices; i++) largest = m[i] > largest ? m[i] : largest;
    return pp_dark_limit(largest, PP_SWEEP_DARK);
}

struct step_t {
    const pp_c32 *f1, *f2;
    float a, b;
};

__global__ void follow_kernel(scene v, int slices, pp_c32 *far, step_t by, float *maxima)
{
    const slice s = slice_of(v, slices);
    const int t = static_cast<int>(threadIdx.x);
    float largest = 0.0f;
    for (int k = s.first + t; k < s.last; k += THREADS) {
        float sum = 0.0f;
        for (int m = 0; m < v.modes; m++) {
            const int64_t at = s.field + static_cast<int64_t>(m) * v.plane + k;
            pp_c32 f = load(far + at);
            if (by.f1) f = pp_add(f, pp_times(by.a, load(by.f1 + at)));
            if (by.f2) f = pp_add(f, pp_times(by.b, load(by.f2 + at)));
            if (by.f1) store(far + at, f);
            sum += pp_intensity(f);
        }
        if (v.background) sum += load(v.background + k);
        largest = sum > largest ? sum : largest;
    }
    largest = block_largest(largest);
    if (t == 0) maxima[s.place] = largest;
}

struct partial_t {
    double *at;
    int64_t row;
};

template <class F>
__global__ void residual_kernel(scene v, measurement m, residual_out to, const pp_c32 *far,
                                const float *maxima, bool misfit, partial_t out)
{
    const slice s = slice_of(v, m.slices);
    const float limit = dark_of(maxima, s, m.slices);
    double sums[2] = {0.0, 0.0};
    for (int k = s.first + static_cast<int>(threadIdx.x); k < s.last; k += THREADS) {
        float d;
        const bool counts = measured<F>(v, m, s, k, &d);
        const float a = intensity_of(v, far + s.field, k);
        float u = 0.0f;
        if (counts) {
            sums[0] += static_cast<double>(pp_pixel_cost(m.poisson, a, d));
            if (misfit) sums[1] += static_cast<double>(pp_amplitude_cost(a, d));
            u = way_back(v, m, a, d, limit);
        }
        for (int i = 0; to.near && i < v.modes; i++) {
            const int64_t at = s.field + static_cast<int64_t>(i) * v.plane + k;
            store(to.near + at, pp_times(u, load(far + at)));
        }
    }
    if (to.limit && blockIdx.x == 0 && threadIdx.x == 0) to.limit[s.pattern] = limit;
    block_sums(sums, out.at + s.place, out.row);
}

/* Coefficients b to e of the intensity along the line. */
__device__ void quartic(const scene &v, const slice &s, const far_line &f, int k, float bcde[4])
{
    for (int i = 0; i < 4; i++) bcde[i] = 0.0f;
    for (int m = 0; m < v.modes; m++) {
        const int64_t at = s.field + static_cast<int64_t>(m) * v.plane + k;
        const pp_c32 far = load(f.far + at), f1 = load(f.f1 + at);
        if (f.f2) {
            const pp_c32 fgh[3] = {far, f1, load(f.f2 + at)};
            pp_line_add_square(&bcde[0], &bcde[1], &bcde[2], &bcde[3], fgh,
                               static_cast<float>(f.at));
        } else {
            pp_line_add_linear(&bcde[0], &bcde[1], far, f1);
        }
    }
}

__device__ void derivatives(const measurement &m, float a, float d, const float bcde[4],
                            double sums[2])
{
    const float r = pp_pixel_ratio(m.poisson, a, d), s = m.poisson ? 1.0f : 0.5f;
    sums[0] += static_cast<double>(pp_line_slope(r, bcde[0]));
    sums[1] += static_cast<double>(pp_line_curvature(a, r, bcde[0], bcde[1], s));
}

struct relative_t {
    float by[PP_SWEEP_STEPS];
    int count;
};

/* STEPS: count or more, known to the compiler so that the sums stay in registers. */
template <class F, int STEPS>
__global__ void line_kernel(scene v, measurement m, far_line f, const float *maxima,
                            relative_t steps, partial_t out)
{
    const slice s = slice_of(v, m.slices);
    const float limit = dark_of(maxima, s, m.slices);
    double sums[STEPS + 2];
    PP_UNROLL for (int i = 0; i < STEPS + 2; i++) sums[i] = 0.0;
    for (int k = s.first + static_cast<int>(threadIdx.x); k < s.last; k += THREADS) {
        float d, bcde[4];
        if (!measured<F>(v, m, s, k, &d)) continue;
        const float a = intensity_of(v, f.far + s.field, k);
        quartic(v, s, f, k, bcde);
        if (a >= limit) derivatives(m, a, d, bcde, sums);
        PP_UNROLL for (int i = 0; i < STEPS; i++)
        {
            if (i >= steps.count) continue;
            const float trial = pp_line_intensity(a, bcde, steps.by[i]);
            sums[2 + i] += static_cast<double>(pp_pixel_cost(m.poisson, trial, d));
        }
    }
    block_sums(sums, out.at + s.place, out.row);
}

template <class F>
__global__ void positions_kernel(scene v, measurement m, const pp_c32 *far, const pp_c32 *jy,
                                 const pp_c32 *jx, const float *maxima, partial_t out)
{
    const slice s = slice_of(v, m.slices);
    const float limit = dark_of(maxima, s, m.slices);
    double sums[POSITION_SUMS] = {0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0};
    for (int k = s.first + static_cast<int>(threadIdx.x); k < s.last; k += THREADS) {
        float d, y = 0.0f, x = 0.0f;
        const bool counts = measured<F>(v, m, s, k, &d);
        const float a = intensity_of(v, far + s.field, k);
        if (!counts || a < limit) continue;
        for (int i = 0; i < v.modes; i++) {
            const int64_t at = s.field + static_cast<int64_t>(i) * v.plane + k;
            const pp_c32 f = load(far + at);
            y += pp_cmul(f, load(jy + at)).re;
            x += pp_cmul(f, load(jx + at)).re;
        }
        const double mod = static_cast<double>(sqrtf(a)), dy = static_cast<double>(y) / mod,
                     dx = static_cast<double>(x) / mod, r = mod - static_cast<double>(sqrtf(d)),
                     dark = v.background ? static_cast<double>(load(v.background + k)) : 0.0,
                     beam = mod - dark / mod; /* d sqrt(I + background) / d log factor */
        sums[0] += dy * dy, sums[1] += dy * dx, sums[2] += dx * dx;
        sums[3] += dy * r, sums[4] += dx * r;
        sums[5] += beam * beam, sums[6] += beam * r;
    }
    block_sums(sums, out.at + s.place, out.row);
}

/* One thread a pixel, patterns in order. */
template <class F>
__global__ void background_kernel(scene v, measurement m, const pp_c32 *far, double2 *total)
{
    const int k = static_cast<int>(blockIdx.x) * THREADS + static_cast<int>(threadIdx.x);
    if (k >= v.plane) return;
    double2 sum = load(total + k);
    for (int j = 0; j < v.count; j++) {
        const slice s = {j, 0, 0, 0, static_cast<int64_t>(j) * v.modes * v.plane};
        float d;
        const bool counts = measured<F>(v, m, s, k, &d);
        const float a = intensity_of(v, far + s.field, k);
        if (!counts || !(a > 0.0f)) continue;
        const double q = static_cast<double>(a), x = static_cast<double>(d) / q,
                     r = m.poisson ? x : sqrt(x);
        sum.x += 1.0 - r;
        sum.y += (m.poisson ? 1.0 : 0.5) * r / q;
    }
    store(total + k, sum);
}

template <class F> __global__ void totals_kernel(scene v, measurement m, partial_t out)
{
    const slice s = slice_of(v, m.slices);
    double sums[3] = {0.0, 0.0, 0.0};
    for (int k = s.first + static_cast<int>(threadIdx.x); k < s.last; k += THREADS) {
        float value;
        if (!measured<F>(v, m, s, k, &value)) continue;
        const double d = static_cast<double>(value);
        sums[0] += d, sums[2] += 1.0;
        if (d > 0.0) sums[1] += d - d * log(d);
    }
    block_sums(sums, out.at + s.place, out.row);
}

__global__ void sum_rows_kernel(double *total, const double *partial, int64_t row)
{
    const double *const from = partial + blockIdx.x * row;
    double sum[1] = {0.0};
    for (int64_t i = threadIdx.x; i < row; i += THREADS) sum[0] += load(from + i);
    block_sums(sum, total + blockIdx.x, 1);
}

dim3 slice_grid(const scene &v, int slices)
{
    return dim3(static_cast<unsigned>(slices), static_cast<unsigned>(v.count));
}

template <class F, int STEPS>
void line_with(cudaStream_t q, const scene &v, const measurement &m, const far_line &f,
               const float *maxima, const relative_t &steps, partial_t out)
{
    PP_LAUNCH((line_kernel<F, STEPS>), slice_grid(v, m.slices), THREADS, sums_bytes(STEPS + 2), q,
              v, m, f, maxima, steps, out);
}

template <class F>
void line_of(cudaStream_t q, const scene &v, const measurement &m, const far_line &f,
             const float *maxima, const relative_t &steps, partial_t out)
{
    if (steps.count <= 1)
        line_with<F, 1>(q, v, m, f, maxima, steps, out);
    else if (steps.count <= 4)
        line_with<F, 4>(q, v, m, f, maxima, steps, out);
    else
        line_with<F, PP_SWEEP_STEPS>(q, v, m, f, maxima, steps, out);
}

} // namespace

void launch_follow(cudaStream_t q, const scene &v, int slices, pp_c32 *far, const pp_c32 *f1,
                   const pp_c32 *f2, double a, double b, float *maxima)
{
    const step_t by = {f1, f2, static_cast<float>(a), static_cast<float>(b)};
    PP_LAUNCH(follow_kernel, slice_grid(v, slices), THREADS, largest_bytes, q, v, slices, far, by,
              maxima);
}

void launch_residual(cudaStream_t q, const scene &v, const measurement &m, residual_out to,
                     const pp_c32 *far, const float *maxima, bool misfit, double *partial,
                     int64_t row)
{
    const partial_t out = {partial, row};
    if (m.u16)
        PP_LAUNCH((residual_kernel<uint16_t>), slice_grid(v, m.slices), THREADS, sums_bytes(2), q,
                  v, m, to, far, maxima, misfit, out);
    else
        PP_LAUNCH((residual_kernel<float>), slice_grid(v, m.slices), THREADS, sums_bytes(2), q, v,
                  m, to, far, maxima, misfit, out);
}

void launch_line(cudaStream_t q, const scene &v, const measurement &m, const far_line &f,
                 const float *maxima, const trial_steps &steps, double *partial, int64_t row)
{
    relative_t by = {{}, steps.count};
    for (int i = 0; i < steps.count; i++) by.by[i] = static_cast<float>(steps.at[i] - f.at);
    if (m.u16)
        line_of<uint16_t>(q, v, m, f, maxima, by, {partial, row});
    else
        line_of<float>(q, v, m, f, maxima, by, {partial, row});
}

void launch_positions(cudaStream_t q, const scene &v, const measurement &m, const pp_c32 *far,
                      const pp_c32 *jy, const pp_c32 *jx, const float *maxima, double *partial,
                      int64_t row)
{
    const partial_t out = {partial, row};
    if (m.u16)
        PP_LAUNCH((positions_kernel<uint16_t>), slice_grid(v, m.slices), THREADS,
                  sums_bytes(POSITION_SUMS), q, v, m, far, jy, jx, maxima, out);
    else
        PP_LAUNCH((positions_kernel<float>), slice_grid(v, m.slices), THREADS,
                  sums_bytes(POSITION_SUMS), q, v, m, far, jy, jx, maxima, out);
}

void launch_background(cudaStream_t q, const scene &v, const measurement &m, const pp_c32 *far,
                       double2 *sum)
{
    const unsigned blocks = static_cast<unsigned>((v.plane + THREADS - 1) / THREADS);
    if (m.u16)
        PP_LAUNCH((background_kernel<uint16_t>), blocks, THREADS, 0, q, v, m, far, sum);
    else
        PP_LAUNCH((background_kernel<float>), blocks, THREADS, 0, q, v, m, far, sum);
}

void launch_totals(cudaStream_t q, const scene &v, const measurement &m, double *partial,
                   int64_t row)
{
    const partial_t out = {partial, row};
    if (m.u16)
        PP_LAUNCH((totals_kernel<uint16_t>), slice_grid(v, m.slices), THREADS, sums_bytes(3), q, v,
                  m, out);
    else
        PP_LAUNCH((totals_kernel<float>), slice_grid(v, m.slices), THREADS, sums_bytes(3), q, v, m,
                  out);
}

void launch_sum_rows(cudaStream_t q, double *total, const double *partial, int sums, int64_t row)
{
    PP_LAUNCH(sum_rows_kernel, static_cast<unsigned>(sums), THREADS, sums_bytes(1), q, total,
              partial, row);
}

} // namespace PP_DEVICE
