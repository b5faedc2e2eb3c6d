/* Ready-made phantoms.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>
#include <stdbool.h>

#include "base/random.h"
#include "models/phantom.h"

enum { STREAM_BALLS = 0x62616c6c, STREAM_CIRCUIT = 0x63686970 };

/* Tabulated at 8.8 keV (about 15 % wide in the literature; only the order of magnitude matters here). */
static const double table_wavelength = 1.409e-10;
static const pp_material materials[] = {{"silicon", 6.3e-6, 1.0e-7},
                                        {"silicon dioxide", 6.0e-6, 5.0e-8},
                                        {"copper", 2.0e-5, 5.0e-7},
                                        {"tungsten", 3.5e-5, 2.9e-6},
                                        {"gold", 3.8e-5, 3.5e-6}};

pp_material pp_material_at(pp_material_id id, double wavelength)
{
    const double ratio = wavelength / table_wavelength;
    pp_material out = materials[id];
    out.delta *= ratio * ratio;
    out.beta *= ratio * ratio * ratio * ratio;
    return out;
}

static double between(pp_random *random, double lo, double hi)
{
    return lo + (hi - lo) * pp_random_uniform(random);
}

static double distance(const pp_body *a, const pp_body *b)
{
    return sqrt((a->z - b->z) * (a->z - b->z) + (a->y - b->y) * (a->y - b->y) +
                (a->x - b->x) * (a->x - b->x));
}

/* A ball inside the matrix (body 0) and apart from the others, so that delta stays positive. */
static bool fits(const pp_phantom *phantom, const pp_body *ball)
{
    const pp_body *matrix = pp_phantom_body(phantom, 0);
    if (distance(ball, matrix) + ball->radius > 0.97 * matrix->radius) return false;
    for (int64_t k = 1; k < pp_phantom_count(phantom); k++) {
        const pp_body *other = pp_phantom_body(phantom, k);
        if (distance(ball, other) <= ball->radius + other->radius) return false;
    }
    return true;
}

static pp_status fill_with_balls(pp_phantom *phantom, pp_phantom_size size, int64_t count)
{
    static const double weights[] = {-0.2, 0.3, 0.6, 1.0};
    const double half = 0.5 * fmin(size.height, size.width);
    const double unit = pp_material_at(PP_COPPER, size.wavelength).delta;
    pp_random random = pp_random_start(size.seed, STREAM_BALLS);
    const pp_body matrix = {.radius = 0.62 * half, .delta = 0.25 * unit, .beta = 0.005 * unit};
    PP_TRY(pp_phantom_add(phantom, &matrix));
    for (int64_t tries = 0; pp_phantom_count(phantom) < count && tries < 10000 * count; tries++) {
        pp_body ball = {.z = between(&random, -0.55 * half, 0.55 * half)};
        ball.y = between(&random, -0.55 * half, 0.55 * half);
        ball.x = between(&random, -0.55 * half, 0.55 * half);
        ball.radius = between(&random, 0.05, 0.16) * half;
        ball.delta = weights[pp_random_bits(&random) & 3] * unit;
        ball.beta = ball.delta * between(&random, 0.01, 0.1);
        if (ball.delta < 0) ball.beta = ball.delta * 0.02; /* the matrix's ratio: a cavity */
        if (fits(phantom, &ball)) PP_TRY(pp_phantom_add(phantom, &ball));
    }
    if (pp_phantom_count(phantom) < count)
        return PP_FAIL(PP_ERR_CONFIG,
                       "%lld balls do not fit side by side, only %lld found a place; ask for fewer",
                       (long long)count, (long long)pp_phantom_count(phantom));
    return PP_OK;
}

pp_status pp_phantom_balls(pp_phantom_size size, int64_t count, pp_phantom **out)
{
    pp_status status = PP_OK;
    pp_phantom *phantom = NULL;
    PP_TRY(pp_phantom_create(&phantom));
    PP_TRY_TO(done, fill_with_balls(phantom, size, count));
    *out = phantom;
    phantom = NULL;
done:
    pp_phantom_free(&phantom);
    return status;
}

/* The chip: everything in units of the half width h; z grows downwards, so the base has the larger z. */
typedef struct chip {
    pp_phantom *phantom;
    pp_random random;
    double radius, pitch, line; /* pillar; distance and width of lines */
    double z[8];                /* borders of the layers, from the base upwards */
    pp_material oxide, metal;
} chip;

static pp_status add_disc(chip *c, double z0, double z1, double delta, double beta)
{
    const pp_body disc = {.kind = PP_CYLINDER,
                          .z = 0.5 * (z0 + z1),
                          .radius = c->radius,
                          .half_height = 0.5 * fabs(z1 - z0),
                          .delta = delta,
                          .beta = beta};
    return pp_phantom_add(c->phantom, &disc);
}

/* Metal in place of oxide in the box y0..y1, x0..x1 of a layer. */
static pp_status add_box(chip *c, int layer, const double y[2], const double x[2])
{
    const pp_body box = {.kind = PP_PRISM,
                         .z = 0.5 * (c->z[layer] + c->z[layer + 1]),
                         .half_height = 0.5 * fabs(c->z[layer + 1] - c->z[layer]),
                         .corner = {{y[0], x[0]}, {y[0], x[1]}, {y[1], x[1]}, {y[1], x[0]}},
                         .delta = c->metal.delta - c->oxide.delta,
                         .beta = c->metal.beta - c->oxide.beta};
    return pp_phantom_add(c->phantom, &box);
}

/* The lines of one layer along x (or y): one a track, as long as the pillar allows, some of them cut in two. */
static pp_status add_lines(chip *c, int layer, bool along_x, double width)
{
    const double usable = 0.9 * c->radius;
    const int tracks = (int)(usable / c->pitch);
    for (int k = -tracks; k <= tracks; k++) {
        const double across[2] = {k * c->pitch - 0.5 * width, k * c->pitch + 0.5 * width};
        const double edge = fmax(fabs(across[0]), fabs(across[1]));
        const double reach = edge < usable ? sqrt(usable * usable - edge * edge) : 0;
        const double cut = between(&c->random, -0.6, 0.6) * reach;
        const bool broken = pp_random_uniform(&c->random) < 0.6;
        const double pieces[2][2] = {{-reach, broken ? cut - 0.5 * c->pitch : reach},
                                     {cut + 0.5 * c->pitch, reach}};
        for (int p = 0; p < (broken ? 2 : 1); p++) {
            if (pieces[p][1] - pieces[p][0] < c->line) continue;
            PP_TRY(along_x ? add_box(c, layer, across, pieces[p])
                           : add_box(c, layer, pieces[p], across));
        }
    }
    return PP_OK;
}

/* Square vias where tracks of the layers above and below cross. */
static pp_status add_vias(chip *c, int layer, double density)
{
    const double usable = 0.85 * c->radius, half = 0.5 * c->line;
    const int tracks = (int)(usable / c->pitch);
    for (int ky = -tracks; ky <= tracks; ky++)
        for (int kx = -tracks; kx <= tracks; kx++) {
            const double y[2] = {ky * c->pitch - half, ky * c->pitch + half};
            const double x[2] = {kx * c->pitch - half, kx * c->pitch + half};
            const bool wanted = pp_random_uniform(&c->random) < density;
            if (wanted && hypot(fabs(ky * c->pitch) + half, fabs(kx * c->pitch) + half) < usable)
                PP_TRY(add_box(c, layer, y, x));
        }
    return PP_OK;
}

static pp_status fill_chip(chip *c, pp_phantom_size size)
{
    static const double border[8] = {0.76, 0.38, 0.24, 0.10, -0.04, -0.18, -0.32, -0.52};
    for (int k = 0; k < 8; k++) c->z[k] = border[k] * 0.5 * size.height;
    const pp_material base = pp_material_at(PP_SILICON, size.wavelength);
    const double top = -0.76 * 0.5 * size.height;
    PP_TRY(add_disc(c, c->z[1], top, c->oxide.delta, c->oxide.beta));
    PP_TRY(add_disc(c, c->z[0], c->z[1], base.delta, base.beta));
    c->metal = pp_material_at(PP_TUNGSTEN, size.wavelength);
    PP_TRY(add_vias(c, 1, 0.35)); /* contacts */
    c->metal = pp_material_at(PP_COPPER, size.wavelength);
    PP_TRY(add_lines(c, 2, true, c->line));
    PP_TRY(add_vias(c, 3, 0.25));
    PP_TRY(add_lines(c, 4, false, c->line));
    PP_TRY(add_vias(c, 5, 0.2));
    return add_lines(c, 6, true, 1.25 * c->line);
}

pp_status pp_phantom_integrated_circuit(pp_phantom_size size, pp_phantom **out)
{
    pp_status status = PP_OK;
    chip c = {.random = pp_random_start(size.seed, STREAM_CIRCUIT),
              .radius = 0.39 * size.width,
              .pitch = 0.135 * size.width,
              .line = 0.066 * size.width,
              .oxide = pp_material_at(PP_SILICON_DIOXIDE, size.wavelength)};
    PP_TRY(pp_phantom_create(&c.phantom));
    PP_TRY_TO(done, fill_chip(&c, size));
    *out = c.phantom;
    c.phantom = NULL;
done:
    pp_phantom_free(&c.phantom);
    return status;
}

pp_status pp_phantom_siemens_star(pp_phantom_size size, int64_t spokes, pp_phantom **out)
{
    pp_status status = PP_OK;
    pp_phantom *phantom = NULL;
    PP_TRY(pp_phantom_create(&phantom));
    const pp_material gold = pp_material_at(PP_GOLD, size.wavelength);
    const double outer = 0.38 * size.width, inner = 0.04 * size.width;
    const double step = 6.283185307179586 / (double)spokes;
    for (int64_t k = 0; k < spokes; k++) {
        const double a = (double)k * step - 0.25 * step, b = a + 0.5 * step;
        const pp_body spoke = {.kind = PP_PRISM,
                               .half_height = 0.3 * size.height,
                               .corner = {{inner * sin(a), inner * cos(a)},
                                          {outer * sin(a), outer * cos(a)},
                                          {outer * sin(b), outer * cos(b)},
                                          {inner * sin(b), inner * cos(b)}},
                               .delta = gold.delta,
                               .beta = gold.beta};
        PP_TRY_TO(done, pp_phantom_add(phantom, &spoke));
    }
    *out = phantom;
    phantom = NULL;
done:
    pp_phantom_free(&phantom);
    return status;
}
