/* One view's ptychography model: the sweeps and the vectors that live with them. Solvers see only this.
 *
 * A point is an object [Y][X] and a probe [M][n][n] in the back end's memory. Every number returned here is a sum over all
 * patterns and all pixels, whoever holds them: a group of devices sums in these functions and nowhere else.
 *
 * In a group every device runs the solver, with its patterns, its extended tile for [Y][X] (models/split.h) and the same probe;
 * all get the same numbers and so decide the same. Then all functions but create and free are collective. With
 * PP_SPLIT_HYBRID gradients and directions are whole on rank 0 (`whole`), and only directions and points are valid on tiles. With
 * PP_SPLIT_HALO and PP_SPLIT_INDEPENDENT each tile has an object of its own and all have one probe: sums go over all of them.
 *
 * Where the setup has wide_sum the object's gradient is summed in double over patterns, and over the tiles as pairs of floats that do
 * not depend on the order (kernels/regrid.h), so that any number of devices gets the same gradient but for a last bit here and
 * there.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_MODEL_PTYCHOGRAPHY_H
#define PP_MODEL_PTYCHOGRAPHY_H

#include "backend/backend.h"
#include "models/split.h"

typedef struct pp_point {
    pp_c32 *object, *probe;
    pp_c32 *whole; /* the whole object, on rank 0 of a hybrid group */
} pp_point;

/** Real weights of a point: preconditioners. */
typedef struct pp_point_weight {
    float *object, *probe; /* [Y][X], [n][n] (the same for every mode) */
    float *whole;
} pp_point_weight;

typedef struct pp_ptychography {
    const pp_backend *backend;
    pp_sweep *sweep; /* NULL where a device of a group has no patterns */
    pp_split split;
    pp_c32 *room; /* [M][n][n] of a group without links whose probe moves */
    pp_c32 *rest,
        *whole_rest; /* of a group that sums gradients in double: beside [Y][X] of a gradient, and beside `whole` */
    int threads;
    pp_sweep_model model;
    int64_t patterns;             /* this device's */
    int64_t pixels, frame, modes; /* Y X, n n, M */
    bool probe_moves;
    pp_sweep_totals totals;
} pp_ptychography;

/** implementation: name of one, NULL for the best. Frames and mask of the setup must be in its order. */
PP_MUST_CHECK pp_status pp_ptychography_create(const pp_backend *backend,
                                               const char *implementation,
                                               const pp_sweep_setup *setup, pp_ptychography *out);
/** The same for a device of a group; the setup is its tile's and may have no patterns. Collective. On an error nothing is left. */
PP_MUST_CHECK pp_status pp_ptychography_create_tile(const pp_backend *backend,
                                                    const char *implementation,
                                                    const pp_sweep_setup *setup,
                                                    const pp_split *split, pp_ptychography *out);
void pp_ptychography_free(pp_ptychography *model);

/** Zeroed gradient or direction; probe only where `probe` is set. */
PP_MUST_CHECK pp_status pp_point_create(const pp_ptychography *model, bool probe, pp_point *out);
/** Zeroed point, with a probe. */
PP_MUST_CHECK pp_status pp_point_create_place(const pp_ptychography *model, pp_point *out);
void pp_point_free(const pp_ptychography *model, pp_point *point);
PP_MUST_CHECK pp_status pp_point_weight_create(const pp_ptychography *model, pp_point_weight *out);
void pp_point_weight_free(const pp_ptychography *model, pp_point_weight *weight);

/** sum w conj(x) y over object and probe (skipped where x or y has none); w NULL for 1. NaN where another device of the group has
 *  failed: the next call that can fail says so. */
pp_c64 pp_point_dot(const pp_ptychography *model, const pp_point *x, const pp_point *y,
                    const pp_point_weight *w);
/** The same over the object alone, w [Y][X]. Not for hybrid groups. */
pp_c64 pp_object_dot(const pp_ptychography *model, const pp_c32 *x, const pp_c32 *y,
                     const float *w);
/** light [Y][X] = sum over all patterns of the moved |probe|^2, and its largest value anywhere. Not for hybrid groups. */
PP_MUST_CHECK pp_status pp_ptychography_light(const pp_ptychography *model, float *light,
                                              double *largest, const pp_point *at);
/** d = -w g + beta d. */
PP_MUST_CHECK pp_status pp_point_direction(const pp_ptychography *model, pp_point *d,
                                           const pp_point *g, const pp_point_weight *w,
                                           pp_c64 beta);
/** y += a x; y is a point, x a direction. */
PP_MUST_CHECK pp_status pp_point_axpy(const pp_ptychography *model, pp_point *y, double a,
                                      const pp_point *x);
/** g's object *= a. */
void pp_point_scale(const pp_ptychography *model, pp_point *g, double a);
/** Both preconditioners at a point, 1 / sqrt((0.95 W)^2 + (0.05 max W)^2). The probe's only where it moves. */
PP_MUST_CHECK pp_status pp_point_weights(const pp_ptychography *model, pp_point_weight *w,
                                         const pp_point *at);
/** Cost and gradient; g NULL: cost only. misfit may be NULL. */
PP_MUST_CHECK pp_status pp_ptychography_gradient(const pp_ptychography *model, pp_point *g,
                                                 double *cost, double *misfit, const pp_point *at);
/** Slope and curvature along a direction and the costs of trial steps, as pp_sweep_line; costs alone, as pp_sweep_costs. */
PP_MUST_CHECK pp_status pp_ptychography_line(const pp_ptychography *model, pp_sweep_slope *out,
                                             double *costs, const pp_point *at, const pp_point *d,
                                             const double *steps, int count);
PP_MUST_CHECK pp_status pp_ptychography_costs(const pp_ptychography *model, double *costs,
                                              const pp_point *at, const pp_point *d,
                                              const double *steps, int count);
/** As pp_sweep_advance, pp_sweep_renew, pp_sweep_position_terms and pp_sweep_move, for this device's patterns. Not collective. */
void pp_ptychography_advance(const pp_ptychography *model, double to);
void pp_ptychography_renew(const pp_ptychography *model);
PP_MUST_CHECK pp_status pp_ptychography_position_terms(const pp_ptychography *model,
                                                       pp_sweep_position *terms,
                                                       const pp_point *at);
void pp_ptychography_move(const pp_ptychography *model, const double *positions,
                          const double *factors);
/** Sums over devices, in rank order; at most PP_GROUP_FEW values. */
PP_MUST_CHECK pp_status pp_ptychography_sum(const pp_ptychography *model, double *values,
                                            int count);
/** Cost without the part that no model can change: Poisson sum (d - d log d), amplitude 0. */
double pp_ptychography_excess(const pp_ptychography *model, double cost);

#endif
