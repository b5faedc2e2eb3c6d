/* Measures the projector beside its yardsticks, taking turns, so that a noisy machine slows all of them alike.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "tomo/bench.h"

#include <omp.h>
#include <stdlib.h>

#include "backend/fft.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/random.h"
#include "tomo/projector.h"
#include "tomo/radial.h"

enum { TURNS = 5 };

typedef struct instruments {
    int64_t slices, n, views;
    pp_projector *projector;
    pp_radial taps; /* the projector's table with every sample at the first cells */
    pp_fft *grid, *lines;
    pp_c32 *volume, *stack; /* [slices][n][n], [slices][V][n] */
    pp_c32 *plane, *row;    /* [G][G], [V][n] */
    pp_c32 *cells, *values; /* a corner of a grid; [V][sample][lane] */
} instruments;

static void close_instruments(instruments *t)
{
    pp_projector_free(&t->projector);
    pp_radial_free(&t->taps);
    pp_fft_free(&t->grid);
    pp_fft_free(&t->lines);
    pp_free(t->volume);
    pp_free(t->stack);
    pp_free(t->plane);
    pp_free(t->row);
    pp_free(t->cells);
    pp_free(t->values);
}

static pp_status make_arrays(instruments *t)
{
    const int64_t grid = t->taps.grid;
    PP_TRY(PP_ALLOC(t->slices * t->n * t->n, &t->volume));
    PP_TRY(PP_ALLOC(t->slices * t->views * t->n, &t->stack));
    PP_TRY(PP_ALLOC(grid * grid, &t->plane));
    PP_TRY(PP_ALLOC(t->views * t->n, &t->row));
    PP_TRY(PP_ALLOC(PP_RADIAL_TAPS * t->taps.pitch * PP_RADIAL_LANES, &t->cells));
    PP_TRY(PP_ALLOC(t->taps.count * PP_RADIAL_LANES, &t->values));
    pp_random random = pp_random_start(1, 0);
    for (int64_t i = 0; i < t->slices * t->n * t->n; i++) {
        t->volume[i] =
            (pp_c32){(float)pp_random_uniform(&random), (float)pp_random_uniform(&random)};
    }
    return PP_OK;
}

static pp_status open_instruments(instruments *t, const double *angles, int threads,
                                  const pp_backend *backend)
{
    const pp_projector_setup setup = {
        .n = t->n, .views = t->views, .angles = angles, .threads = threads, .backend = backend};
    PP_TRY(pp_projector_create(&setup, &t->projector));
    PP_TRY(pp_radial_make(t->n, t->views, angles, 2, &t->taps));
    for (int64_t i = 0; i < t->taps.count; i++) {
        t->taps.points[i].cell = 0;
        t->taps.points[i].line = (int32_t)i;
    }
    const int64_t plane[] = {t->taps.grid, t->taps.grid};
    PP_TRY(pp_fft_create(2, plane, 1, -1, &t->grid));
    PP_TRY(pp_fft_create(1, &t->n, t->views, 1, &t->lines));
    return make_arrays(t);
}

/* One turn of everything: milliseconds per slice of forward, adjoint, FFTs, taps. */
static pp_status take_turn(const instruments *t, double out[4])
{
    const double start = pp_clock_seconds();
    PP_TRY(pp_projector_forward(t->projector, t->slices, t->volume, t->stack));
    const double forward = pp_clock_seconds();
    PP_TRY(pp_projector_adjoint(t->projector, t->slices, t->stack, t->volume));
    const double adjoint = pp_clock_seconds();
    for (int64_t k = 0; k < t->slices; k++) {
        pp_fft_run(t->grid, t->plane);
        pp_fft_run(t->lines, t->row);
    }
    const double ffts = pp_clock_seconds();
    for (int64_t k = 0; k < t->slices; k += PP_RADIAL_LANES) {
        pp_radial_gather(&t->taps, t->cells, t->values);
    }
    const double taps = pp_clock_seconds(), each = 1e3 / (double)t->slices;
    out[0] = (forward - start) * each;
    out[1] = (adjoint - forward) * each;
    out[2] = (ffts - adjoint) * each;
    out[3] = (taps - ffts) * each;
    for (int64_t i = 0; i < t->slices * t->n * t->n; i++) { /* R^T R would grow without bound */
        t->volume[i].re *= 1e-3f;
        t->volume[i].im *= 1e-3f;
    }
    return PP_OK;
}

static int by_value(const void *a_, const void *b_)
{
    const double a = *(const double *)a_, b = *(const double *)b_;
    return (a > b) - (a < b);
}

static double median(double times[TURNS][4], int which)
{
    double sorted[TURNS];
    for (int turn = 0; turn < TURNS; turn++) sorted[turn] = times[turn][which];
    qsort(sorted, TURNS, sizeof *sorted, by_value);
    return sorted[TURNS / 2];
}

/* As docs/performance.md has it: image, lines, samples and the grid, each transform one pass. */
static void set_bytes(const instruments *t, pp_tomo_bench *bench)
{
    const double image = (double)(t->n * t->n), lines = (double)(t->views * t->n),
                 grid = (double)(t->taps.grid * t->taps.grid), samples = (double)t->taps.count;
    bench->bytes_moved = (image + 4 * grid + 2 * samples + 5 * lines) * sizeof(pp_c32);
    bench->bytes_linked = (image + lines) * sizeof(pp_c32);
}

static void count_traffic(const instruments *t, pp_tomo_bench *bench)
{
    bench->kernel_count = bench->backend->traffic(bench->kernels, 0);
    for (int k = 0; k < bench->kernel_count; k++) {
        bench->kernels[k].loaded /= (double)t->slices * TURNS;
        bench->kernels[k].stored /= (double)t->slices * TURNS;
    }
}

/* The transform of the oversampled grid on a device of its own. */
static pp_status device_yardstick(const instruments *t, pp_tomo_bench *bench, double worst)
{
    pp_backend_speed speed;
    bench->fft_ms = bench->taps_ms = bench->ratio = 0;
    if (!bench->backend->speed) return PP_OK;
    PP_TRY(pp_backend_use(bench->backend, pp_backend_device(bench->backend, 0)));
    PP_TRY(bench->backend->speed(t->taps.grid, &speed));
    bench->fft_ms = 0.5e-3 * speed.fft_pair_us;
    bench->ratio = worst * bench->devices / bench->fft_ms;
    bench->copy_bytes = speed.copy_bytes;
    set_bytes(t, bench);
    bench->share = bench->bytes_moved / (1e-3 * worst * bench->devices) / speed.copy_bytes;
    return PP_OK;
}

static pp_status measure(const instruments *t, pp_tomo_bench *bench)
{
    double times[TURNS][4];
    const bool counts = bench->backend && bench->backend->traffic;
    PP_TRY(take_turn(t, times[0])); /* warms up */
    if (counts) (void)bench->backend->traffic(NULL, 0);
    for (int turn = 0; turn < TURNS; turn++) PP_TRY(take_turn(t, times[turn]));
    if (counts) count_traffic(t, bench);
    bench->forward_ms = median(times, 0);
    bench->adjoint_ms = median(times, 1);
    bench->fft_ms = median(times, 2);
    bench->taps_ms = median(times, 3);
    const double worst =
        bench->forward_ms > bench->adjoint_ms ? bench->forward_ms : bench->adjoint_ms;
    if (bench->devices > 0) return device_yardstick(t, bench, worst);
    bench->ratio = worst * bench->threads / (bench->fft_ms + bench->taps_ms);
    return PP_OK;
}

/* A measurement lasts some 50 ms or longer and has several batches a thread: a thread that wakes late, or loses its core for a
 * moment, leaves its batches to the others, as it does in a reconstruction. On devices: batches enough for two slots of each to
 * take turns. */
static int64_t bench_slices(const pp_tomo_bench *bench)
{
    const int64_t most = 16, each = bench->size < 2048 / most ? most : 2048 / bench->size;
    if (bench->devices > 0) return 4 * (int64_t)PP_RADIAL_LANES * bench->devices;
    return (each < 2 ? 2 : each) * PP_RADIAL_LANES * bench->threads;
}

pp_status pp_tomo_bench_run(pp_tomo_bench *bench)
{
    if (bench->threads < 1) bench->threads = omp_get_max_threads();
    bench->devices =
        bench->backend && bench->backend->projection ? pp_backend_devices(bench->backend) : 0;
    instruments t = {.slices = bench_slices(bench), .n = bench->size, .views = bench->angles};
    double *angles = NULL;
    pp_status status = PP_ALLOC(bench->angles, &angles);
    for (int64_t v = 0; status == PP_OK && v < bench->angles; v++) {
        angles[v] = 3.14159265358979323846 * (double)v / (double)bench->angles;
    }
    if (status == PP_OK) status = open_instruments(&t, angles, bench->threads, bench->backend);
    if (status == PP_OK) status = measure(&t, bench);
    close_instruments(&t);
    pp_free(angles);
    return status;
}
