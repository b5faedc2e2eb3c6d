/* Joint solve: adjoint of K R, the volume's step towards a given psi by both linearisations, and denoising.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>
#include <string.h>

#include "backend/fft.h"
#include "base/alloc.h"
#include "base/random.h"
#include "support/support.h"
#include "tomo/denoise.h"
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
        ck_assert_double_le(hypot(one.re - two.re, one.im - two.im) / scale, 2e-6);
    }
    pp_free(voxels), pp_free(back), pp_free(lines), pp_free(forward);
    free_problem(p);
}
END_TEST

/* From a part of the truth the step's misfit falls from iteration to iteration, down to little. */
static void approach(double phase, double part, pp_linearisation how)
{
    problem *p = make_problem(phase);
    const pp_joint_volume_setup setup = {.linearisation = how, .iterations = 6, .positivity = true};
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

static double objective(const pp_slab *slab, double strength, const float *u, const float *given)
{
    double variation, misfit = 0;
    pp_assert_ok(pp_variation(slab, N, u, &variation));
    for (int i = 0; i < VOXELS; i++) misfit += pow((double)u[i] - given[i], 2);
    return misfit / 2 + strength * variation;
}

START_TEST(denoising)
{
    pp_comm *self;
    float *given, *u;
    pp_random random = pp_random_start(5, 0);
    pp_assert_ok(pp_comm_self(&self));
    pp_assert_ok(PP_ALLOC(VOXELS, &given));
    pp_assert_ok(PP_ALLOC(VOXELS, &u));
    const pp_slab slab = pp_slab_of(self, ROWS, N * N);
    for (int i = 0; i < VOXELS; i++)
        given[i] = (float)((i % N > N / 2) + 0.1 * pp_random_normal(&random));
    double mean = 0, result = 0, last = INFINITY;
    for (int64_t iterations = 10; iterations <= 640; iterations *= 4) {
        memcpy(u, given, VOXELS * sizeof *u);
        pp_assert_ok(pp_denoise(&slab, N, 0.2, iterations, u));
        const double now = objective(&slab, 0.2, u, given);
        ck_assert_double_le(now, last + 1e-6 * now);
        last = now;
    }
    for (int i = 0; i < VOXELS; i++)
        mean += given[i] / (double)VOXELS, result += u[i] / (double)VOXELS;
    ck_assert_double_le(fabs(mean - result), 1e-5);
    ck_assert_double_le(last, 0.8 * objective(&slab, 0.2, given, given));
    /* no small change of one voxel lowers a minimum by more than a little */
    for (int i = 100; i < VOXELS; i += 333) {
        u[i] += 1e-2F;
        ck_assert_double_ge(objective(&slab, 0.2, u, given), last - 1e-4);
        u[i] -= 1e-2F;
    }
    pp_free(given), pp_free(u);
    pp_comm_free(&self);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {adjoint_of_weighted_projections, gauss_newton_approaches,
                                  logarithm_approaches, denoising, NULL};
    return pp_test_main(pp_test_suite("joint", tests));
}
