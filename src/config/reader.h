/* A pipeline file while it is read: the parsed text, and tables of parameters filled from it.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_READER_H
#define PP_READER_H

#include <libconfig.h>

#include "config/object.h"
#include "config/override.h"
#include "config/scan.h"
#include "config/source.h"

typedef struct pp_reader {
    pp_config *config;
    const pp_class_source *classes;
    pp_findings *findings;
    pp_source source;
    pp_scan scan;
    pp_overrides overrides;
    config_t parsed;
    const char *folder, *here; /* absolute: of the file, of this process */
} pp_reader;

/** One table of parameters while it is read. */
typedef struct pp_rows {
    const config_setting_t *setting;
    const pp_param *table;
    void *params;
    pp_origin *given;
    const char *id, *use; /* NULL beside `stages`; use is NULL where it is used more than once */
    int64_t errors;
} pp_rows;

/** Where a setting stands. */
pp_origin pp_reader_origin(const pp_reader *r, const config_setting_t *setting);
/** Adds an error (PP_ERR_CONFIG) about the setting `at`; id: the stage's, or NULL. */
void pp_reader_report(pp_reader *r, const config_setting_t *at, const char *id, const char *format,
                      ...) PP_PRINTF(4, 5);
/** Absolute folder of the file `file` as it is named in an origin: paths in it are relative to that. */
PP_MUST_CHECK pp_status pp_reader_folder(pp_reader *r, const char *file, const char **out);
/** Fills the struct: from the command line, else from the file, else the defaults. */
PP_MUST_CHECK pp_status pp_reader_rows(pp_reader *r, pp_rows *g);
/** Errors for members of the group that neither a row nor one of `others` (NULL-terminated) names. */
void pp_reader_refuse_unknown(pp_reader *r, pp_rows *g, const char *const *others);
/** What stands beside `stages`. */
PP_MUST_CHECK pp_status pp_reader_settings(pp_reader *r, const config_setting_t *root);

#endif
