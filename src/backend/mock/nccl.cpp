/* NCCL's calls: each rank's operation, once it is at the front of its queue, meets those of the others.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "nccl.h"

#include <atomic>
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

/* One rank's part of a collective. */
struct part {
    const void *from;
    void *to;
};

/* A collective that not all ranks have reached yet. */
struct round_t {
    std::vector<part> parts;
    int arrived = 0;
};

/* A transfer that its partner has not reached yet. */
struct message {
    void *at; /* second mapping */
    size_t bytes;
    std::shared_ptr<std::atomic<int>> left; /* of the group of transfers that it belongs to */
};

/* What the ranks of a communicator share. */
struct meeting {
    std::mutex lock;
    int size = 0;
    std::atomic<bool> aborted{false};
    std::atomic<uint64_t> done{0};                            /* collectives, in order */
    std::map<uint64_t, round_t> rounds;                       /* by number */
    std::map<std::pair<int, int>, std::deque<message>> sends; /* (from, to) */
    std::map<std::pair<int, int>, std::deque<message>> takes;
};

template <class T> void reduce(const std::vector<part> &parts, size_t count, ncclRedOp_t how)
{
    std::vector<T> sum(static_cast<const T *>(parts[0].from),
                       static_cast<const T *>(parts[0].from) + count);
    for (size_t r = 1; r < parts.size(); r++) {
        const T *other = static_cast<const T *>(parts[r].from);
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
    for (const part &p : parts) memcpy(p.to, sum.data(), count * sizeof(T));
}

void reduce_any(const std::vector<part> &parts, size_t count, ncclDataType_t type, ncclRedOp_t how)
{
    switch (type) {
    case ncclFloat32:
        return reduce<float>(parts, count, how);
    case ncclFloat64:
        return reduce<double>(parts, count, how);
    case ncclInt32:
        return reduce<int32_t>(parts, count, how);
    case ncclInt64:
        return reduce<int64_t>(parts, count, how);
    default:
        return reduce<int8_t>(parts, count, how);
    }
}

} // namespace

struct pp_mock_nccl {
    std::shared_ptr<meeting> all;
    int rank = 0;
    uint64_t collectives = 0; /* enqueued by this rank */
};

namespace
{

/* The rank whose queue comes last does the collective for all; the others' queues go on after that. */
template <class F>
ncclResult_t collective(pp_mock_nccl &comm, cudaStream_t stream, const char *what, part mine, F use)
{
    const auto all = comm.all;
    const int rank = comm.rank;
    const uint64_t number = comm.collectives++;
    if (all->aborted) return ncclInvalidUsage;
    enqueue(stream, what, [=] {
        std::lock_guard<std::mutex> hold(all->lock);
        round_t &round = all->rounds[number];
        round.parts.resize(static_cast<size_t>(all->size));
        round.parts[static_cast<size_t>(rank)] = {other_mapping(mine.from), other_mapping(mine.to)};
        if (++round.arrived < all->size) return;
        use(round.parts);
        all->rounds.erase(number);
        all->done = number + 1;
    });
    enqueue_wait(stream, what, [=] { return all->done > number || all->aborted; });
    return ncclSuccess;
}

/* One of a pair has come: where the other is there already, the bytes move. */
void match(meeting &all, std::pair<int, int> pair, bool send, const message &m)
{
    std::lock_guard<std::mutex> hold(all.lock);
    auto &others = send ? all.takes[pair] : all.sends[pair];
    if (others.empty()) {
        (send ? all.sends[pair] : all.takes[pair]).push_back(m);
        return;
    }
    const message other = others.front();
    others.pop_front();
    const message &to = send ? other : m, &from = send ? m : other;
    if (to.bytes != from.bytes)
        report("rank %d receives %zu bytes from rank %d, which sends %zu", pair.second, to.bytes,
               pair.first, from.bytes);
    else
        memcpy(to.at, from.at, to.bytes);
    --*m.left;
    --*other.left;
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

/* All transfers of a group as one piece of work on each stream: none waits for another, so that no order can lock up. */
void go(const std::vector<transfer> &group)
{
    std::map<cudaStream_t, std::vector<transfer>> streams;
    for (const auto &t : group) streams[t.stream].push_back(t);
    for (const auto &entry : streams) {
        const auto list = entry.second;
        const auto all = list[0].comm->all;
        const int rank = list[0].comm->rank;
        const auto left = std::make_shared<std::atomic<int>>(static_cast<int>(list.size()));
        enqueue(entry.first, "transfers", [=] {
            for (const auto &t : list) {
                const auto pair =
                    t.send ? std::make_pair(rank, t.peer) : std::make_pair(t.peer, rank);
                match(*all, pair, t.send, {other_mapping(t.send ? t.from : t.to), t.bytes, left});
            }
        });
        enqueue_wait(entry.first, "transfers", [=] { return *left == 0 || all->aborted; });
    }
}

ncclResult_t add(const transfer &t)
{
    if (t.peer < 0 || t.peer >= t.comm->all->size) return ncclInvalidArgument;
    if (t.comm->all->aborted) return ncclInvalidUsage;
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

ncclResult_t ncclCommAbort(ncclComm_t comm)
{
    comm->all->aborted = true;
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
    return collective(*comm, stream, "all-reduce", {from, to},
                      [=](const std::vector<part> &parts) { reduce_any(parts, count, type, how); });
}

ncclResult_t ncclBroadcast(const void *from, void *to, size_t count, ncclDataType_t type, int root,
                           ncclComm_t comm, cudaStream_t stream)
{
    if (root < 0 || root >= comm->all->size || !is_device_memory(to, nullptr))
        return ncclInvalidArgument;
    return collective(*comm, stream, "broadcast", {from, to}, [=](const std::vector<part> &parts) {
        const void *source = parts[static_cast<size_t>(root)].from;
        for (const part &p : parts)
            if (p.to != source) memcpy(p.to, source, count * size_of(type));
    });
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
