/* Views split over groups of devices: tiles, sums over them against the whole, published iterations.
 * SPDX-License-Identifier: BSD-3-Clause */
// BACKENDS cpu
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "support/tiled.h"

/* ---- tiles ---- */

static void check_tiles(const pp_tiles *t, const int32_t *tile_of)
{
    static int owners[SIDE * SIDE];
    int64_t most = 0;
    memset(owners, 0, sizeof owners);
    for (int k = 0; k < t->count; k++) {
        const pp_box *c = &t->core[k], *e = &t->extended[k];
        for (int64_t y = c->from[0]; y < c->to[0]; y++)
            for (int64_t x = c->from[1]; x < c->to[1]; x++) owners[y * tiled.size[1] + x]++;
        for (int a = 0; a < 2; a++)
            ck_assert(e->from[a] <= c->from[a] && e->to[a] >= c->to[a] && e->from[a] >= 0 &&
                      e->to[a] <= tiled.size[a]);
        most = t->patterns[k] > most ? t->patterns[k] : most;
    }
    for (int64_t k = 0; k < tiled.size[0] * tiled.size[1]; k++) ck_assert_int_eq(owners[k], 1);
    for (int64_t j = 0; j < tiled.patterns; j++) {
        const pp_box *c = &t->core[tile_of[j]], *e = &t->extended[tile_of[j]];
        for (int a = 0; a < 2; a++) {
            const int64_t at = (int64_t)rint(tiled.corners[2 * j + a]);
            ck_assert(at + N / 2 >= c->from[a] && at + N / 2 < c->to[a]);
            ck_assert(at >= e->from[a] && at + N <= e->to[a]);
        }
    }
    ck_assert_int_le(most, tiled.patterns / t->count + 4);
}

START_TEST(tiles_cover_once_and_are_balanced)
{
    static const int counts[] = {1, 2, 3, 4, 5, 7, 8, 13, 16, 31, 64};
    int32_t tile_of[MOST], again[MOST];
    for (int raster = 0; raster < 2; raster++) {
        tiled_make(97, 110, 90, 3, raster);
        for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
            pp_tiles t, same;
            int64_t cores[4 * PP_TILES_MOST];
            pp_assert_ok(
                pp_tiles_cut(tiled.corners, tiled.patterns, N, tiled.size, counts[i], &t, tile_of));
            ck_assert_int_eq(t.count, counts[i]);
            check_tiles(&t, tile_of);
            for (int k = 0; k < t.count; k++) {
                memcpy(cores + 4 * k, t.core[k].from, sizeof t.core[k].from);
                memcpy(cores + 4 * k + 2, t.core[k].to, sizeof t.core[k].to);
            }
            memcpy(again, tile_of, sizeof again);
            pp_assert_ok(pp_tiles_from(cores, t.count, again, tiled.corners, tiled.patterns, N,
                                       tiled.size, &same));
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
    tiled_make(20, 60, 60, 1, false);
    memset(tile_of, 0, sizeof tile_of);
    const int64_t hole[8] = {0, 0, 60, 20, 0, 30, 60, 60}, small[4] = {0, 0, 60, 59},
                  good[8] = {0, 0, 60, 30, 0, 30, 60, 60};
    ck_assert_int_eq(pp_tiles_from(hole, 2, tile_of, tiled.corners, 20, N, tiled.size, &t),
                     PP_ERR_RUN);
    ck_assert_int_eq(pp_tiles_from(small, 1, tile_of, tiled.corners, 20, N, tiled.size, &t),
                     PP_ERR_RUN);
    pp_assert_ok(pp_tiles_from(good, 2, tile_of, tiled.corners, 20, N, tiled.size, &t));
    tile_of[7] = 2;
    ck_assert_int_eq(pp_tiles_from(good, 2, tile_of, tiled.corners, 20, N, tiled.size, &t),
                     PP_ERR_RUN);
    ck_assert_int_eq(pp_tiles_cut(tiled.corners, 20, N, tiled.size, 65, &t, tile_of), PP_ERR_RUN);
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
    pp_sweep_setup setup = tiled_setup();
    const pp_split split = {.group = group, .tiles = &t->tiles, .method = t->method};
    d->corners = calloc(2 * MOST, sizeof *d->corners);
    d->frames = calloc((size_t)MOST * N * N, sizeof *d->frames);
    setup.patterns = 0;
    for (int64_t j = 0; j < tiled.patterns; j++) {
        if (t->tile_of[j] != me) continue;
        for (int a = 0; a < 2; a++)
            d->corners[2 * setup.patterns + a] = tiled.corners[2 * j + a] - (double)box->from[a];
        memcpy(d->frames + setup.patterns * N * N, tiled.frames + j * N * N,
               N * N * sizeof *d->frames);
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
    memcpy(d->point.probe, tiled.probe, sizeof tiled.probe);
    return PP_OK;
}

static void close_device(device *d)
{
    pp_point_free(&d->model, &d->point);
    pp_point_free(&d->model, &d->g);
    pp_ptychography_free(&d->model);
    free(d->corners), free(d->frames);
}

/* The gradient on this rank's extended tile, or on rank 0 the whole, against the reference. */
static double gradient_error(const pp_comm *group, const task *t, const device *d)
{
    const pp_box *box = &t->tiles.extended[pp_comm_rank(group)];
    const int64_t width = box->to[1] - box->from[1];
    double sum = 0;
    if (t->method == PP_SPLIT_HYBRID)
        return d->g.whole ? sqrt(tiled_apart(d->g.whole, t->whole, tiled.size[0] * tiled.size[1]) /
                                 t->norm)
                          : 0;
    for (int64_t y = box->from[0]; y < box->to[0]; y++)
        sum += tiled_apart(d->g.object + (y - box->from[0]) * width,
                           t->whole + y * tiled.size[1] + box->from[1], width);
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
    worst = fmax(worst, sqrt(tiled_apart(d.g.probe, t->probe, N * N) / t->probe_norm));
    const double gg = pp_point_dot(&d.model, &d.g, &d.g, NULL).re;
    worst = fmax(worst, fabs(gg - t->gg) / t->gg);
    t->worst[pp_comm_rank(group)] = worst;
    close_device(&d);
    return PP_OK;
}

/* The reference: one device. */
static void refer(task *t, pp_ptychography *model, pp_point *point, pp_point *g)
{
    const pp_sweep_setup setup = tiled_setup();
    double misfit;
    pp_assert_ok(pp_ptychography_create(pp_backend_find(pp_test_backend()), "fftw", &setup, model));
    pp_assert_ok(pp_point_create_place(model, point));
    pp_assert_ok(pp_point_create(model, true, g));
    for (int64_t k = 0; k < model->pixels; k++)
        point->object[k] = (pp_c32){
            1, 0.1f * (float)sin(0.3 * (double)(k / tiled.size[1] - 2 * (k % tiled.size[1])))};
    memcpy(point->probe, tiled.probe, sizeof tiled.probe);
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
        cores[4 * k] = tiled.size[0] * r / rows, cores[4 * k + 2] = tiled.size[0] * (r + 1) / rows;
        cores[4 * k + 1] = tiled.size[1] * c / columns;
        cores[4 * k + 3] = tiled.size[1] * (c + 1) / columns;
    }
    for (int64_t j = 0; j < tiled.patterns; j++)
        for (int k = 0; k < rows * columns; k++) {
            const int64_t y = (int64_t)rint(tiled.corners[2 * j]) + N / 2,
                          x = (int64_t)rint(tiled.corners[2 * j + 1]) + N / 2, *c = cores + 4 * k;
            if (y >= c[0] && y < c[2] && x >= c[1] && x < c[3]) t->tile_of[j] = k;
        }
    pp_assert_ok(pp_tiles_from(cores, rows * columns, t->tile_of, tiled.corners, tiled.patterns, N,
                               tiled.size, &t->tiles));
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
        tiled_make(kind == 2 ? 40 : 90, kind == 2 ? 40 : 110, kind == 2 ? 36 : 97, 5, kind == 0);
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
            pp_assert_ok(pp_tiles_cut(tiled.corners, tiled.patterns, N, tiled.size, devices,
                                      &t.tiles, t.tile_of));
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
    tiled_make(90, 110, 97, 5, true);
    refer(&t, &model, &point, &g);
    pp_assert_ok(pp_solve_published(&model, &point, &settings, &r));
    for (int i = 0; i < 8; i++) {
        pp_assert_ok(pp_tiles_cut(tiled.corners, tiled.patterns, N, tiled.size, devices[i / 2],
                                  &t.tiles, t.tile_of));
        t.method = i % 2 ? PP_SPLIT_GRADIENT : PP_SPLIT_HYBRID;
        pp_assert_ok(pp_group_run(t.tiles.count, published, &t));
        for (int k = 0; k < 16; k++) ck_assert_double_eq(t.step[k], step[k]);
        for (int k = 0; k <= 16; k++) pp_assert_near(t.costs[k], cost[k], 1e-4 * cost[k]);
    }
    pp_point_free(&model, &point), pp_point_free(&model, &g);
    pp_ptychography_free(&model);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        tiles_cover_once_and_are_balanced, cores_that_do_not_fit_are_refused,
        gradient_of_tiles_is_the_wholes, published_steps_are_those_of_one_device, NULL};
    return pp_test_main(pp_test_suite("split", tests));
}
