/* Arrays: dtype, shape, unit, one memory space. Reference counted; C order, slowest axis first.
 *
 * An array made here is in host memory, 64-byte aligned and zeroed. A distributed array holds the rows
 * [first, first + shape[0]) of `total` along axis 0; an array that is not distributed has first = 0, total = shape[0].
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef POLYPTYCH_ARRAY_H
#define POLYPTYCH_ARRAY_H

#include <polyptych/status.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pp_array pp_array;

/** New zeroed array with one reference. unit: a UDUNITS-like text ("m", "rad", "counts", "1"), copied.
 *  Errors: PP_ERR_RESOURCE. */
PP_API PP_MUST_CHECK pp_status pp_array_create(pp_dtype dtype, int ndim, const int64_t *shape,
                                               const char *unit, pp_array **out);
/** As pp_array_create, one-dimensional / same dtype, shape, unit and distribution as `like`. */
PP_API PP_MUST_CHECK pp_status pp_array_create_1d(pp_dtype dtype, int64_t count, const char *unit,
                                                  pp_array **out);
PP_API PP_MUST_CHECK pp_status pp_array_like(const pp_array *like, pp_array **out);
/** A copy with memory of its own. */
PP_API PP_MUST_CHECK pp_status pp_array_copy(const pp_array *from, pp_array **out);
/** One more reference to the same array. */
PP_API pp_array *pp_array_ref(pp_array *array);
/** Gives up a reference and nulls the pointer; NULL inside is accepted. */
PP_API void pp_array_free(pp_array **array);

PP_API void *pp_array_data(pp_array *array);
PP_API const void *pp_array_read(const pp_array *array);
PP_API pp_dtype pp_array_dtype(const pp_array *array);
PP_API int pp_array_ndim(const pp_array *array);
PP_API int64_t pp_array_size(const pp_array *array, int axis);
PP_API int64_t pp_array_count(const pp_array *array);
PP_API size_t pp_array_bytes(const pp_array *array);
PP_API const char *pp_array_unit(const pp_array *array);
PP_API pp_view pp_array_view(pp_array *array);

/** Rows that a distributed array holds. */
PP_API void pp_array_set_rows(pp_array *array, int64_t first, int64_t total);
PP_API int64_t pp_array_first_row(const pp_array *array);
PP_API int64_t pp_array_total_rows(const pp_array *array);

#ifdef __cplusplus
}
#endif
#endif
