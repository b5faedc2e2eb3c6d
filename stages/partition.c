/* partition: cuts a view's object into one tile a device of the group that solves it, and gives each pattern to the tile
 * that holds the centre of its window (src/models/tiles.h).
 * SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>
#include <polyptych/stage.h>

#include "base/alloc.h"
#include "models/window.h"
#include "solvers/view.h"
#include "solvers/view_cut.h"

typedef struct partition {
    int64_t devices_per_view, devices;
    int method, sync;
    double device_memory, halo_rows;
    int64_t period, exchanges;
} partition;

/* clang-format off */
static const pp_port ports[] = {
    {"frames", PP_IN, PP_DTYPE_BIT(PP_U16) | PP_DTYPE_BIT(PP_F32), {PP_AXIS_PATTERN, PP_AXIS_Y, PP_AXIS_X}, "counts"},
    {"positions", PP_IN, PP_DTYPE_BIT(PP_F64), {PP_AXIS_PATTERN, PP_AXIS_COMPONENT}, "pixel"},
    {"tiles", PP_OUT, PP_DTYPE_BIT(PP_I64), {PP_AXIS_TILE, PP_AXIS_COMPONENT}, "pixel"},
    {"tile_of", PP_OUT, PP_DTYPE_BIT(PP_I32), {PP_AXIS_PATTERN}, "1"},
    {"split", PP_OUT, PP_DTYPE_BIT(PP_F64), {PP_AXIS_COMPONENT}, "1"},
    PP_PORT_END};

static const pp_param params[] = {
    PP_AUTO_INT(partition, devices_per_view, auto, 1, 64, "1", "devices that solve one view together; auto: as few as the largest view needs, and no more than devices where that is given, by what the stages after this one take of a device at least (ptycho: its modes, sums and far fields as asked for, frames streamed where that is allowed)"),
    PP_ROW(partition, devices, int64_t, PP_T_INT, (unsigned)PP_P_AUTO | (unsigned)PP_P_REPORT_ONLY, "auto", 1, 64, "1", 0, "devices of a rank: so many groups of devices_per_view as they make work on different views at the same time, each with its part of the threads and of the memory; auto: all of a GPU node divided among its ranks, on processors those of one view"),
    PP_CHOICE(partition, method, "hybrid", "hybrid|gradient|halo|independent", "hybrid: gradient summed on one device, which makes the direction (Yu et al. 2021); gradient: sums passed from tile to tile, nobody has the whole object (Wang et al. 2022); halo: each tile for itself with the patterns around it, voxels pasted into halos (Halo Voxel Exchange), approximate; independent: each tile alone, then registered to a fraction of a pixel, constant phase and ramp taken out, and blended"),
    PP_CHOICE(partition, sync, "exact", "exact|local", "method gradient: exact sums in every iteration, of any solver; or local: each device goes down its own gradient at once, and what it adds to others travels meanwhile and comes one exchange late (asynchronous passes of Wang et al. 2022)"),
    PP_REAL(partition, halo_rows, 2, 0.001, 1000, "1", "method halo: rows of positions around a tile that it works on too"),
    PP_INT(partition, period, 1, 1, 1000000, "1", "method halo: iterations between exchanges"),
    PP_INT(partition, exchanges, 1, 1, 1000000, "1", "sync local: exchanges in an iteration, each after so large a part of a device's patterns; at most one a pattern"),
    PP_AUTO_REAL(partition, device_memory, auto, 1, 1e18, "byte", "what one device may hold of a view, for devices_per_view = auto; auto: on GPUs nine tenths of what is free; on processors, whose devices share the memory, there is no limit"),
    PP_PARAM_END};
/* clang-format on */

/* ---- memory ---- */

static pp_split_method method_of(const partition *p)
{
    return p->sync && p->method == PP_SPLIT_GRADIENT ? PP_SPLIT_LOCAL : (pp_split_method)p->method;
}

static pp_plan_groups groups_of(const partition *p, int devices, int groups)
{
    return (pp_plan_groups){devices, groups, (int)method_of(p), p->halo_rows, p->exchanges};
}

/* Devices of this rank: given, or the devices of the node divided among its ranks; on processors those of one view. */
static int devices_of(const partition *p, const pp_plan *budget, int group)
{
    const pp_backend *backend = pp_backend_find(pp_plan_backend(budget));
    if (p->devices != PP_AUTO) return (int)p->devices;
    if (!backend || backend->host_memory) return group;
    return pp_backend_devices(backend);
}

/* Groups of so many devices that this rank has work for. */
static int groups_with(const partition *p, const pp_plan *budget, int devices)
{
    const int groups = devices_of(p, budget, devices) / devices;
    return groups > 1 ? groups : 1;
}

/* What one device may hold: given, or on GPUs nine tenths of what is free; without a limit infinite. A plan needs no device. */
static double limit_of(const partition *p, const pp_backend *backend, int devices)
{
    double room;
    if (p->device_memory >= 1) return p->device_memory; /* auto is NaN */
    if (!backend || !backend->room || pp_view_room(backend, 0, 0, devices, &room) != PP_OK)
        return INFINITY;
    return room;
}

/* Bytes on the fullest of so many devices of a view of which only the sizes are known. */
static pp_status bytes_with(const partition *p, const pp_plan *budget, const pp_view_entry *view,
                            int devices, double *bytes)
{
    pp_tiles tiles;
    PP_TRY(pp_view_raster_tiles(view->patterns, view->frame, view->object, devices,
                                p->method == PP_SPLIT_HALO ? p->halo_rows : 0, &tiles));
    const pp_device_question question = {
        .view = view,
        .tiles = &tiles,
        .backend = pp_plan_backend(budget),
        .sharing = groups_of(p, devices, groups_with(p, budget, devices))};
    *bytes = pp_plan_device_bytes(budget, &question);
    return PP_OK;
}

/* What a group can have at most. */
static int most_devices(const partition *p)
{
    return p->devices == PP_AUTO || p->devices > PP_TILES_MOST ? PP_TILES_MOST : (int)p->devices;
}

static pp_status too_large(const partition *p, double bytes, int devices, double limit)
{
    return PP_FAIL(PP_ERR_RESOURCE,
                   "a view needs %.3g bytes on each of %d device%s%s, device_memory is %.3g: give "
                   "larger devices%s%s",
                   bytes, devices, devices > 1 ? "s" : "",
                   devices < PP_TILES_MOST ? " (devices has no more)" : "", limit,
                   devices < PP_TILES_MOST ? ", or more of them" : "",
                   p->method == PP_SPLIT_HYBRID ? ", or use method = \"gradient\"" : "");
}

/* The smallest group, from *devices on, that the view fits on. */
static pp_status group_for(const partition *p, const pp_plan *budget, const pp_view_entry *view,
                           int *devices)
{
    const pp_backend *backend = pp_backend_find(pp_plan_backend(budget));
    const int most = most_devices(p);
    double bytes = 0;
    for (; *devices <= most; ++*devices) {
        const double limit = limit_of(p, backend, *devices);
        if (isinf(limit)) return PP_OK;
        PP_TRY(bytes_with(p, budget, view, *devices, &bytes));
        if (bytes <= limit) return PP_OK;
    }
    *devices = most;
    return too_large(p, bytes, *devices, limit_of(p, backend, *devices));
}

/* A parameter that is given and has no effect is named. */
static void check(const void *params_, pp_check *findings)
{
    const partition *p = params_;
    if (p->devices != PP_AUTO && p->devices_per_view != PP_AUTO && p->devices < p->devices_per_view)
        pp_check_error(findings, "devices", PP_ERR_CONFIG,
                       "%lld devices cannot solve a view that takes %lld together: give at least "
                       "so many, or auto",
                       (long long)p->devices, (long long)p->devices_per_view);
    if (p->sync && p->method != PP_SPLIT_GRADIENT)
        pp_check_error(findings, "sync", PP_ERR_CONFIG,
                       "sync = \"local\" is for method \"gradient\": use that, or sync = "
                       "\"exact\"");
    if (p->exchanges > 1 && !p->sync)
        pp_check_error(findings, "exchanges", PP_ERR_CONFIG,
                       "exact sums are exchanged once an iteration: use method = \"gradient\" and "
                       "sync = \"local\", or exchanges = 1");
    if (p->devices_per_view != PP_AUTO) {
        const pp_plan_groups sharing = groups_of(p, (int)p->devices_per_view, 1);
        pp_check_set_groups(findings, &sharing);
    }
}

static void plan(const void *params_, pp_plan *budget)
{
    const partition *p = params_;
    const pp_views *views = pp_plan_views(budget);
    double bytes = 0;
    int group = p->devices_per_view == PP_AUTO ? 1 : (int)p->devices_per_view;
    for (int64_t k = 0; k < pp_views_count(views); k++) {
        const pp_view_entry *view = pp_views_entry(views, k);
        int devices = group;
        if (p->devices_per_view == PP_AUTO && group_for(p, budget, view, &devices) != PP_OK) {
            pp_plan_last_error(budget, "devices_per_view");
            break;
        }
        bytes = fmax(bytes, 32.0 * devices + 4 * (double)view->patterns);
        group = devices > group ? devices : group;
    }
    const pp_plan_groups sharing = groups_of(p, group, groups_with(p, budget, group));
    pp_plan_add(budget, PP_HOST, bytes, "tiles of one view");
    pp_plan_set_groups(budget, &sharing);
    if (group > 1 || sharing.groups > 1)
        pp_plan_line(budget, "%d group%s of %d device%s, a view each", sharing.groups,
                     sharing.groups > 1 ? "s" : "", group, group > 1 ? "s" : "");
}

/* ---- one view ---- */

typedef struct cutting {
    const partition *p;
    const pp_context *context;
    pp_view_entry view; /* its sizes */
    pp_plan_groups planned;
    pp_object_frame frame;
    double *corners; /* [J][2] */
    int32_t *tile_of;
} cutting;

static pp_status cut_into(const cutting *c, int devices, pp_tiles *tiles, double *bytes)
{
    const partition *p = c->p;
    const int64_t count = c->view.patterns, n = c->view.frame;
    PP_TRY(pp_tiles_cut(c->corners, count, n, c->frame.size, devices, tiles, c->tile_of));
    if (p->method == PP_SPLIT_HALO && devices > 1)
        PP_TRY(pp_tiles_surround(tiles, c->corners, count, n, c->tile_of,
                                 p->halo_rows * pp_tiles_step(c->corners, count)));
    const pp_device_question question = {.view = &c->view,
                                         .tiles = tiles,
                                         .backend = pp_context_backend(c->context),
                                         .sharing = groups_of(p, devices, c->planned.groups)};
    *bytes = pp_context_device_bytes(c->context, &question);
    return PP_OK;
}

/* As many tiles as planned; more where the positions are less even than the plan took them to be, and nobody else has the devices. */
static pp_status cut(const cutting *c, pp_tiles *tiles, double *bytes)
{
    const partition *p = c->p;
    const bool fixed = p->devices_per_view != PP_AUTO || !(p->device_memory >= 1);
    for (int devices = c->planned.devices;; devices++) {
        PP_TRY(cut_into(c, devices, tiles, bytes));
        if (fixed || *bytes <= p->device_memory) return PP_OK;
        if (devices >= most_devices(p)) return too_large(p, *bytes, devices, p->device_memory);
        if (c->planned.groups > 1)
            return PP_FAIL(PP_ERR_RESOURCE,
                           "the view needs %.3g bytes on each of the %d devices of its group, "
                           "device_memory is %.3g (the plan takes positions to be even): give "
                           "devices_per_view = %d or more",
                           *bytes, devices, p->device_memory, devices + 1);
    }
}

static pp_status put_tiles(const partition *p, pp_context *context, const pp_tiles *tiles)
{
    pp_array *boxes = NULL, *split = NULL;
    pp_status status = PP_OK;
    PP_TRY_TO(done, pp_tiles_array(tiles, &boxes));
    PP_TRY_TO(done, pp_array_create_1d(PP_F64, 4, "1", &split));
    double *how = pp_array_data(split);
    how[0] = method_of(p), how[1] = p->halo_rows, how[2] = (double)p->period;
    how[3] = (double)p->exchanges;
    PP_TRY_TO(done, pp_context_put(context, "tiles", &boxes));
    status = pp_context_put(context, "split", &split);
done:
    pp_array_free(&boxes);
    pp_array_free(&split);
    return status;
}

static pp_status run(const void *params_, pp_context *context)
{
    const pp_array *positions = pp_context_get(context, "positions"),
                   *frames = pp_context_get(context, "frames");
    const double *g = pp_array_read(positions);
    cutting c = {.p = params_,
                 .context = context,
                 .view = {.patterns = pp_array_size(positions, 0),
                          .frame = pp_array_size(frames, 1),
                          .count_bytes = (int)pp_dtype_size(pp_array_dtype(frames))}};
    pp_array *tile_of = NULL;
    pp_tiles tiles;
    double bytes;
    pp_status status = PP_OK;
    pp_context_sharing(context, &c.planned);
    PP_TRY(pp_object_frame_of(g, c.view.patterns, c.view.frame, &c.frame));
    for (int a = 0; a < 2; a++) c.view.object[a] = c.frame.size[a];
    PP_TRY_TO(done, PP_ALLOC(2 * c.view.patterns, &c.corners));
    PP_TRY_TO(done, pp_array_create_1d(PP_I32, c.view.patterns, "1", &tile_of));
    c.tile_of = pp_array_data(tile_of);
    pp_object_corners(&c.frame, g, c.view.patterns, c.view.frame, c.corners);
    PP_TRY_TO(done, cut(&c, &tiles, &bytes));
    pp_context_fact(context, "devices_per_view", "%d", tiles.count);
    if (bytes > 0) pp_context_fact(context, "bytes_per_device", "%.6g", bytes);
    PP_TRY_TO(done, put_tiles(c.p, context, &tiles));
    status = pp_context_put(context, "tile_of", &tile_of);
done:
    pp_free(c.corners);
    pp_array_free(&tile_of);
    return status;
}

PP_STAGE(partition, .summary = "one tile of the object, and its patterns, for each device",
         .scope = PP_SCOPE_VIEW, .ports = ports, .params = params, .params_size = sizeof(partition),
         .run = run, .check = check, .plan = plan, .version = "2");
