/* What the plan says of device memory, against the most that the emulated devices' pools held at a time: views on one device and in
 * groups, every way of splitting, the tomography projector, and a solve whose vectors lie on the devices.
 * SPDX-License-Identifier: BSD-3-Clause */
// TIMEOUT 120
#include <cmath>
#include <vector>

#include "support/device.h"

extern "C" {
#include "support/tiled.h"
#include "tomo/projector.h"
#include "tomo/slab_team.h"
#include "tomo/total_variation.h"
#include "tomo/transpose.h"
}

namespace pp_mock
{
double most_taken(int device);
}

namespace
{

void check_planned(double planned, double taken, const char *what, int device)
{
    ck_assert_msg(taken > 0 && std::fabs(planned - taken) < 0.1 * taken,
                  "%s, device %d: planned %.0f bytes, %.0f were taken", what, device, planned,
                  taken);
}

pp_sweep_setup setup_of(const pp_object_frame &frame, const pp_view_options &o)
{
    pp_sweep_setup setup = tiled_setup();
    setup.mode = o.positions, setup.probe_moves = o.solver.refine_probe;
    setup.background = o.background != PP_BACKGROUND_NONE;
    setup.stream = o.stream_frames == PP_CHOOSE_YES;
    for (int a = 0; a < 2; a++) setup.object[a] = frame.size[a];
    return setup;
}

void surround(pp_tiles *t, const pp_object_frame &frame, const tiled_arrays &a, double rows)
{
    std::vector<double> corners(static_cast<size_t>(2 * tiled.patterns));
    pp_object_corners(&frame, static_cast<const double *>(pp_array_read(a.positions)),
                      tiled.patterns, N, corners.data());
    pp_assert_ok(pp_tiles_surround(t, corners.data(), tiled.patterns, N,
                                   static_cast<const int32_t *>(pp_array_read(a.tile_of)),
                                   rows * pp_tiles_step(corners.data(), tiled.patterns)));
}

/* Solves the view on so many devices; each one's plan against what it held. */
void check_view(const pp_view_options &o, int devices, const char *what)
{
    static tiled_arrays arrays;
    pp_tiles t;
    pp_object_frame frame;
    pp_view_output out;
    tiled_make(90, 110, 97, 5, true);
    tiled_arrays_make(&arrays);
    tiled_arrays_cut(&arrays, devices, &t, &frame);
    if (o.split == PP_SPLIT_HALO) surround(&t, frame, arrays, o.halo_rows);
    const pp_sweep_setup setup = setup_of(frame, o);
    const pp_sweep_class *kind = pp_backend_sweep(&pp_backend_mock, &setup, nullptr);
    for (int k = 0; k < devices; k++) (void)pp_mock::most_taken(k);
    pp_assert_ok(pp_view_solve(&arrays.in, &o, &out));
    for (int k = 0; k < devices; k++) {
        const pp_split_plan split = {o.split, o.exchanges, &pp_backend_mock};
        double far, rest;
        pp_view_device_bytes(&setup, kind, &t, k, &split, &far, &rest);
        check_planned(rest + (out.kept ? far : 0), pp_mock::most_taken(k), what, k);
    }
    pp_view_output_free(&out);
    tiled_arrays_free(&arrays);
}

START_TEST(of_a_view_on_one_device)
{
    pp_emulation::set_devices(4);
    for (int c = 0; c < 16; c++) {
        pp_view_options o =
            c & 1 ? tiled_known_probe(2, PP_SPLIT_HYBRID) : tiled_options(2, PP_SPLIT_HYBRID);
        o.backend = "mock";
        o.keep_far_field = c & 2 ? PP_CHOOSE_YES : PP_CHOOSE_NO;
        o.stream_frames = c & 4 ? PP_CHOOSE_YES : PP_CHOOSE_NO;
        if (c & 8) o.positions = PP_SWEEP_BILINEAR, o.background = PP_BACKGROUND_GIVEN;
        if (c & 8) o.solver.refine_positions = o.solver.refine_intensities = false;
        if (c & 8) o.solver.positions_every = 0, o.background_counts = 1;
        check_view(o, 1, c & 1 ? "object" : "object and probe");
    }
}
END_TEST

START_TEST(of_a_view_in_a_group)
{
    static const char *const names[] = {"hybrid", "gradient", "halo", "independent"};
    pp_emulation::set_devices(4);
    for (int c = 0; c < 16; c++) {
        const pp_split_method split = static_cast<pp_split_method>(c / 4);
        pp_view_options o =
            split < PP_SPLIT_HALO && c % 2 ? tiled_options(2, split) : tiled_known_probe(2, split);
        o.backend = "mock";
        o.keep_far_field = c / 2 % 2 ? PP_CHOOSE_YES : PP_CHOOSE_NO;
        check_view(o, c % 2 ? 4 : 2, names[c / 4]);
    }
}
END_TEST

START_TEST(of_the_projector)
{
    pp_emulation::set_devices(2);
    for (int c = 0; c < 3; c++) {
        const int64_t n = c == 1 ? 45 : 64, views = c == 2 ? 150 : 50, slices = 40;
        std::vector<double> angles(static_cast<size_t>(views));
        for (size_t v = 0; v < angles.size(); v++) angles[v] = 0.06 * static_cast<double>(v);
        std::vector<float> volume(static_cast<size_t>(slices * n * n), 1.0f),
            lines(static_cast<size_t>(slices * views * n));
        pp_projector_setup setup = {};
        setup.n = n, setup.views = views, setup.angles = angles.data(), setup.threads = 1;
        setup.backend = &pp_backend_mock;
        pp_projector *p = nullptr;
        for (int k = 0; k < 2; k++) (void)pp_mock::most_taken(k);
        pp_assert_ok(pp_projector_create(&setup, &p));
        pp_assert_ok(pp_projector_forward_real(p, slices, volume.data(), lines.data()));
        pp_assert_ok(pp_projector_adjoint_real(p, slices, lines.data(), volume.data()));
        for (int k = 0; k < 2; k++)
            check_planned(pp_projector_device_bytes(&setup), pp_mock::most_taken(k), "projector",
                          k);
        pp_projector_free(&p);
    }
}
END_TEST

/* Every vector of the solve, of each device's slices; fewer and more samples than voxels. */
START_TEST(of_total_variation)
{
    const int64_t n = 40, rows = 22;
    const int devices = 3;
    pp_emulation::set_devices(devices);
    for (int c = 0; c < 2; c++) {
        const int64_t views = c ? 190 : 24;
        std::vector<double> angles(static_cast<size_t>(views));
        for (size_t v = 0; v < angles.size(); v++) angles[v] = 0.016 * static_cast<double>(v);
        std::vector<float> volume(static_cast<size_t>(rows * n * n), 1.0f),
            lines(static_cast<size_t>(rows * views * n), 1.0f);
        pp_projector_setup make = {};
        make.n = n, make.views = views, make.angles = angles.data(), make.threads = 1;
        make.backend = &pp_backend_mock;
        pp_total_variation setup = {};
        setup.strength = 0.1, setup.iterations = 1, setup.inner = 1, setup.positivity = c == 0;
        pp_projector *p = nullptr;
        pp_comm *self = nullptr;
        for (int k = 0; k < devices; k++) (void)pp_mock::most_taken(k);
        pp_assert_ok(pp_comm_self(&self));
        pp_assert_ok(pp_projector_create(&make, &p));
        pp_assert_ok(
            pp_total_variation_run(self, p, &setup, rows, lines.data(), volume.data(), nullptr));
        for (int k = 0; k < devices; k++) {
            int64_t first, slices;
            pp_slab_block(rows, devices, k, &first, &slices);
            check_planned(pp_projector_device_bytes(&make) +
                              pp_total_variation_device_bytes(n, views, slices, setup.positivity),
                          pp_mock::most_taken(k), "total variation", k);
        }
        ck_assert_int_eq(pp_slab_seat_most(rows, devices), 8);
        pp_projector_free(&p);
        pp_comm_free(&self);
    }
}
END_TEST

/* Two processes on a device: each has half of what is free, or both would take it all at the same time. */
START_TEST(of_processes_that_share_a_device)
{
    const int64_t n = 40, views = 24, slices = 22;
    const double need = pp_total_variation_device_bytes(n, views, slices, true);
    pp_total_variation setup = {};
    setup.positivity = true;
    pp_emulation::set_devices(2);
    pp_emulation::set_memory(static_cast<size_t>(1.5 * need));
    for (int sharers = 1; sharers <= 2; sharers++) {
        bool fits = false;
        double room = 0, two = 0;
        pp_backend_share(&pp_backend_mock, 1, 2 * sharers);
        ck_assert_int_eq(pp_backend_devices(&pp_backend_mock), 1);
        ck_assert_int_eq(pp_backend_sharers(&pp_backend_mock), sharers);
        pp_assert_ok(pp_total_variation_fits(&pp_backend_mock, &setup, n, views, slices, 0, &fits));
        ck_assert(fits == (sharers == 1));
        pp_assert_ok(pp_view_room(&pp_backend_mock, 0, 0, 1, &room));
        pp_assert_near(room / (0.9 * 1.5 * need / sharers), 1, 1e-2);
        pp_assert_ok(pp_view_room(&pp_backend_mock, 0, 0, 2, &two)); /* tiles, on one device */
        pp_assert_near(two / room, 0.5, 1e-9);
    }
}
END_TEST

} // namespace

int main()
{
    return pp_test::run("device memory", 100, pp_test::process::each_its_own,
                        {of_a_view_on_one_device, of_a_view_in_a_group, of_the_projector,
                         of_total_variation, of_processes_that_share_a_device});
}
