/* Templates of pipeline files: which stages and parameters they show. Values, comments and what must be given come from the
 * parameter tables.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_TEMPLATE_H
#define PP_TEMPLATE_H

#include "base/text.h"

/** `value` as it would stand in a file; NULL: the table's default; PP_REQUIRED: the user must give it. */
typedef struct pp_template_row {
    const char *key, *value;
} pp_template_row;
#define PP_REQUIRED "\"REQUIRED\""

typedef struct pp_template_stage {
    const char *use;
    const pp_template_row *rows; /* up to {0}; NULL for none */
} pp_template_stage;

typedef struct pp_template {
    const char *name, *summary, *text; /* text: what it is for, lines without comment marks */
    const pp_template_row *settings;
    const pp_template_stage *stages; /* up to {0} */
} pp_template;

/** Up to one without a name. */
extern const pp_template pp_templates[];
const pp_template *pp_template_find(const char *name);
/** The file. Errors: PP_ERR_RUN where the tables have no such stage or parameter. */
PP_MUST_CHECK pp_status pp_template_write(const pp_template *template, pp_text *out);

#endif
