/* Report: geometry, seconds per stage, provenance.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "io/h5.h"
#include "io/result.h"
#include "picture/report_internal.h"

static pp_status rows_of_geometry(pp_page *page, const pp_geometry *g)
{
    PP_TRY(pp_page_row(page, "photon energy", "%.6g keV", 1.239841984e-9 / g->wavelength));
    PP_TRY(pp_page_row(page, "wavelength", "%.6g nm", g->wavelength * 1e9));
    if (g->distance > 0) PP_TRY(pp_page_row(page, "sample to detector", "%.6g m", g->distance));
    if (g->detector_pixel[1] > 0)
        PP_TRY(pp_page_row(page, "detector pixel", "%.6g \xc3\x97 %.6g \xc2\xb5m",
                           g->detector_pixel[0] * 1e6, g->detector_pixel[1] * 1e6));
    return pp_page_row(page, "object pixel", "%.6g \xc3\x97 %.6g nm", g->pixel_size[0] * 1e9,
                       g->pixel_size[1] * 1e9);
}

/* Shape of an optional array of the first view. */
static pp_status shape_row(pp_page *page, const char *path, const char *port, const char *name)
{
    pp_array *array = NULL;
    pp_error dropped;
    if (pp_view_result_read(path, port, &array) != PP_OK) {
        pp_error_take(&dropped);
        return pp_page_row(page, name, "not in the file");
    }
    pp_text shape = {0};
    pp_status status = PP_OK;
    for (int k = 0; k < pp_array_ndim(array) && status == PP_OK; k++)
        status = pp_text_add(&shape, "%s%lld", k ? " \xc3\x97 " : "",
                             (long long)pp_array_size(array, k));
    if (status == PP_OK) status = pp_page_row(page, name, "%s", shape.data);
    pp_text_free(&shape);
    pp_array_free(&array);
    return status;
}

static pp_status error_row(pp_page *page, const char *path)
{
    pp_array *error = NULL;
    pp_error dropped;
    if (pp_view_result_read(path, "error", &error) != PP_OK) {
        pp_error_take(&dropped);
        return PP_OK;
    }
    const pp_status status = pp_array_dtype(error) == PP_F64
                                 ? pp_page_row(page, "error of the first view", "%.4g",
                                               *(const double *)pp_array_read(error))
                                 : PP_OK;
    pp_array_free(&error);
    return status;
}

static pp_status view_rows(pp_page *page)
{
    char *path = NULL;
    pp_geometry geometry;
    PP_TRY(pp_page_view_path(page, page->views[0], &path));
    pp_status status = pp_view_result_geometry(path, &geometry);
    if (status == PP_OK) status = rows_of_geometry(page, &geometry);
    if (status == PP_OK)
        status = shape_row(page, path, "positions", "patterns \xc3\x97 (y, x), first view");
    if (status == PP_OK)
        status = shape_row(page, path, "probe", "probe, modes \xc3\x97 y \xc3\x97 x");
    if (status == PP_OK) status = shape_row(page, path, "object", "object, y \xc3\x97 x");
    if (status == PP_OK) status = error_row(page, path);
    pp_free(path);
    return status;
}

/* A dataset's shape in one of the run's files. */
static pp_status file_row(pp_page *page, const char *name, const char *file, const char *where)
{
    char *path = NULL;
    pp_h5 *h5 = NULL;
    pp_h5_info info;
    if (!pp_page_has(page, file)) return pp_page_row(page, name, "no %s", file);
    PP_TRY(pp_page_path(page, file, &path));
    pp_status status = pp_h5_open(path, &h5);
    if (status == PP_OK) status = pp_h5_describe(h5, where, &info);
    if (status == PP_OK && info.ndim == 3)
        status = pp_page_row(page, name, "%lld \xc3\x97 %lld \xc3\x97 %lld, %s",
                             (long long)info.shape[0], (long long)info.shape[1],
                             (long long)info.shape[2], file);
    pp_h5_close(&h5);
    pp_free(path);
    return status;
}

static pp_status table(pp_page *page)
{
    PP_TRY(pp_page_row(page, "views", "%lld", (long long)page->view_count));
    if (page->view_count) PP_TRY(view_rows(page));
    PP_TRY(file_row(page, "projections, view \xc3\x97 y \xc3\x97 x", "projections.h5",
                    "/exchange/data"));
    return file_row(page, "volume, z \xc3\x97 y \xc3\x97 x", "volume.h5", "/entry/data/delta");
}

pp_status pp_page_geometry(pp_page *page)
{
    PP_TRY(pp_page_section(page, "geometry", "Geometry"));
    PP_TRY(pp_text_add(&page->html, "<table>\n"));
    const pp_status status = table(page);
    PP_TRY(pp_text_add(&page->html, "</table>\n"));
    PP_TRY(pp_page_survive(page, status, "the rest of the geometry"));
    return pp_page_end(page);
}

static const char *seconds_of(const pp_report_fact *f)
{
    return strncmp(f->name, "seconds.", 8) == 0 ? f->name + 8 : NULL;
}

static pp_status seconds(pp_page *page)
{
    const pp_report_request *r = page->request;
    double longest = 0, total = 0;
    for (int64_t k = 0; k < r->fact_count; k++) {
        const double value = seconds_of(&r->facts[k]) ? strtod(r->facts[k].value, NULL) : 0;
        longest = fmax(longest, value);
        total += value;
    }
    if (longest == 0) return pp_page_absent(page, "seconds per stage: none were recorded");
    PP_TRY(pp_text_add(&page->html, "<table class=\"times\">\n"));
    for (int64_t k = 0; k < r->fact_count; k++) {
        const char *stage = seconds_of(&r->facts[k]);
        if (!stage) continue;
        const double value = strtod(r->facts[k].value, NULL);
        PP_TRY(pp_text_add(&page->html, "<tr><th>"));
        PP_TRY(pp_html_text(&page->html, stage));
        PP_TRY(pp_text_add(
            &page->html,
            "</th><td>%.3g s</td><td class=\"span\"><i style=\"width:%.1f%%\"></i></td></tr>\n",
            value, 100 * value / longest));
    }
    return pp_text_add(
        &page->html, "<tr class=\"sum\"><th>together</th><td>%.3g s</td><td></td></tr>\n</table>\n",
        total);
}

pp_status pp_page_facts(pp_page *page)
{
    const pp_report_request *r = page->request;
    int64_t rows = 0;
    PP_TRY(pp_page_section(page, "time", "Seconds per stage"));
    PP_TRY(seconds(page));
    PP_TRY(pp_page_end(page));
    PP_TRY(pp_page_section(page, "provenance", "Provenance"));
    PP_TRY(pp_text_add(&page->html, "<table>\n"));
    for (int64_t k = 0; k < r->fact_count; k++) {
        if (seconds_of(&r->facts[k])) continue;
        PP_TRY(pp_page_row(page, r->facts[k].name, "%s", r->facts[k].value));
        rows++;
    }
    PP_TRY(pp_text_add(&page->html, "</table>\n"));
    if (rows == 0) PP_TRY(pp_page_absent(page, "provenance: nothing was recorded"));
    return pp_page_end(page);
}
