/* What the fused sweeps' driver (fused.c, compiled once) and their kernels (fused_kernels.h, compiled for each instruction
 * set) share. The 2-D transform is part of the sweep; a pattern goes through three steps:
 *   columns  per block of W columns (x): object window x probe while loading, transform along y, in the first-level cache
 *   rows     per block of W rows (ky): tiles transposed in registers, transform along x, then what the far field is wanted
 *            for; for the gradient the residual's transform back along x and the tiles back
 *   back     per block of columns: transform back along y, x conj(probe) into the object's gradient, x conj(object) into
 *            the probe's
 * Transforms are left in digit-reversed order, so the DETECTOR ORDER is [block of W ky][kx][ky in the block], both digit-reversed:
 * element (k n + x) W + l is the pixel ky = digits[k W + l], kx = digits[x].
 * Layouts of floats: a FIELD [n / W][stride][2][W] holds column blocks (2: real, imaginary) of `span` places; a PROBE is
 * [n / W][n][2][W];
 * a SPECTRUM or far field [n / W][n][2][W] is in detector order.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_FUSED_H
#define PP_FUSED_H

#include <stdbool.h>

#include <polyptych/types.h>

enum {
    PP_FUSED_PASSES = 4, /* passes with twiddles, at most: 1024 = 4^5 */
    PP_FUSED_AHEAD = 32, /* how many vectors are asked for before they are read */
    PP_FUSED_GROUP = 16  /* points between two left out places, see passes.h */
};

/** Transforms of one size. */
typedef struct pp_fused_plan {
    int n, passes, last; /* n = 4^passes x last, last 4 or 8 */
    int span;            /* places of a transform's n points */
    int stride;          /* of fields, against cache aliasing */
    int at[PP_FUSED_PASSES];
    const float *twiddles; /* [pass][length / 4][3][2], pass p at `at[p]` */
    const int32_t *digits; /* [n] the frequency at each place of a transform */
} pp_fused_plan;

/** A window in an interleaved object. */
typedef struct pp_fused_window {
    const pp_c32 *data;
    int64_t stride;
} pp_fused_window;

/** One pattern's counts, and the intensity below which it is dark. */
typedef struct pp_fused_frame {
    const void *
        counts; /* [n n] in detector order, uint16 (65535 not measured) or float (NaN not measured) */
    const uint8_t *mask;     /* [n n] in detector order or NULL */
    const float *background; /* [n n] in detector order, part of each intensity, or NULL */
    bool wide, poisson;      /* float counts; cost */
    float dark;
} pp_fused_frame;

/** rows of the gradient: far fields of `modes` fields (one behind the other) in, the residuals' fields out, in place. */
typedef struct pp_fused_gradient {
    int modes;
    float *fields, *rows; /* rows: room for `modes` blocks of rows, `span` pairs each */
    float *kept;          /* [modes] spectra: the far fields are written here; or NULL */
    const float *
        along; /* [modes] spectra: the far field is not that of the fields, but kept + step along; or NULL */
    float step;
    double cost, misfit; /* out */
    float most;          /* out: the largest intensity */
} pp_fused_gradient;

/** rows of the line. */
typedef struct pp_fused_line {
    int modes, count;
    const float *fields
        [3]; /* of the far field (or NULL: kept), of F1, of F2 (or NULL: none), `modes` each */
    const float *kept;               /* [modes] spectra */
    float *along;                    /* [modes] spectra: F1 is written here; or NULL */
    float *rows;                     /* room for 3 modes blocks of rows */
    const float *steps;              /* [count] */
    double slope, curvature, *costs; /* out; costs [count] */
} pp_fused_line;

/** rows of the positions' terms: far field and its two derivatives. */
typedef struct pp_fused_terms {
    int modes;
    const float *fields[3]; /* far, d / dy, d / dx */
    float *rows;
    double yy, yx, xx, ry, rx, ww, rw; /* out, as in pp_sweep_position */
} pp_fused_terms;

/** back: where a residual's field goes. */
typedef struct pp_fused_back {
    pp_c32 *box;      /* the object's gradient at the window, added to, or NULL */
    pp_c64 *wide_box; /* the same in double, or NULL */
    int64_t box_stride;
    const float *probe;
    pp_fused_window object; /* for the probe's gradient */
    float *sum;             /* probe's gradient, added to (a PROBE), or NULL */
    bool moves; /* the field becomes conj(object) x residual, transformed along y, for `unshift` */
} pp_fused_back;

/** Parts of a pixel (y, x) at which an object is sampled. */
typedef struct pp_fused_parts {
    float y, x;
} pp_fused_parts;

/** A translation: exp(-2 pi i k f) for each place of a transform. */
typedef struct pp_fused_ramp {
    const pp_c32 *y, *x; /* [n] */
} pp_fused_ramp;

/** The kernels of one instruction set. */
typedef struct pp_fused_kernels {
    const char *name;
    int width;
    /** field = transform along y of object x probe */
    void (*product)(const pp_fused_plan *plan, float *field, pp_fused_window object,
                    const float *probe);
    /** The same of object[0] x probe[1] + object[1] x probe[0] (f1) and of object[1] x probe[1] (f2). */
    void (*products)(const pp_fused_plan *plan, float *const f[2], const pp_fused_window object[2],
                     const float *const probe[2]);
    void (*gradient)(const pp_fused_plan *plan, pp_fused_gradient *g, const pp_fused_frame *frame);
    /** The largest intensity; the far fields into g->kept (or NULL) unless they are made of what is kept. background: as
     *  in a frame. */
    void (*far)(const pp_fused_plan *plan, pp_fused_gradient *g, const float *background);
    void (*line)(const pp_fused_plan *plan, pp_fused_line *line, const pp_fused_frame *frame);
    void (*terms)(const pp_fused_plan *plan, pp_fused_terms *terms, const pp_fused_frame *frame);
    void (*back)(const pp_fused_plan *plan, float *field, const pp_fused_back *to);
    /** to [n][n] = the object between its pixels, of which it reads n + 1 a side. */
    void (*sample)(const pp_fused_plan *plan, pp_c32 *to, pp_fused_window object,
                   pp_fused_parts parts);
    /** The adjoint of sample: to, n + 1 a side and rows `stride` apart, is added to. */
    void (*spread)(const pp_fused_plan *plan, pp_c32 *to, int64_t stride, const pp_c32 *from,
                   pp_fused_parts parts);
    void (*spread_wide)(const pp_fused_plan *plan, pp_c64 *to, int64_t stride, const pp_c32 *from,
                        pp_fused_parts parts);
    /** probe = backward transform of spectrum x ramp / n^2; field: room. */
    void (*shift)(const pp_fused_plan *plan, float *probe, const float *spectrum,
                  pp_fused_ramp ramp, float *rows, float *field);
    /** spectrum = forward transform of a probe; field: room. */
    void (*spectrum)(const pp_fused_plan *plan, float *spectrum, const float *probe, float *rows,
                     float *field);
    /** spectrum += (transform along x of moved) x conj(ramp) */
    void (*unshift)(const pp_fused_plan *plan, float *spectrum, const float *moved,
                    pp_fused_ramp ramp, float *rows);
} pp_fused_kernels;

extern const pp_fused_kernels pp_fused_kernels_v2, pp_fused_kernels_v3, pp_fused_kernels_v4;

/** The kernels of the level in use (backend/level.h). */
const pp_fused_kernels *pp_fused_pick(void);
/** Whether n has passes. */
bool pp_fused_size(int64_t n);
/** Fills a plan; tables [pp_fused_tables(n)] floats and digits [n] are the caller's. */
void pp_fused_plan_fill(pp_fused_plan *plan, int n, float *twiddles, int32_t *digits);
/** Floats of the twiddle tables of a size. */
int64_t pp_fused_tables(int n);
/** order[n n] of the detector for kernels of this width. */
void pp_fused_order(const pp_fused_plan *plan, int width, int32_t *order);

#endif
