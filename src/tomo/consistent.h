/* What is left of each view's free modulus, constant and plane once a volume is known: the projections of one volume are
 * consistent with each other, and rays that meet no matter have phase 0 and modulus 1, wherever in the field they lie (M. Odstrcil
 * et al., Opt. Express 27, 36637 (2019), section 2.3: ramps by tomographic consistency).
 *
 * The present projections are back-projected (positive values only); a threshold between two classes (N. Otsu, IEEE Trans. Syst.
 * Man Cybern. 9, 62 (1979)) tells matter from air; volume and matter are projected again. A view's plane is the weighted fit of its
 * phase less 0 where a ray meets air alone (weight 1), less the re-projection elsewhere (weight 0.1 exp(-phase^2 / <|phase|>^2)).
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_CONSISTENT_H
#define PP_CONSISTENT_H

#include "tomo/matching.h"
#include "tomo/ramp.h"

/** planes [setup->count] of this rank's views, about the middle of the field (ny / 2, nx / 2) as pp_ramp_remove takes them.
 *  psi [count] on the field or NULL (modulus 1 then); shifts [views][2]. A volume without matter gives no planes. One pass:
 *  remove them and call again, two or three times. The same bits for any number of ranks. Collective. */
PP_MUST_CHECK pp_status pp_consistent_planes(const pp_matching_setup *setup, const pp_c32 *psi,
                                             const double *shifts, pp_plane *planes);
/** Bytes of working memory on one of `ranks` ranks. */
double pp_consistent_bytes(int64_t views, int64_t ny, int64_t nx, int ranks, int threads);

#endif
