/* Status codes and the error record.
 *
 * Every fallible function returns pp_status. Its text lives in a fixed thread-local record, so reporting never allocates.
 * The function that detects an error writes the record (PP_FAIL); those that pass it on stay silent, save for one note at
 * each boundary (PP_NOTE: stage, file, rank). The numbers are the program's exit codes.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef POLYPTYCH_STATUS_H
#define POLYPTYCH_STATUS_H

#include <polyptych/types.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum pp_status {
    PP_OK = 0,
    PP_ERR_RUN = 1,         /* failed while running */
    PP_ERR_CONFIG = 2,      /* wrong command line or configuration */
    PP_ERR_DATA = 3,        /* input data unusable */
    PP_ERR_PARTIAL = 4,     /* done, but some views failed and were left out */
    PP_ERR_RESOURCE = 5,    /* memory, disk, device */
    PP_ERR_INTERRUPTED = 75 /* stopped by a signal, resumable */
} pp_status;

enum { PP_ERROR_BYTES = 2048 };

/** One thread's last error, movable between threads. */
typedef struct pp_error {
    pp_status status;
    const char *file; /* source file and line of the detector */
    int line;
    char
        text[PP_ERROR_BYTES]; /* first line complete in itself; further lines are notes, indented */
} pp_error;

/** Starts a new record in this thread; use PP_FAIL, which also is the status. The first line of the text must be complete: what, where
 *  (file:line of the configuration or file and H5 path of the data), expected, found, what to do. */
PP_API void pp_fail(const char *file, int line, pp_status status, const char *format, ...)
    PP_PRINTF(4, 5);
/** Adds a line to this thread's record if `status` is an error; returns `status`. */
PP_API PP_MUST_CHECK pp_status pp_note(pp_status status, const char *format, ...) PP_PRINTF(2, 3);
/** This thread's record; valid until its next error. */
PP_API const pp_error *pp_error_last(void);
/** Moves this thread's record out (clearing it) / makes `error` this thread's record and returns its status. */
PP_API void pp_error_take(pp_error *out);
PP_API PP_MUST_CHECK pp_status pp_error_give(const pp_error *error);
/** "failed while running", "wrong configuration", ... */
PP_API const char *pp_status_name(pp_status status);

#define PP_FAIL(code, ...) (pp_fail(__FILE__, __LINE__, (code), __VA_ARGS__), (code))
#define PP_NOTE(status, ...) pp_note((status), __VA_ARGS__)
#define PP_TRY(expr)                                                                               \
    do {                                                                                           \
        const pp_status try_ = (expr);                                                             \
        if (try_ != PP_OK) return try_;                                                            \
    } while (0)
/** For functions with one exit label: `pp_status status = PP_OK;` must be in scope. */
#define PP_TRY_TO(label, expr)                                                                     \
    do {                                                                                           \
        status = (expr);                                                                           \
        if (status != PP_OK) goto label;                                                           \
    } while (0)

#ifdef __cplusplus
}
#endif
#endif
