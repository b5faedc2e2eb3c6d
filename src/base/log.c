/* Log lines to standard error and to a file.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "base/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pp_log_level most = PP_LOG_INFO;
static int rank_number;
static FILE *log_file;

static const char *const prefix[] = {"error: ", "warning: ", "", "debug: "};

static void write_line(const char *kind, const char *text)
{
    char who[32] = "";
    if (rank_number > 0) (void)snprintf(who, sizeof who, "[rank %d] ", rank_number);
    (void)fprintf(stderr, "%s%s%s\n", who, kind, text);
    if (!log_file) return;
    char now[PP_CLOCK_TEXT];
    pp_clock_text(now);
    (void)fprintf(log_file, "%s %s%s%s\n", now, who, kind, text);
    (void)fflush(log_file);
}

void pp_log(pp_log_level level, const char *format, ...)
{
    if (level > most || (rank_number > 0 && level >= PP_LOG_INFO)) return;
    char text[PP_ERROR_BYTES];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    (void)pthread_mutex_lock(&lock);
    write_line(prefix[level], text);
    (void)pthread_mutex_unlock(&lock);
}

void pp_log_finding(const char *text)
{
    (void)pthread_mutex_lock(&lock);
    write_line("", text);
    (void)pthread_mutex_unlock(&lock);
}

void pp_log_last_error(void)
{
    const pp_error *error = pp_error_last();
    pp_log(PP_LOG_ERROR, "%s", error->text);
    if (error->file) pp_debug("reported at %s:%d", error->file, error->line);
}

void pp_log_set_level(pp_log_level level)
{
    most = level;
}

void pp_log_set_rank(int rank)
{
    rank_number = rank;
}

pp_status pp_log_set_file(const char *path)
{
    FILE *file = NULL;
    if (path && !(file = fopen(path, "a")))
        return PP_FAIL(PP_ERR_RESOURCE, "%s: cannot be written: %s", path, strerror(errno));
    (void)pthread_mutex_lock(&lock);
    if (log_file) (void)fclose(log_file);
    log_file = file;
    (void)pthread_mutex_unlock(&lock);
    return PP_OK;
}
