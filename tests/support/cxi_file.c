/* SPDX-License-Identifier: BSD-3-Clause */
#include "support/cxi_file.h"

#include <string.h>
#include <unistd.h>

const char *cxi_path = "test_cxi.cxi";
const double cxi_wavelength = 1.4e-10, cxi_distance = 2, cxi_pixel = 75e-6;

double cxi_grid_y(int j)
{
    return j % 2 * 5 - 1.25;
}
double cxi_grid_x(int j)
{
    return j / 2 * 7 + 0.5;
}
int cxi_count_at(int j, int r, int c)
{
    return 100 * j + 10 * r + c;
}

void cxi_put_reals(pp_h5 *file, const char *where, int ndim, const int64_t *shape,
                   const double *values, const char *unit)
{
    pp_view view = {.dtype = PP_F64, .ndim = ndim};
    double copy[1024];
    size_t total = 1;
    for (int k = 0; k < ndim; k++) {
        view.shape[k] = shape[k];
        total *= (size_t)shape[k];
    }
    memcpy(copy, values, total * sizeof *values);
    view.data = copy;
    pp_assert_ok(pp_h5_put(file, where, view, unit ? unit : ""));
}

static void put_frames(pp_h5 *file, const cxi_recipe *r)
{
    const int frames = r->frames ? r->frames : J, rows = r->rows ? r->rows : N,
              columns = r->columns ? r->columns : N;
    pp_array *array = NULL;
    const int64_t shape[] = {frames, rows, columns};
    const pp_dtype dtype = r->dtype ? (pp_dtype)r->dtype : PP_U16;
    pp_assert_ok(pp_array_create(dtype, 3, shape, "counts", &array));
    for (int j = 0; j < frames; j++)
        for (int y = 0; y < rows; y++)
            for (int x = 0; x < columns; x++) {
                const int at = (j * rows + y) * columns + x, v = cxi_count_at(j, y, x);
                if (dtype == PP_U16) ((uint16_t *)pp_array_data(array))[at] = (uint16_t)v;
                if (dtype == PP_I32) ((int32_t *)pp_array_data(array))[at] = v;
                if (dtype == PP_F64) ((double *)pp_array_data(array))[at] = v;
            }
    pp_assert_ok(pp_h5_put_array(file, CXI_DETECTOR "data", array));
    pp_array_free(&array);
}

static void put_translation(pp_h5 *file, const cxi_recipe *r)
{
    const int count = r->three ? 3 : r->positions ? r->positions : J;
    const double size = cxi_wavelength * cxi_distance / (N * cxi_pixel);
    const double factor = r->translation_factor > 0 ? r->translation_factor : 1;
    double values[3 * 16];
    for (int j = 0; j < count; j++) {
        const double t[3] = {cxi_grid_x(j) * size * factor, cxi_grid_y(j) * size * factor, 0};
        for (int k = 0; k < 3; k++) values[r->wide ? k * count + j : 3 * j + k] = t[k];
    }
    const int64_t tall[] = {count, 3}, wide[] = {3, count};
    cxi_put_reals(file, CXI_TRANSLATION, 2, r->wide ? wide : tall, values, r->translation_unit);
}

void cxi_put_number(pp_h5 *file, const char *where, double value, const char *unit)
{
    pp_assert_ok(pp_h5_put_number(file, where, value, unit ? unit : ""));
}

pp_h5 *cxi_start(const cxi_recipe *r)
{
    pp_h5 *file = NULL;
    (void)unlink(cxi_path);
    pp_assert_ok(pp_h5_create(cxi_path, &file));
    if (!r->no_wavelength) cxi_put_number(file, CXI_SOURCE "wavelength", cxi_wavelength, "m");
    cxi_put_number(file, CXI_DETECTOR "distance",
                   r->distance_value > 0 ? r->distance_value : cxi_distance, r->distance_unit);
    const double p = r->pixel_value > 0 ? r->pixel_value : cxi_pixel;
    if (!r->no_pixel) cxi_put_number(file, CXI_DETECTOR "x_pixel_size", p, r->pixel_unit);
    if (!r->no_pixel && !r->x_pixel_only)
        cxi_put_number(file, CXI_DETECTOR "y_pixel_size", p, r->pixel_unit);
    if (!r->dead_link) put_frames(file, r);
    pp_assert_ok(pp_h5_soft_link(file, CXI_DETECTOR "data", "/entry_1/data_1/data"));
    if (!r->no_translation) put_translation(file, r);
    return file;
}

void cxi_finish(pp_h5 *file)
{
    pp_assert_ok(pp_h5_commit(&file));
}
void cxi_make(const cxi_recipe *r)
{
    cxi_finish(cxi_start(r));
}

const pp_cxi_options cxi_plain;
const cxi_recipe cxi_usual;

void cxi_expect_grid(const pp_cxi_options *options)
{
    pp_cxi cxi;
    pp_assert_ok(pp_cxi_open(cxi_path, options, &cxi));
    ck_assert_int_eq(cxi.patterns, J);
    for (int j = 0; j < J; j++) {
        pp_assert_near(cxi.grid[2 * j], cxi_grid_y(j), 1e-9);
        pp_assert_near(cxi.grid[2 * j + 1], cxi_grid_x(j), 1e-9);
    }
    pp_assert_near(cxi.geometry.pixel_size[0] / (cxi_wavelength * cxi_distance / (N * cxi_pixel)),
                   1, 1e-9);
    pp_cxi_free(&cxi);
}

void cxi_refused_with(const pp_cxi_options *options, const char *text)
{
    pp_cxi cxi;
    ck_assert_int_eq(pp_cxi_open(cxi_path, options, &cxi), PP_ERR_DATA);
    const char *said = pp_error_last()->text;
    ck_assert_msg(strncmp(said, cxi_path, strlen(cxi_path)) == 0, "no file name: %s", said);
    ck_assert_msg(strstr(said, text), "'%s' is not in: %s", text, said);
}

void cxi_refused(const cxi_recipe *r, const char *text)
{
    cxi_make(r);
    cxi_refused_with(&cxi_plain, text);
}

void cxi_read_counts(const pp_cxi_options *options, const pp_frame_rules *rules, pp_array **frames,
                     pp_array **mask, pp_frame_facts *facts)
{
    pp_cxi cxi;
    pp_assert_ok(pp_cxi_open(cxi_path, options, &cxi));
    pp_assert_ok(pp_cxi_read(&cxi, options, rules, frames, mask, facts));
    pp_cxi_free(&cxi);
}
