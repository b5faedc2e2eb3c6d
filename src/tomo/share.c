/* Rows of all views on every rank.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "base/alloc.h"
#include "tomo/stack.h"

pp_status pp_share_views(const pp_comm *comm, int64_t views, void *rows, size_t row_bytes)
{
    const int size = pp_comm_size(comm), rank = pp_comm_rank(comm);
    if (size == 1) return PP_OK;
    int64_t first, count, *counts;
    PP_TRY(PP_ALLOC(size, &counts));
    for (int r = 0; r < size; r++) pp_comm_block(views, size, r, &first, &counts[r]);
    pp_comm_block(views, size, rank, &first, &count);
    char *mine;
    pp_status status = pp_alloc((size_t)(count > 0 ? count : 1), row_bytes, (void **)&mine);
    if (status == PP_OK) {
        memcpy(mine, (char *)rows + (size_t)first * row_bytes, (size_t)count * row_bytes);
        status = pp_comm_allgather_rows(comm, mine, rows, row_bytes, counts);
        pp_free(mine);
    }
    pp_free(counts);
    return status;
}
