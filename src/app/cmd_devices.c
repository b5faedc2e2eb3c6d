/* polyptych devices: what this machine offers, and what each back end can do.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <string.h>

#include "app/command.h"
#include "backend/backend.h"
#include "backend/cpu/topology.h"
#include "base/alloc.h"
#include "base/text.h"

static pp_status print_processor(void)
{
    pp_topology t;
    PP_TRY(pp_topology_read(&t));
    (void)printf("processor   %s\n", t.model);
    (void)printf("cores       %d of %d may be used (hardware threads: %d of %d), %d socket%s, %d "
                 "NUMA node%s\n",
                 t.cores, t.machine_cores, t.hardware_threads, t.machine_threads, t.sockets,
                 t.sockets == 1 ? "" : "s", t.numa_nodes, t.numa_nodes == 1 ? "" : "s");
    (void)printf("caches      L1 %lld KiB, L2 %lld KiB for %d core%s, L3 %lld KiB for %d core%s\n",
                 (long long)t.l1_bytes / 1024, (long long)t.l2_bytes / 1024, t.l2_cores,
                 t.l2_cores == 1 ? "" : "s", (long long)t.l3_bytes / 1024, t.l3_cores,
                 t.l3_cores == 1 ? "" : "s");
    (void)printf("memory      %.1f GiB\n", t.memory_bytes / 1073741824.0);
    return PP_OK;
}

static void print_backend(const pp_backend *backend)
{
    const char *why = NULL;
    const int devices = backend->devices(&why);
    (void)printf("%-11s ", backend->name);
    if (devices == 0)
        (void)printf("built in, no device%s%s\n", why ? ": " : "", why ? why : "");
    else
        (void)printf("built in, %d device%s; ptychography sweeps:", devices,
                     devices == 1 ? "" : "s");
    for (int i = 0; devices && backend->sweeps && backend->sweeps[i]; i++)
        (void)printf(" %s", backend->sweeps[i]->name);
    if (devices) (void)printf("%s\n", backend->sweeps && backend->sweeps[0] ? "" : " none");
}

static pp_status run(const pp_arguments *arguments)
{
    static const char *const known[] = {"cpu", "cuda", "mock"};
    (void)arguments;
    PP_TRY(print_processor());
    (void)printf("back ends\n");
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (!pp_backend_find(known[i])) (void)printf("%-11s not built in\n", known[i]);
    for (const pp_backend *const *b = pp_backends(); *b; b++) print_backend(*b);
    return PP_OK;
}

const pp_command pp_command_devices = {
    .name = "devices",
    .arguments = "",
    .summary = "back ends built in, devices found, what each can do",
    .run = run,
};
