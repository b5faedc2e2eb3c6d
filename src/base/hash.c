/* XXH3, 128 bit.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "base/hash.h"

#include <stdio.h>
#include <string.h>
#include <xxhash.h>

#include "base/alloc.h"

struct pp_hash {
    XXH3_state_t *state;
};

pp_status pp_hash_create(pp_hash **out)
{
    pp_hash *hash;
    PP_TRY(PP_ALLOC(1, &hash));
    hash->state = XXH3_createState();
    if (!hash->state) {
        pp_free(hash);
        return PP_FAIL(PP_ERR_RESOURCE, "out of memory for a hash");
    }
    (void)XXH3_128bits_reset(hash->state);
    *out = hash;
    return PP_OK;
}

void pp_hash_add(pp_hash *hash, const void *data, size_t bytes)
{
    if (bytes) (void)XXH3_128bits_update(hash->state, data, bytes);
}

void pp_hash_add_text(pp_hash *hash, const char *text)
{
    const uint64_t length = strlen(text);
    pp_hash_add(hash, &length, sizeof length);
    pp_hash_add(hash, text, length);
}

void pp_hash_text(const pp_hash *hash, char out[PP_HASH_TEXT])
{
    const XXH128_hash_t value = XXH3_128bits_digest(hash->state);
    (void)snprintf(out, PP_HASH_TEXT, "%016llx%016llx", (unsigned long long)value.high64,
                   (unsigned long long)value.low64);
}

void pp_hash_free(pp_hash **hash)
{
    if (!*hash) return;
    (void)XXH3_freeState((*hash)->state);
    pp_free(*hash);
    *hash = NULL;
}
