/* Result files: round trip, units on every number, nothing half-written, what is reported of damaged files.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "io/h5.h"
#include "io/result.h"
#include "support/support.h"

enum { N = 8, J = 3 };

static const char path[] = "test_result.h5";
static const pp_geometry geometry = {1.4e-10, 2.0, {75e-6, 70e-6}, {5.8e-8, 6.2e-8}, 0.7};

static pp_array *new_array(pp_dtype dtype, int ndim, const int64_t *shape, const char *unit)
{
    pp_array *array = NULL;
    pp_assert_ok(pp_array_create(dtype, ndim, shape, unit, &array));
    return array;
}

enum { PORTS = 5 };

static void make(pp_array *arrays[PORTS])
{
    const int64_t object[] = {12, 14}, probe[] = {2, N, N}, positions[] = {J, 2}, two[] = {2},
                  cost[] = {4};
    arrays[0] = new_array(PP_C32, 2, object, "1");
    arrays[1] = new_array(PP_I64, 1, two, "pixel");
    arrays[2] = new_array(PP_C32, 3, probe, "sqrt(counts)");
    arrays[3] = new_array(PP_F64, 2, positions, "pixel");
    arrays[4] = new_array(PP_F64, 1, cost, "counts");
    pp_c32 *psi = pp_array_data(arrays[0]);
    for (int k = 0; k < 12 * 14; k++) psi[k] = (pp_c32){(float)k, (float)(-2 * k)};
    int64_t *origin = pp_array_data(arrays[1]);
    origin[0] = 5;
    origin[1] = -3;
    double *grid = pp_array_data(arrays[3]);
    for (int k = 0; k < 2 * J; k++) grid[k] = 0.25 * k - 1;
}

static pp_status write_view(const char *to)
{
    pp_array *a[PORTS];
    make(a);
    const pp_named_array named[] = {{"object", a[0]},    {"origin", a[1]}, {"probe", a[2]},
                                    {"positions", a[3]}, {"cost", a[4]},   {"weights", a[1]}};
    static char parameters[] = "ptycho.iterations = 4\n";
    const pp_identity identity = {"0123456789abcdef0123456789abcdef", parameters};
    const pp_status status =
        pp_view_result_write(to, 7, &geometry, named, 6, "amplitude", &identity);
    for (int k = 0; k < PORTS; k++) pp_array_free(&a[k]);
    return status;
}

START_TEST(round_trip)
{
    pp_assert_ok(write_view(path));
    pp_array *a[PORTS], *b = NULL;
    make(a);
    static const char *const ports[] = {"object", "origin", "probe", "positions", "cost"};
    for (int k = 0; k < PORTS; k++) {
        pp_assert_ok(pp_view_result_read(path, ports[k], &b));
        ck_assert_int_eq(pp_array_dtype(b), pp_array_dtype(a[k]));
        ck_assert_uint_eq(pp_array_bytes(b), pp_array_bytes(a[k]));
        ck_assert_mem_eq(pp_array_read(b), pp_array_read(a[k]), pp_array_bytes(a[k]));
        pp_array_free(&b);
        pp_array_free(&a[k]);
    }
    pp_geometry g;
    pp_assert_ok(pp_view_result_geometry(path, &g));
    pp_assert_near(g.angle, geometry.angle, 1e-14);
    ck_assert(g.wavelength == geometry.wavelength && g.pixel_size[1] == geometry.pixel_size[1] &&
              g.detector_pixel[1] == geometry.detector_pixel[1]);
    pp_identity identity;
    pp_assert_ok(pp_result_identity(path, &identity));
    ck_assert_str_eq(identity.hash, "0123456789abcdef0123456789abcdef");
    ck_assert_str_eq(identity.parameters, "ptycho.iterations = 4\n");
    pp_identity_free(&identity);
}
END_TEST

static void has_unit(void *context, const char *where, const char *detail)
{
    int *numbers = context;
    pp_h5 *file = NULL;
    pp_h5_info info;
    pp_assert_ok(pp_h5_open(path, &file));
    if (detail[0] && pp_h5_kind_of(file, where) == PP_H5_DATASET) {
        pp_assert_ok(pp_h5_describe(file, where, &info));
        ck_assert_msg(info.type == PP_H5_TEXT || info.unit[0], "%s has no units", where);
        *numbers += info.type != PP_H5_TEXT;
    }
    pp_h5_close(&file);
}

START_TEST(documented_paths_and_units)
{
    pp_assert_ok(write_view(path));
    pp_h5 *file = NULL;
    pp_assert_ok(pp_h5_open(path, &file));
    int numbers = 0;
    pp_assert_ok(pp_h5_walk(file, has_unit, &numbers));
    ck_assert_int_ge(numbers, 15);
    char model[32];
    ck_assert(pp_h5_attribute_text(file, "/entry_1/process_1/cost", "model", model, sizeof model));
    ck_assert_str_eq(model, "amplitude");
    double stored[2 * J], degrees = 0;
    pp_assert_ok(pp_h5_read_items(file, "/entry_1/positions", 2, 0, 1, PP_F64, stored));
    pp_assert_near(stored[0], -1 - N / 2 + 5, 1e-15);
    pp_assert_near(stored[1], -0.75 - N / 2 - 3, 1e-15);
    pp_assert_ok(
        pp_h5_read_number(file, "/entry_1/sample_1/transformations/rotation_angle", &degrees));
    pp_assert_near(degrees, 0.7 * 180 / 3.14159265358979, 1e-10);
    pp_h5_close(&file);
}
END_TEST

START_TEST(an_unfinished_file_leaves_nothing)
{
    char temporary[64];
    pp_h5 *file = NULL;
    (void)snprintf(temporary, sizeof temporary, "unfinished.h5.part%ld", (long)getpid());
    pp_assert_ok(pp_h5_create("unfinished.h5", &file));
    pp_assert_ok(pp_h5_put_number(file, "/a", 1, "m"));
    ck_assert(pp_file_exists(temporary));
    pp_h5_close(&file);
    ck_assert(!pp_file_exists(temporary) && !pp_file_exists("unfinished.h5"));
    const int64_t shape[] = {4};
    const pp_view like = {.dtype = PP_F32, .ndim = 1, .shape = {shape[0]}};
    const float rows[2] = {1, 2};
    pp_assert_ok(pp_h5_create("unfinished.h5", &file));
    pp_assert_ok(pp_h5_dataset(file, "/a", &like, "m", false));
    pp_assert_ok(pp_h5_put_rows(file, "/a", 0, 2, rows));
    ck_assert_int_eq(pp_h5_commit(&file), PP_ERR_RUN);
    ck_assert_ptr_nonnull(strstr(pp_error_last()->text, "2 rows were written, the file holds 4"));
    ck_assert(!pp_file_exists(temporary) && !pp_file_exists("unfinished.h5"));
}
END_TEST

START_TEST(damaged_and_foreign_files)
{
    char *bytes;
    size_t size;
    pp_identity identity;
    pp_assert_ok(write_view(path));
    pp_assert_ok(pp_file_read(path, &bytes, &size));
    pp_assert_ok(pp_file_write("test_result_short.h5", bytes, size / 2));
    pp_free(bytes);
    ck_assert_int_eq(pp_result_identity("test_result_short.h5", &identity), PP_ERR_DATA);
    ck_assert_ptr_nonnull(strstr(pp_error_last()->text, "test_result_short.h5"));
    ck_assert_ptr_nonnull(strstr(pp_error_last()->text, "truncated"));
    pp_h5 *file = NULL;
    pp_assert_ok(pp_h5_create("test_result_foreign.h5", &file));
    pp_assert_ok(pp_h5_put_number(file, "/a", 1, "m"));
    pp_assert_ok(pp_h5_commit(&file));
    ck_assert_int_eq(pp_result_identity("test_result_foreign.h5", &identity), PP_ERR_DATA);
    ck_assert_ptr_nonnull(strstr(pp_error_last()->text, "not a result file"));
    pp_array *array = NULL;
    ck_assert_int_eq(pp_view_result_read("test_result_foreign.h5", "object", &array), PP_ERR_DATA);
    ck_assert_ptr_nonnull(strstr(pp_error_last()->text, "/entry_1/object/data"));
    ck_assert_int_ne(write_view("/nowhere/x.h5"), PP_OK);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {round_trip, documented_paths_and_units,
                                  an_unfinished_file_leaves_nothing, damaged_and_foreign_files,
                                  NULL};
    return pp_test_main(pp_test_suite("result", tests));
}
