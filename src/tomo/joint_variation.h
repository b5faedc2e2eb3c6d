/* Total variation and sign of a complex volume that lies on ranks by slabs, as the splitting of a larger solve: z = grad v (forward
 * differences, 0 at the last index; real and imaginary part each with a length of their own) and w = Re v <= 0, with scaled
 * multipliers, in an objective whose quadratic part is the caller's: the terms here are
 *   a sum |z| + tau/2 |grad v - z + m|^2 + eta/2 |Re v - w + p|^2.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_JOINT_VARIATION_H
#define PP_JOINT_VARIATION_H

#include "kernels/variation.h"
#include "tomo/slab_sums.h"

typedef struct pp_joint_variation {
    pp_slab slab; /* pixels: floats of a slice, 2 n n */
    int64_t n, voxels;
    double tau, eta;
    bool ready; /* z and w belong to a volume */
    pp_c32 *split[PP_VARIATION_AXES], *multiplier[PP_VARIATION_AXES]; /* z, m: z, y, x */
    float *sign, *sign_multiplier;                                    /* w, p */
    pp_c32 *pull, *turned;  /* minus the gradient of the terms; (tau grad^T grad + eta) d */
    pp_c32 *before, *after; /* a slice */
    double *each;           /* [slices] */
    double *squares;        /* [slices][5] of a shrinking */
    double primal, dual;    /* relative residuals of z of the last pp_joint_variation_shrink */
} pp_joint_variation;

/** slab of the volume with n n pixels a slice. Not collective. */
PP_MUST_CHECK pp_status pp_joint_variation_create(const pp_slab *slab, int64_t n,
                                                  pp_joint_variation *out);
void pp_joint_variation_free(pp_joint_variation *j);
/** z = grad v, w = min(Re v, 0), multipliers 0, where they are not ready; tau is 0 where nothing is to be smooth, eta where no sign is
 *  asked for. Collective. */
PP_MUST_CHECK pp_status pp_joint_variation_start(pp_joint_variation *j, bool smooth,
                                                 bool positivity, const pp_c32 *v);
/** pull = minus the gradient of the terms at v, 0 outside the circle. Collective. */
PP_MUST_CHECK pp_status pp_joint_variation_pull(pp_joint_variation *j, const pp_c32 *v);
/** turned = (tau grad^T grad + eta Re) d, and <d, turned> on every rank. Collective. */
PP_MUST_CHECK pp_status pp_joint_variation_turn(pp_joint_variation *j, const pp_c32 *d,
                                                double *curvature);
/** pull -= step turned. Not collective. */
void pp_joint_variation_advance(pp_joint_variation *j, double step);
/** z, w and the multipliers at v, for the strength a; tau by factors of 2 where `balance` is set. Collective. */
PP_MUST_CHECK pp_status pp_joint_variation_shrink(pp_joint_variation *j, double strength,
                                                  bool balance, const pp_c32 *v);
/** The caller's quadratic part, and tau and eta with it, are from now on in a unit `factor` times as large: the multipliers follow. */
void pp_joint_variation_scale(pp_joint_variation *j, double factor);
/** sum |grad Re v| + |grad Im v|, on every rank. Collective. */
PP_MUST_CHECK pp_status pp_joint_variation_sum(pp_joint_variation *j, const pp_c32 *v, double *out);
/** Bytes on a rank that holds `slices`. */
double pp_joint_variation_bytes(int64_t n, int64_t slices);

#endif
