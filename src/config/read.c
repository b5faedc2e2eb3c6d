/* A pipeline file into settings and stages.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <libconfig.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "config/object.h"
#include "config/override.h"
#include "config/param.h"
#include "config/scan.h"
#include "config/source.h"

const pp_param pp_settings_params[] = {
    PP_INT(pp_settings, schema, 1, 1, 1, "1", "version of the language of pipeline files"),
    PP_TEXT(pp_settings, name, "", "title of the run; empty: the file's name without .cfg"),
    PP_PATH(pp_settings, output, 0, "",
            "folder of the run's results; empty: out/ and the file's name without .cfg"),
    PP_INT(pp_settings, seed, 1, 0, 9007199254740992, "1", "seed of all random numbers"),
    PP_CHOICE(pp_settings, backend, "auto", "auto|cpu|~cuda|~mock",
              "what computes: auto takes the fastest that this machine has"),
    PP_INT(pp_settings, threads, 0, 0, 4096, "1",
           "threads a rank; 0: this rank's share of the cores that it may use"),
    PP_CHOICE(pp_settings, on_error, "continue", "continue|stop",
              "what a failed view does: it is left out and listed, or it ends the run"),
    PP_PATH(pp_settings, plugins, 0, "", "folder that is searched for plugins first"),
    PP_PARAM_END};

enum { NAMES = 256 };

typedef struct reader {
    pp_config *config;
    const pp_class_source *classes;
    pp_findings *findings;
    pp_source source;
    pp_scan scan;
    pp_overrides overrides;
    config_t parsed;
    const char *folder, *here; /* absolute: of the file, of this process */
} reader;

/* One stage's group while it is read. */
typedef struct group {
    const config_setting_t *setting;
    const pp_param *table;
    void *params;
    pp_origin *given;
    const char *id, *use; /* NULL beside `stages`; use is NULL where it is used more than once */
    int64_t errors;
} group;

static pp_origin origin_of(const reader *r, const config_setting_t *setting)
{
    return pp_source_origin(&r->source, (int)config_setting_source_line(setting));
}

static void report(reader *r, const config_setting_t *at, const char *id, const char *format, ...)
    PP_PRINTF(4, 5);
static void report(reader *r, const config_setting_t *at, const char *id, const char *format, ...)
{
    char text[PP_ERROR_BYTES];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    const pp_place place = {.origin = origin_of(r, at), .stage = id};
    pp_place_report(place, r->findings, PP_FINDING_ERROR, PP_ERR_CONFIG, "%s", text);
}

static pp_status value_of(reader *r, const config_setting_t *setting, pp_value *out);

static pp_status list_of(reader *r, const config_setting_t *setting, pp_value *out)
{
    const int count = config_setting_length(setting);
    *out = (pp_value){.kind = PP_V_LIST, .count = count};
    PP_TRY(PP_ARENA_ALLOC(&r->config->arena, count, &out->items));
    for (int i = 0; i < count; i++)
        PP_TRY(value_of(r, config_setting_get_elem(setting, (unsigned)i), &out->items[i]));
    return PP_OK;
}

static pp_value integer_of(reader *r, const config_setting_t *setting)
{
    const int line = (int)config_setting_source_line(setting);
    const int number = config_setting_get_int(setting);
    const char *token = pp_scan_claim(&r->scan, line, number);
    return token ? (pp_value){.kind = PP_V_WIDE, .text = token}
                 : (pp_value){.kind = PP_V_INT, .integer = number};
}

static pp_status value_of(reader *r, const config_setting_t *setting, pp_value *out)
{
    switch (config_setting_type(setting)) {
    case CONFIG_TYPE_BOOL:
        *out = (pp_value){.kind = PP_V_BOOL, .boolean = config_setting_get_bool(setting) != 0};
        return PP_OK;
    case CONFIG_TYPE_INT:
        *out = integer_of(r, setting);
        return PP_OK;
    case CONFIG_TYPE_INT64:
        *out = (pp_value){.kind = PP_V_INT, .integer = config_setting_get_int64(setting)};
        return PP_OK;
    case CONFIG_TYPE_FLOAT:
        *out = (pp_value){.kind = PP_V_REAL, .real = config_setting_get_float(setting)};
        return PP_OK;
    case CONFIG_TYPE_STRING:
        *out = (pp_value){.kind = PP_V_TEXT, .text = config_setting_get_string(setting)};
        return PP_OK;
    case CONFIG_TYPE_ARRAY:
    case CONFIG_TYPE_LIST:
        return list_of(r, setting, out);
    default:
        *out = (pp_value){.kind = PP_V_GROUP};
        return PP_OK;
    }
}

/* Folder of the file that a value stands in: its paths are relative to that. */
static pp_status folder_of(reader *r, const char *file, const char **out)
{
    char *folder = NULL, *whole = NULL;
    pp_status status = pp_path_folder(file, &folder);
    if (status == PP_OK) status = pp_path_absolute(folder, &whole);
    pp_free(folder);
    return status == PP_OK ? (*out = whole, pp_arena_take(&r->config->arena, whole)) : status;
}

static bool is_empty(const pp_value *value)
{
    return (value->kind == PP_V_TEXT && value->text[0] == 0) ||
           (value->kind == PP_V_LIST && value->count == 0);
}

/* One row: from the command line, else from the file, else the default. */
static pp_status read_row(reader *r, group *g, const pp_param *p)
{
    pp_origin *given = &g->given[p - g->table];
    pp_setter setter = {.arena = &r->config->arena,
                        .findings = r->findings,
                        .place = {.stage = g->id},
                        .folder = r->folder};
    pp_value value = {0};
    const pp_override *o = pp_overrides_take(&r->overrides, g->id, g->use, p->name);
    const config_setting_t *setting =
        g->setting ? config_setting_get_member(g->setting, p->name) : NULL;
    if (o) {
        setter.place.origin = (pp_origin){.file = "command line", .line = 0};
        setter.folder = r->here;
        PP_TRY(pp_value_from_text(p->type, o->value, setter.arena, &value));
    } else if (setting) {
        setter.place.origin = origin_of(r, setting);
        PP_TRY(folder_of(r, setter.place.origin.file, &setter.folder));
        PP_TRY(value_of(r, setting, &value));
    } else if (p->flags & PP_P_REQUIRED) {
        report(r, g->setting, g->id, "%s is missing: %s", p->name, p->help);
        g->errors++;
        return PP_OK;
    } else {
        return PP_OK;
    }
    if ((p->flags & PP_P_REQUIRED) && is_empty(&value)) {
        pp_place_report(setter.place, r->findings, PP_FINDING_ERROR, PP_ERR_CONFIG,
                        "%s is empty: %s", p->name, p->help);
        g->errors++;
    }
    if (!is_empty(&value)) *given = setter.place.origin;
    PP_TRY(pp_param_set(p, g->params, &value, &setter));
    g->errors += setter.errors;
    return PP_OK;
}

/* Paths among the defaults are relative to the file. */
static pp_status default_path(reader *r, group *g, const pp_param *p)
{
    if (p->type != PP_T_PATH || !p->initial || p->initial[0] == 0) return PP_OK;
    char *path = NULL;
    PP_TRY(pp_path_join(r->folder, p->initial, &path));
    PP_TRY(pp_arena_take(&r->config->arena, path));
    *(const char **)(void *)((char *)g->params + p->offset) = path;
    return PP_OK;
}

static pp_status read_rows(reader *r, group *g)
{
    int64_t rows = 0;
    while (g->table && g->table[rows].name) rows++;
    PP_TRY(PP_ARENA_ALLOC(&r->config->arena, rows, &g->given));
    PP_TRY(pp_param_defaults(g->table, g->params));
    for (int64_t i = 0; i < rows; i++) {
        PP_TRY(default_path(r, g, &g->table[i]));
        PP_TRY(read_row(r, g, &g->table[i]));
    }
    return PP_OK;
}

/* Members of the group that no row and none of `others` names. */
static void refuse_unknown(reader *r, group *g, const char *const *others)
{
    const char *names[NAMES];
    int count = 0;
    for (; *others && count < NAMES - 1; others++) names[count++] = *others;
    for (const pp_param *p = g->table; p && p->name && count < NAMES - 1; p++)
        names[count++] = p->name;
    names[count] = NULL;
    for (int i = 0; i < config_setting_length(g->setting); i++) {
        const config_setting_t *member = config_setting_get_elem(g->setting, (unsigned)i);
        const char *name = config_setting_name(member);
        bool known = false;
        for (int k = 0; k < count; k++) known |= strcmp(names[k], name) == 0;
        if (known) continue;
        const char *nearest = pp_text_nearest(name, names);
        if (nearest)
            report(r, member, g->id, "unknown parameter '%s', did you mean '%s'?", name, nearest);
        else if (g->use || g->id)
            report(r, member, g->id, "unknown parameter '%s': see polyptych stages %s", name,
                   g->use ? g->use : "");
        else
            report(r, member, NULL, "unknown parameter '%s': a stage's own go into its { }", name);
        g->errors++;
    }
}

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

static pp_status default_output(reader *r, const char *bare)
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

static pp_status read_settings(reader *r, const config_setting_t *root)
{
    static const char *const others[] = {"stages", NULL};
    pp_settings *settings = &r->config->settings;
    group g = {.setting = root, .table = pp_settings_params, .params = settings};
    const char *bare = NULL;
    PP_TRY(bare_name(r->config->path, &r->config->arena, &bare));
    if (!config_setting_get_member(root, "schema"))
        report(r, root, NULL, "schema is missing: write schema = 1;");
    PP_TRY(read_rows(r, &g));
    refuse_unknown(r, &g, others);
    if (settings->name[0] == 0) settings->name = bare;
    return settings->output[0] == 0 ? default_output(r, bare) : PP_OK;
}

static const char *member_text(const config_setting_t *setting, const char *name)
{
    const config_setting_t *member = config_setting_get_member(setting, name);
    return member ? config_setting_get_string(member) : NULL;
}

/* How often a stage is used in the list, and the how manyeth this one is (from 1). */
static int uses(const config_setting_t *list, int index, const char *use, int *number)
{
    int count = 0;
    for (int i = 0; i < config_setting_length(list); i++) {
        const config_setting_t *s = config_setting_get_elem(list, (unsigned)i);
        const char *other = config_setting_is_group(s) ? member_text(s, "use") : NULL;
        if (other && strcmp(other, use) == 0) count++;
        if (i == index) *number = count;
    }
    return count;
}

static bool id_is_free(const reader *r, const char *id)
{
    for (int i = 0; i < r->config->count; i++)
        if (strcmp(r->config->stages[i].id, id) == 0) return false;
    return true;
}

/* The id given, else `use`, with a number where it is used more than once. */
static pp_status name_stage(reader *r, group *g, int number, const char **out)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
    const char *use = member_text(g->setting, "use");
    const char *given = member_text(g->setting, "id");
    char numbered[256];
    (void)snprintf(numbered, sizeof numbered, "%s_%d", use, number);
    const char *id = given ? given : g->use ? use : numbered;
    if (config_setting_get_member(g->setting, "id") && !given) {
        report(r, config_setting_get_member(g->setting, "id"), id, "id must be a text in quotes");
        g->errors++;
    } else if (given && (!*given || strspn(given, allowed) != strlen(given))) {
        report(r, config_setting_get_member(g->setting, "id"), id,
               "an id is made of letters, digits, '_' and '-'");
        g->errors++;
    }
    if (!id_is_free(r, id)) {
        report(r, g->setting, id, "another stage has this id: give each its own `id`");
        g->errors++;
    }
    return pp_arena_text(&r->config->arena, id, out);
}

static void refuse_stage(reader *r, const config_setting_t *setting, const char *use)
{
    const char *const *names = r->classes->names();
    const char *nearest = pp_text_nearest(use, names);
    pp_text all = {0};
    for (int i = 0; names[i]; i++)
        if (pp_text_add(&all, "%s%s", i ? ", " : "", names[i]) != PP_OK) break;
    if (strcmp(use, "REQUIRED") == 0)
        report(r, setting, use, "use is REQUIRED: give the stage's name: %s",
               all.data ? all.data : "");
    else if (nearest)
        report(r, setting, use, "there is no stage of this name, did you mean '%s'?", nearest);
    else
        report(r, setting, use, "there is no stage of this name: there are %s",
               all.data ? all.data : "none");
    pp_text_free(&all);
}

static pp_status read_stage(reader *r, const config_setting_t *list, int index)
{
    static const char *const others[] = {"use", "id", NULL};
    const config_setting_t *setting = config_setting_get_elem(list, (unsigned)index);
    const char *use = config_setting_is_group(setting) ? member_text(setting, "use") : NULL;
    if (!use) {
        report(
            r, setting, NULL,
            "stage %d of the list has no name: write { use = \"NAME\"; ... }, see polyptych stages",
            index + 1);
        return PP_OK;
    }
    const pp_stage_class *found = r->classes->find(use);
    if (!found) {
        refuse_stage(r, setting, use);
        return PP_OK;
    }
    int number = 1;
    group g = {.setting = setting, .table = found->params};
    g.use = uses(list, index, use, &number) == 1 ? found->name : NULL;
    PP_TRY(name_stage(r, &g, number, &g.id));
    PP_TRY(pp_arena_alloc(&r->config->arena, 1, found->params_size + 1, &g.params));
    PP_TRY(read_rows(r, &g));
    refuse_unknown(r, &g, others);
    r->config->stages[r->config->count++] = (pp_config_stage){.stage = found,
                                                              .id = g.id,
                                                              .params = g.params,
                                                              .origin = origin_of(r, setting),
                                                              .given = g.given,
                                                              .sound = g.errors == 0};
    return PP_OK;
}

static pp_status read_stages(reader *r, const config_setting_t *root)
{
    const config_setting_t *list = config_setting_get_member(root, "stages");
    if (!list) {
        report(r, root, NULL,
               "stages is missing: write stages = ( { use = \"load\"; ... }, ... );");
        return PP_OK;
    }
    const int count = config_setting_is_list(list) ? config_setting_length(list) : 0;
    if (count == 0) {
        report(r, list, NULL, "stages must be a list of groups: ( { use = \"load\"; ... }, ... )");
        return PP_OK;
    }
    PP_TRY(PP_ARENA_ALLOC(&r->config->arena, count, &r->config->stages));
    for (int i = 0; i < count; i++) PP_TRY(read_stage(r, list, i));
    return PP_OK;
}

static void refuse_wide(reader *r)
{
    for (int64_t i = 0; i < r->scan.wides; i++) {
        const pp_wide *w = &r->scan.wide[i];
        if (w->claimed) continue;
        const bool suffix = strchr(w->text, 'L');
        const pp_place place = {.origin = pp_source_origin(&r->source, w->line)};
        pp_place_report(place, r->findings, PP_FINDING_ERROR, PP_ERR_CONFIG,
                        suffix ? "%s does not fit in 64 bits"
                               : "%s does not fit in 32 bits: write it with the suffix L",
                        w->text);
    }
}

static void refuse_syntax(reader *r)
{
    const int line = config_error_line(&r->parsed);
    const pp_place place = {.origin = pp_source_origin(&r->source, line)};
    const char *what = config_error_text(&r->parsed);
    if (line >= r->source.lines && r->scan.open_line > 0) {
        const pp_origin open = pp_source_origin(&r->source, r->scan.open_line);
        pp_place_report(place, r->findings, PP_FINDING_ERROR, PP_ERR_CONFIG,
                        "the file ends, but the '%c' of %s:%d is not closed", r->scan.open,
                        open.file, open.line);
    } else {
        pp_place_report(place, r->findings, PP_FINDING_ERROR, PP_ERR_CONFIG,
                        "%s: expected name = value; with texts in quotes, or the line before is "
                        "not complete",
                        what ? what : "syntax error");
    }
}

static pp_status read_parsed(reader *r)
{
    const config_setting_t *root = config_root_setting(&r->parsed);
    PP_TRY(read_settings(r, root));
    if (r->classes->prepare) r->classes->prepare(&r->config->settings, r->findings);
    PP_TRY(read_stages(r, root));
    pp_overrides_left(&r->overrides, r->config, r->findings);
    refuse_wide(r);
    return PP_OK;
}

/* From the source's text on. */
static pp_status read_source(reader *r, bool *parsed)
{
    PP_TRY(pp_scan_text(&r->source, &r->config->arena, r->findings, &r->scan));
    *parsed = false;
    if (r->scan.broken) {
        refuse_wide(r);
        return PP_OK;
    }
    if (!config_read_string(&r->parsed, r->source.text.data)) {
        refuse_syntax(r);
        return PP_OK;
    }
    *parsed = true;
    return read_parsed(r);
}

static pp_status start(reader *r, const char *path)
{
    char *whole = NULL, *here = NULL;
    PP_TRY(PP_ALLOC(1, &r->config));
    pp_arena *arena = &r->config->arena;
    PP_TRY(pp_path_absolute(path, &whole));
    PP_TRY(pp_arena_take(arena, whole));
    r->config->path = whole;
    PP_TRY(folder_of(r, whole, &r->folder));
    PP_TRY(pp_path_absolute(".", &here));
    PP_TRY(pp_arena_take(arena, here));
    r->here = here;
    return PP_OK;
}

/* Frees what was needed for reading; a configuration that could not be parsed too. */
static pp_status stop(reader *r, pp_status status, bool parsed, pp_config **out)
{
    pp_scan_free(&r->scan);
    pp_source_free(&r->source);
    config_destroy(&r->parsed);
    if (status == PP_OK && parsed)
        *out = r->config;
    else
        pp_config_free(&r->config);
    return status;
}

pp_status pp_config_read(const char *path, int count, const char *const *overrides,
                         const pp_class_source *classes, pp_findings *findings, pp_config **out)
{
    reader r = {.classes = classes, .findings = findings};
    pp_status status = PP_OK;
    bool parsed = false;
    const int64_t before = findings->count;
    config_init(&r.parsed);
    PP_TRY_TO(done, start(&r, path));
    PP_TRY_TO(done, pp_overrides_split(count, overrides, &r.config->arena, findings, &r.overrides));
    PP_TRY_TO(done, pp_source_read(path, &r.config->arena, findings, &r.source));
    if (findings->count > before && r.source.lines == 0) goto done;
    PP_TRY_TO(done, read_source(&r, &parsed));
done:
    return stop(&r, status, parsed, out);
}

pp_status pp_config_read_text(const char *text, const char *path, const pp_class_source *classes,
                              pp_findings *findings, pp_config **out)
{
    reader r = {.classes = classes, .findings = findings};
    pp_status status = PP_OK;
    bool parsed = false;
    config_init(&r.parsed);
    PP_TRY_TO(done, start(&r, path));
    PP_TRY_TO(done, pp_source_text(text, path, &r.config->arena, &r.source));
    PP_TRY_TO(done, read_source(&r, &parsed));
done:
    return stop(&r, status, parsed, out);
}
