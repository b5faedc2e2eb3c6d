/* CXI: counts and mask, block by block, from the order on disk to the order in memory.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "io/cxi.h"

/** "Has signal", the one mask bit that does not make a pixel bad. */
enum { MASK_HAS_SIGNAL = 0x1000, UNMEASURED = 65535, BLOCK_BYTES = 1 << 24 };

static const char *const mask_file_paths[] = {"/entry_1/instrument_1/detector_1/mask", "/mask",
                                              "/entry/mask", "/data", NULL};

/* One reading. Sizes: raw pixels of a frame on disk, n * n in memory. */
typedef struct reader {
    const pp_cxi *cxi;
    const pp_frame_rules *rules;
    pp_h5 *file;
    int64_t raw, pixels, first, count, block;
    int32_t *map;
    uint8_t *bad;         /* [raw] */
    uint8_t *lit;         /* [pixels]: not 0 in some frame */
    uint8_t *open;        /* [pixels]: not masked in some frame */
    float *counts, *dark; /* [block][raw]; [raw] or NULL */
    int64_t *frame_mask;  /* [block][raw] where the mask has a frame axis, else NULL */
    double ceiling;       /* values from here on are not measured */
    pp_frame_facts facts;
    double sum;
} reader;

static bool is_good(int64_t bits)
{
    return bits == 0 || bits == MASK_HAS_SIGNAL;
}

static pp_status fit_mask(pp_h5 *file, const char *where, const pp_cxi *cxi, bool *by_frame)
{
    pp_h5_info info;
    PP_TRY(pp_h5_describe(file, where, &info));
    const int d = info.ndim;
    const bool frame =
        d >= 2 && info.shape[d - 2] == cxi->raw[0] && info.shape[d - 1] == cxi->raw[1];
    const int64_t leading = frame ? pp_h5_count(&info) / (cxi->raw[0] * cxi->raw[1]) : 0;
    if (!frame || (leading != 1 && leading != cxi->frames_in_file))
        return PP_FAIL(PP_ERR_DATA,
                       "%s: %s: the mask must have the frames' shape (%lld, %lld), or one such "
                       "mask for each of the %lld frames",
                       pp_h5_path(file), where, (long long)cxi->raw[0], (long long)cxi->raw[1],
                       (long long)cxi->frames_in_file);
    *by_frame = leading != 1;
    return PP_OK;
}

static pp_status add_mask(reader *self, pp_h5 *file, const char *where)
{
    int64_t *bits = NULL;
    PP_TRY(PP_ALLOC(self->raw, &bits));
    const pp_status status = pp_h5_read_items(file, where, 2, 0, 1, PP_I64, bits);
    for (int64_t k = 0; k < self->raw && status == PP_OK; k++)
        if (!is_good(bits[k])) self->bad[k] = 1;
    pp_free(bits);
    return status;
}

static pp_status add_mask_file(reader *self)
{
    pp_h5 *file = NULL;
    bool by_frame = false;
    if (!self->rules->mask_file || !self->rules->mask_file[0]) return PP_OK;
    PP_TRY(pp_h5_open(self->rules->mask_file, &file));
    pp_status status = PP_OK;
    const char *where = pp_h5_first(file, mask_file_paths);
    if (!where)
        status =
            PP_FAIL(PP_ERR_DATA, "%s: no mask at %s, %s, %s or %s", self->rules->mask_file,
                    mask_file_paths[0], mask_file_paths[1], mask_file_paths[2], mask_file_paths[3]);
    if (status == PP_OK) status = fit_mask(file, where, self->cxi, &by_frame);
    if (status == PP_OK && by_frame)
        status = PP_FAIL(PP_ERR_DATA, "%s: %s: mask_file must hold one mask for all frames",
                         self->rules->mask_file, where);
    if (status == PP_OK) status = add_mask(self, file, where);
    pp_h5_close(&file);
    return status;
}

static pp_status add_dead(reader *self)
{
    const int64_t *raw = self->cxi->raw;
    for (int64_t k = 0; k < self->rules->dead_count; k++) {
        const int64_t *at = self->rules->dead + 2 * k;
        if (at[0] < 0 || at[1] < 0 || at[0] >= raw[0] || at[1] >= raw[1])
            return PP_FAIL(PP_ERR_DATA, "%s: %s: dead pixel (%lld, %lld) lies outside %lld x %lld",
                           self->cxi->path, self->cxi->frames_path, (long long)at[0],
                           (long long)at[1], (long long)raw[0], (long long)raw[1]);
        self->bad[at[0] * raw[1] + at[1]] = 1;
    }
    return PP_OK;
}

static pp_status read_dark(reader *self)
{
    pp_h5_info info;
    const char *where = self->cxi->dark_path;
    if (!where) return PP_OK;
    PP_TRY(pp_h5_describe(self->file, where, &info));
    const int d = info.ndim;
    if (d < 2 || info.shape[d - 2] != self->cxi->raw[0] || info.shape[d - 1] != self->cxi->raw[1])
        return PP_FAIL(PP_ERR_DATA, "%s: %s: dark frames must have the frames' shape (%lld, %lld)",
                       self->cxi->path, where, (long long)self->cxi->raw[0],
                       (long long)self->cxi->raw[1]);
    const int64_t count = pp_h5_count(&info) / self->raw;
    PP_TRY(PP_ALLOC(self->raw, &self->dark));
    for (int64_t k = 0; k < count; k++) {
        PP_TRY(pp_h5_read_items(self->file, where, 2, k, 1, PP_F32, self->counts));
        for (int64_t p = 0; p < self->raw; p++) self->dark[p] += self->counts[p] / (float)count;
    }
    return PP_OK;
}

static double saturation_of(const reader *self)
{
    const pp_h5_info *info = &self->cxi->frames;
    const double type = info->type == PP_H5_INTEGER
                            ? ldexp(1, info->bits - (info->is_signed ? 1 : 0)) - 1
                            : INFINITY;
    const double asked = self->rules->saturation;
    return asked > 0 && asked < type ? asked : type;
}

static pp_status start(reader *self, const pp_cxi_options *options)
{
    const pp_cxi *cxi = self->cxi;
    pp_text what = {0};
    int64_t n = 0;
    bool by_frame = false;
    self->raw = cxi->raw[0] * cxi->raw[1];
    self->first = self->rules->first;
    self->count = self->rules->count ? self->rules->count : cxi->patterns;
    self->block = BLOCK_BYTES / (4 * self->raw) + 1;
    if (self->block > self->count) self->block = self->count;
    self->ceiling = saturation_of(self);
    PP_TRY(pp_text_add(&what, "%s: %s", cxi->path, cxi->frames_path));
    const pp_status status =
        pp_detector_map(what.data, cxi->raw, &options->detector, &n, &self->map);
    pp_text_free(&what);
    PP_TRY(status);
    self->pixels = n * n;
    PP_TRY(PP_ALLOC(self->raw, &self->bad));
    PP_TRY(PP_ALLOC(self->pixels, &self->lit));
    PP_TRY(PP_ALLOC(self->pixels, &self->open));
    PP_TRY(PP_ALLOC(self->block * self->raw, &self->counts));
    PP_TRY(pp_h5_open(cxi->path, &self->file));
    if (cxi->mask_path) PP_TRY(fit_mask(self->file, cxi->mask_path, cxi, &by_frame));
    if (cxi->mask_path && !by_frame) PP_TRY(add_mask(self, self->file, cxi->mask_path));
    if (by_frame) PP_TRY(PP_ALLOC(self->block * self->raw, &self->frame_mask));
    PP_TRY(add_mask_file(self));
    PP_TRY(add_dead(self));
    return read_dark(self);
}

static void stop(reader *self)
{
    pp_h5_close(&self->file);
    pp_free(self->map);
    pp_free(self->bad);
    pp_free(self->lit);
    pp_free(self->open);
    pp_free(self->counts);
    pp_free(self->dark);
    pp_free(self->frame_mask);
}

/* One count as it is meant: NAN where it was not measured. */
static inline float clean(const reader *self, float value, int64_t pixel, bool masked)
{
    if (masked || isnan(value) || (double)value >= self->ceiling) return NAN;
    if (self->dark) value -= self->dark[pixel];
    return value < 0 ? 0 : value;
}

/* One frame into memory order; false where a value does not fit 16 bits. */
static bool store(reader *self, int64_t in_block, void *out, bool small)
{
    const float *counts = self->counts + in_block * self->raw;
    const int64_t *mask = self->frame_mask ? self->frame_mask + in_block * self->raw : NULL;
    uint16_t *u16 = out;
    float *f32 = out;
    for (int64_t k = 0; k < self->pixels; k++) {
        const int64_t pixel = self->map[k];
        const bool masked = mask && !is_good(mask[pixel]);
        const float v = clean(self, counts[pixel], pixel, masked);
        const bool missing = isnan(v), ignored = self->bad[pixel] != 0;
        if (small) {
            if (!missing && !ignored && (v > UNMEASURED - 1 || floorf(v) < v)) return false;
            u16[k] = missing ? UNMEASURED : v > UNMEASURED - 1 ? UNMEASURED : (uint16_t)v;
        } else {
            f32[k] = v;
        }
        if (ignored) continue;
        if (!masked) self->open[k] = 1;
        self->facts.unmeasured += missing;
        if (missing) continue;
        if (v > 0) self->lit[k] = 1;
        if ((double)v > self->facts.largest) self->facts.largest = (double)v;
        self->sum += (double)v;
    }
    return true;
}

static pp_status read_all(reader *self, bool small, pp_array *frames, bool *fits)
{
    const size_t item = (size_t)self->pixels * (small ? 2 : 4);
    char *out = pp_array_data(frames);
    *fits = true;
    self->facts = (pp_frame_facts){0};
    self->sum = 0;
    memset(self->lit, 0, (size_t)self->pixels);
    memset(self->open, 0, (size_t)self->pixels);
    for (int64_t j = 0; j < self->count && *fits; j += self->block) {
        const int64_t count = self->count - j < self->block ? self->count - j : self->block;
        PP_TRY(pp_h5_read_items(self->file, self->cxi->frames_path, 2, self->first + j, count,
                                PP_F32, self->counts));
        if (self->frame_mask)
            PP_TRY(pp_h5_read_items(self->file, self->cxi->mask_path, 2, self->first + j, count,
                                    PP_I64, self->frame_mask));
        for (int64_t k = 0; k < count && *fits; k++)
            *fits = store(self, k, out + (size_t)(j + k) * item, small);
    }
    return PP_OK;
}

/* 16 bits if they are enough, else (or when asked for) float32. */
static pp_status read_counts(reader *self, pp_array **out)
{
    const int64_t n = self->cxi->n, shape[] = {self->count, n, n};
    const int storage = self->rules->storage;
    for (int wide = storage == PP_STORE_F32; wide < 2; wide++) {
        pp_array *frames = NULL;
        bool fits = false;
        PP_TRY(pp_array_create(wide ? PP_F32 : PP_U16, 3, shape, "counts", &frames));
        const pp_status status = read_all(self, !wide, frames, &fits);
        if (status == PP_OK && fits) {
            *out = frames;
            return PP_OK;
        }
        pp_array_free(&frames);
        PP_TRY(status);
        if (storage == PP_STORE_U16)
            return PP_FAIL(PP_ERR_DATA,
                           "%s: %s: counts that are no whole numbers below 65535 do not fit "
                           "frame_storage = \"uint16\"",
                           self->cxi->path, self->cxi->frames_path);
    }
    return PP_FAIL(PP_ERR_RUN, "%s: frames could not be stored", self->cxi->path);
}

static pp_status make_mask(reader *self, pp_array **out)
{
    const int64_t shape[] = {self->cxi->n, self->cxi->n};
    PP_TRY(pp_array_create(PP_U8, 2, shape, "1", out));
    uint8_t *mask = pp_array_data(*out);
    for (int64_t k = 0; k < self->pixels; k++) {
        const bool good = !self->bad[self->map[k]];
        mask[k] = good && self->open[k]; /* masks of all frames: as dead as one mask for all */
        if (good && !mask[k]) self->facts.unmeasured -= self->count;
        self->facts.masked += !mask[k];
        self->facts.zero += mask[k] && !self->lit[k];
    }
    self->facts.frames = self->count;
    self->facts.ceiling = self->ceiling;
    self->facts.mean = self->sum / (double)self->count;
    if (self->facts.masked < self->pixels) return PP_OK;
    pp_array_free(out);
    return PP_FAIL(PP_ERR_DATA, "%s: %s: every pixel is masked", self->cxi->path,
                   self->cxi->mask_path ? self->cxi->mask_path : "mask_file");
}

pp_status pp_cxi_read(const pp_cxi *cxi, const pp_cxi_options *options, const pp_frame_rules *rules,
                      pp_array **frames, pp_array **mask, pp_frame_facts *facts)
{
    reader self = {.cxi = cxi, .rules = rules};
    pp_array *read = NULL;
    pp_status status = start(&self, options);
    if (status == PP_OK) status = read_counts(&self, &read);
    if (status == PP_OK) status = make_mask(&self, mask);
    if (status == PP_OK && self.facts.largest <= 0) {
        pp_array_free(mask);
        status = PP_FAIL(PP_ERR_DATA, "%s: %s: every count is 0", cxi->path, cxi->frames_path);
    }
    if (status == PP_OK && facts) *facts = self.facts;
    if (status == PP_OK)
        *frames = read;
    else
        pp_array_free(&read);
    stop(&self);
    return status;
}
