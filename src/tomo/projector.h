/* Parallel-beam projector by the Fourier slice theorem: R and its exact transpose.
 *
 * A line of a view at angle t is p(u) = sum over pixels of the band-limited image along u = x cos t + y sin t, in pixels:
 * the 1-D inverse FFT of the image's spectrum on a radial line, which a non-uniform FFT takes from a zero-padded 2-D FFT
 * (Kaiser-Bessel kernel of Beatty, Nishimura and Pauly, IEEE Trans. Med. Imag. 24, 799 (2005), width 6). R is linear and
 * real: the sample at the Nyquist frequency of an even n is the mean of its two ends, so two real slices go as one complex.
 * The image is taken as periodic: the object belongs inside the circle of diameter n.
 *
 * Frame: slices [y][x], axis at index n / 2 of both, lines [u] with the axis at index n / 2 + axis. Slabs: volume
 * [slice][n][n], lines [slice][view][n]. Slices are worked on in batches of fixed size, each by one thread: the results do not
 * depend on the number of threads or devices. A projector holds working memory: one call at a time. Not collective: no function here talks to other ranks.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_PROJECTOR_H
#define PP_PROJECTOR_H

#include <polyptych/status.h>

#include "backend/backend.h"
#include "comm/comm.h"

typedef struct pp_projector pp_projector;

typedef struct pp_projector_setup {
    int64_t n;            /* slices are n x n, lines n; 4 to 16384 */
    int64_t views;        /* V */
    const double *angles; /* [V] rad, any values, any order; copied */
    const double *shifts; /* [V] pixels along u: line(u) = R(u - shift); NULL for none; copied */
    double axis;          /* pixels: the rotation axis lies at column n / 2 + axis */
    double
        oversampling; /* of the FFT grid; 0 for 2; 1.5 saves memory at an error of 5e-5 instead of 7e-6 */
    int threads; /* 0: as many as OpenMP gives */
    const pp_backend *
        backend; /* whose devices project, where it has projections; NULL: the host, as for all others */
} pp_projector_setup;

PP_MUST_CHECK pp_status pp_projector_create(const pp_projector_setup *setup, pp_projector **out);
void pp_projector_free(pp_projector **projector);
/** Other shifts [V] (NULL for none) and axis for the same angles. Cheap. */
void pp_projector_set_shifts(pp_projector *projector, const double *shifts, double axis);
int64_t pp_projector_size(const pp_projector *projector);
int64_t pp_projector_views(const pp_projector *projector);
/** [V] rad. */
const double *pp_projector_angles(const pp_projector *projector);
int pp_projector_threads(const pp_projector *projector);
/** Bytes that a projector of this setup holds, working memory of its threads included (threads > 0). */
double pp_projector_bytes(const pp_projector_setup *setup);
/** Bytes of memory that it holds on each of the back end's devices; 0 where the host projects. */
double pp_projector_device_bytes(const pp_projector_setup *setup);

/** lines [slices][V][n] = R volume [slices][n][n]. */
PP_MUST_CHECK pp_status pp_projector_forward(const pp_projector *projector, int64_t slices,
                                             const pp_c32 *volume, pp_c32 *lines);
PP_MUST_CHECK pp_status pp_projector_forward_real(const pp_projector *projector, int64_t slices,
                                                  const float *volume, float *lines);
/** volume [slices][n][n] = R^T lines [slices][V][n]: plain back-projection, the sum over views. */
PP_MUST_CHECK pp_status pp_projector_adjoint(const pp_projector *projector, int64_t slices,
                                             const pp_c32 *lines, pp_c32 *volume);
PP_MUST_CHECK pp_status pp_projector_adjoint_real(const pp_projector *projector, int64_t slices,
                                                  const float *lines, float *volume);

/* ---- work whose arrays stay on the devices ---- */

/** Real slices that a device projects together: blocks of devices begin at multiples of it, and so must blocks of slices that are given
 *  to `projection` one after the other, if their bits are to be those of the whole. */
enum { PP_PROJECTOR_BATCH = 2 * PP_RADIAL_LANES };

/** The projector on one of its devices. */
typedef struct pp_projector_device {
    const pp_backend *backend;
    pp_projection *projection; /* with the projector's shifts; jobs for it may be `on_device` */
    int64_t first, slices;     /* this device's block of the slices; may be none */
} pp_projector_device;

/** group: of the devices' threads, one each (comm/group.h). The device is current. */
typedef pp_status (*pp_projector_work)(const pp_comm *group, const pp_projector_device *mine,
                                       void *argument);

/** Whose devices project; NULL: the host does. */
const pp_backend *pp_projector_backend(const pp_projector *projector);
/** Runs `work` in a thread for each of the rank's devices that project, real `slices` shared over them, and waits for all. */
PP_MUST_CHECK pp_status pp_projector_on_devices(const pp_projector *projector, int64_t slices,
                                                pp_projector_work work, void *argument);
/** The projection on device number `device` of this rank, with the projector's shifts, for jobs `on_device`. Called by the thread that
 *  drives it, the device current; slices as in pp_slab_seat: in pairs that no other device shares. */
PP_MUST_CHECK pp_status pp_projector_device_of(const pp_projector *projector, int device,
                                               pp_projection **out);

#endif
