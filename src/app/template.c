/* Pipeline files from templates and tables.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "app/template.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "config/config.h"
#include "config/param.h"
#include "engine/engine.h"

const pp_template *pp_template_find(const char *name)
{
    for (const pp_template *t = pp_templates; t->name; t++)
        if (strcmp(t->name, name) == 0) return t;
    return NULL;
}

static const char *unit_of(const pp_param *p)
{
    return p->unit && strcmp(p->unit, "1") != 0 ? p->unit : NULL;
}

/* Choices are worth showing beside a value; ranges are in the reference. */
static pp_status add_remark(const pp_param *p, pp_text *out)
{
    const char *unit = unit_of(p);
    if (unit) PP_TRY(pp_text_add(out, " [%s]", unit));
    if (p->type != PP_T_CHOICE) return PP_OK;
    char name[PP_CHOICE_BYTES];
    int shown = 0;
    for (int i = 0; i < pp_choice_count(p->choices); i++)
        if (pp_choice_name(p->choices, i, name))
            PP_TRY(pp_text_add(out, "%s%s", shown++ ? " | " : ": ", name));
    return PP_OK;
}

/* "key = value;   // help" */
static pp_status add_row(const char *indent, const pp_param *table, const pp_template_row *row,
                         pp_text *out)
{
    const pp_param *p = pp_param_find(table, row->key);
    if (!p) return PP_FAIL(PP_ERR_RUN, "a template names the unknown parameter '%s'", row->key);
    char *initial = NULL;
    const bool required = row->value && strcmp(row->value, PP_REQUIRED) == 0;
    pp_status status = PP_OK;
    PP_TRY_TO(done, pp_param_initial(p, &initial));
    char left[160];
    (void)snprintf(left, sizeof left, "%s%s = %s;", indent, p->name,
                   row->value ? row->value : initial);
    PP_TRY_TO(done, pp_text_add(out, "%-38s // %s%s", left, required ? "REQUIRED: " : "", p->help));
    PP_TRY_TO(done, add_remark(p, out));
    PP_TRY_TO(done, pp_text_add(out, "\n"));
done:
    pp_free(initial);
    return status;
}

static pp_status add_stage(const pp_template_stage *row, pp_text *out)
{
    const pp_stage_class *stage = pp_registry()->find(row->use);
    if (!stage) return PP_FAIL(PP_ERR_RUN, "a template names the unknown stage '%s'", row->use);
    const bool empty = !row->rows || !row->rows->key;
    PP_TRY(pp_text_add(out, "  // %s\n  { use = \"%s\";%s", stage->summary, stage->name,
                       empty ? " }" : "\n"));
    for (const pp_template_row *r = row->rows; r && r->key; r++)
        PP_TRY(add_row("    ", stage->params, r, out));
    return pp_text_add(out, "%s%s\n", empty ? "" : "  }", row[1].use ? "," : "");
}

static pp_status add_comment(const char *text, pp_text *out)
{
    while (*text) {
        const size_t length = strcspn(text, "\n");
        PP_TRY(pp_text_add(out, "// %.*s\n", (int)length, text));
        text += length + (text[length] == '\n');
    }
    return PP_OK;
}

pp_status pp_template_write(const pp_template *template, pp_text *out)
{
    PP_TRY(add_comment(template->text, out));
    PP_TRY(pp_text_add(
        out, "// Every parameter of a stage: polyptych stages NAME. Paths are relative to this "
             "file.\nschema = 1;\n"));
    for (const pp_template_row *r = template->settings; r->key; r++)
        PP_TRY(add_row("", pp_settings_params, r, out));
    PP_TRY(pp_text_add(out, "stages = (\n"));
    for (const pp_template_stage *s = template->stages; s->use; s++) PP_TRY(add_stage(s, out));
    return pp_text_add(out, ");\n");
}
