/* Whole files, atomically written.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/text.h"

static pp_status read_all(const char *path, FILE *file, pp_text *text)
{
    char part[65536];
    size_t count;
    while ((count = fread(part, 1, sizeof part, file)) > 0)
        PP_TRY(pp_text_add_bytes(text, part, count));
    if (ferror(file)) return PP_FAIL(PP_ERR_DATA, "%s: cannot be read: %s", path, strerror(errno));
    return pp_text_add_bytes(text, "", 0);
}

pp_status pp_file_read(const char *path, char **data, size_t *bytes)
{
    FILE *file = fopen(path, "rb");
    if (!file) return PP_FAIL(PP_ERR_DATA, "%s: cannot be opened: %s", path, strerror(errno));
    pp_text text = {0};
    const pp_status status = read_all(path, file, &text);
    (void)fclose(file);
    if (status != PP_OK) {
        pp_text_free(&text);
        return status;
    }
    *data = text.data;
    if (bytes) *bytes = text.length;
    return PP_OK;
}

pp_status pp_file_temporary(const char *path, char **temporary)
{
    pp_text text = {0};
    PP_TRY(pp_text_add(&text, "%s.part%ld", path, (long)getpid()));
    *temporary = text.data;
    return PP_OK;
}

static pp_status flush_to_disk(const char *path)
{
    const int file = open(path, O_RDONLY);
    if (file < 0) return PP_FAIL(PP_ERR_RUN, "%s: cannot be opened: %s", path, strerror(errno));
    const int failed = fsync(file);
    (void)close(file);
    if (failed)
        return PP_FAIL(PP_ERR_RESOURCE, "%s: cannot be flushed to disk: %s", path, strerror(errno));
    return PP_OK;
}

pp_status pp_file_commit(const char *temporary, const char *path)
{
    PP_TRY(flush_to_disk(temporary));
    if (rename(temporary, path) != 0)
        return PP_FAIL(PP_ERR_RESOURCE, "%s: cannot be put in place of %s: %s", temporary, path,
                       strerror(errno));
    return PP_OK;
}

static pp_status write_plain(const char *path, const void *data, size_t bytes)
{
    FILE *file = fopen(path, "wb");
    if (!file) return PP_FAIL(PP_ERR_RESOURCE, "%s: cannot be created: %s", path, strerror(errno));
    const size_t written = bytes ? fwrite(data, 1, bytes, file) : 0;
    const int failed = fclose(file);
    if (written != bytes || failed)
        return PP_FAIL(PP_ERR_RESOURCE, "%s: cannot be written (%zu bytes): %s", path, bytes,
                       strerror(errno));
    return PP_OK;
}

pp_status pp_file_write(const char *path, const void *data, size_t bytes)
{
    char *temporary;
    PP_TRY(pp_file_temporary(path, &temporary));
    pp_status status = write_plain(temporary, data, bytes);
    if (status == PP_OK) status = pp_file_commit(temporary, path);
    if (status != PP_OK) (void)unlink(temporary);
    pp_free(temporary);
    return status;
}

pp_status pp_file_make_folders(const char *path)
{
    char part[4096];
    const size_t length = strlen(path);
    if (length >= sizeof part) return PP_FAIL(PP_ERR_CONFIG, "%s: path too long", path);
    memcpy(part, path, length + 1);
    for (size_t k = 1; k <= length; k++) {
        if (part[k] != '/' && part[k] != 0) continue;
        const char cut = part[k];
        part[k] = 0;
        if (mkdir(part, 0777) != 0 && errno != EEXIST)
            return PP_FAIL(PP_ERR_RESOURCE, "%s: the folder cannot be made: %s", part,
                           strerror(errno));
        part[k] = cut;
    }
    if (!pp_file_is_folder(path))
        return PP_FAIL(PP_ERR_RESOURCE, "%s: is there and is no folder", path);
    return PP_OK;
}

bool pp_file_exists(const char *path)
{
    struct stat facts;
    return stat(path, &facts) == 0;
}

bool pp_file_is_folder(const char *path)
{
    struct stat facts;
    return stat(path, &facts) == 0 && S_ISDIR(facts.st_mode);
}

pp_status pp_file_stat(const char *path, int64_t *bytes, double *modified)
{
    struct stat facts;
    if (stat(path, &facts) != 0) return PP_FAIL(PP_ERR_DATA, "%s: %s", path, strerror(errno));
    *bytes = (int64_t)facts.st_size;
    *modified = (double)facts.st_mtim.tv_sec + 1e-9 * (double)facts.st_mtim.tv_nsec;
    return PP_OK;
}

pp_status pp_file_space(const char *path, double *bytes)
{
    char part[4096];
    (void)snprintf(part, sizeof part, "%s", path);
    struct statvfs facts;
    while (statvfs(part[0] ? part : "/", &facts) != 0) {
        char *slash = strrchr(part, '/');
        if (!slash) return PP_FAIL(PP_ERR_RUN, "%s: free space cannot be found", path);
        *slash = 0;
    }
    *bytes = (double)facts.f_bavail * (double)facts.f_frsize;
    return PP_OK;
}

static double entry_bytes(const char *folder, const char *name, int depth);

static double folder_bytes(const char *path, int depth)
{
    double bytes = 0;
    DIR *listing = opendir(path);
    if (!listing) return 0;
    for (const struct dirent *entry; (entry = readdir(listing));)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            bytes += entry_bytes(path, entry->d_name, depth);
    (void)closedir(listing);
    return bytes;
}

static double entry_bytes(const char *folder, const char *name, int depth)
{
    char path[4096];
    struct stat facts;
    const int length = snprintf(path, sizeof path, "%s/%s", folder, name);
    if (length >= (int)sizeof path || lstat(path, &facts) != 0) return 0;
    if (S_ISDIR(facts.st_mode)) return depth > 0 ? folder_bytes(path, depth - 1) : 0;
    return S_ISREG(facts.st_mode) ? (double)facts.st_size : 0;
}

double pp_file_folder_bytes(const char *path)
{
    enum { DEPTH = 8 };
    return folder_bytes(path, DEPTH);
}
