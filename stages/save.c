/* save: projections.h5 and volume.h5 from what the campaign's stages put.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/text.h"
#include "io/result.h"
#include "io/stack_file.h"
#include "tomo/stack_source.h"

/* Nothing to choose: what is there is written. */
typedef struct save {
    bool unused;
} save;

static const pp_param params[] = {PP_PARAM_END};

/* clang-format off */
static const pp_port ports[] = {
    PP_PORT_PROJECTIONS(PP_IN_OPTIONAL),
    PP_PORT_PHASE(PP_IN_OPTIONAL),
    PP_PORT_THETA(PP_IN_OPTIONAL),
    PP_PORT_VIEWS(PP_IN_OPTIONAL),
    PP_PORT_SHIFTS(PP_IN_OPTIONAL),
    PP_PORT_CENTRE(PP_IN_OPTIONAL),
    PP_PORT_WRAPPED(PP_IN_OPTIONAL),
    PP_PORT_SINOGRAM(PP_IN_OPTIONAL),
    PP_PORTS_OF_VIEWS(PP_IN_OPTIONAL),
    PP_PORTS_OF_VOLUME(PP_IN_OPTIONAL),
    PP_PORT_SHELL_CORRELATION(PP_IN_OPTIONAL),
    PP_PORT_JOINT_SHIFTS(PP_IN_OPTIONAL),
    PP_PORT_END,
};
/* clang-format on */

enum { PROJECTIONS, VOLUME };
static const pp_stage_file files[] = {
    {"projections.h5", "projections phase theta views shifts centre wrapped sinogram", "object"},
    {"volume.h5", "delta beta shell_correlation joint_shifts", NULL},
    {0}};

static pp_status file_path(const pp_context *context, int file, char **out)
{
    return pp_path_join(pp_context_output(context), files[file].name, out);
}

/* The geometry that all views share. */
static pp_status shared_geometry(const pp_context *context, pp_geometry *out)
{
    const pp_views *views = pp_context_views(context);
    for (int64_t k = 0; k < pp_views_count(views); k++) {
        *out = pp_views_entry(views, k)->geometry;
        if (out->pixel_size[0] > 0) return PP_OK;
    }
    return PP_FAIL(PP_ERR_RUN, "no view has a pixel size");
}

/* Rank 0 looks; the others hear of it. */
static pp_status is_finished(const pp_context *context, const char *path, const char *hash,
                             bool *finished)
{
    const pp_comm *comm = pp_context_comm(context);
    int right = 0;
    if (pp_comm_rank(comm) == 0 && pp_file_exists(path)) {
        pp_identity identity = {{0}, NULL};
        pp_error dropped;
        if (pp_result_identity(path, &identity) == PP_OK)
            right = hash && strcmp(identity.hash, hash) == 0;
        else
            pp_error_take(&dropped); /* damaged: written again */
        pp_identity_free(&identity);
    }
    PP_TRY(pp_comm_bcast(comm, &right, sizeof right, 0));
    *finished = right != 0;
    return PP_OK;
}

/* Who made the phase says that it did not unwrap it. */
static bool is_wrapped(const pp_context *context)
{
    const pp_array *wrapped = pp_context_get(context, "wrapped");
    return wrapped && *(const int64_t *)pp_array_read(wrapped) != 0;
}

/* Without align: the views' objects cut to their common field, arg psi as it is. */
static pp_status write_raw(pp_context *context, const char *path, pp_file_facts *facts)
{
    pp_stack_arrays a = {0};
    pp_status status = pp_stack_raw(context, &a, &facts->pixel_size);
    if (status == PP_OK) {
        const pp_stack_ports stack = {.projections = a.projections,
                                      .phase = a.phase,
                                      .theta = a.theta,
                                      .views = a.views,
                                      .shifts = a.shifts,
                                      .centre = a.centre,
                                      .wrapped = true};
        status = pp_projections_write(path, &stack, facts, pp_context_comm(context));
    }
    pp_stack_arrays_free(&a);
    return status;
}

static pp_status write_projections(pp_context *context, const char *path,
                                   const pp_file_facts *facts)
{
    const pp_stack_ports stack = {.projections = pp_context_get(context, "projections"),
                                  .phase = pp_context_get(context, "phase"),
                                  .theta = pp_context_get(context, "theta"),
                                  .views = pp_context_get(context, "views"),
                                  .shifts = pp_context_get(context, "shifts"),
                                  .centre = pp_context_get(context, "centre"),
                                  .sinogram = pp_context_get(context, "sinogram"),
                                  .wrapped = is_wrapped(context)};
    if (!stack.theta)
        return PP_FAIL(PP_ERR_RUN, "projections without angles (port theta) cannot be stored");
    return pp_projections_write(path, &stack, facts, pp_context_comm(context));
}

static pp_status write_file(pp_context *context, int file, const char *path, pp_file_facts *facts)
{
    if (file == PROJECTIONS && !pp_context_get(context, "projections"))
        return write_raw(context, path, facts);
    if (file == PROJECTIONS) return write_projections(context, path, facts);
    return pp_volume_write(path, pp_context_get(context, "delta"), pp_context_get(context, "beta"),
                           facts, pp_context_comm(context));
}

static pp_status save_file(pp_context *context, int file, const char *port)
{
    pp_geometry geometry = {0};
    pp_file_facts facts = {0};
    char *path = NULL;
    bool finished = false;
    PP_TRY(shared_geometry(context, &geometry));
    facts.pixel_size = geometry.pixel_size[0];
    facts.wavelength = geometry.wavelength;
    facts.shell_correlation = pp_context_get(context, "shell_correlation");
    facts.joint_shifts = pp_context_get(context, "joint_shifts");
    pp_context_identity(context, port, &facts.hash, &facts.parameters);
    PP_TRY(file_path(context, file, &path));
    pp_status status = is_finished(context, path, facts.hash, &finished);
    if (status == PP_OK && !finished) status = write_file(context, file, path, &facts);
    if (status == PP_OK) pp_info("%s: %s", path, finished ? "is there already" : "written");
    pp_free(path);
    return status;
}

static pp_status run(const void *ignored, pp_context *context)
{
    (void)ignored;
    const char *hash, *parameters;
    pp_context_identity(context, "object", &hash, &parameters);
    const bool several = pp_views_count(pp_context_views(context)) > 1;
    if (pp_context_get(context, "projections"))
        PP_TRY(save_file(context, PROJECTIONS, "projections"));
    else if (*hash && several) /* results of views lie in their files */
        PP_TRY(save_file(context, PROJECTIONS, "object"));
    return pp_context_get(context, "delta") ? save_file(context, VOLUME, "delta") : PP_OK;
}

static pp_status restore_port(pp_context *context, const char *path, const char *port)
{
    pp_array *array = NULL;
    if (!pp_stack_has(path, port)) return PP_OK; /* beta, for one, is not always there */
    PP_TRY(pp_comm_agree(pp_context_comm(context),
                         pp_stack_read(path, port, pp_context_comm(context), &array)));
    const pp_status status = pp_context_put(context, port, &array);
    pp_array_free(&array);
    return status;
}

static pp_status restore(const void *ignored, pp_context *context, int file)
{
    (void)ignored;
    char *path = NULL, *list = NULL, *rest = NULL;
    PP_TRY(file_path(context, file, &path));
    pp_status status = pp_strdup(files[file].ports, &list);
    for (char *port = list ? strtok_r(list, " ", &rest) : NULL; port && status == PP_OK;
         port = strtok_r(NULL, " ", &rest))
        status = restore_port(context, path, port);
    pp_free(list);
    pp_free(path);
    return status;
}

static void plan(const void *ignored, pp_plan *budget)
{
    (void)ignored;
    const pp_views *views = pp_plan_views(budget);
    double stack = 0, widest = 0, tallest = 0;
    for (int64_t k = 0; k < pp_views_count(views); k++) {
        const int64_t *object = pp_views_entry(views, k)->object;
        stack += (double)object[0] * (double)object[1];
        if ((double)object[1] > widest) widest = (double)object[1];
        if ((double)object[0] > tallest) tallest = (double)object[0];
    }
    if (pp_plan_connected(budget, "projections") || pp_views_count(views) > 1)
        pp_plan_add(budget, PP_DISK, 16 * stack, "projections.h5, at most");
    if (pp_plan_connected(budget, "delta"))
        pp_plan_add(budget, PP_DISK, 8 * tallest * widest * widest, "volume.h5, at most");
    pp_plan_add(budget, PP_HOST, 2 * 67108864.0, "rows gathered for writing");
}

PP_STAGE(save, .summary = "writes projections.h5 and volume.h5", .scope = PP_SCOPE_CAMPAIGN,
         .flags = PP_STAGE_OUTPUT, .ports = ports, .params = params, .params_size = sizeof(save),
         .run = run, .plan = plan, .version = "1", .files = files, .restore = restore);
