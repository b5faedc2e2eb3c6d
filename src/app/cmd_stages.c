/* polyptych stages: the stages and plugins there are, and their reference.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <string.h>

#include "app/command.h"
#include "app/reference.h"
#include "base/alloc.h"
#include "config/config.h"
#include "engine/engine.h"
#include "plugin/loader.h"

enum { MARKDOWN };

static const pp_option options[] = {
    {"--markdown", NULL, "the whole reference of the built-in stages, as in docs/stages.md"},
    {NULL, NULL, NULL}};

static pp_status add_markdown(pp_text *out)
{
    PP_TRY(pp_text_add(out, "# Stages and their parameters\n\nMade by `polyptych stages "
                            "--markdown > docs/stages.md`; a test compares. `polyptych stages "
                            "NAME` prints one of them.\n\n## Settings beside `stages`\n\n"));
    PP_TRY(pp_reference_rows_markdown(pp_settings_params, out));
    for (int i = 0; i < pp_registry_count(); i++) {
        const pp_registry_item item = pp_registry_at(i);
        if (item.plugin) continue;
        PP_TRY(pp_text_add(out, "\n"));
        PP_TRY(pp_reference_stage_markdown(item.stage, out));
    }
    return PP_OK;
}

static pp_status add_plugins(pp_text *out)
{
    PP_TRY(pp_text_add(out, "\nplugins\n"));
    if (pp_plugins_count() == 0)
        return pp_text_add(out, "  none found (searched: PP_PLUGIN_PATH, the installed folder)\n");
    for (int i = 0; i < pp_plugins_count(); i++) {
        const pp_plugin_item item = pp_plugins_at(i);
        if (item.plugin)
            PP_TRY(pp_text_add(out, "  %s %s, %s: %s\n", item.plugin->name, item.plugin->version,
                               item.plugin->licence, item.path));
        else
            PP_TRY(pp_text_add(out, "  refused: %s: %s\n", item.path, item.reason));
    }
    return PP_OK;
}

static pp_status add_list(pp_text *out)
{
    PP_TRY(pp_text_add(out, "stages\n"));
    for (int i = 0; i < pp_registry_count(); i++) {
        const pp_registry_item item = pp_registry_at(i);
        PP_TRY(pp_text_add(out, "  %-12s %-9s %s%s%s%s\n", item.stage->name,
                           item.stage->scope == PP_SCOPE_VIEW ? "view" : "campaign",
                           item.stage->summary, item.plugin ? "  (plugin " : "",
                           item.plugin ? item.plugin : "", item.plugin ? ")" : ""));
    }
    PP_TRY(add_plugins(out));
    return pp_text_add(out, "\npolyptych stages NAME prints a stage's ports and parameters, "
                            "polyptych stages settings what\nstands beside them in a file.\n");
}

static pp_status add_one(const char *name, pp_text *out)
{
    if (strcmp(name, "settings") == 0) {
        PP_TRY(pp_text_add(out, "settings beside `stages`, with their defaults\n"));
        return pp_reference_rows(pp_settings_params, out);
    }
    const pp_stage_class *stage = pp_registry()->find(name);
    if (stage) return pp_reference_stage(stage, out);
    const char *nearest = pp_text_nearest(name, pp_registry()->names());
    return PP_FAIL(PP_ERR_CONFIG, "polyptych stages: there is no stage '%s'%s%s%s", name,
                   nearest ? ", did you mean '" : "; see polyptych stages", nearest ? nearest : "",
                   nearest ? "'?" : "");
}

static pp_status run(const pp_arguments *arguments)
{
    pp_text out = {0};
    pp_status status = pp_registry_load(NULL);
    if (status == PP_OK && arguments->options[MARKDOWN])
        status = add_markdown(&out);
    else if (status == PP_OK)
        status = arguments->count ? add_one(arguments->items[0], &out) : add_list(&out);
    if (status == PP_OK) (void)fputs(out.data, stdout);
    pp_text_free(&out);
    pp_registry_clear();
    return status;
}

const pp_command pp_command_stages = {
    .name = "stages",
    .arguments = "[NAME]",
    .summary = "stages and plugins; one stage's parameters",
    .options = options,
    .most = 1,
    .run = run,
};
