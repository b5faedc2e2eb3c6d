/* CXI files: geometry round trip, both layouts, units and their traps, and an error that names file and H5 path for each kind
 * of wrong file. The tests write their own files.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <hdf5.h>
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "io/units.h"
#include "support/cxi_file.h"

START_TEST(both_layouts_of_the_translation)
{
    cxi_make(&cxi_usual);
    cxi_expect_grid(&cxi_plain);
    const cxi_recipe wide = {.wide = true};
    cxi_make(&wide);
    cxi_expect_grid(&cxi_plain);
    const cxi_recipe three = {.three = true, .frames = 3};
    cxi_refused(&three, "translation_layout");
    const pp_cxi_options rows = {.layout = PP_LAYOUT_ROWS};
    pp_cxi cxi;
    pp_assert_ok(pp_cxi_open(cxi_path, &rows, &cxi));
    pp_assert_near(cxi.grid[2], cxi_grid_y(1), 1e-9);
    pp_cxi_free(&cxi);
    cxi_make(&cxi_usual);
    const pp_cxi_options columns = {.layout = PP_LAYOUT_COLUMNS};
    cxi_refused_with(&columns, CXI_TRANSLATION);
}
END_TEST

START_TEST(units_are_obeyed)
{
    const cxi_recipe mixed = {.translation_unit = "um",
                              .translation_factor = 1e6,
                              .pixel_unit = "mm",
                              .pixel_value = 0.075,
                              .distance_unit = "mm",
                              .distance_value = 2000};
    cxi_make(&mixed);
    cxi_expect_grid(&cxi_plain);
    const cxi_recipe one = {.x_pixel_only = true};
    cxi_make(&one);
    cxi_expect_grid(&cxi_plain);
    const cxi_recipe lie = {.pixel_unit = "um"}; /* metres called micrometres */
    cxi_refused(&lie, CXI_DETECTOR "y_pixel_size");
    const cxi_recipe furlong = {.pixel_unit = "furlong"};
    cxi_refused(&furlong, "furlong");
    const cxi_recipe far = {.distance_value = 2e6};
    cxi_refused(&far, CXI_DETECTOR "distance");
    const pp_cxi_options given = {.distance = cxi_distance};
    cxi_expect_grid(&given);
    const cxi_recipe none = {.no_pixel = true};
    cxi_refused(&none, "detector_pixel");
    const pp_cxi_options size = {.detector_pixel = cxi_pixel};
    cxi_expect_grid(&size);
}
END_TEST

START_TEST(basis_vectors_project)
{
    const cxi_recipe none = {.no_pixel = true};
    const int64_t wide[] = {2, 3}, tall[] = {3, 2};
    const double standard[] = {0, -75e-6, 0, -75e-6, 0, 0};
    pp_h5 *file = cxi_start(&none);
    cxi_put_reals(file, CXI_DETECTOR "basis_vectors", 2, wide, standard, "m");
    cxi_finish(file);
    cxi_expect_grid(&cxi_plain);
    const double columns[] = {0, -75e-6, -75e-6, 0, 0, 0}; /* the same, (3, 2) */
    file = cxi_start(&cxi_usual);
    cxi_put_reals(file, CXI_DETECTOR "basis_vectors", 2, tall, columns, "m");
    cxi_finish(file);
    cxi_expect_grid(&cxi_plain);
    const double turned[] = {-75e-6, 0, 0, 0, 75e-6, 0}; /* rows along -x, columns along +y */
    file = cxi_start(&cxi_usual);
    cxi_put_reals(file, CXI_DETECTOR "basis_vectors", 2, wide, turned, "m");
    cxi_finish(file);
    pp_cxi cxi;
    pp_assert_ok(pp_cxi_open(cxi_path, &cxi_plain, &cxi));
    for (int j = 0; j < J; j++) {
        pp_assert_near(cxi.grid[2 * j], cxi_grid_x(j), 1e-9);
        pp_assert_near(cxi.grid[2 * j + 1], -cxi_grid_y(j), 1e-9);
    }
    pp_cxi_free(&cxi);
}
END_TEST

START_TEST(position_options)
{
    cxi_make(&cxi_usual);
    const pp_cxi_options options = {
        .swap = true, .negate_row = true, .scale = 2, .rotation = 0.5 * 3.14159265358979323846};
    pp_cxi cxi;
    pp_assert_ok(pp_cxi_open(cxi_path, &options, &cxi));
    for (int j = 0; j < J; j++) { /* swap: (x, y); negate: (-x, y); rotate: (y, x); scale */
        pp_assert_near(cxi.grid[2 * j], 2 * cxi_grid_y(j), 1e-9);
        pp_assert_near(cxi.grid[2 * j + 1], 2 * cxi_grid_x(j), 1e-9);
    }
    pp_cxi_free(&cxi);
}
END_TEST

static double wavelength_of(const char *where, double value, const char *unit, const char *creator)
{
    const cxi_recipe none = {.no_wavelength = true};
    pp_h5 *file = cxi_start(&none);
    cxi_put_number(file, where, value, unit);
    cxi_put_number(file, CXI_SOURCE "energy", 6e9, "eV"); /* a storage ring's, as NeXus has it */
    if (creator) pp_assert_ok(pp_h5_set_text(file, "/", "creator", creator));
    cxi_finish(file);
    pp_cxi cxi;
    pp_assert_ok(pp_cxi_open(cxi_path, &cxi_plain, &cxi));
    const double found = cxi.geometry.wavelength;
    ck_assert((cxi.warnings.length > 0) == (creator != NULL));
    pp_cxi_free(&cxi);
    return found;
}

/* Whether a file with this energy and a wavelength that is `apart` times its own is warned of. */
static bool told_apart(double apart)
{
    const cxi_recipe none = {.no_wavelength = true};
    pp_h5 *file = cxi_start(&none);
    cxi_put_number(file, CXI_BEAM "energy", PP_HC / cxi_wavelength, "J");
    cxi_put_number(file, CXI_SOURCE "wavelength", cxi_wavelength * apart, "m");
    cxi_finish(file);
    pp_cxi cxi;
    pp_assert_ok(pp_cxi_open(cxi_path, &cxi_plain, &cxi));
    pp_assert_near(cxi.geometry.wavelength / cxi_wavelength, 1, 1e-12);
    const bool told = cxi.warnings.length > 0 && strstr(cxi.warnings.data, "the energy is used");
    pp_cxi_free(&cxi);
    return told;
}

START_TEST(energies_and_their_traps)
{
    ck_assert(told_apart(1.01) && told_apart(0.99) && !told_apart(1.001));
    const double energy = PP_HC / cxi_wavelength;
    pp_assert_near(wavelength_of(CXI_BEAM "energy", energy, "J", NULL) / cxi_wavelength, 1, 1e-12);
    pp_assert_near(wavelength_of(CXI_BEAM "energy", energy, NULL, NULL) / cxi_wavelength, 1, 1e-12);
    pp_assert_near(wavelength_of(CXI_BEAM "incident_beam_energy", energy / PP_EV, NULL, NULL) /
                       cxi_wavelength,
                   1, 1e-12);
    pp_assert_near(wavelength_of(CXI_BEAM "incident_energy", energy / PP_EV / 1e3, "keV", NULL) /
                       cxi_wavelength,
                   1, 1e-12);
    pp_assert_near(wavelength_of(CXI_SOURCE "wavelength", 0.14, "nm", NULL) / cxi_wavelength, 1,
                   1e-12);
    pp_assert_near(wavelength_of(CXI_BEAM "energy", energy, "J", "PyNX") / cxi_wavelength, 1,
                   1e-12);
    const cxi_recipe none = {.no_wavelength = true};
    cxi_refused(&none, "set energy");
    pp_h5 *file = cxi_start(&none);
    cxi_put_number(file, CXI_SOURCE "energy", energy, NULL);
    cxi_finish(file);
    cxi_expect_grid(&cxi_plain);
    file = cxi_start(&none);
    cxi_put_number(file, CXI_SOURCE "energy", 6e9 * PP_EV, NULL);
    cxi_finish(file);
    cxi_refused_with(&cxi_plain, CXI_SOURCE "energy");
    file = cxi_start(&none);
    cxi_put_number(file, CXI_BEAM "energy", energy, "eV"); /* joules called electronvolts */
    cxi_finish(file);
    cxi_refused_with(&cxi_plain, CXI_BEAM "energy");
    file = cxi_start(&none);
    cxi_put_number(file, CXI_BEAM "energy", 8.8, NULL);
    cxi_finish(file);
    cxi_refused_with(&cxi_plain, "neither J nor eV");
    const pp_cxi_options given = {.wavelength = cxi_wavelength};
    cxi_expect_grid(&given);
}
END_TEST

START_TEST(counts_and_positions_differ)
{
    const cxi_recipe more = {.frames = J + 2};
    cxi_refused(&more, "6 frames, but 4 positions");
    const pp_cxi_options truncate = {.truncate = true};
    cxi_expect_grid(&truncate);
    const cxi_recipe fewer = {.positions = J + 3};
    cxi_refused(&fewer, "truncate");
    cxi_expect_grid(&truncate);
}
END_TEST

START_TEST(frames_that_are_not_square)
{
    const cxi_recipe oblong = {.rows = N, .columns = N + 4};
    cxi_refused(&oblong, "crop");
    const pp_cxi_options crop = {.detector = {.crop = N}};
    pp_cxi cxi;
    pp_assert_ok(pp_cxi_open(cxi_path, &crop, &cxi));
    ck_assert_int_eq(cxi.n, N);
    pp_cxi_free(&cxi);
    const pp_cxi_options large = {.detector = {.crop = N + 1}};
    cxi_refused_with(&large, "crop = 7");
}
END_TEST

START_TEST(things_that_are_missing)
{
    pp_cxi cxi;
    ck_assert_int_eq(pp_cxi_open("test_cxi_nowhere.cxi", &cxi_plain, &cxi), PP_ERR_DATA);
    ck_assert_ptr_nonnull(strstr(pp_error_last()->text, "test_cxi_nowhere.cxi: no such file"));
    const cxi_recipe dead = {.dead_link = true};
    cxi_refused(&dead, "/entry_1/data_1/data: dead link");
    const cxi_recipe still = {.no_translation = true};
    cxi_refused(&still, "no positions");
    pp_assert_ok(pp_file_write(cxi_path, "not HDF5", 8));
    cxi_refused_with(&cxi_plain, "HDF5");
    char *bytes;
    size_t size;
    cxi_make(&cxi_usual);
    pp_assert_ok(pp_file_read(cxi_path, &bytes, &size));
    pp_assert_ok(pp_file_write(cxi_path, bytes, size / 2));
    pp_free(bytes);
    cxi_refused_with(&cxi_plain, "truncated");
}
END_TEST

START_TEST(angles)
{
    static const char where[] = "/entry_1/sample_1/transformations/rotation_angle";
    static const char *const units[] = {"degree", "degrees", "deg", "", "rad"};
    for (int k = 0; k < 5; k++) {
        pp_h5 *file = cxi_start(&cxi_usual);
        cxi_put_number(file, where, 30, units[k]);
        cxi_finish(file);
        pp_cxi cxi;
        pp_assert_ok(pp_cxi_open(cxi_path, &cxi_plain, &cxi));
        pp_assert_near(cxi.geometry.angle, k < 4 ? 0.52359877559829887 : 30, 1e-14);
        pp_cxi_free(&cxi);
    }
    pp_h5 *file = cxi_start(&cxi_usual);
    cxi_put_number(file, where, NAN, "degree");
    cxi_finish(file);
    cxi_refused_with(&cxi_plain, where);
    cxi_make(&cxi_usual);
    pp_cxi cxi;
    pp_assert_ok(pp_cxi_open(cxi_path, &cxi_plain, &cxi));
    ck_assert(isnan(cxi.geometry.angle));
    pp_cxi_free(&cxi);
}
END_TEST

START_TEST(a_position_that_is_not_finite)
{
    const cxi_recipe none = {.no_translation = true};
    const int64_t shape[] = {J, 3};
    double t[3 * J] = {0, 0, 0, 1e-7, 0, 0, 0, NAN, 0, 1e-7, 1e-7, 0};
    pp_h5 *file = cxi_start(&none);
    cxi_put_reals(file, CXI_TRANSLATION, 2, shape, t, "m");
    cxi_finish(file);
    cxi_refused_with(&cxi_plain, CXI_TRANSLATION ": position 2 is not finite");
}
END_TEST

/* Opens the file that was just made again, with HDF5 itself, for what our writer does not make. */
static hid_t open_raw(const cxi_recipe *r)
{
    cxi_make(r);
    const hid_t file = H5Fopen(cxi_path, H5F_ACC_RDWR, H5P_DEFAULT);
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
    const cxi_recipe none = {.dead_link = true};
    const hsize_t shape[] = {J, N, N}, chunk[] = {1, N, N};
    static const uint16_t counts[J * N * N];
    const hid_t file = open_raw(&none);
    ck_assert_int_ge(H5Zregister(&filter), 0);
    const hid_t plist = H5Pcreate(H5P_DATASET_CREATE), space = H5Screate_simple(3, shape, NULL);
    ck_assert(H5Pset_chunk(plist, 3, chunk) >= 0 &&
              H5Pset_filter(plist, BITSHUFFLE, H5Z_FLAG_MANDATORY, 0, NULL) >= 0);
    const hid_t data = H5Dcreate2(file, CXI_DETECTOR "data", H5T_NATIVE_UINT16, space, H5P_DEFAULT,
                                  plist, H5P_DEFAULT);
    ck_assert_int_ge(H5Dwrite(data, H5T_NATIVE_UINT16, H5S_ALL, H5S_ALL, H5P_DEFAULT, counts), 0);
    ck_assert(H5Dclose(data) >= 0 && H5Sclose(space) >= 0 && H5Pclose(plist) >= 0 &&
              H5Fclose(file) >= 0);
    ck_assert_int_ge(H5Zunregister(BITSHUFFLE), 0);
    cxi_refused_with(&cxi_plain, "filter 32008 (bitshuffle)");
    cxi_refused_with(&cxi_plain, "HDF5_PLUGIN_PATH");
}
END_TEST

START_TEST(links_to_files_that_are_gone)
{
    const cxi_recipe none = {.dead_link = true};
    hid_t file = open_raw(&none);
    ck_assert_int_ge(H5Lcreate_external("gone_000001.h5", "/entry/data", file, CXI_DETECTOR "data",
                                        H5P_DEFAULT, H5P_DEFAULT),
                     0);
    ck_assert_int_ge(H5Fclose(file), 0);
    cxi_refused_with(&cxi_plain, "dead link");
    file = open_raw(&none);
    const hsize_t shape[] = {J, N, N};
    const hid_t plist = H5Pcreate(H5P_DATASET_CREATE), space = H5Screate_simple(3, shape, NULL);
    ck_assert_int_ge(H5Pset_virtual(plist, space, "gone_000002.h5", "/entry/data", space), 0);
    const hid_t data = H5Dcreate2(file, CXI_DETECTOR "data", H5T_NATIVE_UINT16, space, H5P_DEFAULT,
                                  plist, H5P_DEFAULT);
    ck_assert_int_ge(data, 0);
    ck_assert(H5Dclose(data) >= 0 && H5Sclose(space) >= 0 && H5Pclose(plist) >= 0 &&
              H5Fclose(file) >= 0);
    cxi_refused_with(&cxi_plain, "gone_000002.h5 is missing");
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
                                  NULL};
    cxi_path = "test_cxi.cxi";
    return pp_test_main(pp_test_suite("cxi", tests));
}
