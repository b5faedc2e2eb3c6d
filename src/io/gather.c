/* Distributed rows to rank 0.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "io/gather.h"

#include "base/alloc.h"

typedef struct layout {
    int64_t total, step;
    size_t row;
    int64_t *first, *count, *part; /* [ranks]: blocks; rows of the chunk at hand */
    char *chunk;                   /* rank 0 */
} layout;

static size_t row_bytes(const pp_array *array)
{
    size_t bytes = pp_dtype_size(pp_array_dtype(array));
    for (int k = 1; k < pp_array_ndim(array); k++) bytes *= (size_t)pp_array_size(array, k);
    return bytes;
}

/* Every rank's block, through a sum in which each rank fills its own place. */
static pp_status learn_blocks(const pp_array *array, const pp_comm *comm, layout *self)
{
    const int ranks = pp_comm_size(comm), rank = pp_comm_rank(comm);
    double *values = NULL;
    PP_TRY(PP_ALLOC(2 * ranks, &values));
    values[2 * rank] = (double)pp_array_first_row(array);
    values[2 * rank + 1] = (double)pp_array_size(array, 0);
    pp_status status = pp_comm_allreduce(comm, values, 2 * ranks, PP_SUM);
    int64_t next = 0;
    for (int r = 0; r < ranks && status == PP_OK; r++) {
        self->first[r] = (int64_t)values[2 * r];
        self->count[r] = (int64_t)values[2 * r + 1];
        if (self->count[r] > 0 && self->first[r] != next)
            status = PP_FAIL(PP_ERR_RUN, "rank %d holds rows from %lld on, %lld are expected", r,
                             (long long)self->first[r], (long long)next);
        next += self->count[r];
    }
    if (status == PP_OK && next != self->total)
        status = PP_FAIL(PP_ERR_RUN, "the ranks hold %lld rows of %lld", (long long)next,
                         (long long)self->total);
    pp_free(values);
    return status;
}

static pp_status start(const pp_array *array, const pp_comm *comm, size_t bytes, layout *self)
{
    const int ranks = pp_comm_size(comm);
    self->total = pp_array_total_rows(array);
    self->row = row_bytes(array);
    self->step = (int64_t)(bytes / (self->row ? self->row : 1)) + 1;
    if (self->step > self->total) self->step = self->total;
    PP_TRY(PP_ALLOC(ranks, &self->first));
    PP_TRY(PP_ALLOC(ranks, &self->count));
    PP_TRY(PP_ALLOC(ranks, &self->part));
    if (pp_comm_rank(comm) == 0) PP_TRY(PP_ALLOC((size_t)self->step * self->row + 1, &self->chunk));
    return PP_OK;
}

static pp_status send_chunk(const pp_array *array, const pp_comm *comm, layout *self, int64_t at,
                            int64_t rows)
{
    const int ranks = pp_comm_size(comm), rank = pp_comm_rank(comm);
    const char *mine = pp_array_read(array);
    for (int r = 0; r < ranks; r++) {
        const int64_t from = at > self->first[r] ? at : self->first[r];
        const int64_t end = self->first[r] + self->count[r], to = at + rows < end ? at + rows : end;
        self->part[r] = to > from ? to - from : 0;
        if (r == rank && to > from) mine += (size_t)(from - self->first[r]) * self->row;
    }
    return pp_comm_gather_rows(comm, mine, self->chunk, self->row, self->part, 0);
}

static void stop(layout *self)
{
    pp_free(self->first);
    pp_free(self->count);
    pp_free(self->part);
    pp_free(self->chunk);
}

pp_status pp_gather(const pp_array *array, const pp_comm *comm, size_t bytes, pp_rows_sink sink,
                    void *context)
{
    layout self = {0};
    pp_status status = pp_comm_agree(comm, start(array, comm, bytes, &self));
    if (status == PP_OK) status = learn_blocks(array, comm, &self);
    for (int64_t at = 0; status == PP_OK && at < self.total; at += self.step) {
        const int64_t rows = self.total - at < self.step ? self.total - at : self.step;
        status = send_chunk(array, comm, &self, at, rows);
        if (status == PP_OK && pp_comm_rank(comm) == 0)
            status = sink(context, at, rows, self.chunk);
        status = pp_comm_agree(comm, status);
    }
    stop(&self);
    return status;
}
