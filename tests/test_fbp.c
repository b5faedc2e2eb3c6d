/* Filtered back-projection against disks and Gaussians: scale, error as scikit-image's, axis, handedness, irregular angles.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "backend/fft.h"
#include "base/alloc.h"
#include "base/random.h"
#include "support/support.h"
#include "tomo/fbp.h"

static const double pi = 3.14159265358979323846;

static pp_projector *make(int64_t n, int64_t views, const double *angles, double axis)
{
    pp_projector *projector = NULL;
    const pp_projector_setup setup = {
        .n = n, .views = views, .angles = angles, .axis = axis, .threads = 2};
    pp_fft_set_effort(PP_FFT_ESTIMATE);
    pp_assert_ok(pp_projector_create(&setup, &projector));
    return projector;
}

static pp_fbp *make_fbp(const pp_projector *projector, pp_filter filter, bool band_limited,
                        bool derivative)
{
    pp_fbp *fbp = NULL;
    const pp_fbp_setup setup = {
        .filter = filter, .band_limited = band_limited, .derivative = derivative};
    pp_assert_ok(pp_fbp_create(projector, &setup, &fbp));
    return fbp;
}

/* ---- a disk of radius 80 in 256 x 256: lines averaged over the pixel, as a detector does ---- */

enum { N = 256, RADIUS = 80 };

static double chord_area(double x)
{
    const double r = RADIUS, s = fmax(-r, fmin(r, x));
    return s * sqrt(r * r - s * s) + r * r * asin(s / r);
}

static float disk_pixel(int64_t x, int64_t y)
{
    int inside = 0;
    for (int i = 0; i < 64; i++) {
        const double px = (double)x + (i % 8 + 0.5) / 8 - 0.5,
                     py = (double)y + (i / 8 + 0.5) / 8 - 0.5;
        inside += px * px + py * py <= RADIUS * RADIUS;
    }
    return (float)inside / 64;
}

typedef struct quality {
    double error, mean;
} quality;

/* Relative error in the circle of radius 127 and mean within 74 pixels of the centre. */
static quality disk_quality(const float *found)
{
    double error = 0, norm = 0, sum = 0, count = 0;
    for (int64_t i = 0; i < N * N; i++) {
        const int64_t x = i % N - N / 2, y = i / N - N / 2, r2 = x * x + y * y;
        if (r2 > (N / 2 - 1) * (N / 2 - 1)) continue;
        const double truth = disk_pixel(x, y);
        error += pow(found[i] - truth, 2);
        norm += truth * truth;
        if (r2 > (RADIUS - 6) * (RADIUS - 6)) continue;
        sum += found[i];
        count++;
    }
    return (quality){sqrt(error / norm), sum / count};
}

static quality reconstruct_disk(int64_t views, bool band_limited)
{
    double *angles;
    float *lines, *volume;
    pp_assert_ok(PP_ALLOC(views, &angles));
    pp_assert_ok(PP_ALLOC(views * N, &lines));
    pp_assert_ok(PP_ALLOC(N * N, &volume));
    for (int64_t v = 0; v < views; v++) angles[v] = pi * (double)v / (double)views;
    for (int64_t i = 0; i < views * N; i++) {
        const double u = (double)(i % N - N / 2);
        lines[i] = (float)(chord_area(u + 0.5) - chord_area(u - 0.5));
    }
    pp_projector *projector = make(N, views, angles, 0);
    pp_fbp *fbp = make_fbp(projector, PP_FILTER_RAMP, band_limited, false);
    pp_assert_ok(pp_fbp_run_real(fbp, 1, lines, volume));
    const quality out = disk_quality(volume);
    pp_fbp_free(&fbp);
    pp_projector_free(&projector);
    pp_free(volume);
    pp_free(lines);
    pp_free(angles);
    return out;
}

/* scikit-image 0.19.3, iradon(lines, filter_name='ramp', circle=True) on the same lines, same circles. */
START_TEST(disks_as_scikit_image)
{
    static const struct {
        int64_t views;
        double error, mean;
    } theirs[] = {{45, 0.09415, 1.0000087},
                  {90, 0.04032, 1.0000087},
                  {180, 0.02392, 1.0000085},
                  {400, 0.02273, 1.0000085}};
    for (int i = 0; i < 4; i++) {
        const quality ours = reconstruct_disk(theirs[i].views, false);
        ck_assert_msg(ours.error <= 1.1 * theirs[i].error, "%d views: error %.5f, theirs %.5f",
                      (int)theirs[i].views, ours.error, theirs[i].error);
        pp_assert_near(ours.mean, theirs[i].mean, 2e-4);
    }
    const quality sharp = reconstruct_disk(400, true);
    ck_assert_double_le(sharp.error, 0.9 * theirs[3].error);
    pp_assert_near(sharp.mean, 1, 2e-4);
}
END_TEST

/* ---- Gaussians: two slices of an asymmetric object ---- */

enum { SIZE = 96, SLICES = 3, IMAGE = SIZE * SIZE };

static double blob_value(int64_t slice, double x, double y)
{
    const double gain = (double)(slice + 1);
    return gain * (exp(-(pow(x - 20, 2) + pow(y - 6, 2)) / (2 * 16)) +
                   0.5 * exp(-(pow(x + 8, 2) + pow(y + 25, 2)) / (2 * 25)));
}

static double blob_line(int64_t slice, double u, double angle)
{
    const double gain = (double)(slice + 1) * sqrt(2 * pi), c = cos(angle), s = sin(angle);
    return gain * (4 * exp(-pow(u - 20 * c - 6 * s, 2) / (2 * 16)) +
                   0.5 * 5 * exp(-pow(u + 8 * c + 25 * s, 2) / (2 * 25)));
}

typedef struct setting {
    int64_t views;
    const double *angles;
    double true_axis, assumed_axis;
    bool derivative, mirrored;
} setting;

static void blob_lines(const setting *trial, bool complex_too, float *lines, pp_c32 *both)
{
    for (int64_t i = 0; i < SLICES * trial->views * SIZE; i++) {
        const int64_t slice = i / (trial->views * SIZE), view = i / SIZE % trial->views;
        const double u = (double)(i % SIZE - SIZE / 2) - trial->true_axis,
                     angle = trial->mirrored ? -trial->angles[view] : trial->angles[view];
        const double step = 1e-4, slope = (blob_line(slice, u + step, angle) -
                                           blob_line(slice, u - step, angle)) /
                                          (2 * step);
        lines[i] = (float)(trial->derivative ? slope : blob_line(slice, u, angle));
        if (complex_too) both[i] = (pp_c32){lines[i], -3 * lines[i]};
    }
}

static double blob_error(const float *volume, bool without_mean)
{
    double error = 0, norm = 0, offset = 0;
    const double r2 = pow(SIZE / 2 - 1, 2);
    double count = 0;
    for (int pass = without_mean ? 0 : 1; pass < 2; pass++) {
        for (int64_t i = 0; i < SLICES * IMAGE; i++) {
            const double x = (double)(i % SIZE - SIZE / 2),
                         y = (double)(i / SIZE % SIZE - SIZE / 2);
            if (x * x + y * y > r2) continue;
            const double truth = blob_value(i / IMAGE, x, y), gap = volume[i] - truth;
            if (pass == 0) offset += gap;
            count++;
            if (pass == 0) continue;
            error += pow(gap - offset, 2);
            norm += truth * truth;
        }
        if (pass == 0) offset /= count;
    }
    return sqrt(error / norm);
}

static double reconstruct_blobs(setting trial)
{
    const int64_t count = SLICES * trial.views * SIZE;
    float *lines, *volume;
    pp_c32 *both, *complex_volume;
    pp_assert_ok(PP_ALLOC(count, &lines));
    pp_assert_ok(PP_ALLOC(count, &both));
    pp_assert_ok(PP_ALLOC(SLICES * IMAGE, &volume));
    pp_assert_ok(PP_ALLOC(SLICES * IMAGE, &complex_volume));
    blob_lines(&trial, true, lines, both);
    pp_projector *projector = make(SIZE, trial.views, trial.angles, trial.assumed_axis);
    pp_fbp *fbp = make_fbp(projector, PP_FILTER_RAMP, true, trial.derivative);
    pp_assert_ok(pp_fbp_run_real(fbp, SLICES, lines, volume));
    pp_assert_ok(pp_fbp_run(fbp, SLICES, both, complex_volume));
    for (int64_t i = 0; i < SLICES * IMAGE; i++) {
        pp_assert_near(complex_volume[i].re, volume[i], 2e-5);
        pp_assert_near(complex_volume[i].im, -3 * volume[i], 6e-5);
    }
    const double error = blob_error(volume, false);
    pp_fbp_free(&fbp);
    pp_projector_free(&projector);
    pp_free(complex_volume);
    pp_free(volume);
    pp_free(both);
    pp_free(lines);
    return error;
}

static double *regular(int64_t views, double span)
{
    double *angles;
    pp_assert_ok(PP_ALLOC(views, &angles));
    for (int64_t v = 0; v < views; v++) angles[v] = 0.1 + span * (double)v / (double)views;
    return angles;
}

START_TEST(gaussians_axis_and_handedness)
{
    double *angles = regular(160, pi);
    pp_assert_near(reconstruct_blobs((setting){160, angles, 0, 0, false, false}), 0, 2e-3);
    pp_assert_near(reconstruct_blobs((setting){160, angles, 1.3, 1.3, false, false}), 0, 2e-3);
    ck_assert_double_gt(reconstruct_blobs((setting){160, angles, 0, 0.5, false, false}), 5e-2);
    ck_assert_double_gt(reconstruct_blobs((setting){160, angles, 0, 0, false, true}), 1);
    pp_free(angles);
}
END_TEST

START_TEST(other_angles)
{
    double *full = regular(200, 2 * pi), *irregular = regular(300, pi);
    pp_random random = pp_random_start(3, 0);
    pp_assert_near(reconstruct_blobs((setting){200, full, 0, 0, false, false}), 0, 2e-3);
    for (int v = 0; v < 300; v++) {
        irregular[v] += pi / 300 * (pp_random_uniform(&random) - 0.5) + pi * (v % 3);
    }
    for (int v = 0; v < 150; v++) { /* any order */
        const double angle = irregular[v];
        irregular[v] = irregular[299 - v];
        irregular[299 - v] = angle;
    }
    pp_assert_near(reconstruct_blobs((setting){300, irregular, 0, 0, false, false}), 0, 5e-3);
    pp_free(irregular);
    pp_free(full);
}
END_TEST

START_TEST(derivative_lines)
{
    double *angles = regular(160, pi);
    pp_assert_near(reconstruct_blobs((setting){160, angles, 0, 0, true, false}), 0, 1e-2);
    pp_free(angles);
}
END_TEST

START_TEST(weights)
{
    double found[8];
    const double even[4] = {0, pi / 4, pi / 2, 3 * pi / 4}, twice[4] = {0, pi / 2, pi, -pi / 2},
                 uneven[3] = {0, pi / 2, 3 * pi / 4};
    pp_assert_ok(pp_angle_weights(4, even, found));
    for (int i = 0; i < 4; i++) pp_assert_near(found[i], pi / 4, 1e-12);
    pp_assert_ok(pp_angle_weights(4, twice, found));
    for (int i = 0; i < 4; i++) pp_assert_near(found[i], pi / 4, 1e-12);
    pp_assert_ok(pp_angle_weights(3, uneven, found));
    pp_assert_near(found[0], 3 * pi / 8, 1e-12);
    pp_assert_near(found[2], pi / 4, 1e-12);
    pp_assert_ok(pp_angle_weights(1, even, found));
    pp_assert_near(found[0], pi, 1e-12);
    double wedge[120], of_wedge[120]; /* 120 degrees of 180 */
    for (int i = 0; i < 120; i++) wedge[i] = i * pi / 180;
    pp_assert_ok(pp_angle_weights(120, wedge, of_wedge));
    for (int i = 0; i < 120; i++) pp_assert_near(of_wedge[i], pi / 180, 1e-12);
}
END_TEST

/* Windows only damp: the mean stays, the peak shrinks in their order. */
START_TEST(windows)
{
    double *angles = regular(90, pi);
    float *lines, *volume;
    pp_assert_ok(PP_ALLOC(SLICES * 90 * SIZE, &lines));
    pp_assert_ok(PP_ALLOC(SLICES * IMAGE, &volume));
    const setting trial = {90, angles, 0, 0, false, false};
    blob_lines(&trial, false, lines, NULL);
    pp_projector *projector = make(SIZE, 90, angles, 0);
    float last = 2;
    for (pp_filter filter = PP_FILTER_RAMP; filter <= PP_FILTER_HANN; filter++) {
        pp_fbp *fbp = make_fbp(projector, filter, true, false);
        pp_assert_ok(pp_fbp_run_real(fbp, SLICES, lines, volume));
        const float peak = volume[(SIZE / 2 + 6) * SIZE + SIZE / 2 + 20];
        ck_assert_msg(peak < last && peak > 0.9f, "filter %d: peak %g after %g", (int)filter,
                      (double)peak, (double)last);
        last = peak;
        pp_fbp_free(&fbp);
    }
    pp_fbp *fbp = NULL;
    const pp_fbp_setup wrong = {.cutoff = 1.5};
    ck_assert_int_eq(pp_fbp_create(projector, &wrong, &fbp), PP_ERR_CONFIG);
    pp_projector_free(&projector);
    pp_free(volume);
    pp_free(lines);
    pp_free(angles);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {disks_as_scikit_image,
                                  gaussians_axis_and_handedness,
                                  other_angles,
                                  derivative_lines,
                                  weights,
                                  windows,
                                  NULL};
    return pp_test_main(pp_test_suite("fbp", tests));
}
