/* What every implementation of the sweeps shares: the checks and the dispatch.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "backend/sweep.h"

#include <math.h>

static pp_status check_sizes(const pp_sweep_setup *s)
{
    if (s->n < 1 || s->modes < 1 || s->patterns < 1 || s->threads < 1)
        return PP_FAIL(PP_ERR_RUN,
                       "a sweep needs at least 1 pixel, mode, pattern and thread, got "
                       "%lld, %lld, %lld and %d",
                       (long long)s->n, (long long)s->modes, (long long)s->patterns, s->threads);
    if (s->frame_type != PP_U16 && s->frame_type != PP_F32)
        return PP_FAIL(PP_ERR_RUN, "frames must be uint16 or float32, they are %s",
                       pp_dtype_name(s->frame_type));
    for (int64_t j = 0; s->stages > 1 && j < s->patterns; j++)
        if (s->stages > PP_SWEEP_STAGES || s->stage[j] < 0 || s->stage[j] >= s->stages)
            return PP_FAIL(PP_ERR_RUN, "pattern %lld: stage %d of %d, at most %d", (long long)j,
                           s->stage[j], s->stages, PP_SWEEP_STAGES);
    return PP_OK;
}

static pp_status check_windows(const pp_sweep_setup *s)
{
    for (int64_t j = 0; j < s->patterns; j++)
        for (int a = 0; a < 2; a++) {
            const bool between = s->mode == PP_SWEEP_BILINEAR; /* one more pixel */
            const double x = s->positions[2 * j + a], i = between ? floor(x) : rint(x);
            if (!(i >= 0 && i + (double)(s->n + between) <= (double)s->object[a]))
                return PP_FAIL(PP_ERR_RUN,
                               "pattern %lld: the window at %g along %s, %lld pixels "
                               "wide, lies outside the object of %lld pixels",
                               (long long)j, x, a ? "x" : "y", (long long)s->n,
                               (long long)s->object[a]);
        }
    return PP_OK;
}

pp_status pp_sweep_create(const pp_sweep_class *kind, const pp_sweep_setup *setup, pp_sweep **out)
{
    PP_TRY(check_sizes(setup));
    PP_TRY(check_windows(setup));
    return kind->create(setup, out);
}

void pp_sweep_free(pp_sweep **sweep)
{
    if (*sweep) (*sweep)->kind->free(*sweep);
    *sweep = NULL;
}

pp_status pp_sweep_gradient_at(pp_sweep *sweep, const pp_sweep_gradient *out,
                               const pp_sweep_point *at)
{
    if (out->beside) out->beside[0] = out->beside[1] = 0;
    PP_TRY(sweep->kind->gradient(sweep, out, at));
    for (int k = 0; out->ready && !sweep->kind->staged && k < pp_sweep_stages(&sweep->setup); k++)
        PP_TRY(out->ready(out->self, k));
    return PP_OK;
}

static pp_status check_steps(int count)
{
    return count < 0 || count > PP_SWEEP_STEPS
               ? PP_FAIL(PP_ERR_RUN, "%d trial steps in one pass, at most %d", count,
                         PP_SWEEP_STEPS)
               : PP_OK;
}

pp_status pp_sweep_line(pp_sweep *sweep, pp_sweep_slope *out, double *costs,
                        const pp_sweep_point *at, const pp_sweep_direction *along,
                        const double *steps, int count)
{
    PP_TRY(check_steps(count));
    return sweep->kind->line(sweep, out, at, along, steps, count, costs);
}

pp_status pp_sweep_costs(pp_sweep *sweep, double *costs, const pp_sweep_point *at,
                         const pp_sweep_direction *along, const double *steps, int count)
{
    PP_TRY(check_steps(count));
    return sweep->kind->costs(sweep, costs, at, along, steps, count);
}

void pp_sweep_advance(pp_sweep *sweep, double to)
{
    sweep->kind->advance(sweep, to);
}

void pp_sweep_renew(pp_sweep *sweep)
{
    sweep->kind->renew(sweep);
}

pp_status pp_sweep_illumination(pp_sweep *sweep, float *object, float *probe,
                                const pp_sweep_point *at)
{
    return sweep->kind->illumination(sweep, object, probe, at);
}

pp_status pp_sweep_position_terms(pp_sweep *sweep, pp_sweep_position *out, const pp_sweep_point *at)
{
    if (sweep->setup.mode != PP_SWEEP_FOURIER)
        return PP_FAIL(PP_ERR_RUN, "positions can be refined with Fourier positions only");
    return sweep->kind->positions(sweep, out, at);
}

void pp_sweep_move(pp_sweep *sweep, const double *positions, const double *factors)
{
    sweep->kind->move(sweep, positions, factors);
}

void pp_sweep_set_background(pp_sweep *sweep, const float *background)
{
    sweep->kind->set_background(sweep, background);
}

pp_status pp_sweep_background_terms(pp_sweep *sweep, double *first, double *second,
                                    const pp_sweep_point *at)
{
    return sweep->kind->background_terms(sweep, first, second, at);
}

void pp_sweep_sums(const pp_sweep *sweep, pp_sweep_totals *out)
{
    sweep->kind->totals(sweep, out);
}

void pp_sweep_tell(const pp_sweep *sweep, pp_sweep_facts *out)
{
    sweep->kind->facts(sweep, out);
}
