/* What the device does alone: copies, and cuFFT's transforms. The bench compares the sweep with them.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "backend/cuda/sums.h"
#include "backend/cuda/sweep.h"

#include <algorithm>

namespace PP_DEVICE
{
namespace
{

#ifdef PP_MOCK
constexpr size_t COPY_BYTES = size_t(1) << 20;
constexpr int REPEATS = 2;
#else
constexpr size_t COPY_BYTES = size_t(256) << 20;
constexpr int REPEATS = 20;
#endif

/* Two events around what is enqueued; the second is waited for. */
struct timer {
    cudaEvent_t from = nullptr, to = nullptr;
    timer() = default;
    timer(const timer &) = delete;
    timer &operator=(const timer &) = delete;
    ~timer()
    {
        if (from) (void)cudaEventDestroy(from);
        if (to) (void)cudaEventDestroy(to);
    }
    pp_status start(cudaStream_t q)
    {
        PP_TRY(PP_CHECK(cudaEventCreateWithFlags(&from, cudaEventDefault)));
        PP_TRY(PP_CHECK(cudaEventCreateWithFlags(&to, cudaEventDefault)));
        return PP_CHECK(cudaEventRecord(from, q));
    }
    pp_status stop(cudaStream_t q, double *seconds)
    {
        float milliseconds = 0.0f;
        PP_TRY(PP_CHECK(cudaEventRecord(to, q)));
        PP_TRY(settle());
        PP_TRY(PP_CHECK(cudaEventElapsedTime(&milliseconds, from, to)));
        *seconds = 1e-3 * static_cast<double>(milliseconds);
        return PP_OK;
    }
};

pp_status time_copies(cudaStream_t q, char *to, char *from, double *seconds)
{
    timer t;
    PP_TRY(PP_CHECK(cudaMemsetAsync(from, 0, COPY_BYTES, q)));
    PP_TRY(PP_CHECK(cudaMemcpyAsync(to, from, COPY_BYTES, cudaMemcpyDeviceToDevice, q)));
    PP_TRY(t.start(q));
    for (int i = 0; i < REPEATS; i++)
        PP_TRY(PP_CHECK(cudaMemcpyAsync(to, from, COPY_BYTES, cudaMemcpyDeviceToDevice, q)));
    return t.stop(q, seconds);
}

pp_status copy_speed(cudaStream_t q, double *bytes)
{
    char *to = nullptr, *from = nullptr;
    double seconds = 0;
    pp_status status = take(COPY_BYTES, &to);
    if (status == PP_OK) status = take(COPY_BYTES, &from);
    if (status == PP_OK) status = time_copies(q, to, from, &seconds);
    *bytes = 2.0 * static_cast<double>(COPY_BYTES) * REPEATS / std::max(seconds, 1e-9);
    give(to), give(from);
    return status;
}

pp_status time_pairs(cudaStream_t q, cufftHandle plan, pp_c32 *field, int64_t plane, int64_t batch,
                     double *seconds)
{
    cufftComplex *const data = reinterpret_cast<cufftComplex *>(field);
    timer t;
    PP_TRY(PP_CHECK_FFT(cufftSetStream(plan, q)));
    PP_TRY(
        PP_CHECK(cudaMemsetAsync(field, 0, static_cast<size_t>(plane * batch) * sizeof *field, q)));
    for (int i = -1; i < REPEATS; i++) {
        if (i == 0) PP_TRY(t.start(q)); /* the first pair warms up */
        PP_TRY(PP_CHECK_FFT(cufftExecC2C(plan, data, data, CUFFT_FORWARD)));
        PP_TRY(PP_CHECK_FFT(cufftExecC2C(plan, data, data, CUFFT_INVERSE)));
        launch_scaled(q, field, field, 1.0f / static_cast<float>(plane), plane * batch);
    }
    return t.stop(q, seconds);
}

/* A batch as large as those of a sweep of one mode. */
pp_status pair_time(cudaStream_t q, int64_t n, double *microseconds)
{
    int size[2] = {static_cast<int>(n), static_cast<int>(n)};
    const int plane = size[0] * size[1];
    double cache = 0, seconds = 0;
    PP_TRY(cache_bytes(&cache));
    const double most = cache / 4 / (static_cast<double>(plane) * sizeof(pp_c32));
    const int batch = std::max(1, static_cast<int>(std::min<double>(most, BATCH_MOST)));
    cufftHandle plan = 0;
    pp_c32 *field = nullptr;
    PP_TRY(take(static_cast<size_t>(plane) * static_cast<size_t>(batch), &field));
    pp_status status = PP_CHECK_FFT(
        cufftPlanMany(&plan, 2, size, nullptr, 1, plane, nullptr, 1, plane, CUFFT_C2C, batch));
    if (status == PP_OK) {
        status = time_pairs(q, plan, field, plane, batch, &seconds);
        (void)cufftDestroy(plan);
    }
    give(field);
    *microseconds = 1e6 * seconds / REPEATS / batch;
    return status;
}

} // namespace

pp_status speed(int64_t n, pp_backend_speed *out)
{
    cudaStream_t q = nullptr;
    PP_TRY(this_stream(&q));
    PP_TRY(settle());
    PP_TRY(copy_speed(q, &out->copy_bytes));
    return pair_time(q, n, &out->fft_pair_us);
}

} // namespace PP_DEVICE
