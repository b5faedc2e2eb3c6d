/* The stages load and save: what a list of views says of right and wrong data, one view's arrays at its ports, projections
 * as a source, files made and found again. The tests write their own data.
 * SPDX-License-Identifier: BSD-3-Clause */
// TIMEOUT 120
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/text.h"
#include "config/config.h"
#include "engine/engine.h"
#include "engine/views.h"
#include "io/load.h"
#include "io/result.h"
#include "io/stack_file.h"
#include "support/support.h"

extern const pp_stage_class pp_stage_load, pp_stage_save;

enum { N = 8, J = 4 };

static pp_comm *world;
static char folder[4096]; /* absolute */
static const double wavelength = 1.4e-10, distance = 2, pixel = 75e-6;
static const double degree = 0.017453292519943295769;

typedef struct recipe {
    int n;                                                      /* 0: N */
    double pixel_factor, wavelength_factor, step, angle_degree; /* 0: 1, 1, 3 pixels, 0 */
    bool no_probe;
} recipe;

static void path_of(const char *name, char out[4352])
{
    (void)snprintf(out, 4352, "%s/%s", folder, name);
}

/* A view whose counts, positions and probe show every axis and sign. */
static void make_view(const char *name, recipe r)
{
    const int n = r.n ? r.n : N;
    const double lambda = wavelength * (r.wavelength_factor > 0 ? r.wavelength_factor : 1);
    const double size = pixel * (r.pixel_factor > 0 ? r.pixel_factor : 1);
    const double object = lambda * distance / (n * size);
    const pp_geometry geometry = {
        lambda, distance, {size, size}, {object, object}, r.angle_degree * degree};
    const int64_t shape[] = {J, n, n}, one[] = {1, n, n}, two[] = {J, 2};
    pp_array *frames = NULL, *positions = NULL, *probe = NULL;
    pp_assert_ok(pp_array_create(PP_U16, 3, shape, "counts", &frames));
    pp_assert_ok(pp_array_create(PP_F64, 2, two, "pixel", &positions));
    pp_assert_ok(pp_array_create(PP_C32, 3, one, "sqrt(counts)", &probe));
    for (int k = 0; k < J * n * n; k++)
        ((uint16_t *)pp_array_data(frames))[k] = (uint16_t)(3 * k + 1);
    for (int k = 0; k < n * n; k++)
        ((pp_c32 *)pp_array_data(probe))[k] = (pp_c32){(float)k, (float)-k};
    const double step = r.step > 0 ? r.step : 3;
    for (int j = 0; j < J; j++) {
        ((double *)pp_array_data(positions))[2 * j] = (j % 2 - 2) * step;
        ((double *)pp_array_data(positions))[2 * j + 1] = (j / 2 + 5) * step;
    }
    char path[4352];
    path_of(name, path);
    const pp_cxi_view view = {NULL, &geometry, frames, NULL, positions, r.no_probe ? NULL : probe};
    pp_assert_ok(pp_cxi_write(path, &view));
    pp_array_free(&frames);
    pp_array_free(&positions);
    pp_array_free(&probe);
}

static const char *table_path(const char *text)
{
    static char path[4352];
    path_of("angles.txt", path);
    pp_assert_ok(pp_file_write(path, text, strlen(text)));
    return path;
}

/* Lists the views; expects `errors` errors of kind data and each of the words (NULL-terminated) in some finding. */
static void list(pp_load load, int errors, int views, const char *const *words)
{
    pp_views found = {0};
    pp_findings findings = {0};
    const pp_config_stage stage = {
        .stage = &pp_stage_load, .id = "load", .params = &load, .origin = {"x.cfg", 1}};
    pp_check check = {&stage, &findings, NULL};
    pp_assert_ok(pp_stage_load.views(&load, folder, &found, &check));
    int bad = 0;
    for (int64_t k = 0; k < findings.count; k++) bad += findings.items[k].kind == PP_FINDING_ERROR;
    ck_assert_msg(bad == errors, "%d errors, the first finding: %s", bad,
                  findings.count ? findings.items[0].text : "none");
    if (errors) ck_assert_int_eq(pp_findings_worst(&findings), PP_ERR_DATA);
    ck_assert_int_eq(pp_views_count(&found), views);
    for (; *words; words++) {
        bool there = false;
        for (int64_t k = 0; k < findings.count; k++)
            there = there || strstr(findings.items[k].text, *words);
        ck_assert_msg(there, "'%s' is in no finding; the first: %s", *words,
                      findings.count ? findings.items[0].text : "none");
    }
    pp_findings_free(&findings);
    pp_views_free(&found);
}

/* The stage's defaults. */
static pp_load defaults(void)
{
    pp_load load;
    memset(&load, 0, sizeof load);
    pp_assert_ok(pp_param_defaults(pp_stage_load.params, &load));
    return load;
}

static void list_table(const char *text, int errors, int views, const char *const *words)
{
    pp_load load = defaults();
    load.views = table_path(text);
    list(load, errors, views, words);
}

START_TEST(a_good_campaign)
{
    make_view("a.cxi", (recipe){.angle_degree = 0});
    make_view("b.cxi", (recipe){.angle_degree = 30});
    static const char *const words[] = {"views: 2, patterns: 8",
                                        "4 frames of 8 x 8, 4 positions",
                                        "8.856",
                                        "overlap about",
                                        "largest 766",
                                        "angle_sign = 1",
                                        "pixels 0 in every frame",
                                        NULL};
    list_table("a.cxi 0\nb.cxi 30\n", 0, 2, words);
    static const char *const none[] = {NULL};
    list_table("a.cxi\nb.cxi\n", 0, 2, none);
    static const char *const apart[] = {"angles.txt:2", "angle 31 degree, the file says 30", NULL};
    list_table("a.cxi 0\nb.cxi 31\n", 0, 2, apart);
}
END_TEST

START_TEST(views_that_differ)
{
    make_view("a.cxi", (recipe){0});
    make_view("b.cxi", (recipe){.pixel_factor = 1.001});
    make_view("c.cxi", (recipe){.wavelength_factor = 1.01});
    make_view("d.cxi", (recipe){.n = N + 2});
    make_view("e.cxi", (recipe){.pixel_factor = 1.00001});
    static const char *const words[] = {"b.cxi: object pixel", "c.cxi: wavelength",
                                        "d.cxi: frames of 10 pixels", "named in", NULL};
    list_table("a.cxi 0\nb.cxi 1\nc.cxi 2\nd.cxi 3\ne.cxi 4\n", 3, 2, words);
}
END_TEST

START_TEST(files_that_are_missing_or_damaged)
{
    char path[4352], *bytes;
    size_t size;
    make_view("a.cxi", (recipe){0});
    path_of("a.cxi", path);
    pp_assert_ok(pp_file_read(path, &bytes, &size));
    path_of("short.cxi", path);
    pp_assert_ok(pp_file_write(path, bytes, size / 3));
    pp_free(bytes);
    static const char *const words[] = {"gone.cxi: no such file", "short.cxi", "truncated", NULL};
    list_table("a.cxi 0\ngone.cxi 1\nshort.cxi 2\n", 2, 1, words);
    static const char *const nan_angle[] = {"angles.txt:1: the angle nan is not finite", NULL};
    list_table("a.cxi nan\n", 1, 0, nan_angle);
}
END_TEST

START_TEST(no_probe_no_angle_wrong_unit)
{
    make_view("bare.cxi", (recipe){.no_probe = true});
    static const char *const words[] = {"zone_plate", "mean_pattern", "probe_file", NULL};
    list_table("bare.cxi 0\n", 1, 0, words);
    make_view("a.cxi", (recipe){0});
    char path[4352];
    path_of("a.cxi", path);
    pp_load load = defaults();
    load.views = table_path("bare.cxi 0\n");
    load.probe_file = path;
    static const char *const none[] = {NULL};
    list(load, 0, 1, none);
    load.probe_file = "";
    load.probe = PP_PROBE_MEAN;
    list(load, 0, 1, none);
    make_view("far.cxi", (recipe){.step = 3e6});
    static const char *const far[] = {"far.cxi: /entry_1/data_1/translation", "object_limit", NULL};
    list_table("far.cxi 0\n", 1, 0, far);
    make_view("near.cxi", (recipe){.step = 1e-3});
    static const char *const near[] = {"near.cxi", "span", "wrong unit", NULL};
    list_table("near.cxi 0\n", 1, 0, near);
}
END_TEST

/* A whole campaign that is wrong must not drown the reader. */
START_TEST(many_errors_are_counted)
{
    char text[1024] = "";
    for (int k = 0; k < 30; k++)
        (void)snprintf(text + strlen(text), sizeof text - strlen(text), "gone%d.cxi %d\n", k, k);
    static const char *const words[] = {"gone19.cxi", "10 more views have errors", NULL};
    list_table(text, 21, 0, words);
}
END_TEST

START_TEST(an_angle_must_come_from_somewhere)
{
    double out = 0;
    pp_load load = defaults();
    load.angle_sign = -1;
    pp_assert_ok(pp_load_angle(&load, "x.cxi", 90, NAN, &out));
    pp_assert_near(out, -90 * degree, 1e-15);
    pp_assert_ok(pp_load_angle(&load, "x.cxi", NAN, 0.5, &out));
    pp_assert_near(out, -0.5, 0);
    ck_assert_int_eq(pp_load_angle(&load, "x.cxi", NAN, NAN, &out), PP_ERR_DATA);
    ck_assert_ptr_nonnull(strstr(pp_error_last()->text, "x.cxi: no angle"));
}
END_TEST

START_TEST(without_a_collector_the_first_error_counts)
{
    pp_views found = {0};
    pp_load load = defaults();
    load.views = table_path("gone.cxi 0\n");
    ck_assert_int_eq(pp_stage_load.views(&load, folder, &found, NULL), PP_ERR_DATA);
    ck_assert_ptr_nonnull(strstr(pp_error_last()->text, "gone.cxi"));
    pp_views_free(&found);
}
END_TEST

/* Errors of the parameters alone. */
static void check_says(pp_load load, const char *word)
{
    pp_findings findings = {0};
    const pp_config_stage stage = {
        .stage = &pp_stage_load, .id = "load", .params = &load, .origin = {"x.cfg", 1}};
    pp_check check = {&stage, &findings, NULL};
    pp_stage_load.check(&load, &check);
    ck_assert_int_eq(pp_findings_worst(&findings), PP_ERR_CONFIG);
    ck_assert_msg(strstr(findings.items[0].text, word) != NULL, "%s", findings.items[0].text);
    pp_findings_free(&findings);
}

START_TEST(parameters_that_do_not_go_together)
{
    static const int64_t three[] = {1, 2, 3};
    pp_load load = defaults();
    check_says(load, "views");
    load.file = load.views = "x";
    check_says(load, "both views and file");
    load.file = "";
    load.angle = 3;
    check_says(load, "angle is for file");
    load.angle = NAN;
    load.angle_sign = 0;
    check_says(load, "angle_sign");
    load.angle_sign = 1;
    load.dead_pixels = (pp_ints){3, three};
    check_says(load, "dead_pixels");
    load.dead_pixels = (pp_ints){0, NULL};
    load.centre = (pp_ints){3, three};
    check_says(load, "centre");
    load.centre = (pp_ints){0, NULL};
    load.format = PP_FORMAT_PROJECTIONS;
    check_says(load, "give file, not views");
}
END_TEST

/* A stage that keeps what load gave it. */
typedef struct kept {
    pp_array *frames, *mask, *positions, *probe;
    pp_geometry geometry;
} kept;
static kept seen;

static pp_status keep(const void *params, pp_context *context)
{
    (void)params;
    PP_TRY(pp_array_copy(pp_context_get(context, "frames"), &seen.frames));
    PP_TRY(pp_array_copy(pp_context_get(context, "mask"), &seen.mask));
    PP_TRY(pp_array_copy(pp_context_get(context, "positions"), &seen.positions));
    PP_TRY(pp_array_copy(pp_context_get(context, "probe"), &seen.probe));
    seen.geometry = *pp_context_geometry(context);
    return PP_OK;
}

static void forget(void)
{
    pp_array_free(&seen.frames);
    pp_array_free(&seen.mask);
    pp_array_free(&seen.positions);
    pp_array_free(&seen.probe);
}

static const pp_port keep_ports[] = {
    {"frames",
     PP_IN,
     PP_DTYPE_BIT(PP_U16) | PP_DTYPE_BIT(PP_F32),
     {PP_AXIS_PATTERN, PP_AXIS_Y, PP_AXIS_X},
     "counts"},
    {"mask", PP_IN, PP_DTYPE_BIT(PP_U8), {PP_AXIS_Y, PP_AXIS_X}, "1"},
    {"positions", PP_IN, PP_DTYPE_BIT(PP_F64), {PP_AXIS_PATTERN, PP_AXIS_COMPONENT}, "pixel"},
    {"probe", PP_IN, PP_DTYPE_BIT(PP_C32), {PP_AXIS_MODE, PP_AXIS_Y, PP_AXIS_X}, "sqrt(counts)"},
    PP_PORT_END};
typedef struct nothing {
    bool unused;
} nothing;
static const pp_param no_params[] = {PP_BOOL(nothing, unused, false, "not used"), PP_PARAM_END};
static PP_STAGE(keep, .summary = "keeps a view", .scope = PP_SCOPE_VIEW, .ports = keep_ports,
                .params = no_params, .params_size = sizeof(nothing), .run = keep, .version = "1");

static pp_status run(const char *name, const char *stages)
{
    char path[4352], text[8192];
    path_of(name, path);
    (void)snprintf(text, sizeof text, "schema = 1;\noutput = \"%s.out\";\nstages = (\n%s\n);\n",
                   name, stages);
    pp_assert_ok(pp_file_write(path, text, strlen(text)));
    const pp_engine_request request = {.path = path, .command = "test"};
    return pp_engine_run(world, &request);
}

START_TEST(one_view_at_its_ports)
{
    make_view("a.cxi", (recipe){.angle_degree = 30});
    pp_assert_ok(run("one.cfg",
                     "{ use = \"load\"; file = \"a.cxi\"; angle = 12.0; angle_sign = -1; "
                     "dead_pixels = [0, 0]; position_scale = 2.0; }, { use = \"keep\"; }"));
    ck_assert_int_eq(pp_array_dtype(seen.frames), PP_U16);
    const uint16_t *counts = pp_array_read(seen.frames);
    ck_assert(counts[0] == 1 && counts[N * N + N + 1] == 3 * (N * N + N + 1) + 1);
    const uint8_t *good = pp_array_read(seen.mask);
    ck_assert(good[0] == 1 && good[N / 2 * N + N / 2] == 0); /* (0, 0) on disk */
    const double *g = pp_array_read(seen.positions);
    pp_assert_near(g[0], -12, 1e-9);
    pp_assert_near(g[1], 30, 1e-9);
    pp_assert_near(g[2], -6, 1e-9);
    const pp_c32 *p = pp_array_read(seen.probe);
    ck_assert(p[3].re == 3 && p[3].im == -3);
    pp_assert_near(seen.geometry.angle, -12 * degree, 1e-15);
    pp_assert_near(seen.geometry.pixel_size[1] / (wavelength * distance / (N * pixel)), 1, 1e-12);
    forget();
}
END_TEST

static double power(const pp_array *probe)
{
    double sum = 0;
    const pp_c32 *p = pp_array_read(probe);
    for (int64_t k = 0; k < pp_array_count(probe); k++)
        sum += (double)p[k].re * (double)p[k].re + (double)p[k].im * (double)p[k].im;
    return sum;
}

START_TEST(calculated_probes_have_the_frames_power)
{
    double mean = 0;
    for (int k = 0; k < J * N * N; k++) mean += (3 * k + 1) / (double)J;
    make_view("bare.cxi", (recipe){.no_probe = true});
    pp_assert_ok(run("mean.cfg", "{ use = \"load\"; file = \"bare.cxi\"; angle = 0.0; probe = "
                                 "\"mean_pattern\"; }, { use = \"keep\"; }"));
    pp_assert_near(power(seen.probe) / mean, 1, 1e-5);
    const pp_c32 *p = pp_array_read(seen.probe);
    for (int k = 0; k < N * N; k++) ck_assert(p[k].re <= p[N / 2 * N + N / 2].re);
    forget();
    /* outer angle 1.4e-10 / 2 / dr on a detector of 8 pixels of 75 um, 2 m away: dr above 0.47 um */
    pp_assert_ok(run("plate.cfg",
                     "{ use = \"load\"; file = \"bare.cxi\"; angle = 0.0; probe = \"zone_plate\"; "
                     "outer_zone_width = 7e-7; zone_plate_diameter = 1e-4; central_stop_diameter "
                     "= 2e-5; defocus = 0.0; }, { use = \"keep\"; }"));
    pp_assert_near(power(seen.probe) / mean, 1, 1e-5);
    forget();
}
END_TEST

/* projections.h5 of three views, as save would write them. */
static void make_stack(const char *name, double pixel_size)
{
    char path[4352];
    const int64_t shape[] = {3, 4, 6};
    pp_array *psi = NULL, *phase = NULL, *theta = NULL;
    path_of(name, path);
    pp_assert_ok(pp_array_create(PP_C32, 3, shape, "1", &psi));
    pp_assert_ok(pp_array_create(PP_F32, 3, shape, "rad", &phase));
    pp_assert_ok(pp_array_create_1d(PP_F64, 3, "rad", &theta));
    for (int k = 0; k < 72; k++) {
        ((pp_c32 *)pp_array_data(psi))[k] = (pp_c32){(float)k, 1};
        ((float *)pp_array_data(phase))[k] = 0.1f * (float)k;
    }
    for (int k = 0; k < 3; k++) ((double *)pp_array_data(theta))[k] = 1.0 / (k + 3);
    const pp_stack_ports ports = {.projections = psi, .phase = phase, .theta = theta};
    const pp_file_facts facts = {.pixel_size = pixel_size, .wavelength = wavelength};
    pp_assert_ok(pp_projections_write(path, &ports, &facts, world));
    pp_array_free(&psi);
    pp_array_free(&phase);
    pp_array_free(&theta);
}

static void same_port(const char *a, const char *b, const char *port)
{
    char path[4352];
    pp_array *one = NULL, *other = NULL;
    path_of(a, path);
    pp_assert_ok(pp_stack_read(path, port, world, &one));
    path_of(b, path);
    pp_assert_ok(pp_stack_read(path, port, world, &other));
    ck_assert_uint_eq(pp_array_bytes(one), pp_array_bytes(other));
    ck_assert_msg(memcmp(pp_array_read(one), pp_array_read(other), pp_array_bytes(one)) == 0,
                  "%s differs", port);
    pp_array_free(&one);
    pp_array_free(&other);
}

START_TEST(projections_in_projections_out)
{
    static const char stages[] =
        "{ use = \"load\"; format = \"projections\"; file = \"stack.h5\"; }, { use = \"save\"; }";
    static const char *const ports[] = {"projections", "phase", "theta", "views"};
    make_stack("stack.h5", 5e-8);
    pp_assert_ok(run("stack.cfg", stages));
    for (int k = 0; k < 4; k++) same_port("stack.h5", "stack.cfg.out/projections.h5", ports[k]);
    char path[4352];
    int64_t bytes = 0;
    double before = 0, after = 0;
    path_of("stack.cfg.out/projections.h5", path);
    pp_assert_ok(pp_file_stat(path, &bytes, &before));
    pp_identity identity;
    pp_assert_ok(pp_result_identity(path, &identity));
    ck_assert_uint_eq(strlen(identity.hash), 32);
    pp_identity_free(&identity);
    pp_assert_ok(run("stack.cfg", stages)); /* finished work is not done again */
    pp_assert_ok(pp_file_stat(path, &bytes, &after));
    ck_assert(before >= after && before <= after);
}
END_TEST

START_TEST(projections_that_say_too_little)
{
    pp_load load = defaults();
    char path[4352];
    path_of("nopixel.h5", path);
    make_stack("nopixel.h5", 0);
    load.format = PP_FORMAT_PROJECTIONS;
    load.file = path;
    static const char *const words[] = {"nopixel.h5: /exchange/pixel_size", "set pixel_size", NULL};
    list(load, 1, 0, words);
    load.pixel_size = 5e-8;
    static const char *const good[] = {"3 projections of 4 x 6", NULL};
    list(load, 0, 3, good);
}
END_TEST

START_TEST(close_world)
{
    pp_registry_clear();
    pp_comm_free(&world);
}
END_TEST

START_TEST(open_world)
{
    char name[64], *absolute = NULL;
    pp_assert_ok(pp_comm_world(&world));
    (void)snprintf(name, sizeof name, "test_load_%ld", (long)getpid());
    pp_assert_ok(pp_path_absolute(name, &absolute));
    (void)snprintf(folder, sizeof folder, "%s", absolute);
    pp_free(absolute);
    pp_assert_ok(pp_file_make_folders(folder));
    pp_assert_ok(pp_registry_add(&pp_stage_keep));
}
END_TEST

int main(int argc, char **argv)
{
    const TTest *const tests[] = {open_world,
                                  a_good_campaign,
                                  views_that_differ,
                                  files_that_are_missing_or_damaged,
                                  no_probe_no_angle_wrong_unit,
                                  many_errors_are_counted,
                                  an_angle_must_come_from_somewhere,
                                  without_a_collector_the_first_error_counts,
                                  parameters_that_do_not_go_together,
                                  one_view_at_its_ports,
                                  calculated_probes_have_the_frames_power,
                                  projections_in_projections_out,
                                  projections_that_say_too_little,
                                  close_world,
                                  NULL};
    if (pp_mpi_start(&argc, &argv) != PP_OK) return 1;
    const int failed = pp_test_main(pp_test_suite("load", tests));
    pp_mpi_stop();
    return failed;
}
