/* The command line.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <polyptych/polyptych.h>

#include <stdio.h>

#include "version.h"

const char *pp_version(void)
{
    return PP_VERSION;
}

int pp_main(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    (void)printf("polyptych %s\n", pp_version());
    return PP_ERR_CONFIG;
}
