/* The two inner loops of the projector: six by six weighted cells a sample, four complex slices at once (one cell is one
 * vector of eight floats). Compiled for AVX2 too; fused multiply-adds are allowed in this file (CMakeLists.txt).
 * SPDX-License-Identifier: BSD-3-Clause */
#include <stdbool.h>

#include "backend/level.h"
#include "tomo/radial.h"

typedef float cell __attribute__((vector_size(2 * PP_RADIAL_LANES * sizeof(float)), may_alias));

#if defined(__x86_64__) && defined(__GNUC__)
#define PP_AVX2 __attribute__((target("avx2,fma")))
#else
#define PP_AVX2
#endif

static bool has_avx2(void)
{
    return pp_level_get() >= PP_LEVEL_V3;
}

#define PP_INLINE static inline __attribute__((always_inline))

PP_INLINE void gather(const pp_radial *radial, const cell *grid, cell *lines)
{
    for (int64_t i = 0; i < radial->count; i++) {
        const pp_radial_point *point = &radial->points[i];
        const cell *row = grid + point->cell;
        cell sum[PP_RADIAL_TAPS];
        for (int x = 0; x < PP_RADIAL_TAPS; x++) sum[x] = point->wy[0] * row[x];
        for (int y = 1; y < PP_RADIAL_TAPS; y++) {
            row += radial->pitch;
            for (int x = 0; x < PP_RADIAL_TAPS; x++) sum[x] += point->wy[y] * row[x];
        }
        cell total = point->wx[0] * sum[0];
        for (int x = 1; x < PP_RADIAL_TAPS; x++) total += point->wx[x] * sum[x];
        lines[point->line] = total;
    }
}

PP_INLINE void scatter(const pp_radial *radial, const cell *lines, cell *grid)
{
    for (int64_t i = 0; i < radial->count; i++) {
        const pp_radial_point *point = &radial->points[i];
        cell *row = grid + point->cell, part[PP_RADIAL_TAPS];
        const cell value = lines[point->line];
        for (int x = 0; x < PP_RADIAL_TAPS; x++) part[x] = point->wx[x] * value;
        for (int y = 0; y < PP_RADIAL_TAPS; y++) {
            for (int x = 0; x < PP_RADIAL_TAPS; x++) row[x] += point->wy[y] * part[x];
            row += radial->pitch;
        }
    }
}

static void gather_any(const pp_radial *radial, const cell *grid, cell *lines)
{
    gather(radial, grid, lines);
}

PP_AVX2 static void gather_avx2(const pp_radial *radial, const cell *grid, cell *lines)
{
    gather(radial, grid, lines);
}

static void scatter_any(const pp_radial *radial, const cell *lines, cell *grid)
{
    scatter(radial, lines, grid);
}

PP_AVX2 static void scatter_avx2(const pp_radial *radial, const cell *lines, cell *grid)
{
    scatter(radial, lines, grid);
}

void pp_radial_gather(const pp_radial *radial, const pp_c32 *grid, pp_c32 *lines)
{
    (has_avx2() ? gather_avx2 : gather_any)(radial, (const cell *)(const void *)grid,
                                            (cell *)(void *)lines);
}

void pp_radial_scatter(const pp_radial *radial, const pp_c32 *lines, pp_c32 *grid)
{
    (has_avx2() ? scatter_avx2 : scatter_any)(radial, (const cell *)(const void *)lines,
                                              (cell *)(void *)grid);
}
