/* The tokens of a pipeline file.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "config/scan.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "config/place.h"

typedef struct known_name {
    const char *text;
    size_t length;
    int line, depth;
} known_name;

enum { DEEPEST = 64 };

typedef struct scanner {
    const pp_source *source;
    pp_arena *arena;
    pp_findings *findings;
    pp_scan *scan;
    known_name *names; /* of all groups that are open */
    int64_t count, capacity;
    int line, depth;
    struct {
        char bracket;
        int line;
    } open[DEEPEST];
} scanner;

static pp_place here(const scanner *s)
{
    return (pp_place){.origin = pp_source_origin(s->source, s->line)};
}

static pp_status add_name(scanner *s, const char *text, size_t length)
{
    for (int64_t i = s->count; i-- > 0 && s->names[i].depth == s->depth;) {
        const known_name *known = &s->names[i];
        if (known->length != length || strncmp(known->text, text, length) != 0) continue;
        const pp_origin first = pp_source_origin(s->source, known->line);
        pp_place_report(here(s), s->findings, PP_FINDING_ERROR, PP_ERR_CONFIG,
                        "'%.*s' is given twice: the first is at %s:%d, keep one", (int)length, text,
                        first.file, first.line);
        s->scan->broken = true;
        return PP_OK;
    }
    if (s->count == s->capacity) {
        const int64_t capacity = s->capacity ? 2 * s->capacity : 64;
        void *names = s->names;
        PP_TRY(pp_realloc(&names, (size_t)capacity * sizeof *s->names));
        s->names = names;
        s->capacity = capacity;
    }
    s->names[s->count++] = (known_name){text, length, s->line, s->depth};
    return PP_OK;
}

static void open_bracket(scanner *s, char bracket)
{
    if (s->depth < DEEPEST) {
        s->open[s->depth].bracket = bracket;
        s->open[s->depth].line = s->line;
    }
    s->depth++;
}

static void close_bracket(scanner *s)
{
    while (s->count > 0 && s->names[s->count - 1].depth >= s->depth) s->count--;
    if (s->depth > 0) s->depth--;
}

/* Past blanks and comments, counting lines. */
static const char *skip(scanner *s, const char *c)
{
    for (;; c++) {
        if (*c == '\n') {
            s->line++;
        } else if (*c == '#' || (c[0] == '/' && c[1] == '/')) {
            c += strcspn(c, "\n");
            if (!*c) return c;
            s->line++;
        } else if (c[0] == '/' && c[1] == '*') {
            for (c += 2; *c && !(c[0] == '*' && c[1] == '/'); c++) s->line += *c == '\n';
            if (!*c) return c;
            c++;
        } else if (!*c || !isspace((unsigned char)*c)) {
            return c;
        }
    }
}

static const char *skip_text(scanner *s, const char *c)
{
    for (c++; *c && *c != '"'; c++) {
        s->line += *c == '\n';
        if (*c == '\\' && c[1]) s->line += *++c == '\n';
    }
    return *c ? c + 1 : c;
}

static bool is_number_char(const char *c, const char *start)
{
    if (isalnum((unsigned char)*c) || *c == '.') return true;
    return (*c == '+' || *c == '-') && (c == start || c[-1] == 'e' || c[-1] == 'E');
}

/* What libconfig 1.5 makes of an integer without L: the low 32 bits of what the C library reads. */
static bool is_wide(const char *text, int *wrapped)
{
    char *end = NULL;
    const bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    errno = 0;
    const unsigned long bits =
        hex ? strtoul(text, &end, 16) : (unsigned long)strtol(text, &end, 10);
    const long value = (long)bits;
    *wrapped = (int)(uint32_t)bits;
    if (*end == 'L') { /* wide by its suffix: must fit in 64 bits */
        *wrapped = 0;
        return errno == ERANGE;
    }
    return *end == 0 && (errno == ERANGE || value > INT_MAX || value < INT_MIN);
}

static pp_status take_number(scanner *s, const char *start, size_t length)
{
    char text[64];
    if (length >= sizeof text) return PP_OK;
    memcpy(text, start, length);
    text[length] = 0;
    int wrapped = 0;
    if (!is_wide(text, &wrapped)) return PP_OK;
    void *wide = s->scan->wide;
    PP_TRY(pp_realloc(&wide, (size_t)(s->scan->wides + 1) * sizeof *s->scan->wide));
    s->scan->wide = wide;
    pp_wide *w = &s->scan->wide[s->scan->wides];
    *w = (pp_wide){.line = s->line, .wrapped = wrapped};
    PP_TRY(pp_arena_text(s->arena, text, &w->text));
    s->scan->wides++;
    return PP_OK;
}

static void refuse_marker(scanner *s)
{
    pp_place_report(here(s), s->findings, PP_FINDING_ERROR, PP_ERR_CONFIG,
                    "REQUIRED is left in place: it marks a value that you must give");
    s->scan->broken = true;
}

/* A word: the name of a setting, a number, true, false, or something that has no place here. */
static pp_status take_word(scanner *s, const char **at)
{
    const char *start = *at, *c = start;
    if (isalpha((unsigned char)*c) || *c == '*') {
        while (isalnum((unsigned char)*c) || *c == '_' || *c == '-' || *c == '*') c++;
        const size_t length = (size_t)(c - start);
        const int line = s->line;
        *at = skip(s, c);
        const int after = s->line;
        s->line = line;
        pp_status status = PP_OK;
        if (**at == '=' || **at == ':')
            status = add_name(s, start, length);
        else if (length == 8 && strncmp(start, "REQUIRED", 8) == 0)
            refuse_marker(s);
        s->line = after;
        return status;
    }
    while (is_number_char(c, start)) c++;
    if (c == start) {
        *at = c + 1;
        return PP_OK;
    }
    *at = c;
    return take_number(s, start, (size_t)(c - start));
}

static pp_status scan_all(scanner *s)
{
    const char *c = skip(s, s->source->text.data);
    while (*c) {
        if (*c == '"')
            c = skip_text(s, c);
        else if (strchr("{([", *c))
            open_bracket(s, *c++);
        else if (strchr("})]", *c))
            close_bracket(s), c++;
        else
            PP_TRY(take_word(s, &c));
        c = skip(s, c);
    }
    if (s->depth > 0 && s->depth <= DEEPEST) {
        s->scan->open_line = s->open[s->depth - 1].line;
        s->scan->open = s->open[s->depth - 1].bracket;
    }
    return PP_OK;
}

pp_status pp_scan_text(const pp_source *source, pp_arena *arena, pp_findings *findings,
                       pp_scan *out)
{
    scanner s = {.source = source, .arena = arena, .findings = findings, .scan = out, .line = 1};
    const pp_status status = scan_all(&s);
    pp_free(s.names);
    return status;
}

const char *pp_scan_claim(pp_scan *scan, int line, int wrapped)
{
    for (int64_t i = 0; i < scan->wides; i++) {
        pp_wide *w = &scan->wide[i];
        if (w->claimed || w->line != line || w->wrapped != wrapped) continue;
        w->claimed = true;
        return w->text;
    }
    return NULL;
}

void pp_scan_free(pp_scan *scan)
{
    pp_free(scan->wide);
    *scan = (pp_scan){0};
}
