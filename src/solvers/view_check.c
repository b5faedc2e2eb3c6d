/* What a view must be, and what its devices cannot do together.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "solvers/view_internal.h"

static pp_status check_input(const pp_view_input *in)
{
    const int64_t n = pp_array_size(in->frames, 1), patterns = pp_array_size(in->frames, 0);
    if (pp_array_size(in->frames, 2) != n)
        return PP_FAIL(PP_ERR_DATA,
                       "frames are %lld x %lld pixels, they must be square: set load's crop",
                       (long long)n, (long long)pp_array_size(in->frames, 2));
    if (pp_array_size(in->positions, 0) != patterns)
        return PP_FAIL(PP_ERR_DATA, "%lld frames but %lld positions", (long long)patterns,
                       (long long)pp_array_size(in->positions, 0));
    if (pp_array_size(in->probe, 1) != n || pp_array_size(in->probe, 2) != n)
        return PP_FAIL(PP_ERR_DATA,
                       "the probe is %lld x %lld pixels, the frames %lld x %lld: give a "
                       "probe of the frames' size, or probe = \"mean_pattern\"",
                       (long long)pp_array_size(in->probe, 1),
                       (long long)pp_array_size(in->probe, 2), (long long)n, (long long)n);
    return PP_OK;
}

/* Local steps go down the gradient by a rule of their own. */
static pp_status check_local(const pp_view_options *o, const char **key)
{
    const pp_ptycho_settings *s = &o->solver;
    *key = s->refine_probe       ? "refine_probe"
           : s->refine_positions ? "refine_positions"
                                 : "refine_intensities";
    if (s->refine_probe || s->refine_positions || s->refine_intensities)
        return PP_FAIL(PP_ERR_CONFIG,
                       "partition's sync = \"local\" is for a known probe and known positions: set "
                       "ptycho's refine_probe, refine_positions and refine_intensities to false, "
                       "or use sync = \"exact\"");
    *key = "gradient_sum";
    if (o->wide_sum)
        return PP_FAIL(PP_ERR_CONFIG,
                       "partition's sync = \"local\" adds no exact gradient over the devices: use "
                       "sync = \"exact\" with ptycho's gradient_sum = \"float64\"");
    *key = s->stop_at_noise ? "stop" : "method";
    if (o->method == PP_PTYCHO_PUBLISHED || s->stop_at_noise)
        return PP_FAIL(PP_ERR_CONFIG,
                       "partition's sync = \"local\" goes down the gradient by a rule of its own: "
                       "use sync = \"exact\" with ptycho's method = \"published\" or stop = "
                       "\"noise\"");
    return PP_OK;
}

pp_status pp_view_check_group(const pp_view_options *o, const char **key)
{
    *key = "positions";
    if (o->positions == PP_SWEEP_BILINEAR)
        return PP_FAIL(PP_ERR_CONFIG, "positions = \"bilinear\" is for one device a view: set "
                                      "partition's devices_per_view = 1");
    *key = "object_smoothness";
    if (o->solver.smoothness > 0)
        return PP_FAIL(PP_ERR_CONFIG,
                       "a smooth object is for one device a view: set ptycho's object_smoothness = "
                       "0, or partition's devices_per_view = 1");
    *key = "background";
    if (o->background != PP_BACKGROUND_NONE && o->split > PP_SPLIT_GRADIENT)
        return PP_FAIL(PP_ERR_CONFIG,
                       "a background is for partition's methods hybrid and gradient with sync = "
                       "\"exact\": use one of these, or ptycho's background = \"none\"");
    return o->split == PP_SPLIT_LOCAL ? check_local(o, key) : PP_OK;
}

pp_status pp_view_check(const pp_view_input *in, const pp_view_options *o)
{
    const char *key;
    PP_TRY(check_input(in));
    return in->tiles && pp_array_size(in->tiles, 0) > 1 ? pp_view_check_group(o, &key) : PP_OK;
}
