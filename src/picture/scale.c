/* Round numbers: scale bars, ticks, exponents.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>
#include <stdio.h>

#include "picture/figure.h"

/* Largest of 1, 2, 5 times a power of ten that is at most v. */
static double round_down(double v)
{
    const double power = pow(10, floor(log10(v) + 1e-9)), lead = v / power + 1e-9;
    return (lead >= 5 ? 5 : lead >= 2 ? 2 : 1) * power;
}

double pp_scale_bar(double width, double part, char text[PP_LENGTH_TEXT])
{
    static const struct {
        double metres;
        const char *name;
    } units[] = {{1e-3, "mm"}, {1e-6, "\xc2\xb5m"}, {1e-9, "nm"}, {1e-12, "pm"}};
    const double length = round_down(width * part);
    int k = 0;
    while (k < 3 && length < 0.999 * units[k].metres) k++;
    (void)snprintf(text, PP_LENGTH_TEXT, "%g %s", length / units[k].metres, units[k].name);
    return length;
}

int pp_round_ticks(double lo, double hi, int most, double *ticks)
{
    double step = round_down((hi - lo) / most);
    while ((hi - lo) / step + 1 > most + 1e-6) {
        const double lead = step / pow(10, floor(log10(step) + 1e-9));
        step *= lead > 1.5 && lead < 3 ? 2.5 : 2;
    }
    int count = 0;
    for (double k = ceil(lo / step - 1e-6); k * step <= hi + 1e-6 * step && count < most; k++)
        ticks[count++] = k == 0 ? 0 : k * step;
    return count;
}

int pp_common_exponent(double lo, double hi)
{
    const double largest = fmax(fabs(lo), fabs(hi));
    if (largest == 0 || (largest >= 0.01 && largest < 1e4)) return 0;
    return (int)floor(log10(largest) + 1e-9);
}
