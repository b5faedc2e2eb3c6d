/* SPDX-License-Identifier: BSD-3-Clause */
#include "tomo/denoise.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"

enum { AXES = 3 };

typedef struct state {
    const pp_slab *slab;
    int64_t n;
    double strength;
    const float *given; /* f */
    float *u;
    float *dual[AXES];     /* p: z, y, x components */
    float *before, *after; /* the dual's z component a slice before; u a slice after */
} state;

/* The slice after slice k of u: the next rank's first one after the last, slice k itself at the end of the volume. */
static const float *slice_after(const state *s, int64_t k)
{
    if (s->slab->first + k + 1 >= s->slab->rows) return s->u + k * s->slab->pixels;
    return k + 1 < s->slab->slices ? s->u + (k + 1) * s->slab->pixels : s->after;
}

static const float *dual_before(const state *s, int64_t k)
{
    if (s->slab->first + k == 0) return NULL;
    return k > 0 ? s->dual[0] + (k - 1) * s->slab->pixels : s->before;
}

/* Forward differences at one pixel: z, y, x. after: the next slice, u itself behind the last one. */
static inline void gradient(const float *u, const float *after, int64_t i, int64_t n, float g[AXES])
{
    const int64_t y = i / n, x = i % n;
    g[0] = after[i] - u[i];
    g[1] = y + 1 < n ? u[i + n] - u[i] : 0;
    g[2] = x + 1 < n ? u[i + 1] - u[i] : 0;
}

/* u = f - a div p */
static void primal(state *s)
{
    const int64_t n = s->n, pixels = s->slab->pixels;
    const float a = (float)s->strength;
#pragma omp parallel for schedule(static)
    for (int64_t k = 0; k < s->slab->slices; k++) {
        const float *z = s->dual[0] + k * pixels, *y = s->dual[1] + k * pixels,
                    *x = s->dual[2] + k * pixels, *before = dual_before(s, k);
        for (int64_t i = 0; i < pixels; i++) {
            float sum = z[i] + y[i] + x[i];
            if (before) sum -= before[i];
            if (i / n > 0) sum -= y[i - n];
            if (i % n > 0) sum -= x[i - 1];
            s->u[k * pixels + i] = s->given[k * pixels + i] - a * sum;
        }
    }
}

/* p = (p - t grad u / a) / (1 + t |grad u| / a) */
static void dual(state *s)
{
    const int64_t n = s->n, pixels = s->slab->pixels;
    const float step = (float)(1 / (2 * AXES * s->strength));
#pragma omp parallel for schedule(static)
    for (int64_t k = 0; k < s->slab->slices; k++) {
        const float *u = s->u + k * pixels, *after = slice_after(s, k);
        for (int64_t i = 0; i < pixels; i++) {
            float g[AXES];
            gradient(u, after, i, n, g);
            const float size = sqrtf(g[0] * g[0] + g[1] * g[1] + g[2] * g[2]),
                        scale = 1 / (1 + step * size);
            for (int c = 0; c < AXES; c++) {
                float *p = s->dual[c] + k * pixels + i;
                *p = (*p - step * g[c]) * scale;
            }
        }
    }
}

static pp_status iterate(state *s)
{
    PP_TRY(pp_slab_neighbours(s->slab, s->dual[0], s->before, NULL));
    primal(s);
    PP_TRY(pp_slab_neighbours(s->slab, s->u, NULL, s->after));
    dual(s);
    return PP_OK;
}

static pp_status allocate(state *s, int64_t voxels)
{
    PP_TRY(PP_ALLOC(voxels, &s->u));
    for (int c = 0; c < AXES; c++) PP_TRY(PP_ALLOC(voxels, &s->dual[c]));
    PP_TRY(PP_ALLOC(s->slab->pixels, &s->before));
    return PP_ALLOC(s->slab->pixels, &s->after);
}

pp_status pp_denoise(const pp_slab *slab, int64_t n, double strength, int64_t iterations,
                     float *volume)
{
    const int64_t voxels = slab->slices * slab->pixels;
    state s = {.slab = slab, .n = n, .strength = strength, .given = volume};
    if (!(strength > 0) || iterations < 1) return PP_OK;
    pp_status status = pp_comm_agree(slab->comm, allocate(&s, voxels > 0 ? voxels : 1));
    for (int64_t k = 0; k < iterations && status == PP_OK; k++) status = iterate(&s);
    if (status == PP_OK) status = pp_slab_neighbours(slab, s.dual[0], s.before, NULL);
    if (status == PP_OK) {
        primal(&s);
        memcpy(volume, s.u, (size_t)voxels * sizeof *volume);
    }
    for (int c = 0; c < AXES; c++) pp_free(s.dual[c]);
    pp_free(s.u), pp_free(s.before), pp_free(s.after);
    return status;
}

pp_status pp_variation(const pp_slab *slab, int64_t n, const float *volume, double *out)
{
    float *after = NULL;
    double *each = NULL;
    pp_status status = PP_ALLOC(slab->pixels, &after);
    if (status == PP_OK) status = PP_ALLOC(slab->slices + 1, &each);
    status = pp_comm_agree(slab->comm, status);
    if (status == PP_OK) status = pp_slab_neighbours(slab, volume, NULL, after);
    for (int64_t k = 0; status == PP_OK && k < slab->slices; k++) {
        const bool end = slab->first + k + 1 >= slab->rows;
        const float *u = volume + k * slab->pixels,
                    *next = k + 1 < slab->slices ? u + slab->pixels : after;
        for (int64_t i = 0; i < slab->pixels; i++) {
            float g[AXES];
            gradient(u, end ? u : next, i, n, g);
            each[k] += sqrt((double)g[0] * g[0] + (double)g[1] * g[1] + (double)g[2] * g[2]);
        }
    }
    if (status == PP_OK) status = pp_slab_sum(slab, each, out);
    pp_free(each);
    pp_free(after);
    return status;
}
