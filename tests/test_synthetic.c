/* A simulated view: written, read back by the reader of all CXI files; the parameters decide alone.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "backend/fft.h"
#include "base/alloc.h"
#include "base/file.h"
#include "io/cxi.h"
#include "io/synthetic.h"
#include "support/campaign.h"
#include "support/support.h"

START_TEST(a_view_is_read_back_as_it_was_made)
{
    pp_synthetic p = small_campaign("/tmp");
    char folder[64];
    (void)snprintf(folder, sizeof folder, "/tmp/test_synthetic_%ld", (long)getpid());
    p.directory = folder;
    pp_specimen *specimen;
    pp_c32 *probe;
    char *path;
    pp_assert_ok(pp_file_make_folders(folder));
    pp_assert_ok(pp_synthetic_specimen(&p, &specimen));
    pp_assert_ok(pp_synthetic_probe(&p, &probe));
    pp_assert_ok(pp_synthetic_make_view(&p, specimen, probe, 3, 2));
    pp_assert_ok(pp_synthetic_path(&p, 3, &path));
    const pp_cxi_options options = {0};
    const pp_frame_rules rules = {0};
    pp_cxi cxi;
    pp_array *frames, *mask;
    double *real;
    int64_t count;
    pp_assert_ok(pp_cxi_open(path, &options, &cxi));
    pp_assert_ok(pp_cxi_read(&cxi, &options, &rules, &frames, &mask, NULL));
    pp_assert_ok(pp_synthetic_positions(&p, 3, &real, NULL, &count));
    ck_assert_int_eq(cxi.patterns, count);
    ck_assert_int_eq(cxi.n, 32);
    pp_assert_near(cxi.geometry.angle, 3 * 3.141592653589793 / 4, 1e-9);
    pp_assert_near(cxi.geometry.pixel_size[0] / pp_synthetic_optics_of(&p).pixel_size, 1, 1e-9);
    for (int64_t k = 0; k < 2 * count; k++) pp_assert_near(cxi.grid[k], real[k], 1e-6);
    const uint16_t *counts = pp_array_read(frames);
    const uint8_t *good = pp_array_read(mask);
    double sum = 0;
    int64_t bad = 0;
    for (int64_t i = 0; i < 1024; i++) bad += !good[i];
    for (int64_t i = 0; i < pp_array_count(frames); i++) sum += counts[i];
    ck_assert_int_eq(bad, 2 * 32);
    ck_assert(sum / (double)count > 5e4 && sum / (double)count < 1.02e5);
    pp_free(real);
    pp_array_free(&frames);
    pp_array_free(&mask);
    pp_cxi_free(&cxi);
    (void)unlink(path);
    (void)rmdir(folder);
    pp_free(path);
    pp_free(probe);
    pp_specimen_free(&specimen);
}
END_TEST

/* The bright-field cone of the zone plate covers the detector's frequencies up to 0.16, the stop a third of it. */
START_TEST(auto_optics_fit_the_detector)
{
    pp_synthetic p = small_campaign("/tmp");
    for (int64_t n = 32; n <= 256; n *= 2) {
        p.detector_size = n;
        const pp_synthetic_optics o = pp_synthetic_optics_of(&p);
        pp_c32 *probe;
        pp_assert_ok(pp_synthetic_probe(&p, &probe));
        const double width = pp_probe_width(&o.grid, probe) / (o.pixel_size * (double)n);
        ck_assert_msg(width > 0.25 && width < 0.65, "n = %d: width %g", (int)n, width);
        pp_free(probe);
    }
}
END_TEST

START_TEST(largest_phase_is_reached)
{
    pp_synthetic p = small_campaign("/tmp");
    for (int phantom = PP_PHANTOM_BALLS; phantom <= PP_PHANTOM_SIEMENS_STAR; phantom++) {
        p.phantom = phantom;
        pp_specimen *specimen;
        double peak;
        pp_assert_ok(pp_synthetic_specimen(&p, &specimen));
        pp_assert_ok(pp_specimen_peak(specimen, 32, 32, 8, &peak));
        const pp_synthetic_optics o = pp_synthetic_optics_of(&p);
        pp_assert_near(peak * 6.283185307179586 * o.pixel_size / o.wavelength, 1.5, 1e-5);
        pp_specimen_free(&specimen);
    }
}
END_TEST

START_TEST(angles_and_errors_are_as_asked)
{
    pp_synthetic p = small_campaign("/tmp");
    p.position_error = 0.5;
    p.misalignment = 3;
    p.views = 40;
    pp_assert_near(pp_synthetic_angle(&p, 10), 3.141592653589793 / 4, 1e-12);
    p.angle_order = PP_ANGLES_GOLDEN;
    for (int64_t k = 0; k < 40; k++) {
        double shift[2], *real, *recorded, square = 0;
        int64_t count;
        const double angle = pp_synthetic_angle(&p, k);
        ck_assert(angle >= 0 && angle < 3.1416);
        pp_synthetic_shift(&p, k, shift);
        ck_assert(fabs(shift[0]) <= 3 && fabs(shift[1]) <= 3 && shift[0] != shift[1]);
        pp_assert_ok(pp_synthetic_positions(&p, k, &real, &recorded, &count));
        for (int64_t j = 0; j < 2 * count; j++)
            square += (real[j] - recorded[j]) * (real[j] - recorded[j]);
        pp_assert_near(sqrt(square / (double)(2 * count)), 0.5, 0.15);
        pp_free(real);
        pp_free(recorded);
    }
}
END_TEST

int main(void)
{
    pp_fft_set_effort(PP_FFT_ESTIMATE);
    return pp_test_main(pp_test_suite(
        "synthetic",
        (const TTest *const[]){a_view_is_read_back_as_it_was_made, auto_optics_fit_the_detector,
                               largest_phase_is_reached, angles_and_errors_are_as_asked, NULL}));
}
