/* projections.h5 and volume.h5: what tomography packages read. projections.h5 is Data Exchange and NXtomo in one file (hard
 * links, no copy), volume.h5 is NXtomoproc. Written by rank 0, which gathers distributed arrays in chunks of rows; read by
 * each rank for itself.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_STACK_FILE_H
#define PP_STACK_FILE_H

#include <stdbool.h>

#include <polyptych/stage.h>

#include "comm/comm.h"

/** Arrays of the ports of these names; those that are not there are NULL. */
typedef struct pp_stack_ports {
    const pp_array *projections, *phase, *theta, *views, *shifts, *centre;
    const pp_array *sinogram; /* f32 [V][X] middle row of every view before it was moved, or NULL */
    bool wrapped;             /* the phase is arg(psi), not unwrapped */
} pp_stack_ports;

typedef struct pp_file_facts {
    double pixel_size, wavelength; /* m */
    const char *hash, *parameters; /* identity */
    /* of a volume, or NULL: */
    const pp_array *shell_correlation; /* curves of src/tomo/shell_correlation.h */
    const pp_array *joint_shifts;      /* [view][2] */
} pp_file_facts;

/** projections, theta and views are required; without `phase` it is arg(psi), and attribute wrapped = 1. Collective. */
PP_MUST_CHECK pp_status pp_projections_write(const char *path, const pp_stack_ports *ports,
                                             const pp_file_facts *facts, const pp_comm *comm);
/** delta is required, beta may be NULL: f32 [Z][Y][X] by slabs. Collective. */
PP_MUST_CHECK pp_status pp_volume_write(const char *path, const pp_array *delta,
                                        const pp_array *beta, const pp_file_facts *facts,
                                        const pp_comm *comm);

/** What a stack of projections holds, from headers and small datasets. */
typedef struct pp_stack_head {
    int64_t views, ny, nx;
    bool complex_data, wrapped;
    double *theta;   /* [views] rad; NULL where the file has none */
    int64_t *number; /* [views] row of the views table; 0, 1, ... where the file has none */
    double pixel_size, wavelength; /* m; NAN where the file has none */
} pp_stack_head;

PP_MUST_CHECK pp_status pp_stack_head_read(const char *path, pp_stack_head *out);
void pp_stack_head_free(pp_stack_head *head);
/** One array of a stack or of a volume by its port name: this rank's block of "projections" (c32; exp(i phase) times the
 *  amplitude, where the file has no complex data) or "phase", its slab of "delta" or "beta" (pp_slab_block), the whole of
 *  "theta", "views", "shifts" (zeros where there are none) and "centre" ((0, 0)). New array. Not collective. */
PP_MUST_CHECK pp_status pp_stack_read(const char *path, const char *port, const pp_comm *comm,
                                      pp_array **out);
/** Whether the file has a dataset of its own for this port; false for a file that cannot be read. */
bool pp_stack_has(const char *path, const char *port);

#endif
