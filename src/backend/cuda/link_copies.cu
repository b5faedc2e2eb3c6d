/* Links by copies: several ranks on one device, which NCCL refuses. The threads meet on the host to pass addresses; the data's
 * order is kept by events: a receiver's queue waits until a parcel is written, the sender's until it is read.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "backend/cuda/link.h"

namespace PP_DEVICE
{
namespace
{

std::deque<offer *> &box_of(links_t *l, int from, int to)
{
    return l->mail[static_cast<size_t>(from * l->size + to)];
}

void post(links_t *l, int rank, const parcel *parcels, int count, offer *offers)
{
    const std::lock_guard<std::mutex> hold(l->lock);
    for (int k = 0; k < count; k++) {
        if (!parcels[k].send) continue;
        offers[k] = {parcels[k].at, parcels[k].floats, rank, false};
        box_of(l, rank, parcels[k].peer).push_back(&offers[k]);
    }
    l->change.notify_all();
}

/* The next parcel of rank `from`; it stays valid until it is taken. */
pp_status next(links_t *l, int from, int rank, int64_t floats, offer **out)
{
    std::unique_lock<std::mutex> hold(l->lock);
    std::deque<offer *> &box = box_of(l, from, rank);
    l->change.wait(hold, [&] { return !box.empty() || l->broken; });
    if (l->broken) return broken();
    *out = box.front();
    box.pop_front();
    if ((*out)->floats != floats)
        return PP_FAIL(PP_ERR_RUN, "rank %d sends %lld floats to rank %d, which expects %lld", from,
                       static_cast<long long>((*out)->floats), rank,
                       static_cast<long long>(floats));
    return PP_OK;
}

pp_status fetch(links_t *l, int rank, parcel *p, const offer &from, cudaStream_t queue)
{
    const end_t &me = l->ends[rank], &you = l->ends[from.from];
    PP_TRY(PP_CHECK(cudaStreamWaitEvent(queue, you.ready, 0)));
    if (me.device == you.device && !p->direct) {
        p->at = const_cast<float *>(from.at); /* read where it lies */
        return PP_OK;
    }
    return PP_CHECK(cudaMemcpyPeerAsync(p->at, me.device, from.at, you.device,
                                        static_cast<size_t>(p->floats) * sizeof(float), queue));
}

} // namespace

pp_status open_copies(links_t *l)
{
    l->mail.resize(static_cast<size_t>(l->size * l->size));
    for (int a = 0; a < l->size; a++) {
        PP_TRY(PP_CHECK(cudaSetDevice(l->ends[a].device)));
        for (int b = 0; b < l->size; b++) {
            const int mine = l->ends[a].device, other = l->ends[b].device;
            int can = 0;
            if (mine == other) continue;
            PP_TRY(PP_CHECK(cudaDeviceCanAccessPeer(&can, mine, other)));
            const cudaError_t code = can ? cudaDeviceEnablePeerAccess(other, 0) : cudaSuccess;
            if (code == cudaErrorPeerAccessAlreadyEnabled)
                (void)cudaGetLastError();
            else
                PP_TRY(PP_CHECK(code));
        }
    }
    return PP_OK;
}

pp_status move_copies(links_t *l, int rank, parcel *parcels, int count)
{
    end_t &me = l->ends[rank];
    cudaStream_t queue = nullptr;
    PP_TRY(this_stream(&queue));
    PP_TRY(PP_CHECK(cudaEventRecord(me.ready, queue)));
    post(l, rank, parcels, count, me.offers);
    for (int k = 0; k < count; k++) {
        if (parcels[k].send) continue;
        PP_TRY(next(l, parcels[k].peer, rank, parcels[k].floats, &me.taken[k]));
        PP_TRY(fetch(l, rank, &parcels[k], *me.taken[k], queue));
    }
    return PP_OK;
}

pp_status settle_copies(links_t *l, int rank, const parcel *parcels, int count)
{
    end_t &me = l->ends[rank];
    cudaStream_t queue = nullptr;
    PP_TRY(this_stream(&queue));
    PP_TRY(PP_CHECK(cudaEventRecord(me.done, queue)));
    std::unique_lock<std::mutex> hold(l->lock);
    for (int k = 0; k < count && !l->broken; k++)
        if (!parcels[k].send) me.taken[k]->taken = true;
    l->change.notify_all();
    for (int k = 0; k < count; k++) {
        if (!parcels[k].send) continue;
        l->change.wait(hold, [&] { return me.offers[k].taken || l->broken; });
        if (l->broken) return broken();
        PP_TRY(PP_CHECK(cudaStreamWaitEvent(queue, l->ends[parcels[k].peer].done, 0)));
    }
    return PP_OK;
}

} // namespace PP_DEVICE
