/* Groups of threads: collectives, messages, order of sums, and a member that fails.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "comm/group.h"
#include "support/support.h"

static const int sizes[] = {1, 2, 3, 4, 8};

#define EXPECT(condition)                                                                          \
    do {                                                                                           \
        if (!(condition)) return PP_FAIL(PP_ERR_RUN, "line %d: %s", __LINE__, #condition);         \
    } while (0)

static pp_status sums(const pp_comm *group, void *argument)
{
    (void)argument;
    const int rank = pp_comm_rank(group), size = pp_comm_size(group);
    for (int turn = 0; turn < 200; turn++) {
        double values[2] = {rank + turn, 1.0 / (rank + 3)};
        PP_TRY(pp_comm_allreduce(group, values, 2, PP_SUM));
        double want[2] = {turn, 1.0 / 3};
        for (int r = 1; r < size; r++) {
            want[0] += r + turn;
            want[1] += 1.0 / (r + 3); /* in rank order: equal to the last bit */
        }
        EXPECT(values[0] == want[0] && values[1] == want[1]);
        int root = turn % size;
        PP_TRY(pp_comm_bcast(group, &root, sizeof root, turn % size));
        EXPECT(root == turn % size);
    }
    return PP_OK;
}

/* Rank r sends r + 1 rows of (r, to) to each rank. */
static pp_status all_to_all(const pp_comm *group, void *argument)
{
    (void)argument;
    const int rank = pp_comm_rank(group), size = pp_comm_size(group);
    int32_t send[8 * 8][2], receive[8 * 9 / 2 + 8][2];
    int64_t send_counts[8], receive_counts[8];
    int row = 0;
    for (int to = 0; to < size; to++) {
        send_counts[to] = rank + 1;
        receive_counts[to] = to + 1;
        for (int k = 0; k <= rank; k++, row++) {
            send[row][0] = rank;
            send[row][1] = to;
        }
    }
    PP_TRY(pp_comm_alltoall_rows(group, send, send_counts, receive, receive_counts, sizeof *send));
    row = 0;
    for (int from = 0; from < size; from++)
        for (int k = 0; k <= from; k++, row++)
            EXPECT(receive[row][0] == from && receive[row][1] == rank);
    return PP_OK;
}

static pp_status add_up(void *argument, const void *data, size_t bytes)
{
    EXPECT(bytes == sizeof(double));
    *(double *)argument += *(const double *)data;
    return PP_OK;
}

/* A running sum passed up the ranks, the total passed down. */
static pp_status passes(const pp_comm *group, void *argument)
{
    (void)argument;
    const int rank = pp_comm_rank(group), size = pp_comm_size(group);
    for (int turn = 0; turn < 300; turn++) {
        double value = rank + 1;
        if (rank > 0) PP_TRY(pp_group_receive(group, rank - 1, add_up, &value));
        if (rank < size - 1) PP_TRY(pp_group_post(group, rank + 1, &value, sizeof value));
        PP_TRY(pp_group_settle(group));
        EXPECT(value == (rank + 1) * (rank + 2) / 2.0);
        if (rank < size - 1) {
            value = 0;
            PP_TRY(pp_group_receive(group, rank + 1, add_up, &value));
        }
        double down = value;
        if (rank > 0) PP_TRY(pp_group_post(group, rank - 1, &down, sizeof down));
        PP_TRY(pp_group_settle(group));
        EXPECT(value == size * (size + 1) / 2.0);
    }
    return PP_OK;
}

static pp_status fails_on_last(const pp_comm *group, void *argument)
{
    (void)argument;
    PP_TRY(pp_comm_barrier(group));
    if (pp_comm_rank(group) == pp_comm_size(group) - 1)
        return PP_FAIL(PP_ERR_DATA, "planted in rank %d", pp_comm_rank(group));
    double value = 0;
    if (pp_comm_rank(group) == 0)
        return pp_group_receive(group, pp_comm_size(group) - 1, add_up, &value);
    return pp_comm_allreduce(group, &value, 1, PP_SUM);
}

/* Rank 1 is slow inside rank 0's message while rank 2 fails: rank 0 must not come back, and free, before it is done. */
typedef struct slow_message {
    _Atomic bool inside, done;
} slow_message;

static pp_status take_slowly(void *argument, const void *data, size_t bytes)
{
    slow_message *slow = argument;
    const volatile double *value = data;
    EXPECT(bytes == sizeof *value);
    atomic_store(&slow->inside, true);
    for (int k = 0; k < 50; k++) {
        (void)nanosleep(&(struct timespec){0, 1000000}, NULL);
        EXPECT(*value == 7);
    }
    atomic_store(&slow->done, true);
    return PP_OK;
}

static pp_status posts_and_frees(const pp_comm *group, slow_message *slow)
{
    double *block = NULL;
    PP_TRY(PP_ALLOC(1, &block));
    *block = 7;
    pp_status status = pp_group_post(group, 1, block, sizeof *block);
    if (status == PP_OK) status = pp_group_settle(group);
    const bool early = status != PP_OK && !atomic_load(&slow->done);
    *block = 0;
    pp_free(block);
    if (early) return PP_FAIL(PP_ERR_RUN, "came back while the message was being read");
    return status;
}

static pp_status fails_meanwhile(const pp_comm *group, void *argument)
{
    slow_message *slow = argument;
    if (pp_comm_rank(group) == 0) return posts_and_frees(group, slow);
    if (pp_comm_rank(group) == 1) {
        PP_TRY(pp_group_receive(group, 0, take_slowly, slow));
        return pp_comm_barrier(group);
    }
    while (!atomic_load(&slow->inside)) (void)nanosleep(&(struct timespec){0, 100000}, NULL);
    return PP_FAIL(PP_ERR_DATA, "planted while a message is read");
}

START_TEST(nobody_frees_what_is_being_read)
{
    slow_message slow = {0};
    ck_assert_int_eq(pp_group_run(3, fails_meanwhile, &slow), PP_ERR_DATA);
    ck_assert(strstr(pp_error_last()->text, "planted while"));
    ck_assert(atomic_load(&slow.done));
}
END_TEST

START_TEST(collectives)
{
    for (int k = 0; k < 5; k++) {
        pp_assert_ok(pp_group_run(sizes[k], sums, NULL));
        pp_assert_ok(pp_group_run(sizes[k], all_to_all, NULL));
    }
}
END_TEST

START_TEST(messages)
{
    for (int k = 0; k < 5; k++) pp_assert_ok(pp_group_run(sizes[k], passes, NULL));
}
END_TEST

START_TEST(a_failing_member_ends_all)
{
    for (int k = 1; k < 5; k++) {
        ck_assert_int_eq(pp_group_run(sizes[k], fails_on_last, NULL), PP_ERR_DATA);
        ck_assert(strstr(pp_error_last()->text, "planted in rank"));
    }
    ck_assert_int_eq(pp_group_run(0, sums, NULL), PP_ERR_RUN);
    ck_assert_int_eq(pp_group_run(65, sums, NULL), PP_ERR_RUN);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {collectives, messages, a_failing_member_ends_all,
                                  nobody_frees_what_is_being_read, NULL};
    return pp_test_main(pp_test_suite("group", tests));
}
