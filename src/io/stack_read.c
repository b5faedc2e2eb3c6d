/* Reading of projections.h5, volume.h5 and other Data Exchange files.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "io/h5.h"
#include "io/stack_file.h"
#include "io/units.h"
#include "tomo/transpose.h"

static const char data_path[] = "/exchange/data", complex_path[] = "/exchange1/data",
                  theta_path[] = "/exchange/theta", exact_theta[] = "/process/theta",
                  pixel_path[] = "/exchange/pixel_size", wavelength_path[] = "/process/wavelength",
                  energy_path[] = "/measurement/instrument/monochromator/energy",
                  view_path[] = "/process/view", shifts_path[] = "/process/shifts",
                  centre_path[] = "/process/centre";

static const double rounding = 1e-12; /* degrees and back, relative */

static bool is_there(pp_h5 *file, const char *where)
{
    return pp_h5_kind_of(file, where) == PP_H5_DATASET;
}

/* `unitless`: the unit where the file gives none. */
static pp_status read_scaled(pp_h5 *file, const char *where, int64_t count, pp_quantity quantity,
                             const char *unitless, double *out)
{
    pp_h5_info info;
    double factor = 1;
    PP_TRY(pp_h5_describe(file, where, &info));
    if (pp_h5_count(&info) != count)
        return PP_FAIL(PP_ERR_DATA, "%s: %s: %lld numbers, %lld are expected", pp_h5_path(file),
                       where, (long long)pp_h5_count(&info), (long long)count);
    const char *unit = info.unit[0] ? info.unit : unitless;
    if (!pp_unit_factor(unit, quantity, &factor))
        return PP_FAIL(PP_ERR_DATA, "%s: %s: unit '%s' is not known; expected %s", pp_h5_path(file),
                       where, unit, pp_unit_choices(quantity));
    PP_TRY(pp_h5_read_items(file, where, info.ndim, 0, 1, PP_F64, out));
    for (int64_t k = 0; k < count; k++) {
        out[k] *= factor;
        if (!isfinite(out[k]))
            return PP_FAIL(PP_ERR_DATA, "%s: %s: number %lld is not finite", pp_h5_path(file),
                           where, (long long)k);
    }
    return PP_OK;
}

static pp_status read_shape(pp_h5 *file, pp_stack_head *out)
{
    pp_h5_info info, other;
    double wrapped = 0;
    if (!is_there(file, data_path))
        return PP_FAIL(PP_ERR_DATA, "%s: %s: no such dataset: a Data Exchange file is expected",
                       pp_h5_path(file), data_path);
    PP_TRY(pp_h5_describe(file, data_path, &info));
    if (info.ndim != 3 || (info.type != PP_H5_FLOAT && info.type != PP_H5_INTEGER))
        return PP_FAIL(PP_ERR_DATA,
                       "%s: %s: real numbers (view, y, x) are expected, found %s "
                       "with %d axes",
                       pp_h5_path(file), data_path, info.name, info.ndim);
    out->views = info.shape[0];
    out->ny = info.shape[1];
    out->nx = info.shape[2];
    out->wrapped = pp_h5_attribute_number(file, data_path, "wrapped", &wrapped) && wrapped > 0;
    out->complex_data = is_there(file, complex_path);
    if (!out->complex_data) return PP_OK;
    PP_TRY(pp_h5_describe(file, complex_path, &other));
    out->complex_data = other.type == PP_H5_COMPLEX && other.ndim == 3 &&
                        memcmp(other.shape, info.shape, 3 * sizeof info.shape[0]) == 0;
    return PP_OK;
}

/* /exchange/theta is what others read and mend; our own copy adds the last bits, where it says the same. */
static pp_status read_angles(pp_h5 *file, pp_stack_head *out)
{
    double *exact = NULL;
    if (!is_there(file, theta_path)) return PP_OK;
    PP_TRY(PP_ALLOC(out->views, &out->theta));
    PP_TRY(read_scaled(file, theta_path, out->views, PP_ANGLE, "degree", out->theta));
    if (!is_there(file, exact_theta)) return PP_OK;
    PP_TRY(PP_ALLOC(out->views, &exact));
    const pp_status status = read_scaled(file, exact_theta, out->views, PP_ANGLE, "rad", exact);
    for (int64_t k = 0; status == PP_OK && k < out->views; k++)
        if (fabs(exact[k] - out->theta[k]) <= rounding * (1 + fabs(exact[k])))
            out->theta[k] = exact[k];
    pp_free(exact);
    return status;
}

/* A list that belongs to the projections: `width` numbers for each of `rows`. */
static pp_status check_list(pp_h5 *file, const char *where, int64_t rows, int64_t width)
{
    pp_h5_info info;
    PP_TRY(pp_h5_describe(file, where, &info));
    if (pp_h5_count(&info) == rows * width && (info.ndim < 2 || info.shape[0] == rows))
        return PP_OK;
    return PP_FAIL(PP_ERR_DATA, "%s: %s: %lld x %lld numbers are expected, found %lld",
                   pp_h5_path(file), where, (long long)rows, (long long)width,
                   (long long)pp_h5_count(&info));
}

static pp_status read_numbers(pp_h5 *file, pp_stack_head *out)
{
    double energy = 0;
    PP_TRY(read_angles(file, out));
    PP_TRY(PP_ALLOC(out->views, &out->number));
    for (int64_t k = 0; k < out->views; k++) out->number[k] = k;
    if (is_there(file, view_path)) {
        PP_TRY(check_list(file, view_path, out->views, 1));
        PP_TRY(pp_h5_read_items(file, view_path, 1, 0, 1, PP_I64, out->number));
    }
    if (is_there(file, pixel_path))
        PP_TRY(read_scaled(file, pixel_path, 1, PP_LENGTH, "m", &out->pixel_size));
    if (is_there(file, wavelength_path))
        return read_scaled(file, wavelength_path, 1, PP_LENGTH, "m", &out->wavelength);
    if (!is_there(file, energy_path)) return PP_OK;
    PP_TRY(read_scaled(file, energy_path, 1, PP_ENERGY, "keV", &energy));
    if (energy > 0) out->wavelength = PP_HC / energy;
    return PP_OK;
}

pp_status pp_stack_head_read(const char *path, pp_stack_head *out)
{
    pp_h5 *file = NULL;
    *out = (pp_stack_head){.pixel_size = NAN, .wavelength = NAN};
    PP_TRY(pp_h5_open(path, &file));
    pp_status status = read_shape(file, out);
    if (status == PP_OK && out->views < 1)
        status = PP_FAIL(PP_ERR_DATA, "%s: %s: no projections", path, data_path);
    if (status == PP_OK) status = read_numbers(file, out);
    pp_h5_close(&file);
    if (status != PP_OK) pp_stack_head_free(out);
    return status;
}

void pp_stack_head_free(pp_stack_head *head)
{
    pp_free(head->theta);
    pp_free(head->number);
    head->theta = NULL;
    head->number = NULL;
}

/* Which rows a rank holds: of views, or of slices. */
typedef void (*block_rule)(int64_t rows, int size, int rank, int64_t *first, int64_t *count);

static pp_status read_rows(pp_h5 *file, const char *where, pp_dtype dtype, block_rule rule,
                           const pp_comm *comm, pp_array **out)
{
    pp_h5_info info;
    int64_t first = 0, count = 0;
    pp_array *array = NULL;
    PP_TRY(pp_h5_describe(file, where, &info));
    if (info.ndim != 3)
        return PP_FAIL(PP_ERR_DATA, "%s: %s: three axes are expected", pp_h5_path(file), where);
    rule(info.shape[0], pp_comm_size(comm), pp_comm_rank(comm), &first, &count);
    const int64_t shape[] = {count, info.shape[1], info.shape[2]};
    PP_TRY(pp_array_create(dtype, 3, shape, info.unit[0] ? info.unit : "1", &array));
    pp_array_set_rows(array, first, info.shape[0]);
    pp_status status = PP_OK;
    if (count > 0)
        status = pp_h5_read_items(file, where, 2, first, count, dtype, pp_array_data(array));
    if (status == PP_OK)
        *out = array;
    else
        pp_array_free(&array);
    return status;
}

/* This rank's views. */
static pp_status read_block(pp_h5 *file, const char *where, pp_dtype dtype, const pp_comm *comm,
                            pp_array **out)
{
    return read_rows(file, where, dtype, pp_comm_block, comm, out);
}

/* exp(i phase), times the amplitude where the file has one. */
static pp_status make_complex(pp_h5 *file, const pp_comm *comm, pp_array **out)
{
    static const char amplitude_path[] = "/exchange/data_amplitude";
    pp_array *phase = NULL, *amplitude = NULL, *psi = NULL;
    pp_status status = PP_OK;
    PP_TRY_TO(done, read_block(file, data_path, PP_F32, comm, &phase));
    if (is_there(file, amplitude_path))
        PP_TRY_TO(done, read_block(file, amplitude_path, PP_F32, comm, &amplitude));
    const int64_t shape[] = {pp_array_size(phase, 0), pp_array_size(phase, 1),
                             pp_array_size(phase, 2)};
    PP_TRY_TO(done, pp_array_create(PP_C32, 3, shape, "1", &psi));
    pp_array_set_rows(psi, pp_array_first_row(phase), pp_array_total_rows(phase));
    const float *angle = pp_array_read(phase),
                *modulus = amplitude ? pp_array_read(amplitude) : NULL;
    pp_c32 *to = pp_array_data(psi);
    for (int64_t k = 0; k < pp_array_count(psi); k++) {
        const float a = modulus ? modulus[k] : 1;
        to[k] = (pp_c32){a * cosf(angle[k]), a * sinf(angle[k])};
    }
    *out = psi;
done:
    pp_array_free(&amplitude);
    pp_array_free(&phase);
    return status;
}

static pp_status copy_list(pp_dtype dtype, int64_t count, const void *values, const char *unit,
                           pp_array **out)
{
    PP_TRY(pp_array_create_1d(dtype, count, unit, out));
    memcpy(pp_array_data(*out), values, pp_array_bytes(*out));
    return PP_OK;
}

static pp_status read_theta(const char *path, const pp_stack_head *head, pp_array **out)
{
    if (!head->theta) return PP_FAIL(PP_ERR_DATA, "%s: %s: no angles", path, theta_path);
    return copy_list(PP_F64, head->views, head->theta, "rad", out);
}

static pp_status read_shifts(pp_h5 *file, const pp_stack_head *head, pp_array **out)
{
    const int64_t shape[] = {head->views, 2};
    if (is_there(file, shifts_path)) {
        PP_TRY(check_list(file, shifts_path, head->views, 2));
        return pp_h5_read_array(file, shifts_path, PP_F64, out);
    }
    return pp_array_create(PP_F64, 2, shape, "pixel", out);
}

static pp_status read_centre(pp_h5 *file, pp_array **out)
{
    if (is_there(file, centre_path)) {
        PP_TRY(check_list(file, centre_path, 2, 1));
        return pp_h5_read_array(file, centre_path, PP_I64, out);
    }
    return pp_array_create_1d(PP_I64, 2, "pixel", out);
}

static pp_status read_port(pp_h5 *file, const char *path, const pp_stack_head *head,
                           const char *port, const pp_comm *comm, pp_array **out)
{
    if (strcmp(port, "theta") == 0) return read_theta(path, head, out);
    if (strcmp(port, "views") == 0) return copy_list(PP_I64, head->views, head->number, "1", out);
    if (strcmp(port, "shifts") == 0) return read_shifts(file, head, out);
    if (strcmp(port, "centre") == 0) return read_centre(file, out);
    if (strcmp(port, "phase") == 0) return read_block(file, data_path, PP_F32, comm, out);
    if (strcmp(port, "projections") != 0)
        return PP_FAIL(PP_ERR_RUN, "%s: no port '%s' in a stack of projections", path, port);
    if (head->complex_data) return read_block(file, complex_path, PP_C32, comm, out);
    return make_complex(file, comm, out);
}

pp_status pp_stack_read(const char *path, const char *port, const pp_comm *comm, pp_array **out)
{
    pp_h5 *file = NULL;
    pp_stack_head head = {0};
    pp_status status = PP_OK;
    const bool volume = strcmp(port, "delta") == 0 || strcmp(port, "beta") == 0;
    PP_TRY_TO(done, pp_h5_open(path, &file));
    if (volume) {
        status = read_rows(file, port[0] == 'd' ? "/entry/data/delta" : "/entry/data/beta", PP_F32,
                           pp_slab_block, comm, out);
    } else if (strcmp(port, "shell_correlation") == 0) {
        status = pp_h5_read_array(file, "/process/shell_correlation", PP_F64, out);
    } else if (strcmp(port, "joint_shifts") == 0) {
        status = pp_h5_read_array(file, "/process/joint_shifts", PP_F64, out);
    } else if (strcmp(port, "sinogram") == 0) {
        status = pp_h5_read_array(file, "/process/sinogram", PP_F32, out);
    } else {
        PP_TRY_TO(done, pp_stack_head_read(path, &head));
        status = read_port(file, path, &head, port, comm, out);
    }
done:
    pp_stack_head_free(&head);
    pp_h5_close(&file);
    return status;
}

bool pp_stack_has(const char *path, const char *port)
{
    const struct {
        const char *port, *where;
    } all[] = {{"projections", complex_path},
               {"phase", data_path},
               {"theta", theta_path},
               {"views", view_path},
               {"shifts", shifts_path},
               {"centre", centre_path},
               {"delta", "/entry/data/delta"},
               {"beta", "/entry/data/beta"},
               {"shell_correlation", "/process/shell_correlation"},
               {"joint_shifts", "/process/joint_shifts"},
               {"sinogram", "/process/sinogram"}};
    pp_h5 *file = NULL;
    bool found = false;
    if (pp_h5_open(path, &file) != PP_OK) {
        pp_error dropped;
        pp_error_take(&dropped);
        return false;
    }
    for (size_t k = 0; k < sizeof all / sizeof *all; k++)
        if (strcmp(all[k].port, port) == 0) found = is_there(file, all[k].where);
    pp_h5_close(&file);
    return found;
}
