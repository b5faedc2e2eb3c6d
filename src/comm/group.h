/* Groups: the devices that work on one view, each driven by a thread of this process, with one communicator.
 *
 * Beside the collectives of comm.h a group has messages without copies: a post gives the address of a block, the receiver
 * copies it (or adds it up) where it needs it, and the sender may change the block again after pp_group_settle. So passes from tile
 * to tile overlap with computation, and nothing is allocated.
 *
 * If a thread fails, every wait of the others ends with an error, as soon as nobody is inside a message any more: nobody waits for a
 * rank that is gone, and what a rank posted it may free on its way out.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_GROUP_H
#define PP_GROUP_H

#include "comm/comm.h"

enum { PP_GROUP_MOST = 64 };

typedef pp_status (*pp_group_work)(const pp_comm *group, void *argument);

/** Runs `work` on `size` threads (rank 0 is the caller's) and waits for all. Returns the status of the first rank that
 *  failed of its own accord, with its record. size 1 runs it in place. */
PP_MUST_CHECK pp_status pp_group_run(int size, pp_group_work work, void *argument);

/** The same; `alarm(argument)` is called once, in the thread of the first rank that fails, when nobody can begin to wait for it any
 *  more: to end what the others' devices wait for. */
PP_MUST_CHECK pp_status pp_group_run_alarmed(int size, pp_group_work work,
                                             void (*alarm)(void *argument), void *argument);

/** Ends every wait of the group with an error: for a rank that has failed and must wait for a thread of its own which uses the group. `status`
 *  and its record are what pp_group_run then returns; PP_OK does nothing. */
void pp_group_fail(const pp_comm *group, pp_status status);

/** Has this rank ask `alive(argument)` every tenth of a second while it waits for others: a failure ends every wait of the group, as
 *  pp_group_fail does. For a device that may be lost while its thread waits for ranks that wait for what it does not send. */
void pp_group_watch(const pp_comm *group, pp_status (*alive)(void *argument), void *argument);

/** As pp_comm_allreduce for a few numbers (at most PP_GROUP_FEW), without taking memory. Collective. */
enum { PP_GROUP_FEW = 32 };
PP_MUST_CHECK pp_status pp_group_sum(const pp_comm *group, double *values, int count,
                                     pp_reduce how);

/** Offers `bytes` at `data` to rank `to`; messages between two ranks arrive in the order of their posts. Returns at once. Not
 *  collective. data may be in device memory: `take` of the receiver says how it is read. */
PP_MUST_CHECK pp_status pp_group_post(const pp_comm *group, int to, const void *data, size_t bytes);
/** Waits for the next message of rank `from` and has `take(argument, data, bytes)` read it. Not collective. */
PP_MUST_CHECK pp_status pp_group_receive(const pp_comm *group, int from,
                                         pp_status (*take)(void *argument, const void *data,
                                                           size_t bytes),
                                         void *argument);
/** Waits until all messages that this rank has posted are read. Not collective. */
PP_MUST_CHECK pp_status pp_group_settle(const pp_comm *group);
/** What this rank has spent on others since the group began: seconds waiting for them, seconds of copying and adding what they
 *  sent (waiting not counted), bytes received; and seconds of passing that ran beside computation. */
typedef struct pp_group_account {
    double waited, moving, received, beside;
} pp_group_account;
void pp_group_tell(const pp_comm *group, pp_group_account *out);
/** Devices that pass parts by themselves: so many seconds in all, those of them in which they did nothing else, and bytes received. */
void pp_group_add(const pp_comm *group, double passing, double alone, double received);

#endif
