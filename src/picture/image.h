/* Pictures: RGB images of 8 bits, colour maps, and PNG.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_IMAGE_H
#define PP_IMAGE_H

#include <polyptych/status.h>

#include "base/text.h"

typedef struct pp_rgb {
    uint8_t r, g, b;
} pp_rgb;

typedef struct pp_image {
    int64_t width, height;
    pp_rgb *pixels; /* [height][width] */
} pp_image;

PP_MUST_CHECK pp_status pp_image_create(int64_t width, int64_t height, pp_rgb background,
                                        pp_image *out);
void pp_image_free(pp_image *image);

/** All are even in perceived lightness (built in the Oklab space, B. Ottosson 2020): sequential from dark violet over green
 *  to light yellow, grey, and a circle of hues of one lightness for phases. */
typedef enum pp_colours { PP_COLOURS_SEQUENTIAL, PP_COLOURS_GREY, PP_COLOURS_CYCLIC } pp_colours;
/** The colour at t, 0 to 1 (clamped; cyclic: any t, period 1); NAN is mid grey. */
pp_rgb pp_colour(pp_colours colours, double t);
/** Hue for the phase (rad), lightness for the modulus, 0 to 1 (black to full). */
pp_rgb pp_colour_complex(double modulus, double phase);

/** PNG in memory (pp_free it) / as base64 text added to `text` / as a file, atomically. */
PP_MUST_CHECK pp_status pp_png_encode(const pp_image *image, uint8_t **bytes, size_t *count);
PP_MUST_CHECK pp_status pp_png_base64(const pp_image *image, pp_text *text);
PP_MUST_CHECK pp_status pp_png_write(const char *path, const pp_image *image);

/** Two-dimensional data to look at, [ny][nx]; `pitch` from row to row (elements), `step` from column to column. */
typedef struct pp_field {
    const float *data;
    int64_t ny, nx, pitch, step;
} pp_field;

/** Range that holds the middle part of the values: from quantile 1 - part to quantile part, NAN left out; never empty. */
PP_MUST_CHECK pp_status pp_field_range(const pp_field *field, double part, double range[2]);
PP_MUST_CHECK pp_status pp_field_picture(const pp_field *field, const double range[2],
                                         pp_colours colours, pp_image *out);
/** Complex data [ny][nx]: hue phase, lightness modulus over its largest value. */
PP_MUST_CHECK pp_status pp_complex_picture(const pp_c32 *data, int64_t ny, int64_t nx,
                                           pp_image *out);

#endif
