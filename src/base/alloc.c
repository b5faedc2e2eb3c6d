/* Counted allocation: a header of 64 bytes in front of each block holds its size. Large blocks are made of huge pages where the
 * system has them: the sweeps read windows whose every row lies in another page.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "base/alloc.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { HEADER = 64, HUGE_PAGE = 1 << 21 };

static _Atomic int64_t live_blocks, live_bytes, peak_bytes, countdown;

static void count(int64_t bytes)
{
    const int64_t now = atomic_fetch_add(&live_bytes, bytes) + bytes;
    int64_t peak = atomic_load(&peak_bytes);
    while (now > peak && !atomic_compare_exchange_weak(&peak_bytes, &peak, now)) continue;
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

pp_status pp_alloc(size_t number, size_t size, void **out)
{
    if (size != 0 && number > (SIZE_MAX / 2 - 128) / size)
        return PP_FAIL(PP_ERR_RESOURCE,
                       "%zu elements of %zu bytes are more than memory can address", number, size);
    const size_t bytes = number * size;
    char *block = planted_failure() ? NULL : take(bytes + HEADER);
    if (!block)
        return PP_FAIL(PP_ERR_RESOURCE, "out of memory: %.1f MiB asked for, %.1f MiB in use",
                       (double)bytes / 1048576.0, (double)pp_alloc_live_bytes() / 1048576.0);
    memset(block, 0, bytes + HEADER);
    memcpy(block, &bytes, sizeof bytes);
    atomic_fetch_add(&live_blocks, 1);
    count((int64_t)bytes);
    *out = block + HEADER;
    return PP_OK;
}

void pp_free(void *block)
{
    if (!block) return;
    char *whole = (char *)block - HEADER;
    size_t bytes;
    memcpy(&bytes, whole, sizeof bytes);
    atomic_fetch_sub(&live_blocks, 1);
    atomic_fetch_sub(&live_bytes, (int64_t)bytes);
    free(whole);
}

pp_status pp_realloc(void **block, size_t bytes)
{
    void *to;
    PP_TRY(pp_alloc(bytes, 1, &to));
    if (*block) {
        size_t old;
        memcpy(&old, (char *)*block - HEADER, sizeof old);
        memcpy(to, *block, old < bytes ? old : bytes);
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
