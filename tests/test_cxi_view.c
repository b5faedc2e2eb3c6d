/* Whole views in CXI files: written and read again, the probe, axes and signs by the definition of the model, real files.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>
#include <string.h>

#include "io/scan.h"
#include "support/cxi_file.h"

static pp_array *new_probe(int64_t modes, int64_t n)
{
    pp_array *probe = NULL;
    const int64_t shape[] = {modes, n, n};
    pp_assert_ok(pp_array_create(PP_C32, 3, shape, "sqrt(counts)", &probe));
    pp_c32 *p = pp_array_data(probe);
    for (int64_t k = 0; k < modes * n * n; k++)
        p[k] = (pp_c32){(float)(k % 13), (float)(k % 5) - 2};
    return probe;
}

/* A view of ours, written and read again: nothing may change, in a frame that is no square's symmetry. */
START_TEST(written_and_read_again)
{
    const pp_geometry geometry = {cxi_wavelength,
                                  cxi_distance,
                                  {cxi_pixel, cxi_pixel},
                                  {cxi_wavelength * cxi_distance / (N * cxi_pixel),
                                   cxi_wavelength * cxi_distance / (N * cxi_pixel)},
                                  0.7};
    const int64_t shape[] = {J, N, N}, two[] = {J, 2};
    pp_array *frames = NULL, *mask = NULL, *positions = NULL, *probe = new_probe(2, N),
             *back = NULL;
    pp_assert_ok(pp_array_create(PP_U16, 3, shape, "counts", &frames));
    pp_assert_ok(pp_array_create(PP_U8, 2, shape + 1, "1", &mask));
    pp_assert_ok(pp_array_create(PP_F64, 2, two, "pixel", &positions));
    for (int k = 0; k < J * N * N; k++) ((uint16_t *)pp_array_data(frames))[k] = (uint16_t)(k + 1);
    for (int k = 0; k < N * N; k++) ((uint8_t *)pp_array_data(mask))[k] = k % 5 != 0;
    for (int j = 0; j < J; j++) {
        ((double *)pp_array_data(positions))[2 * j] = cxi_grid_y(j);
        ((double *)pp_array_data(positions))[2 * j + 1] = cxi_grid_x(j);
    }
    const pp_cxi_view view = {"a view", &geometry, frames, mask, positions, probe};
    pp_assert_ok(pp_cxi_write(cxi_path, &view));
    cxi_expect_grid(&cxi_plain);
    pp_cxi cxi;
    pp_array *frames_back = NULL, *mask_back = NULL;
    const pp_frame_rules rules = {0};
    pp_assert_ok(pp_cxi_open(cxi_path, &cxi_plain, &cxi));
    pp_assert_near(cxi.geometry.angle, 0.7, 1e-14);
    ck_assert_int_eq(cxi.modes, 2);
    pp_assert_ok(pp_cxi_read(&cxi, &cxi_plain, &rules, &frames_back, &mask_back, NULL));
    ck_assert_mem_eq(pp_array_read(mask_back), pp_array_read(mask), N * N);
    ck_assert_mem_eq(pp_array_read(frames_back), pp_array_read(frames), pp_array_bytes(frames));
    pp_assert_ok(pp_probe_read(cxi_path, N, N, &back));
    ck_assert_mem_eq(pp_array_read(back), pp_array_read(probe), pp_array_bytes(probe));
    pp_cxi_free(&cxi);
    pp_array *all[] = {frames, mask, positions, probe, back, frames_back, mask_back};
    for (size_t k = 0; k < sizeof all / sizeof *all; k++) pp_array_free(&all[k]);
}
END_TEST

/* Cropping in Fourier space keeps the low frequencies: a wide Gaussian stays one, with its power. */
START_TEST(probe_of_the_uncropped_side)
{
    enum { FULL = 32, SIDE = 16 };
    pp_array *probe = NULL, *small = NULL;
    const int64_t shape[] = {FULL, FULL};
    pp_assert_ok(pp_array_create(PP_C32, 2, shape, "sqrt(counts)", &probe));
    pp_c32 *p = pp_array_data(probe);
    double power = 0, kept = 0;
    for (int y = 0; y < FULL; y++)
        for (int x = 0; x < FULL; x++) {
            const double dy = y - FULL / 2 - 2, dx = x - FULL / 2 + 4; /* off centre */
            p[y * FULL + x].re = (float)exp(-(dy * dy + dx * dx) / 20);
            power += pow((double)p[y * FULL + x].re, 2);
        }
    pp_h5 *file = NULL;
    pp_assert_ok(pp_h5_create("test_cxi_probe.h5", &file));
    pp_assert_ok(pp_h5_put_array(file, "/probe", probe));
    cxi_finish(file);
    pp_assert_ok(pp_probe_read("test_cxi_probe.h5", FULL, SIDE, &small));
    const pp_c32 *s = pp_array_read(small);
    int best = 0;
    for (int k = 0; k < SIDE * SIDE; k++) {
        kept += (double)s[k].re * (double)s[k].re + (double)s[k].im * (double)s[k].im;
        if (s[k].re > s[best].re) best = k;
    }
    pp_assert_near(kept / power, 1, 1e-4);
    ck_assert_int_eq(best, (SIDE / 2 + 1) * SIDE + SIDE / 2 - 2); /* half the offset */
    pp_array_free(&small);
    ck_assert_int_eq(pp_probe_read("test_cxi_probe.h5", 24, SIDE, &small), PP_ERR_DATA);
    ck_assert_ptr_nonnull(strstr(pp_error_last()->text, "test_cxi_probe.h5: /probe"));
    pp_array_free(&probe);
}
END_TEST

enum { FIELD = 40 }; /* side of the object of the sign test; grid point (0, 0) is its middle */

static double object_re(int y, int x)
{
    return cos(0.9 * sin(0.31 * y + 0.02 * x * x));
}
static double object_im(int y, int x)
{
    return sin(0.9 * sin(0.31 * y + 0.02 * x * x));
}

/* Intensity of one detector pixel, by the definition: window pixel n / 2 on grid point g, kernel exp(-2 pi i k r / n). */
static double intensity(const pp_c32 *probe, int gy, int gx, int ky, int kx)
{
    double re = 0, im = 0;
    for (int y = 0; y < N; y++)
        for (int x = 0; x < N; x++) {
            const int row = gy + y - N / 2 + FIELD / 2, column = gx + x - N / 2 + FIELD / 2;
            const double a = object_re(row, column), b = object_im(row, column);
            const double p = (double)probe[y * N + x].re, q = (double)probe[y * N + x].im;
            const double angle = -2 * 3.14159265358979323846 * (ky * y + kx * x) / N;
            const double u = p * a - q * b, v = p * b + q * a;
            re += u * cos(angle) - v * sin(angle);
            im += u * sin(angle) + v * cos(angle);
        }
    return (re * re + im * im) / (N * N);
}

/* Relative misfit of the model at these grid points with what was read. */
static double misfit(const float *frames, const pp_c32 *probe, const double *grid, int count)
{
    double difference = 0, sum = 0;
    for (int j = 0; j < count; j++)
        for (int k = 0; k < N * N; k++) {
            const double model = intensity(probe, (int)lrint(grid[2 * j]),
                                           (int)lrint(grid[2 * j + 1]), k / N, k % N);
            difference += fabs(model - (double)frames[j * N * N + k]);
            sum += model;
        }
    return difference / sum;
}

/* Patterns by the definition, stored as CXI says: only the right axes and signs give them again. */
START_TEST(axes_and_signs)
{
    enum { COUNT = 5 };
    static const int at[COUNT][2] = {{0, 0}, {-6, 2}, {3, 9}, {8, -4}, {-2, -10}};
    const double size = cxi_wavelength * cxi_distance / (N * cxi_pixel);
    const cxi_recipe none = {.dead_link = true, .no_translation = true};
    const int64_t shape[] = {COUNT, N, N}, places[] = {COUNT, 3};
    static double data[COUNT * N * N], t[3 * COUNT];
    pp_array *probe = new_probe(1, N), *read = NULL, *frames = NULL, *mask = NULL;
    for (int j = 0; j < COUNT; j++) {
        t[3 * j] = at[j][1] * size;
        t[3 * j + 1] = at[j][0] * size;
        for (int k = 0; k < N * N; k++)
            data[(j * N + (k / N + N / 2) % N) * N + (k % N + N / 2) % N] =
                intensity(pp_array_read(probe), at[j][0], at[j][1], k / N, k % N);
    }
    pp_h5 *file = cxi_start(&none);
    cxi_put_reals(file, CXI_DETECTOR "data", 3, shape, data, "counts");
    cxi_put_reals(file, CXI_TRANSLATION, 2, places, t, "m");
    pp_assert_ok(pp_h5_put_array(file, CXI_SOURCE "illumination", probe));
    cxi_finish(file);
    const pp_frame_rules rules = {.storage = PP_STORE_F32};
    cxi_read_counts(&cxi_plain, &rules, &frames, &mask, NULL);
    pp_assert_ok(pp_probe_read(cxi_path, N, N, &read));
    for (int code = 0; code < 8; code++) {
        const pp_cxi_options options = {
            .swap = code & 4, .negate_row = code & 2, .negate_column = code & 1};
        pp_cxi cxi;
        pp_assert_ok(pp_cxi_open(cxi_path, &options, &cxi));
        const double off = misfit(pp_array_read(frames), pp_array_read(read), cxi.grid, COUNT);
        ck_assert_msg(code ? off > 0.05 : off < 1e-5, "code %d: misfit %g", code, off);
        pp_cxi_free(&cxi);
    }
    pp_array *all[] = {probe, read, frames, mask};
    for (int k = 0; k < 4; k++) pp_array_free(&all[k]);
}
END_TEST

START_TEST(scan_facts)
{
    const double grid[] = {0, 0, 0, 4, 3, 0, 3, 4.2};
    const pp_scan scan = pp_scan_measure(grid, 4, 16);
    ck_assert_int_eq(scan.object[0], 19);
    ck_assert_int_eq(scan.object[1], 20);
    pp_assert_near(scan.spacing, 3, 0.02);
    pp_assert_near(pp_scan_overlap(&scan, 12), 0.75, 0.01);
}
END_TEST

START_TEST(real_files)
{
    const char *star = pp_test_shared("data/siemens-star-aps.cxi");
    if (!star) return;
    pp_cxi cxi;
    pp_array *frames = NULL, *mask = NULL;
    pp_frame_facts facts;
    const pp_frame_rules rules = {0};
    pp_assert_ok(pp_cxi_open(star, &cxi_plain, &cxi));
    ck_assert(cxi.patterns == 516 && cxi.n == 128 && cxi.modes == 1);
    pp_assert_ok(pp_cxi_read(&cxi, &cxi_plain, &rules, &frames, &mask, &facts));
    ck_assert_int_eq(pp_array_dtype(frames), PP_U16);
    ck_assert_int_eq(facts.masked, 0);
    pp_array_free(&frames);
    pp_array_free(&mask);
    pp_cxi_free(&cxi);
    pp_assert_ok(
        pp_cxi_open(pp_test_shared("data/campaign-aligned/view_0007.cxi"), &cxi_plain, &cxi));
    pp_assert_near(cxi.geometry.angle * 180 / 3.14159265358979, 7 * 180 / 48.0, 1e-9);
    ck_assert(cxi.modes == 0 && cxi.patterns == 100);
    pp_cxi_free(&cxi);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {written_and_read_again,
                                  probe_of_the_uncropped_side,
                                  axes_and_signs,
                                  scan_facts,
                                  real_files,
                                  NULL};
    cxi_path = "test_cxi_view.cxi";
    return pp_test_main(pp_test_suite("cxi_view", tests));
}
