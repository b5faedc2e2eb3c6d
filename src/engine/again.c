/* A view's data once more, for campaign stages: the stages up to the one that solves the view run again for it.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "base/alloc.h"
#include "engine/run.h"

/* The first node that is not part of the data: the one that puts the object, or that is of campaign scope. */
static int end_of_data(const pp_pipeline *pipeline)
{
    for (int k = 0; k < pipeline->count; k++) {
        const pp_node *node = &pipeline->nodes[k];
        if (node->scope != PP_SCOPE_VIEW) return k;
        for (int q = 0; q < node->port_count; q++) {
            const pp_port *port = &node->config.stage->ports[q];
            if (pp_port_puts(port) && strcmp(port->name, "object") == 0) return k;
        }
    }
    return pipeline->count;
}

static pp_status run_nodes(pp_run *run, pp_job *job, int end)
{
    for (int k = 0; k < end; k++) {
        const pp_node *node = &run->pipeline->nodes[k];
        pp_context context = {.run = run, .node = k, .slots = job->slots, .job = job};
        pp_status status = node->config.stage->run(node->config.params, &context);
        status = pp_context_note(&context, status);
        pp_context_end(&context);
        PP_TRY(status);
    }
    return PP_OK;
}

/* The array at the last slot of that name: what the solver would have read. */
static pp_array *take(const pp_pipeline *pipeline, pp_array **slots, const char *name)
{
    for (int s = pipeline->slot_count - 1; s >= 0; s--)
        if (slots[s] && strcmp(pipeline->slots[s].name, name) == 0) return pp_array_ref(slots[s]);
    return NULL;
}

pp_status pp_context_view_data(pp_context *context, int64_t index, const char *const *ports,
                               int count, pp_array **out)
{
    pp_run *run = context->run;
    const pp_pipeline *pipeline = run->pipeline;
    pp_job job = {.index = index, .geometry = run->views.entries[index].geometry};
    const int end = end_of_data(pipeline);
    if (context->job || end == 0)
        return PP_FAIL(PP_ERR_RUN, "stage '%s' asks for a view's data, which %s",
                       pipeline->nodes[context->node].config.id,
                       context->job ? "only campaign stages may" : "this pipeline does not have");
    PP_TRY(PP_ALLOC(pipeline->slot_count + 1, &job.slots));
    const pp_status status = run_nodes(run, &job, end);
    for (int k = 0; k < count && status == PP_OK; k++) out[k] = take(pipeline, job.slots, ports[k]);
    for (int s = 0; s < pipeline->slot_count; s++) pp_array_free(&job.slots[s]);
    pp_free(job.slots);
    return status;
}
