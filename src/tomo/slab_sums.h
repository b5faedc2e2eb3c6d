/* Sums and neighbours of a volume that lies on ranks by slabs of slices.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_SLAB_SUMS_H
#define PP_SLAB_SUMS_H

#include <stdbool.h>

#include "comm/comm.h"

typedef struct pp_slab {
    const pp_comm *comm;
    int64_t rows;          /* of all ranks */
    int64_t first, slices; /* this rank's, by pp_slab_block */
    int64_t pixels;        /* of a slice */
} pp_slab;

pp_slab pp_slab_of(const pp_comm *comm, int64_t rows, int64_t pixels);
/** Sum over all slices of `each` [slices], added in the order of the slices: the same on every rank and for any number of
 *  ranks. Collective. */
PP_MUST_CHECK pp_status pp_slab_sum(const pp_slab *slab, const double *each, double *sum);
/** <a, b> per slice of `size` elements, in double. */
void pp_slab_dots(int64_t slices, int64_t size, const float *a, const float *b, double *each);
/** The next rank's first slice into `after`, the previous rank's last one into `before`, each [pixels]; either may be NULL;
 *  untouched where there is none. Collective. */
PP_MUST_CHECK pp_status pp_slab_neighbours(const pp_slab *slab, const float *volume, float *before,
                                           float *after);

#endif
