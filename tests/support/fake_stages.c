/* Stages for the engine's tests. The first two are a plugin too (FAKE_PLUGIN), for tests of the program.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "support/fake_stages.h"

#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

fake_calls fake;

enum { N = 8, J = 5 };

static void wait_ms(int64_t ms)
{
    const struct timespec time = {ms / 1000, (ms % 1000) * 1000000};
    (void)nanosleep(&time, NULL);
}

/* ---- fake_source: view k has J frames that are all k + 1 */

typedef struct fake_source {
    int64_t count, fail;
    double step;
} fake_source;

static const pp_param source_params[] = {
    PP_INT(fake_source, count, 3, 0, 1000, "1", "views"),
    PP_INT(fake_source, fail, -1, -1, 1000, "1", "view that cannot be read; -1: none"),
    PP_REAL(fake_source, step, 10, 0, 360, "degree", "angle between views"), PP_PARAM_END};

static const pp_port source_ports[] = {
    {"frames", PP_OUT, PP_DTYPE_BIT(PP_U16), {PP_AXIS_PATTERN, PP_AXIS_Y, PP_AXIS_X}, "counts"},
    {"positions", PP_OUT, PP_DTYPE_BIT(PP_F64), {PP_AXIS_PATTERN, PP_AXIS_COMPONENT}, "pixel"},
    PP_PORT_END};

static pp_status source_views(const void *params, const char *output, pp_views *views,
                              pp_check *check)
{
    const fake_source *p = params;
    (void)output, (void)check;
    for (int64_t k = 0; k < p->count; k++) {
        const pp_view_entry entry = {.number = k,
                                     .geometry = {.wavelength = 1e-10,
                                                  .distance = 1,
                                                  .detector_pixel = {1e-4, 1e-4},
                                                  .pixel_size = {1e-8, 1e-8},
                                                  .angle = 0.0174532925 * p->step * (double)k},
                                     .patterns = J,
                                     .frame = N,
                                     .modes = 1,
                                     .object = {N, N}};
        PP_TRY(pp_views_add(views, &entry));
    }
    return PP_OK;
}

static pp_status source_run(const void *params, pp_context *context)
{
    const fake_source *p = params;
    const int64_t number = pp_context_view_number(context), shape[] = {J, N, N}, two[] = {J, 2};
    fake.source++;
    if (number == p->fail) return PP_FAIL(PP_ERR_DATA, "view %lld is broken", (long long)number);
    pp_array *frames = NULL, *positions = NULL;
    PP_TRY(pp_array_create(PP_U16, 3, shape, "counts", &frames));
    uint16_t *data = pp_array_data(frames);
    for (int64_t i = 0; i < J * N * N; i++) data[i] = (uint16_t)(number + 1);
    PP_TRY(pp_context_put(context, "frames", &frames));
    PP_TRY(pp_array_create(PP_F64, 2, two, "pixel", &positions));
    return pp_context_put(context, "positions", &positions);
}

PP_STAGE(fake_source, .summary = "frames from nowhere", .flags = PP_STAGE_SOURCE,
         .ports = source_ports, .params = source_params, .params_size = sizeof(fake_source),
         .views = source_views, .run = source_run);

/* ---- fake_solve: object = gain x frames */

typedef struct fake_solve {
    double gain;
    int64_t fail, fail_all, signal, wait;
} fake_solve;

static const pp_param solve_params[] = {
    PP_REAL(fake_solve, gain, 2, 0, 1e9, "1", "factor"),
    {.name = "fail",
     .type = PP_T_INT,
     .offset = PP_OFFSET(fake_solve, fail, int64_t),
     .flags = PP_P_REPORT_ONLY,
     .initial = "-1",
     .lo = -1,
     .hi = 1000,
     .unit = "1",
     .help = "view that fails; -1: none"},
    {.name = "fail_all",
     .type = PP_T_INT,
     .offset = PP_OFFSET(fake_solve, fail_all, int64_t),
     .flags = PP_P_REPORT_ONLY,
     .initial = "0",
     .lo = 0,
     .hi = 1,
     .unit = "1",
     .help = "all fail"},
    {.name = "signal",
     .type = PP_T_INT,
     .offset = PP_OFFSET(fake_solve, signal, int64_t),
     .flags = PP_P_REPORT_ONLY,
     .initial = "-1",
     .lo = -1,
     .hi = 1000,
     .unit = "1",
     .help = "view that asks its own process to stop; -1: none"},
    {.name = "wait",
     .type = PP_T_INT,
     .offset = PP_OFFSET(fake_solve, wait, int64_t),
     .flags = PP_P_REPORT_ONLY,
     .initial = "0",
     .lo = 0,
     .hi = 100000,
     .unit = "ms",
     .help = "time it takes"},
    PP_PARAM_END};

static const pp_port solve_ports[] = {
    {"frames", PP_IN, PP_DTYPE_BIT(PP_U16), {PP_AXIS_PATTERN, PP_AXIS_Y, PP_AXIS_X}, "counts"},
    {"object", PP_OUT, PP_DTYPE_BIT(PP_C32), {PP_AXIS_Y, PP_AXIS_X}, "1"},
    {"error", PP_OUT, PP_DTYPE_BIT(PP_F64), {PP_AXIS_COMPONENT}, "1"},
    PP_PORT_END};

static pp_status solve_open(const void *params, pp_context *context)
{
    (void)params;
    fake.opened++;
    *pp_context_state(context) = &fake;
    return PP_OK;
}

static void solve_close(const void *params, pp_context *context)
{
    (void)params;
    if (*pp_context_state(context) == &fake) fake.closed++;
}

static pp_status solve_run(const void *params, pp_context *context)
{
    const fake_solve *p = params;
    const int64_t number = pp_context_view_number(context), shape[] = {N, N};
    fake.solve++;
    if (number == p->fail || p->fail_all)
        return PP_FAIL(PP_ERR_RUN, "view %lld does not converge", (long long)number);
    if (number == p->signal) (void)kill(getpid(), SIGUSR1);
    for (int64_t ms = 0; ms < p->wait; ms += 10) {
        if (pp_context_stopped(context)) return PP_FAIL(PP_ERR_INTERRUPTED, "stopped");
        wait_ms(10);
        pp_context_progress(context, (double)ms / (double)p->wait);
    }
    const uint16_t *frames = pp_array_read(pp_context_get(context, "frames"));
    pp_array *object = NULL, *error = NULL;
    PP_TRY(pp_array_create(PP_C32, 2, shape, "1", &object));
    pp_c32 *psi = pp_array_data(object);
    for (int k = 0; k < N * N; k++) psi[k].re = (float)(p->gain * frames[k]);
    PP_TRY(pp_context_put(context, "object", &object));
    PP_TRY(pp_array_create_1d(PP_F64, 1, "1", &error));
    pp_context_fact(context, "gain", "%g", p->gain * (double)(number + 1));
    return pp_context_put(context, "error", &error);
}

PP_STAGE(fake_solve, .summary = "frames times a factor", .ports = solve_ports,
         .params = solve_params, .params_size = sizeof(fake_solve), .open = solve_open,
         .run = solve_run, .close = solve_close);

#ifdef FAKE_PLUGIN
#include <polyptych/plugin.h>
PP_PLUGIN("fake", "0.1.0", "BSD-3-Clause", &pp_stage_fake_source, &pp_stage_fake_solve);
#else
#include <stdio.h>

#include "comm/comm.h"
#include "io/h5.h"
#include "io/result.h"

/* ---- fake_sum: sum over the views that are done of object[0]; fake_mean: that over their number */

typedef struct fake_sum {
    double factor;
} fake_sum;

static const pp_param sum_params[] = {PP_REAL(fake_sum, factor, 1, 0, 1e9, "1", "factor"),
                                      PP_PARAM_END};

static const pp_port sum_ports[] = {
    {"object", PP_IN, PP_DTYPE_BIT(PP_C32), {PP_AXIS_VIEW, PP_AXIS_Y, PP_AXIS_X}, "1"},
    {"total", PP_OUT, PP_DTYPE_BIT(PP_F64), {PP_AXIS_COMPONENT}, "1"},
    PP_PORT_END};

static pp_status add_view(pp_context *context, int64_t index, double *sum)
{
    pp_array *object = NULL;
    PP_TRY(pp_context_view_result(context, index, "object", &object));
    *sum += (double)((const pp_c32 *)pp_array_read(object))[0].re;
    pp_array_free(&object);
    return PP_OK;
}

static pp_status put_number(pp_context *context, const char *port, double value)
{
    pp_array *array = NULL;
    PP_TRY(pp_array_create_1d(PP_F64, 1, "1", &array));
    *(double *)pp_array_data(array) = value;
    return pp_context_put(context, port, &array);
}

static pp_status sum_run(const void *params, pp_context *context)
{
    const fake_sum *p = params;
    double sum = 0;
    fake.sum++;
    for (int64_t i = 0; i < pp_views_count(pp_context_views(context)); i++)
        if (pp_context_view_done(context, i)) PP_TRY(add_view(context, i, &sum));
    return put_number(context, "total", p->factor * sum);
}

PP_STAGE(fake_sum, .summary = "sum of the objects", .scope = PP_SCOPE_CAMPAIGN, .ports = sum_ports,
         .params = sum_params, .params_size = sizeof(fake_sum), .run = sum_run);

static const pp_port mean_ports[] = {
    {"total", PP_IN, PP_DTYPE_BIT(PP_F64), {PP_AXIS_COMPONENT}, "1"},
    {"mean", PP_OUT, PP_DTYPE_BIT(PP_F64), {PP_AXIS_COMPONENT}, "1"},
    PP_PORT_END};

static pp_status mean_run(const void *params, pp_context *context)
{
    const fake_sum *p = params;
    fake.mean++;
    const double total = *(const double *)pp_array_read(pp_context_get(context, "total"));
    return put_number(context, "mean",
                      p->factor * total / (double)pp_views_count(pp_context_views(context)));
}

PP_STAGE(fake_mean, .summary = "mean of the objects", .scope = PP_SCOPE_CAMPAIGN,
         .ports = mean_ports, .params = sum_params, .params_size = sizeof(fake_sum),
         .run = mean_run);

/* ---- fake_save: total.h5 and mean.h5 */

static const pp_port save_ports[] = {
    {"total", PP_IN, PP_DTYPE_BIT(PP_F64), {PP_AXIS_COMPONENT}, "1"},
    {"mean", PP_IN_OPTIONAL, PP_DTYPE_BIT(PP_F64), {PP_AXIS_COMPONENT}, "1"},
    PP_PORT_END};
static const pp_stage_file save_files[] = {
    {"total.h5", "total", NULL}, {"mean.h5", "mean", NULL}, {0}};

static void path_of(const pp_context *context, const char *name, char out[4096])
{
    (void)snprintf(out, 4096, "%s/%s", pp_context_output(context), name);
}

static pp_status write_port(const pp_context *context, const pp_stage_file *file)
{
    const pp_array *array = pp_context_get(context, file->ports);
    const char *hash, *parameters;
    char path[4096];
    if (!array) return PP_OK;
    pp_context_identity(context, file->ports, &hash, &parameters);
    path_of(context, file->name, path);
    pp_identity old = {{0}, NULL};
    const bool right = pp_result_identity(path, &old) == PP_OK && strcmp(old.hash, hash) == 0;
    pp_identity_free(&old);
    if (right) return PP_OK;
    pp_h5 *h5 = NULL;
    PP_TRY(pp_h5_create(path, &h5));
    pp_status status = pp_h5_put_array(h5, "/value", array);
    if (status == PP_OK) status = pp_identity_write(h5, hash, parameters);
    if (status == PP_OK) status = pp_h5_commit(&h5);
    pp_h5_close(&h5);
    fake.saved++;
    return status;
}

static pp_status save_run(const void *params, pp_context *context)
{
    (void)params;
    if (pp_comm_rank(pp_context_comm(context)) != 0) return PP_OK;
    for (int f = 0; save_files[f].name; f++) PP_TRY(write_port(context, &save_files[f]));
    return PP_OK;
}

static pp_status save_restore(const void *params, pp_context *context, int file)
{
    char path[4096];
    pp_h5 *h5 = NULL;
    double value = 0;
    (void)params;
    fake.restored++;
    path_of(context, save_files[file].name, path);
    PP_TRY(pp_h5_open(path, &h5));
    const pp_status status = pp_h5_read_number(h5, "/value", &value);
    pp_h5_close(&h5);
    PP_TRY(status);
    return put_number(context, save_files[file].ports, value);
}

PP_STAGE(fake_save, .summary = "numbers to files", .scope = PP_SCOPE_CAMPAIGN,
         .flags = PP_STAGE_OUTPUT, .ports = save_ports, .files = save_files, .run = save_run,
         .restore = save_restore);
#endif
