/* stitch: one object from its tiles. What no probe touched is vacuum, 1, whatever a solver left there.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>
#include <polyptych/stage.h>

/* clang-format off */
static const pp_port ports[] = {
    {"object", PP_INOUT, PP_DTYPE_BIT(PP_C32), {PP_AXIS_Y, PP_AXIS_X}, "1"},
    {"origin", PP_IN, PP_DTYPE_BIT(PP_I64), {PP_AXIS_COMPONENT}, "pixel"},
    {"illumination", PP_IN, PP_DTYPE_BIT(PP_F32), {PP_AXIS_Y, PP_AXIS_X}, "counts"},
    {"tiles", PP_IN_OPTIONAL, PP_DTYPE_BIT(PP_I64), {PP_AXIS_TILE, PP_AXIS_COMPONENT}, "pixel"},
    PP_PORT_END};

static const pp_param params[] = {PP_PARAM_END};
/* clang-format on */

static pp_status run(const void *params_, pp_context *context)
{
    (void)params_;
    pp_array *object = pp_context_edit(context, "object");
    const float *light = pp_array_read(pp_context_get(context, "illumination"));
    pp_c32 *o = pp_array_data(object);
    for (int64_t k = 0; k < pp_array_count(object); k++) {
        if (light[k] <= 0.0f) o[k] = (pp_c32){1, 0};
        if (!isfinite(o[k].re) || !isfinite(o[k].im))
            return PP_FAIL(PP_ERR_RUN, "view %lld: the object is not finite at pixel (%lld, %lld)",
                           (long long)pp_context_view_number(context),
                           (long long)(k / pp_array_size(object, 1)),
                           (long long)(k % pp_array_size(object, 1)));
    }
    return PP_OK;
}

PP_STAGE(stitch, .summary = "one object from its tiles", .scope = PP_SCOPE_VIEW, .ports = ports,
         .params = params, .params_size = 0, .run = run, .version = "1");
