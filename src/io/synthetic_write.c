/* The files of a simulated campaign.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "base/alloc.h"
#include "io/cxi.h"
#include "io/synthetic.h"
#include "tomo/simulation.h"

/* Zero frequency from n / 2 to 0, of a mask. */
static void to_corner(int64_t n, const uint8_t *mask, uint8_t *out)
{
    for (int64_t i = 0; i < n * n; i++)
        out[i] = mask[(i / n + n / 2) % n * n + (i % n + n / 2) % n];
}

/* What a view's file holds. */
typedef struct content {
    double *real, *recorded;
    int64_t count;
    pp_array *frames, *mask, *positions, *probe;
} content;

static void content_free(content *c)
{
    pp_free(c->real);
    pp_free(c->recorded);
    pp_array_free(&c->frames);
    pp_array_free(&c->mask);
    pp_array_free(&c->positions);
    pp_array_free(&c->probe);
}

static pp_status prepare(const pp_synthetic *p, const pp_c32 *probe, int64_t view, content *c)
{
    const int64_t n = p->detector_size;
    uint8_t *mask = NULL;
    PP_TRY(pp_synthetic_positions(p, view, &c->real, &c->recorded, &c->count));
    PP_TRY(pp_array_create(p->noise || p->rounding ? PP_U16 : PP_F32, 3,
                           (int64_t[]){c->count, n, n}, "counts", &c->frames));
    PP_TRY(pp_array_create(PP_F64, 2, (int64_t[]){c->count, 2}, "pixel", &c->positions));
    PP_TRY(
        pp_array_create(PP_C32, 3, (int64_t[]){p->probe_modes, n, n}, "sqrt(counts)", &c->probe));
    memcpy(pp_array_data(c->positions), c->recorded, pp_array_bytes(c->positions));
    memcpy(pp_array_data(c->probe), probe, pp_array_bytes(c->probe));
    PP_TRY(pp_synthetic_mask(p, &mask));
    if (!mask) return PP_OK;
    const pp_status status = pp_array_create(PP_U8, 2, (int64_t[]){n, n}, "1", &c->mask);
    if (status == PP_OK) to_corner(n, mask, pp_array_data(c->mask));
    pp_free(mask);
    return status;
}

static pp_status expose(const pp_synthetic *p, const pp_specimen *specimen, int64_t view,
                        int threads, content *c)
{
    const pp_synthetic_optics o = pp_synthetic_optics_of(p);
    const pp_simulation simulation = {.specimen = specimen,
                                      .probe = pp_array_read(c->probe),
                                      .modes = p->probe_modes,
                                      .n = p->detector_size,
                                      .wave_number =
                                          6.283185307179586 * o.pixel_size / o.wavelength,
                                      .background = p->background,
                                      .noise = p->noise,
                                      .exact = !p->noise && !p->rounding,
                                      .mask = c->mask ? pp_array_read(c->mask) : NULL,
                                      .seed = (uint64_t)p->seed,
                                      .threads = threads};
    pp_simulated_view job = {.number = view,
                             .angle = pp_synthetic_angle(p, view),
                             .positions = c->real,
                             .count = c->count};
    int64_t saturated = 0;
    pp_synthetic_shift(p, view, job.shift);
    PP_TRY(pp_simulate_view(&simulation, &job, pp_array_data(c->frames), &saturated));
    if (saturated)
        pp_warn("simulate: view %lld: %lld pixels saturate at 65535 counts; ask for fewer photons "
                "or a larger defocus",
                (long long)view, (long long)saturated);
    return PP_OK;
}

static pp_status write_view(const pp_synthetic *p, int64_t view, const content *c, const char *path)
{
    const pp_synthetic_optics o = pp_synthetic_optics_of(p);
    const pp_geometry geometry = {.wavelength = o.wavelength,
                                  .distance = p->distance,
                                  .detector_pixel = {p->detector_pixel, p->detector_pixel},
                                  .pixel_size = {o.pixel_size, o.pixel_size},
                                  .angle = pp_synthetic_angle(p, view)};
    const pp_cxi_view out = {.title = "simulated",
                             .geometry = &geometry,
                             .frames = c->frames,
                             .mask = c->mask,
                             .positions = c->positions,
                             .probe = c->probe};
    return pp_cxi_write(path, &out);
}

/* The probe is in every file: each can be reconstructed by itself. */
pp_status pp_synthetic_make_view(const pp_synthetic *p, const pp_specimen *specimen,
                                 const pp_c32 *probe, int64_t view, int threads)
{
    pp_status status = PP_OK;
    char *path = NULL;
    content c = {0};
    PP_TRY_TO(done, pp_synthetic_path(p, view, &path));
    PP_TRY_TO(done, prepare(p, probe, view, &c));
    PP_TRY_TO(done, expose(p, specimen, view, threads, &c));
    status = write_view(p, view, &c, path);
done:
    content_free(&c);
    pp_free(path);
    return PP_NOTE(status, "while simulating view %lld", (long long)view);
}
