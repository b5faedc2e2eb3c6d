/* polyptych inspect: what a data or result file holds.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>

#include "app/command.h"
#include "io/inspect.h"

static pp_status run(const pp_arguments *arguments)
{
    return pp_inspect(arguments->items[0], stdout);
}

const pp_command pp_command_inspect = {
    .name = "inspect",
    .arguments = "FILE",
    .summary = "what a data or result file holds",
    .help = "CXI and projections as `load` reads them, a views table, and the files of a run: "
            "format, frames,\npositions, geometry, overlap, masked fraction, angle. Exit 3 where "
            "the file is unusable.\n",
    .least = 1,
    .most = 1,
    .run = run,
};
