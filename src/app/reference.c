/* Stages and parameters as text.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "app/reference.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "config/config.h"
#include "config/param.h"

enum { LINE = 96 };

static const char *direction(pp_port_dir dir)
{
    static const char *const names[] = {
        "", "in", "in, optional", "out", "out, optional", "changed in place"};
    return names[dir];
}

static const char *axis_name(pp_axis axis)
{
    static const char *const names[] = {"",          "view",      "pattern", "mode", "tile",
                                        "iteration", "component", "z",       "y",    "x"};
    return names[axis];
}

/* "uint16 or float32 [pattern][y][x]" */
static pp_status add_kind(const pp_port *port, pp_text *out)
{
    bool first = true;
    for (int d = 0; d < PP_DTYPES; d++) {
        if (!(port->dtypes & PP_DTYPE_BIT(d))) continue;
        PP_TRY(pp_text_add(out, "%s%s", first ? "" : " or ", pp_dtype_name((pp_dtype)d)));
        first = false;
    }
    PP_TRY(pp_text_add(out, " "));
    for (int i = 0; i < PP_MAX_DIM && port->axes[i] != PP_AXIS_NONE; i++)
        PP_TRY(pp_text_add(out, "[%s]", axis_name(port->axes[i])));
    return PP_OK;
}

static const char *unit_of(const char *unit)
{
    return unit && strcmp(unit, "1") != 0 ? unit : "";
}

/* A text broken at blanks into lines that begin with `indent`. */
static pp_status add_wrapped(pp_text *out, const char *indent, const char *text)
{
    const size_t room = LINE - strlen(indent);
    while (*text) {
        size_t length = strlen(text);
        if (length > room)
            for (length = room; length > 0 && text[length] != ' ';) length--;
        if (length == 0) length = strcspn(text, " ");
        PP_TRY(pp_text_add(out, "%s%.*s\n", indent, (int)length, text));
        text += length;
        text += strspn(text, " ");
    }
    return PP_OK;
}

static pp_status add_row(const pp_param *p, pp_text *out)
{
    char *domain = NULL, *initial = NULL;
    pp_status status = PP_OK;
    const char *unit = unit_of(p->unit);
    PP_TRY_TO(done, pp_param_domain(p, &domain));
    PP_TRY_TO(done, pp_param_initial(p, &initial));
    PP_TRY_TO(done, pp_text_add(out, "  %s = %s%s%s%s    (%s)\n", p->name, initial,
                                *unit ? " [" : "", unit, *unit ? "]" : "", domain));
    PP_TRY_TO(done, add_wrapped(out, "      ", p->help));
done:
    pp_free(domain);
    pp_free(initial);
    return status;
}

pp_status pp_reference_rows(const pp_param *table, pp_text *out)
{
    for (const pp_param *p = table; p && p->name; p++) PP_TRY(add_row(p, out));
    return PP_OK;
}

static const char *scope_name(const pp_stage_class *stage)
{
    return stage->scope == PP_SCOPE_VIEW ? "one view at a time" : "the whole campaign";
}

pp_status pp_reference_stage(const pp_stage_class *stage, pp_text *out)
{
    PP_TRY(pp_text_add(out, "%s: %s\nworks on %s\n\nports\n", stage->name, stage->summary,
                       scope_name(stage)));
    for (const pp_port *p = stage->ports; p && p->name; p++) {
        PP_TRY(pp_text_add(out, "  %-16s %-14s ", direction(p->dir), p->name));
        PP_TRY(add_kind(p, out));
        PP_TRY(pp_text_add(out, "%s%s\n", *unit_of(p->unit) ? "  " : "", unit_of(p->unit)));
    }
    PP_TRY(pp_text_add(out, "\nparameters, with their defaults\n"));
    return pp_reference_rows(stage->params, out);
}

/* A text for a cell: '|' would end it. */
static pp_status add_cell(pp_text *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '|') PP_TRY(pp_text_add(out, "\\"));
        PP_TRY(pp_text_add_bytes(out, text, 1));
    }
    return pp_text_add(out, " | ");
}

static pp_status add_row_markdown(const pp_param *p, pp_text *out)
{
    char *domain = NULL, *initial = NULL;
    pp_status status = PP_OK;
    PP_TRY_TO(done, pp_param_domain(p, &domain));
    PP_TRY_TO(done, pp_param_initial(p, &initial));
    PP_TRY_TO(done, pp_text_add(out, "| `%s` | ", p->name));
    PP_TRY_TO(done, add_cell(out, domain));
    PP_TRY_TO(done, add_cell(out, initial));
    PP_TRY_TO(done, add_cell(out, unit_of(p->unit)));
    PP_TRY_TO(done, add_cell(out, p->help));
    out->data[--out->length] = 0; /* the blank behind the last bar */
    PP_TRY_TO(done, pp_text_add(out, "\n"));
done:
    pp_free(domain);
    pp_free(initial);
    return status;
}

pp_status pp_reference_rows_markdown(const pp_param *table, pp_text *out)
{
    if (!table || !table->name) return pp_text_add(out, "No parameters.\n");
    PP_TRY(pp_text_add(out, "| parameter | values | default | unit | meaning |\n"
                            "| --- | --- | --- | --- | --- |\n"));
    for (const pp_param *p = table; p->name; p++) PP_TRY(add_row_markdown(p, out));
    return PP_OK;
}

pp_status pp_reference_stage_markdown(const pp_stage_class *stage, pp_text *out)
{
    PP_TRY(pp_text_add(out, "## %s\n\n%s. Works on %s.\n\n", stage->name, stage->summary,
                       scope_name(stage)));
    PP_TRY(pp_text_add(out, "| port | direction | array | unit |\n| --- | --- | --- | --- |\n"));
    for (const pp_port *p = stage->ports; p && p->name; p++) {
        PP_TRY(pp_text_add(out, "| `%s` | %s | ", p->name, direction(p->dir)));
        PP_TRY(add_kind(p, out));
        PP_TRY(pp_text_add(out, " | %s |\n", unit_of(p->unit)));
    }
    PP_TRY(pp_text_add(out, "\n"));
    return pp_reference_rows_markdown(stage->params, out);
}
