/* The engine: what the command line calls. It reads a pipeline file, checks the chain, plans it, and runs it.
 *
 * The three actions are collective over `world` and print what they have to say: findings and errors once (rank 0), plan to
 * standard output. What they return is the program's exit code, the same on every rank.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_ENGINE_H
#define PP_ENGINE_H

#include "comm/comm.h"
#include "config/config.h"

typedef struct pp_engine_request {
    const char *path;   /* of the pipeline file */
    int override_count; /* "key=value" of the command line */
    const char *const *overrides;
    const char *command; /* whole command line, for provenance.json; may be NULL */
    bool restart;        /* finished results of changed parameters may be replaced */
    bool dry_run;        /* pp_engine_run stops after the plan */
} pp_engine_request;

/** Every error and warning in the file and in the data that it names. */
PP_MUST_CHECK pp_status pp_engine_check(const pp_comm *world, const pp_engine_request *request);
/** Check, then the plan on standard output. PP_ERR_RESOURCE where it does not fit. */
PP_MUST_CHECK pp_status pp_engine_plan(const pp_comm *world, const pp_engine_request *request);
/** Check, plan, run; goes on where an earlier run stopped. */
PP_MUST_CHECK pp_status pp_engine_run(const pp_comm *world, const pp_engine_request *request);
/** Runs the report stage again on the run directory `output` (made by pp_engine_run). */
PP_MUST_CHECK pp_status pp_engine_report(const pp_comm *world, const char *output);

/** One stage class and where it comes from. */
typedef struct pp_registry_item {
    const pp_stage_class *stage;
    const char *plugin, *version, *licence, *path; /* NULL for built-in stages */
} pp_registry_item;

/** All stage classes: built-in ones, then those of plugins; `prepare` loads the plugins. For pp_config_read. */
const pp_class_source *pp_registry(void);
/** Loads plugins without a configuration (`polyptych stages`). */
PP_MUST_CHECK pp_status pp_registry_load(const char *plugins);
int pp_registry_count(void);
pp_registry_item pp_registry_at(int index);
/** One more class, for programs that bring their own (tests). Borrowed. */
PP_MUST_CHECK pp_status pp_registry_add(const pp_stage_class *stage);
/** Frees the lists; plugins stay loaded. */
void pp_registry_clear(void);

#endif
