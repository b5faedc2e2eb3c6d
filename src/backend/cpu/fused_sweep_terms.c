/* What the fused sweeps sum beside gradient and line: illumination, position terms, background.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>
#include <string.h>

#include "backend/cpu/fused_pattern.h"
#include "kernels/corner.h"
#include "kernels/pixel.h"

/* ---- illumination ---- */

/* A chunk's box: one of the two is NULL. */
typedef struct light_box {
    float *box;
    double *wide;
} light_box;

/* Lanes of |probe|^2 onto a row of the box, or a part of each onto the row and its neighbours. */
static void add_light(const light_box *to, int64_t at, const float *probe, int64_t lanes,
                      float part)
{
    for (int64_t l = 0; l < lanes; l++) {
        const float light = part * (probe[l] * probe[l] + probe[lanes + l] * probe[lanes + l]);
        if (to->wide)
            to->wide[at + l] += (double)light;
        else
            to->box[at + l] += light;
    }
}

/* |probe|^2 of one mode of one pattern, into its chunk's box. */
static void light_mode(const pp_fused_pattern *p, const pp_chunk *chunk, light_box box,
                       const float *probe)
{
    const pp_fused_sweep *s = p->s;
    const int64_t n = s->base.setup.n, lanes = s->kernels->width, columns = chunk->width,
                  place = pp_fused_place_in(p, chunk);
    for (int64_t block = 0; block < n / lanes; block++)
        for (int64_t y = 0; y < n; y++, probe += 2 * lanes) {
            const int64_t at = place + y * columns + block * lanes;
            for (int c = 0; c < (s->parts ? 4 : 1); c++)
                add_light(&box, at + pp_corner_offset(c, columns), probe, lanes,
                          s->parts ? pp_corner_weight(c, s->parts[p->j].y, s->parts[p->j].x) : 1);
        }
}

static void light_object(const pp_fused_pattern *p, const pp_chunk *chunk, light_box box)
{
    const float *probe = pp_fused_moved(p, p->w->probe, p->s->hat, p->s->packed);
    for (int64_t m = 0; m < p->modes; m++) light_mode(p, chunk, box, probe + m * p->s->probe);
}

pp_status pp_fused_illumination_pass(pp_sweep *sweep, float *object, float *probe,
                                     const pp_sweep_point *at)
{
    pp_fused_sweep *s = (pp_fused_sweep *)sweep;
    if (probe) pp_chunks_light(&s->chunks, probe, at->object, &s->base.setup);
    if (!object) return PP_OK;
    pp_fused_prepare(s, s->packed, s->hat, at->probe);
    pp_turns_begin(&s->turns, object, NULL, 1, NULL);
#pragma omp parallel num_threads(s->base.setup.threads)
    for (int64_t i; (i = pp_turns_take(&s->turns)) >= 0; pp_turns_give(&s->turns, i)) {
        const pp_chunk *chunk = &s->chunks.chunk[i];
        const light_box box = {pp_turns_box(&s->turns, i), pp_turns_wide_box(&s->turns, i)};
        for (int64_t k = chunk->first; k < chunk->first + chunk->count; k++) {
            const pp_fused_pattern p = pp_fused_pattern_here(s, s->chunks.order[k]);
            light_object(&p, chunk, box);
        }
    }
    return PP_OK;
}

/* ---- positions ---- */

/* Fields `which` of the derivative along `axis`: the derivative of exp(-2 pi i k f / n) is -2 pi i k / n times it. */
static void derivative(const pp_fused_pattern *p, int64_t which, int axis, const pp_c32 *object)
{
    const pp_fused_sweep *s = p->s;
    const int64_t n = s->base.setup.n;
    const pp_c32 *from = axis == 0 ? p->ramp.y : p->ramp.x;
    for (int64_t place = 0; place < n; place++) {
        const int64_t k = s->digits[place];
        const float q = (float)(-6.283185307179586 * (double)(k < n / 2 ? k : k - n) / (double)n);
        // NOLINTNEXTLINE(clang-analyzer-core.NullDereference): ramps are there with Fourier positions
        p->w->ramp[place] = (pp_c32){-q * from[place].im, q * from[place].re};
    }
    pp_fused_pattern d = *p;
    if (axis == 0)
        d.ramp.y = p->w->ramp;
    else
        d.ramp.x = p->w->ramp;
    pp_fused_products(p, pp_fused_field(p, which), object,
                      pp_fused_moved(&d, p->w->dprobe, s->hat, s->packed));
}

static void pattern_terms(const pp_fused_pattern *p, pp_sweep_position *out,
                          const pp_sweep_point *at)
{
    const pp_fused_sweep *s = p->s;
    derivative(p, 2, 1, at->object); /* before the others: moving a probe uses field 0 */
    derivative(p, 1, 0, at->object);
    pp_fused_products(p, pp_fused_field(p, 0), at->object,
                      pp_fused_moved(p, p->w->probe, s->hat, s->packed));
    if (!s->measured) pp_fused_measure_fields(p, pp_fused_field(p, 0));
    const pp_fused_frame frame = pp_fused_frame_of(s, p->j);
    pp_fused_terms terms = {
        .modes = (int)p->modes,
        .fields = {pp_fused_field(p, 0), pp_fused_field(p, 1), pp_fused_field(p, 2)},
        .rows = p->w->rows};
    s->kernels->terms(&s->plan, &terms, &frame);
    *out =
        (pp_sweep_position){terms.yy, terms.yx, terms.xx, terms.ry, terms.rx, terms.ww, terms.rw};
}

pp_status pp_fused_positions_pass(pp_sweep *sweep, pp_sweep_position *out, const pp_sweep_point *at)
{
    pp_fused_sweep *s = (pp_fused_sweep *)sweep;
    pp_fused_prepare(s, s->packed, s->hat, at->probe);
#pragma omp parallel for num_threads(s->base.setup.threads) schedule(dynamic, 1)
    for (int64_t j = 0; j < s->base.setup.patterns; j++) {
        const pp_fused_pattern p = pp_fused_pattern_here(s, j);
        pattern_terms(&p, out + j, at);
    }
    s->measured = true;
    return PP_OK;
}

/* ---- background ---- */

void pp_fused_set_background(pp_sweep *sweep, const float *background)
{
    const pp_fused_sweep *s = (pp_fused_sweep *)sweep;
    memcpy(s->background, background, (size_t)(s->base.setup.n * s->base.setup.n) * sizeof(float));
    sweep->kind->renew(sweep); /* the largest intensities are others */
}

/* Intensities of a pattern in detector order, in its first field. */
static void intensities(const pp_fused_pattern *p, const pp_sweep_point *at)
{
    const pp_fused_sweep *s = p->s;
    const int64_t n2 = s->base.setup.n * s->base.setup.n, width = s->kernels->width;
    float *inten = pp_fused_field(p, 0), *far = pp_fused_field(p, 1);
    pp_fused_products(p, inten, at->object, pp_fused_moved(p, p->w->probe, s->hat, s->packed));
    pp_fused_gradient g = {
        .modes = (int)p->modes, .fields = inten, .rows = p->w->rows, .kept = far};
    s->kernels->far(&s->plan, &g, s->background);
    memcpy(inten, s->background, (size_t)n2 * sizeof *inten);
    for (int64_t m = 0; m < p->modes; m++)
        for (int64_t k = 0; k < n2; k++) {
            const float *a = far + m * s->probe + k / width * 2 * width + k % width;
            inten[k] += (a[0] * a[0] + a[width] * a[width]) / (float)n2;
        }
}

/* Counts of pixel k, and whether they were measured. */
static bool counts_at(const pp_fused_sweep *s, int64_t j, int64_t k, double *out)
{
    const pp_fused_frame frame = pp_fused_frame_of(s, j);
    if (frame.mask && !frame.mask[k]) return false;
    if (frame.wide) {
        const float d = ((const float *)frame.counts)[k];
        *out = (double)d;
        return pp_measured_f32(d);
    }
    const uint16_t d = ((const uint16_t *)frame.counts)[k];
    *out = d;
    return pp_measured_u16(d);
}

/* Derivatives of one pattern's cost with respect to the background of pixel k, added. */
static void add_derivatives(const pp_fused_sweep *s, int64_t j, int64_t k, double inten,
                            double *first, double *second)
{
    const bool poisson = s->base.setup.model == PP_SWEEP_POISSON;
    double d;
    if (!counts_at(s, j, k, &d) || !(inten > 0)) return;
    const double ratio = poisson ? d / inten : sqrt(d / inten);
    *first += 1 - ratio;
    *second += (poisson ? 1 : 0.5) * ratio / inten;
}

/* As many patterns at a time as there are threads; each pixel adds them in order. */
pp_status pp_fused_background_terms(pp_sweep *sweep, double *first, double *second,
                                    const pp_sweep_point *at)
{
    const pp_fused_sweep *s = (pp_fused_sweep *)sweep;
    const pp_sweep_setup *u = &s->base.setup;
    const int64_t n2 = u->n * u->n;
    memset(first, 0, (size_t)n2 * sizeof *first), memset(second, 0, (size_t)n2 * sizeof *second);
    pp_fused_prepare(s, s->packed, s->hat, at->probe);
    for (int64_t from = 0; from < u->patterns; from += u->threads) {
        const int64_t left = u->patterns - from, count = left < u->threads ? left : u->threads;
#pragma omp parallel for num_threads(u->threads) schedule(static, 1)
        for (int64_t t = 0; t < count; t++) {
            const pp_fused_pattern p = pp_fused_pattern_of(s, from + t, &s->work[t]);
            intensities(&p, at);
        }
#pragma omp parallel for num_threads(u->threads) schedule(static)
        for (int64_t k = 0; k < n2; k++)
            for (int64_t t = 0; t < count; t++)
                add_derivatives(s, from + t, k, (double)s->work[t].fields[k], &first[k],
                                &second[k]);
    }
    return PP_OK;
}
