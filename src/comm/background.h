/* One thread that works beside the one that made it, on one task at a time: so the passes of a group go on while its devices
 * compute. Between start and wait the group belongs to the task alone.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_BACKGROUND_H
#define PP_BACKGROUND_H

#include <stdbool.h>

#include <polyptych/status.h>

typedef struct pp_background pp_background;

/** beside false: no thread is made, `start` does the task at once. */
PP_MUST_CHECK pp_status pp_background_create(bool beside, pp_background **out);
/** Begins a task; the one before must have been waited for. */
void pp_background_start(pp_background *background, pp_status (*task)(void *argument),
                         void *argument);
/** Waits for its end and gives its status, with its record; PP_OK where none was begun. */
PP_MUST_CHECK pp_status pp_background_wait(pp_background *background);
/** Waits too; the status is lost. */
void pp_background_free(pp_background **background);

#endif
