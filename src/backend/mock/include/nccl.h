/* The part of NCCL that src/backend/cuda uses, as a meeting of host threads in one process: one host thread drives each device.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_MOCK_NCCL_H
#define PP_MOCK_NCCL_H

#include "cuda_runtime.h"

typedef struct pp_mock_nccl *ncclComm_t;
enum ncclResult_t {
    ncclSuccess,
    ncclUnhandledCudaError,
    ncclSystemError,
    ncclInternalError,
    ncclInvalidArgument,
    ncclInvalidUsage
};
enum ncclDataType_t { ncclInt8, ncclInt32 = 2, ncclInt64 = 4, ncclFloat32 = 7, ncclFloat64 = 8 };
enum ncclRedOp_t { ncclSum, ncclProd, ncclMax, ncclMin };

#define ncclCommInitAll PP_MOCK_RENAME(ncclCommInitAll)
#define ncclCommDestroy PP_MOCK_RENAME(ncclCommDestroy)
#define ncclCommAbort PP_MOCK_RENAME(ncclCommAbort)
#define ncclCommCount PP_MOCK_RENAME(ncclCommCount)
#define ncclCommUserRank PP_MOCK_RENAME(ncclCommUserRank)
#define ncclGroupStart PP_MOCK_RENAME(ncclGroupStart)
#define ncclGroupEnd PP_MOCK_RENAME(ncclGroupEnd)
#define ncclAllReduce PP_MOCK_RENAME(ncclAllReduce)
#define ncclBroadcast PP_MOCK_RENAME(ncclBroadcast)
#define ncclSend PP_MOCK_RENAME(ncclSend)
#define ncclRecv PP_MOCK_RENAME(ncclRecv)
#define ncclGetErrorString PP_MOCK_RENAME(ncclGetErrorString)
#define ncclGetVersion PP_MOCK_RENAME(ncclGetVersion)

extern "C" {
ncclResult_t ncclCommInitAll(ncclComm_t *comms, int count, const int *devices);
ncclResult_t ncclCommDestroy(ncclComm_t comm);
/** Ends what waits on this communicator, on all ranks, with results that mean nothing, and frees this rank's. */
ncclResult_t ncclCommAbort(ncclComm_t comm);
ncclResult_t ncclCommCount(ncclComm_t comm, int *count);
ncclResult_t ncclCommUserRank(ncclComm_t comm, int *rank);
/** Sends and receives between start and end go off together; outside of a group each is one of its own. */
ncclResult_t ncclGroupStart(void);
ncclResult_t ncclGroupEnd(void);
/** Sums are made in rank order (float32 in float32, as a ring does, but always in the same order). */
ncclResult_t ncclAllReduce(const void *from, void *to, size_t count, ncclDataType_t type,
                           ncclRedOp_t how, ncclComm_t comm, cudaStream_t stream);
ncclResult_t ncclBroadcast(const void *from, void *to, size_t count, ncclDataType_t type, int root,
                           ncclComm_t comm, cudaStream_t stream);
ncclResult_t ncclSend(const void *from, size_t count, ncclDataType_t type, int peer,
                      ncclComm_t comm, cudaStream_t stream);
ncclResult_t ncclRecv(void *to, size_t count, ncclDataType_t type, int peer, ncclComm_t comm,
                      cudaStream_t stream);
const char *ncclGetErrorString(ncclResult_t status);
ncclResult_t ncclGetVersion(int *version);
}

#endif
