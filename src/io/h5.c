/* Opening and closing of HDF5 files, errors, attributes.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/text.h"
#include "io/h5_internal.h"

/* HDF5 as it starts. Its own clean-up at the end of the process is left out: it crashes over a file whose closing failed,
 * as on a full disk. Every file is closed here. */
void pp_h5_quiet(void)
{
    (void)H5dont_atexit();
    (void)H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
}

const char *pp_h5_version(void)
{
    static char text[32];
    pp_h5_quiet();
    unsigned major = 0, minor = 0, release = 0;
    if (H5get_libversion(&major, &minor, &release) < 0) return "unknown";
    (void)snprintf(text, sizeof text, "%u.%u.%u", major, minor, release);
    return text;
}

static herr_t innermost(unsigned n, const H5E_error2_t *error, void *context)
{
    char *reason = context;
    if (n == 0 && error->desc) (void)snprintf(reason, 256, "%s", error->desc);
    return 0;
}

pp_status pp_h5_fail(const pp_h5 *file, pp_status code, const char *where, const char *what)
{
    char reason[256] = "no reason given";
    (void)H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, innermost, reason);
    if (!where) return PP_FAIL(code, "%s: %s: %s", file->path, what, reason);
    return PP_FAIL(code, "%s: %s: %s: %s", file->path, where, what, reason);
}

static pp_status new_file(const char *path, pp_h5 **out)
{
    pp_h5_quiet();
    pp_h5 *file = NULL;
    PP_TRY(PP_ALLOC(1, &file));
    file->id = -1;
    const pp_status status = pp_strdup(path, &file->path);
    if (status != PP_OK) {
        pp_free(file);
        return status;
    }
    *out = file;
    return PP_OK;
}

pp_status pp_h5_open(const char *path, pp_h5 **out)
{
    if (!pp_file_exists(path)) return PP_FAIL(PP_ERR_DATA, "%s: no such file", path);
    if (pp_file_is_folder(path))
        return PP_FAIL(PP_ERR_DATA, "%s: is a folder, an HDF5 file is expected", path);
    pp_h5 *file = NULL;
    PP_TRY(new_file(path, &file));
    file->id = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    if (file->id < 0) {
        const pp_status status =
            pp_h5_fail(file, PP_ERR_DATA, NULL, "cannot be opened as an HDF5 file");
        pp_h5_close(&file);
        return status;
    }
    *out = file;
    return PP_OK;
}

pp_status pp_h5_create(const char *path, pp_h5 **out)
{
    pp_h5 *file = NULL;
    PP_TRY(new_file(path, &file));
    pp_status status = pp_file_temporary(path, &file->temporary);
    if (status == PP_OK) {
        file->id = H5Fcreate(file->temporary, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
        if (file->id < 0) status = pp_h5_fail(file, PP_ERR_RESOURCE, NULL, "cannot be created");
    }
    if (status != PP_OK) {
        pp_h5_close(&file);
        return status;
    }
    *out = file;
    return PP_OK;
}

void pp_h5_close(pp_h5 **file)
{
    pp_h5 *self = *file;
    if (!self) return;
    if (self->id >= 0) (void)H5Fclose(self->id);
    if (self->temporary) {
        /* where closing failed the file stays open, and would keep its space */
        const int emptied = truncate(self->temporary, 0);
        (void)emptied;
        (void)unlink(self->temporary);
    }
    for (int k = 0; k < self->written_count; k++) {
        pp_free(self->written[k].where);
        pp_hash_free(&self->written[k].hash);
    }
    pp_free(self->written);
    pp_free(self->temporary);
    pp_free(self->path);
    pp_free(self);
    *file = NULL;
}

const char *pp_h5_path(const pp_h5 *file)
{
    return file->path;
}

/* Every part of the path must exist: HDF5 fails (and does not say "no") on a missing middle part. */
pp_h5_kind pp_h5_kind_of(pp_h5 *file, const char *where)
{
    char part[1024];
    const size_t length = strlen(where);
    if (length >= sizeof part) return PP_H5_NONE;
    if (strcmp(where, "/") == 0) return PP_H5_GROUP;
    memcpy(part, where, length + 1);
    for (size_t k = 1; k <= length; k++) {
        if (part[k] != '/' && part[k] != 0) continue;
        const char cut = part[k];
        part[k] = 0;
        if (H5Lexists(file->id, part, H5P_DEFAULT) <= 0) return PP_H5_NONE;
        if (H5Oexists_by_name(file->id, part, H5P_DEFAULT) <= 0) return PP_H5_DEAD_LINK;
        part[k] = cut;
    }
    const hid_t object = H5Oopen(file->id, where, H5P_DEFAULT);
    if (object < 0) return PP_H5_DEAD_LINK;
    const H5I_type_t type = H5Iget_type(object);
    (void)H5Oclose(object);
    return type == H5I_DATASET ? PP_H5_DATASET : type == H5I_GROUP ? PP_H5_GROUP : PP_H5_NONE;
}

const char *pp_h5_first(pp_h5 *file, const char *const *paths)
{
    for (; *paths; paths++)
        if (pp_h5_kind_of(file, *paths) == PP_H5_DATASET) return *paths;
    return NULL;
}

static hid_t open_attribute(pp_h5 *file, const char *where, const char *name)
{
    if (H5Aexists_by_name(file->id, where, name, H5P_DEFAULT) <= 0) return -1;
    return H5Aopen_by_name(file->id, where, name, H5P_DEFAULT, H5P_DEFAULT);
}

/* Texts in HDF5 are fixed (with or without an end) or of variable length; either way the text ends up in `out`. */
static bool read_text_attribute(hid_t attribute, hid_t type, char *out, int size)
{
    const hid_t space = H5Aget_space(attribute);
    const bool single = H5Sget_simple_extent_npoints(space) == 1;
    (void)H5Sclose(space);
    if (!single) return false;
    if (H5Tis_variable_str(type) > 0) {
        char *text = NULL;
        if (H5Aread(attribute, type, &text) < 0 || !text) return false;
        (void)snprintf(out, (size_t)size, "%s", text);
        (void)H5free_memory(text);
        return true;
    }
    const size_t bytes = H5Tget_size(type);
    char *text = NULL;
    if (PP_ALLOC(bytes + 1, &text) != PP_OK) return false;
    const bool ok = H5Aread(attribute, type, text) >= 0;
    if (ok) (void)snprintf(out, (size_t)size, "%s", text);
    pp_free(text);
    return ok;
}

bool pp_h5_attribute_text(pp_h5 *file, const char *where, const char *name, char *out, int size)
{
    out[0] = 0;
    const hid_t attribute = open_attribute(file, where, name);
    if (attribute < 0) return false;
    const hid_t type = H5Aget_type(attribute);
    const bool ok =
        H5Tget_class(type) == H5T_STRING && read_text_attribute(attribute, type, out, size);
    (void)H5Tclose(type);
    (void)H5Aclose(attribute);
    return ok;
}

bool pp_h5_attribute_number(pp_h5 *file, const char *where, const char *name, double *out)
{
    const hid_t attribute = open_attribute(file, where, name);
    if (attribute < 0) return false;
    const hid_t type = H5Aget_type(attribute), space = H5Aget_space(attribute);
    const H5T_class_t class = H5Tget_class(type);
    const bool ok = (class == H5T_INTEGER || class == H5T_FLOAT) &&
                    H5Sget_simple_extent_npoints(space) == 1 &&
                    H5Aread(attribute, H5T_NATIVE_DOUBLE, out) >= 0;
    (void)H5Sclose(space);
    (void)H5Tclose(type);
    (void)H5Aclose(attribute);
    return ok;
}
