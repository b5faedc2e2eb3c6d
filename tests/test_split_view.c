/* Views solved by groups of devices: the same as one device, memory as predicted, nothing left where it runs out.
 * SPDX-License-Identifier: BSD-3-Clause */
// BACKENDS cpu
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "support/tiled.h"

/* Object, probe and positions of the default solver do not depend on the devices beyond rounding, and not at all from run
 * to run. */
START_TEST(a_group_solves_as_one_device)
{
    static const int devices[] = {2, 3, 8};
    tiled_arrays a;
    pp_tiles t;
    pp_object_frame frame;
    pp_view_output one, group, again;
    tiled_make(90, 110, 97, 5, true);
    tiled_arrays_make(&a);
    tiled_arrays_cut(&a, 1, &t, &frame);
    const pp_view_options o = tiled_options(8, PP_SPLIT_HYBRID);
    pp_assert_ok(pp_view_solve(&a.in, &o, &one));
    for (int i = 0; i < 6; i++) {
        const pp_view_options q = tiled_options(8, (pp_split_method)(i % 2));
        tiled_arrays_cut(&a, devices[i / 2], &t, &frame);
        pp_assert_ok(pp_view_solve(&a.in, &q, &group));
        pp_assert_ok(pp_view_solve(&a.in, &q, &again));
        ck_assert_int_eq(group.devices, devices[i / 2]);
        ck_assert_double_lt(tiled_difference(one.object, group.object), 1e-4);
        ck_assert_double_lt(tiled_difference(one.probe, group.probe), 1e-4);
        const double *x = pp_array_read(one.positions), *y = pp_array_read(group.positions);
        for (int64_t k = 0; k < 2 * tiled.patterns; k++) pp_assert_near(x[k], y[k], 1e-3);
        x = pp_array_read(one.steps), y = pp_array_read(group.steps);
        for (int64_t k = 0; k < pp_array_count(one.steps); k++)
            pp_assert_near(x[k], y[k], 1e-3 * x[k]);
        x = pp_array_read(one.intensities), y = pp_array_read(group.intensities);
        for (int64_t k = 0; k < tiled.patterns; k++) pp_assert_near(x[k], y[k], 1e-4);
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
    tiled_arrays_free(&a);
}
END_TEST

/* The published method takes the same path on any number of devices where gradients are summed in double: the same steps and the
 * same object, but for last digits where a sum of tiles is rounded. */
START_TEST(sums_in_double_take_the_same_path)
{
    static const int devices[] = {2, 3, 8};
    tiled_arrays a;
    pp_tiles t;
    pp_object_frame frame;
    pp_view_output one, group;
    double most = 0;
    tiled_make(90, 110, 97, 5, true);
    tiled_arrays_make(&a);
    tiled_arrays_cut(&a, 1, &t, &frame);
    pp_view_options o = tiled_known_probe(24, PP_SPLIT_HYBRID);
    o.method = PP_PTYCHO_PUBLISHED, o.wide_sum = true;
    pp_assert_ok(pp_view_solve(&a.in, &o, &one));
    for (int i = 0; i < 8; i++) {
        o.split = (pp_split_method)(i % 2), o.implementation = i < 6 ? NULL : "fftw";
        tiled_arrays_cut(&a, devices[i / 2 % 3], &t, &frame);
        pp_assert_ok(pp_view_solve(&a.in, &o, &group));
        ck_assert_int_eq(group.devices, devices[i / 2 % 3]);
        const double d = tiled_difference(one.object, group.object);
        if (i < 6) most = d > most ? d : most;
        ck_assert_double_lt(d, i < 6 ? 1e-8 : 1e-4);
        const double *x = pp_array_read(one.steps), *y = pp_array_read(group.steps);
        for (int64_t k = 0; k < pp_array_count(one.steps); k += 2) pp_assert_near(x[k], y[k], 0);
        x = pp_array_read(one.cost), y = pp_array_read(group.cost);
        for (int64_t k = 0; i < 6 && k < pp_array_count(one.cost); k++)
            pp_assert_near(x[k], y[k], 1e-8 * x[k]);
        pp_view_output_free(&group);
    }
    printf("# objects of 1, 2, 3 and 8 devices after 24 iterations: at most %.2g apart\n", most);
    pp_view_output_free(&one);
    tiled_arrays_free(&a);
}
END_TEST

/* Largest |x - y| / |x| of two histories. */
static double apart(const pp_array *one, const pp_array *other)
{
    const double *x = pp_array_read(one), *y = pp_array_read(other);
    double most = 0;
    ck_assert_int_eq(pp_array_count(one), pp_array_count(other));
    for (int64_t k = 0; k < pp_array_count(one); k++) most = fmax(most, fabs(x[k] - y[k]) / x[k]);
    return most;
}

/* Exact sums: the object of one device after an iteration, and its costs: over sixty-four of the published method with gradients
 * summed in double, over sixteen of the default one, whose preconditioner is a float32 sum over tiles. */
START_TEST(exact_sums_follow_one_device)
{
    static const int devices[] = {2, 3, 8};
    tiled_arrays a;
    pp_tiles t;
    pp_object_frame frame;
    pp_view_output one, group;
    tiled_make(90, 110, 97, 5, true);
    tiled_arrays_make(&a);
    for (int i = 0; i < 24; i++) {
        const int64_t iterations = i < 12 ? 1 : i / 2 % 2 ? 64 : 16;
        pp_view_options o = tiled_known_probe(iterations, (pp_split_method)(i % 2));
        o.method = i / 2 % 2 ? PP_PTYCHO_PUBLISHED : PP_PTYCHO_CG;
        o.wide_sum = iterations > 1;
        tiled_arrays_cut(&a, 1, &t, &frame);
        pp_assert_ok(pp_view_solve(&a.in, &o, &one));
        tiled_arrays_cut(&a, devices[i / 4 % 3], &t, &frame);
        pp_assert_ok(pp_view_solve(&a.in, &o, &group));
        const double object = tiled_difference(one.object, group.object),
                     cost = apart(one.cost, group.cost);
        printf("# %d devices, method %d, split %d, %d iterations: object %.2g, cost %.2g\n",
               group.devices, (int)o.method, i % 2, (int)iterations, object, cost);
        if (iterations == 1) ck_assert_double_le(object, 1e-5);
        ck_assert_double_le(cost, 1e-4);
        pp_view_output_free(&one), pp_view_output_free(&group);
    }
    tiled_arrays_free(&a);
}
END_TEST

/* ---- memory ---- */

static double predicted(const pp_tiles *t, const pp_object_frame *frame, const pp_view_options *o)
{
    pp_sweep_setup setup = tiled_setup();
    const pp_sweep_class *kind = pp_backend_sweep(pp_backend_find(pp_test_backend()), &setup, NULL);
    const pp_split_plan split = {.method = o->split, .exchanges = o->exchanges};
    double sum = 0;
    setup.probe_moves = o->solver.refine_probe, setup.wide_sum = o->wide_sum;
    setup.modes = o->probe_modes, setup.background = o->background != PP_BACKGROUND_NONE;
    setup.threads = o->threads / t->count > 1 ? o->threads / t->count : 1; /* as the solver's */
    for (int a = 0; a < 2; a++) setup.object[a] = frame->size[a];
    for (int k = 0; k < t->count; k++) {
        double far, rest;
        pp_view_device_bytes(&setup, kind, t, k, &split, &far, &rest);
        sum += rest + (o->keep_far_field == PP_CHOOSE_YES ? far : 0);
    }
    return sum;
}

/* The devices' sum against what was allocated, for every method, with far fields and without. */
START_TEST(memory_is_as_predicted)
{
    static const int devices[] = {1, 2, 4, 8};
    tiled_arrays a;
    pp_tiles t;
    pp_object_frame frame;
    pp_view_output out;
    tiled_make(90, 110, 97, 5, true);
    tiled_arrays_make(&a);
    for (int i = 0; i < 40; i++) {
        pp_view_options o = tiled_options(3, (pp_split_method)(i % 5));
        const double reach = 1 * pp_tiles_step(tiled.corners, tiled.patterns);
        double corners[2 * MOST];
        o.solver.refine_positions = o.solver.refine_intensities = false;
        o.solver.refine_probe = o.split != PP_SPLIT_LOCAL;
        o.halo_rows = 1, o.period = 3, o.exchanges = i < 20 ? 1 : 3;
        o.wide_sum = i / 5 % 2 == 1 && o.split != PP_SPLIT_LOCAL;
        o.keep_far_field = i < 20 ? PP_CHOOSE_YES : PP_CHOOSE_NO;
        tiled_arrays_cut(&a, devices[i / 5 % 4], &t, &frame);
        pp_object_corners(&frame, tiled.corners, tiled.patterns, N, corners);
        if (o.split == PP_SPLIT_HALO && t.count > 1 &&
            pp_tiles_surround(&t, corners, tiled.patterns, N, pp_array_read(a.tile_of), reach) !=
                PP_OK)
            continue; /* the halo is larger than the tile */
        const double before = (double)pp_alloc_live_bytes(), bytes = predicted(&t, &frame, &o);
        pp_alloc_reset_peak();
        pp_assert_ok(pp_view_solve(&a.in, &o, &out));
        const double measured = (double)pp_alloc_peak_bytes() - before;
        ck_assert_msg(fabs(measured - bytes) < 0.1 * measured,
                      "method %d, %d devices: predicted %g, measured %g", i % 5, t.count, bytes,
                      measured);
        pp_view_output_free(&out);
    }
    tiled_arrays_free(&a);
}
END_TEST

/* What a view takes by its options: modes, sums in double, positions and intensities, a background. */
START_TEST(memory_of_every_option_is_as_predicted)
{
    tiled_arrays a;
    pp_tiles t;
    pp_object_frame frame;
    pp_view_output out;
    tiled_make(90, 110, 97, 5, true);
    tiled_arrays_make(&a);
    for (int i = 0; i < 48; i++) {
        pp_view_options o = tiled_options(6, (pp_split_method)(i % 2));
        o.probe_modes = i / 2 % 2 ? 3 : 1;
        o.wide_sum = i / 4 % 2 == 1;
        o.background = i / 8 % 2 ? PP_BACKGROUND_PIXEL : PP_BACKGROUND_NONE;
        o.solver.refine_positions = o.solver.refine_intensities = i / 16 != 1;
        o.keep_far_field = i / 16 == 2 ? PP_CHOOSE_YES : PP_CHOOSE_NO;
        tiled_arrays_cut(&a, i / 16 == 0 ? 1 : 4, &t, &frame);
        const double before = (double)pp_alloc_live_bytes(), bytes = predicted(&t, &frame, &o);
        pp_alloc_reset_peak();
        pp_assert_ok(pp_view_solve(&a.in, &o, &out));
        const double measured = (double)pp_alloc_peak_bytes() - before;
        printf("# %d devices, method %d, %d modes, wide %d, background %d, positions %d: %.3f\n",
               t.count, i % 2, (int)o.probe_modes, o.wide_sum, (int)o.background,
               o.solver.refine_positions, bytes / measured);
        ck_assert_double_lt(fabs(measured - bytes), 0.1 * measured);
        pp_view_output_free(&out);
    }
    tiled_arrays_free(&a);
}
END_TEST

typedef struct task {
    const pp_view_input *in;
    int tried; /* the methods take turns */
} task;

static pp_status solve_once(void *argument)
{
    task *t = argument;
    pp_view_output out;
    const pp_view_options o = tiled_options(1, (pp_split_method)(++t->tried % 2));
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
    task one = {.in = &a.in};
    pp_test_out_of_memory(solve_once, &one);
    tiled_arrays_free(&a);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {a_group_solves_as_one_device,
                                  sums_in_double_take_the_same_path,
                                  exact_sums_follow_one_device,
                                  memory_is_as_predicted,
                                  memory_of_every_option_is_as_predicted,
                                  memory_that_runs_out_leaves_nothing,
                                  NULL};
    return pp_test_main(pp_test_suite("split_view", tests));
}
