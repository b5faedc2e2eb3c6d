/* Blocks that are freed together.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "config/arena.h"

#include <string.h>

#include "base/alloc.h"

static pp_status reserve(pp_arena *arena)
{
    if (arena->count < arena->capacity) return PP_OK;
    const int64_t capacity = arena->capacity ? 2 * arena->capacity : 16;
    void *blocks = arena->blocks;
    PP_TRY(pp_realloc(&blocks, (size_t)capacity * sizeof *arena->blocks));
    arena->blocks = blocks;
    arena->capacity = capacity;
    return PP_OK;
}

pp_status pp_arena_take(pp_arena *arena, void *block)
{
    const pp_status status = reserve(arena);
    if (status == PP_OK)
        arena->blocks[arena->count++] = block;
    else
        pp_free(block);
    return status;
}

pp_status pp_arena_alloc(pp_arena *arena, size_t count, size_t size, void **out)
{
    void *block = NULL;
    PP_TRY(pp_alloc(count ? count : 1, size, &block));
    PP_TRY(pp_arena_take(arena, block));
    *out = block;
    return PP_OK;
}

pp_status pp_arena_text(pp_arena *arena, const char *text, const char **out)
{
    char *copy = NULL;
    PP_TRY(pp_strdup(text, &copy));
    PP_TRY(pp_arena_take(arena, copy));
    *out = copy;
    return PP_OK;
}

void pp_arena_free(pp_arena *arena)
{
    for (int64_t i = arena->count; i-- > 0;) pp_free(arena->blocks[i]);
    pp_free(arena->blocks);
    *arena = (pp_arena){0};
}
