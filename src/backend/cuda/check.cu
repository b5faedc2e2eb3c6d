/* What `polyptych devices` tells of a device, and whether it computes.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <cmath>
#include <cstdio>

#include "backend/cuda/sweep.h"

namespace PP_DEVICE
{
namespace
{

constexpr int SIDE = 16, COUNT = SIDE * SIDE;

pp_status facts(int device, pp_device_facts *out)
{
    cudaDeviceProp p;
    *out = {};
    PP_TRY(PP_CHECK(cudaGetDeviceProperties(&p, device)));
    PP_TRY(PP_CHECK(cudaDeviceGetPCIBusId(out->bus, static_cast<int>(sizeof out->bus), device)));
    (void)snprintf(out->name, sizeof out->name, "%.127s", p.name);
    out->memory = static_cast<double>(p.totalGlobalMem);
    out->cache = static_cast<double>(p.l2CacheSize);
    out->capability[0] = p.major, out->capability[1] = p.minor;
    out->processors = p.multiProcessorCount;
    return PP_OK;
}

/* A plane wave becomes one peak, and itself again. */
pp_status transform(cufftHandle plan, pp_c32 *memory, pp_c32 *wave)
{
    pp_c32 peak[COUNT], again[COUNT];
    const size_t bytes = sizeof peak;
    cufftComplex *const data = reinterpret_cast<cufftComplex *>(memory);
    PP_TRY(PP_CHECK(cudaMemcpyAsync(memory, wave, bytes, cudaMemcpyHostToDevice, stream())));
    PP_TRY(PP_CHECK_FFT(cufftSetStream(plan, stream())));
    PP_TRY(PP_CHECK_FFT(cufftExecC2C(plan, data, data, CUFFT_FORWARD)));
    PP_TRY(PP_CHECK(cudaMemcpyAsync(peak, memory, bytes, cudaMemcpyDeviceToHost, stream())));
    PP_TRY(PP_CHECK_FFT(cufftExecC2C(plan, data, data, CUFFT_INVERSE)));
    PP_TRY(PP_CHECK(cudaMemcpyAsync(again, memory, bytes, cudaMemcpyDeviceToHost, stream())));
    PP_TRY(settle());
    float worst = 0.0f;
    for (int k = 0; k < COUNT; k++) {
        const float height = k == 3 * SIDE + 5 ? static_cast<float>(COUNT) : 0.0f;
        worst = std::fmax(worst, std::fabs(peak[k].re - height) + std::fabs(peak[k].im));
        worst = std::fmax(worst, std::fabs(again[k].re / COUNT - wave[k].re) * COUNT);
    }
    if (!(worst < 1e-2f))
        return PP_FAIL(PP_ERR_RESOURCE,
                       PP_TABLE_NAME ": a plane wave's transform is off by %g of its peak of %d",
                       static_cast<double>(worst), COUNT);
    return PP_OK;
}

pp_status test()
{
    pp_c32 wave[COUNT], *memory = nullptr;
    int size[2] = {SIDE, SIDE};
    cufftHandle plan = -1;
    for (int k = 0; k < COUNT; k++) {
        const double phase = 2 * 3.14159265358979323846 * (3 * (k / SIDE) + 5 * (k % SIDE)) / SIDE;
        wave[k] = {static_cast<float>(std::cos(phase)), static_cast<float>(std::sin(phase))};
    }
    PP_TRY(take(COUNT, &memory));
    pp_status status = PP_CHECK_FFT(
        cufftPlanMany(&plan, 2, size, nullptr, 1, COUNT, nullptr, 1, COUNT, CUFFT_C2C, 1));
    if (status == PP_OK) status = transform(plan, memory, wave);
    if (plan >= 0) (void)cufftDestroy(plan);
    give(memory);
    return status;
}

pp_status peers(int from, int to, bool *out)
{
    int can = 0;
    PP_TRY(PP_CHECK(cudaDeviceCanAccessPeer(&can, from, to)));
    *out = can != 0;
    return PP_OK;
}

pp_status alive()
{
    cudaStream_t queue = nullptr;
    PP_TRY(launched());
    PP_TRY(this_stream(&queue));
    const cudaError_t code = cudaStreamQuery(queue);
    if (code != cudaErrorNotReady) return PP_CHECK(code);
    (void)cudaGetLastError(); /* which it is not */
    return PP_OK;
}

} // namespace

const pp_device_class device_class = {facts, test, peers, alive};

} // namespace PP_DEVICE
