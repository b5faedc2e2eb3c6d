/* What every pass around FFTW's plans does with one pattern: its probe, its window of the object, its far field.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_FFTW_PATTERN_H
#define PP_FFTW_PATTERN_H

#include "backend/cpu/fftw_sweep.h"

/** One pattern in one thread. */
typedef struct pp_fftw_pattern {
    pp_fftw_sweep *s;
    pp_fftw_work *w;
    int64_t j, n, n2, modes, width; /* width: of the object's rows */
    const pp_c32 *ramp;             /* [2][n] or NULL */
    int64_t corner;                 /* of its window in the object array */
} pp_fftw_pattern;

/** A pattern's window of the object, rows `width` apart: as it lies there, or sampled between its pixels. */
typedef struct pp_fftw_window {
    const pp_c32 *first;
    int64_t width;
} pp_fftw_window;

/** Pattern j with the work space of the calling thread. */
pp_fftw_pattern pp_fftw_pattern_of(pp_fftw_sweep *s, int64_t j);
/** hat = F(probe) / n^2 of every mode: what pp_fftw_moved starts from. Nothing where either is NULL. */
void pp_fftw_transform(const pp_fftw_sweep *s, pp_c32 *hat, const pp_c32 *probe);
/** The probe as this pattern has it: moved into room [M][n][n], or as it is where positions are whole pixels. */
const pp_c32 *pp_fftw_moved(const pp_fftw_pattern *p, pp_c32 *room, const pp_c32 *hat,
                            const pp_c32 *probe);
/** room [n][n]: for what is sampled between pixels. */
pp_fftw_window pp_fftw_window_of(const pp_fftw_pattern *p, const pp_c32 *object, pp_c32 *room);
/** to [M][n][n] = F(probe x window of object), unitary; with probe2: of the sum of both products. */
void pp_fftw_far_field(const pp_fftw_pattern *p, pp_c32 *to, const pp_c32 *probe,
                       const pp_c32 *object, const pp_c32 *probe2, const pp_c32 *object2);
/** The far field of a point: kept, followed along the last line, or computed. */
const pp_c32 *pp_fftw_far_of(const pp_fftw_pattern *p, const pp_c32 *probe, const pp_c32 *object);
/** After a pass in which every pattern went through pp_fftw_far_of. */
void pp_fftw_all_known(pp_fftw_sweep *s);

#endif
