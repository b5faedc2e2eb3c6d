/* Bodies: their line integrals and their voxels.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "models/phantom.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/alloc.h"

struct pp_phantom {
    pp_body *bodies;
    int64_t count, capacity;
};

pp_status pp_phantom_create(pp_phantom **out)
{
    return PP_ALLOC(1, out);
}

pp_status pp_phantom_add(pp_phantom *phantom, const pp_body *body)
{
    if (phantom->count == phantom->capacity) {
        const int64_t capacity = phantom->capacity * 2 + 16;
        PP_TRY(pp_realloc((void **)&phantom->bodies, (size_t)capacity * sizeof *body));
        phantom->capacity = capacity;
    }
    phantom->bodies[phantom->count++] = *body;
    return PP_OK;
}

void pp_phantom_free(pp_phantom **phantom)
{
    if (*phantom) pp_free((*phantom)->bodies);
    pp_free(*phantom);
    *phantom = NULL;
}

int64_t pp_phantom_count(const pp_phantom *phantom)
{
    return phantom->count;
}

const pp_body *pp_phantom_body(const pp_phantom *phantom, int64_t index)
{
    return &phantom->bodies[index];
}

void pp_phantom_scale(pp_phantom *phantom, double factor)
{
    for (int64_t k = 0; k < phantom->count; k++) {
        phantom->bodies[k].delta *= factor;
        phantom->bodies[k].beta *= factor;
    }
}

/* Length of the part of [centre - 1/2, centre + 1/2] inside [lo, hi]. */
static double overlap(double centre, double lo, double hi)
{
    const double length = fmin(centre + 0.5, hi) - fmax(centre - 0.5, lo);
    return length > 0 ? length : 0;
}

/* Area of a disc of this radius left of s. */
static double disc_area(double radius, double s)
{
    const double c = fmax(-radius, fmin(radius, s));
    return c * sqrt(radius * radius - c * c) +
           radius * radius * (asin(c / radius) + 1.5707963267948966);
}

/* Area of the polygon [corner](u, w) left of `limit`: the sum over edges of the integral of w du (Green), signed by the
 * edge's direction; edges along w give nothing. */
static double polygon_area(const double corner[PP_PRISM_CORNERS][2], double limit)
{
    double area = 0;
    for (int k = 0; k < PP_PRISM_CORNERS; k++) {
        const double *a = corner[k], *b = corner[(k + 1) % PP_PRISM_CORNERS];
        const double sign = b[0] > a[0] ? 1 : -1;
        const double *lo = sign > 0 ? a : b, *hi = sign > 0 ? b : a;
        if (limit <= lo[0] || lo[0] == hi[0]) continue;
        const double end = fmin(limit, hi[0]);
        const double slope = (hi[1] - lo[1]) / (hi[0] - lo[0]);
        area += sign * (end - lo[0]) * (lo[1] + 0.5 * slope * (end - lo[0]));
    }
    return fabs(area);
}

/* The body in the frame of one view: column range, and for prisms the corners (u, w), w along the beam. */
typedef struct turned {
    double lo, hi, centre;
    double corner[PP_PRISM_CORNERS][2];
} turned;

static turned turn(const pp_body *body, double angle)
{
    const double c = cos(angle), s = sin(angle);
    turned out = {.centre = body->x * c + body->y * s};
    out.lo = out.centre - body->radius;
    out.hi = out.centre + body->radius;
    if (body->kind != PP_PRISM) return out;
    out.lo = INFINITY;
    out.hi = -INFINITY;
    for (int k = 0; k < PP_PRISM_CORNERS; k++) {
        const double y = body->corner[k][0], x = body->corner[k][1];
        out.corner[k][0] = x * c + y * s;
        out.corner[k][1] = y * c - x * s;
        out.lo = fmin(out.lo, out.corner[k][0]);
        out.hi = fmax(out.hi, out.corner[k][0]);
    }
    return out;
}

/* Chord averaged over the pixel at column u. */
static double chord(const pp_body *body, const turned *view, double u)
{
    if (body->kind == PP_PRISM)
        return fabs(polygon_area(view->corner, u + 0.5) - polygon_area(view->corner, u - 0.5));
    return disc_area(body->radius, u + 0.5 - view->centre) -
           disc_area(body->radius, u - 0.5 - view->centre);
}

static void add_ball(const pp_body *body, double centre, pp_window w, const int64_t column[2],
                     pp_c64 *out)
{
    for (int64_t i = 0; i < w.rows; i++) {
        const double dz = w.v0 + (double)i - body->z;
        const double rest = body->radius * body->radius - dz * dz;
        if (rest <= 0) continue;
        for (int64_t j = column[0]; j < column[1]; j++) {
            const double du = w.u0 + (double)j - centre;
            const double length = rest > du * du ? 2 * sqrt(rest - du * du) : 0;
            out[i * w.columns + j].re += body->delta * length;
            out[i * w.columns + j].im += body->beta * length;
        }
    }
}

static void add_extruded(const pp_body *body, const turned *view, pp_window w,
                         const int64_t column[2], pp_c64 *out)
{
    for (int64_t j = column[0]; j < column[1]; j++) {
        const double length = chord(body, view, w.u0 + (double)j);
        for (int64_t i = 0; i < w.rows; i++) {
            const double part =
                overlap(w.v0 + (double)i, body->z - body->half_height, body->z + body->half_height);
            out[i * w.columns + j].re += body->delta * length * part;
            out[i * w.columns + j].im += body->beta * length * part;
        }
    }
}

/* Indices [out[0], out[1]) of the pixels from `first` on that a range touches, cut to [0, count). */
static void touched(double lo, double hi, double first, int64_t count, int64_t out[2])
{
    out[0] = (int64_t)fmin(fmax(floor(lo - first - 0.5), 0), (double)count);
    out[1] = (int64_t)fmin(fmax(ceil(hi - first + 1.5), 0), (double)count);
}

void pp_phantom_project(const pp_phantom *phantom, double angle, pp_window w, pp_c64 *out)
{
    memset(out, 0, (size_t)(w.rows * w.columns) * sizeof *out);
    for (int64_t k = 0; k < phantom->count; k++) {
        const pp_body *body = &phantom->bodies[k];
        const double half = body->kind == PP_BALL ? body->radius : body->half_height;
        const turned view = turn(body, angle);
        int64_t row[2], column[2];
        touched(body->z - half, body->z + half, w.v0, w.rows, row);
        touched(view.lo, view.hi, w.u0, w.columns, column);
        const pp_window part = {w.v0 + (double)row[0], w.u0, row[1] - row[0], w.columns};
        pp_c64 *at = out + row[0] * w.columns;
        if (row[1] <= row[0]) continue;
        if (body->kind == PP_BALL)
            add_ball(body, view.centre, part, column, at);
        else
            add_extruded(body, &view, part, column, at);
    }
}

enum { SAMPLES = 6 }; /* a voxel's edge */

static bool inside(const pp_body *body, double z, double y, double x)
{
    const double dy = y - body->y, dx = x - body->x, dz = z - body->z;
    if (body->kind == PP_BALL) return dz * dz + dy * dy + dx * dx < body->radius * body->radius;
    if (body->kind == PP_CYLINDER) return dy * dy + dx * dx < body->radius * body->radius;
    int left = 0, right = 0;
    for (int k = 0; k < PP_PRISM_CORNERS; k++) {
        const double *a = body->corner[k], *b = body->corner[(k + 1) % PP_PRISM_CORNERS];
        const double side = (b[1] - a[1]) * (y - a[0]) - (b[0] - a[0]) * (x - a[1]);
        left += side > 0;
        right += side < 0;
    }
    return !(left && right);
}

/* Part of the voxel at (z, y, x) that the body fills: exact along z for extruded bodies, else by samples. */
static double filled(const pp_body *body, double z, double y, double x)
{
    const bool ball = body->kind == PP_BALL;
    const int layers = ball ? SAMPLES : 1;
    int hits = 0;
    for (int a = 0; a < layers; a++)
        for (int b = 0; b < SAMPLES; b++)
            for (int c = 0; c < SAMPLES; c++)
                hits += inside(body, ball ? z + (a + 0.5) / SAMPLES - 0.5 : z,
                               y + (b + 0.5) / SAMPLES - 0.5, x + (c + 0.5) / SAMPLES - 0.5);
    const double part = (double)hits / (layers * SAMPLES * SAMPLES);
    return ball ? part
                : part * overlap(z, body->z - body->half_height, body->z + body->half_height);
}

/* The square (y0, y1, x0, x1) around the body. */
static void bounds(const pp_body *body, double out[4])
{
    const turned x = turn(body, 0), y = turn(body, 1.5707963267948966);
    out[0] = y.lo;
    out[1] = y.hi;
    out[2] = x.lo;
    out[3] = x.hi;
}

static void add_voxels(const pp_body *body, pp_slab slab, float *delta, float *beta)
{
    const int64_t corner = -(slab.n / 2), upper = slab.first - slab.slices / 2;
    const double origin = (double)corner, top = (double)upper;
    const double half = body->kind == PP_BALL ? body->radius : body->half_height;
    double box[4];
    bounds(body, box);
    int64_t iz[2], iy[2], ix[2];
    touched(body->z - half, body->z + half, top, slab.rows, iz);
    touched(box[0], box[1], origin, slab.n, iy);
    touched(box[2], box[3], origin, slab.n, ix);
    for (int64_t z = iz[0]; z < iz[1]; z++)
        for (int64_t y = iy[0]; y < iy[1]; y++)
            for (int64_t x = ix[0]; x < ix[1]; x++) {
                const int64_t at = (z * slab.n + y) * slab.n + x;
                const double part =
                    filled(body, top + (double)z, origin + (double)y, origin + (double)x);
                delta[at] += (float)(body->delta * part);
                beta[at] += (float)(body->beta * part);
            }
}

void pp_phantom_voxels(const pp_phantom *phantom, pp_slab slab, float *delta, float *beta)
{
    memset(delta, 0, (size_t)(slab.rows * slab.n * slab.n) * sizeof *delta);
    memset(beta, 0, (size_t)(slab.rows * slab.n * slab.n) * sizeof *beta);
    for (int64_t k = 0; k < phantom->count; k++) add_voxels(&phantom->bodies[k], slab, delta, beta);
}
