/* One pattern in one thread, as the fused sweeps' passes take it.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_FUSED_PATTERN_H
#define PP_FUSED_PATTERN_H

#include "backend/cpu/fused_sweep.h"

typedef struct pp_fused_pattern {
    const pp_fused_sweep *s;
    const pp_fused_work *w;
    int64_t j, modes, corner; /* corner: of its window in the object array */
    pp_fused_ramp ramp;       /* NULLs: the probe is not moved */
} pp_fused_pattern;

/** w: the thread's arrays, or another's that is not at work. */
pp_fused_pattern pp_fused_pattern_of(const pp_fused_sweep *s, int64_t j, const pp_fused_work *w);
/** The same with those of the calling thread of a parallel region. */
pp_fused_pattern pp_fused_pattern_here(const pp_fused_sweep *s, int64_t j);

/** A probe (or NULL) into the kernels' layout, and its spectra where it will be moved. */
void pp_fused_prepare(const pp_fused_sweep *s, float *packed, float *hat, const pp_c32 *probe);
/** Row y of a probe out of the kernels' layout. */
void pp_fused_unpack(const pp_fused_sweep *s, int64_t y, pp_c32 *to, const float *from);
/** The probe as this pattern has it: moved into `room`, or as it is. */
const float *pp_fused_moved(const pp_fused_pattern *p, float *room, const float *hat,
                            const float *packed);

/** `modes` FIELDs, number 0 to 2. */
float *pp_fused_field(const pp_fused_pattern *p, int64_t which);
/** The pattern's window of an object; room (0 or 1): where it is sampled with bilinear positions. */
pp_fused_window pp_fused_window_of(const pp_fused_pattern *p, const pp_c32 *object, int room);
/** `to`: fields of window x probe; takes room 0. */
void pp_fused_products(const pp_fused_pattern *p, float *to, const pp_c32 *object,
                       const float *probe);
/** Finds the pattern's largest intensity by a pass of its own; from: what `gradient` will be given. */
void pp_fused_measure(const pp_fused_pattern *p, const pp_fused_gradient *from);
/** The same from fields alone. */
void pp_fused_measure_fields(const pp_fused_pattern *p, float *fields);
/** Of this pattern's window in the chunk's box, in pixels. */
int64_t pp_fused_place_in(const pp_fused_pattern *p, const pp_chunk *c);

#endif
