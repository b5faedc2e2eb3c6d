/* All-to-all in chunks of rows: every rank packs the rows that each other rank needs next, and sorts in what it gets.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "tomo/transpose.h"

#include <stdbool.h>
#include <string.h>

#include "base/alloc.h"

enum { MOST_ROWS = 16 }; /* rows of a rank in a chunk */

/* One exchange between the two layouts. */
typedef struct exchange {
    const pp_comm *comm;
    pp_stack_shape shape;
    int ranks;
    int64_t views;                  /* this rank's */
    int64_t chunk;                  /* rows of each rank at a time */
    size_t line;                    /* bytes of one line [columns] */
    int64_t *view_side, *slab_side; /* [ranks] lines to or from each rank */
    char *packed_views,
        *packed_slabs; /* [rank][row][view] lines as one side and as the other packs them */
} exchange;

void pp_slab_block(int64_t rows, int size, int rank, int64_t *first, int64_t *count)
{
    pp_comm_block((rows + 1) / 2, size, rank, first, count);
    *first *= 2;
    *count *= 2;
    if (*first > rows) *first = rows;
    if (*first + *count > rows) *count = rows - *first;
}

static int64_t most(int64_t total, int ranks)
{
    return (total + ranks - 1) / ranks;
}

int64_t pp_most_views(int64_t views, int ranks)
{
    return most(views, ranks);
}

int64_t pp_most_rows(int64_t rows, int ranks)
{
    const int64_t pairs = 2 * most((rows + 1) / 2, ranks);
    return pairs < rows ? pairs : rows;
}

/* The same on all ranks: 16 rows, fewer where a chunk would be beyond 64 MB. */
static int64_t chunk_rows(int ranks, pp_stack_shape shape)
{
    const double row = (double)ranks * (double)most(shape.views, ranks) * (double)shape.columns *
                       (double)shape.element;
    const double fit = 64e6 / row;
    return fit < 1 ? 1 : fit > MOST_ROWS ? MOST_ROWS : (int64_t)fit;
}

/* Rows of rank `rank` in the chunk that starts at row `start` of its block. */
static int64_t rows_of(const exchange *x, int rank, int64_t start, int64_t *first)
{
    int64_t count;
    pp_slab_block(x->shape.rows, x->ranks, rank, first, &count);
    *first += start;
    return count <= start ? 0 : count - start < x->chunk ? count - start : x->chunk;
}

static pp_status open_exchange(exchange *x)
{
    const size_t views = (size_t)most(x->shape.views, x->ranks), ranks = (size_t)x->ranks;
    int64_t first;
    pp_comm_block(x->shape.views, x->ranks, pp_comm_rank(x->comm), &first, &x->views);
    x->line = (size_t)x->shape.columns * x->shape.element;
    x->chunk = chunk_rows(x->ranks, x->shape);
    PP_TRY(PP_ALLOC(x->ranks, &x->view_side));
    PP_TRY(PP_ALLOC(x->ranks, &x->slab_side));
    PP_TRY(pp_alloc(ranks * (size_t)x->chunk * views, x->line, (void **)&x->packed_views));
    return pp_alloc((size_t)x->chunk * (size_t)x->shape.views, x->line, (void **)&x->packed_slabs);
}

static void close_exchange(exchange *x)
{
    pp_free(x->packed_slabs);
    pp_free(x->packed_views);
    pp_free(x->slab_side);
    pp_free(x->view_side);
}

/* Lines that go between this rank and each other one in a chunk, on both sides. */
static void count_lines(const exchange *x, int64_t start)
{
    int64_t first, views;
    const int64_t mine = rows_of(x, pp_comm_rank(x->comm), start, &first);
    for (int rank = 0; rank < x->ranks; rank++) {
        pp_comm_block(x->shape.views, x->ranks, rank, &first, &views);
        x->slab_side[rank] = mine * views;
        x->view_side[rank] = rows_of(x, rank, start, &first) * x->views;
    }
}

/* Lines between the packed chunk [rank][row][my view] and the stack [my view][row]. */
static void copy_views(const exchange *x, int64_t start, char *stack, bool pack)
{
    char *packed = x->packed_views;
    for (int rank = 0; rank < x->ranks; rank++) {
        int64_t first;
        const int64_t rows = rows_of(x, rank, start, &first);
        for (int64_t row = first; row < first + rows; row++) {
            for (int64_t view = 0; view < x->views; view++, packed += x->line) {
                char *line = stack + (size_t)(view * x->shape.rows + row) * x->line;
                memcpy(pack ? packed : line, pack ? line : packed, x->line);
            }
        }
    }
}

/* Lines between the packed chunk [rank][my row][its view] and the slabs [my row][view]. */
static void copy_slabs(const exchange *x, int64_t start, char *slabs, bool pack)
{
    char *packed = x->packed_slabs;
    int64_t first_row, first, views;
    const int64_t rows = rows_of(x, pp_comm_rank(x->comm), start, &first_row);
    for (int rank = 0; rank < x->ranks; rank++) {
        pp_comm_block(x->shape.views, x->ranks, rank, &first, &views);
        const size_t run = (size_t)views * x->line;
        for (int64_t row = start; row < start + rows; row++, packed += run) {
            char *lines = slabs + (size_t)(row * x->shape.views + first) * x->line;
            memcpy(pack ? packed : lines, pack ? lines : packed, run);
        }
    }
}

static pp_status to_slabs(const exchange *x, char *stack, char *slabs)
{
    const int64_t rows = 2 * most((x->shape.rows + 1) / 2, x->ranks);
    for (int64_t start = 0; start < rows; start += x->chunk) {
        count_lines(x, start);
        copy_views(x, start, stack, true);
        PP_TRY(pp_comm_alltoall_rows(x->comm, x->packed_views, x->view_side, x->packed_slabs,
                                     x->slab_side, x->line));
        copy_slabs(x, start, slabs, false);
    }
    return PP_OK;
}

static pp_status to_views(const exchange *x, char *stack, char *slabs)
{
    const int64_t rows = 2 * most((x->shape.rows + 1) / 2, x->ranks);
    for (int64_t start = 0; start < rows; start += x->chunk) {
        count_lines(x, start);
        copy_slabs(x, start, slabs, true);
        PP_TRY(pp_comm_alltoall_rows(x->comm, x->packed_slabs, x->slab_side, x->packed_views,
                                     x->view_side, x->line));
        copy_views(x, start, stack, false);
    }
    return PP_OK;
}

/* The copies read one side and write the other; this takes the const off the side that is only read. */
static char *input(const void *data)
{
    char *out;
    memcpy(&out, &data, sizeof out);
    return out;
}

pp_status pp_views_to_slabs(const pp_comm *comm, pp_stack_shape shape, const void *stack,
                            void *slabs)
{
    exchange x = {.comm = comm, .shape = shape, .ranks = pp_comm_size(comm)};
    pp_status status = pp_comm_agree(comm, open_exchange(&x));
    if (status == PP_OK) status = to_slabs(&x, input(stack), slabs);
    close_exchange(&x);
    return status;
}

pp_status pp_slabs_to_views(const pp_comm *comm, pp_stack_shape shape, const void *slabs,
                            void *stack)
{
    exchange x = {.comm = comm, .shape = shape, .ranks = pp_comm_size(comm)};
    pp_status status = pp_comm_agree(comm, open_exchange(&x));
    if (status == PP_OK) status = to_views(&x, stack, input(slabs));
    close_exchange(&x);
    return status;
}

double pp_transpose_bytes(int ranks, pp_stack_shape shape)
{
    const double lines = (double)chunk_rows(ranks, shape) *
                         ((double)ranks * (double)most(shape.views, ranks) + (double)shape.views);
    return lines * (double)shape.columns * (double)shape.element;
}
