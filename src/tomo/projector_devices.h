/* A projector's work on the devices of this rank: slices are shared over them in whole batches.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_PROJECTOR_DEVICES_H
#define PP_PROJECTOR_DEVICES_H

#include "tomo/projector.h"

typedef struct pp_projector_devices pp_projector_devices;

/** On all devices of the back end that are this process's; it must have projections. */
PP_MUST_CHECK pp_status pp_projector_devices_create(const pp_backend *backend,
                                                    const pp_radial *radial,
                                                    pp_projector_devices **out);
void pp_projector_devices_free(pp_projector_devices **devices);
/** The ramps [view][sample] have changed: the next call gives them to the devices. */
void pp_projector_devices_renew(pp_projector_devices *devices, const pp_c32 *ramps);
/** As pp_projector_on_devices. */
PP_MUST_CHECK pp_status pp_projector_devices_work(pp_projector_devices *devices, int64_t slices,
                                                  pp_projector_work work, void *argument);
/** As pp_projector_device_of. */
PP_MUST_CHECK pp_status pp_projector_devices_of(pp_projector_devices *devices, int device,
                                                pp_projection **out);
const pp_backend *pp_projector_devices_backend(const pp_projector_devices *devices);
/** job: host arrays; image, line: floats of a slice [n][n] and of its lines [V][n]. */
PP_MUST_CHECK pp_status pp_projector_devices_run(pp_projector_devices *devices, bool forward,
                                                 const pp_projection_job *job, int64_t image,
                                                 int64_t line);

#endif
