/* Which instruction sets this processor has.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "backend/level.h"

#include <stdlib.h>
#include <string.h>

static const char *const variable = "POLYPTYCH_INSTRUCTION_SET";
static pp_level cap = PP_LEVEL_V4;

static pp_level processor(void)
{
#ifdef __x86_64__
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma") ||
        !__builtin_cpu_supports("bmi2"))
        return PP_LEVEL_BASE;
    if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
        !__builtin_cpu_supports("avx512dq") || !__builtin_cpu_supports("avx512vl") ||
        !__builtin_cpu_supports("avx512cd"))
        return PP_LEVEL_V3;
    return PP_LEVEL_V4;
#else
    return PP_LEVEL_BASE;
#endif
}

const char *pp_level_name(pp_level level)
{
#ifdef __x86_64__
    static const char *const names[] = {"x86-64-v2", "x86-64-v3", "x86-64-v4"};
    return names[level];
#else
    (void)level;
    return "generic";
#endif
}

/* The environment's level; PP_LEVEL_V4 + 1 where its name is unknown. */
static int wanted(void)
{
    const char *name = getenv(variable);
    if (!name || !name[0]) return PP_LEVEL_V4;
    for (int k = PP_LEVEL_BASE; k <= PP_LEVEL_V4; k++)
        if (strcmp(name, pp_level_name((pp_level)k)) == 0) return k;
    return PP_LEVEL_V4 + 1;
}

pp_level pp_level_get(void)
{
    const pp_level have = processor();
    const int environment = wanted();
    const pp_level level = cap < have ? cap : have;
    return environment < (int)level ? (pp_level)environment : level;
}

void pp_level_cap(pp_level level)
{
    cap = level;
}

pp_status pp_level_check(void)
{
    if (wanted() <= PP_LEVEL_V4) return PP_OK;
    return PP_FAIL(PP_ERR_CONFIG,
                   "environment: %s = '%s' is not an instruction-set level\n"
                   "  choose one of %s, %s, %s, or leave it unset",
                   variable, getenv(variable), pp_level_name(PP_LEVEL_BASE),
                   pp_level_name(PP_LEVEL_V3), pp_level_name(PP_LEVEL_V4));
}
