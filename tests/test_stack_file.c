// RANKS 1 2 3
/* projections.h5 and volume.h5: what was written is read again by the same ranks; both trees are there, links and no copies;
 * foreign Data Exchange files; what is said of wrong ones. Views tables and `inspect` too.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/text.h"
#include "io/gather.h"
#include "io/h5.h"
#include "io/inspect.h"
#include "io/result.h"
#include "io/stack_file.h"
#include "io/table.h"
#include "support/support.h"
#include "tomo/transpose.h"

enum { V = 5, NY = 6, NX = 4 };

static pp_comm *world;
static char stack_path[64], volume_path[64], wrapped_path[64]; /* by the number of ranks */

static float phase_at(int64_t v, int64_t k)
{
    return 0.01f * (float)k - 4.5f * (float)v / V;
}
static pp_c32 psi_at(int64_t v, int64_t k)
{
    const float a = 1 - 0.001f * (float)k, p = phase_at(v, k);
    return (pp_c32){a * cosf(p), a * sinf(p)};
}

static pp_array *block(pp_dtype dtype, int64_t rows, int64_t columns, bool slabs)
{
    int64_t first, count;
    const int64_t total = slabs ? rows : V;
    (slabs ? pp_slab_block : pp_comm_block)(total, pp_comm_size(world), pp_comm_rank(world), &first,
                                            &count);
    const int64_t shape[] = {count, slabs ? columns : rows, columns};
    pp_array *array = NULL;
    pp_assert_ok(pp_array_create(dtype, 3, shape, "1", &array));
    pp_array_set_rows(array, first, total);
    return array;
}

/* All ranks: the arrays of the ports. */
static void make(pp_array *a[6])
{
    const int64_t two[] = {V, 2};
    a[0] = block(PP_C32, NY, NX, false);
    a[1] = block(PP_F32, NY, NX, false);
    for (int64_t v = 0; v < pp_array_size(a[0], 0); v++)
        for (int64_t k = 0; k < NY * NX; k++) {
            const int64_t view = v + pp_array_first_row(a[0]);
            ((pp_c32 *)pp_array_data(a[0]))[v * NY * NX + k] = psi_at(view, k);
            ((float *)pp_array_data(a[1]))[v * NY * NX + k] = phase_at(view, k);
        }
    pp_assert_ok(pp_array_create_1d(PP_F64, V, "rad", &a[2]));
    pp_assert_ok(pp_array_create_1d(PP_I64, V, "1", &a[3]));
    pp_assert_ok(pp_array_create(PP_F64, 2, two, "pixel", &a[4]));
    pp_assert_ok(pp_array_create_1d(PP_I64, 2, "pixel", &a[5]));
    for (int v = 0; v < V; v++) {
        ((double *)pp_array_data(a[2]))[v] = 0.1 + 0.6 * v;
        ((int64_t *)pp_array_data(a[3]))[v] = 2 * v;
        ((double *)pp_array_data(a[4]))[2 * v] = 0.3 * v;
    }
    ((int64_t *)pp_array_data(a[5]))[1] = -7;
}

static const pp_file_facts facts = {.pixel_size = 5e-8,
                                    .wavelength = 1.4e-10,
                                    .hash = "0123456789abcdef0123456789abcdef",
                                    .parameters = "x = 1\n"};

START_TEST(open_world)
{
    pp_assert_ok(pp_comm_world(&world));
    const int ranks = pp_comm_size(world);
    (void)snprintf(stack_path, sizeof stack_path, "test_stack_projections_%d.h5", ranks);
    (void)snprintf(volume_path, sizeof volume_path, "test_stack_volume_%d.h5", ranks);
    (void)snprintf(wrapped_path, sizeof wrapped_path, "test_stack_wrapped_%d.h5", ranks);
}
END_TEST

START_TEST(close_world)
{
    pp_comm_free(&world);
}
END_TEST

START_TEST(projections_round_trip)
{
    static const char *const ports[] = {"projections", "phase",  "theta",
                                        "views",       "shifts", "centre"};
    pp_array *a[6], *back = NULL;
    make(a);
    const pp_stack_ports stack = {a[0], a[1], a[2], a[3], a[4], a[5], NULL, false};
    pp_assert_ok(pp_projections_write(stack_path, &stack, &facts, world));
    for (int k = 0; k < 6; k++) {
        pp_assert_ok(pp_stack_read(stack_path, ports[k], world, &back));
        ck_assert_int_eq(pp_array_total_rows(back), pp_array_total_rows(a[k]));
        ck_assert_int_eq(pp_array_first_row(back), pp_array_first_row(a[k]));
        ck_assert_uint_eq(pp_array_bytes(back), pp_array_bytes(a[k]));
        ck_assert(memcmp(pp_array_read(back), pp_array_read(a[k]), pp_array_bytes(a[k])) == 0);
        pp_array_free(&back);
    }
    pp_stack_head head;
    pp_assert_ok(pp_stack_head_read(stack_path, &head));
    ck_assert(head.views == V && head.ny == NY && head.nx == NX && !head.wrapped);
    ck_assert(head.pixel_size == 5e-8 && head.wavelength == 1.4e-10 && head.number[3] == 6);
    pp_stack_head_free(&head);
    pp_identity identity;
    pp_assert_ok(pp_result_identity(stack_path, &identity));
    ck_assert_str_eq(identity.parameters, "x = 1\n");
    pp_identity_free(&identity);
    for (int k = 0; k < 6; k++) pp_array_free(&a[k]);
}
END_TEST

START_TEST(both_trees)
{
    static const char *const texts[][2] = {{"/implements", "exchange:measurement:process"},
                                           {"/entry/definition", "NXtomo"}};
    pp_h5 *file = NULL;
    pp_h5_info info;
    char *text = NULL, unit[32];
    double values[V], white[NY * NX];
    pp_assert_ok(pp_h5_open(stack_path, &file));
    for (int k = 0; k < 2; k++) {
        pp_assert_ok(pp_h5_read_text(file, texts[k][0], &text));
        ck_assert_str_eq(text, texts[k][1]);
        pp_free(text);
    }
    pp_assert_ok(pp_h5_read_items(file, "/entry/data/rotation_angle", 1, 0, 1, PP_F64, values));
    pp_assert_near(values[2], 1.3 * 180 / 3.14159265358979323846, 1e-12);
    pp_assert_ok(pp_h5_read_items(file, "/exchange/data_white", 3, 0, 1, PP_F64, white));
    ck_assert(white[0] == 1 && white[NY * NX - 1] == 1);
    pp_assert_ok(pp_h5_read_items(file, "/entry/data/data", 2, 3, 1, PP_F64, white));
    pp_assert_near(white[7], (double)phase_at(3, 7), 0);
    pp_assert_ok(pp_h5_read_items(file, "/exchange/data_amplitude", 2, 4, 1, PP_F64, white));
    pp_assert_near(white[9], 0.991, 1e-6);
    ck_assert(pp_h5_attribute_text(file, "/exchange/theta", "units", unit, sizeof unit));
    ck_assert_str_eq(unit, "degree");
    pp_assert_ok(pp_h5_describe(file, "/entry/instrument/detector/image_key", &info));
    ck_assert(info.type == PP_H5_INTEGER && info.shape[0] == V);
    ck_assert(pp_h5_attribute_text(file, "/entry/data", "NX_class", unit, sizeof unit));
    ck_assert_str_eq(unit, "NXdata");
    pp_h5_close(&file);
}
END_TEST

START_TEST(without_a_phase_it_is_wrapped)
{
    pp_array *a[6], *back = NULL;
    make(a);
    const pp_stack_ports stack = {.projections = a[0], .theta = a[2]};
    pp_assert_ok(pp_projections_write(wrapped_path, &stack, &facts, world));
    pp_stack_head head;
    pp_assert_ok(pp_stack_head_read(wrapped_path, &head));
    ck_assert(head.wrapped && head.number[4] == 4);
    pp_stack_head_free(&head);
    pp_assert_ok(pp_stack_read(wrapped_path, "phase", world, &back));
    const float *phase = pp_array_read(back);
    for (int64_t k = 0; k < pp_array_count(back); k++) {
        const int64_t v = k / (NY * NX) + pp_array_first_row(back);
        const double want = (double)phase_at(v, k % (NY * NX));
        pp_assert_near((double)phase[k], remainder(want, 2 * 3.14159265358979323846), 1e-5);
    }
    pp_array_free(&back);
    for (int k = 0; k < 6; k++) pp_array_free(&a[k]);
}
END_TEST

START_TEST(volume_round_trip)
{
    pp_array *delta = block(PP_F32, NY, NX, true), *back = NULL;
    for (int64_t k = 0; k < pp_array_count(delta); k++)
        ((float *)pp_array_data(delta))[k] = (float)(k + 100 * pp_array_first_row(delta));
    pp_assert_ok(pp_volume_write(volume_path, delta, delta, &facts, world));
    for (int k = 0; k < 2; k++) {
        pp_assert_ok(pp_stack_read(volume_path, k ? "beta" : "delta", world, &back));
        ck_assert_uint_eq(pp_array_bytes(back), pp_array_bytes(delta));
        ck_assert(memcmp(pp_array_read(back), pp_array_read(delta), pp_array_bytes(delta)) == 0);
        pp_array_free(&back);
    }
    pp_h5 *file = NULL;
    double z[NY];
    pp_assert_ok(pp_h5_open(volume_path, &file));
    pp_assert_ok(pp_h5_read_items(file, "/entry/data/z", 1, 0, 1, PP_F64, z));
    pp_assert_near(z[NY / 2], 0, 0);
    pp_assert_near(z[0], -NY / 2 * 5e-8, 1e-20);
    ck_assert_int_eq(pp_h5_kind_of(file, "/entry/data/data"), PP_H5_DATASET);
    pp_h5_close(&file);
    pp_array_free(&delta);
}
END_TEST

/* A sink that fails on rank 0 must fail on all ranks. */
static pp_status full(void *context, int64_t first, int64_t count, const void *rows)
{
    (void)context;
    (void)count;
    (void)rows;
    return first > 0 ? PP_FAIL(PP_ERR_RESOURCE, "disk full") : PP_OK;
}

START_TEST(a_full_disk_is_everyones_error)
{
    pp_array *array = block(PP_F32, NY, NX, false);
    ck_assert_int_eq(pp_gather(array, world, 1, full, NULL), PP_ERR_RESOURCE);
    pp_array_free(&array);
}
END_TEST

/* Files of one rank below: the names carry the rank. */
static void name(char out[64], const char *what)
{
    (void)snprintf(out, 64, "test_stack_%s_%d_%d.h5", what, pp_comm_size(world),
                   pp_comm_rank(world));
}

START_TEST(a_foreign_data_exchange_file)
{
    char path[64];
    pp_h5 *file = NULL;
    pp_comm *self = NULL;
    pp_array *back = NULL;
    float data[2 * 3 * 4];
    double theta[2] = {0, 90};
    name(path, "foreign");
    for (int k = 0; k < 24; k++) data[k] = 0.1f * (float)k;
    const pp_view view = {data, PP_F32, 3, {2, 3, 4}}, angles = {theta, PP_F64, 1, {2}};
    pp_assert_ok(pp_comm_self(&self));
    pp_assert_ok(pp_h5_create(path, &file));
    pp_assert_ok(pp_h5_put(file, "/exchange/data", view, ""));
    pp_assert_ok(pp_h5_put(file, "/exchange/theta", angles, ""));
    pp_assert_ok(pp_h5_commit(&file));
    pp_stack_head head;
    pp_assert_ok(pp_stack_head_read(path, &head));
    pp_assert_near(head.theta[1], 1.57079632679, 1e-10);
    ck_assert(isnan(head.pixel_size) && isnan(head.wavelength) && !head.complex_data);
    pp_stack_head_free(&head);
    pp_assert_ok(pp_stack_read(path, "projections", self, &back));
    pp_assert_near((double)((const pp_c32 *)pp_array_read(back))[23].im, sin(2.3), 1e-6);
    pp_array_free(&back);
    theta[1] = NAN;
    pp_assert_ok(pp_h5_create(path, &file));
    pp_assert_ok(pp_h5_put(file, "/exchange/data", view, ""));
    pp_assert_ok(pp_h5_put(file, "/exchange/theta", angles, "degree"));
    pp_assert_ok(pp_h5_commit(&file));
    ck_assert_int_eq(pp_stack_head_read(path, &head), PP_ERR_DATA);
    ck_assert_ptr_nonnull(strstr(pp_error_last()->text, "/exchange/theta: number 1 is not finite"));
    pp_comm_free(&self);
}
END_TEST

static pp_status table_of(const char *text, pp_table *table)
{
    char path[64], *full_path = NULL;
    name(path, "table");
    pp_assert_ok(pp_file_write(path, text, strlen(text)));
    pp_assert_ok(pp_path_absolute(path, &full_path));
    const pp_status status = pp_table_read(full_path, table);
    pp_free(full_path);
    return status;
}

START_TEST(views_tables)
{
    pp_table table;
    pp_assert_ok(
        table_of("# file angle\n a.cxi 0\n\n'b c.cxi',\t1.5e1 # note\n\"/x/d#.cxi\"\r\n", &table));
    ck_assert_int_eq(table.count, 3);
    ck_assert(table.rows[0].path[0] == '/' && strstr(table.rows[0].path, "/a.cxi"));
    ck_assert(strstr(table.rows[1].path, "/b c.cxi") && table.rows[1].degree > 14.999);
    ck_assert_str_eq(table.rows[2].path, "/x/d#.cxi");
    ck_assert(isnan(table.rows[2].degree) && table.rows[1].line == 4);
    pp_table_free(&table);
    pp_assert_ok(table_of("\xef\xbb\xbf/a.cxi 0\n", &table)); /* the mark of UTF-8 */
    ck_assert_str_eq(table.rows[0].path, "/a.cxi");
    pp_table_free(&table);
    static const char *const wrong[][2] = {
        {"a.cxi 0\nb.cxi nan\n", ":2: the angle nan is not finite"},
        {"a.cxi 0\nb.cxi zero\n", ":2: 'zero' is no angle"},
        {"a.cxi 0 5\n", ":1: '5'"},
        {"a.cxi 0\n\"b.cxi 0\n", ":2: a quote is not closed"},
        {"# nothing\n", "names no view"}};
    for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++) {
        ck_assert_int_eq(table_of(wrong[k][0], &table), PP_ERR_DATA);
        ck_assert_msg(strstr(pp_error_last()->text, wrong[k][1]) != NULL, "%s",
                      pp_error_last()->text);
    }
}
END_TEST

static void inspect(const char *path, const char *const *words)
{
    char text[8192] = "";
    FILE *out = fmemopen(text, sizeof text - 1, "w");
    ck_assert_ptr_nonnull(out);
    pp_assert_ok(pp_inspect(path, out));
    (void)fclose(out);
    for (; *words; words++)
        ck_assert_msg(strstr(text, *words) != NULL, "'%s' not in: %s", *words, text);
}

START_TEST(inspect_says_what_it_is)
{
    static const char *const volume[] = {"volume (NXtomoproc)", "6 x 4 x 4", NULL};
    static const char *const star[] = {"516 of 128 x 128", "8.856", "overlap", "0 %", NULL};
    static const char *const words[] = {"projections (Data Exchange)", "5 of 6 x 4", "image_key",
                                        NULL};
    inspect(stack_path, words);
    inspect(volume_path, volume);
    if (pp_test_shared("data/siemens-star-aps.cxi"))
        inspect(pp_test_shared("data/siemens-star-aps.cxi"), star);
    ck_assert_int_eq(pp_inspect("test_stack_nowhere.h5", stdout), PP_ERR_DATA);
}
END_TEST

int main(int argc, char **argv)
{
    const TTest *const tests[] = {open_world,
                                  projections_round_trip,
                                  both_trees,
                                  without_a_phase_it_is_wrapped,
                                  volume_round_trip,
                                  a_full_disk_is_everyones_error,
                                  a_foreign_data_exchange_file,
                                  views_tables,
                                  inspect_says_what_it_is,
                                  close_world,
                                  NULL};
    if (pp_mpi_start(&argc, &argv) != PP_OK) return 1;
    const int failed = pp_test_main(pp_test_suite("stack_file", tests));
    if (failed) pp_mpi_abort(failed);
    pp_mpi_stop();
    return 0;
}
