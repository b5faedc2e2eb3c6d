/* SPDX-License-Identifier: BSD-3-Clause */
#include "support/campaign.h"

#include <math.h>

pp_synthetic small_campaign(const char *directory)
{
    return (pp_synthetic){.directory = directory,
                          .phantom = PP_PHANTOM_BALLS,
                          .width = 32,
                          .height = PP_AUTO,
                          .balls = 8,
                          .spokes = 8,
                          .largest_phase = 1.5,
                          .views = 4,
                          .angle_range = 180,
                          .energy = 8856,
                          .distance = 2,
                          .detector_pixel = 75e-6,
                          .detector_size = 32,
                          .zone_plate_diameter = 180e-6,
                          .outer_zone_width = NAN,
                          .central_stop_diameter = NAN,
                          .defocus = NAN,
                          .probe_modes = 1,
                          .coherent_fraction = 0.8,
                          .scan = PP_SCAN_JITTERED_RASTER,
                          .scan_step = 6,
                          .scan_jitter = 1,
                          .scan_margin = 2,
                          .photons = 1e5,
                          .noise = true,
                          .detector_gap = 2,
                          .seed = 4};
}
