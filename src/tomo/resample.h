/* Sub-pixel shifts of projections: one Fourier interpolation, new(r) = old(r - s).
 *
 * The whole part of a shift moves pixels, the rest is a phase ramp in Fourier space on the image with a margin that fades
 * from the edge's value to air, so nothing wraps round and an edge does not ring. What comes in from outside is air.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_RESAMPLE_H
#define PP_RESAMPLE_H

#include <polyptych/status.h>

#include "tomo/stack.h"

typedef struct pp_shifter pp_shifter;
/** For images on `from`; results are on `to` (grid points of one grid). */
PP_MUST_CHECK pp_status pp_shifter_create(pp_grid_box from, pp_grid_box to, pp_shifter **out);
void pp_shifter_free(pp_shifter **shifter);
/** Keeps frequencies up to half / factor cycles a pixel only, with a smooth edge; factor 1 keeps all. */
void pp_shifter_set_band(pp_shifter *shifter, double factor);
/** out on `to` = in on `from` moved by shift (y, x) pixels. Thread-safe. */
PP_MUST_CHECK pp_status pp_shift_complex(const pp_shifter *shifter, const pp_c32 *in, pp_c32 air,
                                         const double shift[2], pp_c32 *out);
/** The same for a real image; air is 0. */
PP_MUST_CHECK pp_status pp_shift_real(const pp_shifter *shifter, const float *in,
                                      const double shift[2], float *out);
/** Bytes of working memory of one call for images of this shape. */
double pp_shifter_bytes(int64_t ny, int64_t nx);

#endif
