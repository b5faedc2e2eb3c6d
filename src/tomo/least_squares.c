/* CGLS on chunks of slices: a chunk is as many slices as the projector works on at once.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "tomo/least_squares.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "tomo/fbp.h"
#include "tomo/radial.h"

enum { PARTS = 8 }; /* partial sums of a dot product: their order is fixed */

/* State of one slice. */
typedef struct slice_state {
    double cost, gamma; /* |r|^2; |s|^2 */
    int64_t done;
    bool stopped, clipped;
} slice_state;

typedef struct chunk {
    const pp_projector *projector;
    const pp_least_squares *setup;
    int64_t count, pixels, samples; /* slices; of a slice */
    const float *lines;
    float *volume;                                  /* u */
    float *residual, *image, *gradient, *direction; /* r = p - R u; R d; s = R^T r; d */
    slice_state *states;
} chunk;

static double dot(const float *a, const float *b, int64_t count)
{
    double part[PARTS] = {0}, sum = 0;
    int64_t i = 0;
    for (; i + PARTS <= count; i += PARTS) {
        for (int k = 0; k < PARTS; k++) part[k] += (double)a[i + k] * (double)b[i + k];
    }
    for (; i < count; i++) part[0] += (double)a[i] * (double)b[i];
    for (int k = 0; k < PARTS; k++) sum += part[k];
    return sum;
}

/* y += a x */
static void add(float *y, double a, const float *x, int64_t count)
{
    const float gain = (float)a;
    for (int64_t i = 0; i < count; i++) y[i] += gain * x[i];
}

/* r = p - R u and |r|^2 of slices that need it (all, or those that were clipped). */
static pp_status find_residual(chunk *c, bool all)
{
    PP_TRY(pp_projector_forward_real(c->projector, c->count, c->volume, c->image));
#pragma omp parallel for schedule(static)
    for (int64_t k = 0; k < c->count; k++) {
        slice_state *state = &c->states[k];
        float *r = c->residual + k * c->samples;
        const float *p = c->lines + k * c->samples, *ru = c->image + k * c->samples;
        if (!all && !state->clipped) continue;
        for (int64_t i = 0; i < c->samples; i++) r[i] = p[i] - ru[i];
        state->cost = dot(r, r, c->samples);
    }
    return PP_OK;
}

/* Pixels at 0 that the gradient would push below it stay there. */
static void hold_active(const float *u, float *s, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        if (u[i] <= 0 && s[i] < 0) s[i] = 0;
    }
}

/* s = R^T r and the next direction; the first one, and after a clipped step, is s itself. */
static pp_status find_direction(chunk *c, bool first)
{
    const int64_t n = pp_projector_size(c->projector);
    PP_TRY(pp_projector_adjoint_real(c->projector, c->count, c->residual, c->gradient));
    if (!c->setup->whole_square) pp_circle_mask(c->count, n, 0, c->gradient);
#pragma omp parallel for schedule(static)
    for (int64_t k = 0; k < c->count; k++) {
        slice_state *state = &c->states[k];
        float *s = c->gradient + k * c->pixels, *d = c->direction + k * c->pixels;
        if (c->setup->positivity) hold_active(c->volume + k * c->pixels, s, c->pixels);
        const double gamma = dot(s, s, c->pixels);
        const float beta =
            first || state->clipped || !(state->gamma > 0) ? 0 : (float)(gamma / state->gamma);
        for (int64_t i = 0; i < c->pixels; i++) d[i] = s[i] + beta * d[i];
        state->gamma = gamma;
        state->clipped = false;
    }
    return PP_OK;
}

/* u = max(0, u + a d); whether a pixel was stopped at 0. */
static bool clip_step(float *u, double a, const float *d, int64_t count)
{
    const float gain = (float)a;
    bool clipped = false;
    for (int64_t i = 0; i < count; i++) {
        const float next = u[i] + gain * d[i];
        clipped = clipped || next < 0;
        u[i] = next < 0 ? 0 : next;
    }
    return clipped;
}

static void step_slice(chunk *c, int64_t k)
{
    slice_state *state = &c->states[k];
    const float *image = c->image + k * c->samples, *d = c->direction + k * c->pixels;
    float *u = c->volume + k * c->pixels, *r = c->residual + k * c->samples;
    const double curve = dot(image, image, c->samples);
    if (state->stopped || !(curve > 0) || !(state->gamma > 0)) {
        state->stopped = true;
        return;
    }
    const double slope = c->setup->positivity ? dot(image, r, c->samples) : state->gamma;
    if (c->setup->positivity) {
        state->clipped = clip_step(u, slope / curve, d, c->pixels);
    } else {
        add(u, slope / curve, d, c->pixels);
    }
    add(r, -slope / curve, image, c->samples);
    state->cost = dot(r, r, c->samples);
    state->done++;
}

/* One iteration of all slices of the chunk that have not stopped; *going tells whether any has not. */
static pp_status iterate(chunk *c, bool *going)
{
    const double target = 1.02 * c->setup->noise * sqrt((double)c->samples);
    bool clipped = false;
    PP_TRY(pp_projector_forward_real(c->projector, c->count, c->direction, c->image));
    for (int64_t k = 0; k < c->count; k++) c->states[k].clipped = false;
    double *before;
    PP_TRY(PP_ALLOC(c->count, &before));
#pragma omp parallel for schedule(static)
    for (int64_t k = 0; k < c->count; k++) {
        before[k] = c->states[k].cost;
        step_slice(c, k);
    }
    for (int64_t k = 0; k < c->count; k++) clipped = clipped || c->states[k].clipped;
    pp_status status = clipped ? find_residual(c, false) : PP_OK;
    *going = false;
    for (int64_t k = 0; k < c->count; k++) {
        slice_state *state = &c->states[k];
        const double left = sqrt(state->cost), was = sqrt(before[k]);
        if (left <= target || was - left < c->setup->stagnation * was) state->stopped = true;
        *going = *going || !state->stopped;
    }
    pp_free(before);
    return status;
}

static void note_cost(const chunk *c, int64_t iteration, int64_t first, double *cost)
{
    if (!cost) return;
    const int64_t width = c->setup->iterations + 1;
    for (int64_t k = 0; k < c->count; k++) {
        for (int64_t i = iteration; i < width; i++) {
            cost[(first + k) * width + i] = c->states[k].cost;
        }
    }
}

static pp_status solve(chunk *c, int64_t first, double *cost)
{
    bool going = true;
    for (int64_t k = 0; k < c->count; k++) c->states[k] = (slice_state){0};
    if (!c->setup->warm) memset(c->volume, 0, (size_t)(c->count * c->pixels) * sizeof(float));
    if (c->setup->positivity) (void)clip_step(c->volume, 0, c->volume, c->count * c->pixels);
    PP_TRY(find_residual(c, true));
    note_cost(c, 0, first, cost);
    for (int64_t iteration = 1; iteration <= c->setup->iterations && going; iteration++) {
        PP_TRY(find_direction(c, iteration == 1));
        PP_TRY(iterate(c, &going));
        note_cost(c, iteration, first, cost);
    }
    return PP_OK;
}

static int64_t chunk_slices(int threads)
{
    return 2 * (int64_t)PP_RADIAL_LANES * threads;
}

static pp_status make_chunk(chunk *c, int64_t most)
{
    PP_TRY(PP_ALLOC(most * c->samples, &c->residual));
    PP_TRY(PP_ALLOC(most * c->samples, &c->image));
    PP_TRY(PP_ALLOC(most * c->pixels, &c->gradient));
    PP_TRY(PP_ALLOC(most * c->pixels, &c->direction));
    return PP_ALLOC(most, &c->states);
}

static void free_chunk(chunk *c)
{
    pp_free(c->residual);
    pp_free(c->image);
    pp_free(c->gradient);
    pp_free(c->direction);
    pp_free(c->states);
}

pp_status pp_least_squares_run(const pp_projector *projector, const pp_least_squares *setup,
                               int64_t slices, const float *lines, float *volume, int64_t *done,
                               double *cost)
{
    const int64_t n = pp_projector_size(projector),
                  most = chunk_slices(pp_projector_threads(projector));
    chunk c = {.projector = projector,
               .setup = setup,
               .pixels = n * n,
               .samples = n * pp_projector_views(projector)};
    pp_status status = make_chunk(&c, most);
    for (int64_t first = 0; first < slices && status == PP_OK; first += most) {
        c.count = slices - first < most ? slices - first : most;
        c.lines = lines + first * c.samples;
        c.volume = volume + first * c.pixels;
        status = solve(&c, first, cost);
        for (int64_t k = 0; done && k < c.count; k++) done[first + k] = c.states[k].done;
    }
    free_chunk(&c);
    return status;
}

double pp_least_squares_bytes(int64_t n, int64_t views, int threads)
{
    return 2.0 * (double)chunk_slices(threads) * (double)n * ((double)n + (double)views) *
           (double)sizeof(float);
}
