/* What the machine gives this rank: cores, memory, names.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_MACHINE_H
#define PP_MACHINE_H

#include "comm/comm.h"

typedef struct pp_machine {
    char host[256];
    int cores;             /* that this rank may use */
    int share;             /* of them that are its own: cores / ranks that share them */
    int node_cores;        /* online on this node */
    double memory;         /* bytes available on this node, within its control group */
    char instructions[32]; /* "x86-64-v3": what the processor can do */
    char processor[128];
} pp_machine;

/** Looks at the machine. Collective. */
PP_MUST_CHECK pp_status pp_machine_find(const pp_comm *world, pp_machine *out);
/** Threads for `setting` (0: this rank's share); warns where the rank is bound to less than its share of the node. */
int pp_machine_threads(const pp_machine *machine, const pp_comm *world, int64_t setting);

#endif
