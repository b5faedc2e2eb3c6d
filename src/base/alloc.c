/* Counted allocation: a header of 64 bytes in front of each block holds its size. Large blocks are made of huge pages where the
 * system has them: the sweeps read windows whose every row lies in another page.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "base/alloc.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { HEADER = 64, HUGE_PAGE = 1 << 21 };

enum { LARGE = 1 << 20 };

/* Where a block lies. */
typedef enum place { IN_MEMORY, LARGE_IN_MEMORY, IN_FILE } place;

typedef struct header {
    size_t bytes;
    place where;
} header;

static _Atomic int64_t live_blocks, live_bytes, peak_bytes, countdown;
static _Atomic int64_t large_bytes, file_bytes, file_peak; /* of blocks of pp_alloc_large */
static char folder_of_files[4096];                         /* "" for none */
static double keep_in_memory;

static void raise_peak(_Atomic int64_t *highest, int64_t now)
{
    int64_t peak = atomic_load(highest);
    while (now > peak && !atomic_compare_exchange_weak(highest, &peak, now)) continue;
}

static void count(int64_t bytes)
{
    raise_peak(&peak_bytes, atomic_fetch_add(&live_bytes, bytes) + bytes);
}

static bool planted_failure(void)
{
    return atomic_load(&countdown) > 0 && atomic_fetch_sub(&countdown, 1) == 1;
}

/* From a quarter of a huge page on, whole ones. */
static char *take(size_t bytes)
{
    if (bytes < HUGE_PAGE / 4) return aligned_alloc(HEADER, (bytes + HEADER - 1) / HEADER * HEADER);
    const size_t whole = (bytes + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
    char *block = aligned_alloc(HUGE_PAGE, whole);
#ifdef MADV_HUGEPAGE
    if (block) (void)madvise(block, whole, MADV_HUGEPAGE); /* a system without them refuses */
#endif
    return block;
}

static pp_status size_of(size_t number, size_t size, size_t *bytes)
{
    if (size != 0 && number > (SIZE_MAX / 2 - 128) / size)
        return PP_FAIL(PP_ERR_RESOURCE,
                       "%zu elements of %zu bytes are more than memory can address", number, size);
    *bytes = number * size;
    return PP_OK;
}

pp_status pp_alloc(size_t number, size_t size, void **out)
{
    size_t bytes;
    PP_TRY(size_of(number, size, &bytes));
    char *block = planted_failure() ? NULL : take(bytes + HEADER);
    if (!block)
        return PP_FAIL(PP_ERR_RESOURCE, "out of memory: %.1f MiB asked for, %.1f MiB in use",
                       (double)bytes / 1048576.0, (double)pp_alloc_live_bytes() / 1048576.0);
    const header head = {bytes, IN_MEMORY};
    memset(block, 0, bytes + HEADER);
    memcpy(block, &head, sizeof head);
    atomic_fetch_add(&live_blocks, 1);
    count((int64_t)bytes);
    *out = block + HEADER;
    return PP_OK;
}

/* A file without a name: it is gone when nothing maps it any more. New files read as zeros. */
static char *map_file(size_t whole)
{
    char path[sizeof folder_of_files + 32];
    (void)snprintf(path, sizeof path, "%s/.scratch.XXXXXX", folder_of_files);
    const int file = mkstemp(path);
    if (file < 0) return NULL;
    (void)unlink(path);
    void *block = MAP_FAILED;
    if (posix_fallocate(file, 0, (off_t)whole) == 0)
        block = mmap(NULL, whole, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    (void)close(file);
    return block == MAP_FAILED ? NULL : block;
}

static pp_status alloc_in_file(size_t bytes, void **out)
{
    char *block = planted_failure() ? NULL : map_file(bytes + HEADER);
    if (!block)
        return PP_FAIL(PP_ERR_RESOURCE,
                       "%s: no file of %.1f MiB can be made for an array that "
                       "host_memory leaves no room for; free the disk or raise it",
                       folder_of_files, (double)bytes / 1048576.0);
    const header head = {bytes, IN_FILE};
    memcpy(block, &head, sizeof head);
    atomic_fetch_add(&live_blocks, 1);
    raise_peak(&file_peak, atomic_fetch_add(&file_bytes, (int64_t)bytes) + (int64_t)bytes);
    *out = block + HEADER;
    return PP_OK;
}

pp_status pp_alloc_large(size_t number, size_t size, void **out)
{
    size_t bytes;
    PP_TRY(size_of(number, size, &bytes));
    if (bytes < LARGE) return pp_alloc(number, size, out);
    if (folder_of_files[0] && (double)atomic_load(&large_bytes) + (double)bytes > keep_in_memory)
        return alloc_in_file(bytes, out);
    PP_TRY(pp_alloc(number, size, out));
    const header head = {bytes, LARGE_IN_MEMORY};
    memcpy((char *)*out - HEADER, &head, sizeof head);
    atomic_fetch_add(&large_bytes, (int64_t)bytes);
    return PP_OK;
}

pp_status pp_alloc_scratch(const char *folder, double keep)
{
    if (folder && strlen(folder) >= sizeof folder_of_files)
        return PP_FAIL(PP_ERR_RESOURCE, "%s: the path is too long for scratch files", folder);
    (void)snprintf(folder_of_files, sizeof folder_of_files, "%s", folder ? folder : "");
    keep_in_memory = keep;
    return PP_OK;
}

int64_t pp_alloc_scratch_peak(void)
{
    return atomic_load(&file_peak);
}

void pp_free(void *block)
{
    if (!block) return;
    char *whole = (char *)block - HEADER;
    header head;
    memcpy(&head, whole, sizeof head);
    atomic_fetch_sub(&live_blocks, 1);
    if (head.where == IN_FILE) {
        atomic_fetch_sub(&file_bytes, (int64_t)head.bytes);
        (void)munmap(whole, head.bytes + HEADER);
        return;
    }
    if (head.where == LARGE_IN_MEMORY) atomic_fetch_sub(&large_bytes, (int64_t)head.bytes);
    atomic_fetch_sub(&live_bytes, (int64_t)head.bytes);
    free(whole);
}

pp_status pp_realloc(void **block, size_t bytes)
{
    void *to;
    PP_TRY(pp_alloc(bytes, 1, &to));
    if (*block) {
        header old;
        memcpy(&old, (char *)*block - HEADER, sizeof old);
        memcpy(to, *block, old.bytes < bytes ? old.bytes : bytes);
        pp_free(*block);
    }
    *block = to;
    return PP_OK;
}

pp_status pp_strdup(const char *text, char **out)
{
    const size_t bytes = strlen(text) + 1;
    char *copy;
    PP_TRY(PP_ALLOC(bytes, &copy));
    memcpy(copy, text, bytes);
    *out = copy;
    return PP_OK;
}

int64_t pp_alloc_live_blocks(void)
{
    return atomic_load(&live_blocks);
}

int64_t pp_alloc_live_bytes(void)
{
    return atomic_load(&live_bytes);
}

int64_t pp_alloc_peak_bytes(void)
{
    return atomic_load(&peak_bytes);
}

void pp_alloc_reset_peak(void)
{
    atomic_store(&peak_bytes, atomic_load(&live_bytes));
}

void pp_alloc_fail_after(int64_t n)
{
    atomic_store(&countdown, n);
}
