/* A configuration's memory, for the files of this folder.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_CONFIG_OBJECT_H
#define PP_CONFIG_OBJECT_H

#include "config/arena.h"
#include "config/config.h"

struct pp_config {
    pp_arena arena;
    const char *path;
    pp_settings settings;
    int count;
    int unknown;             /* groups of the list that are no known stage */
    pp_origin *given;        /* of the settings, one a row (arena) */
    pp_config_stage *stages; /* arena */
};

#endif
