/* Allocation, errors, texts, paths, files, hashes, random numbers.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/random.h"
#include "base/text.h"
#include "support/support.h"

START_TEST(error_record_keeps_first_line_and_notes)
{
    pp_status status = PP_FAIL(PP_ERR_DATA, "a.cxi: %d frames, %d positions", 5, 6);
    status = PP_NOTE(status, "in view %d", 3);
    ck_assert_int_eq(status, PP_ERR_DATA);
    ck_assert_str_eq(pp_error_last()->text, "a.cxi: 5 frames, 6 positions\n    in view 3");
    pp_error moved;
    pp_error_take(&moved);
    ck_assert_int_eq(pp_error_last()->status, PP_OK);
    ck_assert_int_eq(pp_error_give(&moved), PP_ERR_DATA);
}
END_TEST

START_TEST(allocation_is_counted_zeroed_and_can_fail)
{
    const int64_t before = pp_alloc_live_bytes();
    double *values;
    pp_assert_ok(PP_ALLOC(100, &values));
    ck_assert_int_eq(pp_alloc_live_bytes() - before, 800);
    ck_assert(values[99] == 0 && (uintptr_t)values % 64 == 0);
    pp_free(values);
    ck_assert_int_eq(pp_alloc_live_bytes(), before);
    pp_alloc_fail_after(2);
    pp_assert_ok(PP_ALLOC(1, &values));
    double *more;
    ck_assert_int_eq(PP_ALLOC(1, &more), PP_ERR_RESOURCE);
    pp_free(values);
    ck_assert_int_eq(pp_alloc(SIZE_MAX / 4, 8, (void **)&more), PP_ERR_RESOURCE);
}
END_TEST

START_TEST(nearest_name)
{
    const char *const names[] = {"iterations", "model", "method", "load", NULL};
    ck_assert_str_eq(pp_text_nearest("iteratons", names), "iterations");
    ck_assert_str_eq(pp_text_nearest("modle", names), "model");
    ck_assert_str_eq(pp_text_nearest("lod", names), "load");
    ck_assert_ptr_null(pp_text_nearest("zzzzzz", names));
}
END_TEST

START_TEST(paths)
{
    static const char *const cases[][3] = {{"/a/b", "c.cxi", "/a/b/c.cxi"},
                                           {"/a/b", "../c", "/a/c"},
                                           {"/a", "/x/./y", "/x/y"},
                                           {"/a", "../..", "/"}};
    for (int k = 0; k < 4; k++) {
        char *path;
        pp_assert_ok(pp_path_join(cases[k][0], cases[k][1], &path));
        ck_assert_str_eq(path, cases[k][2]);
        pp_free(path);
    }
}
END_TEST

START_TEST(files_are_whole)
{
    char path[64];
    (void)snprintf(path, sizeof path, "test_base_%ld.txt", (long)getpid());
    pp_assert_ok(pp_file_write(path, "hello", 5));
    char *text;
    size_t bytes;
    pp_assert_ok(pp_file_read(path, &text, &bytes));
    ck_assert(bytes == 5 && strcmp(text, "hello") == 0);
    pp_free(text);
    (void)unlink(path);
    ck_assert_int_eq(pp_file_read(path, &text, NULL), PP_ERR_DATA);
    ck_assert_int_eq(pp_file_write("/nowhere/x", "a", 1), PP_ERR_RESOURCE);
}
END_TEST

START_TEST(hash_of_texts_keeps_borders)
{
    char a[PP_HASH_TEXT], b[PP_HASH_TEXT];
    pp_hash *hash;
    pp_assert_ok(pp_hash_create(&hash));
    pp_hash_add_text(hash, "ab");
    pp_hash_add_text(hash, "c");
    pp_hash_text(hash, a);
    pp_hash_free(&hash);
    pp_assert_ok(pp_hash_create(&hash));
    pp_hash_add_text(hash, "a");
    pp_hash_add_text(hash, "bc");
    pp_hash_text(hash, b);
    pp_hash_free(&hash);
    ck_assert_uint_eq(strlen(a), 32);
    ck_assert_str_ne(a, b);
}
END_TEST

START_TEST(poisson_has_mean_and_variance)
{
    static const double means[] = {0.3, 5, 29, 31, 1000};
    for (int k = 0; k < 5; k++) {
        pp_random random = pp_random_start(1, (uint64_t)k);
        double sum = 0, squares = 0;
        const int count = 200000;
        for (int i = 0; i < count; i++) {
            const double x = (double)pp_random_poisson(&random, means[k]);
            sum += x;
            squares += (x - means[k]) * (x - means[k]);
        }
        const double error = sqrt(means[k] / count);
        pp_assert_near(sum / count, means[k], 5 * error);
        pp_assert_near(squares / count / means[k], 1, 0.03);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {error_record_keeps_first_line_and_notes,
                                  allocation_is_counted_zeroed_and_can_fail,
                                  nearest_name,
                                  paths,
                                  files_are_whole,
                                  hash_of_texts_keeps_borders,
                                  poisson_has_mean_and_variance,
                                  NULL};
    return pp_test_main(pp_test_suite("base", tests));
}
