/* `polyptych inspect`: what a data or result file holds.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_INSPECT_H
#define PP_INSPECT_H

#include <stdio.h>

#include <polyptych/status.h>

/** Prints the tree of an HDF5 file, then what the file is taken for and what follows from it: frames, positions, geometry,
 *  overlap, masked fraction, angle, or what a result holds. A views table is listed too. A file that is recognised but
 *  unusable is described as far as it goes, and the reason is the error (PP_ERR_DATA). */
PP_MUST_CHECK pp_status pp_inspect(const char *path, FILE *out);

#endif
