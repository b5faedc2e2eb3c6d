/* Report: orthogonal slices of the volume, a projection and the sinogram of the middle row, shifts.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "io/h5.h"
#include "picture/report_internal.h"

/* The three middle slices of a volume [z][y][x]: across z [y][x], y [z][x], x [z][y]. */
typedef struct slices {
    int64_t nz, ny, nx;
    float *across[3];
    double range[2], pixel_size;
} slices;

static void slices_free(slices *s)
{
    for (int k = 0; k < 3; k++) pp_free(s->across[k]);
}

static pp_status slices_read(pp_h5 *file, const char *where, slices *s)
{
    pp_h5_info info;
    float *slice = NULL;
    PP_TRY(pp_h5_describe(file, where, &info));
    if (info.ndim != 3)
        return PP_FAIL(PP_ERR_DATA, "%s: %s has %d axes, not 3", pp_h5_path(file), where,
                       info.ndim);
    s->nz = info.shape[0];
    s->ny = info.shape[1];
    s->nx = info.shape[2];
    PP_TRY(PP_ALLOC(s->ny * s->nx, &s->across[0]));
    PP_TRY(PP_ALLOC(s->nz * s->nx, &s->across[1]));
    PP_TRY(PP_ALLOC(s->nz * s->ny, &s->across[2]));
    PP_TRY(PP_ALLOC(s->ny * s->nx, &slice));
    pp_status status = PP_OK;
    for (int64_t z = 0; z < s->nz && status == PP_OK; z++) {
        status = pp_h5_read_items(file, where, 2, z, 1, PP_F32, slice);
        if (z == s->nz / 2) memcpy(s->across[0], slice, (size_t)(s->ny * s->nx) * sizeof *slice);
        memcpy(s->across[1] + z * s->nx, slice + s->ny / 2 * s->nx, (size_t)s->nx * sizeof *slice);
        for (int64_t y = 0; y < s->ny; y++)
            s->across[2][z * s->ny + y] = slice[y * s->nx + s->nx / 2];
    }
    pp_free(slice);
    return status;
}

static pp_field slice_field(const slices *s, int k)
{
    const int64_t ny = k == 0 ? s->ny : s->nz, nx = k == 2 ? s->ny : s->nx;
    return (pp_field){s->across[k], ny, nx, nx, 1};
}

/* One range for the three slices. */
static pp_status common_range(slices *s)
{
    s->range[0] = INFINITY;
    s->range[1] = -INFINITY;
    for (int k = 0; k < 3; k++) {
        const pp_field field = slice_field(s, k);
        double range[2];
        PP_TRY(pp_field_range(&field, 0.998, range));
        s->range[0] = fmin(s->range[0], range[0]);
        s->range[1] = fmax(s->range[1], range[1]);
    }
    return PP_OK;
}

static pp_status slice_figure(pp_page *page, const slices *s, int k, const char *quantity)
{
    static const char *const plane[] = {"x right, y down, at z = 0", "x right, z down, at y = 0",
                                        "y right, z down, at x = 0"};
    static const char *const axis[] = {"z", "y", "x"};
    char title[64], name[64];
    pp_image image = {0};
    const pp_field field = slice_field(s, k);
    PP_TRY(pp_field_picture(&field, s->range, PP_COLOURS_SEQUENTIAL, &image));
    (void)snprintf(title, sizeof title, "%s, slice across %s", quantity, axis[k]);
    (void)snprintf(name, sizeof name, "%s_across_%s", quantity, axis[k]);
    const pp_figure figure = {.image = &image,
                              .pixel_size = s->pixel_size,
                              .range = s->range,
                              .quantity = quantity,
                              .unit = "",
                              .title = title,
                              .caption = plane[k]};
    const pp_status status = pp_page_figure(page, &figure, name);
    pp_image_free(&image);
    return status;
}

static pp_status volume_figures(pp_page *page, pp_h5 *file, const char *quantity)
{
    slices s = {0};
    char where[64];
    (void)snprintf(where, sizeof where, "/entry/data/%s", quantity);
    pp_status status = PP_OK;
    PP_TRY_TO(done, slices_read(file, where, &s));
    PP_TRY_TO(done, common_range(&s));
    if (pp_h5_kind_of(file, "/entry/data/pixel_size") == PP_H5_DATASET)
        PP_TRY_TO(done, pp_h5_read_number(file, "/entry/data/pixel_size", &s.pixel_size));
    for (int k = 0; k < 3; k++) PP_TRY_TO(done, slice_figure(page, &s, k, quantity));
done:
    slices_free(&s);
    return status;
}

static pp_status with_file(pp_page *page, const char *name,
                           pp_status (*show)(pp_page *page, pp_h5 *file))
{
    char *path = NULL;
    pp_h5 *file = NULL;
    PP_TRY(pp_page_path(page, name, &path));
    pp_status status = pp_h5_open(path, &file);
    if (status == PP_OK) status = show(page, file);
    pp_h5_close(&file);
    pp_free(path);
    return pp_page_survive(page, status, name);
}

/* Columns of /process/shell_correlation: frequency, shells, their threshold, rings, their threshold. */
static pp_status correlation_plot(pp_page *page, const double *columns[5], int64_t shells)
{
    const pp_curve curves[] = {{columns[0], columns[1], shells, "shells", false, false},
                               {columns[0], columns[2], shells, "half-bit, shells", true, false},
                               {columns[0], columns[3], shells, "rings", false, false},
                               {columns[0], columns[4], shells, "half-bit, rings", true, false}};
    const pp_plot plot = {.curves = curves,
                          .count = 4,
                          .title = "Fourier shell and ring correlation of the two half campaigns",
                          .x_label = "frequency (cycles a pixel)",
                          .y_label = "correlation",
                          .caption = "the resolution is where the curve falls below its threshold"};
    PP_TRY(pp_text_add(&page->html, "<div class=\"row wide\">\n"));
    PP_TRY(pp_plot_svg(&plot, &page->html));
    return pp_text_add(&page->html, "</div>\n");
}

static pp_status show_correlation(pp_page *page, pp_h5 *file)
{
    static const char where[] = "/process/shell_correlation";
    pp_h5_info info;
    double *rows = NULL, *turned = NULL;
    const double *columns[5];
    if (pp_h5_kind_of(file, where) != PP_H5_DATASET)
        return pp_page_absent(page, "Fourier shell correlation: tomo had no split = \"angles\"");
    PP_TRY(pp_h5_describe(file, where, &info));
    if (info.ndim != 2 || info.shape[1] != 5)
        return PP_FAIL(PP_ERR_DATA, "%s: %s is not a table of five columns", pp_h5_path(file),
                       where);
    const int64_t shells = info.shape[0];
    pp_status status = PP_ALLOC(5 * shells, &rows);
    if (status == PP_OK) status = PP_ALLOC(5 * shells, &turned);
    if (status == PP_OK) status = pp_h5_read_items(file, where, 1, 0, shells, PP_F64, rows);
    for (int64_t i = 0; status == PP_OK && i < 5 * shells; i++)
        turned[i % 5 * shells + i / 5] = rows[i];
    for (int k = 0; k < 5; k++) columns[k] = turned ? turned + k * shells : NULL;
    if (status == PP_OK) status = correlation_plot(page, columns, shells);
    pp_free(rows);
    pp_free(turned);
    return status;
}

/* Shifts (y, x) of each view, a dataset [views][2]. */
typedef struct shift_plot {
    const char *where, *title, *axis;
    const double *along; /* [views] */
    int64_t views;
} shift_plot;

static pp_status plot_shifts(pp_page *page, pp_h5 *file, const shift_plot *p)
{
    double *both = NULL, *y = NULL, *x = NULL;
    pp_status status = PP_OK;
    PP_TRY_TO(done, PP_ALLOC(2 * p->views, &both));
    PP_TRY_TO(done, PP_ALLOC(p->views, &y));
    PP_TRY_TO(done, PP_ALLOC(p->views, &x));
    PP_TRY_TO(done, pp_h5_read_items(file, p->where, 1, 0, p->views, PP_F64, both));
    for (int64_t v = 0; v < p->views; v++) {
        y[v] = both[2 * v];
        x[v] = both[2 * v + 1];
    }
    const pp_curve curves[] = {{p->along, y, p->views, "vertical", false, true},
                               {p->along, x, p->views, "horizontal", false, true}};
    const pp_plot plot = {.curves = curves,
                          .count = 2,
                          .title = p->title,
                          .x_label = p->axis,
                          .y_label = "shift (pixels)"};
    status = pp_plot_svg(&plot, &page->html);
done:
    pp_free(x);
    pp_free(y);
    pp_free(both);
    return status;
}

static pp_status show_joint_shifts(pp_page *page, pp_h5 *file)
{
    shift_plot plot = {"/process/joint_shifts", "Shifts found by the joint solve", "projection",
                       NULL, 0};
    pp_h5_info info;
    double *number;
    if (pp_h5_kind_of(file, plot.where) != PP_H5_DATASET) return PP_OK;
    PP_TRY(pp_h5_describe(file, plot.where, &info));
    if (info.ndim != 2 || info.shape[1] != 2)
        return PP_FAIL(PP_ERR_DATA, "%s: %s is not a table of two columns", pp_h5_path(file),
                       plot.where);
    plot.views = info.shape[0];
    PP_TRY(PP_ALLOC(plot.views, &number));
    for (int64_t v = 0; v < plot.views; v++) number[v] = (double)v;
    plot.along = number;
    pp_status status = pp_text_add(&page->html, "<div class=\"row wide\">\n");
    if (status == PP_OK) status = plot_shifts(page, file, &plot);
    if (status == PP_OK) status = pp_text_add(&page->html, "</div>\n");
    pp_free(number);
    return status;
}

static pp_status show_volume(pp_page *page, pp_h5 *file)
{
    PP_TRY(pp_text_add(&page->html, "<div class=\"row\">\n"));
    PP_TRY(volume_figures(page, file, "delta"));
    if (pp_h5_kind_of(file, "/entry/data/beta") == PP_H5_DATASET)
        PP_TRY(volume_figures(page, file, "beta"));
    else
        PP_TRY(pp_page_absent(page, "beta: volume.h5 has none"));
    PP_TRY(pp_text_add(&page->html, "</div>\n"));
    PP_TRY(show_joint_shifts(page, file));
    return show_correlation(page, file);
}

/* A section about one file of the run, or a line that says what is missing without it. */
static pp_status section_of_file(pp_page *page, const char *id, const char *title, const char *name,
                                 pp_status (*show)(pp_page *, pp_h5 *), const char *absent)
{
    PP_TRY(pp_page_section(page, id, title));
    if (pp_page_has(page, name))
        PP_TRY(with_file(page, name, show));
    else
        PP_TRY(pp_page_absent(page, "%s", absent));
    return pp_page_end(page);
}

pp_status pp_page_volume(pp_page *page)
{
    return section_of_file(page, "volume", "Volume", "volume.h5", show_volume,
                           "slices of the volume: there is no volume.h5 (the pipeline has no "
                           "tomography, or no stage save before the report)");
}

/* What the pictures of the stack need. */
typedef struct stack {
    int64_t views, ny, nx;
    double pixel_size, wrapped;
    double *theta;
} stack;

static pp_status stack_open(pp_h5 *file, stack *s)
{
    pp_h5_info info;
    PP_TRY(pp_h5_describe(file, "/exchange/data", &info));
    if (info.ndim != 3)
        return PP_FAIL(PP_ERR_DATA, "%s: /exchange/data has %d axes, not 3", pp_h5_path(file),
                       info.ndim);
    *s = (stack){.views = info.shape[0], .ny = info.shape[1], .nx = info.shape[2]};
    (void)pp_h5_attribute_number(file, "/exchange/data", "wrapped", &s->wrapped);
    if (pp_h5_kind_of(file, "/exchange/pixel_size") == PP_H5_DATASET)
        PP_TRY(pp_h5_read_number(file, "/exchange/pixel_size", &s->pixel_size));
    PP_TRY(PP_ALLOC(s->views, &s->theta));
    return pp_h5_read_items(file, "/exchange/theta", 0, 0, s->views, PP_F64, s->theta);
}

static pp_status phase_figure(pp_page *page, const stack *s, const pp_field *field, double aspect,
                              const char *const text[3])
{
    double range[2];
    pp_image image = {0};
    PP_TRY(pp_field_range(field, 0.999, range));
    PP_TRY(pp_field_picture(field, range, PP_COLOURS_SEQUENTIAL, &image));
    const pp_figure figure = {.image = &image,
                              .pixel_size = s->pixel_size,
                              .aspect = aspect,
                              .range = range,
                              .quantity = s->wrapped > 0 ? "phase, wrapped" : "phase",
                              .unit = "rad",
                              .title = text[0],
                              .caption = text[1]};
    const pp_status status = pp_page_figure(page, &figure, text[2]);
    pp_image_free(&image);
    return status;
}

static pp_status show_projection(pp_page *page, pp_h5 *file, const stack *s, int64_t view)
{
    float *data = NULL;
    char caption[96];
    PP_TRY(PP_ALLOC(s->ny * s->nx, &data));
    pp_status status = pp_h5_read_items(file, "/exchange/data", 2, view, 1, PP_F32, data);
    (void)snprintf(caption, sizeof caption, "projection %lld of %lld, at %.2f degrees",
                   (long long)view, (long long)s->views, s->theta[view]);
    const pp_field field = {data, s->ny, s->nx, s->nx, 1};
    if (status == PP_OK)
        status = phase_figure(page, s, &field, 0,
                              (const char *const[]){"Projection", caption, "projection"});
    pp_free(data);
    return status;
}

/* One row of every view, in the order of the file; the picture is nearly as tall as wide. text: title, caption, name. */
static pp_status sinogram_figure(pp_page *page, const stack *s, const float *rows,
                                 const char *const text[3])
{
    const pp_field field = {rows, s->views, s->nx, s->nx, 1};
    return phase_figure(page, s, &field, 0.8, text);
}

/* The middle row as it came from the views; only align knows it. */
static pp_status show_unmoved(pp_page *page, pp_h5 *file, const stack *s)
{
    static const char where[] = "/process/sinogram";
    pp_h5_info info;
    float *rows;
    if (pp_h5_kind_of(file, where) != PP_H5_DATASET)
        return pp_page_absent(page, "sinogram before alignment: no stage align made this stack");
    PP_TRY(pp_h5_describe(file, where, &info));
    if (info.ndim != 2 || info.shape[0] != s->views || info.shape[1] != s->nx)
        return PP_FAIL(PP_ERR_DATA, "%s: %s has not the shape of a sinogram", pp_h5_path(file),
                       where);
    PP_TRY(PP_ALLOC(s->views * s->nx, &rows));
    pp_status status = pp_h5_read_items(file, where, 1, 0, s->views, PP_F32, rows);
    if (status == PP_OK)
        status = sinogram_figure(
            page, s, rows,
            (const char *const[]){"Sinogram before alignment",
                                  "the same row of every view, normalised and not yet moved",
                                  "sinogram_before"});
    pp_free(rows);
    return status;
}

static pp_status show_sinogram(pp_page *page, pp_h5 *file, const stack *s)
{
    float *rows = NULL;
    char caption[128];
    PP_TRY(PP_ALLOC(s->views * s->nx, &rows));
    pp_status status = PP_OK;
    for (int64_t v = 0; v < s->views && status == PP_OK; v++)
        status = pp_h5_read_items(file, "/exchange/data", 1, v * s->ny + s->ny / 2, 1, PP_F32,
                                  rows + v * s->nx);
    (void)snprintf(
        caption, sizeof caption,
        "row %lld of every projection, from %.2f degrees (top) to %.2f (bottom), %lld views",
        (long long)(s->ny / 2), s->theta[0], s->theta[s->views - 1], (long long)s->views);
    if (status == PP_OK)
        status = sinogram_figure(
            page, s, rows,
            (const char *const[]){"Sinogram of the middle row", caption, "sinogram"});
    pp_free(rows);
    return status;
}

static pp_status show_shifts(pp_page *page, pp_h5 *file, const stack *s)
{
    const shift_plot plot = {"/process/shifts", "Shifts applied by the alignment",
                             "angle (degrees)", s->theta, s->views};
    if (pp_h5_kind_of(file, plot.where) != PP_H5_DATASET)
        return pp_page_absent(page, "shifts: projections.h5 has no /process/shifts");
    return plot_shifts(page, file, &plot);
}

static pp_status show_stack(pp_page *page, pp_h5 *file)
{
    stack s = {0};
    pp_status status = PP_OK;
    PP_TRY_TO(done, stack_open(file, &s));
    PP_TRY_TO(done, pp_text_add(&page->html, "<div class=\"row\">\n"));
    PP_TRY_TO(done, show_projection(page, file, &s, 0));
    PP_TRY_TO(done, show_unmoved(page, file, &s));
    PP_TRY_TO(done, show_sinogram(page, file, &s));
    PP_TRY_TO(done, pp_text_add(&page->html, "</div>\n<div class=\"row wide\">\n"));
    PP_TRY_TO(done, show_shifts(page, file, &s));
    status = pp_text_add(&page->html, "</div>\n");
done:
    pp_free(s.theta);
    return status;
}

pp_status pp_page_projections(pp_page *page)
{
    return section_of_file(page, "projections", "Projections", "projections.h5", show_stack,
                           "projections and sinogram: there is no projections.h5 (no stage save "
                           "before the report, or no campaign)");
}
