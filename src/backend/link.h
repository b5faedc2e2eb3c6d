/* Links: how the devices of a group pass parts of images to each other. One object for the group, made by one thread; after
 * that each rank's thread calls with its own rank and its device current.
 *
 * All ranks make their calls in an order that fits: a transfer's sends and receives go off together, so neighbours may pass
 * in both directions in one call, and rings and chains of calls do not lock up. Calls return when everything is enqueued on
 * the rank's queue; what is enqueued after that comes after the transfer. Where the devices are all different this is NCCL,
 * else copies from device memory to device memory.
 *
 * A rank that fails calls `abort` before it leaves: the others' transfers end, with pixels that mean nothing, and their
 * next call returns an error. Same bits every run: what is received is added in the order of the pieces.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_LINK_H
#define PP_LINK_H

#include <stdbool.h>

#include <polyptych/status.h>

enum { PP_LINK_MOST = 64, PP_LINK_PIECES = 2 * PP_LINK_MOST };

typedef struct pp_links pp_links;

/** Rows of floats in this rank's device memory that go to another rank, or come from there. */
typedef struct pp_link_piece {
    float *at; /* only read where `send` */
    int64_t rows, columns, stride;
    int peer;
    bool send, add; /* add: onto what is there */
} pp_link_piece;

typedef struct pp_link_setup {
    int size;           /* ranks, 1 to PP_LINK_MOST */
    const int *devices; /* [size] numbers of the back end's devices */
    const int64_t *
        room; /* [size] floats of the pieces of a call that are not contiguous, or are added, at most */
    bool copies; /* no NCCL, for tests */
} pp_link_setup;

typedef struct pp_link_class {
    /** Tries the connections with a few numbers. */
    pp_status (*open)(const pp_link_setup *setup, pp_links **out);
    /** After all ranks' threads have ended or settled. */
    void (*close)(pp_links **links);
    /** All pieces in one step, at most PP_LINK_PIECES; between two ranks they pair up in the order that both have them in. */
    pp_status (*transfer)(pp_links *links, int rank, const pp_link_piece *pieces, int count);
    /** values[count] = sum over ranks, added in rank order: the same on all. Needs room for count + size floats. */
    pp_status (*sum)(pp_links *links, int rank, float *values, int64_t count);
    /** By any thread, at any time. */
    void (*abort)(pp_links *links);
    /** "NCCL 2.27.3", "copies" */
    const char *(*how)(const pp_links *links);
    /** Bytes that this rank has received. */
    double (*received)(const pp_links *links, int rank);
} pp_link_class;

#endif
