// RANKS 1 2 3 5
/* A distributed reconstruction has the same bits as one on a single rank, for numbers of views and rows that the ranks do not
 * divide, and for one thread and two; and no rank needs more memory than was planned for it.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>
#include <string.h>

#include "backend/fft.h"
#include "base/alloc.h"
#include "base/random.h"
#include "support/support.h"
#include "tomo/reconstruct.h"

enum { VIEWS = 13, ROWS = 19, COLUMNS = 24, STACK = VIEWS * ROWS * COLUMNS };

static const double pi = 3.14159265358979323846;

static void check(const pp_comm *world, const pp_comm *self, const pp_reconstruct *setup)
{
    double angles[VIEWS];
    float *stack, *whole, *mine;
    int64_t first_view, views, first_row, rows;
    pp_reconstruct_result here, alone;
    pp_random random = pp_random_start(21, 0);
    pp_comm_block(VIEWS, pp_comm_size(world), pp_comm_rank(world), &first_view, &views);
    pp_slab_block(ROWS, pp_comm_size(world), pp_comm_rank(world), &first_row, &rows);
    pp_assert_ok(PP_ALLOC(STACK, &stack));
    pp_assert_ok(PP_ALLOC(ROWS * COLUMNS * COLUMNS, &whole));
    pp_assert_ok(PP_ALLOC(rows * COLUMNS * COLUMNS + 1, &mine));
    for (int v = 0; v < VIEWS; v++) angles[v] = pi * v / VIEWS;
    for (int i = 0; i < STACK; i++) {
        const double u = i % COLUMNS - COLUMNS / 2;
        stack[i] =
            (float)(exp(-u * u / 20) * (1 + i / COLUMNS % ROWS) + 0.1 * pp_random_normal(&random));
    }
    const pp_stack_shape shape = {VIEWS, ROWS, COLUMNS, sizeof *stack};
    pp_reconstruct one_thread = *setup;
    one_thread.threads = 1;
    pp_assert_ok(pp_reconstruct_run(self, &one_thread, shape, angles, stack, whole, &alone));
    pp_alloc_reset_peak();
    const double before = (double)pp_alloc_peak_bytes();
    pp_assert_ok(pp_reconstruct_run(world, setup, shape, angles,
                                    stack + first_view * ROWS * COLUMNS, mine, &here));
    const double used = (double)pp_alloc_peak_bytes() - before,
                 planned = pp_reconstruct_bytes(setup, pp_comm_size(world), shape);
    const size_t slice = COLUMNS * COLUMNS;
    for (int64_t row = 0; row < rows; row++) {
        ck_assert_msg(!memcmp(mine + (size_t)row * slice, whole + (size_t)(first_row + row) * slice,
                              slice * sizeof *mine),
                      "row %d differs from the run on one rank", (int)(first_row + row));
    }
    ck_assert_msg(used <= planned && used >= 0.7 * planned,
                  "rank %d, method %d: %.0f bytes at most, planned %.0f", pp_comm_rank(world),
                  (int)setup->method, used, planned);
    if (setup->method != PP_RECONSTRUCT_FBP) {
        ck_assert(here.misfit == alone.misfit && here.misfit < 0.6 && here.most == alone.most);
        ck_assert(here.fewest == alone.fewest && here.fewest > 0);
        ck_assert(here.strength == alone.strength);
    }
    pp_free(mine);
    pp_free(whole);
    pp_free(stack);
}

START_TEST(same_bits)
{
    pp_comm *world = NULL, *self = NULL;
    pp_assert_ok(pp_comm_world(&world));
    pp_assert_ok(pp_comm_self(&self));
    pp_fft_set_effort(PP_FFT_ESTIMATE); /* the same plans on every rank */
    const pp_reconstruct fbp = {.method = PP_RECONSTRUCT_FBP, .threads = 2};
    const pp_reconstruct cg = {
        .method = PP_RECONSTRUCT_CG, .cg = {.iterations = 12, .noise = 0.1}, .threads = 2};
    check(world, self, &fbp);
    check(world, self, &cg);
    const pp_reconstruct tv = {.method = PP_RECONSTRUCT_TV,
                               .tv = {.iterations = 5, .inner = 3, .positivity = true},
                               .threads = 2};
    check(world, self, &tv);
    const pp_reconstruct sirt = {
        .method = PP_RECONSTRUCT_SIRT, .sirt = {.iterations = 20}, .threads = 2};
    check(world, self, &sirt);
    pp_comm_free(&self);
    pp_comm_free(&world);
}
END_TEST

int main(int argc, char **argv)
{
    if (pp_mpi_start(&argc, &argv) != PP_OK) return 1;
    const TTest *const tests[] = {same_bits, NULL};
    const int failed = pp_test_main(pp_test_suite("reconstruct", tests));
    if (failed) pp_mpi_abort(failed);
    pp_mpi_stop();
    return 0;
}
