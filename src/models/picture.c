/* SPDX-License-Identifier: BSD-3-Clause */
#include "models/picture.h"

#include <math.h>
#include <stdbool.h>

#include "base/alloc.h"
#include "base/random.h"

static const double turn = 6.283185307179586;

/* ---- blur ---- */

/* out = in convolved along x, transposed: twice is both axes. Edges are continued. */
static void blur_across(float *out, const float *in, int64_t height, int64_t width,
                        const double *taps, int64_t reach)
{
    for (int64_t y = 0; y < height; y++)
        for (int64_t x = 0; x < width; x++) {
            double sum = 0;
            for (int64_t k = -reach; k <= reach; k++) {
                const int64_t at = x + k < 0 ? 0 : x + k >= width ? width - 1 : x + k;
                sum += taps[k + reach] * (double)in[y * width + at];
            }
            out[x * height + y] = (float)sum;
        }
}

static pp_status blur(const pp_picture *p, float *image)
{
    const int64_t reach = (int64_t)ceil(5 * p->blur);
    pp_status status = PP_OK;
    double *taps = NULL, sum = 0;
    float *room = NULL;
    if (!(p->blur > 0)) return PP_OK;
    PP_TRY_TO(done, PP_ALLOC(2 * reach + 1, &taps));
    PP_TRY_TO(done, PP_ALLOC(p->height * p->width, &room));
    for (int64_t k = -reach; k <= reach; k++) {
        const double u = (double)k / p->blur;
        sum += taps[k + reach] = exp(-0.5 * u * u);
    }
    for (int64_t k = 0; k <= 2 * reach; k++) taps[k] /= sum;
    blur_across(room, image, p->height, p->width, taps, reach);
    blur_across(image, room, p->width, p->height, taps, reach);
done:
    pp_free(room);
    pp_free(taps);
    return status;
}

/* ---- star ---- */

/* r: radius in units of the star's. */
static bool is_gold(double r, double angle, int64_t spokes)
{
    static const double rings[] = {0.04, 0.25, 0.5, 0.75, 1};
    if (r < rings[0]) return true; /* the inner disc */
    if (r > rings[4]) return r < 1.04;
    for (int k = 1; k < 4; k++)
        if (fabs(r - rings[k]) < 0.008) return false; /* grooves */
    return sin((double)spokes * angle) > 0;
}

pp_status pp_picture_star(const pp_picture *p, int64_t spokes, float **out)
{
    const double radius = 0.48 * (double)(p->height < p->width ? p->height : p->width) / 1.04;
    float *image;
    PP_TRY(PP_ALLOC(p->height * p->width, &image));
    for (int64_t i = 0; i < p->height * p->width; i++) {
        const int64_t iy = i / p->width, ix = i % p->width;
        const double y = (double)iy + 0.5 - 0.5 * (double)p->height,
                     x = (double)ix + 0.5 - 0.5 * (double)p->width;
        image[i] = is_gold(hypot(y, x) / radius, atan2(y, x), spokes);
    }
    const pp_status status = blur(p, image);
    if (status == PP_OK)
        *out = image;
    else
        pp_free(image);
    return status;
}

/* ---- coins ---- */

enum { ROWS = 4, COLUMNS = 6, WAVES = 5 };

typedef struct coin {
    double y, x, radius, level;                         /* pixels; height of its field */
    double wave[WAVES][3], strength, figure[2], spread; /* relief: cycles a radius, phase */
} coin;

static double between(pp_random *random, double lo, double hi)
{
    return lo + (hi - lo) * pp_random_uniform(random);
}

static void mint(coin *c, const pp_picture *p, int cell, pp_random *random)
{
    const double h = (double)p->height / ROWS, w = (double)p->width / COLUMNS, size = fmin(h, w);
    const int row = cell / COLUMNS, column = cell % COLUMNS;
    c->radius = size * between(random, 0.32, 0.45);
    c->y = h * ((double)row + 0.5) + between(random, -0.04, 0.04) * size;
    c->x = w * ((double)column + 0.5) + between(random, -0.04, 0.04) * size;
    c->level = between(random, 0.45, 0.65);
    for (int k = 0; k < WAVES; k++) {
        c->wave[k][0] = between(random, -2.5, 2.5), c->wave[k][1] = between(random, -2.5, 2.5);
        c->wave[k][2] = between(random, 0, turn);
    }
    c->strength = between(random, 0.02, 0.035);
    for (int k = 0; k < 2; k++) c->figure[k] = between(random, -0.15, 0.15);
    c->spread = between(random, 0.3, 0.45);
}

/* Height of a coin at (v, u) in radii from its centre, r of them away. */
static double relief(const coin *c, double v, double u, double r)
{
    double sum = c->level;
    if (r > 0.9) return sum + 0.2;                                   /* rim */
    if (r > 0.78) return sum + 0.12 * (cos(48 * atan2(v, u)) > 0.3); /* beads */
    for (int k = 0; k < WAVES; k++)
        sum += c->strength * sin(turn * (c->wave[k][0] * v + c->wave[k][1] * u) + c->wave[k][2]);
    const double d = hypot(v - c->figure[0], 1.3 * (u - c->figure[1]));
    return d < c->spread ? sum + 0.15 * sqrt(1 - d * d / (c->spread * c->spread)) : sum;
}

static void strike(float *image, const pp_picture *p, const coin *c)
{
    for (int64_t y = 0; y < p->height; y++)
        for (int64_t x = 0; x < p->width; x++) {
            const double v = ((double)y - c->y) / c->radius, u = ((double)x - c->x) / c->radius;
            const double r = hypot(v, u);
            if (r < 1) image[y * p->width + x] = (float)relief(c, v, u, r);
        }
}

pp_status pp_picture_coins(const pp_picture *p, float **out)
{
    enum { STREAM = 0x636f696e };
    pp_random random = pp_random_start(p->seed, STREAM);
    float *image;
    PP_TRY(PP_ALLOC(p->height * p->width, &image));
    for (int64_t i = 0; i < p->height * p->width; i++) {
        const int64_t iy = i / p->width, ix = i % p->width;
        const double y = (double)iy, x = (double)ix;
        image[i] = (float)(0.15 * (y / (double)p->height + x / (double)p->width));
    }
    for (int cell = 0; cell < ROWS * COLUMNS; cell++) {
        coin c;
        mint(&c, p, cell, &random);
        strike(image, p, &c);
    }
    const pp_status status = blur(p, image);
    if (status == PP_OK)
        *out = image;
    else
        pp_free(image);
    return status;
}
