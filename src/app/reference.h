/* The reference of stages and settings, from their tables.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_REFERENCE_H
#define PP_REFERENCE_H

#include <polyptych/stage.h>

#include "base/text.h"

/** One stage for a terminal / for docs/stages.md. */
PP_MUST_CHECK pp_status pp_reference_stage(const pp_stage_class *stage, pp_text *out);
PP_MUST_CHECK pp_status pp_reference_stage_markdown(const pp_stage_class *stage, pp_text *out);
/** A table of parameters alone. */
PP_MUST_CHECK pp_status pp_reference_rows(const pp_param *table, pp_text *out);
PP_MUST_CHECK pp_status pp_reference_rows_markdown(const pp_param *table, pp_text *out);

#endif
