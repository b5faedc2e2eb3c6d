/* Devices that each solve their tile: Halo Voxel Exchange pastes voxels of neighbours into the halos every T iterations,
 * independent tiles never.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>
#include <string.h>

#include "solvers/view_internal.h"

bool pp_view_apart(const solve *s)
{
    return s->group && (s->o->split == PP_SPLIT_HALO || s->o->split == PP_SPLIT_INDEPENDENT);
}

bool pp_view_shared(const solve *s)
{
    const pp_ptycho_settings *p = &s->o->solver;
    return pp_view_apart(s) && (p->refine_probe || p->refine_positions || p->refine_intensities);
}

/* One round on this tile; a tile without patterns has nothing to do, one that has converged repeats its last cost. */
static pp_status one_round(solve *s, pp_ptycho_result *r, int64_t count)
{
    pp_ptycho_settings settings = s->settings;
    settings.iterations = count;
    r->done = 0;
    if (s->model.sweep || s->model.split.group) {
        PP_TRY(pp_view_run_solver(s, &settings, r));
    } else {
        r->cost[0] = 0;
    }
    for (; r->done < count; r->done++) {
        r->step[r->done] = 0, r->change[r->done] = 0;
        r->cost[r->done + 1] = r->cost[r->done];
    }
    r->cost += count, r->step += count, r->change += count;
    settings.first += count;
    s->settings = settings;
    return PP_OK;
}

static pp_status paste(solve *s)
{
    const pp_split all = {.group = s->group,
                          .tiles = &s->v->tiles,
                          .method = s->o->split,
                          .backend = s->backend,
                          .links = s->v->links};
    return s->o->split == PP_SPLIT_HALO ? pp_split_borders(&all, s->point.object, 2) : PP_OK;
}

pp_status pp_view_sum_costs(const solve *s, double *costs, int64_t count)
{
    for (int64_t i = 0; i < count; i += PP_GROUP_FEW) {
        const int64_t left = count - i;
        PP_TRY(pp_group_sum(s->group, costs + i, (int)(left < PP_GROUP_FEW ? left : PP_GROUP_FEW),
                            PP_SUM));
    }
    return PP_OK;
}

/* The result is rank 0's; costs and changes of all tiles go into it. */
static pp_status sum_costs(const solve *s, pp_ptycho_result *r)
{
    for (int64_t i = 0; i < r->done; i++) r->change[i] *= r->change[i];
    PP_TRY(pp_view_sum_costs(s, r->change, r->done));
    for (int64_t i = 0; i < r->done; i++) r->change[i] = sqrt(r->change[i]);
    PP_TRY(pp_view_sum_costs(s, r->cost, r->done + 1));
    return pp_group_sum(s->group, &r->misfit, 1, PP_SUM);
}

pp_status pp_view_rounds(solve *s, pp_ptycho_result *result)
{
    const int64_t all = s->settings.iterations,
                  period = s->o->split == PP_SPLIT_HALO && s->o->period > 0 ? s->o->period : all;
    const pp_ptycho_settings settings = s->settings;
    pp_ptycho_result r = *result;
    for (int64_t done = 0; done < all; done += period) {
        PP_TRY(one_round(s, &r, all - done < period ? all - done : period));
        PP_TRY(paste(s));
    }
    r.cost = result->cost, r.step = result->step, r.change = result->change, r.done = all;
    s->settings = settings;
    *result = r;
    return pp_view_shared(s) ? PP_OK : sum_costs(s, result);
}
