/* Solvers of one view on small made-up views: against the oracle's published iterations, recovery of object, probe
 * and positions, the same bits for any number of threads, rules, and memory that runs out.
 * SPDX-License-Identifier: BSD-3-Clause */
// BACKENDS cpu mock cuda
// TIMEOUT 300
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/random.h"
#include "models/probe.h"
#include "models/window.h"
#include "solvers/view.h"
#include "support/oracle.h"
#include "support/support.h"

enum { N = 32, GRID = 6, J = GRID * GRID, STEP = 5 };

typedef double complex cplx;

/* A made-up view: truth in double precision, arrays as the ports have them. */
typedef struct made {
    pp_object_frame frame;
    double corners[J][2], true_positions[J][2];
    cplx *object, probe[2 * N * N];
    double *data, *mask;
    pp_view_input in;
    pp_array *frames, *bad, *positions, *guess;
} made;

static cplx specimen(int64_t y, int64_t x)
{
    const double v = (double)y, u = (double)x;
    const double phase = 0.6 * sin(0.35 * v) * cos(0.27 * u) + 0.4 * sin(0.11 * (v + 2 * u));
    return (1 - 0.1 * cos(0.2 * v + 0.3 * u)) * cexp(I * phase);
}

/* Defocused spot with some structure. */
static cplx beam(int64_t y, int64_t x, double width)
{
    const double v = (double)(y - N / 2), u = (double)(x - N / 2), r2 = v * v + u * u;
    return exp(-r2 / (2 * width * width)) * cexp(I * 0.02 * r2) * (1 + 0.2 * I * v / N);
}

static void make_positions(made *m, pp_random *r, bool whole)
{
    for (int j = 0; j < J; j++)
        for (int a = 0; a < 2; a++) {
            const double g = STEP * (a ? j % GRID : j / GRID) - 12 + 3 * pp_random_uniform(r);
            m->true_positions[j][a] = whole ? rint(g) : g;
        }
    pp_assert_ok(pp_object_frame_of(&m->true_positions[0][0], J, N, &m->frame));
    pp_object_corners(&m->frame, &m->true_positions[0][0], J, N, &m->corners[0][0]);
}

static oracle oracle_of(const made *m, int modes, bool fourier)
{
    return (oracle){.n = N,
                    .modes = modes,
                    .patterns = J,
                    .object = {m->frame.size[0], m->frame.size[1]},
                    .positions = &m->corners[0][0],
                    .fourier = fourier,
                    .data = m->data,
                    .mask = m->mask};
}

/* counts: of a pattern; 0: noise-free intensities as float32. */
static void make_counts(made *m, int modes, bool fourier, double counts, pp_random *r)
{
    const int64_t pixels = (int64_t)J * N * N;
    cplx *far = calloc((size_t)(pixels * modes), sizeof *far);
    const oracle o = oracle_of(m, modes, fourier);
    oracle_forward(&o, far, m->object, m->probe);
    const int64_t shape[3] = {J, N, N};
    pp_assert_ok(pp_array_create(counts > 0 ? PP_U16 : PP_F32, 3, shape, "counts", &m->frames));
    for (int64_t i = 0; i < pixels; i++) {
        const int64_t j = i / (N * N), k = i % (N * N);
        double sum = 0;
        for (int p = 0; p < modes; p++) sum += pow(cabs(far[(j * modes + p) * N * N + k]), 2);
        m->mask[i] = 1;
        if (counts > 0) {
            m->data[i] = (double)pp_random_poisson(r, sum);
            ((uint16_t *)pp_array_data(m->frames))[i] = (uint16_t)m->data[i];
        } else {
            ((float *)pp_array_data(m->frames))[i] = (float)sum;
            m->data[i] = (double)(float)sum;
        }
    }
    free(far);
}

static void make(made *m, int modes, bool fourier, double counts)
{
    pp_random r = pp_random_start(3, (uint64_t)modes);
    memset(m, 0, sizeof *m);
    make_positions(m, &r, !fourier);
    const int64_t *size = m->frame.size;
    m->object = calloc((size_t)(size[0] * size[1]), sizeof *m->object);
    m->data = calloc((size_t)J * N * N, sizeof *m->data);
    m->mask = calloc((size_t)J * N * N, sizeof *m->mask);
    for (int64_t k = 0; k < size[0] * size[1]; k++)
        m->object[k] = specimen(k / size[1], k % size[1]);
    const double total = counts > 0 ? counts : 1e5;
    double power = 0;
    for (int64_t k = 0; k < N * N; k++) {
        m->probe[k] = beam(k / N, k % N, 6);
        if (modes > 1) m->probe[N * N + k] = 0.1 * (double)(k / N - N / 2) * m->probe[k];
    }
    for (int64_t k = 0; k < modes * N * N; k++) power += pow(cabs(m->probe[k]), 2);
    pp_assert_ok(pp_array_create(PP_C32, 3, (const int64_t[]){1, N, N}, "sqrt(counts)", &m->guess));
    pp_c32 *guess = pp_array_data(m->guess);
    for (int64_t k = 0; k < modes * N * N; k++) {
        m->probe[k] *= sqrt(total / power);
        if (k < N * N) guess[k] = (pp_c32){(float)creal(m->probe[k]), (float)cimag(m->probe[k])};
    }
    for (int64_t k = 0; k < N * N; k++) m->probe[k] = (double)guess[k].re + I * (double)guess[k].im;
    make_counts(m, modes, fourier, counts, &r);
    pp_assert_ok(pp_array_create(PP_U8, 2, (const int64_t[]){N, N}, "1", &m->bad));
    memset(pp_array_data(m->bad), 1, N * N);
    pp_assert_ok(pp_array_create(PP_F64, 2, (const int64_t[]){J, 2}, "pixel", &m->positions));
    memcpy(pp_array_data(m->positions), m->true_positions, sizeof m->true_positions);
    m->in = (pp_view_input){
        .frames = m->frames, .mask = m->bad, .positions = m->positions, .probe = m->guess};
}

static void unmake(made *m)
{
    free(m->object), free(m->data), free(m->mask);
    pp_array_free(&m->frames), pp_array_free(&m->bad);
    pp_array_free(&m->positions), pp_array_free(&m->guess);
}

static pp_view_options options_of(int64_t iterations)
{
    return (pp_view_options){.backend = pp_test_backend(),
                             .positions = PP_SWEEP_FOURIER,
                             .probe_modes = 1,
                             .memory = 1e9,
                             .threads = 1,
                             .solver = {.iterations = iterations,
                                        .probe_start = 2,
                                        .positions_start = 10,
                                        .positions_every = 5,
                                        .positions_limit = 0.5,
                                        .precondition = true}};
}

static double error_of(const pp_view_output *out)
{
    return *(const double *)pp_array_read(out->error);
}

START_TEST(published_is_the_oracles)
{
    enum { ITERATIONS = 6 };
    static made m;
    double costs[ITERATIONS + 1], steps[ITERATIONS];
    pp_view_output out;
    make(&m, 1, false, 1e5);
    pp_view_options o = options_of(ITERATIONS);
    o.method = PP_PTYCHO_PUBLISHED, o.positions = PP_SWEEP_NEAREST;
    pp_assert_ok(pp_view_solve(&m.in, &o, &out));
    const oracle truth = oracle_of(&m, 1, false);
    const int64_t pixels = m.frame.size[0] * m.frame.size[1];
    for (int64_t k = 0; k < pixels; k++) m.object[k] = 1;
    oracle_cg(&truth, m.object, m.probe, ITERATIONS, costs, steps);
    const double *cost = pp_array_read(out.cost);
    for (int i = 0; i <= ITERATIONS; i++) pp_assert_near(cost[i], costs[i], 1e-5 * costs[i]);
    const double *taken = pp_array_read(out.steps);
    for (int i = 0; i < ITERATIONS; i++) ck_assert(taken[2 * i] == steps[i]);
    const pp_c32 *object = pp_array_read(out.object);
    double difference = 0, norm = 0;
    for (int64_t k = 0; k < pixels; k++) {
        const cplx d = (double)object[k].re + I * (double)object[k].im - m.object[k];
        difference += creal(d * conj(d)), norm += creal(m.object[k] * conj(m.object[k]));
    }
    ck_assert_double_lt(sqrt(difference / norm), 1e-5);
    ck_assert_double_lt(out.adjointness, 1e-4);
    pp_view_output_free(&out);
    unmake(&m);
}
END_TEST

static double apart(const pp_array *a, const pp_array *b)
{
    const pp_c32 *x = pp_array_read(a), *y = pp_array_read(b);
    double sum = 0;
    for (int64_t k = 0; k < pp_array_count(a); k++)
        sum +=
            pow((double)x[k].re - (double)y[k].re, 2) + pow((double)x[k].im - (double)y[k].im, 2);
    return sqrt(sum);
}

/* A solve of one more iteration ends where the other went on to; the change is of the object alone. */
START_TEST(changes_of_the_object_are_told)
{
    enum { MOST = 4 };
    static made m;
    make(&m, 1, false, 1e5);
    for (int method = 0; method < 2; method++) {
        pp_view_output out[MOST];
        pp_view_options o = options_of(1);
        o.positions = PP_SWEEP_NEAREST;
        if (method == 0) o.method = PP_PTYCHO_PUBLISHED;
        for (int i = 0; i < MOST; i++) {
            o.solver.iterations = i + 1;
            pp_assert_ok(pp_view_solve(&m.in, &o, &out[i]));
            ck_assert_int_eq(pp_array_count(out[i].steps), 2 * (i + 1));
        }
        const double *steps = pp_array_read(out[MOST - 1].steps);
        for (int i = 1; i < MOST; i++) {
            ck_assert_double_gt(steps[2 * i], 0);
            pp_assert_near(apart(out[i].object, out[i - 1].object), steps[2 * i + 1],
                           1e-4 * steps[2 * i + 1]);
        }
        for (int i = 0; i < MOST; i++) pp_view_output_free(&out[i]);
    }
    unmake(&m);
}
END_TEST

/* Noise-free intensities are matched nearly exactly, the recovered object is the true one where it was lit. */
START_TEST(object_is_recovered)
{
    static made m;
    pp_view_output out;
    make(&m, 1, true, 0);
    const pp_view_options o = options_of(60);
    pp_assert_ok(pp_view_solve(&m.in, &o, &out));
    ck_assert_double_lt(error_of(&out), 1e-6);
    const pp_c32 *object = pp_array_read(out.object);
    const float *light = pp_array_read(out.illumination);
    const int64_t pixels = m.frame.size[0] * m.frame.size[1];
    double largest = 0, worst = 0;
    cplx turn = 0; /* a constant phase is free */
    for (int64_t k = 0; k < pixels; k++) {
        largest = fmax(largest, (double)light[k]);
        turn +=
            (double)light[k] * conj((double)object[k].re + I * (double)object[k].im) * m.object[k];
    }
    turn /= cabs(turn);
    for (int64_t k = 0; k < pixels; k++) {
        const cplx a = (double)object[k].re + I * (double)object[k].im;
        if ((double)light[k] > 0.3 * largest) worst = fmax(worst, cabs(turn * a - m.object[k]));
    }
    ck_assert_double_lt(worst, 0.02);
    ck_assert(out.probe_scale == 1 && out.adjointness < 1e-4);
    pp_view_output_free(&out);
    unmake(&m);
}
END_TEST

/* A wrong probe on a wrong scale: recovered with the object, at the starting probe's place. */
START_TEST(probe_is_recovered)
{
    static made m;
    make(&m, 1, true, 0);
    pp_c32 *guess = pp_array_data(m.guess);
    for (int64_t k = 0; k < N * N; k++) {
        const cplx p = 0.01 * beam(k / N, k % N, 8);
        guess[k] = (pp_c32){(float)creal(p), (float)cimag(p)};
    }
    for (int c = 0; c < 4; c++) {
        pp_view_output out;
        double start[2], end[2];
        pp_view_options o = options_of(60);
        o.solver.refine_probe = true;
        o.keep_far_field = c & 1 ? PP_CHOOSE_NO : PP_CHOOSE_YES;
        o.model = c & 2 ? PP_SWEEP_POISSON : PP_SWEEP_AMPLITUDE;
        o.amplitude_start = 6;
        pp_assert_ok(pp_view_solve(&m.in, &o, &out));
        ck_assert(out.kept == (c % 2 == 0));
        ck_assert_double_lt(error_of(&out), c & 2 ? 1e-4 : 1e-5);
        ck_assert_double_gt(out.probe_scale, 2);
        pp_probe_center(guess, N, 1, start);
        pp_probe_center(pp_array_read(out.probe), N, 1, end);
        pp_assert_near(start[0], end[0], 0.01);
        pp_assert_near(start[1], end[1], 0.01);
        const double *cost = pp_array_read(out.cost);
        for (int64_t i = 1; i <= out.iterations; i++)
            ck_assert_double_le(cost[i], cost[i - 1] + 1e-6 * fabs(cost[i - 1]));
        pp_view_output_free(&out);
    }
    unmake(&m);
}
END_TEST

START_TEST(modes_are_recovered_and_orthogonal)
{
    static made m;
    pp_view_output one, two;
    make(&m, 2, true, 0);
    pp_view_options o = options_of(60);
    o.solver.refine_probe = true;
    pp_assert_ok(pp_view_solve(&m.in, &o, &one));
    o.probe_modes = 2;
    pp_assert_ok(pp_view_solve(&m.in, &o, &two));
    ck_assert_double_lt(error_of(&two), 0.2 * error_of(&one));
    const pp_c32 *p = pp_array_read(two.probe);
    double re = 0, im = 0;
    for (int k = 0; k < N * N; k++) {
        const pp_c32 a = p[k], b = p[N * N + k];
        re += (double)(a.re * b.re + a.im * b.im), im += (double)(a.re * b.im - a.im * b.re);
    }
    const double first = pp_probe_power(p, N, 1), second = pp_probe_power(p + N * N, N, 1);
    ck_assert_double_lt(hypot(re, im), 1e-4 * sqrt(first * second));
    ck_assert_double_gt(first, second);
    pp_view_output_free(&one);
    pp_view_output_free(&two);
    unmake(&m);
}
END_TEST

/* Recorded positions up to a pixel off; judged without the common shift. */
static double spread(const made *m, const double *g)
{
    double mean[2] = {0, 0}, sum = 0;
    for (int i = 0; i < 2 * J; i++) mean[i % 2] += (g[i] - m->true_positions[i / 2][i % 2]) / J;
    for (int i = 0; i < 2 * J; i++)
        sum += pow(g[i] - m->true_positions[i / 2][i % 2] - mean[i % 2], 2);
    return sqrt(sum / (2 * J));
}

START_TEST(positions_are_recovered)
{
    static made m;
    pp_view_output out;
    make(&m, 1, true, 0);
    pp_random r = pp_random_start(5, 0);
    double *g = pp_array_data(m.positions);
    for (int i = 0; i < 2 * J; i++) g[i] += 1.4 * (pp_random_uniform(&r) - 0.5);
    const double before = spread(&m, g);
    pp_view_options o = options_of(80);
    o.solver.refine_positions = true;
    pp_assert_ok(pp_view_solve(&m.in, &o, &out));
    const double after = spread(&m, pp_array_read(out.positions));
    ck_assert_msg(after < 0.15 * before, "positions off by %g before, %g after", before, after);
    pp_view_output_free(&out);
    unmake(&m);
}
END_TEST

/* A beam that fluctuates by up to 30 %: found in every frame, with every implementation of the sweeps. Judged from frame to
 * neighbouring frame, for a smooth change across the field is the object's modulus as well. */
START_TEST(intensities_are_recovered)
{
    static made m;
    double planted[J], sum = 0;
    make(&m, 1, true, 0);
    pp_random r = pp_random_start(6, 0);
    float *frames = pp_array_data(m.frames);
    for (int j = 0; j < J; j++) sum += planted[j] = 1 + 0.6 * (pp_random_uniform(&r) - 0.5);
    for (int i = 0; i < J * N * N; i++) frames[i] *= (float)planted[i / (N * N)];
    for (int c = 0; c < 3; c++) {
        const bool cpu = strcmp(pp_test_backend(), "cpu") == 0;
        const char *const sweeps[] = {cpu ? "fftw" : NULL, NULL, NULL};
        pp_view_output fixed, out;
        pp_view_options o = options_of(80);
        o.implementation = sweeps[c], o.solver.refine_probe = true;
        o.keep_far_field = c == 2 ? PP_CHOOSE_NO : PP_CHOOSE_YES;
        pp_assert_ok(pp_view_solve(&m.in, &o, &fixed));
        ck_assert(!fixed.intensities);
        o.solver.refine_intensities = true;
        pp_assert_ok(pp_view_solve(&m.in, &o, &out));
        const double *found = pp_array_read(out.intensities);
        double off = 0, all = 0;
        for (int j = 1; j < J; j++) {
            const double a = found[j] - found[j - 1], b = (planted[j] - planted[j - 1]) * J / sum;
            off += (a - b) * (a - b), all += b * b;
        }
        ck_assert_double_lt(off, 0.2 * all);
        ck_assert_double_lt(error_of(&out), 0.02 * error_of(&fixed));
        pp_view_output_free(&fixed);
        pp_view_output_free(&out);
    }
    unmake(&m);
}
END_TEST

/* Counts: the solver ends by itself where they tell no more; not before, and not with stop_at_noise off. */
START_TEST(noise_stops_the_solver)
{
    static made m;
    make(&m, 1, true, 500);
    pp_view_output all, out;
    pp_view_options o = options_of(400);
    pp_assert_ok(pp_view_solve(&m.in, &o, &all));
    o.solver.stop_at_noise = true;
    pp_assert_ok(pp_view_solve(&m.in, &o, &out));
    ck_assert(out.converged && out.iterations < 400 && out.iterations >= 10);
    const double *cost = pp_array_read(out.cost);
    const int64_t end = out.iterations;
    ck_assert_double_lt(2 * (cost[end - 10] - cost[end]), 0.5);
    ck_assert_double_ge(2 * (cost[end - 11] - cost[end - 1]), 0.5);
    ck_assert_double_lt(error_of(&out), 1.01 * error_of(&all));
    pp_view_output_free(&all);
    pp_view_output_free(&out);
    unmake(&m);
}
END_TEST

/* Turning the modes turns what belongs to them: inner products stay. */
START_TEST(modes_turn_together)
{
    enum { M = 3, SIDE = 16, COUNT = M * SIDE * SIDE };
    static pp_c32 p[COUNT], q[COUNT];
    pp_random r = pp_random_start(8, 0);
    for (int k = 0; k < COUNT; k++) {
        p[k] = (pp_c32){(float)pp_random_normal(&r), (float)pp_random_normal(&r)};
        q[k] = (pp_c32){(float)pp_random_normal(&r), (float)pp_random_normal(&r)};
    }
    for (int k = 0; k < SIDE * SIDE; k++) p[SIDE * SIDE + k].re += 2 * p[k].re;
    cplx before = 0, after = 0, across = 0;
    for (int k = 0; k < COUNT; k++) before += conj(p[k].re + I * p[k].im) * (q[k].re + I * q[k].im);
    pp_c32 *const others[] = {q};
    pp_probe_orthogonalise_with(p, SIDE, M, others, 1);
    for (int k = 0; k < COUNT; k++) after += conj(p[k].re + I * p[k].im) * (q[k].re + I * q[k].im);
    for (int k = 0; k < SIDE * SIDE; k++) {
        const pp_c32 a = p[k], b = p[SIDE * SIDE + k];
        across += conj(a.re + I * a.im) * (b.re + I * b.im);
    }
    ck_assert_double_lt(cabs(after - before), 1e-3);
    ck_assert_double_lt(cabs(across), 1e-2);
}
END_TEST

START_TEST(same_bits_for_any_number_of_threads)
{
    static made m;
    make(&m, 1, true, 2e4);
    pp_view_output out[4];
    for (int t = 0; t < 4; t++) {
        pp_view_options o = options_of(18);
        o.solver.refine_probe = o.solver.refine_positions = true, o.threads = t + 1;
        pp_assert_ok(pp_view_solve(&m.in, &o, &out[t]));
        ck_assert(memcmp(pp_array_read(out[0].object), pp_array_read(out[t].object),
                         pp_array_bytes(out[0].object)) == 0);
        ck_assert(memcmp(pp_array_read(out[0].cost), pp_array_read(out[t].cost),
                         pp_array_bytes(out[0].cost)) == 0);
    }
    for (int t = 0; t < 4; t++) pp_view_output_free(&out[t]);
    unmake(&m);
}
END_TEST

typedef struct task {
    const pp_view_input *in;
    pp_view_options options;
} task;

static pp_status solve_once(void *argument)
{
    const task *t = argument;
    pp_view_output out;
    PP_TRY(pp_view_solve(t->in, &t->options, &out));
    pp_view_output_free(&out);
    return PP_OK;
}

START_TEST(memory_that_runs_out_leaves_nothing)
{
    static made m;
    make(&m, 1, true, 2e4);
    task t = {&m.in, options_of(2)};
    t.options.solver.refine_probe = true, t.options.model = PP_SWEEP_POISSON;
    t.options.amplitude_start = 1;
    pp_test_out_of_memory(solve_once, &t);
    unmake(&m);
}
END_TEST

/* On a device: from the host batch by batch, with the same result. */
START_TEST(frames_that_do_not_fit_are_streamed)
{
    static made m;
    pp_view_output fits, streamed;
    const bool device = pp_backend_find(pp_test_backend())->room != NULL;
    make(&m, 1, true, 2e4);
    pp_view_options o = options_of(4);
    o.keep_far_field = PP_CHOOSE_NO;
    pp_assert_ok(pp_view_solve(&m.in, &o, &fits));
    o.device_memory = 1;
    pp_assert_ok(pp_view_solve(&m.in, &o, &streamed));
    ck_assert(!fits.streamed && streamed.streamed == device);
    ck_assert_int_eq(memcmp(pp_array_read(fits.object), pp_array_read(streamed.object),
                            pp_array_bytes(fits.object)),
                     0);
    pp_view_output_free(&fits), pp_view_output_free(&streamed);
    unmake(&m);
}
END_TEST

START_TEST(unusable_data_is_named)
{
    static made m;
    pp_view_output out;
    make(&m, 1, true, 2e4);
    const pp_view_options o = options_of(2);
    memset(pp_array_data(m.bad), 0, N * N);
    ck_assert_int_eq(pp_view_solve(&m.in, &o, &out), PP_ERR_DATA);
    ck_assert_ptr_nonnull(strstr(pp_error_last()->text, "no counts"));
    memset(pp_array_data(m.bad), 1, N * N);
    ((double *)pp_array_data(m.positions))[9] = NAN;
    ck_assert_int_eq(pp_view_solve(&m.in, &o, &out), PP_ERR_DATA);
    ck_assert_ptr_nonnull(strstr(pp_error_last()->text, "position 4"));
    unmake(&m);
}
END_TEST

/* The record refuses NaN and a cost that rises. */
START_TEST(alarms)
{
    static made m;
    make(&m, 1, true, 2e4);
    double cost[10], step[10];
    pp_ptycho_result r = {.cost = cost, .step = step};
    const pp_ptycho_settings settings = {.iterations = 9};
    pp_ptychography model;
    const pp_sweep_setup setup = {.n = N,
                                  .modes = 1,
                                  .patterns = J,
                                  .threads = 1,
                                  .object = {m.frame.size[0], m.frame.size[1]},
                                  .positions = &m.corners[0][0],
                                  .mode = PP_SWEEP_FOURIER,
                                  .frame_type = PP_U16,
                                  .frames = pp_array_read(m.frames)};
    pp_assert_ok(pp_ptychography_create(pp_backend_find(pp_test_backend()), NULL, &setup, &model));
    for (r.done = 0; r.done < 7; r.done++)
        pp_assert_ok(pp_ptycho_record(&model, &settings, &r, 100 - 0.01 * (double)r.done));
    ck_assert_int_eq(pp_ptycho_record(&model, &settings, &r, 100.2), PP_ERR_RUN);
    ck_assert_ptr_nonnull(strstr(pp_error_last()->text, "rose"));
    ck_assert_int_eq(pp_ptycho_record(&model, &settings, &r, NAN), PP_ERR_RUN);
    pp_ptychography_free(&model);
    unmake(&m);
}
END_TEST

START_TEST(an_object_is_moved_by_parts_of_pixels)
{
    enum { SIDE = 90 };
    static pp_c32 o[SIDE * SIDE];
    const double shift[2] = {2.3, -1.6};
    const int64_t size[2] = {SIDE, SIDE};
    for (int k = 0; k < SIDE * SIDE; k++) {
        const double y = k / SIDE - 45, x = k % SIDE - 45, e = exp(-(y * y + x * x) / 50);
        o[k] = (pp_c32){(float)(1 + e * cos(0.8 * y)), (float)(e * sin(0.7 * x))};
    }
    pp_assert_ok(pp_object_move(o, size, shift, 2));
    for (int k = 0; k < SIDE * SIDE; k++) {
        const double y = k / SIDE - 45 - shift[0], x = k % SIDE - 45 - shift[1],
                     e = exp(-(y * y + x * x) / 50);
        pp_assert_near((double)o[k].re, 1 + e * cos(0.8 * y), 1e-3);
        pp_assert_near((double)o[k].im, e * sin(0.7 * x), 1e-3);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {published_is_the_oracles,
                                  changes_of_the_object_are_told,
                                  object_is_recovered,
                                  probe_is_recovered,
                                  modes_are_recovered_and_orthogonal,
                                  positions_are_recovered,
                                  intensities_are_recovered,
                                  noise_stops_the_solver,
                                  modes_turn_together,
                                  same_bits_for_any_number_of_threads,
                                  memory_that_runs_out_leaves_nothing,
                                  frames_that_do_not_fit_are_streamed,
                                  unusable_data_is_named,
                                  alarms,
                                  an_object_is_moved_by_parts_of_pixels,
                                  NULL};
    return pp_test_main(pp_test_suite("ptychography", tests));
}
