/* What ptychography leaves free in each view: psi -> psi a exp(i (c + ky y + kx x)), taken from the air beside the object.
 *
 * "air": constant and plane fitted to strips at the left and right edge, by least squares that are weighted again and again
 * with 1 / (1 + (residual / (5 MAD))^2), after a first slope from the phase between neighbouring pixels. "moments": the
 * same slope and its weighted first moments over the whole field (M. Guizar-Sicairos et al., Opt. Express 19, 21345 (2011)),
 * for objects without air at their sides. "none": the constant only.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_RAMP_H
#define PP_RAMP_H

#include <polyptych/status.h>

typedef enum pp_ramp { PP_RAMP_NONE, PP_RAMP_AIR, PP_RAMP_MOMENTS } pp_ramp;

/** modulus exp(i (c + ky (y - ny / 2) + kx (x - nx / 2))), c in rad, k in rad per pixel. */
typedef struct pp_plane {
    double modulus, c, ky, kx;
} pp_plane;

/** Width of a strip in pixels: `air` of nx, at least 1. */
int64_t pp_air_width(int64_t nx, double air);
/** Fits the plane of psi [ny][nx] with weights [ny][nx] and strips of `width` pixels. */
PP_MUST_CHECK pp_status pp_ramp_fit(int64_t ny, int64_t nx, const pp_c32 *psi, const float *weight,
                                    int64_t width, pp_ramp how, pp_plane *out);
/** Divides psi by the plane. */
void pp_ramp_remove(int64_t ny, int64_t nx, pp_c32 *psi, const pp_plane *plane);
/** Adds the multiple of 2 pi that brings the median phase of the strips nearest to 0. */
PP_MUST_CHECK pp_status pp_air_anchor(int64_t ny, int64_t nx, float *phase, int64_t width);

#endif
