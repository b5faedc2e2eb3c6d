/* Loads plugins and remembers those that were refused, and why.
 *
 * Search path: the configuration's `plugins` (files or folders, ':' between), then PP_PLUGIN_PATH, then the installed
 * <libdir>/polyptych/plugins-1 and the same folder beside the library. Loaded ones are never unloaded. Not thread-safe.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_LOADER_H
#define PP_LOADER_H

#include <polyptych/plugin.h>

/** One shared object that was found. */
typedef struct pp_plugin_item {
    const char *path;
    const pp_plugin *plugin; /* NULL where it was refused */
    const char *reason;      /* why it was refused, else NULL */
    const pp_stage_class *const
        *stages; /* of this program's size, up to NULL; NULL where refused */
} pp_plugin_item;

/** Whether a stage of this name is there already: a plugin that brings it is refused. */
typedef bool pp_name_taken(const char *name);

/** Loads what is found in `listed` (may be NULL) and in the standard places; what was looked at before is not again. */
PP_MUST_CHECK pp_status pp_plugins_load(const char *listed, pp_name_taken *taken);
int pp_plugins_count(void);
pp_plugin_item pp_plugins_at(int index);
/** Forgets the list (the code stays loaded). */
void pp_plugins_clear(void);

#endif
