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
    const pp_projection_job *job;
    int64_t from, to; /* floats of a slice, in and out */
    bool forward;
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

/* One device's thread: its block of the batches. */
static pp_status work(const pp_comm *group, void *argument)
{
    const task *t = argument;
    pp_projector_devices *d = t->devices;
    const pp_projection_class *kind = d->backend->projection;
    const int me = pp_comm_rank(group);
    const int64_t each = t->job->real ? 2 * (int64_t)PP_RADIAL_LANES : PP_RADIAL_LANES,
                  batches = (t->job->slices + each - 1) / each;
    int64_t first, count;
    pp_comm_block(batches, d->count, me, &first, &count);
    first *= each, count *= each;
    if (first + count > t->job->slices) count = t->job->slices - first;
    if (count <= 0) return PP_OK;
    PP_TRY(use(d, me));
    if (!d->fresh[me]) PP_TRY(kind->set_ramps(d->of[me], d->ramps));
    d->fresh[me] = true;
    pp_projection_job mine = {.slices = count,
                              .real = t->job->real,
                              .from = t->job->from + first * t->from,
                              .to = t->job->to + first * t->to};
    return (t->forward ? kind->forward : kind->adjoint)(d->of[me], &mine);
}

pp_status pp_projector_devices_run(pp_projector_devices *devices, bool forward,
                                   const pp_projection_job *job, int64_t image, int64_t line)
{
    task t = {devices, job, forward ? image : line, forward ? line : image, forward};
    return pp_group_run(devices->count, work, &t);
}
