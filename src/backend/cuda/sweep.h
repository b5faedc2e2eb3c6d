/* The sweep of a CUDA device: batches of patterns that stay in the L2 cache on their way through cuFFT's plans and the kernels
 * around them. Any size of detector, natural order of detector pixels.
 *
 * Patterns are worked on along a Hilbert curve over the object ("slots": slot k is pattern order[k]), so that a batch sees a small
 * part of it. Sums have one order whatever the batches: object gradients are added slot by slot in every object pixel by the thread that
 * owns it, probe gradients slot by slot in double, scalars in slices of a pattern, then slice by slice.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_CUDA_SWEEP_H
#define PP_CUDA_SWEEP_H

#include "backend/cuda/scene.h"
#include "backend/cuda/transforms.h"
extern "C" {
#include "backend/cpu/chunks.h"
}

namespace PP_DEVICE
{

enum {
    LINE_SUMS = PP_SWEEP_STEPS + 2,
    POSITION_SUMS = 7,
    SLICE_PIXELS = 4096, /* of a pattern, summed by one block */
    SLICES_MOST = 64,
    BATCH_MOST = 256
};

/** Plans of the two sizes of a batch, and the probe's. Where elements come through callbacks those without are for what is left. */
enum { PLAIN, PROBE = 2, PRODUCT, RESIDUAL = 5, PLANS = 7 };

/** What products are for: which place of a batch in the table that their callback reads. */
enum { AT_POINT, ALONG, SQUARE, AXIS_Y, AXIS_X, USES };

struct product_source;
struct residual_source;

/** Of the transforms that fetch their elements through callbacks (callbacks.h). */
struct callback_tables {
    product_source *product;   /* device, [USES][batches] */
    residual_source *residual; /* device, [batches] */
    products
        *told; /* host, [USES][batches]: what `product` holds, or will at that place of the queue */
    const void **frames; /* host, [batches]: those of `residual` */
    float *limit;        /* device, [J] */
    void *info[2];       /* what cuFFT is given for its callbacks */
};

/** A run of slots. */
struct batch {
    int first, count;
    corner from, to; /* box of its windows in the object array */
};

/** Far field and its derivatives along a line, [count][M][n][n]; f2 NULL: none. */
struct far_line {
    const pp_c32 *far, *f1, *f2;
    double at;
};

struct trial_steps {
    double at[PP_SWEEP_STEPS];
    int count;
};

/** Where the frames are, by slot. Resident: all of them on the device. Streamed: all in pinned host memory, two batches on the
 *  device, copied by a stream of their own ahead of the computation; copies go on from pass to pass, as all take the batches in order. */
struct frame_store {
    char *all; /* device: resident; pinned host memory: streamed */
    bool streamed;
    char *room[2]; /* device, one batch each */
    cudaStream_t copies;
    cudaEvent_t copied[2], used[2];
    int64_t taken,
        issued; /* batches since the beginning: batch k of that count lies in room k % 2 */
};

struct sweep {
    pp_sweep base;
    int slots, batches, slices;
    int64_t field;   /* elements of all modes of one pattern */
    int sizes[2];    /* patterns of a batch: the larger and the smaller size */
    batch *of;       /* [batches] */
    int64_t *order;  /* [J] pattern of a slot */
    corner *windows; /* host, [J] by slot */
    cufftHandle plans[PLANS];
    callback_tables tables; /* empty: separate kernels */
    /* device */
    char *fft_room;
    corner *window;  /* [J] */
    double *offsets; /* [J][3] fraction along y and x, factor */
    pp_c32 *ramp;    /* [J][2][n] */
    uint8_t *mask;
    frame_store frames;
    pp_c32 *far, *f1, *f2;          /* kept, by slot */
    pp_c32 *room[3];                /* one batch each */
    pp_c32 *moved, *dmoved;         /* one batch each; NULL: nearest */
    pp_c32 *hat, *dhat;             /* [M][n][n] */
    double2 *probe_sum;             /* [M][n][n] */
    double2 *object_sum;            /* [Y][X]; NULL: summed in float */
    float *part;                    /* [J][2]; NULL: not bilinear */
    float *background;              /* [n * n]; NULL: none */
    double2 *terms;                 /* [n * n] derivatives with respect to it */
    float *maxima;                  /* [J][slices] largest intensities of the far field last made */
    double *partial;                /* [sums][J][slices] */
    double *total;                  /* [LINE_SUMS] */
    double *host_total, *host_rows; /* pinned: [LINE_SUMS]; [J][3] or [POSITION_SUMS][J][slices] */
    double2 *host_terms;            /* pinned: [n * n], or floats of a background on its way */
    pp_sweep_totals totals;
    bool known, square,
        moved_on; /* far is valid; the last line had an F2; offsets are to be uploaded */
    bool other_background, dim; /* a background is to be uploaded; maxima are of another one */
    double at, to;
    /* stages: the last batch with a pattern of them or those before, -1 for none; its end, that of all batches and of what ran aside */
    int last[PP_SWEEP_STAGES];
    cudaEvent_t staged[PP_SWEEP_STAGES], computed, shared;
};

/* ---- real space (sweep_near.cu); enqueued on `q` ---- */

/** ramp [J][2][n] from offsets [J][3]. */
void launch_ramps(cudaStream_t q, pp_c32 *ramp, const double *offsets, int slots, int n);
/** to = s from. */
void launch_scaled(cudaStream_t q, pp_c32 *to, const pp_c32 *from, float s, int64_t count);
/** to[k] = hat x the ramp of pattern k, with axis 0 (y) or 1 (x) times its slope; axis -1: without. */
void launch_shift(cudaStream_t q, const scene &v, pp_c32 *to, const pp_c32 *hat, int axis);
/** to[k] = the products of pattern k, unitary. */
void launch_product(cudaStream_t q, const scene &v, pp_c32 *to, const products &f);
/** object, or in double `wide` where that is not NULL, += conj(p) near over the batch's box. */
void launch_add_object(cudaStream_t q, const scene &v, const batch &b, pp_c32 *object,
                       double2 *wide, probes p, const pp_c32 *near);
/** object += sum over modes |p|^2. */
void launch_light_object(cudaStream_t q, const scene &v, const batch &b, float *object, probes p);
/** probe [n][n] = sum of |window of the object|^2 over all slots of v. */
void launch_light_probe(cudaStream_t q, const scene &v, float *probe, const pp_c32 *object);
/** near[k] = conj(window of o) near[k]. */
void launch_window_conj(cudaStream_t q, const scene &v, pp_c32 *near, const pp_c32 *o);
/** sum += conj(window of o) near; fourier: conj(ramp) near. */
void launch_add_probe(cudaStream_t q, const scene &v, double2 *sum, const pp_c32 *near,
                      const pp_c32 *o);
/** to = from rounded; rest (or NULL) gets what that leaves. */
void launch_round(cudaStream_t q, pp_c32 *to, pp_c32 *rest, const double2 *from, int64_t count);

/* ---- detector (sweep_far.cu) ---- */

/** Brings far to far + a f1 + b f2 (a = 0: leaves it) and fills maxima [count][slices]. */
void launch_follow(cudaStream_t q, const scene &v, int slices, pp_c32 *far, const pp_c32 *f1,
                   const pp_c32 *f2, double a, double b, float *maxima);
/** What launch_residual fills beside sums; each may be NULL. near [count][M][n][n] may be the far field. */
struct residual_out {
    pp_c32 *near; /* (1 - r) / n far */
    float *limit; /* [count] of each pattern: intensities below it are dark */
};
/** partial rows: cost, misfit (if asked for), `row` apart. */
void launch_residual(cudaStream_t q, const scene &v, const measurement &m, residual_out to,
                     const pp_c32 *far, const float *maxima, bool misfit, double *partial,
                     int64_t row);
/** partial rows: slope, curvature, costs. */
void launch_line(cudaStream_t q, const scene &v, const measurement &m, const far_line &f,
                 const float *maxima, const trial_steps &steps, double *partial, int64_t row);
/** partial rows: yy, yx, xx, ry, rx, ww, rw. */
void launch_positions(cudaStream_t q, const scene &v, const measurement &m, const pp_c32 *far,
                      const pp_c32 *jy, const pp_c32 *jx, const float *maxima, double *partial,
                      int64_t row);
/** sum [n * n] += first and second derivative of the cost with respect to the background. */
void launch_background(cudaStream_t q, const scene &v, const measurement &m, const pp_c32 *far,
                       double2 *sum);
/** partial rows: counts, sum (d - d log d), pixels. */
void launch_totals(cudaStream_t q, const scene &v, const measurement &m, double *partial,
                   int64_t row);
/** total[s] = sum of row s, for `sums` rows. */
void launch_sum_rows(cudaStream_t q, double *total, const double *partial, int sums, int64_t row);

/* ---- transforms through callbacks (sweep_callbacks.cu) ---- */

/** Tables and plans; *bytes as in make_transforms. Fails where cuFFT takes no callbacks. */
PP_MUST_CHECK pp_status make_callbacks(sweep *s, size_t *bytes);
void free_callbacks(sweep *s);
/** Whether the way back is through a callback: it is where there is one mode. */
bool residual_is_loaded(const sweep *s);
/** to [count][M][n][n] = F(products of batch i); use: what for. */
PP_MUST_CHECK pp_status transform_product(sweep *s, cudaStream_t q, int i, int use, pp_c32 *to,
                                          const products &f);
/** near [count][n][n] = back from (1 - r) / n far of batch i, with the limits in the tables; near is not far. */
PP_MUST_CHECK pp_status transform_residual(sweep *s, cudaStream_t q, int i, pp_c32 *near,
                                           const pp_c32 *far, const void *frames);

/* ---- passes (sweep_passes.cu) ---- */

sweep *of(pp_sweep *s);
/** Of the current device's L2. */
PP_MUST_CHECK pp_status cache_bytes(double *out);
scene scene_of(const sweep *s, const batch &b);
/** frames: of the batch, on the device. */
measurement measurement_of(const sweep *s, const void *frames);
/** Sums `sums` rows of partial into host_total, and waits. */
PP_MUST_CHECK pp_status fetch_totals(sweep *s, int sums);

/* ---- frames (frames.cu) ---- */

/** Host and device memory, and the frames in it. */
PP_MUST_CHECK pp_status make_frames(sweep *s);
void free_frames(sweep *s);
/** The frames of batch i for work on q from here on; batches are taken in order, each pass from the first. */
PP_MUST_CHECK pp_status take_frames(sweep *s, cudaStream_t q, int i, const void **out);
/** The work on q that uses them is enqueued. */
PP_MUST_CHECK pp_status used_frames(sweep *s, cudaStream_t q);

pp_status sweep_gradient(pp_sweep *s, const pp_sweep_gradient *out, const pp_sweep_point *at);
pp_status sweep_line(pp_sweep *s, pp_sweep_slope *out, const pp_sweep_point *at,
                     const pp_sweep_direction *along, const double *steps, int count,
                     double *costs);
pp_status sweep_costs(pp_sweep *s, double *costs, const pp_sweep_point *at,
                      const pp_sweep_direction *along, const double *steps, int count);
pp_status sweep_illumination(pp_sweep *s, float *object, float *probe, const pp_sweep_point *at);
pp_status sweep_positions(pp_sweep *s, pp_sweep_position *out, const pp_sweep_point *at);
void sweep_set_background(pp_sweep *s, const float *background);
pp_status sweep_background_terms(pp_sweep *s, double *first, double *second,
                                 const pp_sweep_point *at);

} // namespace PP_DEVICE
#endif
