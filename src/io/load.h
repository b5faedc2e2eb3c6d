/* What the stage `load` is told, and the list of views that follows from it.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_LOAD_H
#define PP_LOAD_H

#include "io/cxi.h"

typedef enum pp_load_format { PP_FORMAT_AUTO, PP_FORMAT_CXI, PP_FORMAT_PROJECTIONS } pp_load_format;
typedef enum pp_load_probe { PP_PROBE_FILE, PP_PROBE_ZONE_PLATE, PP_PROBE_MEAN } pp_load_probe;

/** Parameters of `load`; units and meaning are in its table (stages/load.c). */
typedef struct pp_load {
    const char *views, *file;
    double angle; /* NAN: from the file */
    int format;
    int64_t angle_sign;
    int probe;
    const char *probe_file;
    double zone_plate_diameter, outer_zone_width, central_stop_diameter, defocus;
    int64_t crop;
    pp_ints centre;
    int64_t orientation;
    bool swap_positions, negate_rows, negate_columns;
    double position_scale, position_rotation;
    int translation_layout, frames, origin;
    double energy, distance, detector_pixel, pixel_size; /* NAN: from the file */
    pp_ints dead_pixels;
    const char *mask_file, *background_file;
    double saturation; /* NAN: the integer type's maximum */
    int frame_storage;
    int64_t object_limit;
} pp_load;

/** Puts one view's frames, mask, positions and probe, and completes the geometry: `run` of `load` and of sources that made
 *  CXI files. */
PP_MUST_CHECK pp_status pp_load_view(const pp_load *load, pp_context *context);
/** The same of a stack of projections (format = "projections"): list of views; ports projections, phase, theta, views,
 *  shifts and centre, each rank with its block of views. The latter is collective. */
PP_MUST_CHECK pp_status pp_load_projection_views(const pp_load *load, pp_views *views,
                                                 pp_check *check);
PP_MUST_CHECK pp_status pp_load_projections(const pp_load *load, pp_context *context);
void pp_load_options(const pp_load *load, pp_cxi_options *options, pp_frame_rules *rules);
/** Every view, from headers. With `check` all findings go there (and the status is PP_OK unless memory ran out); without
 *  it the first error is returned. */
PP_MUST_CHECK pp_status pp_load_views(const pp_load *load, pp_views *views, pp_check *check);
/** Angle in rad with the sign applied. degree: the table's or the user's, NAN: the file's (rad, NAN: none). */
PP_MUST_CHECK pp_status pp_load_angle(const pp_load *load, const char *where, double degree,
                                      double in_file, double *out);

#endif
