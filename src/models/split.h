/* Sums of one view's model over a group of devices that each hold an extended tile (models/tiles.h).
 *
 * hybrid (Yu et al. 2021): the tiles' gradients are added up on rank 0, which makes the direction of the whole object and gives
 * every tile its part, borders with it: they need no exchange of their own. gradient (Wang et al. 2022): what tiles add to pixels that
 * others hold too goes from tile to tile, forward and back along each strip and then across strips, so that every tile
 * has the sum of all on its extended tile and nobody has the whole. Copies of a pixel have the same bits on all tiles.
 *
 * Every function is collective over the group. On the host messages are read where they lie, and the sender waits (settles) before it changes
 * them; devices pass them through their links (backend/link.h). SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_SPLIT_H
#define PP_SPLIT_H

#include "backend/backend.h"
#include "comm/group.h"
#include "models/tiles.h"

typedef enum pp_split_method {
    PP_SPLIT_HYBRID,
    PP_SPLIT_GRADIENT,
    PP_SPLIT_HALO,
    PP_SPLIT_INDEPENDENT,
    PP_SPLIT_LOCAL /* gradient, with local steps between exchanges (solvers/view_local.c) */
} pp_split_method;

typedef struct pp_split {
    const pp_comm *group; /* NULL: one device alone */
    const pp_tiles *tiles;
    pp_split_method method;
    const pp_backend *backend;
    pp_links *links; /* of the group's devices; NULL where the back end has none */
    bool in_turn;    /* nothing is passed while patterns are worked on: for tests and benches */
} pp_split;

/** The group watches this thread's device while it waits (pp_group_watch). */
void pp_split_watch(const pp_split *split);
/** Tells the group at once where this thread's device has failed: others may wait for what it does not send. */
void pp_split_tell_failure(const pp_split *split);

/** This rank's extended tile, its core, and the whole object. */
pp_box pp_split_extended(const pp_split *split);
pp_box pp_split_core(const pp_split *split);
pp_box pp_split_whole(const pp_split *split);

/** What tiles pass after a gradient goes off in stages, beside the patterns of later ones, where there are links. gradient: first the
 *  patterns whose windows other tiles' pixels lie in, whose sum then goes from tile to tile, then the rest; hybrid: tiles in bands of rows.
 *  1: all at once. */
int pp_split_stages(const pp_split *split);
/** Of a pattern of this rank whose window of n pixels begins at `corner` in the extended tile. */
int pp_split_stage(const pp_split *split, const double corner[2], int64_t n);

/** Floats that device `rank` stages in a transfer at most, for images of `lanes` floats a pixel and sums of `shared` floats. */
int64_t pp_split_room(const pp_tiles *tiles, pp_split_method method, int rank, int lanes,
                      int64_t shared);

/** image: `lanes` floats a pixel on the extended tile; becomes the sum over all tiles (gradient's passes). */
PP_MUST_CHECK pp_status pp_split_pass(const pp_split *split, void *image, int lanes);
/** whole (on rank 0, else NULL) = sum of the tiles' images, which are only read. In `bands` calls, 0 to bands - 1 in order, each tile's
 *  rows from band / bands of them on. */
PP_MUST_CHECK pp_status pp_split_gather(const pp_split *split, void *whole, void *image, int lanes,
                                        int band, int bands);
/** image = this tile's part of `whole` (on rank 0, else NULL), which is only read. */
PP_MUST_CHECK pp_status pp_split_scatter(const pp_split *split, void *image, void *whole,
                                         int lanes);
/** Pixels of the image that other tiles own become theirs. */
PP_MUST_CHECK pp_status pp_split_borders(const pp_split *split, void *image, int lanes);
/** values[count] floats = sum over ranks, in rank order; room: as much again (NULL where there are links). */
PP_MUST_CHECK pp_status pp_split_sum(const pp_split *split, float *values, float *room,
                                     int64_t count);

#endif
