/* A stack of projections as the source of a campaign.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>
#include <string.h>

#include "base/file.h"
#include "io/load.h"
#include "io/stack_file.h"
#include "io/units.h"

/* What the user says goes before what the file says; without both it cannot be used. */
static pp_status complete(const pp_load *load, pp_stack_head *head)
{
    if (load->energy > 0) head->wavelength = PP_HC / (load->energy * PP_EV);
    if (load->pixel_size > 0) head->pixel_size = load->pixel_size;
    if (!head->theta)
        return PP_FAIL(PP_ERR_DATA, "%s: /exchange/theta: missing: no angles", load->file);
    if (!(head->pixel_size > 0) || head->pixel_size > 1e-3)
        return PP_FAIL(PP_ERR_DATA,
                       "%s: /exchange/pixel_size: %g m is no pixel size; set pixel_size",
                       load->file, head->pixel_size);
    if (!(head->wavelength > 0))
        return PP_FAIL(PP_ERR_DATA,
                       "%s: /measurement/instrument/monochromator/energy: missing; set energy",
                       load->file);
    return PP_OK;
}

static pp_status add_views(const pp_load *load, const pp_stack_head *head, pp_views *views)
{
    for (int64_t k = 0; k < head->views; k++) {
        pp_view_entry entry = {.number = head->number[k],
                               .path = load->file,
                               .geometry = {.wavelength = head->wavelength},
                               .object = {head->ny, head->nx}};
        entry.geometry.pixel_size[0] = entry.geometry.pixel_size[1] = head->pixel_size;
        entry.geometry.angle = (double)load->angle_sign * head->theta[k];
        PP_TRY(pp_views_add(views, &entry));
    }
    return PP_OK;
}

static void describe(const pp_load *load, const pp_stack_head *head, pp_check *check)
{
    pp_check_info(
        check,
        "%lld projections of %lld x %lld pixels of %.6g nm, wavelength %.6g m (%.6g keV), "
        "angle_sign = %lld",
        (long long)head->views, (long long)head->ny, (long long)head->nx, head->pixel_size * 1e9,
        head->wavelength, PP_HC / head->wavelength / PP_EV / 1e3, (long long)load->angle_sign);
    if (head->wrapped)
        pp_check_warning(check, "file",
                         "%s: /exchange/data is wrapped to -pi .. pi; align unwraps it",
                         load->file);
}

pp_status pp_load_projection_views(const pp_load *load, pp_views *views, pp_check *check)
{
    pp_stack_head head = {0};
    if (check && !pp_file_exists(load->file)) return PP_OK; /* told by the configuration */
    pp_status status = pp_stack_head_read(load->file, &head);
    if (status == PP_OK) status = complete(load, &head);
    if (status == PP_OK) status = add_views(load, &head, views);
    if (status == PP_OK && check) describe(load, &head, check);
    pp_stack_head_free(&head);
    if (status == PP_OK || !check) return status;
    pp_check_last_error(check, "file");
    return PP_OK;
}

/* One value that is not finite would spread over the whole volume. */
static pp_status check_finite(const char *path, const pp_array *stack)
{
    const int64_t rows = pp_array_size(stack, 0);
    const int64_t items = pp_array_dtype(stack) == PP_C32 ? 2 : 1;
    const int64_t row = rows > 0 ? items * pp_array_count(stack) / rows : 0;
    const float *value = pp_array_read(stack);
    for (int64_t k = 0; k < rows * row; k++)
        if (!isfinite(value[k]))
            return PP_FAIL(PP_ERR_DATA,
                           "%s: /exchange: projection %lld holds a value that is not finite; "
                           "leave the projection out, or put a number there",
                           path, (long long)(pp_array_first_row(stack) + k / row));
    return PP_OK;
}

static pp_status read_port(const pp_load *load, const pp_comm *comm, const char *port,
                           pp_array **out)
{
    PP_TRY(pp_stack_read(load->file, port, comm, out));
    if (strcmp(port, "projections") != 0 && strcmp(port, "phase") != 0) return PP_OK;
    const pp_status status = check_finite(load->file, *out);
    if (status != PP_OK) pp_array_free(out);
    return status;
}

/* Each rank reads its block; all agree before anything collective follows. */
static pp_status put_port(const pp_load *load, pp_context *context, const char *port)
{
    const pp_comm *comm = pp_context_comm(context);
    pp_array *array = NULL;
    const pp_status read = pp_comm_agree(comm, read_port(load, comm, port, &array));
    if (read != PP_OK) pp_array_free(&array);
    PP_TRY(read);
    if (strcmp(port, "theta") == 0) {
        double *theta = pp_array_data(array);
        for (int64_t k = 0; k < pp_array_count(array); k++) theta[k] *= (double)load->angle_sign;
    }
    const pp_status status = pp_context_put(context, port, &array);
    pp_array_free(&array);
    return status;
}

static void state_facts(pp_context *context, const pp_stack_head *head)
{
    pp_context_fact(context, "energy", "%.9g eV", PP_HC / head->wavelength / PP_EV);
    pp_context_fact(context, "pixel_size", "%.9g m", head->pixel_size);
}

/* 1 where the file says that its phase is wrapped. */
static pp_status put_wrapped(const pp_load *load, pp_context *context)
{
    pp_stack_head head = {0};
    pp_array *wrapped = NULL;
    pp_status status = pp_stack_head_read(load->file, &head);
    if (status == PP_OK) status = complete(load, &head);
    if (status == PP_OK) state_facts(context, &head);
    if (status == PP_OK) status = pp_array_create_1d(PP_I64, 1, "1", &wrapped);
    if (status == PP_OK) *(int64_t *)pp_array_data(wrapped) = head.wrapped;
    pp_stack_head_free(&head);
    PP_TRY(pp_comm_agree(pp_context_comm(context), status));
    return pp_context_put(context, "wrapped", &wrapped);
}

pp_status pp_load_projections(const pp_load *load, pp_context *context)
{
    static const char *const ports[] = {"projections", "phase",  "theta",
                                        "views",       "shifts", "centre"};
    for (size_t k = 0; k < sizeof ports / sizeof *ports; k++)
        PP_TRY(put_port(load, context, ports[k]));
    return put_wrapped(load, context);
}
