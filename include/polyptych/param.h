/* Parameters: one table row each, which drives parsing, checking, `polyptych stages`, templates, the effective
 * configuration and the reference documentation.
 *
 * A table is `static const pp_param params[] = { PP_INT(my, iterations, 128, 1, 100000, "1", "..."), ..., PP_PARAM_END };`
 * where `my` is a struct with a field of the parameter's name. The macros refuse to compile if the field has another type
 * (C only). The engine fills the struct before any callback sees it. Field types:
 *   PP_BOOL bool, PP_INT and PP_AUTO_INT int64_t, PP_REAL and PP_AUTO_REAL double, PP_TEXT and the PATHs const char *,
 *   PP_CHOICE int (index of the choice), PP_INTS pp_ints, PP_REALS pp_reals.
 * "auto" is a value of its own: PP_AUTO for integers, NAN for reals.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef POLYPTYCH_PARAM_H
#define POLYPTYCH_PARAM_H

#include <stdbool.h>

#include <polyptych/status.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum pp_param_type {
    PP_T_END,
    PP_T_BOOL,
    PP_T_INT,
    PP_T_REAL,
    PP_T_TEXT,
    PP_T_PATH,   /* made absolute: relative to the pipeline file */
    PP_T_CHOICE, /* one of `choices` */
    PP_T_INTS,
    PP_T_REALS
} pp_param_type;

enum {
    PP_P_AUTO = 1,        /* takes "auto" */
    PP_P_REQUIRED = 2,    /* has no default */
    PP_P_INPUT_FILE = 4,  /* must exist (a missing one is a data error) and counts as input */
    PP_P_REPORT_ONLY = 8, /* does not count for the identity of a result */
    PP_P_ADVANCED = 16,   /* left out of short templates */
    PP_P_VIEWS_TABLE =
        32 /* an input file that reaches results through pp_view_entry only (views table, data file of a view): it
                             is not hashed as a whole, the data files that it names are */
};

#define PP_AUTO INT64_MIN

/** A list of integers / reals; memory owned by the configuration. */
typedef struct pp_ints {
    int64_t count;
    const int64_t *values;
} pp_ints;
typedef struct pp_reals {
    int64_t count;
    const double *values;
} pp_reals;

typedef struct pp_param {
    const char *name;
    pp_param_type type;
    size_t offset;
    unsigned flags;
    const char *
        initial; /* the default as it would stand in a file without quotes; "" is an empty text or list */
    double lo, hi;       /* inclusive range of numbers, or of each number in a list */
    const char *unit;    /* "1" for none */
    const char *choices; /* "a|b|~c"; ~ marks a choice that is known but not built yet */
    const char *help;
} pp_param;

#ifdef __cplusplus
}
#else
#define PP_OFFSET(T, f, C)                                                                         \
    (offsetof(T, f) + 0 * sizeof(struct {                                                          \
                          _Static_assert(_Generic(((T *)0)->f, C : 1, default : 0),                \
                                         #f ": wrong field type");                                 \
                          int unused;                                                              \
                      }))
#define PP_ROW(T, f, C, t, fl, def, l, h_, u, ch, hlp)                                             \
    {                                                                                              \
        .name = #f, .type = (t), .offset = PP_OFFSET(T, f, C), .flags = (fl), .initial = (def),    \
        .lo = (l), .hi = (h_), .unit = (u), .choices = (ch), .help = (hlp)                         \
    }
#define PP_BOOL(T, f, def, hlp) PP_ROW(T, f, bool, PP_T_BOOL, 0u, #def, 0, 1, "1", 0, hlp)
#define PP_INT(T, f, def, lo, hi, u, hlp)                                                          \
    PP_ROW(T, f, int64_t, PP_T_INT, 0u, #def, lo, hi, u, 0, hlp)
#define PP_REAL(T, f, def, lo, hi, u, hlp)                                                         \
    PP_ROW(T, f, double, PP_T_REAL, 0u, #def, lo, hi, u, 0, hlp)
#define PP_AUTO_INT(T, f, def, lo, hi, u, hlp)                                                     \
    PP_ROW(T, f, int64_t, PP_T_INT, (unsigned)PP_P_AUTO, #def, lo, hi, u, 0, hlp)
#define PP_AUTO_REAL(T, f, def, lo, hi, u, hlp)                                                    \
    PP_ROW(T, f, double, PP_T_REAL, (unsigned)PP_P_AUTO, #def, lo, hi, u, 0, hlp)
#define PP_TEXT(T, f, def, hlp) PP_ROW(T, f, const char *, PP_T_TEXT, 0u, def, 0, 0, "1", 0, hlp)
#define PP_PATH(T, f, fl, def, hlp)                                                                \
    PP_ROW(T, f, const char *, PP_T_PATH, (unsigned)(fl), def, 0, 0, "1", 0, hlp)
#define PP_CHOICE(T, f, def, list, hlp)                                                            \
    PP_ROW(T, f, int, PP_T_CHOICE, 0u, def, 0, 0, "1", list, hlp)
#define PP_INTS(T, f, def, lo, hi, u, hlp)                                                         \
    PP_ROW(T, f, pp_ints, PP_T_INTS, 0u, def, lo, hi, u, 0, hlp)
#define PP_REALS(T, f, def, lo, hi, u, hlp)                                                        \
    PP_ROW(T, f, pp_reals, PP_T_REALS, 0u, def, lo, hi, u, 0, hlp)
#define PP_PARAM_END                                                                               \
    {                                                                                              \
        .name = 0                                                                                  \
    }
#endif
#endif
