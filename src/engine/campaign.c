/* Campaign-scope stages: which of them must run, what can be put back from files, and the calls. Collective on all ranks.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/file.h"
#include "engine/run.h"

typedef struct choice {
    bool *runs;     /* one a node */
    int *restorer;  /* one a slot: node whose file gives it back, -1 where none */
    int *file;      /* one a slot: index of that file */
    bool *restored; /* one a slot */
} choice;

static bool is_port_of(const pp_stage_file *file, const char *port)
{
    const size_t length = strlen(port);
    for (const char *word = file->ports; word && *word;) {
        const size_t here = strcspn(word, " ");
        if (here == length && strncmp(word, port, length) == 0) return true;
        word += here;
        word += strspn(word, " ");
    }
    return false;
}

static pp_status agreed_state(pp_run *run, int node, int file, bool *wanted, bool *right)
{
    char states[2] = {0};
    pp_status status = PP_OK;
    if (pp_comm_rank(run->world) == 0) {
        status = pp_store_file_state(run, node, file, wanted, right);
        states[0] = *wanted;
        states[1] = *right;
    }
    PP_TRY(pp_comm_agree(run->world, status));
    PP_TRY(pp_comm_bcast(run->world, states, sizeof states, 0));
    *wanted = states[0];
    *right = states[1];
    return PP_OK;
}

/* What one right file can put back: the slots that the node reads at the file's ports. */
static void offer(pp_run *run, int k, int file, choice *c)
{
    const pp_node *node = &run->pipeline->nodes[k];
    const pp_stage_class *type = node->config.stage;
    if (!type->restore) return;
    for (int q = 0; q < node->port_count; q++)
        if (node->slot[q] >= 0 && pp_port_reads(&type->ports[q]) &&
            is_port_of(&type->files[file], type->ports[q].name)) {
            c->restorer[node->slot[q]] = k;
            c->file[node->slot[q]] = file;
        }
}

static pp_status survey_node(pp_run *run, int k, choice *c)
{
    const pp_node *node = &run->pipeline->nodes[k];
    const pp_stage_class *type = node->config.stage;
    if (!type->files) {
        c->runs[k] = true; /* what it does cannot be seen */
        return PP_OK;
    }
    for (int f = 0; type->files[f].name; f++) {
        bool wanted = false, right = false;
        PP_TRY(agreed_state(run, k, f, &wanted, &right));
        if (wanted && !right) c->runs[k] = true;
        if (wanted && right) offer(run, k, f, c);
    }
    return PP_OK;
}

static bool puts_nothing(const pp_node *node)
{
    for (int q = 0; q < node->port_count; q++)
        if (pp_port_puts(&node->config.stage->ports[q]) ||
            node->config.stage->ports[q].dir == PP_INOUT)
            return false;
    return true;
}

/* What a node reads in campaign scope must be there: from a file, or by running who puts or changes it. A report takes optional
 * inputs only where that costs no computing. */
static void need_inputs(const pp_run *run, int k, choice *c)
{
    const pp_node *node = &run->pipeline->nodes[k];
    for (int q = 0; q < node->port_count; q++) {
        const pp_port *port = &node->config.stage->ports[q];
        const int slot = node->slot[q], writer = node->writer[q];
        if (slot < 0 || writer < 0 || !pp_port_reads(port)) continue;
        if (run->pipeline->nodes[writer].scope == PP_SCOPE_VIEW) continue;
        if (c->restorer[slot] >= 0)
            c->restored[slot] = true;
        else if (!(pp_node_is(node, PP_STAGE_REPORT) && port->dir == PP_IN_OPTIONAL))
            c->runs[writer] = true;
    }
}

/* From the last stage to the first: who is needed by whom. What a running stage puts or changes is not taken from a file. */
static void choose_upstream(const pp_run *run, choice *c)
{
    const pp_pipeline *p = run->pipeline;
    for (int k = p->count - 1; k >= 0; k--) {
        const pp_node *node = &p->nodes[k];
        if (node->scope != PP_SCOPE_CAMPAIGN || !c->runs[k]) continue;
        for (int q = 0; q < node->port_count; q++) {
            const pp_port *port = &node->config.stage->ports[q];
            const int slot = node->slot[q];
            if (slot < 0 || !(pp_port_puts(port) || port->dir == PP_INOUT)) continue;
            c->restorer[slot] = -1;
            c->restored[slot] = false;
        }
        need_inputs(run, k, c);
    }
}

/* A report is made when anything else was, or when it is not there. */
static pp_status choose_report(const pp_run *run, int k, choice *c)
{
    const pp_stage_file *files = run->pipeline->nodes[k].config.stage->files;
    char *path = NULL;
    if (files && files[0].name) PP_TRY(pp_run_path(run, files[0].name, &path));
    c->runs[k] = run->worked || run->report_again || !path || !pp_file_exists(path);
    pp_free(path);
    return PP_OK;
}

static pp_status choose(pp_run *run, choice *c)
{
    const pp_pipeline *p = run->pipeline;
    for (int s = 0; s < p->slot_count; s++) c->restorer[s] = -1;
    for (int k = 0; k < p->count; k++) {
        const pp_node *node = &p->nodes[k];
        if (node->scope != PP_SCOPE_CAMPAIGN || pp_node_is(node, PP_STAGE_REPORT)) continue;
        if (pp_node_is(node, PP_STAGE_OUTPUT))
            PP_TRY(survey_node(run, k, c));
        else if (puts_nothing(node))
            c->runs[k] = true;
        if (c->runs[k]) run->worked = true;
    }
    if (run->only_report)
        for (int k = 0; k < p->count; k++) c->runs[k] = false;
    choose_upstream(run, c);
    for (int k = 0; k < p->count; k++)
        if (pp_node_is(&p->nodes[k], PP_STAGE_REPORT)) PP_TRY(choose_report(run, k, c));
    choose_upstream(run, c);
    if (run->only_report)
        for (int k = 0; k < p->count; k++)
            c->runs[k] = c->runs[k] && pp_node_is(&p->nodes[k], PP_STAGE_REPORT);
    return PP_OK;
}

/* Puts back what one file of one node holds; what others will make anew is dropped again. */
static pp_status restore_file(pp_run *run, int k, int file, const choice *c)
{
    const pp_node *node = &run->pipeline->nodes[k];
    pp_context context = {.run = run,
                          .node = k,
                          .slots = run->campaign,
                          .restore_ports = node->config.stage->files[file].ports};
    pp_status status = node->config.stage->restore(node->config.params, &context, file);
    status = pp_comm_agree(run->world, pp_context_note(&context, status));
    pp_context_end(&context);
    for (int s = 0; s < run->pipeline->slot_count; s++)
        if (!c->restored[s]) pp_array_free(&run->campaign[s]);
    return status;
}

static pp_status restore_all(pp_run *run, const choice *c)
{
    for (int k = 0; k < run->pipeline->count; k++) {
        const pp_stage_file *files = run->pipeline->nodes[k].config.stage->files;
        for (int f = 0; files && files[f].name; f++) {
            bool any = false;
            for (int s = 0; s < run->pipeline->slot_count; s++)
                any = any || (c->restored[s] && c->restorer[s] == k && c->file[s] == f);
            if (any) PP_TRY(restore_file(run, k, f, c));
        }
    }
    return PP_OK;
}

static pp_status agree_to_go_on(pp_run *run)
{
    double stop = atomic_load(&run->stop) || pp_signals_seen();
    PP_TRY(pp_comm_allreduce(run->world, &stop, 1, PP_MAX));
    if (stop > 0) return PP_FAIL(PP_ERR_INTERRUPTED, "interrupted; the same command goes on");
    return PP_OK;
}

static pp_status run_stage(pp_run *run, int k)
{
    const pp_node *node = &run->pipeline->nodes[k];
    pp_context context = {.run = run, .node = k, .slots = run->campaign};
    const double start = pp_clock_seconds();
    pp_info("%s ...", node->config.id);
    pp_status status = node->config.stage->run(node->config.params, &context);
    status = pp_comm_agree(run->world, pp_context_note(&context, status));
    pp_context_end(&context);
    run->stage_seconds[k] += pp_clock_seconds() - start;
    for (int s = 0; s < run->pipeline->slot_count; s++)
        if (run->pipeline->slots[s].last_reader <= k) pp_array_free(&run->campaign[s]);
    if (status == PP_OK) pp_info("%s took %.1f s", node->config.id, run->stage_seconds[k]);
    return status;
}

static pp_status run_all(pp_run *run, const choice *c)
{
    for (int k = 0; k < run->pipeline->count; k++) {
        if (!c->runs[k]) continue;
        PP_TRY(agree_to_go_on(run));
        if (pp_node_is(&run->pipeline->nodes[k], PP_STAGE_REPORT)) {
            PP_TRY(pp_facts_share(&run->facts, run->world));
            PP_TRY(pp_provenance_facts(run));
        }
        PP_TRY(run_stage(run, k));
    }
    return PP_OK;
}

static pp_status prepare(const pp_run *run, choice *c)
{
    const int nodes = run->pipeline->count, slots = run->pipeline->slot_count + 1;
    pp_status status = PP_ALLOC(nodes, &c->runs);
    if (status == PP_OK) status = PP_ALLOC(slots, &c->restorer);
    if (status == PP_OK) status = PP_ALLOC(slots, &c->file);
    if (status == PP_OK) status = PP_ALLOC(slots, &c->restored);
    return pp_comm_agree(run->world, status);
}

pp_status pp_campaign(pp_run *run)
{
    choice c = {0};
    pp_status status = prepare(run, &c);
    if (status == PP_OK) status = pp_comm_agree(run->world, choose(run, &c));
    if (status == PP_OK) status = restore_all(run, &c);
    if (status == PP_OK) status = pp_open_stages(run, c.runs);
    if (status == PP_OK) {
        status = run_all(run, &c);
        pp_close_stages(run, c.runs);
    }
    for (int s = 0; s < run->pipeline->slot_count; s++) pp_array_free(&run->campaign[s]);
    pp_free(c.restored);
    pp_free(c.file);
    pp_free(c.restorer);
    pp_free(c.runs);
    return status;
}

static pp_status open_stage(pp_run *run, int k)
{
    const pp_node *node = &run->pipeline->nodes[k];
    pp_context context = {.run = run, .node = k};
    if (!node->config.stage->open) return PP_OK;
    const double start = pp_clock_seconds();
    const pp_status status = node->config.stage->open(node->config.params, &context);
    run->stage_seconds[k] += pp_clock_seconds() - start;
    pp_context_end(&context);
    return pp_comm_agree(run->world, pp_context_note(&context, status));
}

static void close_before(pp_run *run, const bool *chosen, int end)
{
    for (int k = end - 1; k >= 0; k--) {
        const pp_node *node = &run->pipeline->nodes[k];
        pp_context context = {.run = run, .node = k};
        if (chosen[k] && node->config.stage->close)
            node->config.stage->close(node->config.params, &context);
        pp_context_end(&context);
        if (chosen[k]) run->stage_states[k] = NULL;
    }
}

pp_status pp_open_stages(pp_run *run, const bool *chosen)
{
    for (int k = 0; k < run->pipeline->count; k++) {
        if (!chosen[k]) continue;
        const pp_status status = open_stage(run, k);
        if (status == PP_OK) continue;
        /* also the one that failed: it frees what it has */
        close_before(run, chosen, k + 1);
        return status;
    }
    return PP_OK;
}

void pp_close_stages(pp_run *run, const bool *chosen)
{
    close_before(run, chosen, run->pipeline->count);
}
