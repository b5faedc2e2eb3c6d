/* The device's sweep gives the same bits in every order of threads and for every schedule of its queues, streams of frames included.
 * SPDX-License-Identifier: BSD-3-Clause */
// BACKENDS mock
// TIMEOUT 120
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <vector>

#include <check.h>

#include "backend/cuda/cuda.h"
#include "backend/mock/emulation.h"

namespace pp_mock
{
double bytes_taken();
}

namespace
{

const int n = 20, modes = 2, side = 5, patterns = side * side, size = 48;
const size_t pixels = size_t(size) * size, plane = size_t(modes) * n * n;

struct results {
    std::vector<pp_c32> object, probe;
    std::vector<float> light;
    double numbers[16];
    pp_sweep_position positions[patterns];
};

std::vector<pp_c32> made(size_t count, float mean, float spread, int salt)
{
    std::vector<pp_c32> out(count);
    for (size_t k = 0; k < count; k++) {
        const float a = static_cast<float>(k % 977) * 0.7f + static_cast<float>(salt);
        out[k] = {mean + spread * std::sin(a), spread * std::cos(1.3f * a)};
    }
    return out;
}

template <class T> T *device(const std::vector<T> &from)
{
    void *memory = nullptr;
    ck_assert_int_eq(pp_backend_mock.alloc(from.size() * sizeof(T), &memory), PP_OK);
    ck_assert_int_eq(pp_backend_mock.upload(memory, from.data(), from.size() * sizeof(T)), PP_OK);
    return static_cast<T *>(memory);
}

template <class T> void fetch(std::vector<T> *to, size_t count, T *from)
{
    to->resize(count);
    ck_assert_int_eq(pp_backend_mock.download(to->data(), from, count * sizeof(T)), PP_OK);
    pp_backend_mock.release(from);
}

void exercise(pp_sweep *s, results *r)
{
    pp_c32 *const object = device(made(pixels, 1, 0.3f, 1)),
                  *const probe = device(made(plane, 1, 2, 2)),
                  *const dobject = device(made(pixels, 0, 0.1f, 3)),
                  *const dprobe = device(made(plane, 0, 0.3f, 4)),
                  *const g = device(made(pixels, 0, 0, 0)),
                  *const gp = device(made(plane, 0, 0, 0));
    float *const light = device(std::vector<float>(pixels));
    const pp_sweep_point at = {object, probe};
    const pp_sweep_direction along = {dobject, dprobe};
    const double steps[5] = {1, 0.5, 0.25, -0.3, 0.1};
    const pp_sweep_gradient out = {g, gp, &r->numbers[0], &r->numbers[1]};
    pp_sweep_slope slope;
    ck_assert_int_eq(s->kind->gradient(s, &out, &at), PP_OK);
    ck_assert_int_eq(s->kind->line(s, &slope, &at, &along, steps, 5, &r->numbers[2]), PP_OK);
    r->numbers[7] = slope.slope, r->numbers[8] = slope.curvature;
    s->kind->advance(s, 0.5);
    ck_assert_int_eq(s->kind->gradient(s, &out, &at), PP_OK);
    ck_assert_int_eq(s->kind->costs(s, &r->numbers[9], &at, &along, steps, 2), PP_OK);
    s->kind->renew(s);
    ck_assert_int_eq(s->kind->positions(s, r->positions, &at), PP_OK);
    ck_assert_int_eq(s->kind->illumination(s, light, nullptr, &at), PP_OK);
    fetch(&r->object, pixels, g), fetch(&r->probe, plane, gp), fetch(&r->light, pixels, light);
    for (pp_c32 *memory : {object, probe, dobject, dprobe}) pp_backend_mock.release(memory);
}

/* Status of `create`; r filled where that went well (NULL: not exercised). */
pp_status run(bool keep, bool stream, results *r)
{
    std::vector<double> positions;
    std::vector<uint16_t> frames(size_t(patterns) * n * n);
    for (int j = 0; j < patterns; j++) {
        positions.push_back(j / side * 6.7 + 0.1), positions.push_back(j % side * 6.3 + 0.4);
    }
    for (size_t k = 0; k < frames.size(); k++) frames[k] = static_cast<uint16_t>(k * k % 17);
    frames[5] = 65535;
    pp_sweep_setup setup = {};
    setup.n = n, setup.modes = modes, setup.patterns = patterns, setup.threads = 1;
    setup.object[0] = setup.object[1] = size;
    setup.positions = positions.data(), setup.frames = frames.data();
    setup.mode = PP_SWEEP_FOURIER, setup.frame_type = PP_U16;
    setup.probe_moves = true, setup.keep = keep, setup.stream = stream;
    pp_sweep *s = nullptr;
    const pp_status status = pp_backend_mock.sweeps[0]->create(&setup, &s);
    if (status != PP_OK) return status;
    if (r) std::memset(r->numbers, 0, sizeof r->numbers);
    if (r) exercise(s, r);
    s->kind->free(s);
    ck_assert_ptr_null(pp_emulation::error());
    return PP_OK;
}

template <class T> bool same(const std::vector<T> &a, const std::vector<T> &b)
{
    return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0;
}

void same_bits(bool keep)
{
    using pp_emulation::order;
    static results first, other;
    pp_emulation::set_order(order::ascending);
    ck_assert_int_eq(run(keep, false, &first), PP_OK);
    ck_assert(std::isfinite(first.numbers[0]) && first.numbers[0] > 0);
    for (const order rule : {order::descending, order::shuffled})
        for (uint64_t seed = 1; seed <= 4; seed++) {
            pp_emulation::set_order(rule);
            pp_emulation::set_seed(seed);
            ck_assert_int_eq(run(keep, seed % 2 == 0, &other), PP_OK);
            ck_assert(same(first.object, other.object) && same(first.probe, other.probe));
            ck_assert(same(first.light, other.light));
            ck_assert_int_eq(std::memcmp(first.numbers, other.numbers, sizeof first.numbers), 0);
            ck_assert_int_eq(std::memcmp(first.positions, other.positions, sizeof first.positions),
                             0);
        }
}

START_TEST(far_fields_kept)
{
    same_bits(true);
}
END_TEST

START_TEST(far_fields_computed_again)
{
    same_bits(false);
}
END_TEST

/* Whatever allocation fails, nothing is left taken. First of all tests: later ones find memory in the pools. */
START_TEST(memory_that_runs_out_leaves_nothing)
{
    const double before = pp_mock::bytes_taken();
    pp_status status = PP_ERR_RESOURCE;
    int k = 1;
    for (; status != PP_OK && k < 100; k++) {
        pp_emulation::fail_memory(k);
        status = run(k % 2 == 0, true, nullptr);
        pp_emulation::fail_memory(0);
        ck_assert(status == PP_OK || status == PP_ERR_RESOURCE);
        ck_assert_double_eq(pp_mock::bytes_taken(), before);
    }
    ck_assert_int_gt(k, 4);
    ck_assert_int_eq(status, PP_OK);
}
END_TEST

} // namespace

int main()
{
    Suite *suite = suite_create("device sweep");
    TCase *tests = tcase_create("device sweep");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, memory_that_runs_out_leaves_nothing);
    tcase_add_test(tests, far_fields_kept);
    tcase_add_test(tests, far_fields_computed_again);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
