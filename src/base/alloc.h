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
