/* Findings, and the collector that a stage's `check` and `views` write to.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "config/findings.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "config/config.h"
#include "config/place.h"

static pp_status store(pp_findings *findings, pp_finding finding, const char *text)
{
    void *items = findings->items;
    PP_TRY(pp_realloc(&items, (size_t)(findings->count + 1) * sizeof *findings->items));
    findings->items = items;
    PP_TRY(pp_strdup(text, &finding.text));
    findings->items[findings->count++] = finding;
    return PP_OK;
}

void pp_findings_add(pp_findings *findings, pp_finding_kind kind, pp_status code,
                     const char *format, ...)
{
    char text[2 * PP_ERROR_BYTES];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (store(findings, (pp_finding){.kind = kind, .code = code}, text) != PP_OK)
        pp_log(kind == PP_FINDING_ERROR ? PP_LOG_ERROR : PP_LOG_WARNING, "%s", text);
}

/* The order in which codes win. */
static int weight(pp_status code)
{
    switch (code) {
    case PP_OK:
        return 0;
    case PP_ERR_CONFIG:
        return 4;
    case PP_ERR_DATA:
        return 3;
    case PP_ERR_RESOURCE:
        return 2;
    default:
        return 1;
    }
}

pp_status pp_findings_worst(const pp_findings *findings)
{
    pp_status worst = PP_OK;
    for (int64_t i = 0; i < findings->count; i++) {
        const pp_finding *f = &findings->items[i];
        if (f->kind == PP_FINDING_ERROR && weight(f->code) > weight(worst)) worst = f->code;
    }
    return worst;
}

void pp_findings_print(const pp_findings *findings)
{
    for (int64_t i = 0; i < findings->count; i++) {
        const pp_finding *f = &findings->items[i];
        if (f->kind == PP_FINDING_INFO)
            (void)printf("%s\n", f->text);
        else if (f->kind == PP_FINDING_ERROR)
            pp_log_finding(f->text); /* begins with its place, as compilers' messages do */
        else
            pp_warn("%s", f->text);
    }
    (void)fflush(stdout);
}

void pp_findings_free(pp_findings *findings)
{
    for (int64_t i = 0; i < findings->count; i++) pp_free(findings->items[i].text);
    pp_free(findings->items);
    *findings = (pp_findings){0};
}

void pp_place_text(pp_place place, char *out, size_t bytes)
{
    char where[1024] = "";
    if (place.origin.file && place.origin.line > 0)
        (void)snprintf(where, sizeof where, "%s:%d: ", place.origin.file, place.origin.line);
    else if (place.origin.file)
        (void)snprintf(where, sizeof where, "%s: ", place.origin.file);
    if (place.stage)
        (void)snprintf(out, bytes, "%sstage '%s': ", where, place.stage);
    else
        (void)snprintf(out, bytes, "%s", where);
}

void pp_place_report(pp_place place, pp_findings *findings, pp_finding_kind kind, pp_status code,
                     const char *format, ...)
{
    char where[1200], text[PP_ERROR_BYTES];
    pp_place_text(place, where, sizeof where);
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    pp_findings_add(findings, kind, code, "%s%s", where, text);
}

/* Row of the parameter `key`, or -1. */
static int row_of(const pp_stage_class *stage, const char *key)
{
    for (int i = 0; key && stage->params && stage->params[i].name; i++)
        if (strcmp(stage->params[i].name, key) == 0) return i;
    return -1;
}

static pp_place place_of(const pp_check *check, const char *key)
{
    const pp_config_stage *stage = check->stage;
    pp_place place = {.origin = stage->origin, .stage = stage->id};
    const int row = row_of(stage->stage, key);
    if (row >= 0 && stage->given && stage->given[row].file) place.origin = stage->given[row];
    return place;
}

void pp_check_error(pp_check *check, const char *key, pp_status code, const char *format, ...)
{
    char text[PP_ERROR_BYTES];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    pp_place_report(place_of(check, key), check->findings, PP_FINDING_ERROR, code, "%s", text);
}

void pp_check_warning(pp_check *check, const char *key, const char *format, ...)
{
    char text[PP_ERROR_BYTES];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    pp_place_report(place_of(check, key), check->findings, PP_FINDING_WARNING, PP_OK, "%s", text);
}

void pp_check_info(pp_check *check, const char *format, ...)
{
    char text[PP_ERROR_BYTES];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    pp_findings_add(check->findings, PP_FINDING_INFO, PP_OK, "%s: %s", check->stage->id, text);
}

void pp_check_last_error(pp_check *check, const char *key)
{
    pp_error error;
    pp_error_take(&error);
    pp_check_error(check, key, error.status, "%s", error.text);
}

void pp_check_set_groups(pp_check *check, const pp_plan_groups *sharing)
{
    if (check->told) check->told->sharing = *sharing;
}

void pp_check_get_groups(const pp_check *check, pp_plan_groups *sharing)
{
    *sharing = check->told ? check->told->sharing : (pp_plan_groups){.devices = 1, .groups = 1};
}

void pp_check_will_put(pp_check *check, const char *port)
{
    const int most = (int)(sizeof check->told->ports / sizeof *check->told->ports);
    if (check->told && check->told->count < most) check->told->ports[check->told->count++] = port;
}

bool pp_check_will_have(const pp_check *check, const char *port)
{
    for (int k = 0; check->told && k < check->told->count; k++)
        if (strcmp(check->told->ports[k], port) == 0) return true;
    return false;
}

/* Whether the values of one row are the same, as text. */
static bool is_default(const pp_stage_class *stage, int row, const void *params)
{
    void *defaults = NULL;
    char *value = NULL, *usual = NULL;
    pp_status status = pp_alloc(1, stage->params_size, &defaults);
    if (status == PP_OK) status = pp_param_defaults(stage->params, defaults);
    if (status == PP_OK) status = pp_param_text(&stage->params[row], params, &value);
    if (status == PP_OK) status = pp_param_text(&stage->params[row], defaults, &usual);
    const bool same = status == PP_OK && strcmp(value, usual) == 0;
    if (status != PP_OK) pp_log_last_error();
    pp_free(usual);
    pp_free(value);
    pp_free(defaults);
    return same;
}

bool pp_check_given(const pp_check *check, const char *key)
{
    const pp_config_stage *stage = check->stage;
    const int row = row_of(stage->stage, key);
    return row >= 0 && stage->given && stage->given[row].file &&
           !is_default(stage->stage, row, stage->params);
}
