/* provenance.json: what a result was made with and from; and the same as facts, for the report.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/backend.h"
#include "backend/fft.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "engine/run.h"
#include "io/h5.h"
#include "version.h"

static const char file_name[] = "provenance.json", seconds_prefix[] = "seconds.";

/* Facts that the engine keeps, not the stages'. */
static pp_status keep(pp_run *run, const char *name, const char *value)
{
    return pp_facts_set(&run->facts, name, value ? value : "", -1);
}

/* The sum of all ranks' seconds, so that the work of a stage can be seen; earlier runs' where nothing was done now. */
static pp_status add_seconds(pp_run *run)
{
    const int count = run->pipeline->count;
    double *sums;
    PP_TRY(pp_comm_agree(run->world, PP_ALLOC(count + 1, &sums)));
    memcpy(sums, run->stage_seconds, (size_t)count * sizeof *sums);
    sums[count] = run->store_seconds;
    pp_status status = pp_comm_allreduce(run->world, sums, count + 1, PP_SUM);
    for (int k = 0; k <= count && status == PP_OK; k++) {
        char name[256], value[32];
        if (sums[k] <= 0) continue;
        (void)snprintf(name, sizeof name, "%s%s", seconds_prefix,
                       k < count ? run->pipeline->nodes[k].config.id : "results to files");
        (void)snprintf(value, sizeof value, "%.3f", sums[k]);
        status = keep(run, name, value);
    }
    pp_free(sums);
    return status;
}

/* The back end that "auto" stands for here, and what it runs on. */
static pp_status add_backend(pp_run *run)
{
    const pp_backend *backend = pp_backend_find(pp_backend_setting(run->settings->backend));
    const char *name = backend && backend->name ? backend->name : "none";
    char key[64], text[192];
    PP_TRY(keep(run, "backend", name));
    (void)snprintf(key, sizeof key, "devices.%s", name);
    (void)snprintf(text, sizeof text, "%d (%s)", backend ? backend->devices(NULL) : 0,
                   backend && strcmp(name, "cuda") == 0 ? "GPU" : run->machine.processor);
    return keep(run, key, text);
}

static pp_status add_libraries(pp_run *run)
{
    char version[16];
    (void)snprintf(version, sizeof version, "%s", JANSSON_VERSION);
    PP_TRY(keep(run, "libraries.jansson", version));
    PP_TRY(keep(run, "libraries.hdf5", pp_h5_version()));
    PP_TRY(keep(run, "libraries.mpi", pp_mpi_version()));
    return keep(run, "libraries.fftw", pp_fft_version());
}

/* Each host once, in the order of the ranks. */
static pp_status add_hosts(pp_run *run)
{
    char line[300], *all = NULL, *rest = NULL;
    (void)snprintf(line, sizeof line, "%s\n", run->machine.host);
    PP_TRY(pp_share_text(run->world, line, &all));
    pp_text hosts = {0};
    const char *last = "";
    pp_status status = pp_text_add(&hosts, "%s", "");
    for (char *one = strtok_r(all, "\n", &rest); one && status == PP_OK;
         one = strtok_r(NULL, "\n", &rest)) {
        if (strcmp(one, last) != 0)
            status = pp_text_add(&hosts, "%s%s", hosts.length ? " " : "", one);
        last = one;
    }
    if (status == PP_OK) status = keep(run, "hosts", hosts.data);
    pp_text_free(&hosts);
    pp_free(all);
    return status;
}

static pp_status add_machine(pp_run *run)
{
    PP_TRY(keep(run, "instruction set", run->machine.instructions));
    PP_TRY(keep(run, "processor", run->machine.processor));
    return add_hosts(run);
}

static pp_status add_numbers(pp_run *run)
{
    char text[64];
    (void)snprintf(text, sizeof text, "%d", pp_comm_size(run->world));
    PP_TRY(keep(run, "ranks", text));
    (void)snprintf(text, sizeof text, "%d", run->threads);
    return keep(run, "threads", text);
}

pp_status pp_provenance_facts(pp_run *run)
{
    char now[PP_CLOCK_TEXT];
    pp_clock_text(now);
    PP_TRY(add_seconds(run));
    PP_TRY(add_machine(run));
    PP_TRY(add_libraries(run));
    PP_TRY(add_numbers(run));
    PP_TRY(keep(run, "version", PP_VERSION));
    PP_TRY(keep(run, "git id", PP_GIT_ID));
    PP_TRY(keep(run, "compiler", PP_COMPILER));
    PP_TRY(keep(run, "build", PP_BUILD_TYPE));
    PP_TRY(add_backend(run));
    PP_TRY(keep(run, "time", now));
    return keep(run, "command", run->request->command);
}

static json_t *text_of(const pp_run *run, const char *name)
{
    const char *value = pp_facts_get(&run->facts, name);
    return json_string(value ? value : "");
}

/* Facts whose names begin with `prefix`, without it. */
static json_t *group(const pp_run *run, const char *prefix, bool numbers)
{
    json_t *object = json_object();
    for (int64_t i = 0; i < run->facts.count; i++) {
        const pp_fact *fact = &run->facts.items[i];
        if (!pp_text_starts(fact->name, prefix)) continue;
        (void)json_object_set_new(object, fact->name + strlen(prefix),
                                  numbers ? json_real(strtod(fact->value, NULL))
                                          : json_string(fact->value));
    }
    return object;
}

/* What the stages told: "ID.NAME" of the ids in the chain. */
static json_t *stage_facts(const pp_run *run)
{
    json_t *object = json_object();
    for (int64_t i = 0; i < run->facts.count; i++) {
        const pp_fact *fact = &run->facts.items[i];
        for (int k = 0; k < run->pipeline->count; k++) {
            const char *id = run->pipeline->nodes[k].config.id;
            const size_t length = strlen(id);
            if (strncmp(fact->name, id, length) == 0 && fact->name[length] == '.')
                (void)json_object_set_new(object, fact->name, json_string(fact->value));
        }
    }
    return object;
}

static json_t *list_inputs(const pp_run *run)
{
    json_t *list = json_array();
    for (int64_t i = 0; i < run->inputs.count; i++) {
        const pp_input *input = &run->inputs.items[i];
        (void)json_array_append_new(list, json_pack("{s:s, s:I, s:f, s:s}", "path", input->path,
                                                    "size", (json_int_t)input->bytes, "time",
                                                    input->modified, "hash", input->hash));
    }
    return list;
}

static json_t *list_views(const pp_run *run, pp_view_state state)
{
    json_t *list = json_array();
    for (int64_t i = 0; i < run->views.count; i++)
        if (run->view_states[i] == (char)state)
            (void)json_array_append_new(list, json_integer(run->views.entries[i].number));
    return list;
}

static json_t *list_hosts(const pp_run *run)
{
    json_t *list = json_array();
    const char *hosts = pp_facts_get(&run->facts, "hosts");
    while (hosts && *hosts) {
        const size_t length = strcspn(hosts, " ");
        (void)json_array_append_new(list, json_stringn(hosts, length));
        hosts += length;
        hosts += strspn(hosts, " ");
    }
    return list;
}

static json_t *list_plugins(void)
{
    json_t *list = json_array();
    for (int k = 0; k < pp_registry_count(); k++) {
        const pp_registry_item item = pp_registry_at(k);
        if (item.plugin)
            (void)json_array_append_new(
                list, json_pack("{s:s, s:s, s:s, s:s, s:s}", "stage", item.stage->name, "plugin",
                                item.plugin, "version", item.version ? item.version : "", "licence",
                                item.licence ? item.licence : "", "path", item.path));
    }
    return list;
}

static json_t *whole(const pp_run *run, pp_status outcome)
{
    static const char *const texts[][2] = {
        {"version", "version"}, {"git_id", "git id"},      {"compiler", "compiler"},
        {"build", "build"},     {"command", "command"},    {"instruction_set", "instruction set"},
        {"time", "time"},       {"processor", "processor"}};
    json_t *root = json_object();
    (void)json_object_set_new(root, "program", json_string("polyptych"));
    for (size_t k = 0; k < sizeof texts / sizeof *texts; k++)
        (void)json_object_set_new(root, texts[k][0], text_of(run, texts[k][1]));
    (void)json_object_set_new(root, "outcome", json_string(pp_status_name(outcome)));
    (void)json_object_set_new(root, "exit_code", json_integer(outcome));
    (void)json_object_set_new(root, "ranks", json_integer(pp_comm_size(run->world)));
    (void)json_object_set_new(root, "threads", json_integer(run->threads));
    (void)json_object_set_new(root, "hosts", list_hosts(run));
    (void)json_object_set_new(root, "backend", text_of(run, "backend"));
    (void)json_object_set_new(root, "devices", group(run, "devices.", false));
    (void)json_object_set_new(root, "libraries", group(run, "libraries.", false));
    (void)json_object_set_new(root, "plugins", list_plugins());
    (void)json_object_set_new(root, "inputs", list_inputs(run));
    (void)json_object_set_new(root, "facts", stage_facts(run));
    (void)json_object_set_new(root, "seconds", group(run, seconds_prefix, true));
    (void)json_object_set_new(root, "views_done", list_views(run, PP_VIEW_DONE));
    (void)json_object_set_new(root, "views_failed", list_views(run, PP_VIEW_FAILED));
    return root;
}

pp_status pp_provenance_write(pp_run *run, pp_status outcome)
{
    PP_TRY(pp_facts_share(&run->facts, run->world));
    PP_TRY(pp_provenance_facts(run));
    if (pp_comm_rank(run->world) != 0) return PP_OK;
    json_t *root = whole(run, outcome);
    char *text = json_dumps(root, JSON_INDENT(2) | JSON_PRESERVE_ORDER), *path = NULL;
    json_decref(root);
    pp_status status = text ? PP_OK : PP_FAIL(PP_ERR_RESOURCE, "no memory for %s", file_name);
    if (status == PP_OK) status = pp_run_path(run, file_name, &path);
    if (status == PP_OK) status = pp_file_write(path, text, strlen(text));
    pp_free(path);
    free(text); /* jansson's */
    return status;
}

static pp_status recall_group(pp_run *run, const json_t *root, const char *key, const char *prefix)
{
    /* jansson's iterators want a plain pointer and change nothing */
    json_t *object = json_object_get(root, key);
    const char *name;
    json_t *value;
    json_object_foreach(object, name, value)
    {
        char whole_name[512], number[32];
        (void)snprintf(whole_name, sizeof whole_name, "%s%s", prefix, name);
        (void)snprintf(number, sizeof number, "%.3f", json_number_value(value));
        PP_TRY(pp_facts_set(&run->facts, whole_name,
                            json_is_string(value) ? json_string_value(value) : number,
                            INT64_MAX - 1));
    }
    return PP_OK;
}

pp_status pp_provenance_recall(pp_run *run)
{
    char *path = NULL;
    PP_TRY(pp_run_path(run, file_name, &path));
    json_t *root = pp_file_exists(path) ? json_load_file(path, 0, NULL) : NULL;
    pp_free(path);
    if (!root) return PP_OK; /* none, or damaged: nothing depends on it */
    pp_status status = recall_group(run, root, "facts", "");
    if (status == PP_OK) status = recall_group(run, root, "seconds", seconds_prefix);
    json_decref(root);
    return status;
}
