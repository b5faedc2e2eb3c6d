/* What the two makes of links share: NCCL where every rank has a device of its own, else copies.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_CUDA_LINK_H
#define PP_CUDA_LINK_H

#include <condition_variable>
#include <deque>
#include <mutex>
#include <new>
#include <vector>

#include <nccl.h>

#include "backend/cuda/device.h"
#include "backend/link.h"

namespace PP_DEVICE
{

/* What is moved: contiguous floats of this rank's device. */
struct parcel {
    float *at; /* after a move of copies on one device: a receive's, in the sender's memory */
    int64_t floats;
    int peer;
    bool send, direct; /* direct: it lies in the caller's image, not in the staging memory */
};

/* A parcel on offer, in the sender's memory until it is taken. */
struct offer {
    const float *at;
    int64_t floats;
    int from;
    bool taken;
};

struct end_t {
    int device = 0;
    cudaStream_t stream = nullptr; /* NCCL's work */
    cudaEvent_t ready = nullptr;   /* what is sent is there */
    cudaEvent_t done = nullptr;    /* what is received is there, and has been read */
    float *staging = nullptr;
    int64_t room = 0;
    double received = 0;
    offer offers[PP_LINK_PIECES]; /* copies: of the transfer under way, what is sent */
    offer *taken[PP_LINK_PIECES]; /* and the other ranks' that it receives */
    std::mutex lock;              /* of comm: a rank's calls against an abort */
    ncclComm_t comm = nullptr;
};

struct links_t {
    int size = 0;
    bool nccl = false;
    end_t ends[PP_LINK_MOST];
    std::mutex lock;
    std::condition_variable change;
    bool broken = false;
    std::vector<std::deque<offer *>> mail; /* [from * size + to] */
};

PP_MUST_CHECK pp_status broken();

PP_MUST_CHECK pp_status open_nccl(links_t *l);
void close_nccl(links_t *l);
void abort_nccl(links_t *l);
const char *nccl_name();
PP_MUST_CHECK pp_status move_nccl(links_t *l, int rank, parcel *parcels, int count);

PP_MUST_CHECK pp_status open_copies(links_t *l);
PP_MUST_CHECK pp_status move_copies(links_t *l, int rank, parcel *parcels, int count);
/** After everything that reads the received parcels has been enqueued: waits, in the queue, until the sent ones are read. */
PP_MUST_CHECK pp_status settle_copies(links_t *l, int rank, const parcel *parcels, int count);

} // namespace PP_DEVICE

#endif
