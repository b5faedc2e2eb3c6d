/* Fourier ring correlation of two halves of the frames: what is common to both and what is not, whatever no data tells; and halves of a
 * view that is solved, by one device and by three.
 * SPDX-License-Identifier: BSD-3-Clause */
// BACKENDS cpu
#include <math.h>
#include <string.h>

#include "base/random.h"
#include "models/window.h"
#include "solvers/blend.h"
#include "solvers/halves.h"
#include "support/tiled.h"

enum { WIDE = 96, CUT = 12 }; /* structure up to CUT waves over the field */

/* Waves in all directions with phases of `seed`, those up to CUT common to both halves, the others each half's own. */
static double waves(double y, double x, uint64_t own)
{
    double sum = 0;
    for (uint64_t k = 2; k < 40; k++) {
        pp_random r = pp_random_start(k, k <= CUT ? 0 : own);
        for (int i = 0; i < 3; i++) {
            const double turn = 6.283185307179586 * pp_random_uniform(&r),
                         phase = 6.283185307179586 * pp_random_uniform(&r),
                         f = 6.283185307179586 * (double)k / WIDE;
            sum += 0.02 * sin(f * (y * cos(turn) + x * sin(turn)) + phase);
        }
    }
    return sum;
}

static void make_half(pp_view_output *v, uint64_t own, const int64_t origin[2],
                      const pp_blend_match *planted)
{
    *v = (pp_view_output){0};
    pp_assert_ok(pp_array_create(PP_C32, 2, (const int64_t[]){WIDE, WIDE}, "1", &v->object));
    pp_assert_ok(
        pp_array_create(PP_F32, 2, (const int64_t[]){WIDE, WIDE}, "counts", &v->illumination));
    pp_assert_ok(pp_array_create_1d(PP_I64, 2, "pixel", &v->origin));
    memcpy(pp_array_data(v->origin), origin, 2 * sizeof *origin);
    pp_c32 *o = pp_array_data(v->object);
    float *light = pp_array_data(v->illumination);
    for (int k = 0; k < WIDE * WIDE; k++) {
        const double y = (double)(k / WIDE - origin[0]), x = (double)(k % WIDE - origin[1]),
                     phase = waves(y + planted->shift[0], x + planted->shift[1], own) -
                             planted->phase - planted->ramp[0] * y - planted->ramp[1] * x;
        const int iy = k / WIDE, ix = k % WIDE;
        o[k] = (pp_c32){(float)cos(phase), (float)sin(phase)};
        light[k] = iy > 4 && iy < WIDE - 5 && ix > 4 && ix < WIDE - 5 ? 100 : 0.1f;
    }
}

START_TEST(common_structure_correlates)
{
    const pp_blend_match plain = {0},
                         moved = {.phase = 0.7, .ramp = {4e-3, -2e-3}, .shift = {0.4, -0.3}};
    for (int c = 0; c < 2; c++) {
        pp_view_output even, odd;
        pp_array *curve = NULL;
        make_half(&even, 1, (const int64_t[]){40, 45}, &plain);
        make_half(&odd, 2, (const int64_t[]){42, 44}, c ? &moved : &plain);
        pp_assert_ok(pp_ring_correlation(&even, &odd, 1, &curve));
        const double *row = pp_array_read(curve), n = 2.0 * (double)pp_array_size(curve, 0);
        ck_assert(n > WIDE - 16 && n < WIDE - 8);
        for (int64_t k = 3; k < pp_array_size(curve, 0); k++) {
            const double waved = (double)k / n * WIDE;
            const double value = row[k * PP_RING_COLUMNS + PP_RING_VALUE];
            pp_assert_near(row[k * PP_RING_COLUMNS + PP_RING_FREQUENCY], (double)k / n, 1e-12);
            if (waved < CUT - 2) ck_assert_msg(value > 0.95, "ring %d: %g", (int)k, value);
            if (waved > CUT + 3 && waved < 36)
                ck_assert_msg(fabs(value) < 0.6, "ring %d: %g", (int)k, value);
        }
        pp_assert_near(pp_ring_crossing(curve) * WIDE, CUT + 0.5, 2);
        pp_array_free(&curve);
        pp_view_output_free(&even), pp_view_output_free(&odd);
    }
}
END_TEST

START_TEST(halves_that_do_not_meet_are_refused)
{
    const pp_blend_match plain = {0};
    pp_view_output even, odd;
    pp_array *curve = NULL;
    make_half(&even, 1, (const int64_t[]){40, 45}, &plain);
    make_half(&odd, 2, (const int64_t[]){-45, 44}, &plain);
    ck_assert_int_eq(pp_ring_correlation(&even, &odd, 1, &curve), PP_ERR_DATA);
    ck_assert_ptr_nonnull(strstr(pp_error_last()->text, "too few"));
    ck_assert_ptr_null(curve);
    pp_view_output_free(&even), pp_view_output_free(&odd);
}
END_TEST

/* Without noise both halves come to the same object; one device and three tell the same. */
START_TEST(halves_of_a_view_agree)
{
    tiled_arrays a;
    pp_tiles t;
    pp_object_frame frame;
    tiled_make(100, 60, 60, 5, true);
    tiled_arrays_make(&a);
    double crossing[2];
    for (int c = 0; c < 2; c++) {
        pp_view_output half[2];
        pp_array *curve = NULL;
        tiled_arrays_cut(&a, c ? 3 : 1, &t, &frame);
        const pp_view_options o = tiled_known_probe(60, PP_SPLIT_HYBRID);
        for (int h = 0; h < 2; h++) {
            pp_assert_ok(pp_view_solve_half(&a.in, &o, h, &half[h]));
            ck_assert_int_eq(pp_array_size(half[h].positions, 0), 50);
            ck_assert_int_eq(half[h].devices, c ? 3 : 1);
        }
        pp_assert_ok(pp_ring_correlation(&half[0], &half[1], 1, &curve));
        const double *row = pp_array_read(curve);
        ck_assert_double_gt(row[3 * PP_RING_COLUMNS + PP_RING_VALUE], 0.9);
        crossing[c] = pp_ring_crossing(curve);
        pp_array_free(&curve);
        pp_view_output_free(&half[0]), pp_view_output_free(&half[1]);
    }
    pp_assert_near(crossing[0], crossing[1], 5e-3);
    tiled_arrays_free(&a);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {common_structure_correlates, halves_that_do_not_meet_are_refused,
                                  halves_of_a_view_agree, NULL};
    return pp_test_main(pp_test_suite("halves", tests));
}
