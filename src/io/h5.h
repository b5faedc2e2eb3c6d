/* HDF5 files: the one way to them. Reads any integer, float or complex width into the type that is asked for, names the
 * file and the H5 path in every error, and writes under a temporary name that becomes the final one only after the file
 * was read back. Not thread-safe (HDF5 is not): one thread a rank.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_H5_H
#define PP_H5_H

#include <stdbool.h>

#include <polyptych/array.h>

typedef struct pp_h5 pp_h5;

enum { PP_H5_MAX_DIM = 8, PP_H5_UNIT = 32 };

typedef enum pp_h5_kind { PP_H5_NONE, PP_H5_DEAD_LINK, PP_H5_GROUP, PP_H5_DATASET } pp_h5_kind;
typedef enum pp_h5_class {
    PP_H5_INTEGER,
    PP_H5_FLOAT,
    PP_H5_COMPLEX,
    PP_H5_TEXT,
    PP_H5_OTHER
} pp_h5_class;

/** What a dataset is, from its header. */
typedef struct pp_h5_info {
    int ndim;
    int64_t shape[PP_H5_MAX_DIM];
    pp_h5_class type;
    bool is_signed;
    int bits;              /* of one real part */
    char unit[PP_H5_UNIT]; /* attribute `units`; "" where there is none */
    char name[24];         /* "uint16", "complex64", ... */
} pp_h5_info;

/** For reading. Errors: PP_ERR_DATA (missing, truncated, no HDF5), with HDF5's reason. */
PP_MUST_CHECK pp_status pp_h5_open(const char *path, pp_h5 **out);
/** For writing, under a temporary name. */
PP_MUST_CHECK pp_status pp_h5_create(const char *path, pp_h5 **out);
/** Closes a written file, reads back what was written, and gives it its final name. Frees in any case. */
PP_MUST_CHECK pp_status pp_h5_commit(pp_h5 **file);
/** Closes; a file for writing that was not committed is removed. NULL inside is accepted. */
void pp_h5_close(pp_h5 **file);
const char *pp_h5_path(const pp_h5 *file);
/** "1.10.8" */
const char *pp_h5_version(void);

pp_h5_kind pp_h5_kind_of(pp_h5 *file, const char *where);
/** The first of these H5 paths that is a dataset; NULL if none is. */
const char *pp_h5_first(pp_h5 *file, const char *const *paths);
/** Also fails where a filter of the dataset or a source file of a virtual dataset is missing, and says which. */
PP_MUST_CHECK pp_status pp_h5_describe(pp_h5 *file, const char *where, pp_h5_info *out);
int64_t pp_h5_count(const pp_h5_info *info);
/** Items [first, first + count) of a dataset seen as a list of items of its last `keep` axes (leading axes flattened),
 *  converted to dtype. */
PP_MUST_CHECK pp_status pp_h5_read_items(pp_h5 *file, const char *where, int keep, int64_t first,
                                         int64_t count, pp_dtype dtype, void *out);
/** A whole dataset as a new array of this dtype (up to 4 axes), unit from the file. */
PP_MUST_CHECK pp_status pp_h5_read_array(pp_h5 *file, const char *where, pp_dtype dtype,
                                         pp_array **out);
/** A number: a scalar or a dataset with one element. */
PP_MUST_CHECK pp_status pp_h5_read_number(pp_h5 *file, const char *where, double *out);
/** A text dataset (pp_free it). */
PP_MUST_CHECK pp_status pp_h5_read_text(pp_h5 *file, const char *where, char **out);
/** A text attribute of an object ("/" is the root) / a number; false where there is none. */
bool pp_h5_attribute_text(pp_h5 *file, const char *where, const char *name, char *out, int size);
bool pp_h5_attribute_number(pp_h5 *file, const char *where, const char *name, double *out);
/** Calls `visit` for every object, depth first in the order of names; links are listed and not followed. detail: a dataset's
 *  type and shape, or where a link leads. */
PP_MUST_CHECK pp_status pp_h5_walk(pp_h5 *file,
                                   void (*visit)(void *context, const char *where,
                                                 const char *detail),
                                   void *context);

/** A new dataset; parent groups are made. chunked: chunks of one item along axis 0, gzip + shuffle. */
PP_MUST_CHECK pp_status pp_h5_dataset(pp_h5 *file, const char *where, const pp_view *like,
                                      const char *unit, bool chunked);
/** Rows along axis 0 of a dataset made by pp_h5_dataset, from the first on and in order. */
PP_MUST_CHECK pp_status pp_h5_put_rows(pp_h5 *file, const char *where, int64_t first, int64_t count,
                                       const void *rows);
/** A whole dataset with its attribute `units`. */
PP_MUST_CHECK pp_status pp_h5_put(pp_h5 *file, const char *where, pp_view data, const char *unit);
PP_MUST_CHECK pp_status pp_h5_put_array(pp_h5 *file, const char *where, const pp_array *array);
PP_MUST_CHECK pp_status pp_h5_put_number(pp_h5 *file, const char *where, double value,
                                         const char *unit);
PP_MUST_CHECK pp_status pp_h5_put_integer(pp_h5 *file, const char *where, int64_t value,
                                          const char *unit);
PP_MUST_CHECK pp_status pp_h5_put_text(pp_h5 *file, const char *where, const char *text);
PP_MUST_CHECK pp_status pp_h5_set_text(pp_h5 *file, const char *where, const char *name,
                                       const char *text);
PP_MUST_CHECK pp_status pp_h5_set_integer(pp_h5 *file, const char *where, const char *name,
                                          int64_t value);
PP_MUST_CHECK pp_status pp_h5_group(pp_h5 *file, const char *where);
/** `where` becomes another name of `target`: a hard / a soft link. */
PP_MUST_CHECK pp_status pp_h5_link(pp_h5 *file, const char *target, const char *where);
PP_MUST_CHECK pp_status pp_h5_soft_link(pp_h5 *file, const char *target, const char *where);

#endif
