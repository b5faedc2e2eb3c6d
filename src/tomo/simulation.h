/* Diffraction patterns of one view of a specimen: I = sum over modes |F(P_m psi)|^2, psi = exp(i k integral(-delta + i beta)),
 * F the forward transform exp(-2 pi i ...), orthonormal; then background and Poisson noise.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_SIMULATION_H
#define PP_SIMULATION_H

#include <stdbool.h>

#include "tomo/specimen.h"

typedef struct pp_simulation {
    const pp_specimen *specimen;
    const pp_c32 *probe; /* [modes][n][n], sqrt(counts), centre at n / 2 */
    int64_t modes, n;
    double wave_number; /* rad a pixel: 2 pi pixel size / wavelength */
    double background;  /* counts a pixel and frame */
    bool noise;         /* Poisson; without it counts are rounded */
    bool exact;         /* no noise, no rounding: frames are float */
    const uint8_t
        *mask; /* [n][n], 1 measured, zero frequency at [0, 0]; others read 0. NULL: all measured */
    uint64_t seed;
    int threads;
} pp_simulation;

/** One view. shift (y, x): the specimen lies that many pixels further. positions [count][2] (y, x): where the probe's pixel
 *  n / 2 lies. `number` chooses the random streams: the frames depend on it and the seed only, not on threads. */
typedef struct pp_simulated_view {
    int64_t number;
    double angle, shift[2];
    const double *positions;
    int64_t count;
} pp_simulated_view;

/** frames [count][n][n] u16 (exact: float), zero frequency at [0, 0]; of u16, counts of 65535 and more read 65535 (saturated), their number comes
 *  out in *saturated. Errors: PP_ERR_RESOURCE. */
PP_MUST_CHECK pp_status pp_simulate_view(const pp_simulation *simulation,
                                         const pp_simulated_view *view, void *frames,
                                         int64_t *saturated);

#endif
