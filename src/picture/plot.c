/* Curves as SVG.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>
#include <string.h>

#include "picture/figure.h"

enum { LEFT = 64, RIGHT = 508, TOP = 24, BOTTOM = 236, TOTAL_X = 520, TOTAL_Y = 280 };

/* Ranges of both axes; y is a logarithm to base ten where the axis is. */
typedef struct axes {
    double x[2], y[2];
    int exponent; /* of linear y labels */
} axes;

static double value(const pp_plot *plot, double y)
{
    return plot->logarithmic ? (y > 0 ? log10(y) : NAN) : y;
}

static void widen(double range[2], double part)
{
    if (!(range[1] >= range[0])) range[0] = 0, range[1] = 1;
    double margin = part * (range[1] - range[0]);
    if (range[1] == range[0]) margin = fmax(fabs(range[0]) * 0.1, 0.1);
    range[0] -= margin;
    range[1] += margin;
}

static axes find_axes(const pp_plot *plot)
{
    axes a = {{INFINITY, -INFINITY}, {INFINITY, -INFINITY}, 0};
    for (int64_t c = 0; c < plot->count; c++)
        for (int64_t i = 0; i < plot->curves[c].count; i++) {
            const double x = plot->curves[c].x[i], y = value(plot, plot->curves[c].y[i]);
            if (!isfinite(x) || !isfinite(y)) continue;
            a.x[0] = fmin(a.x[0], x);
            a.x[1] = fmax(a.x[1], x);
            a.y[0] = fmin(a.y[0], y);
            a.y[1] = fmax(a.y[1], y);
        }
    widen(a.x, 0);
    widen(a.y, 0.06);
    if (!plot->logarithmic) a.exponent = pp_common_exponent(a.y[0], a.y[1]);
    return a;
}

static double to_x(const axes *a, double x)
{
    return LEFT + (RIGHT - LEFT) * (x - a->x[0]) / (a->x[1] - a->x[0]);
}

static double to_y(const axes *a, double y)
{
    return BOTTOM - (BOTTOM - TOP) * (y - a->y[0]) / (a->y[1] - a->y[0]);
}

static pp_status x_axis(const pp_plot *plot, const axes *a, pp_text *html)
{
    double ticks[8];
    const int count = pp_round_ticks(a->x[0], a->x[1], 7, ticks);
    for (int k = 0; k < count; k++)
        PP_TRY(pp_text_add(html,
                           "<path class=\"grid\" d=\"M%.1f %dV%d\"/><text x=\"%.1f\" y=\"%d\" "
                           "text-anchor=\"middle\">%.6g</text>",
                           to_x(a, ticks[k]), TOP, BOTTOM, to_x(a, ticks[k]), BOTTOM + 16,
                           ticks[k]));
    PP_TRY(pp_text_add(html, "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\" class=\"q\">",
                       (LEFT + RIGHT) / 2, TOTAL_Y - 8));
    PP_TRY(pp_html_text(html, plot->x_label));
    return pp_text_add(html, "</text>");
}

static pp_status y_tick(const axes *a, double at, double shown, pp_text *html)
{
    return pp_text_add(html,
                       "<path class=\"grid\" d=\"M%d %.1fH%d\"/><text x=\"%d\" y=\"%.1f\" "
                       "text-anchor=\"end\">%.4g</text>",
                       LEFT, to_y(a, at), RIGHT, LEFT - 6, to_y(a, at) + 4, shown);
}

/* On a logarithmic axis 1, 2, 5 of each decade where there are few decades, else powers of ten. */
static pp_status log_ticks(const axes *a, pp_text *html)
{
    const double span = a->y[1] - a->y[0];
    const int every = (int)ceil(span / 6);
    for (int decade = (int)floor(a->y[0]); decade <= a->y[1]; decade++)
        for (int k = 0; k < 3; k++) {
            static const double lead[] = {1, 2, 5};
            const double at = decade + log10(lead[k]);
            if (at < a->y[0] || at > a->y[1] || (k && span > 2.5)) continue;
            if (every > 1 && decade % every != 0) continue;
            PP_TRY(y_tick(a, at, pow(10, at), html));
        }
    return PP_OK;
}

static pp_status y_axis(const pp_plot *plot, const axes *a, pp_text *html)
{
    double ticks[8];
    const double scale = pow(10, a->exponent);
    const bool narrow = plot->logarithmic && a->y[1] - a->y[0] < 0.6;
    if (plot->logarithmic && !narrow) PP_TRY(log_ticks(a, html));
    const double lo = narrow ? pow(10, a->y[0]) : a->y[0], hi = narrow ? pow(10, a->y[1]) : a->y[1];
    const int count = plot->logarithmic && !narrow ? 0 : pp_round_ticks(lo, hi, 6, ticks);
    for (int k = 0; k < count; k++)
        PP_TRY(y_tick(a, narrow ? log10(ticks[k]) : ticks[k], ticks[k] / scale, html));
    PP_TRY(pp_text_add(
        html,
        "<text transform=\"translate(14 %d) rotate(-90)\" text-anchor=\"middle\" class=\"q\">",
        (TOP + BOTTOM) / 2));
    PP_TRY(pp_html_text(html, plot->y_label));
    if (a->exponent)
        PP_TRY(pp_text_add(
            html, " (10<tspan dy=\"-4\" font-size=\"8\">%d</tspan><tspan dy=\"4\">)</tspan>",
            a->exponent));
    return pp_text_add(html, "</text>");
}

static pp_status draw(const pp_plot *plot, const axes *a, int64_t index, pp_text *html)
{
    const pp_curve *c = &plot->curves[index];
    const int colour = (int)(index % 4);
    bool pen = false;
    if (!c->dots)
        PP_TRY(
            pp_text_add(html, "<path class=\"line%s c%d\" d=\"", c->faint ? " faint" : "", colour));
    for (int64_t i = 0; i < c->count; i++) {
        const double y = value(plot, c->y[i]);
        const bool good = isfinite(c->x[i]) && isfinite(y);
        const double px = to_x(a, c->x[i]), py = to_y(a, y);
        if (good && c->dots)
            PP_TRY(pp_text_add(html,
                               "<circle class=\"dot c%d\" cx=\"%.1f\" cy=\"%.1f\" r=\"2.6\"/>",
                               colour, px, py));
        else if (good)
            PP_TRY(pp_text_add(html, "%c%.1f %.1f", pen ? 'L' : 'M', px, py));
        pen = good;
    }
    return c->dots ? PP_OK : pp_text_add(html, "\"/>");
}

/* Above the plot, from the right. */
static pp_status legend(const pp_plot *plot, pp_text *html)
{
    double x = RIGHT;
    for (int64_t c = plot->count - 1; c >= 0; c--) {
        const pp_curve *curve = &plot->curves[c];
        const int y = 10, colour = (int)(c % 4);
        if (!curve->name) continue;
        PP_TRY(pp_text_add(html, "<text x=\"%.0f\" y=\"%d\" text-anchor=\"end\">", x, y + 4));
        PP_TRY(pp_html_text(html, curve->name));
        x -= 6.5 * (double)strlen(curve->name) + 8;
        if (curve->dots)
            PP_TRY(pp_text_add(html,
                               "</text><circle class=\"dot c%d\" cx=\"%.0f\" cy=\"%d\" r=\"3\"/>",
                               colour, x, y));
        else
            PP_TRY(pp_text_add(html, "</text><path class=\"line c%d\" d=\"M%.0f %dh-16\"/>", colour,
                               x + 4, y));
        x -= 22;
    }
    return PP_OK;
}

pp_status pp_plot_svg(const pp_plot *plot, pp_text *html)
{
    const axes a = find_axes(plot);
    PP_TRY(pp_text_add(html, "<figure class=\"plot\"><h3>"));
    PP_TRY(pp_html_text(html, plot->title));
    PP_TRY(pp_text_add(html, "</h3><svg viewBox=\"0 0 %d %d\" role=\"img\">", TOTAL_X, TOTAL_Y));
    PP_TRY(x_axis(plot, &a, html));
    PP_TRY(y_axis(plot, &a, html));
    PP_TRY(
        pp_text_add(html, "<path class=\"frame\" d=\"M%d %dV%dH%d\"/>", LEFT, TOP, BOTTOM, RIGHT));
    for (int64_t c = 0; c < plot->count; c++) PP_TRY(draw(plot, &a, c, html));
    PP_TRY(legend(plot, html));
    PP_TRY(pp_text_add(html, "</svg>"));
    if (plot->caption && plot->caption[0]) {
        PP_TRY(pp_text_add(html, "<figcaption>"));
        PP_TRY(pp_html_text(html, plot->caption));
        PP_TRY(pp_text_add(html, "</figcaption>"));
    }
    return pp_text_add(html, "</figure>\n");
}
