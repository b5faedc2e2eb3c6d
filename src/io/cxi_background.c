/* Counts that lie under every frame, measured beforehand: dark or empty frames in a file of their own.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>

#include "base/alloc.h"
#include "io/cxi.h"

#define DETECTOR "/entry_1/instrument_1/detector_1/"
static const char *const places[] = {"/background",
                                     DETECTOR "data_dark",
                                     DETECTOR "dark",
                                     "/exchange/data_dark",
                                     DETECTOR "data",
                                     "/data",
                                     NULL};

static pp_status find(pp_h5 *file, const pp_cxi *cxi, const char **where, int64_t *count)
{
    const int64_t *raw = cxi->raw;
    pp_h5_info info;
    *where = pp_h5_first(file, places);
    if (!*where)
        return PP_FAIL(PP_ERR_DATA, "%s: no background at %s, %s, %s, %s, %s or %s",
                       pp_h5_path(file), places[0], places[1], places[2], places[3], places[4],
                       places[5]);
    PP_TRY(pp_h5_describe(file, *where, &info));
    const int d = info.ndim;
    *count = pp_h5_count(&info) / (raw[0] * raw[1]);
    if (d < 2 || *count < 1 || info.shape[d - 2] != raw[0] || info.shape[d - 1] != raw[1])
        return PP_FAIL(PP_ERR_DATA,
                       "%s: %s: the background must have the shape of the frames in %s, (%lld, "
                       "%lld), or be several such frames; its last two sizes are (%lld, %lld)",
                       pp_h5_path(file), *where, cxi->path, (long long)raw[0], (long long)raw[1],
                       (long long)(d < 2 ? 1 : info.shape[d - 2]),
                       (long long)(d < 1 ? 1 : info.shape[d - 1]));
    return PP_OK;
}

/* mean [raw]: of the frames. */
static pp_status read_mean(pp_h5 *file, const char *where, int64_t count, int64_t raw, double *mean)
{
    float *one;
    pp_status status = PP_OK;
    PP_TRY(PP_ALLOC(raw, &one));
    for (int64_t k = 0; k < count && status == PP_OK; k++) {
        status = pp_h5_read_items(file, where, 2, k, 1, PP_F32, one);
        for (int64_t i = 0; i < raw && status == PP_OK; i++)
            mean[i] += (double)one[i] / (double)count;
    }
    pp_free(one);
    return status;
}

/* Pixels that are not measured in the frames have none. */
static pp_status lay_out(const char *what, const int32_t *map, const double *mean,
                         const pp_array *mask, pp_array *out)
{
    const uint8_t *good = pp_array_read(mask);
    float *to = pp_array_data(out);
    int64_t missing = 0, negative = 0;
    for (int64_t k = 0; k < pp_array_count(out); k++) {
        const double value = good[k] ? mean[map[k]] : 0;
        missing += !isfinite(value), negative += value < 0;
        to[k] = (float)value;
    }
    if (missing > 0)
        return PP_FAIL(PP_ERR_DATA,
                       "%s: %lld pixels that the frames have measured are not finite in the "
                       "background: mask them (mask_file, dead_pixels), or measure them",
                       what, (long long)missing);
    if (negative > 0)
        return PP_FAIL(PP_ERR_DATA,
                       "%s: %lld pixels of the background are below 0: counts that lie under every "
                       "frame are expected, 0 or more",
                       what, (long long)negative);
    return PP_OK;
}

static pp_status read_from(pp_h5 *file, const pp_cxi *cxi, const pp_cxi_options *options,
                           const pp_array *mask, pp_array **out)
{
    const int64_t shape[] = {cxi->n, cxi->n}, raw = cxi->raw[0] * cxi->raw[1];
    const char *where;
    int64_t count, n;
    int32_t *map = NULL;
    double *mean = NULL;
    pp_text what = {0};
    pp_status status = PP_OK;
    PP_TRY(find(file, cxi, &where, &count));
    PP_TRY_TO(done, pp_text_add(&what, "%s: %s", pp_h5_path(file), where));
    PP_TRY_TO(done, PP_ALLOC(raw, &mean));
    PP_TRY_TO(done, read_mean(file, where, count, raw, mean));
    PP_TRY_TO(done, pp_detector_map(what.data, cxi->raw, &options->detector, &n, &map));
    PP_TRY_TO(done, pp_array_create(PP_F32, 2, shape, "counts", out));
    status = lay_out(what.data, map, mean, mask, *out);
    if (status != PP_OK) pp_array_free(out);
done:
    pp_text_free(&what);
    pp_free(mean);
    pp_free(map);
    return status;
}

pp_status pp_cxi_read_background(const char *path, const pp_cxi *cxi, const pp_cxi_options *options,
                                 const pp_array *mask, pp_array **out)
{
    pp_h5 *file = NULL;
    PP_TRY(pp_h5_open(path, &file));
    const pp_status status = read_from(file, cxi, options, mask, out);
    pp_h5_close(&file);
    return status;
}
