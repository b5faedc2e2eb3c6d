/* The chain of stages: order, stages that act by default, connections, and what is wrong with them.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "engine/pipeline.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "engine/connect.h"
#include "engine/engine.h"

int pp_node_port(const pp_node *node, const char *port)
{
    for (int p = 0; p < node->port_count; p++)
        if (strcmp(node->config.stage->ports[p].name, port) == 0) return p;
    return -1;
}

bool pp_port_reads(const pp_port *port)
{
    return port->dir == PP_IN || port->dir == PP_IN_OPTIONAL || port->dir == PP_INOUT;
}

bool pp_port_puts(const pp_port *port)
{
    return port->dir == PP_OUT || port->dir == PP_OUT_OPTIONAL;
}

int pp_node_side(const pp_node *node, const char *name, bool puts)
{
    for (int p = 0; p < node->port_count; p++) {
        const pp_port *port = &node->config.stage->ports[p];
        const bool fits = port->dir == PP_INOUT || pp_port_puts(port) == puts;
        if (fits && strcmp(port->name, name) == 0) return p;
    }
    return -1;
}

int pp_pipeline_last_view(const pp_pipeline *pipeline)
{
    int last = -1;
    for (int k = 0; k < pipeline->count; k++)
        if (pipeline->nodes[k].scope == PP_SCOPE_VIEW) last = k;
    return last;
}

static pp_status set_node(pp_node *node, const pp_config_stage *stage)
{
    node->config = *stage;
    const pp_stage_class *type = stage->stage;
    node->scope = type->scope_of ? type->scope_of(stage->params) : type->scope;
    while (type->ports && type->ports[node->port_count].name) node->port_count++;
    if (node->port_count > PP_MAX_PORTS)
        return PP_FAIL(PP_ERR_CONFIG, "stage '%s' has more than %d ports", stage->id, PP_MAX_PORTS);
    return PP_OK;
}

/* A stage that the file leaves out, with its defaults, before node `at`. Findings about it point to the stage after it. */
static pp_status insert(pp_pipeline *p, int at, const pp_stage_class *type)
{
    const pp_node *near = &p->nodes[at < p->count ? at : p->count - 1];
    pp_config_stage stage = {.stage = type, .id = type->name, .origin = near->config.origin};
    void *defaults = NULL;
    if (type->params_size) {
        PP_TRY(pp_alloc(1, type->params_size, &defaults));
        const pp_status status = pp_param_defaults(type->params, defaults);
        if (status != PP_OK) {
            pp_free(defaults);
            return status;
        }
    }
    memmove(&p->nodes[at + 1], &p->nodes[at], (size_t)(p->count - at) * sizeof *p->nodes);
    p->nodes[at] = (pp_node){.defaults = defaults};
    p->count++;
    stage.params = defaults;
    return set_node(&p->nodes[at], &stage);
}

static bool has_stage(const pp_pipeline *p, const char *name)
{
    for (int k = 0; k < p->count; k++)
        if (strcmp(p->nodes[k].config.stage->name, name) == 0) return true;
    return false;
}

static bool class_puts(const pp_stage_class *type, const char *name)
{
    for (const pp_port *port = type->ports; port && port->name; port++)
        if (pp_port_puts(port) && strcmp(port->name, name) == 0) return true;
    return false;
}

static bool node_puts(const pp_node *node, const char *name)
{
    return class_puts(node->config.stage, name);
}

/* Whether a stage before `at` puts the port. */
static bool is_put_before(const pp_pipeline *p, int at, const char *name)
{
    for (int k = 0; k < at; k++)
        if (node_puts(&p->nodes[k], name)) return true;
    return false;
}

static bool reads_what_it_puts(const pp_node *node, const pp_stage_class *type)
{
    for (int q = 0; q < node->port_count; q++) {
        const pp_port *port = &node->config.stage->ports[q];
        if (pp_port_reads(port) && class_puts(type, port->name)) return true;
    }
    return false;
}

/* partition: before the first view-scope stage that reads what it puts. */
static pp_status insert_partition(pp_pipeline *p)
{
    const pp_stage_class *type = pp_registry()->find("partition");
    if (!type || has_stage(p, type->name)) return PP_OK;
    for (int k = 1; k < p->count; k++)
        if (p->nodes[k].scope == PP_SCOPE_VIEW && reads_what_it_puts(&p->nodes[k], type))
            return insert(p, k, type);
    return PP_OK;
}

/* stitch: after the last view-scope stage, where its inputs are there and something but the source made them. */
static pp_status insert_stitch(pp_pipeline *p)
{
    const pp_stage_class *type = pp_registry()->find("stitch");
    const int last = pp_pipeline_last_view(p);
    if (!type || has_stage(p, type->name) || last < 1) return PP_OK;
    for (const pp_port *port = type->ports; port && port->name; port++)
        if ((port->dir == PP_IN || port->dir == PP_INOUT) &&
            !is_put_before(p, last + 1, port->name))
            return PP_OK;
    return insert(p, last + 1, type);
}

static pp_check check_of(pp_node *node, pp_findings *findings)
{
    return (pp_check){&node->config, findings, NULL};
}

static void check_order(pp_pipeline *p, pp_findings *findings)
{
    const char *campaign = NULL;
    for (int k = 0; k < p->count; k++) {
        pp_node *node = &p->nodes[k];
        pp_check check = check_of(node, findings);
        const bool source = pp_node_is(node, PP_STAGE_SOURCE);
        if (k == 0 && !source)
            pp_check_error(&check, NULL, PP_ERR_CONFIG,
                           "is the first stage, but a pipeline begins with a source, such as "
                           "'load' or 'simulate'");
        if (k > 0 && source)
            pp_check_error(&check, NULL, PP_ERR_CONFIG,
                           "is a second source (the first one is '%s'); a pipeline has one, at its "
                           "beginning",
                           p->nodes[0].config.id);
        if (node->scope == PP_SCOPE_VIEW && campaign)
            pp_check_error(&check, NULL, PP_ERR_CONFIG,
                           "works on one view at a time and stands after '%s', which works on the "
                           "whole campaign: move it before",
                           campaign);
        if (node->scope == PP_SCOPE_CAMPAIGN && !campaign) campaign = node->config.id;
    }
}

void pp_pipeline_free(pp_pipeline **pipeline)
{
    pp_pipeline *p = *pipeline;
    if (!p) return;
    for (int k = 0; p->nodes && k < p->count; k++) {
        pp_free(p->nodes[k].defaults);
        pp_free(p->nodes[k].identity);
    }
    pp_free(p->nodes);
    pp_free(p->slots);
    pp_free(p);
    *pipeline = NULL;
}

static pp_status fill(pp_pipeline *p, const pp_config *config, pp_findings *findings)
{
    const int count = pp_config_stages(config);
    PP_TRY(PP_ALLOC(count + 2, &p->nodes));
    for (int k = 0; k < count; k++) {
        const pp_config_stage *stage = pp_config_stage_at(config, k);
        if (!stage->stage) continue; /* unknown: found by the configuration */
        PP_TRY(set_node(&p->nodes[p->count], stage));
        p->count++;
    }
    if (p->count == 0) return PP_OK;
    PP_TRY(insert_partition(p));
    PP_TRY(insert_stitch(p));
    check_order(p, findings);
    return pp_pipeline_connect(p, findings);
}

/* With a stage missing whose name is wrong, what the others lack says nothing: dropped. */
static pp_status fill_incomplete(pp_pipeline *p, const pp_config *config)
{
    pp_findings dropped = {0};
    const pp_status status = fill(p, config, &dropped);
    pp_findings_free(&dropped);
    return status;
}

pp_status pp_pipeline_create(const pp_config *config, pp_findings *findings, pp_pipeline **out)
{
    pp_pipeline *p = NULL;
    PP_TRY(PP_ALLOC(1, &p));
    const pp_status status =
        pp_config_complete(config) ? fill(p, config, findings) : fill_incomplete(p, config);
    if (status == PP_OK)
        *out = p;
    else
        pp_pipeline_free(&p);
    return status;
}
