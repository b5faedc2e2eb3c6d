/* polyptych bench tomo.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "app/bench.h"
#include "tomo/bench.h"

static void put(json_t *out, const char *name, json_t *value)
{
    (void)json_object_set_new(out, name, value);
}

pp_status pp_bench_tomo(const pp_bench_request *request, json_t *out)
{
    const char *backend = request->backend ? request->backend : "cpu";
    pp_tomo_bench bench = {.size = request->size > 0 ? request->size : 256,
                           .angles = request->angles > 0 ? request->angles : 180,
                           .threads = (int)request->threads};
    if (strcmp(backend, "cpu") != 0 && strcmp(backend, "auto") != 0) {
        return PP_FAIL(PP_ERR_CONFIG, "polyptych bench tomo: --backend '%s': it is built for cpu",
                       backend);
    }
    PP_TRY(pp_tomo_bench_run(&bench));
    put(out, "size", json_integer(bench.size));
    put(out, "angles", json_integer(bench.angles));
    put(out, "threads", json_integer(bench.threads));
    put(out, "backend", json_string("cpu"));
    put(out, "forward_ms_per_slice", json_real(bench.forward_ms));
    put(out, "adjoint_ms_per_slice", json_real(bench.adjoint_ms));
    put(out, "fft_ms", json_real(bench.fft_ms));
    put(out, "taps_ms", json_real(bench.taps_ms));
    put(out, "ratio", json_real(bench.ratio));
    return PP_OK;
}
