/* Everything public, and the program's entry.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef POLYPTYCH_POLYPTYCH_H
#define POLYPTYCH_POLYPTYCH_H

#include <polyptych/array.h>
#include <polyptych/log.h>
#include <polyptych/param.h>
#include <polyptych/plugin.h>
#include <polyptych/stage.h>
#include <polyptych/status.h>
#include <polyptych/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The command line program; returns its exit code. Starts and ends MPI: once a process. */
PP_API int pp_main(int argc, char **argv);
/** "0.1.0" */
PP_API const char *pp_version(void);

#ifdef __cplusplus
}
#endif
#endif
