/* The checked chain: stages in order, each port connected to the nearest stage upstream that puts it.
 *
 * A slot is a place for one array: one for each port that a stage puts anew. A stage that changes an array in place (PP_INOUT)
 * uses its slot again and becomes its writer. View-scope slots that campaign stages read, and those that every result file has, are
 * stored in the view's result.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_PIPELINE_H
#define PP_PIPELINE_H

#include "config/config.h"

enum { PP_MAX_PORTS = 48 };

typedef struct pp_node {
    pp_config_stage
        config; /* borrowed from the configuration, or the defaults of a stage that was put in */
    void *defaults; /* owned: parameters of a stage that was put in */
    pp_scope scope;
    int port_count;
    int slot[PP_MAX_PORTS]; /* per port: the slot that it reads or puts, -1 where not connected */
    int writer
        [PP_MAX_PORTS]; /* per port that reads: the node that put or changed it last, else -1 */
    char *identity;     /* text of the parameters up to and with this stage (identity.c) */
} pp_node;

typedef struct pp_slot {
    const char *name;
    int node, port; /* who puts it */
    int last_reader; /* node after which it is not needed any more; the producer itself where nobody reads */
    bool stored; /* part of the view's result file */
} pp_slot;

typedef struct pp_pipeline {
    int count, slot_count;
    pp_node *nodes;
    pp_slot *slots;
} pp_pipeline;

/** Builds the chain of `config` and checks it; findings name FILE:LINE. *out is set even where there are errors, so that
 *  more can be checked. `config` must outlive it. */
PP_MUST_CHECK pp_status pp_pipeline_create(const pp_config *config, pp_findings *findings,
                                           pp_pipeline **out);
void pp_pipeline_free(pp_pipeline **pipeline);

/** Index of the port in the class's table, -1 where there is none. */
int pp_node_port(const pp_node *node, const char *port);
bool pp_port_reads(const pp_port *port);
bool pp_port_puts(const pp_port *port);
/** The same for one direction, -1 where there is none. A name may stand in the table twice, as what is read and as what is put:
 *  puts tells which. */
int pp_node_side(const pp_node *node, const char *name, bool puts);
static inline bool pp_node_is(const pp_node *node, unsigned flag)
{
    return (node->config.stage->flags & flag) != 0;
}
/** Last node of view scope, -1 where there is none. */
int pp_pipeline_last_view(const pp_pipeline *pipeline);

#endif
