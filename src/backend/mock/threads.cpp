/* Blocks of device threads as coroutines.
 *
 * A worker coroutine runs the block's threads one after another as a plain loop for as long as none of them meets a barrier. A
 * thread that does keeps its stack, and a new worker goes on with the rest: a kernel without barriers costs no switch at all.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "backend/mock/emulation.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <random>
#include <vector>

#include "backend/mock/block.h"

#ifndef __has_feature
#define __has_feature(name) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define PP_ASAN 1
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(__SANITIZE_THREAD__) || __has_feature(thread_sanitizer)
#define PP_TSAN 1
#include <sanitizer/tsan_interface.h>
#endif

/* Switches stacks without system calls; callee-saved registers only. */
extern "C" void pp_mock_switch(void **save, void *load);
#if defined(__x86_64__)
asm(R"(
.text
.globl pp_mock_switch
.hidden pp_mock_switch
.type pp_mock_switch, @function
pp_mock_switch:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
.size pp_mock_switch, .-pp_mock_switch
)");
#elif defined(__aarch64__)
asm(R"(
.text
.globl pp_mock_switch
.hidden pp_mock_switch
.type pp_mock_switch, @function
pp_mock_switch:
    sub sp, sp, #176
    stp x19, x20, [sp, #0]
    stp x21, x22, [sp, #16]
    stp x23, x24, [sp, #32]
    stp x25, x26, [sp, #48]
    stp x27, x28, [sp, #64]
    stp x29, x30, [sp, #80]
    stp d8, d9, [sp, #96]
    stp d10, d11, [sp, #112]
    stp d12, d13, [sp, #128]
    stp d14, d15, [sp, #144]
    mov x9, sp
    str x9, [x0]
    mov sp, x1
    ldp x19, x20, [sp, #0]
    ldp x21, x22, [sp, #16]
    ldp x23, x24, [sp, #32]
    ldp x25, x26, [sp, #48]
    ldp x27, x28, [sp, #64]
    ldp x29, x30, [sp, #80]
    ldp d8, d9, [sp, #96]
    ldp d10, d11, [sp, #112]
    ldp d12, d13, [sp, #128]
    ldp d14, d15, [sp, #144]
    add sp, sp, #176
    ret
.size pp_mock_switch, .-pp_mock_switch
)");
#else
#error "the emulation's stack switch is written for x86-64 and aarch64"
#endif

namespace pp_emulation
{

__thread thread_state *now;

namespace
{

constexpr size_t stack_bytes = 64 * 1024;
enum class state { ready, block_barrier, warp_barrier, cluster_barrier, done };

/* One stack. `thread` is the device thread that it is running, or has been left with at a barrier. */
struct coroutine {
    char *stack = nullptr;
    void *sp = nullptr;
    int thread = -1;
#ifdef PP_TSAN
    void *fiber = nullptr;
#endif
};

struct device_thread {
    state at = state::ready;
    int coroutine = -1; /* that holds its stack; -1: not started */
    thread_state self;
};

/* All blocks of a cluster, run by one OS thread. */
struct team {
    std::vector<device_thread> threads;
    std::vector<coroutine> stacks;
    std::vector<int> idle, turn;
    std::vector<char> exchange_bytes;
    const block_work *work = nullptr;
    size_t next = 0; /* index into turn of the next thread that has not started */
    void *scheduler = nullptr;
    int running = -1; /* coroutine */
    std::mt19937_64 random;
    size_t live = 0;
    uint64_t loaded = 0, stored = 0;
#ifdef PP_ASAN
    void *scheduler_fake = nullptr;
    const void *scheduler_bottom = nullptr;
    size_t scheduler_size = 0;
#endif
#ifdef PP_TSAN
    void *scheduler_fiber = nullptr;
#endif
    ~team();
};

thread_local team *here;

team::~team()
{
    for (auto &c : stacks) {
#ifdef PP_TSAN
        if (c.fiber) __tsan_destroy_fiber(c.fiber);
#endif
#ifdef PP_ASAN
        /* red zones of frames that never returned would outlive the mapping, under whatever is mapped there next */
        if (c.stack) __asan_unpoison_memory_region(c.stack, stack_bytes);
#endif
        if (c.stack) munmap(c.stack, stack_bytes);
    }
}

void enter_scheduler(team &t, bool last)
{
#ifdef PP_ASAN
    void *fake = nullptr;
    __sanitizer_start_switch_fiber(last ? nullptr : &fake, t.scheduler_bottom, t.scheduler_size);
#else
    (void)last;
#endif
#ifdef PP_TSAN
    __tsan_switch_to_fiber(t.scheduler_fiber, 0);
#endif
    coroutine &mine = t.stacks[static_cast<size_t>(t.running)];
    pp_mock_switch(&mine.sp, t.scheduler);
#ifdef PP_ASAN
    __sanitizer_finish_switch_fiber(fake, &t.scheduler_bottom, &t.scheduler_size);
#endif
}

/* A worker: runs threads that have not started until none is left. A thread that waits keeps this stack. */
void work_loop()
{
#ifdef PP_ASAN
    __sanitizer_finish_switch_fiber(nullptr, &here->scheduler_bottom, &here->scheduler_size);
#endif
    for (;;) {
        team &t = *here;
        if (t.next >= t.turn.size()) break;
        const int number = t.turn[t.next++];
        device_thread &d = t.threads[static_cast<size_t>(number)];
        d.coroutine = t.running;
        t.stacks[static_cast<size_t>(t.running)].thread = number;
        now = &d.self;
        t.work->body();
        team &after = *here;
        const int mine = after.running;
        const int who = after.stacks[static_cast<size_t>(mine)].thread;
        after.threads[static_cast<size_t>(who)].at = state::done;
        after.live--;
        after.stacks[static_cast<size_t>(mine)].thread = -1;
    }
    here->idle.push_back(here->running);
    enter_scheduler(*here, true);
    abort();
}

int take_stack(team &t)
{
    if (t.idle.empty()) {
        coroutine c;
        c.stack = static_cast<char *>(
            mmap(nullptr, stack_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
        if (c.stack == MAP_FAILED) abort();
        mprotect(c.stack, static_cast<size_t>(sysconf(_SC_PAGESIZE)),
                 PROT_NONE); /* overflow faults */
#ifdef PP_TSAN
        c.fiber = __tsan_create_fiber(0);
#endif
        t.stacks.push_back(c);
        t.idle.push_back(static_cast<int>(t.stacks.size()) - 1);
    }
    const int number = t.idle.back();
    t.idle.pop_back();
    coroutine &c = t.stacks[static_cast<size_t>(number)];
#ifdef PP_ASAN
    /* what ran here before never returned: its red zones are still set */
    const size_t guard = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    __asan_unpoison_memory_region(c.stack + guard, stack_bytes - guard);
#endif
    auto top = reinterpret_cast<void **>(c.stack + stack_bytes - 64);
#if defined(__x86_64__)
    *--top = nullptr; /* return address of the entry: never used, keeps the alignment */
    *--top = reinterpret_cast<void *>(work_loop);
    for (int k = 0; k < 6; k++) *--top = nullptr;
#else
    top -= 22;
    for (int k = 0; k < 22; k++) top[k] = nullptr;
    top[11] = reinterpret_cast<void *>(work_loop); /* x30 */
#endif
    c.sp = top;
    c.thread = -1;
    return number;
}

void run_stack(team &t, int number)
{
    t.running = number;
    coroutine &c = t.stacks[static_cast<size_t>(number)];
    if (c.thread >= 0) now = &t.threads[static_cast<size_t>(c.thread)].self;
#ifdef PP_ASAN
    __sanitizer_start_switch_fiber(&t.scheduler_fake, c.stack, stack_bytes);
#endif
#ifdef PP_TSAN
    __tsan_switch_to_fiber(c.fiber, 0);
#endif
    pp_mock_switch(&t.scheduler, c.sp);
#ifdef PP_ASAN
    __sanitizer_finish_switch_fiber(t.scheduler_fake, nullptr, nullptr);
#endif
}

/* Threads [first, last) that are not done all wait at `what`: lets them go. */
bool release(team &t, size_t first, size_t last, state what)
{
    bool any = false;
    for (size_t k = first; k < last; k++) {
        if (t.threads[k].at == state::done) continue;
        if (t.threads[k].at != what) return false;
        any = true;
    }
    if (!any) return false;
    for (size_t k = first; k < last; k++) {
        if (t.threads[k].at == state::done && what != state::warp_barrier) {
            report("kernel %s: a barrier that part of the block did not reach", t.work->how.name);
            return false;
        }
        if (t.threads[k].at == what) t.threads[k].at = state::ready;
    }
    return true;
}

bool release_all(team &t, unsigned per_block)
{
    bool any = false;
    const size_t count = t.threads.size();
    for (size_t b = 0; b < count; b += per_block) {
        for (size_t w = 0; w < per_block; w += 32)
            any |= release(t, b + w, b + std::min<size_t>(w + 32, per_block), state::warp_barrier);
        any |= release(t, b, b + per_block, state::block_barrier);
    }
    return release(t, 0, count, state::cluster_barrier) || any;
}

/* Waiting threads that may go on, in the order of the rule. */
void run_ready(team &t)
{
    std::vector<int> ready;
    for (int number : t.turn) {
        const device_thread &d = t.threads[static_cast<size_t>(number)];
        if (d.at == state::ready && d.coroutine >= 0) ready.push_back(number);
    }
    if (t.work->rule == order::shuffled) std::shuffle(ready.begin(), ready.end(), t.random);
    for (int number : ready) run_stack(t, t.threads[static_cast<size_t>(number)].coroutine);
}

void start_threads(team &t)
{
    while (t.next < t.turn.size()) run_stack(t, take_stack(t));
}

void prepare(team &t, const block_work &work, const std::vector<dim3_t> &blocks, char *shared)
{
    const unsigned per_block = work.how.block.count();
    const size_t count = per_block * blocks.size();
    t.work = &work;
    t.threads.assign(count, device_thread());
    t.turn.resize(count);
    t.next = 0;
    t.live = count;
    t.loaded = t.stored = 0;
    t.exchange_bytes.resize(count * 16);
    for (size_t k = 0; k < count; k++) {
        const unsigned i = static_cast<unsigned>(k % per_block);
        const size_t b = k / per_block;
        thread_state &s = t.threads[k].self;
        s.thread = dim3_t(i % work.how.block.x, i / work.how.block.x % work.how.block.y,
                          i / (work.how.block.x * work.how.block.y));
        s.block = blocks[b];
        s.block_size = work.how.block;
        s.grid = work.how.grid;
        s.cluster = dim3_t(static_cast<unsigned>(blocks.size()));
        s.index = i;
        s.rank = static_cast<unsigned>(b);
        s.shared = shared + b * work.shared_stride;
        s.shared_bytes = work.how.shared_bytes;
        s.shared_stride = work.shared_stride;
        t.turn[k] = static_cast<int>(work.rule == order::descending ? count - 1 - k : k);
    }
    if (work.rule == order::shuffled) std::shuffle(t.turn.begin(), t.turn.end(), t.random);
}

void wait_at(state what)
{
    team &t = *here;
    device_thread &d =
        t.threads[static_cast<size_t>(t.stacks[static_cast<size_t>(t.running)].thread)];
    d.at = what;
    enter_scheduler(t, false);
}

size_t my_number()
{
    return static_cast<size_t>(here->stacks[static_cast<size_t>(here->running)].thread);
}

} // namespace

void run_team(const block_work &work, const std::vector<dim3_t> &blocks, char *shared,
              uint64_t seed)
{
    thread_local team mine;
    here = &mine;
    mine.random.seed(seed);
#ifdef PP_TSAN
    mine.scheduler_fiber = __tsan_get_current_fiber();
#endif
    prepare(mine, work, blocks, shared);
    const unsigned per_block = work.how.block.count();
    while (mine.live > 0) {
        start_threads(mine);
        run_ready(mine);
        if (mine.live == 0) break;
        const bool runnable =
            std::any_of(mine.threads.begin(), mine.threads.end(),
                        [](const device_thread &d) { return d.at == state::ready; });
        if (!runnable && !release_all(mine, per_block)) {
            if (!error()) report("kernel %s: threads wait at different barriers", work.how.name);
            mine.idle.clear(); /* their stacks are lost with the block */
            for (size_t k = 0; k < mine.stacks.size(); k++)
                mine.idle.push_back(static_cast<int>(k));
            break;
        }
    }
    now = nullptr;
    *work.loaded += mine.loaded;
    *work.stored += mine.stored;
}

void sync_threads()
{
    wait_at(state::block_barrier);
}

void sync_warp()
{
    wait_at(state::warp_barrier);
}

void sync_cluster()
{
    wait_at(state::cluster_barrier);
}

void exchange(const void *mine, void *out, size_t bytes, unsigned from)
{
    char *slots = here->exchange_bytes.data();
    const size_t me = my_number(), warp = me - now->index % 32;
    memcpy(slots + 16 * me, mine, bytes);
    wait_at(state::warp_barrier);
    slots = here->exchange_bytes.data();
    memcpy(out, slots + 16 * (warp + from % 32), bytes);
    wait_at(state::warp_barrier);
}

unsigned ballot(bool mine)
{
    const unsigned value = mine;
    char *slots = here->exchange_bytes.data();
    const size_t me = my_number(), warp = me - now->index % 32;
    memcpy(slots + 16 * me, &value, sizeof value);
    wait_at(state::warp_barrier);
    unsigned bits = 0;
    for (unsigned lane = 0;
         lane < 32 && now->index - now->index % 32 + lane < now->block_size.count(); lane++) {
        unsigned one;
        memcpy(&one, here->exchange_bytes.data() + 16 * (warp + lane), sizeof one);
        bits |= one << lane;
    }
    wait_at(state::warp_barrier);
    return bits;
}

void *shared_slice(size_t bytes, size_t alignment, size_t *cursor)
{
    const size_t start = (*cursor + alignment - 1) / alignment * alignment;
    *cursor = start + bytes;
    if (*cursor > now->shared_bytes) {
        report("kernel %s: %zu bytes of shared memory taken, %zu launched with",
               here->work->how.name, *cursor, now->shared_bytes);
        abort();
    }
    return now->shared + start;
}

void count_load(size_t bytes)
{
    here->loaded += bytes;
}

void count_store(size_t bytes)
{
    here->stored += bytes;
}

} // namespace pp_emulation
