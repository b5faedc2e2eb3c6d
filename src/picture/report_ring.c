/* Report: Fourier ring correlation of the halves of each view's frames.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "io/result.h"
#include "picture/report_internal.h"
#include "solvers/halves.h"

/* The views that have a curve. */
typedef struct rings {
    pp_curve *curves;     /* [views + 1]; the last is the first view's threshold */
    double *half_periods; /* m, where the curve falls below its threshold */
    int64_t count;
    double crossing; /* of the first one, cycles a pixel */
} rings;

static void rings_free(rings *r)
{
    for (int64_t k = 0; r->curves && k <= r->count; k++) {
        pp_free((void *)(uintptr_t)r->curves[k].x);
        pp_free((void *)(uintptr_t)r->curves[k].y);
    }
    pp_free(r->curves);
    pp_free(r->half_periods);
}

static pp_status curve_create(const pp_array *table, int column, pp_curve *out)
{
    const int64_t count = pp_array_size(table, 0);
    const double *rows = pp_array_read(table);
    double *x = NULL, *y = NULL;
    PP_TRY(PP_ALLOC(count, &x));
    const pp_status status = PP_ALLOC(count, &y);
    if (status != PP_OK) {
        pp_free(x);
        return status;
    }
    for (int64_t k = 0; k < count; k++) {
        x[k] = rows[k * PP_RING_COLUMNS + PP_RING_FREQUENCY];
        y[k] = rows[k * PP_RING_COLUMNS + column];
    }
    *out = (pp_curve){.x = x, .y = y, .count = count};
    return PP_OK;
}

/* Its curve goes before the threshold, which stays last. */
static pp_status add_view(rings *r, const pp_array *table, double pixel)
{
    const double crossing = pp_ring_crossing(table);
    if (r->count == 0) {
        PP_TRY(curve_create(table, PP_RING_THRESHOLD, &r->curves[0]));
        r->curves[0].name = "half-bit threshold";
        r->crossing = crossing;
    }
    r->curves[r->count + 1] = r->curves[r->count];
    r->curves[r->count] = (pp_curve){0};
    r->half_periods[r->count++] = pixel / (2 * crossing);
    PP_TRY(curve_create(table, PP_RING_VALUE, &r->curves[r->count - 1]));
    if (r->count == 1) r->curves[0].name = "even and odd frames";
    r->curves[r->count - 1].faint = r->count > 1;
    return PP_OK;
}

static pp_status read_view(const pp_page *page, int64_t number, rings *r)
{
    char *path = NULL;
    pp_array *table = NULL;
    pp_geometry geometry = {0};
    PP_TRY(pp_page_view_path(page, number, &path));
    pp_status status = PP_OK;
    pp_page_optional(path, "ring_correlation", &table);
    if (table && (pp_array_dtype(table) != PP_F64 || pp_array_ndim(table) != 2 ||
                  pp_array_size(table, 1) != PP_RING_COLUMNS))
        status = PP_FAIL(PP_ERR_DATA,
                         "%s: /entry_1/process_1/ring_correlation is no table of %d "
                         "columns",
                         path, PP_RING_COLUMNS);
    if (status == PP_OK && table) status = pp_view_result_geometry(path, &geometry);
    if (status == PP_OK && table) status = add_view(r, table, geometry.pixel_size[0]);
    pp_array_free(&table);
    pp_free(path);
    return status;
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static pp_status show(pp_page *page, rings *r)
{
    char caption[192];
    qsort(r->half_periods, (size_t)r->count, sizeof *r->half_periods, by_size);
    if (r->count == 1)
        (void)snprintf(caption, sizeof caption,
                       "above half a bit up to %.3f cycles a pixel: resolution %.3g nm (half "
                       "period)",
                       r->crossing, 1e9 * r->half_periods[0]);
    else
        (void)snprintf(caption, sizeof caption,
                       "one line a view; resolution by half a bit: median %.3g nm, from %.3g to "
                       "%.3g nm (half period)",
                       1e9 * r->half_periods[r->count / 2], 1e9 * r->half_periods[0],
                       1e9 * r->half_periods[r->count - 1]);
    const pp_plot plot = {.curves = r->curves,
                          .count = r->count + 1,
                          .title = "Fourier ring correlation of even and odd frames",
                          .x_label = "frequency (cycles a pixel)",
                          .y_label = "correlation",
                          .caption = caption};
    return pp_plot_svg(&plot, &page->html);
}

pp_status pp_page_rings(pp_page *page)
{
    enum { MOST = 100 }; /* views drawn */
    const int64_t views = page->view_count, every = (views + MOST - 1) / MOST;
    rings r = {0};
    pp_status status = PP_OK;
    PP_TRY_TO(done, PP_ALLOC(views + 1, &r.curves));
    PP_TRY_TO(done, PP_ALLOC(views + 1, &r.half_periods));
    for (int64_t v = 0; v < views; v += every) PP_TRY_TO(done, read_view(page, page->views[v], &r));
    if (r.count) status = show(page, &r); /* else nobody asked for it */
done:
    rings_free(&r);
    return pp_page_survive(page, status, "Fourier ring correlation");
}
