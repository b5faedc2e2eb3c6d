/* Report: the volume against a known one: error, scale, translation, and their Fourier shell correlation.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include <polyptych/log.h>

#include "base/alloc.h"
#include "comm/comm.h"
#include "io/h5.h"
#include "picture/report_internal.h"
#include "tomo/shell_correlation.h"

typedef struct cube {
    int64_t shape[3];
    float *data;
} cube;

static pp_status cube_read(const char *path, cube *out)
{
    static const char *const places[] = {"/delta", "/entry/data/delta", NULL};
    pp_h5 *file = NULL;
    pp_h5_info info;
    PP_TRY(pp_h5_open(path, &file));
    pp_status status = PP_OK;
    const char *where = pp_h5_first(file, places);
    if (!where) {
        status = PP_FAIL(PP_ERR_DATA,
                         "%s: a volume at /delta or /entry/data/delta is expected, "
                         "found neither",
                         path);
    } else {
        status = pp_h5_describe(file, where, &info);
        if (status == PP_OK && info.ndim != 3)
            status = PP_FAIL(PP_ERR_DATA, "%s: %s has %d axes, not 3", path, where, info.ndim);
    }
    if (status == PP_OK) {
        memcpy(out->shape, info.shape, sizeof out->shape);
        status = PP_ALLOC(out->shape[0] * out->shape[1] * out->shape[2], &out->data);
    }
    if (status == PP_OK) status = pp_h5_read_items(file, where, 3, 0, 1, PP_F32, out->data);
    pp_h5_close(&file);
    return status;
}

static pp_status numbers(pp_page *page, const pp_volume_error *e)
{
    PP_TRY(pp_text_add(&page->html, "<table>\n"));
    PP_TRY(pp_page_row(page, "truth", "%s", page->request->truth));
    PP_TRY(pp_page_row(page, "relative error of delta, central three quarters of each axis", "%.4f",
                       e->error));
    PP_TRY(pp_page_row(page, "scale, 1 where delta is as large as the truth", "%.4f", e->scale));
    PP_TRY(pp_page_row(
        page, "error and scale of delta's means over voxels, where that is what the truth holds",
        "%.4f, %.4f", e->means_error, e->means_scale));
    PP_TRY(pp_page_row(page, "moved by (z, y, x) for the best agreement", "%.2f, %.2f, %.2f voxels",
                       e->shift[0], e->shift[1], e->shift[2]));
    return pp_text_add(&page->html, "</table>\n");
}

/* rows: columns of src/tomo/shell_correlation.h. */
static pp_status plot(pp_page *page, const double *rows, int64_t shells)
{
    double *turned;
    PP_TRY(PP_ALLOC(3 * shells, &turned));
    for (int64_t i = 0; i < 3 * shells; i++)
        turned[i] = rows[i % shells * PP_SHELL_COLUMNS + i / shells];
    const pp_curve curves[] = {
        {turned, turned + shells, shells, "volume and truth", false, false},
        {turned, turned + 2 * shells, shells, "half-bit threshold", true, false}};
    const pp_plot picture = {.curves = curves,
                             .count = 2,
                             .title = "Fourier shell correlation of volume and truth",
                             .x_label = "frequency (cycles a pixel)",
                             .y_label = "correlation"};
    pp_status status = pp_text_add(&page->html, "<div class=\"row wide\">\n");
    if (status == PP_OK) status = pp_plot_svg(&picture, &page->html);
    if (status == PP_OK) status = pp_text_add(&page->html, "</div>\n");
    pp_free(turned);
    return status;
}

/* Correlation needs square slices of even side. */
static pp_status curve(pp_page *page, const cube *truth, const float *moved)
{
    const int64_t n = truth->shape[2];
    double *curves = NULL;
    pp_comm *alone = NULL;
    if (truth->shape[1] != n || n % 2)
        return pp_page_absent(page, "shell correlation with the truth: its slices are not square "
                                    "with an even side");
    pp_status status = PP_ALLOC(n / 2 * PP_SHELL_COLUMNS, &curves);
    if (status == PP_OK) status = pp_comm_self(&alone);
    if (status == PP_OK)
        status = pp_shell_correlation(alone, truth->shape[0], n, moved, truth->data, curves);
    if (status == PP_OK) status = plot(page, curves, n / 2);
    if (alone) pp_comm_free(&alone);
    pp_free(curves);
    return status;
}

static pp_status compare(pp_page *page)
{
    cube volume = {0}, truth = {0};
    float *moved = NULL;
    char *path = NULL;
    pp_volume_error found;
    pp_status status = PP_OK;
    PP_TRY_TO(done, pp_page_path(page, "volume.h5", &path));
    PP_TRY_TO(done, cube_read(path, &volume));
    PP_TRY_TO(done, cube_read(page->request->truth, &truth));
    PP_TRY_TO(done, PP_ALLOC(truth.shape[0] * truth.shape[1] * truth.shape[2], &moved));
    PP_TRY_TO(done, pp_volume_error_find(volume.shape, volume.data, truth.shape, truth.data, moved,
                                         &found));
    pp_info("report: relative error of delta against the truth %.4f, scale %.4f; of its means over "
            "voxels %.4f, %.4f",
            found.error, found.scale, found.means_error, found.means_scale);
    if (page->request->found) *page->request->found = found;
    PP_TRY_TO(done, numbers(page, &found));
    status = curve(page, &truth, moved);
done:
    pp_free(path);
    pp_free(moved);
    pp_free(volume.data);
    pp_free(truth.data);
    return status;
}

pp_status pp_page_truth(pp_page *page)
{
    if (!page->request->truth || !page->request->truth[0]) return PP_OK;
    PP_TRY(pp_page_section(page, "truth", "Against the truth"));
    if (pp_page_has(page, "volume.h5"))
        PP_TRY(pp_page_survive(page, compare(page), "the comparison with the truth"));
    else
        PP_TRY(pp_page_absent(page, "error against the truth: there is no volume.h5"));
    return pp_page_end(page);
}
