/* Book-keeping of the pass over the views: results to files, failures, stops, progress.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "engine/pass.h"

static bool is_root(const pp_pass_state *pass)
{
    return pp_comm_rank(pass->run->world) == 0;
}

static bool has_array(const pp_run *run, const pp_job *job, const char *name)
{
    for (int s = 0; s < run->pipeline->slot_count; s++)
        if (run->pipeline->slots[s].stored && job->slots[s] &&
            strcmp(run->pipeline->slots[s].name, name) == 0)
            return true;
    return false;
}

/* Positions are stored relative to the array, so they need what says where it lies. */
static int list_arrays(const pp_run *run, const pp_job *job, pp_named_array *out)
{
    const bool placed = has_array(run, job, "probe") && has_array(run, job, "origin");
    int count = 0;
    for (int s = 0; s < run->pipeline->slot_count; s++) {
        const pp_slot *slot = &run->pipeline->slots[s];
        if (!slot->stored || !job->slots[s]) continue;
        if (strcmp(slot->name, "positions") == 0 && !placed) continue;
        out[count++] = (pp_named_array){slot->name, job->slots[s]};
    }
    return count;
}

static pp_status store(const pp_pass_state *pass, const pp_job *job)
{
    const pp_run *run = pass->run;
    pp_identity identity = {{0}, NULL};
    pp_named_array *arrays = NULL;
    char *path = NULL;
    pp_status status = PP_ALLOC(run->pipeline->slot_count + 1, &arrays);
    if (status == PP_OK) status = pp_run_view_path(run, job->index, &path);
    if (status == PP_OK)
        status =
            pp_identity_of_view(run, pp_pipeline_last_view(run->pipeline), job->index, &identity);
    if (status == PP_OK)
        status =
            pp_view_result_write(path, run->views.entries[job->index].number, &job->geometry,
                                 arrays, list_arrays(run, job, arrays), pass->model, &identity);
    pp_identity_free(&identity);
    pp_free(path);
    pp_free(arrays);
    return status;
}

static pp_status note_failure(pp_pass_state *pass, const pp_job *job, bool ends)
{
    char text[PP_ERROR_BYTES];
    memcpy(text, job->error.text, sizeof text);
    if (!ends) pp_store_failure(pass->run, job->index, text);
    for (char *c = text; *c; c++)
        if (*c == '\n') *c = 1;
    return pp_text_add(&pass->failures, "%lld %d %d %s\n", (long long)job->index, (int)job->status,
                       ends, text);
}

/* ends: no result can be stored, so the views to come would be solved for nothing. */
static void fail_view(pp_pass_state *pass, const pp_job *job, bool ends)
{
    pp_run *run = pass->run;
    run->view_states[job->index] = PP_VIEW_FAILED;
    pp_warn("view %lld failed: %s", (long long)run->views.entries[job->index].number,
            job->error.text);
    if (ends || run->settings->on_error == PP_ON_ERROR_STOP) pass->failure_stops = true;
    if (note_failure(pass, job, ends) != PP_OK) pp_log_last_error();
}

void pp_pass_settle(pp_pass_state *pass, pp_job *job)
{
    pp_run *run = pass->run;
    const double start = pp_clock_seconds();
    bool ends = false;
    if (job->status == PP_OK) {
        job->status = store(pass, job);
        if (job->status != PP_OK) pp_error_take(&job->error);
        ends = job->status == PP_ERR_RESOURCE;
    }
    run->store_seconds += pp_clock_seconds() - start;
    if (job->status == PP_ERR_INTERRUPTED) return;
    if (job->status == PP_OK) {
        run->view_states[job->index] = PP_VIEW_DONE;
        pp_store_failure(run, job->index, NULL);
    } else {
        fail_view(pass, job, ends);
    }
    int64_t before;
    if (pp_counter_next(pass->done, &before) != PP_OK) pp_log_last_error();
    pp_pass_look_around(pass);
}

bool pp_pass_stopped(pp_pass_state *pass)
{
    pp_run *run = pass->run;
    if (pp_signals_seen() || pass->failure_stops) atomic_store(&run->stop, true);
    return atomic_load(&run->stop);
}

void pp_time_left(double elapsed, double done, double total, char out[32])
{
    const double seconds = done < total ? elapsed * (total / done - 1) : 0;
    if (!(done > 0) || !(elapsed >= 0))
        (void)snprintf(out, 32, "?");
    else if (seconds < 100)
        (void)snprintf(out, 32, "%.0f s", seconds);
    else if (seconds < 6000)
        (void)snprintf(out, 32, "%.0f min", seconds / 60);
    else
        (void)snprintf(out, 32, "%.1f h", seconds / 3600);
}

/* Views that are done, and what this rank's workers have of theirs: never more than all. */
static double views_done(const pp_pass_state *pass, int64_t done)
{
    double part = 0;
    for (int k = 0; k < pass->worker_count; k++)
        if (pass->workers[k].job) part += 0.001 * atomic_load(&pass->workers[k].job->progress);
    return fmin((double)done + part, (double)pass->todo_count);
}

/* On a terminal one line that changes, else a line when views were finished. */
static void print_progress(pp_pass_state *pass, double now)
{
    int64_t done;
    const bool terminal = isatty(STDERR_FILENO) != 0;
    if (pass->todo_count == 0 || pp_counter_read(pass->done, &done) != PP_OK) return;
    if (!terminal && (done == pass->printed_count || now - pass->printed < 1.0)) return;
    const double so_far = views_done(pass, done), all = (double)pass->todo_count;
    char left[32];
    pp_time_left(now - pass->start, so_far, all, left);
    if (terminal)
        (void)fprintf(stderr, "\r%lld of %lld views, %.0f %%, %s left   %s", (long long)done,
                      (long long)pass->todo_count, 100 * so_far / all, left,
                      done == pass->todo_count ? "\n" : "");
    else
        pp_info("%lld of %lld views, about %s left", (long long)done, (long long)pass->todo_count,
                left);
    pass->printed = now;
    pass->printed_count = done;
}

void pp_pass_look_around(pp_pass_state *pass)
{
    const double now = pp_clock_seconds();
    if (now - pass->looked < 0.1) return;
    pass->looked = now;
    int64_t stops = 0, before;
    if (pp_pass_stopped(pass) && !pass->stop_told) {
        pass->stop_told = true;
        if (pp_counter_next(pass->stop, &before) != PP_OK) pp_log_last_error();
    }
    if (pp_counter_read(pass->stop, &stops) == PP_OK && stops > 0)
        atomic_store(&pass->run->stop, true);
    if (is_root(pass)) print_progress(pass, now);
}

/* The choice of the stage that has a parameter `model`. */
static pp_status find_model(const pp_run *run, char **out)
{
    for (int k = 0; k <= pp_pipeline_last_view(run->pipeline); k++) {
        const pp_config_stage *stage = &run->pipeline->nodes[k].config;
        for (const pp_param *p = stage->stage->params; p && p->name; p++) {
            if (strcmp(p->name, "model") != 0 || p->type != PP_T_CHOICE) continue;
            PP_TRY(pp_param_text(p, stage->params, out));
            char *text = *out;
            const size_t length = strlen(text);
            if (length >= 2 && *text == '"') {
                memmove(text, text + 1, length - 2);
                text[length - 2] = 0;
            }
            return PP_OK;
        }
    }
    return PP_OK;
}

static pp_status start(pp_pass_state *pass)
{
    const pp_run *run = pass->run;
    pp_status status = PP_ALLOC(run->views.count + 1, &pass->todo);
    for (int64_t i = 0; status == PP_OK && i < run->views.count; i++)
        if (run->view_states[i] == PP_VIEW_TODO) pass->todo[pass->todo_count++] = i;
    if (status == PP_OK) status = find_model(run, &pass->model);
    PP_TRY(pp_comm_agree(run->world, status));
    PP_TRY(pp_counter_create(run->world, &pass->next));
    PP_TRY(pp_counter_create(run->world, &pass->done));
    return pp_counter_create(run->world, &pass->stop);
}

static void finish(pp_pass_state *pass)
{
    pp_counter_free(&pass->stop);
    pp_counter_free(&pass->done);
    pp_counter_free(&pass->next);
    pp_text_free(&pass->failures);
    pp_free(pass->model);
    pp_free(pass->todo);
}

/* All ranks' states of views, and whether any rank was asked to stop. */
static pp_status share_states(pp_run *run)
{
    double *states;
    const int64_t count = run->views.count;
    PP_TRY(pp_comm_agree(run->world, PP_ALLOC(count + 1, &states)));
    for (int64_t i = 0; i < count; i++) states[i] = run->view_states[i];
    states[count] = atomic_load(&run->stop) || pp_signals_seen();
    const pp_status status = pp_comm_allreduce(run->world, states, count + 1, PP_MAX);
    for (int64_t i = 0; status == PP_OK && i < count; i++) run->view_states[i] = (char)states[i];
    if (status == PP_OK) atomic_store(&run->stop, states[count] > 0);
    pp_free(states);
    return status;
}

typedef struct outcome {
    int64_t done, failed, todo, first; /* first: index of the failed view that is told */
    bool ends;                         /* its result could not be stored */
    pp_status code;                    /* its own */
    char text[PP_ERROR_BYTES];
} outcome;

static void read_failures(char *lines, outcome *o)
{
    char *rest = NULL;
    o->first = INT64_MAX;
    for (char *line = strtok_r(lines, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        char *end;
        const int64_t index = strtoll(line, &end, 10);
        const int code = (int)strtol(end, &end, 10);
        const bool ends = strtol(end, &end, 10) != 0;
        if (*end != ' ' || ends < o->ends || (ends == o->ends && index >= o->first)) continue;
        o->first = index;
        o->ends = ends;
        o->code = (pp_status)code;
        (void)snprintf(o->text, sizeof o->text, "%s", end + 1);
    }
    for (char *c = o->text; *c; c++)
        if (*c == 1) *c = '\n';
}

static pp_status judge(const pp_run *run, const outcome *o)
{
    const bool stops = run->settings->on_error == PP_ON_ERROR_STOP;
    if (o->ends)
        return PP_FAIL(o->code,
                       "%s\n    results cannot be stored: mend that, and the same command goes on",
                       o->text);
    if (o->failed > 0 && (stops || (o->done == 0 && o->todo == 0)))
        return PP_FAIL(o->code, "%s", o->text);
    if (o->todo > 0)
        return PP_FAIL(PP_ERR_INTERRUPTED,
                       "interrupted with %lld of %lld views to do; the same command goes on",
                       (long long)o->todo, (long long)run->views.count);
    if (o->failed > 0)
        return PP_FAIL(PP_ERR_PARTIAL, "%lld of %lld views failed and are left out",
                       (long long)o->failed, (long long)run->views.count);
    return PP_OK;
}

static pp_status conclude(pp_pass_state *pass)
{
    pp_run *run = pass->run;
    char *lines = NULL;
    outcome o = {0};
    PP_TRY(share_states(run));
    PP_TRY(pp_share_text(run->world, pass->failures.data ? pass->failures.data : "", &lines));
    read_failures(lines, &o);
    pp_free(lines);
    for (int64_t i = 0; i < run->views.count; i++) {
        o.done += run->view_states[i] == PP_VIEW_DONE;
        o.failed += run->view_states[i] == PP_VIEW_FAILED;
        o.todo += run->view_states[i] == PP_VIEW_TODO;
    }
    return judge(run, &o);
}

pp_status pp_pass(pp_run *run)
{
    pp_pass_state pass = {.run = run,
                          .start = pp_clock_seconds(),
                          .lock = PTHREAD_MUTEX_INITIALIZER,
                          .wake = PTHREAD_COND_INITIALIZER};
    bool *chosen = NULL;
    pp_status status = PP_ALLOC(run->pipeline->count, &chosen);
    status = pp_comm_agree(run->world, status);
    for (int k = 0; status == PP_OK && k <= pp_pipeline_last_view(run->pipeline); k++)
        chosen[k] = true;
    if (status == PP_OK) status = start(&pass);
    if (status == PP_OK) status = pp_open_stages(run, chosen);
    if (status == PP_OK) {
        status = pp_comm_agree(run->world, pp_pass_loop(&pass));
        if (status == PP_OK) status = conclude(&pass);
        pp_close_stages(run, chosen);
    }
    finish(&pass);
    pp_free(chosen);
    return status;
}
