/* From the detector's pixels on disk to the order in memory: orientation, centre, crop, zero frequency to [0, 0].
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_DETECTOR_H
#define PP_DETECTOR_H

#include <stdbool.h>

#include <polyptych/status.h>

/** How frames on disk are to be read. */
typedef struct pp_detector {
    int orientation;   /* bit 1 flips columns, 2 flips rows, 4 transposes (before the flips) */
    int64_t crop;      /* side of the frames in memory; 0: as on disk */
    bool has_centre;   /* centre is given, else pixel n / 2 of the file's frames */
    int64_t centre[2]; /* (row, column) of the zero frequency on disk */
} pp_detector;

/** map[n * n]: which pixel of the file's frame (row * raw[1] + column) comes to each pixel in memory. New block (pp_free).
 *  raw: rows, columns on disk. `what` (file and H5 path) begins the messages. */
PP_MUST_CHECK pp_status pp_detector_map(const char *what, const int64_t raw[2],
                                        const pp_detector *detector, int64_t *n, int32_t **map);
/** Side of the frames in memory, or the error that pp_detector_map gives. */
PP_MUST_CHECK pp_status pp_detector_side(const char *what, const int64_t raw[2],
                                         const pp_detector *detector, int64_t *n);
/** Disk index of an array in memory (zero frequency at [0, 0]) whose zero frequency is at n / 2 on disk. */
static inline int64_t pp_centred(int64_t k, int64_t n)
{
    return (k + n / 2) % n;
}

#endif
