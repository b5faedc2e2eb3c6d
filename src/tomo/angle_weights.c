/* Weights of views for filtered back-projection, and the circle in which a slice is determined.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "kernels/circle.h"
#include "tomo/fbp.h"

static const double pi = 3.14159265358979323846;

typedef struct sorted {
    double angle;
    int64_t view;
} sorted;

static int by_angle(const void *a_, const void *b_)
{
    const sorted *a = a_, *b = b_;
    if (a->angle != b->angle) return a->angle < b->angle ? -1 : 1;
    return a->view < b->view ? -1 : a->view > b->view;
}

static int by_value(const void *a_, const void *b_)
{
    const double a = *(const double *)a_, b = *(const double *)b_;
    return (a > b) - (a < b);
}

/* Modulo pi, and so that angles equal up to rounding get the same number. */
static double fold(double angle)
{
    const double folded = angle - pi * floor(angle / pi);
    return folded > pi - 1e-7 ? 0 : folded;
}

static double median(int64_t count, const double *values, double *scratch)
{
    for (int64_t i = 0; i < count; i++) scratch[i] = values[i];
    qsort(scratch, (size_t)count, sizeof *scratch, by_value);
    return scratch[count / 2];
}

/* Ends [group] of runs of equal angles in the sorted list; returns how many runs there are. */
static int64_t group(int64_t views, const sorted *list, int64_t *ends)
{
    int64_t groups = 0;
    for (int64_t i = 1; i <= views; i++) {
        if (i == views || list[i].angle - list[i - 1].angle > 1e-7) ends[groups++] = i;
    }
    return groups;
}

/* gaps[g] lies between group g and the next one, around the half turn. */
static void find_gaps(int64_t groups, const sorted *list, const int64_t *ends, double *gaps,
                      double *scratch)
{
    for (int64_t g = 0; g < groups; g++) {
        const double here = list[ends[g] - 1].angle;
        gaps[g] = g + 1 < groups ? list[ends[g]].angle - here : list[0].angle + pi - here;
    }
    const double middle = median(groups, gaps, scratch);
    for (int64_t g = 0; g < groups; g++) {
        if (gaps[g] > 2 * middle && gaps[g] > pi / 18) gaps[g] = middle;
    }
}

static void share_gaps(int64_t groups, const sorted *list, const int64_t *ends, const double *gaps,
                       double *weights)
{
    for (int64_t g = 0; g < groups; g++) {
        const int64_t first = g > 0 ? ends[g - 1] : 0;
        const double both = gaps[g] + gaps[g > 0 ? g - 1 : groups - 1];
        for (int64_t i = first; i < ends[g]; i++) {
            weights[list[i].view] = both / 2 / (double)(ends[g] - first);
        }
    }
}

pp_status pp_angle_weights(int64_t views, const double *angles, double *weights)
{
    sorted *list = NULL;
    int64_t *ends = NULL;
    double *gaps = NULL, *scratch = NULL;
    pp_status status = PP_ALLOC(views, &list);
    if (status == PP_OK) status = PP_ALLOC(views, &ends);
    if (status == PP_OK) status = PP_ALLOC(views, &gaps);
    if (status == PP_OK) status = PP_ALLOC(views, &scratch);
    if (status != PP_OK) goto done;
    for (int64_t i = 0; i < views; i++) list[i] = (sorted){fold(angles[i]), i};
    qsort(list, (size_t)views, sizeof *list, by_angle);
    const int64_t groups = group(views, list, ends);
    find_gaps(groups, list, ends, gaps, scratch);
    share_gaps(groups, list, ends, gaps, weights);
done:
    pp_free(scratch);
    pp_free(gaps);
    pp_free(ends);
    pp_free(list);
    return status;
}

/* Pixels [first, last) of row y of a slice lie in the circle. */
static void circle_row(int64_t n, int64_t y, double radius, int64_t *first, int64_t *last)
{
    const int64_t half = pp_circle_half(n, y, radius);
    *first = half < 0 ? n : n / 2 - half;
    *last = half < 0 ? n : n / 2 + half + 1;
    if (*first < 0) *first = 0;
    if (*last > n) *last = n;
}

void pp_circle_mask(int64_t slices, int64_t n, double radius, float *volume)
{
    for (int64_t row = 0; n > 0 && row < slices * n; row++) {
        int64_t first, last;
        circle_row(n, row % n, radius, &first, &last);
        for (int64_t x = 0; x < first; x++) volume[row * n + x] = 0;
        for (int64_t x = last; x < n; x++) volume[row * n + x] = 0;
    }
}

void pp_circle_mask_complex(int64_t slices, int64_t n, double radius, pp_c32 *volume)
{
    const pp_c32 zero = {0, 0};
    for (int64_t row = 0; n > 0 && row < slices * n; row++) {
        int64_t first, last;
        circle_row(n, row % n, radius, &first, &last);
        for (int64_t x = 0; x < first; x++) volume[row * n + x] = zero;
        for (int64_t x = last; x < n; x++) volume[row * n + x] = zero;
    }
}
