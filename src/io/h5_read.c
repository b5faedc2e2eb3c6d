/* Reading of datasets: description, items, arrays, texts, the tree.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/text.h"
#include "io/h5_internal.h"

static hid_t real_type(pp_dtype dtype)
{
    switch (dtype) {
    case PP_U8:
        return H5T_NATIVE_UINT8;
    case PP_U16:
        return H5T_NATIVE_UINT16;
    case PP_I32:
        return H5T_NATIVE_INT32;
    case PP_I64:
        return H5T_NATIVE_INT64;
    case PP_F64:
    case PP_C64:
        return H5T_NATIVE_DOUBLE;
    case PP_F32:
    case PP_C32:
    case PP_DTYPES:
    default:
        return H5T_NATIVE_FLOAT;
    }
}

hid_t pp_h5_memory_type(pp_dtype dtype, const char *re, const char *im)
{
    if (dtype != PP_C32 && dtype != PP_C64) return H5Tcopy(real_type(dtype));
    const size_t half = pp_dtype_size(dtype) / 2;
    const hid_t type = H5Tcreate(H5T_COMPOUND, 2 * half);
    if (type >= 0 && (H5Tinsert(type, re, 0, real_type(dtype)) < 0 ||
                      H5Tinsert(type, im, half, real_type(dtype)) < 0)) {
        (void)H5Tclose(type);
        return -1;
    }
    return type;
}

bool pp_h5_complex_names(hid_t type, const char **re, const char **im)
{
    static const char *const names[][2] = {{"r", "i"}, {"real", "imag"}, {"re", "im"}};
    if (H5Tget_class(type) != H5T_COMPOUND || H5Tget_nmembers(type) != 2) return false;
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        if (H5Tget_member_index(type, names[k][0]) != 0) continue;
        if (H5Tget_member_index(type, names[k][1]) != 1) continue;
        *re = names[k][0];
        *im = names[k][1];
        return true;
    }
    return false;
}

static void describe_type(hid_t type, pp_h5_info *out)
{
    const char *re, *im;
    const H5T_class_t class = H5Tget_class(type);
    int bits = (int)(8 * H5Tget_size(type));
    out->type = PP_H5_OTHER;
    (void)snprintf(out->name, sizeof out->name, "other");
    if (class == H5T_INTEGER || class == H5T_ENUM) {
        out->type = PP_H5_INTEGER;
        out->is_signed = H5Tget_sign(type) == H5T_SGN_2;
        (void)snprintf(out->name, sizeof out->name, "%sint%d", out->is_signed ? "" : "u", bits);
    } else if (class == H5T_FLOAT) {
        out->type = PP_H5_FLOAT;
        out->is_signed = true;
        (void)snprintf(out->name, sizeof out->name, "float%d", bits);
    } else if (class == H5T_STRING) {
        out->type = PP_H5_TEXT;
        (void)snprintf(out->name, sizeof out->name, "text");
    } else if (pp_h5_complex_names(type, &re, &im)) {
        out->type = PP_H5_COMPLEX;
        (void)snprintf(out->name, sizeof out->name, "complex%d", bits);
        bits /= 2;
    }
    out->bits = bits;
}

static const char *filter_name(H5Z_filter_t id)
{
    switch (id) {
    case 32001:
        return "Blosc";
    case 32004:
        return "LZ4";
    case 32008:
        return "bitshuffle";
    case 32015:
        return "Zstandard";
    case 32026:
        return "Blosc2";
    default:
        return "unknown";
    }
}

static pp_status check_filters(const pp_h5 *file, const char *where, hid_t plist)
{
    const int count = H5Pget_nfilters(plist);
    for (int k = 0; k < count; k++) {
        unsigned flags, config;
        size_t values = 0;
        char name[64] = "";
        const H5Z_filter_t id =
            H5Pget_filter2(plist, (unsigned)k, &flags, &values, NULL, sizeof name, name, &config);
        if (id < 0 || H5Zfilter_avail(id) > 0) continue;
        return PP_FAIL(PP_ERR_DATA,
                       "%s: %s: compressed by HDF5 filter %d (%s), which is not installed here; "
                       "install its plugin and set HDF5_PLUGIN_PATH to its folder",
                       file->path, where, (int)id, name[0] ? name : filter_name(id));
    }
    return PP_OK;
}

/* A virtual dataset reads its fill value where a source file is missing, silently: so look for the files. */
static pp_status check_sources(const pp_h5 *file, const char *where, hid_t plist)
{
    size_t count = 0;
    if (H5Pget_layout(plist) != H5D_VIRTUAL || H5Pget_virtual_count(plist, &count) < 0)
        return PP_OK;
    char *folder = NULL;
    PP_TRY(pp_path_folder(file->path, &folder));
    pp_status status = PP_OK;
    for (size_t k = 0; k < count && status == PP_OK; k++) {
        char name[1024] = "";
        char *path = NULL;
        if (H5Pget_virtual_filename(plist, k, name, sizeof name) <= 0) continue;
        if (strcmp(name, ".") == 0 || strchr(name, '%')) continue;
        pp_text joined = {0};
        status =
            name[0] == '/' ? pp_strdup(name, &path) : pp_text_add(&joined, "%s/%s", folder, name);
        if (joined.data) path = joined.data;
        if (status == PP_OK && !pp_file_exists(path) && !pp_file_exists(name))
            status = PP_FAIL(PP_ERR_DATA, "%s: %s: dead link: its source file %s is missing",
                             file->path, where, name);
        pp_free(path);
    }
    pp_free(folder);
    return status;
}

static pp_status check_storage(const pp_h5 *file, const char *where, hid_t dataset)
{
    const hid_t plist = H5Dget_create_plist(dataset);
    if (plist < 0) return pp_h5_fail(file, PP_ERR_DATA, where, "its properties cannot be read");
    pp_status status = check_filters(file, where, plist);
    if (status == PP_OK) status = check_sources(file, where, plist);
    (void)H5Pclose(plist);
    return status;
}

static pp_status open_dataset(pp_h5 *file, const char *where, hid_t *out)
{
    const pp_h5_kind kind = pp_h5_kind_of(file, where);
    if (kind == PP_H5_NONE)
        return PP_FAIL(PP_ERR_DATA, "%s: %s: no such dataset", file->path, where);
    if (kind == PP_H5_DEAD_LINK)
        return PP_FAIL(PP_ERR_DATA, "%s: %s: dead link, its target is missing", file->path, where);
    if (kind == PP_H5_GROUP)
        return PP_FAIL(PP_ERR_DATA, "%s: %s: is a group, a dataset is expected", file->path, where);
    *out = H5Dopen2(file->id, where, H5P_DEFAULT);
    if (*out < 0) return pp_h5_fail(file, PP_ERR_DATA, where, "cannot be opened");
    return PP_OK;
}

static pp_status describe_space(const pp_h5 *file, const char *where, hid_t dataset,
                                pp_h5_info *out)
{
    hsize_t shape[H5S_MAX_RANK];
    const hid_t space = H5Dget_space(dataset);
    const int ndim = H5Sget_simple_extent_dims(space, shape, NULL);
    const bool empty = H5Sget_simple_extent_type(space) == H5S_NULL;
    (void)H5Sclose(space);
    if (empty) return PP_FAIL(PP_ERR_DATA, "%s: %s: holds nothing", file->path, where);
    if (ndim < 0 || ndim > PP_H5_MAX_DIM)
        return PP_FAIL(PP_ERR_DATA, "%s: %s: %d axes, at most %d are read", file->path, where, ndim,
                       PP_H5_MAX_DIM);
    out->ndim = ndim;
    for (int k = 0; k < ndim; k++) out->shape[k] = (int64_t)shape[k];
    return PP_OK;
}

pp_status pp_h5_describe(pp_h5 *file, const char *where, pp_h5_info *out)
{
    hid_t dataset = -1;
    PP_TRY(open_dataset(file, where, &dataset));
    *out = (pp_h5_info){0};
    const hid_t type = H5Dget_type(dataset);
    describe_type(type, out);
    (void)H5Tclose(type);
    pp_status status = describe_space(file, where, dataset, out);
    if (status == PP_OK) status = check_storage(file, where, dataset);
    (void)H5Dclose(dataset);
    (void)pp_h5_attribute_text(file, where, "units", out->unit, sizeof out->unit);
    return status;
}

int64_t pp_h5_count(const pp_h5_info *info)
{
    int64_t count = 1;
    for (int k = 0; k < info->ndim; k++) count *= info->shape[k];
    return count;
}

/* A run of items that lie in one line of the last flattened axis. */
typedef struct run {
    int lead; /* number of flattened axes */
    int64_t first, count;
} run;

static herr_t read_run(hid_t dataset, hid_t memory, const pp_h5_info *info, run part, void *out)
{
    hsize_t start[PP_H5_MAX_DIM] = {0}, count[PP_H5_MAX_DIM];
    int64_t rest = part.first;
    for (int k = info->ndim - 1; k >= 0; k--) {
        const bool flattened = k < part.lead;
        count[k] = flattened ? 1 : (hsize_t)info->shape[k];
        if (!flattened) continue;
        start[k] = (hsize_t)(rest % info->shape[k]);
        rest /= info->shape[k];
    }
    if (part.lead > 0) count[part.lead - 1] = (hsize_t)part.count;
    const hid_t space = H5Dget_space(dataset);
    const hid_t target =
        info->ndim ? H5Screate_simple(info->ndim, count, NULL) : H5Screate(H5S_SCALAR);
    herr_t failed = -1;
    if (space >= 0 && target >= 0 &&
        (info->ndim == 0 ||
         H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, count, NULL) >= 0))
        failed = H5Dread(dataset, memory, target, space, H5P_DEFAULT, out);
    if (target >= 0) (void)H5Sclose(target);
    if (space >= 0) (void)H5Sclose(space);
    return failed;
}

static pp_status read_runs(pp_h5 *file, const char *where, hid_t dataset, hid_t memory,
                           const pp_h5_info *info, run all, void *out)
{
    size_t item = H5Tget_size(memory);
    for (int k = all.lead; k < info->ndim; k++) item *= (size_t)info->shape[k];
    const int64_t line = all.lead > 0 ? info->shape[all.lead - 1] : 1;
    char *to = out;
    while (all.count > 0) {
        const int64_t left = line - all.first % line;
        const run part = {all.lead, all.first, all.count < left ? all.count : left};
        if (read_run(dataset, memory, info, part, to) < 0)
            return pp_h5_fail(file, PP_ERR_DATA, where, "cannot be read");
        to += item * (size_t)part.count;
        all.first += part.count;
        all.count -= part.count;
    }
    return PP_OK;
}

/* Memory type for reading: complex members by the names in the file; a real dataset read as complex keeps its real part. */
static pp_status reading_type(pp_h5 *file, const char *where, hid_t dataset, pp_dtype dtype,
                              hid_t *out)
{
    const char *re = "r", *im = "i";
    const hid_t type = H5Dget_type(dataset);
    const H5T_class_t class = H5Tget_class(type);
    const bool is_complex = pp_h5_complex_names(type, &re, &im);
    (void)H5Tclose(type);
    const bool wants = dtype == PP_C32 || dtype == PP_C64;
    if (is_complex != wants ||
        (!is_complex && class != H5T_INTEGER && class != H5T_FLOAT && class != H5T_ENUM))
        return PP_FAIL(PP_ERR_DATA, "%s: %s: %s numbers are expected, found %s", file->path, where,
                       wants ? "complex" : "real",
                       is_complex              ? "complex ones"
                       : class == H5T_STRING   ? "text"
                       : class == H5T_COMPOUND ? "a compound that is no complex number"
                                               : "others");
    *out = pp_h5_memory_type(dtype, re, im);
    if (*out < 0) return pp_h5_fail(file, PP_ERR_RUN, where, "no type in memory");
    return PP_OK;
}

pp_status pp_h5_read_items(pp_h5 *file, const char *where, int keep, int64_t first, int64_t count,
                           pp_dtype dtype, void *out)
{
    pp_h5_info info;
    hid_t dataset = -1, memory = -1;
    PP_TRY(pp_h5_describe(file, where, &info));
    if (info.ndim < keep)
        return PP_FAIL(PP_ERR_DATA, "%s: %s: %d axes, at least %d are expected", file->path, where,
                       info.ndim, keep);
    PP_TRY(open_dataset(file, where, &dataset));
    pp_status status = reading_type(file, where, dataset, dtype, &memory);
    if (status == PP_OK) {
        const run all = {info.ndim - keep, first, count};
        status = read_runs(file, where, dataset, memory, &info, all, out);
        (void)H5Tclose(memory);
    }
    (void)H5Dclose(dataset);
    return status;
}

pp_status pp_h5_read_array(pp_h5 *file, const char *where, pp_dtype dtype, pp_array **out)
{
    pp_h5_info info;
    PP_TRY(pp_h5_describe(file, where, &info));
    if (info.ndim > PP_MAX_DIM)
        return PP_FAIL(PP_ERR_DATA, "%s: %s: %d axes, at most %d are read", file->path, where,
                       info.ndim, PP_MAX_DIM);
    const int64_t one = 1;
    pp_array *array = NULL;
    PP_TRY(pp_array_create(dtype, info.ndim ? info.ndim : 1, info.ndim ? info.shape : &one,
                           info.unit[0] ? info.unit : "1", &array));
    const pp_status status =
        pp_h5_read_items(file, where, info.ndim, 0, 1, dtype, pp_array_data(array));
    if (status == PP_OK)
        *out = array;
    else
        pp_array_free(&array);
    return status;
}

pp_status pp_h5_read_number(pp_h5 *file, const char *where, double *out)
{
    pp_h5_info info;
    PP_TRY(pp_h5_describe(file, where, &info));
    if (pp_h5_count(&info) != 1)
        return PP_FAIL(PP_ERR_DATA, "%s: %s: one number is expected, found %lld", file->path, where,
                       (long long)pp_h5_count(&info));
    return pp_h5_read_items(file, where, info.ndim, 0, 1, PP_F64, out);
}

static pp_status read_variable_text(pp_h5 *file, const char *where, hid_t dataset, hid_t type,
                                    char **out)
{
    char *text = NULL;
    if (H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, &text) < 0)
        return pp_h5_fail(file, PP_ERR_DATA, where, "cannot be read");
    const pp_status status = pp_strdup(text ? text : "", out);
    if (text) (void)H5free_memory(text);
    return status;
}

pp_status pp_h5_read_text(pp_h5 *file, const char *where, char **out)
{
    hid_t dataset = -1;
    pp_h5_info info;
    PP_TRY(pp_h5_describe(file, where, &info));
    if (info.type != PP_H5_TEXT || pp_h5_count(&info) != 1)
        return PP_FAIL(PP_ERR_DATA, "%s: %s: a text is expected, found %s", file->path, where,
                       info.name);
    PP_TRY(open_dataset(file, where, &dataset));
    const hid_t type = H5Dget_type(dataset);
    char *text = NULL;
    pp_status status = PP_OK;
    if (H5Tis_variable_str(type) > 0) {
        status = read_variable_text(file, where, dataset, type, &text);
    } else {
        status = PP_ALLOC(H5Tget_size(type) + 1, &text);
        if (status == PP_OK && H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, text) < 0)
            status = pp_h5_fail(file, PP_ERR_DATA, where, "cannot be read");
    }
    (void)H5Tclose(type);
    (void)H5Dclose(dataset);
    if (status == PP_OK)
        *out = text;
    else
        pp_free(text);
    return status;
}

typedef struct walker {
    pp_h5 *file;
    void (*visit)(void *context, const char *where, const char *detail);
    void *context;
} walker;

static void describe_link(pp_h5 *file, const char *where, const H5L_info_t *link, char *out,
                          size_t size)
{
    char value[512] = "";
    const char *of_file = "", *object = value;
    if (H5Lget_val(file->id, where, value, sizeof value, H5P_DEFAULT) < 0) value[0] = 0;
    if (link->type == H5L_TYPE_EXTERNAL)
        (void)H5Lunpack_elink_val(value, link->u.val_size, NULL, &of_file, &object);
    const bool dead = pp_h5_kind_of(file, where) == PP_H5_DEAD_LINK;
    (void)snprintf(out, size, "-> %s%s%s%s", of_file, of_file[0] ? ":" : "", object,
                   dead ? "   DEAD LINK" : "");
}

static void describe_dataset(pp_h5 *file, const char *where, char *out, size_t size)
{
    pp_h5_info info;
    if (pp_h5_describe(file, where, &info) != PP_OK) {
        pp_error error;
        pp_error_take(&error);
        (void)snprintf(out, size, "%s", error.text);
        return;
    }
    int used = snprintf(out, size, "%s [", info.name);
    for (int k = 0; k < info.ndim && used < (int)size; k++)
        used += snprintf(out + used, size - (size_t)used, "%s%lld", k ? ", " : "",
                         (long long)info.shape[k]);
    if (used >= (int)size) return;
    used += snprintf(out + used, size - (size_t)used, "]");
    double value;
    if (pp_h5_count(&info) == 1 && (info.type == PP_H5_INTEGER || info.type == PP_H5_FLOAT) &&
        pp_h5_read_number(file, where, &value) == PP_OK && used < (int)size)
        used += snprintf(out + used, size - (size_t)used, " = %.9g", value);
    if (info.unit[0] && strcmp(info.unit, "1") != 0 && used < (int)size)
        (void)snprintf(out + used, size - (size_t)used, " %s", info.unit);
}

static herr_t visit_link(hid_t group, const char *name, const H5L_info_t *link, void *context)
{
    const walker *self = context;
    (void)group;
    char where[1024], detail[PP_ERROR_BYTES + 1024] = "";
    (void)snprintf(where, sizeof where, "/%s", name);
    if (link->type != H5L_TYPE_HARD)
        describe_link(self->file, where, link, detail, sizeof detail);
    else if (pp_h5_kind_of(self->file, where) == PP_H5_DATASET)
        describe_dataset(self->file, where, detail, sizeof detail);
    self->visit(self->context, where, detail);
    return 0;
}

pp_status pp_h5_walk(pp_h5 *file,
                     void (*visit)(void *context, const char *where, const char *detail),
                     void *context)
{
    walker self = {file, visit, context};
    if (H5Lvisit(file->id, H5_INDEX_NAME, H5_ITER_INC, visit_link, &self) < 0)
        return pp_h5_fail(file, PP_ERR_DATA, "/", "its objects cannot be listed");
    return PP_OK;
}
