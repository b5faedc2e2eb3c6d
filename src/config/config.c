/* A configuration in memory, and written out.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "config/config.h"

#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "config/object.h"

void pp_config_free(pp_config **config)
{
    if (!*config) return;
    pp_arena_free(&(*config)->arena);
    pp_free(*config);
    *config = NULL;
}

const pp_settings *pp_config_settings(const pp_config *config)
{
    return &config->settings;
}

const char *pp_config_path(const pp_config *config)
{
    return config->path;
}

int pp_config_stages(const pp_config *config)
{
    return config->count;
}

bool pp_config_complete(const pp_config *config)
{
    return config->unknown == 0;
}

pp_origin pp_config_origin(const pp_config *config, const char *setting)
{
    pp_origin origin = {0};
    for (int i = 0; pp_settings_params[i].name; i++)
        if (strcmp(pp_settings_params[i].name, setting) == 0) origin = config->given[i];
    if (!origin.file) origin.file = config->path;
    return origin;
}

const pp_config_stage *pp_config_stage_at(const pp_config *config, int index)
{
    return &config->stages[index];
}

static pp_status add_rows(pp_text *out, const char *indent, const pp_param *table,
                          const void *params)
{
    for (const pp_param *p = table; p && p->name; p++) {
        char *value = NULL;
        PP_TRY(pp_param_text(p, params, &value));
        const pp_status status = pp_text_add(out, "%s%s = %s;\n", indent, p->name, value);
        pp_free(value);
        PP_TRY(status);
    }
    return PP_OK;
}

static pp_status add_stage(pp_text *out, const pp_config_stage *s)
{
    PP_TRY(pp_text_add(out, "  {\n    use = \"%s\";\n    id = \"%s\";\n", s->stage->name, s->id));
    PP_TRY(add_rows(out, "    ", s->stage->params, s->params));
    return pp_text_add(out, "  }");
}

static pp_status add_all(pp_text *out, const pp_config *config)
{
    PP_TRY(pp_text_add(out, "// The effective configuration: every default written out.\n"));
    PP_TRY(add_rows(out, "", pp_settings_params, &config->settings));
    PP_TRY(pp_text_add(out, "stages = (\n"));
    for (int i = 0; i < config->count; i++) {
        PP_TRY(add_stage(out, &config->stages[i]));
        PP_TRY(pp_text_add(out, i + 1 < config->count ? ",\n" : "\n"));
    }
    return pp_text_add(out, ");\n");
}

pp_status pp_config_text(const pp_config *config, char **out)
{
    pp_text text = {0};
    const pp_status status = add_all(&text, config);
    if (status == PP_OK)
        *out = text.data;
    else
        pp_text_free(&text);
    return status;
}
