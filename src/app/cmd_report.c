/* polyptych report: writes the report of a run again.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "app/command.h"
#include "engine/engine.h"

static pp_status run(const pp_arguments *arguments)
{
    return pp_command_told(pp_engine_report(arguments->comm, arguments->items[0]));
}

const pp_command pp_command_report = {
    .name = "report",
    .arguments = "DIR",
    .summary = "write the report of a run again",
    .help = "DIR is the run's directory (`output` of its pipeline file).\n",
    .least = 1,
    .most = 1,
    .ranks = PP_RANKS_ALL,
    .run = run,
};
