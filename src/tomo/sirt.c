/* SIRT on chunks of slices.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "tomo/sirt.h"

#include <string.h>

#include "base/alloc.h"
#include "tomo/fbp.h"
#include "tomo/radial.h"

typedef struct chunk {
    const pp_projector *projector;
    const pp_sirt *setup;
    int64_t count, pixels, samples; /* slices; of a slice */
    float *rows;                    /* [samples] W */
    float *left;                    /* [count][samples] */
    float *step;                    /* [count][pixels] */
} chunk;

/* W = 1 / (R 1) over the support; short rays at its rim count as one pixel long. */
static pp_status find_rows(chunk *c)
{
    const int64_t n = pp_projector_size(c->projector);
    for (int64_t i = 0; i < c->pixels; i++) c->step[i] = 1;
    if (!c->setup->whole_square) pp_circle_mask(1, n, 0, c->step);
    PP_TRY(pp_projector_forward_real(c->projector, 1, c->step, c->rows));
    for (int64_t i = 0; i < c->samples; i++) c->rows[i] = 1 / (c->rows[i] > 1 ? c->rows[i] : 1);
    return PP_OK;
}

/* left = W (p - R u); the cost of each slice. */
static pp_status find_left(const chunk *c, const float *lines, const float *volume, double *cost)
{
    PP_TRY(pp_projector_forward_real(c->projector, c->count, volume, c->left));
#pragma omp parallel for schedule(static)
    for (int64_t k = 0; k < c->count; k++) {
        float *left = c->left + k * c->samples;
        const float *p = lines + k * c->samples;
        cost[k] = 0;
        for (int64_t i = 0; i < c->samples; i++) {
            const float gap = p[i] - left[i];
            left[i] = c->rows[i] * gap;
            cost[k] += (double)gap * (double)left[i];
        }
    }
    return PP_OK;
}

/* Column sums of R are the number of views. */
static pp_status add_step(const chunk *c, float *volume)
{
    const float gain = 1 / (float)pp_projector_views(c->projector);
    PP_TRY(pp_projector_adjoint_real(c->projector, c->count, c->left, c->step));
    for (int64_t i = 0; i < c->count * c->pixels; i++) {
        const float next = volume[i] + gain * c->step[i];
        volume[i] = c->setup->positivity && next < 0 ? 0 : next;
    }
    if (!c->setup->whole_square) {
        pp_circle_mask(c->count, pp_projector_size(c->projector), 0, volume);
    }
    return PP_OK;
}

static pp_status solve(const chunk *c, const float *lines, float *volume, double *cost,
                       double *costs)
{
    const int64_t width = c->setup->iterations + 1;
    memset(volume, 0, (size_t)(c->count * c->pixels) * sizeof *volume);
    for (int64_t iteration = 0; iteration < width; iteration++) {
        PP_TRY(find_left(c, lines, volume, cost));
        for (int64_t k = 0; costs && k < c->count; k++) costs[k * width + iteration] = cost[k];
        if (iteration + 1 < width) PP_TRY(add_step(c, volume));
    }
    return PP_OK;
}

static int64_t chunk_slices(int threads)
{
    return 2 * (int64_t)PP_RADIAL_LANES * threads;
}

pp_status pp_sirt_run(const pp_projector *projector, const pp_sirt *setup, int64_t slices,
                      const float *lines, float *volume, double *cost)
{
    const int64_t n = pp_projector_size(projector),
                  most = chunk_slices(pp_projector_threads(projector)),
                  width = setup->iterations + 1;
    chunk c = {.projector = projector,
               .setup = setup,
               .pixels = n * n,
               .samples = n * pp_projector_views(projector)};
    double *each = NULL;
    pp_status status = PP_ALLOC(c.samples, &c.rows);
    if (status == PP_OK) status = PP_ALLOC(most * c.samples, &c.left);
    if (status == PP_OK) status = PP_ALLOC(most * c.pixels, &c.step);
    if (status == PP_OK) status = PP_ALLOC(most, &each);
    if (status == PP_OK) status = find_rows(&c);
    for (int64_t first = 0; first < slices && status == PP_OK; first += most) {
        c.count = slices - first < most ? slices - first : most;
        status = solve(&c, lines + first * c.samples, volume + first * c.pixels, each,
                       cost ? cost + first * width : NULL);
    }
    pp_free(each);
    pp_free(c.step);
    pp_free(c.left);
    pp_free(c.rows);
    return status;
}

double pp_sirt_bytes(int64_t n, int64_t views, int threads)
{
    const double slice = (double)n * ((double)n + (double)views);
    return (double)sizeof(float) * ((double)chunk_slices(threads) * slice + (double)(n * views));
}
