/* Figures as PNG files: the picture enlarged by whole numbers, scale bar and colour bar with labels in a built-in font of
 * 5 x 7 dots (our own drawing), so that nothing of the system is needed.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "picture/figure.h"

enum { GLYPH_X = 5, GLYPH_Y = 7, DOT = 2, ADVANCE = (GLYPH_X + 1) * DOT, LINE = GLYPH_Y * DOT };
enum { MARGIN = 12, BAR_WIDE = 22, BAR_TEXT = 112, SMALLEST = 360 };

/* Rows from the top, the highest of five bits on the left. */
static const struct {
    char letter;
    uint8_t rows[GLYPH_Y];
} font[] = {{'0', {14, 17, 19, 21, 25, 17, 14}}, {'1', {4, 12, 4, 4, 4, 4, 14}},
            {'2', {14, 17, 1, 2, 4, 8, 31}},     {'3', {31, 2, 4, 2, 1, 17, 14}},
            {'4', {2, 6, 10, 18, 31, 2, 2}},     {'5', {31, 16, 30, 1, 1, 17, 14}},
            {'6', {6, 8, 16, 30, 17, 17, 14}},   {'7', {31, 1, 2, 4, 8, 8, 8}},
            {'8', {14, 17, 17, 14, 17, 17, 14}}, {'9', {14, 17, 17, 15, 1, 2, 12}},
            {'.', {0, 0, 0, 0, 0, 12, 12}},      {'-', {0, 0, 0, 31, 0, 0, 0}},
            {'+', {0, 4, 4, 31, 4, 4, 0}},       {'(', {2, 4, 8, 8, 8, 4, 2}},
            {')', {8, 4, 2, 2, 2, 4, 8}},        {'/', {0, 1, 2, 4, 8, 16, 0}},
            {'^', {4, 10, 17, 0, 0, 0, 0}},      {',', {0, 0, 0, 0, 12, 4, 8}},
            {'a', {0, 0, 14, 1, 15, 17, 15}},    {'b', {16, 16, 22, 25, 17, 17, 30}},
            {'c', {0, 0, 14, 16, 16, 17, 14}},   {'d', {1, 1, 13, 19, 17, 17, 15}},
            {'e', {0, 0, 14, 17, 31, 16, 14}},   {'f', {6, 9, 8, 28, 8, 8, 8}},
            {'g', {0, 15, 17, 17, 15, 1, 14}},   {'h', {16, 16, 22, 25, 17, 17, 17}},
            {'i', {4, 0, 12, 4, 4, 4, 14}},      {'j', {2, 0, 6, 2, 2, 18, 12}},
            {'k', {16, 16, 18, 20, 24, 20, 18}}, {'l', {12, 4, 4, 4, 4, 4, 14}},
            {'m', {0, 0, 26, 21, 21, 17, 17}},   {'n', {0, 0, 22, 25, 17, 17, 17}},
            {'o', {0, 0, 14, 17, 17, 17, 14}},   {'p', {0, 0, 30, 17, 30, 16, 16}},
            {'q', {0, 0, 13, 19, 15, 1, 1}},     {'r', {0, 0, 22, 25, 16, 16, 16}},
            {'s', {0, 0, 14, 16, 14, 1, 30}},    {'t', {8, 8, 28, 8, 8, 9, 6}},
            {'u', {0, 0, 17, 17, 17, 19, 13}},   {'v', {0, 0, 17, 17, 17, 10, 4}},
            {'w', {0, 0, 17, 17, 21, 21, 10}},   {'x', {0, 0, 17, 10, 4, 10, 17}},
            {'y', {0, 0, 17, 17, 15, 1, 14}},    {'z', {0, 0, 31, 2, 4, 8, 31}},
            {'M', {0, 0, 17, 17, 19, 29, 16}} /* the micro sign */};

static void fill(pp_image *image, int64_t x, int64_t y, int64_t wide, int64_t high, pp_rgb colour)
{
    for (int64_t i = y < 0 ? 0 : y; i < y + high && i < image->height; i++)
        for (int64_t j = x < 0 ? 0 : x; j < x + wide && j < image->width; j++)
            image->pixels[i * image->width + j] = colour;
}

static const uint8_t *glyph(char c)
{
    for (size_t k = 0; k < sizeof font / sizeof *font; k++)
        if (font[k].letter == c) return font[k].rows;
    return NULL;
}

/* `grow` more dots each way: an outline to be written over. */
static void write_text(pp_image *image, int64_t x, int64_t y, const char *text, pp_rgb colour,
                       int grow)
{
    for (; *text; text++, x += ADVANCE) {
        const uint8_t *rows = glyph(*text);
        for (int i = 0; rows && i < GLYPH_Y; i++)
            for (int j = 0; j < GLYPH_X; j++)
                if (rows[i] >> (GLYPH_X - 1 - j) & 1)
                    fill(image, x + (int64_t)j * DOT - grow, y + (int64_t)i * DOT - grow,
                         DOT + 2 * grow, DOT + 2 * grow, colour);
    }
}

static int64_t text_width(const char *text)
{
    return (int64_t)strlen(text) * ADVANCE - DOT;
}

/* Lower case of the built-in font; the two bytes of a micro sign become one. */
static void plain(const char *text, char *out, size_t size)
{
    size_t n = 0;
    for (; *text && n + 1 < size; text++) {
        if (strncmp(text, "\xc2\xb5", 2) == 0)
            out[n++] = 'M', text++;
        else
            out[n++] = (char)tolower((unsigned char)*text);
    }
    out[n] = 0;
}

static const pp_rgb black = {0, 0, 0}, white = {255, 255, 255};

static void draw_scale(const pp_figure *f, int64_t wide, int64_t high, pp_image *page)
{
    char text[PP_LENGTH_TEXT], label[PP_LENGTH_TEXT];
    const double width = (double)f->image->width * f->pixel_size;
    const int64_t length = llround(pp_scale_bar(width, 0.34, text) / width * (double)wide);
    const int64_t x = MARGIN + 12, y = MARGIN + high - 18;
    plain(text, label, sizeof label);
    fill(page, x - 1, y - 1, length + 2, 8, black);
    fill(page, x, y, length, 6, white);
    const int64_t left = x + (length - text_width(label)) / 2;
    write_text(page, left, y - LINE - 6, label, black, 2);
    write_text(page, left, y - LINE - 6, label, white, 0);
}

static void draw_ticks(const pp_figure *f, int64_t x, int64_t high, pp_image *page)
{
    double ticks[8];
    char text[32];
    const int exponent = pp_common_exponent(f->range[0], f->range[1]);
    const int count = pp_round_ticks(f->range[0], f->range[1], high > 200 ? 6 : 4, ticks);
    for (int k = 0; k < count; k++) {
        const double part = (ticks[k] - f->range[0]) / (f->range[1] - f->range[0]);
        const int64_t y = MARGIN + llround((double)(high - 1) * (1 - part));
        (void)snprintf(text, sizeof text, "%.5g", ticks[k] / pow(10, exponent));
        fill(page, x, y - 1, 6, 2, black);
        write_text(page, x + 10, y - LINE / 2, text, black, 0);
    }
}

static void draw_bar(const pp_figure *f, int64_t wide, int64_t high, pp_image *page)
{
    const int64_t x = MARGIN + wide + MARGIN, y = MARGIN + high + 8;
    char text[96], label[96];
    const int exponent = pp_common_exponent(f->range[0], f->range[1]);
    for (int64_t i = 0; i < high; i++)
        fill(page, x, MARGIN + i, BAR_WIDE, 1,
             pp_colour(f->colours, 1 - ((double)i + 0.5) / (double)high));
    draw_ticks(f, x + BAR_WIDE, high, page);
    const bool unit = f->unit && f->unit[0];
    if (exponent)
        (void)snprintf(text, sizeof text, "%s (10^%d%s%s)", f->quantity, exponent, unit ? " " : "",
                       unit ? f->unit : "");
    else if (unit)
        (void)snprintf(text, sizeof text, "%s (%s)", f->quantity, f->unit);
    else
        (void)snprintf(text, sizeof text, "%s", f->quantity);
    plain(text, label, sizeof label);
    write_text(page, page->width - MARGIN - text_width(label), y, label, black, 0);
}

pp_status pp_figure_png(const pp_figure *f, const char *path)
{
    const int64_t scale = (SMALLEST + f->image->width - 1) / f->image->width;
    const int64_t wide = f->image->width * scale;
    const int64_t high =
        f->aspect > 0 ? llround((double)wide * f->aspect) : f->image->height * scale;
    const bool bar = f->range && !f->phase_wheel;
    pp_image page = {0};
    const int64_t beside = bar ? MARGIN + BAR_WIDE + BAR_TEXT : 0, below = bar ? LINE : 0;
    const int64_t margins = 2 * (int64_t)MARGIN;
    PP_TRY(pp_image_create(wide + margins + beside, high + margins + below, white, &page));
    for (int64_t i = 0; i < high; i++)
        for (int64_t j = 0; j < wide; j++)
            page.pixels[(i + MARGIN) * page.width + j + MARGIN] =
                f->image->pixels[i * f->image->height / high * f->image->width + j / scale];
    if (f->pixel_size > 0) draw_scale(f, wide, high, &page);
    if (bar) draw_bar(f, wide, high, &page);
    const pp_status status = pp_png_write(path, &page);
    pp_image_free(&page);
    return status;
}
