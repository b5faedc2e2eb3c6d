/* Where a finding belongs: "FILE:LINE: stage 'id': ".
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_PLACE_H
#define PP_PLACE_H

#include "config/config.h"

typedef struct pp_place {
    pp_origin origin;
    const char *stage; /* id, or NULL for what stands beside `stages` */
} pp_place;

/** The text before the message: empty where nothing is known. */
void pp_place_text(pp_place place, char *out, size_t bytes);
/** Adds a finding with the place in front. */
void pp_place_report(pp_place place, pp_findings *findings, pp_finding_kind kind, pp_status code,
                     const char *format, ...) PP_PRINTF(5, 6);

#endif
