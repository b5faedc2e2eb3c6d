/* The views of a joint solve as alignment left them: what it took out of a view is read off its result.
 *
 * The plane a exp(i (c + k.r)) that is left of the view's own object, moved by its shift, over its aligned projection goes into the
 * probe, the shift into the positions (solvers/joint_view.h): neither frames nor objects are resampled. The constant c is in no
 * intensity. SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_JOINT_ORIGIN_H
#define PP_JOINT_ORIGIN_H

#include <polyptych/stage.h>

#include "solvers/joint_view.h"

typedef struct pp_joint_origin {
    pp_context *context;   /* has the view's stored object, origin, positions, probe, intensities */
    int64_t index;         /* of the view in the list of views */
    int64_t rows, columns; /* of the stack */
    int64_t centre[2];     /* grid point at index (rows / 2, columns / 2) of the stack */
    const pp_c32 *psi;     /* [rows][columns] the aligned projection */
    const double *shift;   /* [2] y, x: pixels that alignment moved the view by */
    pp_sweep_model model;
} pp_joint_origin;

/** A new view without frames, to be freed by pp_joint_view_free. Not collective. */
PP_MUST_CHECK pp_status pp_joint_open_view(const pp_joint_origin *from, pp_joint_view *out);

#endif
