/* FFT plans: run's directory, user's cache, measured once; broadcast.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "comm/wisdom.h"

#include <polyptych/log.h>
#include <stdlib.h>
#include <string.h>

#include "backend/fft.h"
#include "base/alloc.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/processor.h"
#include "base/text.h"

static pp_status cache_name(char out[PP_HASH_TEXT])
{
    char processor[PP_PROCESSOR_TEXT];
    pp_hash *hash = NULL;
    pp_processor_name(processor);
    PP_TRY(pp_hash_create(&hash));
    pp_hash_add_text(hash, processor);
    pp_hash_add_text(hash, pp_fft_version());
    pp_hash_text(hash, out);
    pp_hash_free(&hash);
    return PP_OK;
}

/* Folder and file of the user's cache; both empty where there is no home. */
static pp_status cache_path(pp_text *folder, pp_text *path)
{
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    char name[PP_HASH_TEXT];
    if (cache && *cache == '/')
        PP_TRY(pp_text_add(folder, "%s/polyptych", cache));
    else if (home && *home == '/')
        PP_TRY(pp_text_add(folder, "%s/.cache/polyptych", home));
    else
        return PP_OK;
    PP_TRY(cache_name(name));
    return pp_text_add(path, "%s/fft-plans-%s", folder->data, name);
}

/* Plans that cannot be read are measured again. */
static void add_file(const char *path)
{
    char *text = NULL;
    if (!path || !pp_file_exists(path)) return;
    pp_status status = pp_file_read(path, &text, NULL);
    if (status == PP_OK) status = pp_fft_wisdom_add(text);
    if (status != PP_OK) pp_warn("FFT plans in %s are not used: %s", path, pp_error_last()->text);
    pp_free(text);
}

static bool is_same(const char *path, const char *text)
{
    char *old = NULL;
    if (!pp_file_exists(path) || pp_file_read(path, &old, NULL) != PP_OK) return false;
    const bool same = strcmp(old, text) == 0;
    pp_free(old);
    return same;
}

static pp_status write_file(const char *folder, const char *path, const char *text)
{
    if (!folder || !path || is_same(path, text)) return PP_OK;
    PP_TRY(pp_file_make_folders(folder));
    return pp_file_write(path, text, strlen(text));
}

typedef struct places {
    pp_text run_folder, run, cache_folder, cache;
} places;

typedef struct request {
    const char *output;
    pp_fft_effort effort;
    pp_fft_planner *plan;
    void *data;
} request;

static pp_status plan_with(const request *r)
{
    const pp_fft_effort before = pp_fft_set_effort(r->effort);
    const pp_status planned = r->plan(r->data);
    (void)pp_fft_set_effort(before);
    return planned;
}

static pp_status plan_here(const request *r, places *p, char **text)
{
    PP_TRY(pp_text_add(&p->run_folder, "%s/.polyptych", r->output));
    PP_TRY(pp_text_add(&p->run, "%s/fft-plans", p->run_folder.data));
    PP_TRY(cache_path(&p->cache_folder, &p->cache));
    /* the run's last: of two plans for one transform the later one stays */
    add_file(p->cache.data);
    add_file(p->run.data);
    PP_TRY(plan_with(r));
    PP_TRY(pp_fft_wisdom_get(text));
    PP_TRY(write_file(p->run_folder.data, p->run.data, *text));
    if (write_file(p->cache_folder.data, p->cache.data, *text) != PP_OK)
        pp_warn("FFT plans are not kept for other runs: %s", pp_error_last()->text);
    return PP_OK;
}

static pp_status share(const pp_comm *comm, char **text)
{
    int64_t length = *text ? (int64_t)strlen(*text) + 1 : 0;
    PP_TRY(pp_comm_bcast(comm, &length, sizeof length, 0));
    pp_status status = PP_OK;
    if (pp_comm_rank(comm) != 0) status = PP_ALLOC(length, text);
    PP_TRY(pp_comm_agree(comm, status));
    PP_TRY(pp_comm_bcast(comm, *text, (size_t)length, 0));
    if (pp_comm_rank(comm) != 0) status = pp_fft_wisdom_add(*text);
    return pp_comm_agree(comm, status);
}

pp_status pp_fft_prepare(const pp_comm *comm, const char *output, pp_fft_effort effort,
                         pp_fft_planner *plan, void *data)
{
    const request r = {output, effort, plan, data};
    char *text = NULL;
    pp_status status = PP_OK;
    if (pp_comm_rank(comm) == 0) {
        places p = {{0}, {0}, {0}, {0}};
        status = plan_here(&r, &p, &text);
        pp_text_free(&p.run_folder);
        pp_text_free(&p.run);
        pp_text_free(&p.cache_folder);
        pp_text_free(&p.cache);
    }
    status = pp_comm_agree(comm, status);
    if (status == PP_OK) status = share(comm, &text);
    pp_free(text);
    PP_TRY(status);
    if (pp_comm_rank(comm) != 0) status = plan_with(&r);
    return pp_comm_agree(comm, status);
}
