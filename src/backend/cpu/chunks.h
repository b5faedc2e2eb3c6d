/* The order in which patterns are summed: along a Hilbert curve over the object, so that neighbours in the order are
 * neighbours in the object, cut into chunks that depend on positions and sizes only, never on threads.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_CHUNKS_H
#define PP_CHUNKS_H

#include "backend/sweep.h"

typedef struct pp_chunk {
    int64_t first, count;        /* patterns order[first .. first + count) */
    int64_t y, x, height, width; /* box of their windows in the object array */
    int64_t offset;              /* of the box in an array of all boxes, in pixels */
} pp_chunk;

typedef struct pp_chunks {
    int64_t patterns, count, pixels; /* pixels: of all boxes together */
    int64_t *order;                  /* [patterns] */
    int32_t (*window)
        [2]; /* [patterns] (y, x) = rint(position), or floor where the object is sampled between pixels */
    pp_chunk *chunk; /* [count] */
} pp_chunks;

enum { PP_CHUNKS_MOST = 32 };

PP_MUST_CHECK pp_status pp_chunks_create(const pp_sweep_setup *setup, pp_chunks *out);
/** The same for boxes that exist a few at a time (turns.h): as many chunks as keep all threads busy, equal ones but for the last two,
 *  which are cut smaller. */
PP_MUST_CHECK pp_status pp_chunks_create_small(const pp_sweep_setup *setup, pp_chunks *out);
/** How many that makes; and how many before the last two are cut. */
int64_t pp_chunks_small_count(int64_t patterns);
int64_t pp_chunks_equal_count(int64_t patterns);
/** At most so many chunks has a setup, whatever its positions. */
double pp_chunks_bound(const pp_sweep_setup *setup);
void pp_chunks_free(pp_chunks *chunks);
/** out [Y][X] = sum of all boxes, chunk by chunk at each pixel. boxes: complex or float, as `parts` (2 or 1) floats a pixel. */
void pp_chunks_merge(const pp_chunks *chunks, float *out, const float *boxes, int parts,
                     const int64_t object[2], int threads);
/** The same of complex boxes in double; rest (or NULL) gets what is left when the sum is rounded to out. */
void pp_chunks_merge_wide(const pp_chunks *chunks, pp_c32 *out, pp_c32 *rest, const pp_c64 *boxes,
                          const int64_t object[2], int threads);
/** out [n][n] = sum over patterns of |window of the object|^2: whole windows, a preconditioner needs no parts of pixels. Rows are
 *  shared out, so that each has one order. */
void pp_chunks_light(const pp_chunks *chunks, float *out, const pp_c32 *object,
                     const pp_sweep_setup *setup);

#endif
