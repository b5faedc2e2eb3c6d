/* Stages for the engine's tests: a source with arrays in memory, a solver that can fail and wait, two campaign stages and a file.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef FAKE_STAGES_H
#define FAKE_STAGES_H

#include <polyptych/stage.h>

extern const pp_stage_class pp_stage_fake_source, pp_stage_fake_solve, pp_stage_fake_sum,
    pp_stage_fake_mean, pp_stage_fake_save;

/** Calls in this process. */
typedef struct fake_calls {
    int source, solve, sum, mean, saved, restored, opened, closed;
} fake_calls;
extern fake_calls fake;

#endif
