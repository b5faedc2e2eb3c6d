/* Arrays in host memory.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <polyptych/array.h>

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

struct pp_array {
    _Atomic int references;
    pp_view view;
    int64_t first_row, total_rows;
    char unit[32];
};

static pp_status allocate(pp_array *array)
{
    for (int k = 0; k < array->view.ndim; k++)
        if (array->view.shape[k] < 0)
            return PP_FAIL(PP_ERR_RUN, "an array cannot have %lld elements along axis %d",
                           (long long)array->view.shape[k], k);
    return pp_alloc_large((size_t)pp_view_count(array->view), pp_dtype_size(array->view.dtype),
                          &array->view.data);
}

pp_status pp_array_create(pp_dtype dtype, int ndim, const int64_t *shape, const char *unit,
                          pp_array **out)
{
    pp_array *array;
    PP_TRY(PP_ALLOC(1, &array));
    atomic_init(&array->references, 1);
    array->view.dtype = dtype;
    array->view.ndim = ndim;
    for (int k = 0; k < ndim; k++) array->view.shape[k] = shape[k];
    array->total_rows = ndim > 0 ? shape[0] : 1;
    (void)snprintf(array->unit, sizeof array->unit, "%s", unit);
    const pp_status status = allocate(array);
    if (status != PP_OK) {
        pp_free(array);
        return status;
    }
    *out = array;
    return PP_OK;
}

pp_status pp_array_create_1d(pp_dtype dtype, int64_t count, const char *unit, pp_array **out)
{
    return pp_array_create(dtype, 1, &count, unit, out);
}

pp_status pp_array_like(const pp_array *like, pp_array **out)
{
    PP_TRY(pp_array_create(like->view.dtype, like->view.ndim, like->view.shape, like->unit, out));
    pp_array_set_rows(*out, like->first_row, like->total_rows);
    return PP_OK;
}

pp_status pp_array_copy(const pp_array *from, pp_array **out)
{
    PP_TRY(pp_array_like(from, out));
    memcpy((*out)->view.data, from->view.data, pp_array_bytes(from));
    return PP_OK;
}

pp_array *pp_array_ref(pp_array *array)
{
    atomic_fetch_add(&array->references, 1);
    return array;
}

void pp_array_free(pp_array **array)
{
    if (!*array) return;
    if (atomic_fetch_sub(&(*array)->references, 1) == 1) {
        pp_free((*array)->view.data);
        pp_free(*array);
    }
    *array = NULL;
}

void *pp_array_data(pp_array *array)
{
    return array->view.data;
}

const void *pp_array_read(const pp_array *array)
{
    return array->view.data;
}

pp_dtype pp_array_dtype(const pp_array *array)
{
    return array->view.dtype;
}

int pp_array_ndim(const pp_array *array)
{
    return array->view.ndim;
}

int64_t pp_array_size(const pp_array *array, int axis)
{
    return array->view.shape[axis];
}

int64_t pp_array_count(const pp_array *array)
{
    return pp_view_count(array->view);
}

size_t pp_array_bytes(const pp_array *array)
{
    return (size_t)pp_array_count(array) * pp_dtype_size(array->view.dtype);
}

const char *pp_array_unit(const pp_array *array)
{
    return array->unit;
}

pp_view pp_array_view(pp_array *array)
{
    return array->view;
}

void pp_array_set_rows(pp_array *array, int64_t first, int64_t total)
{
    array->first_row = first;
    array->total_rows = total;
}

int64_t pp_array_first_row(const pp_array *array)
{
    return array->first_row;
}

int64_t pp_array_total_rows(const pp_array *array)
{
    return array->total_rows;
}
