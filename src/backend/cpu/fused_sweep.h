/* The fused sweeps: see fused.h for the three steps of a pattern. Detectors of 2^a pixels a side, 16 to 1024; any other size is
 * done around FFTW's plans (fftw_sweep.h), which is also what these are tested against.
 *
 * Far fields kept, probe that stays: those of the point and of the direction, 16 M n^2 bytes a pattern. `line` writes the
 * direction's; the gradient after `advance` moves the point's on by it, so an iteration has two transforms. With a probe that
 * moves: only that of the point, 8 M n^2 bytes, written by `gradient` and read by `line`; the next gradient computes the
 * far field from the object and the probe that it is given, which costs less than moving three stacks through main memory. Three
 * transforms an iteration, or four where nothing is kept.
 *
 * Dark pixels (sqrt(I) < PP_SWEEP_DARK of the pattern's largest): a pattern's largest intensity is that of the gradient before,
 * one float a pattern; after `create`, `renew` and `move` it is found by a pass of its own.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_FUSED_SWEEP_H
#define PP_FUSED_SWEEP_H

#include "backend/cpu/chunks.h"
#include "backend/cpu/fused.h"
#include "backend/cpu/turns.h"

extern const pp_sweep_class pp_sweep_fused;

enum { PP_FUSED_SCALARS = PP_SWEEP_STEPS + 2 };

/** One thread's arrays. */
typedef struct pp_fused_work {
    float *fields;         /* 3 M FIELDs */
    float *rows;           /* 3 M blocks of rows */
    float *probe, *dprobe; /* [M] PROBEs, moved; NULL: nearest */
    pp_c32 *ramp;          /* [n], for the positions' terms; NULL: nearest */
    pp_c32 *between[2];    /* [n][n] bilinear: sampled objects, or a gradient there; else NULL */
} pp_fused_work;

typedef struct pp_fused_sweep {
    pp_sweep base;
    const pp_fused_kernels *kernels;
    pp_fused_plan plan;
    pp_chunks chunks;
    pp_turns turns;
    float *twiddles;
    int32_t *digits;
    int64_t field, probe; /* floats of a FIELD, of a PROBE or spectrum */
    uint8_t *mask;        /* [n n], or NULL: all pixels are measured */
    pp_c32 *ramp; /* [J][2][n] exp(-2 pi i k f) at each place of a transform; NULL: nearest */
    pp_fused_parts *parts;   /* [J] bilinear: where between pixels; else NULL */
    float *background;       /* [n n], or NULL: the setup has none */
    pp_c32 *ones;            /* [n] */
    float *kept;             /* [J][M] spectra of the point, or NULL */
    float *along;            /* [J][M] spectra of the direction, or NULL */
    float *packed, *dpacked; /* [M] PROBEs of the point and of the direction */
    float *hat, *dhat;       /* [M] spectra of the two; NULL: nearest */
    float *
        dprobe_sum; /* [M] PROBEs, the probe's gradient (spectra where the probe is moved); NULL where it stays */
    float *most;         /* [J] largest intensity */
    double *scalars;     /* [J][PP_FUSED_SCALARS] */
    pp_fused_work *work; /* [threads] */
    pp_sweep_totals totals;
    bool measured; /* `most` is of the pattern's last far field */
    bool known;    /* `most` and `kept` are the caller's point's */
    bool
        linked; /* `kept` is at step `at` of the last line, `along` is its direction's, the caller's point at step `to` */
    double at, to;
} pp_fused_sweep;

pp_fused_frame pp_fused_frame_of(const pp_fused_sweep *s, int64_t pattern);
/** Ramps from positions [J][2]; those along y carry the patterns' factors [J] (NULL: 1), so the moved probe does. */
void pp_fused_ramps(pp_fused_sweep *s, const double *positions, const double *factors);

pp_status pp_fused_gradient_pass(pp_sweep *sweep, const pp_sweep_gradient *out,
                                 const pp_sweep_point *at);
pp_status pp_fused_line_pass(pp_sweep *sweep, pp_sweep_slope *out, const pp_sweep_point *at,
                             const pp_sweep_direction *along, const double *steps, int count,
                             double *costs);
pp_status pp_fused_costs_pass(pp_sweep *sweep, double *costs, const pp_sweep_point *at,
                              const pp_sweep_direction *along, const double *steps, int count);
pp_status pp_fused_illumination_pass(pp_sweep *sweep, float *object, float *probe,
                                     const pp_sweep_point *at);
void pp_fused_set_background(pp_sweep *sweep, const float *background);
pp_status pp_fused_background_terms(pp_sweep *sweep, double *first, double *second,
                                    const pp_sweep_point *at);
pp_status pp_fused_positions_pass(pp_sweep *sweep, pp_sweep_position *out,
                                  const pp_sweep_point *at);

#endif
