/* One message of more than 2^31 bytes from rank 0 to rank 1: as many short rows, and as one row, which is longer than MPI counts. Every byte
 * is checked. Takes 4.5 GB of memory, and is skipped where there is not twice that.
 * SPDX-License-Identifier: BSD-3-Clause */
// RANKS 2
// LABEL slow
// TIMEOUT 300
#include <stdlib.h>

#include "base/alloc.h"
#include "comm/comm.h"
#include "engine/machine.h"
#include "support/support.h"

enum { LINE = 4099 }; /* bytes of a short row */
static const int64_t words = (((int64_t)1 << 31) + 17 * LINE * 8) / 8 / LINE * LINE;
static pp_comm *world;

static uint64_t word(int64_t at, uint64_t salt)
{
    const uint64_t x = ((uint64_t)at + salt) * UINT64_C(0x9e3779b97f4a7c15);
    return x ^ x >> 29;
}

/* rows * row_bytes = 8 * words */
static void pass(uint64_t *data, int64_t rows, size_t row_bytes, uint64_t salt)
{
    const int rank = pp_comm_rank(world);
    const int64_t none[] = {0, 0}, to[] = {0, rank == 0 ? rows : 0}, from[] = {rank ? rows : 0, 0};
    ck_assert_int_eq(rows * (int64_t)row_bytes, words * 8);
    ck_assert_int_gt(words * 8, (int64_t)1 << 31);
    for (int64_t i = 0; i < words && rank == 0; i++) data[i] = word(i, salt);
    pp_assert_ok(pp_comm_alltoall_rows(world, data, rank == 0 ? to : none, data,
                                       rank == 0 ? none : from, row_bytes));
    int64_t wrong = 0;
    for (int64_t i = 0; i < words && rank == 1; i++) wrong += data[i] != word(i, salt);
    ck_assert_int_eq(wrong, 0);
}

START_TEST(short_rows_and_one_row)
{
    uint64_t *data;
    pp_assert_ok(pp_comm_agree(world, PP_ALLOC(words, &data)));
    pass(data, words * 8 / LINE, LINE, 1);
    pass(data, 1, (size_t)words * 8, 2);
    pp_free(data);
}
END_TEST

int main(int argc, char **argv)
{
    pp_machine machine;
    if (pp_mpi_start(&argc, &argv) != PP_OK || pp_comm_world(&world) != PP_OK) return EXIT_FAILURE;
    if (pp_machine_find(world, &machine) != PP_OK) return EXIT_FAILURE;
    const bool room = machine.memory >= 10e9;
    double least = room;
    if (pp_comm_allreduce(world, &least, 1, PP_MIN) != PP_OK) return EXIT_FAILURE;
    pp_comm_free(&world);
    if (least < 1) {
        pp_mpi_stop();
        return pp_test_skip("less than 10 GB of memory are free");
    }
    const TTest *const tests[] = {short_rows_and_one_row, NULL};
    return pp_test_main_of_ranks(argc, argv, "comm_large", tests, &world);
}
