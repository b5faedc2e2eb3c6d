/* SPDX-License-Identifier: BSD-3-Clause */
#include "tomo/projector_devices.h"

#include "base/alloc.h"
#include "comm/group.h"

struct pp_projector_devices {
    const pp_backend *backend;
    int count;
    pp_projection **of; /* [count] */
    const pp_c32 *ramps;
    bool *fresh; /* [count] the device has these ramps */
};

typedef struct task {
    pp_projector_devices *devices;
    int64_t slices, batch;
    pp_projector_work work;
    void *argument;
} task;

static pp_status use(const pp_projector_devices *d, int k)
{
    return pp_backend_use(d->backend, pp_backend_device(d->backend, k));
}

pp_status pp_projector_devices_create(const pp_backend *backend, const pp_radial *radial,
                                      pp_projector_devices **out)
{
    pp_projector_devices *d;
    pp_status status = PP_OK;
    PP_TRY(PP_ALLOC(1, &d));
    d->backend = backend;
    d->count = pp_backend_devices(backend);
    if (d->count < 1)
        PP_TRY_TO(done, PP_FAIL(PP_ERR_RESOURCE, "back end %s has no device", backend->name));
    PP_TRY_TO(done, PP_ALLOC(d->count, &d->of));
    PP_TRY_TO(done, PP_ALLOC(d->count, &d->fresh));
    for (int k = 0; k < d->count; k++) {
        PP_TRY_TO(done, use(d, k));
        PP_TRY_TO(done, backend->projection->create(radial, &d->of[k]));
    }
    PP_TRY_TO(done, use(d, 0));
done:
    if (status == PP_OK)
        *out = d;
    else
        pp_projector_devices_free(&d);
    return status;
}

void pp_projector_devices_free(pp_projector_devices **devices)
{
    pp_projector_devices *d = *devices;
    const pp_error before = *pp_error_last(); /* of a failure on the way out, it stays */
    pp_status status = PP_OK;
    if (!d) return;
    for (int k = 0; d->of && k < d->count; k++) {
        if (!d->of[k]) continue;
        status =
            use(d, k); /* a device that is lost: what it has on the host is freed all the same */
        d->backend->projection->free(d->of[k]);
    }
    if (d->count > 0) status = use(d, 0);
    if (status != PP_OK) {
        const pp_status told = pp_error_give(&before);
        (void)told; /* the caller has it, if there was one */
    }
    pp_free(d->of);
    pp_free(d->fresh);
    pp_free(d);
    *devices = NULL;
}

void pp_projector_devices_renew(pp_projector_devices *devices, const pp_c32 *ramps)
{
    devices->ramps = ramps;
    for (int k = 0; k < devices->count; k++) devices->fresh[k] = false;
}

pp_status pp_projector_devices_of(pp_projector_devices *devices, int device, pp_projection **out)
{
    if (!devices->fresh[device])
        PP_TRY(devices->backend->projection->set_ramps(devices->of[device], devices->ramps));
    devices->fresh[device] = true;
    *out = devices->of[device];
    return PP_OK;
}

/* One device's thread: its block of the batches. */
static pp_status work(const pp_comm *group, void *argument)
{
    const task *t = argument;
    pp_projector_devices *d = t->devices;
    const int me = pp_comm_rank(group);
    const int64_t each = t->batch, batches = (t->slices + each - 1) / each;
    pp_projector_device mine = {.backend = d->backend, .projection = d->of[me]};
    int64_t last;
    pp_comm_block(batches, d->count, me, &mine.first, &last);
    last = (mine.first + last) * each;
    mine.first = mine.first * each < t->slices ? mine.first * each : t->slices;
    mine.slices = (last < t->slices ? last : t->slices) - mine.first;
    PP_TRY(use(d, me));
    if (mine.slices > 0) PP_TRY(pp_projector_devices_of(d, me, &mine.projection));
    return t->work(group, &mine, t->argument);
}

pp_status pp_projector_devices_work(pp_projector_devices *devices, int64_t slices,
                                    pp_projector_work what, void *argument)
{
    task t = {devices, slices, PP_PROJECTOR_BATCH, what, argument};
    return pp_group_run(devices->count, work, &t);
}

typedef struct whole_job {
    const pp_projection_job *job;
    int64_t from, to; /* floats of a slice, in and out */
    bool forward;
} whole_job;

static pp_status project(const pp_comm *group, const pp_projector_device *device, void *argument)
{
    const whole_job *t = argument;
    const pp_projection_class *kind = device->backend->projection;
    const pp_projection_job mine = {.slices = device->slices,
                                    .real = t->job->real,
                                    .from = t->job->from + device->first * t->from,
                                    .to = t->job->to + device->first * t->to};
    (void)group;
    if (mine.slices == 0) return PP_OK;
    return (t->forward ? kind->forward : kind->adjoint)(device->projection, &mine);
}

pp_status pp_projector_devices_run(pp_projector_devices *devices, bool forward,
                                   const pp_projection_job *job, int64_t image, int64_t line)
{
    whole_job whole = {job, forward ? image : line, forward ? line : image, forward};
    task t = {devices, job->slices, job->real ? PP_PROJECTOR_BATCH : PP_RADIAL_LANES, project,
              &whole};
    return pp_group_run(devices->count, work, &t);
}

const pp_backend *pp_projector_devices_backend(const pp_projector_devices *devices)
{
    return devices->backend;
}
