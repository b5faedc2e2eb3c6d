/* polyptych devices: what this machine offers, what each back end can do, and which rank takes which device.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/command.h"
#include "backend/backend.h"
#include "backend/cpu/topology.h"
#include "base/alloc.h"
#include "base/text.h"
#include "comm/comm.h"

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

static void print_sweeps(const pp_backend *backend)
{
    (void)printf("; ptychography sweeps:");
    for (int i = 0; backend->sweeps && backend->sweeps[i]; i++)
        (void)printf(" %s", backend->sweeps[i]->name);
    (void)printf("%s\n", backend->sweeps && backend->sweeps[0] ? "" : " none");
}

static void print_backend(const pp_backend *backend)
{
    const char *why = NULL;
    const int devices = backend->devices(&why);
    (void)printf("%-11s ", backend->name);
    if (devices == 0) {
        (void)printf("built in, no device%s%s\n", why ? ": " : "", why ? why : "");
    } else {
        (void)printf("built in, %d device%s", devices, devices == 1 ? "" : "s");
        print_sweeps(backend);
    }
}

/* ---- devices with memory of their own ---- */

/* Prints how a test went; its status is the caller's to return. */
static pp_status tell(const char *what, pp_status status)
{
    (void)printf("  %-9s %s\n", what, status == PP_OK ? "fine" : pp_error_last()->text);
    return status;
}

static pp_status print_device(const pp_backend *backend, int k)
{
    pp_device_facts f;
    PP_TRY(backend->facts->tell(k, &f));
    (void)printf(
        "  device %d  %s at %s, compute capability %d.%d, %d multiprocessors, %.1f GiB, L2 "
        "%.1f MiB\n",
        k, f.name, f.bus, f.capability[0], f.capability[1], f.processors, f.memory / 1073741824.0,
        f.cache / 1048576.0);
    pp_status status = pp_backend_use(backend, k);
    if (status == PP_OK) status = backend->facts->test();
    return tell("FFT", status);
}

/* Rows of which device reads the memory of which. */
static pp_status print_peers(const pp_backend *backend, int devices)
{
    for (int a = 0; a < devices; a++) {
        (void)printf("  %s%d reads", a ? "          " : "peers     ", a);
        int count = 0;
        for (int b = 0; b < devices; b++) {
            bool can = false;
            if (a != b) PP_TRY(backend->facts->peers(a, b, &can));
            if (can) (void)printf(" %d", b);
            count += can;
        }
        (void)printf("%s\n", count ? "" : " no other");
    }
    return PP_OK;
}

/* A number from each device to each other one. */
static pp_status try_links(const pp_backend *backend, int devices)
{
    int of[PP_LINK_MOST];
    int64_t room[PP_LINK_MOST];
    for (int k = 0; k < devices; k++) of[k] = k, room[k] = 1;
    const pp_link_setup setup = {.size = devices, .devices = of, .room = room};
    pp_links *links = NULL;
    const pp_status status = backend->links->open(&setup, &links);
    if (status != PP_OK) return tell("NCCL", status);
    (void)printf("  %-9s fine, %d devices\n", backend->links->how(links), devices);
    backend->links->close(&links);
    return PP_OK;
}

static pp_status try_devices(const pp_backend *backend)
{
    const int found = backend->devices(NULL), devices = found < PP_LINK_MOST ? found : PP_LINK_MOST;
    pp_status status = PP_OK;
    for (int k = 0; k < devices; k++) {
        const pp_status one = print_device(backend, k);
        if (status == PP_OK) status = one;
    }
    if (devices < 2) return status;
    if (status == PP_OK) status = print_peers(backend, devices);
    return status == PP_OK ? try_links(backend, devices) : status;
}

/* ---- which devices each rank takes ---- */

enum { LINE = 512 };

static pp_status describe_mine(const pp_backend *backend, const pp_comm *comm, char line[LINE])
{
    char host[64] = "?";
    const int devices = pp_backend_devices(backend);
    (void)gethostname(host, sizeof host - 1);
    int used = snprintf(line, LINE, "  rank %d on %s takes", pp_comm_rank(comm), host);
    if (devices < 1) used += snprintf(line + used, LINE - (size_t)used, " none");
    for (int r = 0; r < devices && used < LINE - 64; r++) {
        pp_device_facts f;
        const int k = pp_backend_device(backend, r);
        PP_TRY(backend->facts->tell(k, &f));
        used += snprintf(line + used, LINE - (size_t)used, "%s %d (%s)", r ? "," : "", k, f.bus);
    }
    return PP_OK;
}

static pp_status print_map(const pp_backend *backend, const pp_comm *comm)
{
    const int size = pp_comm_size(comm);
    char mine[LINE] = "", *all = NULL;
    int64_t *ones = NULL;
    pp_status status = PP_ALLOC((int64_t)size * LINE, &all);
    if (status == PP_OK) status = PP_ALLOC(size, &ones);
    for (int r = 0; ones && r < size; r++) ones[r] = 1;
    if (status == PP_OK) status = describe_mine(backend, comm, mine);
    status = pp_comm_agree(comm, status);
    if (status == PP_OK) status = pp_comm_allgather_rows(comm, mine, all, LINE, ones);
    for (int r = 0; status == PP_OK && r < size && pp_comm_rank(comm) == 0; r++)
        (void)printf("%s\n", all + (size_t)r * LINE);
    pp_free(all);
    pp_free(ones);
    return status;
}

/* Rank 0 tells of its machine; every rank of what it takes. */
static pp_status print_backends(const pp_comm *comm)
{
    const bool first = pp_comm_rank(comm) == 0;
    for (const pp_backend *const *b = pp_backends(); *b; b++) {
        pp_status status = PP_OK;
        if (first) print_backend(*b);
        if (!(*b)->facts) continue;
        if (first) status = try_devices(*b);
        PP_TRY(pp_comm_agree(comm, status));
        double most = pp_backend_devices(*b);
        PP_TRY(pp_comm_allreduce(comm, &most, 1, PP_MAX));
        if (most > 0) PP_TRY(print_map(*b, comm));
    }
    return PP_OK;
}

static void print_missing(void)
{
    static const char *const known[] = {"cpu", "cuda", "mock"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (!pp_backend_find(known[i])) (void)printf("%-11s not built in\n", known[i]);
}

static pp_status run(const pp_arguments *arguments)
{
    const bool first = pp_comm_rank(arguments->comm) == 0;
    PP_TRY(pp_comm_agree(arguments->comm, first ? print_processor() : PP_OK));
    if (first)
        (void)printf("MPI         %s, %s\n", pp_mpi_version(),
                     pp_mpi_takes_device_memory()
                         ? "CUDA-aware: is given device memory"
                         : "not CUDA-aware: device memory goes by way of the host");
    if (first) (void)printf("back ends\n");
    if (first) print_missing();
    return print_backends(arguments->comm);
}

const pp_command pp_command_devices = {
    .name = "devices",
    .arguments = "",
    .summary = "back ends built in, devices found, what each can do, which rank takes which",
    .ranks = PP_RANKS_ALL,
    .run = run,
};
