/* Figures and curves as SVG inside the page: texts stay texts, pictures are PNG in base64.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "picture/figure.h"

pp_status pp_html_text(pp_text *html, const char *text)
{
    for (const char *c = text; *c; c++) {
        const char *as = *c == '&'   ? "&amp;"
                         : *c == '<' ? "&lt;"
                         : *c == '>' ? "&gt;"
                         : *c == '"' ? "&quot;"
                                     : NULL;
        PP_TRY(as ? pp_text_add(html, "%s", as) : pp_text_add_bytes(html, c, 1));
    }
    return PP_OK;
}

/* " x 10^k" in superscript digits, nothing for k = 0. */
static void power_text(int exponent, char out[48])
{
    static const char *const digit[] = {
        "\xe2\x81\xb0", "\xc2\xb9",     "\xc2\xb2",     "\xc2\xb3",     "\xe2\x81\xb4",
        "\xe2\x81\xb5", "\xe2\x81\xb6", "\xe2\x81\xb7", "\xe2\x81\xb8", "\xe2\x81\xb9"};
    char plain[16];
    size_t n = 0;
    out[0] = 0;
    if (exponent == 0) return;
    (void)snprintf(plain, sizeof plain, "%d", exponent < 0 ? -exponent : exponent);
    n += (size_t)snprintf(out, 48, "10%s", exponent < 0 ? "\xe2\x81\xbb" : "");
    for (const char *c = plain; *c && n < 44; c++)
        n += (size_t)snprintf(out + n, 48 - n, "%s", digit[*c - '0']);
}

enum { WIDE = 300, BAR_X = 312, BAR_WIDE = 14, TOTAL = 392, TOP = 6 };

static pp_status embed(const pp_image *image, double x, double y, double width, double height,
                       pp_text *html)
{
    PP_TRY(pp_text_add(
        html,
        "<image x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" preserveAspectRatio=\"none\" "
        "class=\"px\" href=\"data:image/png;base64,",
        x, y, width, height));
    PP_TRY(pp_png_base64(image, html));
    return pp_text_add(html, "\"/>");
}

static pp_status scale_bar(const pp_figure *f, double height, pp_text *html)
{
    char text[PP_LENGTH_TEXT];
    if (f->pixel_size <= 0) return PP_OK;
    const double width = (double)f->image->width * f->pixel_size;
    const double length = pp_scale_bar(width, 0.34, text) / width * WIDE;
    return pp_text_add(html,
                       "<g class=\"bar\"><rect x=\"10\" y=\"%.1f\" width=\"%.1f\" height=\"4\"/>"
                       "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">%s</text></g>",
                       TOP + height - 14, length, 10 + length / 2, TOP + height - 19, text);
}

static pp_status colour_ticks(const pp_figure *f, double height, pp_text *html)
{
    double ticks[8];
    char power[48];
    const int exponent = pp_common_exponent(f->range[0], f->range[1]);
    const double scale = pow(10, exponent);
    const int count = pp_round_ticks(f->range[0], f->range[1], height > 150 ? 6 : 4, ticks);
    power_text(exponent, power);
    for (int k = 0; k < count; k++) {
        const double part = (ticks[k] - f->range[0]) / (f->range[1] - f->range[0]);
        const double y = TOP + height * (1 - part);
        PP_TRY(pp_text_add(
            html, "<path class=\"tick\" d=\"M%d %.1fh4\"/><text x=\"%d\" y=\"%.1f\">%.5g</text>",
            BAR_X + BAR_WIDE, y, BAR_X + BAR_WIDE + 7, y + 4, ticks[k] / scale));
    }
    const double middle = TOP + height / 2;
    PP_TRY(pp_text_add(
        html,
        "<text transform=\"translate(%d %.1f) rotate(-90)\" text-anchor=\"middle\" class=\"q\">",
        TOTAL - 6, middle));
    PP_TRY(pp_html_text(html, f->quantity));
    const bool unit = f->unit && f->unit[0];
    if (unit || exponent)
        PP_TRY(pp_text_add(html, " (%s%s%s)", power, unit && exponent ? " " : "",
                           unit ? f->unit : ""));
    return pp_text_add(html, "</text>");
}

static pp_status colour_bar(const pp_figure *f, double height, pp_text *html)
{
    pp_image bar = {0};
    PP_TRY(pp_image_create(1, 128, (pp_rgb){0, 0, 0}, &bar));
    for (int k = 0; k < 128; k++) bar.pixels[k] = pp_colour(f->colours, 1 - (k + 0.5) / 128);
    pp_status status = embed(&bar, BAR_X, TOP, BAR_WIDE, height, html);
    pp_image_free(&bar);
    if (status == PP_OK) status = colour_ticks(f, height, html);
    return status;
}

/* Hue is phase: a disc whose radius is the modulus. */
static pp_status wheel(pp_text *html)
{
    enum { HALF = 30, N = 2 * HALF + 1 };
    pp_image image = {0};
    PP_TRY(pp_image_create(N, N, (pp_rgb){255, 255, 255}, &image));
    for (int i = 0; i < N * N; i++) {
        const int row = i / N - HALF, column = i % N - HALF;
        const double y = (double)row / HALF, x = (double)column / HALF;
        image.pixels[i] = pp_colour_complex(fmin(hypot(y, x), 1), atan2(-y, x));
    }
    PP_TRY(pp_text_add(html,
                       "<clipPath id=\"wheel\"><circle cx=\"%d\" cy=\"%d\" r=\"29\"/></clipPath>"
                       "<g clip-path=\"url(#wheel)\">",
                       BAR_X + 35, TOP + 50));

    const pp_status status = embed(&image, BAR_X + 5, TOP + 20, 60, 60, html);
    pp_image_free(&image);
    PP_TRY(status);
    return pp_text_add(html,
                       "</g><text x=\"%d\" y=\"%d\" text-anchor=\"middle\">phase</text>"
                       "<text x=\"%d\" y=\"%d\">0</text>",
                       BAR_X + 35, TOP + 12, BAR_X + 69, TOP + 54);
}

pp_status pp_figure_svg(const pp_figure *f, pp_text *html)
{
    const double aspect =
        f->aspect > 0 ? f->aspect : (double)f->image->height / (double)f->image->width;
    const double height = WIDE * fmin(fmax(aspect, 0.12), 3);
    PP_TRY(pp_text_add(html, "<figure><h3>"));
    PP_TRY(pp_html_text(html, f->title));
    PP_TRY(pp_text_add(html, "</h3><svg viewBox=\"0 0 %d %.0f\" role=\"img\">", TOTAL,
                       height + 2 * TOP));
    PP_TRY(embed(f->image, 0, TOP, WIDE, height, html));
    PP_TRY(scale_bar(f, height, html));
    if (f->phase_wheel)
        PP_TRY(wheel(html));
    else if (f->range)
        PP_TRY(colour_bar(f, height, html));
    PP_TRY(pp_text_add(html, "</svg>"));
    if (f->caption && f->caption[0]) {
        PP_TRY(pp_text_add(html, "<figcaption>"));
        PP_TRY(pp_html_text(html, f->caption));
        PP_TRY(pp_text_add(html, "</figcaption>"));
    }
    return pp_text_add(html, "</figure>\n");
}
