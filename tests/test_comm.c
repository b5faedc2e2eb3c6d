/* Communicators: every collective on 1, 2 and 3 ranks, uneven and empty parts; agreement; the shared counter while rank 0
 * is busy.
 * SPDX-License-Identifier: BSD-3-Clause */
// RANKS 1 2 3
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "comm/comm.h"
#include "support/support.h"

static pp_comm *comm;

static int rank(void)
{
    return pp_comm_rank(comm);
}

static int size(void)
{
    return pp_comm_size(comm);
}

START_TEST(broadcast)
{
    for (int root = 0; root < size(); root++) {
        int64_t values[5] = {rank(), 2, 3, 4, 5 * rank()};
        pp_assert_ok(pp_comm_bcast(comm, values, sizeof values, root));
        ck_assert_int_eq(values[0], root);
        ck_assert_int_eq(values[4], 5 * root);
    }
    pp_assert_ok(pp_comm_barrier(comm));
    ck_assert_int_ge(pp_comm_local_size(comm), 1);
    ck_assert_int_lt(pp_comm_local_rank(comm), pp_comm_local_size(comm));
}
END_TEST

START_TEST(reductions)
{
    enum { COUNT = 70000 };
    double *values;
    pp_assert_ok(PP_ALLOC(COUNT, &values));
    for (int i = 0; i < COUNT; i++) values[i] = i + 0.1 * rank();
    pp_assert_ok(pp_comm_allreduce(comm, values, COUNT, PP_SUM));
    for (int i = 0; i < COUNT; i += 999) {
        double sum = i;
        for (int r = 1; r < size(); r++) sum += i + 0.1 * r;
        ck_assert(values[i] == sum); /* rank order: the very same bits */
    }
    pp_free(values);
    double least = -rank(), most = rank();
    pp_assert_ok(pp_comm_allreduce(comm, &least, 1, PP_MIN));
    pp_assert_ok(pp_comm_allreduce(comm, &most, 1, PP_MAX));
    ck_assert(least == 1 - size() && most == size() - 1);
}
END_TEST

/* Rank r has r rows: rank 0 none. */
START_TEST(rows)
{
    int64_t counts[8], mine[8] = {0}, all[64], total = 0;
    for (int r = 0; r < size(); r++) total += counts[r] = r;
    for (int i = 0; i < 2 * rank(); i++) mine[i] = 100 * rank() + i;
    pp_assert_ok(pp_comm_allgather_rows(comm, mine, all, 2 * sizeof *all, counts));
    const int64_t *row = all;
    for (int r = 0; r < size(); r++)
        for (int i = 0; i < 2 * r; i++) ck_assert_int_eq(*row++, 100 * r + i);
    ck_assert_int_eq(row - all, 2 * total);
    for (int root = 0; root < size(); root++) {
        memset(all, 0, sizeof all);
        pp_assert_ok(pp_comm_gather_rows(comm, mine, rank() == root ? all : NULL, 2 * sizeof *all,
                                         counts, root));
        row = all;
        for (int r = 0; rank() == root && r < size(); r++)
            for (int i = 0; i < 2 * r; i++) ck_assert_int_eq(*row++, 100 * r + i);
    }
}
END_TEST

/* Rank s sends s + 2 r rows to rank r, rows of 3 bytes. */
static void all_to_all_rows(void)
{
    int64_t out[8], in[8], sent = 0, received = 0;
    for (int r = 0; r < size(); r++) {
        sent += out[r] = rank() + 2 * r;
        received += in[r] = r + 2 * rank();
    }
    unsigned char send[256], receive[256], *at = send;
    for (int r = 0; r < size(); r++)
        for (int i = 0; i < 3 * out[r]; i++) *at++ = (unsigned char)(rank() * 50 + r * 10 + i);
    ck_assert_int_eq(at - send, 3 * sent);
    pp_assert_ok(pp_comm_alltoall_rows(comm, send, out, receive, in, 3));
    at = receive;
    for (int r = 0; r < size(); r++)
        for (int i = 0; i < 3 * in[r]; i++)
            ck_assert_uint_eq(*at++, (unsigned char)(r * 50 + rank() * 10 + i));
    ck_assert_int_eq(at - receive, 3 * received);
}

/* As they are, and with rows and blocks of rows in messages and types as if MPI counted up to 1, 2, 4 only. */
START_TEST(all_to_all)
{
    static const int most[] = {INT_MAX, 4, 2, 1};
    for (int i = 0; i < 4; i++) {
        pp_comm_world_limit(comm, most[i]);
        all_to_all_rows();
    }
    pp_comm_world_limit(comm, INT_MAX);
}
END_TEST

START_TEST(agreement)
{
    pp_assert_ok(pp_comm_agree(comm, PP_OK));
    for (int bad = 0; bad < size(); bad++) {
        pp_status mine = PP_OK;
        if (rank() == bad)
            mine = PP_FAIL(PP_ERR_DATA, "no data for %d", bad);
        else if (rank() == 0)
            mine = PP_FAIL(PP_ERR_RUN, "something smaller");
        ck_assert_int_eq(pp_comm_agree(comm, mine), PP_ERR_DATA);
        char text[32];
        (void)snprintf(text, sizeof text, "no data for %d", bad);
        ck_assert_ptr_nonnull(strstr(pp_error_last()->text, text));
        if (rank() != bad) ck_assert_ptr_nonnull(strstr(pp_error_last()->text, "on rank"));
    }
}
END_TEST

START_TEST(blocks)
{
    for (int parts = 1; parts < 6; parts++) {
        int64_t next = 0;
        for (int r = 0; r < parts; r++) {
            int64_t first, count;
            pp_comm_block(13, parts, r, &first, &count);
            ck_assert_int_eq(first, next);
            next += count;
        }
        ck_assert_int_eq(next, 13);
    }
}
END_TEST

/* Every number is drawn once. Rank 0 is busy for half a second, with a call of progress every 2 ms, as the engine's main
 * thread; nobody waits for it. */
START_TEST(counter)
{
    enum { DRAWS = 60 };
    pp_counter *shared = NULL;
    double seen[DRAWS] = {0};
    pp_assert_ok(pp_counter_create(comm, &shared));
    const double start = pp_clock_seconds();
    if (rank() == 0 && size() > 1)
        for (double lap = start; pp_clock_seconds() - start < 0.5; lap = pp_clock_seconds()) {
            while (pp_clock_seconds() - lap < 0.002) continue;
            pp_comm_progress(comm);
        }
    double longest = 0;
    for (int64_t value = 0;;) {
        const double before = pp_clock_seconds();
        pp_assert_ok(pp_counter_next(shared, &value));
        const double took = pp_clock_seconds() - before;
        if (took > longest) longest = took;
        if (value >= DRAWS) break;
        seen[value] += 1;
        if (rank() > 0)
            for (const double from = pp_clock_seconds(); pp_clock_seconds() - from < 0.001;)
                pp_comm_progress(comm);
    }
    int64_t last;
    pp_assert_ok(pp_counter_read(shared, &last));
    ck_assert_int_gt(last, DRAWS);
    pp_assert_ok(pp_comm_allreduce(comm, seen, DRAWS, PP_SUM));
    for (int i = 0; i < DRAWS; i++) ck_assert(seen[i] == 1);
    ck_assert_msg(longest < 0.4, "a draw waited %g s", longest);
    pp_counter_free(&shared);
}
END_TEST

START_TEST(alone)
{
    pp_comm *self = NULL;
    pp_assert_ok(pp_comm_self(&self));
    double value = 3;
    const int64_t one[] = {1};
    double copy = 0;
    pp_assert_ok(pp_comm_allreduce(self, &value, 1, PP_SUM));
    pp_assert_ok(pp_comm_alltoall_rows(self, &value, one, &copy, one, sizeof copy));
    ck_assert(value == 3 && copy == 3);
    pp_counter *own = NULL;
    int64_t a, b;
    pp_assert_ok(pp_counter_create(self, &own));
    pp_assert_ok(pp_counter_next(own, &a));
    pp_assert_ok(pp_counter_next(own, &b));
    ck_assert(a == 0 && b == 1);
    ck_assert_int_eq(pp_comm_agree(self, PP_ERR_RUN), PP_ERR_RUN);
    pp_counter_free(&own);
    pp_comm_free(&self);
}
END_TEST

int main(int argc, char **argv)
{
    const TTest *const tests[] = {broadcast, reductions, rows,  all_to_all, agreement,
                                  blocks,    counter,    alone, NULL};
    return pp_test_main_of_ranks(argc, argv, "comm", tests, &comm);
}
