/* Which devices are whose: the ranks of a node that see the same devices share them, in blocks, by their local rank.
 *
 * Visibility is the launcher's and the user's (CUDA_VISIBLE_DEVICES): ranks that each see a device of their own keep it. A program
 * that is not under MPI but one of several tasks of a Slurm step takes the share of SLURM_LOCALID, unless Slurm shows it
 * fewer devices than the node has for the job (SLURM_GPUS_ON_NODE).
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_COMM_DEVICES_H
#define PP_COMM_DEVICES_H

#include "backend/backend.h"
#include "comm/comm.h"

/** Gives this process its share of every back end's devices (pp_backend_share). Collective. */
PP_MUST_CHECK pp_status pp_devices_bind(const pp_comm *world);
/** Index and number of the tasks of this Slurm step on this node, from the environment; false: there is no such thing, or each task
 *  has devices of its own. visible: how many this process sees. */
bool pp_devices_slurm(int visible, int *index, int *of);

#endif
