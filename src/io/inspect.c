/* What a file holds, in words.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "io/inspect.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "io/cxi.h"
#include "io/result.h"
#include "io/scan.h"
#include "io/stack_file.h"
#include "io/table.h"
#include "io/units.h"

static const double degrees = 57.295779513082320876798154814105; /* in a radian */
static const int64_t sample_bytes = (int64_t)1 << 27;            /* of counts that are read */

static void print_object(void *context, const char *where, const char *detail)
{
    FILE *out = context;
    int depth = 0;
    for (const char *c = where; *c; c++) depth += *c == '/';
    (void)fprintf(out, "%*s%s%s%s\n", 2 * depth, "", strrchr(where, '/') + 1,
                  detail[0] ? "   " : "/", detail);
}

/* One line of the second part; a value that is not there is said to be missing. */
static void print_value(FILE *out, const char *name, double value, double factor, const char *unit)
{
    if (isnan(value))
        (void)fprintf(out, "%-16s not in the file\n", name);
    else
        (void)fprintf(out, "%-16s %.8g %s\n", name, value * factor, unit);
}

static void print_geometry(FILE *out, const pp_geometry *g)
{
    if (g->wavelength > 0) {
        print_value(out, "wavelength", g->wavelength, 1e9, "nm");
        print_value(out, "photon energy", PP_HC / g->wavelength, 1 / PP_EV / 1e3, "keV");
    }
    if (g->distance > 0) print_value(out, "distance", g->distance, 1, "m");
    if (g->detector_pixel[0] > 0)
        (void)fprintf(out, "%-16s %.6g x %.6g um\n", "detector pixel", g->detector_pixel[0] * 1e6,
                      g->detector_pixel[1] * 1e6);
    (void)fprintf(out, "%-16s %.6g x %.6g nm\n", "object pixel", g->pixel_size[0] * 1e9,
                  g->pixel_size[1] * 1e9);
    print_value(out, "angle", g->angle, degrees, "degree");
}

static void print_scan(FILE *out, const pp_cxi *cxi)
{
    const pp_scan scan = pp_scan_measure(cxi->grid, cxi->patterns, cxi->n);
    const double span[2] = {scan.highest[0] - scan.lowest[0], scan.highest[1] - scan.lowest[1]};
    (void)fprintf(out, "%-16s %.5g x %.5g um, %.5g x %.5g pixels\n", "scan",
                  span[0] * cxi->geometry.pixel_size[0] * 1e6,
                  span[1] * cxi->geometry.pixel_size[1] * 1e6, span[0], span[1]);
    (void)fprintf(out, "%-16s %lld x %lld pixels\n", "object", (long long)scan.object[0],
                  (long long)scan.object[1]);
    (void)fprintf(out, "%-16s %.4g pixels to the nearest position\n", "step", scan.spacing);
    pp_array *probe = NULL;
    if (cxi->modes == 0) {
        (void)fprintf(out, "%-16s none in the file\n", "probe");
    } else if (pp_probe_read(cxi->path, cxi->raw[0], cxi->n, &probe) == PP_OK) {
        const double diameter = pp_probe_diameter(probe);
        (void)fprintf(out, "%-16s %lld mode%s, %.4g pixels wide: overlap about %.0f %%\n", "probe",
                      (long long)cxi->modes, cxi->modes == 1 ? "" : "s", diameter,
                      100 * pp_scan_overlap(&scan, diameter));
        pp_array_free(&probe);
    } else {
        pp_error error;
        pp_error_take(&error);
        (void)fprintf(out, "%-16s unusable: %s\n", "probe", error.text);
    }
}

static pp_status print_counts(FILE *out, const pp_cxi *cxi, const pp_cxi_options *options)
{
    const int64_t most = sample_bytes / (4 * cxi->raw[0] * cxi->raw[1]) + 1;
    const pp_frame_rules rules = {.count = cxi->patterns < most ? cxi->patterns : most};
    pp_array *frames = NULL, *mask = NULL;
    pp_frame_facts facts;
    PP_TRY(pp_cxi_read(cxi, options, &rules, &frames, &mask, &facts));
    pp_array_free(&frames);
    pp_array_free(&mask);
    (void)fprintf(out, "%-16s largest %.6g, %.6g a frame (in %lld frames)\n", "counts",
                  facts.largest, facts.mean, (long long)facts.frames);
    (void)fprintf(out,
                  "%-16s %.3g %% of the pixels; %lld single values not measured; %lld pixels 0 in "
                  "every frame\n",
                  "masked", 100 * (double)facts.masked / (double)(cxi->n * cxi->n),
                  (long long)facts.unmeasured, (long long)facts.zero);
    return PP_OK;
}

static pp_status inspect_cxi(const char *path, bool nexus, FILE *out)
{
    /* Frames that are not square or more than the positions are still worth a description. */
    pp_cxi_options options = {.truncate = true};
    pp_cxi cxi;
    pp_status status = pp_cxi_open(path, &options, &cxi);
    (void)fprintf(out, "%-16s %s, one scan of one view\n", "format",
                  nexus ? "NeXus NXcxi_ptycho" : "CXI");
    PP_TRY(status);
    (void)fprintf(out, "%-16s %lld of %lld x %lld %s at %s\n", "frames",
                  (long long)cxi.frames_in_file, (long long)cxi.raw[0], (long long)cxi.raw[1],
                  cxi.frames.name, cxi.frames_path);
    (void)fprintf(out, "%-16s %lld at %s%s\n", "positions", (long long)cxi.positions_in_file,
                  cxi.translation_path,
                  cxi.positions_in_file == cxi.frames_in_file
                      ? ""
                      : "   (differs from the frames: load needs frames = \"truncate\")");
    print_geometry(out, &cxi.geometry);
    print_scan(out, &cxi);
    if (cxi.warnings.length > 0) (void)fprintf(out, "warning: %s", cxi.warnings.data);
    status = print_counts(out, &cxi, &options);
    pp_cxi_free(&cxi);
    return status;
}

static pp_status inspect_view(const char *path, FILE *out)
{
    pp_geometry geometry;
    pp_array *object = NULL, *probe = NULL, *cost = NULL;
    pp_status status = PP_OK;
    (void)fprintf(out, "%-16s result of one view (polyptych)\n", "format");
    PP_TRY(pp_view_result_geometry(path, &geometry));
    print_geometry(out, &geometry);
    PP_TRY_TO(done, pp_view_result_read(path, "object", &object));
    (void)fprintf(out, "%-16s %lld x %lld pixels\n", "object", (long long)pp_array_size(object, 0),
                  (long long)pp_array_size(object, 1));
    PP_TRY_TO(done, pp_view_result_read(path, "probe", &probe));
    (void)fprintf(out, "%-16s %lld modes of %lld x %lld\n", "probe",
                  (long long)pp_array_size(probe, 0), (long long)pp_array_size(probe, 1),
                  (long long)pp_array_size(probe, 2));
    PP_TRY_TO(done, pp_view_result_read(path, "cost", &cost));
    const int64_t last = pp_array_count(cost) - 1;
    if (last >= 0)
        (void)fprintf(out, "%-16s %.6g after %lld iterations\n", "cost",
                      ((const double *)pp_array_read(cost))[last], (long long)last);
done:
    pp_array_free(&object);
    pp_array_free(&probe);
    pp_array_free(&cost);
    return status;
}

static pp_status inspect_stack(const char *path, FILE *out)
{
    pp_stack_head head;
    (void)fprintf(out, "%-16s projections (Data Exchange)\n", "format");
    PP_TRY(pp_stack_head_read(path, &head));
    (void)fprintf(out, "%-16s %lld of %lld x %lld, %s, %s\n", "projections", (long long)head.views,
                  (long long)head.ny, (long long)head.nx,
                  head.complex_data ? "complex and phase" : "phase",
                  head.wrapped ? "wrapped" : "not marked as wrapped");
    print_value(out, "pixel", head.pixel_size, 1e9, "nm");
    print_value(out, "wavelength", head.wavelength, 1e9, "nm");
    double lowest = INFINITY, highest = -INFINITY;
    for (int64_t k = 0; head.theta && k < head.views; k++) {
        lowest = fmin(lowest, head.theta[k] * degrees);
        highest = fmax(highest, head.theta[k] * degrees);
    }
    if (head.theta)
        (void)fprintf(out, "%-16s %.6g to %.6g degree\n", "angles", lowest, highest);
    else
        (void)fprintf(out, "%-16s not in the file\n", "angles");
    pp_stack_head_free(&head);
    return PP_OK;
}

/* A few numbers of a real dataset, slice by slice. */
static pp_status print_range(pp_h5 *file, const char *name, const char *where, FILE *out)
{
    pp_h5_info info;
    float *slice = NULL;
    double lowest = INFINITY, highest = -INFINITY, sum = 0;
    PP_TRY(pp_h5_describe(file, where, &info));
    if (info.ndim != 3)
        return PP_FAIL(PP_ERR_DATA, "%s: %s: three axes are expected", pp_h5_path(file), where);
    const int64_t pixels = info.shape[1] * info.shape[2];
    PP_TRY(PP_ALLOC(pixels, &slice));
    pp_status status = PP_OK;
    for (int64_t z = 0; z < info.shape[0] && status == PP_OK; z++) {
        status = pp_h5_read_items(file, where, 2, z, 1, PP_F32, slice);
        for (int64_t k = 0; k < pixels; k++) {
            lowest = fmin(lowest, (double)slice[k]);
            highest = fmax(highest, (double)slice[k]);
            sum += (double)slice[k];
        }
    }
    pp_free(slice);
    PP_TRY(status);
    (void)fprintf(out, "%-16s %lld x %lld x %lld, %.4g to %.4g, mean %.4g\n", name,
                  (long long)info.shape[0], (long long)info.shape[1], (long long)info.shape[2],
                  lowest, highest, sum / (double)(pixels * info.shape[0]));
    return PP_OK;
}

static pp_status inspect_volume(pp_h5 *file, FILE *out)
{
    double pixel = 0;
    (void)fprintf(out, "%-16s volume (NXtomoproc)\n", "format");
    PP_TRY(print_range(file, "delta", "/entry/data/delta", out));
    if (pp_h5_kind_of(file, "/entry/data/beta") == PP_H5_DATASET)
        PP_TRY(print_range(file, "beta", "/entry/data/beta", out));
    if (pp_h5_kind_of(file, "/entry/data/pixel_size") != PP_H5_DATASET) return PP_OK;
    PP_TRY(pp_h5_read_number(file, "/entry/data/pixel_size", &pixel));
    print_value(out, "voxel", pixel, 1e9, "nm");
    return PP_OK;
}

static bool has(pp_h5 *file, const char *where)
{
    const pp_h5_kind kind = pp_h5_kind_of(file, where);
    return kind == PP_H5_DATASET || kind == PP_H5_DEAD_LINK;
}

static bool is_nexus(pp_h5 *file)
{
    char *text = NULL;
    if (!has(file, "/entry_1/definition") ||
        pp_h5_read_text(file, "/entry_1/definition", &text) != PP_OK)
        return false;
    const bool found = strstr(text, "NXcxi_ptycho") != NULL;
    pp_free(text);
    return found;
}

static pp_status describe(pp_h5 *file, const char *path, FILE *out)
{
    if (has(file, "/entry_1/object/data") && has(file, "/polyptych/identity"))
        return inspect_view(path, out);
    if (has(file, "/entry_1/data_1/data") || has(file, "/entry_1/instrument_1/detector_1/data"))
        return inspect_cxi(path, is_nexus(file), out);
    if (has(file, "/exchange/data")) return inspect_stack(path, out);
    if (has(file, "/entry/data/delta")) return inspect_volume(file, out);
    (void)fprintf(out, "%-16s none that load reads (CXI, NXcxi_ptycho, Data Exchange)\n", "format");
    return PP_OK;
}

static pp_status inspect_hdf5(const char *path, FILE *out)
{
    pp_h5 *file = NULL;
    PP_TRY(pp_h5_open(path, &file));
    (void)fprintf(out, "%s\n", path);
    pp_status status = pp_h5_walk(file, print_object, out);
    (void)fprintf(out, "\n");
    if (status == PP_OK) status = describe(file, path, out);
    pp_h5_close(&file);
    return status;
}

static pp_status inspect_table(const char *path, FILE *out)
{
    pp_table table = {0};
    char *absolute = NULL;
    PP_TRY(pp_path_absolute(path, &absolute));
    const pp_status status = pp_table_read(absolute, &table);
    pp_free(absolute);
    PP_TRY(status);
    (void)fprintf(out, "%s\n%-16s views table, %lld views\n", path, "format",
                  (long long)table.count);
    for (int64_t k = 0; k < table.count; k++)
        if (isnan(table.rows[k].degree))
            (void)fprintf(out, "%6lld  angle of the file   %s\n", (long long)k, table.rows[k].path);
        else
            (void)fprintf(out, "%6lld  %12.6f degree  %s\n", (long long)k, table.rows[k].degree,
                          table.rows[k].path);
    pp_table_free(&table);
    return PP_OK;
}

/* Text has no zero byte in its first part; HDF5's signature has a byte above 127 at the start. */
static bool looks_like_text(const char *path)
{
    unsigned char start[512];
    FILE *file = fopen(path, "rb");
    if (!file) return false;
    const size_t count = fread(start, 1, sizeof start, file);
    (void)fclose(file);
    return count > 0 && start[0] < 128 && memchr(start, 0, count) == NULL;
}

pp_status pp_inspect(const char *path, FILE *out)
{
    if (looks_like_text(path)) return inspect_table(path, out);
    return inspect_hdf5(path, out);
}
