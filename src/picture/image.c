/* Images, arrays to images, PNG through libpng.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "picture/image.h"

#include <math.h>
#include <png.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"

pp_status pp_image_create(int64_t width, int64_t height, pp_rgb background, pp_image *out)
{
    pp_image image = {width, height, NULL};
    PP_TRY(PP_ALLOC(width * height, &image.pixels));
    for (int64_t i = 0; i < width * height; i++) image.pixels[i] = background;
    *out = image;
    return PP_OK;
}

void pp_image_free(pp_image *image)
{
    pp_free(image->pixels);
    image->pixels = NULL;
}

pp_status pp_png_encode(const pp_image *image, uint8_t **bytes, size_t *count)
{
    png_image png = {.version = PNG_IMAGE_VERSION,
                     .width = (png_uint_32)image->width,
                     .height = (png_uint_32)image->height,
                     .format = PNG_FORMAT_RGB};
    png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(png);
    uint8_t *memory = NULL;
    PP_TRY(PP_ALLOC(size, &memory));
    if (!png_image_write_to_memory(&png, memory, &size, 0, image->pixels, 0, NULL)) {
        pp_free(memory);
        return PP_FAIL(PP_ERR_RUN, "a picture of %lld x %lld cannot be made: %s",
                       (long long)image->width, (long long)image->height, png.message);
    }
    *bytes = memory;
    *count = size;
    return PP_OK;
}

pp_status pp_png_write(const char *path, const pp_image *image)
{
    uint8_t *bytes = NULL;
    size_t count = 0;
    PP_TRY(pp_png_encode(image, &bytes, &count));
    const pp_status status = pp_file_write(path, bytes, count);
    pp_free(bytes);
    return status;
}

/* RFC 4648. */
static void base64(const uint8_t *bytes, size_t count, char *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < count; i += 3) {
        const uint32_t b1 = i + 1 < count ? bytes[i + 1] : 0, b2 = i + 2 < count ? bytes[i + 2] : 0;
        const uint32_t word = (uint32_t)bytes[i] << 16 | b1 << 8 | b2;
        *out++ = digits[word >> 18];
        *out++ = digits[word >> 12 & 63];
        *out++ = i + 1 < count ? digits[word >> 6 & 63] : '=';
        *out++ = i + 2 < count ? digits[word & 63] : '=';
    }
}

pp_status pp_png_base64(const pp_image *image, pp_text *text)
{
    uint8_t *bytes = NULL;
    char *digits = NULL;
    size_t count = 0;
    pp_status status = PP_OK;
    PP_TRY(pp_png_encode(image, &bytes, &count));
    const size_t length = (count + 2) / 3 * 4;
    PP_TRY_TO(done, PP_ALLOC(length + 1, &digits));
    base64(bytes, count, digits);
    status = pp_text_add_bytes(text, digits, length);
done:
    pp_free(digits);
    pp_free(bytes);
    return status;
}

static float at(const pp_field *f, int64_t y, int64_t x)
{
    return f->data[y * f->pitch + x * f->step];
}

static int by_value(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

pp_status pp_field_range(const pp_field *field, double part, double range[2])
{
    float *sorted = NULL;
    int64_t count = 0;
    PP_TRY(PP_ALLOC(field->ny * field->nx + 1, &sorted));
    for (int64_t i = 0; i < field->ny * field->nx; i++) {
        const float v = at(field, i / field->nx, i % field->nx);
        if (isfinite(v)) sorted[count++] = v;
    }
    qsort(sorted, (size_t)count, sizeof *sorted, by_value);
    const int64_t last = count > 0 ? count - 1 : 0;
    range[0] = sorted[(int64_t)llround((1 - part) * (double)last)];
    range[1] = sorted[(int64_t)llround(part * (double)last)];
    pp_free(sorted);
    if (!(range[1] > range[0])) { /* a constant picture */
        const double width = fmax(fabs(range[0]) * 1e-3, 1e-12);
        range[0] -= width;
        range[1] += width;
    }
    return PP_OK;
}

pp_status pp_field_picture(const pp_field *field, const double range[2], pp_colours colours,
                           pp_image *out)
{
    enum { SHADES = 1024 };
    pp_rgb table[SHADES + 1];
    for (int k = 0; k <= SHADES; k++) table[k] = pp_colour(colours, (double)k / SHADES);
    PP_TRY(pp_image_create(field->nx, field->ny, (pp_rgb){128, 128, 128}, out));
    for (int64_t i = 0; i < field->ny * field->nx; i++) {
        const double v = at(field, i / field->nx, i % field->nx);
        const double t = (v - range[0]) / (range[1] - range[0]);
        if (!isnan(t)) out->pixels[i] = table[lround(fmin(fmax(t, 0), 1) * SHADES)];
    }
    return PP_OK;
}

pp_status pp_complex_picture(const pp_c32 *data, int64_t ny, int64_t nx, pp_image *out)
{
    double largest = 0;
    for (int64_t i = 0; i < ny * nx; i++)
        largest = fmax(largest, hypot((double)data[i].re, (double)data[i].im));
    PP_TRY(pp_image_create(nx, ny, (pp_rgb){0, 0, 0}, out));
    for (int64_t i = 0; i < ny * nx && largest > 0; i++)
        out->pixels[i] = pp_colour_complex(hypot((double)data[i].re, (double)data[i].im) / largest,
                                           atan2((double)data[i].im, (double)data[i].re));
    return PP_OK;
}
