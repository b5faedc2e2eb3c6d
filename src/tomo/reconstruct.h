/* From a stack of real projections, spread over ranks by views, to a volume spread by slabs: transpose, then every rank
 * reconstructs its slices. The same bits for any number of ranks and threads.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_RECONSTRUCT_H
#define PP_RECONSTRUCT_H

#include "comm/comm.h"
#include "tomo/fbp.h"
#include "tomo/least_squares.h"
#include "tomo/sirt.h"
#include "tomo/total_variation.h"
#include "tomo/transpose.h"

typedef enum pp_reconstruction {
    PP_RECONSTRUCT_FBP,
    PP_RECONSTRUCT_CG,
    PP_RECONSTRUCT_SIRT,
    PP_RECONSTRUCT_TV /* starts from fbp */
} pp_reconstruction;

typedef struct pp_reconstruct {
    pp_reconstruction method;
    pp_fbp_setup fbp;
    pp_least_squares cg;
    pp_sirt sirt;
    pp_total_variation tv;
    double oversampling; /* of the projector's grid; 0 for 2 */
    bool
        differences; /* FBP only: lines [i] are p(i + 1) - p(i), which need no constant and no unwrapping */
    int half; /* 0: all views; 1, 2: every second one in the order of angles modulo pi, from the first, the second */
    int threads;
    const pp_backend *backend; /* whose devices project; NULL: the host */
} pp_reconstruct;

typedef struct pp_reconstruct_result {
    int64_t fewest, most; /* iterations over the slices; 0 for fbp */
    double misfit;        /* |R u - p| / |p| at the end; NAN for fbp */
    double strength;      /* of the total variation; 0 for others */
    int devices; /* of the rank with most, in whose memory the total variation's vectors lay; 0: on the host */
} pp_reconstruct_result;

/** volume [my rows][columns][columns] (rows of pp_slab_block) from stack [my views][rows][columns] (views of pp_comm_block);
 *  angles [views] rad, the same on all ranks. shape.element is taken as a float's. In pixel units. result may be NULL.
 *  Collective. */
PP_MUST_CHECK pp_status pp_reconstruct_run(const pp_comm *comm, const pp_reconstruct *setup,
                                           pp_stack_shape shape, const double *angles,
                                           const float *stack, float *volume,
                                           pp_reconstruct_result *result);
/** Makes and frees every FFT plan that it will use: a planner for pp_fft_prepare, after which the plans are measured ones and the
 *  same on every rank. */
PP_MUST_CHECK pp_status pp_reconstruct_plans(const pp_reconstruct *setup, int64_t columns);
/** Bytes that it needs on a rank besides stack and volume. */
double pp_reconstruct_bytes(const pp_reconstruct *setup, int ranks, pp_stack_shape shape);
/** Bytes that it needs on each device of a rank; 0 without a back end whose devices project. */
double pp_reconstruct_device_bytes(const pp_reconstruct *setup, int ranks, pp_stack_shape shape);

#endif
