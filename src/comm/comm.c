/* Communicators: what all makes have in common, made of each one's few functions.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "comm/comm_class.h"

#include <stdatomic.h>
#include <string.h>

#include "base/alloc.h"

void pp_comm_free(pp_comm **comm)
{
    if (!*comm) return;
    (*comm)->type->free(*comm);
    *comm = NULL;
}

int pp_comm_rank(const pp_comm *comm)
{
    return comm->rank;
}

int pp_comm_size(const pp_comm *comm)
{
    return comm->size;
}

int pp_comm_local_rank(const pp_comm *comm)
{
    return comm->local_rank;
}

int pp_comm_local_size(const pp_comm *comm)
{
    return comm->local_size;
}

pp_status pp_comm_barrier(const pp_comm *comm)
{
    return comm->type->barrier(comm);
}

pp_status pp_comm_bcast(const pp_comm *comm, void *data, size_t bytes, int root)
{
    return comm->type->bcast(comm, data, bytes, root);
}

static double combine(double a, double b, pp_reduce how)
{
    if (how == PP_SUM) return a + b;
    if (how == PP_MIN) return b < a ? b : a;
    return b > a ? b : a;
}

/* A reduction by a gather: the order of the sum is the ranks'. */
static pp_status reduce_part(const pp_comm *comm, double *values, double *all, int64_t count,
                             pp_reduce how)
{
    PP_TRY(comm->type->allgather(comm, values, all, (size_t)count * sizeof *values));
    for (int64_t i = 0; i < count; i++) {
        double sum = all[i];
        for (int r = 1; r < comm->size; r++) sum = combine(sum, all[r * count + i], how);
        values[i] = sum;
    }
    return PP_OK;
}

pp_status pp_comm_allreduce(const pp_comm *comm, double *values, int64_t count, pp_reduce how)
{
    enum { PART = 65536, FEW = 1024 };
    if (comm->size == 1 || count == 0) return PP_OK;
    double few[FEW],
        *all; /* a few scalars, the common case, need neither memory nor an agreement about it */
    if (count <= FEW / comm->size) return reduce_part(comm, values, few, count, how);
    pp_status status = PP_ALLOC((count < PART ? count : PART) * comm->size, &all);
    status = pp_comm_agree(comm, status);
    for (int64_t first = 0; status == PP_OK && first < count; first += PART)
        status = reduce_part(comm, values + first, all,
                             count - first < PART ? count - first : (int64_t)PART, how);
    pp_free(all);
    return status;
}

pp_status pp_comm_allgather_rows(const pp_comm *comm, const void *mine, void *all, size_t row_bytes,
                                 const int64_t *counts)
{
    char *to = all;
    for (int r = 0; r < comm->size; r++) {
        const size_t bytes = (size_t)counts[r] * row_bytes;
        if (r == comm->rank && bytes && to != mine) memmove(to, mine, bytes);
        if (comm->size > 1 && bytes) PP_TRY(comm->type->bcast(comm, to, bytes, r));
        to += bytes;
    }
    return PP_OK;
}

static _Atomic int64_t bytes_sent;

int64_t pp_comm_sent(void)
{
    return bytes_sent;
}

static pp_status exchange(const pp_comm *comm, const void *send, const int64_t *send_counts,
                          void *receive, const int64_t *receive_counts, size_t row_bytes)
{
    for (int r = 0; r < comm->size; r++)
        if (r != comm->rank) bytes_sent += send_counts[r] * (int64_t)row_bytes;
    return comm->type->exchange(comm, send, send_counts, receive, receive_counts, row_bytes);
}

pp_status pp_comm_gather_rows(const pp_comm *comm, const void *mine, void *all, size_t row_bytes,
                              const int64_t *counts, int root)
{
    int64_t *rows;
    PP_TRY(pp_comm_agree(comm, PP_ALLOC(2 * comm->size, &rows)));
    rows[root] = counts[comm->rank];
    if (comm->rank == root)
        for (int r = 0; r < comm->size; r++) rows[comm->size + r] = counts[r];
    const pp_status status = exchange(comm, mine, rows, all, rows + comm->size, row_bytes);
    pp_free(rows);
    return status;
}

pp_status pp_comm_alltoall_rows(const pp_comm *comm, const void *send, const int64_t *send_counts,
                                void *receive, const int64_t *receive_counts, size_t row_bytes)
{
    return exchange(comm, send, send_counts, receive, receive_counts, row_bytes);
}

/* The order in which statuses win: what the user must mend first; an interruption only if nothing else happened. */
static int weight(int status)
{
    static const int order[] = {PP_OK,           PP_ERR_INTERRUPTED, PP_ERR_PARTIAL, PP_ERR_RUN,
                                PP_ERR_RESOURCE, PP_ERR_DATA,        PP_ERR_CONFIG};
    const int count = (int)(sizeof order / sizeof *order);
    for (int k = 0; k < count; k++)
        if (order[k] == status) return k;
    return count;
}

/* The failing rank's record to all; those that were fine say whose it is. */
static pp_status share_record(const pp_comm *comm, int from, pp_status code)
{
    pp_error error = *pp_error_last();
    PP_TRY(comm->type->bcast(comm, error.text, sizeof error.text, from));
    if (comm->rank == from) return code;
    return PP_FAIL(code, "%s\n    on rank %d", error.text, from);
}

pp_status pp_comm_agree_on(const pp_comm *comm, pp_status mine)
{
    if (comm->size == 1) return mine;
    enum { FEW = 256 };
    int few[FEW], *all = few;
    void *many = NULL;
    const int code = (int)mine;
    if (comm->size > FEW) {
        PP_TRY(pp_alloc((size_t)comm->size, sizeof *all, &many));
        all = many;
    }
    pp_status status = comm->type->allgather(comm, &code, all, sizeof code);
    int worst = 0;
    for (int r = 1; status == PP_OK && r < comm->size; r++)
        if (weight(all[r]) > weight(all[worst])) worst = r;
    const int found = status == PP_OK ? all[worst] : 0;
    pp_free(many);
    PP_TRY(status);
    if (found == PP_OK) return PP_OK;
    return share_record(comm, worst, (pp_status)found);
}

void pp_comm_block(int64_t total, int size, int rank, int64_t *first, int64_t *count)
{
    const int64_t whole = total / size, rest = total % size;
    *first = whole * rank + (rank < rest ? rank : rest);
    *count = whole + (rank < rest);
}

pp_status pp_counter_create(const pp_comm *comm, pp_counter **out)
{
    return comm->type->counter_create(comm, out);
}

pp_status pp_counter_next(pp_counter *counter, int64_t *value)
{
    return counter->type->counter_add(counter, 1, value);
}

pp_status pp_counter_read(pp_counter *counter, int64_t *value)
{
    return counter->type->counter_add(counter, 0, value);
}

void pp_counter_free(pp_counter **counter)
{
    if (!*counter) return;
    (*counter)->type->counter_free(*counter);
    *counter = NULL;
}

void pp_comm_progress(const pp_comm *comm)
{
    comm->type->progress(comm);
}
