/* Tables of parameters filled from a pipeline file.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "config/param.h"
#include "config/reader.h"

enum { NAMES = 256 };

pp_origin pp_reader_origin(const pp_reader *r, const config_setting_t *setting)
{
    return pp_source_origin(&r->source, (int)config_setting_source_line(setting));
}

void pp_reader_report(pp_reader *r, const config_setting_t *at, const char *id, const char *format,
                      ...)
{
    char text[PP_ERROR_BYTES];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    const pp_place place = {.origin = pp_reader_origin(r, at), .stage = id};
    pp_place_report(place, r->findings, PP_FINDING_ERROR, PP_ERR_CONFIG, "%s", text);
}

static pp_status value_of(pp_reader *r, const config_setting_t *setting, pp_value *out);

static pp_status list_of(pp_reader *r, const config_setting_t *setting, pp_value *out)
{
    const int count = config_setting_length(setting);
    *out = (pp_value){.kind = PP_V_LIST, .count = count};
    PP_TRY(PP_ARENA_ALLOC(&r->config->arena, count, &out->items));
    for (int i = 0; i < count; i++)
        PP_TRY(value_of(r, config_setting_get_elem(setting, (unsigned)i), &out->items[i]));
    return PP_OK;
}

static pp_value integer_of(pp_reader *r, const config_setting_t *setting)
{
    const int line = (int)config_setting_source_line(setting);
    const int number = config_setting_get_int(setting);
    const char *token = pp_scan_claim(&r->scan, line, number);
    return token ? (pp_value){.kind = PP_V_WIDE, .text = token}
                 : (pp_value){.kind = PP_V_INT, .integer = number};
}

static pp_status value_of(pp_reader *r, const config_setting_t *setting, pp_value *out)
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
pp_status pp_reader_folder(pp_reader *r, const char *file, const char **out)
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
static pp_status read_row(pp_reader *r, pp_rows *g, const pp_param *p)
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
        setter.place.origin = pp_reader_origin(r, setting);
        PP_TRY(pp_reader_folder(r, setter.place.origin.file, &setter.folder));
        PP_TRY(value_of(r, setting, &value));
    } else if (p->flags & PP_P_REQUIRED) {
        pp_reader_report(r, g->setting, g->id, "%s is missing: %s", p->name, p->help);
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
static pp_status default_path(pp_reader *r, pp_rows *g, const pp_param *p)
{
    if (p->type != PP_T_PATH || !p->initial || p->initial[0] == 0) return PP_OK;
    char *path = NULL;
    PP_TRY(pp_path_join(r->folder, p->initial, &path));
    PP_TRY(pp_arena_take(&r->config->arena, path));
    *(const char **)(void *)((char *)g->params + p->offset) = path;
    return PP_OK;
}

pp_status pp_reader_rows(pp_reader *r, pp_rows *g)
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
void pp_reader_refuse_unknown(pp_reader *r, pp_rows *g, const char *const *others)
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
            pp_reader_report(r, member, g->id, "unknown parameter '%s', did you mean '%s'?", name,
                             nearest);
        else if (g->use || g->id)
            pp_reader_report(r, member, g->id, "unknown parameter '%s': see polyptych stages %s",
                             name, g->use ? g->use : "");
        else
            pp_reader_report(r, member, NULL,
                             "unknown parameter '%s': a stage's own go into its { }", name);
        g->errors++;
    }
}
