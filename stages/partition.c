/* partition: cuts a view's object into one tile a device of the group that solves it, and gives each pattern to the tile
 * that holds the centre of its window.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <polyptych/stage.h>

#include "models/window.h"

typedef struct partition {
    int64_t devices_per_view;
    int method;
} partition;

/* clang-format off */
static const pp_port ports[] = {
    {"frames", PP_IN, PP_DTYPE_BIT(PP_U16) | PP_DTYPE_BIT(PP_F32), {PP_AXIS_PATTERN, PP_AXIS_Y, PP_AXIS_X}, "counts"},
    {"positions", PP_IN, PP_DTYPE_BIT(PP_F64), {PP_AXIS_PATTERN, PP_AXIS_COMPONENT}, "pixel"},
    {"tiles", PP_OUT, PP_DTYPE_BIT(PP_I64), {PP_AXIS_TILE, PP_AXIS_COMPONENT}, "pixel"},
    {"tile_of", PP_OUT, PP_DTYPE_BIT(PP_I32), {PP_AXIS_PATTERN}, "1"},
    PP_PORT_END};

static const pp_param params[] = {
    PP_AUTO_INT(partition, devices_per_view, auto, 1, 4096, "1", "devices that solve one view together; auto: as few as its memory needs"),
    PP_CHOICE(partition, method, "hybrid", "hybrid|~gradient|~halo|~independent", "how the tiles of one view work together"),
    PP_PARAM_END};
/* clang-format on */

static void check(const void *params_, pp_check *findings)
{
    const partition *p = params_;
    if (p->devices_per_view != PP_AUTO && p->devices_per_view > 1)
        pp_check_error(findings, "devices_per_view", PP_ERR_CONFIG,
                       "devices_per_view = %lld is not built in this version: choose 1 or \"auto\"",
                       (long long)p->devices_per_view);
}

static void plan(const void *params_, pp_plan *budget)
{
    (void)params_;
    const pp_views *views = pp_plan_views(budget);
    double bytes = 0;
    for (int64_t k = 0; k < pp_views_count(views); k++) {
        const double tiles = 32 + 4 * (double)pp_views_entry(views, k)->patterns;
        if (tiles > bytes) bytes = tiles;
    }
    pp_plan_add(budget, PP_HOST, bytes, "tiles of one view");
}

static pp_status run(const void *params_, pp_context *context)
{
    (void)params_;
    const pp_array *frames = pp_context_get(context, "frames"),
                   *positions = pp_context_get(context, "positions");
    pp_object_frame frame;
    pp_array *tiles = NULL, *tile_of = NULL;
    pp_status status = PP_OK;
    PP_TRY(pp_object_frame_of(pp_array_read(positions), pp_array_size(positions, 0),
                              pp_array_size(frames, 1), &frame));
    PP_TRY_TO(done, pp_array_create(PP_I64, 2, (const int64_t[]){1, 4}, "pixel", &tiles));
    PP_TRY_TO(done, pp_array_create_1d(PP_I32, pp_array_size(positions, 0), "1", &tile_of));
    int64_t *box = pp_array_data(tiles);
    box[0] = box[1] = 0, box[2] = frame.size[0], box[3] = frame.size[1];
    pp_context_fact(context, "devices_per_view", "1");
    PP_TRY_TO(done, pp_context_put(context, "tiles", &tiles));
    status = pp_context_put(context, "tile_of", &tile_of);
done:
    pp_array_free(&tiles);
    pp_array_free(&tile_of);
    return status;
}

PP_STAGE(partition, .summary = "one tile of the object, and its patterns, for each device",
         .scope = PP_SCOPE_VIEW, .ports = ports, .params = params, .params_size = sizeof(partition),
         .run = run, .check = check, .plan = plan, .version = "1");
