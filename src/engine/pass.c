/* The fused pass: each view is read, solved, stored and freed before the next but one.
 *
 * The main thread does all input, output and MPI; a worker thread for each group of the rank's devices runs the stages after the source, with
 * its part of the rank's threads. While they compute, the main thread reads the next view and keeps MPI going, so that other ranks'
 * draws from the shared counter never wait for a solve. In memory are at most: a view a group, the next one, and the results of the last.
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
    job->threads = pass->run->threads;
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
    pp_worker *worker = argument;
    pp_pass_state *pass = worker->pass;
    omp_set_num_threads(worker->threads);
    (void)pthread_mutex_lock(&pass->lock);
    for (;;) {
        while (!worker->ready && !pass->over) (void)pthread_cond_wait(&pass->wake, &pass->lock);
        if (!worker->ready) break;
        pp_job *job = worker->ready;
        (void)pthread_mutex_unlock(&pass->lock);
        solve(pass->run, job);
        (void)pthread_mutex_lock(&pass->lock);
        worker->ready = NULL;
        worker->finished = job;
        (void)pthread_cond_broadcast(&pass->wake);
    }
    (void)pthread_mutex_unlock(&pass->lock);
    return NULL;
}

static pp_worker *idle_worker(pp_pass_state *pass)
{
    for (int k = 0; k < pass->worker_count; k++)
        if (!pass->workers[k].job) return &pass->workers[k];
    return NULL;
}

static bool any_busy(const pp_pass_state *pass)
{
    for (int k = 0; k < pass->worker_count; k++)
        if (pass->workers[k].job) return true;
    return false;
}

static void hand_over(pp_pass_state *pass, pp_worker *worker, pp_job *job)
{
    job->group = worker->group;
    job->threads = worker->threads;
    worker->job = job;
    (void)pthread_mutex_lock(&pass->lock);
    worker->ready = job;
    (void)pthread_cond_broadcast(&pass->wake);
    (void)pthread_mutex_unlock(&pass->lock);
}

/* The lock is held. */
static pp_job *take_finished(pp_pass_state *pass)
{
    for (int k = 0; k < pass->worker_count; k++) {
        pp_worker *worker = &pass->workers[k];
        pp_job *job = worker->finished;
        if (!job) continue;
        worker->finished = worker->job = NULL;
        return job;
    }
    return NULL;
}

/* Waits for any worker, while MPI goes on and news of a stop go both ways. */
static pp_job *wait_for_workers(pp_pass_state *pass)
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
        pp_job *job = take_finished(pass);
        if (!job) (void)pthread_cond_timedwait(&pass->wake, &pass->lock, &until);
        if (!job) job = take_finished(pass);
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
    pp_job *next = NULL, *done = NULL;
    pp_status status = read_next(pass, &next);
    bool more = next != NULL;
    while (next || done || any_busy(pass)) {
        pp_worker *idle = idle_worker(pass);
        if (next && idle) {
            hand_over(pass, idle, next);
            next = NULL;
        }
        if (done) pp_pass_settle(pass, done);
        free_job(pass, &done);
        if (!next && more && status == PP_OK) {
            status = read_next(pass, &next);
            more = next != NULL;
        }
        if (next && status == PP_OK && idle_worker(pass)) continue;
        if (status != PP_OK) free_job(pass, &next);
        if (any_busy(pass)) done = wait_for_workers(pass);
    }
    return status;
}

/* One more thread, and its part of the rank's. */
static pp_status start_worker(pp_pass_state *pass, int groups)
{
    const int k = pass->worker_count, threads = pass->run->threads;
    pp_worker *worker = &pass->workers[k];
    *worker = (pp_worker){.pass = pass, .group = k};
    worker->threads = threads / groups + (k < threads % groups);
    if (worker->threads < 1) worker->threads = 1;
    if (pthread_create(&worker->thread, NULL, work, worker) != 0)
        return PP_FAIL(PP_ERR_RESOURCE, "no thread for the views can be started");
    pass->worker_count++;
    return PP_OK;
}

pp_status pp_pass_loop(pp_pass_state *pass)
{
    const int64_t todo = pass->todo_count > 0 ? pass->todo_count : 1;
    const int planned = pass->run->sharing.groups > 1 ? pass->run->sharing.groups : 1;
    const int groups = planned < todo ? planned : (int)todo;
    pp_status status = PP_OK;
    for (int k = 0; k < groups && status == PP_OK; k++) status = start_worker(pass, groups);
    if (status == PP_OK) status = loop(pass);
    (void)pthread_mutex_lock(&pass->lock);
    pass->over = true;
    (void)pthread_cond_broadcast(&pass->wake);
    (void)pthread_mutex_unlock(&pass->lock);
    for (int k = 0; k < pass->worker_count; k++) (void)pthread_join(pass->workers[k].thread, NULL);
    return status;
}
