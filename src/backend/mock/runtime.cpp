/* Devices, memory, streams and events of the emulated runtime.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <thread>

#include "backend/mock/block.h"
#include "cuda_runtime.h"

using namespace pp_emulation;

/* What queued work and the handle share: an event may be destroyed while records and waits of it are queued. */
struct event_state {
    /* The number of records made and of those that have been reached. */
    uint64_t recorded = 0, reached = 0;
    double seconds = 0;
    int device = 0; /* of the last record */
};
struct pp_mock_event {
    std::shared_ptr<event_state> state = std::make_shared<event_state>();
};

struct pp_mock_stream {
    int device = 0;
    struct job {
        const char *what;
        std::function<void()> work;
        std::function<bool()> ready; /* not before it says so; none: at once */
    };
    std::deque<job> jobs;
};

namespace
{

constexpr size_t device_bytes =
    size_t(1) << 35; /* address range of a device; pages exist once they are touched */
constexpr size_t page = 4096;
constexpr int most_devices = 8;

struct device {
    int number = 0;
    char *base = nullptr, *alias = nullptr;
    size_t used = 0;
    bool open = false;                                    /* its blocks are: see open_blocks */
    std::map<size_t, size_t> blocks;                      /* offset -> pages, in bytes */
    std::vector<std::unique_ptr<pp_mock_stream>> streams; /* [0] is the default stream */
    std::mt19937_64 random;
    std::recursive_mutex lock;     /* several host threads may drive one device */
    std::atomic<int> lives{-1};    /* jobs until it fails; negative: it does not */
    std::atomic<bool> lost{false}; /* it has failed: its queues stand still and its calls fail */
};

std::mutex table_lock;
std::unique_ptr<device> devices[most_devices];
std::atomic<size_t> memory_shown{size_t(1) << 32}; /* of each device, by cudaMemGetInfo */
std::atomic<int> worker_count{0}, memory_lives{0};
std::atomic<uint64_t> seed_value{1}, launches{0};
std::atomic<order> rule{order::ascending};
std::mutex error_lock;
std::string error_text;
std::atomic<bool> failed{false};
std::mutex event_lock;
thread_local int chosen;
thread_local cudaError_t last_error = cudaSuccess;

/* The devices that this process sees: how many, and which of the machine's. */
struct visible_t {
    int count = 2, ids[most_devices] = {0, 1, 2, 3, 4, 5, 6, 7};
    visible_t()
    {
        const char *text = getenv("POLYPTYCH_MOCK_DEVICES");
        if (!text || !*text) return;
        if (!strchr(text, ',')) {
            count = std::max(0, std::min(atoi(text), most_devices));
            return;
        }
        for (count = 0; text && *text && count < most_devices; count++) {
            ids[count] = atoi(text);
            text = strchr(text, ',');
            if (text) text++;
        }
    }
};
visible_t &visible()
{
    static visible_t made;
    return made;
}

std::mutex traffic_lock;
struct counters {
    std::atomic<uint64_t> loaded{0}, stored{0}, launches{0};
};
std::map<std::string, counters> &traffic_map()
{
    static std::map<std::string, counters> map;
    return map;
}

/* Copies are in the table beside the kernels. */
void count_copy(cudaMemcpyKind kind, size_t bytes)
{
    const char *name = kind == cudaMemcpyHostToDevice   ? "copy to the device"
                       : kind == cudaMemcpyDeviceToHost ? "copy to the host"
                                                        : "copy";
    std::lock_guard<std::mutex> hold(traffic_lock);
    counters &c = traffic_map()[name];
    c.loaded += bytes, c.stored += bytes, c.launches++;
}

device &device_number(int number)
{
    std::lock_guard<std::mutex> hold(table_lock);
    auto &slot = devices[number];
    if (!slot) {
        slot = std::make_unique<device>();
        slot->number = number;
        const int file = memfd_create("device", MFD_CLOEXEC);
        if (file < 0 || ftruncate(file, static_cast<off_t>(device_bytes)) != 0) abort();
        slot->base = static_cast<char *>(
            mmap(nullptr, device_bytes, PROT_NONE, MAP_SHARED | MAP_NORESERVE, file, 0));
        slot->alias = static_cast<char *>(mmap(nullptr, device_bytes, PROT_READ | PROT_WRITE,
                                               MAP_SHARED | MAP_NORESERVE, file, 0));
        if (slot->base == MAP_FAILED || slot->alias == MAP_FAILED) abort();
        close(file);
        slot->random.seed(seed_value + static_cast<uint64_t>(number));
        slot->streams.push_back(std::make_unique<pp_mock_stream>());
        slot->streams[0]->device = number;
    }
    return *slot;
}

device &this_device()
{
    return device_number(chosen);
}

device *owner(const void *p)
{
    std::lock_guard<std::mutex> hold(table_lock);
    for (auto &d : devices)
        if (d && p >= d->base && p < d->base + device_bytes) return d.get();
    return nullptr;
}

/* The first kernel opens the pages of its device's live blocks, and nothing else; they are closed before a host thread goes on, or
 * waits. Changing the protection of many pages is slow: kernels that run one after another share one opening. */
void protect(device &d, int how)
{
    for (const auto &b : d.blocks) mprotect(d.base + b.first, b.second, how);
    d.open = how != PROT_NONE;
}

void open_blocks(device &d)
{
    if (!d.open) protect(d, PROT_READ | PROT_WRITE);
}

void close_blocks(device &d)
{
    if (d.open) protect(d, PROT_NONE);
}

pp_mock_stream &stream_of(device &d, void *stream)
{
    return stream ? *static_cast<pp_mock_stream *>(stream) : *d.streams[0];
}

bool runnable(const pp_mock_stream &s)
{
    return !s.jobs.empty() && (!s.jobs.front().ready || s.jobs.front().ready());
}

void run_front(device &d, pp_mock_stream &s)
{
    if (d.lives == 0) d.lost = true;
    if (d.lost) return;
    if (d.lives > 0) d.lives--;
    auto job = std::move(s.jobs.front());
    s.jobs.pop_front();
    if (job.work) job.work();
}

/* Runs one job of any stream of the device, drawn; the device's lock is held. */
bool run_one(device &d)
{
    std::vector<pp_mock_stream *> ready;
    for (auto &s : d.streams)
        if (runnable(*s)) ready.push_back(s.get());
    if (ready.empty() || d.lost) return false;
    run_front(d, *ready[d.random() % ready.size()]);
    return true;
}

/* A device works on while its host thread does something else: what it has queued is run by a thread that has waited for some
 * time, which may be for its results. */
void help_others(const device &mine)
{
    for (int k = 0; k < most_devices; k++) {
        device *other;
        {
            std::lock_guard<std::mutex> hold(table_lock);
            other = devices[k].get();
        }
        if (!other || other == &mine) continue;
        std::unique_lock<std::recursive_mutex> hold(other->lock, std::try_to_lock);
        if (hold.owns_lock() && run_one(*other)) close_blocks(*other);
    }
}

/* Runs jobs of the device until `enough` says so; lets go of the device's lock, which `hold` holds, where it has to wait. */
template <class F> void drain(device &d, std::unique_lock<std::recursive_mutex> &hold, F enough)
{
    using namespace std::chrono;
    auto since = steady_clock::now();
    while (!enough() && !d.lost) {
        if (run_one(d)) {
            since = steady_clock::now();
            continue;
        }
        close_blocks(d);
        hold.unlock();
        const auto waited = steady_clock::now() - since;
        if (waited > milliseconds(2)) help_others(d);
        std::this_thread::sleep_for(microseconds(20));
        hold.lock();
        if (waited > seconds(60)) {
            report("device %d: a queue waits for an event or a message that never comes", d.number);
            return;
        }
    }
    close_blocks(d);
}

/* At each call of the runtime some of the pending work may run: when, and how much, is drawn. */
void let_some_run(device &d)
{
    const uint64_t draw = d.random();
    if (draw % 32) return;
    for (uint64_t k = draw / 32 % 128; k > 0; k--) {
        auto &s = *d.streams[d.random() % d.streams.size()];
        if (runnable(s)) run_front(d, s);
    }
    close_blocks(d);
}

bool device_lost(int number)
{
    std::lock_guard<std::mutex> hold(table_lock);
    return devices[number] && devices[number]->lost;
}

cudaError_t fine(cudaError_t what = cudaSuccess)
{
    if (what == cudaSuccess && (failed || device_lost(chosen))) what = cudaErrorLaunchFailure;
    if (what != cudaSuccess) last_error = what;
    return what;
}

uint64_t mixed(uint64_t a, uint64_t b)
{
    uint64_t z = a * 0x9e3779b97f4a7c15u + b + 0x632be59bd9b4e019u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* A block's shared memory: pages of its own with closed pages behind, so that an index beyond the end faults. */
struct shared_memory {
    char *base = nullptr;
    size_t stride = 0, whole = 0;
    shared_memory(size_t bytes, size_t blocks)
    {
        const size_t open = (bytes + page - 1) / page * page;
        stride = open + page;
        whole = stride * blocks + page;
        base = static_cast<char *>(
            mmap(nullptr, whole, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
        if (base == MAP_FAILED) abort();
        for (size_t b = 0; b < blocks && open; b++)
            if (mprotect(base + b * stride, open, PROT_READ | PROT_WRITE) != 0) abort();
    }
    shared_memory(const shared_memory &) = delete;
    shared_memory &operator=(const shared_memory &) = delete;
    ~shared_memory() { munmap(base, whole); }
    void fill(size_t bytes, size_t blocks) const
    {
        for (size_t b = 0; b < blocks; b++) memset(base + b * stride, 0xff, bytes);
    }
};

dim3_t unravel(unsigned k, dim3_t size)
{
    return dim3_t(k % size.x, k / size.x % size.y, k / (size.x * size.y));
}

void run_share(const block_work &work, std::atomic<unsigned> &next, unsigned teams, uint64_t draw)
{
    const unsigned together = work.how.cluster;
    shared_memory shared(work.how.shared_bytes, together);
    block_work mine = work;
    mine.shared_stride = shared.stride;
    for (unsigned k; (k = next.fetch_add(1)) < teams && !failed;) {
        const unsigned number = work.rule == order::descending ? teams - 1 - k : k;
        std::vector<dim3_t> blocks;
        for (unsigned b = 0; b < together; b++)
            blocks.push_back(unravel(number * together + b, work.how.grid));
        shared.fill(work.how.shared_bytes, together);
        run_team(mine, blocks, shared.base, mixed(draw, number));
    }
}

void run_grid(const block_work &work, uint64_t draw)
{
    const unsigned teams = work.how.grid.count() / work.how.cluster;
    unsigned workers =
        worker_count ? static_cast<unsigned>(worker_count) : std::thread::hardware_concurrency();
    workers = std::max(1u, std::min(workers, teams / 8));
    std::atomic<unsigned> next{0};
    std::vector<std::thread> others;
    for (unsigned w = 1; w < workers; w++)
        others.emplace_back([&] { run_share(work, next, teams, draw); });
    run_share(work, next, teams, draw);
    for (auto &t : others) t.join();
}

} // namespace

namespace pp_emulation
{

void set_order(order r)
{
    rule = r;
}

void set_seed(uint64_t seed)
{
    seed_value = seed;
    std::lock_guard<std::mutex> hold(table_lock);
    for (auto &d : devices)
        if (d) d->random.seed(seed + static_cast<uint64_t>(d->number));
}

void set_devices(int count)
{
    visible().count = std::max(1, std::min(count, most_devices));
    for (int k = 0; k < most_devices; k++) visible().ids[k] = k;
}

void fail_device(int number, int jobs)
{
    device &d = device_number(number);
    d.lives = jobs;
    d.lost = false;
    if (jobs >= 0) return;
    std::lock_guard<std::recursive_mutex> hold(d.lock);
    for (auto &s : d.streams) s->jobs.clear();
}

void fail_memory(int allocations)
{
    memory_lives = allocations > 0 ? allocations + 1 : 0;
}

void set_memory(size_t bytes)
{
    memory_shown = bytes;
}

void set_workers(int count)
{
    worker_count = count;
}

const char *error()
{
    std::lock_guard<std::mutex> hold(error_lock);
    return failed ? error_text.c_str() : nullptr;
}

void clear_error()
{
    std::lock_guard<std::mutex> hold(error_lock);
    failed = false;
    last_error = cudaSuccess;
}

void report(const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    std::lock_guard<std::mutex> hold(error_lock);
    if (!failed) error_text = text;
    failed = true;
}

int current_device()
{
    return chosen;
}

bool is_device_memory(const void *p, int *number)
{
    const device *d = owner(p);
    if (d && number) *number = d->number;
    return d != nullptr;
}

void *other_mapping(const void *p)
{
    const device *d = owner(p);
    const char *q = static_cast<const char *>(p);
    return const_cast<char *>(d ? d->alias + (q - d->base) : q);
}

void enqueue(void *stream, const char *what, std::function<void()> work)
{
    device &d = this_device();
    std::lock_guard<std::recursive_mutex> hold(d.lock);
    stream_of(d, stream).jobs.push_back({what, std::move(work), nullptr});
    let_some_run(d);
}

void enqueue_wait(void *stream, const char *what, std::function<bool()> ready)
{
    device &d = this_device();
    std::lock_guard<std::recursive_mutex> hold(d.lock);
    stream_of(d, stream).jobs.push_back({what, nullptr, std::move(ready)});
}

void wait_stream(void *stream)
{
    device &d = this_device();
    std::unique_lock<std::recursive_mutex> hold(d.lock);
    auto &s = stream_of(d, stream);
    drain(d, hold, [&] { return s.jobs.empty() || failed; });
}

void wait_device()
{
    device &d = this_device();
    std::unique_lock<std::recursive_mutex> hold(d.lock);
    drain(d, hold, [&] {
        return failed || std::all_of(d.streams.begin(), d.streams.end(),
                                     [](auto &s) { return s->jobs.empty(); });
    });
}

void launch(const launch_t &how, void *stream, std::function<void()> body)
{
    device &d = this_device();
    counters *count;
    {
        std::lock_guard<std::mutex> hold(traffic_lock);
        count = &traffic_map()[how.name];
    }
    if (how.block.count() > 1024 || how.grid.count() == 0 || how.block.count() == 0 ||
        how.shared_bytes > 227 * 1024 || how.grid.count() % how.cluster != 0) {
        last_error = cudaErrorInvalidConfiguration;
        return;
    }
    const uint64_t draw = mixed(seed_value, launches.fetch_add(1));
    device *on = &d;
    enqueue(stream, how.name, [=] {
        if (failed) return;
        open_blocks(*on);
        block_work work{how, body, rule, 0, &count->loaded, &count->stored};
        count->launches++;
        run_grid(work, draw);
    });
}

int traffic_table(traffic *out, int room)
{
    std::lock_guard<std::mutex> hold(traffic_lock);
    int k = 0;
    for (auto &entry : traffic_map()) {
        if (k < room)
            out[k] = {entry.first.c_str(), entry.second.loaded, entry.second.stored,
                      entry.second.launches};
        k++;
    }
    return k;
}

void traffic_reset()
{
    std::lock_guard<std::mutex> hold(traffic_lock);
    for (auto &entry : traffic_map())
        entry.second.loaded = entry.second.stored = entry.second.launches = 0;
}

} // namespace pp_emulation

/* ---- the runtime's calls ---- */
extern "C" {

cudaError_t cudaGetDeviceCount(int *count)
{
    *count = visible().count;
    return *count > 0 ? fine() : cudaErrorNoDevice;
}

cudaError_t cudaSetDevice(int number)
{
    if (number < 0 || number >= visible().count) return fine(cudaErrorInvalidDevice);
    chosen = number;
    return fine();
}

cudaError_t cudaGetDevice(int *number)
{
    *number = chosen;
    return fine();
}

cudaError_t cudaMalloc(void **out, size_t bytes)
{
    device &d = this_device();
    std::lock_guard<std::recursive_mutex> hold(d.lock);
    let_some_run(d);
    if (memory_lives > 1) --memory_lives;
    if (memory_lives == 1) return fine(cudaErrorMemoryAllocation);
    const size_t whole = (bytes + page - 1) / page * page + page; /* a closed page behind */
    if (d.used + whole > device_bytes) return fine(cudaErrorMemoryAllocation);
    const size_t offset = d.used;
    d.used += whole;
    d.blocks[offset] = whole - page;
    memset(d.alias + offset, 0xff, whole - page); /* NaN in float and double, -1 in integers */
    /* The block ends where its pages end, so that an index beyond it faults; 256-byte alignment as on a device. */
    *out = d.base + offset + (whole - page - (bytes + 255) / 256 * 256);
    return fine();
}

cudaError_t cudaFree(void *p)
{
    if (!p) return fine();
    device *d = owner(p);
    if (!d) return fine(cudaErrorInvalidValue);
    std::unique_lock<std::recursive_mutex> hold(d->lock);
    drain(*d, hold, [&] {
        return failed || std::all_of(d->streams.begin(), d->streams.end(),
                                     [](auto &s) { return s->jobs.empty(); });
    });
    const size_t offset = static_cast<size_t>(static_cast<char *>(p) - d->base) / page * page;
    auto at = d->blocks.upper_bound(offset);
    if (at == d->blocks.begin()) return fine(cudaErrorInvalidValue);
    --at;
    madvise(d->alias + at->first, at->second, MADV_REMOVE);
    d->blocks.erase(at);
    if (d->blocks.empty()) d->used = 0;
    return fine();
}

cudaError_t cudaMallocHost(void **out, size_t bytes)
{
    *out = aligned_alloc(4096, (bytes + 4095) / 4096 * 4096 + 4096);
    if (!*out) return fine(cudaErrorMemoryAllocation);
    memset(*out, 0xff, bytes);
    return fine();
}

cudaError_t cudaFreeHost(void *p)
{
    free(p);
    return fine();
}

cudaError_t cudaMemGetInfo(size_t *available, size_t *total)
{
    device &d = this_device();
    size_t live = 0;
    for (auto &b : d.blocks) live += b.second;
    *total = memory_shown;
    *available = *total > live ? *total - live : 0;
    return fine();
}

static cudaError_t check_direction(const void *to, const void *from, cudaMemcpyKind kind)
{
    const bool there = is_device_memory(to, nullptr), here_ = is_device_memory(from, nullptr);
    const bool right = kind == cudaMemcpyDefault ||
                       (kind == cudaMemcpyHostToDevice && there && !here_) ||
                       (kind == cudaMemcpyDeviceToHost && !there && here_) ||
                       (kind == cudaMemcpyDeviceToDevice && there && here_) ||
                       (kind == cudaMemcpyHostToHost && !there && !here_);
    return right ? cudaSuccess : cudaErrorInvalidValue;
}

cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream)
{
    const cudaError_t wrong = check_direction(to, from, kind);
    if (wrong != cudaSuccess) return fine(wrong);
    count_copy(kind, bytes);
    enqueue(stream, "copy", [=] { memmove(other_mapping(to), other_mapping(from), bytes); });
    return fine();
}

cudaError_t cudaMemcpy(void *to, const void *from, size_t bytes, cudaMemcpyKind kind)
{
    const cudaError_t status = cudaMemcpyAsync(to, from, bytes, kind, nullptr);
    if (status == cudaSuccess) wait_stream(nullptr);
    return fine(status);
}

cudaError_t cudaMemcpyPeerAsync(void *to, int, const void *from, int, size_t bytes,
                                cudaStream_t stream)
{
    return cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, stream);
}

cudaError_t cudaMemsetAsync(void *to, int value, size_t bytes, cudaStream_t stream)
{
    if (!is_device_memory(to, nullptr)) return fine(cudaErrorInvalidValue);
    enqueue(stream, "set", [=] { memset(other_mapping(to), value, bytes); });
    return fine();
}

/* Which of the queues goes first is drawn, whatever their priorities: they are a matter of speed. */
cudaError_t cudaDeviceGetStreamPriorityRange(int *least, int *greatest)
{
    *least = 0, *greatest = -5;
    return fine();
}

cudaError_t cudaStreamCreateWithPriority(cudaStream_t *out, unsigned flags, int)
{
    return cudaStreamCreateWithFlags(out, flags);
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *out, unsigned)
{
    device &d = this_device();
    std::lock_guard<std::recursive_mutex> hold(d.lock);
    d.streams.push_back(std::make_unique<pp_mock_stream>());
    d.streams.back()->device = d.number;
    *out = d.streams.back().get();
    return fine();
}

cudaError_t cudaStreamDestroy(cudaStream_t stream)
{
    wait_stream(stream);
    device &d = this_device();
    std::lock_guard<std::recursive_mutex> hold(d.lock);
    d.streams.erase(std::remove_if(d.streams.begin(), d.streams.end(),
                                   [&](auto &s) { return s.get() == stream; }),
                    d.streams.end());
    return fine();
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream)
{
    wait_stream(stream);
    return fine();
}

cudaError_t cudaStreamQuery(cudaStream_t stream)
{
    device &d = this_device();
    std::lock_guard<std::recursive_mutex> hold(d.lock);
    (void)run_one(d);
    const cudaError_t status = fine();
    if (status != cudaSuccess) return status;
    return stream_of(d, stream).jobs.empty() ? cudaSuccess : fine(cudaErrorNotReady);
}

cudaError_t cudaDeviceSynchronize(void)
{
    wait_device();
    return fine();
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t *out, unsigned)
{
    *out = new pp_mock_event;
    return fine();
}

cudaError_t cudaEventDestroy(cudaEvent_t event)
{
    delete event;
    return fine();
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream)
{
    uint64_t number;
    const auto state = event->state;
    {
        std::lock_guard<std::mutex> hold(event_lock);
        number = ++state->recorded;
        state->device = current_device();
    }
    enqueue(stream, "event", [=] {
        std::lock_guard<std::mutex> hold(event_lock);
        state->reached = std::max(state->reached, number);
        timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        state->seconds = static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
    });
    return fine();
}

/* Whether the last record that is made now is reached, at any later time; nothing waits for a device that is lost. */
static std::function<bool()> reached(cudaEvent_t event)
{
    const auto state = event->state;
    std::lock_guard<std::mutex> hold(event_lock);
    const uint64_t number = state->recorded;
    return [=] {
        {
            std::lock_guard<std::mutex> again(event_lock);
            if (state->reached >= number) return true;
        }
        return device_lost(state->device);
    };
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned)
{
    enqueue_wait(stream, "wait", reached(event));
    return fine();
}

cudaError_t cudaEventSynchronize(cudaEvent_t event)
{
    device &d = this_device();
    const auto done = reached(event);
    std::unique_lock<std::recursive_mutex> hold(d.lock);
    drain(d, hold, [&] { return done() || failed; });
    return fine();
}

cudaError_t cudaEventElapsedTime(float *milliseconds, cudaEvent_t from, cudaEvent_t to)
{
    *milliseconds = static_cast<float>(1e3 * (to->state->seconds - from->state->seconds));
    return fine();
}

cudaError_t cudaGetLastError(void)
{
    const cudaError_t status = cudaPeekAtLastError();
    last_error = cudaSuccess;
    return status;
}

cudaError_t cudaPeekAtLastError(void)
{
    return failed ? cudaErrorLaunchFailure : last_error;
}

const char *cudaGetErrorString(cudaError_t status)
{
    switch (status) {
    case cudaSuccess:
        return "no error";
    case cudaErrorInvalidValue:
        return "invalid argument";
    case cudaErrorMemoryAllocation:
        return "out of memory";
    case cudaErrorInvalidConfiguration:
        return "invalid configuration argument";
    case cudaErrorNoDevice:
        return "no CUDA-capable device is detected";
    case cudaErrorInvalidDevice:
        return "invalid device ordinal";
    case cudaErrorLaunchFailure: {
        const char *text = error();
        return text ? text : "launch failure";
    }
    default:
        return "unknown error";
    }
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp *out, int number)
{
    if (number < 0 || number >= visible().count) return fine(cudaErrorInvalidDevice);
    memset(out, 0, sizeof *out);
    snprintf(out->name, sizeof out->name, "emulated device %d", number);
    out->totalGlobalMem = size_t(1) << 32;
    out->major = 9;
    out->minor = 0;
    out->multiProcessorCount = 4;
    out->l2CacheSize = 256 << 10; /* small, so that small problems have several batches */
    out->sharedMemPerBlockOptin = 227 * 1024;
    return fine();
}

cudaError_t cudaDeviceGetPCIBusId(char *text, int room, int number)
{
    if (number < 0 || number >= visible().count) return fine(cudaErrorInvalidDevice);
    snprintf(text, static_cast<size_t>(room), "0000:%02x:00.0", visible().ids[number]);
    return fine();
}

cudaError_t cudaDeviceCanAccessPeer(int *can, int a, int b)
{
    *can = a != b;
    return fine();
}

cudaError_t cudaDeviceEnablePeerAccess(int, unsigned)
{
    return fine();
}

cudaError_t cudaFuncSetAttribute(const void *, cudaFuncAttribute, int)
{
    return fine();
}
}
