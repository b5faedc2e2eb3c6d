/* The thread-local error record.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <polyptych/status.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static _Thread_local pp_error last;

void pp_fail(const char *file, int line, pp_status status, const char *format, ...)
{
    /* through a buffer: the arguments may be parts of the old record */
    char text[PP_ERROR_BYTES];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    last.status = status;
    last.file = file;
    last.line = line;
    memcpy(last.text, text, sizeof text);
}

pp_status pp_note(pp_status status, const char *format, ...)
{
    if (status == PP_OK) return status;
    char text[PP_ERROR_BYTES];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    const size_t used = strlen(last.text);
    (void)snprintf(last.text + used, sizeof last.text - used, "\n    %s", text);
    return status;
}

const pp_error *pp_error_last(void)
{
    return &last;
}

void pp_error_take(pp_error *out)
{
    *out = last;
    memset(&last, 0, sizeof last);
}

pp_status pp_error_give(const pp_error *error)
{
    last = *error;
    return last.status;
}

const char *pp_status_name(pp_status status)
{
    switch (status) {
    case PP_OK:
        return "done";
    case PP_ERR_RUN:
        return "failed while running";
    case PP_ERR_CONFIG:
        return "wrong configuration";
    case PP_ERR_DATA:
        return "input data unusable";
    case PP_ERR_PARTIAL:
        return "some views failed";
    case PP_ERR_RESOURCE:
        return "not enough resources";
    case PP_ERR_INTERRUPTED:
        return "interrupted";
    }
    return "unknown status";
}
