/* A starting probe from a file.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>
#include <string.h>

#include "backend/fft.h"
#include "base/alloc.h"
#include "io/cxi.h"

static const char *const probe_paths[] = {"/entry_1/instrument_1/source_1/illumination",
                                          "/entry_1/probe/data", "/probe", NULL};

static pp_status describe(pp_h5 *file, const char **where, pp_h5_info *info)
{
    *where = pp_h5_first(file, probe_paths);
    if (!*where) return PP_OK;
    PP_TRY(pp_h5_describe(file, *where, info));
    const int d = info->ndim;
    if ((d != 2 && d != 3) || info->shape[d - 1] != info->shape[d - 2] ||
        info->type != PP_H5_COMPLEX)
        return PP_FAIL(PP_ERR_DATA,
                       "%s: %s: a complex probe [n, n] or [M, n, n] is expected, found %s with %d "
                       "axes",
                       pp_h5_path(file), *where, info->name, d);
    return PP_OK;
}

pp_status pp_probe_describe(const char *path, int64_t *modes, int64_t *side)
{
    pp_h5 *file = NULL;
    pp_h5_info info = {0};
    const char *where = NULL;
    PP_TRY(pp_h5_open(path, &file));
    const pp_status status = describe(file, &where, &info);
    pp_h5_close(&file);
    PP_TRY(status);
    *modes = !where ? 0 : info.ndim == 3 ? info.shape[0] : 1;
    *side = where ? info.shape[info.ndim - 1] : 0;
    return PP_OK;
}

/* Frequencies |f| <= n / 2 of a probe of `full` pixels a side: the pixel grows, the field of view stays. Unitary. */
static pp_status crop_mode(const pp_c32 *from, int64_t full, int64_t n, pp_c32 *to)
{
    pp_fft *forward = NULL, *backward = NULL;
    pp_c32 *work = NULL;
    pp_status status = PP_OK;
    const int64_t from_shape[] = {full, full}, to_shape[] = {n, n};
    PP_TRY_TO(done, pp_fft_buffer(full * full, &work));
    PP_TRY_TO(done, pp_fft_create(2, from_shape, 1, -1, &forward));
    PP_TRY_TO(done, pp_fft_create(2, to_shape, 1, 1, &backward));
    for (int64_t y = 0; y < full; y++) /* centre to [0, 0] */
        for (int64_t x = 0; x < full; x++)
            work[y * full + x] = from[pp_centred(y, full) * full + pp_centred(x, full)];
    pp_fft_run(forward, work);
    const float scale = 1.0f / ((float)full * (float)n);
    for (int64_t y = 0; y < n; y++)
        for (int64_t x = 0; x < n; x++) {
            const int64_t fy = y < n - n / 2 ? y : y - n + full,
                          fx = x < n - n / 2 ? x : x - n + full;
            const pp_c32 v = work[fy * full + fx];
            to[y * n + x] = (pp_c32){v.re * scale, v.im * scale};
        }
    pp_fft_run(backward, to);
    memcpy(work, to, (size_t)(n * n) * sizeof *to);
    for (int64_t y = 0; y < n; y++)
        for (int64_t x = 0; x < n; x++)
            to[pp_centred(y, n) * n + pp_centred(x, n)] = work[y * n + x];
done:
    pp_fft_free(&backward);
    pp_fft_free(&forward);
    pp_free(work);
    return status;
}

static pp_status crop_probe(const pp_array *from, int64_t n, pp_array **out)
{
    const int64_t modes = pp_array_size(from, 0), full = pp_array_size(from, 1);
    const int64_t shape[] = {modes, n, n};
    pp_c32 *mode = NULL;
    pp_array *probe = NULL;
    pp_status status = PP_OK;
    const pp_c32 *source = pp_array_read(from);
    PP_TRY_TO(done, pp_array_create(PP_C32, 3, shape, pp_array_unit(from), &probe));
    PP_TRY_TO(done, pp_fft_buffer(n * n, &mode));
    pp_c32 *target = pp_array_data(probe);
    for (int64_t m = 0; m < modes; m++) {
        PP_TRY_TO(done, crop_mode(source + m * full * full, full, n, mode));
        memcpy(target + m * n * n, mode, (size_t)(n * n) * sizeof *mode);
    }
    *out = probe;
    probe = NULL;
done:
    pp_free(mode);
    pp_array_free(&probe);
    return status;
}

static void flip_rows(pp_c32 *data, int64_t modes, int64_t n)
{
    for (int64_t m = 0; m < modes; m++)
        for (int64_t y = 0; y < n / 2; y++)
            for (int64_t x = 0; x < n; x++) {
                pp_c32 *a = &data[(m * n + y) * n + x], *b = &data[(m * n + n - 1 - y) * n + x];
                const pp_c32 kept = *a;
                *a = *b;
                *b = kept;
            }
}

static pp_status check_finite(pp_h5 *file, const char *where, const pp_array *probe)
{
    const pp_c32 *v = pp_array_read(probe);
    double power = 0;
    for (int64_t k = 0; k < pp_array_count(probe); k++)
        power += (double)v[k].re * (double)v[k].re + (double)v[k].im * (double)v[k].im;
    if (isfinite(power) && power > 0) return PP_OK;
    return PP_FAIL(PP_ERR_DATA, "%s: %s: the probe is %s", pp_h5_path(file), where,
                   power > 0 || power < 0 || power != power ? "not finite" : "zero everywhere");
}

static pp_status read_probe(pp_h5 *file, const char *where, const pp_h5_info *info, pp_array **out)
{
    const int64_t side = info->shape[info->ndim - 1];
    const int64_t shape[] = {info->ndim == 3 ? info->shape[0] : 1, side, side};
    pp_array *probe = NULL;
    char creator[64];
    PP_TRY(pp_array_create(PP_C32, 3, shape, "sqrt(counts)", &probe));
    pp_status status =
        pp_h5_read_items(file, where, info->ndim, 0, 1, PP_C32, pp_array_data(probe));
    if (status == PP_OK) status = check_finite(file, where, probe);
    /* PyNX stores what it found upside down (its results only; a CXI illumination is as it is). */
    if (status == PP_OK && strcmp(where, probe_paths[1]) == 0 &&
        pp_h5_attribute_text(file, "/", "creator", creator, sizeof creator) &&
        strcmp(creator, "PyNX") == 0)
        flip_rows(pp_array_data(probe), shape[0], side);
    if (status == PP_OK)
        *out = probe;
    else
        pp_array_free(&probe);
    return status;
}

pp_status pp_probe_read(const char *path, int64_t full, int64_t n, pp_array **out)
{
    pp_h5 *file = NULL;
    pp_h5_info info = {0};
    const char *where = NULL;
    pp_array *probe = NULL, *cropped = NULL;
    PP_TRY(pp_h5_open(path, &file));
    pp_status status = describe(file, &where, &info);
    if (status == PP_OK && !where)
        status = PP_FAIL(PP_ERR_DATA, "%s: no probe at %s, %s or %s", path, probe_paths[0],
                         probe_paths[1], probe_paths[2]);
    const int64_t side = where ? info.shape[info.ndim - 1] : 0;
    if (status == PP_OK && side != n && side != full)
        status =
            PP_FAIL(PP_ERR_DATA,
                    "%s: %s: the probe has %lld pixels a side, the frames %lld%s; crop says "
                    "how large frames are in memory",
                    path, where, (long long)side, (long long)n, full != n ? " after crop" : "");
    if (status == PP_OK) status = read_probe(file, where, &info, &probe);
    pp_h5_close(&file);
    if (status == PP_OK && side != n) {
        status = crop_probe(probe, n, &cropped);
        pp_array_free(&probe);
        probe = cropped;
    }
    if (status == PP_OK)
        *out = probe;
    else
        pp_array_free(&probe);
    return status;
}
