/* Shared by the parts of the report.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_REPORT_INTERNAL_H
#define PP_REPORT_INTERNAL_H

#include <polyptych/stage.h>

#include "base/text.h"
#include "picture/figure.h"
#include "picture/report.h"

typedef struct pp_page {
    const pp_report_request *request;
    pp_text html;
    int64_t *views; /* numbers of the result files in views/, ascending */
    int64_t view_count;
    int64_t pictures; /* written so far */
} pp_page;

/** Path of a file of the run; new text. */
PP_MUST_CHECK pp_status pp_page_path(const pp_page *page, const char *name, char **out);
PP_MUST_CHECK pp_status pp_page_view_path(const pp_page *page, int64_t number, char **out);
bool pp_page_has(const pp_page *page, const char *name);
/** A figure on the page, and as pictures/NAME.png. */
PP_MUST_CHECK pp_status pp_page_figure(pp_page *page, const pp_figure *figure, const char *name);
/** "Not shown: WHAT, because ..." */
PP_MUST_CHECK pp_status pp_page_absent(pp_page *page, const char *format, ...) PP_PRINTF(2, 3);
/** Turns a failure to read into a line on the page and a warning; only running out of memory or disk goes on upwards. */
PP_MUST_CHECK pp_status pp_page_survive(pp_page *page, pp_status status, const char *what);
/** A heading that opens a section, and its end. */
PP_MUST_CHECK pp_status pp_page_section(pp_page *page, const char *id, const char *title);
PP_MUST_CHECK pp_status pp_page_end(pp_page *page);
/** A row of a table of names and values. */
PP_MUST_CHECK pp_status pp_page_row(pp_page *page, const char *name, const char *format, ...)
    PP_PRINTF(3, 4);

PP_MUST_CHECK pp_status pp_page_volume(pp_page *page);
/** Nothing where the request names no truth. */
PP_MUST_CHECK pp_status pp_page_truth(pp_page *page);
PP_MUST_CHECK pp_status pp_page_projections(pp_page *page);
PP_MUST_CHECK pp_status pp_page_views(pp_page *page);
PP_MUST_CHECK pp_status pp_page_costs(pp_page *page);
PP_MUST_CHECK pp_status pp_page_rings(pp_page *page);
/** A port that a file need not have: NULL where it has none. */
void pp_page_optional(const char *path, const char *port, pp_array **out);
PP_MUST_CHECK pp_status pp_page_geometry(pp_page *page);
PP_MUST_CHECK pp_status pp_page_facts(pp_page *page);

extern const char pp_page_style[];

#endif
