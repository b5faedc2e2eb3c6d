/* Whole views move in a joint solve: windows, so that nothing is resampled.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>
#include <polyptych/log.h>
#include <string.h>

#include "tomo/joint_solve.h"
#include "tomo/stack.h"

typedef pp_joint_solve state;

/* The view's Gauss-Newton step of its shift at the model, into `moves`: y, x. */
static pp_status find_move(state *s, int k, int64_t local, int64_t done)
{
    const pp_joint_setup *setup = s->setup;
    pp_joint_view *view = &setup->views[local];
    const pp_c32 *model = s->model + local * s->pixels;
    const pp_joint_step step = {.backend = setup->backend,
                                .threads = setup->threads,
                                .devices = s->devices,
                                .first_device = k * s->devices,
                                .device_memory = setup->device_memory,
                                .target = s->lane[k].target};
    (void)done;
    for (int64_t i = 0; i < view->pixels; i++) {
        const int64_t at = pp_joint_in_stack(s, view, i);
        s->lane[k].target[i] =
            setup->outside_free && at < 0 ? view->psi[i] : pp_joint_goal(model, at);
    }
    return pp_joint_view_shift(view, &step, s->moves + 2 * (setup->first + local));
}

/* What of the moves is no translation of the object: a constant along y, a cos t + b sin t along x (docs/conventions.md, Frame). */
static void drop_translation(const state *s)
{
    const int64_t views = s->setup->shape.views;
    double mean = 0, cc = 0, cs = 0, ss = 0, cx = 0, sx = 0;
    for (int64_t v = 0; v < views; v++) {
        const double c = cos(s->setup->angles[v]), d = sin(s->setup->angles[v]),
                     x = s->moves[2 * v + 1];
        mean += s->moves[2 * v] / (double)views;
        cc += c * c, cs += c * d, ss += d * d, cx += c * x, sx += d * x;
    }
    const double det = cc * ss - cs * cs, sure = det > 1e-6 * cc * ss ? 1 / det : 0,
                 a = sure * (ss * cx - cs * sx), b = sure * (cc * sx - cs * cx);
    for (int64_t v = 0; v < views; v++) {
        s->moves[2 * v] -= mean;
        s->moves[2 * v + 1] -= a * cos(s->setup->angles[v]) + b * sin(s->setup->angles[v]);
    }
}

/* After every few outer iterations: the shift of each view that fits its frames best to the model. Windows move, nothing is resampled. */
pp_status pp_joint_move_views(state *s, int64_t done)
{
    const pp_joint_setup *setup = s->setup;
    if (setup->shift_every < 1 || done < 1 || done % setup->shift_every != 0) return PP_OK;
    double square = 0;
    PP_TRY(pp_comm_agree(setup->comm, pp_joint_each_view(s, find_move, done)));
    PP_TRY(pp_share_views(setup->comm, setup->shape.views, s->moves, 2 * sizeof *s->moves));
    drop_translation(s);
    for (int64_t k = 0; k < setup->count; k++)
        pp_joint_view_move(&setup->views[k], s->moves + 2 * (setup->first + k));
    for (int64_t i = 0; i < 2 * setup->shape.views; i++) square += s->moves[i] * s->moves[i];
    pp_info("joint: views move by %.3g pixels rms", sqrt(square / (double)setup->shape.views));
    return PP_OK;
}

pp_status pp_joint_moved(state *s, pp_joint_result *result)
{
    const int64_t views = s->setup->shape.views;
    for (int64_t k = 0; k < s->setup->count; k++)
        for (int a = 0; a < 2; a++)
            s->moves[2 * (s->setup->first + k) + a] = s->setup->views[k].moved[a];
    PP_TRY(pp_share_views(s->setup->comm, views, s->moves, 2 * sizeof *s->moves));
    for (int64_t i = 0; i < 2 * views; i++) result->moved += s->moves[i] * s->moves[i];
    if (s->setup->moves) memcpy(s->setup->moves, s->moves, (size_t)(2 * views) * sizeof *s->moves);
    result->moved = sqrt(result->moved / (double)views);
    return PP_OK;
}
