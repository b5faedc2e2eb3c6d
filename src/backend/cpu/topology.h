/* What this process may use of the machine: cores of its affinity mask, caches, memory.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_TOPOLOGY_H
#define PP_TOPOLOGY_H

#include <polyptych/status.h>

typedef struct pp_topology {
    int cores, hardware_threads;          /* in the affinity mask of this process */
    int machine_cores, machine_threads;   /* of the whole node */
    int numa_nodes, sockets;              /* of the whole node */
    int64_t l1_bytes, l2_bytes, l3_bytes; /* data cache of one core; 0: unknown */
    int l2_cores, l3_cores;               /* cores that share one of them */
    double memory_bytes;                  /* of the node */
    char model[128];                      /* of the processor */
} pp_topology;

/** Not collective. Errors: PP_ERR_RESOURCE. */
PP_MUST_CHECK pp_status pp_topology_read(pp_topology *out);

#endif
