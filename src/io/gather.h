/* Distributed rows to one file: rank 0 gathers them chunk by chunk.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_GATHER_H
#define PP_GATHER_H

#include <polyptych/array.h>

#include "comm/comm.h"

/** Rows [first, first + count) of the whole array, on rank 0 only. */
typedef pp_status (*pp_rows_sink)(void *context, int64_t first, int64_t count, const void *rows);
/** Calls `sink` on rank 0 with all rows in order, as many at a time as fit `bytes`; an error on any rank is the error of all.
 *  Ranks hold blocks in rank order. Collective. */
PP_MUST_CHECK pp_status pp_gather(const pp_array *array, const pp_comm *comm, size_t bytes,
                                  pp_rows_sink sink, void *context);

#endif
