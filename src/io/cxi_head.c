/* CXI: description of a file from its headers: paths, geometry, positions on the grid.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "io/cxi.h"
#include "io/units.h"

#define DETECTOR "/entry_1/instrument_1/detector_1/"
#define SOURCE "/entry_1/instrument_1/source_1/"

/* The first that exists. */
static const char *const frames_paths[] = {"/entry_1/data_1/data", DETECTOR "data", NULL};
static const char *const translation_paths[] = {"/entry_1/data_1/translation",
                                                "/entry_1/sample_1/geometry_1/translation",
                                                DETECTOR "translation", NULL};
static const char *const dark_paths[] = {DETECTOR "data_dark", DETECTOR "dark", NULL};
static const char *const mask_paths[] = {DETECTOR "mask", NULL};
static const char *const beam_paths[] = {"/entry_1/instrument_1/beam_1/incident_beam_energy",
                                         "/entry_1/beam_1/incident_beam_energy",
                                         "/entry_1/instrument_1/beam_1/energy",
                                         "/entry_1/beam_1/energy",
                                         "/entry_1/instrument_1/beam_1/incident_energy",
                                         "/entry_1/beam_1/incident_energy",
                                         NULL};
static const char *const wavelength_paths[] = {
    SOURCE "wavelength", "/entry_1/instrument_1/beam_1/incident_wavelength", NULL};
static const char source_energy[] = SOURCE "energy";
static const char angle_path[] = "/entry_1/sample_1/transformations/rotation_angle";
static const char basis_path[] = DETECTOR "basis_vectors";

/* Photon energies that ptychography uses, in J; a storage ring's (GeV) and wrong units fall outside. */
static const double lowest_energy = 50 * PP_EV, highest_energy = 200e3 * PP_EV;
/* Energy and wavelength of one file, relative: rounded constants differ by 0.12 % at most (PyNX). */
static const double most_apart = 2e-3;

/* One number with its unit; `unitless` is the factor where the file gives no unit (NAN: leave the value as it is). */
static pp_status read_quantity(pp_h5 *file, const char *where, pp_quantity quantity,
                               double unitless, double *out)
{
    pp_h5_info info;
    double value = 0, factor = unitless;
    PP_TRY(pp_h5_describe(file, where, &info));
    PP_TRY(pp_h5_read_number(file, where, &value));
    if (info.unit[0] && !pp_unit_factor(info.unit, quantity, &factor))
        return PP_FAIL(PP_ERR_DATA, "%s: %s: unit '%s' is not known; expected %s", pp_h5_path(file),
                       where, info.unit, pp_unit_choices(quantity));
    if (!isfinite(value))
        return PP_FAIL(PP_ERR_DATA, "%s: %s: %g is not a finite number", pp_h5_path(file), where,
                       value);
    *out = value * factor;
    return PP_OK;
}

static pp_status guard(pp_h5 *file, const char *where, double value, double lowest, double highest,
                       const char *what)
{
    if (value >= lowest && value <= highest) return PP_OK;
    pp_h5_info info;
    PP_TRY(pp_h5_describe(file, where, &info));
    return PP_FAIL(PP_ERR_DATA, "%s: %s: %g m%s%s%s is outside %g to %g m: wrong unit? Give %s",
                   pp_h5_path(file), where, value, info.unit[0] ? " (the file's unit is " : "",
                   info.unit, info.unit[0] ? ")" : "", lowest, highest, what);
}

/* beam_1: obey the unit; without one J below 1e-10, eV from 50 to 2e5. */
static pp_status beam_energy(pp_h5 *file, const char *where, double *energy)
{
    pp_h5_info info;
    double value = 0;
    PP_TRY(pp_h5_describe(file, where, &info));
    PP_TRY(pp_h5_read_number(file, where, &value));
    const double guess = value > 0 && value < 1e-10 ? 1 : value >= 50 && value <= 2e5 ? PP_EV : 0;
    if (!info.unit[0] && guess == 0)
        return PP_FAIL(PP_ERR_DATA,
                       "%s: %s: %g without attribute units is neither J nor eV; set energy",
                       pp_h5_path(file), where, value);
    PP_TRY(read_quantity(file, where, PP_ENERGY, guess, energy));
    if (*energy >= lowest_energy && *energy <= highest_energy) return PP_OK;
    return PP_FAIL(PP_ERR_DATA,
                   "%s: %s: %g %s is no photon energy between 50 eV and 200 keV: wrong unit? Set "
                   "energy",
                   pp_h5_path(file), where, value, info.unit[0] ? info.unit : "(no unit)");
}

static pp_status warn_if_pynx(pp_h5 *file, pp_cxi *out)
{
    char creator[64];
    if (!pp_h5_attribute_text(file, "/", "creator", creator, sizeof creator) ||
        strcmp(creator, "PyNX") != 0)
        return PP_OK;
    return pp_text_add(&out->warnings,
                       "%s: written by PyNX: its energies are 0.12 %% low; set energy\n",
                       pp_h5_path(file));
}

/* source_1/energy is the photon energy in J in CXI and the storage ring's in NXcxi_ptycho: only the range can tell. */
static pp_status source_wavelength(pp_h5 *file, pp_cxi *out)
{
    double energy = 0;
    if (pp_h5_kind_of(file, source_energy) != PP_H5_DATASET)
        return PP_FAIL(PP_ERR_DATA,
                       "%s: no wavelength: none of beam_1/incident_beam_energy, beam_1/energy, "
                       "beam_1/incident_energy, source_1/wavelength, source_1/energy is there "
                       "under /entry_1/instrument_1; set energy",
                       pp_h5_path(file));
    PP_TRY(read_quantity(file, source_energy, PP_ENERGY, 1, &energy));
    if (energy < lowest_energy || energy > highest_energy)
        return PP_FAIL(PP_ERR_DATA,
                       "%s: %s: %g J is no photon energy between 50 eV and 200 keV (a storage "
                       "ring's? wrong unit?); set energy",
                       pp_h5_path(file), source_energy, energy);
    out->geometry.wavelength = PP_HC / energy;
    return warn_if_pynx(file, out);
}

/* A file that also holds a wavelength: the energy wins, a difference is told. */
static pp_status warn_if_apart(pp_h5 *file, const char *where, pp_cxi *out)
{
    const char *other = pp_h5_first(file, wavelength_paths);
    double wavelength = 0;
    if (!other) return PP_OK;
    PP_TRY(read_quantity(file, other, PP_LENGTH, 1, &wavelength));
    const double apart = wavelength / out->geometry.wavelength - 1;
    if (fabs(apart) <= most_apart) return PP_OK;
    return pp_text_add(&out->warnings,
                       "%s: %s (%g m) and %s (%g m) differ by %.2g %%: the energy is used; set "
                       "energy if it is wrong\n",
                       pp_h5_path(file), other, wavelength, where, out->geometry.wavelength,
                       100 * fabs(apart));
}

static pp_status read_wavelength(pp_h5 *file, const pp_cxi_options *options, pp_cxi *out)
{
    double energy = 0;
    double *wavelength = &out->geometry.wavelength;
    if (options->wavelength > 0) {
        *wavelength = options->wavelength;
        return PP_OK;
    }
    const char *where = pp_h5_first(file, beam_paths);
    if (where) {
        PP_TRY(beam_energy(file, where, &energy));
        *wavelength = PP_HC / energy;
        PP_TRY(warn_if_apart(file, where, out));
        return warn_if_pynx(file, out);
    }
    where = pp_h5_first(file, wavelength_paths);
    if (!where) return source_wavelength(file, out);
    PP_TRY(read_quantity(file, where, PP_LENGTH, 1, wavelength));
    return guard(file, where, *wavelength, PP_HC / highest_energy, PP_HC / lowest_energy,
                 "energy in eV");
}

static pp_status read_distance(pp_h5 *file, const pp_cxi_options *options, pp_cxi *out)
{
    static const char where[] = DETECTOR "distance";
    out->geometry.distance = options->distance;
    if (options->distance > 0) return PP_OK;
    if (pp_h5_kind_of(file, where) != PP_H5_DATASET)
        return PP_FAIL(PP_ERR_DATA, "%s: %s: missing; set distance", pp_h5_path(file), where);
    PP_TRY(read_quantity(file, where, PP_LENGTH, 1, &out->geometry.distance));
    return guard(file, where, out->geometry.distance, 1e-3, 1e3, "distance in m");
}

/* The (row, column) steps of the detector, or false where the file has none. */
static pp_status read_basis(pp_h5 *file, bool *found, double basis[2][3])
{
    pp_h5_info info;
    double raw[6];
    *found = pp_h5_kind_of(file, basis_path) == PP_H5_DATASET;
    if (!*found) return PP_OK;
    PP_TRY(pp_h5_describe(file, basis_path, &info));
    const bool wide = info.ndim == 2 && info.shape[0] == 2 && info.shape[1] == 3;
    if (!wide && !(info.ndim == 2 && info.shape[0] == 3 && info.shape[1] == 2))
        return PP_FAIL(PP_ERR_DATA, "%s: %s: shape (2, 3) or (3, 2) is expected", pp_h5_path(file),
                       basis_path);
    PP_TRY(pp_h5_read_items(file, basis_path, 2, 0, 1, PP_F64, raw));
    for (int row = 0; row < 2; row++) {
        double norm = 0;
        for (int axis = 0; axis < 3; axis++) {
            basis[row][axis] = wide ? raw[3 * row + axis] : raw[2 * axis + row];
            norm += basis[row][axis] * basis[row][axis];
        }
        if (!(norm > 0) || !isfinite(norm))
            return PP_FAIL(PP_ERR_DATA, "%s: %s: a vector has no length", pp_h5_path(file),
                           basis_path);
    }
    return PP_OK;
}

static pp_status read_pixel_sizes(pp_h5 *file, double out[2])
{
    static const char *const paths[] = {DETECTOR "y_pixel_size", DETECTOR "x_pixel_size"};
    const bool there[2] = {pp_h5_kind_of(file, paths[0]) == PP_H5_DATASET,
                           pp_h5_kind_of(file, paths[1]) == PP_H5_DATASET};
    double basis[2][3];
    bool found = false;
    for (int axis = 0; axis < 2 && (there[0] || there[1]); axis++) {
        const char *where = paths[there[axis] ? axis : 1 - axis];
        PP_TRY(read_quantity(file, where, PP_LENGTH, 1, &out[axis]));
        PP_TRY(guard(file, where, out[axis], 0.5e-6, 1e-3, "detector_pixel in m"));
    }
    if (there[0] || there[1]) return PP_OK;
    PP_TRY(read_basis(file, &found, basis));
    if (!found)
        return PP_FAIL(PP_ERR_DATA,
                       "%s: %s: missing, x_pixel_size and basis_vectors too; set "
                       "detector_pixel",
                       pp_h5_path(file), paths[0]);
    for (int row = 0; row < 2; row++) {
        out[row] = hypot(hypot(basis[row][0], basis[row][1]), basis[row][2]);
        PP_TRY(guard(file, basis_path, out[row], 0.5e-6, 1e-3, "detector_pixel in m"));
    }
    return PP_OK;
}

static pp_status read_detector(pp_h5 *file, const pp_cxi_options *options, pp_cxi *out)
{
    double disk[2] = {options->detector_pixel, options->detector_pixel};
    pp_geometry *g = &out->geometry;
    if (!(options->detector_pixel > 0)) PP_TRY(read_pixel_sizes(file, disk));
    const int turned = (options->detector.orientation & 4) != 0;
    for (int axis = 0; axis < 2; axis++) {
        g->detector_pixel[axis] = disk[turned ? 1 - axis : axis];
        g->pixel_size[axis] =
            g->wavelength * g->distance / ((double)out->n * g->detector_pixel[axis]);
    }
    return PP_OK;
}

static pp_status read_angle(pp_h5 *file, pp_cxi *out)
{
    double degree = 1;
    out->geometry.angle = NAN;
    if (pp_h5_kind_of(file, angle_path) != PP_H5_DATASET) return PP_OK;
    (void)pp_unit_factor("degree", PP_ANGLE, &degree);
    return read_quantity(file, angle_path, PP_ANGLE, degree, &out->geometry.angle);
}

static pp_status find_frames(pp_h5 *file, const pp_cxi_options *options, pp_cxi *out)
{
    out->frames_path = pp_h5_first(file, frames_paths);
    if (!out->frames_path) {
        for (const char *const *path = frames_paths; *path; path++)
            if (pp_h5_kind_of(file, *path) == PP_H5_DEAD_LINK)
                return PP_FAIL(PP_ERR_DATA, "%s: %s: dead link, its target is missing",
                               pp_h5_path(file), *path);
        return PP_FAIL(PP_ERR_DATA,
                       "%s: no frames at %s or %s: no CXI file? polyptych inspect shows what it "
                       "holds; a stack of projections needs format = \"projections\"",
                       pp_h5_path(file), frames_paths[0], frames_paths[1]);
    }
    pp_h5_info *info = &out->frames;
    PP_TRY(pp_h5_describe(file, out->frames_path, info));
    if (info->ndim < 2 || info->ndim > 4 ||
        (info->type != PP_H5_INTEGER && info->type != PP_H5_FLOAT))
        return PP_FAIL(PP_ERR_DATA,
                       "%s: %s: %s numbers with %d axes; counts (N, rows, columns) or a raster "
                       "(a, b, rows, columns) are expected",
                       pp_h5_path(file), out->frames_path, info->name, info->ndim);
    out->frames_in_file = 1;
    for (int k = 0; k < info->ndim - 2; k++) out->frames_in_file *= info->shape[k];
    memcpy(out->raw, &info->shape[info->ndim - 2], sizeof out->raw);
    pp_text what = {0};
    PP_TRY(pp_text_add(&what, "%s: %s", pp_h5_path(file), out->frames_path));
    const pp_status status = pp_detector_side(what.data, out->raw, &options->detector, &out->n);
    pp_text_free(&what);
    return status;
}

/* Whether the translation is (3, N); (3, 3) can be either. */
static pp_status translation_layout(pp_h5 *file, const pp_cxi_options *options, pp_cxi *out,
                                    bool *columns)
{
    pp_h5_info info;
    const char *where = out->translation_path;
    PP_TRY(pp_h5_describe(file, where, &info));
    const int64_t last = info.ndim ? info.shape[info.ndim - 1] : 0;
    const bool rows_fit = info.ndim >= 2 && last == 3;
    const bool columns_fit = info.ndim == 2 && info.shape[0] == 3;
    if (rows_fit && columns_fit && options->layout == PP_LAYOUT_AUTO)
        return PP_FAIL(PP_ERR_DATA,
                       "%s: %s: shape (3, 3) can be read both ways; set translation_layout to "
                       "\"rows\" or \"columns\"",
                       pp_h5_path(file), where);
    *columns =
        options->layout == PP_LAYOUT_COLUMNS || (options->layout == PP_LAYOUT_AUTO && !rows_fit);
    if (*columns ? !columns_fit : !rows_fit)
        return PP_FAIL(PP_ERR_DATA,
                       "%s: %s: shape (N, 3) or (3, N) is expected%s, found %d axes, the last of "
                       "%lld",
                       pp_h5_path(file), where,
                       options->layout == PP_LAYOUT_AUTO ? "" : " as translation_layout says",
                       info.ndim, (long long)last);
    out->columns = *columns;
    out->positions_in_file = *columns ? last : pp_h5_count(&info) / 3;
    return PP_OK;
}

static pp_status match_counts(pp_h5 *file, const pp_cxi_options *options, pp_cxi *out)
{
    const int64_t frames = out->frames_in_file, positions = out->positions_in_file;
    out->patterns = frames < positions ? frames : positions;
    if (frames != positions && !options->truncate)
        return PP_FAIL(PP_ERR_DATA,
                       "%s: %s: %lld frames, but %lld positions in %s; frames = \"truncate\" uses "
                       "the first %lld",
                       pp_h5_path(file), out->frames_path, (long long)frames, (long long)positions,
                       out->translation_path, (long long)out->patterns);
    if (out->patterns < 1)
        return PP_FAIL(PP_ERR_DATA, "%s: %s: no frames", pp_h5_path(file), out->frames_path);
    return PP_OK;
}

/* Metres (x, y, z) of the sample to grid points: along the detector's rows and columns, then as the user says. */
static void to_grid(const double t[3], double factor, const pp_cxi_options *options,
                    const double *basis, const pp_geometry *g, double out[2])
{
    double row = t[1] * factor, column = t[0] * factor;
    if (basis) {
        double along[2];
        for (int k = 0; k < 2; k++) {
            const double *b = basis + (size_t)k * 3;
            along[k] = -factor * (t[0] * b[0] + t[1] * b[1] + t[2] * b[2]) /
                       sqrt(b[0] * b[0] + b[1] * b[1] + b[2] * b[2]);
        }
        row = along[0];
        column = along[1];
    }
    if (options->swap) {
        const double kept = row;
        row = column;
        column = kept;
    }
    if (options->negate_row) row = -row;
    if (options->negate_column) column = -column;
    const double scale = options->scale > 0 ? options->scale : 1;
    const double c = scale * cos(options->rotation), s = scale * sin(options->rotation);
    out[0] = (c * row + s * column) / g->pixel_size[0];
    out[1] = (c * column - s * row) / g->pixel_size[1];
}

static pp_status convert_positions(pp_h5 *file, const pp_cxi_options *options, pp_cxi *out,
                                   bool columns, const double *values)
{
    pp_h5_info info;
    double basis[2][3], factor = 1;
    bool found = false;
    const int64_t total = out->positions_in_file;
    PP_TRY(pp_h5_describe(file, out->translation_path, &info));
    if (info.unit[0] && !pp_unit_factor(info.unit, PP_LENGTH, &factor))
        return PP_FAIL(PP_ERR_DATA, "%s: %s: unit '%s' is not known; expected %s", pp_h5_path(file),
                       out->translation_path, info.unit, pp_unit_choices(PP_LENGTH));
    PP_TRY(read_basis(file, &found, basis));
    PP_TRY(PP_ALLOC(2 * out->patterns, &out->grid));
    for (int64_t j = 0; j < out->patterns; j++) {
        double t[3];
        for (int64_t axis = 0; axis < 3; axis++)
            t[axis] = columns ? values[axis * total + j] : values[3 * j + axis];
        if (!isfinite(t[0]) || !isfinite(t[1]) || !isfinite(t[2]))
            return PP_FAIL(PP_ERR_DATA, "%s: %s: position %lld is not finite", pp_h5_path(file),
                           out->translation_path, (long long)j);
        to_grid(t, factor, options, found ? basis[0] : NULL, &out->geometry, &out->grid[2 * j]);
    }
    return PP_OK;
}

static pp_status read_positions(pp_h5 *file, const pp_cxi_options *options, pp_cxi *out)
{
    bool columns = false;
    double *values = NULL;
    pp_h5_info info;
    out->translation_path = pp_h5_first(file, translation_paths);
    if (!out->translation_path)
        return PP_FAIL(PP_ERR_DATA, "%s: no positions at %s or %s", pp_h5_path(file),
                       translation_paths[0], translation_paths[1]);
    PP_TRY(translation_layout(file, options, out, &columns));
    PP_TRY(match_counts(file, options, out));
    PP_TRY(pp_h5_describe(file, out->translation_path, &info));
    PP_TRY(PP_ALLOC(pp_h5_count(&info), &values));
    pp_status status =
        pp_h5_read_items(file, out->translation_path, info.ndim, 0, 1, PP_F64, values);
    if (status == PP_OK) status = convert_positions(file, options, out, columns, values);
    pp_free(values);
    return status;
}

static pp_status describe(pp_h5 *file, const pp_cxi_options *options, pp_cxi *out)
{
    PP_TRY(find_frames(file, options, out));
    PP_TRY(read_wavelength(file, options, out));
    PP_TRY(read_distance(file, options, out));
    PP_TRY(read_detector(file, options, out));
    PP_TRY(read_angle(file, out));
    PP_TRY(read_positions(file, options, out));
    out->mask_path = pp_h5_first(file, mask_paths);
    out->dark_path = pp_h5_first(file, dark_paths);
    return PP_OK;
}

pp_status pp_cxi_open(const char *path, const pp_cxi_options *options, pp_cxi *out)
{
    pp_h5 *file = NULL;
    int64_t side = 0;
    *out = (pp_cxi){0};
    PP_TRY(pp_h5_open(path, &file));
    pp_status status = pp_strdup(path, &out->path);
    if (status == PP_OK) status = describe(file, options, out);
    pp_h5_close(&file);
    if (status == PP_OK) status = pp_probe_describe(path, &out->modes, &side);
    if (status != PP_OK) pp_cxi_free(out);
    return status;
}

void pp_cxi_free(pp_cxi *cxi)
{
    pp_free(cxi->path);
    pp_free(cxi->grid);
    pp_text_free(&cxi->warnings);
    *cxi = (pp_cxi){0};
}
