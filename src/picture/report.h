/* The report of a run: one self-contained page OUT/report.html and its pictures as OUT/pictures/NAME.png, made from the files in
 * the run's directory alone (config.cfg, views/NNNN.h5, projections.h5, volume.h5). What is not there is named on the page.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_REPORT_H
#define PP_REPORT_H

#include <polyptych/status.h>

#include "tomo/volume_error.h"

/** What the page takes from the caller: names and values, "seconds.ID" for the seconds of stage ID. Borrowed. */
typedef struct pp_report_fact {
    const char *name, *value;
} pp_report_fact;

typedef struct pp_report_request {
    const char *directory; /* the run's */
    const pp_report_fact *facts;
    int64_t fact_count;
    int64_t views; /* how many views are shown as pictures, evenly spread */
    const char
        *truth; /* file with the known delta, at /delta or /entry/data/delta; NULL or "" for none */
    pp_volume_error *found; /* what the comparison with it gave; left alone without one; or NULL */
} pp_report_request;

/** Not collective: one rank calls it, after the files are written. Errors: PP_ERR_RESOURCE where the page cannot be written;
 *  a damaged input is named on the page and in a warning. */
PP_MUST_CHECK pp_status pp_report_write(const pp_report_request *request);

#endif
