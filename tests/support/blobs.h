/* Projections of Gaussian blobs, exact at any sub-pixel shift: the phantom of the alignment's tests.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_TEST_BLOBS_H
#define PP_TEST_BLOBS_H

#include <stdint.h>

enum { PP_BLOBS = 24 };

typedef struct pp_blobs {
    double z[PP_BLOBS], y[PP_BLOBS], x[PP_BLOBS]; /* pixels from the middle */
    double sigma[PP_BLOBS], height[PP_BLOBS];     /* of the projection, rad */
    double matrix
        [3]; /* an ellipsoid about the axis: radius in x and y, in z, largest phase; {0} for none */
} pp_blobs;

/** Blobs inside a sphere of this radius, each of standard deviation 3 to 4.5 pixels; the largest phase is near `peak`. */
pp_blobs pp_blobs_make(uint64_t seed, double radius, double peak);
/** phase [ny][nx] at angle t, the object moved by shift (y, x) on the detector, axis at index n / 2. */
void pp_blobs_project(const pp_blobs *blobs, double t, const double shift[2], int64_t ny,
                      int64_t nx, float *phase);
/** Adds Gaussian noise of this standard deviation. */
void pp_add_noise(uint64_t seed, uint64_t stream, double sigma, int64_t count, float *values);

#endif
