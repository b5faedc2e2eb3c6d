/* A pipeline file into settings and stages.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "config/place.h"
#include "config/reader.h"

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

static bool id_is_free(const pp_reader *r, const char *id)
{
    for (int i = 0; i < r->config->count; i++)
        if (strcmp(r->config->stages[i].id, id) == 0) return false;
    return true;
}

/* The id given, else `use`, with a number where it is used more than once. */
static pp_status name_stage(pp_reader *r, pp_rows *g, int number, const char **out)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
    const char *use = member_text(g->setting, "use");
    const char *given = member_text(g->setting, "id");
    char numbered[256];
    (void)snprintf(numbered, sizeof numbered, "%s_%d", use, number);
    const char *id = given ? given : g->use ? use : numbered;
    if (config_setting_get_member(g->setting, "id") && !given) {
        pp_reader_report(r, config_setting_get_member(g->setting, "id"), id,
                         "id must be a text in quotes");
        g->errors++;
    } else if (given && (!*given || strspn(given, allowed) != strlen(given))) {
        pp_reader_report(r, config_setting_get_member(g->setting, "id"), id,
                         "an id is made of letters, digits, '_' and '-'");
        g->errors++;
    }
    if (!id_is_free(r, id)) {
        pp_reader_report(r, g->setting, id, "another stage has this id: give each its own `id`");
        g->errors++;
    }
    return pp_arena_text(&r->config->arena, id, out);
}

static void refuse_stage(pp_reader *r, const config_setting_t *setting, const char *use)
{
    const char *const *names = r->classes->names();
    const char *nearest = pp_text_nearest(use, names);
    pp_text all = {0};
    for (int i = 0; names[i]; i++)
        if (pp_text_add(&all, "%s%s", i ? ", " : "", names[i]) != PP_OK) break;
    if (strcmp(use, "REQUIRED") == 0)
        pp_reader_report(r, setting, use, "use is REQUIRED: give the stage's name: %s",
                         all.data ? all.data : "");
    else if (nearest)
        pp_reader_report(r, setting, use, "there is no stage of this name, did you mean '%s'?",
                         nearest);
    else
        pp_reader_report(r, setting, use, "there is no stage of this name: there are %s",
                         all.data ? all.data : "none");
    pp_text_free(&all);
}

static pp_status read_stage(pp_reader *r, const config_setting_t *list, int index)
{
    static const char *const others[] = {"use", "id", NULL};
    const config_setting_t *setting = config_setting_get_elem(list, (unsigned)index);
    const char *use = config_setting_is_group(setting) ? member_text(setting, "use") : NULL;
    if (!use) {
        pp_reader_report(
            r, setting, NULL,
            "stage %d of the list has no name: write { use = \"NAME\"; ... }, see polyptych stages",
            index + 1);
        r->config->unknown++;
        return PP_OK;
    }
    const pp_stage_class *found = r->classes->find(use);
    if (!found) {
        refuse_stage(r, setting, use);
        r->config->unknown++;
        return PP_OK;
    }
    int number = 1;
    pp_rows g = {.setting = setting, .table = found->params};
    g.use = uses(list, index, use, &number) == 1 ? found->name : NULL;
    PP_TRY(name_stage(r, &g, number, &g.id));
    PP_TRY(pp_arena_alloc(&r->config->arena, 1, found->params_size + 1, &g.params));
    PP_TRY(pp_reader_rows(r, &g));
    pp_reader_refuse_unknown(r, &g, others);
    r->config->stages[r->config->count++] =
        (pp_config_stage){.stage = found,
                          .id = g.id,
                          .params = g.params,
                          .origin = pp_reader_origin(r, setting),
                          .given = g.given,
                          .sound = g.errors == 0};
    return PP_OK;
}

static pp_status read_stages(pp_reader *r, const config_setting_t *root)
{
    const config_setting_t *list = config_setting_get_member(root, "stages");
    if (!list) {
        pp_reader_report(r, root, NULL,
                         "stages is missing: write stages = ( { use = \"load\"; ... }, ... );");
        return PP_OK;
    }
    const int count = config_setting_is_list(list) ? config_setting_length(list) : 0;
    if (count == 0) {
        pp_reader_report(r, list, NULL,
                         "stages must be a list of groups: ( { use = \"load\"; ... }, ... )");
        return PP_OK;
    }
    PP_TRY(PP_ARENA_ALLOC(&r->config->arena, count, &r->config->stages));
    for (int i = 0; i < count; i++) PP_TRY(read_stage(r, list, i));
    return PP_OK;
}

static void refuse_wide(pp_reader *r)
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

/* Whether a line of the whole text holds `word`. */
static bool line_holds(const pp_source *source, int line, const char *word)
{
    const char *text = source->text.data;
    for (int k = 1; k < line && text; k++) {
        text = strchr(text, '\n');
        if (text) text++;
    }
    const char *found = text ? strstr(text, word) : NULL;
    return found && found < text + strcspn(text, "\n");
}

static void refuse_syntax(pp_reader *r)
{
    const int line = config_error_line(&r->parsed);
    const pp_place place = {.origin = pp_source_origin(&r->source, line)};
    const char *what = config_error_text(&r->parsed);
    if (line >= r->source.lines && r->scan.open_line > 0) {
        const pp_origin open = pp_source_origin(&r->source, r->scan.open_line);
        pp_place_report(place, r->findings, PP_FINDING_ERROR, PP_ERR_CONFIG,
                        "the file ends, but the '%c' of %s:%d is not closed", r->scan.open,
                        open.file, open.line);
    } else if (line_holds(&r->source, line, "@include")) {
        pp_place_report(place, r->findings, PP_FINDING_ERROR, PP_ERR_CONFIG,
                        "syntax error: @include \"FILE\" stands at the start of a line");
    } else {
        pp_place_report(place, r->findings, PP_FINDING_ERROR, PP_ERR_CONFIG,
                        "%s: expected name = value; with texts in quotes, or the line before is "
                        "not complete",
                        what ? what : "syntax error");
    }
}

static pp_status read_parsed(pp_reader *r)
{
    const config_setting_t *root = config_root_setting(&r->parsed);
    PP_TRY(pp_reader_settings(r, root));
    if (r->classes->prepare) r->classes->prepare(&r->config->settings, r->findings);
    PP_TRY(read_stages(r, root));
    pp_overrides_left(&r->overrides, r->config, r->findings);
    refuse_wide(r);
    return PP_OK;
}

/* From the source's text on. */
static pp_status read_source(pp_reader *r, bool *parsed)
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

static pp_status start(pp_reader *r, const char *path)
{
    char *whole = NULL, *here = NULL;
    PP_TRY(PP_ALLOC(1, &r->config));
    pp_arena *arena = &r->config->arena;
    PP_TRY(pp_path_absolute(path, &whole));
    PP_TRY(pp_arena_take(arena, whole));
    r->config->path = whole;
    PP_TRY(pp_reader_folder(r, whole, &r->folder));
    PP_TRY(pp_path_absolute(".", &here));
    PP_TRY(pp_arena_take(arena, here));
    r->here = here;
    return PP_OK;
}

/* Frees what was needed for reading; a configuration that could not be parsed too. */
static pp_status stop(pp_reader *r, pp_status status, bool parsed, pp_config **out)
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
    pp_reader r = {.classes = classes, .findings = findings};
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
    pp_reader r = {.classes = classes, .findings = findings};
    pp_status status = PP_OK;
    bool parsed = false;
    config_init(&r.parsed);
    PP_TRY_TO(done, start(&r, path));
    PP_TRY_TO(done, pp_source_text(text, path, &r.config->arena, &r.source));
    PP_TRY_TO(done, read_source(&r, &parsed));
done:
    return stop(&r, status, parsed, out);
}
