/* Files as a whole: read, and write so that nothing half-written ever has its final name (temporary name, flush, rename).
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_FILE_H
#define PP_FILE_H

#include <stdbool.h>

#include <polyptych/status.h>

/** The whole file as NUL-terminated text (pp_free it); bytes may be NULL. Errors: PP_ERR_DATA. */
PP_MUST_CHECK pp_status pp_file_read(const char *path, char **data, size_t *bytes);
PP_MUST_CHECK pp_status pp_file_write(const char *path, const void *data, size_t bytes);
/** Temporary name beside `path` (pp_free it), and its flush + rename to `path` afterwards. */
PP_MUST_CHECK pp_status pp_file_temporary(const char *path, char **temporary);
PP_MUST_CHECK pp_status pp_file_commit(const char *temporary, const char *path);
PP_MUST_CHECK pp_status pp_file_make_folders(const char *path);
bool pp_file_exists(const char *path);
bool pp_file_is_folder(const char *path);
/** Size in bytes and time of last change (seconds since 1970). */
PP_MUST_CHECK pp_status pp_file_stat(const char *path, int64_t *bytes, double *modified);
/** Free bytes of the file system that holds `path` (or its nearest existing parent). */
PP_MUST_CHECK pp_status pp_file_space(const char *path, double *bytes);
/** Bytes of the files in a folder and the folders in it, links not followed; 0 where there is no such folder. */
double pp_file_folder_bytes(const char *path);

#endif
