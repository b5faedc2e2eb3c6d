/* The part of cuFFT that src/backend/cuda uses, with FFTW behind.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_MOCK_CUFFT_H
#define PP_MOCK_CUFFT_H

#include "cuda_runtime.h"

typedef float2 cufftComplex;
typedef int cufftHandle;
enum cufftResult {
    CUFFT_SUCCESS,
    CUFFT_INVALID_PLAN,
    CUFFT_ALLOC_FAILED,
    CUFFT_INVALID_TYPE,
    CUFFT_INVALID_VALUE,
    CUFFT_INTERNAL_ERROR,
    CUFFT_EXEC_FAILED,
    CUFFT_SETUP_FAILED,
    CUFFT_INVALID_SIZE,
    CUFFT_NOT_IMPLEMENTED = 0xe,
    CUFFT_MISSING_DEPENDENCY = 0x11,
    CUFFT_NVJITLINK_FAILURE = 0x13
};
enum cufftType { CUFFT_C2C = 0x29 };
enum { CUFFT_FORWARD = -1, CUFFT_INVERSE = 1 };

#define cufftPlanMany PP_MOCK_RENAME(cufftPlanMany)
#define cufftCreate PP_MOCK_RENAME(cufftCreate)
#define cufftSetAutoAllocation PP_MOCK_RENAME(cufftSetAutoAllocation)
#define cufftMakePlanMany PP_MOCK_RENAME(cufftMakePlanMany)
#define cufftSetWorkArea PP_MOCK_RENAME(cufftSetWorkArea)
#define cufftSetStream PP_MOCK_RENAME(cufftSetStream)
#define cufftExecC2C PP_MOCK_RENAME(cufftExecC2C)
#define cufftDestroy PP_MOCK_RENAME(cufftDestroy)
#define cufftGetVersion PP_MOCK_RENAME(cufftGetVersion)

extern "C" {
/** Contiguous in-place or out-of-place batches only: embed NULL, or equal to n. */
cufftResult cufftPlanMany(cufftHandle *plan, int rank, int *n, int *inembed, int istride, int idist,
                          int *onembed, int ostride, int odist, cufftType type, int batch);
cufftResult cufftCreate(cufftHandle *plan);
cufftResult cufftSetAutoAllocation(cufftHandle plan, int automatic);
/** The work area is as large as the data. */
cufftResult cufftMakePlanMany(cufftHandle plan, int rank, int *n, int *inembed, int istride,
                              int idist, int *onembed, int ostride, int odist, cufftType type,
                              int batch, size_t *bytes);
/** What is in it is lost at every transform. */
cufftResult cufftSetWorkArea(cufftHandle plan, void *memory);
cufftResult cufftSetStream(cufftHandle plan, cudaStream_t stream);
cufftResult cufftExecC2C(cufftHandle plan, cufftComplex *in, cufftComplex *out, int direction);
cufftResult cufftDestroy(cufftHandle plan);
cufftResult cufftGetVersion(int *version);
}

#endif
