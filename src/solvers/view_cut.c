/* SPDX-License-Identifier: BSD-3-Clause */
#include "solvers/view_cut.h"

#include <math.h>

#include "base/alloc.h"
#include "models/window.h"

pp_status pp_view_cut(const pp_array *positions, int64_t n, int devices, pp_array **tiles,
                      pp_array **tile_of)
{
    const int64_t count = pp_array_size(positions, 0);
    const double *g = pp_array_read(positions);
    pp_object_frame frame;
    pp_tiles cut;
    double *corners = NULL;
    pp_status status = PP_OK;
    *tiles = *tile_of = NULL;
    PP_TRY(pp_object_frame_of(g, count, n, &frame));
    PP_TRY(PP_ALLOC(2 * count, &corners));
    pp_object_corners(&frame, g, count, n, corners);
    PP_TRY_TO(done, pp_array_create_1d(PP_I32, count, "1", tile_of));
    PP_TRY_TO(done,
              pp_tiles_cut(corners, count, n, frame.size, devices, &cut, pp_array_data(*tile_of)));
    status = pp_tiles_array(&cut, tiles);
done:
    pp_free(corners);
    if (status != PP_OK) pp_array_free(tile_of);
    return status;
}

pp_status pp_view_raster_tiles(int64_t patterns, int64_t n, const int64_t object[2], int devices,
                               double halo_rows, pp_tiles *out)
{
    const int64_t side = (int64_t)ceil(sqrt((double)patterns));
    double *corners = NULL;
    int32_t *tile_of = NULL;
    pp_status status = PP_OK;
    PP_TRY_TO(done, PP_ALLOC(2 * patterns + 1, &corners));
    PP_TRY_TO(done, PP_ALLOC(patterns + 1, &tile_of));
    for (int64_t i = 0; i < 2 * patterns; i++) {
        const int64_t step = i % 2 ? i / 2 % side : i / 2 / side;
        corners[i] = (double)(object[i % 2] - n) * (double)step / (double)side;
    }
    PP_TRY_TO(done, pp_tiles_cut(corners, patterns, n, object, devices, out, tile_of));
    if (halo_rows > 0 && devices > 1)
        status = pp_tiles_surround(out, corners, patterns, n, tile_of,
                                   halo_rows * pp_tiles_step(corners, patterns));
done:
    pp_free(corners);
    pp_free(tile_of);
    return status;
}
