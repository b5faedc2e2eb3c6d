/* What can be said of a scan: its size on the object, how the illuminated spots overlap, a first guess of the probe.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_SCAN_H
#define PP_SCAN_H

#include <polyptych/array.h>

typedef struct pp_scan {
    double lowest[2], highest[2]; /* grid points (y, x) */
    int64_t object[2];            /* Y, X that the windows cover */
    double spacing;               /* median distance to the nearest other position, pixels */
} pp_scan;

/** grid [count][2], n: side of the window. */
pp_scan pp_scan_measure(const double *grid, int64_t count, int64_t n);
/** Diameter in pixels of a disc as large as what the probe [M][n][n] lights: area (sum I)^2 / sum I^2. */
double pp_probe_diameter(const pp_array *probe);
/** 1 - spacing / diameter, from 0 to 1: the usual linear overlap. */
double pp_scan_overlap(const pp_scan *scan, double diameter);
/** c32 [1][n][n]: the inverse transform of the root of the mean pattern; unmeasured pixels count as 0. */
PP_MUST_CHECK pp_status pp_mean_pattern_probe(const pp_array *frames, const pp_array *mask,
                                              pp_array **out);

#endif
