/* The list of views that a source announces.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_VIEWS_H
#define PP_VIEWS_H

#include "comm/comm.h"
#include "config/config.h"

struct pp_views {
    int64_t count, capacity;
    pp_view_entry *entries; /* paths are owned */
};

void pp_views_free(pp_views *views);
/** Rank 0's list on every rank. Collective. */
PP_MUST_CHECK pp_status pp_views_share(pp_views *views, const pp_comm *comm);
/** Warnings of the list as a whole: angles, more ranks than views; errors: numbers that do not rise, no view. ranks: that
 *  share the views; 0 where they are projections already. */
void pp_views_check(const pp_views *views, pp_check *check, int ranks);
/** An error where object pixels are not square: a volume has one voxel size. */
void pp_views_check_square(const pp_views *views, pp_check *check);

#endif
