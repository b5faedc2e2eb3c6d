/* What stands beside `stages` in a pipeline file.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <string.h>

#include "backend/backend.h"
#include "base/alloc.h"
#include "base/text.h"
#include "config/param.h"
#include "config/reader.h"

const pp_param pp_settings_params[] = {
    PP_INT(pp_settings, schema, 1, 1, 1, "1", "version of the language of pipeline files"),
    PP_TEXT(pp_settings, name, "", "title of the run; empty: the file's name without .cfg"),
    PP_PATH(pp_settings, output, 0, "",
            "folder of the run's results; empty: out/ and the file's name without .cfg"),
    PP_INT(pp_settings, seed, 1, 0, 9007199254740992, "1", "seed of all random numbers"),
    PP_CHOICE(pp_settings, backend, "auto", "auto|cpu|cuda|mock",
              "what computes: auto takes the fastest that this machine has"),
    PP_INT(pp_settings, threads, 0, 0, 4096, "1",
           "threads a rank; 0: this rank's share of the cores that it may use"),
    PP_CHOICE(pp_settings, on_error, "continue", "continue|stop",
              "what a failed view does: it is left out and listed, or it ends the run"),
    PP_TEXT(pp_settings, plugins, "",
            "plugins, or folders that are searched for them first, ':' between"),
    PP_AUTO_REAL(
        pp_settings, host_memory, auto, 1e6, 1e18, "byte",
        "what the ranks of a node may hold; large arrays of the campaign beyond it lie in "
        "scratch files in the run's folder and are worked through slab by slab; auto: what "
        "is available, and nothing goes to files"),
    PP_PARAM_END};

/* Name of the file without folder and .cfg. */
static pp_status bare_name(const char *path, pp_arena *arena, const char **out)
{
    const char *slash = strrchr(path, '/');
    char *copy = NULL;
    PP_TRY(pp_strdup(slash ? slash + 1 : path, &copy));
    PP_TRY(pp_arena_take(arena, copy));
    char *dot = strrchr(copy, '.');
    if (dot && dot != copy && strcmp(dot, ".cfg") == 0) *dot = 0;
    *out = copy;
    return PP_OK;
}

static pp_status default_output(pp_reader *r, const char *bare)
{
    pp_text text = {0};
    char *path = NULL;
    pp_status status = pp_text_add(&text, "%s/out/%s", r->folder, bare);
    if (status == PP_OK) status = pp_path_absolute(text.data, &path);
    pp_text_free(&text);
    PP_TRY(status);
    r->config->settings.output = path;
    return pp_arena_take(&r->config->arena, path);
}

/* Index of a settings' row by name. */
static int row_of(const char *name)
{
    return (int)(pp_param_find(pp_settings_params, name) - pp_settings_params);
}

/* The pieces of `plugins` made absolute: relative to where they were given. */
static pp_status absolute_plugins(pp_reader *r, const pp_rows *g)
{
    pp_settings *settings = &r->config->settings;
    const char *piece = settings->plugins, *folder = r->folder;
    const pp_origin given = g->given[row_of("plugins")];
    pp_text all = {0};
    pp_status status = PP_OK;
    if (given.file && given.line == 0) folder = r->here;
    while (*piece && status == PP_OK) {
        char *name = NULL, *whole = NULL;
        const size_t length = strcspn(piece, ":");
        status = pp_strdup(piece, &name);
        if (status == PP_OK) name[length] = 0;
        if (status == PP_OK) status = pp_path_join(folder, name, &whole);
        if (status == PP_OK) status = pp_text_add(&all, "%s%s", all.length ? ":" : "", whole);
        pp_free(name);
        pp_free(whole);
        piece += length + (piece[length] == ':');
    }
    if (status == PP_OK && all.length)
        status = pp_arena_text(&r->config->arena, all.data, &settings->plugins);
    pp_text_free(&all);
    return status;
}

/* A back end that is known but not in this program, or has no device here. */
static void check_backend(pp_reader *r, const pp_rows *g)
{
    char name[PP_CHOICE_BYTES], built[128] = "";
    const int row = row_of("backend");
    const pp_place place = {.origin = g->given[row]};
    (void)pp_choice_name(pp_settings_params[row].choices, r->config->settings.backend, name);
    const pp_backend *backend = pp_backend_find(name);
    for (const pp_backend *const *b = pp_backends(); *b; b++) {
        const size_t used = strlen(built);
        (void)snprintf(built + used, sizeof built - used, "%s%s", used ? ", " : "", (*b)->name);
    }
    const char *why = NULL;
    if (!backend)
        pp_place_report(place, r->findings, PP_FINDING_ERROR, PP_ERR_CONFIG,
                        "backend = \"%s\" is not built in this version: choose one of auto, %s",
                        name, built);
    else if (backend->devices(&why) < 1)
        pp_place_report(place, r->findings, PP_FINDING_ERROR, PP_ERR_RESOURCE,
                        "backend = \"%s\" has no device here%s%s", name, why ? ": " : "",
                        why ? why : "");
}

pp_status pp_reader_settings(pp_reader *r, const config_setting_t *root)
{
    static const char *const others[] = {"stages", NULL};
    pp_settings *settings = &r->config->settings;
    pp_rows g = {.setting = root, .table = pp_settings_params, .params = settings};
    const char *bare = NULL;
    PP_TRY(bare_name(r->config->path, &r->config->arena, &bare));
    if (!config_setting_get_member(root, "schema"))
        pp_reader_report(r, root, NULL, "schema is missing: write schema = 1;");
    PP_TRY(pp_reader_rows(r, &g));
    r->config->given = g.given;
    pp_reader_refuse_unknown(r, &g, others);
    PP_TRY(absolute_plugins(r, &g));
    check_backend(r, &g);
    if (settings->name[0] == 0) settings->name = bare;
    return settings->output[0] == 0 ? default_output(r, bare) : PP_OK;
}
