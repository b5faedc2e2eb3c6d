/* Projection matching: known shifts found again, and the same bits on any number of ranks.
 * SPDX-License-Identifier: BSD-3-Clause */
// RANKS 1 2 3
// TIMEOUT 120
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/random.h"
#include "comm/comm.h"
#include "support/blobs.h"
#include "support/support.h"
#include "tomo/centre.h"
#include "tomo/matching.h"
#include "tomo/unwrap.h"

static const double pi = 3.14159265358979323846;
static pp_comm *world;

typedef struct trial {
    int64_t views, ny, nx;
    double noise, largest;
    int iterations;
    bool texture, differences;
    double *theta, *truth, *found;
} trial;

static void fill_views(const trial *t, const pp_matching_setup *setup, float *phase, float *weight)
{
    pp_blobs blobs = pp_blobs_make(11, (double)t->nx / 5, t->differences ? 9 : 4);
    if (t->texture) { /* edges, which band-limited operators do not hold exactly, and more to see in noise */
        for (int k = 0; k < PP_BLOBS; k++) blobs.sigma[k] *= 0.6;
        blobs.matrix[0] = 0.36 * (double)t->nx;
        blobs.matrix[1] = 0.34 * (double)t->ny;
        blobs.matrix[2] = 4;
    }
    const int64_t pixels = t->ny * t->nx;
    for (int64_t k = 0; k < setup->count; k++) {
        const int64_t v = setup->first + k;
        const double shift[2] = {t->truth[2 * v], t->truth[2 * v + 1]};
        pp_blobs_project(&blobs, t->theta[v], shift, t->ny, t->nx, phase + k * pixels);
        pp_add_noise(5, (uint64_t)v, t->noise, pixels, phase + k * pixels);
        for (int64_t i = 0; i < pixels; i++) weight[k * pixels + i] = 1;
        for (int64_t i = 0; i < pixels && t->differences; i++)
            phase[k * pixels + i] = (float)remainder((double)phase[k * pixels + i], 2 * pi);
        if (t->differences) pp_unwrap_rows(t->ny, t->nx, phase + k * pixels);
    }
}

/* No rank needs more memory than was planned for it, nor was much more planned than it needs. */
static void check_memory(const pp_comm *comm, const trial *t, double used)
{
    const double planned = pp_matching_bytes(t->views, t->ny, t->nx, pp_comm_size(comm), 2);
    ck_assert_msg(used <= planned && used >= 0.5 * planned, "%.0f bytes at most, planned %.0f",
                  used, planned);
}

static void match(const pp_comm *comm, const trial *t, pp_matching_facts *facts)
{
    pp_matching_setup setup = {
        .comm = comm,
        .threads = 2,
        .views = t->views,
        .theta = t->theta,
        .field = {-t->ny / 2, -t->nx / 2, t->ny - t->ny / 2, t->nx - t->nx / 2},
        .centre = {0, 0},
        .iterations = t->iterations,
        .vertical = true,
        .differences = t->differences,
    };
    float *phase, *weight;
    pp_comm_block(t->views, pp_comm_size(comm), pp_comm_rank(comm), &setup.first, &setup.count);
    pp_assert_ok(PP_ALLOC(setup.count * t->ny * t->nx, &phase));
    pp_assert_ok(PP_ALLOC(setup.count * t->ny * t->nx, &weight));
    fill_views(t, &setup, phase, weight);
    setup.phase = phase;
    setup.weight = weight;
    memset(t->found, 0, (size_t)(2 * t->views) * sizeof *t->found);
    pp_alloc_reset_peak();
    const double before = (double)pp_alloc_peak_bytes();
    pp_assert_ok(pp_matching_run(&setup, t->found, facts));
    check_memory(comm, t, (double)pp_alloc_peak_bytes() - before);
    pp_free(phase);
    pp_free(weight);
}

static void plant(trial *t)
{
    pp_random random = pp_random_start(9, 0);
    pp_assert_ok(PP_ALLOC(5 * t->views, &t->theta));
    t->truth = t->theta + t->views;
    t->found = t->theta + 3 * t->views;
    for (int64_t v = 0; v < t->views; v++) {
        t->theta[v] = pi * (double)v / (double)t->views;
        for (int k = 0; k < 2; k++)
            t->truth[2 * v + k] = t->largest * (2 * pp_random_uniform(&random) - 1);
    }
}

static void errors(const trial *t, double rms[2])
{
    rms[0] = rms[1] = 0;
    for (int64_t v = 0; v < 2 * t->views; v++) t->found[v] += t->truth[v];
    pp_remove_translation(t->views, t->theta, t->found);
    for (int64_t v = 0; v < t->views; v++)
        for (int k = 0; k < 2; k++)
            rms[k] += t->found[2 * v + k] * t->found[2 * v + k] / (double)t->views;
    for (int k = 0; k < 2; k++) rms[k] = sqrt(rms[k]);
}

static void check_trial(trial t, double bar)
{
    pp_matching_facts facts;
    double rms[2];
    plant(&t);
    match(world, &t, &facts);
    errors(&t, rms);
    ck_assert_msg(rms[0] <= bar && rms[1] <= bar,
                  "noise %g: y %.4f x %.4f px rms after %d iterations, bar %g; error %g to %g",
                  t.noise, rms[0], rms[1], facts.iterations, bar, facts.error_before,
                  facts.error_after);
    ck_assert(facts.error_after < facts.error_before);
    ck_assert_int_le(facts.iterations, facts.levels * t.iterations);
    pp_free(t.theta);
}

START_TEST(large_shifts_are_found)
{
    if (pp_comm_size(world) > 1) return; /* as large as this once is enough */
    trial t = {.views = 90, .ny = 64, .nx = 96, .largest = 8, .iterations = 40};
    check_trial(t, 0.01);
    t.texture = true;
    t.noise = 0.05;
    check_trial(t, 0.02);
    t.views = 120;
    t.noise = 0.2;
    check_trial(t, 0.06);
}
END_TEST

/* 9 rad, wrapped: compared by the differences along rows that were unwrapped one by one. Fine detail weighs more then, and of that
 * each view has some of its own: the volume follows a view that is off, so the last hundredths take long. */
START_TEST(by_differences)
{
    if (pp_comm_size(world) > 1) return;
    trial t = {.views = 110, .ny = 52, .nx = 64, .largest = 2, .iterations = 40};
    t.differences = true;
    check_trial(t, 0.03);
    t.texture = true;
    t.noise = 0.05;
    check_trial(t, 0.06);
}
END_TEST

START_TEST(coarse_to_fine)
{
    if (pp_comm_size(world) > 1) return;
    trial t = {.views = 48, .ny = 32, .nx = 131, .noise = 0.02, .largest = 3, .iterations = 20};
    t.texture = true;
    check_trial(t, 0.07);
}
END_TEST

START_TEST(same_bits_on_any_number_of_ranks)
{
    trial t = {.views = 17, .ny = 21, .nx = 40, .noise = 0.05, .largest = 2, .iterations = 4};
    pp_matching_facts facts;
    pp_comm *alone;
    double *first;
    plant(&t);
    pp_assert_ok(PP_ALLOC(2 * t.views, &first));
    match(world, &t, &facts);
    memcpy(first, t.found, (size_t)(2 * t.views) * sizeof *first);
    pp_assert_ok(pp_comm_self(&alone));
    match(alone, &t, &facts);
    ck_assert(memcmp(first, t.found, (size_t)(2 * t.views) * sizeof *first) == 0);
    ck_assert(first[1] != 0);
    pp_comm_free(&alone);
    pp_free(first);
    pp_free(t.theta);
}
END_TEST

int main(int argc, char **argv)
{
    const TTest *const tests[] = {large_shifts_are_found, by_differences, coarse_to_fine,
                                  same_bits_on_any_number_of_ranks, NULL};
    return pp_test_main_of_ranks(argc, argv, "matching", tests, &world);
}
