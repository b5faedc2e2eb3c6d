/* What the sources of this folder share: launches, shared memory and checked runtime calls. PP_DEVICE is the namespace, pp_cuda or
 * pp_mock; the emulation's cuda_runtime.h brings its own PP_LAUNCH and PP_SHARED.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_DEVICE_H
#define PP_DEVICE_H

#include <cuda_runtime.h>

#include "backend/cuda/cuda.h"

#ifdef PP_MOCK
#define PP_TABLE pp_backend_mock
#define PP_TABLE_NAME "mock"
#else
#define PP_TABLE pp_backend_cuda
#define PP_TABLE_NAME "cuda"
#define PP_LAUNCH(kernel, grid, block, shared_bytes, stream, ...)                                  \
    kernel<<<(grid), (block), (shared_bytes), (stream)>>>(__VA_ARGS__)
extern __shared__ double2 pp_shared_bytes[];
/* Slices start at multiples of 16 bytes. */
#define PP_SHARED_BEGIN size_t pp_shared_cursor = 0
#define PP_SHARED(type, name, count)                                                               \
    type *name =                                                                                   \
        reinterpret_cast<type *>(reinterpret_cast<char *>(pp_shared_bytes) + pp_shared_cursor);    \
    pp_shared_cursor += (sizeof(type) * (count) + 15) / 16 * 16
#endif

/** PP_OK, or the failure of a runtime call as PP_ERR_RESOURCE. */
#define PP_CHECK(call) PP_DEVICE::check((call), #call, __FILE__, __LINE__)

namespace PP_DEVICE
{
PP_MUST_CHECK pp_status check(cudaError_t code, const char *call, const char *file, int line);
extern const pp_vectors vectors;
} // namespace PP_DEVICE

#endif
