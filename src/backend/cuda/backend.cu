/* The table of a CUDA device, real or emulated: devices and memory.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "backend/cuda/device.h"

#include <algorithm>
#include <cstring>

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

/* Asked once: where there is no driver each question would look for one again. */
struct found {
    int count = 0;
    cudaError_t code = cudaSuccess;
    found()
    {
        code = cudaGetDeviceCount(&count);
        if (code == cudaSuccess) return;
        count = 0;
        (void)cudaGetLastError(); /* it is told here, and is no failure of a later call */
    }
};

int devices(const char **why)
{
    static const found once;
    if (why) *why = once.code == cudaSuccess ? nullptr : cudaGetErrorString(once.code);
    return once.count;
}

pp_status alloc(size_t bytes, void **out)
{
    void *memory = nullptr;
    cudaStream_t queue = nullptr;
    PP_TRY(this_stream(&queue));
    PP_TRY(take(bytes, &memory));
    const pp_status status = PP_CHECK(cudaMemsetAsync(memory, 0, bytes, queue));
    if (status == PP_OK)
        *out = memory;
    else
        give(memory);
    return status;
}

pp_status copy(void *to, const void *from, size_t bytes, cudaMemcpyKind kind)
{
    cudaStream_t queue = nullptr;
    if (bytes == 0) return settle();
    PP_TRY(launched());
    PP_TRY(this_stream(&queue));
    PP_TRY(PP_CHECK(cudaMemcpyAsync(to, from, bytes, kind, queue)));
    return settle();
}

pp_status upload(void *to, const void *from, size_t bytes)
{
    return copy(to, from, bytes, cudaMemcpyHostToDevice);
}

pp_status download(void *to, const void *from, size_t bytes)
{
    return copy(to, from, bytes, cudaMemcpyDeviceToHost);
}

pp_status use(int device)
{
    return PP_CHECK(cudaSetDevice(device));
}

pp_status free_bytes(double *bytes)
{
    double whole;
    return room(bytes, &whole);
}

#ifdef PP_MOCK
const bool mpi_may_read = false; /* the emulation's memory is closed to the host */

/* A template's instances count together, under its name. */
void name_of(const char *kernel, char *out, size_t room)
{
    if (*kernel == '(') kernel++;
    const size_t length = std::min(strcspn(kernel, "<"), room - 1);
    memcpy(out, kernel, length);
    out[length] = 0;
}

void add_traffic(pp_traffic *out, int *count, const pp_emulation::traffic &one)
{
    pp_traffic made = {};
    int k = 0;
    name_of(one.kernel, made.kernel, sizeof made.kernel);
    while (k < *count && strcmp(out[k].kernel, made.kernel) != 0) k++;
    if (k == PP_TRAFFIC_MOST) return;
    if (k == *count) out[(*count)++] = made;
    out[k].loaded += static_cast<double>(one.loaded);
    out[k].stored += static_cast<double>(one.stored);
}

int traffic(pp_traffic *out, int count)
{
    pp_emulation::traffic table[PP_TRAFFIC_MOST];
    const int found = pp_emulation::traffic_table(table, PP_TRAFFIC_MOST);
    for (int k = 0; out && k < found && k < PP_TRAFFIC_MOST; k++)
        if (table[k].loaded + table[k].stored > 0) add_traffic(out, &count, table[k]);
    pp_emulation::traffic_reset();
    return count;
}
#else
const bool mpi_may_read = true;
int (*const traffic)(pp_traffic *out, int count) = nullptr;
#endif

const pp_sweep_class *const sweeps[] = {&sweep_batched, nullptr};

} // namespace
} // namespace PP_DEVICE

/* name, devices, alloc, release, upload, download, vectors, sweeps, host_memory, use, room, speed, links, projection, slices, facts, traffic,
 * slabs, mpi_may_read */
extern "C" const pp_backend PP_TABLE = {
    PP_TABLE_NAME,
    PP_DEVICE::devices,
    PP_DEVICE::alloc,
    PP_DEVICE::give,
    PP_DEVICE::upload,
    PP_DEVICE::download,
    &PP_DEVICE::vectors,
    PP_DEVICE::sweeps,
    false,
    PP_DEVICE::use,
    PP_DEVICE::free_bytes,
    PP_DEVICE::speed,
    &PP_DEVICE::link_class,
    &PP_DEVICE::projection_class,
    &PP_DEVICE::slice_class,
    &PP_DEVICE::device_class,
    PP_DEVICE::traffic,
    &PP_DEVICE::slab_class,
    PP_DEVICE::mpi_may_read,
};
