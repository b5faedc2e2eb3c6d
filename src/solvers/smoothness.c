/* SPDX-License-Identifier: BSD-3-Clause */
#include "solvers/smoothness.h"

static pp_status take_memory(const pp_ptychography *m, pp_c32 **out)
{
    return m->backend->alloc((size_t)m->pixels * sizeof **out, (void **)out);
}

pp_status pp_smoothness_create(const pp_ptychography *m, double lambda, const int64_t size[2],
                               pp_smoothness *out)
{
    pp_smoothness s = {.lambda = lambda, .size = {size[0], size[1]}};
    pp_status status = take_memory(m, &s.room[0]);
    if (status == PP_OK) status = take_memory(m, &s.room[1]);
    if (status == PP_OK) status = take_memory(m, &s.along);
    if (status == PP_OK)
        *out = s;
    else
        pp_smoothness_free(m, &s);
    return status;
}

void pp_smoothness_free(const pp_ptychography *m, pp_smoothness *s)
{
    for (int a = 0; a < 2; a++)
        if (s->room[a]) m->backend->release(s->room[a]);
    if (s->along) m->backend->release(s->along);
    *s = (pp_smoothness){0};
}

/* Elements from a pixel to its neighbour along `axis`. */
static int64_t step_of(const pp_smoothness *s, int axis)
{
    return axis == 0 ? s->size[1] : 1;
}

/* to = neighbour - pixel along `axis`, 0 where there is no neighbour. */
static void differences(const pp_ptychography *m, const pp_smoothness *s, pp_c32 *to,
                        const pp_c32 *x, int axis)
{
    const pp_vectors *v = m->backend->vectors;
    const int64_t step = step_of(s, axis), count = m->pixels - step, width = s->size[1];
    v->box(&to->re, 0, &x[step].re, 0, 1, 2 * count, false);
    v->axpy(to, -1, x, count, m->threads);
    v->box(&to[count].re, 0, NULL, 0, 1, 2 * step, false);
    if (axis == 1) v->box(&to[width - 1].re, 2 * width, NULL, 0, s->size[0], 2, false);
}

double pp_smoothness_add(const pp_ptychography *m, const pp_smoothness *s, pp_c32 *g,
                         const pp_c32 *object)
{
    const pp_vectors *v = m->backend->vectors;
    double sum = 0;
    for (int axis = 0; axis < 2; axis++) {
        const int64_t step = step_of(s, axis), count = m->pixels - step;
        differences(m, s, s->room[axis], object, axis);
        sum += v->dot(s->room[axis], s->room[axis], NULL, m->pixels, m->threads).re;
        if (!g) continue;
        v->axpy(g, -s->lambda, s->room[axis], count, m->threads);
        v->axpy(g + step, s->lambda, s->room[axis], count, m->threads);
    }
    return s->lambda * sum;
}

void pp_smoothness_line(const pp_ptychography *m, const pp_smoothness *s, const pp_c32 *d,
                        double *slope, double *curvature)
{
    const pp_vectors *v = m->backend->vectors;
    *slope = *curvature = 0;
    for (int axis = 0; axis < 2; axis++) {
        differences(m, s, s->along, d, axis);
        *slope += 2 * s->lambda * v->dot(s->room[axis], s->along, NULL, m->pixels, m->threads).re;
        *curvature += 2 * s->lambda * v->dot(s->along, s->along, NULL, m->pixels, m->threads).re;
    }
}
