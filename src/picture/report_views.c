/* Report: objects, probes, illumination and costs of the views.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "io/result.h"
#include "picture/report_internal.h"

static const double degree = 180 / 3.141592653589793;

/* One view's arrays; those that are not in the file stay NULL. */
typedef struct shown {
    int64_t number;
    pp_geometry geometry;
    pp_array *object, *probe, *illumination;
    int64_t box[4]; /* y0, x0, y1, x1 of the lit rectangle */
} shown;

static void shown_free(shown *v)
{
    pp_array_free(&v->object);
    pp_array_free(&v->probe);
    pp_array_free(&v->illumination);
}

void pp_page_optional(const char *path, const char *port, pp_array **out)
{
    pp_error kept;
    if (pp_view_result_read(path, port, out) != PP_OK) pp_error_take(&kept);
}

/* The box of the pixels where the illumination is at least 5 % of its largest value; everything without it. */
static void find_box(shown *v)
{
    const int64_t ny = pp_array_size(v->object, 0), nx = pp_array_size(v->object, 1);
    memcpy(v->box, (int64_t[]){0, 0, ny, nx}, sizeof v->box);
    if (!v->illumination || pp_array_count(v->illumination) != ny * nx) return;
    const float *light = pp_array_read(v->illumination);
    float largest = 0;
    for (int64_t i = 0; i < ny * nx; i++) largest = fmaxf(largest, light[i]);
    memcpy(v->box, (int64_t[]){ny, nx, 0, 0}, sizeof v->box);
    for (int64_t i = 0; i < ny * nx; i++) {
        if (light[i] < 0.05f * largest) continue;
        const int64_t y = i / nx, x = i % nx;
        if (y < v->box[0]) v->box[0] = y;
        if (x < v->box[1]) v->box[1] = x;
        if (y >= v->box[2]) v->box[2] = y + 1;
        if (x >= v->box[3]) v->box[3] = x + 1;
    }
}

static pp_status shown_read(const pp_page *page, int64_t number, shown *v)
{
    char *path = NULL;
    *v = (shown){.number = number};
    PP_TRY(pp_page_view_path(page, number, &path));
    pp_status status = pp_view_result_geometry(path, &v->geometry);
    if (status == PP_OK) status = pp_view_result_read(path, "object", &v->object);
    if (status == PP_OK && (pp_array_ndim(v->object) != 2 || pp_array_dtype(v->object) != PP_C32))
        status = PP_FAIL(PP_ERR_DATA, "%s: the object is not complex64 [Y][X]", path);
    if (status == PP_OK) {
        pp_page_optional(path, "probe", &v->probe);
        pp_page_optional(path, "illumination", &v->illumination);
        find_box(v);
    }
    pp_free(path);
    return status;
}

/* Phase that the object has on average, to show phases about it: a constant is free in ptychography. */
static double mean_phase(const shown *v)
{
    const pp_c32 *data = pp_array_read(v->object);
    double re = 0, im = 0;
    for (int64_t y = v->box[0]; y < v->box[2]; y++)
        for (int64_t x = v->box[1]; x < v->box[3]; x++) {
            const pp_c32 z = data[y * pp_array_size(v->object, 1) + x];
            re += (double)z.re;
            im += (double)z.im;
        }
    return atan2(im, re);
}

/* Amplitude or phase in the lit box, unlit pixels NAN; new memory. */
static pp_status part_of(const shown *v, bool phase, float **out)
{
    const int64_t wide = pp_array_size(v->object, 1), nx = v->box[3] - v->box[1];
    const pp_c32 *data = pp_array_read(v->object);
    const double mean = mean_phase(v);
    float *values = NULL;
    PP_TRY(PP_ALLOC((v->box[2] - v->box[0]) * nx, &values));
    for (int64_t y = v->box[0]; y < v->box[2]; y++)
        for (int64_t x = v->box[1]; x < v->box[3]; x++) {
            const pp_c32 z = data[y * wide + x];
            const double re = (double)z.re, im = (double)z.im;
            values[(y - v->box[0]) * nx + x - v->box[1]] =
                (float)(phase ? remainder(atan2(im, re) - mean, 2 * 3.141592653589793)
                              : hypot(re, im));
        }
    *out = values;
    return PP_OK;
}

static pp_status object_figure(pp_page *page, const shown *v, bool phase)
{
    float *values = NULL;
    pp_image image = {0};
    double range[2];
    char title[64], caption[96], name[64];
    PP_TRY(part_of(v, phase, &values));
    const pp_field field = {values, v->box[2] - v->box[0], v->box[3] - v->box[1],
                            v->box[3] - v->box[1], 1};
    pp_status status = pp_field_range(&field, 0.995, range);
    const bool wraps = phase && range[1] - range[0] > 5.5;
    if (wraps) range[0] = -3.141592653589793, range[1] = -range[0];
    if (status == PP_OK)
        status = pp_field_picture(&field, range,
                                  wraps   ? PP_COLOURS_CYCLIC
                                  : phase ? PP_COLOURS_SEQUENTIAL
                                          : PP_COLOURS_GREY,
                                  &image);
    pp_free(values);
    PP_TRY(status);
    const char *what = phase ? "phase" : "amplitude";
    (void)snprintf(title, sizeof title, "View %04lld, %s", (long long)v->number, what);
    (void)snprintf(caption, sizeof caption, "at %.2f degrees%s", v->geometry.angle * degree,
                   phase ? "; phase about its mean" : "");
    (void)snprintf(name, sizeof name, "view_%04lld_%s", (long long)v->number, what);
    const pp_figure figure = {.image = &image,
                              .pixel_size = v->geometry.pixel_size[1],
                              .range = range,
                              .colours = wraps   ? PP_COLOURS_CYCLIC
                                         : phase ? PP_COLOURS_SEQUENTIAL
                                                 : PP_COLOURS_GREY,
                              .quantity = what,
                              .unit = phase ? "rad" : "",
                              .title = title,
                              .caption = caption};
    status = pp_page_figure(page, &figure, name);
    pp_image_free(&image);
    return status;
}

static double power_of(const pp_c32 *mode, int64_t count)
{
    double sum = 0;
    for (int64_t i = 0; i < count; i++)
        sum += (double)mode[i].re * mode[i].re + (double)mode[i].im * mode[i].im;
    return sum;
}

static pp_status probe_figures(pp_page *page, const shown *v)
{
    if (!v->probe || pp_array_ndim(v->probe) != 3)
        return pp_page_absent(page, "probe: the file of view %lld has none", (long long)v->number);
    const int64_t modes = pp_array_size(v->probe, 0), ny = pp_array_size(v->probe, 1);
    const int64_t nx = pp_array_size(v->probe, 2);
    const pp_c32 *data = pp_array_read(v->probe);
    const double total = power_of(data, modes * ny * nx);
    for (int64_t m = 0; m < modes; m++) {
        char title[64], caption[112], name[64];
        pp_image image = {0};
        const double part = power_of(data + m * ny * nx, ny * nx);
        PP_TRY(pp_complex_picture(data + m * ny * nx, ny, nx, &image));
        (void)snprintf(title, sizeof title, modes > 1 ? "Probe, mode %lld" : "Probe",
                       (long long)m + 1);
        (void)snprintf(caption, sizeof caption,
                       "view %04lld: %.4g counts a pattern, %.1f %% of all", (long long)v->number,
                       part, total > 0 ? 100 * part / total : 0);
        (void)snprintf(name, sizeof name, "probe_mode_%lld", (long long)m + 1);
        const pp_figure figure = {.image = &image,
                                  .pixel_size = v->geometry.pixel_size[1],
                                  .phase_wheel = true,
                                  .title = title,
                                  .caption = caption};
        const pp_status status = pp_page_figure(page, &figure, name);
        pp_image_free(&image);
        PP_TRY(status);
    }
    return PP_OK;
}

static pp_status illumination_figure(pp_page *page, const shown *v)
{
    double range[2];
    pp_image image = {0};
    if (!v->illumination || pp_array_ndim(v->illumination) != 2 ||
        pp_array_dtype(v->illumination) != PP_F32)
        return pp_page_absent(page, "illumination: the file of view %lld has none",
                              (long long)v->number);
    const int64_t ny = pp_array_size(v->illumination, 0), nx = pp_array_size(v->illumination, 1);
    const pp_field field = {pp_array_read(v->illumination), ny, nx, nx, 1};
    PP_TRY(pp_field_range(&field, 1, range));
    PP_TRY(pp_field_picture(&field, range, PP_COLOURS_GREY, &image));
    char caption[96];
    (void)snprintf(caption, sizeof caption, "view %04lld: sum of |probe|\xc2\xb2 over all windows",
                   (long long)v->number);
    const pp_figure figure = {.image = &image,
                              .pixel_size = v->geometry.pixel_size[1],
                              .range = range,
                              .colours = PP_COLOURS_GREY,
                              .quantity = "illumination",
                              .unit = "counts",
                              .title = "Illumination",
                              .caption = caption};
    const pp_status status = pp_page_figure(page, &figure, "illumination");
    pp_image_free(&image);
    return status;
}

static pp_status show_objects(pp_page *page, int64_t number)
{
    shown v;
    char what[48];
    pp_status status = shown_read(page, number, &v);
    if (status == PP_OK) status = object_figure(page, &v, false);
    if (status == PP_OK) status = object_figure(page, &v, true);
    shown_free(&v);
    (void)snprintf(what, sizeof what, "view %lld", (long long)number);
    return pp_page_survive(page, status, what);
}

static pp_status show_light(pp_page *page, int64_t number)
{
    shown v;
    char what[64];
    pp_status status = shown_read(page, number, &v);
    if (status == PP_OK) status = probe_figures(page, &v);
    if (status == PP_OK) status = illumination_figure(page, &v);
    shown_free(&v);
    (void)snprintf(what, sizeof what, "probe and illumination of view %lld", (long long)number);
    return pp_page_survive(page, status, what);
}

static pp_status all_figures(pp_page *page, int64_t asked)
{
    const int64_t count = page->view_count;
    if (asked < count)
        PP_TRY(pp_text_add(&page->html, "<p class=\"note\">%lld of %lld views are shown.</p>\n",
                           (long long)asked, (long long)count));
    PP_TRY(pp_text_add(&page->html, "<div class=\"row four\">\n"));
    for (int64_t k = 0; k < asked; k++) PP_TRY(show_objects(page, page->views[k * count / asked]));
    PP_TRY(pp_text_add(&page->html, "</div>\n<div class=\"row\">\n"));
    PP_TRY(show_light(page, page->views[0]));
    return pp_text_add(&page->html, "</div>\n");
}

pp_status pp_page_views(pp_page *page)
{
    const int64_t count = page->view_count;
    PP_TRY(pp_page_section(page, "views", "Views"));
    if (count == 0)
        PP_TRY(pp_page_absent(
            page, "objects and probes: there are no files views/NNNN.h5 (a run that starts from "
                  "projections has none)"));
    else
        PP_TRY(all_figures(page, page->request->views < count ? page->request->views : count));
    return pp_page_end(page);
}

/* Cost histories and final errors of all views. */
typedef struct histories {
    pp_curve *curves; /* [views + 1]; the last is the median */
    double *angles, *errors;
    int64_t longest;
} histories;

static void histories_free(int64_t views, histories *h)
{
    for (int64_t v = 0; h->curves && v <= views; v++) {
        const double *x = h->curves[v].x, *y = h->curves[v].y;
        pp_free((void *)(uintptr_t)x);
        pp_free((void *)(uintptr_t)y);
    }
    pp_free(h->curves);
    pp_free(h->angles);
    pp_free(h->errors);
}

static pp_status curve_create(int64_t count, const double *from, pp_curve *out)
{
    double *x = NULL, *y = NULL;
    PP_TRY(PP_ALLOC(count, &x));
    const pp_status status = PP_ALLOC(count, &y);
    if (status != PP_OK) {
        pp_free(x);
        return status;
    }
    for (int64_t i = 0; i < count; i++) {
        x[i] = (double)i;
        y[i] = from ? from[i] : NAN;
    }
    *out = (pp_curve){.x = x, .y = y, .count = count};
    return PP_OK;
}

static pp_status history_read(const pp_page *page, int64_t v, histories *h)
{
    char *path = NULL;
    pp_array *cost = NULL, *error = NULL;
    pp_geometry geometry = {0};
    h->angles[v] = h->errors[v] = NAN;
    PP_TRY(pp_page_view_path(page, page->views[v], &path));
    pp_page_optional(path, "cost", &cost);
    pp_page_optional(path, "error", &error);
    if (pp_view_result_geometry(path, &geometry) == PP_OK)
        h->angles[v] = geometry.angle * degree;
    else
        pp_error_take(&(pp_error){0});
    pp_status status = PP_OK;
    if (cost && pp_array_dtype(cost) == PP_F64) {
        status = curve_create(pp_array_count(cost), pp_array_read(cost), &h->curves[v]);
        h->curves[v].faint = true;
        if (pp_array_count(cost) > h->longest) h->longest = pp_array_count(cost);
    }
    if (error && pp_array_dtype(error) == PP_F64)
        h->errors[v] = *(const double *)pp_array_read(error);
    pp_array_free(&cost);
    pp_array_free(&error);
    pp_free(path);
    return status;
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Median over the views at each iteration that at least half of them reached. */
static pp_status median_curve(int64_t views, histories *h)
{
    double *y = NULL, *sorted = NULL;
    pp_status status = PP_OK;
    PP_TRY_TO(done, PP_ALLOC(h->longest, &y));
    PP_TRY_TO(done, PP_ALLOC(views, &sorted));
    for (int64_t i = 0; i < h->longest; i++) {
        int64_t count = 0;
        for (int64_t v = 0; v < views; v++)
            if (i < h->curves[v].count) sorted[count++] = h->curves[v].y[i];
        qsort(sorted, (size_t)count, sizeof *sorted, by_size);
        y[i] = 2 * count >= views && count ? sorted[count / 2] : NAN;
    }
    status = curve_create(h->longest, y, &h->curves[views]);
    if (status == PP_OK) h->curves[views].name = views > 1 ? "median of all views" : NULL;
done:
    pp_free(sorted);
    pp_free(y);
    return status;
}

static pp_status cost_plot(pp_page *page, const histories *h)
{
    enum { LINES = 100 }; /* drawn at most, so that the page stays small */
    const int64_t views = page->view_count, every = (views + LINES - 1) / LINES;
    bool positive = true;
    char caption[96] = "";
    for (int64_t v = 0; v < views; v++)
        for (int64_t i = 0; i < h->curves[v].count; i++) positive &= h->curves[v].y[i] > 0;
    for (int64_t v = 0; v < views; v++)
        if (v % every) h->curves[v].count = 0;
    if (views > 1)
        (void)snprintf(caption, sizeof caption, "one faint line a view, %lld of %lld views",
                       (long long)((views + every - 1) / every), (long long)views);
    const pp_plot plot = {.curves = h->curves,
                          .count = views + 1,
                          .logarithmic = positive,
                          .title = "Cost of the ptychographic reconstruction",
                          .x_label = "iteration",
                          .y_label = "cost",
                          .caption = caption};
    return pp_plot_svg(&plot, &page->html);
}

static pp_status error_plot(pp_page *page, const histories *h)
{
    int64_t known = 0;
    for (int64_t v = 0; v < page->view_count; v++) known += isfinite(h->errors[v]);
    if (known == 0) return pp_page_absent(page, "errors: no view's file has one");
    if (known == 1) return PP_OK; /* it stands in the table of the geometry */
    const pp_curve curve = {
        .x = h->angles, .y = h->errors, .count = page->view_count, .dots = true};
    const pp_plot plot = {.curves = &curve,
                          .count = 1,
                          .logarithmic = true,
                          .title = "Error of each view at the end",
                          .x_label = "angle (degrees)",
                          .y_label = "error",
                          .caption = "sum (\xe2\x88\x9aI \xe2\x88\x92 \xe2\x88\x9a"
                                     "d)\xc2\xb2 / sum d over "
                                     "unmasked pixels"};
    return pp_plot_svg(&plot, &page->html);
}

pp_status pp_page_costs(pp_page *page)
{
    histories h = {0};
    const int64_t views = page->view_count;
    pp_status status = PP_OK;
    PP_TRY(pp_page_section(page, "convergence", "Convergence"));
    PP_TRY_TO(done, PP_ALLOC(views + 1, &h.curves));
    PP_TRY_TO(done, PP_ALLOC(views + 1, &h.angles));
    PP_TRY_TO(done, PP_ALLOC(views + 1, &h.errors));
    for (int64_t v = 0; v < views; v++) PP_TRY_TO(done, history_read(page, v, &h));
    PP_TRY_TO(done, pp_text_add(&page->html, "<div class=\"row wide\">\n"));
    if (h.longest == 0)
        PP_TRY_TO(done, pp_page_absent(page, "cost curves: no view's file has a cost history"));
    else {
        PP_TRY_TO(done, median_curve(views, &h));
        PP_TRY_TO(done, cost_plot(page, &h));
        PP_TRY_TO(done, error_plot(page, &h));
    }
    PP_TRY_TO(done, pp_page_rings(page));
    PP_TRY_TO(done, pp_text_add(&page->html, "</div>\n"));
done:
    histories_free(views, &h);
    PP_TRY(status);
    return pp_page_end(page);
}
