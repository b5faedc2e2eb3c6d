/* Planes by tomographic consistency, where the object covers the air strips in some views; and that planted planes do not
 * reach the alignment.
 * SPDX-License-Identifier: BSD-3-Clause */
// RANKS 1 2 3
// TIMEOUT 120
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/random.h"
#include "comm/comm.h"
#include "support/blobs.h"
#include "support/support.h"
#include "tomo/centre.h"
#include "tomo/consistent.h"
#include "tomo/mass.h"

enum { views = 60, ny = 40, nx = 80, size = ny * nx, strip = 4 };
static const double pi = 3.14159265358979323846;
static pp_comm *world;

typedef struct campaign {
    pp_matching_setup setup;
    double theta[views], truth[2 * views], shifts[2 * views];
    pp_plane planted[views], left[views]; /* left: of this rank's views */
    pp_c32 *psi;
    float *phase, *weight;
} campaign;

/* A body in the middle, and two walls near the edge of the field that lie in the strips of some views. */
static pp_blobs wide_object(bool wide)
{
    pp_blobs b = pp_blobs_make(11, 15, 1.5);
    b.matrix[0] = 26;
    b.matrix[1] = 14;
    b.matrix[2] = 1;
    for (int k = 0; k < 8 && wide; k++) { /* two walls */
        b.x[k] = k < 4 ? 33 : -6;
        b.y[k] = k < 4 ? 4 : 33;
        b.z[k] = 7 * (k % 4) - 10;
        b.sigma[k] = 2.5;
        b.height[k] = 0.3 + 0.08 * (k % 4);
    }
    return b;
}

static campaign *make(const pp_comm *comm, bool wide, double slope, double largest, double noise)
{
    campaign *c;
    const pp_blobs b = wide_object(wide);
    pp_random random = pp_random_start(7, 0), moves = pp_random_start(8, 0);
    pp_assert_ok(PP_ALLOC(1, &c));
    c->setup = (pp_matching_setup){.comm = comm,
                                   .threads = 2,
                                   .views = views,
                                   .theta = c->theta,
                                   .field = {-ny / 2, -nx / 2, ny / 2, nx / 2},
                                   .iterations = 40,
                                   .vertical = true};
    pp_comm_block(views, pp_comm_size(comm), pp_comm_rank(comm), &c->setup.first, &c->setup.count);
    pp_assert_ok(PP_ALLOC(c->setup.count * size, &c->psi));
    pp_assert_ok(PP_ALLOC(c->setup.count * size, &c->phase));
    pp_assert_ok(PP_ALLOC(c->setup.count * size, &c->weight));
    for (int v = 0; v < views; v++) {
        c->theta[v] = pi * v / views;
        double u[4];
        for (int k = 0; k < 4; k++) u[k] = 2 * pp_random_uniform(&random) - 1;
        c->planted[v] = (pp_plane){1 + 0.1 * u[0], 3 * u[1], slope * u[2], slope * u[3]};
        for (int k = 0; k < 2; k++)
            c->truth[2 * v + k] = largest * (2 * pp_random_uniform(&moves) - 1);
        const int64_t local = v - c->setup.first;
        if (local < 0 || local >= c->setup.count) continue;
        float *image = c->phase + local * size;
        pp_blobs_project(&b, c->theta[v], c->truth + 2 * v, ny, nx, image);
        pp_add_noise(9, (uint64_t)v, noise, size, image);
        for (int i = 0; i < size; i++) {
            const pp_plane p = c->planted[v];
            const double a = image[i] + p.c + p.ky * (i / nx - ny / 2) + p.kx * (i % nx - nx / 2);
            c->psi[local * size + i] =
                (pp_c32){(float)(p.modulus * cos(a)), (float)(p.modulus * sin(a))};
            c->weight[local * size + i] = 1;
        }
    }
    c->setup.phase = c->phase;
    c->setup.weight = c->weight;
    return c;
}

static void destroy(campaign *c)
{
    pp_free(c->psi);
    pp_free(c->phase);
    pp_free(c->weight);
    pp_free(c);
}

/* What the air strips give; the phase stays below pi. */
static void remove_air(campaign *c)
{
    for (int64_t k = 0; k < c->setup.count; k++) {
        pp_plane p;
        const pp_plane t = c->planted[c->setup.first + k];
        pp_assert_ok(
            pp_ramp_fit(ny, nx, c->psi + k * size, c->weight + k * size, strip, PP_RAMP_AIR, &p));
        pp_ramp_remove(ny, nx, c->psi + k * size, &p);
        for (int i = 0; i < size; i++) {
            const pp_c32 z = c->psi[k * size + i];
            c->phase[k * size + i] = atan2f(z.im, z.re);
        }
        c->left[k] = (pp_plane){t.modulus / p.modulus, remainder(t.c - p.c, 2 * pi), t.ky - p.ky,
                                t.kx - p.kx};
    }
}

static void remove_inconsistent(campaign *c)
{
    pp_plane found[views];
    pp_assert_ok(pp_consistent_planes(&c->setup, c->psi, c->shifts, found));
    for (int64_t k = 0; k < c->setup.count; k++) {
        const pp_plane f = found[k];
        pp_ramp_remove(ny, nx, c->psi + k * size, &f);
        for (int i = 0; i < size; i++)
            c->phase[k * size + i] -=
                (float)(f.c + f.ky * (i / nx - ny / 2) + f.kx * (i % nx - nx / 2));
        c->left[k].modulus /= f.modulus;
        c->left[k].c -= f.c;
        c->left[k].ky -= f.ky;
        c->left[k].kx -= f.kx;
    }
}

/* Largest slope, constant and departure of the modulus from 1 that are left over all views. */
static void largest_left(const campaign *c, double out[3])
{
    memset(out, 0, 3 * sizeof *out);
    for (int64_t k = 0; k < c->setup.count; k++) {
        const pp_plane p = c->left[k];
        out[0] = fmax(out[0], fmax(fabs(p.ky), fabs(p.kx)));
        out[1] = fmax(out[1], fabs(p.c));
        out[2] = fmax(out[2], fabs(p.modulus - 1));
    }
    pp_assert_ok(pp_comm_allreduce(c->setup.comm, out, 3, PP_MAX));
}

START_TEST(covered_strips)
{
    double at_first[3], at_end[3];
    campaign *c = make(world, true, 0.01, 2, 0.03);
    memcpy(c->shifts, c->truth, sizeof c->shifts);
    for (int v = 0; v < 2 * views; v++) c->shifts[v] = -c->shifts[v];
    remove_air(c);
    largest_left(c, at_first);
    for (int pass = 0; pass < 3; pass++) remove_inconsistent(c);
    largest_left(c, at_end);
    ck_assert_double_gt(at_first[0], 2e-3); /* the strips alone are not enough */
    ck_assert_msg(at_end[0] <= 2e-4 && at_end[1] <= 0.01 && at_end[2] <= 2e-3,
                  "slope %g, constant %g, modulus %g left of %g, %g, %g", at_end[0], at_end[1],
                  at_end[2], at_first[0], at_first[1], at_first[2]);
    destroy(c);
}
END_TEST

START_TEST(same_bits)
{
    pp_comm *alone;
    pp_plane mine[views], all[views];
    campaign *c = make(world, true, 0.01, 2, 0.03);
    pp_assert_ok(pp_comm_self(&alone));
    campaign *whole = make(alone, true, 0.01, 2, 0.03);
    remove_air(c);
    remove_air(whole);
    pp_alloc_reset_peak();
    const double before = (double)pp_alloc_peak_bytes();
    pp_assert_ok(pp_consistent_planes(&c->setup, c->psi, c->truth, mine));
    const double used = (double)pp_alloc_peak_bytes() - before,
                 planned = pp_consistent_bytes(views, ny, nx, pp_comm_size(world), 2);
    ck_assert_msg(used <= planned && used >= 0.5 * planned, "%.0f bytes at most, planned %.0f",
                  used, planned);
    pp_assert_ok(pp_consistent_planes(&whole->setup, whole->psi, c->truth, all));
    ck_assert(memcmp(mine, all + c->setup.first, (size_t)c->setup.count * sizeof *mine) == 0);
    destroy(c);
    destroy(whole);
    pp_comm_free(&alone);
}
END_TEST

/* Vertical mass fluctuation, centre of mass, projection matching. */
static void align(campaign *c)
{
    double profiles[views * ny], lit[views * ny], found[views], part;
    pp_matching_facts facts;
    remove_air(c);
    for (int v = 0; v < views; v++) {
        pp_mass_profile(ny, nx, c->phase + v * size, c->weight + v * size, profiles + v * ny,
                        lit + v * ny);
        c->shifts[2 * v + 1] = -pp_centre_of_mass(ny, nx, c->phase + v * size, nx / 2, &part);
    }
    pp_assert_ok(pp_mass_align(views, ny, profiles, lit, found, NULL));
    for (int v = 0; v < views; v++) c->shifts[2 * v] = found[v];
    pp_remove_translation(views, c->theta, c->shifts);
    pp_assert_ok(pp_matching_run(&c->setup, c->shifts, &facts));
    pp_remove_translation(views, c->theta, c->shifts);
}

START_TEST(planes_do_not_reach_the_alignment)
{
    if (pp_comm_size(world) > 1) return;
    campaign *with = make(world, false, 0.01, 3, 0.05), *without = make(world, false, 0, 3, 0.05);
    double squares[2] = {0, 0};
    align(with);
    align(without);
    for (int v = 0; v < 2 * views; v++)
        squares[v % 2] += pow(with->shifts[v] - without->shifts[v], 2) / views;
    ck_assert_msg(sqrt(squares[0]) <= 0.01 && sqrt(squares[1]) <= 0.01, "y %g x %g px rms",
                  sqrt(squares[0]), sqrt(squares[1]));
    destroy(with);
    destroy(without);
}
END_TEST

int main(int argc, char **argv)
{
    const TTest *const tests[] = {covered_strips, same_bits, planes_do_not_reach_the_alignment,
                                  NULL};
    return pp_test_main_of_ranks(argc, argv, "consistent", tests, &world);
}
