/* All MPI ranks. MPI counts in int: rows go as rows, a derived type, so that bytes are not counted; broadcasts in parts. One thread
 * of a rank at a time calls MPI (MPI_THREAD_SERIALIZED).
 * SPDX-License-Identifier: BSD-3-Clause */
#include <limits.h>
#include <mpi.h>
#include <stdlib.h>
#include <string.h>
#if __has_include(<mpi-ext.h>)
#include <mpi-ext.h>
#endif

#include "base/alloc.h"
#include "comm/comm_class.h"

typedef struct world {
    pp_comm base;
    MPI_Comm mpi;
    int64_t most; /* count in a call of MPI */
} world;

enum { PART = 1 << 29, TAG = 11 };

static bool started_here;

static pp_status check(int code, const char *what)
{
    if (code == MPI_SUCCESS) return PP_OK;
    char text[MPI_MAX_ERROR_STRING] = "";
    int length = 0;
    (void)MPI_Error_string(code, text, &length);
    return PP_FAIL(PP_ERR_RUN, "MPI: %s: %s", what, text);
}
#define PP_MPI(call) check((call), #call)

pp_status pp_mpi_start(int *argc, char ***argv)
{
    int running = 0, level = 0;
    PP_TRY(PP_MPI(MPI_Initialized(&running)));
    if (running) return PP_OK;
    PP_TRY(PP_MPI(MPI_Init_thread(argc, argv, MPI_THREAD_SERIALIZED, &level)));
    started_here = true;
    if (level < MPI_THREAD_FUNNELED)
        return PP_FAIL(PP_ERR_RESOURCE,
                       "this MPI library cannot be used by a program with threads "
                       "(level %d, MPI_THREAD_FUNNELED is needed)",
                       level);
    return PP_OK;
}

void pp_mpi_stop(void)
{
    int over = 0;
    if (started_here && MPI_Finalized(&over) == MPI_SUCCESS && !over) (void)MPI_Finalize();
    started_here = false;
}

void pp_mpi_abort(int code)
{
    int running = 0;
    if (MPI_Initialized(&running) == MPI_SUCCESS && running) (void)MPI_Abort(MPI_COMM_WORLD, code);
}

const char *pp_mpi_version(void)
{
    static char text[MPI_MAX_LIBRARY_VERSION_STRING];
    int length = 0;
    if (!*text && MPI_Get_library_version(text, &length) != MPI_SUCCESS) *text = 0;
    text[strcspn(text, ",")] = 0;
    return text;
}

bool pp_mpi_takes_device_memory(void)
{
#if defined(MPIX_CUDA_AWARE_SUPPORT) && MPIX_CUDA_AWARE_SUPPORT
    const char *wanted = getenv("POLYPTYCH_MPI_DEVICE_MEMORY");
    if (wanted && strcmp(wanted, "no") == 0) return false;
    return MPIX_Query_cuda_support() == 1;
#else
    return false;
#endif
}

static MPI_Comm mpi_of(const pp_comm *comm)
{
    return ((const world *)comm)->mpi;
}

static void free_world(pp_comm *comm)
{
    (void)MPI_Comm_free(&((world *)comm)->mpi);
    pp_free(comm);
}

static pp_status barrier(const pp_comm *comm)
{
    return PP_MPI(MPI_Barrier(mpi_of(comm)));
}

static int part_of(size_t bytes, size_t done)
{
    return bytes - done < PART ? (int)(bytes - done) : (int)PART;
}

static pp_status bcast(const pp_comm *comm, void *data, size_t bytes, int root)
{
    for (size_t done = 0; done < bytes; done += PART)
        PP_TRY(PP_MPI(
            MPI_Bcast((char *)data + done, part_of(bytes, done), MPI_BYTE, root, mpi_of(comm))));
    return PP_OK;
}

static pp_status allgather(const pp_comm *comm, const void *mine, void *all, size_t bytes)
{
    if (bytes > PART) return PP_FAIL(PP_ERR_RUN, "a gather of %zu bytes is too large", bytes);
    return PP_MPI(
        MPI_Allgather(mine, (int)bytes, MPI_BYTE, all, (int)bytes, MPI_BYTE, mpi_of(comm)));
}

/* One row as a type, committed, so that what is sent is counted in rows. A row of more bytes than MPI counts is made of blocks. */
static pp_status row_type(const world *comm, size_t row_bytes, MPI_Datatype *row)
{
    const size_t most = (size_t)comm->most;
    if (row_bytes <= most) {
        PP_TRY(PP_MPI(MPI_Type_contiguous((int)row_bytes, MPI_BYTE, row)));
        return PP_MPI(MPI_Type_commit(row));
    }
    MPI_Datatype types[] = {MPI_BYTE, MPI_BYTE};
    const int counts[] = {(int)(row_bytes / most), (int)(row_bytes % most)};
    const MPI_Aint places[] = {0, (MPI_Aint)(row_bytes - row_bytes % most)};
    PP_TRY(PP_MPI(MPI_Type_contiguous((int)most, MPI_BYTE, &types[0])));
    pp_status status = PP_MPI(MPI_Type_create_struct(2, counts, places, types, row));
    if (status == PP_OK) status = PP_MPI(MPI_Type_commit(row));
    (void)MPI_Type_free(&types[0]);
    return status;
}

typedef struct all_to_all {
    const world *comm;
    size_t row_bytes;
    MPI_Datatype row;
    MPI_Request *requests; /* of messages under way */
    int started;
} all_to_all;

typedef struct side {
    char *data;
    const int64_t *rows; /* [ranks] to or from each rank, packed in rank order */
    bool send;
} side;

/* Where rank's rows start. */
static char *place(const all_to_all *a, side s, int rank)
{
    int64_t before = 0;
    for (int r = 0; r < rank; r++) before += s.rows[r];
    return s.data + (size_t)before * a->row_bytes;
}

/* To or from one rank: a message, or several that keep their order where there are more rows than MPI counts. */
static pp_status start_messages(all_to_all *a, side s, int peer)
{
    const int64_t rows = s.rows[peer], most = a->comm->most;
    for (int64_t done = 0; done < rows; done += most) {
        char *at = place(a, s, peer) + (size_t)done * a->row_bytes;
        MPI_Request *request = &a->requests[a->started++];
        const int count = (int)(rows - done < most ? rows - done : most);
        PP_TRY(s.send ? PP_MPI(MPI_Isend(at, count, a->row, peer, TAG, a->comm->mpi, request))
                      : PP_MPI(MPI_Irecv(at, count, a->row, peer, TAG, a->comm->mpi, request)));
    }
    return PP_OK;
}

static pp_status start_side(all_to_all *a, side s)
{
    for (int r = 0; r < a->comm->base.size; r++)
        if (r != a->comm->base.rank) PP_TRY(start_messages(a, s, r));
    return PP_OK;
}

static int64_t messages(const world *comm, const int64_t *rows)
{
    int64_t count = 0;
    for (int r = 0; r < comm->base.size; r++) count += (rows[r] + comm->most - 1) / comm->most;
    return count;
}

static pp_status prepare(all_to_all *a, const int64_t *send_rows, const int64_t *receive_rows)
{
    const int me = a->comm->base.rank;
    if (send_rows[me] != receive_rows[me])
        return PP_FAIL(PP_ERR_RUN, "an exchange sends %lld rows to itself and receives %lld",
                       (long long)send_rows[me], (long long)receive_rows[me]);
    const int64_t count = messages(a->comm, send_rows) + messages(a->comm, receive_rows);
    /* NOLINTNEXTLINE(bugprone-sizeof-expression): pointers */
    PP_TRY(PP_ALLOC(count + 1, &a->requests));
    return row_type(a->comm, a->row_bytes, &a->row);
}

/* All messages at once; rows of this rank for itself are copied meanwhile. */
static pp_status pass(all_to_all *a, side out, side in)
{
    const int me = a->comm->base.rank;
    PP_TRY(start_side(a, in));
    PP_TRY(start_side(a, out));
    if (out.rows[me])
        memcpy(place(a, in, me), place(a, out, me), (size_t)out.rows[me] * a->row_bytes);
    return PP_MPI(MPI_Waitall(a->started, a->requests, MPI_STATUSES_IGNORE));
}

static pp_status exchange(const pp_comm *comm, const void *send, const int64_t *send_rows,
                          void *receive, const int64_t *receive_rows, size_t row_bytes)
{
    /* MPI does not write to what it sends; its interface has no const there in all versions */
    union {
        const void *read;
        char *plain;
    } out = {.read = send};
    all_to_all a = {.comm = (const world *)comm, .row_bytes = row_bytes, .row = MPI_DATATYPE_NULL};
    pp_status status = pp_comm_agree(comm, prepare(&a, send_rows, receive_rows));
    if (status == PP_OK)
        status = pass(&a, (side){out.plain, send_rows, true}, (side){receive, receive_rows, false});
    if (a.row != MPI_DATATYPE_NULL) (void)MPI_Type_free(&a.row);
    pp_free(a.requests);
    return status;
}

static void progress(const pp_comm *comm)
{
    int flag = 0;
    (void)MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, mpi_of(comm), &flag, MPI_STATUS_IGNORE);
}

typedef struct world_counter {
    pp_counter base;
    MPI_Win window;
} world_counter;

/* One number on rank 0; locked once for all. */
static pp_status counter_create(const pp_comm *comm, pp_counter **out)
{
    world_counter *counter;
    int64_t *value = NULL;
    PP_TRY(pp_comm_agree(comm, PP_ALLOC(1, &counter)));
    counter->base.type = comm->type;
    const MPI_Aint bytes = comm->rank == 0 ? (MPI_Aint)sizeof *value : 0;
    pp_status status = PP_MPI(MPI_Win_allocate(bytes, (int)sizeof *value, MPI_INFO_NULL,
                                               mpi_of(comm), (void *)&value, &counter->window));
    if (status == PP_OK) {
        status = PP_MPI(MPI_Win_lock_all(0, counter->window));
        if (comm->rank == 0) {
            *value = 0;
            (void)MPI_Win_sync(counter->window);
        }
        if (status == PP_OK) status = barrier(comm);
        if (status != PP_OK) (void)MPI_Win_free(&counter->window);
    }
    if (status == PP_OK)
        *out = &counter->base;
    else
        pp_free(counter);
    return status;
}

static pp_status counter_add(pp_counter *counter, int64_t add, int64_t *seen)
{
    world_counter *own = (world_counter *)counter;
    PP_TRY(PP_MPI(MPI_Fetch_and_op(&add, seen, MPI_INT64_T, 0, 0, MPI_SUM, own->window)));
    return PP_MPI(MPI_Win_flush(0, own->window));
}

static void counter_free(pp_counter *counter)
{
    world_counter *own = (world_counter *)counter;
    (void)MPI_Win_unlock_all(own->window);
    (void)MPI_Win_free(&own->window);
    pp_free(own);
}

static const pp_comm_class world_class = {.free = free_world,
                                          .barrier = barrier,
                                          .bcast = bcast,
                                          .allgather = allgather,
                                          .exchange = exchange,
                                          .progress = progress,
                                          .counter_create = counter_create,
                                          .counter_add = counter_add,
                                          .counter_free = counter_free};

static pp_status find_neighbours(world *comm)
{
    MPI_Comm node;
    PP_TRY(PP_MPI(MPI_Comm_split_type(comm->mpi, MPI_COMM_TYPE_SHARED, comm->base.rank,
                                      MPI_INFO_NULL, &node)));
    (void)MPI_Comm_rank(node, &comm->base.local_rank);
    (void)MPI_Comm_size(node, &comm->base.local_size);
    return PP_MPI(MPI_Comm_free(&node));
}

pp_status pp_comm_world(pp_comm **out)
{
    world *comm;
    PP_TRY(PP_ALLOC(1, &comm));
    comm->base.type = &world_class;
    comm->most = INT_MAX;
    pp_status status = PP_MPI(MPI_Comm_dup(MPI_COMM_WORLD, &comm->mpi));
    if (status != PP_OK) {
        pp_free(comm);
        return status;
    }
    (void)MPI_Comm_set_errhandler(comm->mpi, MPI_ERRORS_RETURN);
    (void)MPI_Comm_rank(comm->mpi, &comm->base.rank);
    (void)MPI_Comm_size(comm->mpi, &comm->base.size);
    status = find_neighbours(comm);
    if (status == PP_OK)
        *out = &comm->base;
    else
        free_world(&comm->base);
    return status;
}

void pp_comm_world_limit(pp_comm *world_comm, int most)
{
    ((world *)world_comm)->most = most;
}
