/* What the two sources of the projections share.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_CUDA_PROJECTION_H
#define PP_CUDA_PROJECTION_H

#include <cufft.h>

#include "backend/cuda/device.h"
#include "backend/projection.h"

namespace PP_DEVICE
{

enum { PROJECTION_BATCH = PP_RADIAL_LANES, PROJECTION_BIN = 8 };

/* Sizes and tables on the device. Points are sorted by bins of the grid, 8 x 8 cells, of their first cell. */
struct radial_t {
    int n, views, grid, samples, bins; /* bins: along one side */
    int64_t count;
    const int *first_y, *first_x, *line; /* [count], first cells on the periodic grid */
    const float *weights;                /* [12][count] along y, then along x */
    const int *start;                    /* [bins^2 + 1] */
    const float *apodisation;            /* [n] */
    const pp_c32 *ramps;                 /* [view][sample] */
};

/* One batch's arrays. */
struct batch_t {
    cudaStream_t stream;
    float *image, *lines; /* as the caller has them: [slices][n][n], [slices][V][n] */
    pp_c32 *grid, *values, *transformed; /* [b][G][G], [b][count], [b][V][n] */
    int slices;                          /* real or complex, of the caller */
    bool real;
};

void load_image(const radial_t &r, const batch_t &b);
void store_image(const radial_t &r, const batch_t &b);
void gather(const radial_t &r, const batch_t &b);
void scatter(const radial_t &r, const batch_t &b);
void values_to_lines(const radial_t &r, const batch_t &b);
void lines_to_values(const radial_t &r, const batch_t &b);
void load_lines(const radial_t &r, const batch_t &b);
void store_lines(const radial_t &r, const batch_t &b);

} // namespace PP_DEVICE

#endif
