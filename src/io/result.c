/* views/NNNN.h5: H5 paths as in include/polyptych/stage.h and the contract of the results.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "io/result.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "io/h5.h"

static const double radian = 57.295779513082320876798154814105; /* degrees */
static const char identity_path[] = "/polyptych/identity";
static const char parameters_path[] = "/polyptych/parameters";
static const char model_name[] = "model";

enum { PATH_BYTES = 128 };

/* Where a port lies in the file. */
static void port_path(const char *port, char out[PATH_BYTES])
{
    static const char *const known[][2] = {{"object", "/entry_1/object/data"},
                                           {"origin", "/entry_1/object/origin"},
                                           {"illumination", "/entry_1/object/illumination"},
                                           {"probe", "/entry_1/probe/data"},
                                           {"positions", "/entry_1/positions"}};
    for (size_t k = 0; k < sizeof known / sizeof *known; k++)
        if (strcmp(port, known[k][0]) == 0) {
            (void)snprintf(out, PATH_BYTES, "%s", known[k][1]);
            return;
        }
    (void)snprintf(out, PATH_BYTES, "/entry_1/process_1/%s", port);
}

void pp_identity_free(pp_identity *identity)
{
    pp_free(identity->parameters);
    identity->parameters = NULL;
}

pp_status pp_identity_write(pp_h5 *file, const char *hash, const char *parameters)
{
    PP_TRY(pp_h5_put_text(file, identity_path, hash));
    return pp_h5_put_text(file, parameters_path, parameters ? parameters : "");
}

pp_status pp_result_identity(const char *path, pp_identity *out)
{
    pp_h5 *file = NULL;
    char *hash = NULL;
    *out = (pp_identity){{0}, NULL};
    PP_TRY(pp_h5_open(path, &file));
    pp_status status = PP_OK;
    if (pp_h5_kind_of(file, identity_path) != PP_H5_DATASET)
        status = PP_FAIL(PP_ERR_DATA, "%s: %s: missing: not a result file of this program", path,
                         identity_path);
    if (status == PP_OK) status = pp_h5_read_text(file, identity_path, &hash);
    if (status == PP_OK && strlen(hash) >= PP_HASH_TEXT)
        status = PP_FAIL(PP_ERR_DATA, "%s: %s: no hash", path, identity_path);
    if (status == PP_OK) status = pp_h5_read_text(file, parameters_path, &out->parameters);
    if (status == PP_OK) memcpy(out->hash, hash, strlen(hash) + 1);
    pp_free(hash);
    pp_h5_close(&file);
    return status;
}

typedef struct number_at {
    const char *where;
    double value;
    const char *unit;
} number_at;

static const double planck_times_light = 1.986445857148928e-25; /* J m */

static pp_status write_geometry(pp_h5 *file, const pp_geometry *g)
{
    const number_at items[] = {
        {"/entry_1/object/y_pixel_size", g->pixel_size[0], "m"},
        {"/entry_1/object/x_pixel_size", g->pixel_size[1], "m"},
        {"/entry_1/probe/y_pixel_size", g->pixel_size[0], "m"},
        {"/entry_1/probe/x_pixel_size", g->pixel_size[1], "m"},
        {"/entry_1/sample_1/transformations/rotation_angle", g->angle * radian, "degree"},
        {"/entry_1/instrument_1/detector_1/distance", g->distance, "m"},
        {"/entry_1/instrument_1/detector_1/y_pixel_size", g->detector_pixel[0], "m"},
        {"/entry_1/instrument_1/detector_1/x_pixel_size", g->detector_pixel[1], "m"},
        {"/entry_1/instrument_1/beam_1/incident_wavelength", g->wavelength, "m"},
        {"/entry_1/instrument_1/beam_1/incident_energy",
         g->wavelength > 0 ? planck_times_light / g->wavelength : 0, "J"}};
    for (size_t k = 0; k < sizeof items / sizeof *items; k++)
        PP_TRY(pp_h5_put_number(file, items[k].where, items[k].value, items[k].unit));
    return PP_OK;
}

static const pp_array *find(const pp_named_array *arrays, int count, const char *port)
{
    for (int k = 0; k < count; k++)
        if (strcmp(arrays[k].port, port) == 0) return arrays[k].array;
    return NULL;
}

/* Stored = grid + sign * (origin - n / 2): to array positions with sign 1, back with -1. */
static void move_positions(double *positions, int64_t count, int64_t n, const int64_t origin[2],
                           int sign)
{
    for (int64_t j = 0; j < count; j++)
        for (int axis = 0; axis < 2; axis++)
            positions[2 * j + axis] += (double)(sign * (origin[axis] - n / 2));
}

static pp_status write_positions(pp_h5 *file, const pp_named_array *arrays, int count,
                                 const pp_array *positions)
{
    const pp_array *probe = find(arrays, count, "probe"), *origin = find(arrays, count, "origin");
    if (!probe || !origin)
        return PP_FAIL(PP_ERR_RUN,
                       "%s: positions without the ports probe and origin cannot be stored",
                       pp_h5_path(file));
    pp_array *moved = NULL;
    PP_TRY(pp_array_copy(positions, &moved));
    move_positions(pp_array_data(moved), pp_array_size(moved, 0),
                   pp_array_size(probe, pp_array_ndim(probe) - 1), pp_array_read(origin), 1);
    const pp_status status = pp_h5_put_array(file, "/entry_1/positions", moved);
    pp_array_free(&moved);
    return status;
}

static pp_status write_arrays(pp_h5 *file, const pp_named_array *arrays, int count,
                              const char *model)
{
    for (int k = 0; k < count; k++) {
        if (!arrays[k].array) continue;
        char where[PATH_BYTES];
        port_path(arrays[k].port, where);
        if (strcmp(arrays[k].port, "positions") == 0)
            PP_TRY(write_positions(file, arrays, count, arrays[k].array));
        else
            PP_TRY(pp_h5_put_array(file, where, arrays[k].array));
        if (strcmp(arrays[k].port, "cost") == 0 && model)
            PP_TRY(pp_h5_set_text(file, where, model_name, model));
    }
    return PP_OK;
}

pp_status pp_view_result_write(const char *path, int64_t number, const pp_geometry *geometry,
                               const pp_named_array *arrays, int count, const char *model,
                               const pp_identity *identity)
{
    pp_h5 *file = NULL;
    PP_TRY(pp_h5_create(path, &file));
    pp_status status = PP_OK;
    PP_TRY_TO(done, pp_h5_put_integer(file, "/cxi_version", 160, "1"));
    PP_TRY_TO(done, write_arrays(file, arrays, count, model));
    PP_TRY_TO(done, write_geometry(file, geometry));
    PP_TRY_TO(done, pp_h5_put_integer(file, "/entry_1/process_1/view", number, "1"));
    PP_TRY_TO(done, pp_h5_put_text(file, "/entry_1/process_1/program", "polyptych"));
    PP_TRY_TO(done, pp_identity_write(file, identity->hash, identity->parameters));
    return pp_h5_commit(&file);
done:
    pp_h5_close(&file);
    return status;
}

static pp_dtype stored_dtype(const pp_h5_info *info)
{
    if (info->type == PP_H5_COMPLEX) return info->bits > 32 ? PP_C64 : PP_C32;
    if (info->type == PP_H5_FLOAT) return info->bits > 32 ? PP_F64 : PP_F32;
    if (info->bits <= 8) return PP_U8;
    if (info->bits <= 16) return PP_U16;
    return info->bits <= 32 ? PP_I32 : PP_I64;
}

static pp_status read_port(pp_h5 *file, const char *port, pp_array **out)
{
    char where[PATH_BYTES];
    pp_h5_info info;
    port_path(port, where);
    PP_TRY(pp_h5_describe(file, where, &info));
    return pp_h5_read_array(file, where, stored_dtype(&info), out);
}

static pp_status restore_positions(pp_h5 *file, pp_array *positions)
{
    pp_h5_info probe;
    pp_array *origin = NULL;
    PP_TRY(pp_h5_describe(file, "/entry_1/probe/data", &probe));
    PP_TRY(read_port(file, "origin", &origin));
    move_positions(pp_array_data(positions), pp_array_size(positions, 0),
                   probe.shape[probe.ndim - 1], pp_array_read(origin), -1);
    pp_array_free(&origin);
    return PP_OK;
}

pp_status pp_view_result_read(const char *path, const char *port, pp_array **out)
{
    pp_h5 *file = NULL;
    pp_array *array = NULL;
    PP_TRY(pp_h5_open(path, &file));
    pp_status status = read_port(file, port, &array);
    if (status == PP_OK && strcmp(port, "positions") == 0) status = restore_positions(file, array);
    pp_h5_close(&file);
    if (status == PP_OK)
        *out = array;
    else
        pp_array_free(&array);
    return status;
}

pp_status pp_view_result_has(const char *path, const char *port, bool *there)
{
    char where[PATH_BYTES];
    pp_h5 *file = NULL;
    port_path(port, where);
    PP_TRY(pp_h5_open(path, &file));
    *there = pp_h5_kind_of(file, where) != PP_H5_NONE;
    pp_h5_close(&file);
    return PP_OK;
}

pp_status pp_view_result_geometry(const char *path, pp_geometry *out)
{
    pp_geometry g = {0};
    const struct {
        const char *where;
        double *value;
    } items[] = {{"/entry_1/object/y_pixel_size", &g.pixel_size[0]},
                 {"/entry_1/object/x_pixel_size", &g.pixel_size[1]},
                 {"/entry_1/sample_1/transformations/rotation_angle", &g.angle},
                 {"/entry_1/instrument_1/detector_1/distance", &g.distance},
                 {"/entry_1/instrument_1/detector_1/y_pixel_size", &g.detector_pixel[0]},
                 {"/entry_1/instrument_1/detector_1/x_pixel_size", &g.detector_pixel[1]},
                 {"/entry_1/instrument_1/beam_1/incident_wavelength", &g.wavelength}};
    pp_h5 *file = NULL;
    PP_TRY(pp_h5_open(path, &file));
    pp_status status = PP_OK;
    for (size_t k = 0; k < sizeof items / sizeof *items && status == PP_OK; k++)
        status = pp_h5_read_number(file, items[k].where, items[k].value);
    pp_h5_close(&file);
    PP_TRY(status);
    g.angle /= radian;
    *out = g;
    return PP_OK;
}
