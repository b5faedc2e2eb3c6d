/* The table of a CUDA device, real or emulated: devices and memory.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "backend/cuda/device.h"

namespace PP_DEVICE
{

pp_status check(cudaError_t code, const char *call, const char *file, int line)
{
    if (code == cudaSuccess) return PP_OK;
    pp_fail(file, line, PP_ERR_RESOURCE, PP_TABLE_NAME ": %s (CUDA error %d) in %s",
            cudaGetErrorString(code), static_cast<int>(code), call);
    return PP_ERR_RESOURCE;
}

namespace
{

int devices(const char **why)
{
    int count = 0;
    const cudaError_t code = cudaGetDeviceCount(&count);
    if (why) *why = code == cudaSuccess ? nullptr : cudaGetErrorString(code);
    if (code != cudaSuccess) {
        (void)cudaGetLastError(); /* it is told here, and is no failure of a later call */
        return 0;
    }
    return count;
}

pp_status alloc(size_t bytes, void **out)
{
    void *memory = nullptr;
    PP_TRY(PP_CHECK(cudaMalloc(&memory, bytes ? bytes : 1)));
    pp_status status = PP_CHECK(cudaMemsetAsync(memory, 0, bytes, nullptr));
    if (status == PP_OK) status = PP_CHECK(cudaStreamSynchronize(nullptr));
    if (status == PP_OK)
        *out = memory;
    else
        (void)cudaFree(memory);
    return status;
}

void release(void *memory)
{
    if (memory) (void)cudaFree(memory);
}

/* Copies report what went wrong in launches before them, which have no status of their own. */
pp_status upload(void *to, const void *from, size_t bytes)
{
    PP_TRY(PP_CHECK(cudaGetLastError()));
    return PP_CHECK(cudaMemcpy(to, from, bytes, cudaMemcpyHostToDevice));
}

pp_status download(void *to, const void *from, size_t bytes)
{
    PP_TRY(PP_CHECK(cudaGetLastError()));
    return PP_CHECK(cudaMemcpy(to, from, bytes, cudaMemcpyDeviceToHost));
}

const pp_sweep_class *const sweeps[] = {nullptr};

} // namespace
} // namespace PP_DEVICE

/* name, devices, alloc, release, upload, download, vectors, sweeps */
extern "C" const pp_backend PP_TABLE = {
    PP_TABLE_NAME,     PP_DEVICE::devices,  PP_DEVICE::alloc,    PP_DEVICE::release,
    PP_DEVICE::upload, PP_DEVICE::download, &PP_DEVICE::vectors, PP_DEVICE::sweeps,
};
