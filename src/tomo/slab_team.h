/* The devices of a rank on its slab of a volume: each holds a block of the slab's slices in its memory for the whole of a solve and is
 * driven by a thread of its own, its seat. Seats see sums over the whole volume and the slices next to their own, wherever these lie.
 *
 * Sums are added in the order of the slices, so they are the same for any number of devices and ranks. Slices go from device to device
 * through the back end's links, and from rank to rank through seat 0, the only thread that calls MPI: from its device's memory
 * where the MPI library reads that (pp_mpi_takes_device_memory), else by way of host memory. A seat that fails ends the
 * others' waits, and every rank's run with an error. A team of one seat in host memory works for the host alone.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_SLAB_TEAM_H
#define PP_SLAB_TEAM_H

#include "backend/backend.h"
#include "comm/comm.h"

enum { PP_SLAB_SUMS = 8 }; /* numbers of a slice in one sum, at most */

typedef struct pp_slab_team_setup {
    const pp_comm *comm;
    const pp_backend *backend; /* whose memory the vectors lie in */
    int devices;               /* seats; 1 in host memory */
    int64_t rows, n;           /* of the volume: slices of all ranks, of n x n voxels */
} pp_slab_team_setup;

typedef struct pp_slab_team pp_slab_team;

typedef struct pp_slab_seat {
    pp_slab_team *team;
    const pp_comm *group;
    int rank;               /* 0 to devices - 1 */
    int64_t start;          /* first slice within the rank's slab */
    int64_t slices;         /* may be 0 */
    bool ends;              /* the volume ends with this block */
    float *before, *after;  /* halo: the slices next to the block, where there are such */
    float *sent, *received; /* seat 0 of several ranks: two slices each */
    void *staged[2];        /* the same on the host */
    double *each;           /* [slices][PP_SLAB_SUMS], host: of this seat's slices */
} pp_slab_seat;

typedef pp_status (*pp_slab_work)(pp_slab_seat *seat, void *argument);

/** Runs `work` in every seat, its device current, and waits for all. Collective: also for ranks without slices. */
PP_MUST_CHECK pp_status pp_slab_team_run(const pp_slab_team_setup *setup, pp_slab_work work,
                                         void *argument);
/** sums[count] = seat->each [slices][count] added up over the slices of all seats and ranks, in their order. Called by all seats. */
PP_MUST_CHECK pp_status pp_slab_seat_sum(const pp_slab_seat *seat, int count, double *sums);
/** The slice before and the slice after this seat's block of `volume` into seat->before and ->after, where asked. Called by all seats. */
PP_MUST_CHECK pp_status pp_slab_seat_neighbours(const pp_slab_seat *seat, const float *volume,
                                                bool before, bool after);
/** Whose memory the vectors lie in. */
const pp_backend *pp_slab_seat_backend(const pp_slab_seat *seat);
/** The block with its halo as the kernels take it. */
pp_slab_cut pp_slab_seat_cut(const pp_slab_seat *seat);
/** Slices that seat 0, which has the most, holds of a rank's `slices`. */
int64_t pp_slab_seat_most(int64_t slices, int devices);
/** Bytes of a seat's memory on its device. */
double pp_slab_seat_bytes(int64_t n);

#endif
