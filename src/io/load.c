/* The views of a campaign of CXI files: headers read, compared with each other, described.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "io/load.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "io/scan.h"
#include "io/table.h"
#include "io/units.h"

static const double degrees = 57.295779513082320876798154814105; /* in a radian */
static const double size_tolerance = 1e-4, angle_tolerance = 0.01;
enum { MOST_ERRORS = 20 };                            /* that are told one by one */
static const int64_t sample_bytes = (int64_t)1 << 27; /* of counts that a check reads */

void pp_load_options(const pp_load *load, pp_cxi_options *options, pp_frame_rules *rules)
{
    *options =
        (pp_cxi_options){.layout = load->translation_layout,
                         .truncate = load->frames != 0,
                         .wavelength = load->energy > 0 ? PP_HC / (load->energy * PP_EV) : 0,
                         .distance = load->distance > 0 ? load->distance : 0,
                         .detector_pixel = load->detector_pixel > 0 ? load->detector_pixel : 0,
                         .detector = {.orientation = (int)load->orientation,
                                      .crop = load->crop,
                                      .has_centre = load->centre.count == 2},
                         .swap = load->swap_positions,
                         .negate_row = load->negate_rows,
                         .negate_column = load->negate_columns,
                         .scale = load->position_scale,
                         .rotation = load->position_rotation / degrees};
    if (load->centre.count == 2)
        memcpy(options->detector.centre, load->centre.values, sizeof options->detector.centre);
    *rules = (pp_frame_rules){.storage = load->frame_storage,
                              .saturation = load->saturation > 0 ? load->saturation : 0,
                              .dead = load->dead_pixels.values,
                              .dead_count = load->dead_pixels.count / 2,
                              .mask_file = load->mask_file};
}

pp_status pp_load_angle(const pp_load *load, const char *where, double degree, double in_file,
                        double *out)
{
    const double raw = isnan(degree) ? in_file : degree / degrees;
    if (isnan(raw))
        return PP_FAIL(PP_ERR_DATA,
                       "%s: no angle: the file has no "
                       "/entry_1/sample_1/transformations/rotation_angle; give it in the views "
                       "table or, for one file, as angle",
                       where);
    *out = (double)load->angle_sign * raw;
    return PP_OK;
}

/* State of one listing. */
typedef struct listing {
    const pp_load *load;
    pp_cxi_options options;
    pp_frame_rules rules;
    pp_views *views;
    pp_check *check;
    const char *key;                 /* parameter that names the data */
    int64_t probe_modes, probe_side; /* of probe_file */
    pp_view_entry first;             /* the others are compared with it; path NULL: none yet */
    int64_t patterns, wrong;         /* wrong: views that were refused */
} listing;

/* A finding or an error, as the caller wants. */
static pp_status report(listing *self, pp_status status)
{
    if (status == PP_OK || !self->check) return status;
    pp_check_last_error(self->check, self->key);
    return PP_OK;
}

/* A parameter that names a missing file was reported where the configuration was read. */
static bool was_told(const listing *self, const char *path)
{
    return self->check && !pp_file_exists(path);
}

static pp_status compare(const listing *self, const char *path, const pp_view_entry *entry)
{
    const pp_view_entry *first = &self->first;
    if (!first->path) return PP_OK;
    if (entry->frame != first->frame)
        return PP_FAIL(PP_ERR_DATA,
                       "%s: frames of %lld pixels a side, %s has %lld: views must agree; set crop",
                       path, (long long)entry->frame, first->path, (long long)first->frame);
    const double wavelength = entry->geometry.wavelength / first->geometry.wavelength - 1;
    if (fabs(wavelength) > size_tolerance)
        return PP_FAIL(PP_ERR_DATA,
                       "%s: wavelength %.8g m, %s has %.8g: views must agree within %g; energy "
                       "sets it for all",
                       path, entry->geometry.wavelength, first->path, first->geometry.wavelength,
                       size_tolerance);
    for (int axis = 0; axis < 2; axis++) {
        const double mine = entry->geometry.pixel_size[axis],
                     its = first->geometry.pixel_size[axis];
        if (fabs(mine / its - 1) > size_tolerance)
            return PP_FAIL(PP_ERR_DATA,
                           "%s: object pixel %.8g m, %s has %.8g: pixel sizes of the views must "
                           "agree within %g (distance, detector_pixel, energy)",
                           path, mine, first->path, its, size_tolerance);
    }
    return PP_OK;
}

static pp_status check_scan(const listing *self, const pp_cxi *cxi, const pp_scan *scan)
{
    const double span =
        fmax(scan->highest[0] - scan->lowest[0], scan->highest[1] - scan->lowest[1]);
    const int64_t side = scan->object[0] > scan->object[1] ? scan->object[0] : scan->object[1];
    if (span < 1)
        return PP_FAIL(PP_ERR_DATA,
                       "%s: %s: the positions span %.3g object pixels of %.3g m: one at least is "
                       "expected; wrong unit? position_scale corrects it",
                       cxi->path, cxi->translation_path, span, cxi->geometry.pixel_size[0]);
    if (side > self->load->object_limit)
        return PP_FAIL(PP_ERR_DATA,
                       "%s: %s: the positions span %.6g object pixels of %.3g m, more than "
                       "object_limit = %lld: wrong unit? position_scale corrects it",
                       cxi->path, cxi->translation_path, span, cxi->geometry.pixel_size[0],
                       (long long)self->load->object_limit);
    return PP_OK;
}

static pp_status find_modes(const listing *self, const pp_cxi *cxi, int64_t *modes)
{
    const pp_load *load = self->load;
    *modes = 1;
    if (load->probe != PP_PROBE_FILE) return PP_OK;
    *modes = self->probe_modes ? self->probe_modes : cxi->modes;
    if (*modes > 0) return PP_OK;
    return PP_FAIL(PP_ERR_DATA,
                   "%s: /entry_1/instrument_1/source_1/illumination: no probe in the file; give "
                   "probe_file, or probe = \"zone_plate\" or \"mean_pattern\"",
                   cxi->path);
}

static void relay_warnings(listing *self, const pp_cxi *cxi)
{
    const char *line = cxi->warnings.data;
    while (line && *line && self->check) {
        const char *end = strchr(line, '\n');
        const int length = end ? (int)(end - line) : (int)strlen(line);
        pp_check_warning(self->check, self->key, "%.*s", length, line);
        line = end ? end + 1 : NULL;
    }
}

static void compare_angles(listing *self, const char *where, double degree, const pp_cxi *cxi)
{
    const double in_file = cxi->geometry.angle * degrees;
    if (self->check && fabs(degree - in_file) > angle_tolerance)
        pp_check_warning(self->check, self->key,
                         "%s: angle %.6g degree, the file says %.6g; the former is used", where,
                         degree, in_file);
}

/* Auto: whole numbers are kept in 16 bits, as nearly all detectors' fit; what else there is as float32. */
static int count_bytes(const pp_load *load, const pp_cxi *cxi)
{
    if (load->frame_storage == PP_STORE_U16) return 2;
    if (load->frame_storage == PP_STORE_F32) return 4;
    return cxi->frames.type == PP_H5_INTEGER && !cxi->dark_path ? 2 : 4;
}

static pp_status add_view(listing *self, const pp_table_row *row, int64_t number, const char *where)
{
    pp_cxi cxi;
    pp_scan scan;
    PP_TRY(pp_cxi_open(row->path, &self->options, &cxi));
    pp_status status = PP_OK;
    pp_view_entry entry = {.number = number,
                           .path = row->path,
                           .geometry = cxi.geometry,
                           .patterns = cxi.patterns,
                           .frame = cxi.n,
                           .count_bytes = count_bytes(self->load, &cxi)};
    PP_TRY_TO(done, pp_load_angle(self->load, where, row->degree, cxi.geometry.angle,
                                  &entry.geometry.angle));
    scan = pp_scan_measure(cxi.grid, cxi.patterns, cxi.n);
    PP_TRY_TO(done, check_scan(self, &cxi, &scan));
    PP_TRY_TO(done, find_modes(self, &cxi, &entry.modes));
    memcpy(entry.object, scan.object, sizeof entry.object);
    PP_TRY_TO(done, compare(self, row->path, &entry));
    compare_angles(self, where, row->degree, &cxi);
    relay_warnings(self, &cxi);
    PP_TRY_TO(done, pp_views_add(self->views, &entry));
    if (!self->first.path) self->first = entry;
    self->patterns += entry.patterns;
done:
    pp_cxi_free(&cxi);
    return status;
}

static pp_status add_rows(listing *self, const pp_table *table, const char *path)
{
    for (int64_t k = 0; k < table->count; k++) {
        const pp_table_row *row = &table->rows[k];
        if (!row->line && was_told(self, row->path)) return PP_OK;
        pp_text where = {0};
        PP_TRY(row->line ? pp_text_add(&where, "%s:%d: %s", path, row->line, row->path)
                         : pp_text_add(&where, "%s", row->path));
        pp_status status = add_view(self, row, k, where.data);
        if (status != PP_OK && row->line)
            status = PP_NOTE(status, "named in %s:%d", path, row->line);
        pp_text_free(&where);
        self->wrong += status != PP_OK;
        if (status == PP_OK || !self->check || self->wrong <= MOST_ERRORS)
            PP_TRY(report(self, status));
    }
    if (self->check && self->wrong > MOST_ERRORS)
        pp_check_error(self->check, self->key, PP_ERR_DATA, "%lld more views have errors",
                       (long long)(self->wrong - MOST_ERRORS));
    return PP_OK;
}

/* background_file against the first view. */
static pp_status try_background(const listing *self, const pp_cxi *cxi, const pp_array *mask)
{
    const char *path = self->load->background_file;
    pp_array *background = NULL;
    if (!path || !path[0] || was_told(self, path)) return PP_OK;
    const pp_status status = pp_cxi_read_background(path, cxi, &self->options, mask, &background);
    pp_array_free(&background);
    if (status == PP_OK || !self->check) return status;
    pp_check_last_error(self->check, "background_file");
    return PP_OK;
}

/* Counts of the first view, as many as a check may read. */
static pp_status describe_counts(listing *self, const pp_cxi *cxi)
{
    const int64_t most = sample_bytes / (4 * cxi->raw[0] * cxi->raw[1]) + 1;
    pp_array *frames = NULL, *mask = NULL;
    pp_frame_facts facts;
    pp_frame_rules rules = self->rules;
    rules.count = cxi->patterns < most ? cxi->patterns : most;
    PP_TRY(pp_cxi_read(cxi, &self->options, &rules, &frames, &mask, &facts));
    const double pixels = (double)(cxi->n * cxi->n);
    pp_check_info(self->check,
                  "counts in %lld of %lld frames: largest %.6g, %.6g a frame, kept as %s; %lld "
                  "dead pixels (%.3g %%), %lld single values not measured, %lld pixels 0 in every "
                  "frame (taken as data)",
                  (long long)facts.frames, (long long)cxi->patterns, facts.largest, facts.mean,
                  pp_dtype_name(pp_array_dtype(frames)), (long long)facts.masked,
                  100 * (double)facts.masked / pixels, (long long)facts.unmeasured,
                  (long long)facts.zero);
    const pp_status status = try_background(self, cxi, mask);
    pp_array_free(&frames);
    pp_array_free(&mask);
    return status;
}

static pp_status describe_overlap(listing *self, const pp_cxi *cxi, const pp_scan *scan)
{
    const char *path = self->load->probe_file[0] ? self->load->probe_file : cxi->path;
    pp_array *probe = NULL;
    if (self->load->probe != PP_PROBE_FILE) return PP_OK;
    if (self->load->probe_file[0] && self->probe_modes < 1) return PP_OK; /* told already */
    PP_TRY(pp_probe_read(path, cxi->raw[0], cxi->n, &probe));
    const double diameter = pp_probe_diameter(probe);
    pp_array_free(&probe);
    pp_check_info(self->check,
                  "probe %.4g pixels wide, median step %.4g pixels: overlap about %.0f %%",
                  diameter, scan->spacing, 100 * pp_scan_overlap(scan, diameter));
    return PP_OK;
}

static pp_status describe_first(listing *self)
{
    pp_cxi cxi;
    const pp_geometry *g = &self->first.geometry;
    PP_TRY(pp_cxi_open(self->first.path, &self->options, &cxi));
    const pp_scan scan = pp_scan_measure(cxi.grid, cxi.patterns, cxi.n);
    const double span[2] = {scan.highest[0] - scan.lowest[0], scan.highest[1] - scan.lowest[1]};
    pp_check_info(self->check, "views: %lld, patterns: %lld; the first is %s",
                  (long long)pp_views_count(self->views), (long long)self->patterns, cxi.path);
    pp_check_info(self->check, "%lld frames of %lld x %lld, %lld positions, %lld used",
                  (long long)cxi.frames_in_file, (long long)cxi.raw[0], (long long)cxi.raw[1],
                  (long long)cxi.positions_in_file, (long long)cxi.patterns);
    pp_check_info(self->check,
                  "wavelength %.6g m (%.6g keV), distance %.6g m, detector pixel %.6g x %.6g um, "
                  "object pixel %.6g x %.6g nm",
                  g->wavelength, PP_HC / g->wavelength / PP_EV / 1e3, g->distance,
                  g->detector_pixel[0] * 1e6, g->detector_pixel[1] * 1e6, g->pixel_size[0] * 1e9,
                  g->pixel_size[1] * 1e9);
    pp_check_info(self->check,
                  "scan %.4g x %.4g um (%.5g x %.5g pixels), object %lld x %lld pixels, "
                  "angle_sign = %lld",
                  span[0] * g->pixel_size[0] * 1e6, span[1] * g->pixel_size[1] * 1e6, span[0],
                  span[1], (long long)scan.object[0], (long long)scan.object[1],
                  (long long)self->load->angle_sign);
    pp_status status = report(self, describe_overlap(self, &cxi, &scan));
    if (status == PP_OK) status = report(self, describe_counts(self, &cxi));
    pp_cxi_free(&cxi);
    return status;
}

/* probe_file, checked once for all views. */
static pp_status check_probe_file(listing *self)
{
    const pp_load *load = self->load;
    if (load->probe != PP_PROBE_FILE || !load->probe_file[0]) return PP_OK;
    if (was_told(self, load->probe_file)) return PP_OK;
    PP_TRY(pp_probe_describe(load->probe_file, &self->probe_modes, &self->probe_side));
    if (self->probe_modes > 0) return PP_OK;
    return PP_FAIL(PP_ERR_DATA, "%s: /entry_1/instrument_1/source_1/illumination: no probe there",
                   load->probe_file);
}

/* The table, or one row for `file`. */
static pp_status read_table(const pp_load *load, pp_table *table)
{
    if (load->views[0]) return pp_table_read(load->views, table);
    PP_TRY(PP_ALLOC(1, &table->rows));
    table->rows[0].degree = load->angle;
    table->count = 1;
    return pp_strdup(load->file, &table->rows[0].path);
}

pp_status pp_load_views(const pp_load *load, pp_views *views, pp_check *check)
{
    listing self = {
        .load = load, .views = views, .check = check, .key = load->views[0] ? "views" : "file"};
    pp_table table = {0};
    pp_status status = PP_OK;
    if (!load->views[0] == !load->file[0]) return PP_OK; /* the stage's check says so */
    pp_load_options(load, &self.options, &self.rules);
    PP_TRY_TO(done, report(&self, check_probe_file(&self)));
    if (load->views[0] && was_told(&self, load->views)) goto done;
    PP_TRY_TO(done, report(&self, read_table(load, &table)));
    PP_TRY_TO(done, add_rows(&self, &table, load->views));
    if (check && self.first.path) status = report(&self, describe_first(&self));
done:
    pp_table_free(&table);
    return status;
}
