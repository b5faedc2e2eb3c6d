/* SPDX-License-Identifier: BSD-3-Clause */
#include "tomo/joint_volume.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "tomo/fbp.h"

pp_status pp_joint_volume_create(const pp_comm *comm, const pp_projector *projector, int64_t rows,
                                 int64_t n, int64_t views, pp_joint_volume *out)
{
    pp_joint_volume j = {
        .projector = projector, .slab = pp_slab_of(comm, rows, n * n), .n = n, .views = views};
    pp_status status = PP_OK;
    j.voxels = j.slab.slices * n * n, j.samples = j.slab.slices * views * n;
    PP_TRY_TO(failed, PP_ALLOC(j.voxels + 1, &j.v));
    PP_TRY_TO(failed, PP_ALLOC(j.samples + 1, &j.h));
    PP_TRY_TO(failed, PP_ALLOC(j.samples + 1, &j.weight));
    PP_TRY_TO(failed, PP_ALLOC(j.samples + 1, &j.residual));
    PP_TRY_TO(failed, PP_ALLOC(j.samples + 1, &j.image));
    PP_TRY_TO(failed, PP_ALLOC(j.voxels + 1, &j.gradient));
    PP_TRY_TO(failed, PP_ALLOC(j.voxels + 1, &j.direction));
    PP_TRY_TO(failed, PP_ALLOC(j.slab.slices + 1, &j.each));
    PP_TRY_TO(failed, pp_joint_variation_create(&j.slab, n, &j.variation));
    *out = j;
    return PP_OK;
failed:
    pp_joint_volume_free(&j);
    return status;
}

void pp_joint_volume_free(pp_joint_volume *j)
{
    pp_free(j->v), pp_free(j->h), pp_free(j->weight), pp_free(j->residual), pp_free(j->image);
    pp_free(j->gradient), pp_free(j->direction), pp_free(j->each);
    pp_joint_variation_free(&j->variation);
    *j = (pp_joint_volume){0};
}

double pp_joint_volume_bytes(int64_t n, int64_t views, int64_t slices)
{
    const double voxels = (double)(slices * n * n), samples = (double)(slices * views * n);
    return (3 * voxels + 4 * samples) * sizeof(pp_c32) + pp_joint_variation_bytes(n, slices);
}

/* ---- model ---- */

pp_status pp_joint_volume_model(pp_joint_volume *j)
{
    if (j->slab.slices == 0) return PP_OK;
    PP_TRY(pp_projector_forward(j->projector, j->slab.slices, j->v, j->h));
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < j->samples; i++) {
        const double size = exp(-(double)j->h[i].im), phase = j->h[i].re;
        j->h[i] = (pp_c32){(float)(size * cos(phase)), (float)(size * sin(phase))};
    }
    return PP_OK;
}

static inline pp_c32 times(pp_c32 a, pp_c32 b)
{
    return (pp_c32){a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}

static inline pp_c32 conj_times(pp_c32 a, pp_c32 b)
{
    return (pp_c32){a.re * b.re + a.im * b.im, a.re * b.im - a.im * b.re};
}

pp_status pp_joint_volume_forward(const pp_joint_volume *j, const pp_c32 *voxels, pp_c32 *lines)
{
    if (j->slab.slices == 0) return PP_OK;
    PP_TRY(pp_projector_forward(j->projector, j->slab.slices, voxels, lines));
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < j->samples; i++) lines[i] = times(j->weight[i], lines[i]);
    return PP_OK;
}

/* `image` takes K* lines. */
pp_status pp_joint_volume_adjoint(pp_joint_volume *j, const pp_c32 *lines, pp_c32 *voxels)
{
    if (j->slab.slices == 0) return PP_OK;
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < j->samples; i++) j->image[i] = conj_times(j->weight[i], lines[i]);
    PP_TRY(pp_projector_adjoint(j->projector, j->slab.slices, j->image, voxels));
    pp_circle_mask_complex(j->slab.slices, j->n, 0, voxels);
    return PP_OK;
}

/* K and r. */
static pp_status linearise(pp_joint_volume *j, pp_linearisation how, const pp_c32 *t)
{
    if (j->slab.slices == 0) return PP_OK;
    const bool log = how == PP_LINEARISE_LOG;
    if (log) PP_TRY(pp_projector_forward(j->projector, j->slab.slices, j->v, j->image));
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < j->samples; i++) {
        const pp_c32 about = log ? t[i] : j->h[i];
        j->weight[i] = (pp_c32){-about.im, about.re};
        j->residual[i] = (pp_c32){t[i].re - about.re, t[i].im - about.im};
        if (!log) continue;
        /* -i Log t - R v */
        const pp_c32 gap = {atan2f(t[i].im, t[i].re) - j->image[i].re,
                            -logf(fmaxf(hypotf(t[i].re, t[i].im), 1e-3f)) - j->image[i].im};
        j->residual[i] = times(j->weight[i], gap);
    }
    return PP_OK;
}

/* ---- conjugate gradients on the linearised data and the splitting's terms ---- */

static void add(pp_c32 *y, double a, const pp_c32 *x, int64_t count)
{
    const float gain = (float)a;
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < count; i++) y[i].re += gain * x[i].re, y[i].im += gain * x[i].im;
}

static pp_status sum_squares(const pp_joint_volume *j, const pp_c32 *x, int64_t of_slice,
                             double *out)
{
    pp_slab_dots(j->slab.slices, 2 * of_slice, (const float *)x, (const float *)x, j->each);
    return pp_slab_sum(&j->slab, j->each, out);
}

/* g = (K R)* r / V + pull, and its square. */
static pp_status descend(pp_joint_volume *j, double *gamma)
{
    const float part = (float)(1 / (double)j->views);
    const pp_status status = pp_joint_volume_adjoint(j, j->residual, j->gradient);
    PP_TRY(pp_comm_agree(j->slab.comm, status));
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < j->voxels; i++) {
        j->gradient[i].re = part * j->gradient[i].re + j->variation.pull[i].re;
        j->gradient[i].im = part * j->gradient[i].im + j->variation.pull[i].im;
    }
    return sum_squares(j, j->gradient, j->n * j->n, gamma);
}

/* To the minimum along the direction. */
static pp_status walk(pp_joint_volume *j, double gamma)
{
    double curve, other;
    PP_TRY(pp_comm_agree(j->slab.comm, pp_joint_volume_forward(j, j->direction, j->image)));
    PP_TRY(sum_squares(j, j->image, j->views * j->n, &curve));
    PP_TRY(pp_joint_variation_turn(&j->variation, j->direction, &other));
    curve = curve / (double)j->views + other;
    const double a = curve > 0 ? gamma / curve : 0;
    add(j->v, a, j->direction, j->voxels);
    add(j->residual, -a, j->image, j->samples);
    pp_joint_variation_advance(&j->variation, a);
    return PP_OK;
}

static pp_status least_squares(pp_joint_volume *j, int64_t iterations)
{
    double gamma = 0, last = 0;
    for (int64_t k = 0; k < iterations; k++) {
        PP_TRY(descend(j, &gamma));
        if (!(gamma > 0)) return PP_OK;
        const float beta = k > 0 ? (float)(gamma / last) : 0;
#pragma omp parallel for schedule(static)
        for (int64_t i = 0; i < j->voxels; i++) {
            const pp_c32 g = j->gradient[i], d = j->direction[i];
            j->direction[i] = (pp_c32){g.re + beta * d.re, g.im + beta * d.im};
        }
        PP_TRY(walk(j, gamma));
        last = gamma;
    }
    return PP_OK;
}

/* ---- the step ---- */

static pp_status go_round(pp_joint_volume *j, const pp_joint_volume_setup *setup)
{
    PP_TRY(pp_joint_variation_pull(&j->variation, j->v));
    PP_TRY(least_squares(j, setup->iterations));
    return pp_joint_variation_shrink(&j->variation, setup->strength, setup->balance, j->v);
}

pp_status pp_joint_volume_step(pp_joint_volume *j, const pp_joint_volume_setup *setup,
                               const pp_c32 *target)
{
    PP_TRY(pp_comm_agree(j->slab.comm, linearise(j, setup->linearisation, target)));
    PP_TRY(pp_joint_variation_start(&j->variation, setup->strength > 0, setup->positivity, j->v));
    for (int64_t k = 0; k < setup->rounds; k++) PP_TRY(go_round(j, setup));
    return pp_comm_agree(j->slab.comm, pp_joint_volume_model(j));
}

pp_status pp_joint_volume_size(const pp_joint_volume *j, double *out)
{
    const int64_t pixels = j->n * j->n;
    for (int64_t k = 0; k < j->slab.slices; k++) {
        j->each[k] = 0;
        for (int64_t i = 0; i < pixels; i++)
            j->each[k] += (double)j->v[k * pixels + i].re * j->v[k * pixels + i].re;
    }
    PP_TRY(pp_slab_sum(&j->slab, j->each, out));
    *out = sqrt(*out / (double)(j->slab.rows * pixels));
    return PP_OK;
}
