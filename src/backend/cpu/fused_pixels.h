/* Pixels of a frame and what their intensities cost.
 * Included by fused_kernels.h only.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_FUSED_PIXELS_H
#define PP_FUSED_PIXELS_H

#include "backend/cpu/fused.h"
#include "backend/cpu/vector.h"
#include "backend/sweep.h"

enum { SEGMENT = 16 };

typedef struct pixels {
    vec d;    /* counts */
    lanes on; /* measured */
} pixels;

INLINE pixels read_frame(const pp_fused_frame *frame, int64_t at, bool wide_counts)
{
    pixels p;
    if (wide_counts) {
        p.d = load((const float *)frame->counts + at);
        p.on = is_number(p.d);
    } else {
        vec16 c;
        memcpy(&c, (const uint16_t *)frame->counts + at, sizeof c);
        const veci counts = __builtin_convertvector(c, veci);
        p.on = differs(counts, 65535);
        p.d = __builtin_convertvector(counts, vec);
    }
    if (frame->mask) {
        vec8 c;
        memcpy(&c, frame->mask + at, sizeof c);
        p.on &= is_set(c);
    }
    p.d = keep(p.d, p.on);
    return p;
}

/** An intensity that can be divided by: sqrt(I) (1 - sqrt(d / I)) is then -sqrt(d) in the dark. */
INLINE vec floored(vec inten)
{
    return larger(inten, all(1e-20f));
}

/** I - d log((I + tiny) / d) - d, at measured pixels. */
INLINE vec deviance(vec inten, pixels p)
{
    const vec ratio = larger((inten + (float)PP_SWEEP_TINY) / p.d, all(1.2e-38f));
    return keep(inten - p.d - keep(p.d * logarithm(ratio), above(p.d, all(0.0f))), p.on);
}

/** 1 - sqrt(d / I), from one root: sqrt(d / I) = d / sqrt(I d). */
INLINE vec deficit(vec inten, pixels p)
{
    return 1.0f - p.d * inverse_root(inten * p.d);
}

/** (sqrt(I) - sqrt(d))^2, at measured pixels. */
INLINE vec misfit(vec inten, vec rest, pixels p)
{
    return keep(inten * rest * rest, p.on);
}

#endif
