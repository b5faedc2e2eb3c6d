/* Solvers of one view: object, and probe and positions where asked, from its patterns.
 *
 * cg: preconditioned Polak-Ribiere+ conjugate gradients in object and probe together, the step by Newton's rule from the exact
 * derivatives along the direction, halved where the cost rose. published: the multi-GPU conjugate gradients of Yu et al. (2021):
 * object alone, gradient over max |probe|^2, complex Dai-Yuan factor, the step halved from 1 until the cost does not rise.
 *
 * Rules for both: NaN, or a cost that rises by more than 1e-3 over 5 iterations, is PP_ERR_RUN; slope along the direction
 * and 2 Re <g, d> further apart than 1e-3 |g| |d| is a warning (the adjoint is wrong). cg ends as converged where not even the
 * preconditioned gradient lowers the cost; published goes on with steps of 0.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_SOLVER_PTYCHOGRAPHY_H
#define PP_SOLVER_PTYCHOGRAPHY_H

#include "models/ptychography.h"
#include "solvers/background.h"

/** Iterations after which kept far fields are computed from object and probe again, against drift. */
enum { PP_PTYCHO_REFRESH = 32 };

/** A term sum w |o - t|^2 beside the data, of a solve that is part of a larger one. cg only; its preconditioner of the object is then
 *  1 / (illumination + w). Back end's memory; one device, or each device's tile of a group of PP_SPLIT_GRADIENT. */
typedef struct pp_penalty {
    const float *weight;  /* w [Y][X], at least 0 */
    const pp_c32 *target; /* t [Y][X] */
} pp_penalty;

typedef struct pp_ptycho_settings {
    int64_t iterations;
    bool refine_probe, refine_positions, refine_intensities;
    bool stop_at_noise;                       /* cg: see pp_ptycho_record */
    int64_t probe_start;                      /* first iteration that moves the probe */
    int64_t positions_start, positions_every; /* iterations that are spent on positions instead */
    double positions_limit;                   /* largest step, pixels */
    bool precondition;
    const pp_penalty *penalty; /* NULL: none */
    double
        smoothness; /* cg: of solvers/smoothness.h, times the largest illumination at the start; one device. 0: none */
    const int64_t *object; /* Y, X, where there is smoothness */
    int64_t first; /* number of the first iteration, of a solve that is part of a larger one */
    /** Asked once an iteration; NULL: never. Returning true ends with PP_ERR_INTERRUPTED. */
    bool (*stopped)(void *self, int64_t iteration, double cost);
    void *self;
} pp_ptycho_settings;

typedef struct pp_ptycho_result {
    double *cost, *step; /* [iterations + 1] and [iterations], the caller's; filled up to `done` */
    double *change;      /* [iterations] |o - o_before|, L2 over the object; NULL: not wanted */
    int64_t done;        /* iterations made */
    double misfit;       /* sum (sqrt I - sqrt d)^2 at the end */
    double penalty;      /* the part of the last cost that is the penalty's */
    double adjointness;  /* largest |F'(0) - 2 Re <g, d>| / (|g| |d|) */
    bool converged;
    double *positions; /* [J][2] as in the model's setup, the caller's: start and result */
    double *
        factors; /* [J] amplitude of the beam in each pattern, the caller's: start and result; NULL: 1 */
    const pp_background_estimate
        *background; /* refined with the positions; NULL: it stays as it is */
} pp_ptycho_result;

/** point: start and result. */
PP_MUST_CHECK pp_status pp_solve_cg(const pp_ptychography *model, pp_point *point,
                                    const pp_ptycho_settings *settings, pp_ptycho_result *result);
PP_MUST_CHECK pp_status pp_solve_published(const pp_ptychography *model, pp_point *point,
                                           const pp_ptycho_settings *settings,
                                           pp_ptycho_result *result);

/** The rules above, for solvers: records the cost of iteration `done` and checks it. With stop_at_noise it sets `converged`
 *  when ten iterations together have changed the logarithm of the likelihood of the counts (2 sum (sqrt I - sqrt d)^2, or the
 *  Poisson cost) by less than 1/2: the counts do not tell the two objects apart by one standard deviation. */
PP_MUST_CHECK pp_status pp_ptycho_record(const pp_ptychography *model,
                                         const pp_ptycho_settings *settings,
                                         pp_ptycho_result *result, double cost);
/** Records the step that iteration `at` took along d, and how far the object went. Collective in a group. */
void pp_ptycho_record_step(const pp_ptychography *model, pp_ptycho_result *result, int64_t at,
                           double step, const pp_point *d);
/** Compares the slope along d with 2 Re <g, d>, product = Re <g, d>; all over the same parts. Collective in a group. */
void pp_ptycho_adjointness(const pp_ptychography *model, pp_ptycho_result *result, double slope,
                           double product, const pp_point *g, const pp_point *d);
/** The best factor of each pattern, at most twice or half the old one; their mean square is 1. Collective in a group. */
PP_MUST_CHECK pp_status pp_ptycho_scale_frames(const pp_ptychography *model, double *factors,
                                               const pp_sweep_position *terms);
/** Gauss-Newton step of each position from its 2 x 2 terms, at most `limit` pixels an axis, without the common shift of all
 *  devices' patterns: added to this device's positions [J][2]. */
PP_MUST_CHECK pp_status pp_ptycho_move_positions(const pp_ptychography *model, double *positions,
                                                 const pp_sweep_position *terms, double limit);

#endif
