/* Writing of datasets, attributes and links, and the reading back before a file gets its name.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "io/h5_internal.h"

/* Files above this are checked for shape and storage only: reading a large volume back would double the writing. */
static const int64_t read_back_bytes = (int64_t)1 << 30;
enum { GZIP_LEVEL = 4 };

static pp_status remember(pp_h5 *file, const char *where, const pp_view *like)
{
    PP_TRY(pp_realloc((void **)&file->written,
                      (size_t)(file->written_count + 1) * sizeof *file->written));
    pp_h5_written *item = &file->written[file->written_count];
    *item = (pp_h5_written){.dtype = like->dtype, .ndim = like->ndim};
    PP_TRY(pp_strdup(where, &item->where));
    const pp_status status = pp_hash_create(&item->hash);
    if (status != PP_OK) {
        pp_free(item->where);
        return status;
    }
    file->written_count++;
    return PP_OK;
}

static pp_h5_written *find_written(pp_h5 *file, const char *where)
{
    for (int k = 0; k < file->written_count; k++)
        if (strcmp(file->written[k].where, where) == 0) return &file->written[k];
    return NULL;
}

static hid_t link_properties(void)
{
    const hid_t plist = H5Pcreate(H5P_LINK_CREATE);
    (void)H5Pset_create_intermediate_group(plist, 1);
    return plist;
}

static hid_t storage_properties(const pp_view *like, bool chunked)
{
    const hid_t plist = H5Pcreate(H5P_DATASET_CREATE);
    (void)H5Pset_obj_track_times(plist, 0); /* same content, same bytes */
    if (!chunked || like->ndim < 2) return plist;
    hsize_t chunk[PP_MAX_DIM] = {1};
    for (int k = 1; k < like->ndim; k++) chunk[k] = (hsize_t)like->shape[k];
    (void)H5Pset_chunk(plist, like->ndim, chunk);
    (void)H5Pset_shuffle(plist);
    (void)H5Pset_deflate(plist, GZIP_LEVEL);
    return plist;
}

pp_status pp_h5_dataset(pp_h5 *file, const char *where, const pp_view *like, const char *unit,
                        bool chunked)
{
    hsize_t shape[PP_MAX_DIM];
    for (int k = 0; k < like->ndim; k++) shape[k] = (hsize_t)like->shape[k];
    const hid_t space =
        like->ndim ? H5Screate_simple(like->ndim, shape, NULL) : H5Screate(H5S_SCALAR);
    const hid_t type = pp_h5_memory_type(like->dtype, "r", "i");
    const hid_t links = link_properties(), storage = storage_properties(like, chunked);
    const hid_t dataset = H5Dcreate2(file->id, where, type, space, links, storage, H5P_DEFAULT);
    pp_status status = PP_OK;
    if (dataset < 0) status = pp_h5_fail(file, PP_ERR_RESOURCE, where, "cannot be created");
    if (dataset >= 0) (void)H5Dclose(dataset);
    (void)H5Pclose(storage);
    (void)H5Pclose(links);
    (void)H5Tclose(type);
    (void)H5Sclose(space);
    PP_TRY(status);
    PP_TRY(remember(file, where, like));
    return pp_h5_set_text(file, where, "units", unit);
}

static herr_t write_rows(hid_t dataset, hid_t type, int64_t first, int64_t count, const void *rows)
{
    hsize_t start[PP_MAX_DIM] = {0}, size[PP_MAX_DIM];
    const hid_t space = H5Dget_space(dataset);
    const int ndim = H5Sget_simple_extent_dims(space, size, NULL);
    herr_t failed = -1;
    if (ndim == 0) {
        failed = H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, rows);
    } else if (ndim > 0) {
        start[0] = (hsize_t)first;
        size[0] = (hsize_t)count;
        const hid_t memory = H5Screate_simple(ndim, size, NULL);
        if (H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, size, NULL) >= 0)
            failed = H5Dwrite(dataset, type, memory, space, H5P_DEFAULT, rows);
        (void)H5Sclose(memory);
    }
    (void)H5Sclose(space);
    return failed;
}

static size_t row_bytes(hid_t dataset, pp_dtype dtype)
{
    hsize_t size[PP_MAX_DIM];
    const hid_t space = H5Dget_space(dataset);
    const int ndim = H5Sget_simple_extent_dims(space, size, NULL);
    (void)H5Sclose(space);
    size_t bytes = pp_dtype_size(dtype);
    for (int k = 1; k < ndim; k++) bytes *= (size_t)size[k];
    return bytes;
}

pp_status pp_h5_put_rows(pp_h5 *file, const char *where, int64_t first, int64_t count,
                         const void *rows)
{
    pp_h5_written *item = find_written(file, where);
    if (!item || item->rows != first)
        return PP_FAIL(PP_ERR_RUN, "%s: %s: rows from %lld on are written out of order", file->path,
                       where, (long long)first);
    if (count == 0) return PP_OK;
    const hid_t dataset = H5Dopen2(file->id, where, H5P_DEFAULT);
    if (dataset < 0) return pp_h5_fail(file, PP_ERR_RUN, where, "cannot be opened");
    const hid_t type = pp_h5_memory_type(item->dtype, "r", "i");
    pp_status status = PP_OK;
    if (write_rows(dataset, type, first, count, rows) < 0)
        status = pp_h5_fail(file, PP_ERR_RESOURCE, where, "cannot be written (disk full?)");
    pp_hash_add(item->hash, rows, row_bytes(dataset, item->dtype) * (size_t)count);
    item->rows += count;
    (void)H5Tclose(type);
    (void)H5Dclose(dataset);
    return status;
}

pp_status pp_h5_put(pp_h5 *file, const char *where, pp_view data, const char *unit)
{
    PP_TRY(pp_h5_dataset(file, where, &data, unit, false));
    return pp_h5_put_rows(file, where, 0, data.ndim ? data.shape[0] : 1, data.data);
}

pp_status pp_h5_put_array(pp_h5 *file, const char *where, const pp_array *array)
{
    pp_view like = {.dtype = pp_array_dtype(array), .ndim = pp_array_ndim(array)};
    for (int k = 0; k < like.ndim; k++) like.shape[k] = pp_array_size(array, k);
    PP_TRY(pp_h5_dataset(file, where, &like, pp_array_unit(array), false));
    return pp_h5_put_rows(file, where, 0, like.ndim ? like.shape[0] : 1, pp_array_read(array));
}

pp_status pp_h5_put_number(pp_h5 *file, const char *where, double value, const char *unit)
{
    const pp_view view = {.data = &value, .dtype = PP_F64};
    return pp_h5_put(file, where, view, unit);
}

pp_status pp_h5_put_integer(pp_h5 *file, const char *where, int64_t value, const char *unit)
{
    const pp_view view = {.data = &value, .dtype = PP_I64};
    return pp_h5_put(file, where, view, unit);
}

static hid_t text_type(const char *text)
{
    const hid_t type = H5Tcopy(H5T_C_S1);
    (void)H5Tset_size(type, strlen(text) + 1);
    (void)H5Tset_cset(type, H5T_CSET_UTF8);
    return type;
}

pp_status pp_h5_put_text(pp_h5 *file, const char *where, const char *text)
{
    const hid_t type = text_type(text), space = H5Screate(H5S_SCALAR), links = link_properties();
    const pp_view scalar = {.dtype = PP_U8};
    const hid_t storage = storage_properties(&scalar, false);
    const hid_t dataset = H5Dcreate2(file->id, where, type, space, links, storage, H5P_DEFAULT);
    pp_status status = PP_OK;
    if (dataset < 0 || H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, text) < 0)
        status = pp_h5_fail(file, PP_ERR_RESOURCE, where, "cannot be written");
    if (dataset >= 0) (void)H5Dclose(dataset);
    (void)H5Pclose(storage);
    (void)H5Pclose(links);
    (void)H5Sclose(space);
    (void)H5Tclose(type);
    return status;
}

static pp_status set_attribute(pp_h5 *file, const char *where, const char *name, hid_t type,
                               const void *value)
{
    const hid_t space = H5Screate(H5S_SCALAR);
    const hid_t attribute = H5Acreate_by_name(file->id, where, name, type, space, H5P_DEFAULT,
                                              H5P_DEFAULT, H5P_DEFAULT);
    pp_status status = PP_OK;
    if (attribute < 0 || H5Awrite(attribute, type, value) < 0)
        status = pp_h5_fail(file, PP_ERR_RESOURCE, where, "an attribute cannot be written");
    if (attribute >= 0) (void)H5Aclose(attribute);
    (void)H5Sclose(space);
    return status;
}

pp_status pp_h5_set_text(pp_h5 *file, const char *where, const char *name, const char *text)
{
    const hid_t type = text_type(text);
    const pp_status status = set_attribute(file, where, name, type, text);
    (void)H5Tclose(type);
    return status;
}

pp_status pp_h5_set_integer(pp_h5 *file, const char *where, const char *name, int64_t value)
{
    return set_attribute(file, where, name, H5T_NATIVE_INT64, &value);
}

pp_status pp_h5_group(pp_h5 *file, const char *where)
{
    const hid_t links = link_properties();
    const hid_t group = H5Gcreate2(file->id, where, links, H5P_DEFAULT, H5P_DEFAULT);
    (void)H5Pclose(links);
    if (group < 0) return pp_h5_fail(file, PP_ERR_RESOURCE, where, "cannot be created");
    (void)H5Gclose(group);
    return PP_OK;
}

pp_status pp_h5_link(pp_h5 *file, const char *target, const char *where)
{
    const hid_t links = link_properties();
    const herr_t failed = H5Lcreate_hard(file->id, target, H5L_SAME_LOC, where, links, H5P_DEFAULT);
    (void)H5Pclose(links);
    if (failed < 0) return pp_h5_fail(file, PP_ERR_RESOURCE, where, "cannot be linked");
    return PP_OK;
}

pp_status pp_h5_soft_link(pp_h5 *file, const char *target, const char *where)
{
    const hid_t links = link_properties();
    const herr_t failed = H5Lcreate_soft(target, file->id, where, links, H5P_DEFAULT);
    (void)H5Pclose(links);
    if (failed < 0) return pp_h5_fail(file, PP_ERR_RESOURCE, where, "cannot be linked");
    return PP_OK;
}

static pp_status hash_of(pp_h5 *file, const pp_h5_written *item, const pp_h5_info *info,
                         char out[PP_HASH_TEXT])
{
    enum { STEP_BYTES = 1 << 22 };
    const int64_t rows = info->ndim ? info->shape[0] : 1;
    const size_t row = (size_t)(pp_h5_count(info) / (rows ? rows : 1)) * pp_dtype_size(item->dtype);
    const int64_t step = (int64_t)(STEP_BYTES / (row ? row : 1)) + 1;
    pp_hash *hash = NULL;
    unsigned char *block = NULL;
    pp_status status = PP_OK;
    PP_TRY_TO(done, pp_hash_create(&hash));
    PP_TRY_TO(done, PP_ALLOC(row * (size_t)step, &block));
    for (int64_t first = 0; first < rows; first += step) {
        const int64_t count = rows - first < step ? rows - first : step;
        PP_TRY_TO(done, pp_h5_read_items(file, item->where, info->ndim ? info->ndim - 1 : 0, first,
                                         count, item->dtype, block));
        pp_hash_add(hash, block, row * (size_t)count);
    }
    pp_hash_text(hash, out);
done:
    pp_free(block);
    pp_hash_free(&hash);
    return status;
}

static pp_status verify_one(pp_h5 *file, const pp_h5_written *item, bool contents)
{
    pp_h5_info info;
    PP_TRY(pp_h5_describe(file, item->where, &info));
    const int64_t rows = info.ndim ? info.shape[0] : 1;
    if (info.ndim != item->ndim || rows != item->rows)
        return PP_FAIL(PP_ERR_RUN, "%s: %s: %lld rows were written, the file holds %lld",
                       file->path, item->where, (long long)item->rows, (long long)rows);
    if (!contents || rows == 0) return PP_OK;
    char wrote[PP_HASH_TEXT], found[PP_HASH_TEXT];
    pp_hash_text(item->hash, wrote);
    PP_TRY(hash_of(file, item, &info, found));
    if (strcmp(wrote, found) != 0)
        return PP_FAIL(PP_ERR_RESOURCE, "%s: %s: does not read back as it was written (disk?)",
                       file->path, item->where);
    return PP_OK;
}

static pp_status verify(const pp_h5 *written)
{
    int64_t bytes = 0;
    double modified = 0;
    pp_h5 *file = NULL;
    PP_TRY(pp_file_stat(written->temporary, &bytes, &modified));
    PP_TRY(pp_h5_open(written->temporary, &file));
    pp_status status = PP_OK;
    for (int k = 0; k < written->written_count && status == PP_OK; k++)
        status = verify_one(file, &written->written[k], bytes <= read_back_bytes);
    pp_h5_close(&file);
    return status;
}

pp_status pp_h5_commit(pp_h5 **file)
{
    pp_h5 *self = *file;
    pp_status status = PP_OK;
    const herr_t flushed = H5Fflush(self->id, H5F_SCOPE_LOCAL);
    if (flushed < 0)
        status = pp_h5_fail(self, PP_ERR_RESOURCE, NULL, "cannot be written (disk full?)");
    if (H5Fclose(self->id) < 0 && status == PP_OK)
        status = pp_h5_fail(self, PP_ERR_RESOURCE, NULL, "cannot be closed (disk full?)");
    self->id = -1;
    if (status == PP_OK) status = verify(self);
    if (status == PP_OK) status = pp_file_commit(self->temporary, self->path);
    if (status == PP_OK) {
        pp_free(self->temporary);
        self->temporary = NULL;
    }
    pp_h5_close(file);
    return status;
}
