/* Memory of one view's solve, as counted by the allocator: frames once, what is kept of the far fields, some objects. And
 * the frames are given back as they were lent.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/random.h"
#include "solvers/view.h"
#include "tests/support/support.h"

enum { N = 64, SIDE = 24, J = SIDE * SIDE, STEP = 8, ITERATIONS = 3 };

typedef struct made {
    pp_array *frames, *mask, *positions, *probe;
    uint16_t *before;
} made;

static void make(made *m)
{
    pp_random r = pp_random_start(5, 1);
    pp_assert_ok(pp_array_create(PP_U16, 3, (const int64_t[]){J, N, N}, "counts", &m->frames));
    pp_assert_ok(pp_array_create(PP_U8, 2, (const int64_t[]){N, N}, "1", &m->mask));
    pp_assert_ok(pp_array_create(PP_F64, 2, (const int64_t[]){J, 2}, "pixel", &m->positions));
    pp_assert_ok(pp_array_create(PP_C32, 3, (const int64_t[]){1, N, N}, "sqrt(counts)", &m->probe));
    memset(pp_array_data(m->mask), 1, N * N);
    for (int j = 0; j < 2 * J; j++)
        ((double *)pp_array_data(m->positions))[j] = STEP * (j % 2 ? j / 2 % SIDE : j / 2 / SIDE);
    for (int k = 0; k < N * N; k++) {
        const double y = k / N - N / 2, x = k % N - N / 2, r2 = y * y + x * x,
                     e = 30 * exp(-r2 / 200);
        ((pp_c32 *)pp_array_data(m->probe))[k] =
            (pp_c32){(float)(e * cos(0.05 * r2)), (float)(e * sin(0.05 * r2))};
    }
    m->before = malloc(pp_array_bytes(m->frames));
    for (int64_t k = 0; k < (int64_t)J * N * N; k++)
        m->before[k] = ((uint16_t *)pp_array_data(m->frames))[k] =
            (uint16_t)pp_random_poisson(&r, 5 * exp(-(double)(k % N) / 20));
}

static void unmake(made *m)
{
    pp_array_free(&m->frames), pp_array_free(&m->mask);
    pp_array_free(&m->positions), pp_array_free(&m->probe);
    free(m->before);
}

/* Bytes at the peak of a solve, frames included; objects: of the result's size. */
static double peak(const made *m, bool keep, bool probe, double *object)
{
    const pp_view_input in = {
        .frames = m->frames, .mask = m->mask, .positions = m->positions, .probe = m->probe};
    const pp_view_options o = {
        .backend = "cpu",
        .probe_modes = 1,
        .keep_far_field = keep ? PP_CHOOSE_YES : PP_CHOOSE_NO,
        .memory = 1e12,
        .threads = 2,
        .solver = {.iterations = ITERATIONS, .refine_probe = probe, .precondition = true}};
    pp_view_output out;
    pp_alloc_reset_peak();
    pp_assert_ok(pp_view_solve(&in, &o, &out));
    const double bytes = (double)pp_alloc_peak_bytes();
    *object = (double)pp_array_bytes(out.object);
    ck_assert(out.kept == keep);
    pp_view_output_free(&out);
    ck_assert_int_eq(memcmp(m->before, pp_array_read(m->frames), pp_array_bytes(m->frames)), 0);
    return bytes;
}

START_TEST(frames_are_held_once)
{
    const double plane = N * N, frames = 2 * plane * J,
                 few = 100e6 * plane / (256 * 256); /* what 100 MB are to detectors of 256^2 */
    double object;
    made m;
    make(&m);
    double bytes = peak(&m, false, false, &object);
    ck_assert_double_le(bytes, 1.15 * (frames + 8 * object) + few);
    bytes = peak(&m, true, false, &object);
    ck_assert_double_le(bytes, 1.15 * (frames + 16 * plane * J + 8 * object));
    bytes = peak(&m, true, true, &object);
    ck_assert_double_le(bytes, 1.15 * (frames + 24 * plane * J + 8 * object));
    unmake(&m);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {frames_are_held_once, NULL};
    return pp_test_main(pp_test_suite("memory", tests));
}
