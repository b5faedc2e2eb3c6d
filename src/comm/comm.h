/* Communicators: one interface, three makes: self (one rank), world (MPI), group (threads of one process that each drive a
 * device). All functions are collective unless said otherwise; every rank calls them in the same order. Sums are made in
 * rank order in double precision, so that they do not depend on message timing.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_COMM_H
#define PP_COMM_H

#include <stdbool.h>

#include <polyptych/status.h>

typedef struct pp_comm pp_comm;

typedef enum pp_reduce { PP_SUM, PP_MIN, PP_MAX } pp_reduce;

/** One rank alone. */
PP_MUST_CHECK pp_status pp_comm_self(pp_comm **out);
/** All MPI ranks. MPI must have been started by pp_mpi_start. */
PP_MUST_CHECK pp_status pp_comm_world(pp_comm **out);
/** The largest count that a call of MPI is given from now on, of rows and of bytes in a row's blocks; INT_MAX is the start. The same on all ranks;
 *  for tests of what is beyond it. Not collective. */
void pp_comm_world_limit(pp_comm *world_comm, int most);
void pp_comm_free(pp_comm **comm);

/** MPI_Init_thread (SERIALIZED) / MPI_Finalize; once a process. `abort` ends all ranks with `code`. Not collective. */
PP_MUST_CHECK pp_status pp_mpi_start(int *argc, char ***argv);
void pp_mpi_stop(void);
void pp_mpi_abort(int code);
/** "Open MPI v4.1.4 ..." */
const char *pp_mpi_version(void);
/** Whether this MPI takes addresses of GPU memory, and is to be given them: POLYPTYCH_MPI_DEVICE_MEMORY=no in the environment says no. Where it
 *  does not, what devices pass to other ranks goes by way of host memory. */
bool pp_mpi_takes_device_memory(void);

/** Not collective. */
int pp_comm_rank(const pp_comm *comm);
int pp_comm_size(const pp_comm *comm);
/** Ranks that share this rank's node, and this one's number among them. */
int pp_comm_local_rank(const pp_comm *comm);
int pp_comm_local_size(const pp_comm *comm);

PP_MUST_CHECK pp_status pp_comm_barrier(const pp_comm *comm);
/** Any number of bytes (sent in chunks). */
PP_MUST_CHECK pp_status pp_comm_bcast(const pp_comm *comm, void *data, size_t bytes, int root);
/** values[count] becomes the reduction over ranks, in place, on every rank. */
PP_MUST_CHECK pp_status pp_comm_allreduce(const pp_comm *comm, double *values, int64_t count,
                                          pp_reduce how);
/** Rank r's counts[r] rows of `row_bytes` each, concatenated in rank order on every rank. */
PP_MUST_CHECK pp_status pp_comm_allgather_rows(const pp_comm *comm, const void *mine, void *all,
                                               size_t row_bytes, const int64_t *counts);
/** The same on `root` only; all may be NULL elsewhere. */
PP_MUST_CHECK pp_status pp_comm_gather_rows(const pp_comm *comm, const void *mine, void *all,
                                            size_t row_bytes, const int64_t *counts, int root);
/** Rows of row_bytes each: send_counts[r] rows to rank r, packed in rank order. Counts are rows, a type of MPI of its own:
 *  neither the bytes of a message nor those of a row nor the number of rows end at 2^31. */
PP_MUST_CHECK pp_status pp_comm_alltoall_rows(const pp_comm *comm, const void *send,
                                              const int64_t *send_counts, void *receive,
                                              const int64_t *receive_counts, size_t row_bytes);
/** Bytes that this process's ranks have given to other ranks in gathers and all-to-alls so far. Not collective. */
int64_t pp_comm_sent(void);
/** The worst status of all ranks; ranks that were fine get a record naming the failing rank and its message. To be
 *  called after fallible local work and before the next collective. */
PP_MUST_CHECK pp_status pp_comm_agree_on(const pp_comm *comm, pp_status mine);
static inline PP_MUST_CHECK pp_status pp_comm_agree(const pp_comm *comm, pp_status mine)
{
    /* says to readers and to analyzers: PP_OK of all includes PP_OK of this rank */
    const pp_status all = pp_comm_agree_on(comm, mine);
    return all == PP_OK ? mine : all;
}

/** Block distribution of `total` rows: rank r holds [first, first + count). Not collective. */
void pp_comm_block(int64_t total, int size, int rank, int64_t *first, int64_t *count);

/** A counter that all ranks draw from: one-sided fetch-and-add, no master rank, never waits for a rank that computes as
 *  long as each rank's MPI thread calls pp_comm_progress now and then. create and free are collective, next is not. */
typedef struct pp_counter pp_counter;
PP_MUST_CHECK pp_status pp_counter_create(const pp_comm *comm, pp_counter **out);
PP_MUST_CHECK pp_status pp_counter_next(pp_counter *counter, int64_t *value);
/** The value without drawing it. Not collective. */
PP_MUST_CHECK pp_status pp_counter_read(pp_counter *counter, int64_t *value);
void pp_counter_free(pp_counter **counter);
/** Lets MPI make progress; cheap, not collective. */
void pp_comm_progress(const pp_comm *comm);

#endif
