/* CGLS against the same iteration with a dense matrix in double precision and against the normal equations; its stops;
 * positivity; independence of threads and of how slices are grouped.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>
#include <string.h>

#include "backend/fft.h"
#include "base/alloc.h"
#include "base/random.h"
#include "support/support.h"
#include "tomo/fbp.h"
#include "tomo/least_squares.h"
#include "tomo/sirt.h"

static const double pi = 3.14159265358979323846;

static pp_projector *make(int64_t n, int64_t views, int threads)
{
    double *angles;
    pp_projector *projector = NULL;
    pp_assert_ok(PP_ALLOC(views, &angles));
    for (int64_t v = 0; v < views; v++) angles[v] = 0.2 + pi * (double)v / (double)views;
    const pp_projector_setup setup = {.n = n, .views = views, .angles = angles, .threads = threads};
    pp_fft_set_effort(PP_FFT_ESTIMATE);
    pp_assert_ok(pp_projector_create(&setup, &projector));
    pp_free(angles);
    return projector;
}

/* ---- dense reference ---- */

enum { N = 16, VIEWS = 30, PIXELS = N * N, SAMPLES = VIEWS * N };

/* [SAMPLES][PIXELS]; columns of pixels outside the circle are 0. */
static double *dense_matrix(const pp_projector *projector)
{
    float *unit, *line;
    double *matrix;
    pp_assert_ok(PP_ALLOC(PIXELS, &unit));
    pp_assert_ok(PP_ALLOC(SAMPLES, &line));
    pp_assert_ok(PP_ALLOC(SAMPLES * PIXELS, &matrix));
    for (int pixel = 0; pixel < PIXELS; pixel++) {
        memset(unit, 0, PIXELS * sizeof *unit);
        unit[pixel] = 1;
        pp_circle_mask(1, N, 0, unit);
        pp_assert_ok(pp_projector_forward_real(projector, 1, unit, line));
        for (int i = 0; i < SAMPLES; i++) matrix[i * PIXELS + pixel] = (double)line[i];
    }
    pp_free(line);
    pp_free(unit);
    return matrix;
}

static void multiply(const double *matrix, const double *x, double *y)
{
    for (int i = 0; i < SAMPLES; i++) {
        y[i] = 0;
        for (int k = 0; k < PIXELS; k++) y[i] += matrix[i * PIXELS + k] * x[k];
    }
}

static void multiply_transposed(const double *matrix, const double *y, double *x)
{
    memset(x, 0, PIXELS * sizeof *x);
    for (int i = 0; i < SAMPLES; i++) {
        for (int k = 0; k < PIXELS; k++) x[k] += matrix[i * PIXELS + k] * y[i];
    }
}

static double square(const double *x, int count)
{
    double sum = 0;
    for (int i = 0; i < count; i++) sum += x[i] * x[i];
    return sum;
}

/* Textbook CGLS. */
static void dense_cgls(const double *matrix, const float *lines, int iterations, double *x)
{
    static double r[SAMPLES], q[SAMPLES], s[PIXELS], d[PIXELS];
    memset(x, 0, PIXELS * sizeof *x);
    for (int i = 0; i < SAMPLES; i++) r[i] = (double)lines[i];
    multiply_transposed(matrix, r, s);
    memcpy(d, s, sizeof d);
    double gamma = square(s, PIXELS);
    for (int iteration = 0; iteration < iterations; iteration++) {
        multiply(matrix, d, q);
        const double step = gamma / square(q, SAMPLES);
        for (int k = 0; k < PIXELS; k++) x[k] += step * d[k];
        for (int i = 0; i < SAMPLES; i++) r[i] -= step * q[i];
        multiply_transposed(matrix, r, s);
        const double next = square(s, PIXELS);
        for (int k = 0; k < PIXELS; k++) d[k] = s[k] + next / gamma * d[k];
        gamma = next;
    }
}

static double relative_gap(const float *found, const double *truth)
{
    double error = 0, norm = 0;
    for (int k = 0; k < PIXELS; k++) {
        error += pow((double)found[k] - truth[k], 2);
        norm += truth[k] * truth[k];
    }
    return sqrt(error / norm);
}

static void random_lines(float *lines)
{
    pp_random random = pp_random_start(9, 1);
    for (int i = 0; i < SAMPLES; i++) lines[i] = (float)pp_random_normal(&random);
}

START_TEST(iterates_of_dense_matrix)
{
    pp_projector *projector = make(N, VIEWS, 2);
    double *matrix = dense_matrix(projector), *truth, *cost;
    float *lines, *volume;
    pp_assert_ok(PP_ALLOC(SAMPLES, &lines));
    pp_assert_ok(PP_ALLOC(PIXELS, &volume));
    pp_assert_ok(PP_ALLOC(PIXELS, &truth));
    pp_assert_ok(PP_ALLOC(11, &cost));
    random_lines(lines);
    for (int iterations = 1; iterations <= 8; iterations++) {
        const pp_least_squares setup = {.iterations = iterations};
        pp_assert_ok(pp_least_squares_run(projector, &setup, 1, lines, volume, NULL, cost));
        dense_cgls(matrix, lines, iterations, truth);
        /* later on rounding grows tenfold an iteration: the matrix is ill-conditioned */
        pp_assert_near(relative_gap(volume, truth), 0, iterations <= 7 ? 1e-5 : 1e-3);
        for (int i = 0; i < iterations; i++) ck_assert_double_lt(cost[i + 1], cost[i]);
    }
    pp_free(cost);
    pp_free(truth);
    pp_free(volume);
    pp_free(lines);
    pp_free(matrix);
    pp_projector_free(&projector);
}
END_TEST

/* Normal equations: the transpose of what is left is nothing inside the circle. */
START_TEST(normal_equations)
{
    pp_projector *projector = make(N, VIEWS, 2);
    double *matrix = dense_matrix(projector), *left, *gradient, *start;
    float *lines, *volume;
    pp_assert_ok(PP_ALLOC(SAMPLES, &lines));
    pp_assert_ok(PP_ALLOC(SAMPLES, &left));
    pp_assert_ok(PP_ALLOC(PIXELS, &volume));
    pp_assert_ok(PP_ALLOC(PIXELS, &gradient));
    pp_assert_ok(PP_ALLOC(PIXELS, &start));
    random_lines(lines);
    for (int i = 0; i < SAMPLES; i++) left[i] = (double)lines[i];
    multiply_transposed(matrix, left, start);
    const pp_least_squares setup = {.iterations = 400};
    pp_assert_ok(pp_least_squares_run(projector, &setup, 1, lines, volume, NULL, NULL));
    for (int i = 0; i < SAMPLES; i++) {
        for (int k = 0; k < PIXELS; k++) left[i] -= matrix[i * PIXELS + k] * (double)volume[k];
    }
    multiply_transposed(matrix, left, gradient);
    pp_assert_near(sqrt(square(gradient, PIXELS) / square(start, PIXELS)), 0, 1e-3);
    pp_free(start);
    pp_free(gradient);
    pp_free(volume);
    pp_free(left);
    pp_free(lines);
    pp_free(matrix);
    pp_projector_free(&projector);
}
END_TEST

/* ---- noise ---- */

enum { SIZE = 48, TURNS = 40, SLICES = 11, IMAGE = SIZE * SIZE, LINES = TURNS * SIZE };

typedef struct problem {
    pp_projector *projector;
    float *truth, *lines, *volume;
    int64_t done[SLICES];
    double cost[SLICES * 101];
} problem;

static const double noise = 0.5;

/* Discs of different height and place in each slice, on 0; lines with noise. */
static problem *make_problem(int threads)
{
    problem *p;
    pp_assert_ok(PP_ALLOC(1, &p));
    pp_assert_ok(PP_ALLOC(SLICES * IMAGE, &p->truth));
    pp_assert_ok(PP_ALLOC(SLICES * IMAGE, &p->volume));
    pp_assert_ok(PP_ALLOC(SLICES * LINES, &p->lines));
    p->projector = make(SIZE, TURNS, threads);
    for (int i = 0; i < SLICES * IMAGE; i++) {
        const int slice = i / IMAGE, x = i % SIZE - SIZE / 2, y = i / SIZE % SIZE - SIZE / 2;
        const double d2 = pow(x - slice + 5, 2) + pow(y + 4, 2);
        p->truth[i] = (float)((1 + slice) * 0.3 * (d2 < 81) + (d2 < 16));
    }
    pp_assert_ok(pp_projector_forward_real(p->projector, SLICES, p->truth, p->lines));
    pp_random random = pp_random_start(4, 4);
    for (int i = 0; i < SLICES * LINES; i++) {
        p->lines[i] += (float)(noise * pp_random_normal(&random));
    }
    return p;
}

static void free_problem(problem **p)
{
    pp_projector_free(&(*p)->projector);
    pp_free((*p)->lines);
    pp_free((*p)->volume);
    pp_free((*p)->truth);
    pp_free(*p);
    *p = NULL;
}

static double error_of(const problem *p)
{
    double error = 0, norm = 0;
    for (int i = 0; i < SLICES * IMAGE; i++) {
        error += pow((double)(p->volume[i] - p->truth[i]), 2);
        norm += pow((double)p->truth[i], 2);
    }
    return sqrt(error / norm);
}

static double solve(problem *p, pp_least_squares setup)
{
    pp_assert_ok(
        pp_least_squares_run(p->projector, &setup, SLICES, p->lines, p->volume, p->done, p->cost));
    return error_of(p);
}

START_TEST(discrepancy_and_stagnation)
{
    problem *p = make_problem(2);
    const double late = solve(p, (pp_least_squares){.iterations = 100});
    const double stopped = solve(p, (pp_least_squares){.iterations = 100, .noise = noise});
    ck_assert_double_lt(stopped, 0.7 * late);
    for (int k = 0; k < SLICES; k++) {
        const double left = sqrt(p->cost[k * 101 + 100]), bar = 1.02 * noise * sqrt(LINES);
        ck_assert(p->done[k] > 1 && p->done[k] < 50 && left <= bar);
        ck_assert_double_gt(sqrt(p->cost[k * 101 + p->done[k] - 1]), bar);
    }
    (void)solve(p, (pp_least_squares){.iterations = 100, .stagnation = 0.02});
    for (int k = 0; k < SLICES; k++) ck_assert(p->done[k] > 1 && p->done[k] < 60);
    free_problem(&p);
}
END_TEST

START_TEST(positivity)
{
    problem *p = make_problem(2);
    const double free_error = solve(p, (pp_least_squares){.iterations = 30});
    const double error = solve(p, (pp_least_squares){.iterations = 30, .positivity = true});
    for (int i = 0; i < SLICES * IMAGE; i++) ck_assert(p->volume[i] >= 0);
    for (int k = 0; k < SLICES; k++) {
        for (int64_t i = 0; i < p->done[k] - 1; i++) {
            ck_assert_double_le(p->cost[k * 31 + i + 1], p->cost[k * 31 + i]);
        }
        ck_assert_int_gt(p->done[k], 10);
    }
    ck_assert_double_lt(error, 0.7 * free_error);
    free_problem(&p);
}
END_TEST

/* The weighted misfit falls in every iteration; positivity holds and helps; 80 iterations come near what 4 of CG reach. */
START_TEST(simultaneous_iterations)
{
    problem *p = make_problem(2);
    const double cg = solve(p, (pp_least_squares){.iterations = 4});
    for (int positive = 0; positive < 2; positive++) {
        const pp_sirt setup = {.iterations = 80, .positivity = positive == 1};
        pp_assert_ok(pp_sirt_run(p->projector, &setup, SLICES, p->lines, p->volume, p->cost));
        for (int k = 0; k < SLICES; k++) {
            for (int i = 0; i < 80; i++) {
                ck_assert_double_lt(p->cost[k * 81 + i + 1], p->cost[k * 81 + i]);
            }
        }
        ck_assert_double_lt(error_of(p), positive ? cg : 1.3 * cg);
    }
    for (int i = 0; i < SLICES * IMAGE; i++) ck_assert(p->volume[i] >= 0);
    free_problem(&p);
}
END_TEST

/* The same bits from 1 and 3 threads, and for the last slices alone as in the stack. */
START_TEST(threads_and_grouping)
{
    problem *one = make_problem(1), *three = make_problem(3);
    const pp_least_squares setup = {.iterations = 7, .noise = noise};
    (void)solve(one, setup);
    (void)solve(three, setup);
    ck_assert_int_eq(memcmp(one->volume, three->volume, SLICES * IMAGE * sizeof(float)), 0);
    pp_assert_ok(pp_least_squares_run(three->projector, &setup, 3, one->lines + 8 * LINES,
                                      three->volume, NULL, NULL));
    for (int i = 0; i < 3 * IMAGE; i++) {
        pp_assert_near((double)three->volume[i], (double)one->volume[8 * IMAGE + i], 1e-5);
    }
    free_problem(&three);
    free_problem(&one);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        iterates_of_dense_matrix, normal_equations,     positivity, discrepancy_and_stagnation,
        simultaneous_iterations,  threads_and_grouping, NULL};
    return pp_test_main(pp_test_suite("least_squares", tests));
}
