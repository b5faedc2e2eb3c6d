/* Joint ptycho-tomography by ADMM over views and slices: the volume is fitted to the frames of all views at once.
 *
 * min sum_t F_t(psi_t) + a TV(v) with psi_t = h_t = exp(i R_t v) on the stack's field, by the augmented Lagrangian
 * sum_t F_t(psi_t) + 2 Re <lambda_t, h_t - psi_t> + rho |h_t - psi_t|^2 (Aslan et al., Opt. Express 27, 9128 (2019); Nikitin et al., J. Opt.
 * Soc. Am. A 36, 998 (2019)): psi by conjugate gradients in each view (solvers/joint_view.h), the volume by a Gauss-Newton step
 * about the present model (tomo/joint_volume.h), lambda += rho (h - psi). Views lie on ranks by pp_comm_block, slices by
 * pp_slab_block. rho is doubled or halved where one residual is ten times the other, within bounds, and then frozen.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_JOINT_H
#define PP_JOINT_H

#include "solvers/joint_view.h"
#include "tomo/joint_volume.h"
#include "tomo/transpose.h"

struct pp_joint_state;

typedef struct pp_joint_setup {
    const pp_comm *comm;
    int threads;
    const char *backend;
    bool refine_probe, keep_far_field;
    int devices_per_view; /* that work on one view together (0: one) */
    double
        device_memory; /* bytes that a device may hold of a view before its frames are streamed; not above 0: 0.9 of what is free */
    bool outside_free; /* psi outside the field is free; else it is air */
    int64_t iterations; /* outer */
    int64_t
        view_iterations; /* of each view in an outer iteration; four times as many in the first */
    double penalty;      /* rho at the start, in the largest illumination */
    double penalty_bounds[2];   /* as well */
    int64_t penalty_iterations; /* rho is balanced so long */
    double tolerance; /* stop where both residuals are below this part of their scale; 0: never */
    pp_joint_volume_setup volume; /* strength NAN: found (joint.c); balance is set here */
    double oversampling;          /* of the projector */
    pp_stack_shape shape;         /* of the stack */
    int64_t centre[2];            /* grid point at index (rows / 2, columns / 2) of the stack */
    const double *angles;         /* [views] rad */
    int64_t first, count;         /* this rank's views */
    pp_joint_view *views;         /* [count] */
    /** Puts the frames of view `local` into it. Called before each step of a view that has none; they are dropped after it where
     *  `hold` is not set. */
    pp_status (*frames)(void *self, int64_t local, pp_joint_view *view);
    bool hold;
    int64_t shift_every; /* outer iterations between moves of whole views; 0: never */
    double *
        moves; /* [views][2] y, x: set to the pixels that each view was moved by, on every rank; NULL: not told */
    int64_t
        keep_every; /* outer iterations between calls of `keep`; 0: only where the solve is stopped */
    /** Puts the state away; collective. NULL: never. And fills it again at the start, if there is one (views must have been created as
     *  they were then). NULL: none. */
    pp_status (*keep)(void *self, const struct pp_joint_state *state);
    pp_status (*recall)(void *self, struct pp_joint_state *state, bool *found);
    /** After every outer iteration, on every rank; true stops with PP_ERR_INTERRUPTED. NULL: never. */
    bool (*stopped)(void *self, int64_t done);
    void *self;
} pp_joint_setup;

/** Of one outer iteration; sums over all views in the order of their numbers. */
typedef struct pp_joint_terms {
    double data, multiplier, penalty, variation; /* terms of the Lagrangian; a TV(v) */
    double misfit;       /* sum (sqrt I - sqrt d)^2 over sum d (joint_view.h) */
    double primal, dual; /* relative residuals, as Boyd et al. have them */
    double rho;          /* in the largest illumination */
} pp_joint_terms;

/** What goes on from one outer iteration to the next, besides the arrays of the views. */
enum { PP_JOINT_FIELDS = 9 };
enum {
    PP_JOINT_DONE,
    PP_JOINT_RHO,
    PP_JOINT_STRENGTH,
    PP_JOINT_LIGHT,
    PP_JOINT_LARGEST,
    PP_JOINT_TAU,
    PP_JOINT_ETA,
    PP_JOINT_NUMBERS
};

/** An array of the volume on this rank, [slices][n][n]. */
typedef struct pp_joint_field {
    const char *name;
    pp_dtype dtype;
    void *data;
} pp_joint_field;

typedef struct pp_joint_state {
    const pp_joint_setup *setup; /* its views: psi, multiplier, probe, corners */
    int64_t n, rows;             /* of the volume */
    int64_t first, slices;       /* this rank's */
    pp_joint_field fields[PP_JOINT_FIELDS];
    double numbers[PP_JOINT_NUMBERS];
    pp_joint_terms *terms; /* [iterations], filled up to done */
} pp_joint_state;

typedef struct pp_joint_result {
    int64_t done, recalled; /* outer iterations; how many of them were on file */
    bool converged;
    double moved;    /* rms of all moves of the views, pixels */
    double strength; /* of the total variation, rad a voxel */
} pp_joint_result;

/** volume v [my slices][n][n] holds the start and becomes the result. terms [iterations], filled up to done. Collective. */
PP_MUST_CHECK pp_status pp_joint_run(const pp_joint_setup *setup, pp_c32 *volume,
                                     pp_joint_terms *terms, pp_joint_result *result);
/** How many of a rank's `views` are solved at the same time, each on a group of `group` devices. */
int pp_joint_lanes(const char *backend_name, int64_t views, int group);
/** Bytes on a rank besides its views and their frames. */
double pp_joint_bytes(const pp_joint_setup *setup, int ranks);

#endif
