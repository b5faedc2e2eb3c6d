/* The instruction-set level of the hot kernels: the highest that the processor has, unless it is capped, by the environment
 * (POLYPTYCH_INSTRUCTION_SET = x86-64-v2, x86-64-v3, x86-64-v4) or by the engine, which caps it to the lowest of all ranks so
 * that they all give the same bits. It is a fact of the run and belongs into its provenance.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_LEVEL_H
#define PP_LEVEL_H

#include <polyptych/status.h>

/** PP_LEVEL_BASE: x86-64-v2, or any processor that is not an x86-64. */
typedef enum pp_level { PP_LEVEL_BASE, PP_LEVEL_V3, PP_LEVEL_V4 } pp_level;

/** The level in use. */
pp_level pp_level_get(void);
/** Not above `level` from now on (what is already created keeps its own). Not while other threads create sweeps. */
void pp_level_cap(pp_level level);
/** "x86-64-v4", ...; "generic" for the base of other processors. */
const char *pp_level_name(pp_level level);
/** What the environment asks for, if anything. Errors: PP_ERR_CONFIG, an unknown name. */
PP_MUST_CHECK pp_status pp_level_check(void);

#endif
