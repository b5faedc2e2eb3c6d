/* Planes by tomographic consistency.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "tomo/consistent.h"

#include <math.h>
#include <string.h>

#include "backend/fft.h"
#include "base/alloc.h"
#include "tomo/fbp.h"
#include "tomo/median.h"
#include "tomo/resample.h"
#include "tomo/solve3.h"
#include "tomo/transpose.h"

enum { BINS = 256, CHUNK = 8, FEWEST = 16 };

/* Part of the field's width that a ray may run through matter and still count as one through air; weight of other rays. */
static const double air_part = 0.01, matter_weight = 0.1;

typedef struct work {
    const pp_matching_setup *setup;
    const pp_c32 *psi;
    const double *shifts;
    pp_plane *planes;
    pp_grid_box box;
    int64_t ny, nx, rows; /* of the box; rows of this rank's slab */
    int64_t chunk;
    pp_shifter *shifter;
    pp_projector *projector;
    pp_fbp *fbp;
    float *lines, *model, *matter; /* [count][ny][nx], positive in matter; lengths in pixels */
    float *slab;                   /* [rows][views][nx] */
    float *volume;                 /* [rows][nx][nx] */
} work;

static int64_t pixels(const work *w)
{
    return w->ny * w->nx;
}

/* ---- volume, and its projections ---- */

static pp_status move_view(void *self, int64_t local)
{
    const work *w = self;
    const pp_grid_box f = w->setup->field;
    float *to = w->lines + local * pixels(w);
    PP_TRY(pp_shift_real(w->shifter, w->setup->phase + local * (f.y1 - f.y0) * (f.x1 - f.x0),
                         w->shifts + 2 * (w->setup->first + local), to));
    for (int64_t i = 0; i < pixels(w); i++) to[i] = -to[i];
    return PP_OK;
}

static pp_stack_shape shape_of(const work *w)
{
    return (pp_stack_shape){w->setup->views, w->ny, w->nx, sizeof(float)};
}

static pp_status back_project(const work *w)
{
    const int64_t square = w->nx * w->nx, of_slice = w->setup->views * w->nx;
    for (int64_t k = 0; k < w->rows; k += w->chunk) {
        const int64_t count = w->rows - k < w->chunk ? w->rows - k : w->chunk;
        PP_TRY(pp_fbp_run_real(w->fbp, count, w->slab + k * of_slice, w->volume + k * square));
    }
    for (int64_t i = 0; i < w->rows * square; i++) w->volume[i] = fmaxf(w->volume[i], 0);
    return PP_OK;
}

/* Lines of the volume into `out` on the side of the views. */
static pp_status project(const work *w, float *out)
{
    const int64_t square = w->nx * w->nx, of_slice = w->setup->views * w->nx;
    pp_status status = PP_OK;
    for (int64_t k = 0; k < w->rows && status == PP_OK; k += w->chunk) {
        const int64_t count = w->rows - k < w->chunk ? w->rows - k : w->chunk;
        status = pp_projector_forward_real(w->projector, count, w->volume + k * square,
                                           w->slab + k * of_slice);
    }
    PP_TRY(pp_comm_agree(w->setup->comm, status));
    return pp_slabs_to_views(w->setup->comm, shape_of(w), w->slab, out);
}

/* The bin up to which voxels are air: the largest variance between the two classes. */
static int split_bin(const double *counts)
{
    double all = 0, mean = 0, below = 0, moment = 0, best = 0;
    int at = 0;
    for (int k = 0; k < BINS; k++) {
        all += counts[k];
        mean += k * counts[k];
    }
    for (int k = 0; k + 1 < BINS; k++) {
        below += counts[k];
        moment += k * counts[k];
        if (!(below > 0) || !(all - below > 0)) continue;
        const double gap = moment / below - (mean - moment) / (all - below);
        const double variance = below * (all - below) * gap * gap;
        if (variance > best) {
            best = variance;
            at = k;
        }
    }
    return at;
}

/* Value between air and matter; 0 where there is no matter. The counts are whole numbers: their sums are exact in any order. */
static pp_status find_threshold(const work *w, double *threshold)
{
    const int64_t count = w->rows * w->nx * w->nx;
    double counts[BINS] = {0}, largest = 0;
    for (int64_t i = 0; i < count; i++) largest = fmax(largest, (double)w->volume[i]);
    PP_TRY(pp_comm_allreduce(w->setup->comm, &largest, 1, PP_MAX));
    *threshold = 0;
    if (!(largest > 0)) return PP_OK;
    for (int64_t i = 0; i < count; i++) {
        const int bin = (int)((double)w->volume[i] / largest * BINS);
        counts[bin < BINS ? bin : BINS - 1]++;
    }
    PP_TRY(pp_comm_allreduce(w->setup->comm, counts, BINS, PP_SUM));
    *threshold = largest * (split_bin(counts) + 1) / BINS;
    return PP_OK;
}

/* model and matter from the present phase. */
static pp_status make_model(work *w, double *threshold)
{
    const pp_comm *comm = w->setup->comm;
    PP_TRY(pp_comm_agree(comm, pp_each_view(w->setup->count, w->setup->threads, move_view, w)));
    PP_TRY(pp_views_to_slabs(comm, shape_of(w), w->lines, w->slab));
    PP_TRY(pp_comm_agree(comm, back_project(w)));
    PP_TRY(find_threshold(w, threshold));
    PP_TRY(project(w, w->model));
    /* A quarter of the threshold: what is dilute at the rim of matter must not pass for air. */
    for (int64_t i = 0; i < w->rows * w->nx * w->nx; i++)
        w->volume[i] = (double)w->volume[i] > 0.25 * *threshold ? 1 : 0;
    return project(w, w->matter);
}

/* ---- one view ---- */

/* Pixel of the field that pixel (y, x) of the moved view came from; -1 outside. */
static int64_t source_of(const work *w, int64_t local, int64_t y, int64_t x)
{
    const pp_grid_box f = w->setup->field;
    const double *shift = w->shifts + 2 * (w->setup->first + local);
    const int64_t fy = w->box.y0 + y - (int64_t)floor(shift[0] + 0.5) - f.y0,
                  fx = w->box.x0 + x - (int64_t)floor(shift[1] + 0.5) - f.x0;
    if (fy < 0 || fx < 0 || fy >= f.y1 - f.y0 || fx >= f.x1 - f.x0) return -1;
    return fy * (f.x1 - f.x0) + fx;
}

static double mean_size(int64_t count, const float *values)
{
    double sum = 0;
    for (int64_t i = 0; i < count; i++) sum += fabs((double)values[i]);
    return sum / (double)count;
}

/* Fit about the middle of the box: constant, slopes along y and x. Moduli of the air go to `air` [ny nx], their number is
 * returned. */
static int64_t fit_view(const work *w, int64_t local, double fit[3], double *air)
{
    const pp_grid_box f = w->setup->field;
    const int64_t base = local * pixels(w), size = (f.y1 - f.y0) * (f.x1 - f.x0);
    const float *lines = w->lines + base, *model = w->model + base, *matter = w->matter + base;
    const double mean = mean_size(pixels(w), model), most = air_part * (double)w->nx;
    double m[3][3] = {{0}};
    int64_t count = 0;
    memset(fit, 0, 3 * sizeof *fit);
    for (int64_t i = 0; i < pixels(w); i++) {
        const int64_t y = i / w->nx, x = i % w->nx, source = source_of(w, local, y, x);
        if (source < 0) continue;
        const bool in_air = matter[i] < most;
        const double ratio = mean > 0 ? model[i] / mean : 0;
        const double weight = w->setup->weight[local * size + source] *
                              (in_air ? 1 : matter_weight * exp(-ratio * ratio));
        const double gap = (in_air ? 0 : (double)model[i]) - lines[i];
        const double basis[3] = {1, (double)(y - w->ny / 2), (double)(x - w->nx / 2)};
        for (int k = 0; k < 3; k++) {
            for (int j = 0; j < 3; j++) m[k][j] += weight * basis[k] * basis[j];
            fit[k] += weight * basis[k] * gap;
        }
        if (!in_air || !w->psi) continue;
        const pp_c32 psi = w->psi[local * size + source];
        air[count++] = hypot((double)psi.re, (double)psi.im);
    }
    pp_solve3(m, fit);
    return count;
}

static pp_status plane_of_view(void *self, int64_t local)
{
    const work *w = self;
    const pp_grid_box f = w->setup->field;
    const double *shift = w->shifts + 2 * (w->setup->first + local);
    double fit[3], *air;
    PP_TRY(PP_ALLOC(pixels(w), &air));
    const int64_t count = fit_view(w, local, fit, air);
    pp_plane plane = {count >= FEWEST ? pp_median(air, count) : 1, fit[0], fit[1], fit[2]};
    if (!(plane.modulus > 0)) plane.modulus = 1;
    /* From the middle of the box in the moved view to the middle of the field in the view itself. */
    plane.c += fit[1] * ((double)(f.y0 + (f.y1 - f.y0) / 2 - w->box.y0 - w->ny / 2) + shift[0]) +
               fit[2] * ((double)(f.x0 + (f.x1 - f.x0) / 2 - w->box.x0 - w->nx / 2) + shift[1]);
    w->planes[local] = plane;
    pp_free(air);
    return PP_OK;
}

/* ---- all of it ---- */

static pp_status make_plans(work *w)
{
    const pp_matching_setup *s = w->setup;
    const pp_projector_setup projector = {
        .n = w->nx, .views = s->views, .angles = s->theta, .threads = s->threads};
    const pp_fbp_setup smooth = {.filter = PP_FILTER_HANN};
    PP_TRY(pp_shifter_create(s->field, w->box, &w->shifter));
    /* Estimated plans: the same on every rank. */
    const pp_fft_effort before = pp_fft_set_effort(PP_FFT_ESTIMATE);
    pp_status status = pp_projector_create(&projector, &w->projector);
    if (status == PP_OK) status = pp_fbp_create(w->projector, &smooth, &w->fbp);
    (void)pp_fft_set_effort(before);
    return status;
}

static pp_status make_work(work *w)
{
    const pp_matching_setup *s = w->setup;
    int64_t first;
    PP_TRY(pp_stack_box(s->field, s->centre, NULL, 0, &w->box));
    w->ny = w->box.y1 - w->box.y0;
    w->nx = w->box.x1 - w->box.x0;
    w->chunk = (int64_t)(s->threads > 0 ? s->threads : 1) * CHUNK;
    pp_slab_block(w->ny, pp_comm_size(s->comm), pp_comm_rank(s->comm), &first, &w->rows);
    PP_TRY(PP_ALLOC(s->count * pixels(w) + 1, &w->lines));
    PP_TRY(PP_ALLOC(s->count * pixels(w) + 1, &w->model));
    PP_TRY(PP_ALLOC(s->count * pixels(w) + 1, &w->matter));
    PP_TRY(PP_ALLOC(w->rows * s->views * w->nx + 1, &w->slab));
    PP_TRY(PP_ALLOC(w->rows * w->nx * w->nx + 1, &w->volume));
    return make_plans(w);
}

static void free_work(work *w)
{
    pp_shifter_free(&w->shifter);
    pp_fbp_free(&w->fbp);
    pp_projector_free(&w->projector);
    pp_free(w->lines);
    pp_free(w->model);
    pp_free(w->matter);
    pp_free(w->slab);
    pp_free(w->volume);
}

pp_status pp_consistent_planes(const pp_matching_setup *setup, const pp_c32 *psi,
                               const double *shifts, pp_plane *planes)
{
    work w = {.setup = setup, .psi = psi, .shifts = shifts, .planes = planes};
    double threshold = 0;
    for (int64_t k = 0; k < setup->count; k++) planes[k] = (pp_plane){1, 0, 0, 0};
    pp_status status = pp_comm_agree(setup->comm, make_work(&w));
    if (status == PP_OK) status = make_model(&w, &threshold);
    if (status == PP_OK && threshold > 0)
        status = pp_comm_agree(setup->comm,
                               pp_each_view(setup->count, setup->threads, plane_of_view, &w));
    free_work(&w);
    return status;
}

double pp_consistent_bytes(int64_t views, int64_t ny, int64_t nx, int ranks, int threads)
{
    const pp_projector_setup projector = {.n = nx, .views = views, .threads = threads};
    const pp_stack_shape shape = {views, ny, nx, sizeof(float)};
    const double image = (double)ny * (double)nx, line = (double)nx;
    const double lines = 3 * (double)pp_most_views(views, ranks) * image,
                 slab = (double)pp_most_rows(ny, ranks) * line * ((double)views + line);
    const double of_view = fmax(image * sizeof(double), pp_shifter_bytes(ny, nx));
    return (lines + slab) * (double)sizeof(float) + threads * of_view +
           pp_transpose_bytes(ranks, shape) + pp_projector_bytes(&projector) +
           pp_fbp_bytes(nx, views, threads);
}
