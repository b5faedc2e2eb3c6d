/* Element types.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <polyptych/types.h>

static const struct {
    size_t size;
    const char *name;
} dtypes[PP_DTYPES] = {
    [PP_U8] = {1, "uint8"},      [PP_U16] = {2, "uint16"},      [PP_I32] = {4, "int32"},
    [PP_I64] = {8, "int64"},     [PP_F32] = {4, "float32"},     [PP_F64] = {8, "float64"},
    [PP_C32] = {8, "complex64"}, [PP_C64] = {16, "complex128"},
};

size_t pp_dtype_size(pp_dtype dtype)
{
    return dtypes[dtype].size;
}

const char *pp_dtype_name(pp_dtype dtype)
{
    return dtypes[dtype].name;
}

int64_t pp_view_count(pp_view view)
{
    int64_t count = 1;
    for (int k = 0; k < view.ndim; k++) count *= view.shape[k];
    return count;
}
