/* Parameter tables at work: values into structs, structs into text, rows into documentation.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_CONFIG_PARAM_H
#define PP_CONFIG_PARAM_H

#include "config/place.h"
#include "config/value.h"

/** Where a value comes from and where what is wrong with it goes. */
typedef struct pp_setter {
    pp_arena *arena; /* texts and lists of the struct live here */
    pp_findings *findings;
    pp_place place;
    const char *folder; /* absolute: paths are relative to it */
    int64_t errors;     /* counted up */
} pp_setter;

/** Row of the table by name; NULL if there is none. */
const pp_param *pp_param_find(const pp_param *table, const char *name);
/** Checks a value and stores it; a wrong one becomes a finding and leaves the struct as it is. PP_OK unless memory ran out. */
PP_MUST_CHECK pp_status pp_param_set(const pp_param *param, void *params, const pp_value *value,
                                     pp_setter *setter);

enum { PP_CHOICE_BYTES = 64 };
/** Number of choices of "a|b|~c"; choice i without its mark, and whether it is built. */
int pp_choice_count(const char *choices);
bool pp_choice_name(const char *choices, int index, char out[PP_CHOICE_BYTES]);
/** Index of a choice by name, or -1. */
int pp_choice_find(const char *choices, const char *name);

/** Documentation of one row: "integer, 1 to 100000, or auto"; the default as it would stand in a file ("required" without
 *  one). New texts. */
PP_MUST_CHECK pp_status pp_param_domain(const pp_param *param, char **out);
PP_MUST_CHECK pp_status pp_param_initial(const pp_param *param, char **out);

#endif
