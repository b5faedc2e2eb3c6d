/* NCCL's calls: each rank's operation, once it is at the front of its queue, meets those of the others.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "nccl.h"

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

using namespace pp_emulation;

namespace
{

size_t size_of(ncclDataType_t type)
{
    switch (type) {
    case ncclInt8:
        return 1;
    case ncclInt32:
    case ncclFloat32:
        return 4;
    default:
        return 8;
    }
}

struct message {
    const void *from;
    size_t bytes;
    bool taken = false;
};

/* What the ranks of a communicator share. */
struct meeting {
    std::mutex lock;
    std::condition_variable change;
    int size = 0;
    std::vector<const void *> offers;
    uint64_t round = 0;
    int arrived = 0, left = 0;
    std::map<std::pair<int, int>, std::deque<message *>> mail; /* (from, to) */

    template <class F> bool wait(std::unique_lock<std::mutex> &hold, F ready)
    {
        if (change.wait_for(hold, std::chrono::seconds(60), ready)) return true;
        report("a collective or a message of the group was not met by the other ranks within 60 s");
        return false;
    }
};

template <class T>
void reduce(void *out, const std::vector<const void *> &offers, size_t count, ncclRedOp_t how)
{
    std::vector<T> sum(static_cast<const T *>(offers[0]),
                       static_cast<const T *>(offers[0]) + count);
    for (size_t r = 1; r < offers.size(); r++) {
        const T *other = static_cast<const T *>(offers[r]);
        for (size_t k = 0; k < count; k++) {
            if (how == ncclSum)
                sum[k] = static_cast<T>(sum[k] + other[k]);
            else if (how == ncclMax)
                sum[k] = sum[k] < other[k] ? other[k] : sum[k];
            else if (how == ncclMin)
                sum[k] = other[k] < sum[k] ? other[k] : sum[k];
            else
                sum[k] = static_cast<T>(sum[k] * other[k]);
        }
    }
    memcpy(out, sum.data(), count * sizeof(T));
}

void reduce_any(void *out, const std::vector<const void *> &offers, size_t count,
                ncclDataType_t type, ncclRedOp_t how)
{
    switch (type) {
    case ncclFloat32:
        return reduce<float>(out, offers, count, how);
    case ncclFloat64:
        return reduce<double>(out, offers, count, how);
    case ncclInt32:
        return reduce<int32_t>(out, offers, count, how);
    case ncclInt64:
        return reduce<int64_t>(out, offers, count, how);
    default:
        return reduce<int8_t>(out, offers, count, how);
    }
}

} // namespace

struct pp_mock_nccl {
    std::shared_ptr<meeting> all;
    int rank = 0;
};

namespace
{

/* Every rank offers a pointer; `use` sees all offers while they are valid; nobody goes on before all have used them. */
template <class F> void meet(pp_mock_nccl &comm, const void *offer, F use)
{
    meeting &m = *comm.all;
    std::unique_lock<std::mutex> hold(m.lock);
    if (!m.wait(hold, [&] { return m.left == 0; })) return; /* the round before has ended */
    const uint64_t mine = m.round;
    m.offers[static_cast<size_t>(comm.rank)] = offer;
    if (++m.arrived == m.size) m.change.notify_all();
    if (!m.wait(hold, [&] { return m.arrived == m.size || m.round != mine; })) return;
    std::vector<char> result = use(m.offers);
    if (++m.left == m.size) {
        m.left = m.arrived = 0;
        m.round++;
        m.change.notify_all();
    }
    if (!m.wait(hold, [&] { return m.round != mine; })) return;
    hold.unlock();
    use.finish(result);
}

struct all_reduce {
    void *to;
    size_t count;
    ncclDataType_t type;
    ncclRedOp_t how;
    std::vector<char> operator()(const std::vector<const void *> &offers) const
    {
        std::vector<char> out(count * size_of(type));
        reduce_any(out.data(), offers, count, type, how);
        return out;
    }
    void finish(const std::vector<char> &result) const { memcpy(to, result.data(), result.size()); }
};

struct take_root {
    void *to;
    size_t bytes;
    size_t root;
    std::vector<char> operator()(const std::vector<const void *> &offers) const
    {
        const char *p = static_cast<const char *>(offers[root]);
        return std::vector<char>(p, p + bytes);
    }
    void finish(const std::vector<char> &result) const { memcpy(to, result.data(), result.size()); }
};

void post(pp_mock_nccl &comm, int peer, message &m)
{
    std::unique_lock<std::mutex> hold(comm.all->lock);
    comm.all->mail[{comm.rank, peer}].push_back(&m);
    comm.all->change.notify_all();
}

void wait_taken(pp_mock_nccl &comm, message &m)
{
    std::unique_lock<std::mutex> hold(comm.all->lock);
    (void)comm.all->wait(hold, [&] { return m.taken; });
}

void take(pp_mock_nccl &comm, int peer, void *to, size_t bytes)
{
    std::unique_lock<std::mutex> hold(comm.all->lock);
    auto &box = comm.all->mail[{peer, comm.rank}];
    if (!comm.all->wait(hold, [&] { return !box.empty(); })) return;
    message &m = *box.front();
    box.pop_front();
    if (m.bytes != bytes)
        report("rank %d receives %zu bytes from rank %d, which sends %zu", comm.rank, bytes, peer,
               m.bytes);
    else
        memcpy(to, m.from, bytes);
    m.taken = true;
    comm.all->change.notify_all();
}

struct transfer {
    bool send;
    const void *from;
    void *to;
    size_t bytes;
    int peer;
    pp_mock_nccl *comm;
    cudaStream_t stream;
};
thread_local int depth;
thread_local std::vector<transfer> pending;

/* All transfers of a group as one piece of work on each stream: sends are posted first, so that no order can lock up. */
void go(const std::vector<transfer> &group)
{
    std::map<cudaStream_t, std::vector<transfer>> streams;
    for (const auto &t : group) streams[t.stream].push_back(t);
    for (const auto &entry : streams) {
        const auto list = entry.second;
        enqueue(entry.first, "transfers", [list] {
            std::deque<message> sent;
            for (const auto &t : list)
                if (t.send) {
                    sent.push_back({other_mapping(t.from), t.bytes});
                    post(*t.comm, t.peer, sent.back());
                }
            for (const auto &t : list)
                if (!t.send) take(*t.comm, t.peer, other_mapping(t.to), t.bytes);
            size_t k = 0;
            for (const auto &t : list)
                if (t.send) wait_taken(*t.comm, sent[k++]);
        });
    }
}

ncclResult_t add(const transfer &t)
{
    if (t.peer < 0 || t.peer >= t.comm->all->size) return ncclInvalidArgument;
    if (!is_device_memory(t.send ? t.from : t.to, nullptr)) return ncclInvalidArgument;
    pending.push_back(t);
    if (depth == 0) {
        go(pending);
        pending.clear();
    }
    return ncclSuccess;
}

} // namespace

extern "C" {

ncclResult_t ncclCommInitAll(ncclComm_t *comms, int count, const int *)
{
    auto all = std::make_shared<meeting>();
    all->size = count;
    all->offers.resize(static_cast<size_t>(count));
    for (int r = 0; r < count; r++) {
        comms[r] = new pp_mock_nccl;
        comms[r]->all = all;
        comms[r]->rank = r;
    }
    return ncclSuccess;
}

ncclResult_t ncclCommDestroy(ncclComm_t comm)
{
    delete comm;
    return ncclSuccess;
}

ncclResult_t ncclCommCount(ncclComm_t comm, int *count)
{
    *count = comm->all->size;
    return ncclSuccess;
}

ncclResult_t ncclCommUserRank(ncclComm_t comm, int *rank)
{
    *rank = comm->rank;
    return ncclSuccess;
}

ncclResult_t ncclGroupStart(void)
{
    depth++;
    return ncclSuccess;
}

ncclResult_t ncclGroupEnd(void)
{
    if (depth == 0) return ncclInvalidUsage;
    if (--depth == 0 && !pending.empty()) {
        go(pending);
        pending.clear();
    }
    return ncclSuccess;
}

ncclResult_t ncclAllReduce(const void *from, void *to, size_t count, ncclDataType_t type,
                           ncclRedOp_t how, ncclComm_t comm, cudaStream_t stream)
{
    if (!is_device_memory(from, nullptr) || !is_device_memory(to, nullptr))
        return ncclInvalidArgument;
    enqueue(stream, "all-reduce", [=] {
        meet(*comm, other_mapping(from), all_reduce{other_mapping(to), count, type, how});
    });
    return ncclSuccess;
}

ncclResult_t ncclBroadcast(const void *from, void *to, size_t count, ncclDataType_t type, int root,
                           ncclComm_t comm, cudaStream_t stream)
{
    if (root < 0 || root >= comm->all->size || !is_device_memory(to, nullptr))
        return ncclInvalidArgument;
    enqueue(stream, "broadcast", [=] {
        meet(*comm, other_mapping(from),
             take_root{other_mapping(to), count * size_of(type), static_cast<size_t>(root)});
    });
    return ncclSuccess;
}

ncclResult_t ncclSend(const void *from, size_t count, ncclDataType_t type, int peer,
                      ncclComm_t comm, cudaStream_t stream)
{
    return add({true, from, nullptr, count * size_of(type), peer, comm, stream});
}

ncclResult_t ncclRecv(void *to, size_t count, ncclDataType_t type, int peer, ncclComm_t comm,
                      cudaStream_t stream)
{
    return add({false, nullptr, to, count * size_of(type), peer, comm, stream});
}

const char *ncclGetErrorString(ncclResult_t status)
{
    static const char *const texts[] = {
        "no error",       "unhandled CUDA error", "unhandled system error",
        "internal error", "invalid argument",     "invalid usage"};
    return texts[status];
}

ncclResult_t ncclGetVersion(int *version)
{
    *version = 0;
    return ncclSuccess;
}
}
