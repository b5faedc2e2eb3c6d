/* Least squares and simultaneous iterations with their vectors on emulated devices: against the host, the same bits for any number of
 * devices and any batches, what crosses the bus, the plan of device memory, little memory, and what fails.
 * SPDX-License-Identifier: BSD-3-Clause */
// BACKENDS mock
// TIMEOUT 240
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include <unistd.h>

#include "support/device.h"

extern "C" {
#include "backend/fft.h"
#include "tomo/least_squares.h"
#include "tomo/sirt.h"
}

namespace pp_mock
{
double most_taken(int device);
}

namespace
{

using floats = std::vector<float>;
const int64_t n = 16, views = 21;

pp_projector_setup setup_of(const std::vector<double> &angles, const pp_backend *backend)
{
    pp_projector_setup setup = {};
    setup.n = n, setup.views = views, setup.angles = angles.data(), setup.threads = 1;
    setup.backend = backend;
    return setup;
}

std::vector<double> some_angles()
{
    std::vector<double> angles;
    for (int64_t v = 0; v < views; v++) angles.push_back(0.05 + 0.151 * static_cast<double>(v));
    return angles;
}

/* Discs of another height and place in each slice, and noise. */
struct problem {
    int64_t slices;
    floats lines, start;
    explicit problem(int64_t slices_) : slices(slices_)
    {
        const std::vector<double> angles = some_angles();
        const pp_projector_setup setup = setup_of(angles, nullptr);
        pp_projector *p = nullptr;
        floats truth(static_cast<size_t>(slices * n * n));
        lines.resize(static_cast<size_t>(slices * views * n));
        for (size_t i = 0; i < truth.size(); i++) {
            const int64_t at = static_cast<int64_t>(i), slice = at / (n * n), x = at % n - n / 2,
                          y = at / n % n - n / 2, d = x - slice % 3;
            truth[i] = d * d + y * y < 20 ? 0.5f + 0.1f * static_cast<float>(slice % 5) : 0.0f;
        }
        ck_assert_int_eq(pp_projector_create(&setup, &p), PP_OK);
        ck_assert_int_eq(pp_projector_forward_real(p, slices, truth.data(), lines.data()), PP_OK);
        pp_projector_free(&p);
        for (size_t i = 0; i < lines.size(); i++)
            lines[i] += 0.2f * std::sin(static_cast<float>(i * i % 10007));
        start.assign(truth.size(), 0.1f);
    }
};

struct result {
    floats volume;
    std::vector<int64_t> done;
    std::vector<double> cost;
};

/* One of the ways to iterate. */
struct method {
    const char *name;
    bool sirt;
    pp_least_squares cg;
    pp_sirt steps;
};

method cg(const char *name, int64_t iterations, bool positivity, double noise, double stagnation,
          bool square, bool warm)
{
    method m = {};
    m.name = name;
    m.cg.iterations = iterations, m.cg.positivity = positivity, m.cg.noise = noise;
    m.cg.stagnation = stagnation, m.cg.whole_square = square, m.cg.warm = warm;
    return m;
}

method sirt(const char *name, int64_t iterations, bool positivity, bool square)
{
    method m = {};
    m.name = name, m.sirt = true, m.steps.iterations = iterations;
    m.steps.positivity = positivity, m.steps.whole_square = square;
    return m;
}

/* Few iterations: of so small a problem each lets the rounding of the projections grow tenfold, wherever the vectors lie. */
std::vector<method> methods()
{
    return {cg("cg", 4, false, 0, 0, false, false),
            cg("cg, positivity", 6, true, 0, 0, false, false),
            cg("cg, discrepancy", 12, false, 0.2, 0, false, false),
            cg("cg, stagnation, positivity", 12, true, 0, 0.1, true, false),
            cg("cg, warm", 4, false, 0, 0, false, true),
            cg("cg, warm, positivity", 4, true, 0, 0, false, true),
            sirt("sirt", 5, false, false),
            sirt("sirt, positivity", 5, true, true)};
}

int64_t iterations_of(const method &m)
{
    return m.sirt ? m.steps.iterations : m.cg.iterations;
}

pp_status solve(const problem &p, const method &m, const pp_backend *backend, result *out)
{
    const std::vector<double> angles = some_angles();
    const pp_projector_setup setup = setup_of(angles, backend);
    pp_projector *projector = nullptr;
    PP_TRY(pp_projector_create(&setup, &projector));
    out->volume = p.start;
    out->done.assign(static_cast<size_t>(p.slices), -1);
    out->cost.assign(static_cast<size_t>(p.slices * (iterations_of(m) + 1)), -1.0);
    const pp_status status =
        m.sirt ? pp_sirt_run(projector, &m.steps, p.slices, p.lines.data(), out->volume.data(),
                             out->cost.data())
               : pp_least_squares_run(projector, &m.cg, p.slices, p.lines.data(),
                                      out->volume.data(), out->done.data(), out->cost.data());
    pp_projector_free(&projector);
    return status;
}

void check_near(const result &host, const result &device, const char *name)
{
    const double gap = pp_test::apart(host.volume, device.volume);
    ck_assert_msg(gap < 1e-5, "%s: %g apart", name, gap);
    ck_assert_msg(host.done == device.done, "%s: other iterations", name);
    for (size_t k = 0; k < host.cost.size(); k++)
        ck_assert_msg(std::fabs(host.cost[k] - device.cost[k]) <= 1e-4 * std::fabs(host.cost[k]),
                      "%s: cost %g and %g", name, host.cost[k], device.cost[k]);
}

START_TEST(agrees_with_the_host)
{
    pp_emulation::set_devices(2);
    for (const int64_t slices : {1, 19}) {
        const problem p(slices);
        for (const method &m : methods()) {
            result host, device;
            ck_assert_int_eq(solve(p, m, nullptr, &host), PP_OK);
            ck_assert_int_eq(solve(p, m, &pp_backend_mock, &device), PP_OK);
            check_near(host, device, m.name);
            bool stopped = false;
            for (const int64_t done : device.done)
                stopped = stopped || (done >= 0 && done < iterations_of(m));
            ck_assert_msg(stopped == (m.cg.noise > 0 || m.cg.stagnation > 0), "%s: stops", m.name);
            ck_assert(std::memcmp(host.volume.data(), device.volume.data(),
                                  host.volume.size() * sizeof(float)) != 0);
            if (m.cg.positivity || m.steps.positivity)
                for (const float v : device.volume) ck_assert(v >= 0.0f);
        }
    }
    ck_assert_ptr_null(pp_emulation::error());
}
END_TEST

/* ---- the same bits ---- */

/* All methods' volumes, one after the other, and their costs. */
std::vector<char> bits(int64_t slices, size_t first, size_t last)
{
    const problem p(slices);
    const std::vector<method> all = methods();
    std::vector<char> out;
    for (size_t k = first; k < last && k < all.size(); k++) {
        result r;
        ck_assert_int_eq(solve(p, all[k], &pp_backend_mock, &r), PP_OK);
        const char *const volume = reinterpret_cast<const char *>(r.volume.data()),
                          *const cost = reinterpret_cast<const char *>(r.cost.data());
        out.insert(out.end(), volume, volume + r.volume.size() * sizeof(float));
        out.insert(out.end(), cost, cost + r.cost.size() * sizeof(double));
    }
    ck_assert_ptr_null(pp_emulation::error());
    return out;
}

/* The number of devices is a process's: the first test leaves its bits in a file for the others. */
void check_bits(int devices)
{
    const char *path = getenv("PP_TEST_BITS");
    pp_emulation::set_devices(devices);
    const std::vector<char> mine = bits(19, 0, 8);
    FILE *file = fopen(path, devices == 1 ? "wb" : "rb");
    ck_assert_ptr_nonnull(file);
    std::vector<char> want(mine.size());
    if (devices == 1)
        ck_assert_uint_eq(fwrite(mine.data(), 1, mine.size(), file), mine.size());
    else
        ck_assert_uint_eq(fread(want.data(), 1, want.size(), file), want.size());
    fclose(file);
    ck_assert(devices == 1 || mine == want);
}

START_TEST(one_device)
{
    check_bits(1);
}
END_TEST

START_TEST(two_devices_give_the_same_bits)
{
    check_bits(2);
}
END_TEST

START_TEST(three_devices_give_the_same_bits)
{
    check_bits(3);
}
END_TEST

/* Bytes of one slice with positivity, and of the projector. */
double slice_bytes()
{
    return static_cast<double>(sizeof(float) * 3 * n * (n + views)) +
           pp_backend_mock.slices->bytes(1, n * n);
}

double projector_bytes()
{
    const std::vector<double> angles = some_angles();
    const pp_projector_setup setup = setup_of(angles, &pp_backend_mock);
    return pp_projector_device_bytes(&setup);
}

/* Has the device show as much memory as leaves room for so many slices with positivity beside the projector. */
void leave_room(double slices)
{
    const std::vector<double> angles = some_angles();
    const pp_projector_setup setup = setup_of(angles, &pp_backend_mock);
    pp_projector *p = nullptr;
    double room = 0;
    const size_t whole = size_t(1) << 32;
    pp_emulation::set_memory(whole);
    ck_assert_int_eq(pp_projector_create(&setup, &p), PP_OK);
    ck_assert_int_eq(pp_backend_mock.room(&room), PP_OK);
    pp_projector_free(&p);
    pp_emulation::set_memory(
        static_cast<size_t>(static_cast<double>(whole) - room + slices * slice_bytes() / 0.85));
}

/* In batches of 8 slices and 16, in every order of threads and every schedule. */
START_TEST(orders_and_batches_give_the_same_bits)
{
    using pp_emulation::order;
    std::vector<std::vector<char>> found;
    pp_emulation::set_devices(1);
    for (const double batch : {8.0, 16.0}) { /* the pool has nothing yet that would count as room */
        leave_room(batch + 0.5);
        (void)pp_mock::most_taken(0);
        found.push_back(bits(19, 1, 2));
        const double taken = pp_mock::most_taken(0) - projector_bytes();
        ck_assert_msg(std::fabs(taken - batch * slice_bytes()) < 2 * slice_bytes(),
                      "%g bytes of batches of %g slices", taken, batch);
    }
    pp_emulation::set_memory(size_t(1) << 32);
    for (const order rule : {order::ascending, order::descending, order::shuffled}) {
        pp_emulation::set_order(rule);
        pp_emulation::set_seed(5);
        found.push_back(bits(19, 1, 2));
    }
    for (const std::vector<char> &one : found) ck_assert(one == found[0]);
}
END_TEST

/* ---- what crosses the bus ---- */

struct bytes {
    double to_device, to_host;
};

bytes copied(int64_t slices, const method &m)
{
    const problem p(slices);
    result r;
    pp_emulation::traffic_reset();
    ck_assert_int_eq(solve(p, m, &pp_backend_mock, &r), PP_OK);
    pp_emulation::traffic table[64];
    const int count = pp_emulation::traffic_table(table, 64);
    bytes out = {0, 0};
    for (int k = 0; k < count && k < 64; k++) {
        if (std::strcmp(table[k].kernel, "copy to the device") == 0)
            out.to_device = static_cast<double>(table[k].loaded);
        if (std::strcmp(table[k].kernel, "copy to the host") == 0)
            out.to_host = static_cast<double>(table[k].loaded);
    }
    return out;
}

/* Twice as many iterations: not a byte more to the devices, and from them the sums of each slice alone; without iterations: the lines
 * there and the volume back, once. */
void check_copies(method m, int sums, bool to_host_first)
{
    const int64_t slices = 19;
    int64_t *const iterations = m.sirt ? &m.steps.iterations : &m.cg.iterations;
    bytes of[3];
    for (int64_t k = 0; k < 3; k++) {
        *iterations = 4 * k;
        of[k] = copied(slices, m);
    }
    const double sum = static_cast<double>(slices) * static_cast<double>(sizeof(double)),
                 more = 4 * sums * sum,
                 volume = static_cast<double>(sizeof(float)) * static_cast<double>(slices * n * n);
    for (int k = 1; k < 3; k++) {
        ck_assert_msg(of[k].to_device == of[0].to_device, "%s: %g and %g bytes to the devices",
                      m.name, of[k].to_device, of[0].to_device);
        ck_assert_msg(of[k].to_host == of[0].to_host + k * more,
                      "%s: %g bytes to the host, %g more than of none", m.name, of[k].to_host,
                      of[k].to_host - of[0].to_host);
    }
    const double beside = of[0].to_host - volume - sum;
    ck_assert_msg(to_host_first ? beside > 0 : beside == 0, "%s: %g bytes beside", m.name, beside);
}

START_TEST(copies_do_not_grow_with_iterations)
{
    pp_emulation::set_devices(2);
    check_copies(cg("cg", 0, false, 0, 0, false, false), 3, false); /* |s|^2, |R d|^2, |r|^2 */
    check_copies(sirt("sirt", 0, true, false), 1, true); /* and R 1, once, for the weights */
}
END_TEST

/* Where not even a batch of slices fits, the vectors stay on the host. */
START_TEST(little_memory)
{
    pp_emulation::set_devices(2);
    const problem p(19);
    const method ways[] = {methods()[1], methods()[6]};
    double to_device[2];
    leave_room(4);
    for (size_t k = 0; k < 2; k++) {
        result host, device;
        ck_assert_int_eq(solve(p, ways[k], nullptr, &host), PP_OK);
        ck_assert_int_eq(solve(p, ways[k], &pp_backend_mock, &device), PP_OK);
        check_near(host, device, ways[k].name);
        to_device[k] = copied(19, ways[k]).to_device;
    }
    pp_emulation::set_memory(size_t(1) << 32);
    for (size_t k = 0; k < 2; k++) ck_assert(copied(19, ways[k]).to_device < 0.5 * to_device[k]);
}
END_TEST

/* ---- the plan ---- */

START_TEST(as_planned)
{
    const std::vector<double> angles = some_angles();
    const pp_projector_setup setup = setup_of(angles, &pp_backend_mock);
    pp_emulation::set_devices(2);
    for (const int64_t slices : {3, 40, 150}) {
        const problem p(slices);
        for (const method &m : methods()) {
            if (iterations_of(m) > 5) continue;
            result r;
            (void)pp_mock::most_taken(0);
            ck_assert_int_eq(solve(p, m, &pp_backend_mock, &r), PP_OK);
            const double taken = pp_mock::most_taken(0),
                         planned = projector_bytes() +
                                   (m.sirt ? pp_sirt_device_bytes(&setup, slices)
                                           : pp_least_squares_device_bytes(&m.cg, &setup, slices));
            ck_assert_msg(std::fabs(planned - taken) < 0.1 * taken,
                          "%s, %d slices: planned %.0f bytes, %.0f were taken", m.name,
                          static_cast<int>(slices), planned, taken);
        }
    }
}
END_TEST

/* ---- failures ---- */

START_TEST(what_fails_ends_with_an_error)
{
    pp_emulation::set_devices(2);
    const problem p(19);
    for (const method &m : {cg("cg", 2, true, 0, 0, false, false), sirt("sirt", 2, true, false)}) {
        result r;
        int refused = 0, lost = 0;
        for (pp_status status = PP_ERR_RESOURCE; status != PP_OK; refused++) {
            pp_emulation::fail_memory(refused + 1);
            status = solve(p, m, &pp_backend_mock, &r);
            pp_emulation::fail_memory(0);
            ck_assert(status == PP_OK || status == PP_ERR_RESOURCE);
        }
        for (pp_status status = PP_ERR_RESOURCE; status != PP_OK; lost++) {
            pp_emulation::fail_device(lost % 2, 1 + 9 * lost);
            status = solve(p, m, &pp_backend_mock, &r);
            pp_emulation::fail_device(lost % 2, -1);
            ck_assert(status == PP_OK || status == PP_ERR_RESOURCE);
        }
        ck_assert_int_ge(lost, 10);
    }
}
END_TEST

} // namespace

int main()
{
    char path[] = "/tmp/steps_bits_XXXXXX";
    pp_emulation::set_workers(1); /* kernels this small are not worth sharing */
    const int file = mkstemp(path);
    if (file < 0) return EXIT_FAILURE;
    close(file);
    setenv("PP_TEST_BITS", path, 1);
    (void)pp_fft_set_effort(
        PP_FFT_ESTIMATE); /* the emulated cuFFT is FFTW: the same plans in every process */
    const int code =
        pp_test::run("device steps", 100, pp_test::process::each_its_own,
                     {agrees_with_the_host, one_device, two_devices_give_the_same_bits,
                      three_devices_give_the_same_bits, orders_and_batches_give_the_same_bits,
                      copies_do_not_grow_with_iterations, little_memory, as_planned,
                      what_fails_ends_with_an_error});
    (void)remove(path);
    return code;
}
