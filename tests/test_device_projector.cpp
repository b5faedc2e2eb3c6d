/* The projector on emulated devices: against the host's, adjointness, the same bits for any number of devices and every order of threads,
 * memory that runs out and devices that are lost.
 * SPDX-License-Identifier: BSD-3-Clause */
// TIMEOUT 120
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include <unistd.h>

#include "support/device.h"

extern "C" {
#include "backend/fft.h"
#include "tomo/projector.h"
}

namespace
{

using floats = std::vector<float>;

struct shape {
    int64_t n, views, slices;
    double oversampling;
};

floats numbers(int64_t count, int salt)
{
    floats out(static_cast<size_t>(count));
    for (size_t i = 0; i < out.size(); i++)
        out[i] = std::sin(static_cast<float>(i % 10007) * 1.3f + static_cast<float>(salt)) +
                 0.3f * std::cos(static_cast<float>(i % 313) * static_cast<float>(salt + 2));
    return out;
}

pp_status create(const shape &s, const pp_backend *backend, pp_projector **out)
{
    std::vector<double> angles(static_cast<size_t>(s.views)), shifts(angles);
    for (size_t v = 0; v < angles.size(); v++) {
        angles[v] = 0.05 + 3.3 * static_cast<double>(v) / static_cast<double>(s.views);
        shifts[v] = 0.37 * std::sin(static_cast<double>(v));
    }
    pp_projector_setup setup = {};
    setup.n = s.n, setup.views = s.views, setup.angles = angles.data();
    setup.shifts = shifts.data(), setup.axis = 0.4;
    setup.oversampling = s.oversampling, setup.threads = 1, setup.backend = backend;
    return pp_projector_create(&setup, out);
}

struct both {
    floats lines, image; /* R of slices, R^T of lines */
};

pp_c32 *complexes(floats &v)
{
    return reinterpret_cast<pp_c32 *>(v.data());
}

pp_status run(const shape &s, const pp_backend *backend, bool real, floats &slices, floats &lines,
              both *out)
{
    pp_projector *p = nullptr;
    PP_TRY(create(s, backend, &p));
    out->lines.assign(lines.size(), 0.0f), out->image.assign(slices.size(), 0.0f);
    pp_status status =
        real ? pp_projector_forward_real(p, s.slices, slices.data(), out->lines.data())
             : pp_projector_forward(p, s.slices, complexes(slices), complexes(out->lines));
    if (status == PP_OK)
        status = real ? pp_projector_adjoint_real(p, s.slices, lines.data(), out->image.data())
                      : pp_projector_adjoint(p, s.slices, complexes(lines), complexes(out->image));
    pp_projector_free(&p);
    return status;
}

/* Real part of the scalar product: of complex numbers too. */
double dot(const floats &a, const floats &b)
{
    double sum = 0;
    for (size_t i = 0; i < a.size(); i++)
        sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
    return sum;
}

/* Even and odd, sizes that bins of cells do not divide, more and fewer slices than a batch has. */
const shape shapes[] = {{32, 21, 13, 2.0}, {31, 20, 3, 2.0}, {30, 17, 9, 1.5}, {9, 5, 1, 1.25}};

START_TEST(agrees_with_the_host_and_is_adjoint)
{
    pp_emulation::set_devices(3);
    for (const shape &s : shapes) {
        for (int real = 0; real < 2; real++) {
            const int64_t lanes = real ? 1 : 2;
            floats slices = numbers(lanes * s.slices * s.n * s.n, 1),
                   lines = numbers(lanes * s.slices * s.views * s.n, 2);
            both host, device;
            ck_assert_int_eq(run(s, nullptr, real, slices, lines, &host), PP_OK);
            ck_assert_int_eq(run(s, &pp_backend_mock, real, slices, lines, &device), PP_OK);
            const double forward = pp_test::apart(host.lines, device.lines),
                         adjoint = pp_test::apart(host.image, device.image);
            ck_assert_msg(forward < 1e-6 && adjoint < 1e-6, "n %d: forward %g, adjoint %g apart",
                          static_cast<int>(s.n), forward, adjoint);
            const double size = std::sqrt(dot(device.lines, device.lines) * dot(lines, lines));
            ck_assert_double_lt(
                std::fabs(dot(device.lines, lines) - dot(slices, device.image)) / size, 1e-6);
        }
    }
    ck_assert_ptr_null(pp_emulation::error());
}
END_TEST

both by_devices(int devices)
{
    both out;
    const shape &s = shapes[0];
    floats slices = numbers(s.slices * s.n * s.n, 1), lines = numbers(s.slices * s.views * s.n, 2);
    pp_emulation::set_devices(devices);
    ck_assert_int_eq(run(s, &pp_backend_mock, true, slices, lines, &out), PP_OK);
    return out;
}

/* The number of devices is a process's: the first test leaves its bits in a file for the others. */
void check_bits(int devices)
{
    const both got = by_devices(devices);
    const char *path = getenv("PP_TEST_BITS");
    std::vector<char> mine(got.lines.size() * sizeof(float));
    memcpy(mine.data(), got.lines.data(), mine.size());
    FILE *file = fopen(path, devices == 1 ? "wb" : "rb");
    ck_assert_ptr_nonnull(file);
    if (devices == 1) {
        ck_assert_uint_eq(fwrite(mine.data(), 1, mine.size(), file), mine.size());
        ck_assert_uint_eq(fwrite(got.image.data(), sizeof(float), got.image.size(), file),
                          got.image.size());
    } else {
        std::vector<char> want(mine.size());
        floats image(got.image.size());
        ck_assert_uint_eq(fread(want.data(), 1, want.size(), file), want.size());
        ck_assert_uint_eq(fread(image.data(), sizeof(float), image.size(), file), image.size());
        ck_assert(want == mine);
        ck_assert(std::memcmp(image.data(), got.image.data(), image.size() * sizeof(float)) == 0);
    }
    fclose(file);
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

START_TEST(every_order_gives_the_same_bits)
{
    using pp_emulation::order;
    const both ascending = by_devices(2);
    for (const order rule : {order::descending, order::shuffled}) {
        pp_emulation::set_order(rule);
        pp_emulation::set_seed(7);
        const both other = by_devices(2);
        ck_assert(ascending.lines == other.lines && ascending.image == other.image);
    }
    ck_assert_ptr_null(pp_emulation::error());
}
END_TEST

START_TEST(what_fails_ends_with_an_error)
{
    const shape &s = shapes[0];
    floats slices = numbers(s.slices * s.n * s.n, 1), lines = numbers(s.slices * s.views * s.n, 2);
    both out;
    int refused = 0;
    pp_emulation::set_devices(2);
    for (pp_status status = PP_ERR_RESOURCE; status != PP_OK; refused++) {
        pp_emulation::fail_memory(refused + 1);
        status = run(s, &pp_backend_mock, true, slices, lines, &out);
        pp_emulation::fail_memory(0);
        ck_assert(status == PP_OK || status == PP_ERR_RESOURCE);
    }
    ck_assert_int_ge(refused, 4);
    int lost = 0;
    for (pp_status status = PP_ERR_RESOURCE; status != PP_OK; lost++) {
        pp_emulation::fail_device(lost % 2, 1 + lost);
        status = run(s, &pp_backend_mock, true, slices, lines, &out);
        pp_emulation::fail_device(lost % 2, -1);
        ck_assert(status == PP_OK || status == PP_ERR_RESOURCE);
    }
    ck_assert_int_ge(lost, 10);
}
END_TEST

} // namespace

int main()
{
    char path[] = "/tmp/projector_bits_XXXXXX";
    const int file = mkstemp(path);
    if (file < 0) return EXIT_FAILURE;
    close(file);
    setenv("PP_TEST_BITS", path, 1);
    (void)pp_fft_set_effort(
        PP_FFT_ESTIMATE); /* the emulated cuFFT is FFTW: the same plans in every process */
    const int code = pp_test::run("device projector", 100, pp_test::process::each_its_own,
                                  {agrees_with_the_host_and_is_adjoint, one_device,
                                   two_devices_give_the_same_bits, three_devices_give_the_same_bits,
                                   every_order_gives_the_same_bits, what_fails_ends_with_an_error});
    (void)remove(path);
    return code;
}
