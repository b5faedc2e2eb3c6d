/* Views split over groups of devices: tiles, sums over them against the whole, solves against one device, memory.
 * SPDX-License-Identifier: BSD-3-Clause */
// BACKENDS cpu
#include <complex.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/random.h"
#include "models/window.h"
#include "solvers/blend.h"
#include "solvers/view.h"
#include "support/oracle.h"
#include "support/support.h"

enum { N = 16, MOST = 100, SIDE = 120 };

/* A made-up view with noise-free intensities. */
typedef struct made {
    int64_t patterns, size[2];
    double corners[2 * MOST]; /* whole-pixel parts and fractions */
    float frames[MOST * N * N];
    pp_c32 object[SIDE * SIDE], probe[N * N];
} made;

static made m;

static void make_probe(void)
{
    for (int k = 0; k < N * N; k++) {
        const double y = k / N - N / 2, x = k % N - N / 2, e = 20 * exp(-(y * y + x * x) / 18);
        m.probe[k] = (pp_c32){(float)e, (float)(e * 0.1 * y)};
    }
}

static void make_object(void)
{
    for (int64_t k = 0; k < m.size[0] * m.size[1]; k++) {
        const double y = (double)(k / m.size[1]), x = (double)(k % m.size[1]),
                     phase = 0.5 * sin(0.4 * y) * cos(0.3 * x);
        m.object[k] = (pp_c32){(float)cos(phase), (float)sin(phase)};
    }
}

static void make_frames(void)
{
    static double complex far[MOST * N * N], object[SIDE * SIDE], probe[N * N];
    const oracle o = {N, 1, m.patterns, {m.size[0], m.size[1]}, m.corners, true, false, NULL, NULL};
    for (int64_t k = 0; k < m.size[0] * m.size[1]; k++)
        object[k] = (double)m.object[k].re + I * (double)m.object[k].im;
    for (int k = 0; k < N * N; k++) probe[k] = (double)m.probe[k].re + I * (double)m.probe[k].im;
    oracle_forward(&o, far, object, probe);
    for (int64_t k = 0; k < m.patterns * N * N; k++)
        m.frames[k] = (float)(creal(far[k]) * creal(far[k]) + cimag(far[k]) * cimag(far[k]));
}

static void make(int64_t patterns, int64_t height, int64_t width, uint64_t seed, bool raster)
{
    pp_random r = pp_random_start(seed, 0);
    const int64_t side = (int64_t)ceil(sqrt((double)patterns));
    m.patterns = patterns, m.size[0] = height, m.size[1] = width;
    for (int64_t i = 0; i < 2 * patterns; i++) {
        const int64_t step = i % 2 ? i / 2 % side : i / 2 / side;
        const double room = (double)(m.size[i % 2] - N - 2);
        m.corners[i] = 1 + (raster ? room * (double)step / (double)side + pp_random_uniform(&r)
                                   : room * pp_random_uniform(&r));
    }
    make_probe();
    make_object();
    make_frames();
}

static pp_sweep_setup setup_of(void)
{
    return (pp_sweep_setup){.n = N,
                            .modes = 1,
                            .patterns = m.patterns,
                            .object = {m.size[0], m.size[1]},
                            .positions = m.corners,
                            .mode = PP_SWEEP_FOURIER,
                            .frame_type = PP_F32,
                            .frames = m.frames,
                            .probe_moves = true,
                            .keep = true,
                            .threads = 1};
}

/* ---- tiles ---- */

static void check_tiles(const pp_tiles *t, const int32_t *tile_of)
{
    static int owners[SIDE * SIDE];
    int64_t most = 0;
    memset(owners, 0, sizeof owners);
    for (int k = 0; k < t->count; k++) {
        const pp_box *c = &t->core[k], *e = &t->extended[k];
        for (int64_t y = c->from[0]; y < c->to[0]; y++)
            for (int64_t x = c->from[1]; x < c->to[1]; x++) owners[y * m.size[1] + x]++;
        for (int a = 0; a < 2; a++)
            ck_assert(e->from[a] <= c->from[a] && e->to[a] >= c->to[a] && e->from[a] >= 0 &&
                      e->to[a] <= m.size[a]);
        most = t->patterns[k] > most ? t->patterns[k] : most;
    }
    for (int64_t k = 0; k < m.size[0] * m.size[1]; k++) ck_assert_int_eq(owners[k], 1);
    for (int64_t j = 0; j < m.patterns; j++) {
        const pp_box *c = &t->core[tile_of[j]], *e = &t->extended[tile_of[j]];
        for (int a = 0; a < 2; a++) {
            const int64_t at = (int64_t)rint(m.corners[2 * j + a]);
            ck_assert(at + N / 2 >= c->from[a] && at + N / 2 < c->to[a]);
            ck_assert(at >= e->from[a] && at + N <= e->to[a]);
        }
    }
    ck_assert_int_le(most, m.patterns / t->count + 4);
}

START_TEST(tiles_cover_once_and_are_balanced)
{
    static const int counts[] = {1, 2, 3, 4, 5, 7, 8, 13, 16, 31, 64};
    int32_t tile_of[MOST], again[MOST];
    for (int raster = 0; raster < 2; raster++) {
        make(97, 110, 90, 3, raster);
        for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
            pp_tiles t, same;
            int64_t cores[4 * PP_TILES_MOST];
            pp_assert_ok(pp_tiles_cut(m.corners, m.patterns, N, m.size, counts[i], &t, tile_of));
            ck_assert_int_eq(t.count, counts[i]);
            check_tiles(&t, tile_of);
            for (int k = 0; k < t.count; k++) {
                memcpy(cores + 4 * k, t.core[k].from, sizeof t.core[k].from);
                memcpy(cores + 4 * k + 2, t.core[k].to, sizeof t.core[k].to);
            }
            memcpy(again, tile_of, sizeof again);
            pp_assert_ok(
                pp_tiles_from(cores, t.count, again, m.corners, m.patterns, N, m.size, &same));
            ck_assert_int_eq(same.strips, t.strips);
            ck_assert(memcmp(same.extended, t.extended, sizeof *t.extended * (size_t)t.count) == 0);
        }
    }
}
END_TEST

START_TEST(cores_that_do_not_fit_are_refused)
{
    int32_t tile_of[MOST];
    pp_tiles t;
    make(20, 60, 60, 1, false);
    memset(tile_of, 0, sizeof tile_of);
    const int64_t hole[8] = {0, 0, 60, 20, 0, 30, 60, 60}, small[4] = {0, 0, 60, 59},
                  good[8] = {0, 0, 60, 30, 0, 30, 60, 60};
    ck_assert_int_eq(pp_tiles_from(hole, 2, tile_of, m.corners, 20, N, m.size, &t), PP_ERR_RUN);
    ck_assert_int_eq(pp_tiles_from(small, 1, tile_of, m.corners, 20, N, m.size, &t), PP_ERR_RUN);
    pp_assert_ok(pp_tiles_from(good, 2, tile_of, m.corners, 20, N, m.size, &t));
    tile_of[7] = 2;
    ck_assert_int_eq(pp_tiles_from(good, 2, tile_of, m.corners, 20, N, m.size, &t), PP_ERR_RUN);
    ck_assert_int_eq(pp_tiles_cut(m.corners, 20, N, m.size, 65, &t, tile_of), PP_ERR_RUN);
}
END_TEST

/* ---- one device of a group ---- */

typedef struct device {
    pp_ptychography model;
    pp_point point, g;
    double *corners;
    float *frames;
} device;

typedef struct task {
    pp_tiles tiles;
    int32_t tile_of[MOST];
    pp_split_method method;
    pp_c32 *whole; /* reference gradient */
    double norm, cost, probe_norm, gg;
    const pp_c32 *probe;
    double worst[PP_TILES_MOST]; /* errors of each rank */
    double step[16], costs[17];  /* published's, of rank 0 */
} task;

static pp_status open_device(const pp_comm *group, const task *t, device *d)
{
    const int me = pp_comm_rank(group);
    const pp_box *box = &t->tiles.extended[me];
    const int64_t width = box->to[1] - box->from[1];
    pp_sweep_setup setup = setup_of();
    const pp_split split = {.group = group, .tiles = &t->tiles, .method = t->method};
    d->corners = calloc(2 * MOST, sizeof *d->corners);
    d->frames = calloc((size_t)MOST * N * N, sizeof *d->frames);
    setup.patterns = 0;
    for (int64_t j = 0; j < m.patterns; j++) {
        if (t->tile_of[j] != me) continue;
        for (int a = 0; a < 2; a++)
            d->corners[2 * setup.patterns + a] = m.corners[2 * j + a] - (double)box->from[a];
        memcpy(d->frames + setup.patterns * N * N, m.frames + j * N * N, N * N * sizeof *d->frames);
        setup.patterns++;
    }
    for (int a = 0; a < 2; a++) setup.object[a] = box->to[a] - box->from[a];
    setup.positions = d->corners, setup.frames = d->frames;
    PP_TRY(pp_ptychography_create_tile(pp_backend_find(pp_test_backend()), "fftw", &setup, &split,
                                       &d->model));
    PP_TRY(pp_point_create_place(&d->model, &d->point));
    PP_TRY(pp_point_create(&d->model, true, &d->g));
    for (int64_t k = 0; k < d->model.pixels; k++) d->point.object[k] = (pp_c32){1, 0};
    for (int64_t k = 0; k < d->model.pixels; k++) {
        const int64_t y = box->from[0] + k / width, x = box->from[1] + k % width;
        d->point.object[k].im = 0.1f * (float)sin(0.3 * (double)(y - 2 * x));
    }
    memcpy(d->point.probe, m.probe, sizeof m.probe);
    return PP_OK;
}

static void close_device(device *d)
{
    pp_point_free(&d->model, &d->point);
    pp_point_free(&d->model, &d->g);
    pp_ptychography_free(&d->model);
    free(d->corners), free(d->frames);
}

static double apart(const pp_c32 *a, const pp_c32 *b, int64_t count)
{
    double sum = 0;
    for (int64_t k = 0; k < count; k++)
        sum += pow((double)(a[k].re - b[k].re), 2) + pow((double)(a[k].im - b[k].im), 2);
    return sum;
}

/* The gradient on this rank's extended tile, or on rank 0 the whole, against the reference. */
static double gradient_error(const pp_comm *group, const task *t, const device *d)
{
    const pp_box *box = &t->tiles.extended[pp_comm_rank(group)];
    const int64_t width = box->to[1] - box->from[1];
    double sum = 0;
    if (t->method == PP_SPLIT_HYBRID)
        return d->g.whole ? sqrt(apart(d->g.whole, t->whole, m.size[0] * m.size[1]) / t->norm) : 0;
    for (int64_t y = box->from[0]; y < box->to[0]; y++)
        sum += apart(d->g.object + (y - box->from[0]) * width,
                     t->whole + y * m.size[1] + box->from[1], width);
    return sqrt(sum / t->norm);
}

static pp_status compare_gradient(const pp_comm *group, void *argument)
{
    task *t = argument;
    device d;
    double cost, misfit;
    PP_TRY(open_device(group, t, &d));
    PP_TRY(pp_ptychography_gradient(&d.model, &d.g, &cost, &misfit, &d.point));
    double worst = gradient_error(group, t, &d);
    worst = fmax(worst, fabs(cost - t->cost) / t->cost);
    worst = fmax(worst, sqrt(apart(d.g.probe, t->probe, N * N) / t->probe_norm));
    const double gg = pp_point_dot(&d.model, &d.g, &d.g, NULL).re;
    worst = fmax(worst, fabs(gg - t->gg) / t->gg);
    t->worst[pp_comm_rank(group)] = worst;
    close_device(&d);
    return PP_OK;
}

/* The reference: one device. */
static void refer(task *t, pp_ptychography *model, pp_point *point, pp_point *g)
{
    const pp_sweep_setup setup = setup_of();
    double misfit;
    pp_assert_ok(pp_ptychography_create(pp_backend_find(pp_test_backend()), "fftw", &setup, model));
    pp_assert_ok(pp_point_create_place(model, point));
    pp_assert_ok(pp_point_create(model, true, g));
    for (int64_t k = 0; k < model->pixels; k++)
        point->object[k] =
            (pp_c32){1, 0.1f * (float)sin(0.3 * (double)(k / m.size[1] - 2 * (k % m.size[1])))};
    memcpy(point->probe, m.probe, sizeof m.probe);
    pp_assert_ok(pp_ptychography_gradient(model, g, &t->cost, &misfit, point));
    t->whole = g->object, t->probe = g->probe;
    t->gg = pp_point_dot(model, g, g, NULL).re;
    const pp_point object = {.object = g->object};
    t->norm = pp_point_dot(model, &object, &object, NULL).re;
    t->probe_norm = t->gg - t->norm;
}

/* Tiles on a grid of equal areas, for what the cutter never makes: empty ones, and overlaps far beyond neighbours. */
static void grid(task *t, int rows, int columns)
{
    int64_t cores[4 * PP_TILES_MOST];
    for (int k = 0; k < rows * columns; k++) {
        const int64_t c = k / rows, r = k % rows;
        cores[4 * k] = m.size[0] * r / rows, cores[4 * k + 2] = m.size[0] * (r + 1) / rows;
        cores[4 * k + 1] = m.size[1] * c / columns;
        cores[4 * k + 3] = m.size[1] * (c + 1) / columns;
    }
    for (int64_t j = 0; j < m.patterns; j++)
        for (int k = 0; k < rows * columns; k++) {
            const int64_t y = (int64_t)rint(m.corners[2 * j]) + N / 2,
                          x = (int64_t)rint(m.corners[2 * j + 1]) + N / 2, *c = cores + 4 * k;
            if (y >= c[0] && y < c[2] && x >= c[1] && x < c[3]) t->tile_of[j] = k;
        }
    pp_assert_ok(pp_tiles_from(cores, rows * columns, t->tile_of, m.corners, m.patterns, N, m.size,
                               &t->tiles));
}

static void check_gradient(task *t)
{
    for (int method = PP_SPLIT_HYBRID; method <= PP_SPLIT_GRADIENT; method++) {
        t->method = (pp_split_method)method;
        pp_assert_ok(pp_group_run(t->tiles.count, compare_gradient, t));
        for (int k = 0; k < t->tiles.count; k++)
            ck_assert_msg(t->worst[k] < 1e-6, "method %d, tile %d of %d: %g", method, k,
                          t->tiles.count, t->worst[k]);
    }
}

START_TEST(gradient_of_tiles_is_the_wholes)
{
    static task t;
    pp_ptychography model;
    pp_point point, g;
    for (int kind = 0; kind < 3; kind++) {
        /* raster, random, and random in a small field whose windows reach over many tiles, some of them empty */
        make(kind == 2 ? 40 : 90, kind == 2 ? 40 : 110, kind == 2 ? 36 : 97, 5, kind == 0);
        refer(&t, &model, &point, &g);
        for (int rows = 1; rows <= 3; rows++)
            for (int columns = 1; columns <= 3; columns++) {
                grid(&t, rows, columns);
                check_gradient(&t);
            }
        if (kind == 2) {
            grid(&t, 7, 6);
            check_gradient(&t);
        }
        for (int devices = 2; devices < 20; devices += 5) {
            pp_assert_ok(
                pp_tiles_cut(m.corners, m.patterns, N, m.size, devices, &t.tiles, t.tile_of));
            check_gradient(&t);
        }
        pp_point_free(&model, &point), pp_point_free(&model, &g);
        pp_ptychography_free(&model);
    }
}
END_TEST

/* ---- published iterations ---- */

static pp_status published(const pp_comm *group, void *argument)
{
    task *t = argument;
    device d;
    double cost[17], step[16];
    pp_ptycho_result r = {.cost = cost, .step = step};
    const pp_ptycho_settings settings = {.iterations = 16};
    PP_TRY(open_device(group, t, &d));
    PP_TRY(pp_solve_published(&d.model, &d.point, &settings, &r));
    if (pp_comm_rank(group) == 0) {
        memcpy(t->step, step, sizeof step);
        memcpy(t->costs, cost, sizeof cost);
    }
    close_device(&d);
    return PP_OK;
}

START_TEST(published_steps_are_those_of_one_device)
{
    static const int devices[] = {2, 3, 4, 8};
    static task t;
    double cost[17], step[16];
    pp_ptychography model;
    pp_point point, g;
    pp_ptycho_result r = {.cost = cost, .step = step};
    const pp_ptycho_settings settings = {.iterations = 16};
    make(90, 110, 97, 5, true);
    refer(&t, &model, &point, &g);
    pp_assert_ok(pp_solve_published(&model, &point, &settings, &r));
    for (int i = 0; i < 8; i++) {
        pp_assert_ok(
            pp_tiles_cut(m.corners, m.patterns, N, m.size, devices[i / 2], &t.tiles, t.tile_of));
        t.method = i % 2 ? PP_SPLIT_GRADIENT : PP_SPLIT_HYBRID;
        pp_assert_ok(pp_group_run(t.tiles.count, published, &t));
        for (int k = 0; k < 16; k++) ck_assert_double_eq(t.step[k], step[k]);
        for (int k = 0; k <= 16; k++) pp_assert_near(t.costs[k], cost[k], 1e-4 * cost[k]);
    }
    pp_point_free(&model, &point), pp_point_free(&model, &g);
    pp_ptychography_free(&model);
}
END_TEST

/* ---- whole solves ---- */

typedef struct arrays {
    pp_array *frames, *mask, *positions, *probe, *tiles, *tile_of;
    pp_view_input in;
} arrays;

static void make_arrays(arrays *a)
{
    pp_assert_ok(
        pp_array_create(PP_F32, 3, (const int64_t[]){m.patterns, N, N}, "counts", &a->frames));
    memcpy(pp_array_data(a->frames), m.frames, pp_array_bytes(a->frames));
    pp_assert_ok(pp_array_create(PP_U8, 2, (const int64_t[]){N, N}, "1", &a->mask));
    memset(pp_array_data(a->mask), 1, N * N);
    pp_assert_ok(
        pp_array_create(PP_F64, 2, (const int64_t[]){m.patterns, 2}, "pixel", &a->positions));
    memcpy(pp_array_data(a->positions), m.corners, pp_array_bytes(a->positions));
    pp_assert_ok(pp_array_create(PP_C32, 3, (const int64_t[]){1, N, N}, "sqrt(counts)", &a->probe));
    memcpy(pp_array_data(a->probe), m.probe, sizeof m.probe);
    pp_assert_ok(pp_array_create_1d(PP_I32, m.patterns, "1", &a->tile_of));
    a->tiles = NULL;
}

/* As the stage does. */
static void cut(arrays *a, int devices, pp_tiles *t, pp_object_frame *frame)
{
    double corners[2 * MOST];
    pp_array_free(&a->tiles);
    pp_assert_ok(pp_object_frame_of(m.corners, m.patterns, N, frame));
    pp_object_corners(frame, m.corners, m.patterns, N, corners);
    pp_assert_ok(
        pp_tiles_cut(corners, m.patterns, N, frame->size, devices, t, pp_array_data(a->tile_of)));
    pp_assert_ok(pp_array_create(PP_I64, 2, (const int64_t[]){devices, 4}, "pixel", &a->tiles));
    int64_t *box = pp_array_data(a->tiles);
    for (int k = 0; k < devices; k++) {
        memcpy(box + 4 * k, t->core[k].from, sizeof t->core[k].from);
        memcpy(box + 4 * k + 2, t->core[k].to, sizeof t->core[k].to);
    }
    a->in = (pp_view_input){a->frames, a->mask, a->positions, a->probe, a->tiles, a->tile_of};
}

static void free_arrays(arrays *a)
{
    pp_array_free(&a->frames), pp_array_free(&a->mask), pp_array_free(&a->positions);
    pp_array_free(&a->probe), pp_array_free(&a->tiles), pp_array_free(&a->tile_of);
}

static pp_view_options options_of(int64_t iterations, pp_split_method split)
{
    return (pp_view_options){.backend = pp_test_backend(),
                             .positions = PP_SWEEP_FOURIER,
                             .probe_modes = 1,
                             .memory = 1e9,
                             .threads = 2,
                             .split = split,
                             .solver = {.iterations = iterations,
                                        .refine_probe = true,
                                        .refine_positions = true,
                                        .refine_intensities = true,
                                        .probe_start = 1,
                                        .positions_start = 2,
                                        .positions_every = 4,
                                        .positions_limit = 0.5,
                                        .precondition = true}};
}

static double difference(const pp_array *a, const pp_array *b)
{
    const pp_c32 *x = pp_array_read(a), *y = pp_array_read(b);
    double norm = 0;
    for (int64_t k = 0; k < pp_array_count(a); k++)
        norm += (double)(x[k].re * x[k].re + x[k].im * x[k].im);
    return sqrt(apart(x, y, pp_array_count(a)) / norm);
}

/* Object, probe and positions of the default solver do not depend on the devices beyond rounding, and not at all from run
 * to run. */
START_TEST(a_group_solves_as_one_device)
{
    static const int devices[] = {2, 3, 8};
    arrays a;
    pp_tiles t;
    pp_object_frame frame;
    pp_view_output one, group, again;
    make(90, 110, 97, 5, true);
    make_arrays(&a);
    cut(&a, 1, &t, &frame);
    const pp_view_options o = options_of(8, PP_SPLIT_HYBRID);
    pp_assert_ok(pp_view_solve(&a.in, &o, &one));
    for (int i = 0; i < 6; i++) {
        const pp_view_options q = options_of(8, (pp_split_method)(i % 2));
        cut(&a, devices[i / 2], &t, &frame);
        pp_assert_ok(pp_view_solve(&a.in, &q, &group));
        pp_assert_ok(pp_view_solve(&a.in, &q, &again));
        ck_assert_int_eq(group.devices, devices[i / 2]);
        ck_assert_double_lt(difference(one.object, group.object), 1e-4);
        ck_assert_double_lt(difference(one.probe, group.probe), 1e-4);
        const double *x = pp_array_read(one.positions), *y = pp_array_read(group.positions);
        for (int64_t k = 0; k < 2 * m.patterns; k++) pp_assert_near(x[k], y[k], 1e-3);
        x = pp_array_read(one.intensities), y = pp_array_read(group.intensities);
        for (int64_t k = 0; k < m.patterns; k++) pp_assert_near(x[k], y[k], 1e-4);
        const float *u = pp_array_read(one.illumination), *v = pp_array_read(group.illumination);
        for (int64_t k = 0; k < pp_array_count(one.illumination); k++)
            pp_assert_near((double)u[k], (double)v[k], 1e-3 * (double)u[k] + 1e-3);
        ck_assert(memcmp(pp_array_read(group.object), pp_array_read(again.object),
                         pp_array_bytes(again.object)) == 0);
        ck_assert(memcmp(pp_array_read(group.cost), pp_array_read(again.cost),
                         pp_array_bytes(again.cost)) == 0);
        pp_view_output_free(&group), pp_view_output_free(&again);
    }
    pp_view_output_free(&one);
    free_arrays(&a);
}
END_TEST

/* ---- approximate methods ---- */

static pp_view_options known_probe(int64_t iterations, pp_split_method split)
{
    pp_view_options o = options_of(iterations, split);
    o.solver.refine_probe = o.solver.refine_positions = false;
    o.solver.refine_intensities = false;
    o.halo_rows = 2, o.period = 2;
    return o;
}

/* Mean |step| of the object from pixel to pixel over the borders of tiles, relative to everywhere else, on what is lit. */
static double seam(const pp_view_output *out, const pp_tiles *t)
{
    const pp_c32 *o = pp_array_read(out->object);
    const float *light = pp_array_read(out->illumination);
    const int64_t height = pp_array_size(out->object, 0), width = pp_array_size(out->object, 1);
    double sum[2] = {0, 0}, count[2] = {0, 0}, top = 0;
    for (int64_t k = 0; k < height * width; k++) top = fmax(top, (double)light[k]);
    for (int64_t k = 0; k + width < height * width; k++) {
        bool border = false;
        for (int i = 0; i < t->count; i++)
            border = border || (t->core[i].to[0] == k / width + 1 &&
                                k % width >= t->core[i].from[1] && k % width < t->core[i].to[1]);
        if ((double)light[k] < 0.2 * top || (double)light[k + width] < 0.2 * top) continue;
        sum[border] +=
            hypot((double)(o[k].re - o[k + width].re), (double)(o[k].im - o[k + width].im));
        count[border]++;
    }
    ck_assert(count[0] > 100 && count[1] > 20);
    return sum[1] / count[1] / (sum[0] / count[0]);
}

START_TEST(no_seams_with_exact_methods_and_halos_come_near)
{
    arrays a;
    pp_tiles t;
    pp_object_frame frame;
    pp_view_output one, split;
    make(90, 70, 70, 5, true);
    make_arrays(&a);
    cut(&a, 1, &t, &frame);
    pp_view_options o = known_probe(24, PP_SPLIT_HYBRID);
    pp_assert_ok(pp_view_solve(&a.in, &o, &one));
    cut(&a, 4, &t, &frame);
    const double bare = seam(&one, &t);
    for (int method = PP_SPLIT_HYBRID; method <= PP_SPLIT_HALO; method++) {
        o.split = (pp_split_method)method;
        pp_assert_ok(pp_view_solve(&a.in, &o, &split));
        const double ratio = seam(&split, &t) / bare,
                     apart_by = difference(one.object, split.object);
        if (method == PP_SPLIT_HALO) {
            ck_assert_msg(apart_by > 1e-5 && apart_by < 0.05, "halo: %g from one device", apart_by);
            ck_assert_msg(ratio < 1.5, "halo: seam %g", ratio);
        } else {
            ck_assert_double_lt(apart_by, 1e-4);
            pp_assert_near(ratio, 1, 0.05);
        }
        ck_assert_int_eq(pp_array_size(split.cost, 0), pp_array_size(one.cost, 0));
        pp_view_output_free(&split);
    }
    pp_view_output_free(&one);
    free_arrays(&a);
}
END_TEST

static pp_c32 bump(double y, double x, double turn)
{
    const double phase = 0.8 * exp(-(y * y + x * x) / 250) * sin(0.4 * y) * cos(0.5 * x) + turn;
    return (pp_c32){(float)cos(phase), (float)sin(phase)};
}

/* Independent tiles: phase, ramp and shift that were put in are found. */
START_TEST(a_tile_is_registered)
{
    enum { SIZE = 60 };
    static pp_c32 whole[SIZE * SIZE], tile[SIZE * SIZE];
    static float light[SIZE * SIZE], some[SIZE * SIZE];
    const int64_t size[2] = {SIZE, SIZE};
    const pp_blend_match planted = {.phase = 2.1, .ramp = {0.01, -0.004}, .shift = {0.6, -0.35}};
    pp_blend_match found;
    for (int k = 0; k < SIZE * SIZE; k++) {
        const double y = k / SIZE - 30, x = k % SIZE - 30;
        whole[k] = bump(y, x, 0);
        tile[k] = bump(y + planted.shift[0], x + planted.shift[1],
                       -planted.phase - planted.ramp[0] * y - planted.ramp[1] * x);
        light[k] = (float)exp(-(y * y + x * x) / 250), some[k] = x < 12 ? light[k] : 0;
    }
    pp_assert_ok(pp_blend_find(tile, some, whole, light, size, 1, &found));
    for (int a = 0; a < 2; a++) {
        pp_assert_near(found.shift[a], planted.shift[a], 0.01);
        pp_assert_near(found.ramp[a], planted.ramp[a], 1e-3);
    }
    pp_assert_near(found.phase, planted.phase, 0.01);
    ck_assert_double_lt(found.mismatch, 0.005);
    memset(some, 0, sizeof some);
    pp_assert_ok(pp_blend_find(tile, some, whole, light, size, 1, &found));
    ck_assert(found.mismatch == 0 && found.shift[0] == 0 && found.phase == 0);
}
END_TEST

/* On data that one device solves nearly exactly. */
START_TEST(independent_tiles_agree)
{
    arrays a;
    pp_tiles t;
    pp_object_frame frame;
    pp_view_output one, split;
    make(100, 70, 70, 5, true);
    make_arrays(&a);
    cut(&a, 1, &t, &frame);
    pp_view_options o = known_probe(40, PP_SPLIT_INDEPENDENT);
    pp_assert_ok(pp_view_solve(&a.in, &o, &one));
    cut(&a, 4, &t, &frame);
    pp_assert_ok(pp_view_solve(&a.in, &o, &split));
    const pp_c32 *x = pp_array_read(one.object), *y = pp_array_read(split.object);
    const float *light = pp_array_read(one.illumination), *sum = pp_array_read(split.illumination);
    double top = 0, far = 0, norm = 0, re = 0, im = 0;
    for (int64_t k = 0; k < pp_array_count(one.object); k++) {
        top = fmax(top, (double)light[k]);
        re += (double)(light[k] * (y[k].re * x[k].re + y[k].im * x[k].im));
        im += (double)(light[k] * (y[k].re * x[k].im - y[k].im * x[k].re));
    }
    const double size = hypot(re, im);
    for (int64_t k = 0; k < pp_array_count(one.object); k++) {
        pp_assert_near((double)light[k], (double)sum[k], 1e-3 * (double)light[k] + 1e-3);
        if ((double)light[k] < 0.3 * top) continue;
        const double u = ((double)y[k].re * re - (double)y[k].im * im) / size - (double)x[k].re,
                     v = ((double)y[k].re * im + (double)y[k].im * re) / size - (double)x[k].im;
        far += u * u + v * v, norm += 1;
    }
    ck_assert_msg(sqrt(far / norm) < 0.05, "rms %g from one device", sqrt(far / norm));
    ck_assert_msg(split.tile_mismatch > 0 && split.tile_mismatch < 0.2 && split.tile_shift < 0.2,
                  "mismatch %g, shift %g", split.tile_mismatch, split.tile_shift);
    pp_view_output_free(&one), pp_view_output_free(&split);
    free_arrays(&a);
}
END_TEST

START_TEST(halo_refuses_small_tiles_and_unknown_probes)
{
    arrays a;
    pp_tiles t;
    pp_object_frame frame;
    pp_view_output out;
    make(90, 70, 70, 5, true);
    make_arrays(&a);
    cut(&a, 16, &t, &frame);
    pp_view_options o = known_probe(2, PP_SPLIT_HALO);
    ck_assert_int_eq(pp_view_solve(&a.in, &o, &out), PP_ERR_CONFIG);
    ck_assert_ptr_nonnull(strstr(pp_error_last()->text, "smaller than the halo"));
    o.split = PP_SPLIT_GRADIENT;
    pp_assert_ok(pp_view_solve(&a.in, &o, &out));
    pp_view_output_free(&out);
    cut(&a, 2, &t, &frame);
    o.split = PP_SPLIT_HALO, o.solver.refine_probe = true;
    ck_assert_int_eq(pp_view_solve(&a.in, &o, &out), PP_ERR_CONFIG);
    free_arrays(&a);
}
END_TEST

/* ---- memory ---- */

static double predicted(const pp_tiles *t, const pp_object_frame *frame, pp_split_method split)
{
    pp_sweep_setup setup = setup_of();
    const pp_sweep_class *kind = pp_backend_sweep(pp_backend_find(pp_test_backend()), &setup, NULL);
    double sum = 0;
    for (int a = 0; a < 2; a++) setup.object[a] = frame->size[a];
    for (int k = 0; k < t->count; k++) {
        double far, rest;
        pp_view_device_bytes(&setup, kind, t, k, split, &far, &rest);
        sum += far + rest;
    }
    return sum;
}

START_TEST(memory_is_as_predicted)
{
    arrays a;
    pp_tiles t;
    pp_object_frame frame;
    pp_view_output out;
    make(90, 110, 97, 5, true);
    make_arrays(&a);
    for (int i = 0; i < 6; i++) {
        pp_view_options o = options_of(3, (pp_split_method)(i % 2));
        o.solver.refine_positions = o.solver.refine_intensities = false,
        o.keep_far_field = PP_CHOOSE_YES;
        cut(&a, i < 2 ? 2 : i < 4 ? 4 : 8, &t, &frame);
        const double before = (double)pp_alloc_live_bytes(), bytes = predicted(&t, &frame, o.split);
        pp_alloc_reset_peak();
        pp_assert_ok(pp_view_solve(&a.in, &o, &out));
        const double measured = (double)pp_alloc_peak_bytes() - before;
        ck_assert_msg(fabs(measured - bytes) < 0.1 * measured,
                      "%d devices: predicted %g, measured %g", t.count, bytes, measured);
        pp_view_output_free(&out);
    }
    free_arrays(&a);
}
END_TEST

START_TEST(memory_that_runs_out_leaves_nothing)
{
    arrays a;
    pp_tiles t;
    pp_object_frame frame;
    pp_status status = PP_ERR_RESOURCE;
    make(30, 60, 60, 5, true);
    make_arrays(&a);
    cut(&a, 3, &t, &frame);
    const int64_t before = pp_alloc_live_blocks();
    for (int64_t n = 1; status != PP_OK; n++) {
        pp_view_output out;
        const pp_view_options o = options_of(1, (pp_split_method)(n % 2));
        pp_alloc_fail_after(n);
        status = pp_view_solve(&a.in, &o, &out);
        pp_alloc_fail_after(0);
        if (status == PP_OK)
            pp_view_output_free(&out);
        else
            ck_assert_int_eq(status, PP_ERR_RESOURCE);
        ck_assert_int_eq(pp_alloc_live_blocks(), before);
    }
    free_arrays(&a);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {tiles_cover_once_and_are_balanced,
                                  cores_that_do_not_fit_are_refused,
                                  gradient_of_tiles_is_the_wholes,
                                  published_steps_are_those_of_one_device,
                                  a_group_solves_as_one_device,
                                  no_seams_with_exact_methods_and_halos_come_near,
                                  a_tile_is_registered,
                                  independent_tiles_agree,
                                  halo_refuses_small_tiles_and_unknown_probes,
                                  memory_is_as_predicted,
                                  memory_that_runs_out_leaves_nothing,
                                  NULL};
    return pp_test_main(pp_test_suite("split", tests));
}
