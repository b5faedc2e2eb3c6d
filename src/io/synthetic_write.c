/* The files of a simulated campaign.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "io/h5.h"
#include "io/synthetic.h"
#include "tomo/simulation.h"


/* Zero frequency from n / 2 to 0, of a mask. */
static uint8_t *to_corner(int64_t n, const uint8_t *mask, uint8_t *out)
{
    if (!mask) return NULL;
    for (int64_t i = 0; i < n * n; i++)
        out[i] = mask[(i / n + n / 2) % n * n + (i % n + n / 2) % n];
    return out;
}

/* And back, of a frame. */
static void to_centre(int64_t n, const uint16_t *frame, uint16_t *out)
{
    for (int64_t i = 0; i < n * n; i++)
        out[(i / n + n / 2) % n * n + (i % n + n / 2) % n] = frame[i];
}

/* What a view's file holds. */
typedef struct content {
    double *real, *recorded;
    int64_t count;
    uint8_t *mask, *corner;
    uint16_t *frames;
} content;

static void content_free(content *c)
{
    pp_free(c->real);
    pp_free(c->recorded);
    pp_free(c->mask);
    pp_free(c->corner);
    pp_free(c->frames);
}

static pp_status expose(const pp_synthetic *p, const pp_specimen *specimen, const pp_c32 *probe,
                        int64_t view, int threads, content *c)
{
    const int64_t n = p->detector_pixels;
    const pp_synthetic_optics o = pp_synthetic_optics_of(p);
    PP_TRY(pp_synthetic_positions(p, view, &c->real, &c->recorded, &c->count));
    PP_TRY(pp_synthetic_mask(p, &c->mask));
    PP_TRY(PP_ALLOC(n * n, &c->corner));
    PP_TRY(PP_ALLOC(c->count * n * n, &c->frames));
    const pp_simulation simulation = {.specimen = specimen,
                                      .probe = probe,
                                      .modes = p->probe_modes,
                                      .n = n,
                                      .wave_number = 6.283185307179586 * o.pixel_size / o.wavelength,
                                      .background = p->background,
                                      .noise = p->noise,
                                      .mask = to_corner(n, c->mask, c->corner),
                                      .seed = (uint64_t)p->seed,
                                      .threads = threads};
    pp_simulated_view job = {.number = view,
                             .angle = pp_synthetic_angle(p, view),
                             .positions = c->real,
                             .count = c->count};
    int64_t saturated = 0;
    pp_synthetic_shift(p, view, job.shift);
    PP_TRY(pp_simulate_view(&simulation, &job, c->frames, &saturated));
    if (saturated)
        pp_warn("simulate: view %lld: %lld pixels saturate at 65535 counts; ask for fewer photons or a larger defocus",
                (long long)view, (long long)saturated);
    return PP_OK;
}

static pp_status put_frames(int64_t n, const content *c, pp_h5 *file)
{
    static const char where[] = "/entry_1/instrument_1/detector_1/data";
    const pp_view like = {.dtype = PP_U16, .ndim = 3, .shape = {c->count, n, n}};
    uint16_t *frame = NULL;
    PP_TRY(PP_ALLOC(n * n, &frame));
    pp_status status = pp_h5_dataset(file, where, &like, "counts", true);
    for (int64_t j = 0; j < c->count && status == PP_OK; j++) {
        to_centre(n, c->frames + j * n * n, frame);
        status = pp_h5_put_rows(file, where, j, 1, frame);
    }
    pp_free(frame);
    PP_TRY(status);
    PP_TRY(pp_h5_set_text(file, where, "axes", "translation:y:x"));
    return pp_h5_soft_link(file, where, "/entry_1/data_1/data");
}

/* Bits of CXI's mask: 0 is good. */
static pp_status put_mask(int64_t n, const uint8_t *mask, pp_h5 *file)
{
    int32_t *bits = NULL;
    if (!mask) return PP_OK;
    PP_TRY(PP_ALLOC(n * n, &bits));
    for (int64_t i = 0; i < n * n; i++) bits[i] = mask[i] ? 0 : 1;
    const pp_status status = pp_h5_put(file, "/entry_1/instrument_1/detector_1/mask",
                                       (pp_view){bits, PP_I32, 2, {n, n}}, "1");
    pp_free(bits);
    return status;
}

/* Translations (x, y, z) of the sample in m, as recorded. */
static pp_status put_translations(double pixel, const content *c, pp_h5 *file)
{
    static const char where[] = "/entry_1/sample_1/geometry_1/translation";
    double *metres = NULL;
    PP_TRY(PP_ALLOC(3 * c->count, &metres));
    for (int64_t j = 0; j < c->count; j++) {
        metres[3 * j] = c->recorded[2 * j + 1] * pixel;
        metres[3 * j + 1] = c->recorded[2 * j] * pixel;
    }
    const pp_status status =
        pp_h5_put(file, where, (pp_view){metres, PP_F64, 2, {c->count, 3}}, "m");
    pp_free(metres);
    PP_TRY(status);
    return pp_h5_soft_link(file, where, "/entry_1/data_1/translation");
}

static pp_status put_geometry(const pp_synthetic *p, int64_t view, pp_h5 *file)
{
    const double wavelength = pp_synthetic_optics_of(p).wavelength;
    const double joule = 1.602176634e-19 * p->energy;
    const double degrees = pp_synthetic_angle(p, view) * (180 / 3.141592653589793);
    PP_TRY(pp_h5_put_integer(file, "/cxi_version", 160, "1"));
    PP_TRY(pp_h5_put_integer(file, "/number_of_entries", 1, "1"));
    PP_TRY(pp_h5_put_number(file, "/entry_1/instrument_1/source_1/wavelength", wavelength, "m"));
    PP_TRY(pp_h5_put_number(file, "/entry_1/instrument_1/source_1/energy", joule, "J"));
    PP_TRY(pp_h5_put_number(file, "/entry_1/instrument_1/detector_1/distance", p->distance, "m"));
    PP_TRY(pp_h5_put_number(file, "/entry_1/instrument_1/detector_1/x_pixel_size",
                            p->detector_pixel_size, "m"));
    PP_TRY(pp_h5_put_number(file, "/entry_1/instrument_1/detector_1/y_pixel_size",
                            p->detector_pixel_size, "m"));
    return pp_h5_put_number(file, "/entry_1/sample_1/transformations/rotation_angle", degrees,
                            "degree");
}

/* The probe is in every file: each can be reconstructed by itself. */
static pp_status put_probe(const pp_synthetic *p, const pp_c32 *probe, pp_h5 *file)
{
    static const char where[] = "/entry_1/instrument_1/source_1/illumination";
    const int64_t n = p->detector_pixels;
    pp_view like = {.dtype = PP_C32, .ndim = 3, .shape = {p->probe_modes, n, n}};
    if (p->probe_modes == 1) like = (pp_view){.dtype = PP_C32, .ndim = 2, .shape = {n, n}};
    PP_TRY(pp_h5_dataset(file, where, &like, "sqrt(counts)", false));
    return pp_h5_put_rows(file, where, 0, like.shape[0], probe);
}

static pp_status put_view(const pp_synthetic *p, const pp_c32 *probe, int64_t view,
                          const content *c, const char *path)
{
    pp_status status = PP_OK;
    pp_h5 *file = NULL;
    PP_TRY(pp_h5_create(path, &file));
    PP_TRY_TO(done, put_geometry(p, view, file));
    PP_TRY_TO(done, put_frames(p->detector_pixels, c, file));
    PP_TRY_TO(done, put_mask(p->detector_pixels, c->mask, file));
    PP_TRY_TO(done, put_translations(pp_synthetic_optics_of(p).pixel_size, c, file));
    PP_TRY_TO(done, put_probe(p, probe, file));
    status = pp_h5_commit(&file);
done:
    pp_h5_close(&file);
    return status;
}

pp_status pp_synthetic_make_view(const pp_synthetic *p, const pp_specimen *specimen,
                                 const pp_c32 *probe, int64_t view, int threads)
{
    pp_status status = PP_OK;
    char *path = NULL;
    content c = {0};
    PP_TRY_TO(done, pp_synthetic_path(p, view, &path));
    PP_TRY_TO(done, expose(p, specimen, probe, view, threads, &c));
    status = put_view(p, probe, view, &c, path);
done:
    content_free(&c);
    pp_free(path);
    return PP_NOTE(status, "while simulating view %lld", (long long)view);
}
