/* A small campaign to simulate, for tests.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_TEST_CAMPAIGN_H
#define PP_TEST_CAMPAIGN_H

#include "io/synthetic.h"

/** Balls, 32 x 32 detectors, jittered raster, noise, 4 views. */
pp_synthetic small_campaign(const char *directory);

#endif
