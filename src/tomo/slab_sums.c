/* Slabs: ordered sums and halos of one slice.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "tomo/slab_sums.h"

#include "backend/slices.h"
#include "base/alloc.h"
#include "tomo/transpose.h"

pp_slab pp_slab_of(const pp_comm *comm, int64_t rows, int64_t pixels)
{
    pp_slab slab = {.comm = comm, .rows = rows, .pixels = pixels};
    pp_slab_block(rows, pp_comm_size(comm), pp_comm_rank(comm), &slab.first, &slab.slices);
    return slab;
}

pp_status pp_slab_sum(const pp_slab *slab, const double *each, double *sum)
{
    const int size = pp_comm_size(slab->comm);
    int64_t *counts = NULL, first;
    double *all = NULL;
    pp_status status = PP_ALLOC(size, &counts);
    if (status == PP_OK) status = PP_ALLOC(slab->rows, &all);
    status = pp_comm_agree(slab->comm, status);
    if (status == PP_OK) {
        for (int rank = 0; rank < size; rank++) {
            pp_slab_block(slab->rows, size, rank, &first, &counts[rank]);
        }
        status = pp_comm_allgather_rows(slab->comm, each, all, sizeof *all, counts);
    }
    if (status == PP_OK) {
        *sum = 0;
        for (int64_t k = 0; k < slab->rows; k++) *sum += all[k];
    }
    pp_free(all);
    pp_free(counts);
    return status;
}

void pp_slab_dots(int64_t slices, int64_t size, const float *a, const float *b, double *each)
{
#pragma omp parallel for schedule(static)
    for (int64_t k = 0; k < slices; k++) {
        const pp_status status = pp_slices_host.dots(each + k, a + k * size, b + k * size, 1, size);
        (void)status; /* host vectors do not fail */
    }
}

/* One slice to rank `to`, one from rank `from`; -1 for none. */
static pp_status pass_slice(const pp_slab *slab, const float *slice, int to, float *into, int from)
{
    const int size = pp_comm_size(slab->comm);
    int64_t *counts;
    PP_TRY(PP_ALLOC(2 * size, &counts));
    if (to >= 0) counts[to] = 1;
    if (from >= 0) counts[size + from] = 1;
    const pp_status status = pp_comm_alltoall_rows(slab->comm, slice, counts, into, counts + size,
                                                   (size_t)slab->pixels * sizeof *slice);
    pp_free(counts);
    return status;
}

pp_status pp_slab_neighbours(const pp_slab *slab, const float *volume, float *before, float *after)
{
    const int rank = pp_comm_rank(slab->comm);
    const bool mine = slab->slices > 0, lower = mine && slab->first > 0,
               upper = mine && slab->first + slab->slices < slab->rows;
    if (pp_comm_size(slab->comm) == 1) return PP_OK;
    if (after) {
        PP_TRY(pass_slice(slab, volume, lower ? rank - 1 : -1, after, upper ? rank + 1 : -1));
    }
    if (before) {
        const float *last = mine ? volume + (slab->slices - 1) * slab->pixels : volume;
        PP_TRY(pass_slice(slab, last, upper ? rank + 1 : -1, before, lower ? rank - 1 : -1));
    }
    return PP_OK;
}
