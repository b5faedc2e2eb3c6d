/* The radial non-uniform FFT's table and index maps, shared by all back ends: for each sample of each view's radial line the six
 * by six cells of the oversampled grid that it is taken from, and the kernel's weights.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_KERNEL_RADIAL_H
#define PP_KERNEL_RADIAL_H

#include <stdint.h>

#include "kernels/host_device.h"

enum { PP_RADIAL_TAPS = 6, PP_RADIAL_LANES = 4, PP_RADIAL_HALO = PP_RADIAL_TAPS / 2 };

/** One sample: its first cell, where its value goes (view * samples + sample), the weights along y and x. */
typedef struct pp_radial_point {
    int32_t cell, line;
    float wy[PP_RADIAL_TAPS], wx[PP_RADIAL_TAPS];
} pp_radial_point;

typedef struct pp_radial {
    int64_t n, views;
    int64_t grid;    /* G cells a side: the size of the FFT */
    int64_t pitch;   /* cells from row to row: at least G + 2 halos */
    int64_t samples; /* of a line: frequencies k / n, k = -n/2 ... n/2, both ends */
    int64_t count;   /* samples * views */
    pp_radial_point *points;
    float *
        apodisation; /* [n] 1 / the kernel's transform, with the signs that put frequency 0 at cell G / 2 */
} pp_radial;

/** Cell of frequency k = sample - n / 2 in a line's FFT: both ends of an even n go to the same one. */
static PP_HD int64_t pp_radial_bin(int64_t n, int64_t sample)
{
    return (sample + n - n / 2) % n;
}

/** The first sample of a cell of a line's FFT; an even n has n more than that too in its cell n / 2. */
static PP_HD int64_t pp_radial_sample(int64_t n, int64_t bin)
{
    return (bin + n / 2) % n;
}

/** Cells from `first` to `cell` on the periodic grid. */
static PP_HD int pp_radial_tap(int grid, int first, int cell)
{
    const int tap = cell - first;
    return tap < 0 ? tap + grid : tap;
}

#endif
