/* Total variation whose vectors live in the memory of emulated devices: against the host's, the same bits for any number of devices and
 * ranks and from run to run, with the vectors on the host where there is no room, slices that pass between devices and ranks, and
 * devices that fail.
 * SPDX-License-Identifier: BSD-3-Clause */
// RANKS 1 2 3
// TIMEOUT 180
#include <cmath>
#include <vector>

#include "support/device.h"

extern "C" {
#include "backend/fft.h"
#include "base/alloc.h"
#include "comm/comm.h"
#include "support/support.h"
#include "tomo/slab_team.h"
#include "tomo/total_variation.h"
#include "tomo/transpose.h"
}

namespace pp_mock
{
double bytes_taken();
}

namespace
{

using floats = std::vector<float>;

pp_comm *world;
const int64_t n = 14, views = 9, rows = 11;

/* Every rank has 1, 2, 3 or 6 of six devices. */
void use_devices(int devices)
{
    static const bool made = (pp_emulation::set_devices(6), true);
    (void)made;
    pp_backend_share(&pp_backend_mock, 0, 6 / devices);
    ck_assert_int_eq(pp_backend_devices(&pp_backend_mock), devices);
}

pp_projector *projector_of(const pp_backend *backend)
{
    std::vector<double> angles(static_cast<size_t>(views));
    for (size_t v = 0; v < angles.size(); v++) angles[v] = 0.1 + 0.34 * static_cast<double>(v);
    pp_projector_setup setup = {};
    setup.n = n, setup.views = views, setup.angles = angles.data(), setup.threads = 1;
    setup.backend = backend;
    pp_projector *p = nullptr;
    pp_assert_ok(pp_projector_create(&setup, &p));
    return p;
}

/* Lines of two boxes, and the start. */
floats lines_of_all()
{
    floats volume(static_cast<size_t>(rows * n * n)), lines(static_cast<size_t>(rows * views * n));
    for (size_t i = 0; i < volume.size(); i++) {
        const int64_t at = static_cast<int64_t>(i), x = at % n - n / 2, y = at / n % n - n / 2,
                      z = at / (n * n);
        volume[i] = static_cast<float>((x * x + y * y < 26) + (z > 3 && x > 0 && y > 0 && x < 4));
    }
    pp_projector *p = projector_of(nullptr);
    pp_assert_ok(pp_projector_forward_real(p, rows, volume.data(), lines.data()));
    pp_projector_free(&p);
    for (size_t i = 0; i < lines.size(); i++)
        lines[i] += 0.2f * std::sin(static_cast<float>(i * i % 1009));
    return lines;
}

struct solved {
    pp_status status;
    floats volume; /* of this rank's slab */
    pp_total_variation_result result;
};

pp_total_variation usual()
{
    pp_total_variation setup = {};
    setup.strength = 0.05, setup.iterations = 3, setup.inner = 2, setup.positivity = true;
    return setup;
}

solved solve(const pp_comm *comm, const pp_backend *backend, const pp_total_variation &setup)
{
    static const floats lines = lines_of_all();
    int64_t first, slices;
    solved out = {};
    pp_slab_block(rows, pp_comm_size(comm), pp_comm_rank(comm), &first, &slices);
    out.volume.resize(static_cast<size_t>(slices * n * n));
    for (size_t i = 0; i < out.volume.size(); i++)
        out.volume[i] =
            0.3f + 0.2f * std::cos(static_cast<float>(static_cast<int64_t>(i) + first * n * n));
    pp_projector *p = slices > 0 ? projector_of(backend) : nullptr;
    out.status = pp_total_variation_run(comm, p, &setup, rows, lines.data() + first * views * n,
                                        out.volume.data(), &out.result);
    pp_projector_free(&p);
    return out;
}

solved solve_well(const pp_comm *comm, const pp_backend *backend, const pp_total_variation &setup)
{
    const solved out = solve(comm, backend, setup);
    pp_assert_ok(out.status);
    return out;
}

solved solve_alone(const pp_backend *backend, const pp_total_variation &setup)
{
    pp_comm *self = nullptr;
    pp_assert_ok(pp_comm_self(&self));
    const solved out = solve_well(self, backend, setup);
    pp_comm_free(&self);
    return out;
}

void check_near(const solved &host, const solved &device, const char *what)
{
    const double gap = pp_test::apart(host.volume, device.volume);
    ck_assert_msg(gap < 1e-5, "%s: %g apart", what, gap);
    pp_assert_near(device.result.objective / host.result.objective, 1, 1e-5);
    pp_assert_near(device.result.misfit / host.result.misfit, 1, 1e-5);
    pp_assert_near(device.result.strength / host.result.strength, 1, 1e-5);
    pp_assert_near(device.result.primal / host.result.primal, 1, 1e-3);
    ck_assert_int_eq(device.result.iterations, host.result.iterations);
}

START_TEST(agrees_with_the_host)
{
    use_devices(3);
    for (int c = 0; c < 2; c++) {
        pp_total_variation setup = usual();
        if (c == 1) setup.strength = 0, setup.positivity = false, setup.whole_square = true;
        const solved host = solve_alone(nullptr, setup),
                     device = solve_alone(&pp_backend_mock, setup);
        ck_assert_int_eq(host.result.devices, 0);
        ck_assert_int_eq(device.result.devices, 3);
        ck_assert(!pp_test::same_bits(host.volume, device.volume)); /* else it was not the device */
        check_near(host, device, "on devices");
    }
    ck_assert_ptr_null(pp_emulation::error());
}
END_TEST

/* Vectors on the host, batches streamed to the devices. */
START_TEST(without_room_the_vectors_stay_on_the_host)
{
    use_devices(2);
    pp_total_variation setup = usual();
    const solved host = solve_alone(nullptr, setup);
    setup.device_memory = 10000;
    const solved streamed = solve_alone(&pp_backend_mock, setup);
    ck_assert_int_eq(streamed.result.devices, 0);
    check_near(host, streamed, "out of core");
    setup.device_memory =
        pp_total_variation_device_bytes(n, views, pp_slab_seat_most(rows, 2), true);
    ck_assert_int_eq(solve_alone(&pp_backend_mock, setup).result.devices, 2);
}
END_TEST

void check_bits(const solved &a, const solved &b)
{
    ck_assert(pp_test::same_bits(a.volume, b.volume));
    ck_assert(a.result.objective == b.result.objective && a.result.primal == b.result.primal &&
              a.result.dual == b.result.dual && a.result.misfit == b.result.misfit);
}

START_TEST(the_same_bits_for_any_number_of_devices)
{
    use_devices(1);
    const solved one = solve_alone(&pp_backend_mock, usual());
    for (const int devices : {1, 2, 3, 6}) {
        use_devices(devices);
        pp_emulation::set_order(devices == 2 ? pp_emulation::order::shuffled
                                             : pp_emulation::order::descending);
        pp_emulation::set_seed(static_cast<unsigned>(devices));
        check_bits(one, solve_alone(&pp_backend_mock, usual()));
    }
    pp_emulation::set_order(pp_emulation::order::ascending);
    ck_assert_ptr_null(pp_emulation::error());
}
END_TEST

START_TEST(the_same_bits_for_any_number_of_ranks)
{
    int64_t first, slices;
    pp_slab_block(rows, pp_comm_size(world), pp_comm_rank(world), &first, &slices);
    for (const int devices : {1, 2, 3}) {
        use_devices(devices);
        const solved whole = solve_alone(&pp_backend_mock, usual()),
                     mine = solve_well(world, &pp_backend_mock, usual());
        solved part = whole;
        part.volume.assign(whole.volume.begin() + first * n * n,
                           whole.volume.begin() + (first + slices) * n * n);
        check_bits(part, mine);
        ck_assert_int_eq(mine.result.devices, devices);
    }
}
END_TEST

/* Two slices lie on rank 0; all ranks are told the same of them. */
START_TEST(ranks_without_slices_take_part)
{
    const int64_t few = 2;
    const floats lines = lines_of_all();
    int64_t first, slices;
    pp_slab_block(few, pp_comm_size(world), pp_comm_rank(world), &first, &slices);
    use_devices(3);
    floats volume(static_cast<size_t>(slices * n * n), 0.5f);
    pp_projector *p = slices > 0 ? projector_of(&pp_backend_mock) : nullptr;
    const pp_total_variation setup = usual();
    pp_total_variation_result result = {};
    pp_assert_ok(
        pp_total_variation_run(world, p, &setup, few, lines.data(), volume.data(), &result));
    pp_projector_free(&p);
    ck_assert_int_eq(result.devices, 3);
    ck_assert_int_eq(result.iterations, setup.iterations);
}
END_TEST

/* ---- the team ---- */

/* Slice k of a volume holds k + i / 1000. */
float value(int64_t slice, int64_t i)
{
    return static_cast<float>(slice) + 0.001f * static_cast<float>(i);
}

void check_slice(const float *there, int64_t slice, bool is)
{
    floats here(static_cast<size_t>(n * n));
    pp_assert_ok(pp_backend_mock.download(here.data(), there, here.size() * sizeof(float)));
    for (size_t i = 0; i < here.size() && is; i++)
        ck_assert_float_eq(here[i], value(slice, static_cast<int64_t>(i)));
}

struct halo {
    int64_t volume_rows;
};

pp_status check_halo(pp_slab_seat *seat, void *argument)
{
    const halo *h = static_cast<const halo *>(argument);
    int64_t begin, all;
    pp_slab_block(h->volume_rows, pp_comm_size(world), pp_comm_rank(world), &begin, &all);
    const int64_t first = begin + seat->start, pixels = n * n;
    const pp_slab_cut cut = pp_slab_seat_cut(seat);
    floats mine(static_cast<size_t>(seat->slices * pixels + 1));
    for (int64_t i = 0; i < seat->slices * pixels; i++)
        mine[static_cast<size_t>(i)] = value(first + i / pixels, i % pixels);
    float *const volume = pp_test::put(mine);
    for (int64_t k = 0; k < seat->slices; k++)
        for (int which = 0; which < 2; which++)
            seat->each[2 * k + which] = std::sin(static_cast<double>(first + k) + which);
    for (int side = 1; side < 4; side++) {
        PP_TRY(pp_slab_seat_neighbours(seat, volume, side & 1, side & 2));
        if (seat->slices == 0) continue;
        ck_assert((cut.before == nullptr) == (first == 0));
        ck_assert((cut.after == nullptr) == (first + seat->slices == h->volume_rows));
        if (side & 1) check_slice(seat->before, first - 1, first > 0);
        if (side & 2)
            check_slice(seat->after, first + seat->slices, first + seat->slices < h->volume_rows);
    }
    double sums[2], want[2] = {0, 0};
    PP_TRY(pp_slab_seat_sum(seat, 2, sums));
    for (int64_t k = 0; k < h->volume_rows; k++)
        for (int which = 0; which < 2; which++)
            want[which] += std::sin(static_cast<double>(k) + which);
    ck_assert(sums[0] == want[0] && sums[1] == want[1]);
    (void)pp_test::fetch(1, volume);
    return PP_OK;
}

START_TEST(slices_pass_between_devices_and_ranks)
{
    for (const int devices : {1, 2, 3})
        for (const int64_t volume_rows : {1, 2, 5, 6, 13, 18}) {
            use_devices(devices);
            halo h = {volume_rows};
            const pp_slab_team_setup setup = {world, &pp_backend_mock, devices, volume_rows, n};
            pp_assert_ok(pp_slab_team_run(&setup, check_halo, &h));
        }
}
END_TEST

/* A device of rank 0 is lost, sooner or later: every rank's run ends with an error, and the next one is fine. */
START_TEST(a_lost_device_ends_all)
{
    const bool mine = pp_comm_rank(world) == 0;
    int lost = 0;
    use_devices(3);
    const solved fine = solve_well(world, &pp_backend_mock, usual());
    for (int jobs = 0, more = 1; more; jobs += 1 + jobs / 2) {
        static const floats lines = lines_of_all();
        int64_t first, slices;
        pp_slab_block(rows, pp_comm_size(world), pp_comm_rank(world), &first, &slices);
        floats volume(static_cast<size_t>(slices * n * n), 0.5f);
        pp_projector *p = projector_of(&pp_backend_mock);
        const pp_total_variation setup = usual();
        if (mine) pp_emulation::fail_device(lost % 2, 1 + jobs);
        const pp_status status = pp_total_variation_run(
            world, p, &setup, rows, lines.data() + first * views * n, volume.data(), nullptr);
        pp_projector_free(&p);
        if (mine) pp_emulation::fail_device(lost % 2, -1);
        for (int k = 2; k >= 0; k--) { /* what is told late, by any of them */
            pp_assert_ok(pp_backend_use(&pp_backend_mock, pp_backend_device(&pp_backend_mock, k)));
            const pp_status rest = pp_backend_mock.download(nullptr, nullptr, 0);
            ck_assert(rest == PP_OK || mine);
        }
        ck_assert(status == PP_OK || status == PP_ERR_RESOURCE);
        more = status != PP_OK;
        lost += more;
    }
    ck_assert_int_ge(lost, 5);
    check_bits(fine, solve_well(world, &pp_backend_mock, usual()));
}
END_TEST

/* Memory of rank 0's devices runs out, sooner or later: every rank's run ends with an error, and nothing stays taken. */
START_TEST(memory_that_runs_out_ends_all)
{
    const bool mine = pp_comm_rank(world) == 0;
    int refused = 0;
    use_devices(3);
    const solved fine = solve_well(world, &pp_backend_mock, usual());
    pp_projector *p = projector_of(&pp_backend_mock);
    static const floats lines = lines_of_all();
    int64_t first, slices;
    pp_slab_block(rows, pp_comm_size(world), pp_comm_rank(world), &first, &slices);
    const double before = pp_mock::bytes_taken();
    const int64_t host = pp_alloc_live_blocks();
    for (bool more = true; more; refused += more) {
        floats volume(static_cast<size_t>(slices * n * n), 0.5f);
        const pp_total_variation setup = usual();
        void *large = nullptr; /* a pool that is emptied gives nothing for free */
        if (mine) {
            pp_emulation::fail_memory(1);
            for (int k = 0; k < 3; k++) {
                pp_assert_ok(
                    pp_backend_use(&pp_backend_mock, pp_backend_device(&pp_backend_mock, k)));
                ck_assert_int_ne(pp_backend_mock.alloc(size_t(1) << 33, &large), PP_OK);
            }
            pp_emulation::fail_memory(1 + refused);
        }
        const pp_status status = pp_total_variation_run(
            world, p, &setup, rows, lines.data() + first * views * n, volume.data(), nullptr);
        if (mine) pp_emulation::fail_memory(0);
        ck_assert(status == PP_OK || status == PP_ERR_RESOURCE);
        ck_assert_double_eq(pp_mock::bytes_taken(), before);
        ck_assert_int_eq(pp_alloc_live_blocks(), host);
        more = status != PP_OK;
    }
    pp_projector_free(&p);
    ck_assert_int_ge(refused, 30);
    check_bits(fine, solve_well(world, &pp_backend_mock, usual()));
}
END_TEST

} // namespace

int main(int argc, char **argv)
{
    const TTest *const tests[] = {agrees_with_the_host,
                                  without_room_the_vectors_stay_on_the_host,
                                  the_same_bits_for_any_number_of_devices,
                                  the_same_bits_for_any_number_of_ranks,
                                  ranks_without_slices_take_part,
                                  slices_pass_between_devices_and_ranks,
                                  a_lost_device_ends_all,
                                  memory_that_runs_out_ends_all,
                                  nullptr};
    (void)pp_fft_set_effort(PP_FFT_ESTIMATE);
    return pp_test_main_of_ranks(argc, argv, "tomo devices", tests, &world);
}
