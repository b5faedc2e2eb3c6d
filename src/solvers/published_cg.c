/* The published conjugate gradients: Yu et al., "Scalable and accurate multi-GPU-based image reconstruction of
 * large-scale ptychography data" (2021), with the complex factor that its program has. <a, b> = sum conj(a) b.
 *   g = dF/dpsi* / max |p|^2,  eta = -g + (|g|^2 / <eta, g - g_old>) eta,  step: largest of 1, 1/2, 1/4, ... with F no larger.
 * <eta, g - g_old> = <eta, g> - <eta, g_old>, the latter known from the iteration before, so no old gradient is kept.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>

#include "base/alloc.h"
#include "solvers/ptychography.h"

typedef struct state {
    const pp_ptychography *model;
    pp_point *point, g, eta;
    pp_c64 old; /* <eta, g> after the last direction */
} state;

/* 1 / max over the window of sum_m |p_m|^2. The probe is read on the host. */
static pp_status probe_scale(const pp_ptychography *m, const pp_point *point, double *scale)
{
    pp_c32 *probe;
    double most = 0;
    const size_t bytes = (size_t)(m->frame * m->modes) * sizeof *probe;
    PP_TRY(PP_ALLOC(m->frame * m->modes, &probe));
    const pp_status status = m->backend->download(probe, point->probe, bytes);
    for (int64_t k = 0; status == PP_OK && k < m->frame; k++) {
        double sum = 0;
        for (int64_t i = 0; i < m->modes; i++) {
            const pp_c32 p = probe[i * m->frame + k];
            sum += (double)p.re * (double)p.re + (double)p.im * (double)p.im;
        }
        most = sum > most ? sum : most;
    }
    pp_free(probe);
    *scale = most > 0 ? 1 / most : 1;
    return status;
}

static pp_status turn(state *s, int64_t iteration)
{
    pp_c64 beta = {0, 0};
    if (iteration > 0) {
        const double gg = pp_point_dot(s->model, &s->g, &s->g, NULL).re;
        const pp_c64 now = pp_point_dot(s->model, &s->eta, &s->g, NULL),
                     d = {now.re - s->old.re, now.im - s->old.im};
        const double size = d.re * d.re + d.im * d.im;
        if (size > 0) beta = (pp_c64){gg * d.re / size, -gg * d.im / size};
    }
    PP_TRY(pp_point_direction(s->model, &s->eta, &s->g, NULL, beta));
    s->old = pp_point_dot(s->model, &s->eta, &s->g, NULL);
    return PP_OK;
}

/* The first of the trial steps whose cost is no larger; 0 where the smallest, 2^-53, still raises it. */
static pp_status search(state *s, pp_ptycho_result *r, double scale, double cost, double *step)
{
    enum { FIRST = 8, SMALLEST = 53 };
    double steps[FIRST], costs[FIRST];
    for (int from = 0; from <= SMALLEST; from += FIRST) {
        for (int k = 0; k < FIRST; k++) steps[k] = ldexp(1, -(from + k));
        if (from == 0) {
            pp_sweep_slope slope;
            PP_TRY(pp_ptychography_line(s->model, &slope, costs, s->point, &s->eta, steps, FIRST));
            pp_ptycho_adjointness(s->model, r, slope.slope * scale, s->old.re, &s->g, &s->eta);
        } else {
            PP_TRY(pp_ptychography_costs(s->model, costs, s->point, &s->eta, steps, FIRST));
        }
        for (int k = 0; k < FIRST && from + k <= SMALLEST; k++)
            if (costs[k] <= cost) {
                *step = steps[k];
                return PP_OK;
            }
    }
    *step = 0;
    return PP_OK;
}

static pp_status iterate(state *s, const pp_ptycho_settings *settings, pp_ptycho_result *r,
                         double scale)
{
    double cost;
    for (r->done = 0; r->done < settings->iterations; r->done++) {
        if (r->done > 0 && r->done % PP_PTYCHO_REFRESH == 0) pp_ptychography_renew(s->model);
        PP_TRY(pp_ptychography_gradient(s->model, &s->g, &cost, NULL, s->point));
        PP_TRY(pp_ptycho_record(s->model, settings, r, cost));
        pp_point_scale(s->model, &s->g, scale);
        PP_TRY(turn(s, r->done));
        PP_TRY(search(s, r, scale, cost, &r->step[r->done]));
        pp_ptycho_record_step(s->model, r, r->done, r->step[r->done], &s->eta);
        PP_TRY(pp_point_axpy(s->model, s->point, r->step[r->done], &s->eta));
        pp_ptychography_advance(s->model, r->step[r->done]);
    }
    PP_TRY(pp_ptychography_gradient(s->model, NULL, &cost, &r->misfit, s->point));
    return pp_ptycho_record(s->model, settings, r, cost);
}

pp_status pp_solve_published(const pp_ptychography *model, pp_point *point,
                             const pp_ptycho_settings *settings, pp_ptycho_result *result)
{
    pp_status status = PP_OK;
    double scale;
    state s = {.model = model, .point = point};
    PP_TRY(probe_scale(model, point, &scale));
    PP_TRY_TO(done, pp_point_create(model, false, &s.g));
    PP_TRY_TO(done, pp_point_create(model, false, &s.eta));
    pp_ptychography_renew(model);
    PP_TRY_TO(done, iterate(&s, settings, result, scale));
done:
    pp_point_free(model, &s.g);
    pp_point_free(model, &s.eta);
    return status;
}
