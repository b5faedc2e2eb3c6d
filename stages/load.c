/* load: views from CXI files, one at a time: counts, mask, positions on the absolute grid, starting probe.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "io/load.h"

#include <math.h>

/* clang-format off */
static const pp_port ports[] = {
    {"frames", PP_OUT, PP_DTYPE_BIT(PP_U16) | PP_DTYPE_BIT(PP_F32), {PP_AXIS_PATTERN, PP_AXIS_Y, PP_AXIS_X}, "counts"},
    {"mask", PP_OUT, PP_DTYPE_BIT(PP_U8), {PP_AXIS_Y, PP_AXIS_X}, "1"},
    {"positions", PP_OUT, PP_DTYPE_BIT(PP_F64), {PP_AXIS_PATTERN, PP_AXIS_COMPONENT}, "pixel"},
    {"probe", PP_OUT, PP_DTYPE_BIT(PP_C32), {PP_AXIS_MODE, PP_AXIS_Y, PP_AXIS_X}, "sqrt(counts)"},
    {"measured_background", PP_OUT_OPTIONAL, PP_DTYPE_BIT(PP_F32), {PP_AXIS_Y, PP_AXIS_X}, "counts"},
    {"projections", PP_OUT_OPTIONAL, PP_DTYPE_BIT(PP_C32), {PP_AXIS_VIEW, PP_AXIS_Y, PP_AXIS_X}, "1"},
    {"phase", PP_OUT_OPTIONAL, PP_DTYPE_BIT(PP_F32), {PP_AXIS_VIEW, PP_AXIS_Y, PP_AXIS_X}, "rad"},
    {"theta", PP_OUT_OPTIONAL, PP_DTYPE_BIT(PP_F64), {PP_AXIS_VIEW}, "rad"},
    {"views", PP_OUT_OPTIONAL, PP_DTYPE_BIT(PP_I64), {PP_AXIS_VIEW}, "1"},
    {"shifts", PP_OUT_OPTIONAL, PP_DTYPE_BIT(PP_F64), {PP_AXIS_VIEW, PP_AXIS_COMPONENT}, "pixel"},
    {"centre", PP_OUT_OPTIONAL, PP_DTYPE_BIT(PP_I64), {PP_AXIS_COMPONENT}, "pixel"},
    {"wrapped", PP_OUT_OPTIONAL, PP_DTYPE_BIT(PP_I64), {PP_AXIS_COMPONENT}, "1"},
    PP_PORT_END};

static const pp_param params[] = {
    PP_PATH(pp_load, views, PP_P_INPUT_FILE | PP_P_VIEWS_TABLE, "", "table of the views: a line each with data file and angle in degrees; instead of file"),
    PP_PATH(pp_load, file, PP_P_INPUT_FILE | PP_P_VIEWS_TABLE, "", "one data file; instead of views"),
    PP_AUTO_REAL(pp_load, angle, auto, -36000, 36000, "degree", "angle of the view in file; auto: the file's"),
    PP_CHOICE(pp_load, format, "auto", "auto|cxi|projections", "what the files are: CXI, or a stack of projections (Data Exchange)"),
    PP_INT(pp_load, angle_sign, 1, -1, 1, "1", "-1 for an instrument that turns the other way; the data cannot tell, it mirrors the volume"),
    PP_CHOICE(pp_load, probe, "file", "file|zone_plate|mean_pattern", "where the starting probe comes from"),
    PP_PATH(pp_load, probe_file, PP_P_INPUT_FILE, "", "file with the starting probe of all views; empty: each view's own file"),
    PP_REAL(pp_load, zone_plate_diameter, 180e-6, 1e-7, 0.1, "m", "zone plate: diameter"),
    PP_REAL(pp_load, outer_zone_width, 50e-9, 1e-9, 1e-4, "m", "zone plate: width of the outermost zone"),
    PP_REAL(pp_load, central_stop_diameter, 60e-6, 0, 0.1, "m", "zone plate: diameter of the central stop"),
    PP_REAL(pp_load, defocus, 500e-6, -1, 1, "m", "zone plate: distance of the sample from the focus, downstream positive"),
    PP_INT(pp_load, crop, 0, 0, 65536, "pixel", "side of the frames around the centre; 0: the whole frames, which must be square"),
    PP_INTS(pp_load, centre, "", 0, 65535, "pixel", "(row, column) of the zero frequency in the files; empty: n / 2"),
    PP_INT(pp_load, orientation, 0, 0, 7, "1", "detector: 1 flips columns, 2 flips rows, 4 transposes first; sums combine"),
    PP_BOOL(pp_load, swap_positions, false, "exchange rows and columns of the positions"),
    PP_BOOL(pp_load, negate_rows, false, "change the sign of the positions' rows, after the exchange"),
    PP_BOOL(pp_load, negate_columns, false, "change the sign of the positions' columns, after the exchange"),
    PP_REAL(pp_load, position_scale, 1, 1e-12, 1e12, "1", "factor of the positions"),
    PP_REAL(pp_load, position_rotation, 0, -360, 360, "degree", "rotation of the positions, from columns to rows"),
    PP_CHOICE(pp_load, translation_layout, "auto", "auto|rows|columns", "positions in the file: rows is (N, 3), columns is (3, N)"),
    PP_CHOICE(pp_load, frames, "error", "error|truncate", "where frames and positions differ in number"),
    PP_CHOICE(pp_load, origin, "absolute", "absolute", "grid of object pixels: anchored at translation 0"),
    PP_AUTO_REAL(pp_load, energy, auto, 50, 200000, "eV", "photon energy; auto: the file's"),
    PP_AUTO_REAL(pp_load, distance, auto, 1e-3, 1e3, "m", "sample to detector; auto: the file's"),
    PP_AUTO_REAL(pp_load, detector_pixel, auto, 5e-7, 1e-3, "m", "detector pixel, square; auto: the file's"),
    PP_AUTO_REAL(pp_load, pixel_size, auto, 1e-11, 1e-3, "m", "object pixel of projections; auto: the file's"),
    PP_INTS(pp_load, dead_pixels, "", 0, 65535, "pixel", "row, column, row, column, ... of pixels to ignore"),
    PP_PATH(pp_load, mask_file, PP_P_INPUT_FILE, "", "HDF5 file with a further mask, 0 = good"),
    PP_PATH(pp_load, background_file, PP_P_INPUT_FILE, "", "HDF5 file with counts that lie under every frame, measured beforehand (dark or empty frames): a dataset background, data_dark, dark or data of the detector's shape, or several frames, whose mean is taken; it is not subtracted: ptycho adds it to the model (background = \"given\")"),
    PP_AUTO_REAL(pp_load, saturation, auto, 1, 1e30, "counts", "counts from here on are not measured; auto: the integer type's maximum"),
    PP_CHOICE(pp_load, frame_storage, "auto", "auto|uint16|float32", "counts in memory; auto: uint16 where they fit"),
    PP_INT(pp_load, object_limit, 20000, 16, 1000000, "pixel", "largest side of an object: a guard against wrong units"),
    PP_PARAM_END};
/* clang-format on */

static bool from_projections(const pp_load *load)
{
    return load->format == PP_FORMAT_PROJECTIONS;
}

static void check_projections(const pp_load *load, pp_check *findings)
{
    const struct {
        const char *key, *given;
    } unused[] = {{"mask_file", load->mask_file},
                  {"background_file", load->background_file},
                  {"probe_file", load->probe_file}};
    for (int k = 0; k < 3; k++)
        if (unused[k].given[0])
            pp_check_warning(findings, unused[k].key,
                             "%s is not used: format = \"projections\" has no frames",
                             unused[k].key);
    if (load->views[0] || !load->file[0])
        pp_check_error(findings, load->views[0] ? "views" : "format", PP_ERR_CONFIG,
                       "format = \"projections\" takes one stack: give file, not views");
    if (load->angle_sign == 0)
        pp_check_error(findings, "angle_sign", PP_ERR_CONFIG, "angle_sign is 1 or -1, found 0");
}

static void check(const void *data, pp_check *findings)
{
    const pp_load *load = data;
    if (from_projections(load)) {
        check_projections(load, findings);
        return;
    }
    const bool table = load->views[0] != 0, single = load->file[0] != 0;
    if (load->background_file[0]) pp_check_will_put(findings, "measured_background");
    if (table == single)
        pp_check_error(findings, single ? "file" : NULL, PP_ERR_CONFIG,
                       "%s: give either views (a table) or file (one data file)",
                       table ? "both views and file are given" : "no data is named");
    if (table && !isnan(load->angle))
        pp_check_error(findings, "angle", PP_ERR_CONFIG,
                       "angle is for file; a views table has the angles in its lines");
    if (load->angle_sign == 0)
        pp_check_error(findings, "angle_sign", PP_ERR_CONFIG, "angle_sign is 1 or -1, found 0");
    if (load->centre.count != 0 && load->centre.count != 2)
        pp_check_error(findings, "centre", PP_ERR_CONFIG,
                       "centre is [row, column], found %lld numbers",
                       (long long)load->centre.count);
    if (load->dead_pixels.count % 2 != 0)
        pp_check_error(findings, "dead_pixels", PP_ERR_CONFIG,
                       "dead_pixels is [row, column, row, column, ...], found %lld numbers",
                       (long long)load->dead_pixels.count);
    if (load->probe != PP_PROBE_FILE && load->probe_file[0])
        pp_check_warning(findings, "probe_file", "probe_file is not used with this probe");
    if (load->central_stop_diameter >= load->zone_plate_diameter)
        pp_check_error(findings, "central_stop_diameter", PP_ERR_CONFIG,
                       "central_stop_diameter must be below zone_plate_diameter");
}

static pp_status views(const void *data, const char *output, pp_views *list, pp_check *findings)
{
    (void)output;
    if (from_projections(data)) return pp_load_projection_views(data, list, findings);
    return pp_load_views(data, list, findings);
}

static pp_scope scope_of(const void *data)
{
    return from_projections(data) ? PP_SCOPE_CAMPAIGN : PP_SCOPE_VIEW;
}

static pp_status run(const void *data, pp_context *context)
{
    if (from_projections(data)) return pp_load_projections(data, context);
    return pp_load_view(data, context);
}

static void plan(const void *data, pp_plan *budget)
{
    const pp_load *load = data;
    const pp_views *list = pp_plan_views(budget);
    double largest = 0;
    if (from_projections(load)) {
        for (int64_t k = 0; k < pp_views_count(list); k++) {
            const int64_t *object = pp_views_entry(list, k)->object;
            largest += 12 * (double)object[0] * (double)object[1] / pp_plan_ranks(budget);
        }
        pp_plan_add(budget, PP_HOST, largest, "projections");
        pp_plan_work(budget, largest / 200e6, "reading the projections");
        return;
    }
    for (int64_t k = 0; k < pp_views_count(list); k++) {
        const pp_view_entry *v = pp_views_entry(list, k);
        const double pixels = (double)v->frame * (double)v->frame;
        const double item = load->frame_storage == PP_STORE_U16 ? 2 : 4;
        const double bytes =
            (double)v->patterns * (item * pixels + 16) + 8 * (double)v->modes * pixels;
        if (bytes > largest) largest = bytes;
    }
    pp_plan_add(budget, PP_HOST, largest, "frames, mask, positions and probe of one view");
    pp_plan_work(budget, largest / 200e6, "reading a view");
    pp_plan_knob(budget, "load.frame_storage");
}

PP_STAGE(load, .summary = "reads views from CXI files: counts, positions, starting probe",
         .scope = PP_SCOPE_VIEW, .flags = PP_STAGE_SOURCE, .ports = ports, .params = params,
         .params_size = sizeof(pp_load), .run = run, .check = check, .views = views, .plan = plan,
         .scope_of = scope_of, .version = "1");
