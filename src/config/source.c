/* A pipeline file and its includes as one text.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "config/source.h"

#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "config/place.h"

enum { DEEPEST = 10 };

/* Where in the language the text is: includes count only outside strings and comments. */
typedef enum state { CODE, STRING, BLOCK_COMMENT } state;

typedef struct builder {
    pp_source *source;
    pp_arena *arena;
    pp_findings *findings;
    int depth;
} builder;

static pp_status add_line(pp_source *source, pp_origin origin, const char *line, size_t length)
{
    if (source->lines == source->capacity) {
        const int64_t capacity = source->capacity ? 2 * source->capacity : 256;
        void *origins = source->origins;
        PP_TRY(pp_realloc(&origins, (size_t)capacity * sizeof *source->origins));
        source->origins = origins;
        source->capacity = capacity;
    }
    source->origins[source->lines++] = origin;
    PP_TRY(pp_text_add_bytes(&source->text, line, length));
    return pp_text_add_bytes(&source->text, "\n", 1);
}

/* State at the end of a line that begins in state `s`. */
static state follow(state s, const char *c, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        const char next = i + 1 < length ? c[i + 1] : 0;
        if (s == BLOCK_COMMENT) {
            if (c[i] == '*' && next == '/') s = CODE, i++;
        } else if (s == STRING) {
            if (c[i] == '\\')
                i++;
            else if (c[i] == '"')
                s = CODE;
        } else if (c[i] == '#' || (c[i] == '/' && next == '/')) {
            return CODE;
        } else if (c[i] == '/' && next == '*') {
            s = BLOCK_COMMENT, i++;
        } else if (c[i] == '"') {
            s = STRING;
        }
    }
    return s;
}

/* The file named by an include line: a piece of the line, or length 0. */
static size_t include_name(const char *line, size_t length, const char **name)
{
    static const char word[] = "@include";
    size_t i = strspn(line, " \t");
    if (i + sizeof word > length || strncmp(line + i, word, sizeof word - 1) != 0) return 0;
    i += sizeof word - 1;
    i += strspn(line + i, " \t");
    if (i >= length || line[i] != '"') return 0;
    *name = line + i + 1;
    const size_t end = strcspn(*name, "\"\n");
    return i + 1 + end < length ? end : 0;
}

/* Name of the included file as shown in messages: beside the including one. */
static pp_status beside(builder *b, const char *shown, const char *name, size_t length,
                        const char **out)
{
    const char *slash = strrchr(shown, '/');
    pp_text text = {0};
    pp_status status = PP_OK;
    if (slash && name[0] != '/')
        PP_TRY_TO(done, pp_text_add_bytes(&text, shown, (size_t)(slash - shown) + 1));
    PP_TRY_TO(done, pp_text_add_bytes(&text, name, length));
    PP_TRY_TO(done, pp_arena_text(b->arena, text.data, out));
done:
    pp_text_free(&text);
    return status;
}

static pp_status add_file(builder *b, const char *shown, pp_place place);

static pp_status add_include(builder *b, pp_origin here, const char *name, size_t length)
{
    const char *shown = NULL;
    PP_TRY(beside(b, here.file, name, length, &shown));
    const pp_place place = {.origin = here};
    if (b->depth >= DEEPEST) {
        pp_place_report(place, b->findings, PP_FINDING_ERROR, PP_ERR_CONFIG,
                        "@include \"%s\": more than %d files deep: does a file include itself?",
                        shown, DEEPEST);
        return PP_OK;
    }
    b->depth++;
    const pp_status status = add_file(b, shown, place);
    b->depth--;
    return status;
}

static pp_status add_text(builder *b, const char *text, const char *shown)
{
    static const char mark[] = "\xef\xbb\xbf"; /* some editors begin UTF-8 with it */
    pp_origin here = {.file = shown, .line = 0};
    state s = CODE;
    if (strncmp(text, mark, sizeof mark - 1) == 0) text += sizeof mark - 1;
    while (*text) {
        const size_t length = strcspn(text, "\n");
        const char *name = NULL;
        const size_t include = s == CODE ? include_name(text, length, &name) : 0;
        here.line++;
        const char *rest = include ? name + include + 1 : text; /* behind the name's quote */
        const size_t left = (size_t)(text + length - rest);
        if (include) PP_TRY(add_include(b, here, name, include));
        if (!include || strspn(rest, " \t\r") < left) {
            PP_TRY(add_line(b->source, here, rest, left));
            s = follow(s, rest, left);
        }
        text += length + (text[length] == '\n');
    }
    return PP_OK;
}

static pp_status add_file(builder *b, const char *shown, pp_place place)
{
    char *text = NULL;
    size_t bytes = 0;
    pp_status status = PP_OK;
    if (pp_file_is_folder(shown))
        status = PP_FAIL(PP_ERR_CONFIG, "%s: is a folder, not a file", shown);
    else
        status = pp_file_read(shown, &text, &bytes);
    if (status == PP_ERR_RESOURCE) return status;
    if (status != PP_OK) {
        pp_place_report(place, b->findings, PP_FINDING_ERROR, PP_ERR_CONFIG, "%s",
                        pp_error_last()->text);
        return PP_OK;
    }
    const pp_status added = add_text(b, text, shown);
    pp_free(text);
    return added;
}

pp_status pp_source_read(const char *path, pp_arena *arena, pp_findings *findings, pp_source *out)
{
    builder b = {.source = out, .arena = arena, .findings = findings};
    const char *shown = NULL;
    PP_TRY(pp_arena_text(arena, path, &shown));
    PP_TRY(add_file(&b, shown, (pp_place){0}));
    return pp_text_add_bytes(&out->text, "", 0);
}

pp_status pp_source_text(const char *text, const char *name, pp_arena *arena, pp_source *out)
{
    pp_findings none = {0};
    builder b = {.source = out, .arena = arena, .findings = &none, .depth = DEEPEST};
    const char *shown = NULL;
    PP_TRY(pp_arena_text(arena, name, &shown));
    const pp_status status = add_text(&b, text, shown);
    pp_findings_free(&none);
    return status != PP_OK ? status : pp_text_add_bytes(&out->text, "", 0);
}

pp_origin pp_source_origin(const pp_source *source, int line)
{
    if (source->lines == 0) return (pp_origin){0};
    const int64_t last = source->lines - 1;
    const int64_t at = line < 1 ? 0 : line - 1;
    return source->origins[at < last ? at : last];
}

void pp_source_free(pp_source *source)
{
    pp_text_free(&source->text);
    pp_free(source->origins);
    *source = (pp_source){0};
}
