/* One view's ptychography model on one device: the sweeps and the vectors that live with them. Solvers see only this.
 *
 * A point is an object [Y][X] and a probe [M][n][n] in the back end's memory. Every number returned here is a sum over all
 * patterns and all pixels, whoever holds them: a group of devices sums in these functions and nowhere else.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_MODEL_PTYCHOGRAPHY_H
#define PP_MODEL_PTYCHOGRAPHY_H

#include "backend/backend.h"

typedef struct pp_point {
    pp_c32 *object, *probe;
} pp_point;

/** Real weights of a point: preconditioners. */
typedef struct pp_point_weight {
    float *object, *probe; /* [Y][X], [n][n] (the same for every mode) */
} pp_point_weight;

typedef struct pp_ptychography {
    const pp_backend *backend;
    pp_sweep *sweep;
    int threads;
    int64_t pixels, frame, modes; /* Y X, n n, M */
    bool probe_moves;
    pp_sweep_totals totals;
} pp_ptychography;

/** implementation: name of one, NULL for the best. Frames and mask of the setup must be in its order. */
PP_MUST_CHECK pp_status pp_ptychography_create(const pp_backend *backend,
                                               const char *implementation,
                                               const pp_sweep_setup *setup, pp_ptychography *out);
void pp_ptychography_free(pp_ptychography *model);

/** Zeroed vectors; probe only where `probe` is set. */
PP_MUST_CHECK pp_status pp_point_create(const pp_ptychography *model, bool probe, pp_point *out);
void pp_point_free(const pp_ptychography *model, pp_point *point);
PP_MUST_CHECK pp_status pp_point_weight_create(const pp_ptychography *model, pp_point_weight *out);
void pp_point_weight_free(const pp_ptychography *model, pp_point_weight *weight);

/** sum w conj(x) y over object and probe (skipped where x or y has none); w NULL for 1. */
pp_c64 pp_point_dot(const pp_ptychography *model, const pp_point *x, const pp_point *y,
                    const pp_point_weight *w);
/** d = -w g + beta d. */
void pp_point_direction(const pp_ptychography *model, pp_point *d, const pp_point *g,
                        const pp_point_weight *w, pp_c64 beta);
/** y += a x. */
void pp_point_axpy(const pp_ptychography *model, pp_point *y, double a, const pp_point *x);
/** Both preconditioners at a point, 1 / sqrt((0.95 W)^2 + (0.05 max W)^2). The probe's only where it moves. */
PP_MUST_CHECK pp_status pp_point_weights(const pp_ptychography *model, pp_point_weight *w,
                                         const pp_point *at);
/** Cost and gradient; g NULL: cost only. misfit may be NULL. */
PP_MUST_CHECK pp_status pp_ptychography_gradient(const pp_ptychography *model, pp_point *g,
                                                 double *cost, double *misfit, const pp_point *at);
/** Cost without the part that no model can change: Poisson sum (d - d log d), amplitude 0. */
double pp_ptychography_excess(const pp_ptychography *model, double cost);

#endif
