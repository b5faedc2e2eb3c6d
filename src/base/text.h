/* Text: growing strings, nearest names, paths.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_TEXT_H
#define PP_TEXT_H

#include <stdbool.h>

#include <polyptych/status.h>

/** A growing text; start with {0}. */
typedef struct pp_text {
    char *data; /* NUL-terminated once something was added; NULL before */
    size_t length, capacity;
} pp_text;

PP_MUST_CHECK pp_status pp_text_add(pp_text *text, const char *format, ...) PP_PRINTF(2, 3);
PP_MUST_CHECK pp_status pp_text_add_bytes(pp_text *text, const void *bytes, size_t count);
void pp_text_free(pp_text *text);

/** The name in `names` (NULL-terminated) nearest to `word` by edit distance; NULL if none is near. */
const char *pp_text_nearest(const char *word, const char *const *names);
bool pp_text_starts(const char *text, const char *prefix);

/** base/path, or path itself where it is absolute; "." and ".." are folded. New text. base: absolute folder. */
PP_MUST_CHECK pp_status pp_path_join(const char *base, const char *path, char **out);
/** Folder part of a path ("." for a bare name). New text. */
PP_MUST_CHECK pp_status pp_path_folder(const char *path, char **out);
/** Against the working folder. New text. */
PP_MUST_CHECK pp_status pp_path_absolute(const char *path, char **out);

#endif
