/* The volume's step of a joint solve, on this rank's slab of slices: from what the views want psi to be to the next volume.
 *
 * v = nu (-delta + i beta) in radians a voxel, psi = h = exp(i R v) in every view. With K = i h about the present volume
 * (Gauss-Newton: K dp is the first order of the change of psi) or K = i t (the published one, whose target -i Log t is right only for
 * phases below pi), the step lowers
 *   1/2 |K R dv - r|^2 / V + a sum |grad v|   (real and imaginary part apart), Re v <= 0 if asked,
 * by rounds of the splitting z = grad v, w = Re v with scaled multipliers (Boyd et al., Found. Trends Mach. Learn. 3, 1 (2011)): a few
 * conjugate gradient iterations in v, then z and w. z, w and their multipliers live on from step to step (tomo/joint_variation.h).
 * The same bits for any number of ranks and threads.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_JOINT_VOLUME_H
#define PP_JOINT_VOLUME_H

#include "tomo/joint_variation.h"
#include "tomo/projector.h"

typedef enum pp_linearisation { PP_LINEARISE_GAUSS_NEWTON, PP_LINEARISE_LOG } pp_linearisation;

typedef struct pp_joint_volume_setup {
    pp_linearisation linearisation;
    int64_t iterations; /* of conjugate gradients in a round */
    int64_t rounds;
    double strength; /* a of the total variation, radians a voxel; 0 for none */
    bool positivity; /* delta >= 0 */
    bool balance;    /* the weight of the splitting may change */
} pp_joint_volume_setup;

typedef struct pp_joint_volume {
    const pp_projector *projector; /* NULL on ranks without slices */
    pp_slab slab;
    int64_t n, views, voxels, samples; /* of this rank: voxels of the slab, samples of its lines */
    pp_c32 *v;                         /* [slices][n][n] */
    pp_c32 *h;                         /* [slices][V][n] exp(i R v) */
    pp_c32 *weight;                    /* K */
    pp_c32 *residual, *image;          /* [slices][V][n] */
    pp_c32 *gradient, *direction;      /* [slices][n][n] */
    double *each;                      /* [slices] */
    pp_joint_variation variation;
} pp_joint_volume;

/** Allocates for slices of comm's slab of `rows`; v is 0 and h not yet made. Not collective. */
PP_MUST_CHECK pp_status pp_joint_volume_create(const pp_comm *comm, const pp_projector *projector,
                                               int64_t rows, int64_t n, int64_t views,
                                               pp_joint_volume *out);
void pp_joint_volume_free(pp_joint_volume *j);
/** h = exp(i R v). Not collective. */
PP_MUST_CHECK pp_status pp_joint_volume_model(pp_joint_volume *volume);
/** lines [slices][V][n] = K R of voxels [slices][n][n] inside the circle; and its adjoint, voxels from lines. */
PP_MUST_CHECK pp_status pp_joint_volume_forward(const pp_joint_volume *volume, const pp_c32 *voxels,
                                                pp_c32 *lines);
PP_MUST_CHECK pp_status pp_joint_volume_adjoint(pp_joint_volume *volume, const pp_c32 *lines,
                                                pp_c32 *voxels);
/** One step towards target [slices][V][n] (t = psi - lambda / rho), and the new h. Collective. */
PP_MUST_CHECK pp_status pp_joint_volume_step(pp_joint_volume *volume,
                                             const pp_joint_volume_setup *setup,
                                             const pp_c32 *target);
/** Root mean square of Re v over the volume, on every rank. Collective. */
PP_MUST_CHECK pp_status pp_joint_volume_size(const pp_joint_volume *volume, double *out);
/** Bytes on a rank that holds `slices`, besides the projector's. */
double pp_joint_volume_bytes(int64_t n, int64_t views, int64_t slices);

#endif
