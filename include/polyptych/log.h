/* Log lines: standard error and, once a run has its directory, OUT/log.txt. Rank 0 only, unless said otherwise.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef POLYPTYCH_LOG_H
#define POLYPTYCH_LOG_H

#include <polyptych/status.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum pp_log_level { PP_LOG_ERROR, PP_LOG_WARNING, PP_LOG_INFO, PP_LOG_DEBUG } pp_log_level;

/** One line (no newline needed). Warnings and errors of ranks other than 0 are printed with the rank. Thread-safe. */
PP_API void pp_log(pp_log_level level, const char *format, ...) PP_PRINTF(2, 3);
#define pp_warn(...) pp_log(PP_LOG_WARNING, __VA_ARGS__)
#define pp_info(...) pp_log(PP_LOG_INFO, __VA_ARGS__)
#define pp_debug(...) pp_log(PP_LOG_DEBUG, __VA_ARGS__)
/** Prints this thread's error record at level error. */
PP_API void pp_log_last_error(void);

#ifdef __cplusplus
}
#endif
#endif
