/* SPDX-License-Identifier: BSD-3-Clause */
#include "support/blobs.h"

#include <math.h>

#include "base/random.h"

static double along(pp_random *random, double radius)
{
    return radius * (2 * pp_random_uniform(random) - 1);
}

static double highest(const pp_blobs *b)
{
    const double still[2] = {0, 0};
    float phase[64 * 64], most = 0;
    for (int k = 0; k < 4; k++) {
        pp_blobs_project(b, 0.8 * k, still, 64, 64, phase);
        for (int i = 0; i < 64 * 64; i++) most = fmaxf(most, fabsf(phase[i]));
    }
    return most;
}

pp_blobs pp_blobs_make(uint64_t seed, double radius, double peak)
{
    pp_random random = pp_random_start(seed, 77);
    pp_blobs b = {.matrix = {0, 0, 0}};
    for (int k = 0; k < PP_BLOBS;) {
        b.z[k] = along(&random, radius);
        b.y[k] = along(&random, radius);
        b.x[k] = along(&random, radius);
        b.sigma[k] = 3 + 1.5 * pp_random_uniform(&random);
        b.height[k] = 0.3 + pp_random_uniform(&random);
        if (b.z[k] * b.z[k] + b.y[k] * b.y[k] + b.x[k] * b.x[k] < radius * radius) k++;
    }
    const double scale = peak / highest(&b);
    for (int k = 0; k < PP_BLOBS; k++) b.height[k] *= scale;
    return b;
}

static double matrix_at(const double matrix[3], double z, double u)
{
    if (matrix[0] <= 0) return 0;
    const double chord = 1 - pow(u / matrix[0], 2) - pow(z / matrix[1], 2);
    return chord > 0 ? matrix[2] * sqrt(chord) : 0;
}

void pp_blobs_project(const pp_blobs *blobs, double t, const double shift[2], int64_t ny,
                      int64_t nx, float *phase)
{
    for (int64_t y = 0; y < ny; y++)
        for (int64_t x = 0; x < nx; x++) {
            double sum = matrix_at(blobs->matrix, (double)(y - ny / 2) - shift[0],
                                   (double)(x - nx / 2) - shift[1]);
            for (int k = 0; k < PP_BLOBS; k++) {
                const double u = blobs->x[k] * cos(t) + blobs->y[k] * sin(t);
                const double dy = (double)(y - ny / 2) - shift[0] - blobs->z[k];
                const double dx = (double)(x - nx / 2) - shift[1] - u;
                const double s = blobs->sigma[k];
                sum += blobs->height[k] * exp(-(dy * dy + dx * dx) / (2 * s * s));
            }
            phase[y * nx + x] = (float)-sum;
        }
}

void pp_add_noise(uint64_t seed, uint64_t stream, double sigma, int64_t count, float *values)
{
    pp_random random = pp_random_start(seed, stream);
    for (int64_t i = 0; i < count; i++) values[i] += (float)(sigma * pp_random_normal(&random));
}
