/* Cores by the affinity mask, memory by /proc and the control group.
 * SPDX-License-Identifier: BSD-3-Clause */
#define _GNU_SOURCE /* NOLINT: CPU_COUNT */
#include "engine/machine.h"

#include <polyptych/log.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/level.h"
#include "base/alloc.h"
#include "base/processor.h"

/* One rank's host and mask, for its neighbours. */
typedef struct seat {
    char host[256];
    cpu_set_t mask;
} seat;

static void find_mask(seat *mine)
{
    memset(mine, 0, sizeof *mine);
    (void)gethostname(mine->host, sizeof mine->host - 1);
    if (sched_getaffinity(0, sizeof mine->mask, &mine->mask) != 0 || CPU_COUNT(&mine->mask) == 0)
        CPU_SET(0, &mine->mask);
}

static int count_sharers(const seat *all, int size, const seat *mine)
{
    int sharers = 0;
    for (int r = 0; r < size; r++) {
        cpu_set_t both;
        CPU_AND(&both, &all[r].mask, &mine->mask);
        if (strcmp(all[r].host, mine->host) == 0 && CPU_COUNT(&both) > 0) sharers++;
    }
    return sharers > 0 ? sharers : 1;
}

static double number_in(const char *path, const char *format)
{
    char line[256];
    double value = 0;
    FILE *file = fopen(path, "r");
    if (!file) return -1;
    bool found = false;
    while (!found && fgets(line, sizeof line, file)) {
        const size_t prefix = strlen(format);
        if (strncmp(line, format, prefix) != 0) continue;
        char *end;
        value = strtod(line + prefix, &end);
        found = end != line + prefix;
    }
    (void)fclose(file);
    return found ? value : -1;
}

static double find_memory(void)
{
    double bytes = 1024 * number_in("/proc/meminfo", "MemAvailable:");
    if (bytes < 0) bytes = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
    const double limit = number_in("/sys/fs/cgroup/memory.max", "");
    const double used = number_in("/sys/fs/cgroup/memory.current", "");
    if (limit > 0 && used >= 0 && limit - used < bytes) bytes = limit - used;
    return bytes;
}

/* All ranks use the lowest instruction set of any, so that they give the same bits. */
static pp_status agree_on_level(const pp_comm *world, pp_machine *machine)
{
    PP_TRY(pp_comm_agree(world, pp_level_check()));
    double level = (double)pp_level_get();
    PP_TRY(pp_comm_allreduce(world, &level, 1, PP_MIN));
    pp_level_cap((pp_level)level);
    (void)snprintf(machine->instructions, sizeof machine->instructions, "%s",
                   pp_level_name(pp_level_get()));
    return PP_OK;
}

pp_status pp_machine_find(const pp_comm *world, pp_machine *out)
{
    const int size = pp_comm_size(world);
    seat mine, *all = NULL;
    int64_t *ones = NULL;
    pp_status status = PP_ALLOC(size, &all);
    if (status == PP_OK) status = PP_ALLOC(size, &ones);
    status = pp_comm_agree(world, status);
    find_mask(&mine);
    for (int r = 0; status == PP_OK && ones && r < size; r++) ones[r] = 1;
    if (status == PP_OK) status = pp_comm_allgather_rows(world, &mine, all, sizeof mine, ones);
    if (status == PP_OK) {
        *out = (pp_machine){0};
        memcpy(out->host, mine.host, sizeof out->host);
        out->cores = CPU_COUNT(&mine.mask);
        out->share = out->cores / count_sharers(all, size, &mine);
        if (out->share < 1) out->share = 1;
        out->node_cores = (int)sysconf(_SC_NPROCESSORS_ONLN);
        out->memory = find_memory();
        pp_processor_name(out->processor);
        status = agree_on_level(world, out);
    }
    pp_free(ones);
    pp_free(all);
    return status;
}

int pp_machine_threads(const pp_machine *machine, const pp_comm *world, int64_t setting)
{
    if (setting > 0) return (int)setting;
    const bool launched =
        getenv("OMPI_COMM_WORLD_SIZE") || getenv("PMIX_RANK") || getenv("PMI_RANK");
    const int fair = machine->node_cores / pp_comm_local_size(world);
    if (launched && machine->share < fair && pp_comm_local_rank(world) == 0)
        pp_warn(
            "%s: this rank is bound to %d of %d cores and uses %d thread%s, though its share is "
            "%d: start with mpirun --bind-to none",
            machine->host, machine->cores, machine->node_cores, machine->share,
            machine->share > 1 ? "s" : "", fair);
    return machine->share;
}
