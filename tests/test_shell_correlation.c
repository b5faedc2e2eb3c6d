// RANKS 1 2 3 5
/* Fourier shell and ring correlation against the formula summed directly in double, against noise of known strength, and with
 * the same bits on any number of ranks.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <complex.h>
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/random.h"
#include "support/support.h"
#include "tomo/shell_correlation.h"
#include "tomo/specimen.h"
#include "tomo/transpose.h"

static const double pi = 3.14159265358979323846;

/* This rank's slices of both. */
static void correlate(const pp_comm *comm, int64_t rows, int64_t n, const float *a, const float *b,
                      double *curves)
{
    int64_t first, count;
    pp_slab_block(rows, pp_comm_size(comm), pp_comm_rank(comm), &first, &count);
    pp_assert_ok(pp_shell_correlation(comm, rows, n, a + first * n * n, b + first * n * n, curves));
}

/* DFT of `count` values `stride` apart, in place. */
static void transform(int64_t count, int64_t stride, double complex *x)
{
    double complex out[32];
    for (int64_t k = 0; k < count; k++) {
        out[k] = 0;
        for (int64_t i = 0; i < count; i++)
            out[k] += x[i * stride] * cexp(-2 * pi * I * (double)(k * i % count) / (double)count);
    }
    for (int64_t k = 0; k < count; k++) x[k * stride] = out[k];
}

static double hann(int64_t k, int64_t count)
{
    return 0.5 - 0.5 * cos(2 * pi * (double)k / (double)(count - 1));
}

enum { ROWS = 9, N = 12, VOXELS = ROWS * N * N };

static void spectrum(const float *volume, int axes, double complex *out)
{
    for (int64_t i = 0; i < VOXELS; i++)
        out[i] = volume[i] * hann(i / (N * N), ROWS) * hann(i / N % N, N) * hann(i % N, N);
    for (int64_t i = 0; i < VOXELS / N; i++) transform(N, 1, out + i * N);
    for (int64_t i = 0; i < VOXELS / N; i++) transform(N, N, out + i / N * N * N + i % N);
    for (int64_t i = 0; axes == 3 && i < N * N; i++) transform(ROWS, N * N, out + i);
}

static void formula(const float *a, const float *b, int axes, double *correlation, double *count)
{
    static double complex fa[VOXELS], fb[VOXELS];
    double cross[N / 2] = {0}, square[2][N / 2] = {{0}};
    memset(count, 0, N / 2 * sizeof *count);
    spectrum(a, axes, fa);
    spectrum(b, axes, fb);
    for (int i = 0; i < VOXELS; i++) {
        const int z = i / (N * N), y = i / N % N, x = i % N;
        const double fz = axes == 3 ? (double)(2 * z < ROWS ? z : z - ROWS) / ROWS * N : 0;
        const double fy = 2 * y < N ? y : y - N, fx = 2 * x < N ? x : x - N;
        const int64_t shell = llround(sqrt(fz * fz + fy * fy + fx * fx));
        if (shell >= N / 2) continue;
        cross[shell] += creal(fa[i] * conj(fb[i]));
        square[0][shell] += creal(fa[i] * conj(fa[i]));
        square[1][shell] += creal(fb[i] * conj(fb[i]));
        count[shell] += axes == 3 ? 1 : 1.0 / ROWS;
    }
    for (int k = 0; k < N / 2; k++) correlation[k] = cross[k] / sqrt(square[0][k] * square[1][k]);
}

START_TEST(formula_and_ranks)
{
    static float a[VOXELS], b[VOXELS];
    double here[N / 2 * PP_SHELL_COLUMNS], alone[N / 2 * PP_SHELL_COLUMNS];
    pp_comm *world = NULL, *self = NULL;
    pp_random random = pp_random_start(5, 0);
    pp_assert_ok(pp_comm_world(&world));
    pp_assert_ok(pp_comm_self(&self));
    for (int i = 0; i < VOXELS; i++) {
        a[i] = (float)pp_random_normal(&random);
        b[i] = a[i] + (float)pp_random_normal(&random);
    }
    correlate(world, ROWS, N, a, b, here);
    correlate(self, ROWS, N, a, b, alone);
    ck_assert(memcmp(here, alone, sizeof here) == 0);
    for (int axes = 2; axes <= 3; axes++) {
        const int column = axes == 3 ? PP_SHELL_CORRELATION : PP_RING_CORRELATION;
        double curve[N / 2], count[N / 2];
        formula(a, b, axes, curve, count);
        for (int k = 0; k < N / 2; k++) {
            const double *row = here + k * PP_SHELL_COLUMNS, s = sqrt(count[k]);
            pp_assert_near(row[column], curve[k], 1e-5);
            pp_assert_near(row[column + 1], (0.2071 + 1.9102 / s) / (1.2071 + 0.9102 / s), 1e-12);
            pp_assert_near(row[PP_SHELL_FREQUENCY], (double)k / N, 1e-15);
        }
    }
    pp_comm_free(&self);
    pp_comm_free(&world);
}
END_TEST

/* Straight lines between shells: 0.5 above the threshold, then 0.25 below it, crosses two thirds of the way. */
START_TEST(crossing)
{
    double curves[8 * PP_SHELL_COLUMNS] = {0};
    for (int k = 0; k < 8; k++) {
        double *row = curves + k * PP_SHELL_COLUMNS;
        row[PP_SHELL_FREQUENCY] = k / 16.0;
        row[PP_SHELL_CORRELATION] = k < 4 ? 1 : 0.25;
        row[PP_SHELL_HALF_BIT] = 0.5;
        row[PP_RING_CORRELATION] = 1;
    }
    pp_assert_near(pp_shell_crossing(8, curves, PP_SHELL_CORRELATION), (3 + 2.0 / 3) / 16, 1e-12);
    pp_assert_near(pp_shell_crossing(8, curves, PP_RING_CORRELATION), 0.5, 1e-12);
}
END_TEST

/* Shells above the half-bit threshold for two volumes with noise of their own. */
static double shells_above(const float *volume, int64_t n, double noise)
{
    const int64_t count = n * n * n;
    double *curves;
    float *a, *b;
    pp_comm *world = NULL;
    pp_random random = pp_random_start(7, 0);
    pp_assert_ok(pp_comm_world(&world));
    pp_assert_ok(PP_ALLOC(count, &a));
    pp_assert_ok(PP_ALLOC(count, &b));
    pp_assert_ok(PP_ALLOC(n / 2 * PP_SHELL_COLUMNS, &curves));
    for (int64_t i = 0; i < count; i++) {
        a[i] = volume[i] + (float)(noise * pp_random_normal(&random));
        b[i] = volume[i] + (float)(noise * pp_random_normal(&random));
    }
    correlate(world, n, n, a, b, curves);
    const double above = (double)n * pp_shell_crossing(n / 2, curves, PP_SHELL_CORRELATION);
    pp_free(curves);
    pp_free(a);
    pp_free(b);
    pp_comm_free(&world);
    return above;
}

/* White signal of variance 1 with white noise of variance s^2 on each volume: 1 / (1 + s^2) at every frequency. */
START_TEST(known_ratio)
{
    enum { SIDE = 48 };
    const double noise[] = {0.3, 1, 2};
    double curves[SIDE / 2 * PP_SHELL_COLUMNS];
    pp_comm *world = NULL;
    float *a, *b;
    pp_assert_ok(pp_comm_world(&world));
    pp_assert_ok(PP_ALLOC(SIDE * SIDE * SIDE, &a));
    pp_assert_ok(PP_ALLOC(SIDE * SIDE * SIDE, &b));
    for (int k = 0; k < 3; k++) {
        pp_random random = pp_random_start(9, (uint64_t)k);
        for (int i = 0; i < SIDE * SIDE * SIDE; i++) {
            const double signal = pp_random_normal(&random);
            a[i] = (float)(signal + noise[k] * pp_random_normal(&random));
            b[i] = (float)(signal + noise[k] * pp_random_normal(&random));
        }
        correlate(world, SIDE, SIDE, a, b, curves);
        double shell = 0, ring = 0;
        for (int row = 8; row < SIDE / 2; row++) {
            shell += curves[row * PP_SHELL_COLUMNS + PP_SHELL_CORRELATION] / (SIDE / 2 - 8);
            ring += curves[row * PP_SHELL_COLUMNS + PP_RING_CORRELATION] / (SIDE / 2 - 8);
        }
        pp_assert_near(shell, 1 / (1 + noise[k] * noise[k]), 0.02);
        pp_assert_near(ring, 1 / (1 + noise[k] * noise[k]), 0.02);
    }
    pp_free(a);
    pp_free(b);
    pp_comm_free(&world);
}
END_TEST

/* A two-phase cylinder of 96 voxels, scaled to a deviation of 1, with noise: the half-bit shells that numpy finds. */
START_TEST(two_phase)
{
    enum { SIDE = 96 };
    const int64_t voxels = (int64_t)SIDE * SIDE * SIDE;
    const pp_phantom_size size = {.width = SIDE, .height = SIDE, .wavelength = 1.4e-10, .seed = 3};
    pp_specimen *specimen = NULL;
    float *delta, *beta;
    double sum = 0, square = 0;
    pp_assert_ok(PP_ALLOC(voxels, &delta));
    pp_assert_ok(PP_ALLOC(SIDE * SIDE, &beta));
    pp_assert_ok(pp_specimen_two_phase(size, &specimen));
    for (int64_t z = 0; z < SIDE; z++)
        pp_specimen_voxels(specimen, (pp_slab){SIDE, SIDE, z, 1}, delta + z * SIDE * SIDE, beta);
    for (int64_t i = 0; i < voxels; i++) {
        sum += (double)delta[i];
        square += (double)delta[i] * (double)delta[i];
    }
    const double mean = sum / (double)voxels;
    const double deviation = sqrt(square / (double)voxels - mean * mean);
    for (int64_t i = 0; i < voxels; i++) delta[i] = (float)((double)delta[i] / deviation);
    static const struct {
        double noise, shells; /* first shell below the threshold */
    } numpy[] = {{0.3, 44}, {1, 31}, {3, 20}};
    for (int k = 0; k < 3; k++)
        pp_assert_near(ceil(shells_above(delta, SIDE, numpy[k].noise)), numpy[k].shells, 1.001);
    pp_specimen_free(&specimen);
    pp_free(delta);
    pp_free(beta);
}
END_TEST

int main(int argc, char **argv)
{
    if (pp_mpi_start(&argc, &argv) != PP_OK) return 1;
    const TTest *const tests[] = {formula_and_ranks, crossing, known_ratio, two_phase, NULL};
    const int failed = pp_test_main(pp_test_suite("shell_correlation", tests));
    if (failed) pp_mpi_abort(failed);
    pp_mpi_stop();
    return 0;
}
