// TIMEOUT 120
/* The Fourier projector against analytic Gaussians and direct sums, its transpose, shifts, real slices, thread counts.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "backend/fft.h"
#include "base/alloc.h"
#include "base/random.h"
#include "support/support.h"
#include "tomo/projector.h"

static const double pi = 3.14159265358979323846;

typedef struct blob {
    double amplitude, x, y, sigma;
} blob;

static const blob blobs[] = {{1, 5.3, -20.2, 4}, {-0.6, -30.7, 11.1, 6}, {0.8, 0, 0.5, 8}};
enum { BLOBS = sizeof blobs / sizeof *blobs };

static double blob_image(double x, double y)
{
    double sum = 0;
    for (int i = 0; i < BLOBS; i++) {
        const blob *b = &blobs[i];
        const double r2 = (x - b->x) * (x - b->x) + (y - b->y) * (y - b->y);
        sum += b->amplitude * exp(-r2 / (2 * b->sigma * b->sigma));
    }
    return sum;
}

static double blob_line(double u, double angle)
{
    double sum = 0;
    for (int i = 0; i < BLOBS; i++) {
        const blob *b = &blobs[i];
        const double s = u - b->x * cos(angle) - b->y * sin(angle);
        sum += b->amplitude * b->sigma * sqrt(2 * pi) * exp(-s * s / (2 * b->sigma * b->sigma));
    }
    return sum;
}

static double *make_angles(int64_t views, bool irregular)
{
    double *angles;
    pp_random random = pp_random_start(7, 0);
    pp_assert_ok(PP_ALLOC(views, &angles));
    for (int64_t v = 0; v < views; v++) {
        angles[v] =
            irregular ? 10 * pp_random_uniform(&random) - 5 : pi * (double)v / (double)views;
    }
    return angles;
}

static pp_projector *make(int64_t n, int64_t views, const double *angles, double oversampling,
                          int threads)
{
    pp_projector *projector = NULL;
    const pp_projector_setup setup = {
        .n = n, .views = views, .angles = angles, .oversampling = oversampling, .threads = threads};
    pp_fft_set_effort(PP_FFT_ESTIMATE);
    pp_assert_ok(pp_projector_create(&setup, &projector));
    return projector;
}

/* Two different slices, so that a mixed-up lane shows: the second is twice the first. */
static double gaussian_error(int64_t n, double oversampling, bool irregular)
{
    enum { VIEWS = 45 };
    double *angles = make_angles(VIEWS, irregular), error = 0, norm = 0;
    float *image, *lines;
    pp_assert_ok(PP_ALLOC(2 * n * n, &image));
    pp_assert_ok(PP_ALLOC(2 * VIEWS * n, &lines));
    for (int64_t i = 0; i < n * n; i++) {
        image[i] = (float)blob_image((double)(i % n - n / 2), (double)(i / n - n / 2));
        image[n * n + i] = 2 * image[i];
    }
    pp_projector *projector = make(n, VIEWS, angles, oversampling, 2);
    pp_assert_ok(pp_projector_forward_real(projector, 2, image, lines));
    for (int64_t i = 0; i < 2 * VIEWS * n; i++) {
        const double gain = i < VIEWS * n ? 1 : 2;
        const double truth = gain * blob_line((double)(i % n - n / 2), angles[i / n % VIEWS]);
        error += pow(lines[i] - truth, 2);
        norm += truth * truth;
    }
    pp_projector_free(&projector);
    pp_free(lines);
    pp_free(image);
    pp_free(angles);
    return sqrt(error / norm);
}

START_TEST(gaussians)
{
    pp_assert_near(gaussian_error(128, 2, false), 0, 2e-5);
    pp_assert_near(gaussian_error(128, 2, true), 0, 2e-5);
    pp_assert_near(gaussian_error(125, 2, true), 0, 2e-5);
    pp_assert_near(gaussian_error(128, 1.5, false), 0, 1e-4);
}
END_TEST

/* n samples of the spectrum on a radial line, by its definition; the Nyquist sample is the mean of both ends. */
static void direct_line(int64_t n, const pp_c32 *image, double angle, double shift, pp_c64 *line)
{
    memset(line, 0, (size_t)n * sizeof *line);
    for (int64_t k = -(n / 2); k <= n / 2; k++) {
        const double weight = 2 * k == n || 2 * k == -n ? 0.5 / (double)n : 1.0 / (double)n;
        pp_c64 sum = {0, 0};
        for (int64_t i = 0; i < n * n; i++) {
            const double x = (double)(i % n - n / 2), y = (double)(i / n - n / 2);
            const double phase =
                -2 * pi * (double)k / (double)n * (x * cos(angle) + y * sin(angle));
            sum.re += image[i].re * cos(phase) - image[i].im * sin(phase);
            sum.im += image[i].re * sin(phase) + image[i].im * cos(phase);
        }
        for (int64_t u = 0; u < n; u++) {
            const double phase = 2 * pi * (double)k / (double)n * ((double)(u - n / 2) - shift);
            line[u].re += weight * (sum.re * cos(phase) - sum.im * sin(phase));
            line[u].im += weight * (sum.re * sin(phase) + sum.im * cos(phase));
        }
    }
}

static void fill_random(pp_c32 *data, int64_t count, uint64_t stream)
{
    pp_random random = pp_random_start(11, stream);
    for (int64_t i = 0; i < count; i++) {
        data[i] = (pp_c32){(float)pp_random_normal(&random), (float)pp_random_normal(&random)};
    }
}

static void check_direct(int64_t n)
{
    enum { VIEWS = 7, SLICES = 6 };
    const double shifts[VIEWS] = {0.3, -1.7, 0, 2.25, 0.5, -0.5, 1}, axis = 0.4;
    double *angles = make_angles(VIEWS, true), error = 0, norm = 0;
    pp_c32 *image, *lines;
    pp_c64 *line;
    pp_assert_ok(PP_ALLOC(SLICES * n * n, &image));
    pp_assert_ok(PP_ALLOC(SLICES * VIEWS * n, &lines));
    pp_assert_ok(PP_ALLOC(n, &line));
    fill_random(image, SLICES * n * n, 1);
    pp_projector *projector = make(n, VIEWS, angles, 0, 2);
    pp_projector_set_shifts(projector, shifts, axis);
    pp_assert_ok(pp_projector_forward(projector, SLICES, image, lines));
    for (int64_t slice = 0; slice < SLICES; slice += SLICES - 1) {
        for (int64_t view = 0; view < VIEWS; view++) {
            direct_line(n, image + slice * n * n, angles[view], shifts[view] + axis, line);
            for (int64_t u = 0; u < n; u++) {
                const pp_c32 found = lines[(slice * VIEWS + view) * n + u];
                error += pow(found.re - line[u].re, 2) + pow(found.im - line[u].im, 2);
                norm += pow(line[u].re, 2) + pow(line[u].im, 2);
            }
        }
    }
    pp_assert_near(sqrt(error / norm), 0, 2e-5);
    pp_projector_free(&projector);
    pp_free(line);
    pp_free(lines);
    pp_free(image);
    pp_free(angles);
}

START_TEST(direct_sums)
{
    check_direct(32);
    check_direct(27);
}
END_TEST

typedef struct product {
    double re, im, norm_a, norm_b;
} product;

/* <a, b> with a conjugated. */
static product inner(const pp_c32 *a, const pp_c32 *b, int64_t count)
{
    product out = {0};
    for (int64_t i = 0; i < count; i++) {
        out.re += (double)a[i].re * b[i].re + (double)a[i].im * b[i].im;
        out.im += (double)a[i].re * b[i].im - (double)a[i].im * b[i].re;
        out.norm_a += (double)a[i].re * a[i].re + (double)a[i].im * a[i].im;
        out.norm_b += (double)b[i].re * b[i].re + (double)b[i].im * b[i].im;
    }
    return out;
}

static double adjoint_gap(int64_t n, double oversampling, uint64_t seed)
{
    enum { VIEWS = 60, SLICES = 5 };
    double *angles = make_angles(VIEWS, true);
    pp_c32 *u, *p, *ru, *rp;
    pp_assert_ok(PP_ALLOC(SLICES * n * n, &u));
    pp_assert_ok(PP_ALLOC(SLICES * n * n, &rp));
    pp_assert_ok(PP_ALLOC(SLICES * VIEWS * n, &p));
    pp_assert_ok(PP_ALLOC(SLICES * VIEWS * n, &ru));
    fill_random(u, SLICES * n * n, 2 * seed);
    fill_random(p, SLICES * VIEWS * n, 2 * seed + 1);
    pp_projector *projector = make(n, VIEWS, angles, oversampling, 2);
    pp_projector_set_shifts(projector, angles, 0.7);
    pp_assert_ok(pp_projector_forward(projector, SLICES, u, ru));
    pp_assert_ok(pp_projector_adjoint(projector, SLICES, p, rp));
    const product left = inner(ru, p, SLICES * VIEWS * n), right = inner(u, rp, SLICES * n * n);
    pp_projector_free(&projector);
    pp_free(ru);
    pp_free(p);
    pp_free(rp);
    pp_free(u);
    pp_free(angles);
    return hypot(left.re - right.re, left.im - right.im) / sqrt(left.norm_a * left.norm_b);
}

START_TEST(adjoint)
{
    for (uint64_t seed = 0; seed < 5; seed++) {
        pp_assert_near(adjoint_gap(64, 2, seed), 0, 1e-6);
        pp_assert_near(adjoint_gap(51, 1.5, seed), 0, 1e-6);
    }
}
END_TEST

/* Real slices agree with the same slices as complex ones, both ways; the same bits from 1 and 3 threads. */
START_TEST(real_slices_and_threads)
{
    enum { N = 48, VIEWS = 20, SLICES = 19, IMAGE = N * N, LINES = VIEWS * N };
    double *angles = make_angles(VIEWS, true), error = 0, norm = 0;
    pp_c32 *image, *lines, *back;
    float *real_image, *real_lines, *again;
    pp_assert_ok(PP_ALLOC(SLICES * IMAGE, &image));
    pp_assert_ok(PP_ALLOC(SLICES * LINES, &lines));
    pp_assert_ok(PP_ALLOC(SLICES * IMAGE, &back));
    pp_assert_ok(PP_ALLOC(SLICES * IMAGE, &real_image));
    pp_assert_ok(PP_ALLOC(SLICES * LINES, &real_lines));
    pp_assert_ok(PP_ALLOC(SLICES * LINES, &again));
    fill_random(image, SLICES * IMAGE, 3);
    for (int64_t i = 0; i < SLICES * IMAGE; i++) {
        image[i].im = 0;
        real_image[i] = image[i].re;
    }
    pp_projector *one = make(N, VIEWS, angles, 2, 1), *three = make(N, VIEWS, angles, 2, 3);
    pp_assert_ok(pp_projector_forward(one, SLICES, image, lines));
    pp_assert_ok(pp_projector_forward_real(one, SLICES, real_image, real_lines));
    pp_assert_ok(pp_projector_forward_real(three, SLICES, real_image, again));
    ck_assert_int_eq(memcmp(again, real_lines, SLICES * LINES * sizeof *again), 0);
    for (int64_t i = 0; i < SLICES * LINES; i++) {
        error += pow(real_lines[i] - lines[i].re, 2) + pow(lines[i].im, 2);
        norm += pow(real_lines[i], 2);
    }
    pp_assert_near(sqrt(error / norm), 0, 1e-6);
    pp_assert_ok(pp_projector_adjoint(one, SLICES, lines, back));
    pp_assert_ok(pp_projector_adjoint_real(three, SLICES, real_lines, real_image));
    error = norm = 0;
    for (int64_t i = 0; i < SLICES * IMAGE; i++) {
        error += pow(real_image[i] - back[i].re, 2);
        norm += pow(real_image[i], 2);
    }
    pp_assert_near(sqrt(error / norm), 0, 1e-6);
    pp_projector_free(&three);
    pp_projector_free(&one);
    pp_free(again);
    pp_free(real_lines);
    pp_free(real_image);
    pp_free(back);
    pp_free(lines);
    pp_free(image);
    pp_free(angles);
}
END_TEST

START_TEST(wrong_setups)
{
    pp_projector *projector = NULL;
    const double angle = 0;
    pp_projector_setup setup = {.n = 2, .views = 1, .angles = &angle};
    ck_assert_int_eq(pp_projector_create(&setup, &projector), PP_ERR_CONFIG);
    setup.n = 16;
    for (int64_t n = 1; n < 12; n++) {
        pp_alloc_fail_after(n);
        if (pp_projector_create(&setup, &projector) == PP_OK) pp_projector_free(&projector);
    }
    pp_alloc_fail_after(0);
    ck_assert_ptr_null(projector);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {gaussians,    direct_sums, adjoint, real_slices_and_threads,
                                  wrong_setups, NULL};
    return pp_test_main(pp_test_suite("projector", tests));
}
