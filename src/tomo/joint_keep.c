/* The state of a joint solve, put away and taken up again.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <polyptych/log.h>

#include "tomo/joint_solve.h"

typedef pp_joint_solve state;

static void describe(state *s, pp_joint_terms *terms, int64_t done, pp_joint_state *out)
{
    pp_joint_volume *v = &s->volume;
    pp_joint_variation *t = &v->variation;
    *out = (pp_joint_state){
        .setup = s->setup,
        .n = v->n,
        .rows = v->slab.rows,
        .first = v->slab.first,
        .slices = v->slab.slices,
        .fields = {{"v", PP_C32, v->v},
                   {"split_z", PP_C32, t->split[0]},
                   {"split_y", PP_C32, t->split[1]},
                   {"split_x", PP_C32, t->split[2]},
                   {"multiplier_z", PP_C32, t->multiplier[0]},
                   {"multiplier_y", PP_C32, t->multiplier[1]},
                   {"multiplier_x", PP_C32, t->multiplier[2]},
                   {"sign", PP_F32, t->sign},
                   {"sign_multiplier", PP_F32, t->sign_multiplier}},
        .numbers = {(double)done, s->rho, s->strength, s->light, s->largest, t->tau, t->eta},
        .terms = terms,
    };
}

pp_status pp_joint_keep(state *s, pp_joint_terms *terms, int64_t done)
{
    pp_joint_state now;
    if (!s->setup->keep) return PP_OK;
    describe(s, terms, done, &now);
    return s->setup->keep(s->setup->self, &now);
}

/* From the state on file, if there is one. */
pp_status pp_joint_recall(state *s, pp_joint_terms *terms, pp_joint_result *result)
{
    pp_joint_state then;
    bool found = false;
    if (!s->setup->recall) return PP_OK;
    describe(s, terms, 0, &then);
    PP_TRY(s->setup->recall(s->setup->self, &then, &found));
    if (!found) return PP_OK;
    const double *n = then.numbers;
    s->rho = n[PP_JOINT_RHO], s->strength = n[PP_JOINT_STRENGTH];
    s->light = n[PP_JOINT_LIGHT], s->largest = n[PP_JOINT_LARGEST];
    s->volume.variation.tau = n[PP_JOINT_TAU], s->volume.variation.eta = n[PP_JOINT_ETA];
    s->volume.variation.ready = true;
    result->done = result->recalled = (int64_t)n[PP_JOINT_DONE];
    pp_info("joint: goes on after outer iteration %lld", (long long)result->done);
    return pp_joint_renew_model(s);
}
