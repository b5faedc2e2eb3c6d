/* SIGTERM, SIGINT and SIGUSR1 ask a run to stop where it can go on later. A second one of the same kind ends it at once.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <signal.h>
#include <stdatomic.h>
#include <string.h>

#include "engine/run.h"

static atomic_int seen; /* without a lock: a handler may set it, any thread may read it */
static const int kinds[] = {SIGTERM, SIGINT, SIGUSR1};
enum { KINDS = sizeof kinds / sizeof *kinds };
static struct sigaction before[KINDS];

static void note(int number)
{
    (void)number;
    atomic_store(&seen, 1);
}

void pp_signals_catch(void)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = note;
    action.sa_flags = (int)(SA_RESTART | SA_RESETHAND);
    (void)sigemptyset(&action.sa_mask);
    atomic_store(&seen, 0);
    for (int k = 0; k < KINDS; k++) (void)sigaction(kinds[k], &action, &before[k]);
}

void pp_signals_release(void)
{
    for (int k = 0; k < KINDS; k++) (void)sigaction(kinds[k], &before[k], NULL);
}

bool pp_signals_seen(void)
{
    return atomic_load(&seen) != 0;
}
