/* SIRT on chunks of slices, in host memory or in that of devices.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "tomo/sirt.h"

#include "base/alloc.h"
#include "tomo/fbp.h"
#include "tomo/radial.h"
#include "tomo/slice_space.h"

typedef struct chunk {
    pp_slice_space space;
    const pp_sirt *setup;
    int64_t n, count, pixels, samples; /* slices; of a slice */
    const float *lines;
    float *volume;
    float *rows;                   /* [samples] W */
    float *left;                   /* [count][samples] */
    float *step;                   /* [count][pixels] */
    float *own_lines, *own_volume; /* on a device */
    double *cost, *gain;           /* [count] */
} chunk;

/* What the caller gave, all slices. */
typedef struct call {
    const pp_projector *projector;
    const pp_sirt *setup;
    const float *lines, *rows;
    float *volume;
    double *cost;
    int64_t batch; /* slices at a time on a device */
} call;

/* W = 1 / (R 1) over the support; short rays at its rim count as one pixel long. */
static pp_status find_rows(const pp_projector *projector, bool whole_square, float *rows)
{
    const int64_t n = pp_projector_size(projector), samples = n * pp_projector_views(projector);
    float *ones;
    PP_TRY(PP_ALLOC(n * n, &ones));
    for (int64_t i = 0; i < n * n; i++) ones[i] = 1;
    if (!whole_square) pp_circle_mask(1, n, 0, ones);
    const pp_status status = pp_projector_forward_real(projector, 1, ones, rows);
    for (int64_t i = 0; status == PP_OK && i < samples; i++)
        rows[i] = 1 / (rows[i] > 1 ? rows[i] : 1);
    pp_free(ones);
    return status;
}

/* left = W (p - R u); the cost of each slice. */
static pp_status weigh(void *argument, int64_t first, int64_t count)
{
    const chunk *c = argument;
    const int64_t at = first * c->samples;
    return c->space.vectors->weigh(c->left + at, c->cost + first, c->rows, c->lines + at, count,
                                   c->samples);
}

/* Column sums of R are the number of views. */
static pp_status add_step(void *argument, int64_t first, int64_t count)
{
    const chunk *c = argument;
    const pp_slice_class *v = c->space.vectors;
    float *u = c->volume + first * c->pixels, *step = c->step + first * c->pixels;
    if (c->setup->positivity)
        PP_TRY(v->add_clipped(u, NULL, c->gain + first, step, count, c->pixels));
    else
        PP_TRY(v->add(u, c->gain + first, step, count, c->pixels));
    return c->setup->whole_square ? PP_OK : v->mask(u, count, c->n);
}

static pp_status solve(chunk *c, double *costs)
{
    const int64_t width = c->setup->iterations + 1;
    for (int64_t iteration = 0; iteration < width; iteration++) {
        PP_TRY(pp_slice_forward(&c->space, c->count, c->volume, c->left));
        PP_TRY(pp_slice_share(&c->space, c->count, weigh, c));
        for (int64_t k = 0; costs && k < c->count; k++) costs[k * width + iteration] = c->cost[k];
        if (iteration + 1 == width) break;
        PP_TRY(pp_slice_adjoint(&c->space, c->count, c->left, c->step));
        PP_TRY(pp_slice_share(&c->space, c->count, add_step, c));
    }
    return PP_OK;
}

/* ---- chunks ---- */

static pp_status make_chunk(chunk *c, const float *rows, int64_t most)
{
    const pp_slice_space *space = &c->space;
    const float gain = 1 / (float)pp_projector_views(space->projector);
    PP_TRY(PP_ALLOC(most, &c->cost));
    PP_TRY(PP_ALLOC(most, &c->gain));
    for (int64_t k = 0; k < most; k++) c->gain[k] = (double)gain;
    PP_TRY(pp_slice_take(space, c->samples, &c->rows));
    PP_TRY(pp_slice_take(space, most * c->samples, &c->left));
    PP_TRY(pp_slice_take(space, most * c->pixels, &c->step));
    PP_TRY(pp_slice_put(space, c->rows, rows, c->samples));
    if (!space->device) return PP_OK;
    PP_TRY(pp_slice_take(space, most * c->samples, &c->own_lines));
    return pp_slice_take(space, most * c->pixels, &c->own_volume);
}

static void free_chunk(chunk *c)
{
    float *const arrays[] = {c->rows, c->left, c->step, c->own_lines, c->own_volume};
    for (size_t k = 0; k < sizeof arrays / sizeof *arrays; k++) pp_slice_give(&c->space, arrays[k]);
    pp_free(c->cost);
    pp_free(c->gain);
}

/* The chunk's lines, where it works on them, and a volume of 0. */
static pp_status bring(chunk *c, const call *t, int64_t first)
{
    const float *lines = t->lines + first * c->samples;
    c->lines = c->space.device ? c->own_lines : lines;
    c->volume = c->space.device ? c->own_volume : t->volume + first * c->pixels;
    pp_slice_clear(&c->space, c->volume, c->count * c->pixels);
    if (!c->space.device) return PP_OK;
    return pp_slice_put(&c->space, c->own_lines, lines, c->count * c->samples);
}

static pp_status run_block(const call *t, const pp_projector_device *device, int64_t begin,
                           int64_t slices, int64_t most)
{
    const int64_t n = pp_projector_size(t->projector), end = begin + slices,
                  width = t->setup->iterations + 1;
    chunk c = {.space = pp_slice_space_of(t->projector, device),
               .setup = t->setup,
               .n = n,
               .pixels = n * n,
               .samples = n * pp_projector_views(t->projector)};
    pp_status status = make_chunk(&c, t->rows, most);
    for (int64_t first = begin; first < end && status == PP_OK; first += most) {
        c.count = end - first < most ? end - first : most;
        status = bring(&c, t, first);
        if (status == PP_OK) status = solve(&c, t->cost ? t->cost + first * width : NULL);
        if (status == PP_OK && device)
            status = pp_slice_fetch(&c.space, t->volume + first * c.pixels, c.volume,
                                    c.count * c.pixels);
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
static double bytes_of_slice(const pp_slice_class *vectors, int64_t n, int64_t views)
{
    return 2.0 * (double)sizeof(float) * (double)n * ((double)n + (double)views) +
           vectors->bytes(1, n * (n > views ? n : views));
}

pp_status pp_sirt_run(const pp_projector *projector, const pp_sirt *setup, int64_t slices,
                      const float *lines, float *volume, double *cost)
{
    const int64_t n = pp_projector_size(projector), views = pp_projector_views(projector);
    const pp_backend *backend = pp_projector_backend(projector);
    float *rows;
    call t = {projector, setup, lines, NULL, volume, cost, 0};
    PP_TRY(PP_ALLOC(n * views, &rows));
    t.rows = rows;
    pp_status status = find_rows(projector, setup->whole_square, rows);
    if (status == PP_OK && backend && backend->slices)
        status = pp_slice_batch_on_devices(projector, bytes_of_slice(backend->slices, n, views),
                                           slices, &t.batch);
    if (status == PP_OK && t.batch > 0)
        status = pp_projector_on_devices(projector, slices, run_device, &t);
    else if (status == PP_OK)
        status = run_block(&t, NULL, 0, slices, chunk_slices(pp_projector_threads(projector)));
    pp_free(rows);
    return status;
}

double pp_sirt_bytes(int64_t n, int64_t views, int threads)
{
    const double slice = (double)n * ((double)n + (double)views);
    return (double)sizeof(float) *
           ((double)chunk_slices(threads) * slice + 2.0 * (double)(n * views));
}

double pp_sirt_device_bytes(const pp_projector_setup *projector, int64_t slices)
{
    const pp_backend *backend = projector->backend;
    if (!backend || !backend->slices) return 0;
    return pp_slice_device_bytes(
               projector, bytes_of_slice(backend->slices, projector->n, projector->views), slices) +
           (double)sizeof(float) * (double)(projector->n * projector->views);
}
