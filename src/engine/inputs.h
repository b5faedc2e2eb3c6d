/* Hashes of the files that a run reads: of the whole content up to 16 MiB; of larger ones size, time of last change and a sample
 * of the content. A hash is taken once for each size and time, and kept in the run's directory.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_INPUTS_H
#define PP_INPUTS_H

#include "base/hash.h"
#include "comm/comm.h"

typedef struct pp_input {
    char *path; /* absolute */
    int64_t bytes;
    double modified; /* seconds since 1970 */
    char hash[PP_HASH_TEXT];
} pp_input;

typedef struct pp_inputs {
    int64_t count, capacity;
    pp_input *items;
} pp_inputs;

/** Adds a file unless it is there; `known` may hold hashes of earlier runs. Errors: PP_ERR_DATA. */
PP_MUST_CHECK pp_status pp_inputs_add(pp_inputs *inputs, const pp_inputs *known, const char *path);
/** Its hash; NULL where it was not added. */
const char *pp_inputs_hash(const pp_inputs *inputs, const char *path);
/** One line a file, as stored in the run's directory and sent between ranks. */
PP_MUST_CHECK pp_status pp_inputs_text(const pp_inputs *inputs, char **out);
/** Adds what stands in such a text (which is cut up). */
PP_MUST_CHECK pp_status pp_inputs_parse(pp_inputs *inputs, char *text);
void pp_inputs_free(pp_inputs *inputs);

#endif
