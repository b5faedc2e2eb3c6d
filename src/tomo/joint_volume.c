/* SPDX-License-Identifier: BSD-3-Clause */
#include "tomo/joint_volume.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "tomo/denoise.h"
#include "tomo/fbp.h"

enum { PARTS = 2 }; /* real, imaginary */

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
    PP_TRY_TO(failed, PP_ALLOC(j.voxels + 1, &j.step));
    PP_TRY_TO(failed, PP_ALLOC(j.voxels + 1, &j.part));
    *out = j;
    return PP_OK;
failed:
    pp_joint_volume_free(&j);
    return status;
}

void pp_joint_volume_free(pp_joint_volume *j)
{
    pp_free(j->v), pp_free(j->h), pp_free(j->weight), pp_free(j->residual), pp_free(j->image);
    pp_free(j->gradient), pp_free(j->direction), pp_free(j->step), pp_free(j->part);
    *j = (pp_joint_volume){0};
}

double pp_joint_volume_bytes(int64_t n, int64_t views, int64_t slices)
{
    const double voxels = (double)(slices * n * n), samples = (double)(slices * views * n);
    /* the denoising holds four volumes of real numbers */
    return voxels * (4 * sizeof(pp_c32) + 5 * sizeof(float)) + samples * 4 * sizeof(pp_c32);
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

/* ---- least squares ---- */

static double square(const pp_c32 *x, int64_t count)
{
    double part[4] = {0};
    for (int64_t i = 0; i < count; i++)
        part[i & 3] += (double)x[i].re * x[i].re + (double)x[i].im * x[i].im;
    return part[0] + part[1] + (part[2] + part[3]);
}

static void add(pp_c32 *y, double a, const pp_c32 *x, int64_t count)
{
    const float gain = (float)a;
    for (int64_t i = 0; i < count; i++) y[i].re += gain * x[i].re, y[i].im += gain * x[i].im;
}

/* s = (K R)* r and the next direction of each slice, from the last one's |s|^2. */
static pp_status turn(pp_joint_volume *j, double *gamma, bool first)
{
    const int64_t pixels = j->slab.pixels;
    PP_TRY(pp_joint_volume_adjoint(j, j->residual, j->gradient));
#pragma omp parallel for schedule(static)
    for (int64_t k = 0; k < j->slab.slices; k++) {
        const pp_c32 *s = j->gradient + k * pixels;
        pp_c32 *d = j->direction + k * pixels;
        const double now = square(s, pixels);
        const float beta = first || !(gamma[k] > 0) ? 0 : (float)(now / gamma[k]);
        for (int64_t i = 0; i < pixels; i++)
            d[i] = (pp_c32){s[i].re + beta * d[i].re, s[i].im + beta * d[i].im};
        gamma[k] = now;
    }
    return PP_OK;
}

static pp_status walk(pp_joint_volume *j, const double *gamma)
{
    const int64_t pixels = j->slab.pixels, line = j->views * j->n;
    PP_TRY(pp_joint_volume_forward(j, j->direction, j->image));
#pragma omp parallel for schedule(static)
    for (int64_t k = 0; k < j->slab.slices; k++) {
        const double curve = square(j->image + k * line, line);
        const double a = curve > 0 ? gamma[k] / curve : 0;
        add(j->step + k * pixels, a, j->direction + k * pixels, pixels);
        add(j->residual + k * line, -a, j->image + k * line, line);
    }
    return PP_OK;
}

static pp_status least_squares(pp_joint_volume *j, int64_t iterations)
{
    double *gamma;
    PP_TRY(PP_ALLOC(j->slab.slices + 1, &gamma));
    memset(j->step, 0, (size_t)j->voxels * sizeof *j->step);
    pp_status status = PP_OK;
    for (int64_t k = 0; k < iterations && status == PP_OK; k++) {
        status = turn(j, gamma, k == 0);
        if (status == PP_OK) status = walk(j, gamma);
    }
    pp_free(gamma);
    return status;
}

/* ---- total variation ---- */

static void take_part(pp_joint_volume *j, int which, bool positivity)
{
    for (int64_t i = 0; i < j->voxels; i++) {
        j->part[i] = which == 0 ? j->v[i].re : j->v[i].im;
        if (which == 0 && positivity) j->part[i] = fminf(j->part[i], 0);
    }
}

static pp_status smooth(pp_joint_volume *j, const pp_joint_volume_setup *setup)
{
    for (int which = 0; which < PARTS; which++) {
        take_part(j, which, setup->positivity);
        PP_TRY(pp_denoise(&j->slab, j->n, setup->strength, setup->smoothing, j->part));
        for (int64_t i = 0; i < j->voxels; i++) {
            if (which == 0)
                j->v[i].re = j->part[i];
            else
                j->v[i].im = j->part[i];
        }
    }
    return PP_OK;
}

pp_status pp_joint_volume_step(pp_joint_volume *j, const pp_joint_volume_setup *setup,
                               const pp_c32 *target)
{
    pp_status status = linearise(j, setup->linearisation, target);
    if (status == PP_OK) status = least_squares(j, setup->iterations);
    PP_TRY(pp_comm_agree(j->slab.comm, status));
    add(j->v, 1, j->step, j->voxels);
    PP_TRY(smooth(j, setup));
    return pp_comm_agree(j->slab.comm, pp_joint_volume_model(j));
}

pp_status pp_joint_volume_largest(const pp_joint_volume *j, double *out)
{
    *out = 0;
    for (int64_t i = 0; i < j->voxels; i++) *out = fmax(*out, fabs((double)j->v[i].re));
    return pp_comm_allreduce(j->slab.comm, out, 1, PP_MAX);
}

pp_status pp_joint_volume_variation(pp_joint_volume *j, double *out)
{
    *out = 0;
    for (int which = 0; which < PARTS; which++) {
        double sum;
        take_part(j, which, false);
        PP_TRY(pp_variation(&j->slab, j->n, j->part, &sum));
        *out += sum;
    }
    return PP_OK;
}
