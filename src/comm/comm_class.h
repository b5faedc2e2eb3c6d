/* What a make of communicator fills in. Sizes and ranks are valid for every make; the functions are called with more than
 * one rank only, unless the make is complete in itself.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_COMM_CLASS_H
#define PP_COMM_CLASS_H

#include "comm/comm.h"

typedef struct pp_comm_class {
    void (*free)(pp_comm *comm);
    pp_status (*barrier)(const pp_comm *comm);
    pp_status (*bcast)(const pp_comm *comm, void *data, size_t bytes, int root);
    /** mine[bytes] of every rank, in rank order; few bytes. */
    pp_status (*allgather)(const pp_comm *comm, const void *mine, void *all, size_t bytes);
    /** send_rows[r] rows to and receive_rows[r] from rank r, packed in rank order on both sides, own part included; rows of row_bytes,
     *  the same on all ranks. */
    pp_status (*exchange)(const pp_comm *comm, const void *send, const int64_t *send_rows,
                          void *receive, const int64_t *receive_rows, size_t row_bytes);
    void (*progress)(const pp_comm *comm);
    pp_status (*counter_create)(const pp_comm *comm, pp_counter **out);
    pp_status (*counter_add)(pp_counter *counter, int64_t add, int64_t *before);
    void (*counter_free)(pp_counter *counter);
} pp_comm_class;

/** First member of every make. */
struct pp_comm {
    const pp_comm_class *type;
    int rank, size, local_rank, local_size;
};
struct pp_counter {
    const pp_comm_class *type;
};

#endif
