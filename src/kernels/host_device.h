/* Element formulas are compiled by the C compiler and by nvcc from the same headers.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_HOST_DEVICE_H
#define PP_HOST_DEVICE_H

#ifdef __CUDACC__
#define PP_HD __host__ __device__ __forceinline__
#else
#define PP_HD inline
#endif

#endif
