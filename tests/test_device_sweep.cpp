/* The device's sweep gives the same bits in every order of threads and for every schedule of its queues, streams of frames included.
 * SPDX-License-Identifier: BSD-3-Clause */
// BACKENDS mock
// TIMEOUT 240
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "support/device.h"

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
    std::vector<double> terms; /* of the background */
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

void exercise(pp_sweep *s, results *r)
{
    pp_c32 *const object = pp_test::put(made(pixels, 1, 0.3f, 1)),
                  *const probe = pp_test::put(made(plane, 1, 2, 2)),
                  *const dobject = pp_test::put(made(pixels, 0, 0.1f, 3)),
                  *const dprobe = pp_test::put(made(plane, 0, 0.3f, 4)),
                  *const g = pp_test::put(made(pixels, 0, 0, 0)),
                  *const gp = pp_test::put(made(plane, 0, 0, 0));
    float *const light = pp_test::put(std::vector<float>(pixels));
    const pp_sweep_point at = {object, probe};
    const pp_sweep_direction along = {dobject, dprobe};
    const double steps[5] = {1, 0.5, 0.25, -0.3, 0.1};
    const pp_sweep_gradient out = {g,       gp,      &r->numbers[0], &r->numbers[1],
                                   nullptr, nullptr, nullptr,        nullptr};
    pp_sweep_slope slope;
    ck_assert_int_eq(s->kind->gradient(s, &out, &at), PP_OK);
    ck_assert_int_eq(s->kind->line(s, &slope, &at, &along, steps, 5, &r->numbers[2]), PP_OK);
    r->numbers[7] = slope.slope, r->numbers[8] = slope.curvature;
    s->kind->advance(s, 0.5);
    ck_assert_int_eq(s->kind->gradient(s, &out, &at), PP_OK);
    ck_assert_int_eq(s->kind->costs(s, &r->numbers[9], &at, &along, steps, 2), PP_OK);
    s->kind->renew(s);
    if (s->setup.mode == PP_SWEEP_FOURIER)
        ck_assert_int_eq(s->kind->positions(s, r->positions, &at), PP_OK);
    if (s->setup.background) {
        r->terms.resize(2 * size_t(n) * n);
        s->kind->set_background(s, std::vector<float>(size_t(n) * n, 2.5f).data());
        ck_assert_int_eq(
            s->kind->background_terms(s, r->terms.data(), &r->terms[size_t(n) * n], &at), PP_OK);
    }
    ck_assert_int_eq(s->kind->illumination(s, light, nullptr, &at), PP_OK);
    r->object = pp_test::fetch(pixels, g), r->probe = pp_test::fetch(plane, gp);
    r->light = pp_test::fetch(pixels, light);
    for (pp_c32 *memory : {object, probe, dobject, dprobe}) pp_backend_mock.release(memory);
}

/* Status of `create`; r filled where that went well (NULL: not exercised). rare: bilinear, with a background. */
pp_status run(bool keep, bool stream, bool rare, results *r)
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
    setup.mode = rare ? PP_SWEEP_BILINEAR : PP_SWEEP_FOURIER, setup.background = rare;
    setup.frame_type = PP_U16;
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

void same_bits(bool keep, bool rare)
{
    using pp_emulation::order;
    static results first, other;
    first = other = {};
    pp_emulation::set_order(order::ascending);
    ck_assert_int_eq(run(keep, false, rare, &first), PP_OK);
    ck_assert(std::isfinite(first.numbers[0]) && first.numbers[0] > 0);
    for (const order rule : {order::descending, order::shuffled})
        for (uint64_t seed = 1; seed <= 4; seed++) {
            pp_emulation::set_order(rule);
            pp_emulation::set_seed(seed);
            ck_assert_int_eq(run(keep, seed % 2 == 0, rare, &other), PP_OK);
            ck_assert(pp_test::same_bits(first.object, other.object) &&
                      pp_test::same_bits(first.probe, other.probe));
            ck_assert(pp_test::same_bits(first.light, other.light));
            ck_assert(pp_test::same_bits(first.terms, other.terms));
            ck_assert_int_eq(std::memcmp(first.numbers, other.numbers, sizeof first.numbers), 0);
            ck_assert_int_eq(std::memcmp(first.positions, other.positions, sizeof first.positions),
                             0);
        }
}

START_TEST(far_fields_kept)
{
    same_bits(true, false);
}
END_TEST

START_TEST(far_fields_computed_again)
{
    same_bits(false, false);
}
END_TEST

START_TEST(backgrounds_and_objects_between_pixels)
{
    same_bits(true, true);
    same_bits(false, true);
}
END_TEST

/* Whatever allocation fails, nothing is left taken. First of all tests: later ones find memory in the pools. */
/* ---- what is done beside later stages ---- */

const int done_rows = 13; /* windows of the second stage begin at row 13 or 14 */

struct staged {
    float *copy;
    pp_c32 *g;
    int calls;
};

/* A copy of what is complete, which is then added to itself: both beside the patterns of the second stage. */
pp_status copy_rows(void *self, int stage)
{
    staged *const s = static_cast<staged *>(self);
    float *const g = reinterpret_cast<float *>(s->g);
    const pp_vectors *v = pp_backend_mock.vectors;
    ck_assert_int_eq(stage, s->calls++);
    if (stage > 0) return PP_OK;
    v->box(s->copy, 0, g, 0, 1, done_rows * size * 2, false);
    v->box(g, 0, s->copy, 0, 1, done_rows * size * 2, true);
    return PP_OK;
}

/* Gradient whose first rows are copied aside after their stage; NULL: not, but in the same order of patterns. */
std::vector<pp_c32> staged_gradient(pp_sweep_positions mode, staged *aside, double beside[2])
{
    std::vector<double> positions;
    std::vector<int32_t> stage;
    const std::vector<uint16_t> frames(size_t(patterns) * n * n, 7);
    for (int j = 0; j < patterns; j++) {
        positions.push_back(j / side * 6.7 + 0.1), positions.push_back(j % side * 6.3 + 0.4);
        stage.push_back(j / side < 2 ? 0 : 1);
    }
    pp_sweep_setup setup = {};
    setup.n = n, setup.modes = modes, setup.patterns = patterns, setup.threads = 1;
    setup.object[0] = setup.object[1] = size, setup.mode = mode, setup.frame_type = PP_U16;
    setup.positions = positions.data(), setup.frames = frames.data();
    setup.stages = 2, setup.stage = stage.data(), setup.probe_moves = true;
    pp_sweep *s = nullptr;
    ck_assert_int_eq(pp_sweep_create(pp_backend_mock.sweeps[0], &setup, &s), PP_OK);
    pp_c32 *const object = pp_test::put(made(pixels, 1, 0.3f, 1)),
                  *const probe = pp_test::put(made(plane, 1, 2, 2)),
                  *const g = pp_test::put(made(pixels, 0, 0, 0)),
                  *const gp = pp_test::put(made(plane, 0, 0, 0));
    const pp_sweep_point at = {object, probe};
    double cost = 0;
    if (aside) aside->g = g;
    const pp_sweep_gradient out = {
        g, gp, &cost, nullptr, nullptr, aside ? copy_rows : nullptr, aside, beside};
    ck_assert_int_eq(pp_sweep_gradient_at(s, &out, &at), PP_OK);
    pp_sweep_free(&s);
    for (pp_c32 *memory : {object, probe, gp}) pp_backend_mock.release(memory);
    return pp_test::fetch(pixels, g);
}

START_TEST(work_beside_later_stages)
{
    const size_t done = size_t(done_rows) * size;
    int early = 0, late = 0;
    for (const pp_sweep_positions mode : {PP_SWEEP_NEAREST, PP_SWEEP_FOURIER, PP_SWEEP_BILINEAR}) {
        double beside[2] = {0, 0};
        const std::vector<pp_c32> plain = staged_gradient(mode, nullptr, beside);
        ck_assert(beside[0] == 0 && beside[1] == 0);
        for (uint64_t seed = 1; seed <= 12; seed++) {
            staged aside = {pp_test::put(std::vector<float>(2 * done)), nullptr, 0};
            pp_emulation::set_seed(seed);
            const std::vector<pp_c32> g = staged_gradient(mode, &aside, beside);
            const std::vector<float> copy = pp_test::fetch(2 * done, aside.copy);
            ck_assert_int_eq(aside.calls, 2);
            for (size_t k = 0; k < pixels; k++) {
                const float twice = k < done ? 2.0f : 1.0f;
                ck_assert_float_eq(g[k].re, twice * plain[k].re);
                ck_assert_float_eq(g[k].im, twice * plain[k].im);
                if (k < done) ck_assert_float_eq(copy[2 * k], plain[k].re);
            }
            ck_assert(beside[0] > 0 && beside[1] <= beside[0]);
            early += beside[1] == 0, late += beside[1] > 0;
        }
    }
    ck_assert_msg(early > 0 && late > 0, "what is aside ended before the sweep %d times, after %d",
                  early, late);
    ck_assert_ptr_null(pp_emulation::error());
}
END_TEST

START_TEST(memory_that_runs_out_leaves_nothing)
{
    const double before = pp_mock::bytes_taken();
    pp_status status = PP_ERR_RESOURCE;
    int k = 1;
    for (; status != PP_OK && k < 100; k++) {
        pp_emulation::fail_memory(k);
        status = run(k % 2 == 0, true, k % 3 == 0, nullptr);
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
    return pp_test::run("device sweep", 120, pp_test::process::one,
                        {memory_that_runs_out_leaves_nothing, far_fields_kept,
                         far_fields_computed_again, backgrounds_and_objects_between_pixels,
                         work_beside_later_stages});
}
