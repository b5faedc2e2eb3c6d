/* Tiles that were reconstructed alone, put together: each is registered against what lies there already, its free constant phase,
 * phase ramp and shift are taken out, and it is blended by illumination.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_BLEND_H
#define PP_BLEND_H

#include <polyptych/status.h>

/** What brings a tile into agreement: exp(i (phase + ramp (r - middle))) tile(r), moved by shift. */
typedef struct pp_blend_match {
    double phase, ramp[2]; /* rad; rad per pixel along y, x */
    double shift[2];       /* pixels along y, x */
    double
        mismatch; /* rms difference that is left / rms of the reference; 0 where nothing overlaps */
} pp_blend_match;

/** Matches tile to reference, both [size 0][size 1], where both weights are above 0: Gauss-Newton of the weighted squared
 *  difference in phase, ramp and shift; shifts stay below 2 pixels. tile is not changed. threads: of the interpolation. */
PP_MUST_CHECK pp_status pp_blend_find(const pp_c32 *tile, const float *tile_weight,
                                      const pp_c32 *reference, const float *reference_weight,
                                      const int64_t size[2], int threads, pp_blend_match *out);
PP_MUST_CHECK pp_status pp_blend_apply(pp_c32 *tile, const int64_t size[2],
                                       const pp_blend_match *match, int threads);

#endif
