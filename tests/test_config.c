/* Pipeline files: parsing by the tables, every kind of wrong file, the effective configuration.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "config/config.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "support/support.h"

/* A stage class with one parameter of each type. */
typedef struct sample {
    bool refine;
    int64_t iterations, group, wide;
    double step, strength;
    const char *title, *input, *folder;
    int model, rescale, sign;
    pp_ints crop;
    pp_reals angles;
} sample;

static const pp_param sample_params[] = {
    PP_BOOL(sample, refine, true, "refine"),
    PP_INT(sample, iterations, 128, 1, 100000, "1", "iterations"),
    PP_AUTO_INT(sample, group, auto, 1, 8, "1", "group"),
    PP_INT(sample, wide, 0, -1e18, 1e18, "1", "a wide integer"),
    PP_REAL(sample, step, 0.1, 0, 10, "m", "step"),
    PP_AUTO_REAL(sample, strength, auto, 0, 1, "1", "strength"),
    PP_TEXT(sample, title, "", "title"),
    PP_PATH(sample, input, PP_P_INPUT_FILE, "", "input"),
    PP_PATH(sample, folder, 0, "simulated", "folder"),
    PP_CHOICE(sample, model, "amplitude", "amplitude|poisson|~huber", "model"),
    PP_CHOICE(sample, rescale, "auto", "auto|true|false", "rescale"),
    PP_CHOICE(sample, sign, "1", "1|-1", "sign"),
    PP_INTS(sample, crop, "", 0, 1e10, "1", "crop"),
    PP_REALS(sample, angles, "", -360, 360, "degree", "angles"),
    PP_PARAM_END};

typedef struct needy {
    const char *source;
} needy;
static const pp_param needy_params[] = {
    PP_PATH(needy, source, PP_P_REQUIRED | PP_P_INPUT_FILE, "", "the data file"), PP_PARAM_END};

static const pp_stage_class sample_class = {
    .name = "sample", .params = sample_params, .params_size = sizeof(sample)};
static const pp_stage_class needy_class = {
    .name = "needy", .params = needy_params, .params_size = sizeof(needy)};
static const pp_stage_class bare_class = {.name = "bare"};

static const pp_stage_class *find(const char *name)
{
    if (strcmp(name, "sample") == 0) return &sample_class;
    if (strcmp(name, "needy") == 0) return &needy_class;
    return strcmp(name, "bare") == 0 ? &bare_class : NULL;
}

static const char *const *names(void)
{
    static const char *const all[] = {"sample", "needy", "bare", NULL};
    return all;
}

static const pp_class_source classes = {.find = find, .names = names};

static char folder[64];
static pp_config *config;
static pp_findings findings;

static const char *file_name(const char *name)
{
    static char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void put(const char *name, const char *text)
{
    pp_assert_ok(pp_file_write(file_name(name), text, strlen(text)));
}

static void clear(void)
{
    pp_config_free(&config);
    pp_findings_free(&findings);
}

static void read_with(const char *text, int count, const char *const *overrides)
{
    clear();
    put("x.cfg", text);
    pp_assert_ok(
        pp_config_read(file_name("x.cfg"), count, overrides, &classes, &findings, &config));
}

static const sample *first(void)
{
    ck_assert_ptr_nonnull(config);
    ck_assert_int_ge(pp_config_stages(config), 1);
    return pp_config_stage_at(config, 0)->params;
}

static void no_findings(void)
{
    ck_assert_msg(findings.count == 0, "%s", findings.count ? findings.items[0].text : "");
}

START_TEST(every_type_is_read)
{
    read_with("schema = 1; name = \"x y\"; seed = 7; threads = 2; on_error = \"stop\";\n"
              "stages = ( { use = \"sample\"; refine = false; iterations = 3; group = 4; wide = "
              "3000000000L; step = 2;\n"
              "  strength = 0.25; title = \"a \\\"b\\\"\"; folder = \"../f\"; model = \"poisson\"; "
              "rescale = true; sign = -1; crop = [1, 2]; angles = (1, 2.5); } );\n",
              0, NULL);
    no_findings();
    const sample *s = first();
    const pp_settings *settings = pp_config_settings(config);
    ck_assert(!s->refine && s->iterations == 3 && s->group == 4 && s->wide == 3000000000);
    ck_assert(s->step == 2.0 && s->strength == 0.25 && s->model == 1 && s->rescale == 1);
    ck_assert(s->sign == 1 && s->crop.count == 2 && s->crop.values[1] == 2);
    ck_assert(s->angles.count == 2 && s->angles.values[0] == 1.0 && s->angles.values[1] == 2.5);
    ck_assert_str_eq(s->title, "a \"b\"");
    ck_assert_str_eq(s->folder, "/tmp/f");
    ck_assert_str_eq(settings->name, "x y");
    ck_assert(settings->seed == 7 && settings->threads == 2 && settings->on_error == 1);
    ck_assert_str_eq(pp_config_stage_at(config, 0)->id, "sample");
    ck_assert(pp_config_stage_at(config, 0)->sound);
}
END_TEST

START_TEST(defaults_are_the_tables)
{
    read_with("schema = 1; stages = ( { use = \"sample\"; } );\n", 0, NULL);
    no_findings();
    const sample *s = first();
    char whole[160];
    ck_assert(s->refine && s->iterations == 128 && s->group == PP_AUTO && isnan(s->strength));
    ck_assert(s->model == 0 && s->crop.count == 0 && s->step == 0.1);
    ck_assert_str_eq(s->input, "");
    (void)snprintf(whole, sizeof whole, "%s/simulated", folder);
    ck_assert_str_eq(s->folder, whole);
    ck_assert_str_eq(pp_config_settings(config)->name, "x");
    (void)snprintf(whole, sizeof whole, "%s/out/x", folder);
    ck_assert_str_eq(pp_config_settings(config)->output, whole);
    struct pp_check check = {pp_config_stage_at(config, 0), &findings, NULL};
    ck_assert(!pp_check_given(&check, "iterations"));
}
END_TEST

/* A wrong file: its text, what the finding must say, and its code. */
static const struct {
    const char *text, *wanted;
    pp_status code;
} wrong[] = {
    {"schema = 1; stages = (\n {use = \"sample\"; iteratons = 5; } );",
     "x.cfg:2: stage 'sample': unknown parameter 'iteratons', did you mean 'iterations'?",
     PP_ERR_CONFIG},
    {"schema = 1; stages = ( {use = \"sample\"; iterations = -5; } );",
     "x.cfg:1: stage 'sample': iterations = -5 is outside 1 to 100000", PP_ERR_CONFIG},
    {"schema = 1; stages = ( {use = \"sample\"; iterations = \"many\"; } );",
     "iterations must be an integer, found \"many\"", PP_ERR_CONFIG},
    {"schema = 1; stages = ( {use = \"sample\"; iterations = 2.5; } );",
     "iterations must be an integer, found 2.5", PP_ERR_CONFIG},
    {"schema = 1; stages = ( {use = \"sample\"; group = \"all\"; } );",
     "group must be an integer or \"auto\", found \"all\"", PP_ERR_CONFIG},
    {"schema = 1; stages = ( {use = \"sample\"; step = 11; } );", "step = 11 is outside 0 to 10 m",
     PP_ERR_CONFIG},
    {"schema = 1; stages = ( {use = \"sample\"; step = true; } );",
     "step must be a finite number, found true", PP_ERR_CONFIG},
    {"schema = 1; stages = ( {use = \"sample\"; refine = 1; } );",
     "refine must be true or false, found 1", PP_ERR_CONFIG},
    {"schema = 1; stages = ( {use = \"sample\"; title = 5; } );",
     "title must be a text in quotes, found 5", PP_ERR_CONFIG},
    {"schema = 1; stages = ( {use = \"sample\"; crop = 5; } );", "crop must be a list",
     PP_ERR_CONFIG},
    {"schema = 1; stages = ( {use = \"sample\"; crop = [1, -1]; } );",
     "crop = -1 is outside 0 to 10000000000", PP_ERR_CONFIG},
    {"schema = 1; stages = ( {use = \"sample\"; title = { a = 1; }; } );",
     "title must be a text in quotes, found a group", PP_ERR_CONFIG},
    {"schema = 1; stages = ( {use = \"sample\"; model = \"gauss\"; } );",
     "model = \"gauss\" is not known: choose one of amplitude, poisson", PP_ERR_CONFIG},
    {"schema = 1; stages = ( {use = \"sample\"; model = \"poison\"; } );",
     "did you mean \"poisson\"", PP_ERR_CONFIG},
    {"schema = 1; stages = ( {use = \"sample\"; model = \"huber\"; } );",
     "model = \"huber\" is not built in this version: choose one of amplitude, poisson",
     PP_ERR_CONFIG},
    {"schema = 1; stages = (\n\n {use = \"sample\"; wide = 3000000000; } );",
     "x.cfg:3: stage 'sample': wide = 3000000000 does not fit in 32 bits: write 3000000000L",
     PP_ERR_CONFIG},
    {"schema = 1; stages = ( {use = \"sample\"; wide = 9300000000000000000L; } );",
     "9300000000000000000L does not fit in 64 bits", PP_ERR_CONFIG},
    {"schema = 1; stages = ( {use = \"sample\"; crop = [1,\n3000000000]; } );",
     "crop = 3000000000 does not fit in 32 bits", PP_ERR_CONFIG},
    {"schema = 1;\nseed = 5000000000; stages = ( {use = \"bare\"; } );",
     "x.cfg:2: seed = 5000000000 does not fit in 32 bits", PP_ERR_CONFIG},
    {"schema = 1; stages = ( {use = \"sample\"; input = \"nowhere.cxi\"; } );",
     "nowhere.cxi: there is no such file", PP_ERR_DATA},
    {"schema = 1; stages = (\n {use = \"needy\"; } );",
     "x.cfg:2: stage 'needy': source is missing: the data file", PP_ERR_CONFIG},
    {"schema = 1; stages = ( {use = \"needy\"; source = \"\"; } );", "source is empty",
     PP_ERR_CONFIG},
    {"schema = 1; stages = ( {use = \"needy\"; source = \"REQUIRED\"; } );",
     "stage 'needy': source is REQUIRED: give its value here (the data file)", PP_ERR_CONFIG},
    {"schema = 1; stages = ( {use = \"sample\"; iterations = \"REQUIRED\"; } );",
     "iterations is REQUIRED", PP_ERR_CONFIG},
    {"schema = 1; stages = ( {use = \"needy\"; source = REQUIRED; } );",
     "x.cfg:1: REQUIRED is left in place", PP_ERR_CONFIG},
    {"schema = 1; stages = (\n{use = \"smaple\"; } );",
     "x.cfg:2: stage 'smaple': there is no stage of this name, did you mean 'sample'?",
     PP_ERR_CONFIG},
    {"schema = 1; stages = ( {use = \"zzzzzz\"; } );", "there are sample, needy, bare",
     PP_ERR_CONFIG},
    {"schema = 1; stages = ( {uses = \"bare\"; } );", "stage 1 of the list has no name",
     PP_ERR_CONFIG},
    {"schema = 1; stages = ( 5 );", "stage 1 of the list has no name", PP_ERR_CONFIG},
    {"schema = 1; stages = ( {use = \"bare\"; }, {use = \"sample\"; id = \"bare\"; } );",
     "stage 'bare': another stage has this id", PP_ERR_CONFIG},
    {"schema = 1; stages = ( {use = \"bare\"; id = \"a.b\"; } );", "an id is made of letters",
     PP_ERR_CONFIG},
    {"schema = 1; stages = ( {use = \"bare\"; id = 5; } );", "id must be a text", PP_ERR_CONFIG},
    {"stages = ( {use = \"bare\"; } );", "schema is missing: write schema = 1;", PP_ERR_CONFIG},
    {"schema = 2; stages = ( {use = \"bare\"; } );", "schema = 2 is outside 1 to 1", PP_ERR_CONFIG},
    {"schema = 1;", "stages is missing", PP_ERR_CONFIG},
    {"schema = 1; stages = ();", "stages must be a list of groups", PP_ERR_CONFIG},
    {"schema = 1; stages = \"load\";", "stages must be a list of groups", PP_ERR_CONFIG},
    {"schema = 1; ouput = \"o\"; stages = ( {use = \"bare\"; } );",
     "x.cfg:1: unknown parameter 'ouput', did you mean 'output'?", PP_ERR_CONFIG},
    {"schema = 1; backend = \"gpu\"; stages = ( {use = \"bare\"; } );",
     "backend = \"gpu\" is not known", PP_ERR_CONFIG},
    {"schema = 1; stages = ( {use = \"bare\"; } );\n@include \"none.cfg\"\n",
     "x.cfg:2: ", PP_ERR_CONFIG},
    {"@include \"x.cfg\"\n", "does a file include itself?", PP_ERR_CONFIG},
};

START_TEST(wrong_files_are_told)
{
    read_with(wrong[_i].text, 0, NULL);
    bool told = false;
    for (int64_t i = 0; i < findings.count; i++)
        told |= strstr(findings.items[i].text, wrong[_i].wanted) != NULL;
    ck_assert_msg(told, "%s\n  gave: %s\n  wanted: %s", wrong[_i].text,
                  findings.count ? findings.items[0].text : "nothing", wrong[_i].wanted);
    ck_assert_int_eq(pp_findings_worst(&findings), wrong[_i].code);
    if (config && pp_config_stages(config) == 1 && strstr(wrong[_i].wanted, "stage '"))
        ck_assert(!pp_config_stage_at(config, 0)->sound);
}
END_TEST

/* Files that libconfig cannot read. */
static const char *const broken[][2] = {
    {"schema = 1;\nstages = (\n { use = \"bare\" ", "x.cfg:3: the file ends, but the '{'"},
    {"schema = 1;\nstages = ( { use = \"sample\"; model = poisson; } );\n",
     "x.cfg:2: syntax error"},
    {"schema = 1;\nseed = 2;\n\nseed = 3;\n", "x.cfg:4: 'seed' is given twice: the first is at "},
    {"stages = ( { use = \"bare\"; }, { use = \"sample\"; step = 1;\n step = 2; } );",
     "x.cfg:2: 'step' is given twice"},
    {"angles = [1, 2.0];", "x.cfg:1: mismatched element type in array"},
};

START_TEST(unreadable_files_are_told)
{
    read_with(broken[_i][0], 0, NULL);
    ck_assert_ptr_null(config);
    ck_assert_int_eq(findings.count, 1);
    ck_assert_msg(strstr(findings.items[0].text, broken[_i][1]) != NULL, "%s",
                  findings.items[0].text);
    ck_assert_int_eq(pp_findings_worst(&findings), PP_ERR_CONFIG);
}
END_TEST

START_TEST(all_at_once)
{
    read_with("schema = 1; sed = 3;\nstages = (\n { use = \"sample\"; model = \"gauss\";\n step = "
              "-1; iterations = 3000000000; input = \"none\"; },\n { use = \"ned\"; },\n { use = "
              "\"needy\"; } );\n",
              0, NULL);
    ck_assert_int_eq(findings.count, 7);
    ck_assert_int_eq(pp_findings_worst(&findings), PP_ERR_CONFIG);
    ck_assert_int_eq(pp_config_stages(config), 2);
}
END_TEST

START_TEST(two_duplicates_are_both_told)
{
    read_with("a = 1; a = 2;\nb = { c = 1; c = 2; }; /* c = 3; */ s = \"c = 4; c = 5\"; # c = 1\n"
              "d = ( { c = 1; }, { c = 2; } );\n",
              0, NULL);
    ck_assert_int_eq(findings.count, 2);
}
END_TEST

START_TEST(includes_are_relative_to_their_file)
{
    (void)mkdir(file_name("sub"), 0755);
    put("sub/stages.cfg", "stages = (\n  @include \"more.cfg\"\n);\n");
    put("sub/more.cfg", "/* @include \"not.this\"\n*/ { use = \"sample\";\n folder = \"here\"; "
                        "iterations = 0; }");
    read_with("schema = 1;\n@include \"sub/stages.cfg\"\n", 0, NULL);
    ck_assert_int_eq(findings.count, 1);
    ck_assert_ptr_nonnull(strstr(findings.items[0].text, "/sub/more.cfg:3: stage 'sample'"));
    char whole[160];
    (void)snprintf(whole, sizeof whole, "%s/sub/here", folder);
    ck_assert_str_eq(first()->folder, whole);
}
END_TEST

START_TEST(another_working_folder)
{
    char here[4096];
    ck_assert_ptr_nonnull(getcwd(here, sizeof here));
    (void)mkdir(file_name("sub"), 0755);
    put("sub/stages.cfg",
        "stages = ( { use = \"sample\"; input = \"data\"; folder = \"f\"; } );\n");
    put("sub/data", "x");
    read_with("schema = 1; output = \"results\";\n@include \"sub/stages.cfg\"\n", 0, NULL);
    no_findings();
    clear();
    ck_assert_int_eq(chdir(folder), 0);
    pp_assert_ok(pp_config_read("x.cfg", 0, NULL, &classes, &findings, &config));
    no_findings();
    char whole[160];
    (void)snprintf(whole, sizeof whole, "%s/sub/data", folder);
    ck_assert_str_eq(first()->input, whole);
    (void)snprintf(whole, sizeof whole, "%s/results", folder);
    ck_assert_str_eq(pp_config_settings(config)->output, whole);
    const char *const path[] = {"sample.input=sub/data", "output=o"};
    clear();
    pp_assert_ok(pp_config_read(file_name("x.cfg"), 2, path, &classes, &findings, &config));
    no_findings();
    (void)snprintf(whole, sizeof whole, "%s/o", folder);
    ck_assert_str_eq(pp_config_settings(config)->output, whole);
    ck_assert_int_eq(chdir(here), 0);
}
END_TEST

static const char two_samples[] =
    "schema = 1; stages = ( { use = \"sample\"; iterations = 5; }, { use = \"sample\"; id = "
    "\"again\"; }, { use = \"bare\"; } );";

START_TEST(overrides_set_values)
{
    const char *const given[] = {
        "threads=2",         "sample_1.iterations=64", "again.step=1e-3",  "again.model=poisson",
        "again.title=a = b", "again.group=auto",       "again.crop=1,2,3", "again.refine=false",
        "again.angles=[]",   "again.wide=3000000000"};
    read_with(two_samples, 10, given);
    no_findings();
    const sample *again = pp_config_stage_at(config, 1)->params;
    ck_assert(pp_config_settings(config)->threads == 2 && first()->iterations == 64);
    ck_assert(again->step == 1e-3 && again->model == 1 && again->group == PP_AUTO);
    ck_assert(again->crop.count == 3 && again->crop.values[2] == 3 && !again->refine);
    ck_assert(again->angles.count == 0 && again->wide == 3000000000);
    ck_assert_str_eq(again->title, "a = b");
    ck_assert_str_eq(pp_config_stage_at(config, 0)->id, "sample_1");
}
END_TEST

static const char *const wrong_overrides[][2] = {
    {"threads", "command line: 'threads' has no '='"},
    {"thread=2", "command line: unknown parameter 'thread' in thread=2, did you mean 'threads'?"},
    {"threads=-1", "command line: threads = -1 is outside"},
    {"again.iteratons=2", "command line: stage 'again': unknown parameter 'iteratons'"},
    {"again.iterations=many", "command line: stage 'again': iterations must be an integer"},
    {"agan.iterations=2", "the file has no stage 'agan', did you mean 'again'?"},
    {"sample.iterations=2", "is used 2 times: name one by its id: sample_1, again"},
    {"again.model=gauss", "command line: stage 'again': model = \"gauss\" is not known"},
    {"again.step=nan", "step must be a finite number"},
    {"again.use=bare", "unknown parameter 'use'"},
};

START_TEST(wrong_overrides_are_told)
{
    read_with(two_samples, 1, &wrong_overrides[_i][0]);
    ck_assert_int_eq(findings.count, 1);
    ck_assert_msg(strstr(findings.items[0].text, wrong_overrides[_i][1]) != NULL, "%s",
                  findings.items[0].text);
    ck_assert_int_eq(pp_findings_worst(&findings), PP_ERR_CONFIG);
}
END_TEST

START_TEST(effective_configuration_is_a_fixed_point)
{
    const char *const given[] = {"again.wide=-3000000000",
                                 "again.step=0.1",
                                 "again.title=a\"b\\c\nd",
                                 "again.crop=1,3000000000",
                                 "again.angles=0.1,1e-7,30",
                                 "again.rescale=false",
                                 "again.strength=0.30000000000000004"};
    read_with(two_samples, 7, given);
    no_findings();
    char *one = NULL, *two = NULL;
    pp_assert_ok(pp_config_text(config, &one));
    ck_assert_ptr_nonnull(strstr(one, "wide = -3000000000L;"));
    ck_assert_ptr_nonnull(strstr(one, "group = \"auto\";"));
    ck_assert_ptr_nonnull(strstr(one, "strength = 0.30000000000000004;"));
    ck_assert_ptr_nonnull(strstr(one, "sign = 1;"));
    put("effective.cfg", one);
    clear();
    pp_assert_ok(pp_config_read(file_name("effective.cfg"), 0, NULL, &classes, &findings, &config));
    no_findings();
    pp_assert_ok(pp_config_text(config, &two));
    ck_assert_str_eq(one, two);
    const sample *again = pp_config_stage_at(config, 1)->params;
    ck_assert(again->wide == -3000000000 && again->crop.values[1] == 3000000000);
    ck_assert(again->strength == 0.30000000000000004 && again->angles.values[1] == 1e-7);
    ck_assert_str_eq(again->title, "a\"b\\c\nd");
    clear();
    pp_free(two);
    pp_assert_ok(pp_config_read_text(one, "/else/where.cfg", &classes, &findings, &config));
    no_findings();
    ck_assert_str_eq(pp_config_path(config), "/else/where.cfg");
    pp_assert_ok(pp_config_text(config, &two));
    ck_assert_str_eq(one, two);
    pp_free(one);
    pp_free(two);
}
END_TEST

START_TEST(missing_file_and_folder)
{
    pp_assert_ok(pp_config_read(file_name("none.cfg"), 0, NULL, &classes, &findings, &config));
    ck_assert_ptr_null(config);
    ck_assert_int_eq(pp_findings_worst(&findings), PP_ERR_CONFIG);
    ck_assert_ptr_nonnull(strstr(findings.items[0].text, "none.cfg"));
    clear();
    pp_assert_ok(pp_config_read(folder, 0, NULL, &classes, &findings, &config));
    ck_assert_ptr_nonnull(strstr(findings.items[0].text, "is a folder"));
}
END_TEST

START_TEST(checks_point_at_the_parameter)
{
    read_with("schema = 1;\nstages = (\n{ use = \"sample\";\n step = 2; } );\n", 0, NULL);
    struct pp_check check = {pp_config_stage_at(config, 0), &findings, NULL};
    ck_assert(pp_check_given(&check, "step") && !pp_check_given(&check, "model"));
    pp_check_error(&check, "step", PP_ERR_DATA, "step is %d", 2);
    pp_check_warning(&check, "model", "odd");
    pp_check_info(&check, "%d frames", 5);
    const pp_status failed = PP_FAIL(PP_ERR_CONFIG, "a.cxi: bad");
    ck_assert_int_eq(failed, PP_ERR_CONFIG);
    pp_check_last_error(&check, NULL);
    ck_assert_int_eq(findings.count, 4);
    ck_assert_ptr_nonnull(strstr(findings.items[0].text, "x.cfg:4: stage 'sample': step is 2"));
    ck_assert_ptr_nonnull(strstr(findings.items[1].text, "x.cfg:3: stage 'sample': odd"));
    ck_assert_str_eq(findings.items[2].text, "sample: 5 frames");
    ck_assert_ptr_nonnull(strstr(findings.items[3].text, "x.cfg:3: stage 'sample': a.cxi: bad"));
    ck_assert_int_eq(pp_findings_worst(&findings), PP_ERR_CONFIG);
}
END_TEST

/* Every allocation on the way fails once: a status, and nothing is left. */
START_TEST(memory_that_runs_out)
{
    const char *const given[] = {"again.crop=1,2,3", "again.folder=x"};
    put("x.cfg", two_samples);
    clear();
    const int64_t before = pp_alloc_live_blocks();
    for (int n = 1; n < 2000; n++) {
        pp_alloc_fail_after(n);
        const pp_status status =
            pp_config_read(file_name("x.cfg"), 2, given, &classes, &findings, &config);
        pp_alloc_fail_after(0);
        if (status == PP_OK && findings.count == 0) {
            ck_assert_int_gt(n, 20);
            return;
        }
        ck_assert(status == PP_ERR_RESOURCE || findings.count > 0);
        clear();
        ck_assert_int_eq(pp_alloc_live_blocks(), before);
    }
    ck_abort_msg("never ended");
}
END_TEST

static void setup(void)
{
    (void)snprintf(folder, sizeof folder, "/tmp/test_config.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void teardown(void)
{
    char command[128];
    clear();
    (void)snprintf(command, sizeof command, "rm -rf '%s'", folder);
    ck_assert_int_eq(system(command), 0);
}

#define COUNT(table) ((int)(sizeof(table) / sizeof *(table)))

int main(void)
{
    Suite *suite = suite_create("config");
    TCase *one = tcase_create("config");
    tcase_add_checked_fixture(one, setup, teardown);
    tcase_add_test(one, every_type_is_read);
    tcase_add_test(one, defaults_are_the_tables);
    tcase_add_loop_test(one, wrong_files_are_told, 0, COUNT(wrong));
    tcase_add_loop_test(one, unreadable_files_are_told, 0, COUNT(broken));
    tcase_add_test(one, all_at_once);
    tcase_add_test(one, two_duplicates_are_both_told);
    tcase_add_test(one, includes_are_relative_to_their_file);
    tcase_add_test(one, another_working_folder);
    tcase_add_test(one, overrides_set_values);
    tcase_add_loop_test(one, wrong_overrides_are_told, 0, COUNT(wrong_overrides));
    tcase_add_test(one, effective_configuration_is_a_fixed_point);
    tcase_add_test(one, missing_file_and_folder);
    tcase_add_test(one, checks_point_at_the_parameter);
    tcase_add_test(one, memory_that_runs_out);
    suite_add_tcase(suite, one);
    return pp_test_main(suite);
}
