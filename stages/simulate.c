/* simulate: makes a campaign (src/io/synthetic.h) in a directory and hands it on as `load` would: the files are read back by the
 * same function. What is there already with the same parameters is not made again.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/text.h"
#include "io/load.h"
#include "io/synthetic.h"

#define T pp_synthetic
/* clang-format off */
static const pp_param params[] = {
    PP_PATH(T, directory, 0, "", "where the campaign is made; empty: simulated in the run's directory"),
    PP_CHOICE(T, phantom, "integrated_circuit", "balls|two_phase|integrated_circuit|siemens_star|file|star_sheet|coins", "what is looked at; file: a volume of delta and beta; star_sheet, coins: a flat picture, seen at every angle alike, at whole pixels"),
    PP_PATH(T, phantom_file, PP_P_INPUT_FILE, "", "HDF5 file with the volume [z][y][x], voxels as large as object pixels"),
    PP_TEXT(T, phantom_delta, "/delta", "H5 path of delta in phantom_file"),
    PP_TEXT(T, phantom_beta, "/beta", "H5 path of beta in phantom_file; empty: no absorption"),
    PP_INT(T, width, 64, 8, 8192, "pixel", "edge of the simulated volume across the rotation axis"),
    PP_AUTO_INT(T, height, auto, 2, 8192, "pixel", "edge of the volume along the rotation axis; auto: width"),
    PP_INT(T, balls, 24, 1, 10000, "1", "phantom balls: their number, the one that holds the others included"),
    PP_INT(T, spokes, 16, 4, 1000, "1", "phantoms siemens_star and star_sheet: number of spokes"),
    PP_AUTO_REAL(T, largest_phase, auto, 1e-6, 1e6, "rad", "delta and beta are scaled so that the largest phase shift is this; auto: as tabulated or in the file, of a flat picture 1"),
    PP_REAL(T, edge_blur, 0, 0, 100, "pixel", "flat pictures: standard deviation of a Gaussian that they are blurred with"),
    PP_INT(T, views, 60, 1, 100000, "1", "number of view angles"),
    PP_REAL(T, angle_range, 180, 0.001, 360, "degree", "the angles lie from 0 to this, the end left out"),
    PP_CHOICE(T, angle_order, "uniform", "uniform|golden", "angles in equal steps, or by the golden ratio"),
    PP_REAL(T, energy, 8856, 50, 200000, "eV", "photon energy"),
    PP_REAL(T, distance, 2, 1e-3, 1e3, "m", "sample to detector"),
    PP_REAL(T, detector_pixel, 75e-6, 5e-7, 1e-3, "m", "detector pixel, square"),
    PP_INT(T, detector_size, 64, 8, 4096, "pixel", "side of the frames"),
    PP_INT(T, detector_gap, 0, 0, 1000, "pixel", "rows of a gap between two modules, beside the centre; masked"),
    PP_REAL(T, dead_pixels, 0, 0, 0.5, "1", "part of the pixels that are dead; masked"),
    PP_CHOICE(T, probe, "zone_plate", "zone_plate|disc", "illumination: of a zone plate, or a flat disc as wide as the window"),
    PP_REAL(T, zone_plate_diameter, 180e-6, 1e-7, 0.1, "m", "zone plate: diameter"),
    PP_AUTO_REAL(T, outer_zone_width, auto, 1e-9, 1e-4, "m", "zone plate: width of the outermost zone; auto: its cone covers 0.16 of the detector's frequencies"),
    PP_AUTO_REAL(T, central_stop_diameter, auto, 0, 0.1, "m", "zone plate: diameter of the central stop; auto: a third of the zone plate's"),
    PP_AUTO_REAL(T, defocus, auto, -1, 1, "m", "distance of the sample from the focus, downstream positive; auto: a probe of 0.4 windows"),
    PP_REAL(T, astigmatism, 0.05, -1, 1, "1", "relative difference of the defocus of the two axes, half of it each way"),
    PP_INT(T, probe_modes, 1, 1, 32, "1", "incoherent modes of the probe"),
    PP_REAL(T, coherent_fraction, 0.8, 0.01, 0.999, "1", "mode m has a power proportional to (1 - coherent_fraction)^m"),
    PP_CHOICE(T, scan, "jittered_raster", "raster|jittered_raster|fermat_spiral", "pattern of the positions"),
    PP_REAL(T, scan_step, 8, 0.1, 4096, "pixel", "distance of neighbouring positions"),
    PP_REAL(T, scan_jitter, 1.5, 0, 4096, "pixel", "jittered raster: largest displacement of a position along each axis"),
    PP_REAL(T, scan_margin, 4, -4096, 4096, "pixel", "how far the positions reach beyond the volume on each side"),
    PP_REAL(T, position_error, 0, 0, 1000, "pixel", "standard deviation of the recorded positions from the true ones"),
    PP_REAL(T, misalignment, 0, 0, 1000, "pixel", "largest displacement of the sample in a view along each axis"),
    PP_REAL(T, photons, 1e6, 1, 1e12, "counts", "counts of a pattern without a sample"),
    PP_BOOL(T, noise, true, "Poisson noise"),
    PP_BOOL(T, rounding, true, "without noise: round to whole counts; else frames are float32 and exact"),
    PP_REAL(T, background, 0, 0, 65000, "counts", "further counts of each pixel in each frame"),
    PP_INT(T, seed, 1, 0, 2147483647, "1", "of phantom, scan, misalignment and noise"),
    PP_PARAM_END};

static const pp_port ports[] = {
    {"frames", PP_OUT, PP_DTYPE_BIT(PP_U16) | PP_DTYPE_BIT(PP_F32), {PP_AXIS_PATTERN, PP_AXIS_Y, PP_AXIS_X}, "counts"},
    {"mask", PP_OUT, PP_DTYPE_BIT(PP_U8), {PP_AXIS_Y, PP_AXIS_X}, "1"},
    {"positions", PP_OUT, PP_DTYPE_BIT(PP_F64), {PP_AXIS_PATTERN, PP_AXIS_COMPONENT}, "pixel"},
    {"probe", PP_OUT, PP_DTYPE_BIT(PP_C32), {PP_AXIS_MODE, PP_AXIS_Y, PP_AXIS_X}, "sqrt(counts)"},
    PP_PORT_END};
/* clang-format on */

static void check(const void *data, pp_check *findings)
{
    const pp_synthetic *p = data;
    const pp_synthetic_optics o = pp_synthetic_optics_of(p);
    const bool file = p->phantom == PP_PHANTOM_FILE;
    const bool disc = p->probe == PP_ILLUMINATION_DISC;
    if (file && !p->phantom_file[0])
        pp_check_error(findings, "phantom", PP_ERR_CONFIG, "phantom = \"file\" needs phantom_file");
    if (!file && p->phantom_file[0])
        pp_check_warning(findings, "phantom_file", "phantom_file is not used with this phantom");
    if (!disc && o.zone_plate.outer_zone_width < o.pixel_size)
        pp_check_error(findings, "outer_zone_width", PP_ERR_CONFIG,
                       "an outer zone width of %.4g m is finer than the object pixel of %.4g m: "
                       "the detector does not "
                       "hold the cone of the zone plate",
                       o.zone_plate.outer_zone_width, o.pixel_size);
    if (!disc && o.zone_plate.central_stop >= o.zone_plate.diameter)
        pp_check_error(findings, "central_stop_diameter", PP_ERR_CONFIG,
                       "central_stop_diameter must be below zone_plate_diameter");
    const double spot = disc ? 0.9 * (double)p->detector_size
                             : fabs(o.zone_plate.defocus) * o.wavelength /
                                   (o.zone_plate.outer_zone_width * o.pixel_size);
    if (!disc && spot > 0.8 * (double)p->detector_size)
        pp_check_warning(findings, "defocus",
                         "the probe is %.3g pixels wide, the window %lld: it will be cut", spot,
                         (long long)p->detector_size);
    if (p->scan_step > 0.7 * fmax(spot, 3))
        pp_check_warning(findings, "scan_step",
                         "steps of %.3g pixels of a probe %.3g pixels wide overlap too little",
                         p->scan_step, spot);
    pp_check_info(findings,
                  "%lld views of %lld x %lld pixels, object pixel %.4g nm, probe %.3g pixels wide",
                  (long long)p->views, (long long)p->detector_size, (long long)p->detector_size,
                  o.pixel_size * 1e9, spot);
}

/* The parameters with the directory filled in; free .directory. */
static pp_status complete(const pp_synthetic *p, const char *output, pp_synthetic *out)
{
    char *directory = NULL;
    PP_TRY(pp_path_join(output, p->directory[0] ? p->directory : "simulated", &directory));
    *out = *p;
    out->directory = directory;
    return PP_OK;
}

static void release(pp_synthetic *p)
{
    union {
        const char *read;
        char *own;
    } directory = {.read = p->directory};
    pp_free(directory.own);
}

static pp_status add_view(const pp_synthetic *p, int64_t number, pp_views *list)
{
    const pp_synthetic_optics o = pp_synthetic_optics_of(p);
    double *real = NULL, *recorded = NULL;
    char *path = NULL;
    pp_status status = PP_OK;
    pp_view_entry entry = {
        .number = number, .frame = p->detector_size, .modes = p->probe_modes, .count_bytes = 2};
    entry.geometry = (pp_geometry){.wavelength = o.wavelength,
                                   .distance = p->distance,
                                   .detector_pixel = {p->detector_pixel, p->detector_pixel},
                                   .pixel_size = {o.pixel_size, o.pixel_size},
                                   .angle = pp_synthetic_angle(p, number)};
    PP_TRY_TO(done, pp_synthetic_positions(p, number, &real, &recorded, &entry.patterns));
    pp_synthetic_object(recorded, entry.patterns, entry.frame, entry.object);
    PP_TRY_TO(done, pp_synthetic_path(p, number, &path));
    entry.path = path;
    status = pp_views_add(list, &entry);
done:
    pp_free(path);
    pp_free(recorded);
    pp_free(real);
    return status;
}

static pp_status views(const void *data, const char *output, pp_views *list, pp_check *findings)
{
    (void)findings;
    pp_synthetic p;
    PP_TRY(complete(data, output, &p));
    pp_status status = PP_OK;
    for (int64_t k = 0; k < p.views && status == PP_OK; k++) status = add_view(&p, k, list);
    release(&p);
    return status;
}

static void plan(const void *data, pp_plan *budget)
{
    const pp_synthetic *p = data;
    const pp_views *list = pp_plan_views(budget);
    double patterns = 0;
    for (int64_t k = 0; k < pp_views_count(list); k++)
        patterns = fmax(patterns, (double)pp_views_entry(list, k)->patterns);
    const double n = (double)p->detector_size, width = (double)p->width;
    const double height = p->height == PP_AUTO ? width : (double)p->height;
    const double pixels = n * n * patterns;
    const bool flat = pp_synthetic_is_flat(p);
    pp_plan_add(budget, PP_HOST,
                (p->noise || p->rounding ? 2 : 4) * pixels + 8 * n * n * (double)p->probe_modes,
                "frames and probe of one view");
    if (p->phantom == PP_PHANTOM_FILE || p->phantom == PP_PHANTOM_TWO_PHASE)
        pp_plan_add(budget, PP_HOST, 8 * height * width * width, "volume of the specimen");
    pp_plan_add(budget, PP_DISK,
                (pixels * (double)p->views + 4 * height * width * (flat ? 1 : width)),
                "simulated campaign");
    pp_plan_work(budget, pixels * 1.5e-7, "simulating a view");
}

static pp_status describe_one(const pp_param *row, const pp_synthetic *p, pp_text *text)
{
    const char *at = (const char *)p + row->offset;
    if (row->type == PP_T_BOOL) return pp_text_add(text, "%s = %d\n", row->name, *(const bool *)at);
    if (row->type == PP_T_INT && *(const int64_t *)at == PP_AUTO)
        return pp_text_add(text, "%s = auto\n", row->name);
    if (row->type == PP_T_INT)
        return pp_text_add(text, "%s = %lld\n", row->name, (long long)*(const int64_t *)at);
    if (row->type == PP_T_REAL && isnan(*(const double *)at))
        return pp_text_add(text, "%s = auto\n", row->name);
    if (row->type == PP_T_REAL)
        return pp_text_add(text, "%s = %.17g\n", row->name, *(const double *)at);
    if (row->type != PP_T_CHOICE)
        return pp_text_add(text, "%s = \"%s\"\n", row->name, *(const char *const *)at);
    const char *word = row->choices;
    for (int k = *(const int *)at; k > 0; k--) word += strcspn(word, "|") + 1;
    return pp_text_add(text, "%s = \"%.*s\"\n", row->name, (int)strcspn(word, "|"), word);
}

/* What campaign.txt says: every parameter but the directory, and the user's volume by size and time. */
static pp_status describe(const pp_synthetic *p, pp_text *text)
{
    int64_t bytes = 0;
    double modified = 0;
    PP_TRY(pp_text_add(text, "# a simulated campaign; made by stage simulate, version 1, from:\n"));
    for (const pp_param *row = params + 1; row->name; row++) PP_TRY(describe_one(row, p, text));
    if (p->phantom != PP_PHANTOM_FILE) return PP_OK;
    PP_TRY(pp_file_stat(p->phantom_file, &bytes, &modified));
    return pp_text_add(text, "phantom_file: %lld bytes, changed %.3f\n", (long long)bytes,
                       modified);
}

/* What the "auto" ones became. */
static void state_optics(const pp_synthetic *p, pp_context *context)
{
    const pp_zone_plate z = pp_synthetic_optics_of(p).zone_plate;
    pp_context_fact(context, "height", "%lld pixels",
                    (long long)(p->height == PP_AUTO ? p->width : p->height));
    if (p->probe == PP_ILLUMINATION_DISC) return;
    pp_context_fact(context, "outer_zone_width", "%.9g m", z.outer_zone_width);
    pp_context_fact(context, "central_stop_diameter", "%.9g m", z.central_stop);
    pp_context_fact(context, "defocus", "%.9g m", z.defocus);
}

/* Collective: the views that are not there yet are made, divided over the ranks. */
static pp_status open_campaign(const void *data, pp_context *context)
{
    const struct pp_comm *comm = pp_context_comm(context);
    pp_synthetic p = {0};
    pp_text identity = {0};
    pp_status status = complete(data, pp_context_output(context), &p);
    if (status == PP_OK) status = describe(&p, &identity);
    status = pp_comm_agree(comm, status);
    if (status == PP_OK)
        status = pp_synthetic_make(&p, identity.data, pp_context_restart(context), comm,
                                   pp_context_threads(context));
    pp_context_fact(context, "directory", "%s", p.directory ? p.directory : "");
    if (status == PP_OK) state_optics(&p, context);
    pp_text_free(&identity);
    if (p.directory) release(&p);
    return status;
}

static pp_status run(const void *data, pp_context *context)
{
    (void)data;
    const pp_load reader = {.views = "",
                            .file = "",
                            .angle = NAN,
                            .angle_sign = 1,
                            .probe = PP_PROBE_FILE,
                            .probe_file = "",
                            .position_scale = 1,
                            .energy = NAN,
                            .distance = NAN,
                            .detector_pixel = NAN,
                            .pixel_size = NAN,
                            .mask_file = "",
                            .saturation = NAN};
    return pp_load_view(&reader, context);
}

PP_STAGE(simulate,
         .summary = "makes a campaign: a 3-D phantom, its diffraction patterns and the truth",
         .scope = PP_SCOPE_VIEW, .flags = PP_STAGE_SOURCE | PP_STAGE_MAKES, .ports = ports,
         .params = params, .params_size = sizeof(pp_synthetic), .run = run, .check = check,
         .views = views, .plan = plan, .open = open_campaign, .version = "1");
