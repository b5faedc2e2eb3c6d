/* Where the solve of a view starts: modes and scale of the probe, object 1, background.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>

#include "base/alloc.h"
#include "models/probe.h"
#include "solvers/view_internal.h"

static const double least_trust = 0.25;

/* The part of the light that falls on measured pixels, as an empty beam would tell; 1 where all are measured. The counts there are
 * this part of the probe's power. What the object scatters lies elsewhere than the empty beam, so where that is nearly all
 * hidden (a beam stop) it tells little: never less than a quarter of the measured part of the detector. */
static pp_status measured_part(const solve *s, int64_t modes, double *part)
{
    const int64_t n2 = s->setup.n * s->setup.n;
    const uint8_t *mask = pp_array_read(s->in->mask);
    int64_t measured = 0;
    for (int64_t k = 0; k < n2; k++) measured += mask[k] != 0;
    *part = 1;
    if (measured == n2) return PP_OK;
    PP_TRY(pp_probe_measured_part(s->probe, s->setup.n, modes, mask, part));
    *part = fmax(*part, least_trust * (double)measured / (double)n2);
    return PP_OK;
}

/* Extra modes, and the counts' scale: in measured pixels the probe's far field has `counts`, the mean of a pattern. */
static pp_status start_probe(solve *s, double counts)
{
    const pp_sweep_setup *u = &s->setup;
    const int64_t given = pp_array_size(s->in->probe, 0), n2 = u->n * u->n,
                  modes = given < u->modes ? given : u->modes;
    const bool rescale = s->o->rescale_probe == PP_CHOOSE_YES ||
                         (s->o->rescale_probe == PP_CHOOSE_AUTO && s->o->solver.refine_probe);
    PP_TRY(PP_ALLOC(u->modes * n2, &s->probe));
    pp_probe_start(s->probe, u->modes, pp_array_read(s->in->probe), given, u->n);
    const double power = pp_probe_power(s->probe, u->n, modes);
    if (!(power > 0) || !isfinite(power))
        return PP_FAIL(PP_ERR_DATA,
                       "the starting probe has power %g: it must be a finite number "
                       "above 0",
                       power);
    double part = 1;
    if (rescale) PP_TRY(measured_part(s, modes, &part));
    const double scale = rescale ? sqrt(counts / (power * part)) : 1;
    for (int64_t k = 0; k < u->modes * n2; k++) {
        s->probe[k].re *= (float)scale;
        s->probe[k].im *= (float)scale;
    }
    if (s->rank == 0) s->out->probe_scale = scale;
    pp_probe_center(s->probe, u->n, u->modes, s->center);
    return PP_OK;
}

/* The same number in all pixels, and what was measured beforehand; an estimate, whose steps are factors, starts above 0. */
static void fill_background(const solve *s, double number, double least, float *values)
{
    const float *measured = s->in->background ? pp_array_read(s->in->background) : NULL;
    const int64_t n2 = s->setup.n * s->setup.n;
    const bool constant = s->o->background == PP_BACKGROUND_CONSTANT;
    double mean = 0;
    for (int64_t k = 0; measured && k < n2; k++) mean += (double)measured[k] / (double)n2;
    for (int64_t k = 0; k < n2; k++)
        values[k] = (float)fmax(least, number + (constant   ? mean
                                                 : measured ? (double)measured[s->order[k]]
                                                            : 0));
}

/* The background where single frames have not measured it (saturated values), all frames of this device together. */
static double under_unmeasured(const solve *s)
{
    const int64_t n2 = s->setup.n * s->setup.n;
    const uint16_t *numbers = s->setup.frames;
    const float *reals = s->setup.frames;
    double sum = 0;
    for (int64_t i = 0; i < s->setup.patterns * n2; i++) {
        const bool left =
            s->setup.frame_type == PP_F32 ? isnan(reals[i]) : numbers[i] == UINT16_MAX;
        if (left && s->mask[i % n2]) sum += (double)s->background.values[i % n2];
    }
    return sum;
}

/* Light under the frames is none of the probe's. */
static pp_status without_background(const solve *s, double *counts)
{
    double under = 0, unmeasured;
    if (s->o->background != PP_BACKGROUND_GIVEN) return PP_OK;
    for (int64_t k = 0; k < s->setup.n * s->setup.n; k++)
        if (s->mask[k]) under += (double)s->background.values[k];
    unmeasured = under_unmeasured(s);
    PP_TRY(pp_ptychography_sum(&s->model, &unmeasured, 1));
    under -= unmeasured / (double)s->v->patterns;
    if (under >= *counts)
        return PP_FAIL(PP_ERR_DATA,
                       "the background that is given adds up to %.6g counts a frame in measured "
                       "pixels, the frames have %.6g: another exposure time or unit?",
                       under, *counts);
    *counts -= under;
    return PP_OK;
}

pp_status pp_view_start_background(solve *s, double counts)
{
    const int64_t n2 = s->setup.n * s->setup.n;
    const bool given = s->o->background == PP_BACKGROUND_GIVEN;
    const double guess = 0.1 * counts / (double)(n2 * s->v->patterns),
                 number = s->o->background_counts;
    pp_background_estimate *b = &s->background;
    b->choice = s->o->background;
    PP_TRY(PP_ALLOC(n2, &b->values));
    PP_TRY(PP_ALLOC(n2, &b->first));
    PP_TRY(PP_ALLOC(n2, &b->second));
    fill_background(s, given || number > 0 || s->in->background ? number : guess,
                    given ? 0 : 0.01 * guess, b->values);
    if (s->model.sweep) pp_sweep_set_background(s->model.sweep, b->values);
    return PP_OK;
}

static pp_status start_point(solve *s)
{
    const pp_ptychography *m = &s->model;
    pp_status status = PP_OK;
    pp_c32 *one;
    PP_TRY(pp_point_create_place(m, &s->point));
    PP_TRY(PP_ALLOC(m->pixels + 1, &one));
    for (int64_t k = 0; k < m->pixels; k++) one[k] = (pp_c32){1, 0};
    PP_TRY_TO(done, m->backend->upload(s->point.object, one, (size_t)m->pixels * sizeof *one));
    PP_TRY_TO(done, m->backend->upload(s->point.probe, s->probe,
                                       (size_t)(m->modes * m->frame) * sizeof *one));
done:
    pp_free(one);
    return status;
}

pp_status pp_view_start(solve *s, double counts)
{
    PP_TRY(without_background(s, &counts));
    PP_TRY(start_probe(s, counts));
    return start_point(s);
}
