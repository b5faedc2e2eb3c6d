/* Zone-plate probe and its modes.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "models/zone_plate.h"

#include <complex.h>
#include <math.h>
#include <stdbool.h>

#include "backend/fft.h"
#include "base/alloc.h"

static const double pi = 3.141592653589793;

/* Pupil at frequency (qy, qx) in 1/m. */
static double complex pupil(const pp_zone_plate *o, double wavelength, double qy, double qx)
{
    const double q2 = qy * qy + qx * qx, edge = 0.5 / o->outer_zone_width;
    const double stop = edge * o->central_stop / o->diameter;
    if (q2 >= edge * edge || q2 < stop * stop) return 0;
    const double along_axes = qx * qx - qy * qy; /* q^2 cos(2 phi) */
    return cexp(-I * pi * wavelength * o->defocus * (q2 + o->astigmatism * along_axes));
}

static double fill_pupil(const pp_zone_plate *o, const pp_probe_grid *g, pp_c32 *out)
{
    const double step = 1 / ((double)g->n * g->pixel_size);
    const int64_t centre = g->n / 2;
    double power = 0;
    for (int64_t iy = 0; iy < g->n; iy++)
        for (int64_t ix = 0; ix < g->n; ix++) {
            const double ky = (double)(iy < (g->n + 1) / 2 ? iy : iy - g->n);
            const double kx = (double)(ix < (g->n + 1) / 2 ? ix : ix - g->n);
            /* the phase moves the focus from index 0 to n / 2 */
            const double move = -2 * pi * (ky + kx) * (double)centre / (double)g->n;
            const double complex v = pupil(o, g->wavelength, ky * step, kx * step) * cexp(I * move);
            out[iy * g->n + ix] = (pp_c32){(float)creal(v), (float)cimag(v)};
            power += creal(v * conj(v));
        }
    return power;
}

static pp_status check(const pp_zone_plate *o, const pp_probe_grid *g)
{
    if (o->outer_zone_width >= g->pixel_size && o->central_stop < o->diameter) return PP_OK;
    if (o->central_stop >= o->diameter)
        return PP_FAIL(PP_ERR_CONFIG, "the central stop of %g m covers the zone plate of %g m",
                       o->central_stop, o->diameter);
    return PP_FAIL(PP_ERR_CONFIG,
                   "an outer zone width of %g m is finer than the object pixel of %g m: the "
                   "detector does not hold the "
                   "bright-field cone; take a wider zone, a larger detector or a shorter distance",
                   o->outer_zone_width, g->pixel_size);
}

pp_status pp_zone_plate_probe(const pp_zone_plate *optics, const pp_probe_grid *grid, double power,
                              pp_c32 *out)
{
    const int64_t shape[2] = {grid->n, grid->n}, count = grid->n * grid->n;
    pp_fft *fft = NULL;
    PP_TRY(check(optics, grid));
    const double sum = fill_pupil(optics, grid, out);
    if (sum == 0)
        return PP_FAIL(PP_ERR_CONFIG,
                       "the ring of the zone plate falls between the %lld x %lld detector's "
                       "pixels; take a narrower "
                       "outer zone or a smaller stop",
                       (long long)grid->n, (long long)grid->n);
    PP_TRY(pp_fft_create(2, shape, 1, +1, &fft));
    pp_fft_run(fft, out);
    pp_fft_free(&fft);
    const double scale = sqrt(power / (sum * (double)count));
    for (int64_t i = 0; i < count; i++) {
        out[i].re = (float)(out[i].re * scale);
        out[i].im = (float)(out[i].im * scale);
    }
    return PP_OK;
}

static double complex value(pp_c32 z)
{
    return (double)z.re + I * (double)z.im;
}

/* Power, centre of mass (y, x) and variance along one axis, all in pixels. */
typedef struct moments {
    double power, y, x, variance;
} moments;

static moments measure(int64_t n, const pp_c32 *probe)
{
    moments m = {0};
    double square = 0;
    for (int64_t i = 0; i < n * n; i++) {
        const double p = (double)probe[i].re * probe[i].re + (double)probe[i].im * probe[i].im;
        const int64_t row = i / n, column = i % n;
        const double y = (double)row, x = (double)column;
        m.power += p;
        m.y += p * y;
        m.x += p * x;
        square += p * (y * y + x * x);
    }
    m.y /= m.power;
    m.x /= m.power;
    m.variance = 0.5 * (square / m.power - m.y * m.y - m.x * m.x);
    return m;
}

double pp_probe_width(const pp_probe_grid *grid, const pp_c32 *probe)
{
    return 4 * sqrt(measure(grid->n, probe).variance) * grid->pixel_size;
}

/* Takes out of `mode` its part along `base` and returns what power is left. */
static void orthogonalise(int64_t count, const pp_c32 *base, pp_c32 *mode)
{
    double complex dot = 0;
    double norm = 0;
    for (int64_t i = 0; i < count; i++) {
        dot += conj(value(base[i])) * value(mode[i]);
        norm += creal(value(base[i]) * conj(value(base[i])));
    }
    for (int64_t i = 0; i < count; i++) {
        const double complex v = value(mode[i]) - dot / norm * value(base[i]);
        mode[i] = (pp_c32){(float)creal(v), (float)cimag(v)};
    }
}

static void set_power(int64_t n, double power, pp_c32 *mode)
{
    const double scale = sqrt(power / measure(n, mode).power);
    for (int64_t i = 0; i < n * n; i++) {
        mode[i].re = (float)(mode[i].re * scale);
        mode[i].im = (float)(mode[i].im * scale);
    }
}

/* Mode 0 times the m-th monomial x^a y^b, by order a + b: x, y, x^2, x y, y^2, ... */
static void monomial(int64_t m, int64_t n, const pp_c32 *first, moments at, pp_c32 *mode)
{
    int64_t order = 0;
    while ((order + 1) * (order + 2) / 2 <= m) order++;
    const int64_t b = m - order * (order + 1) / 2, a = order - b;
    const double width = sqrt(at.variance);
    for (int64_t i = 0; i < n * n; i++) {
        const int64_t row = i / n, column = i % n;
        const double y = ((double)row - at.y) / width, x = ((double)column - at.x) / width;
        const double f = pow(x, (double)a) * pow(y, (double)b);
        mode[i] = (pp_c32){(float)(first[i].re * f), (float)(first[i].im * f)};
    }
}

pp_status pp_probe_modes(int64_t modes, int64_t n, double coherent_fraction, pp_c32 *probe)
{
    const moments at = measure(n, probe);
    double total = 0;
    for (int64_t m = 0; m < modes; m++) total += pow(1 - coherent_fraction, (double)m);
    for (int64_t m = 1; m < modes; m++) {
        pp_c32 *mode = probe + m * n * n;
        monomial(m, n, probe, at, mode);
        for (int64_t k = 0; k < m; k++) orthogonalise(n * n, probe + k * n * n, mode);
        set_power(n, at.power * pow(1 - coherent_fraction, (double)m) / total, mode);
    }
    set_power(n, at.power / total, probe);
    return PP_OK;
}

void pp_disc_probe(int64_t n, double power, pp_c32 *out)
{
    const double middle = 0.5 * (double)(n - 1), outer = middle + 1, inner = 0.8 * middle;
    double sum = 0;
    for (int64_t i = 0; i < n * n; i++) {
        const int64_t iy = i / n, ix = i % n;
        const double r = hypot((double)iy - middle, (double)ix - middle);
        const double s = r < inner ? 1 : r < outer ? (outer - r) / (outer - inner) : 0;
        out[i] = (pp_c32){(float)(s * cos(0.2 * s)), (float)(s * sin(0.2 * s))};
        sum += s * s;
    }
    const float scale = (float)sqrt(power / sum);
    for (int64_t i = 0; i < n * n; i++) out[i].re *= scale, out[i].im *= scale;
}
