/* Projection matching.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "tomo/matching.h"

#include <math.h>
#include <string.h>

#include "backend/fft.h"
#include "base/alloc.h"
#include "tomo/anderson.h"
#include "tomo/fbp.h"
#include "tomo/median.h"
#include "tomo/resample.h"
#include "tomo/transpose.h"

/* The largest step of an iteration, and the size at which it ends, in pixels of the level. */
static const double step_most = 0.5, small_step = 0.003;
/* Slow waves along a row carry ramps and offsets, not position: filter exp(-f0^2 / f^2), f in cycles a pixel. */
static const double slow = 0.01;

enum { coarsest = 64, factor_most = 8, chunk_slices = 8 };

/* What one view adds in one iteration. */
typedef struct flow {
    double dy, dx, squares, weights;
} flow;

/* One resolution. */
typedef struct level {
    const pp_matching_setup *setup;
    pp_grid_box box; /* even, about the centre, at full resolution */
    int64_t factor, ny, nx, y0, x0;
    int64_t row_count; /* of this rank's slab */
    int64_t chunk;     /* slices at a time */
    const double *shifts;
    pp_shifter *shifter;
    pp_fft *forward, *backward; /* along the rows of a projection */
    pp_projector *projector;
    pp_fbp *fbp[2];       /* at first, later */
    float *lines, *model; /* [count][ny][nx] */
    float *slab;          /* [row_count][views][nx] */
    float *slices;        /* [chunk][nx][nx] */
    flow *flows;          /* [views] */
} level;

static int64_t pixels(const level *l)
{
    return l->ny * l->nx;
}

/* ---- projections of this iteration ---- */

/* p(x + 1) - p(x) in the place of p(x), and 0 in the last column. */
static void take_differences(const level *l, float *p, int64_t rows)
{
    for (int64_t y = 0; y < rows; y++) {
        float *row = p + y * l->nx;
        for (int64_t x = 0; x + 1 < l->nx; x++) row[x] = row[x + 1] - row[x];
        row[l->nx - 1] = 0;
    }
}

static pp_status move_view(void *self, int64_t local)
{
    const level *l = self;
    const pp_matching_setup *s = l->setup;
    const int64_t width = l->box.x1 - l->box.x0, height = l->box.y1 - l->box.y0;
    const int64_t size = (s->field.y1 - s->field.y0) * (s->field.x1 - s->field.x0);
    float *whole;
    PP_TRY(PP_ALLOC(width * height, &whole));
    const pp_status status = pp_shift_real(l->shifter, s->phase + local * size,
                                           l->shifts + 2 * (s->first + local), whole);
    if (status == PP_OK)
        for (int64_t y = 0; y < l->ny; y++)
            for (int64_t x = 0; x < l->nx; x++)
                l->lines[local * pixels(l) + y * l->nx + x] =
                    -whole[(l->y0 + y * l->factor) * width + l->x0 + x * l->factor];
    pp_free(whole);
    if (s->differences) take_differences(l, l->lines + local * pixels(l), l->ny);
    return status;
}

/* Re-projections of `count` slices from `first` of the slab, in place. Differences lie between two pixels. */
static pp_status reproject_chunk(const level *l, const pp_fbp *fbp, int64_t first, int64_t count)
{
    float *lines = l->slab + first * l->setup->views * l->nx;
    if (l->setup->differences) pp_projector_set_shifts(l->projector, NULL, -0.5);
    const pp_status status = pp_fbp_run_real(fbp, count, lines, l->slices);
    if (l->setup->differences) pp_projector_set_shifts(l->projector, NULL, 0);
    PP_TRY(status);
    for (int64_t i = 0; i < count * l->nx * l->nx; i++) l->slices[i] = fmaxf(l->slices[i], 0);
    return pp_projector_forward_real(l->projector, count, l->slices, lines);
}

static pp_status reproject(const level *l, const pp_fbp *fbp)
{
    const pp_matching_setup *s = l->setup;
    const pp_stack_shape shape = {s->views, l->ny, l->nx, sizeof *l->slab};
    pp_status status = PP_OK;
    PP_TRY(pp_views_to_slabs(s->comm, shape, l->lines, l->slab));
    for (int64_t first = 0; first < l->row_count && status == PP_OK; first += l->chunk) {
        const int64_t left = l->row_count - first;
        status = reproject_chunk(l, fbp, first, left < l->chunk ? left : l->chunk);
    }
    PP_TRY(pp_comm_agree(s->comm, status));
    PP_TRY(pp_slabs_to_views(s->comm, shape, l->slab, l->model));
    if (s->differences) take_differences(l, l->model, s->count * l->ny);
    return PP_OK;
}

/* ---- optical flow ---- */

/* Weight of a pixel of the moved view: that of where it came from; 0 outside. */
static double weight_at(const level *l, int64_t local, int64_t y, int64_t x)
{
    const pp_matching_setup *s = l->setup;
    const double *shift = l->shifts + 2 * (s->first + local);
    const int64_t ny = s->field.y1 - s->field.y0, nx = s->field.x1 - s->field.x0;
    const int64_t fy =
        l->box.y0 + l->y0 + y * l->factor - (int64_t)floor(shift[0] + 0.5) - s->field.y0;
    const int64_t fx =
        l->box.x0 + l->x0 + x * l->factor - (int64_t)floor(shift[1] + 0.5) - s->field.x0;
    return fy >= 0 && fy < ny && fx >= 0 && fx < nx ? s->weight[(local * ny + fy) * nx + fx] : 0;
}

static float slope(const float *a, int64_t i, int64_t n, int64_t step)
{
    const int64_t low = i > 0 ? -1 : 0, high = i + 1 < n ? 1 : 0;
    return (a[high * step] - a[low * step]) / (float)(high - low);
}

/* residual + i x-slope, and y-slope, of one view, before the filter. */
static void differences(const level *l, int64_t local, pp_c32 *rx, pp_c32 *ry)
{
    const float *d = l->lines + local * pixels(l), *q = l->model + local * pixels(l);
    for (int64_t y = 0; y < l->ny; y++)
        for (int64_t x = 0; x < l->nx; x++) {
            const int64_t i = y * l->nx + x;
            rx[i] = (pp_c32){q[i] - d[i], slope(q + i, x, l->nx, 1)};
            ry[i] = (pp_c32){slope(q + i, y, l->ny, l->nx), 0};
        }
}

/* The filter is real and even: real and imaginary parts go through it side by side. */
static void high_pass(const level *l, pp_c32 *a)
{
    pp_fft_run(l->forward, a);
    for (int64_t x = 0; x < l->nx; x++) {
        const double f = (double)(x < l->nx - x ? x : l->nx - x) / (double)l->nx;
        const float gain = x == 0 ? 0 : (float)(exp(-slow * slow / (f * f)) / (double)l->nx);
        for (int64_t y = 0; y < l->ny; y++) {
            a[y * l->nx + x].re *= gain;
            a[y * l->nx + x].im *= gain;
        }
    }
    pp_fft_run(l->backward, a);
}

/* Least squares of residual = -(dx x-slope + dy y-slope). */
static flow solve_flow(const level *l, int64_t local, const pp_c32 *rx, const pp_c32 *ry)
{
    double xx = 0, xy = 0, yy = 0, bx = 0, by = 0;
    flow out = {0, 0, 0, 0};
    for (int64_t y = 0; y < l->ny; y++)
        for (int64_t x = 0; x < l->nx; x++) {
            const int64_t i = y * l->nx + x;
            const double w = weight_at(l, local, y, x), r = rx[i].re, gx = rx[i].im, gy = ry[i].re;
            xx += w * gx * gx;
            xy += w * gx * gy;
            yy += w * gy * gy;
            bx -= w * gx * r;
            by -= w * gy * r;
            out.squares += w * r * r;
            out.weights += w;
        }
    if (!l->setup->vertical) {
        out.dx = xx > 0 ? bx / xx : 0;
        return out;
    }
    const double det = xx * yy - xy * xy;
    if (det > 1e-9 * xx * yy) {
        out.dx = (yy * bx - xy * by) / det;
        out.dy = (xx * by - xy * bx) / det;
    }
    return out;
}

static pp_status flow_of_view(void *self, int64_t local)
{
    const level *l = self;
    pp_c32 *work;
    PP_TRY(pp_fft_buffer(2 * pixels(l), &work));
    pp_c32 *ry = work + pixels(l);
    differences(l, local, work, ry);
    high_pass(l, work);
    high_pass(l, ry);
    l->flows[l->setup->first + local] = solve_flow(l, local, work, ry);
    pp_free(work);
    return PP_OK;
}

/* ---- one level ---- */

/* All views' flows for the present shifts, on every rank; the weighted rms of the residual. */
static pp_status evaluate(level *l, const pp_fbp *fbp, double *error)
{
    const pp_matching_setup *s = l->setup;
    PP_TRY(pp_comm_agree(s->comm, pp_each_view(s->count, s->threads, move_view, l)));
    PP_TRY(reproject(l, fbp));
    PP_TRY(pp_comm_agree(s->comm, pp_each_view(s->count, s->threads, flow_of_view, l)));
    PP_TRY(pp_share_views(s->comm, s->views, l->flows, sizeof *l->flows));
    double squares = 0, weights = 0;
    for (int64_t v = 0; v < s->views; v++) {
        squares += l->flows[v].squares;
        weights += l->flows[v].weights;
    }
    *error = weights > 0 ? sqrt(squares / weights) : 0;
    return PP_OK;
}

static double clip(double a)
{
    return fmax(-step_most, fmin(step_most, a));
}

/* The steps [views][2] in pixels at full resolution; returns the largest in those of the level. The median vertical step is
 * a translation. */
static pp_status find_steps(const level *l, double *steps, double *largest)
{
    const int64_t views = l->setup->views;
    double *vertical;
    PP_TRY(PP_ALLOC(views, &vertical));
    for (int64_t v = 0; v < views; v++) vertical[v] = clip(l->flows[v].dy);
    const double middle = pp_median(vertical, views), scale = (double)l->factor;
    *largest = 0;
    for (int64_t v = 0; v < views; v++) {
        const double dy = l->setup->vertical ? clip(l->flows[v].dy) - middle : 0;
        const double dx = clip(l->flows[v].dx);
        *largest = fmax(*largest, fmax(fabs(dy), fabs(dx)));
        steps[2 * v] = scale * dy;
        steps[2 * v + 1] = scale * dx;
    }
    pp_free(vertical);
    return PP_OK;
}

/* Steps near their clip are only a direction: they are taken as they are. */
static void take_steps(const level *l, pp_anderson *anderson, double largest, const double *steps,
                       double *shifts)
{
    if (largest < 0.9 * step_most) {
        pp_anderson_next(anderson, shifts, steps, step_most * (double)l->factor);
        return;
    }
    pp_anderson_reset(anderson);
    for (int64_t i = 0; i < 2 * l->setup->views; i++) shifts[i] += steps[i];
}

/* A smooth filter first, then a sharper one; each ends when the steps are small. */
static pp_status iterate_with(level *l, pp_anderson *anderson, double *steps, double *shifts,
                              pp_matching_facts *facts)
{
    const int most = l->setup->iterations;
    /* Differences weigh fine detail, which the volume has from single views: it follows them, and steps are small before the end. */
    const double enough = l->setup->differences ? 0.1 * small_step : small_step;
    bool late = l->factor > 1;
    for (int k = 0; k < most; k++) {
        double error;
        PP_TRY(evaluate(l, l->fbp[late ? 1 : 0], &error));
        PP_TRY(find_steps(l, steps, &facts->last_step));
        take_steps(l, anderson, facts->last_step, steps, shifts);
        facts->iterations++;
        const bool done = facts->last_step < enough;
        if (done && late) break;
        if (!late && (done || k + 1 >= most / 2)) {
            late = true;
            pp_anderson_reset(anderson);
        }
    }
    return PP_OK;
}

static pp_status iterate(level *l, double *shifts, pp_matching_facts *facts)
{
    pp_anderson *anderson = NULL;
    double *steps = NULL;
    pp_status status = pp_anderson_create(2 * l->setup->views, &anderson);
    if (status == PP_OK) status = PP_ALLOC(2 * l->setup->views, &steps);
    status = pp_comm_agree(l->setup->comm, status);
    if (status == PP_OK) status = iterate_with(l, anderson, steps, shifts, facts);
    pp_anderson_free(&anderson);
    pp_free(steps);
    return status;
}

static void level_free(level *l)
{
    pp_shifter_free(&l->shifter);
    pp_fft_free(&l->forward);
    pp_fft_free(&l->backward);
    for (int k = 0; k < 2; k++)
        if (l->fbp[k]) pp_fbp_free(&l->fbp[k]);
    if (l->projector) pp_projector_free(&l->projector);
    pp_free(l->lines);
    pp_free(l->model);
    pp_free(l->slab);
    pp_free(l->slices);
    pp_free(l->flows);
}

static pp_status level_plans(level *l)
{
    const pp_matching_setup *s = l->setup;
    const pp_projector_setup projector = {.n = l->nx,
                                          .views = s->views,
                                          .angles = s->theta,
                                          .threads = s->threads,
                                          .backend = s->backend};
    pp_fbp_setup soft = {.filter = PP_FILTER_HANN, .band_limited = true};
    soft.derivative = soft.differences = s->differences;
    pp_fbp_setup sharp = soft;
    sharp.filter = PP_FILTER_SHEPP_LOGAN;
    PP_TRY(pp_fft_create(1, &l->nx, l->ny, -1, &l->forward));
    PP_TRY(pp_fft_create(1, &l->nx, l->ny, 1, &l->backward));
    PP_TRY(pp_projector_create(&projector, &l->projector));
    PP_TRY(pp_fbp_create(l->projector, &soft, &l->fbp[0]));
    return pp_fbp_create(l->projector, &sharp, &l->fbp[1]);
}

static pp_status level_arrays(level *l)
{
    const pp_matching_setup *s = l->setup;
    const int64_t local = s->count > 0 ? s->count : 1, rows = l->row_count > 0 ? l->row_count : 1;
    l->chunk = (int64_t)(s->threads > 0 ? s->threads : 1) * chunk_slices;
    PP_TRY(PP_ALLOC(local * pixels(l), &l->lines));
    PP_TRY(PP_ALLOC(local * pixels(l), &l->model));
    PP_TRY(PP_ALLOC(rows * s->views * l->nx, &l->slab));
    PP_TRY(PP_ALLOC(l->chunk * l->nx * l->nx, &l->slices));
    return PP_ALLOC(s->views, &l->flows);
}

static pp_status level_create(level *l, const pp_matching_setup *setup, int64_t factor,
                              const double *shifts)
{
    *l = (level){.setup = setup, .factor = factor, .shifts = shifts};
    PP_TRY(pp_stack_box(setup->field, setup->centre, NULL, 0, &l->box));
    const int64_t height = l->box.y1 - l->box.y0, width = l->box.x1 - l->box.x0;
    int64_t first;
    l->ny = height / (2 * factor) * 2;
    l->nx = width / (2 * factor) * 2;
    l->y0 = height / 2 - factor * (l->ny / 2);
    l->x0 = width / 2 - factor * (l->nx / 2);
    pp_slab_block(l->ny, pp_comm_size(setup->comm), pp_comm_rank(setup->comm), &first,
                  &l->row_count);
    PP_TRY(pp_shifter_create(setup->field, l->box, &l->shifter));
    pp_shifter_set_band(l->shifter, (double)factor);
    /* Estimated plans: the same on every rank. */
    const pp_fft_effort before = pp_fft_set_effort(PP_FFT_ESTIMATE);
    const pp_status status = level_plans(l);
    (void)pp_fft_set_effort(before);
    PP_TRY(status);
    return level_arrays(l);
}

static pp_status run_level(const pp_matching_setup *setup, int64_t factor, double *shifts,
                           pp_matching_facts *facts)
{
    level l;
    pp_status status = pp_comm_agree(setup->comm, level_create(&l, setup, factor, shifts));
    if (status == PP_OK && factor == 1 && facts->levels == 0)
        status = evaluate(&l, l.fbp[1], &facts->error_before);
    if (status == PP_OK) status = iterate(&l, shifts, facts);
    if (status == PP_OK && factor == 1) status = evaluate(&l, l.fbp[1], &facts->error_after);
    facts->levels++;
    level_free(&l);
    return status;
}

/* The error of the starting shifts at full resolution, where coarser levels come first. */
static pp_status error_of_start(const pp_matching_setup *setup, double *shifts, double *error)
{
    level l;
    pp_status status = pp_comm_agree(setup->comm, level_create(&l, setup, 1, shifts));
    if (status == PP_OK) status = evaluate(&l, l.fbp[1], error);
    level_free(&l);
    return status;
}

static int64_t first_factor(const pp_matching_setup *setup)
{
    const int64_t nx = setup->field.x1 - setup->field.x0, ny = setup->field.y1 - setup->field.y0;
    int64_t factor = 1;
    while (factor < factor_most && nx / (2 * factor) >= coarsest && ny / (2 * factor) >= 8)
        factor *= 2;
    return factor;
}

pp_status pp_matching_run(const pp_matching_setup *setup, double *shifts, pp_matching_facts *facts)
{
    double *found;
    pp_status status = PP_ALLOC(2 * setup->views, &found);
    int64_t factor = first_factor(setup);
    *facts = (pp_matching_facts){0};
    PP_TRY(pp_comm_agree(setup->comm, status));
    memcpy(found, shifts, (size_t)(2 * setup->views) * sizeof *found);
    if (factor > 1) {
        PP_TRY_TO(done, error_of_start(setup, found, &facts->error_before));
    }
    for (; factor >= 1; factor /= 2) PP_TRY_TO(done, run_level(setup, factor, found, facts));
    if (facts->error_after <= facts->error_before)
        memcpy(shifts, found, (size_t)(2 * setup->views) * sizeof *found);
done:
    pp_free(found);
    return status;
}

double pp_matching_bytes(int64_t views, int64_t ny, int64_t nx, int ranks, int threads)
{
    const pp_projector_setup projector = {.n = nx, .views = views, .threads = threads};
    const pp_stack_shape shape = {views, ny, nx, sizeof(float)};
    const double image = (double)ny * (double)nx, chunk = (double)threads * chunk_slices;
    const double lines = 2 * (double)pp_most_views(views, ranks) * image,
                 slab = (double)pp_most_rows(ny, ranks) * (double)(views * nx),
                 slices = chunk * (double)nx * (double)nx;
    /* A view that is moved needs a whole copy and the shifter's, one whose flow is found two complex images. */
    const double moving = image * sizeof(float) + pp_shifter_bytes(ny, nx),
                 flowing = 2 * image * sizeof(pp_c32);
    return (lines + slab + slices) * (double)sizeof(float) + pp_projector_bytes(&projector) +
           2 * pp_fbp_bytes(nx, views, threads) + pp_transpose_bytes(ranks, shape) +
           threads * fmax(moving, flowing) + 64.0 * 4 * (double)views;
}
