/* Views solved by groups of emulated devices, all ways of splitting: against one device, against the same group on processors, from
 * run to run; NCCL on devices of their own, copies where they share one; memory that runs out and devices that are lost.
 * SPDX-License-Identifier: BSD-3-Clause */
// TIMEOUT 480
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "support/device.h"

extern "C" {
#include "support/tiled.h"
}

namespace
{

struct solved {
    pp_view_output out = {};
    solved() = default;
    solved(const solved &) = delete;
    solved &operator=(const solved &) = delete;
    ~solved() { pp_view_output_free(&out); }
};

pp_view_options options(const char *backend, int64_t iterations, pp_split_method split, bool known)
{
    pp_view_options o =
        known ? tiled_known_probe(iterations, split) : tiled_options(iterations, split);
    o.backend = backend;
    return o;
}

tiled_arrays arrays;

void cut(int devices)
{
    pp_tiles t;
    pp_object_frame frame;
    tiled_arrays_cut(&arrays, devices, &t, &frame);
}

void make(int64_t patterns, int64_t height, int64_t width)
{
    tiled_make(patterns, height, width, 5, true);
    tiled_arrays_make(&arrays);
}

void solve(const pp_view_options &o, int devices, solved *s)
{
    cut(devices);
    pp_assert_ok(pp_view_solve(&arrays.in, &o, &s->out));
    ck_assert_int_eq(s->out.devices, devices);
}

void check_same_bits(const pp_array *a, const pp_array *b, const char *what, int devices)
{
    ck_assert_msg(std::memcmp(pp_array_read(a), pp_array_read(b), pp_array_bytes(a)) == 0,
                  "%s of %d devices is not the same in two runs", what, devices);
}

double worst(const solved &a, const solved &b)
{
    const double object = tiled_difference(a.out.object, b.out.object),
                 probe = tiled_difference(a.out.probe, b.out.probe);
    return object > probe ? object : probe;
}

/* hybrid and gradient: as one device, and with the same bits in another run. */
void check_exact(int64_t iterations, double bar, const std::vector<int> &sizes)
{
    solved one;
    solve(options("mock", iterations, PP_SPLIT_HYBRID, false), 1, &one);
    for (const int devices : sizes) {
        for (const pp_split_method split : {PP_SPLIT_HYBRID, PP_SPLIT_GRADIENT}) {
            solved group;
            solve(options("mock", iterations, split, false), devices, &group);
            ck_assert_msg(worst(one, group) < bar, "method %d on %d devices: %g from one device",
                          static_cast<int>(split), devices, worst(one, group));
            ck_assert(group.out.account.received > 0);
            if (devices != sizes.back()) continue;
            solved again;
            pp_emulation::set_seed(static_cast<uint64_t>(devices) + 100);
            solve(options("mock", iterations, split, false), devices, &again);
            check_same_bits(group.out.object, again.out.object, "the object", devices);
            check_same_bits(group.out.cost, again.out.cost, "the cost", devices);
        }
    }
    ck_assert_ptr_null(pp_emulation::error());
}

/* halo and independent: as the same group on processors. */
void check_apart(int64_t iterations, double bar, int devices)
{
    for (const pp_split_method split : {PP_SPLIT_HALO, PP_SPLIT_INDEPENDENT}) {
        solved cpu, mock, again;
        solve(options("cpu", iterations, split, true), devices, &cpu);
        solve(options("mock", iterations, split, true), devices, &mock);
        pp_emulation::set_seed(static_cast<uint64_t>(devices) + 200);
        solve(options("mock", iterations, split, true), devices, &again);
        check_same_bits(mock.out.object, again.out.object, "the object", devices);
        ck_assert_msg(worst(cpu, mock) < bar, "method %d on %d devices: %g from processors",
                      static_cast<int>(split), devices, worst(cpu, mock));
    }
    ck_assert_ptr_null(pp_emulation::error());
}

START_TEST(groups_by_nccl)
{
    pp_emulation::set_devices(8);
    make(20, 70, 60);
    check_exact(4, 1e-5, {2, 8, 3});
    check_apart(4, 1e-4, 2);
    tiled_arrays_free(&arrays);
}
END_TEST

START_TEST(groups_on_one_device)
{
    pp_emulation::set_devices(1);
    make(20, 70, 60);
    check_exact(4, 1e-5, {8, 2});
    check_apart(4, 1e-4, 2);
    tiled_arrays_free(&arrays);
}
END_TEST

/* What tiles pass goes off while they work on their other patterns: the same bits as one after the other. */
START_TEST(passes_beside_patterns)
{
    pp_emulation::set_devices(4);
    make(100, 118, 118);
    for (const pp_split_method split : {PP_SPLIT_HYBRID, PP_SPLIT_GRADIENT})
        for (const int devices : {2, 4}) {
            solved beside, again, in_turn;
            pp_view_options o = options("mock", 3, split, devices == 4);
            solve(o, devices, &beside);
            pp_emulation::set_seed(static_cast<uint64_t>(devices) + 300);
            solve(o, devices, &again);
            o.in_turn = true;
            solve(o, devices, &in_turn);
            for (const solved *other : {&again, &in_turn}) {
                check_same_bits(beside.out.object, other->out.object, "the object", devices);
                check_same_bits(beside.out.probe, other->out.probe, "the probe", devices);
                check_same_bits(beside.out.cost, other->out.cost, "the cost", devices);
            }
            ck_assert_msg(beside.out.account.beside > 0, "method %d on %d: nothing was beside",
                          static_cast<int>(split), devices);
            ck_assert(in_turn.out.account.beside == 0);
        }
    ck_assert_ptr_null(pp_emulation::error());
    tiled_arrays_free(&arrays);
}
END_TEST

START_TEST(groups_over_more_iterations)
{
    pp_emulation::set_devices(2);
    make(20, 70, 60);
    check_exact(16, 1e-3, {2});
    tiled_arrays_free(&arrays);
}
END_TEST

/* Gradients summed in double: any number of devices takes the steps of one; far fields differ where transforms are in other batches. */
START_TEST(sums_in_double_take_the_same_path)
{
    pp_emulation::set_devices(3);
    make(20, 70, 60);
    pp_view_options o = options("mock", 8, PP_SPLIT_HYBRID, true);
    o.method = PP_PTYCHO_PUBLISHED, o.wide_sum = true;
    solved one, cpu;
    solve(o, 1, &one);
    o.backend = "cpu";
    solve(o, 3, &cpu);
    ck_assert_double_lt(worst(one, cpu), 1e-5);
    o.backend = "mock";
    for (const pp_split_method split : {PP_SPLIT_HYBRID, PP_SPLIT_GRADIENT}) {
        solved group;
        o.split = split;
        solve(o, 3, &group);
        ck_assert_msg(worst(one, group) < 1e-6, "method %d: %g from one device",
                      static_cast<int>(split), worst(one, group));
        const double *x = static_cast<const double *>(pp_array_read(one.out.steps)),
                     *y = static_cast<const double *>(pp_array_read(group.out.steps));
        for (int k = 0; k < 8; k++) ck_assert_double_eq(x[2 * k], y[2 * k]);
    }
    ck_assert_ptr_null(pp_emulation::error());
    tiled_arrays_free(&arrays);
}
END_TEST

START_TEST(local_steps_on_devices)
{
    pp_emulation::set_devices(3);
    make(20, 70, 60);
    pp_view_options o = options("mock", 4, PP_SPLIT_LOCAL, true);
    o.exchanges = 1;
    solved mock, again, cpu;
    solve(o, 3, &mock);
    solve(o, 3, &again);
    o.backend = "cpu";
    solve(o, 3, &cpu);
    check_same_bits(mock.out.object, again.out.object, "the object", 3);
    ck_assert_double_lt(worst(cpu, mock), 1e-4);
    tiled_arrays_free(&arrays);
}
END_TEST

/* Tiles pass no borders after a step, as each makes the same one on what it shares; far fields are made of the whole tile again after 32. */
START_TEST(hybrid_without_borders)
{
    pp_emulation::set_devices(6);
    make(30, 60, 90);
    pp_view_options o = options("mock", 34, PP_SPLIT_HYBRID, true);
    o.keep_far_field = PP_CHOOSE_YES;
    solved one, group;
    solve(o, 1, &one);
    solve(o, 6, &group);
    ck_assert(group.out.kept && group.out.iterations == 34);
    ck_assert_double_lt(worst(one, group), 1e-4);
    ck_assert_ptr_null(pp_emulation::error());
    tiled_arrays_free(&arrays);
}
END_TEST

/* What is rare, as on processors: a background that is estimated, objects sampled between their pixels, a smooth object. */
START_TEST(rare_settings)
{
    pp_emulation::set_devices(2);
    make(20, 70, 60);
    for (int c = 0; c < 4; c++) {
        solved cpu, mock;
        pp_view_options o = options("cpu", 4, PP_SPLIT_HYBRID, c < 2);
        o.background = c == 2 ? PP_BACKGROUND_NONE : PP_BACKGROUND_PIXEL;
        o.solver.positions_start = 2, o.solver.positions_every = c < 2 ? 1 : 0;
        if (c >= 2) o.positions = PP_SWEEP_BILINEAR;
        if (c >= 2) o.solver.refine_positions = o.solver.refine_intensities = false;
        o.solver.smoothness = c == 1 ? 0.0 : 0.01;
        solve(o, c == 1 ? 2 : 1, &cpu);
        o.backend = "mock";
        solve(o, c == 1 ? 2 : 1, &mock);
        ck_assert_msg(worst(cpu, mock) < 1e-4, "case %d: %g apart", c, worst(cpu, mock));
        ck_assert_double_lt(mock.out.adjointness, 1e-4);
        if (c == 2) continue;
        const float *a = static_cast<const float *>(pp_array_read(cpu.out.background)),
                    *b = static_cast<const float *>(pp_array_read(mock.out.background));
        for (int k = 0; k < N * N; k++) ck_assert_float_eq_tol(a[k], b[k], 1e-3f * a[k]);
    }
    ck_assert_ptr_null(pp_emulation::error());
    tiled_arrays_free(&arrays);
}
END_TEST

/* ---- what fails ends with an error, soon ---- */

pp_status try_solve(int turn)
{
    const auto start = std::chrono::steady_clock::now();
    const pp_split_method methods[] = {PP_SPLIT_HYBRID, PP_SPLIT_GRADIENT, PP_SPLIT_INDEPENDENT};
    const pp_view_options o = options("mock", 2, methods[turn % 3], turn % 3 > 1);
    pp_view_output out = {};
    cut(3);
    const pp_status status = pp_view_solve(&arrays.in, &o, &out);
    if (status == PP_OK) pp_view_output_free(&out);
    ck_assert_msg(pp_test::seconds_since(start) < 30, "%g s: %s", pp_test::seconds_since(start),
                  pp_error_last()->text);
    return status;
}

START_TEST(memory_that_runs_out)
{
    pp_emulation::set_devices(3);
    make(12, 60, 60);
    int refused = 0;
    pp_status status = PP_ERR_RESOURCE;
    for (int n = 1; status != PP_OK; n += 1 + n / 8) {
        pp_emulation::fail_memory(n);
        status = try_solve(n);
        pp_emulation::fail_memory(0);
        ck_assert_msg(status == PP_OK || status == PP_ERR_RESOURCE, "status %d: %s",
                      static_cast<int>(status), pp_error_last()->text);
        refused += status != PP_OK;
    }
    ck_assert_int_ge(refused, 5);
    ck_assert_int_eq(try_solve(0), PP_OK);
    tiled_arrays_free(&arrays);
}
END_TEST

START_TEST(devices_that_are_lost)
{
    pp_emulation::set_devices(3);
    make(12, 60, 60);
    int lost = 0;
    pp_status status = PP_ERR_RESOURCE;
    for (int jobs = 1; status != PP_OK; jobs += 1 + jobs / 4, lost++) {
        pp_emulation::fail_device(lost % 3, jobs);
        status = try_solve(lost);
        pp_emulation::fail_device(lost % 3, -1);
        ck_assert_msg(status == PP_OK || status == PP_ERR_RESOURCE, "%d: %s",
                      static_cast<int>(status), pp_error_last()->text);
    }
    ck_assert_int_ge(lost, 10);
    ck_assert_int_eq(try_solve(0), PP_OK);
    tiled_arrays_free(&arrays);
}
END_TEST

} // namespace

int main()
{
    return pp_test::run("device groups", 200, pp_test::process::each_its_own,
                        {groups_by_nccl, groups_on_one_device, passes_beside_patterns,
                         groups_over_more_iterations, sums_in_double_take_the_same_path,
                         local_steps_on_devices, hybrid_without_borders, rare_settings,
                         memory_that_runs_out, devices_that_are_lost});
}
