/* SPDX-License-Identifier: BSD-3-Clause */
#include "tomo/slice_space.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"

enum { TOGETHER = 64 }; /* enough to keep a device busy between two sums that the host waits for */

pp_slice_space pp_slice_space_of(const pp_projector *projector, const pp_projector_device *device)
{
    return (pp_slice_space){projector, device, device ? device->backend->slices : &pp_slices_host};
}

static size_t bytes_of(int64_t count)
{
    return (size_t)count * sizeof(float);
}

pp_status pp_slice_take(const pp_slice_space *space, int64_t count, float **out)
{
    if (!space->device) return PP_ALLOC(count, out);
    return space->device->backend->alloc(bytes_of(count), (void **)out);
}

void pp_slice_give(const pp_slice_space *space, float *memory)
{
    if (!space->device)
        pp_free(memory);
    else if (memory)
        space->device->backend->release(memory);
}

void pp_slice_clear(const pp_slice_space *space, float *memory, int64_t count)
{
    if (space->device)
        space->device->backend->vectors->box(memory, count, NULL, count, 1, count, false);
    else
        memset(memory, 0, bytes_of(count));
}

pp_status pp_slice_put(const pp_slice_space *space, float *to, const float *from_host,
                       int64_t count)
{
    if (space->device) return space->device->backend->upload(to, from_host, bytes_of(count));
    memcpy(to, from_host, bytes_of(count));
    return PP_OK;
}

pp_status pp_slice_fetch(const pp_slice_space *space, float *to_host, const float *from,
                         int64_t count)
{
    if (space->device) return space->device->backend->download(to_host, from, bytes_of(count));
    memcpy(to_host, from, bytes_of(count));
    return PP_OK;
}

pp_status pp_slice_forward(const pp_slice_space *space, int64_t slices, const float *volume,
                           float *lines)
{
    const pp_projector_device *d = space->device;
    const pp_projection_job job = {
        .slices = slices, .real = true, .from = volume, .to = lines, .on_device = true};
    if (!d) return pp_projector_forward_real(space->projector, slices, volume, lines);
    return d->backend->projection->forward(d->projection, &job);
}

pp_status pp_slice_adjoint(const pp_slice_space *space, int64_t slices, const float *lines,
                           float *volume)
{
    const pp_projector_device *d = space->device;
    const pp_projection_job job = {
        .slices = slices, .real = true, .from = lines, .to = volume, .on_device = true};
    if (!d) return pp_projector_adjoint_real(space->projector, slices, lines, volume);
    return d->backend->projection->adjoint(d->projection, &job);
}

pp_status pp_slice_share(const pp_slice_space *space, int64_t slices, pp_slice_work work,
                         void *argument)
{
    int worst = PP_OK; /* host vectors do not fail */
    if (space->device) return work(argument, 0, slices);
#pragma omp parallel for schedule(static) reduction(max : worst)
    for (int64_t k = 0; k < slices; k++) {
        const int status = (int)work(argument, k, 1);
        if (status > worst) worst = status;
    }
    return (pp_status)worst;
}

/* ---- how many slices at a time ---- */

int64_t pp_slice_batch(double each, int64_t slices, int devices, double room)
{
    const int64_t unit = PP_PROJECTOR_BATCH, batches = (slices + unit - 1) / unit,
                  block = (batches + devices - 1) / devices * unit;
    const double fit = fmax(0, floor(room / (each * (double)unit)));
    const int64_t most = fit < TOGETHER / (double)unit ? (int64_t)fit * unit : TOGETHER,
                  longest = block < slices ? block : slices;
    return most < longest ? most : longest;
}

double pp_slice_room(const pp_backend *backend)
{
    double free_bytes;
    if (!backend->room || backend->room(&free_bytes) != PP_OK) return INFINITY;
    return 0.85 * free_bytes / pp_backend_sharers(backend);
}

static pp_status ask_room(const pp_comm *group, const pp_projector_device *mine, void *argument)
{
    double *rooms = argument;
    rooms[pp_comm_rank(group)] = pp_slice_room(mine->backend);
    return PP_OK;
}

pp_status pp_slice_batch_on_devices(const pp_projector *projector, double each, int64_t slices,
                                    int64_t *batch)
{
    const pp_backend *backend = pp_projector_backend(projector);
    double *rooms, least = INFINITY;
    *batch = 0;
    if (!backend || !backend->slices) return PP_OK;
    const int devices = pp_backend_devices(backend);
    PP_TRY(PP_ALLOC(devices, &rooms));
    const pp_status status = pp_projector_on_devices(projector, slices, ask_room, rooms);
    for (int k = 0; status == PP_OK && k < devices; k++) least = fmin(least, rooms[k]);
    pp_free(rooms);
    if (status == PP_OK) *batch = pp_slice_batch(each, slices, devices, least);
    return status;
}

double pp_slice_device_bytes(const pp_projector_setup *setup, double each, int64_t slices)
{
    const pp_backend *backend = setup->backend;
    if (!backend || !backend->projection || !backend->slices) return 0;
    const int devices = pp_backend_devices(backend);
    const double left = pp_slice_room(backend) - pp_projector_device_bytes(setup);
    return each * (double)pp_slice_batch(each, slices, devices > 0 ? devices : 1, left);
}
