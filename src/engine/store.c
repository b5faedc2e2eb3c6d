/* The run's directory: whose it is, what is finished in it, what an earlier run left half done.
 * OUT/.polyptych marks it as ours; it holds the lock, the hashes of inputs and the FFT plans.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/text.h"
#include "config/place.h"
#include "engine/run.h"

enum { CHANGES_BYTES = 1500 };

static const char marker[] = ".polyptych";

pp_status pp_run_path(const pp_run *run, const char *name, char **out)
{
    return pp_path_join(pp_run_output(run), name, out);
}

static pp_status numbered(const pp_run *run, int64_t index, const char *ending, char **out)
{
    char name[64];
    (void)snprintf(name, sizeof name, "views/%04lld%s", (long long)run->views.entries[index].number,
                   ending);
    return pp_run_path(run, name, out);
}

pp_status pp_run_view_path(const pp_run *run, int64_t index, char **out)
{
    return numbered(run, index, ".h5", out);
}

static bool is_empty(const char *path)
{
    DIR *folder = opendir(path);
    if (!folder) return true;
    bool empty = true;
    for (const struct dirent *entry; empty && (entry = readdir(folder));)
        empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
    (void)closedir(folder);
    return empty;
}

static bool is_writable(const char *path)
{
    char part[4096];
    (void)snprintf(part, sizeof part, "%s", path);
    while (*part && !pp_file_exists(part)) {
        char *slash = strrchr(part, '/');
        if (!slash) return false;
        *slash = 0;
    }
    if (*part && !pp_file_is_folder(part)) {
        errno = ENOTDIR;
        return false;
    }
    return access(*part ? part : "/", W_OK) == 0;
}

void pp_store_check(const pp_run *run, pp_findings *findings)
{
    const char *output = pp_run_output(run);
    const pp_place place = {.origin = pp_config_origin(run->config, "output")};
    char *ours = NULL;
    if (pp_run_path(run, marker, &ours) != PP_OK) return;
    if (pp_file_exists(output) && !pp_file_is_folder(output))
        pp_place_report(place, findings, PP_FINDING_ERROR, PP_ERR_CONFIG,
                        "output = \"%s\" is a file; give a folder", output);
    else if (pp_file_exists(output) && !pp_file_exists(ours) && !is_empty(output))
        pp_place_report(place, findings, PP_FINDING_ERROR, PP_ERR_CONFIG,
                        "output = \"%s\" holds files that another program made; give a folder "
                        "that is empty or not there yet",
                        output);
    else if (!is_writable(output))
        pp_place_report(place, findings, PP_FINDING_ERROR, PP_ERR_RESOURCE,
                        "output = \"%s\" cannot be written: %s", output, strerror(errno));
    pp_free(ours);
}

/* NAME.partPID */
static int is_part(const struct dirent *entry)
{
    const char *part = strstr(entry->d_name, ".part");
    return part && part[5] && part[5 + strspn(part + 5, "0123456789")] == 0;
}

static void remove_parts(const char *folder)
{
    DIR *listing = opendir(folder);
    if (!listing) return;
    char path[4096];
    for (const struct dirent *entry; (entry = readdir(listing));)
        if (is_part(entry) &&
            snprintf(path, sizeof path, "%s/%s", folder, entry->d_name) < (int)sizeof path)
            (void)unlink(path);
    (void)closedir(listing);
}

/* Held until the process ends, however it ends. */
static pp_status take_lock(const char *folder)
{
    static int held = -1;
    pp_text path = {0};
    PP_TRY(pp_text_add(&path, "%s/lock", folder));
    if (held >= 0) (void)close(held);
    held = open(path.data, O_CREAT | O_RDWR | O_CLOEXEC, 0666);
    pp_status status = PP_OK;
    if (held >= 0 && flock(held, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
        status = PP_FAIL(PP_ERR_RUN, "%s: another run works in this directory now", path.data);
    pp_text_free(&path);
    return status;
}

pp_status pp_store_open(pp_run *run)
{
    char *ours = NULL, *views = NULL;
    pp_status status = pp_run_path(run, marker, &ours);
    if (status == PP_OK) status = pp_run_path(run, "views", &views);
    if (status == PP_OK) status = pp_file_make_folders(ours);
    if (status == PP_OK) status = take_lock(ours);
    if (status == PP_OK && run->pipeline->nodes[0].scope == PP_SCOPE_VIEW)
        status = pp_file_make_folders(views);
    if (status == PP_OK) {
        remove_parts(pp_run_output(run));
        remove_parts(views);
        remove_parts(ours);
    }
    pp_free(views);
    pp_free(ours);
    return status;
}

typedef struct conflicts {
    int64_t count;
    char changes[CHANGES_BYTES]; /* lines "\n    key: old on file, new now", each once */
    char first[512];
} conflicts;

/* Adds the lines that are not there yet. */
static void add_changes(conflicts *all, const char *path, const char *changes)
{
    if (all->count++ == 0) (void)snprintf(all->first, sizeof all->first, "%s", path);
    for (const char *line = changes; line && *line;) {
        const size_t length = 1 + strcspn(line + 1, "\n"), used = strlen(all->changes);
        char one[512];
        (void)snprintf(one, sizeof one, "%.*s", (int)length, line);
        if (!strstr(all->changes, one) && used + strlen(one) < sizeof all->changes)
            memcpy(all->changes + used, one, strlen(one) + 1);
        line += length;
    }
}

/* Whether the file is right; other parameters in it are a conflict. A damaged file is made again. */
static pp_status compare(const char *path, const pp_identity *wanted, conflicts *all, bool *right)
{
    *right = false;
    if (!pp_file_exists(path)) return PP_OK;
    pp_identity stored = {{0}, NULL};
    if (pp_result_identity(path, &stored) != PP_OK) {
        pp_warn("%s is made again: %s", path, pp_error_last()->text);
        return PP_OK;
    }
    *right = strcmp(stored.hash, wanted->hash) == 0;
    pp_status status = PP_OK;
    char *changes = NULL;
    if (!*right && all)
        status = pp_identity_changes(stored.parameters, wanted->parameters, &changes);
    if (changes) add_changes(all, path, changes);
    pp_free(changes);
    pp_identity_free(&stored);
    return status;
}

static pp_status survey_view(pp_run *run, int64_t index, conflicts *all)
{
    pp_identity wanted = {{0}, NULL};
    char *path = NULL;
    bool right = false;
    pp_status status =
        pp_identity_of_view(run, pp_pipeline_last_view(run->pipeline), index, &wanted);
    if (status == PP_OK) status = pp_run_view_path(run, index, &path);
    if (status == PP_OK) status = compare(path, &wanted, all, &right);
    run->view_states[index] = right ? PP_VIEW_DONE : PP_VIEW_TODO;
    pp_free(path);
    pp_identity_free(&wanted);
    return status;
}

static const pp_stage_file *file_of(const pp_node *node, int file)
{
    const pp_stage_file *files = node->config.stage->files;
    for (int k = 0; files && k <= file; k++)
        if (!files[k].name) return NULL;
    return files ? &files[file] : NULL;
}

static int writer_at(const pp_node *node, const char *name)
{
    const int port = name ? pp_node_port(node, name) : -1;
    return port < 0 ? -1 : node->writer[port];
}

/* Node that wrote what the file's first port holds, or the one instead of it; -1 where none is connected. */
static int writer_of(const pp_node *node, const pp_stage_file *file)
{
    char first[64];
    (void)snprintf(first, sizeof first, "%.*s", (int)strcspn(file->ports, " "), file->ports);
    const int writer = writer_at(node, first);
    return writer >= 0 ? writer : writer_at(node, file->instead);
}

/* The results of views are put together only where there are several. */
static bool is_wanted(const pp_run *run, int writer)
{
    if (writer < 0) return false;
    return run->pipeline->nodes[writer].scope == PP_SCOPE_CAMPAIGN || run->views.count > 1;
}

static pp_status file_state(const pp_run *run, int index, int file, conflicts *all, bool *wanted,
                            bool *right)
{
    const pp_node *node = &run->pipeline->nodes[index];
    const pp_stage_file *one = file_of(node, file);
    *right = *wanted = false;
    const int writer = one ? writer_of(node, one) : -1;
    if (!is_wanted(run, writer)) return PP_OK;
    *wanted = true;
    pp_identity identity = {{0}, NULL};
    char *path = NULL;
    pp_status status = pp_identity_of_campaign(run, writer, &identity);
    if (status == PP_OK) status = pp_run_path(run, one->name, &path);
    if (status == PP_OK) status = compare(path, &identity, all, right);
    pp_free(path);
    pp_identity_free(&identity);
    return status;
}

pp_status pp_store_file_state(const pp_run *run, int node, int file, bool *wanted, bool *right)
{
    return file_state(run, node, file, NULL, wanted, right);
}

static pp_status survey_files(pp_run *run, conflicts *all)
{
    for (int k = 0; k < run->pipeline->count; k++) {
        const pp_node *node = &run->pipeline->nodes[k];
        if (!pp_node_is(node, PP_STAGE_OUTPUT)) continue;
        bool wanted, right;
        for (int f = 0; file_of(node, f); f++) PP_TRY(file_state(run, k, f, all, &wanted, &right));
    }
    return PP_OK;
}

pp_status pp_store_survey(pp_run *run)
{
    conflicts all = {0};
    if (pp_pipeline_last_view(run->pipeline) >= 0)
        for (int64_t i = 0; i < run->views.count; i++) PP_TRY(survey_view(run, i, &all));
    PP_TRY(survey_files(run, &all));
    if (all.count == 0) return PP_OK;
    char where[1200];
    pp_place_text((pp_place){.origin = pp_config_origin(run->config, "output")}, where,
                  sizeof where);
    if (!run->request->restart)
        return PP_FAIL(PP_ERR_CONFIG,
                       "%soutput = \"%s\" has %lld finished file%s of other parameters, such as "
                       "%s; give another output, or replace them with --restart%s",
                       where, pp_run_output(run), (long long)all.count, all.count > 1 ? "s" : "",
                       all.first, all.changes);
    pp_info("made again with --restart: %lld file%s of other parameters%s", (long long)all.count,
            all.count > 1 ? "s" : "", all.changes);
    return PP_OK;
}

void pp_store_failure(const pp_run *run, int64_t index, const char *text)
{
    char *path = NULL;
    pp_status status = numbered(run, index, ".failed.txt", &path);
    if (status == PP_OK && text)
        status = pp_file_write(path, text, strlen(text));
    else if (status == PP_OK)
        (void)unlink(path);
    if (status != PP_OK) pp_log_last_error();
    pp_free(path);
}
