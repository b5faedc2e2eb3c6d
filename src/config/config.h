/* A pipeline file, parsed: the settings and the stages with their parameters filled in from the tables.
 *
 * Everything that is wrong in the file is found in one reading (unknown keys with the nearest name, types, ranges,
 * choices, missing required values, unknown stages, duplicate ids, missing input files), each with FILE:LINE.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_CONFIG_H
#define PP_CONFIG_H

#include <polyptych/stage.h>

#include "config/findings.h"

typedef enum pp_backend_choice {
    PP_BACKEND_AUTO,
    PP_BACKEND_CPU,
    PP_BACKEND_CUDA,
    PP_BACKEND_MOCK
} pp_backend_choice;
typedef enum pp_on_error { PP_ON_ERROR_CONTINUE, PP_ON_ERROR_STOP } pp_on_error;

/** What stands beside `stages` in the file; declared by a parameter table too. */
typedef struct pp_settings {
    int64_t schema;
    const char *name, *output; /* output is absolute */
    int64_t seed;
    int backend; /* pp_backend_choice */
    int64_t threads;
    int on_error; /* pp_on_error */
    const char *plugins;
    double host_memory; /* bytes of a node; NAN for auto */
} pp_settings;

/** Where a value was given; file is NULL for a default. Values from the command line have file "command line". */
typedef struct pp_origin {
    const char *file;
    int line;
} pp_origin;

typedef struct pp_config_stage {
    const pp_stage_class *stage;
    const char *id;
    const void *params; /* the class's struct, filled */
    pp_origin origin;   /* of the stage's group */
    pp_origin *given;   /* one a row of the parameter table; an empty text or list is not given */
    bool sound;         /* nothing in the file is wrong with this stage's own settings */
} pp_config_stage;

typedef struct pp_config pp_config; /* owns all texts, structs and lists */

/** A stage class by its name, or NULL; `names` gets all names for the nearest one (NULL-terminated, static). */
typedef struct pp_class_source {
    const pp_stage_class *(*find)(const char *name);
    const char *const *(*names)(void);
    /** Called once the settings are known and before the stages are looked at: loads plugins. May be NULL. */
    void (*prepare)(const pp_settings *settings, pp_findings *findings);
} pp_class_source;

/** Reads `path` with `overrides` ("key=value"). Findings are added; *out is set when the file could be parsed at all, even
 *  with findings. Returns PP_OK unless memory ran out. Not collective: rank 0 reads, see pp_config_text for the others. */
PP_MUST_CHECK pp_status pp_config_read(const char *path, int count, const char *const *overrides,
                                       const pp_class_source *source, pp_findings *findings,
                                       pp_config **out);
/** The same from the text that pp_config_text made (other ranks). `path`: what pp_config_path shall be. */
PP_MUST_CHECK pp_status pp_config_read_text(const char *text, const char *path,
                                            const pp_class_source *source, pp_findings *findings,
                                            pp_config **out);
void pp_config_free(pp_config **config);

const pp_settings *pp_config_settings(const pp_config *config);
/** Absolute path of the file. */
const char *pp_config_path(const pp_config *config);
/** Stages in order; a group whose `use` is unknown is left out (and is a finding). */
int pp_config_stages(const pp_config *config);
/** Whether every group of `stages` is a stage that is known: else the order of those that are says nothing. */
bool pp_config_complete(const pp_config *config);
/** Where a setting was given; the file without a line where it is the default. */
pp_origin pp_config_origin(const pp_config *config, const char *setting);
const pp_config_stage *pp_config_stage_at(const pp_config *config, int index);
/** The settings' own table, for the reference and the templates. */
extern const pp_param pp_settings_params[];

/** The effective configuration: every default written out, absolute paths, 17 digits, L after wide integers, "auto" as it
 *  is; itself a runnable file. New text. */
PP_MUST_CHECK pp_status pp_config_text(const pp_config *config, char **out);
/** One parameter as it would stand in a file, e.g. `"cg"`, `0.5`, `[1, 2]`. New text. */
PP_MUST_CHECK pp_status pp_param_text(const pp_param *param, const void *params, char **out);
/** Fills a parameter struct with the table's defaults (texts are the table's own). */
PP_MUST_CHECK pp_status pp_param_defaults(const pp_param *table, void *params);

/** What stages tell those after them while they are checked. */
typedef struct pp_check_told {
    pp_plan_groups sharing;
    const char *ports[16]; /* optional ones that will be put */
    int count;
} pp_check_told;

/** A collector for a stage's `check` and `views`: findings about `stage` get its FILE:LINE. */
struct pp_check {
    const pp_config_stage *stage;
    pp_findings *findings;
    pp_check_told *told; /* of all stages; NULL: nobody listens */
};

#endif
