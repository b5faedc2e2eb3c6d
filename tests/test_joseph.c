/* Joseph's projector: analytic Gaussians and disk, its transpose, agreement with the Fourier projector and scikit-image, supersampling.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>
#include <stdbool.h>

#include "backend/fft.h"
#include "base/alloc.h"
#include "base/random.h"
#include "support/support.h"
#include "tomo/joseph.h"
#include "tomo/projector.h"

enum { N = 256, VIEWS = 60 };

static const double pi = 3.14159265358979323846, centre_x = 14.3, centre_y = -31.8;

static void fill_angles(double angles[VIEWS])
{
    for (int v = 0; v < VIEWS; v++) angles[v] = 0.05 + 1.9 * pi * v / VIEWS;
}

/* A Gaussian off the centre by either projector, lines [VIEWS][N]; its middle is `slip` further along x. */
static void project_gaussian(double sigma, bool fourier, double slip, float *lines)
{
    double angles[VIEWS];
    float *image;
    pp_assert_ok(PP_ALLOC(N * N, &image));
    fill_angles(angles);
    for (int i = 0; i < N * N; i++) {
        const double x = i % N - N / 2 - centre_x - slip, y = i / N - N / 2 - centre_y;
        image[i] = (float)exp(-(x * x + y * y) / (2 * sigma * sigma));
    }
    if (fourier) {
        pp_projector *projector = NULL;
        const pp_projector_setup setup = {.n = N, .views = VIEWS, .angles = angles};
        pp_fft_set_effort(PP_FFT_ESTIMATE);
        pp_assert_ok(pp_projector_create(&setup, &projector));
        pp_assert_ok(pp_projector_forward_real(projector, 1, image, lines));
        pp_projector_free(&projector);
    } else {
        const pp_joseph joseph = {.n = N, .columns = N, .views = VIEWS, .angles = angles};
        pp_joseph_forward(&joseph, 1, image, lines);
    }
    pp_free(image);
}

/* Relative error of its lines. */
static double gaussian_error(double sigma, bool fourier)
{
    double angles[VIEWS], error = 0, norm = 0;
    float *lines;
    pp_assert_ok(PP_ALLOC(VIEWS * N, &lines));
    fill_angles(angles);
    project_gaussian(sigma, fourier, 0, lines);
    for (int i = 0; i < VIEWS * N; i++) {
        const double t = angles[i / N], u = i % N - N / 2 - centre_x * cos(t) - centre_y * sin(t);
        const double truth = sigma * sqrt(2 * pi) * exp(-u * u / (2 * sigma * sigma));
        error += pow(lines[i] - truth, 2);
        norm += truth * truth;
    }
    pp_free(lines);
    return sqrt(error / norm);
}

START_TEST(gaussians)
{
    const double four = gaussian_error(4, false), eight = gaussian_error(8, false);
    pp_assert_near(four, 0, 4.5e-3);
    pp_assert_near(four / eight, 4, 0.4); /* second order */
    pp_assert_near(gaussian_error(4, true), 0, 2e-5);
}
END_TEST

static double apart(const float *a, const float *b)
{
    double error = 0, norm = 0;
    for (int i = 0; i < VIEWS * N; i++) {
        error += pow((double)a[i] - b[i], 2);
        norm += pow(b[i], 2);
    }
    return sqrt(error / norm);
}

/* Of lines (view, column) of a Gaussian of 4 pixels: radon(image, -angles in degrees, circle = True) of scikit-image 0.19.3. */
static const struct {
    int view, column;
    double value;
} radon_of_scikit_image[] = {
    {0, 137, 6.54286},  {0, 142, 9.45060},  {3, 127, 6.70132},  {3, 132, 9.35864},
    {6, 116, 5.71421},  {6, 121, 9.79926},  {9, 107, 6.69362},  {9, 112, 9.38062},
    {12, 98, 5.37586},  {12, 103, 9.88742}, {15, 93, 6.64836},  {15, 98, 9.38731},
    {18, 90, 6.78693},  {18, 95, 9.32537},  {21, 90, 6.82472},  {21, 95, 9.30786},
    {24, 93, 6.80560},  {24, 98, 9.31609},  {27, 98, 5.61580},  {27, 103, 9.84147},
    {30, 106, 5.50494}, {30, 111, 9.85714}, {33, 116, 6.07198}, {33, 121, 9.68654},
    {36, 126, 5.56712}, {36, 131, 9.83872}, {39, 136, 5.37925}, {39, 141, 9.88705},
    {42, 145, 5.34802}, {42, 150, 9.89514}, {45, 153, 6.66441}, {45, 158, 9.40280},
    {48, 157, 5.76925}, {48, 162, 9.78239}, {51, 159, 6.28170}, {51, 164, 9.57883},
    {54, 157, 5.42028}, {54, 162, 9.88011}, {57, 153, 5.99478}, {57, 158, 9.70136}};

/* Three projectors that share no code, in one frame: half a pixel of one against another would be ten times as much. */
START_TEST(three_projectors_agree)
{
    enum { SAMPLES = sizeof radon_of_scikit_image / sizeof *radon_of_scikit_image };
    float *joseph, *fourier, *slipped;
    double error[2] = {0, 0}, norm = 0;
    pp_assert_ok(PP_ALLOC(VIEWS * N, &joseph));
    pp_assert_ok(PP_ALLOC(VIEWS * N, &fourier));
    pp_assert_ok(PP_ALLOC(VIEWS * N, &slipped));
    project_gaussian(4, false, 0, joseph);
    project_gaussian(4, true, 0, fourier);
    project_gaussian(4, false, 0.5, slipped);
    pp_assert_near(apart(joseph, fourier), 0, 5e-3);
    ck_assert_double_gt(apart(slipped, fourier), 5e-2);
    for (int k = 0; k < SAMPLES; k++) {
        const int at = radon_of_scikit_image[k].view * N + radon_of_scikit_image[k].column;
        const double value = radon_of_scikit_image[k].value;
        error[0] += pow(joseph[at] - value, 2);
        error[1] += pow(fourier[at] - value, 2);
        norm += value * value;
    }
    for (int k = 0; k < 2; k++) pp_assert_near(sqrt(error[k] / norm), 0, 5e-3);
    pp_free(slipped), pp_free(fourier), pp_free(joseph);
}
END_TEST

/* Area of the disk left of x, from its middle. */
static double chord_area(double x, double radius)
{
    const double s = fmax(-radius, fmin(radius, x));
    return s * sqrt(radius * radius - s * s) + radius * radius * asin(s / radius);
}

/* A disk sampled at 8 x 8 points a pixel, as image of N pixels and as image of 2 N half pixels. */
static double disk_error(int factor, double radius)
{
    double angles[VIEWS], error = 0, norm = 0;
    const int n = N * factor, per = 16 / factor;
    double *image, *lines;
    pp_assert_ok(PP_ALLOC(n * n, &image));
    pp_assert_ok(PP_ALLOC(VIEWS * N, &lines));
    fill_angles(angles);
    for (int i = 0; i < n * n; i++) {
        for (int k = 0; k < per * per; k++) {
            const double x = (i % n - n / 2 + (k % per + 0.5) / per - 0.5) / factor,
                         y = (i / n - n / 2 + (k / per + 0.5) / per - 0.5) / factor;
            image[i] += (x * x + y * y <= radius * radius) / (double)(per * per);
        }
    }
    const pp_joseph joseph = {
        .n = n, .columns = N, .views = VIEWS, .angles = angles, .pitch = factor};
    pp_joseph_forward_f64(&joseph, 1, image, lines);
    for (int i = 0; i < VIEWS * N; i++) {
        const double u = i % N - N / 2;
        const double truth = chord_area(u + 0.5, radius) - chord_area(u - 0.5, radius);
        error += pow(lines[i] / factor - truth, 2);
        norm += truth * truth;
    }
    pp_free(lines);
    pp_free(image);
    return sqrt(error / norm);
}

START_TEST(disks)
{
    const double coarse = disk_error(1, 80), fine = disk_error(2, 80);
    pp_assert_near(coarse, 0, 2e-3);
    ck_assert_double_lt(fine, 0.7 * coarse);
    pp_assert_near(disk_error(1, 5), 0, 3e-2);
}
END_TEST

static void fill_random(double *values, float *single, int64_t count, uint64_t stream)
{
    pp_random random = pp_random_start(5, stream);
    for (int64_t i = 0; i < count; i++) {
        values[i] = pp_random_normal(&random);
        single[i] = (float)values[i];
    }
}

static double dot(const double *a, const double *b, int64_t count)
{
    double sum = 0;
    for (int64_t i = 0; i < count; i++) sum += a[i] * b[i];
    return sum;
}

static double dot_single(const float *a, const float *b, int64_t count)
{
    double sum = 0;
    for (int64_t i = 0; i < count; i++) sum += (double)a[i] * b[i];
    return sum;
}

/* More columns than pixels, a pitch, two slices. */
START_TEST(adjoint)
{
    enum { SMALL = 41, COLUMNS = 50, SLICES = 2, IMAGE = SLICES * SMALL * SMALL };
    enum { LINES = SLICES * VIEWS * COLUMNS };
    double angles[VIEWS], *u, *p, *au, *ap;
    float *u1, *p1, *au1, *ap1;
    pp_assert_ok(PP_ALLOC(2 * (IMAGE + LINES), &u));
    pp_assert_ok(PP_ALLOC(2 * (IMAGE + LINES), &u1));
    p = (ap = u + IMAGE) + IMAGE;
    au = p + LINES;
    p1 = (ap1 = u1 + IMAGE) + IMAGE;
    au1 = p1 + LINES;
    fill_angles(angles);
    const pp_joseph joseph = {
        .n = SMALL, .columns = COLUMNS, .views = VIEWS, .angles = angles, .pitch = 0.93};
    for (uint64_t seed = 0; seed < 5; seed++) {
        fill_random(u, u1, IMAGE, 2 * seed);
        fill_random(p, p1, LINES, 2 * seed + 1);
        pp_joseph_forward_f64(&joseph, SLICES, u, au);
        pp_joseph_adjoint_f64(&joseph, SLICES, p, ap);
        pp_joseph_forward(&joseph, SLICES, u1, au1);
        pp_joseph_adjoint(&joseph, SLICES, p1, ap1);
        const double size = sqrt(dot(au, au, LINES) * dot(p, p, LINES));
        pp_assert_near(dot(au, p, LINES) / size, dot(u, ap, IMAGE) / size, 1e-13);
        pp_assert_near(dot_single(au1, p1, LINES) / size, dot_single(u1, ap1, IMAGE) / size, 1e-6);
    }
    pp_free(u1);
    pp_free(u);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {gaussians, three_projectors_agree, disks, adjoint, NULL};
    return pp_test_main(pp_test_suite("joseph", tests));
}
