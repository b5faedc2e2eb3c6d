/* Growing texts, nearest names, paths.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "base/text.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"

static pp_status reserve(pp_text *text, size_t more)
{
    const size_t need = text->length + more + 1;
    if (text->data && need <= text->capacity) return PP_OK;
    const size_t capacity = need < 256 ? 256 : 2 * need;
    void *data = text->data;
    PP_TRY(pp_realloc(&data, capacity));
    text->data = data;
    text->capacity = capacity;
    return PP_OK;
}

pp_status pp_text_add_bytes(pp_text *text, const void *bytes, size_t count)
{
    PP_TRY(reserve(text, count));
    if (count) memcpy(text->data + text->length, bytes, count);
    text->length += count;
    text->data[text->length] = 0;
    return PP_OK;
}

pp_status pp_text_add(pp_text *text, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (length < 0) return PP_FAIL(PP_ERR_RUN, "text cannot be formatted: %s", format);
    PP_TRY(reserve(text, (size_t)length));
    va_start(arguments, format);
    (void)vsnprintf(text->data + text->length, (size_t)length + 1, format, arguments);
    va_end(arguments);
    text->length += (size_t)length;
    return PP_OK;
}

void pp_text_free(pp_text *text)
{
    pp_free(text->data);
    *text = (pp_text){0};
}

/* Edit distance with neighbouring letters swapped counted once (optimal string alignment). */
enum { WORD = 64 };

static int distance(const char *a, const char *b)
{
    const int na = (int)strlen(a), nb = (int)strlen(b);
    if (na >= WORD || nb >= WORD) return WORD;
    int d[WORD + 1][WORD + 1];
    for (int i = 0; i <= na; i++) d[i][0] = i;
    for (int j = 0; j <= nb; j++) d[0][j] = j;
    for (int i = 1; i <= na; i++)
        for (int j = 1; j <= nb; j++) {
            const int change = d[i - 1][j - 1] + (tolower(a[i - 1]) != tolower(b[j - 1]));
            int best = d[i - 1][j] + 1 < d[i][j - 1] + 1 ? d[i - 1][j] + 1 : d[i][j - 1] + 1;
            if (change < best) best = change;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                d[i - 2][j - 2] + 1 < best)
                best = d[i - 2][j - 2] + 1;
            d[i][j] = best;
        }
    return d[na][nb];
}

const char *pp_text_nearest(const char *word, const char *const *names)
{
    const char *nearest = NULL;
    int least = (int)strlen(word) / 2 + 1;
    for (; *names; names++) {
        const int d = distance(word, *names);
        if (d < least || (d == least && !nearest)) {
            least = d;
            nearest = *names;
        }
    }
    return nearest;
}

bool pp_text_starts(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* Appends the components of `path` to `text`, folding "." and "..". */
static pp_status add_components(pp_text *text, const char *path)
{
    while (*path) {
        const size_t length = strcspn(path, "/");
        if (length == 2 && path[0] == '.' && path[1] == '.') {
            while (text->length > 0 && text->data[text->length - 1] != '/') text->length--;
            if (text->length > 0) text->length--;
            if (text->data) text->data[text->length] = 0;
        } else if (length > 0 && !(length == 1 && path[0] == '.')) {
            PP_TRY(pp_text_add_bytes(text, "/", 1));
            PP_TRY(pp_text_add_bytes(text, path, length));
        }
        path += length;
        while (*path == '/') path++;
    }
    return PP_OK;
}

pp_status pp_path_join(const char *base, const char *path, char **out)
{
    pp_text text = {0};
    pp_status status = PP_OK;
    if (path[0] != '/') PP_TRY_TO(done, add_components(&text, base));
    PP_TRY_TO(done, add_components(&text, path));
    if (text.length == 0) PP_TRY_TO(done, pp_text_add_bytes(&text, "/", 1));
    *out = text.data;
    return PP_OK;
done:
    pp_text_free(&text);
    return status;
}

pp_status pp_path_folder(const char *path, char **out)
{
    const char *slash = strrchr(path, '/');
    if (!slash) return pp_strdup(".", out);
    pp_text text = {0};
    PP_TRY(pp_text_add_bytes(&text, path, slash == path ? 1 : (size_t)(slash - path)));
    *out = text.data;
    return PP_OK;
}

pp_status pp_path_absolute(const char *path, char **out)
{
    char here[4096];
    if (!getcwd(here, sizeof here))
        return PP_FAIL(PP_ERR_RUN, "the working folder cannot be read: does it still exist?");
    return pp_path_join(here, path, out);
}
