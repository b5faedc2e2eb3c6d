/* Making and freeing the FFTW sweeps.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "backend/cpu/fftw_sweep.h"

#include <string.h>

#include "base/alloc.h"
#include "kernels/frequency.h"

static bool supports(const pp_sweep_setup *setup)
{
    return setup->n >= 1 && !setup->callbacks;
}

static pp_status plans(int64_t n, pp_fft **there, pp_fft **back)
{
    const int64_t shape[2] = {n, n};
    PP_TRY(pp_fft_create(2, shape, 1, -1, there));
    return pp_fft_create(2, shape, 1, 1, back);
}

static pp_status prepare(int64_t n)
{
    pp_fft *there = NULL, *back = NULL;
    const pp_status status = plans(n, &there, &back);
    pp_fft_free(&there);
    pp_fft_free(&back);
    return status;
}

/* The boxes are bounded by twice the object, see pp_chunks_create. */
static double bytes(const pp_sweep_setup *s)
{
    const double plane = (double)(s->n * s->n * s->modes) * sizeof(pp_c32),
                 pixels = (double)(s->object[0] * s->object[1]);
    const double kept = s->keep ? (s->probe_moves ? 3 : 2) * plane * (double)s->patterns : 0;
    const double ramps =
        s->mode == PP_SWEEP_FOURIER ? 2.0 * (double)(s->n * s->patterns) * sizeof(pp_c32) : 0;
    const double between = s->mode == PP_SWEEP_BILINEAR ? 2.0 * s->threads : 0;
    const double work = (between / (double)s->modes + 5.5 * s->threads + 2 +
                         (s->probe_moves ? pp_chunks_bound(s) : 0)) *
                        plane;
    return kept + ramps + work + (s->wide_sum ? 6 : 2) * pixels * sizeof(pp_c32) +
           (double)s->patterns * PP_FFTW_SCALARS * sizeof(double);
}

void pp_fftw_ramps(pp_fftw_sweep *s, const double *positions, const double *factors)
{
    const int64_t n = s->base.setup.n;
    if (!s->ramp) return;
    for (int64_t i = 0; i < s->base.setup.patterns * 2; i++) {
        const int64_t pattern = i / 2;
        const double f = positions[i] - (double)s->chunks.window[pattern][i % 2],
                     factor = factors && i % 2 == 0 ? factors[pattern] : 1;
        for (int64_t k = 0; k < n; k++) s->ramp[i * n + k] = pp_ramp(k, n, f, factor);
    }
}

pp_pixels pp_fftw_pixels(const pp_fftw_sweep *s, int64_t pattern)
{
    const pp_sweep_setup *u = &s->base.setup;
    const int64_t n2 = u->n * u->n;
    const size_t offset = (size_t)(pattern * n2) * pp_dtype_size(u->frame_type);
    return (pp_pixels){
        n2,      u->modes,     u->model, u->frame_type, (const char *)u->frames + offset,
        s->mask, s->background};
}

static void count_totals(pp_fftw_sweep *s)
{
    for (int64_t j = 0; j < s->base.setup.patterns; j++) {
        const pp_pixels p = pp_fftw_pixels(s, j);
        pp_pixels_totals(&p, &s->totals);
    }
}

static pp_status make_work(pp_fftw_work *w, int64_t n2, int64_t modes, bool between)
{
    PP_TRY(pp_fft_buffer(modes * n2, &w->probe));
    PP_TRY(pp_fft_buffer(modes * n2, &w->dprobe));
    PP_TRY(pp_fft_buffer(modes * n2, &w->far));
    PP_TRY(pp_fft_buffer(modes * n2, &w->f1));
    PP_TRY(pp_fft_buffer(modes * n2, &w->f2));
    if (between) PP_TRY(PP_ALLOC(n2, &w->window));
    if (between) PP_TRY(PP_ALLOC(n2, &w->window2));
    return PP_ALLOC(n2, &w->inten);
}

static pp_status make_kept(pp_fftw_sweep *s, int64_t n2)
{
    const pp_sweep_setup *u = &s->base.setup;
    const int64_t count = u->patterns * u->modes * n2;
    if (!u->keep) return PP_OK;
    PP_TRY(pp_fft_buffer(count, &s->far));
    PP_TRY(pp_fft_buffer(count, &s->f1));
    return u->probe_moves ? pp_fft_buffer(count, &s->f2) : PP_OK;
}

static pp_status make_shared(pp_fftw_sweep *s, int64_t n2)
{
    const pp_sweep_setup *u = &s->base.setup;
    PP_TRY(PP_ALLOC(n2, &s->mask));
    PP_TRY(pp_fft_buffer(s->chunks.pixels, &s->boxes));
    if (u->wide_sum) PP_TRY(PP_ALLOC(s->chunks.pixels, &s->wide_boxes));
    PP_TRY(PP_ALLOC(u->patterns * PP_FFTW_SCALARS, &s->scalars));
    if (u->probe_moves) PP_TRY(pp_fft_buffer(s->chunks.count * u->modes * n2, &s->probes));
    if (u->background) PP_TRY(PP_ALLOC(n2, &s->background));
    if (u->mode == PP_SWEEP_BILINEAR) PP_TRY(PP_ALLOC(u->patterns, &s->parts));
    if (u->mode != PP_SWEEP_FOURIER) return PP_OK;
    PP_TRY(pp_fft_buffer(u->patterns * 2 * u->n, &s->ramp));
    PP_TRY(pp_fft_buffer(u->modes * n2, &s->hat));
    return pp_fft_buffer(u->modes * n2, &s->dhat);
}

static void free_sweep(pp_sweep *sweep)
{
    pp_fftw_sweep *s = (pp_fftw_sweep *)sweep;
    for (int t = 0; s->work && t < s->base.setup.threads; t++) {
        pp_fftw_work *w = &s->work[t];
        pp_free(w->probe), pp_free(w->dprobe), pp_free(w->far);
        pp_free(w->f1), pp_free(w->f2), pp_free(w->inten);
        pp_free(w->window), pp_free(w->window2);
    }
    pp_free(s->work), pp_free(s->mask), pp_free(s->ramp), pp_free(s->boxes), pp_free(s->probes);
    pp_free(s->wide_boxes);
    pp_free(s->far), pp_free(s->f1), pp_free(s->f2), pp_free(s->hat), pp_free(s->dhat);
    pp_free(s->scalars), pp_free(s->background), pp_free(s->parts);
    pp_fft_free(&s->there);
    pp_fft_free(&s->back);
    pp_chunks_free(&s->chunks);
    pp_free(s);
}

static pp_status create(const pp_sweep_setup *setup, pp_sweep **out)
{
    pp_status status = PP_OK;
    pp_fftw_sweep *s;
    const int64_t n2 = setup->n * setup->n;
    PP_TRY(PP_ALLOC(1, &s));
    s->base.kind = &pp_sweep_fftw;
    s->base.setup = *setup;
    s->base.setup.positions = NULL, s->base.setup.mask = NULL;
    PP_TRY_TO(failed, pp_chunks_create(setup, &s->chunks));
    PP_TRY_TO(failed, plans(setup->n, &s->there, &s->back));
    PP_TRY_TO(failed, make_shared(s, n2));
    PP_TRY_TO(failed, make_kept(s, n2));
    PP_TRY_TO(failed, PP_ALLOC(setup->threads, &s->work));
    for (int t = 0; t < setup->threads; t++)
        PP_TRY_TO(failed, make_work(&s->work[t], n2, setup->modes, s->parts != NULL));
    if (setup->mask)
        memcpy(s->mask, setup->mask, (size_t)n2);
    else
        memset(s->mask, 1, (size_t)n2);
    pp_fftw_ramps(s, setup->positions, NULL);
    for (int64_t i = 0; s->parts && i < 2 * setup->patterns; i++)
        s->parts[i / 2][i % 2] =
            (float)(setup->positions[i] - (double)s->chunks.window[i / 2][i % 2]);
    count_totals(s);
    *out = &s->base;
    return PP_OK;
failed:
    free_sweep(&s->base);
    return status;
}

static void advance(pp_sweep *sweep, double to)
{
    ((pp_fftw_sweep *)sweep)->to = to;
}

static void renew(pp_sweep *sweep)
{
    ((pp_fftw_sweep *)sweep)->known = false;
}

static void move(pp_sweep *sweep, const double *positions, const double *factors)
{
    pp_fftw_ramps((pp_fftw_sweep *)sweep, positions, factors);
    renew(sweep);
}

static void totals(const pp_sweep *sweep, pp_sweep_totals *out)
{
    *out = ((const pp_fftw_sweep *)sweep)->totals;
}

static void facts(const pp_sweep *sweep, pp_sweep_facts *out)
{
    const pp_sweep_setup *u = &sweep->setup;
    const double frame = (double)(u->n * u->n) * (double)pp_dtype_size(u->frame_type),
                 plane = (double)(u->n * u->n * u->modes) * sizeof(pp_c32),
                 lines = u->probe_moves ? 2 : 1;
    *out = (pp_sweep_facts){
        .implementation = "fftw",
        .bytes_resident = frame + (u->keep ? (1 + lines) * plane : 0),
        /* kept: line reads far and writes the line's terms, gradient reads both and writes far */
        .bytes_moved = 2 * frame + (u->keep ? (3 + 2 * lines) * plane : 0),
    };
}

const pp_sweep_class pp_sweep_fftw = {
    .name = "fftw",
    .supports = supports,
    .prepare = prepare,
    .bytes = bytes,
    .create = create,
    .free = free_sweep,
    .gradient = pp_fftw_gradient,
    .line = pp_fftw_line,
    .costs = pp_fftw_costs,
    .advance = advance,
    .renew = renew,
    .illumination = pp_fftw_illumination,
    .positions = pp_fftw_positions,
    .move = move,
    .totals = totals,
    .facts = facts,
    .set_background = pp_fftw_set_background,
    .background_terms = pp_fftw_background_terms,
};
