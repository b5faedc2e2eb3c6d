/* Colour maps, built in Oklab: equal steps of t are equal steps of perceived lightness.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>
#include <stdbool.h>

#include "picture/image.h"

static const double pi = 3.141592653589793;

/* Oklab lightness, chroma and hue (rad) to linear sRGB. Matrices of B. Ottosson, "A perceptual color space for image
 * processing" (2020). */
static void to_linear(double lightness, double chroma, double hue, double rgb[3])
{
    const double a = chroma * cos(hue), b = chroma * sin(hue);
    const double l = lightness + 0.3963377774 * a + 0.2158037573 * b;
    const double m = lightness - 0.1055613458 * a - 0.0638541728 * b;
    const double s = lightness - 0.0894841775 * a - 1.2914855480 * b;
    const double l3 = l * l * l, m3 = m * m * m, s3 = s * s * s;
    rgb[0] = 4.0767416621 * l3 - 3.3077115913 * m3 + 0.2309699292 * s3;
    rgb[1] = -1.2684380046 * l3 + 2.6097574011 * m3 - 0.3413193965 * s3;
    rgb[2] = -0.0041960863 * l3 - 0.7034186147 * m3 + 1.7076147010 * s3;
}

static uint8_t encode(double linear)
{
    const double c = fmin(fmax(linear, 0), 1);
    const double v = c <= 0.0031308 ? 12.92 * c : 1.055 * pow(c, 1 / 2.4) - 0.055;
    return (uint8_t)lround(255 * v);
}

/* The most colourful colour of this lightness and hue up to `chroma` that sRGB can show: lightness stays true. */
static pp_rgb oklab(double lightness, double chroma, double hue)
{
    double rgb[3], c = chroma;
    for (int k = 0; k < 40; k++, c *= 0.93) {
        to_linear(lightness, c, hue, rgb);
        const double lo = fmin(rgb[0], fmin(rgb[1], rgb[2]));
        const double hi = fmax(rgb[0], fmax(rgb[1], rgb[2]));
        if (lo >= -0.002 && hi <= 1.002) break;
    }
    return (pp_rgb){encode(rgb[0]), encode(rgb[1]), encode(rgb[2])};
}

pp_rgb pp_colour(pp_colours colours, double t)
{
    if (isnan(t)) return (pp_rgb){128, 128, 128};
    if (colours == PP_COLOURS_CYCLIC) return oklab(0.72, 0.125, 2 * pi * t + 0.5);
    const double c = fmin(fmax(t, 0), 1);
    if (colours == PP_COLOURS_GREY) return oklab(c, 0, 0);
    return oklab(0.20 + 0.73 * c, 0.105 + 0.05 * c, (305 - 200 * c) * pi / 180);
}

pp_rgb pp_colour_complex(double modulus, double phase)
{
    const double m = fmin(fmax(modulus, 0), 1);
    return oklab(0.74 * m, 0.13 * m, phase + 0.5);
}
