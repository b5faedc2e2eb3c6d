/* What an "auto" became and the like: named texts, for provenance.json and the report.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_FACTS_H
#define PP_FACTS_H

#include "comm/comm.h"

typedef struct pp_fact {
    char *name, *value;
    int64_t
        order; /* of several with one name the lowest stays: the first view's, whichever rank had it */
} pp_fact;

typedef struct pp_facts {
    int64_t count;
    pp_fact *items;
} pp_facts;

/** Sets a fact; texts are copied, line ends become blanks. */
PP_MUST_CHECK pp_status pp_facts_set(pp_facts *facts, const char *name, const char *value,
                                     int64_t order);
const char *pp_facts_get(const pp_facts *facts, const char *name);
/** Every rank gets all ranks' facts. Collective. */
PP_MUST_CHECK pp_status pp_facts_share(pp_facts *facts, const pp_comm *comm);
void pp_facts_free(pp_facts *facts);

/** The texts of all ranks behind one another, in rank order, on every rank (pp_free it). Collective. */
PP_MUST_CHECK pp_status pp_share_text(const pp_comm *comm, const char *mine, char **all);
/** Rank 0's text on every rank: *text is replaced on the others. Collective. */
PP_MUST_CHECK pp_status pp_share_root_text(const pp_comm *comm, char **text);

#endif
