/* What a simulated campaign looks at: analytic bodies, or a volume of voxels (random two-phase material, or a user's own).
 *
 * Bodies are projected in closed form at any sub-pixel position. A volume is projected by Joseph's method on lines twice as
 * dense as the detector's and averaged (the reconstruction has another operator), and moved by sub-pixels by Fourier
 * interpolation of its line integrals.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_SPECIMEN_H
#define PP_SPECIMEN_H

#include "models/phantom.h"

typedef struct pp_specimen pp_specimen;

/** Takes the phantom over (nulls it), also on error. */
PP_MUST_CHECK pp_status pp_specimen_bodies(pp_phantom **phantom, pp_specimen **out);
/** Takes delta and beta [slices][n][n] (pp_alloc'ed) over, also on error. */
PP_MUST_CHECK pp_status pp_specimen_volume(int64_t slices, int64_t n, float **delta, float **beta,
                                           pp_specimen **out);
/** A sheet [rows][columns] whose values are line integrals of delta, seen at every angle alike, air around it; windows are rounded
 *  to whole pixels. It has no voxels. Takes `sheet` (pp_alloc'ed) over, also on error. */
PP_MUST_CHECK pp_status pp_specimen_sheet(int64_t rows, int64_t columns, float **sheet,
                                          pp_specimen **out);
/** [rows][columns] of a sheet, NULL of anything else. */
const float *pp_specimen_sheet_of(const pp_specimen *specimen);
/** A cylinder of a random two-phase material: Gaussian-filtered noise (3 and 10 voxels) over a threshold, blurred by 0.6
 *  voxels; silicon dioxide with gold inclusions. Sizes are rounded to whole voxels. */
PP_MUST_CHECK pp_status pp_specimen_two_phase(pp_phantom_size size, pp_specimen **out);
void pp_specimen_free(pp_specimen **specimen);

/** delta and beta times `factor`. */
void pp_specimen_scale(pp_specimen *specimen, double factor);
/** Largest line integral of delta in pixels over `angles` directions of half a turn, in a window of slices x n pixels. */
PP_MUST_CHECK pp_status pp_specimen_peak(const pp_specimen *specimen, int64_t slices, int64_t n,
                                         int64_t angles, double *out);
/** As pp_phantom_voxels; a volume is cut or padded with air about its origin. */
void pp_specimen_voxels(const pp_specimen *specimen, pp_slab slab, float *delta, float *beta);

/** One view, ready to be looked at through windows that lie inside `field` (a window may begin between pixels). */
typedef struct pp_specimen_view pp_specimen_view;
PP_MUST_CHECK pp_status pp_specimen_view_create(const pp_specimen *specimen, double angle,
                                                pp_window field, pp_specimen_view **out);
void pp_specimen_view_free(pp_specimen_view **view);
/** Complex elements of scratch that one call of pp_specimen_look needs; from pp_fft_buffer. At least 1. */
int64_t pp_specimen_scratch(const pp_specimen_view *view);
/** out [rows][columns]: line integrals in pixels, re of delta, im of beta. Any thread, each with its own scratch. */
void pp_specimen_look(const pp_specimen_view *view, pp_window window, pp_c32 *scratch, pp_c64 *out);

#endif
