/* A CUDA device in host memory, with the device's rules, so that what goes wrong on a GPU goes wrong here:
 *  - a block's threads are coroutines that are switched at barriers, in ascending, descending or shuffled order;
 *  - device memory is closed to the host and to other devices except while that device's work runs, and new memory is NaN;
 *  - work is deferred to any legal time in the order of its queue: a seed draws when, inside runtime calls of the host thread
 *    that drives the device;
 *  - a barrier that part of a block does not reach is an error, as is an access outside an allocation's pages.
 * An error of the emulated program (the kind that a GPU would answer with wrong numbers or a fault) is reported through
 * pp_mock_report and makes the runtime calls fail from then on (cudaErrorLaunchFailure), as a real device's sticky errors do.
 *
 * C++ only, and only for the sources of src/backend/cuda compiled for the host (PP_MOCK) and for tests.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_EMULATION_H
#define PP_EMULATION_H

#include <cstddef>
#include <cstdint>
#include <functional>

namespace pp_emulation
{

enum class order { ascending, descending, shuffled };

struct dim3_t {
    unsigned x, y, z;
    constexpr dim3_t(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
    constexpr unsigned count() const { return x * y * z; }
};

/** What a running device thread sees; one OS thread runs one block (or cluster) at a time. */
struct thread_state {
    dim3_t thread, block, block_size, grid, cluster;
    unsigned index;       /* linear number in the block */
    unsigned rank;        /* of the block in its cluster */
    char *shared;         /* this block's buffer */
    size_t shared_bytes;  /* as launched */
    size_t shared_stride; /* from one block of the cluster to the next */
};
extern __thread thread_state *now; /* not thread_local: no wrapper call at each access */

/* ---- settings, for tests ---- */
void set_order(order rule);
/** Seed of everything that is drawn: deferral, shuffled threads. */
void set_seed(uint64_t seed);
/** Devices that cudaGetDeviceCount shows: 1 to 8. Before any device is used. At the start it is 2, or what the environment's
 *  POLYPTYCH_MOCK_DEVICES says: a number, or the list of those that this process sees, such as "2,3". */
void set_devices(int count);
/** The device is lost once it has run `jobs` more pieces of queued work: its queues stand still and its calls fail, while other
 *  devices go on. Negative: it works again, with empty queues. */
void fail_device(int number, int jobs);
/** The n-th cudaMalloc from now on fails, and all that follow; 0: none. */
void fail_memory(int allocations);
/** From now on cuFFT does not find what it links callbacks with. */
void refuse_callbacks(bool refuse);
/** Bytes of memory that each device says it has; 4 GB at the start. It gives more all the same. */
void set_memory(size_t bytes);
/** OS threads that blocks are spread over; 0: as many as cores. */
void set_workers(int count);
/** Text of the first error of the emulated program since the last clear, or NULL. */
const char *error();
void clear_error();
void report(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ---- launches ---- */
struct launch_t {
    const char *name;
    dim3_t grid, block;
    size_t shared_bytes;
    unsigned cluster; /* blocks in a cluster along x */
};
/** Enqueues a kernel; `body` is run once for each thread. */
void launch(const launch_t &how, void *stream, std::function<void()> body);

/* ---- what kernels call ---- */
void sync_threads();
void sync_warp();
void sync_cluster();
/** Gives `bytes` at `mine` to the others of the warp and takes those of lane `from` (full warps only). */
void exchange(const void *mine, void *out, size_t bytes, unsigned from);
unsigned ballot(bool mine);
/** A slice of the block's shared buffer; `cursor` counts the bytes taken so far by this thread's kernel. */
void *shared_slice(size_t bytes, size_t alignment, size_t *cursor);

/* ---- counters of global memory traffic ---- */
void count_load(size_t bytes);
void count_store(size_t bytes);
struct traffic {
    const char *kernel;
    uint64_t loaded, stored, launches;
};
/** Since the last reset; returns the number of kernels, fills up to `room`. */
int traffic_table(traffic *out, int room);
void traffic_reset();

/* ---- memory and queues, for the runtime's other parts ---- */
bool is_device_memory(const void *p, int *device);
/** The second mapping of device memory, through which copies, FFT and NCCL reach it; host pointers come back as they are. */
void *other_mapping(const void *p);
/** Enqueues host work on a stream (NULL: the current device's default stream). */
void enqueue(void *stream, const char *what, std::function<void()> work);
/** Enqueues a wait: what follows on the stream runs once `ready` says so. */
void enqueue_wait(void *stream, const char *what, std::function<bool()> ready);
/** Waits for a stream / all of the current device's streams. */
void wait_stream(void *stream);
void wait_device();
int current_device();

} // namespace pp_emulation
#endif
