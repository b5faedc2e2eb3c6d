/* A views table: one line a view, its data file and its angle in degrees.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_TABLE_H
#define PP_TABLE_H

#include <polyptych/status.h>

typedef struct pp_table_row {
    char *path;    /* absolute */
    double degree; /* NAN where the line has no angle */
    int line;      /* in the table, from 1 */
} pp_table_row;

typedef struct pp_table {
    int64_t count;
    pp_table_row *rows;
} pp_table;

/** Blanks, tabs or commas between the fields, quotes around a name, # starts a comment. Names are relative to the table.
 *  Errors: PP_ERR_DATA with FILE:LINE of the first wrong line. path: absolute. */
PP_MUST_CHECK pp_status pp_table_read(const char *path, pp_table *out);
void pp_table_free(pp_table *table);

#endif
