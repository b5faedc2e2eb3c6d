/* Total variation: the constant that a great strength leaves, the minimum from two starts, positivity, and what it is for:
 * a piecewise constant object from few noisy views.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>
#include <string.h>

#include "backend/fft.h"
#include "base/alloc.h"
#include "base/random.h"
#include "support/support.h"
#include "tomo/fbp.h"
#include "tomo/total_variation.h"

enum { N = 32, VIEWS = 16, ROWS = 5, IMAGE = ROWS * N * N, LINES = ROWS * VIEWS * N };

static const double pi = 3.14159265358979323846;

typedef struct problem {
    pp_comm *self;
    pp_projector *projector;
    float truth[IMAGE], lines[LINES], volume[IMAGE], other[IMAGE];
} problem;

/* Two discs, one of them in three slices only, and noise of 0.2. */
static problem *make_problem(void)
{
    problem *p;
    double angles[VIEWS];
    pp_random random = pp_random_start(31, 0);
    pp_assert_ok(PP_ALLOC(1, &p));
    pp_assert_ok(pp_comm_self(&p->self));
    for (int v = 0; v < VIEWS; v++) angles[v] = pi * v / VIEWS;
    const pp_projector_setup setup = {.n = N, .views = VIEWS, .angles = angles, .threads = 2};
    pp_fft_set_effort(PP_FFT_ESTIMATE);
    pp_assert_ok(pp_projector_create(&setup, &p->projector));
    for (int i = 0; i < IMAGE; i++) {
        const int x = i % N - N / 2, y = i / N % N - N / 2, z = i / (N * N);
        p->truth[i] = (float)((x * x + y * y < 100) + (z > 1 && (x - 3) * (x - 3) + y * y < 9));
    }
    pp_assert_ok(pp_projector_forward_real(p->projector, ROWS, p->truth, p->lines));
    for (int i = 0; i < LINES; i++) p->lines[i] += (float)(0.2 * pp_random_normal(&random));
    return p;
}

static void free_problem(problem **p)
{
    pp_projector_free(&(*p)->projector);
    pp_comm_free(&(*p)->self);
    pp_free(*p);
    *p = NULL;
}

static pp_total_variation_result solve(problem *p, pp_total_variation setup, float *volume)
{
    pp_total_variation_result result;
    pp_assert_ok(
        pp_total_variation_run(p->self, p->projector, &setup, ROWS, p->lines, volume, &result));
    return result;
}

static double error_of(const problem *p, const float *volume)
{
    double error = 0, norm = 0;
    for (int i = 0; i < IMAGE; i++) {
        error += pow((double)(volume[i] - p->truth[i]), 2);
        norm += pow((double)p->truth[i], 2);
    }
    return sqrt(error / norm);
}

/* A great strength leaves the constant c that fits best: <R 1, p> / <R 1, R 1>. */
START_TEST(great_strength_leaves_a_constant)
{
    problem *p = make_problem();
    float *ones_lines;
    double above = 0, below = 0;
    pp_assert_ok(PP_ALLOC(LINES, &ones_lines));
    for (int i = 0; i < IMAGE; i++) p->other[i] = 1;
    pp_assert_ok(pp_projector_forward_real(p->projector, ROWS, p->other, ones_lines));
    for (int i = 0; i < LINES; i++) {
        above += (double)ones_lines[i] * (double)p->lines[i];
        below += (double)ones_lines[i] * (double)ones_lines[i];
    }
    const pp_total_variation setup = {
        .strength = 1e4, .iterations = 200, .inner = 10, .whole_square = true};
    const pp_total_variation_result result = solve(p, setup, p->volume);
    for (int i = 0; i < IMAGE; i++) {
        pp_assert_near((double)p->volume[i], above / below, 1e-2 * above / below);
    }
    ck_assert_double_lt(result.variation, 1e-2 * above / below);
    pp_free(ones_lines);
    free_problem(&p);
}
END_TEST

/* The problem is convex: from nothing and from the truth the same objective, below both starts' and the truth's. */
START_TEST(same_minimum_from_two_starts)
{
    problem *p = make_problem();
    memcpy(p->other, p->truth, sizeof p->other);
    const pp_total_variation setup = {.strength = 0.05, .iterations = 250, .inner = 6};
    const pp_total_variation_result a = solve(p, setup, p->volume), b = solve(p, setup, p->other);
    pp_assert_near(a.objective / b.objective, 1, 1e-3);
    memcpy(p->other, p->truth, sizeof p->other);
    const pp_total_variation look = {.strength = 0.05, .iterations = 0, .inner = 1};
    ck_assert_double_lt(a.objective, solve(p, look, p->other).objective);
    ck_assert_double_lt(a.primal, 2e-3);
    free_problem(&p);
}
END_TEST

START_TEST(better_than_back_projection)
{
    problem *p = make_problem();
    pp_fbp *fbp = NULL;
    const pp_fbp_setup filter = {.filter = PP_FILTER_SHEPP_LOGAN};
    pp_assert_ok(pp_fbp_create(p->projector, &filter, &fbp));
    pp_assert_ok(pp_fbp_run_real(fbp, ROWS, p->lines, p->volume));
    pp_fbp_free(&fbp);
    memcpy(p->other, p->volume, sizeof p->other);
    const double start = error_of(p, p->volume);
    const pp_total_variation automatic = {
        .iterations = 60, .inner = 4, .tolerance = 1e-3, .positivity = true};
    const pp_total_variation_result result = solve(p, automatic, p->volume);
    ck_assert_double_gt(result.strength, 0);
    ck_assert_double_lt(error_of(p, p->volume), 0.5 * start);
    for (int i = 0; i < IMAGE; i++) ck_assert(p->volume[i] >= 0);
    free_problem(&p);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {great_strength_leaves_a_constant, same_minimum_from_two_starts,
                                  better_than_back_projection, NULL};
    return pp_test_main(pp_test_suite("total_variation", tests));
}
