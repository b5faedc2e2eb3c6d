/* The text of a pipeline file with its includes in place, and what each line of it came from.
 *
 * Includes are put in here, not by libconfig 1.5: it looks for them in one folder only and names neither the included file
 * nor its line in errors. `@include "FILE"` at the start of a line, relative to the file that it stands in, as libconfig's.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_SOURCE_H
#define PP_SOURCE_H

#include "base/text.h"
#include "config/arena.h"
#include "config/config.h"

typedef struct pp_source {
    pp_text text;
    int64_t lines, capacity;
    pp_origin *origins; /* of line i + 1 of text; file names live in the arena */
} pp_source;

/** Reads `path`. Files that cannot be read become findings (PP_ERR_CONFIG). */
PP_MUST_CHECK pp_status pp_source_read(const char *path, pp_arena *arena, pp_findings *findings,
                                       pp_source *out);
/** The same from a text in memory that has no includes; `name` stands for the file in messages. */
PP_MUST_CHECK pp_status pp_source_text(const char *text, const char *name, pp_arena *arena,
                                       pp_source *out);
/** Origin of line `line` (from 1) of the text; the last line's beyond the end. */
pp_origin pp_source_origin(const pp_source *source, int line);
void pp_source_free(pp_source *source);

#endif
