/* Total-variation denoising of a volume that lies on ranks by slabs: min 1/2 |u - f|^2 + a sum |grad u|, isotropic, forward
 * differences, 0 at the last index.
 *
 * Fixed-point iteration on the dual (A. Chambolle, J. Math. Imaging Vis. 20, 89 (2004)), step 1 / (2 dimensions). A fixed number
 * of iterations and no sums: the same bits for any number of ranks and threads.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_DENOISE_H
#define PP_DENOISE_H

#include "tomo/slab_sums.h"

/** volume [slices][n][n] in place, slab->pixels = n n. strength 0 leaves it as it is. Collective. */
PP_MUST_CHECK pp_status pp_denoise(const pp_slab *slab, int64_t n, double strength,
                                   int64_t iterations, float *volume);
/** sum |grad u| of the whole volume, on every rank. Collective. */
PP_MUST_CHECK pp_status pp_variation(const pp_slab *slab, int64_t n, const float *volume,
                                     double *out);

#endif
