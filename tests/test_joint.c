/* Joint solve: adjoint of K R, the volume's step towards a given psi by both linearisations, and the splitting.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>
#include <string.h>

#include "backend/fft.h"
#include "base/alloc.h"
#include "base/random.h"
#include "support/support.h"
#include "tomo/fbp.h"
#include "tomo/joint_volume.h"

enum { N = 24, VIEWS = 12, ROWS = 3, VOXELS = ROWS * N * N, SAMPLES = ROWS * VIEWS * N };

static const double pi = 3.14159265358979323846;

typedef struct problem {
    pp_comm *self;
    pp_projector *projector;
    pp_joint_volume volume;
    pp_c32 truth[VOXELS], target[SAMPLES];
} problem;

static double distance(const pp_c32 *a, const pp_c32 *b, int64_t count)
{
    double sum = 0;
    for (int64_t i = 0; i < count; i++)
        sum += pow((double)a[i].re - b[i].re, 2) + pow((double)a[i].im - b[i].im, 2);
    return sqrt(sum);
}

/* A disc whose largest phase is `phase`, and its psi. */
static problem *make_problem(double phase)
{
    problem *p;
    double angles[VIEWS];
    pp_assert_ok(PP_ALLOC(1, &p));
    pp_assert_ok(pp_comm_self(&p->self));
    for (int v = 0; v < VIEWS; v++) angles[v] = pi * v / VIEWS;
    const pp_projector_setup setup = {.n = N, .views = VIEWS, .angles = angles, .threads = 2};
    pp_fft_set_effort(PP_FFT_ESTIMATE);
    pp_assert_ok(pp_projector_create(&setup, &p->projector));
    pp_assert_ok(pp_joint_volume_create(p->self, p->projector, ROWS, N, VIEWS, &p->volume));
    for (int i = 0; i < VOXELS; i++) {
        const int x = i % N - N / 2 - 1, y = i / N % N - N / 2;
        if (x * x + y * y < 36) p->truth[i] = (pp_c32){(float)(-phase / 12), (float)(phase / 120)};
    }
    memcpy(p->volume.v, p->truth, sizeof p->truth);
    pp_assert_ok(pp_joint_volume_model(&p->volume));
    memcpy(p->target, p->volume.h, sizeof p->target);
    return p;
}

static void free_problem(problem *p)
{
    pp_joint_volume_free(&p->volume);
    pp_projector_free(&p->projector);
    pp_comm_free(&p->self);
    pp_free(p);
}

static void fill(pp_c32 *x, int64_t count, uint64_t seed)
{
    pp_random random = pp_random_start(seed, 0);
    for (int64_t i = 0; i < count; i++) {
        x[i].re = (float)pp_random_normal(&random);
        x[i].im = (float)pp_random_normal(&random);
    }
}

static pp_c64 dot(const pp_c32 *a, const pp_c32 *b, int64_t count)
{
    pp_c64 sum = {0, 0};
    for (int64_t i = 0; i < count; i++) {
        sum.re += (double)a[i].re * b[i].re + (double)a[i].im * b[i].im;
        sum.im += (double)a[i].re * b[i].im - (double)a[i].im * b[i].re;
    }
    return sum;
}

START_TEST(adjoint_of_weighted_projections)
{
    problem *p = make_problem(1);
    pp_c32 *voxels, *lines, *forward, *back;
    pp_assert_ok(PP_ALLOC(VOXELS, &voxels));
    pp_assert_ok(PP_ALLOC(VOXELS, &back));
    pp_assert_ok(PP_ALLOC(SAMPLES, &lines));
    pp_assert_ok(PP_ALLOC(SAMPLES, &forward));
    for (uint64_t seed = 1; seed <= 5; seed++) {
        fill(p->volume.weight, SAMPLES, seed);
        fill(voxels, VOXELS, seed + 10);
        fill(lines, SAMPLES, seed + 20);
        pp_circle_mask_complex(ROWS, N, 0, voxels);
        pp_assert_ok(pp_joint_volume_forward(&p->volume, voxels, forward));
        pp_assert_ok(pp_joint_volume_adjoint(&p->volume, lines, back));
        const pp_c64 one = dot(lines, forward, SAMPLES), two = dot(back, voxels, VOXELS);
        const double scale =
            sqrt(dot(lines, lines, SAMPLES).re * dot(forward, forward, SAMPLES).re);
        ck_assert_double_le(hypot(one.re - two.re, one.im - two.im) / scale, 1e-6);
    }
    pp_free(voxels), pp_free(back), pp_free(lines), pp_free(forward);
    free_problem(p);
}
END_TEST

/* From a part of the truth the step's misfit falls from iteration to iteration, down to little. */
static void approach(double phase, double part, pp_linearisation how)
{
    problem *p = make_problem(phase);
    const pp_joint_volume_setup setup = {
        .linearisation = how, .iterations = 6, .rounds = 1, .positivity = true};
    for (int i = 0; i < VOXELS; i++)
        p->volume.v[i] = (pp_c32){(float)(part * p->truth[i].re), (float)(part * p->truth[i].im)};
    pp_assert_ok(pp_joint_volume_model(&p->volume));
    const double start = distance(p->volume.h, p->target, SAMPLES);
    double last = start;
    for (int k = 0; k < 6; k++) {
        pp_assert_ok(pp_joint_volume_step(&p->volume, &setup, p->target));
        const double now = distance(p->volume.h, p->target, SAMPLES);
        ck_assert_double_le(now, 1.001 * last);
        last = now;
    }
    ck_assert_double_le(last, 0.05 * start);
    free_problem(p);
}

START_TEST(gauss_newton_approaches)
{
    approach(1, 0, PP_LINEARISE_GAUSS_NEWTON);
    approach(6, 0.8, PP_LINEARISE_GAUSS_NEWTON);
}
END_TEST

START_TEST(logarithm_approaches)
{
    approach(1, 0, PP_LINEARISE_LOG);
}
END_TEST

/* 1/2 |u - f|^2 + a (sum |grad Re u| + sum |grad Im u|) */
static double objective(pp_joint_variation *j, double strength, const pp_c32 *u, const pp_c32 *f)
{
    double variation;
    pp_assert_ok(pp_joint_variation_sum(j, u, &variation));
    return pow(distance(u, f, VOXELS), 2) / 2 + strength * variation;
}

/* The splitting around the simplest quadratic part: one exact line along the gradient a round. */
static void denoise(pp_joint_variation *j, double strength, int rounds, const pp_c32 *f, pp_c32 *u)
{
    pp_c32 g[VOXELS];
    double curve;
    for (int k = 0; k < rounds; k++) {
        pp_assert_ok(pp_joint_variation_pull(j, u));
        for (int i = 0; i < VOXELS; i++)
            g[i] = (pp_c32){f[i].re - u[i].re + j->pull[i].re, f[i].im - u[i].im + j->pull[i].im};
        pp_circle_mask_complex(ROWS, N, 0, g);
        pp_assert_ok(pp_joint_variation_turn(j, g, &curve));
        const double square = dot(g, g, VOXELS).re, step = square / (square + curve);
        for (int i = 0; i < VOXELS && square > 0; i++)
            u[i].re += (float)(step * g[i].re), u[i].im += (float)(step * g[i].im);
        pp_assert_ok(pp_joint_variation_shrink(j, strength, k < 20, u));
    }
}

static bool inside(int i)
{
    const int x = i % N - N / 2, y = i / N % N - N / 2;
    return x * x + y * y < 10 * 10;
}

/* Rounds lead to a minimum: the objective falls, and no small change of a voxel lowers it by more than a little. */
START_TEST(splitting_denoises)
{
    pp_comm *self;
    pp_joint_variation j;
    pp_c32 f[VOXELS], u[VOXELS];
    const double a = 0.2;
    pp_random random = pp_random_start(5, 0);
    pp_assert_ok(pp_comm_self(&self));
    const pp_slab slab = pp_slab_of(self, ROWS, N * N);
    for (int i = 0; i < VOXELS; i++) {
        f[i].re = (float)(-(i % N > N / 2) + 0.1 * pp_random_normal(&random));
        f[i].im = (float)((i / N % N > N / 2) + 0.1 * pp_random_normal(&random));
    }
    pp_circle_mask_complex(ROWS, N, 0, f);
    memcpy(u, f, sizeof u);
    pp_assert_ok(pp_joint_variation_create(&slab, N, &j));
    pp_assert_ok(pp_joint_variation_start(&j, true, false, u));
    const double start = objective(&j, a, f, f);
    denoise(&j, a, 100, f, u);
    const double middle = objective(&j, a, u, f);
    denoise(&j, a, 900, f, u);
    const double last = objective(&j, a, u, f);
    ck_assert_double_le(last, middle * (1 + 1e-6));
    ck_assert_double_le(middle, 0.8 * start);
    for (int i = 100; i < VOXELS; i += 33) {
        if (!inside(i)) continue;
        for (int sign = -1; sign <= 1; sign += 2) {
            u[i].re += 1e-2F * (float)sign;
            ck_assert_double_ge(objective(&j, a, u, f), last - 1e-4);
            u[i].re -= 1e-2F * (float)sign;
            u[i].im += 1e-2F * (float)sign;
            ck_assert_double_ge(objective(&j, a, u, f), last - 1e-4);
            u[i].im -= 1e-2F * (float)sign;
        }
    }
    pp_joint_variation_free(&j);
    pp_comm_free(&self);
}
END_TEST

/* grad^T and the Laplacian of the splitting against each other: at z = grad v the pull is 0; and with a sign asked for, Re u ends at or below 0. */
START_TEST(splitting_knows_its_terms)
{
    pp_comm *self;
    pp_joint_variation j;
    pp_c32 f[VOXELS], u[VOXELS];
    double positive = 0;
    pp_assert_ok(pp_comm_self(&self));
    const pp_slab slab = pp_slab_of(self, ROWS, N * N);
    fill(f, VOXELS, 3);
    pp_circle_mask_complex(ROWS, N, 0, f);
    pp_assert_ok(pp_joint_variation_create(&slab, N, &j));
    for (int i = 0; i < VOXELS; i++) u[i] = (pp_c32){-fabsf(f[i].re), f[i].im};
    pp_assert_ok(pp_joint_variation_start(&j, true, true, u));
    pp_assert_ok(pp_joint_variation_pull(&j, u));
    ck_assert_double_le(sqrt(dot(j.pull, j.pull, VOXELS).re / dot(u, u, VOXELS).re), 1e-6);
    memcpy(u, f, sizeof u);
    denoise(&j, 1e-3, 300, f, u);
    for (int i = 0; i < VOXELS; i++) positive = fmax(positive, (double)u[i].re);
    ck_assert_double_le(positive, 2e-2);
    pp_joint_variation_free(&j);
    pp_comm_free(&self);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {adjoint_of_weighted_projections,
                                  gauss_newton_approaches,
                                  logarithm_approaches,
                                  splitting_denoises,
                                  splitting_knows_its_terms,
                                  NULL};
    return pp_test_main(pp_test_suite("joint", tests));
}
