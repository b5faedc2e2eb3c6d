/* Flat test objects, drawn by formulas: a Siemens star and coins. Values lie from 0 (air) to 1.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_PICTURE_H
#define PP_PICTURE_H

#include <polyptych/status.h>

typedef struct pp_picture {
    int64_t height, width; /* pixels */
    double blur;           /* standard deviation of a Gaussian over it, pixels; 0: sharp */
    uint64_t seed;
} pp_picture;

/** A star of `spokes` spokes that fills the picture, rings across it, edges on pixels' borders: out [height][width]. New memory
 *  (pp_free). */
PP_MUST_CHECK pp_status pp_picture_star(const pp_picture *picture, int64_t spokes, float **out);
/** Coins in rows on a ground that brightens from corner to corner: each a disc with a rim and a relief. As above. */
PP_MUST_CHECK pp_status pp_picture_coins(const pp_picture *picture, float **out);

#endif
