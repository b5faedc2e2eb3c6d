/* Detector orientation, centre and crop as one table of pixels.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "io/detector.h"

#include "base/alloc.h"

pp_status pp_detector_side(const char *what, const int64_t raw[2], const pp_detector *detector,
                           int64_t *n)
{
    if (raw[0] < 1 || raw[1] < 1 || raw[0] > 65536 || raw[1] > 65536)
        return PP_FAIL(PP_ERR_DATA, "%s: frames of %lld x %lld pixels cannot be used", what,
                       (long long)raw[0], (long long)raw[1]);
    if (detector->crop == 0 && raw[0] != raw[1])
        return PP_FAIL(PP_ERR_DATA,
                       "%s: frames are %lld x %lld pixels and must be square; set crop to a side "
                       "of at most %lld",
                       what, (long long)raw[0], (long long)raw[1],
                       (long long)(raw[0] < raw[1] ? raw[0] : raw[1]));
    *n = detector->crop ? detector->crop : raw[0];
    if (*n > raw[0] || *n > raw[1])
        return PP_FAIL(PP_ERR_DATA, "%s: crop = %lld is more than the frames' %lld x %lld pixels",
                       what, (long long)*n, (long long)raw[0], (long long)raw[1]);
    return PP_OK;
}

/* Signed frequency f lies at centre + f. At the Nyquist row of an even side -n/2 and n/2 are the same sample, so a flipped
 * full frame wraps there by one pixel. */
static int64_t disk_index(int64_t centre, int64_t f, int64_t n, int64_t size)
{
    const int64_t k = centre + f;
    if (k >= 0 && k < size) return k;
    const bool nyquist = n == size && n % 2 == 0 && (f == n / 2 || f == -(n / 2));
    const int64_t other = centre - f;
    return nyquist && other >= 0 && other < size ? other : -1;
}

pp_status pp_detector_map(const char *what, const int64_t raw[2], const pp_detector *detector,
                          int64_t *side, int32_t **map)
{
    PP_TRY(pp_detector_side(what, raw, detector, side));
    const int64_t n = *side;
    const int64_t centre[2] = {detector->has_centre ? detector->centre[0] : raw[0] / 2,
                               detector->has_centre ? detector->centre[1] : raw[1] / 2};
    int32_t *table = NULL;
    PP_TRY(PP_ALLOC(n * n, &table));
    for (int64_t y = 0; y < n; y++) {
        for (int64_t x = 0; x < n; x++) {
            const int64_t fy = y < n - n / 2 ? y : y - n, fx = x < n - n / 2 ? x : x - n;
            const int64_t sy = detector->orientation & 2 ? -fy : fy,
                          sx = detector->orientation & 1 ? -fx : fx;
            const bool transposed = (detector->orientation & 4) != 0;
            const int64_t row = disk_index(centre[0], transposed ? sx : sy, n, raw[0]);
            const int64_t column = disk_index(centre[1], transposed ? sy : sx, n, raw[1]);
            if (row < 0 || column < 0) {
                pp_free(table);
                return PP_FAIL(PP_ERR_DATA,
                               "%s: %lld x %lld pixels around the centre (%lld, %lld) reach out "
                               "of the frames' %lld x %lld; make crop smaller",
                               what, (long long)n, (long long)n, (long long)centre[0],
                               (long long)centre[1], (long long)raw[0], (long long)raw[1]);
            }
            table[y * n + x] = (int32_t)(row * raw[1] + column);
        }
    }
    *map = table;
    return PP_OK;
}
