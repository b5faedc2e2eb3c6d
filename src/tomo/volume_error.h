/* How far a volume is from another one that is known, after the best translation: alignment does not know where the object
 * lay. Sign, scale and handedness are not fitted.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_VOLUME_ERROR_H
#define PP_VOLUME_ERROR_H

#include <polyptych/status.h>

typedef struct pp_volume_error {
    double error;    /* |v - t| / |t| over the central three quarters of each axis */
    double scale;    /* <v, t> / <t, t> there */
    double shift[3]; /* voxels (z, y, x) that v was moved by, at most 4 or so */
    /* The same of v's means over voxels there. A reconstruction is the samples of a band-limited object; a truth that holds means over
     * voxels has less contrast, by sin(pi f) / (pi f) along each axis at f cycles a voxel: this is what compares like with like. */
    double means_error, means_scale;
} pp_volume_error;

/** v [z][y][x] of v_shape against t of t_shape; index n / 2 of each axis is the origin of both. Whole voxels are searched
 *  first, then parts of voxels by Fourier interpolation. moved [t_shape]: v on the voxels of t after the translation. Not
 *  collective. Errors: PP_ERR_DATA where t is 0 everywhere or has less than 4 voxels along an axis. */
PP_MUST_CHECK pp_status pp_volume_error_find(const int64_t v_shape[3], const float *v,
                                             const int64_t t_shape[3], const float *t, float *moved,
                                             pp_volume_error *out);

#endif
