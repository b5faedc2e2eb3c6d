/* Total variation: the constant that a great strength leaves, the minimum of another method with its certificate, the minimum
 * from two starts, positivity, and what it is for: a piecewise constant object from few noisy views.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>
#include <stdbool.h>
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

/* ---- the same functional by another method: in double, with the projector as a matrix ---- */

enum { M = 10, TURNS = 9, DEEP = 3, SLICE = M * M, VOLUME = DEEP * SLICE, RAYS = TURNS * M };

typedef struct oracle {
    double matrix[RAYS][SLICE], data[DEEP][RAYS]; /* both over sqrt(V) */
    double u[VOLUME], ahead[VOLUME], pull[VOLUME];
    double y[DEEP][RAYS], q[3][VOLUME]; /* what is dual to the misfit, to the differences */
    double strength;
    bool positivity, circle;
} oracle;

static bool is_free(const oracle *o, int i)
{
    const int x = i % M - M / 2, y = i / M % M - M / 2;
    return !o->circle || x * x + y * y <= (M / 2 - 1) * (M / 2 - 1);
}

/* Neighbour of voxel i along z, y, x, or -1. */
static int after(int i, int axis)
{
    static const int step[] = {SLICE, M, 1};
    const int at[] = {i / SLICE, i / M % M, i % M}, size[] = {DEEP, M, M};
    return at[axis] + 1 < size[axis] ? i + step[axis] : -1;
}

static double ray(const oracle *o, const double *u, int slice, int r)
{
    double sum = 0;
    for (int i = 0; i < SLICE; i++) sum += o->matrix[r][i] * u[slice * SLICE + i];
    return sum;
}

/* The objective at u. */
static double oracle_objective(const oracle *o, const double *u)
{
    double misfit = 0, variation = 0;
    for (int k = 0; k < DEEP; k++)
        for (int r = 0; r < RAYS; r++) misfit += pow(ray(o, u, k, r) - o->data[k][r], 2);
    for (int i = 0; i < VOLUME; i++) {
        double square = 0;
        for (int axis = 0; axis < 3; axis++)
            square += after(i, axis) < 0 ? 0 : pow(u[after(i, axis)] - u[i], 2);
        variation += sqrt(square);
    }
    return misfit / 2 + o->strength * variation;
}

/* pull = B^T y + grad^T q. */
static void oracle_pull(oracle *o)
{
    memset(o->pull, 0, sizeof o->pull);
    for (int k = 0; k < DEEP; k++)
        for (int r = 0; r < RAYS; r++)
            for (int i = 0; i < SLICE; i++) o->pull[k * SLICE + i] += o->matrix[r][i] * o->y[k][r];
    for (int i = 0; i < VOLUME; i++)
        for (int axis = 0; axis < 3; axis++) {
            if (after(i, axis) < 0) continue;
            o->pull[after(i, axis)] += o->q[axis][i];
            o->pull[i] -= o->q[axis][i];
        }
}

/* A. Chambolle, T. Pock, J. Math. Imaging Vis. 40, 120 (2011), algorithm 1. */
static void oracle_step(oracle *o, double sigma, double tau)
{
    for (int k = 0; k < DEEP; k++)
        for (int r = 0; r < RAYS; r++)
            o->y[k][r] =
                (o->y[k][r] + sigma * (ray(o, o->ahead, k, r) - o->data[k][r])) / (1 + sigma);
    for (int i = 0; i < VOLUME; i++) {
        double square = 0;
        for (int axis = 0; axis < 3; axis++) {
            const int next = after(i, axis);
            if (next >= 0) o->q[axis][i] += sigma * (o->ahead[next] - o->ahead[i]);
            square += o->q[axis][i] * o->q[axis][i];
        }
        const double over = fmax(1, sqrt(square) / o->strength);
        for (int axis = 0; axis < 3; axis++) o->q[axis][i] /= over;
    }
    oracle_pull(o);
    for (int i = 0; i < VOLUME; i++) {
        double u = o->u[i] - tau * o->pull[i];
        if (!is_free(o, i) || (o->positivity && u < 0)) u = 0;
        o->ahead[i] = 2 * u - o->u[i];
        o->u[i] = u;
    }
}

/* No u has an objective below this, up to how far pull is from what the constraints allow: -|y|^2 / 2 - <y, data> (Fenchel). */
static double oracle_bound(oracle *o, double *violation)
{
    double bound = 0;
    *violation = 0;
    oracle_pull(o);
    for (int k = 0; k < DEEP; k++)
        for (int r = 0; r < RAYS; r++)
            bound -= o->y[k][r] * o->y[k][r] / 2 + o->y[k][r] * o->data[k][r];
    for (int i = 0; i < VOLUME; i++)
        if (is_free(o, i))
            *violation = fmax(*violation, o->positivity ? -o->pull[i] : fabs(o->pull[i]));
    return bound;
}

/* Two balls in a box and noise; the projector's matrix by columns. */
static oracle *make_oracle(const pp_projector *projector, float *lines)
{
    oracle *o;
    float image[SLICE], column[RAYS], *truth;
    pp_random random = pp_random_start(17, 0);
    pp_assert_ok(PP_ALLOC(1, &o));
    pp_assert_ok(PP_ALLOC(VOLUME, &truth));
    for (int i = 0; i < SLICE; i++) {
        memset(image, 0, sizeof image);
        image[i] = 1;
        pp_assert_ok(pp_projector_forward_real(projector, 1, image, column));
        for (int r = 0; r < RAYS; r++) o->matrix[r][i] = (double)column[r] / sqrt(TURNS);
    }
    for (int i = 0; i < VOLUME; i++) {
        const int x = i % M - M / 2, y = i / M % M - M / 2, z = i / SLICE;
        truth[i] = (float)((x * x + y * y < 10) - 0.4 * (z > 0 && x > 0 && y > 0));
        if (x * x + y * y >= 16) truth[i] = 0;
    }
    pp_assert_ok(pp_projector_forward_real(projector, DEEP, truth, lines));
    for (int i = 0; i < DEEP * RAYS; i++) {
        lines[i] += (float)(0.1 * pp_random_normal(&random));
        o->data[i / RAYS][i % RAYS] = (double)lines[i] / sqrt(TURNS);
    }
    pp_free(truth);
    return o;
}

/* 1 / |K| by the largest sums of rows and columns of the matrix, and 12 for three differences. */
static double step_length(const oracle *o)
{
    double rows = 0, columns = 0;
    for (int r = 0; r < RAYS; r++) {
        double sum = 0;
        for (int i = 0; i < SLICE; i++) sum += fabs(o->matrix[r][i]);
        rows = fmax(rows, sum);
    }
    for (int i = 0; i < SLICE; i++) {
        double sum = 0;
        for (int r = 0; r < RAYS; r++) sum += fabs(o->matrix[r][i]);
        columns = fmax(columns, sum);
    }
    return 0.99 / sqrt(rows * columns + 12);
}

static void check_oracle(oracle *o, const pp_projector *projector, const float *lines)
{
    const double step = step_length(o);
    double violation, size = 0, apart = 0, found[VOLUME];
    float volume[VOLUME] = {0};
    pp_comm *self;
    pp_total_variation_result result;
    for (int k = 0; k < 6000; k++) oracle_step(o, step, step);
    const double least = oracle_objective(o, o->u), bound = oracle_bound(o, &violation);
    ck_assert_double_lt(fabs(least - bound), 1e-4 * least);
    ck_assert_double_lt(violation, 1e-4 * o->strength);
    const pp_total_variation setup = {.strength = o->strength,
                                      .iterations = 150,
                                      .inner = 6,
                                      .positivity = o->positivity,
                                      .whole_square = !o->circle};
    pp_assert_ok(pp_comm_self(&self));
    pp_assert_ok(pp_total_variation_run(self, projector, &setup, DEEP, lines, volume, &result));
    pp_comm_free(&self);
    for (int i = 0; i < VOLUME; i++) {
        found[i] = (double)volume[i];
        size += o->u[i] * o->u[i];
        apart += pow(found[i] - o->u[i], 2);
    }
    const double objective = oracle_objective(o, found);
    pp_assert_near(objective / least, 1, 1e-3);
    pp_assert_near(result.objective / objective, 1, 1e-5);
    ck_assert_msg(sqrt(apart / size) < 0.002, "the volume is %.3g from the other method's",
                  sqrt(apart / size));
}

START_TEST(minimum_of_another_method)
{
    double angles[TURNS];
    float lines[DEEP * RAYS];
    pp_projector *projector = NULL;
    for (int v = 0; v < TURNS; v++) angles[v] = 0.1 + pi * v / TURNS;
    const pp_projector_setup setup = {.n = M, .views = TURNS, .angles = angles, .threads = 1};
    pp_fft_set_effort(PP_FFT_ESTIMATE);
    pp_assert_ok(pp_projector_create(&setup, &projector));
    oracle *o = make_oracle(projector, lines);
    for (int k = 0; k < 4; k++) {
        o->strength = k < 2 ? 0.05 : 0.4;
        o->positivity = o->circle = k % 2 == 1;
        memset(o->u, 0, sizeof o->u);
        memset(o->ahead, 0, sizeof o->ahead);
        memset(o->y, 0, sizeof o->y);
        memset(o->q, 0, sizeof o->q);
        check_oracle(o, projector, lines);
    }
    pp_free(o);
    pp_projector_free(&projector);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {great_strength_leaves_a_constant, minimum_of_another_method,
                                  same_minimum_from_two_starts, better_than_back_projection, NULL};
    return pp_test_main(pp_test_suite("total_variation", tests));
}
