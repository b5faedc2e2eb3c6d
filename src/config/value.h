/* One value as it was found, before a parameter table says what it must be.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_VALUE_H
#define PP_VALUE_H

#include <polyptych/param.h>

#include "config/arena.h"

typedef enum pp_value_kind {
    PP_V_BOOL,
    PP_V_INT,
    PP_V_WIDE, /* an integer that needs the suffix L: text */
    PP_V_REAL,
    PP_V_TEXT,
    PP_V_LIST,
    PP_V_GROUP
} pp_value_kind;

typedef struct pp_value pp_value;
struct pp_value {
    pp_value_kind kind;
    bool boolean;
    int64_t integer;
    double real;
    const char *text; /* borrowed */
    pp_value *items;  /* arena */
    int64_t count;
};

/** A value from a text without quotes (a default, a part of the command line), read as the type wants it: what does not
 *  fit the type stays a text. */
PP_MUST_CHECK pp_status pp_value_from_text(pp_param_type type, const char *text, pp_arena *arena,
                                           pp_value *out);
/** As it would stand in a file: "\"many\"", "-5", "a list of 3", ... */
void pp_value_describe(const pp_value *value, char *out, size_t bytes);

#endif
