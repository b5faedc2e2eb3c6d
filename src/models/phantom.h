/* Analytic phantoms: sums of simple bodies of refractive index n = 1 - delta + i beta, whose line integrals are known in
 * closed form at any angle and sub-pixel shift, so that nothing is shared with a projector under test.
 *
 * Frame (docs/conventions.md): lengths in object pixels, origin on the rotation axis z; a view at angle t sees the detector
 * column u = x cos t + y sin t and the row v = z. Bodies add up: a wire in a matrix carries the difference of the two.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_PHANTOM_H
#define PP_PHANTOM_H

#include <polyptych/status.h>

typedef enum pp_body_kind {
    PP_BALL,
    PP_CYLINDER, /* circular, its axis along z */
    PP_PRISM     /* convex polygon in (y, x), extruded along z */
} pp_body_kind;

enum { PP_PRISM_CORNERS = 4 };

typedef struct pp_body {
    pp_body_kind kind;
    double z, y, x;     /* centre; y and x are 0 for a prism */
    double radius;      /* ball, cylinder */
    double half_height; /* cylinder, prism: from z - half_height to z + half_height */
    double corner[PP_PRISM_CORNERS][2]; /* prism: (y, x), around the polygon in one sense */
    double delta, beta;                 /* added inside the body */
} pp_body;

typedef struct pp_phantom pp_phantom;

PP_MUST_CHECK pp_status pp_phantom_create(pp_phantom **out);
PP_MUST_CHECK pp_status pp_phantom_add(pp_phantom *phantom, const pp_body *body);
void pp_phantom_free(pp_phantom **phantom);
int64_t pp_phantom_count(const pp_phantom *phantom);
const pp_body *pp_phantom_body(const pp_phantom *phantom, int64_t index);
/** delta and beta of every body times `factor`. */
void pp_phantom_scale(pp_phantom *phantom, double factor);

/** A rectangle of detector pixels: pixel (i, j) lies at v = v0 + i, u = u0 + j. */
typedef struct pp_window {
    double v0, u0;
    int64_t rows, columns;
} pp_window;

/** out [rows][columns] = line integrals in pixels: re of delta, im of beta. Balls are sampled at the pixel's centre;
 *  cylinders and prisms are averaged over the pixel, exactly. */
void pp_phantom_project(const pp_phantom *phantom, double angle, pp_window window, pp_c64 *out);

/** delta and beta [rows][n][n] of the slices first .. first + rows - 1 of a volume of `slices` slices, averaged over each
 *  voxel (sub-sampled in y and x); the origin is index slices / 2 and n / 2. */
typedef struct pp_slab {
    int64_t slices, n, first, rows;
} pp_slab;
void pp_phantom_voxels(const pp_phantom *phantom, pp_slab slab, float *delta, float *beta);

/** What the ready-made phantoms are made for: a volume of height x width x width pixels. delta and beta come from a table
 *  at 8.8 keV, delta scaled with the square of the wavelength and beta with its fourth power (no absorption edges). */
typedef struct pp_phantom_size {
    double height, width; /* pixels */
    double wavelength;    /* m */
    uint64_t seed;
} pp_phantom_size;

/** `count` balls (the first one is the matrix that holds the others, which do not overlap). */
PP_MUST_CHECK pp_status pp_phantom_balls(pp_phantom_size size, int64_t count, pp_phantom **out);
/** A pillar cut from a chip: silicon base, three layers of Manhattan copper lines in silicon dioxide, vias between them. */
PP_MUST_CHECK pp_status pp_phantom_integrated_circuit(pp_phantom_size size, pp_phantom **out);
/** A gold Siemens star of `spokes` spokes in the (y, x) plane, extruded along z. */
PP_MUST_CHECK pp_status pp_phantom_siemens_star(pp_phantom_size size, int64_t spokes,
                                                pp_phantom **out);

typedef struct pp_material {
    const char *name;
    double delta, beta; /* at 8.8 keV */
} pp_material;
typedef enum pp_material_id {
    PP_SILICON,
    PP_SILICON_DIOXIDE,
    PP_COPPER,
    PP_TUNGSTEN,
    PP_GOLD
} pp_material_id;
/** A material at this wavelength (m). */
pp_material pp_material_at(pp_material_id id, double wavelength);

#endif
