/* CXI files: geometry round trip, both layouts, units and their traps, masks, storage, and an error that names file and H5
 * path for each kind of wrong file. The tests write their own files.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <hdf5.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "io/cxi.h"
#include "io/scan.h"
#include "io/units.h"
#include "support/support.h"

#define DETECTOR "/entry_1/instrument_1/detector_1/"
#define SOURCE "/entry_1/instrument_1/source_1/"
#define TRANSLATION "/entry_1/sample_1/geometry_1/translation"
#define BEAM "/entry_1/instrument_1/beam_1/"

enum { N = 6, J = 4 };

static const char path[] = "test_cxi.cxi";
static const double wavelength = 1.4e-10, distance = 2, pixel = 75e-6;

/* What a made file is to be; 0 or NULL: as usual. */
typedef struct recipe {
    int frames, positions, rows, columns;
    bool wide, three; /* translation (3, N); three positions of three */
    const char *translation_unit, *pixel_unit, *distance_unit;
    double pixel_value, distance_value, translation_factor;
    bool no_wavelength, no_translation, no_pixel, x_pixel_only, dead_link, soft_data;
    int dtype; /* of the frames; PP_U16 by default (0 is PP_U8) */
} recipe;

static double grid_y(int j)
{
    return j % 2 * 5 - 1.25;
}
static double grid_x(int j)
{
    return j / 2 * 7 + 0.5;
}
static int count_at(int j, int r, int c)
{
    return 100 * j + 10 * r + c;
}

static void put_reals(pp_h5 *file, const char *where, int ndim, const int64_t *shape,
                      const double *values, const char *unit)
{
    pp_view view = {.dtype = PP_F64, .ndim = ndim};
    double copy[1024];
    size_t total = 1;
    for (int k = 0; k < ndim; k++) {
        view.shape[k] = shape[k];
        total *= (size_t)shape[k];
    }
    memcpy(copy, values, total * sizeof *values);
    view.data = copy;
    pp_assert_ok(pp_h5_put(file, where, view, unit ? unit : ""));
}

static void put_frames(pp_h5 *file, const recipe *r)
{
    const int frames = r->frames ? r->frames : J, rows = r->rows ? r->rows : N,
              columns = r->columns ? r->columns : N;
    pp_array *array = NULL;
    const int64_t shape[] = {frames, rows, columns};
    const pp_dtype dtype = r->dtype ? (pp_dtype)r->dtype : PP_U16;
    pp_assert_ok(pp_array_create(dtype, 3, shape, "counts", &array));
    for (int j = 0; j < frames; j++)
        for (int y = 0; y < rows; y++)
            for (int x = 0; x < columns; x++) {
                const int at = (j * rows + y) * columns + x, v = count_at(j, y, x);
                if (dtype == PP_U16) ((uint16_t *)pp_array_data(array))[at] = (uint16_t)v;
                if (dtype == PP_I32) ((int32_t *)pp_array_data(array))[at] = v;
                if (dtype == PP_F64) ((double *)pp_array_data(array))[at] = v;
            }
    pp_assert_ok(pp_h5_put_array(file, DETECTOR "data", array));
    pp_array_free(&array);
}

static void put_translation(pp_h5 *file, const recipe *r)
{
    const int count = r->three ? 3 : r->positions ? r->positions : J;
    const double size = wavelength * distance / (N * pixel);
    const double factor = r->translation_factor > 0 ? r->translation_factor : 1;
    double values[3 * 16];
    for (int j = 0; j < count; j++) {
        const double t[3] = {grid_x(j) * size * factor, grid_y(j) * size * factor, 0};
        for (int k = 0; k < 3; k++) values[r->wide ? k * count + j : 3 * j + k] = t[k];
    }
    const int64_t tall[] = {count, 3}, wide[] = {3, count};
    put_reals(file, TRANSLATION, 2, r->wide ? wide : tall, values, r->translation_unit);
}

static void put_number(pp_h5 *file, const char *where, double value, const char *unit)
{
    pp_assert_ok(pp_h5_put_number(file, where, value, unit ? unit : ""));
}

static pp_h5 *start(const recipe *r)
{
    pp_h5 *file = NULL;
    (void)unlink(path);
    pp_assert_ok(pp_h5_create(path, &file));
    if (!r->no_wavelength) put_number(file, SOURCE "wavelength", wavelength, "m");
    put_number(file, DETECTOR "distance", r->distance_value > 0 ? r->distance_value : distance,
               r->distance_unit);
    const double p = r->pixel_value > 0 ? r->pixel_value : pixel;
    if (!r->no_pixel) put_number(file, DETECTOR "x_pixel_size", p, r->pixel_unit);
    if (!r->no_pixel && !r->x_pixel_only)
        put_number(file, DETECTOR "y_pixel_size", p, r->pixel_unit);
    if (!r->dead_link) put_frames(file, r);
    pp_assert_ok(pp_h5_soft_link(file, DETECTOR "data", "/entry_1/data_1/data"));
    if (!r->no_translation) put_translation(file, r);
    return file;
}

static void finish(pp_h5 *file)
{
    pp_assert_ok(pp_h5_commit(&file));
}
static void make(const recipe *r)
{
    finish(start(r));
}

static const pp_cxi_options plain;
static const recipe usual;

static void expect_grid(const pp_cxi_options *options)
{
    pp_cxi cxi;
    pp_assert_ok(pp_cxi_open(path, options, &cxi));
    ck_assert_int_eq(cxi.patterns, J);
    for (int j = 0; j < J; j++) {
        pp_assert_near(cxi.grid[2 * j], grid_y(j), 1e-9);
        pp_assert_near(cxi.grid[2 * j + 1], grid_x(j), 1e-9);
    }
    pp_assert_near(cxi.geometry.pixel_size[0] / (wavelength * distance / (N * pixel)), 1, 1e-9);
    pp_cxi_free(&cxi);
}

/* The file must be refused as data, with its name and this text. */
static void refused_with(const pp_cxi_options *options, const char *text)
{
    pp_cxi cxi;
    ck_assert_int_eq(pp_cxi_open(path, options, &cxi), PP_ERR_DATA);
    const char *said = pp_error_last()->text;
    ck_assert_msg(strncmp(said, path, strlen(path)) == 0, "no file name: %s", said);
    ck_assert_msg(strstr(said, text), "'%s' is not in: %s", text, said);
}

static void refused(const recipe *r, const char *text)
{
    make(r);
    refused_with(&plain, text);
}

START_TEST(both_layouts_of_the_translation)
{
    make(&usual);
    expect_grid(&plain);
    const recipe wide = {.wide = true};
    make(&wide);
    expect_grid(&plain);
    const recipe three = {.three = true, .frames = 3};
    refused(&three, "translation_layout");
    const pp_cxi_options rows = {.layout = PP_LAYOUT_ROWS};
    pp_cxi cxi;
    pp_assert_ok(pp_cxi_open(path, &rows, &cxi));
    pp_assert_near(cxi.grid[2], grid_y(1), 1e-9);
    pp_cxi_free(&cxi);
    make(&usual);
    const pp_cxi_options columns = {.layout = PP_LAYOUT_COLUMNS};
    refused_with(&columns, TRANSLATION);
}
END_TEST

START_TEST(units_are_obeyed)
{
    const recipe mixed = {.translation_unit = "um",
                          .translation_factor = 1e6,
                          .pixel_unit = "mm",
                          .pixel_value = 0.075,
                          .distance_unit = "mm",
                          .distance_value = 2000};
    make(&mixed);
    expect_grid(&plain);
    const recipe one = {.x_pixel_only = true};
    make(&one);
    expect_grid(&plain);
    const recipe lie = {.pixel_unit = "um"}; /* metres called micrometres */
    refused(&lie, DETECTOR "y_pixel_size");
    const recipe furlong = {.pixel_unit = "furlong"};
    refused(&furlong, "furlong");
    const recipe far = {.distance_value = 2e6};
    refused(&far, DETECTOR "distance");
    const pp_cxi_options given = {.distance = distance};
    expect_grid(&given);
    const recipe none = {.no_pixel = true};
    refused(&none, "detector_pixel");
    const pp_cxi_options size = {.detector_pixel = pixel};
    expect_grid(&size);
}
END_TEST

START_TEST(basis_vectors_project)
{
    const recipe none = {.no_pixel = true};
    const int64_t wide[] = {2, 3}, tall[] = {3, 2};
    const double standard[] = {0, -75e-6, 0, -75e-6, 0, 0};
    pp_h5 *file = start(&none);
    put_reals(file, DETECTOR "basis_vectors", 2, wide, standard, "m");
    finish(file);
    expect_grid(&plain);
    const double columns[] = {0, -75e-6, -75e-6, 0, 0, 0}; /* the same, (3, 2) */
    file = start(&usual);
    put_reals(file, DETECTOR "basis_vectors", 2, tall, columns, "m");
    finish(file);
    expect_grid(&plain);
    const double turned[] = {-75e-6, 0, 0, 0, 75e-6, 0}; /* rows along -x, columns along +y */
    file = start(&usual);
    put_reals(file, DETECTOR "basis_vectors", 2, wide, turned, "m");
    finish(file);
    pp_cxi cxi;
    pp_assert_ok(pp_cxi_open(path, &plain, &cxi));
    for (int j = 0; j < J; j++) {
        pp_assert_near(cxi.grid[2 * j], grid_x(j), 1e-9);
        pp_assert_near(cxi.grid[2 * j + 1], -grid_y(j), 1e-9);
    }
    pp_cxi_free(&cxi);
}
END_TEST

START_TEST(position_options)
{
    make(&usual);
    const pp_cxi_options options = {
        .swap = true, .negate_row = true, .scale = 2, .rotation = 0.5 * 3.14159265358979323846};
    pp_cxi cxi;
    pp_assert_ok(pp_cxi_open(path, &options, &cxi));
    for (int j = 0; j < J; j++) { /* swap: (x, y); negate: (-x, y); rotate: (y, x); scale */
        pp_assert_near(cxi.grid[2 * j], 2 * grid_y(j), 1e-9);
        pp_assert_near(cxi.grid[2 * j + 1], 2 * grid_x(j), 1e-9);
    }
    pp_cxi_free(&cxi);
}
END_TEST

static double wavelength_of(const char *where, double value, const char *unit, const char *creator)
{
    const recipe none = {.no_wavelength = true};
    pp_h5 *file = start(&none);
    put_number(file, where, value, unit);
    put_number(file, SOURCE "energy", 6e9, "eV"); /* a storage ring's, as NeXus has it */
    if (creator) pp_assert_ok(pp_h5_set_text(file, "/", "creator", creator));
    finish(file);
    pp_cxi cxi;
    pp_assert_ok(pp_cxi_open(path, &plain, &cxi));
    const double found = cxi.geometry.wavelength;
    ck_assert((cxi.warnings.length > 0) == (creator != NULL));
    pp_cxi_free(&cxi);
    return found;
}

START_TEST(energies_and_their_traps)
{
    const double energy = PP_HC / wavelength;
    pp_assert_near(wavelength_of(BEAM "energy", energy, "J", NULL) / wavelength, 1, 1e-12);
    pp_assert_near(wavelength_of(BEAM "energy", energy, NULL, NULL) / wavelength, 1, 1e-12);
    pp_assert_near(wavelength_of(BEAM "incident_beam_energy", energy / PP_EV, NULL, NULL) /
                       wavelength,
                   1, 1e-12);
    pp_assert_near(wavelength_of(BEAM "incident_energy", energy / PP_EV / 1e3, "keV", NULL) /
                       wavelength,
                   1, 1e-12);
    pp_assert_near(wavelength_of(SOURCE "wavelength", 0.14, "nm", NULL) / wavelength, 1, 1e-12);
    pp_assert_near(wavelength_of(BEAM "energy", energy, "J", "PyNX") / wavelength, 1, 1e-12);
    const recipe none = {.no_wavelength = true};
    refused(&none, "set energy");
    pp_h5 *file = start(&none);
    put_number(file, SOURCE "energy", energy, NULL);
    finish(file);
    expect_grid(&plain);
    file = start(&none);
    put_number(file, SOURCE "energy", 6e9 * PP_EV, NULL);
    finish(file);
    refused_with(&plain, SOURCE "energy");
    file = start(&none);
    put_number(file, BEAM "energy", energy, "eV"); /* joules called electronvolts */
    finish(file);
    refused_with(&plain, BEAM "energy");
    file = start(&none);
    put_number(file, BEAM "energy", 8.8, NULL);
    finish(file);
    refused_with(&plain, "neither J nor eV");
    const pp_cxi_options given = {.wavelength = wavelength};
    expect_grid(&given);
}
END_TEST

START_TEST(counts_and_positions_differ)
{
    const recipe more = {.frames = J + 2};
    refused(&more, "6 frames, but 4 positions");
    const pp_cxi_options truncate = {.truncate = true};
    expect_grid(&truncate);
    const recipe fewer = {.positions = J + 3};
    refused(&fewer, "truncate");
    expect_grid(&truncate);
}
END_TEST

START_TEST(frames_that_are_not_square)
{
    const recipe oblong = {.rows = N, .columns = N + 4};
    refused(&oblong, "crop");
    const pp_cxi_options crop = {.detector = {.crop = N}};
    pp_cxi cxi;
    pp_assert_ok(pp_cxi_open(path, &crop, &cxi));
    ck_assert_int_eq(cxi.n, N);
    pp_cxi_free(&cxi);
    const pp_cxi_options large = {.detector = {.crop = N + 1}};
    refused_with(&large, "crop = 7");
}
END_TEST

START_TEST(things_that_are_missing)
{
    pp_cxi cxi;
    ck_assert_int_eq(pp_cxi_open("test_cxi_nowhere.cxi", &plain, &cxi), PP_ERR_DATA);
    ck_assert_ptr_nonnull(strstr(pp_error_last()->text, "test_cxi_nowhere.cxi: no such file"));
    const recipe dead = {.dead_link = true};
    refused(&dead, "/entry_1/data_1/data: dead link");
    const recipe still = {.no_translation = true};
    refused(&still, "no positions");
    pp_assert_ok(pp_file_write(path, "not HDF5", 8));
    refused_with(&plain, "HDF5");
    char *bytes;
    size_t size;
    make(&usual);
    pp_assert_ok(pp_file_read(path, &bytes, &size));
    pp_assert_ok(pp_file_write(path, bytes, size / 2));
    pp_free(bytes);
    refused_with(&plain, "truncated");
}
END_TEST

START_TEST(angles)
{
    static const char where[] = "/entry_1/sample_1/transformations/rotation_angle";
    static const char *const units[] = {"degree", "degrees", "deg", "", "rad"};
    for (int k = 0; k < 5; k++) {
        pp_h5 *file = start(&usual);
        put_number(file, where, 30, units[k]);
        finish(file);
        pp_cxi cxi;
        pp_assert_ok(pp_cxi_open(path, &plain, &cxi));
        pp_assert_near(cxi.geometry.angle, k < 4 ? 0.52359877559829887 : 30, 1e-14);
        pp_cxi_free(&cxi);
    }
    pp_h5 *file = start(&usual);
    put_number(file, where, NAN, "degree");
    finish(file);
    refused_with(&plain, where);
    make(&usual);
    pp_cxi cxi;
    pp_assert_ok(pp_cxi_open(path, &plain, &cxi));
    ck_assert(isnan(cxi.geometry.angle));
    pp_cxi_free(&cxi);
}
END_TEST

START_TEST(a_position_that_is_not_finite)
{
    const recipe none = {.no_translation = true};
    const int64_t shape[] = {J, 3};
    double t[3 * J] = {0, 0, 0, 1e-7, 0, 0, 0, NAN, 0, 1e-7, 1e-7, 0};
    pp_h5 *file = start(&none);
    put_reals(file, TRANSLATION, 2, shape, t, "m");
    finish(file);
    refused_with(&plain, TRANSLATION ": position 2 is not finite");
}
END_TEST

/* Opens the file that was just made again, with HDF5 itself, for what our writer does not make. */
static hid_t open_raw(const recipe *r)
{
    make(r);
    const hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
    ck_assert_int_ge(file, 0);
    return file;
}

static size_t copy_bytes(unsigned flags, size_t count, const unsigned values[], size_t bytes,
                         size_t *size, void **buffer)
{
    (void)flags;
    (void)count;
    (void)values;
    (void)size;
    (void)buffer;
    return bytes;
}

START_TEST(a_filter_that_is_not_installed)
{
    enum { BITSHUFFLE = 32008 };
    const H5Z_class2_t filter = {H5Z_CLASS_T_VERS, BITSHUFFLE, 1,    1,
                                 "bitshuffle",     NULL,       NULL, copy_bytes};
    const recipe none = {.dead_link = true};
    const hsize_t shape[] = {J, N, N}, chunk[] = {1, N, N};
    static const uint16_t counts[J * N * N];
    const hid_t file = open_raw(&none);
    ck_assert_int_ge(H5Zregister(&filter), 0);
    const hid_t plist = H5Pcreate(H5P_DATASET_CREATE), space = H5Screate_simple(3, shape, NULL);
    ck_assert(H5Pset_chunk(plist, 3, chunk) >= 0 &&
              H5Pset_filter(plist, BITSHUFFLE, H5Z_FLAG_MANDATORY, 0, NULL) >= 0);
    const hid_t data = H5Dcreate2(file, DETECTOR "data", H5T_NATIVE_UINT16, space, H5P_DEFAULT,
                                  plist, H5P_DEFAULT);
    ck_assert_int_ge(H5Dwrite(data, H5T_NATIVE_UINT16, H5S_ALL, H5S_ALL, H5P_DEFAULT, counts), 0);
    ck_assert(H5Dclose(data) >= 0 && H5Sclose(space) >= 0 && H5Pclose(plist) >= 0 &&
              H5Fclose(file) >= 0);
    ck_assert_int_ge(H5Zunregister(BITSHUFFLE), 0);
    refused_with(&plain, "filter 32008 (bitshuffle)");
    refused_with(&plain, "HDF5_PLUGIN_PATH");
}
END_TEST

START_TEST(links_to_files_that_are_gone)
{
    const recipe none = {.dead_link = true};
    hid_t file = open_raw(&none);
    ck_assert_int_ge(H5Lcreate_external("gone_000001.h5", "/entry/data", file, DETECTOR "data",
                                        H5P_DEFAULT, H5P_DEFAULT),
                     0);
    ck_assert_int_ge(H5Fclose(file), 0);
    refused_with(&plain, "dead link");
    file = open_raw(&none);
    const hsize_t shape[] = {J, N, N};
    const hid_t plist = H5Pcreate(H5P_DATASET_CREATE), space = H5Screate_simple(3, shape, NULL);
    ck_assert_int_ge(H5Pset_virtual(plist, space, "gone_000002.h5", "/entry/data", space), 0);
    const hid_t data = H5Dcreate2(file, DETECTOR "data", H5T_NATIVE_UINT16, space, H5P_DEFAULT,
                                  plist, H5P_DEFAULT);
    ck_assert_int_ge(data, 0);
    ck_assert(H5Dclose(data) >= 0 && H5Sclose(space) >= 0 && H5Pclose(plist) >= 0 &&
              H5Fclose(file) >= 0);
    refused_with(&plain, "gone_000002.h5 is missing");
}
END_TEST

/* Reads `path`, as the options say. */
static void read_counts(const pp_cxi_options *options, const pp_frame_rules *rules,
                        pp_array **frames, pp_array **mask, pp_frame_facts *facts)
{
    pp_cxi cxi;
    pp_assert_ok(pp_cxi_open(path, options, &cxi));
    pp_assert_ok(pp_cxi_read(&cxi, options, rules, frames, mask, facts));
    pp_cxi_free(&cxi);
}

static int u16_at(const pp_array *frames, int j, int y, int x)
{
    return ((const uint16_t *)pp_array_read(frames))[(j * N + y) * N + x];
}

START_TEST(zero_frequency_moves_to_the_corner)
{
    pp_array *frames = NULL, *mask = NULL;
    const pp_frame_rules rules = {0};
    make(&usual);
    read_counts(&plain, &rules, &frames, &mask, NULL);
    ck_assert_int_eq(pp_array_dtype(frames), PP_U16);
    ck_assert_int_eq(u16_at(frames, 2, 0, 0), count_at(2, N / 2, N / 2));
    ck_assert_int_eq(u16_at(frames, 1, 1, N - 1), count_at(1, N / 2 + 1, N / 2 - 1));
    ck_assert_int_eq(u16_at(frames, 1, N / 2, 0), count_at(1, 0, N / 2));
    pp_array_free(&frames);
    pp_array_free(&mask);
}
END_TEST

START_TEST(orientations_and_crop)
{
    const pp_frame_rules rules = {0};
    make(&usual);
    for (int code = 0; code < 8; code++) {
        const pp_cxi_options options = {.detector = {.orientation = code, .crop = 4}};
        pp_array *frames = NULL, *mask = NULL;
        pp_cxi cxi;
        pp_assert_ok(pp_cxi_open(path, &options, &cxi));
        pp_assert_ok(pp_cxi_read(&cxi, &options, &rules, &frames, &mask, NULL));
        const int fy = code & 2 ? -1 : 1,
                  fx = code & 1 ? -1 : 1; /* frequency (1, 0), then (0, 1) */
        const int row = code & 4 ? 0 : fy, column = code & 4 ? fy : 0;
        const uint16_t *v = pp_array_read(frames);
        ck_assert_int_eq(v[0], count_at(0, N / 2, N / 2));
        ck_assert_int_eq(v[4], count_at(0, N / 2 + row, N / 2 + column));
        ck_assert_int_eq(v[1],
                         count_at(0, N / 2 + (code & 4 ? fx : 0), N / 2 + (code & 4 ? 0 : fx)));
        pp_array_free(&frames);
        pp_array_free(&mask);
        pp_cxi_free(&cxi);
    }
    const pp_cxi_options outside = {.detector = {.crop = 4, .has_centre = true, .centre = {1, 1}}};
    pp_array *frames = NULL, *mask = NULL;
    pp_cxi cxi;
    pp_assert_ok(pp_cxi_open(path, &outside, &cxi));
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
    put_reals(file, DETECTOR "mask", frames > 1 ? 3 : 2, frames > 1 ? shape : shape + 1, bits, "1");
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
    put_reals(file, "/mask", 2, shape, more, "1");
    finish(file);
    file = start(&usual);
    put_mask(file, 1);
    finish(file);
    pp_array *frames = NULL, *mask = NULL;
    pp_frame_facts facts;
    read_counts(&plain, &rules, &frames, &mask, &facts);
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
    pp_assert_ok(pp_cxi_open(path, &plain, &cxi));
    ck_assert_int_eq(pp_cxi_read(&cxi, &plain, &rules, &frames, &mask, NULL), PP_ERR_DATA);
    ck_assert_ptr_nonnull(strstr(pp_error_last()->text, "dead pixel (6, 0)"));
    pp_cxi_free(&cxi);
}
END_TEST

START_TEST(mask_with_a_frame_axis)
{
    pp_array *frames = NULL, *mask = NULL;
    pp_frame_facts facts;
    const pp_frame_rules rules = {0};
    pp_h5 *file = start(&usual);
    put_mask(file, J);
    finish(file);
    read_counts(&plain, &rules, &frames, &mask, &facts);
    ck_assert_int_eq(facts.masked, 0);
    ck_assert_int_eq(facts.unmeasured, 4);
    ck_assert_int_eq(u16_at(frames, 0, N / 2, N / 2), 65535);
    ck_assert_int_eq(u16_at(frames, 1, N / 2, (5 + N / 2) % N), 65535);
    ck_assert_int_eq(u16_at(frames, 1, N / 2, N / 2), count_at(1, 0, 0));
    pp_array_free(&frames);
    pp_array_free(&mask);
}
END_TEST

/* A file of float64 frames with odd values in the first. */
static void make_odd(double value)
{
    const recipe real = {.dead_link = true};
    pp_h5 *file = start(&real);
    double v[J * N * N] = {0};
    const int64_t shape[] = {J, N, N};
    for (int k = 0; k < J * N * N; k++) v[k] = k % 7;
    v[0] = NAN;
    v[1] = -3;
    v[2] = value;
    put_reals(file, DETECTOR "data", 3, shape, v, "counts");
    finish(file);
}

START_TEST(values_that_are_not_counts)
{
    pp_array *frames = NULL, *mask = NULL;
    pp_frame_facts facts;
    pp_frame_rules rules = {0};
    const int half = N / 2;
    make_odd(50);
    read_counts(&plain, &rules, &frames, &mask, &facts);
    ck_assert_int_eq(pp_array_dtype(frames), PP_U16);
    ck_assert_int_eq(u16_at(frames, 0, half, half), 65535);
    ck_assert_int_eq(u16_at(frames, 0, half, half + 1), 0);
    ck_assert_int_eq(u16_at(frames, 0, half, half + 2), 50);
    ck_assert_int_eq(facts.unmeasured, 1);
    pp_assert_near(facts.largest, 50, 0);
    pp_array_free(&frames);
    pp_array_free(&mask);
    make_odd(70000);
    read_counts(&plain, &rules, &frames, &mask, &facts);
    ck_assert_int_eq(pp_array_dtype(frames), PP_F32);
    const float *v = pp_array_read(frames);
    ck_assert(isnan(v[half * N + half]) && v[half * N + half + 2] == 70000.0f);
    pp_array_free(&frames);
    pp_array_free(&mask);
    rules.saturation = 60000;
    read_counts(&plain, &rules, &frames, &mask, &facts);
    ck_assert_int_eq(pp_array_dtype(frames), PP_U16);
    ck_assert_int_eq(facts.unmeasured, 2);
    pp_array_free(&frames);
    pp_array_free(&mask);
    make_odd(2.5);
    read_counts(&plain, &rules, &frames, &mask, &facts);
    ck_assert_int_eq(pp_array_dtype(frames), PP_F32);
    pp_array_free(&frames);
    pp_array_free(&mask);
    rules.storage = PP_STORE_U16;
    pp_cxi cxi;
    pp_assert_ok(pp_cxi_open(path, &plain, &cxi));
    ck_assert_int_eq(pp_cxi_read(&cxi, &plain, &rules, &frames, &mask, NULL), PP_ERR_DATA);
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
    pp_h5 *file = start(&usual);
    put_reals(file, DETECTOR "data_dark", 3, shape, dark, "counts");
    finish(file);
    read_counts(&plain, &rules, &frames, &mask, NULL);
    ck_assert_int_eq(u16_at(frames, 1, 0, 0), count_at(1, N / 2, N / 2) - 2);
    ck_assert_int_eq(u16_at(frames, 0, N / 2, N / 2), 0);
    pp_array_free(&frames);
    pp_array_free(&mask);
}
END_TEST

START_TEST(raster_of_frames)
{
    const recipe none = {.dead_link = true};
    pp_array *frames = NULL, *mask = NULL;
    const pp_frame_rules rules = {.first = 1, .count = 2};
    double v[J * N * N];
    const int64_t shape[] = {2, 2, N, N};
    for (int k = 0; k < J * N * N; k++) v[k] = k / (N * N) + 1;
    pp_h5 *file = start(&none);
    put_reals(file, DETECTOR "data", 4, shape, v, "counts");
    finish(file);
    read_counts(&plain, &rules, &frames, &mask, NULL);
    ck_assert_int_eq(u16_at(frames, 0, 0, 0), 2);
    ck_assert_int_eq(u16_at(frames, 1, 3, 3), 3);
    pp_array_free(&frames);
    pp_array_free(&mask);
}
END_TEST

static pp_array *new_probe(int64_t modes, int64_t n)
{
    pp_array *probe = NULL;
    const int64_t shape[] = {modes, n, n};
    pp_assert_ok(pp_array_create(PP_C32, 3, shape, "sqrt(counts)", &probe));
    pp_c32 *p = pp_array_data(probe);
    for (int64_t k = 0; k < modes * n * n; k++)
        p[k] = (pp_c32){(float)(k % 13), (float)(k % 5) - 2};
    return probe;
}

/* A view of ours, written and read again: nothing may change, in a frame that is no square's symmetry. */
START_TEST(written_and_read_again)
{
    const pp_geometry geometry = {
        wavelength,
        distance,
        {pixel, pixel},
        {wavelength * distance / (N * pixel), wavelength * distance / (N * pixel)},
        0.7};
    const int64_t shape[] = {J, N, N}, two[] = {J, 2};
    pp_array *frames = NULL, *mask = NULL, *positions = NULL, *probe = new_probe(2, N),
             *back = NULL;
    pp_assert_ok(pp_array_create(PP_U16, 3, shape, "counts", &frames));
    pp_assert_ok(pp_array_create(PP_U8, 2, shape + 1, "1", &mask));
    pp_assert_ok(pp_array_create(PP_F64, 2, two, "pixel", &positions));
    for (int k = 0; k < J * N * N; k++) ((uint16_t *)pp_array_data(frames))[k] = (uint16_t)(k + 1);
    for (int k = 0; k < N * N; k++) ((uint8_t *)pp_array_data(mask))[k] = k % 5 != 0;
    for (int j = 0; j < J; j++) {
        ((double *)pp_array_data(positions))[2 * j] = grid_y(j);
        ((double *)pp_array_data(positions))[2 * j + 1] = grid_x(j);
    }
    const pp_cxi_view view = {"a view", &geometry, frames, mask, positions, probe};
    pp_assert_ok(pp_cxi_write(path, &view));
    expect_grid(&plain);
    pp_cxi cxi;
    pp_array *frames_back = NULL, *mask_back = NULL;
    const pp_frame_rules rules = {0};
    pp_assert_ok(pp_cxi_open(path, &plain, &cxi));
    pp_assert_near(cxi.geometry.angle, 0.7, 1e-14);
    ck_assert_int_eq(cxi.modes, 2);
    pp_assert_ok(pp_cxi_read(&cxi, &plain, &rules, &frames_back, &mask_back, NULL));
    ck_assert_mem_eq(pp_array_read(mask_back), pp_array_read(mask), N * N);
    ck_assert_mem_eq(pp_array_read(frames_back), pp_array_read(frames), pp_array_bytes(frames));
    pp_assert_ok(pp_probe_read(path, N, N, &back));
    ck_assert_mem_eq(pp_array_read(back), pp_array_read(probe), pp_array_bytes(probe));
    pp_cxi_free(&cxi);
    pp_array *all[] = {frames, mask, positions, probe, back, frames_back, mask_back};
    for (size_t k = 0; k < sizeof all / sizeof *all; k++) pp_array_free(&all[k]);
}
END_TEST

/* Cropping in Fourier space keeps the low frequencies: a wide Gaussian stays one, with its power. */
START_TEST(probe_of_the_uncropped_side)
{
    enum { FULL = 32, SIDE = 16 };
    pp_array *probe = NULL, *small = NULL;
    const int64_t shape[] = {FULL, FULL};
    pp_assert_ok(pp_array_create(PP_C32, 2, shape, "sqrt(counts)", &probe));
    pp_c32 *p = pp_array_data(probe);
    double power = 0, kept = 0;
    for (int y = 0; y < FULL; y++)
        for (int x = 0; x < FULL; x++) {
            const double dy = y - FULL / 2 - 2, dx = x - FULL / 2 + 4; /* off centre */
            p[y * FULL + x].re = (float)exp(-(dy * dy + dx * dx) / 20);
            power += pow((double)p[y * FULL + x].re, 2);
        }
    pp_h5 *file = NULL;
    pp_assert_ok(pp_h5_create("test_cxi_probe.h5", &file));
    pp_assert_ok(pp_h5_put_array(file, "/probe", probe));
    finish(file);
    pp_assert_ok(pp_probe_read("test_cxi_probe.h5", FULL, SIDE, &small));
    const pp_c32 *s = pp_array_read(small);
    int best = 0;
    for (int k = 0; k < SIDE * SIDE; k++) {
        kept += (double)s[k].re * (double)s[k].re + (double)s[k].im * (double)s[k].im;
        if (s[k].re > s[best].re) best = k;
    }
    pp_assert_near(kept / power, 1, 1e-4);
    ck_assert_int_eq(best, (SIDE / 2 + 1) * SIDE + SIDE / 2 - 2); /* half the offset */
    pp_array_free(&small);
    ck_assert_int_eq(pp_probe_read("test_cxi_probe.h5", 24, SIDE, &small), PP_ERR_DATA);
    ck_assert_ptr_nonnull(strstr(pp_error_last()->text, "test_cxi_probe.h5: /probe"));
    pp_array_free(&probe);
}
END_TEST

enum { FIELD = 40 }; /* side of the object of the sign test; grid point (0, 0) is its middle */

static double object_re(int y, int x)
{
    return cos(0.9 * sin(0.31 * y + 0.02 * x * x));
}
static double object_im(int y, int x)
{
    return sin(0.9 * sin(0.31 * y + 0.02 * x * x));
}

/* Intensity of one detector pixel, by the definition: window pixel n / 2 on grid point g, kernel exp(-2 pi i k r / n). */
static double intensity(const pp_c32 *probe, int gy, int gx, int ky, int kx)
{
    double re = 0, im = 0;
    for (int y = 0; y < N; y++)
        for (int x = 0; x < N; x++) {
            const int row = gy + y - N / 2 + FIELD / 2, column = gx + x - N / 2 + FIELD / 2;
            const double a = object_re(row, column), b = object_im(row, column);
            const double p = (double)probe[y * N + x].re, q = (double)probe[y * N + x].im;
            const double angle = -2 * 3.14159265358979323846 * (ky * y + kx * x) / N;
            const double u = p * a - q * b, v = p * b + q * a;
            re += u * cos(angle) - v * sin(angle);
            im += u * sin(angle) + v * cos(angle);
        }
    return (re * re + im * im) / (N * N);
}

/* Relative misfit of the model at these grid points with what was read. */
static double misfit(const float *frames, const pp_c32 *probe, const double *grid, int count)
{
    double difference = 0, sum = 0;
    for (int j = 0; j < count; j++)
        for (int k = 0; k < N * N; k++) {
            const double model = intensity(probe, (int)lrint(grid[2 * j]),
                                           (int)lrint(grid[2 * j + 1]), k / N, k % N);
            difference += fabs(model - (double)frames[j * N * N + k]);
            sum += model;
        }
    return difference / sum;
}

/* Patterns by the definition, stored as CXI says: only the right axes and signs give them again. */
START_TEST(axes_and_signs)
{
    enum { COUNT = 5 };
    static const int at[COUNT][2] = {{0, 0}, {-6, 2}, {3, 9}, {8, -4}, {-2, -10}};
    const double size = wavelength * distance / (N * pixel);
    const recipe none = {.dead_link = true, .no_translation = true};
    const int64_t shape[] = {COUNT, N, N}, places[] = {COUNT, 3};
    static double data[COUNT * N * N], t[3 * COUNT];
    pp_array *probe = new_probe(1, N), *read = NULL, *frames = NULL, *mask = NULL;
    for (int j = 0; j < COUNT; j++) {
        t[3 * j] = at[j][1] * size;
        t[3 * j + 1] = at[j][0] * size;
        for (int k = 0; k < N * N; k++)
            data[(j * N + (k / N + N / 2) % N) * N + (k % N + N / 2) % N] =
                intensity(pp_array_read(probe), at[j][0], at[j][1], k / N, k % N);
    }
    pp_h5 *file = start(&none);
    put_reals(file, DETECTOR "data", 3, shape, data, "counts");
    put_reals(file, TRANSLATION, 2, places, t, "m");
    pp_assert_ok(pp_h5_put_array(file, SOURCE "illumination", probe));
    finish(file);
    const pp_frame_rules rules = {.storage = PP_STORE_F32};
    read_counts(&plain, &rules, &frames, &mask, NULL);
    pp_assert_ok(pp_probe_read(path, N, N, &read));
    for (int code = 0; code < 8; code++) {
        const pp_cxi_options options = {
            .swap = code & 4, .negate_row = code & 2, .negate_column = code & 1};
        pp_cxi cxi;
        pp_assert_ok(pp_cxi_open(path, &options, &cxi));
        const double off = misfit(pp_array_read(frames), pp_array_read(read), cxi.grid, COUNT);
        ck_assert_msg(code ? off > 0.05 : off < 1e-5, "code %d: misfit %g", code, off);
        pp_cxi_free(&cxi);
    }
    pp_array *all[] = {probe, read, frames, mask};
    for (int k = 0; k < 4; k++) pp_array_free(&all[k]);
}
END_TEST

START_TEST(scan_facts)
{
    const double grid[] = {0, 0, 0, 4, 3, 0, 3, 4.2};
    const pp_scan scan = pp_scan_measure(grid, 4, 16);
    ck_assert_int_eq(scan.object[0], 19);
    ck_assert_int_eq(scan.object[1], 20);
    pp_assert_near(scan.spacing, 3, 0.02);
    pp_assert_near(pp_scan_overlap(&scan, 12), 0.75, 0.01);
}
END_TEST

START_TEST(real_files)
{
    const char *star = pp_test_shared("data/siemens-star-aps.cxi");
    if (!star) return;
    pp_cxi cxi;
    pp_array *frames = NULL, *mask = NULL;
    pp_frame_facts facts;
    const pp_frame_rules rules = {0};
    pp_assert_ok(pp_cxi_open(star, &plain, &cxi));
    ck_assert(cxi.patterns == 516 && cxi.n == 128 && cxi.modes == 1);
    pp_assert_ok(pp_cxi_read(&cxi, &plain, &rules, &frames, &mask, &facts));
    ck_assert_int_eq(pp_array_dtype(frames), PP_U16);
    ck_assert_int_eq(facts.masked, 0);
    pp_array_free(&frames);
    pp_array_free(&mask);
    pp_cxi_free(&cxi);
    pp_assert_ok(pp_cxi_open(pp_test_shared("data/campaign-aligned/view_0007.cxi"), &plain, &cxi));
    pp_assert_near(cxi.geometry.angle * 180 / 3.14159265358979, 7 * 180 / 48.0, 1e-9);
    ck_assert(cxi.modes == 0 && cxi.patterns == 100);
    pp_cxi_free(&cxi);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {both_layouts_of_the_translation,
                                  units_are_obeyed,
                                  basis_vectors_project,
                                  position_options,
                                  energies_and_their_traps,
                                  counts_and_positions_differ,
                                  frames_that_are_not_square,
                                  things_that_are_missing,
                                  angles,
                                  a_position_that_is_not_finite,
                                  a_filter_that_is_not_installed,
                                  links_to_files_that_are_gone,
                                  zero_frequency_moves_to_the_corner,
                                  orientations_and_crop,
                                  mask_bits_dead_pixels_and_mask_file,
                                  mask_with_a_frame_axis,
                                  values_that_are_not_counts,
                                  dark_frames_are_subtracted,
                                  raster_of_frames,
                                  written_and_read_again,
                                  probe_of_the_uncropped_side,
                                  axes_and_signs,
                                  scan_facts,
                                  real_files,
                                  NULL};
    return pp_test_main(pp_test_suite("cxi", tests));
}
