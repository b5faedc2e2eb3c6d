/* What the files of the HDF5 layer share.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_H5_INTERNAL_H
#define PP_H5_INTERNAL_H

#include <hdf5.h>

#include "base/hash.h"
#include "io/h5.h"

/** A dataset that was written, for the reading back. */
typedef struct pp_h5_written {
    char *where;
    pp_dtype dtype;
    int ndim;
    int64_t rows;  /* written so far, along axis 0; 1 for a scalar */
    pp_hash *hash; /* of the bytes in the order written */
} pp_h5_written;

struct pp_h5 {
    hid_t id;
    char *path, *temporary; /* temporary: NULL when reading */
    pp_h5_written *written;
    int written_count;
};

/** PP_FAIL with file, H5 path and HDF5's own innermost reason; call it right after the HDF5 function that failed. */
pp_status pp_h5_fail(const pp_h5 *file, pp_status code, const char *where, const char *what);
/** Memory type of a dtype; complex ones have the members `re` and `im` called so. H5Tclose it. */
hid_t pp_h5_memory_type(pp_dtype dtype, const char *re, const char *im);
/** {"r", "i"} or {"real", "imag"} where the type is such a compound. */
bool pp_h5_complex_names(hid_t type, const char **re, const char **im);
/** HDF5's printing to standard error off. */
void pp_h5_quiet(void);

#endif
