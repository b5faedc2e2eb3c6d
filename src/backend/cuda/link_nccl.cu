/* Links by NCCL: one communicator a rank, on a stream of its own between two events, so that it runs beside what the rank's queue does
 * until the transfer's result is needed. Communicators are made once for a list of devices and kept for the next view.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <chrono>
#include <cmath>
#include <cstdio>
#include <thread>

#include "backend/cuda/link.h"

#define PP_NCCL(call) check_nccl((call), #call, __FILE__, __LINE__)

namespace PP_DEVICE
{
namespace
{

pp_status check_nccl(ncclResult_t code, const char *call, const char *file, int line)
{
    if (code == ncclSuccess) return PP_OK;
    pp_fail(file, line, PP_ERR_RESOURCE, PP_TABLE_NAME ": NCCL: %s (%d) in %s",
            ncclGetErrorString(code), static_cast<int>(code), call);
    return PP_ERR_RESOURCE;
}

struct spare {
    std::vector<int> devices;
    std::vector<ncclComm_t> comms;
};

/* Communicators that no link uses at present. Kept to the end of the program: never destroyed. */
struct shelf_t {
    std::mutex lock;
    std::vector<spare> spares;
};

shelf_t &shelf()
{
    static shelf_t *const one = new shelf_t;
    return *one;
}

std::vector<int> devices_of(const links_t *l)
{
    std::vector<int> devices;
    for (int r = 0; r < l->size; r++) devices.push_back(l->ends[r].device);
    return devices;
}

bool from_shelf(links_t *l)
{
    shelf_t &s = shelf();
    const std::vector<int> wanted = devices_of(l);
    const std::lock_guard<std::mutex> hold(s.lock);
    for (size_t k = 0; k < s.spares.size(); k++) {
        if (s.spares[k].devices != wanted) continue;
        for (int r = 0; r < l->size; r++)
            l->ends[r].comm = s.spares[k].comms[static_cast<size_t>(r)];
        s.spares.erase(s.spares.begin() + static_cast<std::ptrdiff_t>(k));
        return true;
    }
    return false;
}

/* A number from each rank to each other one: [to]s of rank 0's memory first, then what comes in. Also makes the connections,
 * which NCCL would otherwise make inside the first transfers, where a rank that has failed could not be waited for. */
pp_status exchange_numbers(links_t *l, float *const *memory)
{
    PP_TRY(PP_NCCL(ncclGroupStart()));
    for (int a = 0; a < l->size; a++)
        for (int b = 0; b < l->size; b++) {
            end_t &e = l->ends[a];
            if (a == b) continue;
            PP_TRY(PP_NCCL(ncclSend(memory[a] + b, 1, ncclFloat32, b, e.comm, e.stream)));
            PP_TRY(PP_NCCL(ncclRecv(memory[a] + l->size + b, 1, ncclFloat32, b, e.comm, e.stream)));
        }
    return PP_NCCL(ncclGroupEnd());
}

pp_status prepare_numbers(links_t *l, float **memory)
{
    for (int a = 0; a < l->size; a++) {
        float numbers[2 * PP_LINK_MOST];
        const size_t count = static_cast<size_t>(2 * l->size);
        for (int b = 0; b < l->size; b++) {
            numbers[b] = static_cast<float>(a * l->size + b);
            numbers[l->size + b] = NAN;
        }
        PP_TRY(PP_CHECK(cudaSetDevice(l->ends[a].device)));
        PP_TRY(take(count, &memory[a]));
        PP_TRY(PP_CHECK(cudaMemcpyAsync(memory[a], numbers, count * sizeof(float),
                                        cudaMemcpyHostToDevice, stream())));
        PP_TRY(settle());
    }
    return PP_OK;
}

/* Until all ranks' streams are done. One by one they could not be waited for: where a device is lost the others never end. */
pp_status wait_connections(links_t *l)
{
    using namespace std::chrono;
    const auto start = steady_clock::now();
    for (int r = 0; r < l->size;) {
        PP_TRY(PP_CHECK(cudaSetDevice(l->ends[r].device)));
        const cudaError_t code = cudaStreamQuery(l->ends[r].stream);
        if (code == cudaSuccess) {
            r++;
            continue;
        }
        if (code != cudaErrorNotReady) return PP_CHECK(code);
        (void)cudaGetLastError(); /* which it is not */
        for (int k = r; k < l->size; k++) {
            PP_TRY(PP_CHECK(cudaSetDevice(l->ends[k].device)));
            const cudaError_t other = cudaStreamQuery(l->ends[k].stream);
            if (other != cudaSuccess && other != cudaErrorNotReady) return PP_CHECK(other);
            if (other == cudaErrorNotReady) (void)cudaGetLastError();
        }
        if (steady_clock::now() - start > seconds(120))
            return PP_FAIL(PP_ERR_RESOURCE,
                           PP_TABLE_NAME ": the NCCL connections of %d devices do not come up "
                                         "within 120 s: see NCCL_DEBUG=INFO",
                           l->size);
        std::this_thread::sleep_for(microseconds(50));
    }
    return PP_OK;
}

pp_status check_numbers(links_t *l, float *const *memory)
{
    for (int a = 0; a < l->size; a++) {
        float got[PP_LINK_MOST];
        const end_t &e = l->ends[a];
        PP_TRY(PP_CHECK(cudaSetDevice(e.device)));
        PP_TRY(PP_CHECK(cudaMemcpyAsync(got, memory[a] + l->size,
                                        static_cast<size_t>(l->size) * sizeof(float),
                                        cudaMemcpyDeviceToHost, stream())));
        PP_TRY(settle());
        for (int b = 0; b < l->size; b++)
            if (a != b && got[b] != static_cast<float>(b * l->size + a))
                return PP_FAIL(PP_ERR_RESOURCE,
                               PP_TABLE_NAME ": NCCL gives device %d the number %g from device %d "
                                             "instead of %d",
                               e.device, static_cast<double>(got[b]), l->ends[b].device,
                               b * l->size + a);
    }
    return PP_OK;
}

pp_status try_connections(links_t *l)
{
    float *memory[PP_LINK_MOST] = {};
    pp_status status = prepare_numbers(l, memory);
    if (status == PP_OK) status = exchange_numbers(l, memory);
    if (status == PP_OK) status = wait_connections(l);
    if (status == PP_OK) status = check_numbers(l, memory);
    if (status != PP_OK) abort_nccl(l);
    for (int r = 0; r < l->size; r++) {
        (void)cudaSetDevice(l->ends[r].device);
        give(memory[r]);
    }
    return status;
}

/* The comm's lock is held. */
pp_status enqueue_parcels(end_t *me, const parcel *parcels, int count)
{
    if (!me->comm) return broken();
    PP_TRY(PP_NCCL(ncclGroupStart()));
    ncclResult_t code = ncclSuccess;
    for (int k = 0; k < count && code == ncclSuccess; k++) {
        const parcel &p = parcels[k];
        const size_t floats = static_cast<size_t>(p.floats);
        code = p.send ? ncclSend(p.at, floats, ncclFloat32, p.peer, me->comm, me->stream)
                      : ncclRecv(p.at, floats, ncclFloat32, p.peer, me->comm, me->stream);
    }
    const ncclResult_t ended = ncclGroupEnd();
    PP_TRY(check_nccl(code, "ncclSend or ncclRecv", __FILE__, __LINE__));
    return check_nccl(ended, "ncclGroupEnd", __FILE__, __LINE__);
}

} // namespace

const char *nccl_name()
{
    static char text[32];
    static std::once_flag once;
    std::call_once(once, [] {
        int v = 0;
        if (ncclGetVersion(&v) != ncclSuccess || v == 0)
            (void)snprintf(text, sizeof text, "NCCL");
        else
            (void)snprintf(text, sizeof text, "NCCL %d.%d.%d", v / 10000, v / 100 % 100, v % 100);
    });
    return text;
}

pp_status open_nccl(links_t *l)
{
    if (from_shelf(l)) return PP_OK;
    const std::vector<int> devices = devices_of(l);
    std::vector<ncclComm_t> comms(devices.size(), nullptr);
    PP_TRY(PP_NCCL(ncclCommInitAll(comms.data(), l->size, devices.data())));
    for (int r = 0; r < l->size; r++) l->ends[r].comm = comms[static_cast<size_t>(r)];
    return try_connections(l);
}

void close_nccl(links_t *l)
{
    if (!l->nccl || !l->ends[0].comm) return;
    shelf_t &s = shelf();
    spare kept = {devices_of(l), {}};
    for (int r = 0; r < l->size; r++) kept.comms.push_back(l->ends[r].comm);
    const std::lock_guard<std::mutex> hold(s.lock);
    s.spares.push_back(kept);
}

void abort_nccl(links_t *l)
{
    for (int r = 0; r < l->size; r++) {
        end_t &e = l->ends[r];
        const std::lock_guard<std::mutex> hold(e.lock);
        if (!e.comm) continue;
        (void)cudaSetDevice(e.device);
        (void)ncclCommAbort(e.comm);
        e.comm = nullptr;
    }
}

pp_status move_nccl(links_t *l, int rank, parcel *parcels, int count)
{
    end_t &me = l->ends[rank];
    cudaStream_t queue = nullptr;
    PP_TRY(this_stream(&queue));
    PP_TRY(PP_CHECK(cudaEventRecord(me.ready, queue)));
    PP_TRY(PP_CHECK(cudaStreamWaitEvent(me.stream, me.ready, 0)));
    {
        const std::lock_guard<std::mutex> hold(me.lock);
        PP_TRY(enqueue_parcels(&me, parcels, count));
    }
    PP_TRY(PP_CHECK(cudaEventRecord(me.done, me.stream)));
    return PP_CHECK(cudaStreamWaitEvent(queue, me.done, 0));
}

} // namespace PP_DEVICE
