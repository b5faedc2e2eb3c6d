/* What the parts of the joint solve share (joint.c, joint_moves.c, joint_keep.c).
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_JOINT_SOLVE_H
#define PP_JOINT_SOLVE_H

#include "tomo/joint.h"

/* What one view's step is given, as large as the largest view: model, h. */
typedef struct pp_joint_lane {
    pp_c32 *target, *model;
    float *weight;
} pp_joint_lane;

typedef struct pp_joint_solve {
    const pp_joint_setup *setup;
    pp_joint_volume volume;
    int64_t pixels;      /* of a view's part of the stack */
    pp_c32 *model;       /* h [count][rows][columns] */
    pp_c32 *last;        /* the one before */
    pp_c32 *wanted;      /* t [count][rows][columns] */
    pp_c32 *slabs;       /* t [slices][V][columns] */
    int devices;         /* of the group that solves a view */
    int lanes;           /* views that are solved at the same time, each on a group of its own */
    pp_joint_lane *lane; /* [lanes] */
    double *each;        /* [V][terms of a view] */
    double *sums;        /* [terms of a view] */
    double *moves;       /* [V][2] */
    double largest;      /* illumination of all views */
    double rho;          /* absolute */
    double light;        /* mean illumination of the stack's field, of all views */
    double strength;     /* of the total variation */
} pp_joint_solve;

/* ---- a view's object array and the stack ---- */

/* Index in the stack of pixel i of the view's array, -1 outside. */
static inline int64_t pp_joint_in_stack(const pp_joint_solve *s, const pp_joint_view *view,
                                        int64_t i)
{
    const pp_stack_shape *shape = &s->setup->shape;
    const int64_t columns = view->frame.size[1];
    const int64_t y = i / columns - view->frame.origin[0] - s->setup->centre[0] + shape->rows / 2,
                  x = i % columns - view->frame.origin[1] - s->setup->centre[1] +
                      shape->columns / 2;
    const bool inside = y >= 0 && y < shape->rows && x >= 0 && x < shape->columns;
    return inside ? y * shape->columns + x : -1;
}

/* What psi should be: the model, air around it. */
static inline pp_c32 pp_joint_goal(const pp_c32 *model, int64_t at)
{
    return at < 0 ? (pp_c32){1, 0} : model[at];
}

/* Something done with a view on the calling thread's device, in lane k. */
typedef pp_status (*pp_joint_view_work)(pp_joint_solve *s, int k, int64_t local, int64_t done);

/** `work` on each view of this rank, as many at a time as there are devices. Not collective. */
PP_MUST_CHECK pp_status pp_joint_each_view(pp_joint_solve *s, pp_joint_view_work work,
                                           int64_t done);
/** h of the volume, in slabs and in views. Collective. */
PP_MUST_CHECK pp_status pp_joint_renew_model(pp_joint_solve *s);
/** After every few outer iterations: each view as a whole to where its frames fit the model best. Collective. */
PP_MUST_CHECK pp_status pp_joint_move_views(pp_joint_solve *s, int64_t done);
/** Root mean square of all moves so far, pixels. Collective. */
PP_MUST_CHECK pp_status pp_joint_moved(pp_joint_solve *s, pp_joint_result *result);
/** Puts the state away, where that is asked for. Collective. */
PP_MUST_CHECK pp_status pp_joint_keep(pp_joint_solve *s, pp_joint_terms *terms, int64_t done);
/** From the state that was put away, if there is one. Collective. */
PP_MUST_CHECK pp_status pp_joint_recall(pp_joint_solve *s, pp_joint_terms *terms,
                                        pp_joint_result *result);

#endif
