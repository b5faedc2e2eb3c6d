/* CGLS on chunks of slices, in host memory (a chunk is as many slices as the projector works on at once) or in that of devices.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "tomo/least_squares.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "tomo/radial.h"
#include "tomo/slice_space.h"

/* Scalars of each slice of a chunk. */
typedef struct scalars {
    double *cost, *gamma, *before;  /* |r|^2; |s|^2; the cost an iteration before */
    double *slope, *curve, *factor; /* of a step */
    bool *stopped, *clipped;
    int64_t *done;
} scalars;

typedef struct chunk {
    pp_slice_space space;
    const pp_least_squares *setup;
    int64_t n, count, pixels, samples; /* slices; of a slice */
    const float *lines;                /* p; where it is needed no more once r is made, r itself */
    float *volume;                     /* u */
    float *residual, *image, *gradient, *direction; /* r = p - R u; R d; s = R^T r; d */
    float *own_lines, *own_volume;                  /* on a device */
    scalars of;
    bool fresh, first; /* residuals of all slices; the first iteration */
} chunk;

/* What the caller gave, all slices. */
typedef struct call {
    const pp_projector *projector;
    const pp_least_squares *setup;
    const float *lines;
    float *volume;
    int64_t *done;
    double *cost;
    int64_t batch; /* slices at a time on a device */
} call;

static bool any(const bool *of, int64_t first, int64_t count)
{
    bool found = false;
    for (int64_t k = first; k < first + count; k++) found = found || of[k];
    return found;
}

static bool all(const bool *of, int64_t first, int64_t count)
{
    bool found = true;
    for (int64_t k = first; k < first + count; k++) found = found && of[k];
    return found;
}

/* r = p - R u and |r|^2 of slices that need it (all, or those that were clipped). */
static pp_status subtract(void *argument, int64_t first, int64_t count)
{
    chunk *c = argument;
    const int64_t at = first * c->samples;
    if (!c->fresh && !any(c->of.clipped, first, count)) return PP_OK;
    PP_TRY(c->space.vectors->subtract(c->residual + at, c->lines + at, c->image + at,
                                      c->fresh ? NULL : c->of.clipped + first, count, c->samples));
    return c->space.vectors->dots(c->of.cost + first, c->residual + at, c->residual + at, count,
                                  c->samples);
}

static pp_status find_residual(chunk *c, bool fresh)
{
    c->fresh = fresh;
    PP_TRY(pp_slice_forward(&c->space, c->count, c->volume, c->image));
    return pp_slice_share(&c->space, c->count, subtract, c);
}

/* The next direction d = s + beta d; the first one, and after a clipped step, is s itself. Pixels at 0 that s would push below it stay
 * there. */
static pp_status turn(void *argument, int64_t first, int64_t count)
{
    chunk *c = argument;
    const pp_slice_class *v = c->space.vectors;
    scalars *of = &c->of;
    float *s = c->gradient + first * c->pixels, *d = c->direction + first * c->pixels;
    if (!c->setup->whole_square) PP_TRY(v->mask(s, count, c->n));
    if (c->setup->positivity) PP_TRY(v->hold(s, c->volume + first * c->pixels, count, c->pixels));
    PP_TRY(v->dots(of->slope + first, s, s, count, c->pixels));
    for (int64_t k = first; k < first + count; k++) {
        const double gamma = of->slope[k];
        of->factor[k] =
            c->first || of->clipped[k] || !(of->gamma[k] > 0) ? 0 : gamma / of->gamma[k];
        of->gamma[k] = gamma;
        of->clipped[k] = false;
    }
    return v->follow(d, of->factor + first, s, count, c->pixels);
}

static pp_status find_direction(chunk *c, bool first)
{
    c->first = first;
    PP_TRY(pp_slice_adjoint(&c->space, c->count, c->residual, c->gradient));
    return pp_slice_share(&c->space, c->count, turn, c);
}

/* The step of slices that have not stopped, 0 for the others; whether any goes on. */
static bool choose_steps(chunk *c, int64_t first, int64_t count)
{
    scalars *of = &c->of;
    bool going = false;
    for (int64_t k = first; k < first + count; k++) {
        if (!(of->curve[k] > 0) || !(of->gamma[k] > 0)) of->stopped[k] = true;
        of->factor[k] = of->stopped[k] ? 0 : of->slope[k] / of->curve[k];
        if (!of->stopped[k]) of->done[k]++;
        going = going || !of->stopped[k];
    }
    return going;
}

/* u += a d, with positivity max(0, u + a d), and r -= a R d. */
static pp_status step(void *argument, int64_t first, int64_t count)
{
    chunk *c = argument;
    const pp_slice_class *v = c->space.vectors;
    scalars *of = &c->of;
    const int64_t pixel = first * c->pixels, sample = first * c->samples;
    float *u = c->volume + pixel, *r = c->residual + sample;
    const float *image = c->image + sample, *d = c->direction + pixel;
    double *factor = of->factor + first;
    if (all(of->stopped, first, count)) return PP_OK;
    PP_TRY(v->dots(of->curve + first, image, image, count, c->samples));
    if (c->setup->positivity)
        PP_TRY(v->dots(of->slope + first, image, r, count, c->samples));
    else
        memcpy(of->slope + first, of->gamma + first, (size_t)count * sizeof *of->slope);
    if (!choose_steps(c, first, count)) return PP_OK;
    if (c->setup->positivity)
        PP_TRY(v->add_clipped(u, of->clipped + first, factor, d, count, c->pixels));
    else
        PP_TRY(v->add(u, factor, d, count, c->pixels));
    for (int64_t k = 0; k < count; k++) factor[k] = -factor[k];
    PP_TRY(v->add(r, factor, image, count, c->samples));
    return v->dots(of->cost + first, r, r, count, c->samples);
}

/* One iteration of all slices of the chunk that have not stopped; *going tells whether any has not. */
static pp_status iterate(chunk *c, bool *going)
{
    const double target = 1.02 * c->setup->noise * sqrt((double)c->samples);
    scalars *of = &c->of;
    PP_TRY(pp_slice_forward(&c->space, c->count, c->direction, c->image));
    memcpy(of->before, of->cost, (size_t)c->count * sizeof *of->cost);
    PP_TRY(pp_slice_share(&c->space, c->count, step, c));
    if (any(of->clipped, 0, c->count)) PP_TRY(find_residual(c, false));
    *going = false;
    for (int64_t k = 0; k < c->count; k++) {
        const double left = sqrt(of->cost[k]), was = sqrt(of->before[k]);
        if (left <= target || was - left < c->setup->stagnation * was) of->stopped[k] = true;
        *going = *going || !of->stopped[k];
    }
    return PP_OK;
}

static void note_cost(const chunk *c, int64_t iteration, int64_t first, double *cost)
{
    if (!cost) return;
    const int64_t width = c->setup->iterations + 1;
    for (int64_t k = 0; k < c->count; k++) {
        for (int64_t i = iteration; i < width; i++) cost[(first + k) * width + i] = c->of.cost[k];
    }
}

static pp_status clip_start(void *argument, int64_t first, int64_t count)
{
    chunk *c = argument;
    return c->space.vectors->add_clipped(c->volume + first * c->pixels, c->of.clipped + first, NULL,
                                         NULL, count, c->pixels);
}

static pp_status solve(chunk *c, int64_t first, double *cost)
{
    bool going = true;
    if (c->setup->positivity && c->setup->warm)
        PP_TRY(pp_slice_share(&c->space, c->count, clip_start, c));
    for (int64_t k = 0; k < c->count; k++) {
        c->of.gamma[k] = 0, c->of.done[k] = 0;
        c->of.stopped[k] = c->of.clipped[k] = false;
    }
    PP_TRY(find_residual(c, true));
    note_cost(c, 0, first, cost);
    for (int64_t iteration = 1; iteration <= c->setup->iterations && going; iteration++) {
        PP_TRY(find_direction(c, iteration == 1));
        PP_TRY(iterate(c, &going));
        note_cost(c, iteration, first, cost);
    }
    return PP_OK;
}

/* ---- chunks ---- */

/* The lines are read again where a step has been clipped. */
static bool keeps_lines(const pp_least_squares *setup)
{
    return setup->positivity;
}

static pp_status make_scalars(scalars *of, int64_t most)
{
    double **const numbers[] = {&of->cost,  &of->gamma, &of->before,
                                &of->slope, &of->curve, &of->factor};
    for (size_t k = 0; k < sizeof numbers / sizeof *numbers; k++)
        PP_TRY(PP_ALLOC(most, numbers[k]));
    PP_TRY(PP_ALLOC(most, &of->stopped));
    PP_TRY(PP_ALLOC(most, &of->clipped));
    return PP_ALLOC(most, &of->done);
}

static pp_status make_chunk(chunk *c, int64_t most)
{
    const pp_slice_space *space = &c->space;
    PP_TRY(make_scalars(&c->of, most));
    PP_TRY(pp_slice_take(space, most * c->samples, &c->residual));
    PP_TRY(pp_slice_take(space, most * c->samples, &c->image));
    PP_TRY(pp_slice_take(space, most * c->pixels, &c->gradient));
    PP_TRY(pp_slice_take(space, most * c->pixels, &c->direction));
    if (!space->device) return PP_OK;
    PP_TRY(pp_slice_take(space, most * c->pixels, &c->own_volume));
    return keeps_lines(c->setup) ? pp_slice_take(space, most * c->samples, &c->own_lines) : PP_OK;
}

static void free_chunk(chunk *c)
{
    float *const arrays[] = {c->residual,  c->image,      c->gradient,
                             c->direction, c->own_volume, c->own_lines};
    for (size_t k = 0; k < sizeof arrays / sizeof *arrays; k++) pp_slice_give(&c->space, arrays[k]);
    pp_free(c->of.cost), pp_free(c->of.gamma), pp_free(c->of.before);
    pp_free(c->of.slope), pp_free(c->of.curve), pp_free(c->of.factor);
    pp_free(c->of.stopped), pp_free(c->of.clipped), pp_free(c->of.done);
}

/* The chunk's lines and start, where it works on them. */
static pp_status bring(chunk *c, const call *t, int64_t first)
{
    const float *lines = t->lines + first * c->samples;
    float *volume = t->volume + first * c->pixels;
    const int64_t voxels = c->count * c->pixels;
    if (c->space.device) {
        float *const to = c->own_lines ? c->own_lines : c->residual;
        c->lines = to, c->volume = c->own_volume;
        PP_TRY(pp_slice_put(&c->space, to, lines, c->count * c->samples));
        if (c->setup->warm) return pp_slice_put(&c->space, c->volume, volume, voxels);
    } else {
        c->lines = lines, c->volume = volume;
    }
    if (!c->setup->warm) pp_slice_clear(&c->space, c->volume, voxels);
    return PP_OK;
}

static pp_status run_block(const call *t, const pp_projector_device *device, int64_t begin,
                           int64_t slices, int64_t most)
{
    const int64_t n = pp_projector_size(t->projector), end = begin + slices;
    chunk c = {.space = pp_slice_space_of(t->projector, device),
               .setup = t->setup,
               .n = n,
               .pixels = n * n,
               .samples = n * pp_projector_views(t->projector)};
    pp_status status = make_chunk(&c, most);
    for (int64_t first = begin; first < end && status == PP_OK; first += most) {
        c.count = end - first < most ? end - first : most;
        status = bring(&c, t, first);
        if (status == PP_OK) status = solve(&c, first, t->cost);
        if (status == PP_OK && device)
            status = pp_slice_fetch(&c.space, t->volume + first * c.pixels, c.volume,
                                    c.count * c.pixels);
        for (int64_t k = 0; t->done && k < c.count; k++) t->done[first + k] = c.of.done[k];
    }
    free_chunk(&c);
    return status;
}

static pp_status run_device(const pp_comm *group, const pp_projector_device *mine, void *argument)
{
    const call *t = argument;
    (void)group;
    return mine->slices > 0 ? run_block(t, mine, mine->first, mine->slices, t->batch) : PP_OK;
}

static int64_t chunk_slices(int threads)
{
    return 2 * (int64_t)PP_RADIAL_LANES * threads;
}

/* Of one slice on a device. */
static double bytes_of_slice(const pp_least_squares *setup, const pp_slice_class *vectors,
                             int64_t n, int64_t views)
{
    const double image = (double)n * (double)n, lines = (double)n * (double)views;
    return (double)sizeof(float) * (3 * image + (keeps_lines(setup) ? 3 : 2) * lines) +
           vectors->bytes(1, n * (n > views ? n : views));
}

pp_status pp_least_squares_run(const pp_projector *projector, const pp_least_squares *setup,
                               int64_t slices, const float *lines, float *volume, int64_t *done,
                               double *cost)
{
    call t = {projector, setup, lines, volume, done, cost, 0};
    const pp_backend *backend = pp_projector_backend(projector);
    if (backend && backend->slices) {
        const double each = bytes_of_slice(setup, backend->slices, pp_projector_size(projector),
                                           pp_projector_views(projector));
        PP_TRY(pp_slice_batch_on_devices(projector, each, slices, &t.batch));
    }
    if (t.batch > 0) return pp_projector_on_devices(projector, slices, run_device, &t);
    return run_block(&t, NULL, 0, slices, chunk_slices(pp_projector_threads(projector)));
}

double pp_least_squares_bytes(int64_t n, int64_t views, int threads)
{
    return 2.0 * (double)chunk_slices(threads) * (double)n * ((double)n + (double)views) *
           (double)sizeof(float);
}

double pp_least_squares_device_bytes(const pp_least_squares *setup,
                                     const pp_projector_setup *projector, int64_t slices)
{
    const pp_backend *backend = projector->backend;
    if (!backend || !backend->slices) return 0;
    return pp_slice_device_bytes(
        projector, bytes_of_slice(setup, backend->slices, projector->n, projector->views), slices);
}
