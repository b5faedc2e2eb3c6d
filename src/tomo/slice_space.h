/* Where the vectors of a rank's slices lie while a method iterates on them: in host memory, shared over threads slice by slice, or in
 * the memory of one of the projector's devices, in one thread. A method is written once, from projections, functions of pp_slice_class
 * and scalars of each slice; where its vectors lie on a device, nothing but those scalars crosses the bus between two iterations.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_SLICE_SPACE_H
#define PP_SLICE_SPACE_H

#include "tomo/projector.h"

typedef struct pp_slice_space {
    const pp_projector *projector;
    const pp_projector_device *device; /* NULL: the host, though its projector may have devices */
    const pp_slice_class *vectors;
} pp_slice_space;

/** device NULL: host memory. */
pp_slice_space pp_slice_space_of(const pp_projector *projector, const pp_projector_device *device);
/** Floats, zeroed. */
PP_MUST_CHECK pp_status pp_slice_take(const pp_slice_space *space, int64_t count, float **out);
void pp_slice_give(const pp_slice_space *space, float *memory);
void pp_slice_clear(const pp_slice_space *space, float *memory, int64_t count);
/** From and to host arrays. */
PP_MUST_CHECK pp_status pp_slice_put(const pp_slice_space *space, float *to, const float *from_host,
                                     int64_t count);
PP_MUST_CHECK pp_status pp_slice_fetch(const pp_slice_space *space, float *to_host,
                                       const float *from, int64_t count);
/** lines [slices][V][n] = R volume [slices][n][n], and volume = R^T lines. */
PP_MUST_CHECK pp_status pp_slice_forward(const pp_slice_space *space, int64_t slices,
                                         const float *volume, float *lines);
PP_MUST_CHECK pp_status pp_slice_adjoint(const pp_slice_space *space, int64_t slices,
                                         const float *lines, float *volume);
/** work(argument, first, count) on all slices [first, first + count): on the host slice by slice in threads, on a device all at once. */
typedef pp_status (*pp_slice_work)(void *argument, int64_t first, int64_t count);
PP_MUST_CHECK pp_status pp_slice_share(const pp_slice_space *space, int64_t slices,
                                       pp_slice_work work, void *argument);

/* ---- how many slices at a time ---- */

/** Slices of `each` bytes that a device iterates on at a time, of `slices` that are to be shared over `devices`: whole batches of the
 *  projector in `room` bytes, 64 slices at most; 0 where not even one batch fits. */
int64_t pp_slice_batch(double each, int64_t slices, int devices, double room);
/** Bytes that this process may take on the calling thread's device; INFINITY where it cannot be asked. */
double pp_slice_room(const pp_backend *backend);
/** The same batch for all of the projector's devices, by the one with the least room; 0: the host keeps the vectors. */
PP_MUST_CHECK pp_status pp_slice_batch_on_devices(const pp_projector *projector, double each,
                                                  int64_t slices, int64_t *batch);
/** For the plan: bytes of such a batch on each device, beside the projector's. */
double pp_slice_device_bytes(const pp_projector_setup *setup, double each, int64_t slices);

#endif
