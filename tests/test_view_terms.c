/* What may be in a view beside object and probe: a background, given or estimated, positions between pixels of the object, and a term
 * that wants the object smooth.
 * SPDX-License-Identifier: BSD-3-Clause */
// BACKENDS cpu
#include <complex.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/random.h"
#include "solvers/smoothness.h"
#include "support/oracle.h"
#include "support/tiled.h"

static double error_of(const pp_view_output *out)
{
    return *(const double *)pp_array_read(out->error);
}

/* Adds what lies under the patterns: more in the middle of the detector (whose zero frequency is at [0, 0]), or the same everywhere. */
static void plant(const tiled_arrays *a, float *under, bool constant)
{
    float *frames = pp_array_data(a->frames);
    for (int k = 0; k < N * N; k++) {
        const int y = (k / N + N / 2) % N - N / 2, x = (k % N + N / 2) % N - N / 2;
        under[k] = constant ? 3 : (float)(1 + 6 * exp(-(y * y + x * x) / 30.0));
    }
    for (int64_t i = 0; i < tiled.patterns * N * N; i++) frames[i] += under[i % (N * N)];
}

/* Root mean square error of the background relative to its mean. */
static double background_error(const pp_view_output *out, const float *under)
{
    const float *found = pp_array_read(out->background);
    double off = 0, mean = 0;
    for (int k = 0; k < N * N; k++) {
        off += pow((double)(found[k] - under[k]), 2) / (N * N);
        mean += (double)under[k] / (N * N);
    }
    return sqrt(off) / mean;
}

START_TEST(a_background_is_found)
{
    static float under[N * N];
    for (int c = 0; c < 4; c++) {
        tiled_arrays a;
        pp_tiles t;
        pp_object_frame frame;
        pp_view_output none, out, group;
        const bool constant = c & 1;
        tiled_make(100, 60, 60, 5, true);
        tiled_arrays_make(&a);
        tiled_arrays_cut(&a, 1, &t, &frame);
        plant(&a, under, constant);
        pp_view_options o = tiled_known_probe(60, PP_SPLIT_HYBRID);
        o.model = c & 2 ? PP_SWEEP_POISSON : PP_SWEEP_AMPLITUDE, o.amplitude_start = 4;
        o.solver.positions_start = 4, o.solver.positions_every = 3;
        pp_assert_ok(pp_view_solve(&a.in, &o, &none));
        ck_assert_ptr_null(none.background);
        o.background = constant ? PP_BACKGROUND_CONSTANT : PP_BACKGROUND_PIXEL;
        pp_assert_ok(pp_view_solve(&a.in, &o, &out));
        ck_assert_double_lt(error_of(&out), 0.02 * error_of(&none));
        ck_assert_double_lt(background_error(&out, under), constant ? 0.02 : 0.25);
        tiled_arrays_cut(&a, 3, &t, &frame);
        o.split = c & 2 ? PP_SPLIT_GRADIENT : PP_SPLIT_HYBRID;
        pp_assert_ok(pp_view_solve(&a.in, &o, &group));
        ck_assert_double_lt(tiled_difference(out.object, group.object), 1e-3);
        const float *x = pp_array_read(out.background), *y = pp_array_read(group.background);
        for (int k = 0; k < N * N; k++)
            pp_assert_near((double)x[k], (double)y[k], 0.02 * (double)under[k]);
        pp_view_output_free(&none), pp_view_output_free(&out), pp_view_output_free(&group);
        tiled_arrays_free(&a);
    }
}
END_TEST

START_TEST(a_given_background_stays)
{
    static float under[N * N];
    tiled_arrays a;
    pp_tiles t;
    pp_object_frame frame;
    pp_view_output out, other;
    tiled_make(100, 60, 60, 5, true);
    tiled_arrays_make(&a);
    tiled_arrays_cut(&a, 1, &t, &frame);
    plant(&a, under, true);
    pp_view_options o = tiled_known_probe(40, PP_SPLIT_HYBRID);
    o.background = PP_BACKGROUND_GIVEN, o.background_counts = 3;
    pp_assert_ok(pp_view_solve(&a.in, &o, &out));
    ck_assert_double_lt(error_of(&out), 1e-4);
    ck_assert(background_error(&out, under) == 0);
    ck_assert(strncmp(out.implementation, "fused", 5) == 0);
    o.implementation = "fftw";
    pp_assert_ok(pp_view_solve(&a.in, &o, &other));
    ck_assert_double_lt(tiled_difference(out.object, other.object), 1e-4);
    ck_assert(background_error(&other, under) == 0);
    pp_view_output_free(&out), pp_view_output_free(&other);
    tiled_arrays_cut(&a, 2, &t, &frame);
    o.implementation = NULL, o.split = PP_SPLIT_INDEPENDENT;
    ck_assert_int_eq(pp_view_solve(&a.in, &o, &out), PP_ERR_CONFIG);
    ck_assert_ptr_nonnull(strstr(pp_error_last()->text, "hybrid and gradient"));
    tiled_arrays_free(&a);
}
END_TEST

/* Patterns of a program that samples the object between its pixels are matched by doing the same, and by nothing else. */
START_TEST(objects_are_sampled_between_pixels)
{
    static double complex far[MOST * N * N], object[SIDE * SIDE], probe[N * N];
    tiled_arrays a;
    pp_tiles t;
    pp_object_frame frame;
    pp_view_output out, other;
    tiled_make(100, 60, 60, 5, true);
    const oracle o = {.n = N,
                      .modes = 1,
                      .patterns = tiled.patterns,
                      .object = {tiled.size[0], tiled.size[1]},
                      .positions = tiled.corners,
                      .bilinear = true};
    for (int64_t k = 0; k < tiled.size[0] * tiled.size[1]; k++)
        object[k] = (double)tiled.object[k].re + I * (double)tiled.object[k].im;
    for (int k = 0; k < N * N; k++)
        probe[k] = (double)tiled.probe[k].re + I * (double)tiled.probe[k].im;
    oracle_forward(&o, far, object, probe);
    for (int64_t k = 0; k < tiled.patterns * N * N; k++)
        tiled.frames[k] = (float)(creal(far[k]) * creal(far[k]) + cimag(far[k]) * cimag(far[k]));
    tiled_arrays_make(&a);
    tiled_arrays_cut(&a, 1, &t, &frame);
    pp_view_options options = tiled_known_probe(60, PP_SPLIT_HYBRID);
    pp_assert_ok(pp_view_solve(&a.in, &options, &other));
    options.positions = PP_SWEEP_BILINEAR;
    pp_assert_ok(pp_view_solve(&a.in, &options, &out));
    ck_assert_double_lt(error_of(&out), 1e-5);
    ck_assert_double_lt(error_of(&out), 0.1 * error_of(&other));
    ck_assert_double_lt(out.adjointness, 1e-4);
    pp_view_output_free(&out), pp_view_output_free(&other);
    tiled_arrays_cut(&a, 2, &t, &frame);
    ck_assert_int_eq(pp_view_solve(&a.in, &options, &out), PP_ERR_CONFIG);
    ck_assert_ptr_nonnull(strstr(pp_error_last()->text, "bilinear"));
    tiled_arrays_free(&a);
}
END_TEST

/* The term by its definition, along a line, and its gradient. */
START_TEST(smoothness_is_what_it_says)
{
    enum { Y = 7, X = 9, COUNT = Y * X };
    static pp_c32 o[COUNT], d[COUNT], g[COUNT], moved[COUNT];
    const int64_t size[2] = {Y, X};
    const pp_ptychography m = {
        .backend = pp_backend_find("cpu"), .threads = 1, .pixels = COUNT, .frame = 1, .modes = 1};
    pp_smoothness s;
    pp_random r = pp_random_start(3, 0);
    double slope, curvature, dot = 0, want = 0;
    for (int k = 0; k < COUNT; k++) {
        o[k] = (pp_c32){(float)pp_random_normal(&r), (float)pp_random_normal(&r)};
        d[k] = (pp_c32){(float)pp_random_normal(&r), (float)pp_random_normal(&r)};
    }
    for (int k = 0; k < COUNT; k++) {
        if (k + X < COUNT)
            want += pow(hypot((double)(o[k + X].re - o[k].re), (double)(o[k + X].im - o[k].im)), 2);
        if (k % X + 1 < X)
            want += pow(hypot((double)(o[k + 1].re - o[k].re), (double)(o[k + 1].im - o[k].im)), 2);
    }
    pp_assert_ok(pp_smoothness_create(&m, 2.5, size, &s));
    const double here = pp_smoothness_add(&m, &s, g, o);
    pp_assert_near(here, 2.5 * want, 1e-5 * want);
    pp_smoothness_line(&m, &s, d, &slope, &curvature);
    for (int k = 0; k < COUNT; k++) dot += (double)(g[k].re * d[k].re + g[k].im * d[k].im);
    pp_assert_near(slope, 2 * dot, 1e-4 * fabs(slope));
    for (int k = 0; k < COUNT; k++)
        moved[k] = (pp_c32){o[k].re + 0.7f * d[k].re, o[k].im + 0.7f * d[k].im};
    const double there = pp_smoothness_add(&m, &s, NULL, moved);
    pp_assert_near(there, here + 0.7 * slope + 0.49 * curvature / 2, 1e-4 * there);
    pp_smoothness_free(&m, &s);
}
END_TEST

static double roughness(const pp_array *object)
{
    const int64_t width = pp_array_size(object, 1);
    const pp_c32 *o = pp_array_read(object);
    double sum = 0;
    for (int64_t k = 0; k + width < pp_array_count(object); k++)
        sum += tiled_apart(o + k + width, o + k, 1);
    return sum;
}

/* On noisy counts: less rough, a little worse on the data, and nearer to the truth than without. */
START_TEST(a_smooth_object_is_asked_for)
{
    tiled_arrays a;
    pp_tiles t;
    pp_object_frame frame;
    pp_view_output rough, smooth;
    pp_random r = pp_random_start(9, 0);
    tiled_make(60, 60, 60, 5, true);
    tiled_arrays_make(&a);
    float *frames = pp_array_data(a.frames);
    for (int64_t i = 0; i < tiled.patterns * N * N; i++)
        frames[i] = 50 * (float)pp_random_poisson(&r, 0.02 * (double)frames[i]);
    tiled_arrays_cut(&a, 1, &t, &frame);
    pp_view_options o = tiled_known_probe(60, PP_SPLIT_HYBRID);
    pp_assert_ok(pp_view_solve(&a.in, &o, &rough));
    o.solver.smoothness = 0.1;
    pp_assert_ok(pp_view_solve(&a.in, &o, &smooth));
    ck_assert_double_lt(roughness(smooth.object), 0.7 * roughness(rough.object));
    ck_assert_double_gt(error_of(&smooth), error_of(&rough));
    ck_assert_double_lt(smooth.adjointness, 1e-4);
    const double *cost = pp_array_read(smooth.cost);
    for (int64_t i = 1; i <= smooth.iterations; i++) ck_assert_double_le(cost[i], cost[i - 1]);
    pp_view_output_free(&rough), pp_view_output_free(&smooth);
    tiled_arrays_cut(&a, 2, &t, &frame);
    ck_assert_int_eq(pp_view_solve(&a.in, &o, &smooth), PP_ERR_CONFIG);
    ck_assert_ptr_nonnull(strstr(pp_error_last()->text, "object_smoothness"));
    tiled_arrays_free(&a);
}
END_TEST

/* What was measured beforehand is as if it were not there: the object of frames without it. */
START_TEST(a_measured_background_is_removed)
{
    static float under[N * N];
    for (int c = 0; c < 4; c++) {
        tiled_arrays a;
        pp_tiles t;
        pp_object_frame frame;
        pp_view_output clean, out;
        pp_array *measured;
        tiled_make(100, 60, 60, 5, true);
        tiled_arrays_make(&a);
        tiled_arrays_cut(&a, c & 1 ? 3 : 1, &t, &frame);
        pp_view_options o = tiled_options(40, PP_SPLIT_GRADIENT);
        o.solver.refine_positions = o.solver.refine_intensities = false;
        o.implementation = c & 2 ? "fftw" : NULL;
        pp_assert_ok(pp_view_solve(&a.in, &o, &clean));
        plant(&a, under, false);
        pp_assert_ok(pp_array_create(PP_F32, 2, (const int64_t[]){N, N}, "counts", &measured));
        memcpy(pp_array_data(measured), under, sizeof under);
        a.in.background = measured, o.background = PP_BACKGROUND_GIVEN;
        pp_assert_ok(pp_view_solve(&a.in, &o, &out));
        printf("# error %.3g, without a background %.3g, objects %.3g apart\n", error_of(&out),
               error_of(&clean), tiled_difference(clean.object, out.object));
        ck_assert_double_lt(error_of(&out), 1.5 * error_of(&clean) + 1e-5);
        pp_assert_near(out.probe_scale, clean.probe_scale, 1e-4);
        ck_assert(background_error(&out, under) < 1e-6);
        pp_view_output_free(&out);
        for (int k = 0; k < N * N; k++) ((float *)pp_array_data(measured))[k] *= 100;
        ck_assert_int_eq(pp_view_solve(&a.in, &o, &out), PP_ERR_DATA);
        ck_assert_ptr_nonnull(strstr(pp_error_last()->text, "counts a frame"));
        pp_view_output_free(&clean), pp_array_free(&measured);
        tiled_arrays_free(&a);
    }
}
END_TEST

/* Dead pixels: a part of all, at random; or, below 0, a gap beside the middle. */
static void hide(const tiled_arrays *a, uint64_t seed, double dead)
{
    pp_random r = pp_random_start(seed, 0);
    uint8_t *mask = pp_array_data(a->mask);
    for (int k = 0; k < N * N; k++) {
        const int y = (k / N + N / 2) % N - N / 2;
        mask[k] = dead > 0 ? pp_random_uniform(&r) >= dead : y != 1;
    }
}

/* Root of the measured part of the light. */
static double seen_amplitude(const tiled_arrays *a)
{
    const uint8_t *mask = pp_array_read(a->mask);
    double seen = 0, all = 0;
    for (int64_t i = 0; i < tiled.patterns * N * N; i++) {
        all += (double)tiled.frames[i];
        if (mask[i % (N * N)]) seen += (double)tiled.frames[i];
    }
    return sqrt(seen / all);
}

/* A probe that is given three times too weak starts with the right power whatever part of the detector is measured, and the same on
 * a group of devices; where a stop hides the empty beam, at most twice as strong as what is
 * measured. */
START_TEST(a_mask_does_not_change_where_the_probe_starts)
{
    static const double dead[] = {0, 0.3, 0.6, 0.8, -1};
    for (int c = 0; c < 6; c++) {
        tiled_arrays a;
        pp_tiles t;
        pp_object_frame frame;
        pp_view_output out, group;
        tiled_make(100, 60, 60, 5, true);
        tiled_arrays_make(&a);
        tiled_arrays_cut(&a, 1, &t, &frame);
        pp_c32 *probe = pp_array_data(a.probe);
        for (int k = 0; k < N * N; k++) probe[k].re /= 3, probe[k].im /= 3;
        uint8_t *mask = pp_array_data(a.mask);
        for (int k = 0; c == 5 && k < N * N; k++) {
            const int y = (k / N + N / 2) % N - N / 2, x = (k % N + N / 2) % N - N / 2;
            mask[k] = y * y + x * x > 6;
        }
        if (c > 0 && c < 5) hide(&a, 7, dead[c]);
        pp_view_options o = tiled_options(1, PP_SPLIT_HYBRID);
        pp_assert_ok(pp_view_solve(&a.in, &o, &out));
        const double seen = 3 * seen_amplitude(&a), want = c == 5 ? 1.5 * seen : 3;
        printf("# mask %d: probe scaled by %.4f, measured light alone asks for %.4f\n", c,
               out.probe_scale, seen);
        ck_assert_double_lt(out.probe_scale, (c == 5 ? 1.5 : 1.1) * want);
        ck_assert_double_gt(out.probe_scale, (c == 5 ? 0.7 : 0.9) * want);
        tiled_arrays_cut(&a, 3, &t, &frame);
        pp_assert_ok(pp_view_solve(&a.in, &o, &group));
        pp_assert_near(group.probe_scale, out.probe_scale, 1e-6);
        pp_view_output_free(&out), pp_view_output_free(&group);
        tiled_arrays_free(&a);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {a_background_is_found,
                                  a_given_background_stays,
                                  a_measured_background_is_removed,
                                  objects_are_sampled_between_pixels,
                                  smoothness_is_what_it_says,
                                  a_smooth_object_is_asked_for,
                                  a_mask_does_not_change_where_the_probe_starts,
                                  NULL};
    return pp_test_main(pp_test_suite("view_terms", tests));
}
