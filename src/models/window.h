/* The object array of one view: every probe window and a margin around them; and moving an object by parts of pixels.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_WINDOW_H
#define PP_WINDOW_H

#include <polyptych/status.h>

/** Pixels around the outermost windows. */
enum { PP_WINDOW_MARGIN = 4 };

typedef struct pp_object_frame {
    int64_t size[2];   /* Y, X */
    int64_t origin[2]; /* array index (y, x) of grid point (0, 0) */
} pp_object_frame;

/** From positions [J][2], the grid points where the windows' pixel n / 2 lies. Errors: PP_ERR_DATA where they are not finite or
 *  span more than any object can. */
PP_MUST_CHECK pp_status pp_object_frame_of(const double *positions, int64_t count, int64_t n,
                                           pp_object_frame *out);
/** corners [J][2]: where the window's pixel [0, 0] lies in the array, g - n / 2 + origin. */
void pp_object_corners(const pp_object_frame *frame, const double *positions, int64_t count,
                       int64_t n, double *corners);
/** object(r) = object(r - shift): separable interpolation with a Kaiser-windowed sinc of 2 x 16 taps around air = 1; new memory is
 *  taken for one row or column a thread only. */
PP_MUST_CHECK pp_status pp_object_move(pp_c32 *object, const int64_t size[2], const double shift[2],
                                       int threads);

#endif
