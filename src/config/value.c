/* Values from texts, and their description in messages.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "config/value.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

static bool read_integer(const char *text, int64_t *out)
{
    char *end = NULL;
    errno = 0;
    const long long value = strtoll(text, &end, 0);
    if (end == text || errno == ERANGE) return false;
    while (*end == 'L') end++;
    *out = value;
    return *end == 0;
}

static bool read_real(const char *text, double *out)
{
    char *end = NULL;
    *out = strtod(text, &end);
    return end != text && *end == 0;
}

static pp_value scalar(pp_param_type type, const char *text)
{
    pp_value value = {.kind = PP_V_TEXT, .text = text};
    if (type == PP_T_BOOL && (strcmp(text, "true") == 0 || strcmp(text, "false") == 0)) {
        value.kind = PP_V_BOOL;
        value.boolean = text[0] == 't';
    } else if (type == PP_T_INT || type == PP_T_REAL) {
        if (read_integer(text, &value.integer))
            value.kind = PP_V_INT;
        else if (read_real(text, &value.real))
            value.kind = PP_V_REAL;
    }
    return value;
}

/* The text without blanks, and without brackets or quotes, at its ends. */
static pp_status inner(const char *text, const char *pairs, pp_arena *arena, char **out)
{
    const char *start = text, *end = text + strlen(text);
    while (isspace((unsigned char)*start)) start++;
    while (end > start && isspace((unsigned char)end[-1])) end--;
    const char *pair = *start ? strchr(pairs, *start) : NULL;
    if (pair && (pair - pairs) % 2 == 0 && end - start >= 2 && end[-1] == pair[1]) start++, end--;
    PP_TRY(PP_ARENA_ALLOC(arena, end - start + 1, out));
    memcpy(*out, start, (size_t)(end - start));
    return PP_OK;
}

static pp_status list(pp_param_type type, const char *text, pp_arena *arena, pp_value *out)
{
    const pp_param_type of = type == PP_T_INTS ? PP_T_INT : PP_T_REAL;
    char *body = NULL;
    PP_TRY(inner(text, "[]()", arena, &body));
    int64_t count = body[strspn(body, " \t")] != 0;
    for (const char *c = body; *c; c++) count += *c == ',';
    *out = (pp_value){.kind = PP_V_LIST, .count = count};
    PP_TRY(PP_ARENA_ALLOC(arena, count, &out->items));
    for (int64_t i = 0; i < count; i++) {
        const size_t length = strcspn(body, ",");
        char *next = body + length + (body[length] == ',');
        body[length] = 0;
        char *item = NULL;
        PP_TRY(inner(body, "\"\"", arena, &item));
        out->items[i] = scalar(of, item);
        body = next;
    }
    return PP_OK;
}

pp_status pp_value_from_text(pp_param_type type, const char *text, pp_arena *arena, pp_value *out)
{
    if (type == PP_T_INTS || type == PP_T_REALS) return list(type, text, arena, out);
    char *body = NULL;
    PP_TRY(inner(text, "\"\"", arena, &body));
    *out = scalar(type, body);
    return PP_OK;
}

void pp_value_describe(const pp_value *value, char *out, size_t bytes)
{
    switch (value->kind) {
    case PP_V_BOOL:
        (void)snprintf(out, bytes, "%s", value->boolean ? "true" : "false");
        return;
    case PP_V_INT:
        (void)snprintf(out, bytes, "%lld", (long long)value->integer);
        return;
    case PP_V_REAL:
        (void)snprintf(out, bytes, "%g", value->real);
        return;
    case PP_V_TEXT:
        (void)snprintf(out, bytes, "\"%s\"", value->text);
        return;
    case PP_V_WIDE:
        (void)snprintf(out, bytes, "%s", value->text);
        return;
    case PP_V_LIST:
        (void)snprintf(out, bytes, "a list of %lld", (long long)value->count);
        return;
    case PP_V_GROUP:
        (void)snprintf(out, bytes, "a group { }");
        return;
    }
}
