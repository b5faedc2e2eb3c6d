/* The joint solve's step of a view and its shift on groups of emulated devices, split by tiles: against one device, against processors,
 * from run to run, with frames that are streamed, and where a device is lost.
 * SPDX-License-Identifier: BSD-3-Clause */
// TIMEOUT 300
#include <cmath>
#include <cstring>
#include <vector>

#include "support/device.h"

extern "C" {
#include "solvers/joint_view.h"
#include "support/tiled.h"
}

namespace
{

struct setting {
    const char *backend;
    int devices, first_device;
    bool probe;
    pp_sweep_model model;
    double memory;
};

struct result {
    std::vector<pp_c32> psi, probe;
    pp_joint_step_result told = {};
    double shift[2] = {};
};

tiled_arrays arrays;

void make(int64_t patterns, int64_t height, int64_t width)
{
    tiled_make(patterns, height, width, 5, true);
    tiled_arrays_make(&arrays);
}

/* The view, its target (the object at 0.9 of its phase) and its weights: none over a corner. */
struct work {
    pp_joint_view view = {};
    std::vector<pp_c32> target;
    std::vector<float> weight;
    pp_joint_step step = {};
    explicit work(const setting &s)
    {
        const pp_array *positions = arrays.positions;
        pp_assert_ok(pp_joint_view_create(static_cast<const double *>(pp_array_read(positions)),
                                          tiled.patterns, arrays.probe, s.model, &view));
        pp_assert_ok(pp_joint_view_frames(&view, s.backend, arrays.frames, arrays.mask, nullptr));
        for (int64_t i = 0; i < view.pixels; i++) {
            const float y = static_cast<float>(i / view.frame.size[1]),
                        x = static_cast<float>(i % view.frame.size[1]),
                        phase = 0.3f * std::sin(0.2f * x) * std::cos(0.15f * y);
            target.push_back({std::cos(phase), std::sin(phase)});
            weight.push_back(x + y < 20 ? 0.0f : 0.25f * view.largest);
            view.psi[i] = {1, 0};
        }
        step.backend = s.backend, step.iterations = 4, step.refine_probe = s.probe;
        step.threads = 1, step.devices = s.devices, step.first_device = s.first_device;
        step.device_memory = s.memory, step.weight = weight.data(), step.target = target.data();
    }
    work(const work &) = delete;
    work &operator=(const work &) = delete;
    ~work() { pp_joint_view_free(&view); }
};

result solve(const setting &s)
{
    work w(s);
    result r;
    pp_assert_ok(pp_joint_view_shift(&w.view, &w.step, r.shift));
    pp_assert_ok(pp_joint_view_step(&w.view, &w.step, &r.told));
    r.psi.assign(w.view.psi, w.view.psi + w.view.pixels);
    r.probe.assign(w.view.probe, w.view.probe + w.view.n * w.view.n * w.view.modes);
    return r;
}

double apart(const std::vector<pp_c32> &a, const std::vector<pp_c32> &b)
{
    double sum = 0, all = 0;
    ck_assert_uint_eq(a.size(), b.size());
    for (size_t k = 0; k < a.size(); k++) {
        sum += std::pow(static_cast<double>(a[k].re - b[k].re), 2) +
               std::pow(static_cast<double>(a[k].im - b[k].im), 2);
        all +=
            std::pow(static_cast<double>(a[k].re), 2) + std::pow(static_cast<double>(a[k].im), 2);
    }
    return std::sqrt(sum / all);
}

void check_near(const result &a, const result &b, double bar, const char *what, int devices)
{
    ck_assert_msg(apart(a.psi, b.psi) < bar && apart(a.probe, b.probe) < bar,
                  "%s, %d devices: psi %g, probe %g apart", what, devices, apart(a.psi, b.psi),
                  apart(a.probe, b.probe));
    pp_assert_near(a.told.data, b.told.data, 10 * bar * a.told.data);
    pp_assert_near(a.told.penalty, b.told.penalty, 10 * bar * a.told.penalty);
    pp_assert_near(a.told.misfit, b.told.misfit, 10 * bar * a.told.misfit);
    pp_assert_near(a.told.counts, b.told.counts, 1e-6 * a.told.counts);
    for (int k = 0; k < 2; k++) pp_assert_near(a.shift[k], b.shift[k], 10 * bar);
}

bool same(const result &a, const result &b)
{
    return pp_test::same_bits(a.psi, b.psi) && pp_test::same_bits(a.probe, b.probe) &&
           std::memcmp(&a.told, &b.told, sizeof a.told) == 0 &&
           std::memcmp(a.shift, b.shift, sizeof a.shift) == 0;
}

void check_groups(const std::vector<int> &sizes)
{
    for (const bool probe : {false, true}) {
        setting s = {"cpu", 1, 0, probe, probe ? PP_SWEEP_POISSON : PP_SWEEP_AMPLITUDE, 0};
        const result cpu = solve(s);
        ck_assert(std::fabs(cpu.shift[0]) + std::fabs(cpu.shift[1]) > 1e-3);
        s.backend = "mock";
        const result one = solve(s);
        check_near(cpu, one, 1e-4, "mock against cpu", 1);
        for (const int devices : sizes) {
            s.devices = devices;
            const result group = solve(s);
            check_near(one, group, 1e-5, "a group against one device", devices);
            check_near(cpu, group, 1e-4, "a group against cpu", devices);
            pp_emulation::set_seed(static_cast<uint64_t>(devices + 17 * probe));
            ck_assert_msg(same(group, solve(s)), "%d devices: not the same in two runs", devices);
            s.memory = 1;
            ck_assert_msg(same(group, solve(s)), "%d devices: not the same streamed", devices);
            s.memory = 0;
        }
    }
    ck_assert_ptr_null(pp_emulation::error());
}

START_TEST(groups_by_nccl)
{
    pp_emulation::set_devices(8);
    make(20, 70, 60);
    check_groups({2, 3, 8});
    tiled_arrays_free(&arrays);
}
END_TEST

START_TEST(groups_on_one_device)
{
    pp_emulation::set_devices(1);
    make(20, 70, 60);
    check_groups({2, 3});
    tiled_arrays_free(&arrays);
}
END_TEST

/* Another group of the rank has the first devices; and processors in a group. */
START_TEST(other_groups)
{
    pp_emulation::set_devices(5);
    make(20, 70, 60);
    setting s = {"mock", 3, 0, true, PP_SWEEP_POISSON, 0};
    const result first = solve(s);
    s.first_device = 2;
    ck_assert(same(first, solve(s)));
    s = {"cpu", 1, 0, true, PP_SWEEP_POISSON, 0};
    const result one = solve(s);
    s.devices = 3;
    check_near(one, solve(s), 1e-5, "processors", 3);
    ck_assert_ptr_null(pp_emulation::error());
    tiled_arrays_free(&arrays);
}
END_TEST

/* What fails ends with an error, and the next step is as if nothing had been. */
START_TEST(a_device_that_is_lost)
{
    pp_emulation::set_devices(3);
    make(12, 60, 60);
    const setting s = {"mock", 3, 0, true, PP_SWEEP_AMPLITUDE, 0};
    const result before = solve(s);
    int lost = 0;
    for (int jobs = 1; jobs < 2000; jobs += 1 + jobs / 2) {
        work w(s);
        pp_joint_step_result told;
        pp_emulation::fail_device(lost % 3, jobs);
        const pp_status status = pp_joint_view_step(&w.view, &w.step, &told);
        pp_emulation::fail_device(lost % 3, -1);
        ck_assert_msg(status == PP_OK || status == PP_ERR_RESOURCE, "%d: %s",
                      static_cast<int>(status), pp_error_last()->text);
        if (status == PP_OK) break;
        lost++;
    }
    ck_assert_int_ge(lost, 5);
    ck_assert(same(before, solve(s)));
    tiled_arrays_free(&arrays);
}
END_TEST

double copied(const char *way)
{
    pp_emulation::traffic table[64];
    const int count = pp_emulation::traffic_table(table, 64);
    for (int k = 0; k < count && k < 64; k++)
        if (std::strcmp(table[k].kernel, way) == 0) return static_cast<double>(table[k].loaded);
    return 0;
}

/* As docs/performance.md has it; beside it are tables of a few bytes a pattern. */
START_TEST(bytes_of_a_step)
{
    pp_emulation::set_devices(1);
    make(40, 100, 100);
    for (const bool probe : {false, true}) {
        work w({"mock", 1, 0, probe, PP_SWEEP_AMPLITUDE, 0});
        const double plane = static_cast<double>(w.view.n * w.view.n),
                     pixels = static_cast<double>(w.view.pixels), field = 8 * plane,
                     frame = plane * static_cast<double>(pp_dtype_size(w.view.frame_type)),
                     in =
                         frame * static_cast<double>(w.view.patterns) + plane + 24 * pixels + field,
                     back = 16 * pixels + (probe ? field : 0);
        pp_joint_step_result told;
        pp_emulation::traffic_reset();
        pp_assert_ok(pp_joint_view_step(&w.view, &w.step, &told));
        const double to = copied("copy to the device"), from = copied("copy to the host");
        ck_assert_msg(to >= in && to < 1.2 * in, "%g bytes to the device, designed %g", to, in);
        ck_assert_msg(from >= back && from < 1.2 * back, "%g bytes to the host, designed %g", from,
                      back);
    }
    tiled_arrays_free(&arrays);
}
END_TEST

/* The fewest devices that a memory is enough for. */
START_TEST(as_few_devices_as_needed)
{
    pp_emulation::set_devices(8);
    const pp_joint_need need = {64, 1, 400, {512, 512}, true, true, 2};
    const double one = pp_joint_view_device_bytes("mock", &need, 1),
                 four = pp_joint_view_device_bytes("mock", &need, 4);
    ck_assert(four < one && four > one / 8);
    ck_assert_int_eq(pp_joint_view_group("mock", &need, 0), 1);
    ck_assert_int_eq(pp_joint_view_group("mock", &need, one), 1);
    const int group = pp_joint_view_group("mock", &need, four);
    ck_assert(group > 1 && group <= 4);
    ck_assert(pp_joint_view_device_bytes("mock", &need, group) <= four);
    ck_assert(pp_joint_view_device_bytes("mock", &need, group - 1) > four);
}
END_TEST

} // namespace

int main()
{
    return pp_test::run("joint groups", 200, pp_test::process::each_its_own,
                        {groups_by_nccl, groups_on_one_device, other_groups, a_device_that_is_lost,
                         bytes_of_a_step, as_few_devices_as_needed});
}
