/* SPDX-License-Identifier: BSD-3-Clause */
#include "backend/cpu/fftw_pattern.h"

#include <omp.h>

#include "kernels/complex.h"

pp_fftw_pattern pp_fftw_pattern_of(pp_fftw_sweep *s, int64_t j)
{
    const pp_sweep_setup *u = &s->base.setup;
    const int32_t *w = s->chunks.window[j];
    return (pp_fftw_pattern){s,
                             &s->work[omp_get_thread_num()],
                             j,
                             u->n,
                             u->n * u->n,
                             u->modes,
                             u->object[1],
                             s->ramp ? s->ramp + 2 * j * u->n : NULL,
                             w[0] * u->object[1] + w[1]};
}

void pp_fftw_transform(const pp_fftw_sweep *s, pp_c32 *hat, const pp_c32 *probe)
{
    const int64_t n2 = s->base.setup.n * s->base.setup.n;
    if (!hat || !probe) return;
#pragma omp parallel for num_threads(s->base.setup.threads) schedule(dynamic, 1)
    for (int64_t m = 0; m < s->base.setup.modes; m++) {
        pp_c32 *h = hat + m * n2;
        for (int64_t k = 0; k < n2; k++) h[k] = pp_times(1.0f / (float)n2, probe[m * n2 + k]);
        pp_fft_run(s->there, h);
    }
}

const pp_c32 *pp_fftw_moved(const pp_fftw_pattern *p, pp_c32 *room, const pp_c32 *hat,
                            const pp_c32 *probe)
{
    if (!p->ramp) return probe;
    for (int64_t m = 0; m < p->modes; m++) {
        pp_c32 *to = room + m * p->n2;
        const pp_c32 *from = hat + m * p->n2;
        for (int64_t y = 0; y < p->n; y++)
            for (int64_t x = 0; x < p->n; x++)
                to[y * p->n + x] =
                    pp_mul(from[y * p->n + x], pp_mul(p->ramp[y], p->ramp[p->n + x]));
        pp_fft_run(p->s->back, to);
    }
    return room;
}

static pp_c32 between(const pp_c32 *o, int64_t width, const float f[2])
{
    const pp_c32 above = pp_add(pp_times(1 - f[1], o[0]), pp_times(f[1], o[1])),
                 below = pp_add(pp_times(1 - f[1], o[width]), pp_times(f[1], o[width + 1]));
    return pp_add(pp_times(1 - f[0], above), pp_times(f[0], below));
}

pp_fftw_window pp_fftw_window_of(const pp_fftw_pattern *p, const pp_c32 *object, pp_c32 *room)
{
    const pp_c32 *o = object + p->corner;
    if (!p->s->parts) return (pp_fftw_window){o, p->width};
    for (int64_t k = 0; k < p->n2; k++)
        room[k] = between(o + k / p->n * p->width + k % p->n, p->width, p->s->parts[p->j]);
    return (pp_fftw_window){room, p->n};
}

void pp_fftw_far_field(const pp_fftw_pattern *p, pp_c32 *to, const pp_c32 *probe,
                       const pp_c32 *object, const pp_c32 *probe2, const pp_c32 *object2)
{
    const float unit = 1.0f / (float)p->n;
    const pp_fftw_window one = pp_fftw_window_of(p, object, p->w->window),
                         two = probe2 ? pp_fftw_window_of(p, object2, p->w->window2) : one;
    for (int64_t m = 0; m < p->modes; m++) {
        pp_c32 *f = to + m * p->n2;
        for (int64_t y = 0; y < p->n; y++) {
            const int64_t row = m * p->n2 + y * p->n;
            const pp_c32 *a = one.first + y * one.width, *b = two.first + y * two.width;
            if (probe2)
                for (int64_t x = 0; x < p->n; x++)
                    f[y * p->n + x] = pp_times(
                        unit, pp_add(pp_mul(probe[row + x], a[x]), pp_mul(probe2[row + x], b[x])));
            else
                for (int64_t x = 0; x < p->n; x++)
                    f[y * p->n + x] = pp_times(unit, pp_mul(probe[row + x], a[x]));
        }
        pp_fft_run(p->s->there, f);
    }
}

/* Brings a kept far field from `at` to `to` along the last line. */
static void follow(const pp_fftw_pattern *p, pp_c32 *far)
{
    const pp_fftw_sweep *s = p->s;
    const float a = (float)(s->to - s->at), b = (float)(s->to * s->to - s->at * s->at);
    const int64_t count = p->modes * p->n2;
    const pp_c32 *f1 = s->f1 + p->j * count;
    if (s->to == s->at) return;
    for (int64_t k = 0; k < count; k++) far[k] = pp_add(far[k], pp_times(a, f1[k]));
    if (!s->square) return;
    const pp_c32 *f2 = s->f2 + p->j * count;
    for (int64_t k = 0; k < count; k++) far[k] = pp_add(far[k], pp_times(b, f2[k]));
}

const pp_c32 *pp_fftw_far_of(const pp_fftw_pattern *p, const pp_c32 *probe, const pp_c32 *object)
{
    pp_c32 *far = p->s->far ? p->s->far + p->j * p->modes * p->n2 : p->w->far;
    if (p->s->far && p->s->known)
        follow(p, far);
    else
        pp_fftw_far_field(p, far, probe, object, NULL, NULL);
    return far;
}

void pp_fftw_all_known(pp_fftw_sweep *s)
{
    s->known = true;
    s->at = s->to;
}
