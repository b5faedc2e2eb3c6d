/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/measure_ptycho.h"

#include <math.h>
#include <stdlib.h>

#include "backend/fft.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "solvers/ptychography.h"

enum { ALTERNATIONS = 64, WARM = 3 };

/* A simulated view, and the clock. */
typedef struct bench {
    const pp_measure_ptycho *settings;
    pp_sweep_setup setup;
    double *positions;
    uint16_t *frames;
    int32_t *order;
    pp_c32 *object, *start, *probe, *near; /* near [n][n]: what the FFTs work on */
    pp_fft *there, *back;
    double mark, iteration[ALTERNATIONS], pair[ALTERNATIONS];
    int done;
} bench;

/* A square raster, steps of an eighth of the window, off the grid by part of a pixel. */
static pp_status scan(bench *b)
{
    const pp_measure_ptycho *t = b->settings;
    const int64_t side = (int64_t)ceil(sqrt((double)t->patterns));
    const double step = (double)t->size / 8 - 0.37;
    PP_TRY(PP_ALLOC(2 * t->patterns, &b->positions));
    for (int64_t j = 0; j < t->patterns; j++) {
        b->positions[2 * j] = 2 + (double)(j / side) * step;
        b->positions[2 * j + 1] = 2 + (double)(j % side) * step;
    }
    for (int a = 0; a < 2; a++)
        b->setup.object[a] = (int64_t)ceil((double)(side - 1) * step) + t->size + 4;
    return PP_OK;
}

/* A round beam, with a curved front, of 1e6 counts; further modes are tilted and weaker. */
static void draw_probe(const bench *b)
{
    const int64_t n = b->settings->size;
    for (int64_t m = 0; m < b->settings->modes; m++)
        for (int64_t k = 0; k < n * n; k++) {
            const double y = (double)(k / n) / (double)n - 0.5,
                         x = (double)(k % n) / (double)n - 0.5, r2 = y * y + x * x,
                         a = 1e3 * exp(-20 * r2) * 5 / (double)n * pow(0.5, (double)m),
                         phase = 60 * r2 + 9 * (double)m * x;
            b->probe[m * n * n + k] = (pp_c32){(float)(a * cos(phase)), (float)(a * sin(phase))};
        }
}

static void draw_object(const bench *b)
{
    const int64_t *size = b->setup.object;
    for (int64_t y = 0; y < size[0]; y++)
        for (int64_t x = 0; x < size[1]; x++) {
            const double phase = sin(0.21 * (double)y + 0.05 * (double)x) * cos(0.17 * (double)x);
            b->object[y * size[1] + x] = (pp_c32){(float)cos(phase), (float)sin(phase)};
            b->start[y * size[1] + x] = (pp_c32){1, 0};
        }
}

/* Counts without noise, at whole pixels, in the order of the implementation. */
static void simulate(const bench *b)
{
    const int64_t n = b->settings->size, n2 = n * n, width = b->setup.object[1];
    float *inten = (float *)(b->near + n2);
    for (int64_t j = 0; j < b->settings->patterns; j++) {
        const int64_t corner =
            (int64_t)rint(b->positions[2 * j]) * width + (int64_t)rint(b->positions[2 * j + 1]);
        for (int64_t k = 0; k < n2; k++) inten[k] = 0;
        for (int64_t m = 0; m < b->settings->modes; m++) {
            for (int64_t k = 0; k < n2; k++) {
                const pp_c32 o = b->object[corner + k / n * width + k % n],
                             p = b->probe[m * n2 + k];
                b->near[k] = (pp_c32){o.re * p.re - o.im * p.im, o.re * p.im + o.im * p.re};
            }
            pp_fft_run(b->there, b->near);
            for (int64_t k = 0; k < n2; k++)
                inten[k] +=
                    (b->near[k].re * b->near[k].re + b->near[k].im * b->near[k].im) / (float)n2;
        }
        for (int64_t k = 0; k < n2; k++)
            b->frames[j * n2 + k] = (uint16_t)fminf(rintf(inten[b->order[k]]), 65534);
    }
}

static pp_status prepare(bench *b, const pp_sweep_class *kind)
{
    const pp_measure_ptycho *t = b->settings;
    const int64_t n2 = t->size * t->size, shape[2] = {t->size, t->size};
    const int64_t pixels = b->setup.object[0] * b->setup.object[1];
    PP_TRY(PP_ALLOC(n2, &b->order));
    PP_TRY(PP_ALLOC(t->patterns * n2, &b->frames));
    PP_TRY(PP_ALLOC(pixels, &b->object));
    PP_TRY(PP_ALLOC(pixels, &b->start));
    PP_TRY(PP_ALLOC(t->modes * n2, &b->probe));
    PP_TRY(pp_fft_buffer(2 * n2, &b->near));
    PP_TRY(pp_fft_create(2, shape, 1, -1, &b->there));
    PP_TRY(pp_fft_create(2, shape, 1, 1, &b->back));
    for (int64_t k = 0; k < n2; k++) b->order[k] = (int32_t)k;
    if (kind->order) kind->order(t->size, b->order);
    draw_probe(b);
    draw_object(b);
    simulate(b);
    return PP_OK;
}

static void release(bench *b)
{
    pp_free(b->positions), pp_free(b->frames), pp_free(b->order), pp_free(b->object);
    pp_free(b->start), pp_free(b->probe), pp_free(b->near);
    pp_fft_free(&b->there);
    pp_fft_free(&b->back);
}

static void pairs(const bench *b)
{
    const int64_t n2 = b->settings->size * b->settings->size;
    const float scale = 1.0f / (float)n2;
    for (int64_t j = 0; j < b->settings->patterns; j++) {
        pp_fft_run(b->there, b->near);
        pp_fft_run(b->back, b->near);
        for (int64_t k = 0; k < n2; k++) b->near[k].re *= scale, b->near[k].im *= scale;
    }
}

/* Once an iteration: its time, then that of the FFT pairs. */
static bool tick(void *self, int64_t iteration, double cost)
{
    bench *b = self;
    const double now = pp_clock_seconds(), per = 1e6 / (double)b->settings->patterns;
    (void)cost;
    if (iteration > WARM && b->done < ALTERNATIONS) {
        b->iteration[b->done] = (now - b->mark) * per;
        pairs(b);
        b->mark = pp_clock_seconds();
        b->pair[b->done++] = (b->mark - now) * per;
    }
    b->mark = pp_clock_seconds();
    return false;
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, int count)
{
    qsort(values, (size_t)count, sizeof *values, ascending);
    return values[count / 2];
}

/* One solve with far fields kept or not. */
static pp_status solve(pp_measured_ptycho *out, bench *b, const pp_backend *backend, bool keep)
{
    const pp_measure_ptycho *t = b->settings;
    double cost[ALTERNATIONS + WARM + 2], step[ALTERNATIONS + WARM + 1];
    pp_ptychography m;
    pp_ptycho_result result = {.cost = cost, .step = step};
    const pp_ptycho_settings settings = {.iterations = WARM + 1 + t->alternations,
                                         .refine_probe = t->refine_probe,
                                         .precondition = true,
                                         .stopped = tick,
                                         .self = b};
    b->setup.keep = keep;
    b->done = 0;
    PP_TRY(pp_ptychography_create(backend, t->implementation, &b->setup, &m));
    pp_point point = {b->start, b->probe};
    const pp_status status = pp_solve_cg(&m, &point, NULL, &settings, &result);
    pp_sweep_facts facts;
    pp_sweep_tell(m.sweep, &facts);
    pp_ptychography_free(&m);
    PP_TRY(status);
    if (b->done < 5)
        return PP_FAIL(PP_ERR_RUN, "the solver ended after %d iterations, too few to time",
                       b->done);
    const double us = median(b->iteration, b->done), pair = median(b->pair, b->done);
    if (out->ratio > 0 && us * t->threads / pair > out->ratio) return PP_OK;
    *out = (pp_measured_ptycho){.us_per_pattern_iteration = us,
                                .fft_pair_us = pair,
                                .ratio = us * t->threads / pair,
                                .bytes_resident = facts.bytes_resident,
                                .bytes_moved = facts.bytes_moved,
                                .keep_far_field = keep,
                                .implementation = facts.implementation,
                                .backend = backend->name};
    return PP_OK;
}

static pp_status run(pp_measured_ptycho *out, bench *b, const pp_backend *backend)
{
    const pp_measure_ptycho *t = b->settings;
    PP_TRY(scan(b));
    const pp_sweep_class *kind = pp_backend_sweep(backend, &b->setup, t->implementation);
    if (!kind)
        return PP_FAIL(PP_ERR_RUN, "back end %s has no sweep for detectors of %lld pixels",
                       backend->name, (long long)t->size);
    PP_TRY(prepare(b, kind));
    b->setup.positions = b->positions, b->setup.frames = b->frames;
    if (t->keep_far_field != 1) PP_TRY(solve(out, b, backend, false));
    if (t->keep_far_field != 0) {
        draw_object(b);
        draw_probe(b);
        PP_TRY(solve(out, b, backend, true));
    }
    return PP_OK;
}

pp_status pp_measure_ptycho_run(pp_measured_ptycho *out, const pp_measure_ptycho *settings)
{
    const pp_measure_ptycho *t = settings;
    const pp_backend *backend = pp_backend_find(t->backend);
    bench b = {.settings = t};
    pp_measured_ptycho found = {0};
    if (!backend)
        return PP_FAIL(PP_ERR_RESOURCE, "back end '%s' is not built or has no device", t->backend);
    if (t->alternations < 5 || t->alternations > ALTERNATIONS)
        return PP_FAIL(PP_ERR_CONFIG, "%d alternations: expected 5 to %d", t->alternations,
                       ALTERNATIONS);
    b.setup = (pp_sweep_setup){.n = t->size,
                               .modes = t->modes,
                               .patterns = t->patterns,
                               .mode = t->positions,
                               .model = PP_SWEEP_AMPLITUDE,
                               .frame_type = PP_U16,
                               .probe_moves = t->refine_probe,
                               .threads = t->threads};
    const pp_status status = run(&found, &b, backend);
    release(&b);
    if (status == PP_OK) *out = found;
    return status;
}
