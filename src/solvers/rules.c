/* What all ptychography solvers share: history, alarms, position steps.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>
#include <polyptych/log.h>

#include "solvers/ptychography.h"

/* A device that could not make a sum of its vectors answers NaN, and its failure shows at the next copy: that is the cause to
 * tell, and one device's cause is the group's. */
static pp_status no_number(const pp_ptychography *model, int64_t iteration, double cost)
{
    char nothing = 0;
    pp_status status = model->backend->download(&nothing, &nothing, 0);
    if (status == PP_OK)
        status = PP_FAIL(PP_ERR_RUN,
                         "iteration %lld: the cost is %g; look for bad frames or positions, or "
                         "use method = \"cg\"",
                         (long long)iteration, cost);
    return model->split.group ? pp_comm_agree_on(model->split.group, status) : status;
}

pp_status pp_ptycho_record(const pp_ptychography *model, const pp_ptycho_settings *settings,
                           pp_ptycho_result *r, double cost)
{
    enum { WINDOW = 5 };
    r->cost[r->done] = cost;
    if (!isfinite(cost)) return no_number(model, r->done, cost);
    if (r->done >= WINDOW) {
        const double before = pp_ptychography_excess(model, r->cost[r->done - WINDOW]),
                     now = pp_ptychography_excess(model, cost);
        if (now - before > 1e-3 * fabs(before))
            return PP_FAIL(PP_ERR_RUN,
                           "iteration %lld: the cost rose from %g to %g over %d "
                           "iterations",
                           (long long)r->done, before, now, WINDOW);
    }
    enum { SPAN = 10 };
    const double weight = model->model == PP_SWEEP_POISSON ? 1 : 2;
    if (settings->stop_at_noise && r->done >= SPAN &&
        weight * fabs(r->cost[r->done - SPAN] - cost) < 0.5)
        r->converged = true;
    if (settings->stopped && settings->stopped(settings->self, settings->first + r->done, cost))
        return PP_FAIL(PP_ERR_INTERRUPTED, "stopped in iteration %lld",
                       (long long)(settings->first + r->done));
    return PP_OK;
}

void pp_ptycho_record_step(const pp_ptychography *model, pp_ptycho_result *r, int64_t at,
                           double step, const pp_point *d)
{
    const pp_point object = {d->object, NULL, d->whole};
    r->step[at] = step;
    if (r->change)
        r->change[at] = step > 0 ? step * sqrt(pp_point_dot(model, &object, &object, NULL).re) : 0;
}

/* |g| |d| is at least |<g, d>|: where even that much would not make it the largest so far, the two norms need not be known. */
void pp_ptycho_adjointness(const pp_ptychography *model, pp_ptycho_result *r, double slope,
                           double product, const pp_point *g, const pp_point *d)
{
    const double apart = fabs(slope - 2 * product);
    if (!(apart > r->adjointness * fabs(product))) return;
    const double scale =
                     sqrt(pp_point_dot(model, g, g, NULL).re * pp_point_dot(model, d, d, NULL).re),
                 off = scale > 0 ? apart / scale : 0;
    if (off > 1e-3 && r->adjointness <= 1e-3)
        pp_warn("iteration %lld: slope along the direction %g, from the gradient %g: "
                "%.1e of |g| |d| apart, the gradient may be wrong",
                (long long)r->done, slope, 2 * product, off);
    r->adjointness = off > r->adjointness ? off : r->adjointness;
}

static double clip(double x, double limit)
{
    return !(fabs(x) <= limit) ? (x > 0 ? limit : x < 0 ? -limit : 0) : x;
}

/* One pattern's step; a window that sees only air has no terms and stays. */
static void step_of(const pp_sweep_position *t, double limit, double step[2])
{
    const double det = t->yy * t->xx - t->yx * t->yx + 1e-6 * t->yy * t->xx;
    step[0] = step[1] = 0;
    if (!(det > 0)) return;
    step[0] = clip((t->yx * t->rx - t->xx * t->ry) / det, limit);
    step[1] = clip((t->yx * t->ry - t->yy * t->rx) / det, limit);
}

pp_status pp_ptycho_move_positions(const pp_ptychography *model, double *positions,
                                   const pp_sweep_position *terms, double limit)
{
    const int64_t count = model->patterns;
    double sum[3] = {0, 0, (double)count};
    for (int64_t j = 0; j < count; j++) {
        double step[2];
        step_of(&terms[j], limit, step);
        for (int a = 0; a < 2; a++) sum[a] += step[a], positions[2 * j + a] += step[a];
    }
    PP_TRY(pp_ptychography_sum(model, sum, 3));
    for (int64_t i = 0; i < 2 * count; i++) positions[i] -= sum[i % 2] / sum[2];
    return PP_OK;
}

pp_status pp_ptycho_scale_frames(const pp_ptychography *model, double *factors,
                                 const pp_sweep_position *terms)
{
    double sum[2] = {0, (double)model->patterns};
    for (int64_t j = 0; j < model->patterns; j++) {
        const double best = terms[j].ww > 0 ? 1 - terms[j].rw / terms[j].ww : 1;
        factors[j] *= fmin(fmax(best, 0.5), 2);
        sum[0] += factors[j] * factors[j];
    }
    PP_TRY(pp_ptychography_sum(model, sum, 2));
    for (int64_t j = 0; j < model->patterns; j++) factors[j] /= sqrt(sum[0] / sum[1]);
    return PP_OK;
}
