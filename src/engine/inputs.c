/* Hashes of input files.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "engine/inputs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/text.h"

enum { WHOLE = 16 << 20, SAMPLE = 1 << 20, SAMPLES = 8 };

/* Sorted by path would be quicker to look up; lists are in the order of the views, so the next one is nearly always it. */
static const pp_input *find(const pp_inputs *inputs, const char *path)
{
    for (int64_t i = inputs->count - 1; i >= 0; i--)
        if (strcmp(inputs->items[i].path, path) == 0) return &inputs->items[i];
    return NULL;
}

const char *pp_inputs_hash(const pp_inputs *inputs, const char *path)
{
    const pp_input *input = find(inputs, path);
    return input ? input->hash : NULL;
}

static pp_status add_part(FILE *file, const char *path, int64_t first, int64_t bytes, char *buffer,
                          pp_hash *hash)
{
    if (fseek(file, (long)first, SEEK_SET) != 0 ||
        fread(buffer, 1, (size_t)bytes, file) != (size_t)bytes)
        return PP_FAIL(PP_ERR_DATA, "%s: cannot be read at byte %lld: %s", path, (long long)first,
                       errno ? strerror(errno) : "it ends early");
    pp_hash_add(hash, buffer, (size_t)bytes);
    return PP_OK;
}

static pp_status add_content(FILE *file, const pp_input *input, char *buffer, pp_hash *hash)
{
    pp_hash_add(hash, &input->bytes, sizeof input->bytes);
    if (input->bytes <= WHOLE) {
        for (int64_t at = 0; at < input->bytes; at += SAMPLE)
            PP_TRY(add_part(file, input->path, at,
                            input->bytes - at < SAMPLE ? input->bytes - at : (int64_t)SAMPLE,
                            buffer, hash));
        return PP_OK;
    }
    pp_hash_add(hash, &input->modified, sizeof input->modified);
    for (int k = 0; k < SAMPLES; k++)
        PP_TRY(add_part(file, input->path, (input->bytes - SAMPLE) / (SAMPLES - 1) * k, SAMPLE,
                        buffer, hash));
    return PP_OK;
}

static pp_status hash_file(pp_input *input)
{
    FILE *file = fopen(input->path, "rb");
    if (!file)
        return PP_FAIL(PP_ERR_DATA, "%s: cannot be opened: %s", input->path, strerror(errno));
    pp_hash *hash = NULL;
    char *buffer = NULL;
    pp_status status = pp_hash_create(&hash);
    if (status == PP_OK) status = PP_ALLOC(SAMPLE, &buffer);
    errno = 0;
    if (status == PP_OK) status = add_content(file, input, buffer, hash);
    if (status == PP_OK) pp_hash_text(hash, input->hash);
    pp_free(buffer);
    pp_hash_free(&hash);
    (void)fclose(file);
    return status;
}

static pp_status append(pp_inputs *inputs, const pp_input *input)
{
    if (inputs->count == inputs->capacity) {
        void *grown = inputs->items;
        const int64_t capacity = inputs->capacity ? 2 * inputs->capacity : 32;
        PP_TRY(pp_realloc(&grown, (size_t)capacity * sizeof *inputs->items));
        inputs->items = grown;
        inputs->capacity = capacity;
    }
    inputs->items[inputs->count++] = *input;
    return PP_OK;
}

static pp_status complete(pp_inputs *inputs, const pp_inputs *known, pp_input *input)
{
    PP_TRY(pp_file_stat(input->path, &input->bytes, &input->modified));
    const pp_input *old = known ? find(known, input->path) : NULL;
    if (old && old->bytes == input->bytes && old->modified == input->modified)
        memcpy(input->hash, old->hash, sizeof input->hash);
    else
        PP_TRY(hash_file(input));
    return append(inputs, input);
}

pp_status pp_inputs_add(pp_inputs *inputs, const pp_inputs *known, const char *path)
{
    if (find(inputs, path)) return PP_OK;
    pp_input input = {0};
    PP_TRY(pp_strdup(path, &input.path));
    const pp_status status = complete(inputs, known, &input);
    if (status != PP_OK) pp_free(input.path);
    return status;
}

pp_status pp_inputs_text(const pp_inputs *inputs, char **out)
{
    pp_text text = {0};
    pp_status status = pp_text_add(&text, "%s", "");
    for (int64_t i = 0; i < inputs->count && status == PP_OK; i++) {
        const pp_input *one = &inputs->items[i];
        status = pp_text_add(&text, "%s\t%lld\t%.17g\t%s\n", one->hash, (long long)one->bytes,
                             one->modified, one->path);
    }
    if (status == PP_OK)
        *out = text.data;
    else
        pp_text_free(&text);
    return status;
}

static pp_status parse_line(pp_inputs *inputs, char *line)
{
    pp_input input = {0};
    char *end;
    if (strcspn(line, "\t") != PP_HASH_TEXT - 1) return PP_OK; /* not ours: hashed again */
    memcpy(input.hash, line, PP_HASH_TEXT - 1);
    input.bytes = strtoll(line + PP_HASH_TEXT, &end, 10);
    if (*end != '\t') return PP_OK;
    input.modified = strtod(end + 1, &end);
    if (*end != '\t') return PP_OK;
    PP_TRY(pp_strdup(end + 1, &input.path));
    const pp_status status = append(inputs, &input);
    if (status != PP_OK) pp_free(input.path);
    return status;
}

pp_status pp_inputs_parse(pp_inputs *inputs, char *text)
{
    char *rest = NULL;
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
        PP_TRY(parse_line(inputs, line));
    return PP_OK;
}

void pp_inputs_free(pp_inputs *inputs)
{
    for (int64_t i = 0; i < inputs->count; i++) pp_free(inputs->items[i].path);
    pp_free(inputs->items);
    *inputs = (pp_inputs){0};
}
