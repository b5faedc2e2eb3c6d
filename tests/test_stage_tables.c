/* The tables of every registered stage: what the program promises of them.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "config/config.h"
#include "config/param.h"
#include "engine/engine.h"
#include "support/support.h"

static char complaint[512];

#define COMPLAIN(...) ((void)snprintf(complaint, sizeof complaint, __VA_ARGS__), complaint)

static bool is_name(const char *name)
{
    if (!name || !islower((unsigned char)*name)) return false;
    for (; *name; name++)
        if (!islower((unsigned char)*name) && !isdigit((unsigned char)*name) && *name != '_')
            return false;
    return true;
}

static const char *check_choices(const pp_param *p)
{
    char name[PP_CHOICE_BYTES], other[PP_CHOICE_BYTES];
    const int initial = pp_choice_find(p->choices, p->initial);
    if (initial < 0 || !pp_choice_name(p->choices, initial, name))
        return COMPLAIN("%s: the default '%s' is no choice that is built", p->name, p->initial);
    for (int i = 0; i < pp_choice_count(p->choices); i++)
        for (int k = 0; k < i; k++) {
            (void)pp_choice_name(p->choices, i, name);
            (void)pp_choice_name(p->choices, k, other);
            if (!*name || strcmp(name, other) == 0)
                return COMPLAIN("%s: choice '%s' is there twice", p->name, name);
        }
    return NULL;
}

static const char *check_row(const pp_param *p, size_t size)
{
    const bool number = p->type == PP_T_INT || p->type == PP_T_REAL || p->type == PP_T_INTS ||
                        p->type == PP_T_REALS;
    if (!is_name(p->name)) return COMPLAIN("'%s' is no name of small letters", p->name);
    if (strcmp(p->name, "use") == 0 || strcmp(p->name, "id") == 0)
        return COMPLAIN("%s is taken", p->name);
    if (!p->help || !*p->help) return COMPLAIN("%s has no help", p->name);
    if (!p->unit || !*p->unit) return COMPLAIN("%s has no unit", p->name);
    if (!p->initial) return COMPLAIN("%s has no default", p->name);
    if (p->offset >= size) return COMPLAIN("%s lies outside the struct", p->name);
    if (number && !(p->lo < p->hi || (p->lo == p->hi && strcmp(p->name, "schema") == 0)))
        return COMPLAIN("%s has an empty range", p->name);
    return p->type == PP_T_CHOICE ? check_choices(p) : NULL;
}

/* The first thing that is wrong with a table, or NULL. */
static const char *check_table(const pp_param *table, size_t size)
{
    for (const pp_param *p = table; p && p->name; p++) {
        const char *wrong = check_row(p, size);
        if (wrong) return wrong;
        for (const pp_param *q = table; q != p; q++)
            if (strcmp(p->name, q->name) == 0 || p->offset == q->offset)
                return COMPLAIN("%s and %s are one", p->name, q->name);
    }
    void *params = NULL;
    if (pp_alloc(1, size + 1, &params) != PP_OK) return COMPLAIN("no memory");
    const pp_status status = pp_param_defaults(table, params);
    for (const pp_param *p = table; status == PP_OK && p && p->name; p++) {
        char *text = NULL;
        pp_assert_ok(pp_param_text(p, params, &text));
        pp_free(text);
    }
    pp_free(params);
    return status == PP_OK ? NULL : pp_error_last()->text;
}

static bool reads(const pp_port *port)
{
    return port->dir == PP_IN || port->dir == PP_IN_OPTIONAL;
}

static const char *check_ports(const pp_stage_class *stage)
{
    for (const pp_port *p = stage->ports; p && p->name; p++) {
        if (!is_name(p->name)) return COMPLAIN("port '%s' is no name", p->name);
        if (p->dir == PP_PORT_NONE || p->dtypes == 0 || !p->unit || !*p->unit)
            return COMPLAIN("port %s has no direction, type or unit", p->name);
        for (const pp_port *q = stage->ports; q != p; q++)
            if (strcmp(p->name, q->name) == 0 && reads(p) == reads(q)) /* once each way is fine */
                return COMPLAIN("port %s is there twice", p->name);
    }
    return NULL;
}

START_TEST(every_stage)
{
    for (int i = 0; i < pp_registry_count(); i++) {
        const pp_stage_class *stage = pp_registry_at(i).stage;
        const char *wrong = check_table(stage->params, stage->params_size);
        if (!wrong) wrong = check_ports(stage);
        ck_assert_msg(!wrong, "stage %s: %s", stage->name, wrong);
        ck_assert(is_name(stage->name) && stage->summary && *stage->summary && stage->run);
        ck_assert_msg(!(stage->flags & PP_STAGE_SOURCE) == !stage->views,
                      "stage %s: a source, and only a source, has views", stage->name);
        ck_assert_ptr_eq(pp_registry()->find(stage->name), stage);
    }
    pp_registry_clear();
}
END_TEST

START_TEST(settings)
{
    const char *wrong = check_table(pp_settings_params, sizeof(pp_settings));
    ck_assert_msg(!wrong, "settings: %s", wrong);
}
END_TEST

/* What the checks above must see. */
typedef struct faulty {
    int64_t a, b;
    int c;
    pp_ints d;
} faulty;

static const pp_param outside[] = {PP_INT(faulty, a, 5, 10, 20, "1", "a"), PP_PARAM_END};
static const pp_param twice[] = {PP_INT(faulty, a, 5, 0, 9, "1", "a"),
                                 PP_INT(faulty, a, 5, 0, 9, "1", "a"), PP_PARAM_END};
static const pp_param no_help[] = {PP_INT(faulty, a, 5, 0, 9, "1", ""), PP_PARAM_END};
static const pp_param no_unit[] = {PP_INT(faulty, b, 5, 0, 9, "", "b"), PP_PARAM_END};
static const pp_param no_number[] = {PP_INT(faulty, b, HUGE, 0, 9, "1", "b"), PP_PARAM_END};
static const pp_param not_built[] = {PP_CHOICE(faulty, c, "x", "y|~x", "c"), PP_PARAM_END};
static const pp_param no_choice[] = {PP_CHOICE(faulty, c, "z", "y|x", "c"), PP_PARAM_END};
static const pp_param full_list[] = {PP_INTS(faulty, d, "1, 2", 0, 9, "1", "d"), PP_PARAM_END};
static const pp_param *const all_faulty[] = {outside,   twice,     no_help,   no_unit,
                                             no_number, not_built, no_choice, full_list};

START_TEST(a_wrong_table_is_seen)
{
    ck_assert_ptr_nonnull(check_table(all_faulty[_i], sizeof(faulty)));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("stage tables");
    TCase *one = tcase_create("tables");
    tcase_add_test(one, every_stage);
    tcase_add_test(one, settings);
    tcase_add_loop_test(one, a_wrong_table_is_seen, 0,
                        (int)(sizeof all_faulty / sizeof *all_faulty));
    suite_add_tcase(suite, one);
    return pp_test_main(suite);
}
