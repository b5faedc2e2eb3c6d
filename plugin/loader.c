/* Shared objects to stage classes, with a check of what they were built against.
 * SPDX-License-Identifier: BSD-3-Clause */
#define _GNU_SOURCE /* NOLINT: dladdr */
#include "plugin/loader.h"

#include <dirent.h>
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/text.h"

typedef struct item {
    char *path, *reason;
    const pp_plugin *plugin;
    pp_stage_class *copies; /* classes at this program's size, 0 where an older plugin has less */
    const pp_stage_class **stages; /* pointers to them, up to NULL */
} item;

static item *items;
static int item_count;

static void free_item(item *one)
{
    pp_free(one->path);
    pp_free(one->reason);
    pp_free(one->copies);
    pp_free(one->stages);
}

void pp_plugins_clear(void)
{
    for (int k = 0; k < item_count; k++) free_item(&items[k]);
    pp_free(items);
    items = NULL;
    item_count = 0;
}

int pp_plugins_count(void)
{
    return item_count;
}

pp_plugin_item pp_plugins_at(int index)
{
    const item *one = &items[index];
    return (pp_plugin_item){one->path, one->plugin, one->reason, one->stages};
}

static pp_status refuse(item *one, const char *why, const char *detail)
{
    pp_text text = {0};
    const pp_status status = pp_text_add(&text, why, detail);
    if (status == PP_OK)
        one->reason = text.data;
    else
        pp_text_free(&text);
    one->plugin = NULL;
    return status;
}

/* What the first release had: everything up to `version`. */
static size_t least_class(void)
{
    return offsetof(pp_stage_class, version) + sizeof(const char *);
}

static int count_stages(const pp_plugin *plugin)
{
    int count = 0;
    while (plugin->stages && plugin->stages[count]) count++;
    return count;
}

static bool is_bad_class(const pp_stage_class *stage)
{
    return stage->struct_size < least_class() || !stage->name || !stage->run || !stage->ports;
}

/* Whether a plugin that was loaded before has a stage of this name. */
static bool is_in_plugin(const char *name)
{
    for (int i = 0; i < item_count; i++)
        for (int k = 0; items[i].stages && items[i].stages[k]; k++)
            if (strcmp(items[i].stages[k]->name, name) == 0) return true;
    return false;
}

static pp_status check_stages(item *one, pp_name_taken *taken)
{
    const int count = count_stages(one->plugin);
    if (count == 0) return refuse(one, "it has no stages%s", "");
    for (int k = 0; k < count; k++) {
        const pp_stage_class *stage = one->plugin->stages[k];
        if (is_bad_class(stage))
            return refuse(
                one, "a stage class of it is incomplete (name, ports, run, struct_size)%s", "");
        if (taken(stage->name) || is_in_plugin(stage->name))
            return refuse(one, "there is a stage '%s' already", stage->name);
        for (int j = 0; j < k; j++)
            if (strcmp(stage->name, one->plugin->stages[j]->name) == 0)
                return refuse(one, "it has two stages '%s'", stage->name);
    }
    return PP_OK;
}

static pp_status adopt_stages(item *one)
{
    const int count = count_stages(one->plugin);
    PP_TRY(PP_ALLOC(count, &one->copies));
    /* NOLINTNEXTLINE(bugprone-sizeof-expression): pointers */
    PP_TRY(PP_ALLOC(count + 1, &one->stages));
    for (int k = 0; k < count; k++) {
        const pp_stage_class *stage = one->plugin->stages[k];
        const size_t known =
            stage->struct_size < sizeof *stage ? stage->struct_size : sizeof *stage;
        memcpy(&one->copies[k], stage, known);
        one->copies[k].struct_size = sizeof *stage;
        one->stages[k] = &one->copies[k];
    }
    return PP_OK;
}

static pp_status examine(item *one, pp_name_taken *taken)
{
    if (!pp_file_exists(one->path)) return refuse(one, "there is no such file or folder%s", "");
    void *library = dlopen(one->path, RTLD_NOW | RTLD_LOCAL);
    if (!library) return refuse(one, "it cannot be loaded: %s", dlerror());
    one->plugin = dlsym(library, PP_PLUGIN_SYMBOL);
    if (!one->plugin)
        return refuse(one, "it has no symbol %s: it is no plugin, or was built for another version",
                      PP_PLUGIN_SYMBOL);
    if (one->plugin->abi_major != PP_ABI_MAJOR)
        return refuse(one, "it was built for another major version of the plugin interface%s", "");
    if (one->plugin->struct_size < sizeof(pp_plugin))
        return refuse(one, "its description is too short: build it again%s", "");
    PP_TRY(check_stages(one, taken));
    return one->reason ? PP_OK : adopt_stages(one);
}

static pp_status add_item(const char *path, pp_name_taken *taken)
{
    char *real = realpath(path, NULL);
    const char *name = real ? real : path;
    pp_status status = PP_OK;
    item one = {0};
    void *grown = items;
    for (int k = 0; k < item_count; k++)
        if (strcmp(items[k].path, name) == 0) goto done;
    PP_TRY_TO(done, pp_strdup(name, &one.path));
    PP_TRY_TO(done, examine(&one, taken));
    PP_TRY_TO(done, pp_realloc(&grown, (size_t)(item_count + 1) * sizeof *items));
    items = grown;
    items[item_count++] = one;
    one = (item){0};
done:
    free_item(&one);
    free(real);
    return status;
}

static int is_library(const struct dirent *entry)
{
    const size_t length = strlen(entry->d_name);
    return length > 3 && strcmp(entry->d_name + length - 3, ".so") == 0;
}

/* In the order of the names, so that every rank and every run sees the same. */
static pp_status add_folder(const char *path, pp_name_taken *taken)
{
    struct dirent **names = NULL;
    const int count = scandir(path, &names, is_library, alphasort);
    pp_status status = PP_OK;
    for (int k = 0; k < count; k++) {
        char *whole = NULL;
        if (status == PP_OK) status = pp_path_join(path, names[k]->d_name, &whole);
        if (status == PP_OK) status = add_item(whole, taken);
        pp_free(whole);
        free(names[k]);
    }
    free(names);
    return status;
}

/* named: in the pipeline file, so that a place that is not there is told. */
static pp_status add_place(const char *place, bool named, pp_name_taken *taken)
{
    char *path = NULL;
    pp_status status = PP_OK;
    if (!*place) return PP_OK;
    PP_TRY(pp_path_absolute(place, &path));
    if (pp_file_is_folder(path))
        status = add_folder(path, taken);
    else if (named || pp_file_exists(path))
        status = add_item(path, taken);
    pp_free(path);
    return status;
}

/* Places with ':' between. */
static pp_status add_places(const char *places, bool named, pp_name_taken *taken)
{
    if (!places || !*places) return PP_OK;
    char *copy, *rest = NULL;
    PP_TRY(pp_strdup(places, &copy));
    pp_status status = PP_OK;
    for (char *one = strtok_r(copy, ":", &rest); one && status == PP_OK;
         one = strtok_r(NULL, ":", &rest))
        status = add_place(one, named, taken);
    pp_free(copy);
    return status;
}

/* Beside the library, so that an installed tree can be moved. */
static pp_status add_beside(pp_name_taken *taken)
{
    Dl_info info;
    if (!dladdr(&items, &info) || !info.dli_fname) return PP_OK;
    char *folder = NULL, *path = NULL;
    pp_status status = pp_path_folder(info.dli_fname, &folder);
    if (status == PP_OK) {
        pp_text text = {0};
        status = pp_text_add(&text, "%s/polyptych/plugins-%d", folder, PP_ABI_MAJOR);
        path = text.data;
    }
    if (status == PP_OK) status = add_place(path, false, taken);
    pp_free(path);
    pp_free(folder);
    return status;
}

pp_status pp_plugins_load(const char *listed, pp_name_taken *taken)
{
    PP_TRY(add_places(listed, true, taken));
    PP_TRY(add_places(getenv("PP_PLUGIN_PATH"), false, taken));
    PP_TRY(add_places(PP_PLUGIN_FOLDER, false, taken));
    return add_beside(taken);
}
