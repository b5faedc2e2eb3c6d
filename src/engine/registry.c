/* All stage classes: built-in ones by the list that the build makes, those of plugins, those that a program adds.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "base/alloc.h"
#include "engine/engine.h"
#include "plugin/loader.h"

#define PP_STAGE_ITEM(name) extern const pp_stage_class pp_stage_##name;
#include "stage_list.h"
#undef PP_STAGE_ITEM

#define PP_STAGE_ITEM(name) &pp_stage_##name,
static const pp_stage_class *const built_in[] = {
#include "stage_list.h"
    NULL};
#undef PP_STAGE_ITEM

static pp_registry_item *added;
static int added_count, plugins_seen;
static const char **name_list;

static int built_in_count(void)
{
    /* NOLINTNEXTLINE(bugprone-sizeof-expression): pointers */
    return (int)(sizeof built_in / sizeof *built_in) - 1;
}

int pp_registry_count(void)
{
    return built_in_count() + added_count;
}

pp_registry_item pp_registry_at(int index)
{
    if (index < built_in_count()) return (pp_registry_item){.stage = built_in[index]};
    return added[index - built_in_count()];
}

static const pp_stage_class *find(const char *name)
{
    for (int k = 0; k < pp_registry_count(); k++) {
        const pp_stage_class *stage = pp_registry_at(k).stage;
        if (strcmp(stage->name, name) == 0) return stage;
    }
    return NULL;
}

static bool is_taken(const char *name)
{
    return find(name) != NULL;
}

static pp_status add(pp_registry_item item)
{
    void *grown = added;
    PP_TRY(pp_realloc(&grown, (size_t)(added_count + 1) * sizeof *added));
    added = grown;
    added[added_count++] = item;
    return PP_OK;
}

pp_status pp_registry_add(const pp_stage_class *stage)
{
    if (is_taken(stage->name))
        return PP_FAIL(PP_ERR_CONFIG, "there is a stage '%s' already", stage->name);
    return add((pp_registry_item){.stage = stage});
}

pp_status pp_registry_load(const char *plugins)
{
    PP_TRY(pp_plugins_load(plugins, is_taken));
    for (; plugins_seen < pp_plugins_count(); plugins_seen++) {
        const pp_plugin_item one = pp_plugins_at(plugins_seen);
        for (int k = 0; one.stages && one.stages[k]; k++)
            PP_TRY(add((pp_registry_item){one.stages[k], one.plugin->name, one.plugin->version,
                                          one.plugin->licence, one.path}));
    }
    return PP_OK;
}

static const char *const *names(void)
{
    static const char *const none[] = {NULL};
    void *list = name_list;
    const int count = pp_registry_count();
    if (pp_realloc(&list, (size_t)(count + 1) * sizeof *name_list) != PP_OK) return none;
    name_list = list;
    for (int k = 0; k < count; k++) name_list[k] = pp_registry_at(k).stage->name;
    name_list[count] = NULL;
    return name_list;
}

/* A refused plugin is a warning: if the pipeline names its stage, the unknown stage is the error. */
static void prepare(const pp_settings *settings, pp_findings *findings)
{
    const int before = plugins_seen;
    if (pp_registry_load(settings->plugins) != PP_OK)
        pp_findings_add(findings, PP_FINDING_ERROR, PP_ERR_RESOURCE, "plugins: %s",
                        pp_error_last()->text);
    for (int k = before; k < pp_plugins_count(); k++) {
        const pp_plugin_item one = pp_plugins_at(k);
        if (one.reason)
            pp_findings_add(findings, PP_FINDING_WARNING, PP_OK, "plugin %s is not used: %s",
                            one.path, one.reason);
    }
}

const pp_class_source *pp_registry(void)
{
    static const pp_class_source source = {find, names, prepare};
    return &source;
}

void pp_registry_clear(void)
{
    pp_free(added);
    pp_free(name_list);
    added = NULL;
    name_list = NULL;
    added_count = plugins_seen = 0;
    pp_plugins_clear();
}
