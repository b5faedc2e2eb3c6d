/* An arena: blocks that are freed together with the configuration that they belong to.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_ARENA_H
#define PP_ARENA_H

#include <polyptych/status.h>

/** Start with {0}. */
typedef struct pp_arena {
    void **blocks;
    int64_t count, capacity;
} pp_arena;

/** Zeroed memory of count * size bytes that lives as long as the arena. */
PP_MUST_CHECK pp_status pp_arena_alloc(pp_arena *arena, size_t count, size_t size, void **out);
#define PP_ARENA_ALLOC(arena, count, out)                                                          \
    pp_arena_alloc((arena), (size_t)(count), sizeof **(out), (void **)(out))
/** A copy of a text. */
PP_MUST_CHECK pp_status pp_arena_text(pp_arena *arena, const char *text, const char **out);
/** Takes a block of the counting allocator over, also on error. */
PP_MUST_CHECK pp_status pp_arena_take(pp_arena *arena, void *block);
void pp_arena_free(pp_arena *arena);

#endif
