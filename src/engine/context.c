/* What a stage may ask of the engine during a call.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "engine/run.h"

static const pp_node *node_of(const pp_context *context)
{
    return &context->run->pipeline->nodes[context->node];
}

void pp_context_end(pp_context *context)
{
    for (int k = 0; k < context->identity_count; k++) pp_identity_free(&context->identities[k]);
    pp_free(context->identities);
    context->identities = NULL;
    context->identity_count = 0;
}

pp_status pp_context_note(const pp_context *context, pp_status status)
{
    const char *id = node_of(context)->config.id;
    if (!context->job) return PP_NOTE(status, "in stage '%s'", id);
    return PP_NOTE(status, "in stage '%s', view %lld", id,
                   (long long)pp_context_view_number(context));
}

static pp_array *at(const pp_context *context, int port)
{
    const pp_node *node = node_of(context);
    if (port < 0 || !context->slots || node->slot[port] < 0) return NULL;
    return context->slots[node->slot[port]];
}

const pp_array *pp_context_get(const pp_context *context, const char *port)
{
    return at(context, pp_node_side(node_of(context), port, false));
}

pp_array *pp_context_lend(pp_context *context, const char *port)
{
    return at(context, pp_node_side(node_of(context), port, false));
}

pp_array *pp_context_edit(pp_context *context, const char *port)
{
    const pp_node *node = node_of(context);
    const int p = pp_node_side(node, port, false);
    if (p < 0 || node->config.stage->ports[p].dir != PP_INOUT) return NULL;
    return at(context, p);
}

/* Whether `word` is one of the words in `list`. */
static bool is_word(const char *list, const char *word)
{
    const size_t length = strlen(word);
    for (; list && *list; list += strcspn(list, " "), list += strspn(list, " "))
        if (strcspn(list, " ") == length && strncmp(list, word, length) == 0) return true;
    return false;
}

static pp_status check_put(const pp_context *context, const char *name, const pp_array *array,
                           int *out)
{
    const pp_node *node = node_of(context);
    const bool restores = is_word(context->restore_ports, name);
    const int p = pp_node_side(node, name, !restores);
    const pp_port *port = p < 0 ? NULL : &node->config.stage->ports[p];
    if (!port)
        return PP_FAIL(PP_ERR_RUN, "stage '%s' puts '%s', which it did not declare as an output",
                       node->config.id, name);
    if (!context->slots)
        return PP_FAIL(PP_ERR_RUN, "stage '%s' puts '%s' outside of its run", node->config.id,
                       name);
    if (!array)
        return PP_FAIL(PP_ERR_RUN, "stage '%s' puts nothing at '%s'", node->config.id, name);
    int axes = 0;
    while (axes < PP_MAX_DIM && port->axes[axes] != PP_AXIS_NONE) axes++;
    if (!(port->dtypes & PP_DTYPE_BIT(pp_array_dtype(array))) || pp_array_ndim(array) != axes)
        return PP_FAIL(
            PP_ERR_RUN, "stage '%s' puts %s with %d axes at '%s', which is declared otherwise",
            node->config.id, pp_dtype_name(pp_array_dtype(array)), pp_array_ndim(array), name);
    *out = p;
    return PP_OK;
}

pp_status pp_context_put(pp_context *context, const char *port, pp_array **array)
{
    int p = -1;
    const pp_status status = check_put(context, port, *array, &p);
    const int slot = status == PP_OK ? node_of(context)->slot[p] : -1;
    if (slot < 0) {
        pp_array_free(array);
        return status;
    }
    pp_array_free(&context->slots[slot]);
    context->slots[slot] = *array;
    *array = NULL;
    return PP_OK;
}

int64_t pp_context_view_number(const pp_context *context)
{
    if (!context->job) return -1;
    return context->run->views.entries[context->job->index].number;
}

pp_geometry *pp_context_geometry(pp_context *context)
{
    return context->job ? &context->job->geometry : NULL;
}

const pp_views *pp_context_views(const pp_context *context)
{
    return &context->run->views;
}

bool pp_context_view_done(const pp_context *context, int64_t index)
{
    return context->run->view_states[index] == PP_VIEW_DONE;
}

pp_status pp_context_view_result(pp_context *context, int64_t index, const char *port,
                                 pp_array **out)
{
    char *path;
    PP_TRY(pp_run_view_path(context->run, index, &path));
    const pp_status status = pp_view_result_read(path, port, out);
    pp_free(path);
    return status;
}

pp_status pp_context_view_optional(pp_context *context, int64_t index, const char *port,
                                   pp_array **out)
{
    char *path;
    bool there = false;
    *out = NULL;
    PP_TRY(pp_run_view_path(context->run, index, &path));
    pp_status status = pp_view_result_has(path, port, &there);
    if (status == PP_OK && there) status = pp_view_result_read(path, port, out);
    pp_free(path);
    return status;
}

int pp_context_threads(const pp_context *context)
{
    return context->job ? context->job->threads : context->run->threads;
}

int pp_context_group(const pp_context *context, int *groups)
{
    if (groups) *groups = context->run->sharing.groups;
    return context->job ? context->job->group : 0;
}

void pp_context_sharing(const pp_context *context, pp_plan_groups *sharing)
{
    *sharing = context->run->sharing;
}

double pp_context_device_bytes(const pp_context *context, const pp_device_question *question)
{
    return pp_run_device_bytes(context->run, context->node, question);
}

const char *pp_context_backend(const pp_context *context)
{
    return pp_backend_setting(context->run->settings->backend);
}

int64_t pp_context_seed(const pp_context *context)
{
    return context->run->settings->seed;
}

const char *pp_context_output(const pp_context *context)
{
    return pp_run_output(context->run);
}

const char *pp_context_stage_id(const pp_context *context)
{
    return node_of(context)->config.id;
}

/* The contexts' own: pp_context is const for the caller because nothing that it sees changes. */
static pp_status make_identity(pp_context *context, int writer, const pp_identity **out)
{
    void *grown = context->identities;
    PP_TRY(pp_realloc(&grown, (size_t)(context->identity_count + 1) * sizeof(pp_identity)));
    context->identities = grown;
    pp_identity *one = &context->identities[context->identity_count];
    *one = (pp_identity){{0}, NULL};
    PP_TRY(context->job ? pp_identity_of_view(context->run, writer, context->job->index, one)
                        : pp_identity_of_campaign(context->run, writer, one));
    context->identity_count++;
    *out = one;
    return PP_OK;
}

void pp_context_identity(const pp_context *context, const char *port, const char **hash,
                         const char **parameters)
{
    union {
        const pp_context *read;
        pp_context *own;
    } both = {.read = context};
    const pp_node *node = node_of(context);
    const int p = port ? pp_node_side(node, port, false) : -1;
    int writer = p < 0 ? -1 : node->writer[p];
    if (p < 0 && (!port || pp_node_side(node, port, true) >= 0)) writer = context->node;
    const pp_identity *identity = NULL;
    if (writer >= 0 && make_identity(both.own, writer, &identity) != PP_OK) pp_log_last_error();
    *hash = identity ? identity->hash : "";
    *parameters = identity ? identity->parameters : "";
}

void **pp_context_state(pp_context *context)
{
    return &context->run->stage_states[context->node];
}

bool pp_context_stopped(const pp_context *context)
{
    return atomic_load(&context->run->stop) || pp_signals_seen();
}

void pp_context_progress(pp_context *context, double fraction)
{
    const double f = fraction < 0 ? 0 : fraction > 1 ? 1 : fraction;
    if (context->job) atomic_store(&context->job->progress, (int)(1000 * f));
}

void pp_context_fact(pp_context *context, const char *name, const char *format, ...)
{
    char key[256], value[1024];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(value, sizeof value, format, arguments);
    va_end(arguments);
    (void)snprintf(key, sizeof key, "%s.%s", pp_context_stage_id(context), name);
    (void)pthread_mutex_lock(&context->run->lock);
    const pp_status status =
        pp_facts_set(&context->run->facts, key, value, context->job ? context->job->index : -1);
    (void)pthread_mutex_unlock(&context->run->lock);
    if (status != PP_OK) pp_log_last_error();
}

bool pp_context_known(const pp_context *context, int64_t index, const char **name,
                      const char **value)
{
    const pp_facts *facts = &context->run->facts;
    if (index < 0 || index >= facts->count) return false;
    *name = facts->items[index].name;
    *value = facts->items[index].value;
    return true;
}

bool pp_context_restart(const pp_context *context)
{
    return context->run->request->restart;
}

const struct pp_comm *pp_context_comm(const pp_context *context)
{
    return context->run->world;
}
