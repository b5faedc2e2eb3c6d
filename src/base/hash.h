/* 128-bit hashes (XXH3) of inputs and parameters.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_HASH_H
#define PP_HASH_H

#include <polyptych/status.h>

enum { PP_HASH_TEXT = 33 };

typedef struct pp_hash pp_hash;
PP_MUST_CHECK pp_status pp_hash_create(pp_hash **out);
void pp_hash_add(pp_hash *hash, const void *data, size_t bytes);
/** Text with its length, so that neighbouring texts cannot run together. */
void pp_hash_add_text(pp_hash *hash, const char *text);
/** 32 hexadecimal digits. */
void pp_hash_text(const pp_hash *hash, char out[PP_HASH_TEXT]);
void pp_hash_free(pp_hash **hash);

#endif
