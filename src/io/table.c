/* Views tables.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "io/table.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/text.h"

static bool is_gap(char c)
{
    return c == ' ' || c == '\t' || c == ',' || c == '\r';
}

/* The next field of a line, cut out in place; NULL at the end. false: a quote is not closed. Comments are gone. */
static bool next_field(char **cursor, char **field)
{
    char *c = *cursor;
    while (is_gap(*c)) c++;
    *field = NULL;
    *cursor = c;
    if (*c == 0) return true;
    const char quote = *c == '"' || *c == '\'' ? *c : 0;
    if (quote) c++;
    *field = c;
    while (*c && (quote ? *c != quote : !is_gap(*c))) c++;
    if (quote && *c != quote) return false;
    if (*c) *c++ = 0;
    *cursor = c;
    return true;
}

/* Ends the line at a # that is not inside quotes. */
static void cut_comment(char *line)
{
    char quote = 0;
    for (char *c = line; *c; c++) {
        if (!quote && *c == '#') {
            *c = 0;
            return;
        }
        if (quote ? *c == quote : *c == '"' || *c == '\'') quote = quote ? 0 : *c;
    }
}

static pp_status read_angle(const char *path, int line, const char *text, double *out)
{
    char *end = NULL;
    *out = strtod(text, &end);
    if (end == text || *end)
        return PP_FAIL(PP_ERR_DATA, "%s:%d: '%s' is no angle in degrees", path, line, text);
    if (!isfinite(*out))
        return PP_FAIL(PP_ERR_DATA, "%s:%d: the angle %s is not finite", path, line, text);
    return PP_OK;
}

static pp_status add_row(pp_table *table, const char *folder, const char *name, double degree,
                         int line)
{
    PP_TRY(pp_realloc((void **)&table->rows, (size_t)(table->count + 1) * sizeof *table->rows));
    pp_table_row *row = &table->rows[table->count];
    *row = (pp_table_row){NULL, degree, line};
    PP_TRY(pp_path_join(folder, name, &row->path));
    table->count++;
    return PP_OK;
}

static pp_status read_line(const char *path, const char *folder, char *text, int line,
                           pp_table *table)
{
    char *fields[3] = {0};
    double degree = NAN;
    for (int k = 0; k < 3; k++) {
        if (!next_field(&text, &fields[k]))
            return PP_FAIL(PP_ERR_DATA, "%s:%d: a quote is not closed", path, line);
        if (!fields[k]) break;
    }
    if (!fields[0]) return PP_OK;
    if (!fields[0][0]) return PP_FAIL(PP_ERR_DATA, "%s:%d: the file name is empty", path, line);
    if (fields[2])
        return PP_FAIL(PP_ERR_DATA,
                       "%s:%d: '%s': a line holds a file and an angle in degrees, and no more "
                       "(quotes around a name with blanks)",
                       path, line, fields[2]);
    if (fields[1]) PP_TRY(read_angle(path, line, fields[1], &degree));
    return add_row(table, folder, fields[0], degree, line);
}

static pp_status read_lines(const char *path, const char *folder, char *text, pp_table *table)
{
    static const char mark[] = "\xef\xbb\xbf"; /* some editors begin UTF-8 with it */
    int line = 1;
    if (strncmp(text, mark, sizeof mark - 1) == 0) text += sizeof mark - 1;
    for (char *from = text; from; line++) {
        char *end = strchr(from, '\n');
        if (end) *end = 0;
        cut_comment(from);
        PP_TRY(read_line(path, folder, from, line, table));
        from = end ? end + 1 : NULL;
    }
    if (table->count == 0) return PP_FAIL(PP_ERR_DATA, "%s: names no view", path);
    return PP_OK;
}

pp_status pp_table_read(const char *path, pp_table *out)
{
    char *text = NULL, *folder = NULL;
    pp_status status = PP_OK;
    *out = (pp_table){0};
    PP_TRY_TO(done, pp_file_read(path, &text, NULL));
    PP_TRY_TO(done, pp_path_folder(path, &folder));
    status = read_lines(path, folder, text, out);
    if (status != PP_OK) pp_table_free(out);
done:
    pp_free(folder);
    pp_free(text);
    return status;
}

void pp_table_free(pp_table *table)
{
    for (int64_t k = 0; k < table->count; k++) pp_free(table->rows[k].path);
    pp_free(table->rows);
    *table = (pp_table){0};
}
