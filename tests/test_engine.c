/* The engine with stages of the test's own: the chain's errors, the pass over views, failures, identity, resume, restart, and
 * the same results on 1, 2 and 3 ranks.
 * SPDX-License-Identifier: BSD-3-Clause */
// RANKS 1 2 3
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "comm/comm.h"
#include "engine/engine.h"
#include "engine/pass.h"
#include "engine/pipeline.h"
#include "io/h5.h"
#include "support/fake_stages.h"
#include "support/support.h"

static pp_comm *world;
static char folder[64];

static const char chain[] = "{ use = \"fake_source\"; }, { use = \"fake_solve\"; }, "
                            "{ use = \"fake_sum\"; }, { use = \"fake_mean\"; }, "
                            "{ use = \"fake_save\"; }";

static bool is_root(void)
{
    return pp_comm_rank(world) == 0;
}

/* A pipeline file in the test's folder. */
static void write_file(const char *name, const char *stages)
{
    char path[128], text[2048];
    (void)snprintf(path, sizeof path, "%s/%s.cfg", folder, name);
    (void)snprintf(text, sizeof text, "schema = 1;\noutput = \"%s\";\nstages = (\n%s\n);\n", name,
                   stages);
    if (is_root()) pp_assert_ok(pp_file_write(path, text, strlen(text)));
    pp_assert_ok(pp_comm_barrier(world));
}

/* Runs NAME.cfg with "key=value" texts, up to NULL; "--restart" among them sets it. */
static pp_status run_file(const char *name, ...)
{
    char path[128];
    const char *overrides[8], *one;
    int count = 0;
    (void)snprintf(path, sizeof path, "%s/%s.cfg", folder, name);
    pp_engine_request request = {.path = path, .overrides = overrides, .command = "test"};
    va_list arguments;
    va_start(arguments, name);
    while ((one = va_arg(arguments, const char *)))
        if (strcmp(one, "--restart") == 0)
            request.restart = true;
        else
            overrides[count++] = one;
    va_end(arguments);
    request.override_count = count;
    memset(&fake, 0, sizeof fake);
    return pp_engine_run(world, &request);
}

/* Calls on all ranks together. */
static int total(int calls)
{
    double sum = calls;
    pp_assert_ok(pp_comm_allreduce(world, &sum, 1, PP_SUM));
    return (int)sum;
}

static double value_in(const char *name, const char *file)
{
    char path[128];
    double value = -1;
    pp_h5 *h5 = NULL;
    (void)snprintf(path, sizeof path, "%s/%s/%s", folder, name, file);
    pp_assert_ok(pp_h5_open(path, &h5));
    pp_assert_ok(pp_h5_read_number(h5, "/value", &value));
    pp_h5_close(&h5);
    return value;
}

static bool exists(const char *name, const char *file)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/%s/%s", folder, name, file);
    return pp_file_exists(path);
}

static void touch(const char *name, const char *file)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/%s/%s", folder, name, file);
    if (is_root()) pp_assert_ok(pp_file_write(path, "x", 1));
    pp_assert_ok(pp_comm_barrier(world));
}

static void take_away(const char *name, const char *file)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/%s/%s", folder, name, file);
    if (is_root()) ck_assert_int_eq(unlink(path), 0);
    pp_assert_ok(pp_comm_barrier(world));
}

/* One run, the same again, one file taken away, one parameter of each depth changed. */
START_TEST(resume)
{
    write_file("resume", chain);
    pp_assert_ok(run_file("resume", NULL));
    ck_assert_int_eq(total(fake.source), 3);
    ck_assert_int_eq(total(fake.solve), 3);
    ck_assert_int_eq(fake.opened, 1);
    ck_assert_int_eq(fake.closed, 1);
    ck_assert(value_in("resume", "total.h5") == 12 && value_in("resume", "mean.h5") == 4);
    ck_assert(exists("resume", "config.cfg") && exists("resume", "provenance.json") &&
              exists("resume", "log.txt") && exists("resume", "views/0002.h5"));

    pp_assert_ok(run_file("resume", "threads=1", NULL));
    ck_assert_int_eq(total(fake.solve + fake.sum + fake.mean + fake.saved + fake.restored), 0);

    /* killed in the middle: a view is missing, and half of one lies about */
    touch("resume", "views/0002.h5.part77");
    take_away("resume", "views/0001.h5");
    pp_assert_ok(run_file("resume", NULL));
    ck_assert_int_eq(total(fake.solve), 1);
    ck_assert(!exists("resume", "views/0002.h5.part77") && exists("resume", "views/0001.h5"));
    ck_assert_int_eq(total(fake.sum + fake.saved), 0);

    /* a damaged one is made again */
    touch("resume", "views/0000.h5");
    pp_assert_ok(run_file("resume", NULL));
    ck_assert_int_eq(total(fake.solve), 1);
}
END_TEST

START_TEST(restart)
{
    write_file("restart", chain);
    pp_assert_ok(run_file("restart", NULL));
    ck_assert_int_eq(run_file("restart", "fake_solve.gain=3", NULL), PP_ERR_CONFIG);
    const char *text = pp_error_last()->text;
    ck_assert_msg(strstr(text, "fake_solve.gain: 2.0 on file, 3.0 now"), "%s", text);
    ck_assert_ptr_null(strstr(text, "fake_sum"));
    ck_assert_int_eq(total(fake.solve), 0);

    /* downstream of the change, and nothing else: total.h5 is restored, not written */
    ck_assert_int_eq(run_file("restart", "fake_mean.factor=2", NULL), PP_ERR_CONFIG);
    pp_assert_ok(run_file("restart", "fake_mean.factor=2", "--restart", NULL));
    ck_assert_int_eq(total(fake.solve + fake.sum), 0);
    ck_assert_int_eq(fake.mean, 1);
    ck_assert_int_eq(fake.restored, 1);
    ck_assert_int_eq(total(fake.saved), 1);
    ck_assert(value_in("restart", "mean.h5") == 8 && value_in("restart", "total.h5") == 12);

    pp_assert_ok(run_file("restart", "fake_solve.gain=3", "--restart", NULL));
    ck_assert_int_eq(total(fake.solve), 3);
    ck_assert_int_eq(total(fake.saved), 2);
    ck_assert(value_in("restart", "total.h5") == 18 && value_in("restart", "mean.h5") == 6);
}
END_TEST

START_TEST(failures)
{
    write_file("failures", chain);
    ck_assert_int_eq(run_file("failures", "fake_solve.fail=1", NULL), PP_ERR_PARTIAL);
    ck_assert(exists("failures", "views/0001.failed.txt") && !exists("failures", "views/0001.h5"));
    ck_assert(value_in("failures", "total.h5") == 8);
    /* fails again: nothing is made again */
    ck_assert_int_eq(run_file("failures", "fake_solve.fail=1", NULL), PP_ERR_PARTIAL);
    ck_assert_int_eq(total(fake.solve), 1);
    ck_assert_int_eq(total(fake.sum + fake.saved), 0);
    /* mended: the campaign's results are made again without being asked, for nothing was changed */
    pp_assert_ok(run_file("failures", NULL));
    ck_assert_int_eq(total(fake.solve), 1);
    ck_assert(value_in("failures", "total.h5") == 12);
    ck_assert(!exists("failures", "views/0001.failed.txt"));
}
END_TEST

START_TEST(stops)
{
    write_file("stops", chain);
    ck_assert_int_eq(run_file("stops", "on_error=stop", "fake_source.fail=0", NULL), PP_ERR_DATA);
    ck_assert_ptr_nonnull(strstr(pp_error_last()->text, "view 0 is broken"));
    ck_assert(!exists("stops", "total.h5"));
    write_file("all", chain);
    ck_assert_int_eq(run_file("all", "fake_solve.fail_all=1", NULL), PP_ERR_RUN);
    ck_assert_ptr_nonnull(strstr(pp_error_last()->text, "view 0 does not converge"));
    write_file("one", chain);
    ck_assert_int_eq(run_file("one", "fake_source.count=1", "fake_source.fail=0", NULL),
                     PP_ERR_DATA);
    write_file("none", chain);
    ck_assert_int_eq(run_file("none", "fake_source.count=0", NULL), PP_ERR_DATA);
}
END_TEST

/* A result that cannot be stored (a full disk, here a folder of its name) ends the run: what is solved after it would be lost. */
START_TEST(no_room)
{
    char path[128];
    write_file("no_room", chain);
    (void)snprintf(path, sizeof path, "%s/no_room/views/0000.h5", folder);
    pp_assert_ok(run_file("no_room", NULL));
    take_away("no_room", "views/0000.h5");
    take_away("no_room", "views/0001.h5");
    take_away("no_room", "views/0002.h5");
    take_away("no_room", "total.h5");
    if (is_root()) ck_assert_int_eq(mkdir(path, 0777), 0);
    pp_assert_ok(pp_comm_barrier(world));
    ck_assert_int_eq(run_file("no_room", NULL), PP_ERR_RESOURCE);
    ck_assert_ptr_nonnull(strstr(pp_error_last()->text, "0000.h5"));
    ck_assert(!exists("no_room", "total.h5") && !exists("no_room", "views/0000.failed.txt"));
    if (is_root()) ck_assert_int_eq(rmdir(path), 0);
    pp_assert_ok(pp_comm_barrier(world));
    pp_assert_ok(run_file("no_room", NULL));
    ck_assert(value_in("no_room", "total.h5") == 12);
}
END_TEST

/* A rank solves a view and holds the next: no more than six of the twelve are begun before the first is solved. */
START_TEST(interrupted)
{
    write_file("interrupted", chain);
    const pp_status status = run_file("interrupted", "fake_source.count=12", "fake_solve.signal=8",
                                      "fake_solve.wait=60", NULL);
    ck_assert_int_eq(status, PP_ERR_INTERRUPTED);
    ck_assert(!exists("interrupted", "total.h5"));
    pp_assert_ok(run_file("interrupted", "fake_source.count=12", NULL));
    ck_assert_int_lt(total(fake.solve), 12);
    ck_assert(value_in("interrupted", "total.h5") == 2.0 * 78);
}
END_TEST

START_TEST(foreign_folder)
{
    char path[128];
    write_file("foreign", chain);
    (void)snprintf(path, sizeof path, "%s/foreign", folder);
    if (is_root()) (void)mkdir(path, 0777);
    touch("foreign", "somebody.txt");
    ck_assert_int_eq(run_file("foreign", NULL), PP_ERR_CONFIG);
    ck_assert(!exists("foreign", "config.cfg"));
}
END_TEST

/* Reads a chain and returns the text of all findings. */
static const char *findings_of(const char *stages)
{
    static char all[4096];
    char path[128];
    pp_findings findings = {0};
    pp_config *config = NULL;
    pp_pipeline *pipeline = NULL;
    write_file("graph", stages);
    (void)snprintf(path, sizeof path, "%s/graph.cfg", folder);
    pp_assert_ok(pp_config_read(path, 0, NULL, pp_registry(), &findings, &config));
    pp_assert_ok(pp_pipeline_create(config, &findings, &pipeline));
    *all = 0;
    for (int64_t i = 0; i < findings.count; i++) {
        (void)strncat(all, findings.items[i].text, sizeof all - strlen(all) - 2);
        (void)strcat(all, "\n");
    }
    pp_pipeline_free(&pipeline);
    pp_config_free(&config);
    pp_findings_free(&findings);
    return all;
}

static void says(const char *stages, const char *expected)
{
    const char *text = findings_of(stages);
    ck_assert_msg(strstr(text, expected), "expected '%s' in:\n%s", expected, text);
}

static pp_status nothing(const void *params, pp_context *context)
{
    (void)params, (void)context;
    return PP_OK;
}

static const pp_port odd_ports[] = {
    {"frames", PP_IN, PP_DTYPE_BIT(PP_F32), {PP_AXIS_PATTERN, PP_AXIS_Y, PP_AXIS_X}, "counts"},
    PP_PORT_END};
static PP_STAGE(fake_dtype, .summary = "reads other frames", .ports = odd_ports, .run = nothing);
static const pp_port unit_ports[] = {
    {"frames", PP_IN, PP_DTYPE_BIT(PP_U16), {PP_AXIS_PATTERN, PP_AXIS_Y, PP_AXIS_X}, "m"},
    PP_PORT_END};
static PP_STAGE(fake_unit, .summary = "reads other units", .ports = unit_ports, .run = nothing);
static const pp_port axis_ports[] = {
    {"object", PP_IN, PP_DTYPE_BIT(PP_C32), {PP_AXIS_X, PP_AXIS_Y}, "1"}, PP_PORT_END};
static PP_STAGE(fake_axes, .summary = "reads other axes", .ports = axis_ports, .run = nothing);

START_TEST(graph)
{
    if (!is_root()) {
        for (int k = 0; k < 9; k++) write_file("graph", "");
        return;
    }
    ck_assert_str_eq(findings_of(chain), "");
    says("{ use = \"fake_solve\"; }", "graph.cfg:4: stage 'fake_solve': is the first stage");
    says("{ use = \"fake_source\"; },\n{ use = \"fake_source\"; id = \"two\"; }",
         "graph.cfg:5: stage 'two': is a second source");
    says("{ use = \"fake_source\"; },\n{ use = \"fake_sum\"; }",
         "graph.cfg:5: stage 'fake_sum': needs 'object' (complex64 [view][y][x] in 1), which no "
         "stage before it gives; a stage 'ptycho' gives it");
    says("{ use = \"fake_source\"; }, { use = \"fake_solve\"; }, { use = \"fake_sum\"; },\n"
         "{ use = \"fake_solve\"; id = \"late\"; }",
         "graph.cfg:5: stage 'late': works on one view at a time and stands after 'fake_sum'");
    says(
        "{ use = \"fake_source\"; },\n{ use = \"fake_dtype\"; }",
        "graph.cfg:5: stage 'fake_dtype': its input 'frames' is float32 [pattern][y][x] in counts, "
        "but the nearest stage upstream that gives it, 'fake_source', gives uint16");
    says("{ use = \"fake_source\"; },\n{ use = \"fake_unit\"; }",
         "gives uint16 [pattern][y][x] in counts");
    says("{ use = \"fake_source\"; }, { use = \"fake_solve\"; },\n{ use = \"fake_axes\"; }",
         "graph.cfg:5: stage 'fake_axes': its input 'object' is complex64 [x][y] in 1");
    says("{ use = \"fake_source\"; }, { use = \"fake_solve\"; },\n{ use = \"fake_mean\"; }",
         "needs 'total'");
}
END_TEST

static const pp_stage_class *const classes[] = {
    &pp_stage_fake_source, &pp_stage_fake_solve, &pp_stage_fake_sum,  &pp_stage_fake_mean,
    &pp_stage_fake_save,   &pp_stage_fake_dtype, &pp_stage_fake_unit, &pp_stage_fake_axes};

static int prepare(int *argc, char ***argv)
{
    if (pp_mpi_start(argc, argv) != PP_OK || pp_comm_world(&world) != PP_OK) return 0;
    (void)snprintf(folder, sizeof folder, "test_engine.n%d", pp_comm_size(world));
    for (size_t k = 0; k < sizeof classes / sizeof *classes; k++)
        if (pp_registry_add(classes[k]) != PP_OK) return 0;
    if (*argc > 1) return 1;
    char command[256];
    (void)snprintf(command, sizeof command, "rm -rf %s && mkdir %s", folder, folder);
    const int bad = is_root() ? system(command) : 0;
    return !bad && pp_comm_barrier(world) == PP_OK;
}

/* test_engine FILE [key=value ...]: a run from outside, for test_engine_killed.sh. */
static int run_once(int count, char **texts)
{
    pp_engine_request request = {.path = texts[0],
                                 .override_count = count - 1,
                                 .overrides = (const char *const *)&texts[1],
                                 .command = "test_engine"};
    return (int)pp_engine_run(world, &request);
}

/* What is told of the time: in proportion, never less than nothing, and nothing where nothing is known. */
START_TEST(time_left)
{
    static const struct {
        double elapsed, done, total;
        const char *text;
    } cases[] = {
        {30, 1, 4, "90 s"},  {600, 0.5, 1, "10 min"}, {3600, 1, 4, "3.0 h"},
        {1410, 1, 1, "0 s"}, {1410, 2, 1, "0 s"},     {5, 7.999, 8, "0 s"},
        {0, 1, 4, "0 s"},    {3, 0, 4, "?"},          {-1, 1, 4, "?"},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        char text[32];
        pp_time_left(cases[k].elapsed, cases[k].done, cases[k].total, text);
        ck_assert_str_eq(text, cases[k].text);
    }
}
END_TEST

int main(int argc, char **argv)
{
    const TTest *const tests[] = {graph,   resume,      restart,        failures,  stops,
                                  no_room, interrupted, foreign_folder, time_left, NULL};
    if (!prepare(&argc, &argv)) return EXIT_FAILURE;
    if (argc > 1) {
        const int code = run_once(argc - 1, argv + 1);
        pp_registry_clear();
        pp_comm_free(&world);
        pp_mpi_stop();
        return code;
    }
    SRunner *runner = srunner_create(pp_test_suite("engine", tests));
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    if (failed) pp_mpi_abort(EXIT_FAILURE);
    pp_registry_clear();
    pp_comm_free(&world);
    pp_mpi_stop();
    const long long left = (long long)pp_alloc_live_blocks();
    if (left) (void)fprintf(stderr, "%lld blocks of memory were not freed\n", left);
    return left ? EXIT_FAILURE : EXIT_SUCCESS;
}
