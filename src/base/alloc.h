/* Counted allocation: every block of the program goes through here, so a test can assert that nothing is left and the plan
 * can be compared with the measured peak. Thread-safe.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_ALLOC_H
#define PP_ALLOC_H

#include <polyptych/status.h>

/** Zeroed, 64-byte aligned memory of count * size bytes; *out is set only on success. Errors: PP_ERR_RESOURCE. */
PP_MUST_CHECK pp_status pp_alloc(size_t count, size_t size, void **out);
#define PP_ALLOC(count, out) pp_alloc((size_t)(count), sizeof **(out), (void **)(out))
/** Grows or shrinks to `bytes`; new bytes are zero. */
PP_MUST_CHECK pp_status pp_realloc(void **block, size_t bytes);
/** As pp_alloc, for what may lie on disk: where pp_alloc_scratch has set a limit and this block would lift such blocks above it,
 *  the block is a mapped file without a name, which the system pages in and out. Blocks below 1 MiB stay in memory. */
PP_MUST_CHECK pp_status pp_alloc_large(size_t count, size_t size, void **out);
#define PP_ALLOC_LARGE(count, out) pp_alloc_large((size_t)(count), sizeof **(out), (void **)(out))
/** Large blocks beyond `keep` bytes go to files in `folder` (copied) from now on; NULL: none do. Blocks that are there stay where
 *  they are. */
PP_MUST_CHECK pp_status pp_alloc_scratch(const char *folder, double keep);
/** Most bytes that lay in such files at a time so far; they do not count as live bytes. */
int64_t pp_alloc_scratch_peak(void);
/** NULL is accepted. */
void pp_free(void *block);
/** A copy of a text. */
PP_MUST_CHECK pp_status pp_strdup(const char *text, char **out);

int64_t pp_alloc_live_blocks(void);
int64_t pp_alloc_live_bytes(void);
int64_t pp_alloc_peak_bytes(void);
void pp_alloc_reset_peak(void);
/** The n-th allocation from now fails (tests); 0 switches it off. */
void pp_alloc_fail_after(int64_t n);

#endif
