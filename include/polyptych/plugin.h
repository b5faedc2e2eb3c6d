/* Plugins: shared objects with stages of one's own, loaded at run time.
 *
 * A plugin exports one symbol, whose name carries the ABI's major version. Structures grow at their end only; struct_size
 * tells how much of them a plugin knows. Search path: the configuration's `plugins`, then PP_PLUGIN_PATH, then
 * <libdir>/polyptych/plugins-1. A loaded plugin stays loaded until the program ends, on purpose.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef POLYPTYCH_PLUGIN_H
#define POLYPTYCH_PLUGIN_H

#include <polyptych/stage.h>

#define PP_ABI_MAJOR 1
#define PP_PLUGIN_SYMBOL "pp_plugin_v1"

typedef struct pp_plugin {
    uint32_t abi_major, struct_size;
    const char *name, *version, *licence;
    const pp_stage_class *const *stages; /* up to NULL */
} pp_plugin;

/** Declares this shared object's stages: PP_PLUGIN("demo", "0.1.0", "BSD-3-Clause", &pp_stage_clip); */
#define PP_PLUGIN(name_, version_, licence_, ...)                                                  \
    static const pp_stage_class *const pp_plugin_stages[] = {__VA_ARGS__, 0};                      \
    PP_API extern const pp_plugin pp_plugin_v1;                                                    \
    const pp_plugin pp_plugin_v1 = {.abi_major = PP_ABI_MAJOR,                                     \
                                    .struct_size = sizeof(pp_plugin),                              \
                                    .name = (name_),                                               \
                                    .version = (version_),                                         \
                                    .licence = (licence_),                                         \
                                    .stages = pp_plugin_stages}
#endif
