/* Findings of a check: errors and warnings, all at once, in the order in which they were found.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_FINDINGS_H
#define PP_FINDINGS_H

#include <polyptych/stage.h>

typedef enum pp_finding_kind {
    PP_FINDING_ERROR,
    PP_FINDING_WARNING,
    PP_FINDING_INFO
} pp_finding_kind;

typedef struct pp_finding {
    pp_finding_kind kind;
    pp_status code; /* of errors: PP_ERR_CONFIG, PP_ERR_DATA or PP_ERR_RESOURCE */
    char *text;     /* complete, "FILE:LINE: stage 'id': ..." */
} pp_finding;

typedef struct pp_findings {
    int64_t count;
    pp_finding *items;
} pp_findings;

/** Adds one; a finding that cannot be stored for want of memory is logged. */
void pp_findings_add(pp_findings *findings, pp_finding_kind kind, pp_status code,
                     const char *format, ...) PP_PRINTF(4, 5);
/** PP_OK, or what the program must exit with: PP_ERR_CONFIG before PP_ERR_DATA before the others. */
pp_status pp_findings_worst(const pp_findings *findings);
/** Logs them all: errors and warnings to standard error, information to standard output. */
void pp_findings_print(const pp_findings *findings);
void pp_findings_free(pp_findings *findings);

#endif
