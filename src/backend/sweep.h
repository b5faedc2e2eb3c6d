/* Fused sweeps over the patterns of one view: the hot loop of ptychography, one interface for every implementation.
 *
 * The model (docs: conventions; source tools of the reference model): pattern j sees the object's window S_j at
 * i_j = rint(position_j) and the probe moved inside it by f_j = position_j - i_j (PP_SWEEP_FOURIER; 0 for NEAREST),
 *   far_jm = F(shift(probe_m, f_j) * S_j object),  I_j = sum_m |far_jm|^2 + background,  F unitary with exp(-2 pi i ...).
 * PP_SWEEP_BILINEAR (for interchange with programs that have it): i_j = floor(position_j), the probe stays, and S_j samples the object
 * between its pixels, with weights (1 - f) and f along each axis. `background` is an intensity per pixel, the same in all patterns, 0
 * until it is set. Both are for classes that say so in `supports`.
 * Costs over measured pixels: amplitude sum (sqrt I - sqrt d)^2, Poisson sum (I - d log(I + 1e-32)). Gradients are Wirtinger,
 * d cost / d conj(.). A pixel with sqrt(I) < 1e-6 of its pattern's largest sqrt(I) is dark: it counts in costs, but its
 * residual, and its part of slope and curvature, is 0.
 *
 * Along a direction (object + t do, probe + t dp) the far field is far + t F1 + t^2 F2, F1 = F(P do + dP O), F2 = F(dP do), so
 * I(t) is a polynomial per pixel and any number of trial steps needs no further transform.
 *
 * Far field kept (`keep`): the sweep owns far, F1 and (where `probe_moves`) F2 of every pattern: 16 n^2 bytes a pattern for the
 * object alone, 24 M n^2 with the probe. Its kept `far` belongs to the point of the line parameter `at`, which is 0 after
 * `line` and changes with `advance`; `renew` makes the next call compute it from object and probe. Not kept: every call computes
 * what it needs from the object, probe and directions that it is given.
 *
 * Memory: object, probe, directions, gradients are the caller's, contiguous complex [Y][X] and [M][n][n], in the back end's
 * memory space, and are natural in order (probe: window pixel [0, 0] first). Frames are borrowed until pp_sweep_free, everything else
 * of the setup is copied. Frames and mask come in DETECTOR ORDER: element k of a frame is the pixel order[k] = y * n + x of the
 * natural frame with zero frequency at [0, 0]; `order` of the class tells it, once, before the data is laid out. Nothing is
 * allocated after `create`. Calls on one sweep are made from one thread, which forks `threads` threads itself.
 *
 * Order of sums (the same bits for any number of threads): patterns are put into an order and into chunks that depend on the
 * setup without `threads` only. Scalars are summed in double: within a pattern in a fixed order, then over patterns in index order
 * (or chunk by chunk). Object gradients are added window by window into the chunk's own box, in the chunk's order, and boxes
 * are added in chunk order; probe gradients likewise.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_SWEEP_H
#define PP_SWEEP_H

#include <stdbool.h>

#include <polyptych/status.h>

typedef enum pp_sweep_positions {
    PP_SWEEP_NEAREST,
    PP_SWEEP_FOURIER,
    PP_SWEEP_BILINEAR
} pp_sweep_positions;
typedef enum pp_sweep_model { PP_SWEEP_AMPLITUDE, PP_SWEEP_POISSON } pp_sweep_model;

/** The darkest modulus, relative to its pattern's largest, whose phase is taken as known. */
#define PP_SWEEP_DARK 1e-6f
/** Added to an intensity under a logarithm. */
#define PP_SWEEP_TINY 1e-32
/** Most trial steps of one call. */
enum { PP_SWEEP_STEPS = 16 };
/** Most stages of a gradient. */
enum { PP_SWEEP_STAGES = 8 };

typedef struct pp_sweep_setup {
    int64_t n, modes, patterns; /* detector pixels a side, M, J */
    int64_t object[2];          /* Y, X */
    const double *
        positions; /* [J][2] (y, x) in object pixels: where the window's pixel [0, 0] lies in the object array */
    pp_sweep_positions mode;
    pp_sweep_model model;
    pp_dtype
        frame_type; /* PP_U16 (65535: not measured) or PP_F32 (NaN: not measured); counts, at least 0 */
    const void *frames;  /* [J][n * n] in detector order, borrowed */
    const uint8_t *mask; /* [n * n] in detector order, 1 measured; NULL: all are */
    bool background;     /* pp_sweep_set_background may be called */
    bool probe_moves;    /* probe gradients and probe directions may be asked for */
    bool keep;           /* keep the far fields */
    bool wide_sum;       /* the object's gradient is summed in double, over patterns and chunks */
    int stages;          /* 0 or 1: patterns in any order; more: as `stage` has it */
    const int32_t *
        stage; /* [J] 0 to stages - 1: where the class knows `staged`, patterns of lower stages come first */
    bool stream; /* devices: frames stay in host memory, and are copied in chunks at every pass */
    bool
        callbacks; /* devices: transforms fetch their elements through callbacks, not from separate kernels; an error where they cannot */
    int threads;
} pp_sweep_setup;

/** A point: object [Y][X] and probe [M][n][n]. */
typedef struct pp_sweep_point {
    const pp_c32 *object, *probe;
} pp_sweep_point;

/** A search direction; probe NULL: it stays (F2 = 0). object is never NULL. */
typedef struct pp_sweep_direction {
    const pp_c32 *object, *probe;
} pp_sweep_direction;

/** What `gradient` fills: each pointer may be NULL. Gradients are overwritten, not added to. */
typedef struct pp_sweep_gradient {
    pp_c32 *object; /* [Y][X] */
    pp_c32 *probe;  /* [M][n][n] */
    double *cost;
    double *misfit; /* sum (sqrt I - sqrt d)^2 over measured pixels, whatever the model */
    pp_c32 *
        rest; /* [Y][X] with `object`, of a sweep with wide_sum: what is left when the sum is rounded to `object` */
    /** Called for each stage in order: in what it enqueues, `object` has all that patterns of this stage and those before add to it, and
     *  that work runs beside the patterns of later stages, if the class is `staged`. It may change pixels that those do not see. NULL: nothing. */
    pp_status (*ready)(void *self, int stage);
    void *self;
    /** [2] seconds from the first stage's end to the end of all that `ready` has enqueued, and how much of that nothing ran beside; 0 where
     *  the class is not staged. NULL: not wanted. */
    double *beside;
} pp_sweep_gradient;

/** First and second derivative of the cost along the direction at t = 0. */
typedef struct pp_sweep_slope {
    double slope, curvature;
} pp_sweep_slope;

/** Gauss-Newton terms of one pattern's position, with J_a = d sqrt(I) / d position_a (a = y, x) and r = sqrt(I) - sqrt(d):
 *  the step solves [yy yx; yx xx] s = -[ry rx]. And of its beam: with J = sqrt(I), that is d sqrt(I) / d log of the frame's factor,
 *  ww = sum J^2 and rw = sum J r: the best factor is 1 - rw / ww times the present one. */
typedef struct pp_sweep_position {
    double yy, yx, xx, ry, rx, ww, rw;
} pp_sweep_position;

/** For the bench and the plan. Bytes are those of main memory, per pattern. */
typedef struct pp_sweep_facts {
    const char *implementation; /* "fftw", "fused avx2", ... */
    double bytes_resident,
        bytes_moved; /* held; read + written in an iteration of line and gradient */
} pp_sweep_facts;

/** Sums over the frames, made at `create`: counts of measured pixels, sum (d - d log d), number of measured pixels. */
typedef struct pp_sweep_totals {
    double counts, poisson_offset, pixels;
} pp_sweep_totals;

typedef struct pp_sweep pp_sweep;

/** One implementation. Functions may be called through the wrappers below only. */
typedef struct pp_sweep_class {
    const char *name;
    bool staged; /* gradient calls `ready` itself; else it is called at the end */
    /** Whether it can do this setup (positions, frames and mask may be NULL here). */
    bool (*supports)(const pp_sweep_setup *setup);
    /** order[n * n] of the detector pixels; NULL member: natural order. */
    void (*order)(int64_t n, int32_t *order);
    /** Makes whatever FFT plans this size needs, so that later `create`s find them in the wisdom; NULL member: none. */
    pp_status (*prepare)(int64_t n);
    /** Bytes that `create` will allocate for this setup (positions may be NULL: then a raster is assumed). */
    double (*bytes)(const pp_sweep_setup *setup);
    pp_status (*create)(const pp_sweep_setup *setup, pp_sweep **out);
    void (*free)(pp_sweep *sweep);
    pp_status (*gradient)(pp_sweep *sweep, const pp_sweep_gradient *out, const pp_sweep_point *at);
    pp_status (*line)(pp_sweep *sweep, pp_sweep_slope *out, const pp_sweep_point *at,
                      const pp_sweep_direction *along, const double *steps, int count,
                      double *costs);
    pp_status (*costs)(pp_sweep *sweep, double *costs, const pp_sweep_point *at,
                       const pp_sweep_direction *along, const double *steps, int count);
    void (*advance)(pp_sweep *sweep, double to);
    void (*renew)(pp_sweep *sweep);
    pp_status (*illumination)(pp_sweep *sweep, float *object, float *probe,
                              const pp_sweep_point *at);
    pp_status (*positions)(pp_sweep *sweep, pp_sweep_position *out, const pp_sweep_point *at);
    void (*move)(pp_sweep *sweep, const double *positions, const double *factors);
    void (*totals)(const pp_sweep *sweep, pp_sweep_totals *out);
    void (*facts)(const pp_sweep *sweep, pp_sweep_facts *out);
    /* NULL where `supports` refuses every background */
    void (*set_background)(pp_sweep *sweep, const float *background);
    pp_status (*background_terms)(pp_sweep *sweep, double *first, double *second,
                                  const pp_sweep_point *at);
} pp_sweep_class;

/** Every implementation begins its struct with this. */
struct pp_sweep {
    const pp_sweep_class *kind;
    pp_sweep_setup setup; /* pointers other than frames are NULL */
};

/** Checks the setup (windows inside the object, types, sizes) and creates. Errors: PP_ERR_RESOURCE, PP_ERR_RUN. */
PP_MUST_CHECK pp_status pp_sweep_create(const pp_sweep_class *kind, const pp_sweep_setup *setup,
                                        pp_sweep **out);
void pp_sweep_free(pp_sweep **sweep);

static inline int pp_sweep_stages(const pp_sweep_setup *setup)
{
    return setup->stages > 1 ? setup->stages : 1;
}
/** Cost and gradients at a point. With kept far fields `at` must be the point that they belong to (see pp_sweep_advance). */
PP_MUST_CHECK pp_status pp_sweep_gradient_at(pp_sweep *sweep, const pp_sweep_gradient *out,
                                             const pp_sweep_point *at);
/** Far field of a direction (kept where far fields are), slope and curvature at t = 0, and the costs at `count` trial steps
 *  (0 to PP_SWEEP_STEPS) in the same pass. at: the point t = 0. */
PP_MUST_CHECK pp_status pp_sweep_line(pp_sweep *sweep, pp_sweep_slope *out, double *costs,
                                      const pp_sweep_point *at, const pp_sweep_direction *along,
                                      const double *steps, int count);
/** Costs at `count` more steps of the same line. steps count from t = 0; `at` is t = 0 too, whatever was advanced. */
PP_MUST_CHECK pp_status pp_sweep_costs(pp_sweep *sweep, double *costs, const pp_sweep_point *at,
                                       const pp_sweep_direction *along, const double *steps,
                                       int count);
/** The caller's point is now t = `to` of the last line: kept far fields follow (at the next call, in its own pass). May be
 *  called again before the next `line`, to go back: `to` counts from t = 0 always. */
void pp_sweep_advance(pp_sweep *sweep, double to);
/** Kept far fields are computed from object and probe at the next gradient (start, after a change by other means, against
 *  drift every 32 iterations). */
void pp_sweep_renew(pp_sweep *sweep);
/** object [Y][X] (or NULL): sum over patterns and modes of the moved |probe|^2; probe [n][n] (or NULL): sum over patterns
 *  of |window of the object|^2. Overwritten. */
PP_MUST_CHECK pp_status pp_sweep_illumination(pp_sweep *sweep, float *object, float *probe,
                                              const pp_sweep_point *at);
/** out [J] in the setup's order of patterns. Needs PP_SWEEP_FOURIER. */
PP_MUST_CHECK pp_status pp_sweep_position_terms(pp_sweep *sweep, pp_sweep_position *out,
                                                const pp_sweep_point *at);
/** New positions [J][2] in the old windows (they may be more than half a pixel off), and what the probe is multiplied with in each
 *  pattern, [J] (NULL: 1): the beam's amplitude fluctuates. Needs PP_SWEEP_FOURIER; far fields are renewed. */
void pp_sweep_move(pp_sweep *sweep, const double *positions, const double *factors);
/** Background [n * n] in detector order, at least 0, copied; of a sweep whose setup has it. */
void pp_sweep_set_background(pp_sweep *sweep, const float *background);
/** first, second [n * n] in detector order: sums over this sweep's patterns of the first and second derivative of the cost with
 *  respect to each pixel's background, which must be above 0 there. */
PP_MUST_CHECK pp_status pp_sweep_background_terms(pp_sweep *sweep, double *first, double *second,
                                                  const pp_sweep_point *at);
void pp_sweep_sums(const pp_sweep *sweep, pp_sweep_totals *out);
void pp_sweep_tell(const pp_sweep *sweep, pp_sweep_facts *out);

#endif
