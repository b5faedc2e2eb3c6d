/* Values from the command line.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "config/override.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "config/object.h"
#include "config/param.h"

static const pp_place command_line = {.origin = {.file = "command line", .line = 0}};

static pp_status split(const char *given, pp_arena *arena, pp_override *out)
{
    const char *text = NULL;
    char *copy = NULL;
    const size_t length = strlen(given);
    PP_TRY(pp_arena_text(arena, given, &text));
    PP_TRY(PP_ARENA_ALLOC(arena, length + 1, &copy));
    memcpy(copy, given, length);
    const size_t key = strcspn(copy, "=");
    *out = (pp_override){.given = text, .key = copy, .value = copy + key + 1};
    copy[key] = 0;
    char *dot = strchr(copy, '.');
    if (dot) {
        *dot = 0;
        out->stage = copy;
        out->key = dot + 1;
    }
    return PP_OK;
}

pp_status pp_overrides_split(int count, const char *const *given, pp_arena *arena,
                             pp_findings *findings, pp_overrides *out)
{
    PP_TRY(PP_ARENA_ALLOC(arena, count, &out->items));
    out->count = 0;
    for (int i = 0; i < count; i++) {
        if (strchr(given[i], '='))
            PP_TRY(split(given[i], arena, &out->items[out->count++]));
        else
            pp_place_report(command_line, findings, PP_FINDING_ERROR, PP_ERR_CONFIG,
                            "'%s' has no '=': write key=value, e.g. ptycho.iterations=64",
                            given[i]);
    }
    return PP_OK;
}

const pp_override *pp_overrides_take(pp_overrides *overrides, const char *id, const char *use,
                                     const char *key)
{
    const pp_override *last = NULL;
    for (int i = 0; i < overrides->count; i++) {
        pp_override *o = &overrides->items[i];
        const bool here =
            id ? o->stage && (strcmp(o->stage, id) == 0 || (use && strcmp(o->stage, use) == 0))
               : !o->stage;
        if (!here || strcmp(o->key, key) != 0) continue;
        o->used = true;
        last = o;
    }
    return last;
}

enum { NAMES = 128 };

/* Names of a table's rows, for the nearest one. */
static void row_names(const pp_param *table, const char *names[NAMES])
{
    int count = 0;
    for (; table && table->name && count < NAMES - 1; table++) names[count++] = table->name;
    names[count] = NULL;
}

static void report_key(const pp_override *o, const pp_param *table, const char *stage,
                       pp_findings *findings)
{
    const char *names[NAMES];
    row_names(table, names);
    const char *nearest = pp_text_nearest(o->key, names);
    pp_place place = command_line;
    place.stage = stage;
    pp_place_report(place, findings, PP_FINDING_ERROR, PP_ERR_CONFIG,
                    "unknown parameter '%s' in %s%s%s%s", o->key, o->given,
                    nearest ? ", did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "");
}

static void report_stage(const pp_override *o, const pp_config *config, pp_findings *findings)
{
    const char *names[NAMES];
    char ids[512] = "";
    int count = 0, same = 0;
    for (int i = 0; i < config->count && count < NAMES - 1; i++) {
        const pp_config_stage *s = &config->stages[i];
        names[count++] = s->id;
        if (strcmp(s->stage->name, o->stage) != 0) continue;
        const size_t used = strlen(ids);
        (void)snprintf(ids + used, sizeof ids - used, "%s%s", same++ ? ", " : "", s->id);
    }
    names[count] = NULL;
    const char *nearest = pp_text_nearest(o->stage, names);
    if (same > 1)
        pp_place_report(command_line, findings, PP_FINDING_ERROR, PP_ERR_CONFIG,
                        "%s: stage '%s' is used %d times: name one by its id: %s", o->given,
                        o->stage, same, ids);
    else
        pp_place_report(command_line, findings, PP_FINDING_ERROR, PP_ERR_CONFIG,
                        "%s: the file has no stage '%s'%s%s%s", o->given, o->stage,
                        nearest ? ", did you mean '" : "", nearest ? nearest : "",
                        nearest ? "'?" : "");
}

static const pp_config_stage *stage_named(const pp_config *config, const char *name)
{
    const pp_config_stage *found = NULL;
    int same = 0;
    for (int i = 0; i < config->count; i++) {
        const pp_config_stage *s = &config->stages[i];
        if (strcmp(s->id, name) == 0) return s;
        if (strcmp(s->stage->name, name) == 0) found = s, same++;
    }
    return same == 1 ? found : NULL;
}

void pp_overrides_left(const pp_overrides *overrides, const pp_config *config,
                       pp_findings *findings)
{
    for (int i = 0; i < overrides->count; i++) {
        const pp_override *o = &overrides->items[i];
        if (o->used) continue;
        const pp_config_stage *stage = o->stage ? stage_named(config, o->stage) : NULL;
        if (!o->stage)
            report_key(o, pp_settings_params, NULL, findings);
        else if (stage)
            report_key(o, stage->stage->params, stage->id, findings);
        else
            report_stage(o, config, findings);
    }
}
