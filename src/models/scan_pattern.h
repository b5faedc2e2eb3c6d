/* Scan patterns: where the probe's centre lies on the object, in object pixels.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_SCAN_PATTERN_H
#define PP_SCAN_PATTERN_H

#include <polyptych/status.h>

typedef enum pp_scan_kind {
    PP_SCAN_RASTER,
    PP_SCAN_JITTERED_RASTER,
    PP_SCAN_FERMAT_SPIRAL
} pp_scan_kind;

typedef struct pp_scan_pattern {
    int kind;             /* pp_scan_kind */
    double height, width; /* the field that centres cover, about 0, pixels */
    double step;          /* distance of neighbours, pixels */
    double jitter; /* jittered raster: largest displacement of each point along each axis, pixels */
} pp_scan_pattern;

/** Positions (y, x) of scan number `stream`, [count][2], from `seed` alone. New memory (pp_free). A Fermat spiral (points at
 *  radius c sqrt(k), angle k times 137.508 degrees; Huang et al., Opt. Express 22, 12634 (2014)) is cut to the field. */
PP_MUST_CHECK pp_status pp_scan_positions(const pp_scan_pattern *scan, uint64_t seed,
                                          uint64_t stream, double **positions, int64_t *count);

#endif
