/* SPDX-License-Identifier: BSD-3-Clause */
#include "models/ptychography.h"

pp_status pp_ptychography_create(const pp_backend *backend, const char *implementation,
                                 const pp_sweep_setup *setup, pp_ptychography *out)
{
    pp_ptychography m = {.backend = backend, .threads = setup->threads};
    const pp_sweep_class *kind = pp_backend_sweep(backend, setup, implementation);
    if (!kind)
        return PP_FAIL(PP_ERR_RUN, "back end %s has no %s sweep for detectors of %lld pixels",
                       backend->name, implementation ? implementation : "", (long long)setup->n);
    PP_TRY(pp_sweep_create(kind, setup, &m.sweep));
    m.pixels = setup->object[0] * setup->object[1];
    m.frame = setup->n * setup->n;
    m.modes = setup->modes;
    m.probe_moves = setup->probe_moves;
    pp_sweep_sums(m.sweep, &m.totals);
    *out = m;
    return PP_OK;
}

void pp_ptychography_free(pp_ptychography *model)
{
    pp_sweep_free(&model->sweep);
}

pp_status pp_point_create(const pp_ptychography *m, bool probe, pp_point *out)
{
    pp_point p = {0};
    pp_status status = m->backend->alloc((size_t)m->pixels * sizeof(pp_c32), (void **)&p.object);
    if (status == PP_OK && probe)
        status =
            m->backend->alloc((size_t)(m->frame * m->modes) * sizeof(pp_c32), (void **)&p.probe);
    if (status != PP_OK)
        pp_point_free(m, &p);
    else
        *out = p;
    return status;
}

void pp_point_free(const pp_ptychography *m, pp_point *point)
{
    if (point->object) m->backend->release(point->object);
    if (point->probe) m->backend->release(point->probe);
    *point = (pp_point){0};
}

pp_status pp_point_weight_create(const pp_ptychography *m, pp_point_weight *out)
{
    pp_point_weight w = {0};
    pp_status status = m->backend->alloc((size_t)m->pixels * sizeof(float), (void **)&w.object);
    if (status == PP_OK && m->probe_moves)
        status = m->backend->alloc((size_t)m->frame * sizeof(float), (void **)&w.probe);
    if (status != PP_OK)
        pp_point_weight_free(m, &w);
    else
        *out = w;
    return status;
}

void pp_point_weight_free(const pp_ptychography *m, pp_point_weight *weight)
{
    if (weight->object) m->backend->release(weight->object);
    if (weight->probe) m->backend->release(weight->probe);
    *weight = (pp_point_weight){0};
}

pp_c64 pp_point_dot(const pp_ptychography *m, const pp_point *x, const pp_point *y,
                    const pp_point_weight *w)
{
    const pp_vectors *v = m->backend->vectors;
    pp_c64 sum = v->dot(x->object, y->object, w ? w->object : NULL, m->pixels, m->threads);
    for (int64_t k = 0; x->probe && y->probe && k < m->modes; k++) {
        const pp_c64 more = v->dot(x->probe + k * m->frame, y->probe + k * m->frame,
                                   w ? w->probe : NULL, m->frame, m->threads);
        sum.re += more.re, sum.im += more.im;
    }
    return sum;
}

void pp_point_direction(const pp_ptychography *m, pp_point *d, const pp_point *g,
                        const pp_point_weight *w, pp_c64 beta)
{
    const pp_vectors *v = m->backend->vectors;
    v->direction(d->object, g->object, w ? w->object : NULL, beta, m->pixels, m->threads);
    for (int64_t k = 0; d->probe && g->probe && k < m->modes; k++)
        v->direction(d->probe + k * m->frame, g->probe + k * m->frame, w ? w->probe : NULL, beta,
                     m->frame, m->threads);
}

void pp_point_axpy(const pp_ptychography *m, pp_point *y, double a, const pp_point *x)
{
    const pp_vectors *v = m->backend->vectors;
    v->axpy(y->object, a, x->object, m->pixels, m->threads);
    if (y->probe && x->probe) v->axpy(y->probe, a, x->probe, m->frame * m->modes, m->threads);
}

static void precondition(const pp_ptychography *m, float *w, int64_t count)
{
    const pp_vectors *v = m->backend->vectors;
    if (w) v->weight(w, v->largest(w, count, m->threads), count, m->threads);
}

pp_status pp_point_weights(const pp_ptychography *m, pp_point_weight *w, const pp_point *at)
{
    const pp_sweep_point here = {at->object, at->probe};
    PP_TRY(pp_sweep_illumination(m->sweep, w->object, w->probe, &here));
    precondition(m, w->object, m->pixels);
    precondition(m, w->probe, m->frame);
    return PP_OK;
}

pp_status pp_ptychography_gradient(const pp_ptychography *m, pp_point *g, double *cost,
                                   double *misfit, const pp_point *at)
{
    const pp_sweep_point here = {at->object, at->probe};
    double sums[2];
    const pp_sweep_gradient out = {g ? g->object : NULL, g ? g->probe : NULL, &sums[0],
                                   misfit ? &sums[1] : NULL};
    PP_TRY(pp_sweep_gradient_at(m->sweep, &out, &here));
    *cost = sums[0];
    if (misfit) *misfit = sums[1];
    return PP_OK;
}

double pp_ptychography_excess(const pp_ptychography *m, double cost)
{
    return m->sweep->setup.model == PP_SWEEP_POISSON ? cost - m->totals.poisson_offset : cost;
}
