/* Vectors of slices on the emulated device against the host's; projections of arrays that lie on the device: the bits of the same
 * ones from host memory, in their turn of the queue, and nothing copied.
 * SPDX-License-Identifier: BSD-3-Clause */
// BACKENDS mock
// TIMEOUT 120
#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "support/device.h"

extern "C" {
#include "base/alloc.h"
#include "tomo/radial.h"
}

namespace
{

using floats = std::vector<float>;
const pp_slice_class *const host = &pp_slices_host;

/* Of both signs, some zeros. */
floats numbers(int64_t count, int salt)
{
    floats out(static_cast<size_t>(count));
    for (size_t i = 0; i < out.size(); i++)
        out[i] = i % 11 == static_cast<size_t>(salt % 11)
                     ? 0.0f
                     : std::sin(static_cast<float>(i % 9973) * 1.3f + static_cast<float>(salt));
    return out;
}

struct shape {
    int64_t slices, count;
};
/* Fewer and more slices than go in a launch, more elements than a part of a sum has, than its most parts have. */
const shape shapes[] = {{1, 1}, {3, 1000}, {70, 37}, {2, 5000}, {1, 128 * 4096 + 77}};

/* The function of the table has the device's arrays or the host's. */
struct arrays {
    float *y, *x, *z;
};

/* y after `work` on the device and on the host is the same to the last bit: each element is computed alone. */
template <class F> void check_elements(const shape &s, const char *what, F work)
{
    const int64_t all = s.slices * s.count;
    floats y = numbers(all, 1), x = numbers(all, 2), z = numbers(all, 3);
    const arrays there = {pp_test::put(y), pp_test::put(x), pp_test::put(z)};
    ck_assert_int_eq(work(pp_backend_mock.slices, there), PP_OK);
    ck_assert_int_eq(work(host, arrays{y.data(), x.data(), z.data()}), PP_OK);
    const floats got = pp_test::fetch(y.size(), there.y);
    ck_assert_msg(pp_test::same_bits(got, y), "%s: %d slices of %d", what,
                  static_cast<int>(s.slices), static_cast<int>(s.count));
    (void)pp_test::fetch(1, there.x), (void)pp_test::fetch(1, there.z);
}

std::vector<double> gains(int64_t slices)
{
    std::vector<double> out;
    for (int64_t k = 0; k < slices; k++)
        out.push_back(k % 3 == 1 ? 0.0 : 0.3 * static_cast<double>(k) - 0.7);
    return out;
}

START_TEST(elements_as_on_the_host)
{
    for (const shape &s : shapes) {
        const std::vector<double> a = gains(s.slices);
        const std::unique_ptr<bool[]> chosen(new bool[static_cast<size_t>(s.slices)]),
            there(new bool[static_cast<size_t>(s.slices)]),
            here(new bool[static_cast<size_t>(s.slices)]);
        for (int64_t k = 0; k < s.slices; k++) chosen[static_cast<size_t>(k)] = k % 2 == 0;
        using table = const pp_slice_class *;
        check_elements(s, "add", [&](table t, const arrays &v) {
            return t->add(v.y, a.data(), v.x, s.slices, s.count);
        });
        check_elements(s, "follow", [&](table t, const arrays &v) {
            return t->follow(v.y, a.data(), v.x, s.slices, s.count);
        });
        check_elements(s, "subtract", [&](table t, const arrays &v) {
            return t->subtract(v.y, v.x, v.z, chosen.get(), s.slices, s.count);
        });
        check_elements(s, "subtract in place, all", [&](table t, const arrays &v) {
            return t->subtract(v.y, v.x, v.y, nullptr, s.slices, s.count);
        });
        check_elements(s, "hold", [&](table t, const arrays &v) {
            return t->hold(v.y, v.x, s.slices, s.count);
        });
        check_elements(s, "add_clipped", [&](table t, const arrays &v) {
            return t->add_clipped(v.y, t == host ? here.get() : there.get(), a.data(), v.x,
                                  s.slices, s.count);
        });
        for (int64_t k = 0; k < s.slices; k++)
            ck_assert(here[static_cast<size_t>(k)] == there[static_cast<size_t>(k)] &&
                      (k % 3 != 1 || !here[static_cast<size_t>(k)]));
        check_elements(s, "clipped alone", [&](table t, const arrays &v) {
            return t->add_clipped(v.y, t == host ? here.get() : there.get(), nullptr, nullptr,
                                  s.slices, s.count);
        });
        for (int64_t k = 0; k < s.slices; k++)
            ck_assert(here[static_cast<size_t>(k)] == there[static_cast<size_t>(k)]);
        std::vector<double> sums(static_cast<size_t>(s.slices));
        check_elements(s, "weigh", [&](table t, const arrays &v) {
            return t->weigh(v.y, sums.data(), v.z, v.x, s.slices, s.count);
        });
    }
    for (const int64_t n : {4, 9, 32})
        check_elements({5, n * n}, "mask", [&](const pp_slice_class *t, const arrays &v) {
            return t->mask(v.y, 5, n);
        });
    ck_assert_ptr_null(pp_emulation::error());
}
END_TEST

/* b = 0 and a = 0 leave alone what is not set: on the device that is NaN. */
START_TEST(no_factor_reads_nothing)
{
    const floats x = numbers(10, 1), unset(10, std::nanf(""));
    const double none[2] = {0.0, 0.0};
    float *const there = pp_test::put(x), *const y = pp_test::put(unset),
                 *const d = pp_test::put(x);
    ck_assert_int_eq(pp_backend_mock.slices->follow(y, none, there, 2, 5), PP_OK);
    ck_assert_int_eq(pp_backend_mock.slices->add(d, none, there, 2, 5), PP_OK);
    ck_assert(pp_test::same_bits(pp_test::fetch(10, y), x));
    ck_assert(pp_test::same_bits(pp_test::fetch(10, d), x));
    (void)pp_test::fetch(1, there);
}
END_TEST

std::vector<double> device_sums(const shape &s, int kind)
{
    const int64_t all = s.slices * s.count;
    std::vector<double> sums(static_cast<size_t>(s.slices));
    float *const x = pp_test::put(numbers(all, 4)), *const y = pp_test::put(numbers(all, 5)),
                 *const w = pp_test::put(numbers(s.count, 6));
    const pp_slice_class *t = pp_backend_mock.slices;
    ck_assert_int_eq(kind < 2 ? t->dots(sums.data(), x, kind ? x : y, s.slices, s.count)
                              : t->weigh(x, sums.data(), w, y, s.slices, s.count),
                     PP_OK);
    for (float *memory : {x, y, w}) pp_backend_mock.release(memory);
    return sums;
}

START_TEST(sums_of_each_slice)
{
    using pp_emulation::order;
    for (const shape &s : shapes) {
        const int64_t all = s.slices * s.count;
        floats x = numbers(all, 4);
        const floats y = numbers(all, 5), w = numbers(s.count, 6);
        for (int kind = 0; kind < 3; kind++) {
            std::vector<double> want(static_cast<size_t>(s.slices));
            ck_assert_int_eq(kind < 2 ? host->dots(want.data(), x.data(),
                                                   kind ? x.data() : y.data(), s.slices, s.count)
                                      : host->weigh(x.data(), want.data(), w.data(), y.data(),
                                                    s.slices, s.count),
                             PP_OK);
            const std::vector<double> got = device_sums(s, kind);
            for (size_t k = 0; k < want.size(); k++)
                ck_assert_double_lt(std::fabs(got[k] - want[k]),
                                    1e-13 * (1.0 + static_cast<double>(s.count)));
            for (const order rule : {order::descending, order::shuffled}) {
                pp_emulation::set_order(rule);
                ck_assert(pp_test::same_bits(device_sums(s, kind), got));
            }
            pp_emulation::set_order(order::ascending);
            /* the bits of a slice are its own: the last one alone */
            const std::vector<double> last = device_sums({1, s.count}, kind);
            if (s.slices == 1) ck_assert(pp_test::same_bits(last, got));
        }
    }
    ck_assert_ptr_null(pp_emulation::error());
}
END_TEST

/* ---- projections within the device's memory ---- */

struct problem {
    int64_t n, views, slices;
    bool real;
    pp_radial radial = {};
    std::vector<pp_c32> ramps;
    pp_projection *projection = nullptr;
    int64_t image, line; /* floats of all */

    problem(int64_t n_, int64_t views_, int64_t slices_, bool real_)
        : n(n_), views(views_), slices(slices_), real(real_)
    {
        std::vector<double> angles;
        for (int64_t v = 0; v < views; v++) angles.push_back(0.17 * static_cast<double>(v));
        ck_assert_int_eq(pp_radial_make(n, views, angles.data(), 2.0, &radial), PP_OK);
        for (int64_t i = 0; i < radial.count; i++)
            ramps.push_back(
                {std::cos(0.3f * static_cast<float>(i)), std::sin(0.1f * static_cast<float>(i))});
        ck_assert_int_eq(pp_backend_mock.projection->create(&radial, &projection), PP_OK);
        ck_assert_int_eq(pp_backend_mock.projection->set_ramps(projection, ramps.data()), PP_OK);
        image = (real ? 1 : 2) * slices * n * n, line = (real ? 1 : 2) * slices * views * n;
    }
    problem(const problem &) = delete;
    problem &operator=(const problem &) = delete;
    ~problem()
    {
        pp_backend_mock.projection->free(projection);
        pp_radial_free(&radial);
    }
    pp_status run(bool forward, const float *from, float *to, bool on_device) const
    {
        const pp_projection_job job = {slices, real, from, to, on_device};
        return (forward ? pp_backend_mock.projection->forward
                        : pp_backend_mock.projection->adjoint)(projection, &job);
    }
};

START_TEST(projections_in_place)
{
    for (int c = 0; c < 6; c++) {
        const problem p(c % 2 ? 17 : 16, 9, c < 2 ? 1 : c < 4 ? 11 : 34, c % 3 != 0);
        const floats image = numbers(p.image, 1), lines = numbers(p.line, 2);
        floats want_lines(lines.size()), want_image(image.size());
        ck_assert_int_eq(p.run(true, image.data(), want_lines.data(), false), PP_OK);
        ck_assert_int_eq(p.run(false, lines.data(), want_image.data(), false), PP_OK);
        for (int seed = 1; seed < 5; seed++) {
            pp_emulation::set_seed(static_cast<uint64_t>(seed));
            float *const from = pp_test::put(image), *const at = pp_test::put(lines),
                         *const to = pp_test::put(floats(lines.size())),
                         *const back = pp_test::put(floats(image.size()));
            ck_assert_int_eq(p.run(true, from, to, true), PP_OK);
            ck_assert_int_eq(p.run(false, at, back, true), PP_OK);
            ck_assert(pp_test::same_bits(pp_test::fetch(lines.size(), to), want_lines));
            ck_assert(pp_test::same_bits(pp_test::fetch(image.size(), back), want_image));
            (void)pp_test::fetch(1, from), (void)pp_test::fetch(1, at);
        }
    }
    ck_assert_ptr_null(pp_emulation::error());
}
END_TEST

/* R^T R and vectors between the projections, all of them enqueued, in every schedule; nothing crosses the bus. */
START_TEST(in_their_turn_of_the_queue)
{
    const problem p(16, 9, 19, true);
    const floats image = numbers(p.image, 1);
    const std::vector<double> gain(19, -0.25);
    floats want(image), lines(static_cast<size_t>(p.line)), back(image.size());
    ck_assert_int_eq(host->add(want.data(), gain.data(), image.data(), 19, 256), PP_OK);
    ck_assert_int_eq(p.run(true, want.data(), lines.data(), false), PP_OK);
    ck_assert_int_eq(p.run(false, lines.data(), back.data(), false), PP_OK);
    ck_assert_int_eq(host->add(want.data(), gain.data(), back.data(), 19, 256), PP_OK);
    for (int seed = 1; seed < 15; seed++) {
        pp_emulation::set_seed(static_cast<uint64_t>(seed));
        float *const u = pp_test::put(image), *const d = pp_test::put(image),
                     *const r = pp_test::put(lines), *const s = pp_test::put(image);
        pp_emulation::traffic_reset();
        const pp_slice_class *t = pp_backend_mock.slices;
        ck_assert_int_eq(t->add(u, gain.data(), d, 19, 256), PP_OK);
        ck_assert_int_eq(p.run(true, u, r, true), PP_OK);
        ck_assert_int_eq(p.run(false, r, s, true), PP_OK);
        ck_assert_int_eq(t->add(u, gain.data(), s, 19, 256), PP_OK);
        ck_assert_int_eq(pp_backend_mock.upload(nullptr, nullptr, 0), PP_OK); /* waits */
        pp_emulation::traffic table[64];
        const int rows = std::min(pp_emulation::traffic_table(table, 64), 64);
        for (int k = 0; k < rows; k++)
            ck_assert_msg(std::string(table[k].kernel).find("copy") != 0 || table[k].loaded == 0,
                          "%s: %d bytes", table[k].kernel, static_cast<int>(table[k].loaded));
        ck_assert(pp_test::same_bits(pp_test::fetch(want.size(), u), want));
        for (float *memory : {d, r, s}) pp_backend_mock.release(memory);
    }
    ck_assert_ptr_null(pp_emulation::error());
}
END_TEST

/* A device that is lost at any piece of its work, memory that is refused: an error. */
START_TEST(what_fails_ends_with_an_error)
{
    int lost = 0;
    for (pp_status status = PP_ERR_RESOURCE; status != PP_OK; lost++) {
        const problem p(16, 5, 19, true);
        float *const u = pp_test::put(numbers(p.image, 1)), *const r =
                                                                pp_test::put(numbers(p.line, 1));
        std::vector<double> sums(19);
        pp_emulation::fail_device(0, lost);
        status = p.run(true, u, r, true);
        if (status == PP_OK) status = p.run(false, r, u, true);
        if (status == PP_OK) status = pp_backend_mock.slices->dots(sums.data(), u, u, 19, 256);
        pp_emulation::fail_device(0, -1);
        (void)pp_backend_mock.upload(nullptr, nullptr, 0); /* what was enqueued without a status */
        pp_backend_mock.release(u), pp_backend_mock.release(r);
        ck_assert(status == PP_OK || status == PP_ERR_RESOURCE);
    }
    ck_assert_int_ge(lost, 10);
}
END_TEST

} // namespace

int main()
{
    pp_emulation::set_devices(1);
    pp_emulation::set_workers(1);
    return pp_test::run("device slices", 60, pp_test::process::one,
                        {elements_as_on_the_host, no_factor_reads_nothing, sums_of_each_slice,
                         projections_in_place, in_their_turn_of_the_queue,
                         what_fails_ends_with_an_error});
}
