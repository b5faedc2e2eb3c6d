/* report: one self-contained page of the run, report.html, and its pictures (src/picture/report.h). Everything on it is read from
 * the run's own files, so it is the same whether a run or `polyptych report DIR` writes it.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <polyptych/stage.h>

#include "base/alloc.h"
#include "comm/comm.h"
#include "picture/report.h"

typedef struct report {
    int64_t views_shown;
    const char *truth_file;
} report;

/* clang-format off */
static const pp_param params[] = {
    PP_ROW(report, views_shown, int64_t, PP_T_INT, (unsigned)PP_P_REPORT_ONLY, "4", 0, 10000, "1", 0, "how many views are shown as pictures, evenly spread over the campaign"),
    PP_PATH(report, truth_file, PP_P_INPUT_FILE | PP_P_REPORT_ONLY, "", "file with the known delta (at /delta or /entry/data/delta) that the volume is compared with; empty: none"),
    PP_PARAM_END};
/* clang-format on */

static const pp_port ports[] = {PP_PORT_END};

static const pp_stage_file files[] = {{"report.html", "", NULL}, {0}};

static void plan(const void *data, pp_plan *budget)
{
    (void)data;
    double largest = 0;
    const pp_views *list = pp_plan_views(budget);
    for (int64_t k = 0; k < pp_views_count(list); k++) {
        const pp_view_entry *v = pp_views_entry(list, k);
        const double bytes = 24 * (double)v->object[0] * (double)v->object[1];
        if (bytes > largest) largest = bytes;
    }
    pp_plan_add(budget, PP_HOST, largest, "pictures of one view");
}

static pp_status write_page(const report *p, pp_context *context)
{
    pp_report_fact *facts = NULL;
    pp_report_request request = {.directory = pp_context_output(context), .views = p->views_shown};
    pp_volume_error found = {.error = -1};
    const char *name, *value;
    while (pp_context_known(context, request.fact_count, &name, &value)) request.fact_count++;
    PP_TRY(PP_ALLOC(request.fact_count + 1, &facts));
    for (int64_t k = 0; k < request.fact_count; k++)
        (void)pp_context_known(context, k, &facts[k].name, &facts[k].value);
    request.facts = facts;
    request.truth = p->truth_file;
    request.found = &found;
    const pp_status status = pp_report_write(&request);
    if (found.error >= 0)
        pp_context_fact(context, "truth",
                        "relative error %.4f, scale %.4f; of means over voxels %.4f, %.4f",
                        found.error, found.scale, found.means_error, found.means_scale);
    pp_free(facts);
    return status;
}

static pp_status run(const void *data, pp_context *context)
{
    const struct pp_comm *comm = pp_context_comm(context);
    return pp_comm_agree(comm, pp_comm_rank(comm) == 0 ? write_page(data, context) : PP_OK);
}

PP_STAGE(report, .summary = "writes report.html: pictures, curves, tables of the run",
         .scope = PP_SCOPE_CAMPAIGN, .flags = PP_STAGE_OUTPUT | PP_STAGE_REPORT, .ports = ports,
         .params = params, .params_size = sizeof(report), .run = run, .plan = plan, .files = files,
         .version = "1");
