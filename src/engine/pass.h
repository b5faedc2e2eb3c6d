/* The pass over the views, between its two files: the loop with its threads (pass.c), and the book-keeping (settle.c).
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_PASS_H
#define PP_PASS_H

#include "base/text.h"
#include "engine/run.h"

/** One group of the rank's devices, and the thread that drives it. */
typedef struct pp_worker {
    struct pp_pass_state *pass;
    pthread_t thread;
    int group, threads;
    pp_job *ready, *finished; /* under the lock */
    pp_job *job;              /* the main thread's: what it has given and not taken back */
} pp_worker;

typedef struct pp_pass_state {
    pp_run *run;
    int64_t *todo, todo_count; /* indices of views, the same on every rank */
    pp_counter *next, *done, *stop;
    bool stop_told; /* this rank has added to `stop` */
    /* this rank saw a failure that ends the run: any with on_error = "stop", a full disk always */
    bool failure_stops;
    double start, looked, printed;
    int64_t printed_count;
    /* of this rank: a line "index code ends text" each, line ends in the text as 1 */
    pp_text failures;
    char *model; /* attribute of `cost` in results; may be NULL */
    /* between the main thread and the workers: */
    pthread_mutex_t lock;
    pthread_cond_t wake;
    pp_worker workers[PP_GROUPS_MOST];
    int worker_count;
    bool over;
} pp_pass_state;

/** Runs the views that this rank draws. */
PP_MUST_CHECK pp_status pp_pass_loop(pp_pass_state *pass);
/** Stores the result of a view, or records its failure. */
void pp_pass_settle(pp_pass_state *pass, pp_job *job);
/** Tells others of a stop, hears of theirs, prints the progress; cheap. */
void pp_pass_look_around(pp_pass_state *pass);
/** Text of the time that is left after `elapsed` seconds for `done` of `total` views: never negative, "?" where nothing is done. */
void pp_time_left(double elapsed, double done, double total, char out[32]);
/** Whether no more views are to be drawn. */
bool pp_pass_stopped(pp_pass_state *pass);

#endif
