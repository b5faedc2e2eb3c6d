/* Gradient Decomposition with local steps: against the same steps written out on whole objects, convergence for several periods of the
 * exchange, the same bits from run to run, and what it refuses.
 * SPDX-License-Identifier: BSD-3-Clause */
// BACKENDS cpu
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "support/tiled.h"

static pp_view_options local_options(int64_t iterations, int64_t exchanges)
{
    pp_view_options o = tiled_known_probe(iterations, PP_SPLIT_LOCAL);
    o.exchanges = exchanges;
    return o;
}

/* ---- the same steps on whole objects, one a tile ---- */

enum { TILES = 4, PARTS = 3 };

typedef struct reference {
    pp_ptychography all, part[TILES][PARTS];
    double corners[TILES][2 * MOST];
    float *frames[TILES];
    pp_point v[TILES], g[TILES][2], step; /* gradients: this and the last exchange's */
    pp_point_weight w;
} reference;

static void create_part(reference *r, int k, int b, int64_t count, const pp_sweep_setup *whole)
{
    pp_sweep_setup setup = *whole;
    const int64_t from = count * b / PARTS;
    setup.patterns = count * (b + 1) / PARTS - from;
    setup.positions = r->corners[k] + 2 * from, setup.frames = r->frames[k] + from * N * N;
    pp_assert_ok(pp_ptychography_create(pp_backend_find("cpu"), "fftw", &setup, &r->part[k][b]));
}

static void create(reference *r, const pp_object_frame *frame, const pp_tiles *t,
                   const int32_t *tile_of)
{
    double corners[2 * MOST];
    pp_sweep_setup setup = tiled_setup();
    pp_object_corners(frame, tiled.corners, tiled.patterns, N, corners);
    setup.object[0] = frame->size[0], setup.object[1] = frame->size[1];
    setup.positions = corners, setup.keep = false, setup.probe_moves = false;
    pp_assert_ok(pp_ptychography_create(pp_backend_find("cpu"), "fftw", &setup, &r->all));
    for (int k = 0; k < t->count; k++) {
        int64_t count = 0;
        r->frames[k] = calloc((size_t)MOST * N * N, sizeof *r->frames[k]);
        for (int64_t j = 0; j < tiled.patterns; j++) {
            if (tile_of[j] != k) continue;
            memcpy(r->corners[k] + 2 * count, corners + 2 * j, 2 * sizeof *corners);
            memcpy(r->frames[k] + count++ * N * N, tiled.frames + j * N * N, N * N * sizeof(float));
        }
        for (int b = 0; b < PARTS; b++) create_part(r, k, b, count, &setup);
        pp_assert_ok(pp_point_create_place(&r->all, &r->v[k]));
        for (int64_t i = 0; i < r->all.pixels; i++) r->v[k].object[i] = (pp_c32){1, 0};
        memcpy(r->v[k].probe, tiled.probe, sizeof tiled.probe);
        for (int i = 0; i < 2; i++) pp_assert_ok(pp_point_create(&r->all, false, &r->g[k][i]));
    }
    pp_assert_ok(pp_point_create(&r->all, false, &r->step));
    pp_assert_ok(pp_point_weight_create(&r->all, &r->w));
    pp_assert_ok(pp_point_weights(&r->all, &r->w, &r->v[0]));
}

static void unmake(reference *r)
{
    for (int k = 0; k < TILES; k++) {
        for (int b = 0; b < PARTS; b++) pp_ptychography_free(&r->part[k][b]);
        pp_point_free(&r->all, &r->v[k]);
        for (int i = 0; i < 2; i++) pp_point_free(&r->all, &r->g[k][i]);
        free(r->frames[k]);
    }
    pp_point_free(&r->all, &r->step);
    pp_point_weight_free(&r->all, &r->w);
    pp_ptychography_free(&r->all);
}

static void descend(reference *r, int k, const pp_point *g)
{
    pp_assert_ok(pp_point_direction(&r->all, &r->step, g, &r->w, (pp_c64){0, 0}));
    pp_assert_ok(pp_point_axpy(&r->all, &r->v[k], 1, &r->step));
}

static void descend_others(reference *r, int which)
{
    for (int k = 0; k < TILES; k++)
        for (int other = 0; other < TILES; other++)
            if (other != k) descend(r, k, &r->g[other][which]);
}

static void iterate(reference *r, int iterations)
{
    double cost, misfit;
    for (int i = 0; i < iterations * PARTS; i++) {
        for (int k = 0; k < TILES; k++) {
            pp_assert_ok(pp_ptychography_gradient(&r->part[k][i % PARTS], &r->g[k][i % 2], &cost,
                                                  &misfit, &r->v[k]));
            descend(r, k, &r->g[k][i % 2]);
        }
        if (i > 0) descend_others(r, (i - 1) % 2);
    }
    descend_others(r, (iterations * PARTS - 1) % 2);
}

START_TEST(steps_are_those_of_whole_objects)
{
    static reference r;
    tiled_arrays a;
    pp_tiles t;
    pp_object_frame frame;
    pp_view_output out;
    tiled_make(90, 110, 97, 5, true);
    tiled_arrays_make(&a);
    tiled_arrays_cut(&a, TILES, &t, &frame);
    const pp_view_options o = local_options(5, PARTS);
    pp_assert_ok(pp_view_solve(&a.in, &o, &out));
    create(&r, &frame, &t, pp_array_read(a.tile_of));
    iterate(&r, 5);
    const pp_c32 *object = pp_array_read(out.object);
    for (int k = 0; k < TILES; k++) {
        const pp_box *core = &t.core[k];
        double off = 0, norm = 0;
        for (int64_t y = core->from[0]; y < core->to[0]; y++) {
            const int64_t at = y * frame.size[1] + core->from[1],
                          width = core->to[1] - core->from[1];
            off += tiled_apart(object + at, r.v[k].object + at, width), norm += (double)width;
        }
        ck_assert_msg(sqrt(off / norm) < 1e-5, "tile %d: %g", k, sqrt(off / norm));
    }
    unmake(&r);
    pp_view_output_free(&out);
    tiled_arrays_free(&a);
}
END_TEST

/* Exchanges from once an iteration to after every pattern lead to where one device leads, and costs fall. */
START_TEST(every_period_converges)
{
    static const int64_t exchanges[] = {1, 6, 25};
    tiled_arrays a;
    pp_tiles t;
    pp_object_frame frame;
    pp_view_output one, out, again;
    tiled_make(100, 70, 70, 5, true);
    tiled_arrays_make(&a);
    tiled_arrays_cut(&a, 1, &t, &frame);
    pp_view_options o = tiled_known_probe(60, PP_SPLIT_HYBRID);
    pp_assert_ok(pp_view_solve(&a.in, &o, &one));
    tiled_arrays_cut(&a, 4, &t, &frame);
    for (int i = 0; i < 3; i++) {
        o = local_options(60, exchanges[i]);
        pp_assert_ok(pp_view_solve(&a.in, &o, &out));
        pp_assert_ok(pp_view_solve(&a.in, &o, &again));
        ck_assert_mem_eq(pp_array_read(out.object), pp_array_read(again.object),
                         pp_array_bytes(out.object));
        const double *cost = pp_array_read(out.cost);
        ck_assert_int_eq(pp_array_size(out.cost, 0), 61);
        for (int n = 10; n <= 60; n += 10) ck_assert_double_lt(cost[n], cost[n - 10]);
        ck_assert_double_lt(cost[60], 2e-4 * cost[0]);
        ck_assert_double_lt(tiled_difference(one.object, out.object), 0.05);
        pp_view_output_free(&out), pp_view_output_free(&again);
    }
    pp_view_output_free(&one);
    tiled_arrays_free(&a);
}
END_TEST

START_TEST(what_it_cannot_do_is_refused)
{
    tiled_arrays a;
    pp_tiles t;
    pp_object_frame frame;
    pp_view_output out;
    tiled_make(30, 60, 60, 5, true);
    tiled_arrays_make(&a);
    tiled_arrays_cut(&a, 3, &t, &frame);
    pp_view_options o = local_options(2, 1);
    o.solver.refine_probe = true;
    ck_assert_int_eq(pp_view_solve(&a.in, &o, &out), PP_ERR_CONFIG);
    ck_assert_ptr_nonnull(strstr(pp_error_last()->text, "sync = \"local\""));
    o.solver.refine_probe = false, o.method = PP_PTYCHO_PUBLISHED;
    ck_assert_int_eq(pp_view_solve(&a.in, &o, &out), PP_ERR_CONFIG);
    ck_assert_ptr_nonnull(strstr(pp_error_last()->text, "rule of its own"));
    tiled_arrays_free(&a);
}
END_TEST

typedef struct task {
    const pp_view_input *in;
} task;

static pp_status solve_once(void *argument)
{
    const task *t = argument;
    pp_view_output out;
    const pp_view_options o = local_options(2, 2);
    PP_TRY(pp_view_solve(t->in, &o, &out));
    pp_view_output_free(&out);
    return PP_OK;
}

START_TEST(memory_that_runs_out_leaves_nothing)
{
    tiled_arrays a;
    pp_tiles t;
    pp_object_frame frame;
    tiled_make(30, 60, 60, 5, true);
    tiled_arrays_make(&a);
    tiled_arrays_cut(&a, 3, &t, &frame);
    task one = {&a.in};
    pp_test_out_of_memory(solve_once, &one);
    tiled_arrays_free(&a);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {steps_are_those_of_whole_objects, every_period_converges,
                                  what_it_cannot_do_is_refused, memory_that_runs_out_leaves_nothing,
                                  NULL};
    return pp_test_main(pp_test_suite("split_local", tests));
}
