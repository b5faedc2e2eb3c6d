/* Medians by selection (Hoare's FIND, Comm. ACM 4, 321 (1961)).
 * SPDX-License-Identifier: BSD-3-Clause */
#include "tomo/median.h"

/* Afterwards values[k] is the k-th smallest, smaller ones lie before it and larger ones behind. */
static double select_nth(double *values, int64_t count, int64_t k)
{
    int64_t low = 0, high = count - 1;
    while (low < high) {
        const double pivot = values[low + (high - low) / 2];
        int64_t i = low, j = high;
        while (i <= j) {
            while (values[i] < pivot) i++;
            while (values[j] > pivot) j--;
            if (i <= j) {
                const double swap = values[i];
                values[i++] = values[j];
                values[j--] = swap;
            }
        }
        if (k <= j) {
            high = j;
        } else if (k >= i) {
            low = i;
        } else {
            break;
        }
    }
    return values[k];
}

double pp_median(double *values, int64_t count)
{
    const double upper = select_nth(values, count, count / 2);
    if (count % 2) return upper;
    double lower = values[0];
    for (int64_t i = 1; i < count / 2; i++)
        if (values[i] > lower) lower = values[i];
    return 0.5 * (lower + upper);
}
