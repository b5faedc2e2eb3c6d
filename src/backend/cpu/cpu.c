/* The CPU back end's table.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "backend/cpu/cpu.h"

#include "backend/cpu/fftw_sweep.h"
#include "backend/cpu/fused_sweep.h"

#include <string.h>

#include "base/alloc.h"

static int devices(const char **why)
{
    if (why) *why = NULL;
    return 1;
}

static pp_status alloc(size_t bytes, void **out)
{
    return pp_alloc(bytes, 1, out);
}

static pp_status copy(void *to, const void *from, size_t bytes)
{
    memcpy(to, from, bytes);
    return PP_OK;
}

static const pp_sweep_class *const sweeps[] = {&pp_sweep_fused, &pp_sweep_fftw, NULL};

const pp_backend pp_backend_cpu = {
    .name = "cpu",
    .devices = devices,
    .alloc = alloc,
    .release = pp_free,
    .upload = copy,
    .download = copy,
    .vectors = &pp_cpu_vectors,
    .sweeps = sweeps,
    .slabs = &pp_cpu_slabs,
    .host_memory = true,
};
