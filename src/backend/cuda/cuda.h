/* The back ends that src/backend/cuda is compiled into: by nvcc for devices, by the host's compiler for the emulated device.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_CUDA_H
#define PP_CUDA_H

#include "backend/backend.h"

#ifdef __cplusplus
extern "C" {
#endif
extern const pp_backend pp_backend_cuda; /* where the build found a CUDA toolkit */
extern const pp_backend pp_backend_mock;
#ifdef __cplusplus
}
#endif
#endif
