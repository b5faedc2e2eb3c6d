/* The processor's name, from /proc/cpuinfo.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "base/processor.h"

#include <stdio.h>
#include <string.h>

void pp_processor_name(char out[PP_PROCESSOR_TEXT])
{
    char line[256];
    (void)snprintf(out, PP_PROCESSOR_TEXT, "unknown");
    FILE *file = fopen("/proc/cpuinfo", "r");
    while (file && fgets(line, sizeof line, file)) {
        const char *colon = strstr(line, ": ");
        if (strncmp(line, "model name", 10) != 0 || !colon) continue;
        (void)snprintf(out, PP_PROCESSOR_TEXT, "%.*s", (int)strcspn(colon + 2, "\n"), colon + 2);
        break;
    }
    if (file) (void)fclose(file);
}
