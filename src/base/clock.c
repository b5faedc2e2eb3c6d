/* Time.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "base/clock.h"

#include <time.h>

static double seconds(clockid_t clock)
{
    struct timespec t;
    (void)clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double pp_clock_seconds(void)
{
    return seconds(CLOCK_MONOTONIC);
}

double pp_clock_thread_seconds(void)
{
    return seconds(CLOCK_THREAD_CPUTIME_ID);
}

void pp_clock_text(char out[PP_CLOCK_TEXT])
{
    const time_t now = time(NULL);
    struct tm parts;
    (void)gmtime_r(&now, &parts);
    (void)strftime(out, PP_CLOCK_TEXT, "%Y-%m-%dT%H:%M:%SZ", &parts);
}
