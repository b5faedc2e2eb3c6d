/* The sweeps around FFTW's 2-D plans: any size of detector, natural order of detector pixels. Each thread takes whole
 * chunks of patterns; a pattern's arrays stay in the thread's own work space.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_FFTW_SWEEP_H
#define PP_FFTW_SWEEP_H

#include "backend/cpu/chunks.h"
#include "backend/cpu/pixels.h"
#include "backend/fft.h"

extern const pp_sweep_class pp_sweep_fftw;

/** One thread's arrays, [M][n][n] each. */
typedef struct pp_fftw_work {
    pp_c32 *probe, *dprobe, *far, *f1, *f2;
    float *inten;             /* [n][n] */
    pp_c32 *window, *window2; /* [n][n] bilinear: sampled objects */
} pp_fftw_work;

typedef struct pp_fftw_sweep {
    pp_sweep base;
    pp_chunks chunks;
    pp_fft *there, *back;
    uint8_t *mask;         /* [n * n] */
    float *background;     /* [n * n] or NULL */
    float (*parts)[2];     /* [J] bilinear: parts of a pixel (y, x); else NULL */
    pp_c32 *ramp;          /* [J][2][n] exp(-2 pi i k f) along y and x; NULL: nearest */
    pp_c32 *far, *f1, *f2; /* kept, [J][M][n][n]; NULL where not */
    pp_c32 *hat,
        *dhat;     /* [M][n][n] transforms of probe and its direction over n^2; NULL: nearest */
    pp_c32 *boxes; /* object gradient of each chunk */
    pp_c64 *wide_boxes; /* the same in double where that is asked for; NULL: not */
    pp_c32 *probes;     /* [chunks][M][n][n] probe gradients; NULL where the probe stays */
    double *scalars;    /* [J][PP_FFTW_SCALARS] */
    pp_fftw_work *work; /* [threads] */
    pp_sweep_totals totals;
    bool known, square; /* kept far is valid; the last line had an F2 */
    double at, to;      /* kept far belongs to `at`, the caller's point is at `to` */
} pp_fftw_sweep;

enum { PP_FFTW_SCALARS = PP_SWEEP_STEPS + 2 };

/** Ramps from positions [J][2]; those along y carry the patterns' factors [J] (NULL: 1), so the moved probe does. */
void pp_fftw_ramps(pp_fftw_sweep *s, const double *positions, const double *factors);
pp_pixels pp_fftw_pixels(const pp_fftw_sweep *s, int64_t pattern);

pp_status pp_fftw_gradient(pp_sweep *sweep, const pp_sweep_gradient *out, const pp_sweep_point *at);
pp_status pp_fftw_line(pp_sweep *sweep, pp_sweep_slope *out, const pp_sweep_point *at,
                       const pp_sweep_direction *along, const double *steps, int count,
                       double *costs);
pp_status pp_fftw_costs(pp_sweep *sweep, double *costs, const pp_sweep_point *at,
                        const pp_sweep_direction *along, const double *steps, int count);
pp_status pp_fftw_illumination(pp_sweep *sweep, float *object, float *probe,
                               const pp_sweep_point *at);
void pp_fftw_set_background(pp_sweep *sweep, const float *background);
pp_status pp_fftw_background_terms(pp_sweep *sweep, double *first, double *second,
                                   const pp_sweep_point *at);
pp_status pp_fftw_positions(pp_sweep *sweep, pp_sweep_position *out, const pp_sweep_point *at);

#endif
