/* polyptych bench ptycho: an iteration of the default solver against two transforms by the FFT library.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "app/bench.h"
#include "backend/cpu/topology.h"
#include "solvers/bench.h"

static const char *const position_names[] = {"nearest", "fourier", "bilinear"};

static pp_sweep_positions positions_of(const char *name)
{
    for (int k = PP_SWEEP_BILINEAR; name && k > 0; k--)
        if (strcmp(name, position_names[k]) == 0) return (pp_sweep_positions)k;
    return PP_SWEEP_NEAREST;
}

static pp_status request_of(const pp_bench_request *r, pp_view_bench *out)
{
    pp_topology machine;
    PP_TRY(pp_topology_read(&machine));
    if (r->devices > PP_TILES_MOST)
        return PP_FAIL(PP_ERR_CONFIG,
                       "polyptych bench ptycho: --devices %lld: a group has at most %d devices",
                       (long long)r->devices, PP_TILES_MOST);
    if (r->method >= 0 && r->devices <= 1)
        return PP_FAIL(PP_ERR_CONFIG, "polyptych bench ptycho: --method says how several devices "
                                      "work together: give --devices");
    if (r->in_turn && r->devices <= 1)
        return PP_FAIL(PP_ERR_CONFIG, "polyptych bench ptycho: --passes is about what several "
                                      "devices pass: give --devices");
    if (r->devices > 1 && r->positions && strcmp(r->positions, "bilinear") == 0)
        return PP_FAIL(PP_ERR_CONFIG,
                       "polyptych bench ptycho: --positions bilinear is for one device");
    *out = (pp_view_bench){.size = r->size ? r->size : 256,
                           .patterns = r->patterns ? r->patterns : 200,
                           .modes = r->modes ? r->modes : 1,
                           .threads = r->threads ? (int)r->threads : machine.cores,
                           .backend = r->backend ? r->backend : "auto",
                           .positions = positions_of(r->positions),
                           .refine_probe = r->refine_probe,
                           .devices = r->devices ? (int)r->devices : 1,
                           .in_turn = r->in_turn,
                           .callbacks = r->transforms == PP_BENCH_CALLBACKS,
                           .split = r->method == 1 ? PP_SPLIT_GRADIENT : PP_SPLIT_HYBRID};
    const double kept = (out->refine_probe ? 24.0 : 16.0) * (double)(out->modes * out->patterns) *
                        (double)(out->size * out->size);
    out->keep_far_field =
        r->keep_far_field < 0 ? kept <= machine.memory_bytes / 2 : r->keep_far_field != 0;
    const pp_backend *backend = pp_backend_find(out->backend);
    if (!backend)
        return PP_FAIL(PP_ERR_CONFIG,
                       "polyptych bench ptycho: --backend %s is not built in this "
                       "version",
                       out->backend);
    if (r->transforms != PP_BENCH_KERNELS && backend->host_memory)
        return PP_FAIL(PP_ERR_CONFIG,
                       "polyptych bench ptycho: --transforms is about what feeds a device's, and "
                       "the back end is %s: give --backend cuda or mock",
                       backend->name);
    return PP_OK;
}

static int fill(json_t *out, const pp_view_bench *b, const pp_view_bench_figures *f)
{
    const int workers = f->copy_bytes > 0 ? b->devices : b->threads;
    const double ratio = f->us_per_pattern_iteration * workers / f->fft_pair_us;
    return json_object_set_new(out, "size", json_integer(b->size)) |
           json_object_set_new(out, "patterns", json_integer(b->patterns)) |
           json_object_set_new(out, "modes", json_integer(b->modes)) |
           json_object_set_new(out, "threads", json_integer(b->threads)) |
           json_object_set_new(out, "devices", json_integer(b->devices)) |
           json_object_set_new(out, "backend", json_string(pp_backend_find(b->backend)->name)) |
           json_object_set_new(out, "sweep", json_string(f->implementation)) |
           json_object_set_new(out, "positions", json_string(position_names[b->positions])) |
           json_object_set_new(out, "refine_probe", json_boolean(b->refine_probe)) |
           json_object_set_new(out, "keep_far_field", json_boolean(b->keep_far_field)) |
           json_object_set_new(out, "us_per_pattern_iteration",
                               json_real(f->us_per_pattern_iteration)) |
           json_object_set_new(out, "fft_pair_us", json_real(f->fft_pair_us)) |
           json_object_set_new(out, "ratio", json_real(ratio)) |
           json_object_set_new(out, "bytes_resident_per_pattern", json_real(f->bytes_resident)) |
           json_object_set_new(out, "bytes_moved_per_pattern_iteration", json_real(f->bytes_moved));
}

/* Devices: the designed bytes against what a copy moves in the same time. */
static int fill_device(json_t *out, const pp_view_bench *b, const pp_view_bench_figures *f)
{
    if (!(f->copy_bytes > 0)) return 0;
    const double rate = f->bytes_moved / (1e-6 * f->us_per_pattern_iteration) / b->devices;
    return json_object_set_new(out, "transforms",
                               json_string(b->callbacks ? "callbacks" : "kernels")) |
           json_object_set_new(out, "copy_bytes_per_second", json_real(f->copy_bytes)) |
           json_object_set_new(out, "share_of_copy_bandwidth", json_real(rate / f->copy_bytes));
}

/* A group's time on one pattern and iteration, divided: mean over its devices. */
static int fill_group(json_t *out, const pp_view_bench *b, const pp_view_bench_figures *f)
{
    const double us = f->us_per_pattern_iteration;
    const bool gradient = b->split == PP_SPLIT_GRADIENT;
    if (b->devices == 1) return 0;
    return json_object_set_new(out, "method", json_string(gradient ? "gradient" : "hybrid")) |
           json_object_set_new(out, "passes", json_string(b->in_turn ? "in_turn" : "beside")) |
           json_object_set_new(out, "compute_us_per_pattern_iteration",
                               json_real(us * f->compute)) |
           json_object_set_new(out, "communication_us_per_pattern_iteration",
                               json_real(us * f->communication)) |
           json_object_set_new(out, "waiting_us_per_pattern_iteration",
                               json_real(us * f->waiting)) |
           json_object_set_new(out, "communication_beside_compute_us_per_pattern_iteration",
                               json_real(us * f->beside)) |
           json_object_set_new(out, "bytes_received_per_device_iteration",
                               json_real(f->bytes_received));
}

/* Beside the figures of separate kernels. */
static int fill_callbacks(json_t *out, const pp_view_bench_figures *kernels,
                          const pp_view_bench_figures *callbacks)
{
    const double us = callbacks->us_per_pattern_iteration;
    return json_object_set_new(out, "callbacks_us_per_pattern_iteration", json_real(us)) |
           json_object_set_new(out, "callbacks_fft_pair_us", json_real(callbacks->fft_pair_us)) |
           json_object_set_new(out, "callbacks_over_kernels",
                               json_real(us / kernels->us_per_pattern_iteration));
}

/* The same again with callbacks: each iteration has its transforms alone beside it, so that a machine that changes shows. */
static pp_status compare(const pp_view_bench *bench, const pp_view_bench_figures *kernels,
                         json_t *out)
{
    pp_view_bench other = *bench;
    pp_view_bench_figures figures;
    other.callbacks = true, figures.kernel_count = 0;
    PP_TRY(pp_view_bench_run(&other, &figures));
    return fill_callbacks(out, kernels, &figures)
               ? PP_FAIL(PP_ERR_RESOURCE, "out of memory for the figures")
               : PP_OK;
}

pp_status pp_bench_ptycho(const pp_bench_request *request, json_t *out)
{
    pp_view_bench bench;
    pp_view_bench_figures figures;
    PP_TRY(request_of(request, &bench));
    figures.kernel_count = 0;
    PP_TRY(pp_view_bench_run(&bench, &figures));
    if (fill(out, &bench, &figures) | fill_device(out, &bench, &figures) |
        fill_group(out, &bench, &figures) |
        pp_bench_traffic(out, figures.kernels, figures.kernel_count))
        return PP_FAIL(PP_ERR_RESOURCE, "out of memory for the figures");
    return request->transforms == PP_BENCH_BOTH ? compare(&bench, &figures, out) : PP_OK;
}
