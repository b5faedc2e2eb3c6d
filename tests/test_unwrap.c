/* Phase unwrapping: exact without residues, honest with them.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "support/blobs.h"
#include "support/support.h"
#include "tomo/ramp.h"
#include "tomo/unwrap.h"

enum { ny = 90, nx = 101, pixels = ny * nx };

static const double pi = 3.14159265358979323846;
static float truth[pixels], phase[pixels], weight[pixels], wrapped[pixels];
static uint8_t at[pixels];
static pp_c32 psi[pixels];

static void set_psi(void)
{
    for (int i = 0; i < pixels; i++) {
        weight[i] = 1;
        psi[i] = (pp_c32){(float)cos((double)truth[i]), (float)sin((double)truth[i])};
        wrapped[i] = atan2f(psi[i].im, psi[i].re);
    }
}

static void blobs(double peak)
{
    const pp_blobs b = pp_blobs_make(3, 28, peak);
    pp_blobs_project(&b, 0.4, (double[]){0.3, -0.2}, ny, nx, truth);
}

static int64_t unwrap(void)
{
    pp_unwrap *u;
    int64_t residues;
    pp_assert_ok(pp_unwrap_create(ny, nx, &u));
    pp_assert_ok(pp_unwrap_run(u, psi, weight, phase, &residues));
    pp_unwrap_free(&u);
    pp_assert_ok(pp_air_anchor(ny, nx, phase, 5));
    return residues;
}

START_TEST(exact_without_residues)
{
    blobs(14);
    set_psi();
    ck_assert_int_eq(unwrap(), 0);
    double worst = 0, range = 0;
    for (int i = 0; i < pixels; i++) {
        worst = fmax(worst, fabs((double)phase[i] - truth[i]));
        range = fmax(range, fabs((double)truth[i]));
    }
    ck_assert(range > 3 * pi);
    pp_assert_near(worst, 0, 1e-5);
}
END_TEST

START_TEST(noise_stays_noise)
{
    blobs(9);
    static float clean[pixels];
    memcpy(clean, truth, sizeof clean);
    pp_add_noise(5, 1, 0.3, pixels, truth);
    double drawn = 0;
    for (int i = 0; i < pixels; i++) drawn += pow((double)truth[i] - clean[i], 2) / pixels;
    for (int i = 0; i < pixels; i++) /* 0.3 in this sample, not only on the average */
        truth[i] = clean[i] + (float)(0.3 / sqrt(drawn)) * (truth[i] - clean[i]);
    set_psi();
    ck_assert_int_eq(unwrap(), 0);
    double squares = 0, noise = 0, worst = 0;
    for (int i = 0; i < pixels; i++) {
        const double e = (double)phase[i] - clean[i], n = (double)truth[i] - clean[i];
        squares += e * e / pixels;
        noise += n * n / pixels;
        worst = fmax(worst, fabs(e - n));
    }
    pp_assert_near(sqrt(squares), sqrt(noise), 1e-4);
    pp_assert_near(sqrt(squares), 0.300, 0.002);
    ck_assert(worst < 1); /* no whole turns */
}
END_TEST

static void vortex(double y, double x, double sign)
{
    for (int i = 0; i < pixels; i++)
        truth[i] += (float)(sign * atan2((double)(i / nx) - y, (double)(i % nx) - x));
}

START_TEST(residues_are_counted_where_they_are)
{
    memset(truth, 0, sizeof truth);
    vortex(30.5, 40.5, 1);
    vortex(30.5, 60.5, -1);
    vortex(70.5, 20.5, 1);
    set_psi();
    ck_assert_int_eq(pp_count_residues(ny, nx, wrapped, at), 3);
    ck_assert(at[30 * nx + 40] && at[31 * nx + 41] && at[30 * nx + 60] && at[70 * nx + 20]);
    int corners = 0;
    for (int i = 0; i < pixels; i++) corners += at[i];
    ck_assert_int_eq(corners, 12);
}
END_TEST

/* A pair of opposite vortices in the dark: far from them the phase is that without them. */
START_TEST(dark_vortices_do_little_harm)
{
    blobs(6);
    static float clean[pixels];
    memcpy(clean, truth, sizeof clean);
    vortex(20.5, 45.5, 1);
    vortex(20.5, 49.5, -1);
    set_psi();
    for (int y = 17; y < 25; y++)
        for (int x = 42; x < 54; x++) weight[y * nx + x] = 1e-3F;
    ck_assert_int_eq(unwrap(), 2);
    double squares = 0;
    int far = 0;
    for (int i = 0; i < pixels; i++)
        if (hypot(i / nx - 20.5, i % nx - 47.5) > 20) {
            const double e = (double)phase[i] - truth[i];
            squares += pow(e - 2 * pi * round(e / (2 * pi)), 2);
            ck_assert(fabs((double)phase[i] - clean[i]) < pi);
            far++;
        }
    pp_assert_near(sqrt(squares / far), 0, 0.22);
}
END_TEST

/* Much noise: residues in plenty, no rounding to wrong turns. */
START_TEST(many_residues)
{
    memset(truth, 0, sizeof truth);
    pp_add_noise(8, 1, 0.9, pixels, truth);
    set_psi();
    ck_assert(unwrap() > 20);
    double squares = 0;
    for (int i = 0; i < pixels; i++) squares += (double)phase[i] * phase[i] / pixels;
    ck_assert_msg(sqrt(squares) < 1.0, "rms %g", sqrt(squares));
}
END_TEST

/* Rows by themselves: exact where differences are below pi, with constants of their own; a row that ends a turn away is closed. */
START_TEST(rows_by_themselves)
{
    blobs(14);
    set_psi();
    memcpy(phase, wrapped, sizeof phase);
    pp_unwrap_rows(ny, nx, phase);
    for (int y = 0; y < ny; y++) {
        const double turn = (double)phase[y * nx] - truth[y * nx];
        pp_assert_near(turn, 2 * pi * round(turn / (2 * pi)), 1e-5);
        for (int x = 0; x < nx; x++)
            pp_assert_near((double)phase[y * nx + x] - truth[y * nx + x], turn, 2e-5);
    }
    float row[] = {0, 2, -2.3F, 0.2F}; /* goes up by a turn */
    pp_unwrap_rows(1, 4, row);
    pp_assert_near((double)row[0], 0, 1e-6);
    pp_assert_near((double)row[2], 2 * pi - 2.3 - 4 * pi / 3, 1e-5);
    pp_assert_near((double)row[3], 0.2, 1e-5);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {exact_without_residues,
                                  noise_stays_noise,
                                  residues_are_counted_where_they_are,
                                  dark_vortices_do_little_harm,
                                  many_residues,
                                  rows_by_themselves,
                                  NULL};
    return pp_test_main(pp_test_suite("unwrap", tests));
}
