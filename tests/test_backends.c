/* The same view solved on the CPU and by the CUDA sources on the emulated device, and twice there.
 * SPDX-License-Identifier: BSD-3-Clause */
// TIMEOUT 300
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "backend/fft.h"
#include "base/alloc.h"
#include "base/random.h"
#include "models/window.h"
#include "solvers/view.h"
#include "support/support.h"

enum { N = 64, J = 20, COLUMNS = 5, STEP = 9 };

static pp_array *frames, *positions, *mask, *probe;

static pp_c32 specimen(double y, double x)
{
    const double phase = 0.6 * sin(0.31 * y) * cos(0.23 * x) + 0.3 * sin(0.09 * (y + 2 * x));
    return (pp_c32){(float)cos(phase), (float)sin(phase)};
}

static void make_probe(void)
{
    pp_c32 *p = pp_array_data(probe);
    for (int k = 0; k < N * N; k++) {
        const double y = k / N - N / 2, x = k % N - N / 2, r2 = y * y + x * x,
                     a = 12 * exp(-r2 / 200);
        p[k] = (pp_c32){(float)(a * cos(0.01 * r2)), (float)(a * (sin(0.01 * r2) + 0.01 * y))};
    }
}

static void make_frame(const pp_fft *fft, pp_c32 *field, int j, pp_random *r)
{
    const pp_c32 *p = pp_array_read(probe);
    double *at = (double *)pp_array_data(positions) + 2 * j;
    uint16_t *frame = (uint16_t *)pp_array_data(frames) + (int64_t)j * N * N;
    at[0] = STEP * (j / COLUMNS) + 2 * pp_random_uniform(r);
    at[1] = STEP * (j % COLUMNS) + 2 * pp_random_uniform(r);
    for (int k = 0; k < N * N; k++) {
        const pp_c32 o = specimen(k / N + at[0], k % N + at[1]);
        field[k] =
            (pp_c32){(p[k].re * o.re - p[k].im * o.im) / N, (p[k].re * o.im + p[k].im * o.re) / N};
    }
    pp_fft_run(fft, field);
    for (int k = 0; k < N * N; k++) {
        const pp_c32 f = field[k];
        frame[k] = (uint16_t)pp_random_poisson(r, (double)(f.re * f.re + f.im * f.im));
    }
}

static void make(void)
{
    const int64_t plane[2] = {N, N};
    pp_random r = pp_random_start(11, 0);
    pp_fft *fft;
    pp_c32 *field;
    pp_assert_ok(pp_array_create(PP_U16, 3, (const int64_t[]){J, N, N}, "counts", &frames));
    pp_assert_ok(pp_array_create(PP_F64, 2, (const int64_t[]){J, 2}, "pixel", &positions));
    pp_assert_ok(pp_array_create(PP_U8, 2, plane, "1", &mask));
    pp_assert_ok(pp_array_create(PP_C32, 3, (const int64_t[]){1, N, N}, "sqrt(counts)", &probe));
    memset(pp_array_data(mask), 1, N * N);
    memset((uint8_t *)pp_array_data(mask) + 17 * N, 0, 5);
    make_probe();
    pp_assert_ok(pp_fft_create(2, plane, 1, -1, &fft));
    pp_assert_ok(pp_fft_buffer(N * N, &field));
    for (int j = 0; j < J; j++) make_frame(fft, field, j, &r);
    pp_free(field);
    pp_fft_free(&fft);
}

static void unmake(void)
{
    pp_array_free(&frames), pp_array_free(&positions), pp_array_free(&mask), pp_array_free(&probe);
}

/* Cases: what of the model a solve uses. */
static const struct task {
    pp_sweep_positions positions;
    pp_sweep_model model;
    int64_t modes;
    bool probe, move, keep;
} tasks[] = {{PP_SWEEP_NEAREST, PP_SWEEP_AMPLITUDE, 1, false, false, true},
             {PP_SWEEP_NEAREST, PP_SWEEP_AMPLITUDE, 1, true, false, false},
             {PP_SWEEP_FOURIER, PP_SWEEP_AMPLITUDE, 1, true, false, true},
             {PP_SWEEP_FOURIER, PP_SWEEP_AMPLITUDE, 2, true, false, false},
             {PP_SWEEP_FOURIER, PP_SWEEP_POISSON, 1, true, false, true},
             {PP_SWEEP_FOURIER, PP_SWEEP_AMPLITUDE, 1, true, true, false}};
enum { TASKS = sizeof tasks / sizeof *tasks };

static void solve(const char *backend, const struct task *t, int64_t iterations,
                  pp_view_output *out)
{
    const pp_view_input in = {
        .frames = frames, .mask = mask, .positions = positions, .probe = probe};
    const pp_view_options o = {.backend = backend,
                               .positions = t->positions,
                               .model = t->model,
                               .probe_modes = t->modes,
                               .keep_far_field = t->keep ? PP_CHOOSE_YES : PP_CHOOSE_NO,
                               .amplitude_start = 2,
                               .memory = 1e9,
                               .threads = 1,
                               .solver = {.iterations = iterations,
                                          .refine_probe = t->probe,
                                          .refine_positions = t->move,
                                          .refine_intensities = t->move,
                                          .probe_start = 1,
                                          .positions_start = 2,
                                          .positions_every = 2,
                                          .positions_limit = 0.5,
                                          .precondition = true}};
    pp_assert_ok(pp_view_solve(&in, &o, out));
}

static double apart(const pp_view_output *a, const pp_view_output *b)
{
    const pp_c32 *x = pp_array_read(a->object), *y = pp_array_read(b->object);
    double difference = 0, norm = 0;
    for (int64_t k = 0; k < pp_array_count(a->object); k++) {
        difference += pow((double)(x[k].re - y[k].re), 2) + pow((double)(x[k].im - y[k].im), 2);
        norm += pow((double)y[k].re, 2) + pow((double)y[k].im, 2);
    }
    return sqrt(difference / norm);
}

static void compare(int64_t iterations, double bar)
{
    for (int i = 0; i < TASKS; i++) {
        pp_view_output cpu, mock;
        solve("cpu", &tasks[i], iterations, &cpu);
        solve("mock", &tasks[i], iterations, &mock);
        const double e = apart(&mock, &cpu);
        ck_assert_msg(e <= bar, "case %d: objects %.2g apart after %d iterations", i, e,
                      (int)iterations);
        pp_view_output_free(&cpu), pp_view_output_free(&mock);
    }
}

START_TEST(mock_follows_the_cpu)
{
    make();
    compare(4, 1e-4);
    compare(8, 1e-3);
    unmake();
}
END_TEST

START_TEST(same_bits_from_run_to_run)
{
    make();
    for (int i = 0; i < TASKS; i++) {
        pp_view_output a, b;
        solve("mock", &tasks[i], 3, &a);
        solve("mock", &tasks[i], 3, &b);
        ck_assert_int_eq(
            memcmp(pp_array_read(a.object), pp_array_read(b.object), pp_array_bytes(a.object)), 0);
        ck_assert_int_eq(
            memcmp(pp_array_read(a.probe), pp_array_read(b.probe), pp_array_bytes(a.probe)), 0);
        pp_view_output_free(&a), pp_view_output_free(&b);
    }
    unmake();
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {mock_follows_the_cpu, same_bits_from_run_to_run, NULL};
    return pp_test_main(pp_test_suite("backends", tests));
}
