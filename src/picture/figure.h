/* Figures: a picture with a scale bar and a colour bar, and curves; as SVG for a page, pictures also as PNG.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_FIGURE_H
#define PP_FIGURE_H

#include <stdbool.h>

#include "picture/image.h"

typedef struct pp_figure {
    const pp_image *image;
    double pixel_size;    /* m along a row, for the scale bar; 0: none */
    double aspect;        /* height over width as shown; 0: square pixels */
    const double *range;  /* of the colour bar; NULL: none */
    pp_colours colours;   /* of the colour bar */
    bool phase_wheel;     /* instead of a colour bar: hue is phase, lightness modulus */
    const char *quantity; /* "phase", "delta" */
    const char *unit;     /* "rad"; "" for none */
    const char *title;    /* above the picture */
    const char *caption;  /* below; "" for none */
} pp_figure;

/** Adds <figure>...</figure>. */
PP_MUST_CHECK pp_status pp_figure_svg(const pp_figure *figure, pp_text *html);
/** The same as a PNG of its own, at least 360 pixels wide. */
PP_MUST_CHECK pp_status pp_figure_png(const pp_figure *figure, const char *path);

/** The largest of 1, 2, 5 times a power of ten (m) that is at most `part` of `width` (m), and its text: "500 nm". */
enum { PP_LENGTH_TEXT = 24 };
double pp_scale_bar(double width, double part, char text[PP_LENGTH_TEXT]);
/** Up to `most` round values in [lo, hi], the distance 1, 2 or 5 times a power of ten; returns how many. `most` >= 2. */
int pp_round_ticks(double lo, double hi, int most, double *ticks);
/** Power of ten that numbers of this range are best divided by: 0 for plain numbers. */
int pp_common_exponent(double lo, double hi);

typedef struct pp_curve {
    const double *x, *y; /* [count]; NAN in y: a gap */
    int64_t count;
    const char *name; /* in the legend; NULL: none */
    bool faint, dots;
} pp_curve;

typedef struct pp_plot {
    const pp_curve *curves;
    int64_t count;
    bool logarithmic; /* y axis */
    const char *title, *x_label, *y_label, *caption;
} pp_plot;
PP_MUST_CHECK pp_status pp_plot_svg(const pp_plot *plot, pp_text *html);

/** Text with &, <, > and quotes escaped. */
PP_MUST_CHECK pp_status pp_html_text(pp_text *html, const char *text);

#endif
