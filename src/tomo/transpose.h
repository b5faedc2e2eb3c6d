/* Views on ranks <-> slabs of slices on ranks. Rank r holds views [first, first + count) of pp_comm_block(views) as
 * [view][y][x] on the one side and rows of pp_slab_block(rows) as [y][view][x] on the other. Elements are moved, not
 * changed: forth and back is the identity. In chunks of rows, so that the buffers stay small and no message is beyond 2 GB.
 * Collective.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_TRANSPOSE_H
#define PP_TRANSPOSE_H

#include <polyptych/status.h>

#include "comm/comm.h"

typedef struct pp_stack_shape {
    int64_t views, rows, columns; /* of the whole stack */
    size_t element;               /* bytes */
} pp_stack_shape;

/** Rows [first, first + count) of a rank's slab: rows 2 k and 2 k + 1 stay together, for the projector works on two real slices
 *  as one complex one, and a result must not depend on which two. Not collective. */
void pp_slab_block(int64_t rows, int size, int rank, int64_t *first, int64_t *count);

/** slabs [my rows][views][columns] from stack [my views][rows][columns]. */
PP_MUST_CHECK pp_status pp_views_to_slabs(const pp_comm *comm, pp_stack_shape shape,
                                          const void *stack, void *slabs);
PP_MUST_CHECK pp_status pp_slabs_to_views(const pp_comm *comm, pp_stack_shape shape,
                                          const void *slabs, void *stack);
/** The most views, and the most rows of a slab, that one of `ranks` ranks holds. */
int64_t pp_most_views(int64_t views, int ranks);
int64_t pp_most_rows(int64_t rows, int ranks);
/** Bytes of working memory of either on this number of ranks. */
double pp_transpose_bytes(int ranks, pp_stack_shape shape);

#endif
