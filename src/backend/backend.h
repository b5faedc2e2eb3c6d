/* Back ends: const typed tables of what differs from one kind of device to another. Everything above sees only these.
 *
 * Vectors are contiguous complex or real numbers in the back end's memory space; their reductions are in double and in an
 * order that depends on `count` only. A complex number of double precision is {re, im}.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_BACKEND_H
#define PP_BACKEND_H

#include "backend/link.h"
#include "backend/projection.h"
#include "backend/slabs.h"
#include "backend/slices.h"
#include "backend/sweep.h"

/** Vector kernels. threads: how many may be used (host back ends). */
typedef struct pp_vectors {
    /** sum w conj(x) y; w real or NULL for 1. */
    pp_c64 (*dot)(const pp_c32 *x, const pp_c32 *y, const float *w, int64_t count, int threads);
    /** d = -w g + beta d; w NULL for 1. beta = 0 ignores what was in d. */
    void (*direction)(pp_c32 *d, const pp_c32 *g, const float *w, pp_c64 beta, int64_t count,
                      int threads);
    /** The same over `rows` rows of `columns` elements, `stride` apart. */
    pp_c64 (*dot_box)(const pp_c32 *x, const pp_c32 *y, const float *w, int64_t rows,
                      int64_t columns, int64_t stride, int threads);
    /** Rows of floats: to = from, or to += from; from NULL: to = 0. Strides are from row to row. */
    void (*box)(float *to, int64_t to_stride, const float *from, int64_t from_stride, int64_t rows,
                int64_t columns, bool add);
    /** y += a x. */
    void (*axpy)(pp_c32 *y, double a, const pp_c32 *x, int64_t count, int threads);
    /** x *= a. */
    void (*scale)(pp_c32 *x, double a, int64_t count, int threads);
    /** Largest of w. */
    double (*largest)(const float *w, int64_t count, int threads);
    /** Largest |x| of floats. */
    double (*peak)(const float *x, int64_t count, int threads);
    /** high and rest become another pair of floats with the same sum: high a multiple of `unit`, a power of two, so that a few of
     *  them with at most 24 bits of `unit` together can be added in any order without rounding. */
    void (*regrid)(float *high, float *rest, double unit, int64_t count, int threads);
    /** w = 1 / sqrt((0.95 w)^2 + (0.05 largest)^2): preconditioner from an illumination (LSQ-ML's, Odstrcil 2018). */
    void (*weight)(float *w, double largest, int64_t count, int threads);
} pp_vectors;

/** What a device does alone, for the bench. */
typedef struct pp_backend_speed {
    double copy_bytes; /* read and written in a second by a copy within the device */
    double
        fft_pair_us; /* an n x n transform, back, and a pass that multiplies by 1 / n^2; in batches that fit its L2 cache */
} pp_backend_speed;

/** Bytes of global memory that the launches of a kernel, or copies, have loaded and stored. */
typedef struct pp_traffic {
    char kernel[48];
    double loaded, stored;
} pp_traffic;

enum { PP_TRAFFIC_MOST = 64 };

typedef struct pp_device_facts {
    char name[128], bus[32];
    double memory, cache; /* bytes; cache: L2 */
    int capability[2], processors;
} pp_device_facts;

/** What a device is, and tests. */
typedef struct pp_device_class {
    pp_status (*tell)(int device, pp_device_facts *out);
    /** On the calling thread's device: copies and a transform there and back, with numbers that are known. */
    pp_status (*test)(void);
    /** Whether device `from` reads the memory of device `to`. */
    pp_status (*peers)(int from, int to, bool *out);
    /** Whether the calling thread's device still works; waits for nothing. */
    pp_status (*alive)(void);
} pp_device_class;

typedef struct pp_backend {
    const char *name; /* "cpu" */
    /** Number of devices; where 0, `why` (if not NULL) gets a static text. */
    int (*devices)(const char **why);
    /** Zeroed memory of the device / gives it back / copies to and from the host. */
    pp_status (*alloc)(size_t bytes, void **out);
    void (*release)(void *memory);
    pp_status (*upload)(void *to, const void *from_host, size_t bytes);
    pp_status (*download)(void *to_host, const void *from, size_t bytes);
    const pp_vectors *vectors;
    const pp_sweep_class *const *sweeps; /* best first, up to NULL */
    bool host_memory; /* any thread of the process may work on its memory at any time */
    /** The calling thread works on this device from now on, 0 to devices() - 1; NULL member: there is nothing to choose. */
    pp_status (*use)(int device);
    /** Bytes that the calling thread's device can still give; NULL member: its memory is the host's. */
    pp_status (*room)(double *bytes);
    /** Measured now on the calling thread's device, for n x n transforms; NULL member: by other means. */
    pp_status (*speed)(int64_t n, pp_backend_speed *out);
    /** How the devices of a group pass parts of images to each other; NULL: they read each other's memory (comm/group.h). */
    const pp_link_class *links;
    /** The tomography projector on a device; NULL: tomo/ computes on the host. */
    const pp_projection_class *projection;
    /** Vectors of slices on a device; NULL: pp_slices_host is for its memory (backend/slices.h). */
    const pp_slice_class *slices;
    const pp_device_class *facts; /* NULL: the processors of this host */
    /** Adds what kernels have moved since the last call to out[count], up to PP_TRAFFIC_MOST; returns the new count. out NULL: what was
     *  counted is dropped. NULL member: nobody counts. */
    int (*traffic)(pp_traffic *out, int count);
    const pp_slab_class *slabs; /* of every back end */
    bool
        mpi_may_read; /* an MPI library that takes addresses of device memory (comm.h) may be given this one's */
} pp_backend;

/** The back ends that were built, up to NULL. */
const pp_backend *const *pp_backends(void);
/** By name, NULL where there is none; "auto" is the best one that has a device. */
const pp_backend *pp_backend_find(const char *name);
/** This process is number `index` of `of` processes that see the same devices: it takes its share of them. Before they are used; at the
 *  start it is alone (comm/devices.h). */
void pp_backend_share(const pp_backend *backend, int index, int of);
/** How many devices are this process's, and the number of the one that rank `rank` of a group works on: ranks beyond the number of devices
 *  share them. */
int pp_backend_devices(const pp_backend *backend);
int pp_backend_device(const pp_backend *backend, int rank);
/** The most processes that work on one of this process's devices. */
int pp_backend_sharers(const pp_backend *backend);
/** The calling thread works on that device from now on. */
PP_MUST_CHECK pp_status pp_backend_use(const pp_backend *backend, int device);
/** The first implementation that supports `setup`; name: only the one of this name (NULL: any). NULL where there is none. */
const pp_sweep_class *pp_backend_sweep(const pp_backend *backend, const pp_sweep_setup *setup,
                                       const char *name);

#endif
