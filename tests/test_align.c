/* Alignment's parts: fields, ramps, shifts, mass, centre of mass, registration.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/random.h"
#include "support/blobs.h"
#include "support/support.h"
#include "tomo/centre.h"
#include "tomo/correlation.h"
#include "tomo/mass.h"
#include "tomo/ramp.h"
#include "tomo/register.h"
#include "tomo/resample.h"
#include "tomo/stack.h"

static const double pi = 3.14159265358979323846;

/* ---- fields ---- */

static void check_box(pp_grid_box a, pp_grid_box b)
{
    ck_assert_msg(a.y0 == b.y0 && a.x0 == b.x0 && a.y1 == b.y1 && a.x1 == b.x1,
                  "[%lld, %lld) x [%lld, %lld), not [%lld, %lld) x [%lld, %lld)", (long long)a.y0,
                  (long long)a.y1, (long long)a.x0, (long long)a.x1, (long long)b.y0,
                  (long long)b.y1, (long long)b.x0, (long long)b.x1);
}

START_TEST(field_is_scanned_and_lit)
{
    enum { h = 30, w = 40 };
    static float light[h * w];
    static pp_c32 object[h * w];
    memset(light, 0, sizeof light);
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++) light[y * w + x] = x < 8 ? 0.049F : 1;
    light[10 * w + 20] = 0; /* a dark spot inside does not matter */
    const double positions[] = {-9.7, -20.2, 12.9, 9.5, 3, 3};
    const pp_lit_object view = {{h, w}, {12, 25}, object, light, positions, 3};
    pp_grid_box box;
    pp_assert_ok(pp_view_field(&view, &box));
    check_box(box, (pp_grid_box){-9, 8 - 25, 13, 10});
    const pp_lit_object dark = {{h, w}, {12, 25}, object, light, positions, 0};
    ck_assert_int_eq(pp_view_field(&dark, &box), PP_ERR_DATA);
}
END_TEST

START_TEST(common_field_and_centre)
{
    pp_grid_box box;
    int64_t centre[2];
    const pp_grid_box fields[] = {{-36, -37, 37, 36}, {-35, -36, 36, 38}};
    pp_assert_ok(pp_common_field(fields, 2, &box, centre));
    check_box(box, (pp_grid_box){-35, -36, 36, 36});
    ck_assert(centre[0] == 0 && centre[1] == 0);
    const pp_grid_box far[] = {{100, -40, 161, 23}}; /* rows do not hold 0 */
    pp_assert_ok(pp_common_field(far, 1, &box, centre));
    ck_assert(centre[0] == 130 && centre[1] == -9);
    const pp_grid_box side[] = {{-50, -10, 50, 31}}; /* less than a quarter on the left */
    pp_assert_ok(pp_common_field(side, 1, &box, centre));
    ck_assert(centre[0] == 0 && centre[1] == 10);
    const pp_grid_box apart[] = {{0, 0, 10, 10}, {20, 0, 30, 10}};
    ck_assert_int_eq(pp_common_field(apart, 2, &box, centre), PP_ERR_DATA);
}
END_TEST

START_TEST(stack_is_even_about_its_centre)
{
    const int64_t centre[2] = {0, 0};
    const double shifts[] = {0.4, -1.2, -0.3, 2.5};
    pp_grid_box box;
    pp_assert_ok(pp_stack_box((pp_grid_box){-35, -36, 36, 36}, centre, NULL, 2, &box));
    check_box(box, (pp_grid_box){-35, -36, 35, 36});
    pp_assert_ok(pp_stack_box((pp_grid_box){-35, -36, 36, 36}, centre, shifts, 2, &box));
    check_box(box, (pp_grid_box){-34, -33, 34, 33});
    const double large[] = {0, 20};
    pp_assert_ok(pp_stack_box((pp_grid_box){-36, -36, 36, 36}, centre, large, 1, &box));
    check_box(box, (pp_grid_box){-36, -32, 36, 32});
}
END_TEST

START_TEST(bad_views_stand_out)
{
    const double errors[] = {0.010, 0.0101, NAN, 0.0099, 0.02, 0.0102, 0.0098, 0.0104};
    uint8_t bad[8];
    int64_t count;
    double limit;
    pp_assert_ok(pp_bad_views(8, errors, bad, &count, &limit));
    ck_assert(count == 1 && bad[4] && !bad[7] && !bad[2]);
    pp_assert_near(limit, 0.0101 + 5 * 0.1 * 0.0101, 1e-9);
}
END_TEST

/* ---- ramps ---- */

enum { ry = 72, rx = 73 };
static float phase[ry * rx], weight[ry * rx];
static pp_c32 psi[ry * rx];

/* Blobs with a plane, a modulus and noise; weights fall to the edge. */
static void planted(double noise, pp_plane plane)
{
    const pp_blobs b = pp_blobs_make(4, 14, 4);
    pp_blobs_project(&b, 0.7, (double[]){0, 0}, ry, rx, phase);
    pp_add_noise(3, 9, noise, ry * rx, phase);
    for (int i = 0; i < ry * rx; i++) {
        const double y = i / rx - ry / 2, x = i % rx - rx / 2;
        const double a = phase[i] + plane.c + plane.ky * y + plane.kx * x;
        weight[i] = (float)(1 - 0.8 * fabs(x) / rx);
        psi[i] = (pp_c32){(float)(plane.modulus * cos(a)), (float)(plane.modulus * sin(a))};
    }
}

START_TEST(plane_is_found_in_the_air)
{
    static const double slopes[][2] = {
        {0.01, -0.01}, {-0.01, 0.01}, {0.01, 0.01}, {0.05, 0.2}, {-0.4, 0.1}};
    for (int k = 0; k < 5; k++) {
        pp_plane plane;
        planted(0.03, (pp_plane){1.3, 2.1, slopes[k][0], slopes[k][1]});
        pp_assert_ok(pp_ramp_fit(ry, rx, psi, weight, pp_air_width(rx, 0.05), PP_RAMP_AIR, &plane));
        pp_assert_near(plane.ky, slopes[k][0], 2e-4);
        pp_assert_near(plane.kx, slopes[k][1], 2e-4);
        pp_assert_near(plane.c, 2.1, 0.005);
        pp_assert_near(plane.modulus, 1.3, 1e-5);
        pp_ramp_remove(ry, rx, psi, &plane);
        for (int i = 0; i < ry * rx; i++)
            pp_assert_near(
                remainder(atan2((double)psi[i].im, (double)psi[i].re) - phase[i], 2 * pi), 0, 0.02);
    }
}
END_TEST

START_TEST(outliers_in_the_air_count_little)
{
    pp_plane plane;
    planted(0.03, (pp_plane){1, -0.5, 0.01, 0.01});
    for (int y = 40; y < 46; y++)
        for (int x = 0; x < 3; x++) psi[y * rx + x] = (pp_c32){-0.3F, 0.8F};
    pp_assert_ok(pp_ramp_fit(ry, rx, psi, weight, 4, PP_RAMP_AIR, &plane));
    pp_assert_near(plane.ky, 0.01, 5e-4);
    pp_assert_near(plane.kx, 0.01, 5e-4);
}
END_TEST

START_TEST(none_takes_the_constant_only)
{
    pp_plane plane;
    planted(0.03, (pp_plane){1.3, -2.9, 0, 0});
    pp_assert_ok(pp_ramp_fit(ry, rx, psi, weight, 4, PP_RAMP_NONE, &plane));
    ck_assert(plane.ky == 0 && plane.kx == 0 && plane.modulus == 1);
    pp_assert_near(plane.c, -2.9, 0.01);
}
END_TEST

START_TEST(moments_need_no_air)
{
    pp_plane plane;
    memset(phase, 0, sizeof phase);
    planted(0, (pp_plane){1, 0, 0, 0});
    for (int i = 0; i < ry * rx; i++) { /* a lens over the whole field, and a plane */
        const double y = i / rx - ry / 2, x = i % rx - rx / 2;
        const double a = -1.5 * exp(-(x * x + y * y) / 800) + 0.3 - 0.08 * y + 0.15 * x;
        psi[i] = (pp_c32){(float)cos(a), (float)sin(a)};
    }
    pp_assert_ok(pp_ramp_fit(ry, rx, psi, weight, 4, PP_RAMP_MOMENTS, &plane));
    pp_assert_near(plane.ky, -0.08, 1e-3); /* an even number of rows is not symmetric about 0 */
    pp_assert_near(plane.kx, 0.15, 2e-4);
}
END_TEST

/* ---- shifts ---- */

START_TEST(shifts_are_exact_and_bring_in_air)
{
    enum { n = 61, m = 70 };
    static float in[n * m], out[60 * 66];
    const pp_blobs b = pp_blobs_make(6, 10, 3);
    const pp_grid_box from = {-30, -35, 31, 35}, to = {-30, -33, 30, 33};
    static const double shifts[][2] = {{0, 0}, {0.5, -0.5}, {3.3, -2.75}, {-7.1, 12.4}};
    pp_shifter *shifter;
    pp_assert_ok(pp_shifter_create(from, to, &shifter));
    for (int k = 0; k < 4; k++) {
        pp_blobs_project(&b, 0.2, (double[]){0, 0}, n, m, in);
        pp_assert_ok(pp_shift_real(shifter, in, shifts[k], out));
        double worst = 0;
        for (int i = 0; i < 60 * 66; i++) {
            static float want[60 * 66];
            if (i == 0) pp_blobs_project(&b, 0.2, shifts[k], 60, 66, want);
            const double sy = i / 66 - 30 - shifts[k][0], sx = i % 66 - 33 - shifts[k][1];
            if (sy < -30.5 || sy > 30.5 || sx < -35.5 || sx > 34.5)
                ck_assert(out[i] == 0);
            else
                worst = fmax(worst, fabs((double)out[i] - want[i]));
        }
        pp_assert_near(worst, 0, 2e-4);
    }
    pp_shifter_free(&shifter);
}
END_TEST

START_TEST(complex_shift_keeps_the_modulus_of_air)
{
    enum { n = 40 };
    static pp_c32 in[n * n], out[n * n];
    for (int i = 0; i < n * n; i++) in[i] = (pp_c32){1, 0};
    const pp_grid_box box = {-20, -20, 20, 20};
    pp_shifter *shifter;
    pp_assert_ok(pp_shifter_create(box, box, &shifter));
    pp_assert_ok(pp_shift_complex(shifter, in, (pp_c32){1, 0}, (double[]){-3.3, 8.8}, out));
    for (int i = 0; i < n * n; i++) ck_assert(out[i].re == 1 && out[i].im == 0);
    pp_shifter_free(&shifter);
}
END_TEST

/* ---- vertical mass, centre of mass ---- */

enum { views = 120, my = 64, mx = 96 };

typedef struct campaign {
    double theta[views], truth[2 * views], found[2 * views];
} campaign;

static double rms(const campaign *c, int axis)
{
    double e[2 * views], squares = 0;
    for (int v = 0; v < 2 * views; v++) e[v] = c->found[v] + c->truth[v];
    pp_remove_translation(views, c->theta, e);
    for (int v = 0; v < views; v++) squares += e[2 * v + axis] * e[2 * v + axis] / views;
    return sqrt(squares);
}

static void simulate_and_align(double noise, double largest, double matrix, campaign *c)
{
    static float image[my * mx], ones[my * mx];
    static double profiles[views * my], lit[views * my];
    double vertical[views];
    pp_blobs b = pp_blobs_make(11, 19, 4 - matrix);
    b.matrix[0] = 40;
    b.matrix[1] = 25;
    b.matrix[2] = matrix;
    pp_random random = pp_random_start(12, 0);
    for (int i = 0; i < my * mx; i++) ones[i] = 1;
    for (int v = 0; v < views; v++) {
        double part;
        c->theta[v] = pi * v / views;
        for (int k = 0; k < 2; k++)
            c->truth[2 * v + k] = largest * (2 * pp_random_uniform(&random) - 1);
        pp_blobs_project(&b, c->theta[v], c->truth + 2 * v, my, mx, image);
        pp_add_noise(13, (uint64_t)v, noise, my * mx, image);
        pp_mass_profile(my, mx, image, ones, profiles + v * my, lit + v * my);
        c->found[2 * v + 1] = -pp_centre_of_mass(my, mx, image, mx / 2, &part);
        ck_assert(part > 0.5);
    }
    pp_assert_ok(pp_mass_align(views, my, profiles, lit, vertical, NULL));
    for (int v = 0; v < views; v++) c->found[2 * v] = vertical[v];
}

START_TEST(mass_and_centre_find_the_shifts)
{
    campaign c;
    simulate_and_align(0, 4, 0, &c);
    pp_assert_near(rms(&c, 0), 0, 0.002);
    pp_assert_near(rms(&c, 1), 0, 0.005);
    simulate_and_align(0.05, 3, 3.6, &c);
    pp_assert_near(rms(&c, 0), 0, 0.01);
    pp_assert_near(rms(&c, 1), 0, 0.06);
    simulate_and_align(0.2, 3, 3.6, &c);
    pp_assert_near(rms(&c, 0), 0, 0.03);
}
END_TEST

START_TEST(translation_is_removed_and_the_axis_stays)
{
    double theta[views], shifts[2 * views];
    for (int v = 0; v < views; v++) {
        theta[v] = pi * v / views;
        shifts[2 * v] = 3.25;
        shifts[2 * v + 1] = -1.5 + 4 * cos(theta[v]) - 2 * sin(theta[v]);
    }
    pp_remove_translation(views, theta, shifts);
    for (int v = 0; v < views; v++) {
        pp_assert_near(shifts[2 * v], 0, 1e-9);
        pp_assert_near(shifts[2 * v + 1], -1.5, 1e-7);
    }
    double one[] = {2, 7}; /* one view determines nothing, and nothing explodes */
    pp_remove_translation(1, (double[]){0.3}, one);
    ck_assert(one[0] == 0 && fabs(one[1]) <= 7);
}
END_TEST

/* Neighbours in angle, after shifts of up to 3 pixels: a coarse start, near enough for projection matching. */
START_TEST(neighbours_find_coarse_shifts)
{
    static pp_stack stack = {.views = views, .count = views, .ny = my, .nx = mx};
    pp_comm *self;
    campaign c;
    double vertical[2 * views] = {0}, centres[views], found[views], part;
    const pp_blobs b = pp_blobs_make(11, 19, 4);
    pp_random random = pp_random_start(12, 0);
    pp_assert_ok(pp_comm_self(&self));
    stack.field = (pp_grid_box){-my / 2, -mx / 2, my / 2, mx / 2};
    stack.theta = c.theta;
    pp_assert_ok(PP_ALLOC(views * my * mx, &stack.phase));
    for (int v = 0; v < views; v++) {
        float *image = stack.phase + v * my * mx;
        c.theta[v] = pi * v / views;
        c.truth[2 * v] = 0;
        c.truth[2 * v + 1] = 3 * (2 * pp_random_uniform(&random) - 1);
        pp_blobs_project(&b, c.theta[v], c.truth + 2 * v, my, mx, image);
        pp_add_noise(13, (uint64_t)v, 0.05, my * mx, image);
        centres[v] = -pp_centre_of_mass(my, mx, image, mx / 2, &part);
    }
    pp_assert_ok(pp_correlation_align(self, &stack, vertical, centres, found));
    for (int v = 0; v < views; v++) {
        c.found[2 * v] = 0;
        c.found[2 * v + 1] = found[v];
    }
    ck_assert_msg(rms(&c, 1) <= 0.5, "%g pixels rms", rms(&c, 1));
    pp_free(stack.phase);
    pp_comm_free(&self);
}
END_TEST

/* ---- registration ---- */

enum { n = 128 };
static float image_a[n * n], image_b[n * n];

/* A textured disk of radius 45: blobs of 1.8 pixels, moved exactly; values have standard deviation 1. */
static void texture(double dy, double dx, float *image)
{
    pp_random random = pp_random_start(21, 0);
    memset(image, 0, n * n * sizeof *image);
    for (int k = 0; k < 400; k++) {
        const double a = 2 * pi * pp_random_uniform(&random);
        const double r = 45 * sqrt(pp_random_uniform(&random)), h = pp_random_normal(&random);
        const double cy = n / 2 + r * sin(a) + dy, cx = n / 2 + r * cos(a) + dx;
        for (int y = (int)cy - 12; y <= (int)cy + 13; y++)
            for (int x = (int)cx - 12; x <= (int)cx + 13; x++)
                image[(y + n) % n * n + (x + n) % n] +=
                    (float)(h * exp(-((y - cy) * (y - cy) + (x - cx) * (x - cx)) / 6.48));
    }
    double sum = 0, squares = 0;
    for (int i = 0; i < n * n; i++) sum += image[i];
    for (int i = 0; i < n * n; i++) squares += pow(image[i] - sum / (n * n), 2);
    for (int i = 0; i < n * n; i++) image[i] /= (float)sqrt(squares / (n * n));
}

START_TEST(registration_is_exact_without_noise)
{
    static const double shifts[][2] = {{0, 0}, {0.37, -0.81}, {-6.5, 4.25}, {3.999, 0.001}};
    for (int k = 0; k < 4; k++) {
        double s[2];
        texture(shifts[k][0], shifts[k][1], image_a);
        texture(0, 0, image_b);
        pp_assert_ok(pp_register(n, n, image_a, image_b, s));
        pp_assert_near(s[0], shifts[k][0], 1e-3);
        pp_assert_near(s[1], shifts[k][1], 1e-3);
    }
}
END_TEST

START_TEST(registration_under_noise)
{
    static const double noise[] = {0.5, 1, 2}, bars[] = {0.011, 0.024, 0.047};
    enum { trials = 12 };
    for (int k = 0; k < 3; k++) {
        double squares = 0;
        for (int t = 0; t < trials; t++) {
            double s[2];
            const double dy = 0.3 * t - 1.7, dx = 1.1 - 0.23 * t;
            texture(dy, dx, image_a);
            texture(0, 0, image_b);
            pp_add_noise(31, (uint64_t)t, noise[k], n * n, image_b);
            pp_assert_ok(pp_register(n, n, image_a, image_b, s));
            squares += (pow(s[0] - dy, 2) + pow(s[1] - dx, 2)) / (2 * trials);
        }
        ck_assert_msg(sqrt(squares) <= bars[k], "noise %g: %g px rms, bar %g", noise[k],
                      sqrt(squares), bars[k]);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        field_is_scanned_and_lit,          common_field_and_centre,
        stack_is_even_about_its_centre,    bad_views_stand_out,
        plane_is_found_in_the_air,         outliers_in_the_air_count_little,
        none_takes_the_constant_only,      moments_need_no_air,
        shifts_are_exact_and_bring_in_air, complex_shift_keeps_the_modulus_of_air,
        mass_and_centre_find_the_shifts,   translation_is_removed_and_the_axis_stays,
        neighbours_find_coarse_shifts,     registration_is_exact_without_noise,
        registration_under_noise,          NULL};
    return pp_test_main(pp_test_suite("align", tests));
}
