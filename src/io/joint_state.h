/* The state of a joint solve on file, from which it goes on with the same bits, on any number of ranks. One HDF5 file, written by
 * rank 0 under a temporary name; every rank reads its own part of it.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_JOINT_STATE_H
#define PP_JOINT_STATE_H

#include "tomo/joint.h"

/** hash: identity of what the solve will make. Collective. */
PP_MUST_CHECK pp_status pp_joint_state_write(const char *path, const char *hash,
                                             const pp_joint_state *state);
/** Fills the state's arrays, numbers and terms; found is false where there is no file, where it is damaged or of another
 *  identity. Collective. */
PP_MUST_CHECK pp_status pp_joint_state_read(const char *path, const char *hash,
                                            pp_joint_state *state, bool *found);

#endif
