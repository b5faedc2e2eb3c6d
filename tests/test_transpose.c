// RANKS 1 2 3 5 7
/* Views on ranks <-> slabs on ranks: every element arrives where it belongs, forth and back is the identity, for sizes that
 * the ranks do not divide, fewer views or rows than ranks, more rows than one chunk, and more than MPI counts. No byte goes between ranks that need not.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <limits.h>
#include <string.h>

#include "base/alloc.h"
#include "support/support.h"
#include "tomo/transpose.h"

static pp_comm *world;

static double code(int64_t view, int64_t row, int64_t column)
{
    return (double)(1 + column + 1000 * (row + 1000 * view));
}

static void check_shape(int64_t views, int64_t rows, int64_t columns)
{
    const int size = pp_comm_size(world), rank = pp_comm_rank(world);
    int64_t first_view, my_views, first_row, my_rows;
    double *stack, *slabs, *back;
    pp_comm_block(views, size, rank, &first_view, &my_views);
    pp_slab_block(rows, size, rank, &first_row, &my_rows);
    pp_assert_ok(PP_ALLOC(my_views * rows * columns + 1, &stack));
    pp_assert_ok(PP_ALLOC(my_views * rows * columns + 1, &back));
    pp_assert_ok(PP_ALLOC(views * my_rows * columns + 1, &slabs));
    for (int64_t i = 0; i < my_views * rows * columns; i++) {
        stack[i] = code(first_view + i / columns / rows, i / columns % rows, i % columns);
    }
    const pp_stack_shape shape = {views, rows, columns, sizeof *stack};
    const int64_t line = columns * (int64_t)sizeof *stack, before = pp_comm_sent();
    pp_assert_ok(pp_views_to_slabs(world, shape, stack, slabs));
    const int64_t there = pp_comm_sent() - before;
    ck_assert_int_eq(there, my_views * (rows - my_rows) * line);
    for (int64_t i = 0; i < my_rows * views * columns; i++) {
        const double truth =
            code(i / columns % views, first_row + i / columns / views, i % columns);
        ck_assert_msg(slabs[i] == truth, "rank %d element %d: %g, not %g", rank, (int)i, slabs[i],
                      truth);
    }
    pp_assert_ok(pp_slabs_to_views(world, shape, slabs, back));
    ck_assert_int_eq(memcmp(stack, back, (size_t)(my_views * rows * columns + 1) * sizeof *stack),
                     0);
    ck_assert_int_eq(pp_comm_sent() - before - there, my_rows * (views - my_views) * line);
    if (views % size == 0 && rows % (2 * size) == 0) /* (S / P) (1 - 1 / P) */
        ck_assert_int_eq(there, views * rows * line / size / size * (size - 1));
    ck_assert_double_gt(pp_transpose_bytes(size, shape), 0);
    pp_free(slabs);
    pp_free(back);
    pp_free(stack);
}

START_TEST(shapes)
{
    check_shape(7, 11, 3);
    check_shape(13, 97, 5);
    check_shape(2, 1, 4);
    check_shape(1, 40, 1);
    check_shape(12, 30, 8);
    check_shape(2 * pp_comm_size(world), 4 * pp_comm_size(world), 6);
}
END_TEST

/* As if MPI counted to 5 only: rows in many messages, each row in blocks. */
START_TEST(beyond_what_is_counted)
{
    pp_comm_world_limit(world, 5);
    check_shape(7, 11, 3);
    check_shape(13, 97, 5);
    check_shape(1, 40, 1);
    pp_comm_world_limit(world, INT_MAX);
}
END_TEST

int main(int argc, char **argv)
{
    const TTest *const tests[] = {shapes, beyond_what_is_counted, NULL};
    return pp_test_main_of_ranks(argc, argv, "transpose", tests, &world);
}
