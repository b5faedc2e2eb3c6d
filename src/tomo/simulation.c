/* Diffraction patterns of a view.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "tomo/simulation.h"

#include <math.h>
#include <string.h>

#include "backend/fft.h"
#include "base/alloc.h"
#include "base/random.h"

/* What one thread works in. */
typedef struct bench {
    pp_c64 *lines;
    double *intensity;
    pp_c32 *scratch, *wave;
} bench;

static void bench_free(bench *b)
{
    pp_free(b->lines);
    pp_free(b->intensity);
    pp_free(b->scratch);
    pp_free(b->wave);
}

static pp_status bench_make(int64_t pixels, int64_t scratch, bench *b)
{
    PP_TRY(PP_ALLOC(pixels, &b->lines));
    PP_TRY(PP_ALLOC(pixels, &b->intensity));
    PP_TRY(pp_fft_buffer(scratch, &b->scratch));
    return pp_fft_buffer(pixels, &b->wave);
}

/* Line integrals become the transmission. */
static void transmit(double wave_number, int64_t count, pp_c64 *lines)
{
    for (int64_t i = 0; i < count; i++) {
        const double modulus = exp(-wave_number * lines[i].im), phase = -wave_number * lines[i].re;
        lines[i] = (pp_c64){modulus * cos(phase), modulus * sin(phase)};
    }
}

static void add_mode(const pp_simulation *s, const pp_c32 *probe, const pp_fft *fft, bench *b)
{
    const int64_t count = s->n * s->n;
    for (int64_t i = 0; i < count; i++) {
        const pp_c64 t = b->lines[i];
        b->wave[i] = (pp_c32){(float)(probe[i].re * t.re - probe[i].im * t.im),
                              (float)(probe[i].re * t.im + probe[i].im * t.re)};
    }
    pp_fft_run(fft, b->wave);
    for (int64_t i = 0; i < count; i++)
        b->intensity[i] +=
            ((double)b->wave[i].re * b->wave[i].re + (double)b->wave[i].im * b->wave[i].im) /
            (double)count;
}

/* Counts of one frame; returns how many pixels are saturated. */
static int64_t detect(const pp_simulation *s, uint64_t stream, const double *intensity,
                      uint16_t *frame)
{
    pp_random random = pp_random_start(s->seed, stream);
    int64_t saturated = 0;
    for (int64_t i = 0; i < s->n * s->n; i++) {
        const double mean = intensity[i] + s->background;
        const int64_t counts = s->noise ? pp_random_poisson(&random, mean) : llround(mean);
        const bool measured = !s->mask || s->mask[i];
        saturated += measured && counts >= 65535;
        frame[i] = (uint16_t)(!measured ? 0 : counts > 65535 ? 65535 : counts);
    }
    return saturated;
}

/* The intensity itself. */
static int64_t copy(const pp_simulation *s, const double *intensity, float *frame)
{
    for (int64_t i = 0; i < s->n * s->n; i++)
        frame[i] = !s->mask || s->mask[i] ? (float)(intensity[i] + s->background) : 0;
    return 0;
}

static int64_t pattern(const pp_simulation *s, const pp_simulated_view *view,
                       const pp_specimen_view *specimen, const pp_fft *fft, int64_t j, bench *b,
                       void *frames)
{
    const int64_t centre = s->n / 2;
    const double half = (double)centre;
    const pp_window window = {view->positions[2 * j] - half - view->shift[0],
                              view->positions[2 * j + 1] - half - view->shift[1], s->n, s->n};
    pp_specimen_look(specimen, window, b->scratch, b->lines);
    transmit(s->wave_number, s->n * s->n, b->lines);
    memset(b->intensity, 0, (size_t)(s->n * s->n) * sizeof *b->intensity);
    for (int64_t m = 0; m < s->modes; m++) add_mode(s, s->probe + m * s->n * s->n, fft, b);
    const int64_t first = j * s->n * s->n;
    if (s->exact) return copy(s, b->intensity, (float *)frames + first);
    const uint64_t stream = ((uint64_t)(view->number + 1) << 32) + (uint64_t)j;
    return detect(s, stream, b->intensity, (uint16_t *)frames + first);
}

/* The rectangle of all windows. */
static pp_window field_of(const pp_simulation *s, const pp_simulated_view *view)
{
    double lo[2] = {INFINITY, INFINITY}, hi[2] = {-INFINITY, -INFINITY};
    for (int64_t j = 0; j < 2 * view->count; j++) {
        const double at = view->positions[j] - view->shift[j % 2];
        lo[j % 2] = fmin(lo[j % 2], at);
        hi[j % 2] = fmax(hi[j % 2], at);
    }
    const int64_t centre = s->n / 2;
    const double half = (double)centre;
    return (pp_window){lo[0] - half, lo[1] - half, (int64_t)ceil(hi[0] - lo[0]) + s->n + 1,
                       (int64_t)ceil(hi[1] - lo[1]) + s->n + 1};
}

static pp_status all_patterns(const pp_simulation *s, const pp_simulated_view *view,
                              const pp_specimen_view *specimen, bench *benches, void *frames,
                              int64_t *saturated)
{
    const int64_t shape[2] = {s->n, s->n};
    const int workers = s->threads > 0 ? s->threads : 1;
    pp_fft *fft = NULL;
    int64_t total = 0;
    PP_TRY(pp_fft_create(2, shape, 1, -1, &fft));
#pragma omp parallel for schedule(static) num_threads(workers) reduction(+ : total)
    for (int worker = 0; worker < workers; worker++)
        for (int64_t j = worker; j < view->count; j += workers)
            total += pattern(s, view, specimen, fft, j, &benches[worker], frames);
    pp_fft_free(&fft);
    *saturated = total;
    return PP_OK;
}

pp_status pp_simulate_view(const pp_simulation *s, const pp_simulated_view *view, void *frames,
                           int64_t *saturated)
{
    pp_status status = PP_OK;
    pp_specimen_view *specimen = NULL;
    bench *benches = NULL;
    const int workers = s->threads > 0 ? s->threads : 1;
    PP_TRY(PP_ALLOC(workers, &benches));
    PP_TRY_TO(done,
              pp_specimen_view_create(s->specimen, view->angle, field_of(s, view), &specimen));
    for (int k = 0; k < workers; k++)
        PP_TRY_TO(done, bench_make(s->n * s->n, pp_specimen_scratch(specimen), &benches[k]));
    status = all_patterns(s, view, specimen, benches, frames, saturated);
done:
    for (int k = 0; k < workers; k++) bench_free(&benches[k]);
    pp_free(benches);
    pp_specimen_view_free(&specimen);
    return status;
}
