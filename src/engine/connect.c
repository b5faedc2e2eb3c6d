/* Ports to slots: the nearest stage upstream; dtype, axes and unit must agree.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "engine/connect.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "engine/engine.h"

enum { TEXT = 256 };

static const char *axis_name(pp_axis axis)
{
    static const char *const names[] = {[PP_AXIS_VIEW] = "view",
                                        [PP_AXIS_PATTERN] = "pattern",
                                        [PP_AXIS_MODE] = "mode",
                                        [PP_AXIS_TILE] = "tile",
                                        [PP_AXIS_ITERATION] = "iteration",
                                        [PP_AXIS_COMPONENT] = "component",
                                        [PP_AXIS_Z] = "z",
                                        [PP_AXIS_Y] = "y",
                                        [PP_AXIS_X] = "x"};
    return names[axis];
}

/* "complex64 [mode][y][x] in sqrt(counts)" */
static void describe(const pp_port *port, char out[TEXT])
{
    int used = 0;
    for (int d = 0; d < PP_DTYPES; d++)
        if ((port->dtypes & PP_DTYPE_BIT(d)) && used < TEXT)
            used += snprintf(out + used, (size_t)(TEXT - used), "%s%s", used ? " or " : "",
                             pp_dtype_name((pp_dtype)d));
    if (used < TEXT) used += snprintf(out + used, (size_t)(TEXT - used), " ");
    for (int a = 0; a < PP_MAX_DIM && port->axes[a] != PP_AXIS_NONE && used < TEXT; a++)
        used += snprintf(out + used, (size_t)(TEXT - used), "[%s]", axis_name(port->axes[a]));
    if (port->unit && used < TEXT)
        (void)snprintf(out + used, (size_t)(TEXT - used), " in %s", port->unit);
}

static bool has_axis(const pp_port *port, pp_axis axis)
{
    for (int a = 0; a < PP_MAX_DIM; a++)
        if (port->axes[a] == axis) return true;
    return false;
}

/* A source that can begin in either scope puts only what belongs to the one that it begins in. */
static bool belongs(const pp_node *node, const pp_port *port)
{
    if (!node->config.stage->scope_of) return true;
    if (node->scope == PP_SCOPE_VIEW) return !has_axis(port, PP_AXIS_VIEW);
    return !has_axis(port, PP_AXIS_PATTERN) && !has_axis(port, PP_AXIS_MODE);
}

/* The same axes; a campaign stage may put the views' axis in front of what each view has. */
static bool same_axes(const pp_port *made, const pp_port *wanted, bool across)
{
    const int skip = across && wanted->axes[0] == PP_AXIS_VIEW ? 1 : 0;
    for (int a = 0; a < PP_MAX_DIM; a++) {
        const pp_axis axis = a + skip < PP_MAX_DIM ? wanted->axes[a + skip] : PP_AXIS_NONE;
        if (made->axes[a] != axis) return false;
    }
    return true;
}

static bool same_unit(const pp_port *a, const pp_port *b)
{
    return !a->unit || !b->unit || strcmp(a->unit, b->unit) == 0;
}

static void check_match(pp_pipeline *p, int reader, const pp_port *wanted, const pp_slot *slot,
                        pp_findings *findings)
{
    const pp_node *maker = &p->nodes[slot->node];
    const pp_port *made = &maker->config.stage->ports[slot->port];
    pp_node *node = &p->nodes[reader];
    const bool across = maker->scope == PP_SCOPE_VIEW && node->scope == PP_SCOPE_CAMPAIGN;
    if ((made->dtypes & wanted->dtypes) && same_axes(made, wanted, across) &&
        same_unit(made, wanted))
        return;
    char has[TEXT], wants[TEXT];
    describe(made, has);
    describe(wanted, wants);
    pp_check check = {&node->config, findings, NULL};
    pp_check_error(
        &check, NULL, PP_ERR_CONFIG,
        "its input '%s' is %s, but the nearest stage upstream that gives it, '%s', gives %s",
        wanted->name, wants, maker->config.id, has);
}

/* A stage that could give it, for the message. */
static const char *who_puts(const char *name)
{
    for (int k = 0; k < pp_registry_count(); k++) {
        const pp_stage_class *type = pp_registry_at(k).stage;
        for (const pp_port *port = type->ports; port && port->name; port++)
            if (pp_port_puts(port) && strcmp(port->name, name) == 0 &&
                !(type->flags & PP_STAGE_SOURCE))
                return type->name;
    }
    return NULL;
}

static void report_missing(pp_node *node, const pp_port *wanted, pp_findings *findings)
{
    char wants[TEXT];
    describe(wanted, wants);
    const char *who = who_puts(wanted->name);
    pp_check check = {&node->config, findings, NULL};
    if (who && strcmp(who, node->config.stage->name) != 0)
        pp_check_error(&check, NULL, PP_ERR_CONFIG,
                       "needs '%s' (%s), which no stage before it gives; a stage '%s' gives it",
                       wanted->name, wants, who);
    else
        pp_check_error(&check, NULL, PP_ERR_CONFIG,
                       "needs '%s' (%s), which no stage before it gives", wanted->name, wants);
}

typedef struct nearest {
    int slot, writer;
} nearest;

static nearest find(const pp_pipeline *p, int reader, const char *name)
{
    for (int k = reader - 1; k >= 0; k--) {
        const pp_node *node = &p->nodes[k];
        for (int q = 0; q < node->port_count; q++) {
            const pp_port *port = &node->config.stage->ports[q];
            const bool writes = pp_port_puts(port) || port->dir == PP_INOUT;
            if (writes && node->slot[q] >= 0 && strcmp(port->name, name) == 0)
                return (nearest){node->slot[q], k};
        }
    }
    return (nearest){-1, -1};
}

static void connect_input(pp_pipeline *p, int k, int q, pp_findings *findings)
{
    pp_node *node = &p->nodes[k];
    const pp_port *port = &node->config.stage->ports[q];
    const nearest found = find(p, k, port->name);
    node->slot[q] = found.slot;
    node->writer[q] = found.writer;
    if (found.slot >= 0) {
        pp_slot *slot = &p->slots[found.slot];
        check_match(p, k, port, slot, findings);
        slot->last_reader = k;
        if (p->nodes[slot->node].scope == PP_SCOPE_VIEW && node->scope == PP_SCOPE_CAMPAIGN)
            slot->stored = true;
    } else if (port->dir != PP_IN_OPTIONAL && k > 0) {
        report_missing(node, port, findings);
    }
}

static bool is_always_stored(const char *name)
{
    static const char *const names[] = {
        "object", "origin",      "illumination",     "probe",     "positions", "cost", "steps",
        "error",  "intensities", "ring_correlation", "background"};
    for (size_t k = 0; k < sizeof names / sizeof *names; k++)
        if (strcmp(names[k], name) == 0) return true;
    return false;
}

/* Of several slots of one name, the last one is the view's result. */
static void mark_stored(pp_pipeline *p)
{
    for (int s = 0; s < p->slot_count; s++) {
        pp_slot *slot = &p->slots[s];
        if (p->nodes[slot->node].scope != PP_SCOPE_VIEW) continue;
        bool last = true;
        for (int t = s + 1; t < p->slot_count; t++)
            if (p->nodes[p->slots[t].node].scope == PP_SCOPE_VIEW &&
                strcmp(p->slots[t].name, slot->name) == 0)
                last = false;
        slot->stored = last && (slot->stored || is_always_stored(slot->name));
    }
}

pp_status pp_pipeline_connect(pp_pipeline *p, pp_findings *findings)
{
    int most = 1;
    for (int k = 0; k < p->count; k++) most += p->nodes[k].port_count;
    PP_TRY(PP_ALLOC(most, &p->slots));
    for (int k = 0; k < p->count; k++) {
        pp_node *node = &p->nodes[k];
        for (int q = 0; q < node->port_count; q++) {
            node->slot[q] = node->writer[q] = -1;
            if (pp_port_reads(&node->config.stage->ports[q])) connect_input(p, k, q, findings);
        }
        for (int q = 0; q < node->port_count; q++) {
            const pp_port *port = &node->config.stage->ports[q];
            if (!pp_port_puts(port) || !belongs(node, port)) continue;
            p->slots[p->slot_count] = (pp_slot){port->name, k, q, k, false};
            node->slot[q] = p->slot_count++;
        }
    }
    mark_stored(p);
    return PP_OK;
}
