/* A simulated campaign on disk: one CXI file a view, angles.txt (file, angle in degrees), truth.h5 (delta, beta [z][y][x],
 * pixel_size, probe, shifts [view][2] (y, x) in pixels, angles_deg, positions/NNNN as they truly were) and campaign.txt, the
 * parameters that made it. Every view depends on the parameters and its number only, so any rank may make any view.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_SYNTHETIC_H
#define PP_SYNTHETIC_H

#include <polyptych/stage.h>

#include "comm/comm.h"
#include "models/scan_pattern.h"
#include "models/zone_plate.h"
#include "tomo/specimen.h"

typedef enum pp_phantom_choice {
    PP_PHANTOM_BALLS,
    PP_PHANTOM_TWO_PHASE,
    PP_PHANTOM_INTEGRATED_CIRCUIT,
    PP_PHANTOM_SIEMENS_STAR,
    PP_PHANTOM_FILE,
    PP_PHANTOM_STAR_SHEET,
    PP_PHANTOM_COINS
} pp_phantom_choice;

typedef enum pp_illumination_choice {
    PP_ILLUMINATION_ZONE_PLATE,
    PP_ILLUMINATION_DISC
} pp_illumination_choice;

typedef enum pp_angle_order { PP_ANGLES_UNIFORM, PP_ANGLES_GOLDEN } pp_angle_order;

/** The parameters of stage `simulate`, as its table says; pixels are object pixels. "auto" is PP_AUTO or NAN. */
typedef struct pp_synthetic {
    const char *directory; /* absolute */
    int phantom;           /* pp_phantom_choice */
    const char *phantom_file, *phantom_delta, *phantom_beta;
    int64_t width, height, balls, spokes;
    double largest_phase, edge_blur;
    int64_t views;
    double angle_range;
    int angle_order;
    double energy, distance, detector_pixel;
    int64_t detector_size;
    int probe; /* pp_illumination_choice */
    double zone_plate_diameter, outer_zone_width, central_stop_diameter, defocus, astigmatism;
    int64_t probe_modes;
    double coherent_fraction;
    int scan;
    double scan_step, scan_jitter, scan_margin, position_error, misalignment;
    double photons, background, dead_pixels;
    bool noise, rounding;
    int64_t detector_gap, seed;
} pp_synthetic;

/** What follows from the parameters alone. */
typedef struct pp_synthetic_optics {
    double wavelength, pixel_size; /* m */
    pp_zone_plate zone_plate;
    pp_probe_grid grid;
} pp_synthetic_optics;
pp_synthetic_optics pp_synthetic_optics_of(const pp_synthetic *p);

/** Angle of a view in rad. */
double pp_synthetic_angle(const pp_synthetic *p, int64_t view);
/** The view's sample shift (y, x) in pixels. */
void pp_synthetic_shift(const pp_synthetic *p, int64_t view, double shift[2]);
/** A phantom that is a sheet: whole pixels, no volume. */
bool pp_synthetic_is_flat(const pp_synthetic *p);
/** True and recorded positions [count][2] (y, x) in pixels; new memory. `recorded` may be NULL. */
PP_MUST_CHECK pp_status pp_synthetic_positions(const pp_synthetic *p, int64_t view, double **real,
                                               double **recorded, int64_t *count);
/** Y, X of the object that windows of n pixels at these positions cover. */
void pp_synthetic_object(const double *positions, int64_t count, int64_t n, int64_t object[2]);
/** The probe [modes][n][n], sum of |P|^2 = photons; new memory. */
PP_MUST_CHECK pp_status pp_synthetic_probe(const pp_synthetic *p, pp_c32 **out);
/** The detector's mask [n][n], 1 measured, zero frequency at n / 2; new memory, NULL where all pixels measure. */
PP_MUST_CHECK pp_status pp_synthetic_mask(const pp_synthetic *p, uint8_t **out);
/** The specimen, scaled to largest_phase. */
PP_MUST_CHECK pp_status pp_synthetic_specimen(const pp_synthetic *p, pp_specimen **out);

/** Absolute path of a view's file; new text. */
PP_MUST_CHECK pp_status pp_synthetic_path(const pp_synthetic *p, int64_t view, char **out);
/** One file. Not collective. */
PP_MUST_CHECK pp_status pp_synthetic_make_view(const pp_synthetic *p, const pp_specimen *specimen,
                                               const pp_c32 *probe, int64_t view, int threads);
/** The whole campaign, views divided over the ranks; files that are there are kept. `identity`: the parameters as text, one a
 *  line. Collective. Errors: PP_ERR_CONFIG where the folder holds something else: other files, or a campaign of other
 *  parameters (they are listed); with `replace` such a campaign is removed first. */
PP_MUST_CHECK pp_status pp_synthetic_make(const pp_synthetic *p, const char *identity, bool replace,
                                          const pp_comm *comm, int threads);

#endif
