/* Projections of slices on a device: the tomography projector's forward and adjoint (tomo/projector.h) from host memory to host
 * memory, in batches whose copies run behind the computation of the batch before, or within the device's memory. One object a
 * device, called by one thread with that device current.
 *
 * A batch has PP_RADIAL_LANES complex slices (or twice as many real ones, two in a complex one), always all of them: bits depend on
 * the slices' numbers only. SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_PROJECTION_H
#define PP_PROJECTION_H

#include <stdbool.h>

#include <polyptych/status.h>

#include "kernels/radial.h"

typedef struct pp_projection pp_projection;

/** What is projected: slices [n][n] and lines [V][n] of each, complex or (`real`) float. */
typedef struct pp_projection_job {
    int64_t slices;
    bool real;
    const float *from;
    float *to;
    /** from and to lie in this device's memory, and the kernels read and write them where they are: nothing is copied. The job is a piece
     *  of work of the calling thread's queue like any other: it begins after what was enqueued before, the call returns when it is
     *  enqueued, and what is enqueued later finds it done. Without it the call waits, and `to` is complete. */
    bool on_device;
} pp_projection_job;

typedef struct pp_projection_class {
    /** radial is only read here. */
    pp_status (*create)(const pp_radial *radial, pp_projection **out);
    void (*free)(pp_projection *projection);
    /** Factors of the samples of each line, [view][sample]: shift, axis, 1 / n. */
    pp_status (*set_ramps)(pp_projection *projection, const pp_c32 *ramps);
    pp_status (*forward)(pp_projection *projection, const pp_projection_job *job);
    pp_status (*adjoint)(pp_projection *projection, const pp_projection_job *job);
    /** Bytes of device memory that one object takes. */
    double (*bytes)(int64_t n, int64_t views, int64_t grid);
} pp_projection_class;

#endif
