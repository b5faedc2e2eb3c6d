/* The fused pass: each view is read, solved, stored and freed before the next but one.
 *
 * The main thread does all input, output and MPI; a worker thread runs the stages after the source, with the rank's threads.
 * While it computes, the main thread reads the next view and keeps MPI going, so that other ranks' draws from the shared counter
 * never wait for a solve. At most three views are in memory: the one that is computed, the next one, and the results of the last.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <omp.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/text.h"
#include "engine/pass.h"

static void free_job(pp_pass_state *pass, pp_job **job)
{
    if (!*job) return;
    for (int s = 0; s < pass->run->pipeline->slot_count; s++) pp_array_free(&(*job)->slots[s]);
    pp_free((*job)->slots);
    pp_free(*job);
    *job = NULL;
}

static pp_status new_job(pp_pass_state *pass, int64_t index, pp_job **out)
{
    pp_job *job;
    PP_TRY(PP_ALLOC(1, &job));
    /* NOLINTNEXTLINE(bugprone-sizeof-expression): pointers */
    const pp_status status = PP_ALLOC(pass->run->pipeline->slot_count + 1, &job->slots);
    if (status != PP_OK) {
        pp_free(job);
        return status;
    }
    job->index = index;
    job->geometry = pass->run->views.entries[index].geometry;
    *out = job;
    return PP_OK;
}

/* What no later stage of the view needs and no result file takes. */
static void free_unneeded(pp_run *run, int node, pp_job *job)
{
    for (int s = 0; s < run->pipeline->slot_count; s++) {
        const pp_slot *slot = &run->pipeline->slots[s];
        if (slot->last_reader <= node && !slot->stored) pp_array_free(&job->slots[s]);
    }
}

static pp_status check_outputs(const pp_run *run, int k, const pp_job *job)
{
    const pp_node *node = &run->pipeline->nodes[k];
    for (int q = 0; q < node->port_count; q++) {
        const pp_port *port = &node->config.stage->ports[q];
        if (port->dir == PP_OUT && node->slot[q] >= 0 && !job->slots[node->slot[q]])
            return PP_FAIL(PP_ERR_RUN, "stage '%s' did not put its output '%s'", node->config.id,
                           port->name);
    }
    return PP_OK;
}

static void run_node(pp_run *run, int k, pp_job *job)
{
    const pp_node *node = &run->pipeline->nodes[k];
    pp_context context = {.run = run, .node = k, .slots = job->slots, .job = job};
    const double start = pp_clock_seconds();
    pp_status status = node->config.stage->run(node->config.params, &context);
    if (status == PP_OK) status = check_outputs(run, k, job);
    job->status = pp_context_note(&context, status);
    if (job->status != PP_OK) pp_error_take(&job->error);
    pp_context_end(&context);
    free_unneeded(run, k, job);
    const double seconds = pp_clock_seconds() - start;
    job->seconds += seconds;
    (void)pthread_mutex_lock(&run->lock);
    run->stage_seconds[k] += seconds;
    (void)pthread_mutex_unlock(&run->lock);
}

static void solve(pp_run *run, pp_job *job)
{
    const int last = pp_pipeline_last_view(run->pipeline);
    atomic_store(&run->progress, 0);
    for (int k = 1; k <= last && job->status == PP_OK; k++) {
        if (atomic_load(&run->stop) || pp_signals_seen()) {
            job->status = PP_FAIL(PP_ERR_INTERRUPTED, "interrupted before stage '%s'",
                                  run->pipeline->nodes[k].config.id);
            pp_error_take(&job->error);
            return;
        }
        run_node(run, k, job);
    }
}

static void *work(void *argument)
{
    pp_pass_state *pass = argument;
    omp_set_num_threads(pass->run->threads);
    (void)pthread_mutex_lock(&pass->lock);
    for (;;) {
        while (!pass->ready && !pass->over) (void)pthread_cond_wait(&pass->wake, &pass->lock);
        if (!pass->ready) break;
        pp_job *job = pass->ready;
        (void)pthread_mutex_unlock(&pass->lock);
        solve(pass->run, job);
        (void)pthread_mutex_lock(&pass->lock);
        pass->ready = NULL;
        pass->finished = job;
        (void)pthread_cond_broadcast(&pass->wake);
    }
    (void)pthread_mutex_unlock(&pass->lock);
    return NULL;
}

static void hand_over(pp_pass_state *pass, pp_job *job)
{
    (void)pthread_mutex_lock(&pass->lock);
    pass->ready = job;
    (void)pthread_cond_broadcast(&pass->wake);
    (void)pthread_mutex_unlock(&pass->lock);
}

/* Waits for the worker, while MPI goes on and news of a stop go both ways. */
static pp_job *wait_for_worker(pp_pass_state *pass)
{
    for (;;) {
        struct timespec until;
        (void)clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += 2000000;
        if (until.tv_nsec >= 1000000000) {
            until.tv_nsec -= 1000000000;
            until.tv_sec++;
        }
        (void)pthread_mutex_lock(&pass->lock);
        if (!pass->finished) (void)pthread_cond_timedwait(&pass->wake, &pass->lock, &until);
        pp_job *job = pass->finished;
        pass->finished = NULL;
        (void)pthread_mutex_unlock(&pass->lock);
        if (job) return job;
        pp_comm_progress(pass->run->world);
        pp_pass_look_around(pass);
    }
}

static pp_status read_view(pp_pass_state *pass, int64_t index, pp_job **out)
{
    PP_TRY(new_job(pass, index, out));
    run_node(pass->run, 0, *out);
    return PP_OK;
}

/* The next view that this rank draws, read; NULL when there is none. Views that cannot be read fail here. */
static pp_status read_next(pp_pass_state *pass, pp_job **out)
{
    *out = NULL;
    while (!pp_pass_stopped(pass)) {
        int64_t drawn;
        PP_TRY(pp_counter_next(pass->next, &drawn));
        if (drawn >= pass->todo_count) return PP_OK;
        PP_TRY(read_view(pass, pass->todo[drawn], out));
        if ((*out)->status == PP_OK) return PP_OK;
        pp_pass_settle(pass, *out);
        free_job(pass, out);
    }
    return PP_OK;
}

static pp_status loop(pp_pass_state *pass)
{
    pp_status status = PP_OK;
    pp_job *next = NULL, *done = NULL;
    PP_TRY_TO(over, read_next(pass, &next));
    while (next || done) {
        pp_job *now = next;
        next = NULL;
        if (now) hand_over(pass, now);
        if (done) pp_pass_settle(pass, done);
        free_job(pass, &done);
        if (now) status = read_next(pass, &next);
        if (now) done = wait_for_worker(pass);
        if (status != PP_OK) break;
    }
over:
    free_job(pass, &next);
    free_job(pass, &done);
    return status;
}

pp_status pp_pass_loop(pp_pass_state *pass)
{
    pthread_t worker;
    if (pthread_create(&worker, NULL, work, pass) != 0)
        return PP_FAIL(PP_ERR_RESOURCE, "no thread for the views can be started");
    const pp_status status = loop(pass);
    (void)pthread_mutex_lock(&pass->lock);
    pass->over = true;
    (void)pthread_cond_broadcast(&pass->wake);
    (void)pthread_mutex_unlock(&pass->lock);
    (void)pthread_join(worker, NULL);
    return status;
}
