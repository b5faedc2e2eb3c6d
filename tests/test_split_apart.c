/* Methods whose tiles are solved apart: Halo Voxel Exchange and independent tiles, and what of them must be as exact methods have it.
 * SPDX-License-Identifier: BSD-3-Clause */
// BACKENDS cpu
#include <math.h>
#include <string.h>

#include "base/random.h"
#include "solvers/blend.h"
#include "support/tiled.h"

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

/* Largest difference of a pixel that is lit. */
static double farthest(const pp_view_output *one, const pp_view_output *other)
{
    const pp_c32 *a = pp_array_read(one->object), *b = pp_array_read(other->object);
    const float *light = pp_array_read(one->illumination);
    double top = 0, most = 0;
    for (int64_t k = 0; k < pp_array_count(one->object); k++) top = fmax(top, (double)light[k]);
    for (int64_t k = 0; k < pp_array_count(one->object); k++)
        if ((double)light[k] > 0.05 * top)
            most = fmax(most, hypot((double)(a[k].re - b[k].re), (double)(a[k].im - b[k].im)));
    return most;
}

START_TEST(no_seams_with_exact_methods_and_halos_come_near)
{
    tiled_arrays a;
    pp_tiles t;
    pp_object_frame frame;
    pp_view_output one, split;
    tiled_make(90, 70, 70, 5, true);
    tiled_arrays_make(&a);
    tiled_arrays_cut(&a, 1, &t, &frame);
    pp_view_options o = tiled_known_probe(24, PP_SPLIT_HYBRID);
    pp_assert_ok(pp_view_solve(&a.in, &o, &one));
    tiled_arrays_cut(&a, 4, &t, &frame);
    const double bare = seam(&one, &t);
    for (int method = PP_SPLIT_HYBRID; method <= PP_SPLIT_HALO; method++) {
        o.split = (pp_split_method)method;
        pp_assert_ok(pp_view_solve(&a.in, &o, &split));
        const double ratio = seam(&split, &t) / bare,
                     apart_by = tiled_difference(one.object, split.object);
        if (method == PP_SPLIT_HALO) {
            ck_assert_msg(apart_by > 1e-5 && apart_by < 0.05, "halo: %g from one device", apart_by);
            ck_assert_msg(ratio < 1.5, "halo: seam %g", ratio);
        } else {
            ck_assert_double_le(farthest(&one, &split), 1e-4);
            ck_assert_double_lt(apart_by, 1e-4);
            pp_assert_near(ratio, 1, 0.05);
        }
        ck_assert_int_eq(pp_array_size(split.cost, 0), pp_array_size(one.cost, 0));
        pp_view_output_free(&split);
    }
    o.period =
        24; /* voxels are pasted once, at the end: borders show where exact methods have none */
    pp_assert_ok(pp_view_solve(&a.in, &o, &split));
    ck_assert_msg(seam(&split, &t) / bare > 1.05, "halo, T = 24: seam %g", seam(&split, &t) / bare);
    pp_view_output_free(&split);
    pp_view_output_free(&one);
    tiled_arrays_free(&a);
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
    tiled_arrays a;
    pp_tiles t;
    pp_object_frame frame;
    pp_view_output one, split;
    tiled_make(100, 70, 70, 5, true);
    tiled_arrays_make(&a);
    tiled_arrays_cut(&a, 1, &t, &frame);
    pp_view_options o = tiled_known_probe(40, PP_SPLIT_INDEPENDENT);
    pp_assert_ok(pp_view_solve(&a.in, &o, &one));
    tiled_arrays_cut(&a, 4, &t, &frame);
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
    tiled_arrays_free(&a);
}
END_TEST

/* Of the objects where both are lit, after what no data tells: constant phase, ramp (the probe has the opposite one), shift. */
static double lit_difference(const pp_view_output *one, const pp_view_output *other)
{
    const int64_t size[2] = {pp_array_size(one->object, 0), pp_array_size(one->object, 1)};
    pp_blend_match match;
    pp_assert_ok(pp_blend_find(pp_array_read(other->object), pp_array_read(other->illumination),
                               pp_array_read(one->object), pp_array_read(one->illumination), size,
                               1, &match));
    return match.mismatch;
}

/* Recorded positions against what they were made with, the common shift apart. */
static double off_positions(const pp_array *positions)
{
    const double *g = pp_array_read(positions);
    double mean[2] = {0, 0}, sum = 0;
    const int64_t count = 2 * tiled.patterns;
    for (int64_t i = 0; i < count; i++)
        mean[i % 2] += (g[i] - tiled.corners[i]) / (double)tiled.patterns;
    for (int64_t i = 0; i < count; i++) sum += pow(g[i] - tiled.corners[i] - mean[i % 2], 2);
    return sqrt(sum / (double)count);
}

/* A wrong probe and wrong positions: tiles on their own with one probe come where one device comes. */
START_TEST(probe_and_positions_are_refined)
{
    tiled_arrays a;
    pp_tiles t;
    pp_object_frame frame;
    pp_view_output one, split, again;
    pp_random r = pp_random_start(4, 0);
    tiled_make(100, 70, 70, 5, true);
    tiled_arrays_make(&a);
    pp_c32 *probe = pp_array_data(a.probe);
    for (int k = 0; k < N * N; k++) {
        const double y = k / N - N / 2, x = k % N - N / 2, e = 20 * exp(-(y * y + x * x) / 22);
        probe[k] = (pp_c32){(float)e, 0};
    }
    double *g = pp_array_data(a.positions);
    for (int64_t i = 0; i < 2 * tiled.patterns; i++) g[i] += 0.8 * (pp_random_uniform(&r) - 0.5);
    const double before = off_positions(a.positions);
    tiled_arrays_cut(&a, 1, &t, &frame);
    pp_view_options o = tiled_options(60, PP_SPLIT_HYBRID);
    o.solver.refine_intensities = false, o.solver.positions_start = 8;
    o.halo_rows = 2, o.period = 10;
    pp_assert_ok(pp_view_solve(&a.in, &o, &one));
    tiled_arrays_cut(&a, 4, &t, &frame);
    for (int method = PP_SPLIT_HALO; method <= PP_SPLIT_INDEPENDENT; method++) {
        o.split = (pp_split_method)method;
        pp_assert_ok(pp_view_solve(&a.in, &o, &split));
        pp_assert_ok(pp_view_solve(&a.in, &o, &again));
        ck_assert_mem_eq(pp_array_read(split.object), pp_array_read(again.object),
                         pp_array_bytes(split.object));
        ck_assert_mem_eq(pp_array_read(split.probe), pp_array_read(again.probe),
                         pp_array_bytes(split.probe));
        const double error = *(const double *)pp_array_read(split.error),
                     known = *(const double *)pp_array_read(one.error);
        const double bar = method == PP_SPLIT_HALO ? 0.03 : 0.06;
        ck_assert_double_lt(error, 2.5 * known);
        ck_assert_double_lt(lit_difference(&one, &split), bar);
        ck_assert_double_lt(tiled_difference(one.probe, split.probe), bar);
        ck_assert_double_lt(off_positions(split.positions), 0.5 * before);
        pp_view_output_free(&split), pp_view_output_free(&again);
    }
    pp_view_output_free(&one);
    tiled_arrays_free(&a);
}
END_TEST

START_TEST(halo_refuses_small_tiles)
{
    tiled_arrays a;
    pp_tiles t;
    pp_object_frame frame;
    pp_view_output out;
    tiled_make(90, 70, 70, 5, true);
    tiled_arrays_make(&a);
    tiled_arrays_cut(&a, 16, &t, &frame);
    pp_view_options o = tiled_known_probe(2, PP_SPLIT_HALO);
    ck_assert_int_eq(pp_view_solve(&a.in, &o, &out), PP_ERR_CONFIG);
    ck_assert_ptr_nonnull(strstr(pp_error_last()->text, "smaller than the halo"));
    o.split = PP_SPLIT_GRADIENT;
    pp_assert_ok(pp_view_solve(&a.in, &o, &out));
    pp_view_output_free(&out);
    tiled_arrays_free(&a);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {no_seams_with_exact_methods_and_halos_come_near,
                                  a_tile_is_registered,
                                  independent_tiles_agree,
                                  probe_and_positions_are_refined,
                                  halo_refuses_small_tiles,
                                  NULL};
    return pp_test_main(pp_test_suite("split_apart", tests));
}
