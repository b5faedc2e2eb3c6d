/* The plan: what a run needs of memory, disk and time, against what the machine has.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "backend/backend.h"
#include "base/alloc.h"
#include "base/file.h"
#include "base/text.h"
#include "config/place.h"
#include "engine/run.h"

enum { MEMORIES = 4 };

/** What one stage says. */
struct pp_plan {
    pp_run *run;
    const pp_node *node;
    pp_findings *findings;
    pp_text lines; /* under the stage's own */
    double bytes[MEMORIES], seconds;
    char what[MEMORIES][512]; /* its items, for the table */
    char knob[128];
};

typedef struct totals {
    double host[2], device[2], seconds[2]; /* by scope; a rank's */
    double large;                          /* a rank's PP_LARGE; at last what of it goes to files */
    double disk, there;                    /* there: of it, in the run's directory already */
    double largest[2]; /* host or device bytes of the stage that the knob belongs to */
} totals;

static void scaled(double bytes, char out[32])
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB"};
    int k = 0;
    while (bytes >= 999.5 && k < 5) {
        bytes /= 1000;
        k++;
    }
    (void)snprintf(out, 32, k ? "%.3g %s" : "%.0f %s", bytes, units[k]);
}

void pp_plan_add(pp_plan *plan, pp_memory memory, double bytes, const char *what)
{
    char size[32];
    scaled(bytes, size);
    plan->bytes[memory] += bytes;
    const size_t used = strlen(plan->what[memory]);
    (void)snprintf(plan->what[memory] + used, sizeof plan->what[memory] - used, "%s%s %s",
                   used ? ", " : "", what, size);
}

void pp_plan_work(pp_plan *plan, double seconds, const char *what)
{
    (void)what;
    plan->seconds += seconds;
}

bool pp_plan_connected(const pp_plan *plan, const char *port)
{
    const int p = pp_node_side(plan->node, port, false);
    return p >= 0 && plan->node->slot[p] >= 0;
}

const pp_views *pp_plan_views(const pp_plan *plan)
{
    return &plan->run->views;
}

int pp_plan_ranks(const pp_plan *plan)
{
    return pp_comm_size(plan->run->world);
}

int pp_plan_node_ranks(const pp_plan *plan)
{
    return pp_comm_local_size(plan->run->world);
}

int pp_plan_threads(const pp_plan *plan)
{
    return plan->run->threads;
}

const char *pp_plan_backend(const pp_plan *plan)
{
    return pp_backend_setting(plan->run->settings->backend);
}

void pp_plan_set_groups(pp_plan *plan, const pp_plan_groups *sharing)
{
    pp_plan_groups *s = &plan->run->sharing;
    *s = *sharing;
    s->devices = s->devices < 1 ? 1 : s->devices;
    s->groups = s->groups < 1 ? 1 : s->groups > PP_GROUPS_MOST ? PP_GROUPS_MOST : s->groups;
}

void pp_plan_get_groups(const pp_plan *plan, pp_plan_groups *sharing)
{
    *sharing = plan->run->sharing;
}

void pp_plan_line(pp_plan *plan, const char *format, ...)
{
    char text[256];
    va_list list;
    va_start(list, format);
    (void)vsnprintf(text, sizeof text, format, list);
    va_end(list);
    if (pp_text_add(&plan->lines, "    %s\n", text) != PP_OK) pp_log_last_error();
}

void pp_plan_error(pp_plan *plan, const char *key, pp_status code, const char *format, ...)
{
    pp_check check = {&plan->node->config, plan->findings, NULL};
    char text[PP_ERROR_BYTES];
    va_list list;
    va_start(list, format);
    (void)vsnprintf(text, sizeof text, format, list);
    va_end(list);
    pp_check_error(&check, key, code, "%s", text);
}

void pp_plan_last_error(pp_plan *plan, const char *key)
{
    pp_check check = {&plan->node->config, plan->findings, NULL};
    pp_check_last_error(&check, key);
}

double pp_run_device_bytes(const pp_run *run, int node, const pp_device_question *question)
{
    const int share = run->threads / (question->sharing.groups > 1 ? question->sharing.groups : 1);
    pp_device_question full = *question;
    double most = 0;
    if (full.threads < 1) full.threads = share > 0 ? share : 1;
    for (int k = node + 1; k <= pp_pipeline_last_view(run->pipeline); k++) {
        const pp_config_stage *stage = &run->pipeline->nodes[k].config;
        if (stage->stage->device_bytes)
            most = fmax(most, stage->stage->device_bytes(stage->params, &full));
    }
    return most;
}

double pp_plan_device_bytes(const pp_plan *plan, const pp_device_question *question)
{
    return pp_run_device_bytes(plan->run, (int)(plan->node - plan->run->pipeline->nodes), question);
}

void pp_plan_knob(pp_plan *plan, const char *knob)
{
    (void)snprintf(plan->knob, sizeof plan->knob, "%s", knob);
}

/* The engine's own part: the next view's frames, which are read while one is solved; results on disk. */
static void add_engine(const pp_run *run, totals *t)
{
    double next = 0;
    for (int64_t i = 0; i < run->views.count; i++) {
        const pp_view_entry *e = &run->views.entries[i];
        const double frames = (e->count_bytes > 2 ? e->count_bytes : 2) * (double)e->patterns *
                              (double)e->frame * (double)e->frame;
        const double object = 12.0 * (double)e->object[0] * (double)e->object[1];
        const double probe = 8.0 * (double)e->modes * (double)e->frame * (double)e->frame;
        if (frames > next) next = frames;
        t->disk += object + probe + 16.0 * (double)e->patterns + 20000;
    }
    t->host[PP_SCOPE_VIEW] += next;
}

static pp_status add_row(pp_text *out, const pp_node *node, const pp_plan *plan)
{
    static const char *const names[MEMORIES] = {"host", "device", "disk", "large"};
    PP_TRY(pp_text_add(out, "  %-12s", node->config.id));
    bool any = false;
    for (int m = 0; m < MEMORIES; m++) {
        if (plan->bytes[m] <= 0) continue;
        char size[32];
        scaled(plan->bytes[m], size);
        PP_TRY(pp_text_add(out, "%s%s %s (%s)", any ? "; " : "", names[m], size, plan->what[m]));
        any = true;
    }
    if (plan->seconds > 0)
        PP_TRY(pp_text_add(out, "%s%.3g s%s", any ? "; " : "", plan->seconds,
                           node->scope == PP_SCOPE_VIEW ? " a view" : ""));
    return pp_text_add(out, "%s\n", any || plan->seconds > 0 ? "" : "-");
}

static pp_status plan_node(pp_run *run, int k, pp_findings *findings, totals *t, pp_text *out,
                           char knobs[2][128])
{
    const pp_node *node = &run->pipeline->nodes[k];
    pp_plan *plan;
    PP_TRY(PP_ALLOC(1, &plan));
    plan->run = run;
    plan->node = node;
    plan->findings = findings;
    if (node->config.stage->plan) node->config.stage->plan(node->config.params, plan);
    const int scope = (int)node->scope;
    t->host[scope] += plan->bytes[PP_HOST];
    t->device[scope] = fmax(t->device[scope], plan->bytes[PP_DEVICE]); /* given back after each */
    t->disk += plan->bytes[PP_DISK];
    t->large += plan->bytes[PP_LARGE];
    t->seconds[scope] += plan->seconds;
    const double most = fmax(plan->bytes[PP_HOST] + plan->bytes[PP_LARGE], plan->bytes[PP_DEVICE]);
    if (most > t->largest[scope]) {
        t->largest[scope] = most;
        (void)snprintf(knobs[scope], 128, "%s", plan->knob);
    }
    pp_status status = add_row(out, node, plan);
    if (status == PP_OK && plan->lines.data) status = pp_text_add(out, "%s", plan->lines.data);
    pp_text_free(&plan->lines);
    pp_free(plan);
    return status;
}

/* What a node may hold. */
static double limit(const pp_run *run)
{
    const double given = run->settings->host_memory;
    return isnan(given) ? run->machine.memory : fmin(given, run->machine.memory);
}

/* Large arrays of the campaign: all in memory, or with host_memory given as many as the rest leaves room for. */
static void place_large(pp_run *run, totals *t)
{
    const int ranks = pp_comm_size(run->world), local = pp_comm_local_size(run->world);
    run->large_in_memory = NAN;
    if (!isnan(run->settings->host_memory)) {
        const double room = fmax(0, limit(run) / local - t->host[PP_SCOPE_CAMPAIGN]);
        if (t->large > room) run->large_in_memory = room;
    }
    const double kept = isnan(run->large_in_memory) ? t->large : run->large_in_memory;
    t->host[PP_SCOPE_CAMPAIGN] += kept;
    t->large -= kept;
    t->disk += t->large * ranks;
}

static void check_host(const pp_run *run, const totals *t, int scope, const char *knob,
                       pp_findings *findings)
{
    const int local = pp_comm_local_size(run->world);
    const int views = scope == PP_SCOPE_VIEW ? run->sharing.groups : 1;
    const double needed = t->host[scope] * local * views;
    char needs[32], has[32];
    if (needed <= limit(run)) return;
    scaled(needed, needs);
    scaled(limit(run), has);
    pp_findings_add(
        findings, PP_FINDING_ERROR, PP_ERR_RESOURCE,
        "%s: the %s stages of %d rank%s on a node need %s of host memory and %s are "
        "available: %s%s%s%s%s",
        pp_config_path(run->config), scope == PP_SCOPE_VIEW ? "view" : "campaign", local,
        local > 1 ? "s" : "", needs, has, *knob ? "change " : "", knob, *knob ? ", or " : "",
        local > 1 ? "start fewer ranks on a node" : "take a machine with more memory",
        scope == PP_SCOPE_VIEW ? "" : ", or let host_memory send large arrays to files");
}

/* What one device holds: several tiles, groups or ranks where there are fewer devices. A plan needs no device. */
static void check_device(const pp_run *run, const totals *t, int scope, const char *knob,
                         pp_findings *findings)
{
    const pp_backend *backend = pp_backend_find(pp_backend_setting(run->settings->backend));
    const int devices = backend && backend->room ? pp_backend_devices(backend) : 0,
              tiles = scope == PP_SCOPE_VIEW ? run->sharing.groups * run->sharing.devices : 1;
    double room;
    char needs[32], has[32];
    if (devices < 1 || t->device[scope] <= 0 || backend->room(&room) != PP_OK) return;
    const double needed =
        t->device[scope] * ((tiles + devices - 1) / devices) * pp_backend_sharers(backend);
    if (needed <= room) return;
    scaled(needed, needs);
    scaled(room, has);
    pp_findings_add(findings, PP_FINDING_ERROR, PP_ERR_RESOURCE,
                    "%s: the %s stages need %s of memory on a device and %s are available: %s%s%s",
                    pp_config_path(run->config), scope == PP_SCOPE_VIEW ? "view" : "campaign",
                    needs, has, *knob ? "change " : "", knob,
                    *knob ? ", or set backend = \"cpu\"" : "set backend = \"cpu\"");
}

static void check_disk(const pp_run *run, const totals *t, pp_findings *findings)
{
    double space;
    char needs[32], has[32];
    const double needed = t->disk - t->there;
    if (pp_file_space(pp_run_output(run), &space) != PP_OK || needed <= space) return;
    scaled(needed, needs);
    scaled(space, has);
    const pp_place place = {.origin = pp_config_origin(run->config, "output")};
    pp_place_report(place, findings, PP_FINDING_ERROR, PP_ERR_RESOURCE,
                    "output = \"%s\" needs %s of disk and %s are free: give another output",
                    pp_run_output(run), needs, has);
}

static pp_status add_summary(const pp_run *run, const totals *t, pp_text *out)
{
    char host[2][32], memory[32], disk[32], there[32], free_disk[32] = "?";
    double space;
    scaled(t->host[0] * run->sharing.groups, host[0]);
    scaled(t->host[1], host[1]);
    scaled(run->machine.memory, memory);
    scaled(t->disk, disk);
    scaled(t->there, there);
    if (pp_file_space(pp_run_output(run), &space) == PP_OK) scaled(space, free_disk);
    PP_TRY(pp_text_add(out,
                       "host memory a rank: %s while views are solved, %s for the campaign; %s "
                       "available on this node\ndisk: %s of %s free%s%s%s\n",
                       host[0], host[1], memory, disk, free_disk, t->there > 0 ? ", " : "",
                       t->there > 0 ? there : "",
                       t->there > 0 ? " of earlier runs are there" : ""));
    if (t->large > 0) {
        scaled(t->large, disk);
        PP_TRY(
            pp_text_add(out, "scratch files a rank while the campaign is worked on: %s\n", disk));
    }
    const int ranks = pp_comm_size(run->world);
    const double rounds = ceil((double)run->views.count / ranks);
    const double seconds = rounds * t->seconds[0] + t->seconds[1];
    if (seconds > 0) return pp_text_add(out, "estimated time: %.3g s\n", seconds);
    return PP_OK;
}

static pp_status fill(pp_run *run, pp_findings *findings, pp_text *out)
{
    totals t = {0};
    char knobs[2][128] = {"", ""};
    run->sharing = (pp_plan_groups){.devices = 1, .groups = 1};
    PP_TRY(pp_text_add(out, "%lld view%s, %d rank%s, %d thread%s a rank\n",
                       (long long)run->views.count, run->views.count == 1 ? "" : "s",
                       pp_comm_size(run->world), pp_comm_size(run->world) > 1 ? "s" : "",
                       run->threads, run->threads > 1 ? "s" : ""));
    for (int k = 0; k < run->pipeline->count; k++)
        PP_TRY(plan_node(run, k, findings, &t, out, knobs));
    add_engine(run, &t);
    place_large(run, &t);
    t.there = fmin(t.disk, pp_file_folder_bytes(pp_run_output(run)));
    check_host(run, &t, PP_SCOPE_VIEW, knobs[0], findings);
    check_host(run, &t, PP_SCOPE_CAMPAIGN, knobs[1], findings);
    for (int scope = 0; scope < 2; scope++) check_device(run, &t, scope, knobs[scope], findings);
    check_disk(run, &t, findings);
    return add_summary(run, &t, out);
}

pp_status pp_plan_make(pp_run *run, pp_findings *findings, char **text)
{
    pp_text out = {0};
    const pp_status status = fill(run, findings, &out);
    if (status == PP_OK)
        *text = out.data;
    else
        pp_text_free(&out);
    return status;
}
