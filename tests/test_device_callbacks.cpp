/* Transforms that fetch their elements through callbacks give the bits of those with separate kernels, in every order of threads, alone
 * and in groups; where cuFFT does not take callbacks that is an error; and what a callback may not do is found.
 * SPDX-License-Identifier: BSD-3-Clause */
// BACKENDS mock
// TIMEOUT 240
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "support/device.h"

extern "C" {
#include "support/tiled.h"
}

#include "backend/mock/include/cufftXt.h"

namespace pp_mock
{
double bytes_taken();
}

namespace
{

using pp_emulation::order;

const int side = 5, patterns = 3 * side, size = 54;
const size_t pixels = size_t(size) * size;

struct view {
    int n, modes;
    pp_sweep_positions mode;
    pp_sweep_model model;
    pp_dtype type;
    bool keep, probe, background, stream;
};

struct results {
    std::vector<pp_c32> object, probe;
    std::vector<double> numbers;
    std::vector<pp_sweep_position> positions;
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

/* Gradients at points that follow each other as a solver's do, lines, costs and positions. */
void exercise(pp_sweep *s, const view &v, results *r)
{
    const size_t plane = size_t(v.modes) * size_t(v.n) * size_t(v.n);
    pp_c32 *const object = pp_test::put(made(pixels, 1, 0.3f, 1)),
                  *const other = pp_test::put(made(pixels, 1, 0.2f, 5)),
                  *const probe = pp_test::put(made(plane, 1, 2, 2)),
                  *const dobject = pp_test::put(made(pixels, 0, 0.1f, 3)),
                  *const dprobe = pp_test::put(made(plane, 0, 0.3f, 4)),
                  *const g = pp_test::put(made(pixels, 0, 0, 0)),
                  *const gp = pp_test::put(made(plane, 0, 0, 0));
    const pp_sweep_point at = {object, probe}, elsewhere = {other, probe};
    const pp_sweep_direction along = {dobject, v.probe ? dprobe : nullptr};
    const double steps[3] = {1, 0.25, -0.3};
    double sums[2], costs[3];
    const pp_sweep_gradient out = {
        g, v.probe ? gp : nullptr, &sums[0], &sums[1], nullptr, nullptr, nullptr, nullptr};
    pp_sweep_slope slope;
    if (v.background) {
        std::vector<float> counts(size_t(v.n) * size_t(v.n));
        for (size_t k = 0; k < counts.size(); k++) counts[k] = static_cast<float>(k % 7) * 0.4f;
        s->kind->set_background(s, counts.data());
    }
    const auto gradient = [&](const pp_sweep_point &where) {
        ck_assert_int_eq(s->kind->gradient(s, &out, &where), PP_OK);
        r->numbers.insert(r->numbers.end(), {sums[0], sums[1]});
    };
    gradient(at);
    gradient(elsewhere); /* kept far fields are those of `at` still */
    s->kind->renew(s);
    gradient(elsewhere);
    ck_assert_int_eq(s->kind->line(s, &slope, &elsewhere, &along, steps, 3, costs), PP_OK);
    r->numbers.insert(r->numbers.end(),
                      {slope.slope, slope.curvature, costs[0], costs[1], costs[2]});
    s->kind->advance(s, 0.5);
    gradient(elsewhere);
    ck_assert_int_eq(s->kind->costs(s, costs, &elsewhere, &along, steps, 2), PP_OK);
    r->numbers.insert(r->numbers.end(), {costs[0], costs[1]});
    s->kind->renew(s);
    if (v.mode == PP_SWEEP_FOURIER) {
        r->positions.resize(patterns);
        ck_assert_int_eq(s->kind->positions(s, r->positions.data(), &at), PP_OK);
    }
    r->object = pp_test::fetch(pixels, g), r->probe = pp_test::fetch(plane, gp);
    for (pp_c32 *memory : {object, other, probe, dobject, dprobe}) pp_backend_mock.release(memory);
}

struct data {
    std::vector<double> positions;
    std::vector<uint16_t> counts;
    std::vector<float> floats;
    std::vector<uint8_t> mask;
    explicit data(const view &v)
        : counts(size_t(patterns * v.n * v.n)), floats(counts.size()), mask(size_t(v.n * v.n), 1)
    {
        for (int j = 0; j < patterns; j++)
            positions.push_back(j / side * 4.3 + 0.1), positions.push_back(j % side * 4.7 + 0.4);
        for (size_t k = 0; k < counts.size(); k++)
            counts[k] = static_cast<uint16_t>(k * k % 17), floats[k] = 0.5f + counts[k];
        counts[5] = 65535, floats[7] = std::nanf("");
        mask[3] = mask[mask.size() / 2] = 0;
    }
};

pp_status create(const view &v, const data &d, bool callbacks, pp_sweep **s)
{
    pp_sweep_setup setup = {};
    setup.n = v.n, setup.modes = v.modes, setup.patterns = patterns, setup.threads = 1;
    setup.object[0] = setup.object[1] = size, setup.positions = d.positions.data();
    setup.mode = v.mode, setup.model = v.model, setup.frame_type = v.type;
    setup.frames = v.type == PP_U16 ? static_cast<const void *>(d.counts.data()) : d.floats.data();
    setup.mask = d.mask.data(), setup.background = v.background, setup.probe_moves = v.probe;
    setup.keep = v.keep, setup.stream = v.stream, setup.callbacks = callbacks;
    return pp_sweep_create(pp_backend_mock.sweeps[0], &setup, s);
}

results run(const view &v, bool callbacks)
{
    const data d(v);
    pp_sweep *s = nullptr;
    results r;
    pp_sweep_facts facts;
    pp_emulation::traffic_reset();
    pp_assert_ok(create(v, d, callbacks, &s));
    pp_sweep_tell(s, &facts);
    ck_assert_int_eq(std::strstr(facts.implementation, "callbacks") != nullptr, callbacks);
    exercise(s, v, &r);
    pp_sweep_free(&s);
    ck_assert_ptr_null(pp_emulation::error());
    return r;
}

bool launched(const char *kernel)
{
    pp_emulation::traffic table[64];
    const int count = pp_emulation::traffic_table(table, 64);
    for (int k = 0; k < count && k < 64; k++)
        if (std::strstr(table[k].kernel, kernel) && table[k].launches > 0) return true;
    return false;
}

template <class T> void check_bits(const std::vector<T> &a, const std::vector<T> &b, const view &v)
{
    ck_assert_msg(pp_test::same_bits(a, b),
                  "n %d, %d modes, positions %d, model %d, keep %d, probe %d, background %d", v.n,
                  v.modes, v.mode, v.model, v.keep, v.probe, v.background);
}

void check_same(const results &a, const results &b, const view &v)
{
    check_bits(a.object, b.object, v);
    check_bits(a.probe, b.probe, v);
    check_bits(a.numbers, b.numbers, v);
    check_bits(a.positions, b.positions, v);
}

void compare(const view &v, std::initializer_list<order> rules)
{
    pp_emulation::set_order(order::ascending);
    const results kernels = run(v, false);
    ck_assert(launched("product_kernel") && !launched("load_product"));
    ck_assert(std::isfinite(kernels.numbers[0]) && kernels.numbers[0] > 0);
    uint64_t seed = 1;
    for (const order rule : rules) {
        pp_emulation::set_order(rule);
        pp_emulation::set_seed(seed++);
        check_same(kernels, run(v, true), v);
        ck_assert(launched("load_product") && !launched("product_kernel"));
        ck_assert_int_eq(launched("load_residual"), v.modes == 1);
    }
}

const std::initializer_list<order> all_orders = {order::ascending, order::descending,
                                                 order::shuffled, order::shuffled};

START_TEST(object_alone)
{
    for (const bool keep : {true, false})
        compare({32, 1, PP_SWEEP_NEAREST, PP_SWEEP_AMPLITUDE, PP_U16, keep, false, false, false},
                all_orders);
}
END_TEST

START_TEST(object_and_probe)
{
    for (const bool keep : {true, false})
        compare({20, 1, PP_SWEEP_NEAREST, PP_SWEEP_POISSON, PP_F32, keep, true, false, true},
                all_orders);
}
END_TEST

START_TEST(modes_positions_and_backgrounds)
{
    for (const int modes : {1, 2})
        for (const bool keep : {true, false})
            for (const pp_sweep_positions mode :
                 {PP_SWEEP_NEAREST, PP_SWEEP_FOURIER, PP_SWEEP_BILINEAR})
                compare({modes == 1 ? 12 : 16, modes, mode, PP_SWEEP_AMPLITUDE, PP_U16, keep, true,
                         mode == PP_SWEEP_BILINEAR, mode == PP_SWEEP_FOURIER},
                        {order::shuffled});
}
END_TEST

/* Alone and with another device, the probe known or refined. */
START_TEST(views_in_groups)
{
    tiled_arrays arrays;
    pp_tiles tiles;
    pp_object_frame frame;
    pp_emulation::set_devices(2);
    tiled_make(20, 70, 60, 5, true);
    tiled_arrays_make(&arrays);
    for (const int devices : {1, 2})
        for (const bool known : {true, false}) {
            pp_view_options o =
                known ? tiled_known_probe(3, PP_SPLIT_GRADIENT) : tiled_options(3, PP_SPLIT_HYBRID);
            pp_view_output kernels = {}, callbacks = {};
            o.backend = "mock";
            tiled_arrays_cut(&arrays, devices, &tiles, &frame);
            pp_assert_ok(pp_view_solve(&arrays.in, &o, &kernels));
            o.callbacks = true;
            pp_assert_ok(pp_view_solve(&arrays.in, &o, &callbacks));
            ck_assert_int_eq(callbacks.devices, devices);
            ck_assert_ptr_nonnull(std::strstr(callbacks.implementation, "callbacks"));
            ck_assert_mem_eq(pp_array_read(kernels.object), pp_array_read(callbacks.object),
                             pp_array_bytes(kernels.object));
            ck_assert_mem_eq(pp_array_read(kernels.cost), pp_array_read(callbacks.cost),
                             pp_array_bytes(kernels.cost));
            pp_view_output_free(&kernels), pp_view_output_free(&callbacks);
        }
    ck_assert_ptr_null(pp_emulation::error());
    tiled_arrays_free(&arrays);
}
END_TEST

/* Asked for and not to be had: an error, no other way in silence; nothing is left taken. */
START_TEST(refused_callbacks)
{
    const view v = {16, 1, PP_SWEEP_NEAREST, PP_SWEEP_AMPLITUDE, PP_U16, true, true, false, false};
    const data d(v);
    const double before = pp_mock::bytes_taken();
    pp_sweep *s = nullptr;
    pp_emulation::refuse_callbacks(true);
    ck_assert_int_eq(create(v, d, true, &s), PP_ERR_RESOURCE);
    ck_assert_ptr_null(s);
    const char *text = pp_error_last()->text;
    ck_assert_msg(std::strstr(text, "pp_load_product") && std::strstr(text, "libnvJitLink"), "%s",
                  text);
    ck_assert_double_eq(pp_mock::bytes_taken(), before);
    ck_assert_int_eq(create(v, d, false, &s), PP_OK);
    pp_sweep_free(&s);
    pp_emulation::refuse_callbacks(false);
    ck_assert_int_eq(create(v, d, true, &s), PP_OK);
    pp_sweep_free(&s);
}
END_TEST

START_TEST(memory_that_runs_out_leaves_nothing)
{
    const view v = {16, 1, PP_SWEEP_FOURIER, PP_SWEEP_AMPLITUDE, PP_U16, false, true, false, true};
    const data d(v);
    const double before = pp_mock::bytes_taken();
    pp_status status = PP_ERR_RESOURCE;
    int k = 1;
    for (; status != PP_OK && k < 100; k++) {
        pp_sweep *s = nullptr;
        pp_emulation::fail_memory(k);
        status = create(v, d, true, &s);
        pp_emulation::fail_memory(0);
        pp_sweep_free(&s);
        ck_assert_double_eq(pp_mock::bytes_taken(), before);
    }
    ck_assert_int_gt(k, 4);
    ck_assert_int_eq(status, PP_OK);
}
END_TEST

/* Processors have none. */
START_TEST(processors_have_none)
{
    pp_sweep_setup setup = {};
    setup.n = 16, setup.modes = 1, setup.patterns = 1, setup.threads = 1;
    const pp_backend *cpu = pp_backend_find("cpu");
    ck_assert_ptr_nonnull(pp_backend_sweep(cpu, &setup, nullptr));
    setup.callbacks = true;
    ck_assert_ptr_null(pp_backend_sweep(cpu, &setup, nullptr));
}
END_TEST

/* ---- cuFFT's rules, as the emulation has them ---- */

cufftComplex load_own(void *in, unsigned long long k, void *, void *)
{
    return static_cast<cufftComplex *>(in)[k];
}

cufftComplex load_next(void *in, unsigned long long k, void *, void *)
{
    return static_cast<cufftComplex *>(in)[(k + 1) % 64];
}

cufftComplex load_known(void *, unsigned long long k, void *info, void *)
{
    return static_cast<cufftComplex *>(info)[k];
}

/* 1-D transform of 64 elements through `function`. */
std::vector<pp_c32> transformed(cufftJITCallbackLoadC function, bool in_place, bool from_output)
{
    const pp_mock_callback image = {"test", function};
    const std::vector<pp_c32> values = made(64, 1, 1, 3);
    pp_c32 *const in = pp_test::put(values), *const out = pp_test::put(values);
    void *info = from_output ? out : in;
    cufftHandle plan = 0;
    int n[1] = {64};
    size_t bytes = 0;
    ck_assert_int_eq(cufftCreate(&plan), CUFFT_SUCCESS);
    ck_assert_int_eq(
        cufftXtSetJITCallback(plan, "test", &image, sizeof image, CUFFT_CB_LD_COMPLEX, &info),
        CUFFT_SUCCESS);
    ck_assert_int_eq(
        cufftMakePlanMany(plan, 1, n, nullptr, 1, 64, nullptr, 1, 64, CUFFT_C2C, 1, &bytes),
        CUFFT_SUCCESS);
    const auto data = [](pp_c32 *p) { return reinterpret_cast<cufftComplex *>(p); };
    ck_assert_int_eq(cufftExecC2C(plan, data(in), data(in_place ? in : out), CUFFT_FORWARD),
                     CUFFT_SUCCESS);
    ck_assert_int_eq(cudaDeviceSynchronize(), cudaSuccess);
    ck_assert_int_eq(cufftDestroy(plan), CUFFT_SUCCESS);
    const std::vector<pp_c32> first = pp_test::fetch(64, in), second = pp_test::fetch(64, out);
    return in_place ? first : second;
}

START_TEST(what_a_callback_may_read)
{
    const std::vector<pp_c32> right = transformed(load_own, false, false);
    ck_assert(pp_test::same_bits(right, transformed(load_own, true, false)));
    ck_assert(pp_test::same_bits(right, transformed(load_known, false, false)));
    ck_assert(std::isfinite(transformed(load_next, false, false)[0].re));
    ck_assert_msg(std::isnan(transformed(load_next, true, false)[0].re),
                  "another element of what is written in place was read");
    ck_assert_msg(std::isnan(transformed(load_known, false, true)[0].re), "the output was read");
}
END_TEST

START_TEST(when_a_callback_is_set)
{
    const pp_mock_callback image = {"test", load_own};
    cufftHandle plan = 0;
    int n[1] = {64};
    size_t bytes = 0;
    const auto set = [&](const char *name, cufftXtCallbackType type) {
        return cufftXtSetJITCallback(plan, name, &image, sizeof image, type, nullptr);
    };
    const auto make_plan = [&] {
        return cufftMakePlanMany(plan, 1, n, nullptr, 1, 64, nullptr, 1, 64, CUFFT_C2C, 1, &bytes);
    };
    ck_assert_int_eq(cufftCreate(&plan), CUFFT_SUCCESS);
    ck_assert_int_eq(set("test", CUFFT_CB_ST_COMPLEX), CUFFT_NOT_IMPLEMENTED);
    ck_assert_int_eq(set("other", CUFFT_CB_LD_COMPLEX), CUFFT_SUCCESS);
    ck_assert_int_eq(make_plan(), CUFFT_NVJITLINK_FAILURE);
    ck_assert_int_eq(set("test", CUFFT_CB_LD_COMPLEX), CUFFT_SUCCESS);
    ck_assert_int_eq(make_plan(), CUFFT_SUCCESS);
    ck_assert_int_eq(set("test", CUFFT_CB_LD_COMPLEX), CUFFT_INVALID_PLAN);
    ck_assert_int_eq(cufftDestroy(plan), CUFFT_SUCCESS);
}
END_TEST

} // namespace

int main()
{
    return pp_test::run("device callbacks", 120, pp_test::process::one,
                        {memory_that_runs_out_leaves_nothing, refused_callbacks, object_alone,
                         object_and_probe, modes_positions_and_backgrounds, processors_have_none,
                         what_a_callback_may_read, when_a_callback_is_set, views_in_groups});
}
