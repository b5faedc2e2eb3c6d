/* polyptych run, check, plan: a pipeline file goes to the engine.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "app/command.h"
#include "base/alloc.h"
#include "base/file.h"
#include "base/text.h"
#include "engine/engine.h"

enum { RESTART, DRY_RUN };

static const pp_option run_options[] = {
    {"--restart", NULL, "make results again whose parameters changed, and what follows from them"},
    {"--dry-run", NULL, "stop after the plan"},
    {NULL, NULL, NULL}};

/* FILE first, then key=value ones. */
static pp_status read_request(const pp_arguments *arguments, const char *command,
                              pp_engine_request *out)
{
    *out = (pp_engine_request){.path = arguments->items[0],
                               .override_count = arguments->count - 1,
                               .overrides = arguments->items + 1};
    if (strchr(out->path, '=') && !pp_file_exists(out->path)) /* a folder may be named T=300K */
        return PP_FAIL(PP_ERR_CONFIG, "polyptych %s: FILE comes before '%s'", command, out->path);
    for (int i = 0; i < out->override_count; i++)
        if (!strchr(out->overrides[i], '='))
            return PP_FAIL(PP_ERR_CONFIG,
                           "polyptych %s: '%s' is no key=value: one FILE, then e.g. "
                           "ptycho.iterations=64",
                           command, out->overrides[i]);
    return PP_OK;
}

/* The command line again, for provenance.json. */
static pp_status add_command(const pp_arguments *arguments, pp_text *out)
{
    PP_TRY(pp_text_add(out, "polyptych run"));
    for (int i = 0; i < arguments->count; i++) PP_TRY(pp_text_add(out, " %s", arguments->items[i]));
    for (int i = 0; run_options[i].name; i++)
        if (arguments->options[i]) PP_TRY(pp_text_add(out, " %s", run_options[i].name));
    return PP_OK;
}

static pp_status run(const pp_arguments *arguments)
{
    pp_engine_request request;
    pp_text command = {0};
    PP_TRY(read_request(arguments, "run", &request));
    pp_status status = add_command(arguments, &command);
    request.command = command.data;
    request.restart = arguments->options[RESTART] != NULL;
    request.dry_run = arguments->options[DRY_RUN] != NULL;
    if (status == PP_OK) status = pp_command_told(pp_engine_run(arguments->comm, &request));
    pp_text_free(&command);
    return status;
}

static pp_status check(const pp_arguments *arguments)
{
    pp_engine_request request;
    PP_TRY(read_request(arguments, "check", &request));
    return pp_command_told(pp_engine_check(arguments->comm, &request));
}

static pp_status plan(const pp_arguments *arguments)
{
    pp_engine_request request;
    PP_TRY(read_request(arguments, "plan", &request));
    return pp_command_told(pp_engine_plan(arguments->comm, &request));
}

const pp_command pp_command_run = {
    .name = "run",
    .arguments = "FILE [key=value ...]",
    .summary = "check, plan and run a pipeline file",
    .help = "Goes on where an earlier run of the same file stopped; finished results are not made "
            "again.\nA changed parameter that would replace a finished result is refused "
            "(exit 2) without --restart.\nPaths in the file are relative to the file, paths given "
            "here to the working folder.\nUnder MPI: mpirun -n 4 --bind-to none polyptych run "
            "FILE\n",
    .options = run_options,
    .least = 1,
    .most = -1,
    .ranks = PP_RANKS_MPI,
    .run = run,
};

const pp_command pp_command_check = {
    .name = "check",
    .arguments = "FILE [key=value ...]",
    .summary = "every error and warning in the file and its data",
    .help = "All at once, each with FILE:LINE. Exit 2 for errors of the file, 3 for errors of the "
            "data,\n0 for warnings only.\n",
    .least = 1,
    .most = -1,
    .ranks = PP_RANKS_ALL,
    .run = check,
};

const pp_command pp_command_plan = {
    .name = "plan",
    .arguments = "FILE [key=value ...]",
    .summary = "views, ranks, memory, disk and time of a run",
    .help = "Names the parameter to change where something does not fit (exit 5).\n",
    .least = 1,
    .most = -1,
    .ranks = PP_RANKS_ALL,
    .run = plan,
};
