/* The stack of projections that alignment works on: every view's object, cut to the field that all views share.
 *
 * Grid points are those of the absolute grid of object pixels (docs/conventions.md). A view's field is the bounding box of
 * its grid points, cut to the bounding box of the pixels whose illumination is at least 5 % of its largest value: never the
 * union of the windows, whose rim is unlit.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_STACK_H
#define PP_STACK_H

#include <polyptych/stage.h>

#include "comm/comm.h"

/** Grid points y0 <= y < y1, x0 <= x < x1. */
typedef struct pp_grid_box {
    int64_t y0, x0, y1, x1;
} pp_grid_box;

/** One view's object as the box needs it. Borrowed. */
typedef struct pp_lit_object {
    int64_t shape[2];          /* Y, X */
    int64_t origin[2];         /* array index of grid point (0, 0) */
    const pp_c32 *object;      /* [Y][X] */
    const float *illumination; /* [Y][X] */
    const double *positions;   /* [J][2] grid points */
    int64_t patterns;          /* J */
} pp_lit_object;

/** This rank's part of the stack. Views are those that are done, in blocks of pp_comm_block. */
typedef struct pp_stack {
    int64_t views;        /* of all ranks */
    int64_t first, count; /* this rank's */
    pp_grid_box field;    /* common to all views */
    int64_t ny, nx;       /* of the field */
    int64_t centre[2];    /* grid point at index (Ny / 2, Nx / 2) of what alignment puts out */
    double pixel_size;    /* m */
    double *theta;        /* [views] rad */
    int64_t *number;      /* [views] row of the views table */
    pp_c32 *psi;          /* [count][ny][nx] transmission */
    float *weight;        /* [count][ny][nx] illumination over its largest value in the field */
    float *phase;         /* [count][ny][nx] rad, filled by unwrapping */
} pp_stack;

/** The field of one view. Errors: PP_ERR_DATA where nothing is lit. */
PP_MUST_CHECK pp_status pp_view_field(const pp_lit_object *view, pp_grid_box *out);
/** Intersection of the views' fields, and the centre: (0, 0) where it lies in the field with a quarter of its height and
 *  width on each side, else the middle, rounded. Errors: PP_ERR_DATA where no grid point is common. */
PP_MUST_CHECK pp_status pp_common_field(const pp_grid_box *fields, int64_t views, pp_grid_box *out,
                                        int64_t centre[2]);
/** The largest box with even sides about `centre` inside the field moved by every one of shifts [views][2]; NULL for no
 *  shifts. At most an eighth of the unshifted half side is given up on each side: what a larger shift then brings in from
 *  outside is air. */
PP_MUST_CHECK pp_status pp_stack_box(pp_grid_box field, const int64_t centre[2],
                                     const double *shifts, int64_t views, pp_grid_box *out);

/** Allocates the arrays of a stack whose views, first, count and field are set; frees nothing of it on error. */
PP_MUST_CHECK pp_status pp_stack_allocate(pp_stack *stack);
void pp_stack_free(pp_stack *stack);
/** Copies view number `local` of this rank into the stack: object and illumination inside the common field. */
void pp_stack_take(pp_stack *stack, int64_t local, const pp_lit_object *view);

/** bad [views] becomes 1 where error [views] is above the median + 5 x the median deviation (at least a tenth of the
 *  median), 0 elsewhere and where it is unknown (NAN). count: how many; limit: the limit. */
PP_MUST_CHECK pp_status pp_bad_views(int64_t views, const double *error, uint8_t *bad,
                                     int64_t *count, double *limit);

/** Calls task(self, k) for k = 0 ... count - 1, several at a time; returns the failure of the smallest k. */
typedef pp_status (*pp_view_task)(void *self, int64_t local);
PP_MUST_CHECK pp_status pp_each_view(int64_t count, int threads, pp_view_task task, void *self);
/** Rows of [views] elements of `row_bytes` each, of which this rank has filled its own, completed on every rank in place. */
PP_MUST_CHECK pp_status pp_share_views(const pp_comm *comm, int64_t views, void *rows,
                                       size_t row_bytes);

#endif
