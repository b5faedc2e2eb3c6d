/* Making and freeing the fused sweeps.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "backend/cpu/fused_sweep.h"

#include <math.h>
#include <string.h>

#include "backend/cpu/pixels.h"
#include "backend/level.h"
#include "base/alloc.h"

static const double two_pi = 6.283185307179586476925;

static bool supports(const pp_sweep_setup *setup)
{
    return pp_fused_size(setup->n) && !setup->callbacks;
}

static void order(int64_t n, int32_t *out)
{
    float twiddles[1024 * 2]; /* an upper bound of pp_fused_tables */
    int32_t digits[1024];
    pp_fused_plan plan;
    pp_fused_plan_fill(&plan, (int)n, twiddles, digits);
    pp_fused_order(&plan, pp_fused_pick()->width, out);
}

/* Far fields that are kept of each pattern: the point's, and the direction's where one is enough to move on. */
static int stacks(const pp_sweep_setup *s)
{
    return !s->keep ? 0 : s->probe_moves ? 1 : 2;
}

/* One thread's arrays, as make_work takes them. */
static double work_bytes(const pp_sweep_setup *s)
{
    const double n = (double)s->n, places = n + n / PP_FUSED_GROUP, width = pp_fused_pick()->width,
                 modes = (double)s->modes;
    const double moved = s->mode == PP_SWEEP_FOURIER ? n + 2 * modes * n * n : 0,
                 between = s->mode == PP_SWEEP_BILINEAR ? 2 * n * n : 0;
    return (3 * modes * (n * (places + 2) + places * width) + moved + between) * sizeof(pp_c32);
}

static double bytes(const pp_sweep_setup *s)
{
    const double n = (double)s->n, patterns = (double)s->patterns,
                 plane = n * n * (double)s->modes * sizeof(pp_c32);
    const bool moved = s->mode == PP_SWEEP_FOURIER;
    const double ramps = moved ? 2 * n * patterns * sizeof(pp_c32) : 0,
                 probes = (moved ? 2 : 1) * (s->probe_moves ? 2 : 1) + s->probe_moves,
                 tables = (double)pp_fused_tables((int)s->n) * sizeof(float) +
                          n * (n + sizeof(int32_t) + sizeof(pp_c32)) +
                          (s->background ? n * n * sizeof(float) : 0) +
                          (s->mode == PP_SWEEP_BILINEAR ? patterns * sizeof(pp_fused_parts) : 0);
    return stacks(s) * plane * patterns + ramps + probes * plane + s->threads * work_bytes(s) +
           pp_turns_bytes(s) + tables + patterns * (PP_FUSED_SCALARS + 2) * sizeof(double);
}

void pp_fused_ramps(pp_fused_sweep *s, const double *positions, const double *factors)
{
    const int64_t n = s->base.setup.n;
    if (!s->ramp) return;
    for (int64_t i = 0; i < s->base.setup.patterns * 2; i++) {
        const double f = positions[i] - s->chunks.window[i / 2][i % 2],
                     factor = factors && i % 2 == 0 ? factors[i / 2] : 1;
        for (int64_t place = 0; place < n; place++) {
            const int64_t k = s->digits[place];
            const double angle = two_pi * f * (double)(k < n / 2 ? k : k - n) / (double)n;
            s->ramp[i * n + place] =
                (pp_c32){(float)(factor * cos(angle)), (float)(factor * -sin(angle))};
        }
    }
}

static void make_parts(const pp_fused_sweep *s, const double *positions)
{
    for (int64_t j = 0; s->parts && j < s->base.setup.patterns; j++)
        s->parts[j] = (pp_fused_parts){(float)(positions[2 * j] - s->chunks.window[j][0]),
                                       (float)(positions[2 * j + 1] - s->chunks.window[j][1])};
}

static const void *counts_of(const pp_sweep_setup *u, int64_t pattern)
{
    return (const char *)u->frames + (size_t)(pattern * u->n * u->n) * pp_dtype_size(u->frame_type);
}

/* Below the smallest intensity nothing has a phase, so that 0 / 0 does not arise. */
pp_fused_frame pp_fused_frame_of(const pp_fused_sweep *s, int64_t pattern)
{
    const pp_sweep_setup *u = &s->base.setup;
    const float dark = PP_SWEEP_DARK * PP_SWEEP_DARK * s->most[pattern];
    return (pp_fused_frame){.counts = counts_of(u, pattern),
                            .mask = s->mask,
                            .background = s->background,
                            .wide = u->frame_type == PP_F32,
                            .poisson = u->model == PP_SWEEP_POISSON,
                            .dark = dark > 1e-30f ? dark : 1e-30f};
}

static pp_status count_totals(pp_fused_sweep *s, const uint8_t *mask)
{
    const pp_sweep_setup *u = &s->base.setup;
    const int64_t n2 = u->n * u->n;
    uint8_t *all;
    PP_TRY(PP_ALLOC(n2, &all));
    memset(all, 1, (size_t)n2);
    for (int64_t j = 0; j < u->patterns; j++) {
        const pp_pixels p = {
            n2, u->modes, u->model, u->frame_type, counts_of(u, j), mask ? mask : all, NULL};
        pp_pixels_totals(&p, &s->totals);
    }
    pp_free(all);
    return PP_OK;
}

static pp_status make_plan(pp_fused_sweep *s)
{
    const int n = (int)s->base.setup.n;
    s->kernels = pp_fused_pick();
    PP_TRY(PP_ALLOC(pp_fused_tables(n), &s->twiddles));
    PP_TRY(PP_ALLOC(n, &s->digits));
    PP_TRY(PP_ALLOC(n, &s->ones));
    pp_fused_plan_fill(&s->plan, n, s->twiddles, s->digits);
    for (int k = 0; k < n; k++) s->ones[k] = (pp_c32){1, 0};
    s->probe = 2 * (int64_t)n * n;
    s->field = (int64_t)(n / s->kernels->width) * s->plan.stride * 2 * s->kernels->width;
    return PP_OK;
}

static pp_status make_shared(pp_fused_sweep *s)
{
    const pp_sweep_setup *u = &s->base.setup;
    PP_TRY(pp_turns_create(u, &s->chunks, u->probe_moves ? u->modes * s->probe : 0, &s->turns));
    PP_TRY(PP_ALLOC(u->patterns * PP_FUSED_SCALARS, &s->scalars));
    PP_TRY(PP_ALLOC(u->patterns, &s->most));
    PP_TRY(PP_ALLOC(u->modes * s->probe, &s->packed));
    if (u->probe_moves) PP_TRY(PP_ALLOC(u->modes * s->probe, &s->dpacked));
    if (u->probe_moves) PP_TRY(PP_ALLOC(u->modes * s->probe, &s->dprobe_sum));
    if (stacks(u) > 0) PP_TRY(PP_ALLOC(u->patterns * u->modes * s->probe, &s->kept));
    if (stacks(u) > 1) PP_TRY(PP_ALLOC(u->patterns * u->modes * s->probe, &s->along));
    if (u->background) PP_TRY(PP_ALLOC(u->n * u->n, &s->background));
    if (u->mode == PP_SWEEP_BILINEAR) PP_TRY(PP_ALLOC(u->patterns, &s->parts));
    if (u->mode != PP_SWEEP_FOURIER) return PP_OK;
    PP_TRY(PP_ALLOC(u->patterns * 2 * u->n, &s->ramp));
    PP_TRY(PP_ALLOC(u->modes * s->probe, &s->hat));
    return u->probe_moves ? PP_ALLOC(u->modes * s->probe, &s->dhat) : PP_OK;
}

static pp_status make_work(const pp_fused_sweep *s, pp_fused_work *w)
{
    const pp_sweep_setup *u = &s->base.setup;
    PP_TRY(PP_ALLOC(3 * u->modes * s->field, &w->fields));
    PP_TRY(PP_ALLOC((int64_t)3 * u->modes * s->plan.span * 2 * s->kernels->width, &w->rows));
    for (int k = 0; u->mode == PP_SWEEP_BILINEAR && k < 2; k++)
        PP_TRY(PP_ALLOC(u->n * u->n, &w->between[k]));
    if (u->mode != PP_SWEEP_FOURIER) return PP_OK;
    PP_TRY(PP_ALLOC(u->n, &w->ramp));
    PP_TRY(PP_ALLOC(u->modes * s->probe, &w->probe));
    return PP_ALLOC(u->modes * s->probe, &w->dprobe);
}

static void free_sweep(pp_sweep *sweep)
{
    pp_fused_sweep *s = (pp_fused_sweep *)sweep;
    for (int t = 0; s->work && t < s->base.setup.threads; t++) {
        pp_fused_work *w = &s->work[t];
        pp_free(w->fields), pp_free(w->rows), pp_free(w->ramp);
        pp_free(w->probe), pp_free(w->dprobe);
        pp_free(w->between[0]), pp_free(w->between[1]);
    }
    pp_free(s->work), pp_free(s->twiddles), pp_free(s->digits), pp_free(s->ones);
    pp_free(s->mask), pp_free(s->ramp), pp_free(s->kept), pp_free(s->along);
    pp_free(s->packed), pp_free(s->dpacked);
    pp_free(s->hat), pp_free(s->dhat), pp_free(s->dprobe_sum);
    pp_free(s->most), pp_free(s->scalars), pp_free(s->parts), pp_free(s->background);
    pp_turns_free(&s->turns);
    pp_chunks_free(&s->chunks);
    pp_free(s);
}

static pp_status create(const pp_sweep_setup *setup, pp_sweep **out)
{
    pp_status status = PP_OK;
    pp_fused_sweep *s;
    PP_TRY(pp_level_check());
    PP_TRY(PP_ALLOC(1, &s));
    s->base.kind = &pp_sweep_fused;
    s->base.setup = *setup;
    s->base.setup.positions = NULL, s->base.setup.mask = NULL;
    PP_TRY_TO(failed, pp_chunks_create_small(setup, &s->chunks));
    PP_TRY_TO(failed, make_plan(s));
    PP_TRY_TO(failed, make_shared(s));
    PP_TRY_TO(failed, PP_ALLOC(setup->threads, &s->work));
    for (int t = 0; t < setup->threads; t++) PP_TRY_TO(failed, make_work(s, &s->work[t]));
    if (setup->mask && memchr(setup->mask, 0, (size_t)(setup->n * setup->n))) {
        PP_TRY_TO(failed, PP_ALLOC(setup->n * setup->n, &s->mask));
        memcpy(s->mask, setup->mask, (size_t)(setup->n * setup->n));
    }
    PP_TRY_TO(failed, count_totals(s, setup->mask));
    pp_fused_ramps(s, setup->positions, NULL);
    make_parts(s, setup->positions);
    *out = &s->base;
    return PP_OK;
failed:
    free_sweep(&s->base);
    return status;
}

static void advance(pp_sweep *sweep, double to)
{
    pp_fused_sweep *s = (pp_fused_sweep *)sweep;
    s->to = to;
    s->known = false;
}

static void renew(pp_sweep *sweep)
{
    pp_fused_sweep *s = (pp_fused_sweep *)sweep;
    s->known = s->linked = s->measured = false;
}

static void move(pp_sweep *sweep, const double *positions, const double *factors)
{
    pp_fused_ramps((pp_fused_sweep *)sweep, positions, factors);
    renew(sweep);
}

static void totals(const pp_sweep *sweep, pp_sweep_totals *out)
{
    *out = ((const pp_fused_sweep *)sweep)->totals;
}

static const char *name_of(const pp_fused_sweep *s)
{
    static const char *const names[] = {"fused x86-64-v2", "fused x86-64-v3", "fused x86-64-v4"};
    if (strcmp(s->kernels->name, "generic") == 0) return "fused generic";
    return names[s->kernels->width == 4 ? 0 : s->kernels->width == 8 ? 1 : 2];
}

static void facts(const pp_sweep *sweep, pp_sweep_facts *out)
{
    const pp_sweep_setup *u = &sweep->setup;
    const double frame = (double)(u->n * u->n) * (double)pp_dtype_size(u->frame_type),
                 plane = (double)(u->n * u->n * u->modes) * sizeof(pp_c32);
    *out = (pp_sweep_facts){
        .implementation = name_of((const pp_fused_sweep *)sweep),
        .bytes_resident = frame + stacks(u) * plane,
        /* the gradient writes the far field, the line reads it; with F1 the line writes that, and the gradient reads both */
        .bytes_moved = 2 * frame + (stacks(u) == 2 ? 5 : 2 * stacks(u)) * plane,
    };
}

const pp_sweep_class pp_sweep_fused = {
    .name = "fused",
    .supports = supports,
    .order = order,
    .bytes = bytes,
    .create = create,
    .free = free_sweep,
    .gradient = pp_fused_gradient_pass,
    .line = pp_fused_line_pass,
    .costs = pp_fused_costs_pass,
    .advance = advance,
    .renew = renew,
    .illumination = pp_fused_illumination_pass,
    .positions = pp_fused_positions_pass,
    .move = move,
    .totals = totals,
    .facts = facts,
    .set_background = pp_fused_set_background,
    .background_terms = pp_fused_background_terms,
};
