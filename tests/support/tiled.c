/* SPDX-License-Identifier: BSD-3-Clause */
#include "support/tiled.h"

#include <math.h>
#include <string.h>

#include "base/random.h"
#include "support/oracle.h"

tiled_view tiled;

static void make_probe(void)
{
    for (int k = 0; k < N * N; k++) {
        const double y = k / N - N / 2, x = k % N - N / 2, e = 20 * exp(-(y * y + x * x) / 18);
        tiled.probe[k] = (pp_c32){(float)e, (float)(e * 0.1 * y)};
    }
}

static void make_object(void)
{
    for (int64_t k = 0; k < tiled.size[0] * tiled.size[1]; k++) {
        const double y = (double)(k / tiled.size[1]), x = (double)(k % tiled.size[1]),
                     phase = 0.5 * sin(0.4 * y) * cos(0.3 * x);
        tiled.object[k] = (pp_c32){(float)cos(phase), (float)sin(phase)};
    }
}

static void make_frames(void)
{
    static double complex far[MOST * N * N], object[SIDE * SIDE], probe[N * N];
    const oracle o = {.n = N,
                      .modes = 1,
                      .patterns = tiled.patterns,
                      .object = {tiled.size[0], tiled.size[1]},
                      .positions = tiled.corners,
                      .fourier = true};
    for (int64_t k = 0; k < tiled.size[0] * tiled.size[1]; k++)
        object[k] = (double)tiled.object[k].re + I * (double)tiled.object[k].im;
    for (int k = 0; k < N * N; k++)
        probe[k] = (double)tiled.probe[k].re + I * (double)tiled.probe[k].im;
    oracle_forward(&o, far, object, probe);
    for (int64_t k = 0; k < tiled.patterns * N * N; k++)
        tiled.frames[k] = (float)(creal(far[k]) * creal(far[k]) + cimag(far[k]) * cimag(far[k]));
}

void tiled_make(int64_t patterns, int64_t height, int64_t width, uint64_t seed, bool raster)
{
    pp_random r = pp_random_start(seed, 0);
    const int64_t side = (int64_t)ceil(sqrt((double)patterns));
    tiled.patterns = patterns, tiled.size[0] = height, tiled.size[1] = width;
    for (int64_t i = 0; i < 2 * patterns; i++) {
        const int64_t step = i % 2 ? i / 2 % side : i / 2 / side;
        const double room = (double)(tiled.size[i % 2] - N - 2);
        tiled.corners[i] = 1 + (raster ? room * (double)step / (double)side + pp_random_uniform(&r)
                                       : room * pp_random_uniform(&r));
    }
    make_probe();
    make_object();
    make_frames();
}

pp_sweep_setup tiled_setup(void)
{
    return (pp_sweep_setup){.n = N,
                            .modes = 1,
                            .patterns = tiled.patterns,
                            .object = {tiled.size[0], tiled.size[1]},
                            .positions = tiled.corners,
                            .mode = PP_SWEEP_FOURIER,
                            .frame_type = PP_F32,
                            .frames = tiled.frames,
                            .probe_moves = true,
                            .keep = true,
                            .threads = 1};
}

void tiled_arrays_make(tiled_arrays *a)
{
    pp_assert_ok(
        pp_array_create(PP_F32, 3, (const int64_t[]){tiled.patterns, N, N}, "counts", &a->frames));
    memcpy(pp_array_data(a->frames), tiled.frames, pp_array_bytes(a->frames));
    pp_assert_ok(pp_array_create(PP_U8, 2, (const int64_t[]){N, N}, "1", &a->mask));
    memset(pp_array_data(a->mask), 1, N * N);
    pp_assert_ok(
        pp_array_create(PP_F64, 2, (const int64_t[]){tiled.patterns, 2}, "pixel", &a->positions));
    memcpy(pp_array_data(a->positions), tiled.corners, pp_array_bytes(a->positions));
    pp_assert_ok(pp_array_create(PP_C32, 3, (const int64_t[]){1, N, N}, "sqrt(counts)", &a->probe));
    memcpy(pp_array_data(a->probe), tiled.probe, sizeof tiled.probe);
    pp_assert_ok(pp_array_create_1d(PP_I32, tiled.patterns, "1", &a->tile_of));
    a->tiles = NULL;
}

void tiled_arrays_cut(tiled_arrays *a, int devices, pp_tiles *t, pp_object_frame *frame)
{
    double corners[2 * MOST];
    pp_array_free(&a->tiles);
    const double *positions = pp_array_read(a->positions);
    pp_assert_ok(pp_object_frame_of(positions, tiled.patterns, N, frame));
    pp_object_corners(frame, positions, tiled.patterns, N, corners);
    pp_assert_ok(pp_tiles_cut(corners, tiled.patterns, N, frame->size, devices, t,
                              pp_array_data(a->tile_of)));
    pp_assert_ok(pp_tiles_array(t, &a->tiles));
    a->in = (pp_view_input){.frames = a->frames,
                            .mask = a->mask,
                            .positions = a->positions,
                            .probe = a->probe,
                            .tiles = a->tiles,
                            .tile_of = a->tile_of};
}

void tiled_arrays_free(tiled_arrays *a)
{
    pp_array_free(&a->frames), pp_array_free(&a->mask), pp_array_free(&a->positions);
    pp_array_free(&a->probe), pp_array_free(&a->tiles), pp_array_free(&a->tile_of);
}

pp_view_options tiled_options(int64_t iterations, pp_split_method split)
{
    return (pp_view_options){.backend = pp_test_backend(),
                             .positions = PP_SWEEP_FOURIER,
                             .probe_modes = 1,
                             .memory = 1e9,
                             .threads = 2,
                             .split = split,
                             .solver = {.iterations = iterations,
                                        .refine_probe = true,
                                        .refine_positions = true,
                                        .refine_intensities = true,
                                        .probe_start = 1,
                                        .positions_start = 2,
                                        .positions_every = 4,
                                        .positions_limit = 0.5,
                                        .precondition = true}};
}

double tiled_apart(const pp_c32 *a, const pp_c32 *b, int64_t count)
{
    double sum = 0;
    for (int64_t k = 0; k < count; k++)
        sum += pow((double)(a[k].re - b[k].re), 2) + pow((double)(a[k].im - b[k].im), 2);
    return sum;
}

double tiled_difference(const pp_array *a, const pp_array *b)
{
    const pp_c32 *x = pp_array_read(a), *y = pp_array_read(b);
    double norm = 0;
    for (int64_t k = 0; k < pp_array_count(a); k++)
        norm += (double)(x[k].re * x[k].re + x[k].im * x[k].im);
    return sqrt(tiled_apart(x, y, pp_array_count(a)) / norm);
}

pp_view_options tiled_known_probe(int64_t iterations, pp_split_method split)
{
    pp_view_options o = tiled_options(iterations, split);
    o.solver.refine_probe = o.solver.refine_positions = false;
    o.solver.refine_intensities = false;
    o.halo_rows = 2, o.period = 2;
    return o;
}
