/* Small CXI files for tests, made as a recipe says.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_TEST_CXI_FILE_H
#define PP_TEST_CXI_FILE_H

#include "io/cxi.h"
#include "support/support.h"

#define CXI_DETECTOR "/entry_1/instrument_1/detector_1/"
#define CXI_SOURCE "/entry_1/instrument_1/source_1/"
#define CXI_TRANSLATION "/entry_1/sample_1/geometry_1/translation"
#define CXI_BEAM "/entry_1/instrument_1/beam_1/"

/** Pixels a side and frames of the usual file. */
enum { N = 6, J = 4 };

/** The file that is made and read, in the working folder: each program sets its own. */
extern const char *cxi_path;
extern const double cxi_wavelength, cxi_distance, cxi_pixel;

/** What a made file is to be; 0 or NULL: as usual. */
typedef struct cxi_recipe {
    int frames, positions, rows, columns;
    bool wide, three; /* translation (3, N); three positions of three */
    const char *translation_unit, *pixel_unit, *distance_unit;
    double pixel_value, distance_value, translation_factor;
    bool no_wavelength, no_translation, no_pixel, x_pixel_only, dead_link, soft_data;
    int dtype; /* of the frames; PP_U16 by default (0 is PP_U8) */
} cxi_recipe;

extern const pp_cxi_options cxi_plain;
extern const cxi_recipe cxi_usual;

/** Grid point of pattern j, and what pixel (r, c) of its frame counts. */
double cxi_grid_y(int j);
double cxi_grid_x(int j);
int cxi_count_at(int j, int r, int c);

void cxi_put_reals(pp_h5 *file, const char *where, int ndim, const int64_t *shape,
                   const double *values, const char *unit);
void cxi_put_number(pp_h5 *file, const char *where, double value, const char *unit);
/** A file begun as the recipe says, to be added to; finished; or both. */
pp_h5 *cxi_start(const cxi_recipe *r);
void cxi_finish(pp_h5 *file);
void cxi_make(const cxi_recipe *r);

/** The file must give the grid points of the functions above. */
void cxi_expect_grid(const pp_cxi_options *options);
/** The file must be refused as data, with its name and this text; the second makes it first. */
void cxi_refused_with(const pp_cxi_options *options, const char *text);
void cxi_refused(const cxi_recipe *r, const char *text);
/** Reads the file, as the options say. */
void cxi_read_counts(const pp_cxi_options *options, const pp_frame_rules *rules, pp_array **frames,
                     pp_array **mask, pp_frame_facts *facts);

#endif
