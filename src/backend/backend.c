/* The list of back ends.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "backend/backend.h"

#include <string.h>

#include "backend/cpu/cpu.h"
#include "backend/cuda/cuda.h"

/* "auto" takes the first with a device; never the emulated one, which is for tests. */
static const pp_backend *const backends[] = {
#ifdef PP_HAVE_CUDA
    &pp_backend_cuda,
#endif
    &pp_backend_cpu,
    &pp_backend_mock,
    NULL,
};

const pp_backend *const *pp_backends(void)
{
    return backends;
}

const pp_backend *pp_backend_find(const char *name)
{
    const bool best = strcmp(name, "auto") == 0;
    for (const pp_backend *const *b = backends; *b; b++) {
        if (best ? (*b)->devices(NULL) > 0 : strcmp((*b)->name, name) == 0) return *b;
    }
    return NULL;
}

/* One a back end of the list. */
typedef struct share {
    int index, of;
} share;
static share shares[sizeof backends / sizeof *backends];

static size_t row_of(const pp_backend *backend)
{
    size_t k = 0;
    while (backends[k] && backends[k] != backend) k++;
    return k;
}

static share share_of(const pp_backend *backend)
{
    const share s = shares[row_of(backend)];
    return s.of > 0 ? s : (share){0, 1};
}

void pp_backend_share(const pp_backend *backend, int index, int of)
{
    shares[row_of(backend)] = (share){index, of};
}

/* Devices in blocks of nearly equal size; more processes than devices share them. */
static int first_device(int devices, int of, int index)
{
    return devices >= of ? index * devices / of : index % devices;
}

int pp_backend_devices(const pp_backend *backend)
{
    const int devices = backend->devices(NULL);
    const share s = share_of(backend);
    if (!backend->use || devices < 1) return devices;
    if (devices < s.of) return 1;
    return first_device(devices, s.of, s.index + 1) - first_device(devices, s.of, s.index);
}

int pp_backend_sharers(const pp_backend *backend)
{
    const int devices = backend->use ? backend->devices(NULL) : 0;
    const share s = share_of(backend);
    return devices < 1 || devices >= s.of ? 1 : (s.of + devices - 1) / devices;
}

int pp_backend_device(const pp_backend *backend, int rank)
{
    const int devices = backend->use ? backend->devices(NULL) : 0;
    const share s = share_of(backend);
    if (devices < 1) return 0;
    return first_device(devices, s.of, s.index) + rank % pp_backend_devices(backend);
}

pp_status pp_backend_use(const pp_backend *backend, int device)
{
    return backend->use ? backend->use(device) : PP_OK;
}

const pp_sweep_class *pp_backend_sweep(const pp_backend *backend, const pp_sweep_setup *setup,
                                       const char *name)
{
    for (const pp_sweep_class *const *s = backend->sweeps; *s; s++) {
        if ((!name || strcmp((*s)->name, name) == 0) && (*s)->supports(setup)) return *s;
    }
    return NULL;
}
