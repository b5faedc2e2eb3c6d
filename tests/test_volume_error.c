/* The error of a volume against a known one, after the best translation.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "support/support.h"
#include "tomo/volume_error.h"

/* Three blobs at parts of a voxel, moved by `shift`. */
static float *blobs(const int64_t shape[3], const double shift[3], double scale)
{
    static const double at[3][5] = {
        {3, -5, 6, 2.5, 1}, {-6, 4, -3, 3, 0.6}, {1, 7, 2, 2, 0.8}}; /* z, y, x, sigma, height */
    float *out;
    pp_assert_ok(PP_ALLOC(shape[0] * shape[1] * shape[2], &out));
    for (int64_t i = 0; i < shape[0] * shape[1] * shape[2]; i++) {
        const int64_t index[3] = {i / (shape[1] * shape[2]), i / shape[2] % shape[1], i % shape[2]};
        for (int b = 0; b < 3; b++) {
            double square = 0;
            for (int k = 0; k < 3; k++)
                square += pow((double)(index[k] - shape[k] / 2) - at[b][k] - shift[k], 2);
            out[i] += (float)(scale * at[b][4] * exp(-square / (2 * at[b][3] * at[b][3])));
        }
    }
    return out;
}

static pp_volume_error compare(const int64_t v_shape[3], float *v, const int64_t t_shape[3],
                               float *t)
{
    pp_volume_error found;
    float *moved;
    pp_assert_ok(PP_ALLOC(t_shape[0] * t_shape[1] * t_shape[2], &moved));
    pp_assert_ok(pp_volume_error_find(v_shape, v, t_shape, t, moved, &found));
    pp_free(moved);
    pp_free(v);
    pp_free(t);
    return found;
}

START_TEST(translation_and_scale_are_found)
{
    static const int64_t same[3] = {40, 42, 44}, small[3] = {38, 36, 36}, large[3] = {48, 50, 46};
    static const double none[3] = {0, 0, 0}, shift[3] = {0.3, -1.6, 2.25};
    const int64_t *const shapes[] = {same, small, large};
    for (int k = 0; k < 3; k++) {
        const pp_volume_error e =
            compare(shapes[k], blobs(shapes[k], shift, 0.9), same, blobs(same, none, 1));
        pp_assert_near(e.error, 0.1, 2e-3);
        pp_assert_near(e.scale, 0.9, 2e-3);
        for (int axis = 0; axis < 3; axis++) pp_assert_near(e.shift[axis], -shift[axis], 0.01);
    }
}
END_TEST

/* A blob's mean over a voxel whose middle is `away` from its own, along one axis. */
static double mean_along(double away, double sigma)
{
    const double root = sigma * sqrt(2);
    return sigma * sqrt(acos(-1) / 2) * (erf((away + 0.5) / root) - erf((away - 0.5) / root));
}

/* Samples against means over voxels, which is what most truths hold. */
START_TEST(means_compare_like_with_like)
{
    static const int64_t shape[3] = {32, 32, 32};
    static const double shift[3] = {0.3, -1.6, 1.25}, sigma = 1.2;
    float *v, *t;
    pp_assert_ok(PP_ALLOC(32 * 32 * 32, &v));
    pp_assert_ok(PP_ALLOC(32 * 32 * 32, &t));
    for (int i = 0; i < 32 * 32 * 32; i++) {
        const double at[3] = {i / 1024 - 16, i / 32 % 32 - 16, i % 32 - 16};
        double sample = 0.9, mean = 1;
        for (int k = 0; k < 3; k++) {
            sample *= exp(-pow(at[k] - shift[k], 2) / (2 * sigma * sigma));
            mean *= mean_along(at[k], sigma);
        }
        v[i] = (float)sample, t[i] = (float)mean;
    }
    const pp_volume_error e = compare(shape, v, shape, t);
    pp_assert_near(e.means_error, 0.1, 2e-3);
    pp_assert_near(e.means_scale, 0.9, 2e-3);
    ck_assert_double_gt(e.scale, 0.93); /* the samples have more contrast */
    for (int axis = 0; axis < 3; axis++) pp_assert_near(e.shift[axis], -shift[axis], 0.01);
}
END_TEST

START_TEST(nothing_else_is_fitted)
{
    static const int64_t shape[3] = {40, 40, 40};
    static const double none[3] = {0, 0, 0};
    float *mirrored = blobs(shape, none, 1), *truth = blobs(shape, none, 1), *moved;
    pp_volume_error found;
    for (int64_t i = 0; i < 40 * 40 * 40; i++)
        if (i % 40 > 0) mirrored[i] = truth[i - i % 40 + 40 - i % 40];
    const pp_volume_error e = compare(shape, mirrored, shape, truth);
    ck_assert_double_gt(e.error, 0.5);
    float *zero;
    pp_assert_ok(PP_ALLOC(40 * 40 * 40, &zero));
    pp_assert_ok(PP_ALLOC(40 * 40 * 40, &moved));
    ck_assert_int_eq(pp_volume_error_find(shape, zero, shape, zero, moved, &found), PP_ERR_DATA);
    pp_free(zero);
    pp_free(moved);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {translation_and_scale_are_found, means_compare_like_with_like,
                                  nothing_else_is_fitted, NULL};
    return pp_test_main(pp_test_suite("volume_error", tests));
}
