/* polyptych bench tomo.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "app/bench.h"
#include "tomo/bench.h"

static void put(json_t *out, const char *name, json_t *value)
{
    (void)json_object_set_new(out, name, value);
}

pp_status pp_bench_tomo(const pp_bench_request *request, json_t *out)
{
    const pp_backend *backend = pp_backend_find(request->backend ? request->backend : "cpu");
    pp_tomo_bench bench = {.size = request->size > 0 ? request->size : 256,
                           .angles = request->angles > 0 ? request->angles : 180,
                           .threads = (int)request->threads,
                           .backend = backend};
    if (!backend)
        return PP_FAIL(PP_ERR_CONFIG, "polyptych bench tomo: back end %s is not in this build",
                       request->backend);
    PP_TRY(pp_tomo_bench_run(&bench));
    put(out, "size", json_integer(bench.size));
    put(out, "angles", json_integer(bench.angles));
    put(out, "threads", json_integer(bench.threads));
    put(out, "backend", json_string(backend->name));
    if (bench.devices > 0) put(out, "devices", json_integer(bench.devices));
    put(out, "forward_ms_per_slice", json_real(bench.forward_ms));
    put(out, "adjoint_ms_per_slice", json_real(bench.adjoint_ms));
    put(out, "fft_ms", json_real(bench.fft_ms));
    put(out, "taps_ms", json_real(bench.taps_ms));
    put(out, "ratio", json_real(bench.ratio));
    if (bench.copy_bytes > 0) {
        put(out, "bytes_moved_per_slice", json_real(bench.bytes_moved));
        put(out, "link_bytes_per_slice", json_real(bench.bytes_linked));
        put(out, "copy_bytes_per_second", json_real(bench.copy_bytes));
        put(out, "share_of_copy_bandwidth", json_real(bench.share));
    }
    return pp_bench_traffic(out, bench.kernels, bench.kernel_count)
               ? PP_FAIL(PP_ERR_RESOURCE, "out of memory for the figures")
               : PP_OK;
}
