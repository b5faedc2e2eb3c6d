/* What libconfig 1.5 does not tell: every duplicate name at once, integers that it would wrap, a REQUIRED left without
 * quotes, the bracket that is never closed. A scan of the tokens, before libconfig reads the values.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_SCAN_H
#define PP_SCAN_H

#include "config/source.h"

/** An integer outside 32 bits without the suffix L: libconfig reads `wrapped`. */
typedef struct pp_wide {
    int line; /* of the source's text */
    int wrapped;
    bool claimed;
    const char *text;
} pp_wide;

typedef struct pp_scan {
    pp_wide *wide;
    int64_t wides;
    int open_line; /* line of the innermost bracket that is never closed; 0 if there is none */
    char open;
    bool broken; /* libconfig would refuse the text: the reason is among the findings */
} pp_scan;

PP_MUST_CHECK pp_status pp_scan_text(const pp_source *source, pp_arena *arena,
                                     pp_findings *findings, pp_scan *out);
/** The token that stands behind the value `wrapped` on this line, or NULL. */
const char *pp_scan_claim(pp_scan *scan, int line, int wrapped);
void pp_scan_free(pp_scan *scan);

#endif
