/* CXI: writing of one view, with the view angle as an extension.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "io/cxi.h"
#include "io/units.h"

#define DETECTOR "/entry_1/instrument_1/detector_1/"
#define SOURCE "/entry_1/instrument_1/source_1/"
#define TRANSLATION "/entry_1/sample_1/geometry_1/translation"

static const double radian = 57.295779513082320876798154814105; /* degrees */

enum { BLOCK = 64 };

/* Zero frequency from [0, 0] to n / 2, element by element of `size` bytes. */
static void centre(const char *from, char *to, int64_t n, size_t size)
{
    for (int64_t y = 0; y < n; y++)
        for (int64_t x = 0; x < n; x++)
            memcpy(to + (size_t)(pp_centred(y, n) * n + pp_centred(x, n)) * size,
                   from + (size_t)(y * n + x) * size, size);
}

static pp_status write_frames(pp_h5 *file, const pp_array *frames)
{
    static const char where[] = DETECTOR "data";
    const int64_t count = pp_array_size(frames, 0), n = pp_array_size(frames, 1);
    const size_t size = pp_dtype_size(pp_array_dtype(frames)), item = size * (size_t)(n * n);
    const pp_view like = {.dtype = pp_array_dtype(frames), .ndim = 3, .shape = {count, n, n}};
    char *block = NULL;
    PP_TRY(pp_h5_dataset(file, where, &like, "counts", true));
    PP_TRY(pp_h5_set_text(file, where, "axes", "translation:y:x"));
    PP_TRY(PP_ALLOC(item * BLOCK, &block));
    pp_status status = PP_OK;
    const char *from = pp_array_read(frames);
    for (int64_t j = 0; j < count && status == PP_OK; j += BLOCK) {
        const int64_t rows = count - j < BLOCK ? count - j : BLOCK;
        for (int64_t k = 0; k < rows; k++)
            centre(from + (size_t)(j + k) * item, block + (size_t)k * item, n, size);
        status = pp_h5_put_rows(file, where, j, rows, block);
    }
    pp_free(block);
    return status;
}

/* CXI: 0 is good; 1 is "pixel is invalid". */
static pp_status write_mask(pp_h5 *file, const pp_array *mask)
{
    if (!mask) return PP_OK;
    const int64_t n = pp_array_size(mask, 0), shape[] = {n, n};
    const uint8_t *good = pp_array_read(mask);
    pp_array *bits = NULL;
    PP_TRY(pp_array_create(PP_I32, 2, shape, "1", &bits));
    int32_t *out = pp_array_data(bits);
    for (int64_t y = 0; y < n; y++)
        for (int64_t x = 0; x < n; x++)
            out[pp_centred(y, n) * n + pp_centred(x, n)] = good[y * n + x] ? 0 : 1;
    const pp_status status = pp_h5_put_array(file, DETECTOR "mask", bits);
    pp_array_free(&bits);
    return status;
}

static pp_status write_positions(pp_h5 *file, const pp_array *positions, const pp_geometry *g)
{
    const int64_t count = pp_array_size(positions, 0), shape[] = {count, 3};
    const double *grid = pp_array_read(positions);
    pp_array *translation = NULL;
    PP_TRY(pp_array_create(PP_F64, 2, shape, "m", &translation));
    double *t = pp_array_data(translation);
    for (int64_t j = 0; j < count; j++) {
        t[3 * j] = grid[2 * j + 1] * g->pixel_size[1];
        t[3 * j + 1] = grid[2 * j] * g->pixel_size[0];
    }
    const pp_status status = pp_h5_put_array(file, TRANSLATION, translation);
    pp_array_free(&translation);
    return status;
}

static pp_status write_geometry(pp_h5 *file, const pp_geometry *g)
{
    PP_TRY(pp_h5_put_number(file, SOURCE "wavelength", g->wavelength, "m"));
    PP_TRY(pp_h5_put_number(file, SOURCE "energy", PP_HC / g->wavelength, "J"));
    PP_TRY(pp_h5_put_number(file, DETECTOR "distance", g->distance, "m"));
    PP_TRY(pp_h5_put_number(file, DETECTOR "y_pixel_size", g->detector_pixel[0], "m"));
    PP_TRY(pp_h5_put_number(file, DETECTOR "x_pixel_size", g->detector_pixel[1], "m"));
    return pp_h5_put_number(file, "/entry_1/sample_1/transformations/rotation_angle",
                            g->angle * radian, "degree");
}

static pp_status write_all(pp_h5 *file, const pp_cxi_view *view)
{
    PP_TRY(pp_h5_put_integer(file, "/cxi_version", 160, "1"));
    PP_TRY(pp_h5_put_integer(file, "/number_of_entries", 1, "1"));
    if (view->title) PP_TRY(pp_h5_put_text(file, "/entry_1/title", view->title));
    PP_TRY(write_geometry(file, view->geometry));
    PP_TRY(write_frames(file, view->frames));
    PP_TRY(write_mask(file, view->mask));
    PP_TRY(write_positions(file, view->positions, view->geometry));
    if (view->probe) PP_TRY(pp_h5_put_array(file, SOURCE "illumination", view->probe));
    PP_TRY(pp_h5_soft_link(file, DETECTOR "data", "/entry_1/data_1/data"));
    return pp_h5_soft_link(file, TRANSLATION, "/entry_1/data_1/translation");
}

pp_status pp_cxi_write(const char *path, const pp_cxi_view *view)
{
    const pp_geometry *g = view->geometry;
    if (!(g->wavelength > 0) || !(g->pixel_size[0] > 0) || !isfinite(g->angle))
        return PP_FAIL(PP_ERR_RUN, "%s: a view without wavelength, pixel size or angle", path);
    pp_h5 *file = NULL;
    PP_TRY(pp_h5_create(path, &file));
    const pp_status status = write_all(file, view);
    if (status == PP_OK) return pp_h5_commit(&file);
    pp_h5_close(&file);
    return status;
}
