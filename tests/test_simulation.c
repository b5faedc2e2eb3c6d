/* Phantoms against their voxels, the probe's power and size, scans, Poisson statistics, thread independence.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "backend/fft.h"
#include "base/alloc.h"
#include "models/scan_pattern.h"
#include "models/zone_plate.h"
#include "support/support.h"
#include "tomo/simulation.h"

static const double pi = 3.141592653589793;

static const pp_phantom_size size = {.height = 48, .width = 48, .wavelength = 1.4e-10, .seed = 3};

/* Relative distance of the projection at t = 0 (along y) or 90 degrees (along x) from sums over the voxels. */
static double against_voxels(const pp_specimen *specimen, bool along_y)
{
    enum { N = 48 };
    float *delta, *beta;
    pp_c64 *lines;
    pp_c32 *scratch;
    pp_specimen_view *view;
    const pp_window window = {-N / 2, -N / 2, N, N};
    pp_assert_ok(PP_ALLOC(N * N * N, &delta));
    pp_assert_ok(PP_ALLOC(N * N * N, &beta));
    pp_assert_ok(PP_ALLOC(N * N, &lines));
    pp_specimen_voxels(specimen, (pp_slab){N, N, 0, N}, delta, beta);
    pp_assert_ok(pp_specimen_view_create(specimen, along_y ? 0 : pi / 2, window, &view));
    pp_assert_ok(pp_fft_buffer(pp_specimen_scratch(view), &scratch));
    pp_specimen_look(view, window, scratch, lines);
    double apart = 0, norm = 0;
    for (int i = 0; i < N * N; i++) {
        const int z = i / N, u = i % N;
        double sum[2] = {0};
        for (int k = 0; k < N; k++) {
            const int at = along_y ? (z * N + k) * N + u : (z * N + u) * N + k;
            sum[0] += delta[at];
            sum[1] += beta[at];
        }
        apart += (sum[0] - lines[i].re) * (sum[0] - lines[i].re) +
                 (sum[1] - lines[i].im) * (sum[1] - lines[i].im);
        norm += sum[0] * sum[0] + sum[1] * sum[1];
    }
    pp_specimen_view_free(&view);
    pp_free(scratch);
    pp_free(lines);
    pp_free(beta);
    pp_free(delta);
    ck_assert(norm > 0);
    return sqrt(apart / norm);
}

static void check_specimen(pp_specimen *specimen, double bar)
{
    pp_assert_near(against_voxels(specimen, true), 0, bar);
    pp_assert_near(against_voxels(specimen, false), 0, bar);
    pp_specimen_free(&specimen);
}

START_TEST(projections_equal_sums_over_voxels)
{
    pp_phantom *phantom;
    pp_specimen *specimen;
    pp_assert_ok(pp_phantom_balls(size, 12, &phantom));
    pp_assert_ok(pp_specimen_bodies(&phantom, &specimen));
    check_specimen(specimen,
                   0.04); /* balls are sampled at the pixel's centre, voxels are averages */
    pp_assert_ok(pp_phantom_integrated_circuit(size, &phantom));
    pp_assert_ok(pp_specimen_bodies(&phantom, &specimen));
    check_specimen(specimen, 0.02);
    pp_assert_ok(pp_phantom_siemens_star(size, 12, &phantom));
    pp_assert_ok(pp_specimen_bodies(&phantom, &specimen));
    check_specimen(specimen, 0.02);
    pp_assert_ok(pp_specimen_two_phase(size, &specimen));
    check_specimen(specimen, 0.06); /* averaged over the pixel once more */
}
END_TEST

/* A box of 10 x 6 pixels seen at 30 degrees: area kept, largest chord 6 / cos 30 or 10 / sin 30, the smaller. */
START_TEST(prism_has_its_chord)
{
    pp_phantom *phantom;
    pp_c64 lines[41];
    const pp_body box = {.kind = PP_PRISM,
                         .half_height = 2,
                         .corner = {{-3, -5}, {-3, 5}, {3, 5}, {3, -5}},
                         .delta = 1,
                         .beta = 0.5};
    pp_assert_ok(pp_phantom_create(&phantom));
    pp_assert_ok(pp_phantom_add(phantom, &box));
    pp_phantom_project(phantom, pi / 6, (pp_window){0, -20, 1, 41}, lines);
    double sum = 0;
    for (int j = 0; j < 41; j++) sum += lines[j].re;
    pp_assert_near(sum, 60, 1e-9);
    pp_assert_near(lines[20].re, 6 / cos(pi / 6), 1e-9);
    pp_assert_near(lines[20].im, 3 / cos(pi / 6), 1e-9);
    pp_phantom_free(&phantom);
}
END_TEST

/* u = x cos t + y sin t: a ball on the y axis lies at column 0 at t = 0 and at +y at t = 90 degrees; row v = z. */
START_TEST(frame_is_the_documented_one)
{
    pp_phantom *phantom;
    pp_c64 lines[31 * 31];
    const pp_body ball = {.kind = PP_BALL, .z = 4, .y = 7, .x = -2, .radius = 1.2, .delta = 1};
    pp_assert_ok(pp_phantom_create(&phantom));
    pp_assert_ok(pp_phantom_add(phantom, &ball));
    pp_phantom_project(phantom, 0, (pp_window){-15, -15, 31, 31}, lines);
    pp_assert_near(lines[(15 + 4) * 31 + 15 - 2].re, 2.4, 1e-12);
    pp_phantom_project(phantom, pi / 2, (pp_window){-15, -15, 31, 31}, lines);
    pp_assert_near(lines[(15 + 4) * 31 + 15 + 7].re, 2.4, 1e-9);
    pp_phantom_free(&phantom);
}
END_TEST

/* A window half a pixel further sees a smooth volume as the bodies' exact projection does. */
START_TEST(volume_moves_by_parts_of_a_pixel)
{
    enum { N = 48 };
    pp_phantom *phantom;
    pp_specimen *bodies, *volume;
    pp_specimen_view *a, *b;
    float *delta, *beta;
    pp_c64 *exact, *moved;
    pp_c32 *scratch;
    const pp_body ball = {
        .kind = PP_BALL, .z = 1, .y = 3, .x = -2, .radius = 14, .delta = 1e-5, .beta = 1e-6};
    const pp_window field = {-24, -24, 50, 50}, window = {-20.4, -19.7, 40, 40};
    pp_assert_ok(pp_phantom_create(&phantom));
    pp_assert_ok(pp_phantom_add(phantom, &ball));
    pp_assert_ok(pp_specimen_bodies(&phantom, &bodies));
    pp_assert_ok(PP_ALLOC(N * N * N, &delta));
    pp_assert_ok(PP_ALLOC(N * N * N, &beta));
    pp_specimen_voxels(bodies, (pp_slab){N, N, 0, N}, delta, beta);
    pp_assert_ok(pp_specimen_volume(N, N, &delta, &beta, &volume));
    pp_assert_ok(pp_specimen_view_create(bodies, 0.6, field, &a));
    pp_assert_ok(pp_specimen_view_create(volume, 0.6, field, &b));
    pp_assert_ok(PP_ALLOC(1600, &exact));
    pp_assert_ok(PP_ALLOC(1600, &moved));
    pp_assert_ok(pp_fft_buffer(pp_specimen_scratch(b), &scratch));
    pp_specimen_look(a, window, NULL, exact);
    pp_specimen_look(b, window, scratch, moved);
    double apart = 0, norm = 0;
    for (int i = 0; i < 1600; i++) {
        apart += (exact[i].re - moved[i].re) * (exact[i].re - moved[i].re);
        norm += exact[i].re * exact[i].re;
    }
    pp_assert_near(sqrt(apart / norm), 0, 0.04);
    pp_free(scratch);
    pp_free(moved);
    pp_free(exact);
    pp_specimen_view_free(&a);
    pp_specimen_view_free(&b);
    pp_specimen_free(&bodies);
    pp_specimen_free(&volume);
}
END_TEST

static const pp_zone_plate optics = {.diameter = 180e-6,
                                     .outer_zone_width = 1.8e-7,
                                     .central_stop = 60e-6,
                                     .defocus = 1.9e-3,
                                     .astigmatism = 0.05};
static const pp_probe_grid grid = {.n = 64, .pixel_size = 5.83e-8, .wavelength = 1.4e-10};

static double power_of(const pp_c32 *probe)
{
    double sum = 0;
    for (int64_t i = 0; i < grid.n * grid.n; i++)
        sum += (double)probe[i].re * probe[i].re + (double)probe[i].im * probe[i].im;
    return sum;
}

/* The geometric width of the defocused ring is 2 z NA, NA = lambda / (2 dr). */
START_TEST(probe_has_its_power_place_and_width)
{
    pp_c32 *probe;
    double x = 0;
    pp_assert_ok(pp_fft_buffer(4096, &probe));
    pp_assert_ok(pp_zone_plate_probe(&optics, &grid, 1e6, probe));
    pp_assert_near(power_of(probe) / 1e6, 1, 1e-4);
    for (int64_t i = 0; i < 4096; i++)
        x += (double)(i % 64) *
             ((double)probe[i].re * probe[i].re + (double)probe[i].im * probe[i].im);
    pp_assert_near(x / power_of(probe), 32, 0.1);
    const double geometric = 1.9e-3 * 1.4e-10 / 1.8e-7;
    pp_assert_near(pp_probe_width(&grid, probe) / geometric, 1.05, 0.25);
    pp_zone_plate wrong = optics;
    wrong.outer_zone_width = 3e-8;
    ck_assert_int_eq(pp_zone_plate_probe(&wrong, &grid, 1e6, probe), PP_ERR_CONFIG);
    wrong = optics;
    wrong.central_stop = 2e-4;
    ck_assert_int_eq(pp_zone_plate_probe(&wrong, &grid, 1e6, probe), PP_ERR_CONFIG);
    pp_free(probe);
}
END_TEST

START_TEST(modes_are_orthogonal_and_share_the_power)
{
    pp_c32 *probe;
    pp_assert_ok(pp_fft_buffer(3 * 4096, &probe));
    pp_assert_ok(pp_zone_plate_probe(&optics, &grid, 1000, probe));
    pp_assert_ok(pp_probe_modes(3, 64, 0.8, probe));
    const double sum = 1 + 0.2 + 0.04;
    pp_assert_near(power_of(probe), 1000 / sum, 0.1);
    pp_assert_near(power_of(probe + 4096), 200 / sum, 0.1);
    pp_assert_near(power_of(probe + 8192), 40 / sum, 0.1);
    for (int a = 0; a < 3; a++)
        for (int b = 0; b < a; b++) {
            double re = 0, im = 0;
            for (int i = 0; i < 4096; i++) {
                const pp_c32 p = probe[a * 4096 + i], q = probe[b * 4096 + i];
                re += (double)p.re * q.re + (double)p.im * q.im;
                im += (double)p.im * q.re - (double)p.re * q.im;
            }
            pp_assert_near(hypot(re, im), 0, 0.01);
        }
    pp_free(probe);
}
END_TEST

START_TEST(scans_fill_their_field)
{
    for (int kind = PP_SCAN_RASTER; kind <= PP_SCAN_FERMAT_SPIRAL; kind++) {
        const pp_scan_pattern scan = {
            .kind = kind, .height = 60, .width = 90, .step = 6, .jitter = 1};
        double *positions, *again;
        int64_t count, same;
        pp_assert_ok(pp_scan_positions(&scan, 7, 2, &positions, &count));
        pp_assert_ok(pp_scan_positions(&scan, 7, 2, &again, &same));
        ck_assert_int_eq(count, same);
        ck_assert(memcmp(positions, again, (size_t)count * 16) == 0);
        if (kind != PP_SCAN_FERMAT_SPIRAL) ck_assert_int_eq(count, 11 * 16);
        pp_assert_near((double)count / (60.0 * 90 / 36), 1, 0.2);
        for (int64_t k = 0; k < count; k++) {
            ck_assert(fabs(positions[2 * k]) <= 31 && fabs(positions[2 * k + 1]) <= 46);
            double nearest = INFINITY;
            for (int64_t j = 0; j < count; j++)
                if (j != k)
                    nearest = fmin(nearest, hypot(positions[2 * k] - positions[2 * j],
                                                  positions[2 * k + 1] - positions[2 * j + 1]));
            ck_assert(nearest > 3 && nearest < 9);
        }
        pp_free(positions);
        pp_free(again);
    }
}
END_TEST

/* Frames of an empty specimen: each pixel's mean is known, variance equals mean; and threads change nothing. */
START_TEST(noise_is_poisson_and_threads_change_nothing)
{
    enum { FRAMES = 200, PIXELS = 64 * 64 };
    pp_phantom *phantom;
    pp_specimen *air;
    pp_c32 *probe;
    uint16_t *frames, *exact, *again;
    double positions[2 * FRAMES] = {0};
    int64_t saturated = 0;
    pp_assert_ok(pp_phantom_create(&phantom));
    pp_assert_ok(pp_specimen_bodies(&phantom, &air));
    pp_assert_ok(pp_fft_buffer(PIXELS, &probe));
    pp_assert_ok(pp_zone_plate_probe(&optics, &grid, 1e5, probe));
    pp_assert_ok(PP_ALLOC(FRAMES * PIXELS, &frames));
    pp_assert_ok(PP_ALLOC(FRAMES * PIXELS, &again));
    pp_assert_ok(PP_ALLOC(PIXELS, &exact));
    pp_simulation s = {
        .specimen = air, .probe = probe, .modes = 1, .n = 64, .seed = 5, .threads = 1};
    pp_simulated_view view = {.number = 3, .positions = positions, .count = 1};
    pp_assert_ok(pp_simulate_view(&s, &view, exact, &saturated));
    s.noise = true;
    view.count = FRAMES;
    pp_assert_ok(pp_simulate_view(&s, &view, frames, &saturated));
    s.threads = 3;
    pp_assert_ok(pp_simulate_view(&s, &view, again, &saturated));
    ck_assert_int_eq(saturated, 0);
    ck_assert(memcmp(frames, again, FRAMES * PIXELS * sizeof *frames) == 0);
    double chi = 0, power = 0;
    int used = 0;
    for (int i = 0; i < PIXELS; i++) {
        power += exact[i];
        if (exact[i] < 20) continue;
        double sum = 0, square = 0;
        for (int j = 0; j < FRAMES; j++) {
            sum += frames[j * PIXELS + i];
            square += (double)frames[j * PIXELS + i] * frames[j * PIXELS + i];
        }
        const double mean = sum / FRAMES, variance = square / FRAMES - mean * mean;
        chi += variance / mean;
        used++;
        pp_assert_near(mean, (double)exact[i], 6 * sqrt((double)exact[i] / FRAMES) + 0.6);
    }
    ck_assert(used > 100);
    pp_assert_near(chi / used, 1, 0.02);
    pp_assert_near(power / 1e5, 1, 0.01);
    pp_free(exact);
    pp_free(again);
    pp_free(frames);
    pp_free(probe);
    pp_specimen_free(&air);
}
END_TEST

/* Background, dead pixels and saturation. */
START_TEST(detector_has_background_dead_and_saturated_pixels)
{
    pp_phantom *phantom;
    pp_specimen *air;
    pp_c32 probe[64] = {{0}};
    uint8_t mask[64];
    uint16_t frame[64];
    const double position[2] = {0, 0};
    int64_t saturated;
    memset(mask, 1, sizeof mask);
    mask[5] = 0;
    for (int i = 0; i < 64; i++) probe[i].re = 100.0f; /* all counts, 640000, at frequency 0 */
    pp_assert_ok(pp_phantom_create(&phantom));
    pp_assert_ok(pp_specimen_bodies(&phantom, &air));
    const pp_simulation s = {
        .specimen = air, .probe = probe, .modes = 1, .n = 8, .background = 7, .mask = mask};
    const pp_simulated_view view = {.positions = position, .count = 1};
    pp_assert_ok(pp_simulate_view(&s, &view, frame, &saturated));
    ck_assert_int_eq(saturated, 1);
    ck_assert_int_eq(frame[0], 65535);
    ck_assert_int_eq(frame[5], 0);
    ck_assert_int_eq(frame[6], 7);
    pp_specimen_free(&air);
}
END_TEST

int main(void)
{
    pp_fft_set_effort(PP_FFT_ESTIMATE);
    return pp_test_main(pp_test_suite(
        "simulation",
        (const TTest *const[]){projections_equal_sums_over_voxels, prism_has_its_chord,
                               frame_is_the_documented_one, volume_moves_by_parts_of_a_pixel,
                               probe_has_its_power_place_and_width,
                               modes_are_orthogonal_and_share_the_power, scans_fill_their_field,
                               noise_is_poisson_and_threads_change_nothing,
                               detector_has_background_dead_and_saturated_pixels, NULL}));
}
