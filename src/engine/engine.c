/* check, plan, run: the actions from a pipeline file to its results.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "engine/engine.h"

#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <string.h>

#include "backend/backend.h"
#include "backend/fft.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "engine/run.h"

static bool is_root(const pp_run *run)
{
    return pp_comm_rank(run->world) == 0;
}

/* Rank 0 reads the file; the others get the effective configuration. */
static pp_status read_config(pp_run *run, pp_findings *findings)
{
    const pp_engine_request *r = run->request;
    char *text = NULL;
    pp_status status = PP_OK;
    if (is_root(run)) {
        status = pp_config_read(r->path, r->override_count, r->overrides, pp_registry(), findings,
                                &run->config);
        /* an unfinished file has no effective configuration, but its findings are rank 0's to tell */
        if (status == PP_OK && run->config && pp_findings_worst(findings) == PP_OK)
            status = pp_config_text(run->config, &text);
        if (status == PP_OK && !text) status = pp_strdup("", &text);
    }
    status = pp_comm_agree(run->world, status);
    if (status == PP_OK) status = pp_share_root_text(run->world, &text);
    if (status == PP_OK && !is_root(run) && *text)
        status = pp_config_read_text(text, r->path, pp_registry(), findings, &run->config);
    pp_free(text);
    PP_TRY(pp_comm_agree(run->world, status));
    if (run->config) run->settings = pp_config_settings(run->config);
    return PP_OK;
}

/* Findings are rank 0's; all ranks leave with the same status. */
static pp_status agree_findings(const pp_run *run, const pp_findings *findings)
{
    int worst = is_root(run) ? (int)pp_findings_worst(findings) : PP_OK;
    PP_TRY(pp_comm_bcast(run->world, &worst, sizeof worst, 0));
    return (pp_status)worst;
}

static void ask_stages(pp_run *run, pp_findings *findings)
{
    pp_check_told told = {.sharing = {.devices = 1, .groups = 1}};
    for (int k = 0; k < run->pipeline->count; k++) {
        const pp_config_stage *stage = &run->pipeline->nodes[k].config;
        pp_check check = {stage, findings, &told};
        if (stage->stage->check) stage->stage->check(stage->params, &check);
    }
}

/* Whether a stage makes something of all views together. */
static bool joins_views(const pp_pipeline *pipeline)
{
    for (int k = 1; k < pipeline->count; k++)
        if (pipeline->nodes[k].scope == PP_SCOPE_CAMPAIGN &&
            !pp_node_is(&pipeline->nodes[k], PP_STAGE_OUTPUT | PP_STAGE_REPORT))
            return true;
    return false;
}

/* What the source announces, from headers. */
static void ask_source(pp_run *run, pp_findings *findings)
{
    const pp_node *source = &run->pipeline->nodes[0];
    pp_check check = {&source->config, findings, NULL};
    const int64_t before = findings->count;
    if (!pp_node_is(source, PP_STAGE_SOURCE) || !source->config.stage->views) return;
    const pp_status status =
        source->config.stage->views(source->config.params, pp_run_output(run), &run->views, &check);
    bool told = false;
    for (int64_t i = before; i < findings->count; i++)
        told = told || findings->items[i].kind == PP_FINDING_ERROR;
    if (status != PP_OK && !told) pp_check_last_error(&check, NULL);
    const bool known = run->views.count > 0 || pp_findings_worst(findings) == PP_OK;
    const bool solved = source->scope == PP_SCOPE_CAMPAIGN;
    if (status != PP_OK || told || !known) return;
    pp_views_check(&run->views, &check, solved ? 0 : pp_comm_size(run->world));
    if (joins_views(run->pipeline)) pp_views_check_square(&run->views, &check);
}

static pp_status inspect(pp_run *run, pp_findings *findings)
{
    if (!run->config) return PP_OK;
    PP_TRY(pp_pipeline_create(run->config, findings, &run->pipeline));
    if (!is_root(run) || run->pipeline->count == 0) return PP_OK;
    pp_store_check(run, findings);
    ask_stages(run, findings);
    ask_source(run, findings);
    return PP_OK;
}

static pp_status allocate(pp_run *run)
{
    const int nodes = run->pipeline->count;
    pp_status status = PP_ALLOC(nodes + 1, &run->stage_states);
    if (status == PP_OK) status = PP_ALLOC(nodes + 1, &run->stage_seconds);
    /* NOLINTNEXTLINE(bugprone-sizeof-expression): pointers */
    if (status == PP_OK) status = PP_ALLOC(run->pipeline->slot_count + 1, &run->campaign);
    if (status == PP_OK) status = PP_ALLOC(run->views.count + 1, &run->view_states);
    return pp_comm_agree(run->world, status);
}

/* Everything up to the plan's start; prints the findings. Collective. */
static pp_status prepare(pp_run *run)
{
    pp_findings findings = {0};
    pp_status status = read_config(run, &findings);
    if (status == PP_OK) status = pp_comm_agree(run->world, inspect(run, &findings));
    if (is_root(run)) pp_findings_print(&findings);
    if (status == PP_OK) {
        status = agree_findings(run, &findings);
        run->told = status != PP_OK;
    }
    pp_findings_free(&findings);
    PP_TRY(status);
    if (run->pipeline->count == 0) return PP_FAIL(PP_ERR_CONFIG, "no stages");
    PP_TRY(pp_views_share(&run->views, run->world));
    PP_TRY(pp_machine_find(run->world, &run->machine));
    run->threads = pp_machine_threads(&run->machine, run->world, run->settings->threads);
    return allocate(run);
}

static pp_status plan(pp_run *run, bool print)
{
    pp_findings findings = {0};
    char *text = NULL;
    pp_status status = is_root(run) ? pp_plan_make(run, &findings, &text) : PP_OK;
    status = pp_comm_agree(run->world, status);
    if (status == PP_OK) status = pp_comm_bcast(run->world, &run->sharing, sizeof run->sharing, 0);
    if (status == PP_OK)
        status = pp_comm_bcast(run->world, &run->large_in_memory, sizeof run->large_in_memory, 0);
    if (is_root(run) && text && print) (void)printf("%s", text);
    if (is_root(run)) pp_findings_print(&findings);
    (void)fflush(stdout);
    if (status == PP_OK) {
        status = agree_findings(run, &findings);
        run->told = status != PP_OK;
    }
    pp_free(text);
    pp_findings_free(&findings);
    return status;
}

static pp_status hash_inputs(pp_run *run, const pp_inputs *known)
{
    for (int k = 0; k < run->pipeline->count; k++) {
        const pp_config_stage *stage = &run->pipeline->nodes[k].config;
        for (const pp_param *p = stage->stage->params; p && p->name; p++) {
            if (!(p->flags & PP_P_INPUT_FILE)) continue;
            const char *path =
                *(const char *const *)(const void *)((const char *)stage->params + p->offset);
            if (path && *path) PP_TRY(pp_inputs_add(&run->inputs, known, path));
        }
    }
    if (pp_node_is(&run->pipeline->nodes[0], PP_STAGE_MAKES)) return PP_OK;
    for (int64_t i = 0; i < run->views.count; i++)
        if (run->views.entries[i].path)
            PP_TRY(pp_inputs_add(&run->inputs, known, run->views.entries[i].path));
    return PP_OK;
}

/* Hashes of earlier runs in this directory serve where size and time are the same. */
static pp_status hash_with_cache(pp_run *run, char **text)
{
    pp_inputs known = {0};
    char *path = NULL, *old = NULL;
    pp_status status = pp_run_path(run, ".polyptych/inputs", &path);
    if (status == PP_OK && pp_file_exists(path)) status = pp_file_read(path, &old, NULL);
    if (status == PP_OK && old) status = pp_inputs_parse(&known, old);
    if (status == PP_OK) status = hash_inputs(run, &known);
    if (status == PP_OK) status = pp_inputs_text(&run->inputs, text);
    if (status == PP_OK) status = pp_file_write(path, *text, strlen(*text));
    pp_free(old);
    pp_free(path);
    pp_inputs_free(&known);
    return status;
}

static pp_status share_inputs(pp_run *run)
{
    char *text = NULL;
    pp_status status = is_root(run) ? hash_with_cache(run, &text) : PP_OK;
    status = pp_comm_agree(run->world, status);
    if (status == PP_OK) status = pp_share_root_text(run->world, &text);
    if (status == PP_OK && !is_root(run)) status = pp_inputs_parse(&run->inputs, text);
    pp_free(text);
    return pp_comm_agree(run->world, status);
}

/* config.cfg, where it is not there or says something else. */
static pp_status write_config(pp_run *run)
{
    char *text = NULL, *path = NULL, *old = NULL;
    pp_status status = pp_config_text(run->config, &text);
    if (status == PP_OK) status = pp_run_path(run, "config.cfg", &path);
    if (status == PP_OK && pp_file_exists(path)) status = pp_file_read(path, &old, NULL);
    if (status == PP_OK && (!old || strcmp(old, text) != 0)) {
        run->report_again = true;
        status = pp_file_write(path, text, strlen(text));
    }
    pp_free(old);
    pp_free(path);
    pp_free(text);
    return status;
}

static pp_status open_log(const pp_run *run)
{
    char *path = NULL;
    PP_TRY(pp_run_path(run, "log.txt", &path));
    const pp_status status = pp_log_set_file(path);
    pp_free(path);
    return status;
}

static pp_status open_directory(pp_run *run)
{
    PP_TRY(pp_store_open(run));
    PP_TRY(open_log(run));
    return pp_provenance_recall(run);
}

static pp_status survey(pp_run *run)
{
    PP_TRY(pp_store_survey(run));
    return write_config(run);
}

/* What there is to do, the same on every rank. */
static pp_status take_stock(pp_run *run)
{
    PP_TRY(pp_comm_agree(run->world, is_root(run) ? open_directory(run) : PP_OK));
    PP_TRY(share_inputs(run));
    PP_TRY(pp_comm_agree(run->world, pp_identity_prepare(run)));
    PP_TRY(pp_comm_agree(run->world, is_root(run) ? survey(run) : PP_OK));
    if (pp_pipeline_last_view(run->pipeline) < 0) /* projections that others made: there */
        memset(run->view_states, PP_VIEW_DONE, (size_t)run->views.count);
    char again = run->report_again;
    PP_TRY(pp_comm_bcast(run->world, &again, sizeof again, 0));
    run->report_again = again;
    return pp_comm_bcast(run->world, run->view_states, (size_t)run->views.count, 0);
}

static int64_t count_views(const pp_run *run, pp_view_state state)
{
    int64_t count = 0;
    for (int64_t i = 0; i < run->views.count; i++) count += run->view_states[i] == (char)state;
    return count;
}

static void list_failed(const pp_run *run)
{
    pp_text list = {0};
    for (int64_t i = 0; i < run->views.count; i++)
        if (run->view_states[i] == PP_VIEW_FAILED &&
            pp_text_add(&list, " %lld", (long long)run->views.entries[i].number) != PP_OK)
            pp_log_last_error();
    if (list.data && is_root(run))
        pp_warn("failed views, left out:%s; the same command tries them again", list.data);
    pp_text_free(&list);
}

/* View pass, then the campaign; PP_ERR_PARTIAL goes on with the views that are done. */
static pp_status work(pp_run *run)
{
    const int64_t todo = count_views(run, PP_VIEW_TODO), done = count_views(run, PP_VIEW_DONE);
    pp_status passed = PP_OK;
    if (pp_pipeline_last_view(run->pipeline) >= 0 && todo > 0) {
        if (done > 0)
            pp_info("%lld of %lld views are done already", (long long)done,
                    (long long)run->views.count);
        run->worked = true;
        passed = pp_pass(run);
        if (passed != PP_OK && passed != PP_ERR_PARTIAL) return passed;
    }
    if (!isnan(run->large_in_memory))
        PP_TRY(pp_alloc_scratch(pp_run_output(run), run->large_in_memory));
    const pp_status ended = pp_campaign(run);
    if (pp_alloc_scratch_peak() > 0)
        pp_info("campaign: up to %.1f MB in scratch files, as host_memory asks for",
                (double)pp_alloc_scratch_peak() / 1e6);
    PP_TRY(pp_alloc_scratch(NULL, 0));
    PP_TRY(ended);
    if (passed == PP_ERR_PARTIAL) return passed;
    return PP_OK;
}

/* Errors that are not findings are told once, by rank 0. */
static void tell(pp_run *run, pp_status status)
{
    if (status != PP_OK && !run->told && is_root(run)) {
        if (status == PP_ERR_CONFIG)
            pp_log_finding(pp_error_last()->text);
        else
            pp_log_last_error();
    }
    run->told = true;
}

static void finish(pp_run *run)
{
    pp_free(run->view_states);
    pp_free(run->campaign);
    pp_free(run->stage_seconds);
    pp_free(run->stage_states);
    pp_facts_free(&run->facts);
    pp_inputs_free(&run->inputs);
    pp_views_free(&run->views);
    pp_pipeline_free(&run->pipeline);
    pp_config_free(&run->config);
    (void)pthread_mutex_destroy(&run->lock);
}

static void start(pp_run *run, const pp_comm *world, const pp_engine_request *request)
{
    *run = (pp_run){.world = world, .request = request};
    (void)pthread_mutex_init(&run->lock, NULL);
    pp_log_set_rank(pp_comm_rank(world));
    /* measured plans come from pp_fft_prepare only, the same for all ranks and runs */
    pp_fft_set_effort(PP_FFT_ESTIMATE);
}

pp_status pp_engine_check(const pp_comm *world, const pp_engine_request *request)
{
    pp_run run;
    start(&run, world, request);
    const pp_status status = prepare(&run);
    tell(&run, status);
    finish(&run);
    return status;
}

pp_status pp_engine_plan(const pp_comm *world, const pp_engine_request *request)
{
    pp_run run;
    start(&run, world, request);
    pp_status status = prepare(&run);
    if (status == PP_OK) status = plan(&run, true);
    tell(&run, status);
    finish(&run);
    return status;
}

static void tell_outcome(pp_run *run, pp_status status, double seconds)
{
    if (status == PP_ERR_PARTIAL)
        list_failed(run);
    else
        tell(run, status);
    run->told = true;
    if (!is_root(run) || (status != PP_OK && status != PP_ERR_PARTIAL)) return;
    pp_info("%s in %.1f s: %s", run->worked ? "done" : "nothing to do, all results are there",
            seconds, pp_run_output(run));
}

static pp_status run_all(pp_run *run)
{
    const double begin = pp_clock_seconds();
    pp_status status = take_stock(run);
    const bool ours = status == PP_OK; /* the directory is that of this configuration */
    omp_set_num_threads(run->threads);
    if (ours) status = work(run);
    tell_outcome(run, status, pp_clock_seconds() - begin);
    if (ours && (run->worked || run->report_again)) {
        const pp_status written = pp_provenance_write(run, status);
        if (written != PP_OK) pp_log_last_error();
        if (status == PP_OK) status = written;
    }
    if (pp_log_set_file(NULL) != PP_OK) pp_log_last_error();
    return status;
}

pp_status pp_engine_run(const pp_comm *world, const pp_engine_request *request)
{
    pp_run run;
    start(&run, world, request);
    pp_signals_catch();
    pp_status status = prepare(&run);
    if (status == PP_OK) status = plan(&run, request->dry_run);
    if (status == PP_OK && !request->dry_run) status = run_all(&run);
    tell(&run, status);
    pp_signals_release();
    finish(&run);
    return status;
}

pp_status pp_engine_report(const pp_comm *world, const char *output)
{
    pp_text path = {0};
    PP_TRY(pp_text_add(&path, "%s/config.cfg", output));
    const pp_engine_request request = {.path = path.data, .command = "report"};
    pp_run run;
    start(&run, world, &request);
    run.only_report = run.report_again = true;
    pp_status status = prepare(&run);
    if (status == PP_OK) status = take_stock(&run);
    if (status == PP_OK) status = pp_campaign(&run);
    tell(&run, status);
    if (pp_log_set_file(NULL) != PP_OK) pp_log_last_error();
    finish(&run);
    pp_text_free(&path);
    return status;
}
