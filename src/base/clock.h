/* Time.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_CLOCK_H
#define PP_CLOCK_H

#include <polyptych/status.h>

/** Monotonic seconds / CPU seconds of this thread. */
double pp_clock_seconds(void);
double pp_clock_thread_seconds(void);
/** "2026-11-21T05:29:00Z" of now. */
enum { PP_CLOCK_TEXT = 24 };
void pp_clock_text(char out[PP_CLOCK_TEXT]);

#endif
