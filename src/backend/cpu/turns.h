/* Sums over chunks while the chunks are being made: a thread that has made a chunk leaves it in a slot, and whoever comes by
 * adds the slots to the sums in chunk order. So the bits do not depend on threads, a chunk can be small, which is what keeps all threads
 * busy to the end, and few boxes exist at a time. The sums are cut into bands, which different threads may add to. An object may be
 * summed in double: its boxes and its sum are, and the sum is rounded when its last chunk is in.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_TURNS_H
#define PP_TURNS_H

#include <stdatomic.h>

#include "backend/cpu/chunks.h"

enum { PP_TURNS_BANDS = 16 };

/** Chunks 0 .. next - 1 are in this part of the sums. */
typedef struct pp_turns_band {
    _Alignas(64) _Atomic int64_t next;
    atomic_flag busy;
} pp_turns_band;

typedef struct pp_turns_chunk {
    atomic_bool made;
} pp_turns_chunk;

typedef struct pp_turns {
    const pp_chunks *chunks;              /* borrowed */
    int64_t slots, box, probe, object[2]; /* box, probe: numbers of a slot */
    float *boxes, *probes;                /* [slots][box], [slots][probe]; boxes NULL: in double */
    double *wide_boxes, *wide_sum;        /* [slots][box], [Y][X][2], or NULL */
    pp_turns_chunk *chunk;                /* [chunks] */
    pp_turns_band *bands;                 /* [PP_TURNS_BANDS] */
    _Atomic int64_t taken;
    float *to_object, *to_probe; /* borrowed; NULL: no such sum */
    float *to_rest;              /* borrowed; NULL: not wanted */
    int parts;                   /* numbers an object pixel, 1 or 2 */
} pp_turns;

/** Bytes that a setup's boxes and probe sums will take, as far as can be told without positions: a chunk's box is a window and
 *  its share of the scan. */
double pp_turns_bytes(const pp_sweep_setup *setup);
/** probe: floats of the probe's sum, 0 where there never is one. `chunks` stays the caller's and must outlive the turns. */
PP_MUST_CHECK pp_status pp_turns_create(const pp_sweep_setup *setup, const pp_chunks *chunks,
                                        int64_t probe, pp_turns *out);
void pp_turns_free(pp_turns *turns);

/** Before the threads start: what is to be summed, object [Y][X] of `parts` floats and probe (or NULL). Both are overwritten. rest [Y][X]
 *  (or NULL) gets what rounding leaves of a sum in double, or 0. */
void pp_turns_begin(pp_turns *turns, float *object, float *rest, int parts, float *probe);
/** Each thread: the next chunk to make, its slot cleared; -1 after the last. Waits while no slot is free. */
int64_t pp_turns_take(pp_turns *turns);
/** Where chunk i is to be summed: its box (one of the two is NULL), and its part of the probe's sum (NULL: none). */
float *pp_turns_box(const pp_turns *turns, int64_t i);
double *pp_turns_wide_box(const pp_turns *turns, int64_t i);
float *pp_turns_probe(const pp_turns *turns, int64_t i);
/** Chunk i is made. When all threads have left after their last chunk, the sums are whole. */
void pp_turns_give(pp_turns *turns, int64_t i);

#endif
