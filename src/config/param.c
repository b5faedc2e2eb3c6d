/* Values into parameter structs, checked by the table.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "config/param.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/text.h"

const pp_param *pp_param_find(const pp_param *table, const char *name)
{
    for (const pp_param *p = table; p && p->name; p++)
        if (strcmp(p->name, name) == 0) return p;
    return NULL;
}

int pp_choice_count(const char *choices)
{
    int count = choices && *choices;
    for (const char *c = choices; c && *c; c++) count += *c == '|';
    return count;
}

bool pp_choice_name(const char *choices, int index, char out[PP_CHOICE_BYTES])
{
    for (; index > 0; index--) choices += strcspn(choices, "|") + 1;
    const bool built = *choices != '~';
    if (!built) choices++;
    (void)snprintf(out, PP_CHOICE_BYTES, "%.*s", (int)strcspn(choices, "|"), choices);
    return built;
}

int pp_choice_find(const char *choices, const char *name)
{
    char known[PP_CHOICE_BYTES];
    for (int i = 0; i < pp_choice_count(choices); i++) {
        (void)pp_choice_name(choices, i, known);
        if (strcmp(known, name) == 0) return i;
    }
    return -1;
}

/* A finding about this parameter. */
static void wrong(pp_setter *s, pp_status code, const char *text)
{
    pp_place_report(s->place, s->findings, PP_FINDING_ERROR, code, "%s", text);
    s->errors++;
}

#define WRONG(s, ...)                                                                              \
    do {                                                                                           \
        char text_[1024];                                                                          \
        (void)snprintf(text_, sizeof text_, __VA_ARGS__);                                          \
        wrong((s), PP_ERR_CONFIG, text_);                                                          \
    } while (0)

static void wrong_type(const pp_param *p, const pp_value *value, const char *expected, pp_setter *s)
{
    char found[256];
    pp_value_describe(value, found, sizeof found);
    if (value->kind == PP_V_WIDE)
        WRONG(s, "%s = %s does not fit in 32 bits: write %sL", p->name, found, found);
    else
        WRONG(s, "%s must be %s%s, found %s", p->name, expected,
              p->flags & PP_P_AUTO ? " or \"auto\"" : "", found);
}

static void *field(const pp_param *p, void *params)
{
    return (char *)params + p->offset;
}

static bool is_auto(const pp_param *p, const pp_value *value)
{
    return (p->flags & PP_P_AUTO) && value->kind == PP_V_TEXT && strcmp(value->text, "auto") == 0;
}

static bool in_range(const pp_param *p, double number, const char *found, pp_setter *s)
{
    if (number >= p->lo && number <= p->hi) return true;
    const bool plain = !p->unit || strcmp(p->unit, "1") == 0;
    WRONG(s, "%s = %s is outside %.15g to %.15g%s%s", p->name, found, p->lo, p->hi,
          plain ? "" : " ", plain ? "" : p->unit);
    return false;
}

static bool integer_of(const pp_param *p, const pp_value *value, int64_t *out, pp_setter *s)
{
    if (value->kind != PP_V_INT) {
        wrong_type(p, value, "an integer", s);
        return false;
    }
    char found[256];
    pp_value_describe(value, found, sizeof found);
    *out = value->integer;
    return in_range(p, (double)value->integer, found, s);
}

static bool real_of(const pp_param *p, const pp_value *value, double *out, pp_setter *s)
{
    *out = value->kind == PP_V_INT ? (double)value->integer : value->real;
    if ((value->kind != PP_V_INT && value->kind != PP_V_REAL) || !isfinite(*out)) {
        wrong_type(p, value, "a finite number", s);
        return false;
    }
    char found[256];
    pp_value_describe(value, found, sizeof found);
    return in_range(p, *out, found, s);
}

static void set_integer(const pp_param *p, void *params, const pp_value *value, pp_setter *s)
{
    int64_t number = PP_AUTO;
    if (is_auto(p, value) || integer_of(p, value, &number, s))
        *(int64_t *)field(p, params) = number;
}

static void set_real(const pp_param *p, void *params, const pp_value *value, pp_setter *s)
{
    double number = NAN;
    if (is_auto(p, value) || real_of(p, value, &number, s)) *(double *)field(p, params) = number;
}

/* "a, b, c", those that are built. */
static void list_choices(const char *choices, char *out, size_t bytes)
{
    char name[PP_CHOICE_BYTES];
    size_t used = 0;
    out[0] = 0;
    for (int i = 0; i < pp_choice_count(choices) && used < bytes; i++)
        if (pp_choice_name(choices, i, name))
            used += (size_t)snprintf(out + used, bytes - used, "%s%s", used ? ", " : "", name);
}

static const char *nearest_choice(const char *choices, const char *word, char out[PP_CHOICE_BYTES])
{
    for (int i = 0; i < pp_choice_count(choices); i++) {
        const bool built = pp_choice_name(choices, i, out);
        if (built && pp_text_nearest(word, (const char *const[]){out, NULL})) return out;
    }
    return NULL;
}

static void set_choice(const pp_param *p, void *params, const pp_value *value, pp_setter *s)
{
    char word[256], all[512], name[PP_CHOICE_BYTES];
    if (value->kind == PP_V_TEXT)
        (void)snprintf(word, sizeof word, "%s", value->text);
    else /* true, false and numbers may be choices too */
        pp_value_describe(value, word, sizeof word);
    const int index = pp_choice_find(p->choices, word);
    list_choices(p->choices, all, sizeof all);
    if (index < 0) {
        char found[300];
        pp_value_describe(value, found, sizeof found);
        const char *nearest = nearest_choice(p->choices, word, name);
        WRONG(s, "%s = %s is not known%s%s%s: choose one of %s", p->name, found,
              nearest ? ", did you mean \"" : "", nearest ? nearest : "", nearest ? "\"" : "", all);
    } else if (!pp_choice_name(p->choices, index, name)) {
        WRONG(s, "%s = \"%s\" is not built in this version: choose one of %s", p->name, name, all);
    } else {
        *(int *)field(p, params) = index;
    }
}

static pp_status set_text(const pp_param *p, void *params, const pp_value *value, pp_setter *s)
{
    if (value->kind != PP_V_TEXT) {
        wrong_type(p, value, "a text in quotes", s);
        return PP_OK;
    }
    return pp_arena_text(s->arena, value->text, (const char **)field(p, params));
}

static pp_status set_path(const pp_param *p, void *params, const pp_value *value, pp_setter *s)
{
    if (value->kind != PP_V_TEXT || value->text[0] == 0) return set_text(p, params, value, s);
    char *path = NULL;
    PP_TRY(pp_path_join(s->folder, value->text, &path));
    PP_TRY(pp_arena_take(s->arena, path));
    *(const char **)field(p, params) = path;
    if ((p->flags & PP_P_INPUT_FILE) && !pp_file_exists(path)) {
        char text[1024];
        (void)snprintf(text, sizeof text, "%s: %s: there is no such file", p->name, path);
        wrong(s, PP_ERR_DATA, text);
    }
    return PP_OK;
}

static pp_status set_integers(const pp_param *p, void *params, const pp_value *value, pp_setter *s)
{
    int64_t *values = NULL;
    PP_TRY(PP_ARENA_ALLOC(s->arena, value->count, &values));
    const int64_t before = s->errors;
    for (int64_t i = 0; i < value->count; i++) (void)integer_of(p, &value->items[i], &values[i], s);
    if (s->errors == before) *(pp_ints *)field(p, params) = (pp_ints){value->count, values};
    return PP_OK;
}

static pp_status set_reals(const pp_param *p, void *params, const pp_value *value, pp_setter *s)
{
    double *values = NULL;
    PP_TRY(PP_ARENA_ALLOC(s->arena, value->count, &values));
    const int64_t before = s->errors;
    for (int64_t i = 0; i < value->count; i++) (void)real_of(p, &value->items[i], &values[i], s);
    if (s->errors == before) *(pp_reals *)field(p, params) = (pp_reals){value->count, values};
    return PP_OK;
}

static pp_status set_list(const pp_param *p, void *params, const pp_value *value, pp_setter *s)
{
    if (value->kind != PP_V_LIST) {
        wrong_type(p, value, "a list like [1, 2]", s);
        return PP_OK;
    }
    return p->type == PP_T_INTS ? set_integers(p, params, value, s)
                                : set_reals(p, params, value, s);
}

pp_status pp_param_set(const pp_param *p, void *params, const pp_value *value, pp_setter *s)
{
    if (value->kind == PP_V_TEXT && strcmp(value->text, "REQUIRED") == 0) {
        WRONG(s, "%s is REQUIRED: give its value here (%s)", p->name, p->help);
        return PP_OK;
    }
    switch (p->type) {
    case PP_T_BOOL:
        if (value->kind == PP_V_BOOL)
            *(bool *)field(p, params) = value->boolean;
        else
            wrong_type(p, value, "true or false", s);
        return PP_OK;
    case PP_T_INT:
        set_integer(p, params, value, s);
        return PP_OK;
    case PP_T_REAL:
        set_real(p, params, value, s);
        return PP_OK;
    case PP_T_TEXT:
        return set_text(p, params, value, s);
    case PP_T_PATH:
        return set_path(p, params, value, s);
    case PP_T_CHOICE:
        set_choice(p, params, value, s);
        return PP_OK;
    case PP_T_INTS:
    case PP_T_REALS:
        return set_list(p, params, value, s);
    case PP_T_END:
        break;
    }
    return PP_FAIL(PP_ERR_RUN, "parameter '%s': the table gives no type", p->name);
}
