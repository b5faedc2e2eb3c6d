/* Random two-phase material in a cylinder.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/alloc.h"
#include "base/random.h"
#include "tomo/specimen.h"

enum { STREAM_FINE = 0x66696e65, STREAM_COARSE = 0x636f6172, MAX_REACH = 40 };

/* A line of `count` values `stride` apart, convolved with a Gaussian that continues periodically. */
static void blur_line(double sigma, int64_t count, int64_t stride, float *work, float *line)
{
    const int64_t reach = (int64_t)fmin(ceil(3.5 * sigma), MAX_REACH);
    double sum = 1, weight[MAX_REACH + 1] = {1};
    for (int64_t k = 1; k <= reach; k++) {
        weight[k] = exp(-0.5 * (double)(k * k) / (sigma * sigma));
        sum += 2 * weight[k];
    }
    for (int64_t i = 0; i < count; i++) work[i] = line[i * stride];
    for (int64_t i = 0; i < count; i++) {
        double value = weight[0] * work[i];
        for (int64_t k = 1; k <= reach; k++)
            value += weight[k] * ((double)work[(i + k) % count] +
                                  (double)work[(i - k + count * (1 + k / count)) % count]);
        line[i * stride] = (float)(value / sum);
    }
}

static pp_status blur(double sigma, const int64_t shape[3], float *volume)
{
    const int64_t stride[3] = {shape[1] * shape[2], shape[2], 1};
    float *work = NULL;
    PP_TRY(PP_ALLOC(shape[0] + shape[1] + shape[2], &work));
    for (int axis = 0; axis < 3; axis++) {
        const int a = axis == 0 ? 1 : 0, b = axis == 2 ? 1 : 2;
        for (int64_t i = 0; i < shape[a]; i++)
            for (int64_t j = 0; j < shape[b]; j++)
                blur_line(sigma, shape[axis], stride[axis], work,
                          volume + i * stride[a] + j * stride[b]);
    }
    pp_free(work);
    return PP_OK;
}

/* Noise of unit variance, smooth on the scale sigma. */
static pp_status smooth_noise(uint64_t seed, uint64_t stream, double sigma, const int64_t shape[3],
                              float *out)
{
    pp_random random = pp_random_start(seed, stream);
    const int64_t count = shape[0] * shape[1] * shape[2];
    double square = 0;
    for (int64_t i = 0; i < count; i++) out[i] = (float)pp_random_normal(&random);
    PP_TRY(blur(sigma, shape, out));
    for (int64_t i = 0; i < count; i++) square += (double)out[i] * out[i];
    for (int64_t i = 0; i < count; i++) out[i] = (float)(out[i] / sqrt(square / (double)count));
    return PP_OK;
}

/* 1 in the second phase, 0 in the first, -1 outside the cylinder; fine and coarse become delta and beta. */
static void fill(pp_phantom_size size, const int64_t shape[3], float *fine, float *coarse)
{
    const pp_material matrix = pp_material_at(PP_SILICON_DIOXIDE, size.wavelength);
    const pp_material grains = pp_material_at(PP_GOLD, size.wavelength);
    const double radius = 0.38 * size.width, half = 0.38 * size.height;
    for (int64_t i = 0; i < shape[0] * shape[1] * shape[2]; i++) {
        const int64_t iz = i / (shape[1] * shape[2]) - shape[0] / 2;
        const int64_t iy = i / shape[2] % shape[1] - shape[1] / 2, ix = i % shape[2] - shape[2] / 2;
        const double z = (double)iz, y = (double)iy, x = (double)ix;
        const bool in = hypot(y, x) < radius && fabs(z) < half;
        const bool grain = 0.8 * fine[i] + 0.6 * coarse[i] > 0.9;
        fine[i] = (float)(!in ? 0 : grain ? grains.delta : matrix.delta);
        coarse[i] = (float)(!in ? 0 : grain ? grains.beta : matrix.beta);
    }
}

pp_status pp_specimen_two_phase(pp_phantom_size size, pp_specimen **out)
{
    pp_status status = PP_OK;
    const int64_t n = (int64_t)llround(size.width), slices = (int64_t)llround(size.height);
    const int64_t shape[3] = {slices, n, n};
    float *fine = NULL, *coarse = NULL;
    PP_TRY_TO(done, PP_ALLOC(slices * n * n, &fine));
    PP_TRY_TO(done, PP_ALLOC(slices * n * n, &coarse));
    PP_TRY_TO(done, smooth_noise(size.seed, STREAM_FINE, 3, shape, fine));
    PP_TRY_TO(done, smooth_noise(size.seed, STREAM_COARSE, 10, shape, coarse));
    fill(size, shape, fine, coarse);
    PP_TRY_TO(done, blur(0.6, shape, fine));
    PP_TRY_TO(done, blur(0.6, shape, coarse));
    status = pp_specimen_volume(slices, n, &fine, &coarse, out);
done:
    pp_free(fine);
    pp_free(coarse);
    return status;
}
