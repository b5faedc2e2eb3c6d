/* Where a stack comes from: the stored results of the views, or projections that a file held.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_STACK_SOURCE_H
#define PP_STACK_SOURCE_H

#include "tomo/stack.h"

/* clang-format off */
/** Rows of port tables that stages of the campaign share; d: PP_IN_OPTIONAL, PP_OUT, ... */
#define PP_PORTS_OF_VIEWS(d)                                                                                        \
    {"object", d, PP_DTYPE_BIT(PP_C32), {PP_AXIS_Y, PP_AXIS_X}, "1"},                                               \
    {"origin", d, PP_DTYPE_BIT(PP_I64), {PP_AXIS_COMPONENT}, "pixel"},                                              \
    {"illumination", d, PP_DTYPE_BIT(PP_F32), {PP_AXIS_Y, PP_AXIS_X}, "counts"},                                    \
    {"positions", d, PP_DTYPE_BIT(PP_F64), {PP_AXIS_PATTERN, PP_AXIS_COMPONENT}, "pixel"}
#define PP_PORT_PROJECTIONS(d) {"projections", d, PP_DTYPE_BIT(PP_C32), {PP_AXIS_VIEW, PP_AXIS_Y, PP_AXIS_X}, "1"}
#define PP_PORT_PHASE(d) {"phase", d, PP_DTYPE_BIT(PP_F32), {PP_AXIS_VIEW, PP_AXIS_Y, PP_AXIS_X}, "rad"}
#define PP_PORT_THETA(d) {"theta", d, PP_DTYPE_BIT(PP_F64), {PP_AXIS_VIEW}, "rad"}
#define PP_PORT_VIEWS(d) {"views", d, PP_DTYPE_BIT(PP_I64), {PP_AXIS_VIEW}, "1"}
#define PP_PORT_SHIFTS(d) {"shifts", d, PP_DTYPE_BIT(PP_F64), {PP_AXIS_VIEW, PP_AXIS_COMPONENT}, "pixel"}
#define PP_PORT_CENTRE(d) {"centre", d, PP_DTYPE_BIT(PP_I64), {PP_AXIS_COMPONENT}, "pixel"}
#define PP_PORT_WRAPPED(d) {"wrapped", d, PP_DTYPE_BIT(PP_I64), {PP_AXIS_COMPONENT}, "1"}
/** Middle row of every view before it was moved. */
#define PP_PORT_SINOGRAM(d) {"sinogram", d, PP_DTYPE_BIT(PP_F32), {PP_AXIS_VIEW, PP_AXIS_X}, "rad"}
#define PP_PORTS_OF_VOLUME(d)                                                                                       \
    {"delta", d, PP_DTYPE_BIT(PP_F32), {PP_AXIS_Z, PP_AXIS_Y, PP_AXIS_X}, "1"},                                     \
    {"beta", d, PP_DTYPE_BIT(PP_F32), {PP_AXIS_Z, PP_AXIS_Y, PP_AXIS_X}, "1"}
/** Pixels that `joint` moved each view by, beyond its shift. */
#define PP_PORT_JOINT_SHIFTS(d) {"joint_shifts", d, PP_DTYPE_BIT(PP_F64), {PP_AXIS_VIEW, PP_AXIS_COMPONENT}, "pixel"}
#define PP_PORT_SHELL_CORRELATION(d) \
    {"shell_correlation", d, PP_DTYPE_BIT(PP_F64), {PP_AXIS_COMPONENT, PP_AXIS_COMPONENT}, "1"}
/* clang-format on */

/** The stack that a campaign-scope stage finds: ports `projections` (and `theta`, `views`, `centre`) where they are
 *  connected, else the stored results of all views that are done. Views that fit badly (pp_bad_views) are warned of, and left out where leave_out is set. Pixel sizes must
 *  agree within 1e-4. Collective. */
PP_MUST_CHECK pp_status pp_stack_load(pp_context *context, bool leave_out, pp_stack *out);

/** A stack as stages hand it on; axes and units of the ports in polyptych/stage.h. */
typedef struct pp_stack_arrays {
    pp_array *projections, *phase, *theta, *views, *shifts, *centre;
} pp_stack_arrays;
/** The stack of stages that follow `stitch` directly: the even box about the centre, nothing normalised, the phase wrapped,
 *  shifts 0. pixel_size in m. Collective. */
PP_MUST_CHECK pp_status pp_stack_raw(pp_context *context, pp_stack_arrays *out, double *pixel_size);
/** The ports' arrays for a box, filled but for projections and phase (zero). */
PP_MUST_CHECK pp_status pp_stack_arrays_create(const pp_stack *stack, pp_grid_box box,
                                               const double *shifts, pp_stack_arrays *out);
void pp_stack_arrays_free(pp_stack_arrays *arrays);

#endif
