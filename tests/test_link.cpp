/* Links between emulated devices: every way in which tiles pass images, against the host's messages, bit for bit; NCCL on devices of
 * their own, copies on one device and on a few; and groups in which a rank, a device or the memory fails.
 * SPDX-License-Identifier: BSD-3-Clause */
// TIMEOUT 120
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "support/device.h"

extern "C" {
#include "backend/cpu/cpu.h"
#include "comm/group.h"
#include "models/split.h"
}

namespace
{

enum { WINDOW = 16, PATTERNS = 40, HEIGHT = 83, WIDTH = 71, SHARED = 1001, LANES = 2 };

using image = std::vector<float>;

struct results {
    image passed, borders, scattered, summed, whole;
};

struct task {
    const pp_backend *backend;
    pp_tiles tiles;
    pp_links *links = nullptr;
    results of[PP_LINK_MOST];
    int fails = -1, at = 0; /* this rank leaves with an error before its step `at` */
    pp_split_method method = PP_SPLIT_HYBRID;
};

float value(int64_t i, int64_t salt)
{
    return std::sin(static_cast<float>(i % 997) * 1.7f + static_cast<float>(salt) * 3.1f) + 0.3f;
}

void cut(task *t, int size)
{
    double corners[2 * PATTERNS];
    int32_t tile_of[PATTERNS];
    const int64_t object[2] = {HEIGHT, WIDTH};
    for (int j = 0; j < PATTERNS; j++) {
        corners[2 * j] = 1 + (HEIGHT - WINDOW - 2) * (j / 8) / 4.0;
        corners[2 * j + 1] = 1 + (WIDTH - WINDOW - 2) * (j % 8) / 7.0;
    }
    ck_assert_int_eq(pp_tiles_cut(corners, PATTERNS, WINDOW, object, size, &t->tiles, tile_of),
                     PP_OK);
}

/* A vector in the back end's memory, filled with numbers of this rank. */
class memory
{
    const pp_backend *backend_;
    size_t count_;
    void *data_ = nullptr;

  public:
    memory(const pp_backend *backend, int64_t count)
        : backend_(backend), count_(static_cast<size_t>(count))
    {
    }
    memory(const memory &) = delete;
    memory &operator=(const memory &) = delete;
    ~memory()
    {
        if (data_) backend_->release(data_);
    }
    pp_status fill(int64_t salt)
    {
        image host(count_);
        for (size_t i = 0; i < count_; i++) host[i] = value(static_cast<int64_t>(i), salt);
        PP_TRY(backend_->alloc(count_ * sizeof(float), &data_));
        return backend_->upload(data_, host.data(), count_ * sizeof(float));
    }
    float *data() const { return static_cast<float *>(data_); }
    pp_status fetch(image *out) const
    {
        out->resize(count_);
        return backend_->download(out->data(), data_, count_ * sizeof(float));
    }
};

pp_status leave(const task *t, int rank, int step)
{
    if (rank != t->fails || step != t->at) return PP_OK;
    pp_fail(__FILE__, __LINE__, PP_ERR_DATA, "rank %d has had enough", rank);
    return PP_ERR_DATA;
}

void change(const task *t, memory *of, int64_t pixels)
{
    t->backend->vectors->scale(reinterpret_cast<pp_c32 *>(of->data()), 0.75, pixels, 1);
}

pp_status work_on(task *t, const pp_split *split, int rank)
{
    const pp_box whole_box = pp_split_whole(split), mine = pp_split_extended(split);
    const int64_t pixels = pp_box_area(&mine), all = pp_box_area(&whole_box);
    memory tile(t->backend, pixels * LANES), whole(t->backend, all * LANES),
        shared(t->backend, SHARED), room(t->backend, SHARED);
    results *r = &t->of[rank];
    PP_TRY(tile.fill(rank + 1));
    PP_TRY(whole.fill(77));
    PP_TRY(shared.fill(rank + 10));
    PP_TRY(room.fill(0));
    float *const top = rank == 0 ? whole.data() : nullptr;
    PP_TRY(leave(t, rank, 0));
    PP_TRY(pp_split_pass(split, tile.data(), LANES));
    PP_TRY(tile.fetch(&r->passed));
    PP_TRY(leave(t, rank, 1));
    PP_TRY(pp_split_sum(split, shared.data(), room.data(), SHARED));
    PP_TRY(pp_split_borders(split, tile.data(), LANES));
    change(t, &tile, pixels); /* at once: the others have their parts by then */
    PP_TRY(leave(t, rank, 2));
    PP_TRY(tile.fetch(&r->borders));
    PP_TRY(shared.fetch(&r->summed));
    enum { BANDS = 3 };
    for (int b = 0; b < BANDS; b++)
        PP_TRY(pp_split_gather(split, top, tile.data(), LANES, b, BANDS));
    PP_TRY(leave(t, rank, 3));
    change(t, &tile, pixels);
    PP_TRY(pp_split_scatter(split, tile.data(), top, LANES));
    change(t, &whole, all);
    PP_TRY(whole.fetch(&r->whole));
    return tile.fetch(&r->scattered);
}

pp_status work(const pp_comm *group, void *argument)
{
    task *t = static_cast<task *>(argument);
    const int rank = pp_comm_rank(group);
    const pp_split split = {group, &t->tiles, t->method, t->backend, t->links, false};
    PP_TRY(pp_backend_use(t->backend, pp_backend_device(t->backend, rank)));
    return work_on(t, &split, rank);
}

void end_links(void *argument)
{
    const task *t = static_cast<task *>(argument);
    t->backend->links->abort(t->links);
}

pp_status open_links(task *t, bool copies)
{
    int devices[PP_LINK_MOST];
    int64_t room[PP_LINK_MOST];
    for (int r = 0; r < t->tiles.count; r++) {
        devices[r] = pp_backend_device(t->backend, r);
        room[r] = pp_split_room(&t->tiles, t->method, r, LANES, SHARED);
    }
    const pp_link_setup setup = {t->tiles.count, devices, room, copies};
    return t->backend->links->open(&setup, &t->links);
}

void on_host(task *t, int size)
{
    t->backend = &pp_backend_cpu;
    cut(t, size);
    ck_assert_int_eq(pp_group_run(size, work, t), PP_OK);
}

/* Status of a group on devices. */
pp_status on_devices(task *t, int size, bool copies)
{
    t->backend = &pp_backend_mock;
    cut(t, size);
    PP_TRY(open_links(t, copies));
    const bool nccl = std::strncmp(t->backend->links->how(t->links), "NCCL", 4) == 0;
    ck_assert_int_eq(nccl, size > 1 && !copies && pp_backend_mock.devices(nullptr) >= size);
    const pp_status status = pp_group_run_alarmed(size, work, end_links, t);
    t->backend->links->close(&t->links);
    return status;
}

void check_same(const image &a, const image &b, const char *what, int size, int rank)
{
    ck_assert_msg(a.size() == b.size() && !a.empty() &&
                      std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0,
                  "%s on rank %d of %d differs from the host's", what, rank, size);
}

void check_against_host(int size, bool copies)
{
    static task host, device;
    host = task(), device = task();
    on_host(&host, size);
    ck_assert_int_eq(on_devices(&device, size, copies), PP_OK);
    for (int r = 0; r < size; r++) {
        const results &a = host.of[r], &b = device.of[r];
        check_same(a.passed, b.passed, "the pass", size, r);
        check_same(a.summed, b.summed, "the sum", size, r);
        check_same(a.borders, b.borders, "the borders", size, r);
        check_same(a.whole, b.whole, "the gathered whole", size, r);
        check_same(a.scattered, b.scattered, "the scattered part", size, r);
    }
    ck_assert_ptr_null(pp_emulation::error());
}

/* ---- tests; the number of devices is a process's, so each runs in its own ---- */

START_TEST(by_nccl_on_devices_of_their_own)
{
    pp_emulation::set_devices(8);
    for (int size : {1, 2, 3, 8}) check_against_host(size, false);
}
END_TEST

START_TEST(by_copies_on_one_device)
{
    pp_emulation::set_devices(1);
    for (int size : {2, 3, 8}) check_against_host(size, false);
}
END_TEST

START_TEST(by_copies_on_a_few_devices)
{
    pp_emulation::set_devices(3);
    check_against_host(3, true);
    check_against_host(8, false);
}
END_TEST

START_TEST(in_every_order_and_schedule)
{
    using pp_emulation::order;
    pp_emulation::set_devices(3);
    for (uint64_t seed = 2; seed < 8; seed++) {
        pp_emulation::set_seed(seed);
        pp_emulation::set_order(seed % 2 ? order::descending : order::shuffled);
        check_against_host(3, seed % 3 == 0);
    }
}
END_TEST

void check_failure(task *t, int size, bool copies, pp_status expected)
{
    const auto start = std::chrono::steady_clock::now();
    ck_assert_int_eq(on_devices(t, size, copies), expected);
    ck_assert_msg(pp_test::seconds_since(start) < 20, "a group with a failed rank took %g s",
                  pp_test::seconds_since(start));
}

START_TEST(a_rank_that_fails_ends_the_group)
{
    static task t;
    pp_emulation::set_devices(3);
    for (int k = 0; k < 24; k++) {
        t = task();
        t.fails = k % 3, t.at = k / 3 % 4;
        check_failure(&t, 3, k >= 12, PP_ERR_DATA);
        ck_assert_ptr_nonnull(std::strstr(pp_error_last()->text, "has had enough"));
    }
    t = task();
    ck_assert_int_eq(on_devices(&t, 3, false), PP_OK); /* and the next group is fine */
}
END_TEST

/* After ever more pieces of work, until the group comes to its end. */
START_TEST(a_device_that_is_lost_ends_the_group)
{
    static task t;
    pp_emulation::set_devices(3);
    for (int copies = 0; copies < 2; copies++) {
        int lost = 0;
        for (pp_status status = PP_ERR_RESOURCE; status != PP_OK; lost++) {
            const auto start = std::chrono::steady_clock::now();
            t = task();
            pp_emulation::fail_device(lost % 3, 1 + lost);
            status = on_devices(&t, 3, copies);
            pp_emulation::fail_device(lost % 3, -1);
            ck_assert(status == PP_OK || status == PP_ERR_RESOURCE);
            ck_assert_msg(pp_test::seconds_since(start) < 20,
                          "%g s after %d pieces of work, copies %d: %s",
                          pp_test::seconds_since(start), lost, copies, pp_error_last()->text);
        }
        ck_assert_int_ge(lost, 30);
    }
}
END_TEST

START_TEST(memory_that_runs_out_ends_the_group)
{
    static task t;
    int refused = 0;
    pp_emulation::set_devices(3);
    for (pp_status status = PP_ERR_RESOURCE; status != PP_OK; refused++) {
        const auto start = std::chrono::steady_clock::now();
        t = task();
        pp_emulation::fail_memory(refused + 1);
        status = on_devices(&t, 3, refused % 2);
        pp_emulation::fail_memory(0);
        ck_assert(status == PP_OK || status == PP_ERR_RESOURCE);
        ck_assert_msg(pp_test::seconds_since(start) < 20, "%g s", pp_test::seconds_since(start));
    }
    ck_assert_int_ge(refused, 5);
}
END_TEST

} // namespace

int main()
{
    return pp_test::run("link", 100, pp_test::process::each_its_own,
                        {by_nccl_on_devices_of_their_own, by_copies_on_one_device,
                         by_copies_on_a_few_devices, in_every_order_and_schedule,
                         a_rank_that_fails_ends_the_group, a_device_that_is_lost_ends_the_group,
                         memory_that_runs_out_ends_the_group});
}
