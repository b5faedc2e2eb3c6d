/* Identities: what a result is made from, as text and hash.
 *
 * The text has one "key = value" a line: the seed; of every stage up to the one that made the result, save those that only
 * write, its version and its parameters (not those that change a report only); of input files their hash, not their name, so
 * that a campaign may move; a view's number, angle and data file; of a campaign the hash of all its views and which of them
 * are left out. name, output, threads, on_error, backend and the number of ranks do not count: back ends agree within
 * rounding, and which one was used stands in provenance.json.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "engine/run.h"

static const char left_out[] = "views left out = ";

static const char *path_value(const pp_param *p, const void *params)
{
    return *(const char *const *)(const void *)((const char *)params + p->offset);
}

static pp_status add_param(const pp_run *run, const pp_node *node, const pp_param *p, pp_text *out)
{
    if (p->flags & (PP_P_REPORT_ONLY | PP_P_VIEWS_TABLE)) return PP_OK;
    if (p->flags & PP_P_INPUT_FILE) {
        const char *path = path_value(p, node->config.params);
        const char *hash = path && *path ? pp_inputs_hash(&run->inputs, path) : NULL;
        return pp_text_add(out, "%s.%s = %s\n", node->config.id, p->name, hash ? hash : "none");
    }
    char *value;
    PP_TRY(pp_param_text(p, node->config.params, &value));
    const pp_status status = pp_text_add(out, "%s.%s = %s\n", node->config.id, p->name, value);
    pp_free(value);
    return status;
}

static pp_status add_node(const pp_run *run, const pp_node *node, pp_text *out)
{
    const pp_stage_class *type = node->config.stage;
    PP_TRY(pp_text_add(out, "%s.use = %s%s%s\n", node->config.id, type->name,
                       type->version ? " " : "", type->version ? type->version : ""));
    for (const pp_param *p = type->params; p && p->name; p++) PP_TRY(add_param(run, node, p, out));
    return PP_OK;
}

pp_status pp_identity_prepare(pp_run *run)
{
    pp_text text = {0};
    pp_status status = pp_text_add(&text, "seed = %lld\n", (long long)run->settings->seed);
    for (int k = 0; k < run->pipeline->count && status == PP_OK; k++) {
        pp_node *node = &run->pipeline->nodes[k];
        if (!pp_node_is(node, PP_STAGE_OUTPUT | PP_STAGE_REPORT))
            status = add_node(run, node, &text);
        pp_free(node->identity);
        node->identity = NULL;
        if (status == PP_OK) status = pp_strdup(text.data, &node->identity);
    }
    pp_text_free(&text);
    return status;
}

static pp_status finish(pp_status status, pp_text *text, pp_identity *out)
{
    pp_hash *hash = NULL;
    if (status == PP_OK) status = pp_hash_create(&hash);
    if (status != PP_OK) {
        pp_text_free(text);
        return status;
    }
    pp_hash_add_text(hash, text->data);
    pp_hash_text(hash, out->hash);
    pp_hash_free(&hash);
    out->parameters = text->data;
    return PP_OK;
}

static bool source_makes_data(const pp_run *run)
{
    return pp_node_is(&run->pipeline->nodes[0], PP_STAGE_MAKES);
}

static pp_status add_view(const pp_run *run, int64_t index, pp_text *text)
{
    const pp_view_entry *entry = &run->views.entries[index];
    PP_TRY(pp_text_add(text, "view.number = %lld\nview.angle = %.17g rad\n",
                       (long long)entry->number, entry->geometry.angle));
    const char *hash = NULL;
    if (entry->path && !source_makes_data(run)) hash = pp_inputs_hash(&run->inputs, entry->path);
    return hash ? pp_text_add(text, "view.data = %s\n", hash) : PP_OK;
}

pp_status pp_identity_of_view(const pp_run *run, int node, int64_t index, pp_identity *out)
{
    pp_text text = {0};
    pp_status status = pp_text_add(&text, "%s", run->pipeline->nodes[node].identity);
    if (status == PP_OK) status = add_view(run, index, &text);
    return finish(status, &text, out);
}

/* All views that were announced, whether done or not. */
static pp_status add_campaign(const pp_run *run, pp_text *text)
{
    pp_text views = {0};
    pp_identity all = {{0}, NULL};
    pp_status status = pp_text_add(&views, "%s", "");
    for (int64_t i = 0; i < run->views.count && status == PP_OK; i++)
        status = add_view(run, i, &views);
    status = finish(status, &views, &all);
    if (status == PP_OK)
        status = pp_text_add(text, "views = %lld, %s\n%s", (long long)run->views.count, all.hash,
                             left_out);
    pp_identity_free(&all);
    for (int64_t i = 0; i < run->views.count && status == PP_OK; i++)
        if (run->view_states[i] == PP_VIEW_FAILED)
            status = pp_text_add(text, "%lld ", (long long)run->views.entries[i].number);
    return status == PP_OK ? pp_text_add(text, "\n") : status;
}

pp_status pp_identity_of_campaign(const pp_run *run, int node, pp_identity *out)
{
    pp_text text = {0};
    pp_status status = pp_text_add(&text, "%s", run->pipeline->nodes[node].identity);
    if (status == PP_OK) status = add_campaign(run, &text);
    return finish(status, &text, out);
}

/* The line in `text` that begins with the first `length` bytes of `key`; NULL where there is none. */
static const char *find_line(const char *text, const char *key, size_t length)
{
    while (text && *text) {
        if (strncmp(text, key, length) == 0) return text;
        text = strchr(text, '\n');
        if (text) text++;
    }
    return NULL;
}

typedef struct value {
    const char *text;
    int length;
} value;

static value value_of(const char *line, size_t key)
{
    if (!line) return (value){"not there", 9};
    return (value){line + key, (int)strcspn(line + key, "\n")};
}

/* Lines of `from` that are missing or other in `to`; `swapped`: from is the new text, and only missing ones are told. */
static pp_status compare(const char *from, const char *to, bool swapped, pp_text *out)
{
    for (const char *line = from; line && *line;) {
        const char *sign = strstr(line, " = "), *end = strchr(line, '\n');
        if (!sign || !end) break;
        const size_t key = (size_t)(sign - line) + 3;
        const char *other = find_line(to, line, key);
        const value a = value_of(line, key), b = value_of(other, key);
        const bool same =
            other && a.length == b.length && strncmp(a.text, b.text, (size_t)a.length) == 0;
        const bool told = !same && !(swapped && other) && !pp_text_starts(line, left_out);
        if (told)
            PP_TRY(pp_text_add(out, "\n    %.*s: %.*s on file, %.*s now", (int)(sign - line), line,
                               swapped ? b.length : a.length, swapped ? b.text : a.text,
                               swapped ? a.length : b.length, swapped ? a.text : b.text));
        line = end + 1;
    }
    return PP_OK;
}

pp_status pp_identity_changes(const char *old, const char *now, char **out)
{
    pp_text text = {0};
    pp_status status = compare(old, now, false, &text);
    if (status == PP_OK) status = compare(now, old, true, &text);
    if (status == PP_OK)
        *out = text.data;
    else
        pp_text_free(&text);
    return status;
}
