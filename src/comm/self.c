/* One rank alone: every collective is a copy.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "base/alloc.h"
#include "comm/comm_class.h"

static void free_self(pp_comm *comm)
{
    pp_free(comm);
}

static pp_status barrier(const pp_comm *comm)
{
    (void)comm;
    return PP_OK;
}

static pp_status bcast(const pp_comm *comm, void *data, size_t bytes, int root)
{
    (void)comm, (void)data, (void)bytes, (void)root;
    return PP_OK;
}

static pp_status allgather(const pp_comm *comm, const void *mine, void *all, size_t bytes)
{
    (void)comm;
    memmove(all, mine, bytes);
    return PP_OK;
}

static pp_status exchange(const pp_comm *comm, const void *send, const int64_t *send_rows,
                          void *receive, const int64_t *receive_rows, size_t row_bytes)
{
    (void)comm;
    if (send_rows[0] != receive_rows[0])
        return PP_FAIL(PP_ERR_RUN, "an exchange sends %lld rows and receives %lld",
                       (long long)send_rows[0], (long long)receive_rows[0]);
    if (send_rows[0]) memmove(receive, send, (size_t)send_rows[0] * row_bytes);
    return PP_OK;
}

static void progress(const pp_comm *comm)
{
    (void)comm;
}

typedef struct self_counter {
    pp_counter base;
    int64_t value;
} self_counter;

static pp_status counter_create(const pp_comm *comm, pp_counter **out)
{
    self_counter *counter;
    PP_TRY(PP_ALLOC(1, &counter));
    counter->base.type = comm->type;
    *out = &counter->base;
    return PP_OK;
}

static pp_status counter_add(pp_counter *counter, int64_t add, int64_t *before)
{
    self_counter *own = (self_counter *)counter;
    *before = own->value;
    own->value += add;
    return PP_OK;
}

static void counter_free(pp_counter *counter)
{
    pp_free(counter);
}

static const pp_comm_class self_class = {.free = free_self,
                                         .barrier = barrier,
                                         .bcast = bcast,
                                         .allgather = allgather,
                                         .exchange = exchange,
                                         .progress = progress,
                                         .counter_create = counter_create,
                                         .counter_add = counter_add,
                                         .counter_free = counter_free};

pp_status pp_comm_self(pp_comm **out)
{
    pp_comm *comm;
    PP_TRY(PP_ALLOC(1, &comm));
    *comm = (pp_comm){.type = &self_class, .size = 1, .local_size = 1};
    *out = comm;
    return PP_OK;
}
