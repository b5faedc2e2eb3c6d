/* Parameters as text: values as they stand in a file, defaults, domains.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "config/param.h"

/* The shortest of 15 to 17 digits that reads back as the same number, never as an integer. */
static pp_status add_real(pp_text *out, double number)
{
    char text[40];
    for (int digits = 15; digits <= 17; digits++) {
        (void)snprintf(text, sizeof text, "%.*g", digits, number);
        if (strtod(text, NULL) == number) break;
    }
    const bool integer = strspn(text, "-0123456789") == strlen(text);
    return pp_text_add(out, "%s%s", text, integer ? ".0" : "");
}

static bool is_wide(int64_t number)
{
    return number > INT32_MAX || number < INT32_MIN;
}

static pp_status add_integer(pp_text *out, int64_t number, bool wide)
{
    return pp_text_add(out, "%lld%s", (long long)number, wide ? "L" : "");
}

static pp_status add_text(pp_text *out, const char *text)
{
    PP_TRY(pp_text_add(out, "\""));
    for (; text && *text; text++) {
        const unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\')
            PP_TRY(pp_text_add(out, "\\%c", c));
        else if (c == '\n')
            PP_TRY(pp_text_add(out, "\\n"));
        else if (c < 32)
            PP_TRY(pp_text_add(out, "\\x%02x", c));
        else
            PP_TRY(pp_text_add(out, "%c", c));
    }
    return pp_text_add(out, "\"");
}

static pp_status add_choice(pp_text *out, const pp_param *p, int index)
{
    char name[PP_CHOICE_BYTES];
    if (index < 0 || index >= pp_choice_count(p->choices))
        return PP_FAIL(PP_ERR_RUN, "parameter '%s' has no choice number %d", p->name, index);
    (void)pp_choice_name(p->choices, index, name);
    const bool bare = strcmp(name, "true") == 0 || strcmp(name, "false") == 0 ||
                      (*name && strspn(name, "+-0123456789") == strlen(name));
    return bare ? pp_text_add(out, "%s", name) : add_text(out, name);
}

/* libconfig wants the elements of [ ] to be of one type, and 1L is of another type than 1. */
static pp_status add_integers(pp_text *out, pp_ints list)
{
    bool wide = false;
    for (int64_t i = 0; i < list.count; i++) wide |= is_wide(list.values[i]);
    for (int64_t i = 0; i < list.count; i++) {
        if (i) PP_TRY(pp_text_add(out, ", "));
        PP_TRY(add_integer(out, list.values[i], wide));
    }
    return PP_OK;
}

static pp_status add_reals(pp_text *out, pp_reals list)
{
    for (int64_t i = 0; i < list.count; i++) {
        if (i) PP_TRY(pp_text_add(out, ", "));
        PP_TRY(add_real(out, list.values[i]));
    }
    return PP_OK;
}

static pp_status add_list(pp_text *out, const pp_param *p, const void *field)
{
    PP_TRY(pp_text_add(out, "["));
    PP_TRY(p->type == PP_T_INTS ? add_integers(out, *(const pp_ints *)field)
                                : add_reals(out, *(const pp_reals *)field));
    return pp_text_add(out, "]");
}

static pp_status add_value(pp_text *out, const pp_param *p, const void *params)
{
    const void *field = (const char *)params + p->offset;
    switch (p->type) {
    case PP_T_BOOL:
        return pp_text_add(out, "%s", *(const bool *)field ? "true" : "false");
    case PP_T_INT:
        if ((p->flags & PP_P_AUTO) && *(const int64_t *)field == PP_AUTO)
            return add_text(out, "auto");
        return add_integer(out, *(const int64_t *)field, is_wide(*(const int64_t *)field));
    case PP_T_REAL:
        if ((p->flags & PP_P_AUTO) && isnan(*(const double *)field)) return add_text(out, "auto");
        return add_real(out, *(const double *)field);
    case PP_T_TEXT:
    case PP_T_PATH:
        return add_text(out, *(const char *const *)field);
    case PP_T_CHOICE:
        return add_choice(out, p, *(const int *)field);
    case PP_T_INTS:
    case PP_T_REALS:
        return add_list(out, p, field);
    case PP_T_END:
        break;
    }
    return PP_FAIL(PP_ERR_RUN, "parameter '%s': the table gives no type", p->name);
}

/* Hands the text over, or frees it. */
static pp_status finish(pp_status status, pp_text *text, char **out)
{
    if (status == PP_OK)
        *out = text->data;
    else
        pp_text_free(text);
    return status;
}

pp_status pp_param_text(const pp_param *param, const void *params, char **out)
{
    pp_text text = {0};
    return finish(add_value(&text, param, params), &text, out);
}

/* Defaults are set like values from a file; texts and empty lists stay the table's own. */
static pp_status set_initial(const pp_param *p, void *params, pp_setter *s)
{
    void *field = (char *)params + p->offset;
    if (p->type == PP_T_TEXT || p->type == PP_T_PATH) {
        *(const char **)field = p->initial;
        return PP_OK;
    }
    pp_value value = {0};
    if (p->flags & PP_P_REQUIRED) return PP_OK;
    PP_TRY(pp_value_from_text(p->type, p->initial, s->arena, &value));
    if (value.kind == PP_V_LIST && value.count > 0)
        return PP_FAIL(PP_ERR_RUN, "parameter '%s': the default of a list must be empty", p->name);
    PP_TRY(pp_param_set(p, params, &value, s));
    if (p->type == PP_T_INTS) *(pp_ints *)field = (pp_ints){0};
    if (p->type == PP_T_REALS) *(pp_reals *)field = (pp_reals){0};
    return PP_OK;
}

pp_status pp_param_defaults(const pp_param *table, void *params)
{
    pp_arena arena = {0};
    pp_findings findings = {0};
    pp_setter setter = {.arena = &arena, .findings = &findings, .folder = "/"};
    pp_status status = PP_OK;
    for (const pp_param *p = table; p && p->name && status == PP_OK; p++)
        status = set_initial(p, params, &setter);
    if (status == PP_OK && findings.count > 0)
        status = PP_FAIL(PP_ERR_RUN, "a parameter table is wrong: %s", findings.items[0].text);
    pp_findings_free(&findings);
    pp_arena_free(&arena);
    return status;
}

static pp_status add_range(pp_text *out, const pp_param *p, const char *what)
{
    PP_TRY(pp_text_add(out, "%s, %.16g to %.16g", what, p->lo, p->hi));
    return p->flags & PP_P_AUTO ? pp_text_add(out, ", or \"auto\"") : PP_OK;
}

static pp_status add_choices(pp_text *out, const pp_param *p)
{
    char name[PP_CHOICE_BYTES];
    for (int i = 0; i < pp_choice_count(p->choices); i++) {
        const bool built = pp_choice_name(p->choices, i, name);
        PP_TRY(pp_text_add(out, "%s", i ? " | " : ""));
        PP_TRY(add_choice(out, p, i));
        if (!built) PP_TRY(pp_text_add(out, " (not built)"));
    }
    return PP_OK;
}

static pp_status add_domain(pp_text *out, const pp_param *p)
{
    switch (p->type) {
    case PP_T_BOOL:
        return pp_text_add(out, "true | false");
    case PP_T_INT:
        return add_range(out, p, "integer");
    case PP_T_REAL:
        return add_range(out, p, "number");
    case PP_T_TEXT:
        return pp_text_add(out, "text");
    case PP_T_PATH:
        return pp_text_add(out, p->flags & PP_P_INPUT_FILE ? "file" : "path");
    case PP_T_CHOICE:
        return add_choices(out, p);
    case PP_T_INTS:
        return add_range(out, p, "list of integers");
    case PP_T_REALS:
        return add_range(out, p, "list of numbers");
    case PP_T_END:
        break;
    }
    return PP_FAIL(PP_ERR_RUN, "parameter '%s': the table gives no type", p->name);
}

pp_status pp_param_domain(const pp_param *param, char **out)
{
    pp_text text = {0};
    return finish(add_domain(&text, param), &text, out);
}

static pp_status add_initial(pp_text *out, const pp_param *p)
{
    if (p->flags & PP_P_REQUIRED) return pp_text_add(out, "required");
    const bool quoted =
        p->type == PP_T_TEXT || p->type == PP_T_PATH || strcmp(p->initial, "auto") == 0;
    if (p->type == PP_T_CHOICE && pp_choice_find(p->choices, p->initial) >= 0)
        return add_choice(out, p, pp_choice_find(p->choices, p->initial));
    if (quoted) return add_text(out, p->initial);
    return pp_text_add(out, "%s", *p->initial ? p->initial : "[]");
}

pp_status pp_param_initial(const pp_param *param, char **out)
{
    pp_text text = {0};
    return finish(add_initial(&text, param), &text, out);
}
