/* "key=value" from the command line.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_OVERRIDE_H
#define PP_OVERRIDE_H

#include "config/arena.h"
#include "config/config.h"

typedef struct pp_override {
    const char *given; /* as it was typed */
    const char *stage; /* before the dot; NULL for a setting beside `stages` */
    const char *key, *value;
    bool used;
} pp_override;

typedef struct pp_overrides {
    int count;
    pp_override *items; /* arena */
} pp_overrides;

/** Splits them; one without `=` becomes a finding. */
PP_MUST_CHECK pp_status pp_overrides_split(int count, const char *const *given, pp_arena *arena,
                                           pp_findings *findings, pp_overrides *out);
/** The last one for this key of this stage (`use`: NULL where it is used more than once), or NULL; all are marked used. */
const pp_override *pp_overrides_take(pp_overrides *overrides, const char *id, const char *use,
                                     const char *key);
/** Findings for those that nothing took. */
void pp_overrides_left(const pp_overrides *overrides, const pp_config *config,
                       pp_findings *findings);

#endif
