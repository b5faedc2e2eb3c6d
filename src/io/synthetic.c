/* What a simulated campaign is made of, from its parameters alone.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "io/synthetic.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "backend/fft.h"
#include "base/alloc.h"
#include "base/random.h"
#include "base/text.h"
#include "io/h5.h"
#include "io/scan.h"
#include "models/picture.h"

/* Random streams: one purpose each, the view's number in the low half. */
enum { STREAM_SCAN = 1, STREAM_ERROR, STREAM_SHIFT, STREAM_DETECTOR };

static uint64_t stream(int purpose, int64_t view)
{
    return ((uint64_t)purpose << 56) + (uint64_t)view;
}

pp_synthetic_optics pp_synthetic_optics_of(const pp_synthetic *p)
{
    const double wavelength = 1.239841984e-6 / p->energy;
    const double n = (double)p->detector_size;
    const double pixel = wavelength * p->distance / (n * p->detector_pixel);
    pp_synthetic_optics o = {.wavelength = wavelength, .pixel_size = pixel};
    o.grid = (pp_probe_grid){p->detector_size, pixel, wavelength};
    o.zone_plate = (pp_zone_plate){p->zone_plate_diameter, p->outer_zone_width,
                                   p->central_stop_diameter, p->defocus, p->astigmatism};
    /* "auto": a cone of 0.16 of the detector's frequencies, a stop of a third, a probe of 0.4 windows */
    if (isnan(p->outer_zone_width)) o.zone_plate.outer_zone_width = pixel / 0.32;
    if (isnan(p->central_stop_diameter)) o.zone_plate.central_stop = p->zone_plate_diameter / 3;
    if (isnan(p->defocus))
        o.zone_plate.defocus = 0.4 * n * pixel * o.zone_plate.outer_zone_width / wavelength;
    return o;
}

double pp_synthetic_angle(const pp_synthetic *p, int64_t view)
{
    const double golden = 0.6180339887498949;
    const double turn = p->angle_order == PP_ANGLES_GOLDEN ? fmod(golden * (double)view, 1)
                                                           : (double)view / (double)p->views;
    return turn * p->angle_range * (3.141592653589793 / 180);
}

void pp_synthetic_shift(const pp_synthetic *p, int64_t view, double shift[2])
{
    pp_random random = pp_random_start((uint64_t)p->seed, stream(STREAM_SHIFT, view));
    for (int k = 0; k < 2; k++) shift[k] = p->misalignment * (2 * pp_random_uniform(&random) - 1);
}

static int64_t height_of(const pp_synthetic *p)
{
    return p->height == PP_AUTO ? p->width : p->height;
}

bool pp_synthetic_is_flat(const pp_synthetic *p)
{
    return p->phantom == PP_PHANTOM_STAR_SHEET || p->phantom == PP_PHANTOM_COINS;
}

pp_status pp_synthetic_positions(const pp_synthetic *p, int64_t view, double **real,
                                 double **recorded, int64_t *count)
{
    const pp_scan_pattern scan = {.kind = p->scan,
                                  .height = (double)height_of(p) + 2 * p->scan_margin,
                                  .width = (double)p->width + 2 * p->scan_margin,
                                  .step = p->scan_step,
                                  .jitter = p->scan_jitter};
    double *positions = NULL;
    PP_TRY(
        pp_scan_positions(&scan, (uint64_t)p->seed, stream(STREAM_SCAN, view), &positions, count));
    for (int64_t k = 0; pp_synthetic_is_flat(p) && k < 2 * *count; k++)
        positions[k] = rint(positions[k]);
    if (recorded) {
        pp_random random = pp_random_start((uint64_t)p->seed, stream(STREAM_ERROR, view));
        double *copy = NULL;
        const pp_status status = PP_ALLOC(2 * *count, &copy);
        if (status != PP_OK) {
            pp_free(positions);
            return status;
        }
        for (int64_t k = 0; k < 2 * *count; k++)
            copy[k] = positions[k] + p->position_error * pp_random_normal(&random);
        *recorded = copy;
    }
    *real = positions;
    return PP_OK;
}

void pp_synthetic_object(const double *positions, int64_t count, int64_t n, int64_t object[2])
{
    const pp_scan scan = pp_scan_measure(positions, count, n);
    object[0] = scan.object[0];
    object[1] = scan.object[1];
}

pp_status pp_synthetic_probe(const pp_synthetic *p, pp_c32 **out)
{
    const pp_synthetic_optics o = pp_synthetic_optics_of(p);
    pp_status status = PP_OK;
    pp_c32 *probe = NULL;
    PP_TRY(pp_fft_buffer(p->probe_modes * o.grid.n * o.grid.n, &probe));
    if (p->probe == PP_ILLUMINATION_DISC)
        pp_disc_probe(o.grid.n, p->photons, probe);
    else
        PP_TRY_TO(done, pp_zone_plate_probe(&o.zone_plate, &o.grid, p->photons, probe));
    PP_TRY_TO(done, pp_probe_modes(p->probe_modes, o.grid.n, p->coherent_fraction, probe));
    *out = probe;
    probe = NULL;
done:
    pp_free(probe);
    return status;
}

pp_status pp_synthetic_mask(const pp_synthetic *p, uint8_t **out)
{
    const int64_t n = p->detector_size, first = n / 2 + n / 5 - p->detector_gap / 2;
    pp_random random = pp_random_start((uint64_t)p->seed, stream(STREAM_DETECTOR, 0));
    uint8_t *mask = NULL;
    *out = NULL;
    if (p->detector_gap == 0 && p->dead_pixels == 0) return PP_OK;
    PP_TRY(PP_ALLOC(n * n, &mask));
    for (int64_t i = 0; i < n * n; i++) {
        const bool gap = i / n >= first && i / n < first + p->detector_gap;
        mask[i] = !(pp_random_uniform(&random) < p->dead_pixels) && !gap;
    }
    *out = mask;
    return PP_OK;
}

/* A user's volume; beta may be missing. */
static pp_status read_volume(const pp_synthetic *p, pp_h5 *file, pp_specimen **out)
{
    pp_status status = PP_OK;
    float *delta = NULL, *beta = NULL;
    pp_h5_info info;
    PP_TRY(pp_h5_describe(file, p->phantom_delta, &info));
    if (info.ndim != 3 || info.shape[1] != info.shape[2])
        return PP_FAIL(PP_ERR_DATA, "%s: %s is not a volume [z][y][x] with as many y as x",
                       p->phantom_file, p->phantom_delta);
    const int64_t count = pp_h5_count(&info);
    PP_TRY_TO(done, PP_ALLOC(count, &delta));
    PP_TRY_TO(done, PP_ALLOC(count, &beta));
    PP_TRY_TO(done, pp_h5_read_items(file, p->phantom_delta, 3, 0, 1, PP_F32, delta));
    if (p->phantom_beta[0]) {
        pp_h5_info other;
        PP_TRY_TO(done, pp_h5_describe(file, p->phantom_beta, &other));
        if (other.ndim != 3 || memcmp(other.shape, info.shape, 3 * sizeof(int64_t)) != 0) {
            status = PP_FAIL(PP_ERR_DATA, "%s: %s has another shape than %s", p->phantom_file,
                             p->phantom_beta, p->phantom_delta);
            goto done;
        }
        PP_TRY_TO(done, pp_h5_read_items(file, p->phantom_beta, 3, 0, 1, PP_F32, beta));
    }
    status = pp_specimen_volume(info.shape[0], info.shape[1], &delta, &beta, out);
done:
    pp_free(delta);
    pp_free(beta);
    return status;
}

static pp_status sheet(const pp_synthetic *p, pp_specimen **out)
{
    const pp_picture picture = {height_of(p), p->width, p->edge_blur, (uint64_t)p->seed};
    float *image;
    if (p->phantom == PP_PHANTOM_COINS)
        PP_TRY(pp_picture_coins(&picture, &image));
    else
        PP_TRY(pp_picture_star(&picture, p->spokes, &image));
    return pp_specimen_sheet(picture.height, picture.width, &image, out);
}

static pp_status unscaled(const pp_synthetic *p, pp_specimen **out)
{
    const pp_phantom_size size = {.height = (double)height_of(p),
                                  .width = (double)p->width,
                                  .wavelength = pp_synthetic_optics_of(p).wavelength,
                                  .seed = (uint64_t)p->seed};
    pp_phantom *phantom = NULL;
    if (p->phantom == PP_PHANTOM_FILE) {
        pp_h5 *file = NULL;
        PP_TRY(pp_h5_open(p->phantom_file, &file));
        const pp_status status = read_volume(p, file, out);
        pp_h5_close(&file);
        return status;
    }
    if (pp_synthetic_is_flat(p)) return sheet(p, out);
    if (p->phantom == PP_PHANTOM_TWO_PHASE) return pp_specimen_two_phase(size, out);
    if (p->phantom == PP_PHANTOM_BALLS)
        PP_TRY(pp_phantom_balls(size, p->balls, &phantom));
    else if (p->phantom == PP_PHANTOM_SIEMENS_STAR)
        PP_TRY(pp_phantom_siemens_star(size, p->spokes, &phantom));
    else
        PP_TRY(pp_phantom_integrated_circuit(size, &phantom));
    return pp_specimen_bodies(&phantom, out);
}

pp_status pp_synthetic_specimen(const pp_synthetic *p, pp_specimen **out)
{
    const pp_synthetic_optics o = pp_synthetic_optics_of(p);
    pp_specimen *specimen = NULL;
    double peak = 1; /* of a sheet that is not blurred, so that a blurred one keeps its levels */
    const double wanted = isnan(p->largest_phase) && pp_synthetic_is_flat(p) ? 1 : p->largest_phase;
    PP_TRY(unscaled(p, &specimen));
    if (!isnan(wanted)) {
        pp_status status = pp_synthetic_is_flat(p)
                               ? PP_OK
                               : pp_specimen_peak(specimen, height_of(p), p->width, 8, &peak);
        if (status == PP_OK && peak == 0)
            status = PP_FAIL(PP_ERR_DATA, "the phantom is empty: delta is 0 everywhere");
        if (status != PP_OK) {
            pp_specimen_free(&specimen);
            return status;
        }
        const double now = peak * 6.283185307179586 * o.pixel_size / o.wavelength;
        pp_specimen_scale(specimen, wanted / now);
    }
    *out = specimen;
    return PP_OK;
}

pp_status pp_synthetic_path(const pp_synthetic *p, int64_t view, char **out)
{
    pp_text name = {0};
    pp_status status = pp_text_add(&name, "view_%04lld.cxi", (long long)view);
    if (status == PP_OK) status = pp_path_join(p->directory, name.data, out);
    pp_text_free(&name);
    return status;
}
