/* ADMM for total variation, in the memory of the devices of the rank, or of the host.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "tomo/total_variation.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "tomo/fbp.h"
#include "tomo/slab_sums.h"
#include "tomo/slab_team.h"

enum { AXES = PP_VARIATION_AXES, BALANCED = 30 }; /* the penalties are balanced so often */

/* The problem of a rank, which its seats share. */
typedef struct shape {
    const pp_projector *projector;
    const pp_total_variation *setup;
    const float *lines;
    float *volume;
    int64_t rows, n, views;
    bool resident; /* vectors in the devices' memory */
    pp_total_variation_result *result;
} shape;

/* What a seat works on. */
typedef struct state {
    const shape *shape;
    pp_slab_seat *seat;
    const pp_total_variation *setup;
    const pp_backend *backend;
    const pp_slab_class *kernels;
    pp_projection *projection; /* on this device; NULL: the projector works from host memory */
    int64_t n, pixels, slices, voxels, of_slice, samples; /* of_slice: samples of its lines */
    double strength, rho, eta;
    const float *lines; /* host, of these slices */
    float *host;        /* the volume of these slices */
    float *u;           /* on the host that volume itself */
    pp_slab_splitting fields;
    float *positive,
        *positive_multiplier; /* w and its scaled multiplier; NULL without positivity */
    float *data;              /* R^T p / V */
    float *work, *right, *residual, *direction, *image; /* the last four lie in work */
    float *projected;                                   /* R of something */
} state;

/* ---- vectors ---- */

static pp_status dot(const state *s, int64_t size, const float *a, const float *b, double *out)
{
    double *each = s->seat->each;
    if (s->shape->resident)
        PP_TRY(s->backend->slices->dots(each, a, b, s->slices, size));
    else
        pp_slab_dots(s->slices, size, a, b, each);
    return pp_slab_seat_sum(s->seat, 1, out);
}

/* out = x + b y */
static void add(const state *s, float *out, const float *x, double b, const float *y)
{
    s->kernels->combine(s->voxels, out, 1, x, (float)b, y);
}

static void copy(const state *s, float *out, const float *x)
{
    s->kernels->combine(s->voxels, out, 1, x, 0, NULL);
}

static void scale(const state *s, float *x, float a)
{
    s->kernels->combine(s->voxels, x, a, x, 0, NULL);
}

static pp_status mask(const state *s, float *volume)
{
    if (s->setup->whole_square) return PP_OK;
    if (s->shape->resident) return s->backend->slices->mask(volume, s->slices, s->n);
    pp_circle_mask(s->slices, s->n, 0, volume);
    return PP_OK;
}

/* lines = R volume of these slices */
static pp_status forward(const state *s, const float *volume, float *lines)
{
    const pp_projection_job job = {s->slices, true, volume, lines, true};
    if (s->slices == 0) return PP_OK;
    if (s->projection) return s->backend->projection->forward(s->projection, &job);
    return pp_projector_forward_real(s->shape->projector, s->slices, volume, lines);
}

static pp_status adjoint(const state *s, const float *lines, float *volume)
{
    const pp_projection_job job = {s->slices, true, lines, volume, true};
    if (s->slices == 0) return PP_OK;
    if (s->projection) return s->backend->projection->adjoint(s->projection, &job);
    return pp_projector_adjoint_real(s->shape->projector, s->slices, lines, volume);
}

/* The lines where projections take them: on a device for as long as `work` is not used otherwise. */
static pp_status take_lines(const state *s, const float **out)
{
    *out = s->lines;
    if (!s->shape->resident || s->samples == 0) return PP_OK;
    *out = s->work;
    return s->backend->upload(s->work, s->lines, (size_t)s->samples * sizeof *s->lines);
}

/* ---- the step in u ---- */

/* out = (R^T R / V + rho grad^T grad + eta) d, inside the support. */
static pp_status normal(const state *s, const float *d, float *out)
{
    const pp_slab_normal terms = {.d = d,
                                  .part = (float)(1 / (double)s->shape->views),
                                  .eta = (float)s->eta,
                                  .rho = (float)s->rho,
                                  .circle = !s->setup->whole_square};
    const pp_slab_cut cut = pp_slab_seat_cut(s->seat);
    PP_TRY(forward(s, d, s->projected));
    PP_TRY(adjoint(s, s->projected, out));
    PP_TRY(pp_slab_seat_neighbours(s->seat, d, true, true));
    s->kernels->normal(&cut, &terms, out);
    return PP_OK;
}

/* right = data + rho grad^T (z - multiplier) + eta (w - multiplier). The next seat needs the last slice of z - multiplier, along z. */
static pp_status right_side(const state *s)
{
    const pp_slab_right terms = {.data = s->data,
                                 .positive = s->positive,
                                 .positive_multiplier = s->positive_multiplier,
                                 .fields = s->fields,
                                 .rho = (float)s->rho,
                                 .eta = (float)s->eta,
                                 .circle = !s->setup->whole_square};
    const pp_slab_cut cut = pp_slab_seat_cut(s->seat);
    const int64_t last = (s->slices - 1) * s->pixels;
    if (s->slices > 0)
        s->kernels->combine(s->pixels, s->image + last, 1, s->fields.split[0] + last, -1,
                            s->fields.multiplier[0] + last);
    PP_TRY(pp_slab_seat_neighbours(s->seat, s->image, true, false));
    s->kernels->right(&cut, &terms, s->right);
    return PP_OK;
}

static pp_status solve(const state *s)
{
    double gamma, curve, next;
    PP_TRY(normal(s, s->u, s->image));
    add(s, s->residual, s->right, -1, s->image);
    copy(s, s->direction, s->residual);
    PP_TRY(dot(s, s->pixels, s->residual, s->residual, &gamma));
    for (int64_t step = 0; step < s->setup->inner && gamma > 0; step++) {
        PP_TRY(normal(s, s->direction, s->image));
        PP_TRY(dot(s, s->pixels, s->direction, s->image, &curve));
        if (!(curve > 0)) break;
        add(s, s->u, s->u, gamma / curve, s->direction);
        add(s, s->residual, s->residual, -gamma / curve, s->image);
        PP_TRY(dot(s, s->pixels, s->residual, s->residual, &next));
        add(s, s->direction, s->residual, next / gamma, s->direction);
        gamma = next;
    }
    return PP_OK;
}

/* ---- the other steps ---- */

/* The sums of pp_variation_shrink over the volume. */
enum { PRIMAL, DUAL, GRADIENT, SPLIT, MULTIPLIER };

/* z = shrink(grad u + multiplier, a / rho), multiplier += grad u - z. */
static pp_status shrink(const state *s, double squares[PP_VARIATION_SUMS])
{
    const float bar = (float)(s->strength / s->rho);
    const pp_slab_cut cut = pp_slab_seat_cut(s->seat);
    PP_TRY(pp_slab_seat_neighbours(s->seat, s->u, false, true));
    PP_TRY(s->kernels->shrink(&cut, s->u, &s->fields, bar, s->seat->each));
    return pp_slab_seat_sum(s->seat, PP_VARIATION_SUMS, squares);
}

static void keep_positive(const state *s)
{
    if (s->positive)
        s->kernels->keep_positive(s->voxels, s->u, s->positive, s->positive_multiplier);
}

/* Residuals relative to what they are differences of (Boyd, section 3.3); penalties by factors of 2 (section 3.4.1). */
static void balance(state *s, const double squares[PP_VARIATION_SUMS], int64_t iteration,
                    pp_total_variation_result *result)
{
    const double larger = sqrt(fmax(squares[GRADIENT], squares[SPLIT])),
                 force = sqrt(squares[MULTIPLIER]);
    result->primal = larger > 0 ? sqrt(squares[PRIMAL]) / larger : 0;
    result->dual = force > 0 ? sqrt(squares[DUAL]) / force : 0;
    if (iteration >= BALANCED) return;
    const double factor = result->primal > 5 * result->dual   ? 2
                          : result->dual > 5 * result->primal ? 0.5
                                                              : 1;
    s->rho *= factor;
    for (int axis = 0; axis < AXES && (factor < 1 || factor > 1); axis++)
        scale(s, s->fields.multiplier[axis], (float)(1 / factor)); /* a power of two */
}

/* ---- strength ---- */

static int by_value(const void *a_, const void *b_)
{
    const float a = *(const float *)a_, b = *(const float *)b_;
    return (a > b) - (a < b);
}

/* Median of the absolute second differences along the lines of each slice, as a standard deviation of its noise, into
 * each[]. */
static pp_status slice_noise(const state *s)
{
    const int64_t of_slice = s->shape->views * s->n;
    float *values;
    PP_TRY(PP_ALLOC(of_slice, &values));
    for (int64_t k = 0; k < s->seat->slices; k++) {
        const float *p = s->lines + k * of_slice;
        int64_t count = 0;
        for (int64_t i = 1; i + 1 < of_slice; i++) {
            if (i % s->n == 0 || i % s->n == s->n - 1) continue;
            values[count++] = fabsf(p[i - 1] - 2 * p[i] + p[i + 1]);
        }
        qsort(values, (size_t)count, sizeof *values, by_value);
        s->seat->each[k] = count > 0 ? (double)values[count / 2] / (0.6745 * sqrt(6)) : 0;
    }
    pp_free(values);
    return PP_OK;
}

/* The noise of a voxel of R^T p / V; and a fifth of the start's rms for what is no noise: streaks of few views, and
 * what ptychography left. Trials on a campaign of 48 views, exact and with noise: within 5 % of the best error. */
static pp_status find_strength(state *s)
{
    double noise = 0, square = 0;
    s->strength = s->setup->strength;
    if (s->strength > 0) return PP_OK;
    PP_TRY(slice_noise(s));
    PP_TRY(pp_slab_seat_sum(s->seat, 1, &noise));
    PP_TRY(dot(s, s->pixels, s->u, s->u, &square));
    noise /= (double)s->shape->rows * sqrt((double)s->shape->views);
    s->strength = hypot(noise, 0.2 * sqrt(square / (double)(s->shape->rows * s->pixels)));
    return PP_OK;
}

/* ---- all of it ---- */

static int64_t work_floats(int64_t voxels, int64_t samples, bool resident)
{
    return resident && samples > 4 * voxels ? samples : 4 * voxels;
}

static pp_status take(const state *s, int64_t floats, float **out)
{
    return s->backend->alloc((size_t)(floats > 0 ? floats : 1) * sizeof(float), (void **)out);
}

static pp_status make_state(state *s)
{
    for (int axis = 0; axis < AXES; axis++) {
        PP_TRY(take(s, s->voxels, &s->fields.split[axis]));
        PP_TRY(take(s, s->voxels, &s->fields.multiplier[axis]));
    }
    if (s->setup->positivity) {
        PP_TRY(take(s, s->voxels, &s->positive));
        PP_TRY(take(s, s->voxels, &s->positive_multiplier));
    }
    PP_TRY(take(s, s->voxels, &s->data));
    PP_TRY(take(s, s->samples, &s->projected));
    PP_TRY(take(s, work_floats(s->voxels, s->samples, s->shape->resident), &s->work));
    s->right = s->work, s->residual = s->work + s->voxels;
    s->direction = s->work + 2 * s->voxels, s->image = s->work + 3 * s->voxels;
    s->u = s->host;
    if (!s->shape->resident) return PP_OK;
    PP_TRY(take(s, s->voxels, &s->u));
    return s->backend->upload(s->u, s->host, (size_t)s->voxels * sizeof *s->u);
}

static void free_state(state *s)
{
    float *const taken[] = {s->positive, s->positive_multiplier,          s->data, s->projected,
                            s->work,     s->shape->resident ? s->u : NULL};
    for (int axis = 0; axis < AXES; axis++) {
        if (s->fields.split[axis]) s->backend->release(s->fields.split[axis]);
        if (s->fields.multiplier[axis]) s->backend->release(s->fields.multiplier[axis]);
    }
    for (size_t k = 0; k < sizeof taken / sizeof *taken; k++)
        if (taken[k]) s->backend->release(taken[k]);
}

/* z = grad u and w = max(0, u) of the start; data = R^T p / V. */
static pp_status start(state *s)
{
    const pp_slab_cut cut = pp_slab_seat_cut(s->seat);
    const float *lines;
    PP_TRY(mask(s, s->u));
    PP_TRY(take_lines(s, &lines));
    PP_TRY(adjoint(s, lines, s->data));
    scale(s, s->data, (float)(1 / (double)s->shape->views));
    PP_TRY(pp_slab_seat_neighbours(s->seat, s->u, false, true));
    s->kernels->differences(&cut, s->u, &s->fields);
    keep_positive(s);
    return PP_OK;
}

static pp_status iterate(state *s, pp_total_variation_result *result)
{
    for (int64_t iteration = 0; iteration < s->setup->iterations; iteration++) {
        double squares[PP_VARIATION_SUMS];
        PP_TRY(right_side(s));
        PP_TRY(solve(s));
        PP_TRY(shrink(s, squares));
        keep_positive(s);
        balance(s, squares, iteration, result);
        result->iterations = iteration + 1;
        if (result->primal < s->setup->tolerance && result->dual < s->setup->tolerance) break;
    }
    return PP_OK;
}

/* The objective and its parts at the volume that is handed over. */
static pp_status evaluate(const state *s, pp_total_variation_result *result)
{
    const pp_slab_cut cut = pp_slab_seat_cut(s->seat);
    double misfit = 0;
    const float *lines;
    PP_TRY(take_lines(s, &lines));
    PP_TRY(forward(s, s->u, s->projected));
    s->kernels->combine(s->samples, s->projected, 1, s->projected, -1, lines);
    PP_TRY(dot(s, s->of_slice, s->projected, s->projected, &misfit));
    PP_TRY(pp_slab_seat_neighbours(s->seat, s->u, false, true));
    PP_TRY(s->kernels->variation(&cut, s->u, s->seat->each));
    PP_TRY(pp_slab_seat_sum(s->seat, 1, &result->variation));
    result->misfit = sqrt(misfit);
    result->objective = misfit / (2 * (double)s->shape->views) + s->strength * result->variation;
    return PP_OK;
}

static pp_status run(state *s, pp_total_variation_result *result)
{
    PP_TRY(make_state(s));
    PP_TRY(start(s));
    PP_TRY(find_strength(s));
    result->strength = s->strength;
    PP_TRY(iterate(s, result));
    if (s->positive) {
        copy(s, s->u, s->positive);
        PP_TRY(mask(s, s->u));
    }
    PP_TRY(evaluate(s, result));
    if (!s->shape->resident || s->voxels == 0) return PP_OK;
    return s->backend->download(s->host, s->u, (size_t)s->voxels * sizeof *s->u);
}

static pp_status work(pp_slab_seat *seat, void *argument)
{
    const shape *all = argument;
    const int64_t pixels = all->n * all->n, of_slice = all->views * all->n;
    state s = {.shape = all,
               .seat = seat,
               .setup = all->setup,
               .backend = pp_slab_seat_backend(seat),
               .n = all->n,
               .pixels = pixels,
               .slices = seat->slices,
               .voxels = seat->slices * pixels,
               .of_slice = of_slice,
               .samples = seat->slices * of_slice,
               .rho = 0.5,
               .eta = all->setup->positivity ? 0.5 : 0,
               .lines = all->lines + seat->start * of_slice,
               .host = all->volume + seat->start * pixels};
    pp_total_variation_result found = {0};
    s.kernels = s.backend->slabs;
    if (all->resident && seat->slices > 0)
        PP_TRY(pp_projector_device_of(all->projector, seat->rank, &s.projection));
    const pp_status status = run(&s, &found);
    free_state(&s);
    if (status == PP_OK && seat->rank == 0) *all->result = found;
    return status;
}

/* ---- where the vectors lie ---- */

pp_status pp_total_variation_fits(const pp_backend *devices, const pp_total_variation *setup,
                                  int64_t n, int64_t views, int64_t slices, double held, bool *out)
{
    const int count = pp_backend_devices(devices);
    *out = true;
    if (count < 1) return PP_OK; /* of a plan */
    const double need = pp_total_variation_device_bytes(n, views, pp_slab_seat_most(slices, count),
                                                        setup->positivity);
    for (int k = 0; k < count; k++) {
        double room = setup->device_memory;
        PP_TRY(pp_backend_use(devices, pp_backend_device(devices, k)));
        if (!(room > 0)) {
            PP_TRY(devices->room(&room));
            room = PP_TOTAL_VARIATION_PART * (room / pp_backend_sharers(devices) - held);
        }
        if (need > room) *out = false;
    }
    return pp_backend_use(devices, pp_backend_device(devices, 0));
}

/* In the devices' memory where all ranks' devices have room for them. */
static pp_status choose(const pp_comm *comm, shape *all, const pp_backend *devices, int64_t slices)
{
    bool fits = true;
    pp_status status = PP_OK;
    if (devices)
        status = pp_total_variation_fits(devices, all->setup, all->n, all->views, slices, 0, &fits);
    PP_TRY(pp_comm_agree(comm, status));
    double resident = fits;
    PP_TRY(pp_comm_allreduce(comm, &resident, 1, PP_MIN));
    all->resident = devices && resident > 0;
    return PP_OK;
}

pp_status pp_total_variation_run(const pp_comm *comm, const pp_projector *projector,
                                 const pp_total_variation *setup, int64_t rows, const float *lines,
                                 float *volume, pp_total_variation_result *result)
{
    const pp_backend *devices = projector ? pp_projector_backend(projector) : NULL;
    double size[2] = {projector ? (double)pp_projector_size(projector) : 0,
                      projector ? (double)pp_projector_views(projector) : 0};
    PP_TRY(pp_comm_allreduce(comm, size, 2, PP_MAX));
    const int64_t n = (int64_t)size[0], slices = pp_slab_of(comm, rows, n * n).slices;
    pp_total_variation_result found = {0};
    shape all = {.projector = projector,
                 .setup = setup,
                 .lines = lines,
                 .volume = volume,
                 .rows = rows,
                 .n = n,
                 .views = (int64_t)size[1],
                 .result = &found};
    PP_TRY(choose(comm, &all, devices, slices));
    const pp_slab_team_setup team = {.comm = comm,
                                     .backend = all.resident ? devices : pp_backend_find("cpu"),
                                     .devices = all.resident ? pp_backend_devices(devices) : 1,
                                     .rows = rows,
                                     .n = n};
    PP_TRY(pp_slab_team_run(&team, work, &all));
    double most = all.resident ? team.devices : 0; /* ranks without slices have none */
    PP_TRY(pp_comm_allreduce(comm, &most, 1, PP_MAX));
    found.devices = (int)most;
    if (result) *result = found;
    return PP_OK;
}

static double vectors(int64_t n, int64_t views, int64_t slices, bool positivity, bool resident)
{
    const int64_t voxels = slices * n * n, samples = slices * views * n;
    const int64_t volumes = 2 * AXES + 1 + (positivity ? 2 : 0) + (resident ? 1 : 0);
    return (double)sizeof(float) *
               (double)(volumes * voxels + samples + work_floats(voxels, samples, resident)) +
           pp_slab_seat_bytes(n);
}

double pp_total_variation_bytes(int64_t n, int64_t views, int64_t slices, bool positivity)
{
    return vectors(n, views, slices, positivity, false);
}

double pp_total_variation_device_bytes(int64_t n, int64_t views, int64_t slices, bool positivity)
{
    return vectors(n, views, slices, positivity, true);
}
