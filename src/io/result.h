/* Result files: one a view, written atomically by the engine when the view's last stage is done, read by campaign-scope
 * stages; and the identity that every result file carries. H5 paths as in docs (views/NNNN.h5). Called from one thread a
 * rank: HDF5 is not safe from several.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_RESULT_H
#define PP_RESULT_H

#include <polyptych/stage.h>

#include "base/hash.h"

/** What a result is made from: hash, and the text behind it, one "stage.parameter = value" or "input FILE hash" a line. */
typedef struct pp_identity {
    char hash[PP_HASH_TEXT];
    char *parameters; /* owned; pp_identity_free */
} pp_identity;
void pp_identity_free(pp_identity *identity);
/** Reads the identity of a result file (views/NNNN.h5, projections.h5, volume.h5). PP_ERR_DATA where the file is damaged
 *  or none of ours. */
PP_MUST_CHECK pp_status pp_result_identity(const char *path, pp_identity *out);

/** Writes an identity into a file that is being made; parameters may be NULL. */
struct pp_h5;
PP_MUST_CHECK pp_status pp_identity_write(struct pp_h5 *file, const char *hash,
                                          const char *parameters);

typedef struct pp_named_array {
    const char *port; /* "object", "probe", ... as in polyptych/stage.h */
    const pp_array *array;
} pp_named_array;

/** One view's results. Ports known by name go to their documented H5 paths (object, origin, illumination, probe,
 *  positions, cost, error), any other one to /entry_1/process_1/<port>. `positions` come as grid points and are stored as
 *  array positions g - n / 2 + origin. model: attribute of cost. Atomic. */
PP_MUST_CHECK pp_status pp_view_result_write(const char *path, int64_t number,
                                             const pp_geometry *geometry,
                                             const pp_named_array *arrays, int count,
                                             const char *model, const pp_identity *identity);
/** One array by port name (positions as grid points again), the geometry. New array. */
PP_MUST_CHECK pp_status pp_view_result_read(const char *path, const char *port, pp_array **out);
PP_MUST_CHECK pp_status pp_view_result_has(const char *path, const char *port, bool *there);
PP_MUST_CHECK pp_status pp_view_result_geometry(const char *path, pp_geometry *out);

#endif
