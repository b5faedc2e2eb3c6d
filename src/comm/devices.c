/* SPDX-License-Identifier: BSD-3-Clause */
#include "comm/devices.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/hash.h"

/* What a rank sees: the same text on ranks of the same node with the same devices. */
typedef struct sight {
    char text[PP_HASH_TEXT];
} sight;

static bool number(const char *name, int *out)
{
    const char *text = getenv(name);
    char *end = NULL;
    if (!text) return false;
    const long value = strtol(text, &end, 10); /* "4(x2)": 4 on each of two nodes */
    *out = (int)value;
    return end != text && value >= 0 && value < 100000;
}

bool pp_devices_slurm(int visible, int *index, int *of)
{
    int on_node;
    if (!number("SLURM_LOCALID", index) || !number("SLURM_STEP_TASKS_PER_NODE", of)) return false;
    if (number("SLURM_GPUS_ON_NODE", &on_node) && visible < on_node) return false;
    return *of > 1 && *index < *of;
}

static pp_status look(const pp_backend *backend, int devices, sight *out)
{
    char host[256] = "";
    pp_hash *hash;
    pp_status status = PP_OK;
    pp_device_facts facts;
    memset(out, 0, sizeof *out);
    PP_TRY(pp_hash_create(&hash));
    (void)gethostname(host, sizeof host - 1);
    pp_hash_add_text(hash, host);
    for (int k = 0; k < devices && status == PP_OK; k++) {
        status = backend->facts->tell(k, &facts);
        if (status == PP_OK) pp_hash_add_text(hash, facts.bus);
    }
    pp_hash_text(hash, out->text);
    pp_hash_free(&hash);
    return status;
}

/* This rank's number among those that see what it sees. */
static void count_equals(const sight *all, int size, int rank, int *index, int *of)
{
    *index = *of = 0;
    for (int r = 0; r < size; r++) {
        if (strcmp(all[r].text, all[rank].text) != 0) continue;
        *index += r < rank;
        ++*of;
    }
}

static pp_status bind_one(const pp_comm *world, const pp_backend *backend, sight *all,
                          const int64_t *ones)
{
    const int devices = backend->devices(NULL), size = pp_comm_size(world);
    int index = 0, of = 1;
    sight mine;
    PP_TRY(pp_comm_agree(world, look(backend, devices, &mine)));
    PP_TRY(pp_comm_allgather_rows(world, &mine, all, sizeof mine, ones));
    count_equals(all, size, pp_comm_rank(world), &index, &of);
    if (size == 1 && !pp_devices_slurm(devices, &index, &of)) index = 0, of = 1;
    pp_backend_share(backend, index, of);
    return PP_OK;
}

pp_status pp_devices_bind(const pp_comm *world)
{
    const int size = pp_comm_size(world);
    sight *all = NULL;
    int64_t *ones = NULL;
    pp_status status = PP_ALLOC(size, &all);
    if (status == PP_OK) status = PP_ALLOC(size, &ones);
    for (int r = 0; ones && r < size; r++) ones[r] = 1;
    status = pp_comm_agree(world, status);
    for (const pp_backend *const *b = pp_backends(); *b && status == PP_OK; b++)
        if ((*b)->facts) status = bind_one(world, *b, all, ones);
    pp_free(all);
    pp_free(ones);
    return status;
}
