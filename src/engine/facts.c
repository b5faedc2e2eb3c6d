/* Named texts, and texts between ranks.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "engine/facts.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"

static void flatten(char *text)
{
    for (; *text; text++)
        if (*text == '\n' || *text == '\t' || *text == '\r') *text = ' ';
}

static pp_fact *find(const pp_facts *facts, const char *name)
{
    for (int64_t i = 0; i < facts->count; i++)
        if (strcmp(facts->items[i].name, name) == 0) return &facts->items[i];
    return NULL;
}

static pp_status append(pp_facts *facts, const char *name, pp_fact **out)
{
    void *grown = facts->items;
    PP_TRY(pp_realloc(&grown, (size_t)(facts->count + 1) * sizeof *facts->items));
    facts->items = grown;
    pp_fact *fact = &facts->items[facts->count];
    *fact = (pp_fact){.order = INT64_MAX};
    PP_TRY(pp_strdup(name, &fact->name));
    facts->count++;
    flatten(fact->name);
    *out = fact;
    return PP_OK;
}

pp_status pp_facts_set(pp_facts *facts, const char *name, const char *value, int64_t order)
{
    pp_fact *fact = find(facts, name);
    if (!fact) PP_TRY(append(facts, name, &fact));
    if (order > fact->order) return PP_OK;
    char *copy;
    PP_TRY(pp_strdup(value, &copy));
    flatten(copy);
    pp_free(fact->value);
    fact->value = copy;
    fact->order = order;
    return PP_OK;
}

const char *pp_facts_get(const pp_facts *facts, const char *name)
{
    const pp_fact *fact = find(facts, name);
    return fact ? fact->value : NULL;
}

void pp_facts_free(pp_facts *facts)
{
    for (int64_t i = 0; i < facts->count; i++) {
        pp_free(facts->items[i].name);
        pp_free(facts->items[i].value);
    }
    pp_free(facts->items);
    *facts = (pp_facts){0};
}

static pp_status share(const pp_comm *comm, const char *mine, int64_t *lengths, char **all)
{
    const int size = pp_comm_size(comm);
    int64_t ones[1] = {(int64_t)strlen(mine)}, total = 0;
    for (int r = 0; r < size; r++) {
        lengths[r] = ones[0];
        PP_TRY(pp_comm_bcast(comm, &lengths[r], sizeof *lengths, r));
        total += lengths[r];
    }
    PP_TRY(pp_comm_agree(comm, PP_ALLOC(total + 1, all)));
    return pp_comm_allgather_rows(comm, mine, *all, 1, lengths);
}

pp_status pp_share_text(const pp_comm *comm, const char *mine, char **all)
{
    int64_t *lengths = NULL;
    char *text = NULL;
    pp_status status = pp_comm_agree(comm, PP_ALLOC(pp_comm_size(comm), &lengths));
    if (status == PP_OK) status = share(comm, mine, lengths, &text);
    pp_free(lengths);
    if (status == PP_OK)
        *all = text;
    else
        pp_free(text);
    return status;
}

pp_status pp_share_root_text(const pp_comm *comm, char **text)
{
    const bool root = pp_comm_rank(comm) == 0;
    char *all = NULL;
    PP_TRY(pp_share_text(comm, root ? *text : "", &all));
    pp_free(root ? *text : NULL);
    *text = all;
    return PP_OK;
}

static pp_status pack(const pp_facts *facts, pp_text *text)
{
    PP_TRY(pp_text_add(text, "%s", ""));
    for (int64_t i = 0; i < facts->count; i++)
        PP_TRY(pp_text_add(text, "%lld\t%s\t%s\n", (long long)facts->items[i].order,
                           facts->items[i].name,
                           facts->items[i].value ? facts->items[i].value : ""));
    return PP_OK;
}

static pp_status unpack(pp_facts *facts, char *text)
{
    char *rest = NULL;
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        char *name = strchr(line, '\t'), *value = name ? strchr(name + 1, '\t') : NULL;
        if (!value) continue;
        *name++ = *value++ = 0;
        PP_TRY(pp_facts_set(facts, name, value, strtoll(line, NULL, 10)));
    }
    return PP_OK;
}

pp_status pp_facts_share(pp_facts *facts, const pp_comm *comm)
{
    if (pp_comm_size(comm) == 1) return PP_OK;
    pp_text mine = {0};
    char *all = NULL;
    pp_status status = pp_comm_agree(comm, pack(facts, &mine));
    if (status == PP_OK) status = pp_share_text(comm, mine.data, &all);
    pp_text_free(&mine);
    pp_facts fresh = {0};
    if (status == PP_OK) status = pp_comm_agree(comm, unpack(&fresh, all));
    pp_free(all);
    if (status == PP_OK) {
        pp_facts_free(facts);
        *facts = fresh;
    } else {
        pp_facts_free(&fresh);
    }
    return status;
}
