/* What one run knows, shared by the files of the engine.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_RUN_H
#define PP_RUN_H

#include <pthread.h>
#include <stdatomic.h>

#include "engine/engine.h"
#include "engine/facts.h"
#include "engine/inputs.h"
#include "engine/machine.h"
#include "engine/pipeline.h"
#include "engine/views.h"
#include "io/result.h"

typedef enum pp_view_state { PP_VIEW_TODO, PP_VIEW_DONE, PP_VIEW_FAILED } pp_view_state;

/** Most groups of devices of a rank. */
enum { PP_GROUPS_MOST = 64 };

typedef struct pp_run {
    const pp_comm *world;
    const pp_engine_request *request;
    pp_config *config;
    const pp_settings *settings; /* of config */
    pp_pipeline *pipeline;
    pp_views views;
    char *view_states; /* pp_view_state, one a view */
    pp_inputs inputs;  /* hashes of the input files */
    pp_facts facts;
    pp_machine machine;
    double large_in_memory; /* bytes of PP_LARGE that a rank keeps in memory; NAN: all */
    int threads;
    pp_plan_groups sharing; /* how the devices of a rank share the views */
    void **stage_states;    /* one a node: what pp_context_state gives */
    double *stage_seconds;  /* one a node, this rank */
    double source_seconds, store_seconds;
    pthread_mutex_t lock; /* of facts and seconds */
    pp_array **campaign;  /* one a slot: arrays of campaign scope */
    atomic_bool stop;     /* a signal, or another rank, asks to stop */
    bool worked;          /* anything was made in this run */
    bool report_again;    /* the report is made even where it is there */
    bool only_report;     /* and nothing else */
    bool told;            /* what went wrong was printed */
} pp_run;

/** One view on its way through the pass. */
typedef struct pp_job {
    int64_t index; /* in run->views */
    pp_geometry geometry;
    pp_array **slots;
    pp_status status;
    pp_error error;
    double seconds;
    int group, threads;  /* of devices; for it */
    atomic_int progress; /* thousandths */
} pp_job;

/** One call of one stage. */
struct pp_context {
    pp_run *run;
    int node;
    pp_array **slots;          /* the view's, the campaign's, or NULL (open, close) */
    pp_job *job;               /* view scope, else NULL */
    const char *restore_ports; /* ports that a `restore` may put, else NULL */
    pp_identity *identities;   /* made when asked for; freed by pp_context_end */
    int identity_count;
};
/** Frees what a context made for the call. */
void pp_context_end(pp_context *context);
/** Note with the stage (and the view) for an error of this call. */
PP_MUST_CHECK pp_status pp_context_note(const pp_context *context, pp_status status);

static inline const char *pp_run_output(const pp_run *run)
{
    return run->settings->output;
}
/** The name of a pp_backend_choice. */
static inline const char *pp_backend_setting(int choice)
{
    static const char *const names[] = {"auto", "cpu", "cuda", "mock"};
    return names[choice];
}
/** OUT/<name>; pp_free it. */
PP_MUST_CHECK pp_status pp_run_path(const pp_run *run, const char *name, char **out);
/** OUT/views/NNNN.h5 of view `index`. */
PP_MUST_CHECK pp_status pp_run_view_path(const pp_run *run, int64_t index, char **out);

/** Identities (identity.c). The text of each node's parameters first, once the inputs are hashed. */
PP_MUST_CHECK pp_status pp_identity_prepare(pp_run *run);
PP_MUST_CHECK pp_status pp_identity_of_view(const pp_run *run, int node, int64_t index,
                                            pp_identity *out);
/** Of what `node` puts in campaign scope, with the views that are done now. */
PP_MUST_CHECK pp_status pp_identity_of_campaign(const pp_run *run, int node, pp_identity *out);
/** Differences "key: old, now new" between two parameter texts, one a line; views left out do not count. NULL where there
 *  are none. */
PP_MUST_CHECK pp_status pp_identity_changes(const char *old, const char *now, char **out);

/** The run's directory (store.c, rank 0): a finding where another program made it; made; leftovers removed. */
void pp_store_check(const pp_run *run, pp_findings *findings);
PP_MUST_CHECK pp_status pp_store_open(pp_run *run);
/** Which views are done; finished results of other parameters are an error unless the request allows them. Rank 0. */
PP_MUST_CHECK pp_status pp_store_survey(pp_run *run);
/** Whether output file `file` of `node` is there and right; false where it is not written at all (*wanted). */
PP_MUST_CHECK pp_status pp_store_file_state(const pp_run *run, int node, int file, bool *wanted,
                                            bool *right);
/** Record of a failed view (removed when it is done). */
void pp_store_failure(const pp_run *run, int64_t index, const char *text);

/** The fused pass over views that are to do; collective. PP_ERR_PARTIAL where some failed. */
PP_MUST_CHECK pp_status pp_pass(pp_run *run);
/** Campaign-scope stages; collective. */
PP_MUST_CHECK pp_status pp_campaign(pp_run *run);
/** `open` / `close` of the nodes for which chosen[node] is set; collective. */
PP_MUST_CHECK pp_status pp_open_stages(pp_run *run, const bool *chosen);
void pp_close_stages(pp_run *run, const bool *chosen);

/** provenance.json and config.cfg; rank 0 writes, all call. */
PP_MUST_CHECK pp_status pp_provenance_write(pp_run *run, pp_status outcome);
/** Takes over facts and seconds of an earlier run in the same directory / adds seconds and provenance to the facts. */
PP_MUST_CHECK pp_status pp_provenance_recall(pp_run *run);
PP_MUST_CHECK pp_status pp_provenance_facts(pp_run *run);

/** Plan (plan.c): finding where it does not fit; text for the user. Rank 0. */
PP_MUST_CHECK pp_status pp_plan_make(pp_run *run, pp_findings *findings, char **text);

/** What stages of view scope after `node` need on a device (pp_plan_device_bytes). */
double pp_run_device_bytes(const pp_run *run, int node, const pp_device_question *question);

/** Signals SIGTERM, SIGINT, SIGUSR1 ask to stop (signals.c). */
void pp_signals_catch(void);
void pp_signals_release(void);
bool pp_signals_seen(void);

#endif
