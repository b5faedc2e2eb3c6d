/* SPDX-License-Identifier: BSD-3-Clause */
#include "solvers/bench.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "backend/fft.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "solvers/view_cut.h"

enum { WARM_UP = 2, SAMPLES = 9, ITERATIONS = WARM_UP + SAMPLES + 1 };

/* One device's clock: at the beginning of an iteration, and sums over those that count. */
typedef struct meter {
    double start;
    pp_group_account before, sum;
    double seconds;
} meter;

typedef struct made {
    const pp_view_bench *b;
    pp_array *frames, *positions, *mask, *probe, *tiles, *tile_of;
    pp_fft *there, *back;
    pp_c32 *room; /* [n][n] */
    double iteration[ITERATIONS + 1], pair[ITERATIONS + 1], copy[ITERATIONS + 1];
    int count;
    meter meters[PP_TILES_MOST];
    pp_traffic kernels[PP_TRAFFIC_MOST]; /* of the iterations that count */
    int kernel_count;
} made;

/* ---- a view: raster with 88 % overlap, smooth phase, a beam with a soft edge ---- */

static void make_positions(const made *m)
{
    double *g = pp_array_data(m->positions);
    const int64_t side = (int64_t)ceil(sqrt((double)m->b->patterns));
    for (int64_t j = 0; j < m->b->patterns; j++) {
        const int64_t row = j / side, column = j % side;
        g[2 * j] = 0.123 * (double)(m->b->size * row);
        g[2 * j + 1] = 0.123 * (double)(m->b->size * column);
    }
}

static void make_probe(const made *m)
{
    const int64_t n = m->b->size, n2 = n * n;
    pp_c32 *p = pp_array_data(m->probe);
    double power = 0;
    for (int64_t i = 0; i < m->b->modes * n2; i++) {
        const int64_t iy = i / n % n - n / 2, ix = i % n - n / 2;
        const double y = (double)iy / (double)n, x = (double)ix / (double)n, r2 = y * y + x * x;
        const double a = exp(-25 * r2) * (i >= n2 ? 4 * (i / n2 % 2 ? y : x) : 1);
        p[i] = (pp_c32){(float)(a * cos(60 * r2)), (float)(a * sin(60 * r2))};
        power += a * a;
    }
    const float scale = (float)sqrt(1e6 / power);
    for (int64_t i = 0; i < m->b->modes * n2; i++) p[i].re *= scale, p[i].im *= scale;
}

static pp_c32 specimen(int64_t y, int64_t x)
{
    const double phase = 0.5 * sin(0.21 * (double)y) * cos(0.17 * (double)x);
    return (pp_c32){(float)cos(phase), (float)sin(phase)};
}

static void add_mode(const made *m, float *sum, const pp_c32 *probe, int64_t y, int64_t x)
{
    const int64_t n = m->b->size;
    for (int64_t k = 0; k < n * n; k++) {
        const pp_c32 p = probe[k], o = specimen(y + k / n, x + k % n);
        m->room[k] = (pp_c32){p.re * o.re - p.im * o.im, p.re * o.im + p.im * o.re};
    }
    pp_fft_run(m->there, m->room);
    for (int64_t k = 0; k < n * n; k++)
        sum[k] += (m->room[k].re * m->room[k].re + m->room[k].im * m->room[k].im) / (float)(n * n);
}

static pp_status make_frames(const made *m)
{
    const int64_t n2 = m->b->size * m->b->size;
    const double *g = pp_array_read(m->positions);
    float *sum;
    PP_TRY(PP_ALLOC(n2, &sum));
    for (int64_t j = 0; j < m->b->patterns; j++) {
        uint16_t *frame = (uint16_t *)pp_array_data(m->frames) + j * n2;
        memset(sum, 0, (size_t)n2 * sizeof *sum);
        for (int64_t i = 0; i < m->b->modes; i++)
            add_mode(m, sum, (const pp_c32 *)pp_array_read(m->probe) + i * n2,
                     (int64_t)rint(g[2 * j]), (int64_t)rint(g[2 * j + 1]));
        for (int64_t k = 0; k < n2; k++)
            frame[k] = (uint16_t)(sum[k] < 65000.0f ? lrintf(sum[k]) : 65000);
    }
    pp_free(sum);
    return PP_OK;
}

static pp_status make(made *m)
{
    const int64_t n = m->b->size, j = m->b->patterns, shape[2] = {n, n};
    PP_TRY(pp_fft_create(2, shape, 1, -1, &m->there));
    PP_TRY(pp_fft_create(2, shape, 1, 1, &m->back));
    PP_TRY(pp_fft_buffer(n * n, &m->room));
    PP_TRY(pp_array_create(PP_U16, 3, (const int64_t[]){j, n, n}, "counts", &m->frames));
    PP_TRY(pp_array_create(PP_F64, 2, (const int64_t[]){j, 2}, "pixel", &m->positions));
    PP_TRY(pp_array_create(PP_U8, 2, shape, "1", &m->mask));
    PP_TRY(pp_array_create(PP_C32, 3, (const int64_t[]){m->b->modes, n, n}, "sqrt(counts)",
                           &m->probe));
    memset(pp_array_data(m->mask), 1, (size_t)(n * n));
    make_positions(m);
    if (m->b->devices > 1)
        PP_TRY(pp_view_cut(m->positions, n, m->b->devices, &m->tiles, &m->tile_of));
    make_probe(m);
    return make_frames(m);
}

/* ---- measurement: between two calls of the solver's `stopped` lies one iteration ---- */

static double time_pair(const made *m)
{
    const int64_t n2 = m->b->size * m->b->size;
    const int64_t most = (int64_t)(2e7 / (double)n2), repeats = most < 8 ? 8 : most;
    const float scale = 1.0f / (float)n2;
    for (int64_t k = 0; k < n2; k++) m->room[k] = (pp_c32){1, 0};
    const double start = pp_clock_seconds();
    for (int64_t i = 0; i < repeats; i++) {
        pp_fft_run(m->there, m->room);
        pp_fft_run(m->back, m->room);
        for (int64_t k = 0; k < n2; k++) m->room[k].re *= scale, m->room[k].im *= scale;
    }
    return (pp_clock_seconds() - start) / (double)repeats;
}

/* A device's work of this thread is enqueued: a copy back waits for it. */
static void finish_work(const made *m)
{
    const pp_backend *backend = pp_backend_find(m->b->backend);
    void *memory = NULL;
    float value;
    if (backend->host_memory || backend->alloc(sizeof value, &memory) != PP_OK) return;
    if (backend->download(&value, memory, sizeof value) == PP_OK) backend->release(memory);
}

/* Seconds of a pair by the CPU's library or by the device's. */
static void time_alone(made *m)
{
    const pp_backend *backend = pp_backend_find(m->b->backend);
    pp_backend_speed speed = {0};
    if (!backend->speed)
        m->pair[m->count] = time_pair(m);
    else if (backend->speed(m->b->size, &speed) == PP_OK) /* a failure shows in the solver too */
        m->pair[m->count] = 1e-6 * speed.fft_pair_us;
    m->copy[m->count++] = speed.copy_bytes;
}

/* What the kernels of an iteration moved, or what was moved between two. */
static void count_traffic(made *m, bool counts)
{
    const pp_backend *backend = pp_backend_find(m->b->backend);
    if (!backend->traffic) return;
    const int count = backend->traffic(counts ? m->kernels : NULL, m->kernel_count);
    if (counts) m->kernel_count = count;
}

static void add_account(meter *m, const pp_group_account *now)
{
    m->sum.waited += now->waited - m->before.waited;
    m->sum.moving += now->moving - m->before.moving;
    m->sum.received += now->received - m->before.received;
    m->sum.beside += now->beside - m->before.beside;
}

/* All devices: an iteration has ended, the pair is timed by the first while the others rest, the next begins. */
static void alternate(void *self, const pp_comm *group, int64_t iteration)
{
    made *m = self;
    const int rank = group ? pp_comm_rank(group) : 0;
    meter *mine = &m->meters[rank];
    pp_group_account now = {0};
    finish_work(m);
    if (group && pp_comm_barrier(group) != PP_OK) return; /* the solver's next call says so */
    if (group) pp_group_tell(group, &now);
    const double seconds = pp_clock_seconds() - mine->start;
    if (iteration > WARM_UP && iteration <= ITERATIONS) {
        add_account(mine, &now);
        mine->seconds += seconds;
    }
    if (rank == 0 && m->count <= ITERATIONS) {
        m->iteration[m->count] = seconds;
        count_traffic(m, iteration > WARM_UP &&
                             iteration < ITERATIONS); /* the last has no direction */
        time_alone(m);
        count_traffic(m, false);
    }
    if (group && pp_comm_barrier(group) != PP_OK) return;
    if (group) pp_group_tell(group, &mine->before);
    mine->start = pp_clock_seconds();
}

static int by_value(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

static double median(double *values, int count)
{
    qsort(values, (size_t)count, sizeof *values, by_value);
    return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

static void divide_time(const made *m, pp_view_bench_figures *out)
{
    double all = 0, waited = 0, moving = 0, received = 0, beside = 0;
    for (int k = 0; k < m->b->devices; k++) {
        const meter *one = &m->meters[k];
        all += one->seconds, waited += one->sum.waited;
        moving += one->sum.moving, received += one->sum.received;
        beside += one->sum.beside;
    }
    out->waiting = waited / all, out->communication = moving / all;
    out->compute = 1 - out->waiting - out->communication;
    out->beside = beside / all;
    out->bytes_received = received / m->b->devices / (ITERATIONS - WARM_UP);
}

static void tell_traffic(const made *m, pp_view_bench_figures *out)
{
    const double each = (double)m->b->patterns * SAMPLES;
    out->kernel_count = m->kernel_count;
    for (int k = 0; k < m->kernel_count; k++) {
        out->kernels[k] = m->kernels[k];
        out->kernels[k].loaded /= each, out->kernels[k].stored /= each;
    }
}

static pp_status measure(made *m, pp_view_bench_figures *out)
{
    const pp_view_bench *b = m->b;
    const pp_view_input input = {.frames = m->frames,
                                 .mask = m->mask,
                                 .positions = m->positions,
                                 .probe = m->probe,
                                 .tiles = m->tiles,
                                 .tile_of = m->tile_of};
    const pp_view_options options = {
        .backend = b->backend,
        .positions = b->positions,
        .probe_modes = b->modes,
        .keep_far_field = b->keep_far_field ? PP_CHOOSE_YES : PP_CHOOSE_NO,
        .threads = b->threads,
        .split = b->split,
        .in_turn = b->in_turn,
        .callbacks = b->callbacks,
        .between = alternate,
        .between_self = m,
        .solver = {
            .iterations = ITERATIONS, .refine_probe = b->refine_probe, .precondition = true}};
    pp_view_output result;
    PP_TRY(pp_view_solve(&input, &options, &result));
    out->implementation = result.implementation;
    out->bytes_resident = result.bytes_resident, out->bytes_moved = result.bytes_moved;
    pp_view_output_free(&result);
    const int from = WARM_UP + 1, count = m->count - from;
    if (count < 5) return PP_FAIL(PP_ERR_RUN, "the solver ended after %d iterations", m->count);
    out->us_per_pattern_iteration = 1e6 * median(m->iteration + from, count) / (double)b->patterns;
    out->fft_pair_us = 1e6 * median(m->pair + from, count);
    out->copy_bytes = median(m->copy + from, count);
    divide_time(m, out);
    tell_traffic(m, out);
    return PP_OK;
}

pp_status pp_view_bench_run(const pp_view_bench *bench, pp_view_bench_figures *out)
{
    made m = {.b = bench};
    pp_status status = make(&m);
    if (status == PP_OK) status = measure(&m, out);
    pp_free(m.room);
    pp_fft_free(&m.there), pp_fft_free(&m.back);
    pp_array_free(&m.frames), pp_array_free(&m.positions);
    pp_array_free(&m.mask), pp_array_free(&m.probe);
    pp_array_free(&m.tiles), pp_array_free(&m.tile_of);
    return status;
}
