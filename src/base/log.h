/* Where log lines go: set up once by the application.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_BASE_LOG_H
#define PP_BASE_LOG_H

#include <polyptych/log.h>

/** Lines above `level` are dropped. */
void pp_log_set_level(pp_log_level level);
/** Only rank 0 prints information. */
void pp_log_set_rank(int rank);
/** Appends every line to this file too, with the time; NULL closes it. */
/** An error that begins with its place, "FILE:LINE: ...": without a word in front. */
void pp_log_finding(const char *text);
PP_MUST_CHECK pp_status pp_log_set_file(const char *path);

#endif
