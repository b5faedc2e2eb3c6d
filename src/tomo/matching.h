/* Projection matching: the volume that the projections give is projected again, and every view is moved onto its
 * re-projection by a step of optical flow (M. Guizar-Sicairos et al., Opt. Express 23, 33287 (2015); M. Odstrcil et al.,
 * Opt. Express 27, 36637 (2019)). Filtered back-projection, positive values only, coarse to fine.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_MATCHING_H
#define PP_MATCHING_H

#include "backend/backend.h"
#include "tomo/stack.h"

typedef struct pp_matching_setup {
    const pp_comm *comm;
    int threads;
    int64_t views, first, count; /* first, count as pp_comm_block(views) */
    const double *theta;         /* [views] rad */
    pp_grid_box field;
    int64_t centre[2];  /* grid point of the rotation axis and the middle row */
    const float *phase; /* [count] on field, rad, negative in matter */
    bool
        differences; /* views are compared by the differences of neighbouring columns, which know no constant */
    const float *weight;       /* [count] on field */
    int iterations;            /* at most, on each level */
    bool vertical;             /* rows move too */
    const pp_backend *backend; /* whose devices project; NULL: the host */
} pp_matching_setup;

typedef struct pp_matching_facts {
    int levels, iterations;
    double last_step; /* pixels, the largest of the last iteration */
    double error_before,
        error_after; /* weighted rms of re-projection - projection (or of their differences) on the finest level, rad */
} pp_matching_facts;

/** Improves shifts [views][2]. The same on every rank; collective. Shifts that end with a larger error than they began with
 *  are given back as they were (error_after > error_before tells). */
PP_MUST_CHECK pp_status pp_matching_run(const pp_matching_setup *setup, double *shifts,
                                        pp_matching_facts *facts);
/** Bytes of working memory on one of `ranks` ranks. */
double pp_matching_bytes(int64_t views, int64_t ny, int64_t nx, int ranks, int threads);

#endif
