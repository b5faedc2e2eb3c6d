/* Medians. SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_MEDIAN_H
#define PP_MEDIAN_H

#include <stdint.h>

/** Median of values [count] (count > 0), which are reordered; the mean of the middle two for an even count. */
double pp_median(double *values, int64_t count);

#endif
