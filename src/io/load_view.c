/* One view of a campaign of CXI files: counts, mask, positions on the absolute grid, starting probe.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "io/load.h"
#include "io/scan.h"
#include "io/units.h"
#include "models/zone_plate.h"

static pp_status zone_plate(const pp_load *load, const pp_cxi *cxi, double power, pp_array **out)
{
    const pp_zone_plate optics = {.diameter = load->zone_plate_diameter,
                                  .outer_zone_width = load->outer_zone_width,
                                  .central_stop = load->central_stop_diameter,
                                  .defocus = load->defocus};
    const pp_probe_grid grid = {cxi->n, cxi->geometry.pixel_size[0], cxi->geometry.wavelength};
    const int64_t shape[] = {1, cxi->n, cxi->n};
    PP_TRY(pp_array_create(PP_C32, 3, shape, "sqrt(counts)", out));
    const pp_status status = pp_zone_plate_probe(&optics, &grid, power, pp_array_data(*out));
    if (status != PP_OK) pp_array_free(out);
    return status;
}

/* As it is in the file; a calculated one has the power of the mean frame. */
static pp_status make_probe(const pp_load *load, const pp_cxi *cxi, const pp_array *frames,
                            const pp_array *mask, double power, pp_array **out)
{
    if (load->probe == PP_PROBE_ZONE_PLATE) return zone_plate(load, cxi, power, out);
    if (load->probe == PP_PROBE_MEAN) return pp_mean_pattern_probe(frames, mask, out);
    const char *path = load->probe_file[0] ? load->probe_file : cxi->path;
    return pp_probe_read(path, cxi->raw[0], cxi->n, out);
}

static pp_status make_positions(const pp_cxi *cxi, pp_array **out)
{
    const int64_t shape[] = {cxi->patterns, 2};
    PP_TRY(pp_array_create(PP_F64, 2, shape, "pixel", out));
    memcpy(pp_array_data(*out), cxi->grid, pp_array_bytes(*out));
    return PP_OK;
}

static void state_facts(pp_context *context, const pp_cxi *cxi, const pp_array *frames,
                        const pp_frame_facts *facts)
{
    const pp_geometry *g = &cxi->geometry;
    pp_context_fact(context, "energy", "%.9g eV", PP_HC / g->wavelength / PP_EV);
    pp_context_fact(context, "distance", "%.9g m", g->distance);
    pp_context_fact(context, "detector_pixel", "%.9g x %.9g m", g->detector_pixel[0],
                    g->detector_pixel[1]);
    pp_context_fact(context, "translation_layout", "%s", cxi->columns ? "columns" : "rows");
    if (isfinite(facts->ceiling))
        pp_context_fact(context, "saturation", "%.17g", facts->ceiling);
    else
        pp_context_fact(context, "saturation", "none");
    pp_context_fact(context, "frame_storage", "%s", pp_dtype_name(pp_array_dtype(frames)));
    pp_context_fact(context, "largest_count", "%.9g", facts->largest);
    pp_context_fact(context, "counts_per_frame", "%.9g", facts->mean);
    pp_context_fact(context, "masked_pixels", "%lld", (long long)facts->masked);
    pp_context_fact(context, "zero_pixels", "%lld", (long long)facts->zero);
}

static const pp_view_entry *find_entry(const pp_context *context)
{
    const pp_views *list = pp_context_views(context);
    const int64_t number = pp_context_view_number(context);
    for (int64_t k = 0; k < pp_views_count(list); k++)
        if (pp_views_entry(list, k)->number == number) return pp_views_entry(list, k);
    return NULL;
}

static pp_status put_background(const pp_load *load, const pp_cxi *cxi,
                                const pp_cxi_options *options, const pp_array *mask,
                                pp_context *context)
{
    pp_array *background;
    if (!load->background_file || !load->background_file[0]) return PP_OK;
    PP_TRY(pp_cxi_read_background(load->background_file, cxi, options, mask, &background));
    return pp_context_put(context, "measured_background", &background);
}

static pp_status put_view(const pp_load *load, const pp_cxi *cxi, pp_context *context)
{
    pp_cxi_options options;
    pp_frame_rules rules;
    pp_frame_facts facts = {0};
    pp_array *frames = NULL, *mask = NULL, *positions = NULL, *probe = NULL;
    pp_status status = PP_OK;
    pp_load_options(load, &options, &rules);
    PP_TRY_TO(done, pp_cxi_read(cxi, &options, &rules, &frames, &mask, &facts));
    PP_TRY_TO(done, make_probe(load, cxi, frames, mask, facts.mean, &probe));
    PP_TRY_TO(done, make_positions(cxi, &positions));
    state_facts(context, cxi, frames, &facts);
    PP_TRY_TO(done, put_background(load, cxi, &options, mask, context));
    PP_TRY_TO(done, pp_context_put(context, "frames", &frames));
    PP_TRY_TO(done, pp_context_put(context, "mask", &mask));
    PP_TRY_TO(done, pp_context_put(context, "positions", &positions));
    PP_TRY_TO(done, pp_context_put(context, "probe", &probe));
done:
    pp_array_free(&frames);
    pp_array_free(&mask);
    pp_array_free(&positions);
    pp_array_free(&probe);
    return status;
}

pp_status pp_load_view(const pp_load *load, pp_context *context)
{
    const pp_view_entry *entry = find_entry(context);
    pp_cxi_options options;
    pp_frame_rules rules;
    pp_cxi cxi;
    if (!entry || !entry->path)
        return PP_FAIL(PP_ERR_RUN, "view %lld is not in the list of views",
                       (long long)pp_context_view_number(context));
    pp_load_options(load, &options, &rules);
    PP_TRY(pp_cxi_open(entry->path, &options, &cxi));
    const pp_status status = put_view(load, &cxi, context);
    if (status == PP_OK) {
        *pp_context_geometry(context) = cxi.geometry;
        pp_context_geometry(context)->angle = entry->geometry.angle;
    }
    pp_cxi_free(&cxi);
    return status;
}
