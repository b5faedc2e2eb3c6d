/* Frames and masks of CXI files: orientation and crop, mask bits, dead pixels, values that are no counts, dark frames, storage.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>
#include <string.h>

#include "support/cxi_file.h"

static int u16_at(const pp_array *frames, int j, int y, int x)
{
    return ((const uint16_t *)pp_array_read(frames))[(j * N + y) * N + x];
}

START_TEST(zero_frequency_moves_to_the_corner)
{
    pp_array *frames = NULL, *mask = NULL;
    const pp_frame_rules rules = {0};
    cxi_make(&cxi_usual);
    cxi_read_counts(&cxi_plain, &rules, &frames, &mask, NULL);
    ck_assert_int_eq(pp_array_dtype(frames), PP_U16);
    ck_assert_int_eq(u16_at(frames, 2, 0, 0), cxi_count_at(2, N / 2, N / 2));
    ck_assert_int_eq(u16_at(frames, 1, 1, N - 1), cxi_count_at(1, N / 2 + 1, N / 2 - 1));
    ck_assert_int_eq(u16_at(frames, 1, N / 2, 0), cxi_count_at(1, 0, N / 2));
    pp_array_free(&frames);
    pp_array_free(&mask);
}
END_TEST

START_TEST(orientations_and_crop)
{
    const pp_frame_rules rules = {0};
    cxi_make(&cxi_usual);
    for (int code = 0; code < 8; code++) {
        const pp_cxi_options options = {.detector = {.orientation = code, .crop = 4}};
        pp_array *frames = NULL, *mask = NULL;
        pp_cxi cxi;
        pp_assert_ok(pp_cxi_open(cxi_path, &options, &cxi));
        pp_assert_ok(pp_cxi_read(&cxi, &options, &rules, &frames, &mask, NULL));
        const int fy = code & 2 ? -1 : 1,
                  fx = code & 1 ? -1 : 1; /* frequency (1, 0), then (0, 1) */
        const int row = code & 4 ? 0 : fy, column = code & 4 ? fy : 0;
        const uint16_t *v = pp_array_read(frames);
        ck_assert_int_eq(v[0], cxi_count_at(0, N / 2, N / 2));
        ck_assert_int_eq(v[4], cxi_count_at(0, N / 2 + row, N / 2 + column));
        ck_assert_int_eq(v[1],
                         cxi_count_at(0, N / 2 + (code & 4 ? fx : 0), N / 2 + (code & 4 ? 0 : fx)));
        pp_array_free(&frames);
        pp_array_free(&mask);
        pp_cxi_free(&cxi);
    }
    const pp_cxi_options outside = {.detector = {.crop = 4, .has_centre = true, .centre = {1, 1}}};
    pp_array *frames = NULL, *mask = NULL;
    pp_cxi cxi;
    pp_assert_ok(pp_cxi_open(cxi_path, &outside, &cxi));
    ck_assert_int_eq(pp_cxi_read(&cxi, &outside, &rules, &frames, &mask, NULL), PP_ERR_DATA);
    ck_assert_ptr_nonnull(strstr(pp_error_last()->text, "crop"));
    pp_cxi_free(&cxi);
}
END_TEST

static void put_mask(pp_h5 *file, int frames)
{
    double bits[J * N * N] = {0};
    bits[0] = 1;
    bits[1] = 0x1000; /* has signal: good */
    bits[2] = 0x1001;
    bits[3] = 4;
    if (frames > 1) bits[N * N + 5] = 1;
    const int64_t shape[] = {frames, N, N};
    cxi_put_reals(file, CXI_DETECTOR "mask", frames > 1 ? 3 : 2, frames > 1 ? shape : shape + 1,
                  bits, "1");
}

START_TEST(mask_bits_dead_pixels_and_mask_file)
{
    static const int64_t dead[] = {5, 5};
    pp_frame_rules rules = {.dead = dead, .dead_count = 1, .mask_file = "test_cxi_mask.h5"};
    pp_h5 *file = NULL;
    double more[N * N] = {0};
    const int64_t shape[] = {N, N};
    more[4 * N] = 1;
    pp_assert_ok(pp_h5_create(rules.mask_file, &file));
    cxi_put_reals(file, "/mask", 2, shape, more, "1");
    cxi_finish(file);
    file = cxi_start(&cxi_usual);
    put_mask(file, 1);
    cxi_finish(file);
    pp_array *frames = NULL, *mask = NULL;
    pp_frame_facts facts;
    cxi_read_counts(&cxi_plain, &rules, &frames, &mask, &facts);
    ck_assert_int_eq(facts.masked, 5);
    const uint8_t *good = pp_array_read(mask);
    for (int r = 0; r < N; r++)
        for (int c = 0; c < N; c++) {
            const bool bad = (r == 0 && (c == 0 || c == 2 || c == 3)) || (r == 5 && c == 5) ||
                             (r == 4 && c == 0);
            ck_assert_int_eq(good[(r + N / 2) % N * N + (c + N / 2) % N], !bad);
        }
    pp_array_free(&frames);
    pp_array_free(&mask);
    const int64_t outside[] = {N, 0};
    rules.dead = outside;
    pp_cxi cxi;
    pp_assert_ok(pp_cxi_open(cxi_path, &cxi_plain, &cxi));
    ck_assert_int_eq(pp_cxi_read(&cxi, &cxi_plain, &rules, &frames, &mask, NULL), PP_ERR_DATA);
    ck_assert_ptr_nonnull(strstr(pp_error_last()->text, "dead pixel (6, 0)"));
    pp_cxi_free(&cxi);
}
END_TEST

START_TEST(mask_with_a_frame_axis)
{
    pp_array *frames = NULL, *mask = NULL;
    pp_frame_facts facts;
    const pp_frame_rules rules = {0};
    pp_h5 *file = cxi_start(&cxi_usual);
    put_mask(file, J);
    cxi_finish(file);
    cxi_read_counts(&cxi_plain, &rules, &frames, &mask, &facts);
    ck_assert_int_eq(facts.masked, 0);
    ck_assert_int_eq(facts.unmeasured, 4);
    ck_assert_int_eq(u16_at(frames, 0, N / 2, N / 2), 65535);
    ck_assert_int_eq(u16_at(frames, 1, N / 2, (5 + N / 2) % N), 65535);
    ck_assert_int_eq(u16_at(frames, 1, N / 2, N / 2), cxi_count_at(1, 0, 0));
    pp_array_free(&frames);
    pp_array_free(&mask);
}
END_TEST

/* A file of float64 frames with odd values in the first. */
static void make_odd(double value)
{
    const cxi_recipe real = {.dead_link = true};
    pp_h5 *file = cxi_start(&real);
    double v[J * N * N] = {0};
    const int64_t shape[] = {J, N, N};
    for (int k = 0; k < J * N * N; k++) v[k] = k % 7;
    v[0] = NAN;
    v[1] = -3;
    v[2] = value;
    cxi_put_reals(file, CXI_DETECTOR "data", 3, shape, v, "counts");
    cxi_finish(file);
}

START_TEST(values_that_are_not_counts)
{
    pp_array *frames = NULL, *mask = NULL;
    pp_frame_facts facts;
    pp_frame_rules rules = {0};
    const int half = N / 2;
    make_odd(50);
    cxi_read_counts(&cxi_plain, &rules, &frames, &mask, &facts);
    ck_assert_int_eq(pp_array_dtype(frames), PP_U16);
    ck_assert_int_eq(u16_at(frames, 0, half, half), 65535);
    ck_assert_int_eq(u16_at(frames, 0, half, half + 1), 0);
    ck_assert_int_eq(u16_at(frames, 0, half, half + 2), 50);
    ck_assert_int_eq(facts.unmeasured, 1);
    pp_assert_near(facts.largest, 50, 0);
    pp_array_free(&frames);
    pp_array_free(&mask);
    make_odd(70000);
    cxi_read_counts(&cxi_plain, &rules, &frames, &mask, &facts);
    ck_assert_int_eq(pp_array_dtype(frames), PP_F32);
    const float *v = pp_array_read(frames);
    ck_assert(isnan(v[half * N + half]) && v[half * N + half + 2] == 70000.0f);
    pp_array_free(&frames);
    pp_array_free(&mask);
    rules.saturation = 60000;
    cxi_read_counts(&cxi_plain, &rules, &frames, &mask, &facts);
    ck_assert_int_eq(pp_array_dtype(frames), PP_U16);
    ck_assert_int_eq(facts.unmeasured, 2);
    pp_array_free(&frames);
    pp_array_free(&mask);
    make_odd(2.5);
    cxi_read_counts(&cxi_plain, &rules, &frames, &mask, &facts);
    ck_assert_int_eq(pp_array_dtype(frames), PP_F32);
    pp_array_free(&frames);
    pp_array_free(&mask);
    rules.storage = PP_STORE_U16;
    pp_cxi cxi;
    pp_assert_ok(pp_cxi_open(cxi_path, &cxi_plain, &cxi));
    ck_assert_int_eq(pp_cxi_read(&cxi, &cxi_plain, &rules, &frames, &mask, NULL), PP_ERR_DATA);
    ck_assert_ptr_nonnull(strstr(pp_error_last()->text, "frame_storage"));
    pp_cxi_free(&cxi);
}
END_TEST

START_TEST(dark_frames_are_subtracted)
{
    pp_array *frames = NULL, *mask = NULL;
    const pp_frame_rules rules = {0};
    double dark[2 * N * N];
    const int64_t shape[] = {2, N, N};
    for (int k = 0; k < 2 * N * N; k++) dark[k] = k < N * N ? 1 : 3; /* mean 2 */
    pp_h5 *file = cxi_start(&cxi_usual);
    cxi_put_reals(file, CXI_DETECTOR "data_dark", 3, shape, dark, "counts");
    cxi_finish(file);
    cxi_read_counts(&cxi_plain, &rules, &frames, &mask, NULL);
    ck_assert_int_eq(u16_at(frames, 1, 0, 0), cxi_count_at(1, N / 2, N / 2) - 2);
    ck_assert_int_eq(u16_at(frames, 0, N / 2, N / 2), 0);
    pp_array_free(&frames);
    pp_array_free(&mask);
}
END_TEST

START_TEST(raster_of_frames)
{
    const cxi_recipe none = {.dead_link = true};
    pp_array *frames = NULL, *mask = NULL;
    const pp_frame_rules rules = {.first = 1, .count = 2};
    double v[J * N * N];
    const int64_t shape[] = {2, 2, N, N};
    for (int k = 0; k < J * N * N; k++) v[k] = k / (N * N) + 1;
    pp_h5 *file = cxi_start(&none);
    cxi_put_reals(file, CXI_DETECTOR "data", 4, shape, v, "counts");
    cxi_finish(file);
    cxi_read_counts(&cxi_plain, &rules, &frames, &mask, NULL);
    ck_assert_int_eq(u16_at(frames, 0, 0, 0), 2);
    ck_assert_int_eq(u16_at(frames, 1, 3, 3), 3);
    pp_array_free(&frames);
    pp_array_free(&mask);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {zero_frequency_moves_to_the_corner,
                                  orientations_and_crop,
                                  mask_bits_dead_pixels_and_mask_file,
                                  mask_with_a_frame_axis,
                                  values_that_are_not_counts,
                                  dark_frames_are_subtracted,
                                  raster_of_frames,
                                  NULL};
    cxi_path = "test_cxi_frames.cxi";
    return pp_test_main(pp_test_suite("cxi_frames", tests));
}
