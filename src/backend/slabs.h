/* What solvers that couple the slices of a volume do between two projections, beside backend/slices.h: differences with the neighbouring
 * slices, and what is made of them. All arrays are in the memory of the calling thread's device; work is enqueued there, functions that return sums wait.
 *
 * Sums are in double, of each slice for itself and in an order that depends on the slice's size only: whoever adds the slices up in
 * the order of their numbers has the same bits however they are spread over devices and ranks.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_SLABS_H
#define PP_SLABS_H

#include <polyptych/status.h>

#include "kernels/variation.h"

/** out = R^T R d part + eta d + rho grad^T grad d, of which out holds R^T R d. */
typedef struct pp_slab_normal {
    const float *d;
    float part, eta, rho;
    bool circle; /* 0 outside the circle */
} pp_slab_normal;

/** out = data + rho grad^T (split - multiplier) + eta (positive - positive_multiplier); the last two may be NULL. */
typedef struct pp_slab_right {
    const float *data, *positive, *positive_multiplier;
    pp_slab_splitting fields;
    float rho, eta;
    bool circle;
} pp_slab_right;

typedef struct pp_slab_class {
    /** Host memory that copies from and to the device run at full speed with; host_free takes NULL. */
    pp_status (*host_alloc)(size_t bytes, void **out);
    void (*host_free)(void *memory);
    /** out = a x + b y; y NULL: a x. out may be x or y. */
    void (*combine)(int64_t count, float *out, float a, const float *x, float b, const float *y);
    void (*normal)(const pp_slab_cut *cut, const pp_slab_normal *terms, float *out);
    void (*right)(const pp_slab_cut *cut, const pp_slab_right *terms, float *out);
    /** split = grad u. */
    void (*differences)(const pp_slab_cut *cut, const float *u, const pp_slab_splitting *fields);
    /** split = shrink(grad u + multiplier, bar), multiplier += grad u - split; each [slices][PP_VARIATION_SUMS]. */
    pp_status (*shrink)(const pp_slab_cut *cut, const float *u, const pp_slab_splitting *fields,
                        float bar, double *each);
    /** each[k] = sum |grad u| over slice k. */
    pp_status (*variation)(const pp_slab_cut *cut, const float *u, double *each);
    /** w = max(0, u + multiplier), multiplier += u - w. */
    void (*keep_positive)(int64_t count, const float *u, float *w, float *multiplier);
} pp_slab_class;

#endif
