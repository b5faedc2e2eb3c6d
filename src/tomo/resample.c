/* Sub-pixel shifts by Fourier interpolation.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "tomo/resample.h"

#include <math.h>
#include <stdbool.h>

#include "backend/fft.h"
#include "base/alloc.h"

static const double pi = 3.14159265358979323846;

enum { margin = 16 };

struct pp_shifter {
    pp_grid_box from, to;
    int64_t py, px; /* with margins */
    double band;
    pp_fft *forward, *backward;
};

/* An image of either kind. */
typedef struct image {
    const pp_c32 *complex;
    const float *real;
} image;

/* Next length with no prime factor above 5. */
static int64_t good_length(int64_t n)
{
    for (;; n++) {
        int64_t rest = n;
        for (int64_t f = 2; f <= 5; f++)
            while (rest % f == 0) rest /= f;
        if (rest == 1 && n % 2 == 0) return n;
    }
}

pp_status pp_shifter_create(pp_grid_box from, pp_grid_box to, pp_shifter **out)
{
    pp_shifter *s;
    PP_TRY(PP_ALLOC(1, &s));
    s->from = from;
    s->to = to;
    s->band = 1;
    s->py = good_length(from.y1 - from.y0 + 2 * margin);
    s->px = good_length(from.x1 - from.x0 + 2 * margin);
    const int64_t shape[] = {s->py, s->px};
    /* Estimated plans: the same on every rank. */
    const pp_fft_effort before = pp_fft_set_effort(PP_FFT_ESTIMATE);
    pp_status status = pp_fft_create(2, shape, 1, -1, &s->forward);
    if (status == PP_OK) status = pp_fft_create(2, shape, 1, 1, &s->backward);
    (void)pp_fft_set_effort(before);
    if (status == PP_OK) {
        *out = s;
    } else {
        pp_shifter_free(&s);
    }
    return status;
}

void pp_shifter_free(pp_shifter **shifter)
{
    if (!*shifter) return;
    if ((*shifter)->forward) pp_fft_free(&(*shifter)->forward);
    if ((*shifter)->backward) pp_fft_free(&(*shifter)->backward);
    pp_free(*shifter);
    *shifter = NULL;
}

void pp_shifter_set_band(pp_shifter *shifter, double factor)
{
    shifter->band = factor;
}

static int64_t clamp(int64_t i, int64_t n)
{
    return i < 0 ? 0 : i >= n ? n - 1 : i;
}

/* 1 inside, falling to 0 at a margin's distance. */
static double fade(int64_t i, int64_t n)
{
    const int64_t away = i < 0 ? -i : i >= n ? i - n + 1 : 0;
    if (away >= margin) return 0;
    const double c = cos(pi / 2 * (double)away / margin);
    return c * c;
}

/* The image less air, with its margins. */
static void embed(const pp_shifter *s, image in, pp_c32 air, pp_c32 *buffer)
{
    const int64_t ny = s->from.y1 - s->from.y0, nx = s->from.x1 - s->from.x0;
    for (int64_t y = 0; y < s->py; y++) {
        const double fy = fade(y - margin, ny);
        const int64_t row = clamp(y - margin, ny) * nx;
        for (int64_t x = 0; x < s->px; x++) {
            const int64_t i = row + clamp(x - margin, nx);
            const float f = (float)(fy * fade(x - margin, nx));
            const pp_c32 z = in.complex ? in.complex[i] : (pp_c32){in.real[i], 0};
            buffer[y * s->px + x] = (pp_c32){f * (z.re - air.re), f * (z.im - air.im)};
        }
    }
}

/* Smooth low-pass that ends at half / factor cycles a pixel. */
static double pass(double frequency, double factor)
{
    if (factor <= 1) return 1;
    const double f = fabs(frequency) * 2 * factor;
    if (f <= 0.8) return 1;
    if (f >= 1) return 0;
    const double c = cos(pi / 2 * (f - 0.8) / 0.2);
    return c * c;
}

static void ramp_of(int64_t n, double shift, double factor, pp_c64 *ramp)
{
    for (int64_t k = 0; k < n; k++) {
        const double f = (double)(k < n - k ? k : k - n) / (double)n;
        const double a = -2 * pi * f * shift, p = pass(f, factor) / (double)n;
        ramp[k] = (pp_c64){p * cos(a), p * sin(a)};
    }
}

static void apply_ramps(const pp_shifter *s, const pp_c64 *ry, const pp_c64 *rx, pp_c32 *buffer)
{
    for (int64_t y = 0; y < s->py; y++)
        for (int64_t x = 0; x < s->px; x++) {
            const pp_c64 r = {ry[y].re * rx[x].re - ry[y].im * rx[x].im,
                              ry[y].re * rx[x].im + ry[y].im * rx[x].re};
            pp_c32 *z = &buffer[y * s->px + x];
            *z = (pp_c32){(float)(z->re * r.re - z->im * r.im),
                          (float)(z->re * r.im + z->im * r.re)};
        }
}

static pp_status moved(const pp_shifter *s, image in, pp_c32 air, const double rest[2],
                       pp_c32 **out)
{
    pp_c32 *buffer;
    pp_c64 *ramps;
    PP_TRY(pp_fft_buffer(s->py * s->px, &buffer));
    const pp_status status = PP_ALLOC(s->py + s->px, &ramps);
    if (status != PP_OK) {
        pp_free(buffer);
        return status;
    }
    ramp_of(s->py, rest[0], s->band, ramps);
    ramp_of(s->px, rest[1], s->band, ramps + s->py);
    embed(s, in, air, buffer);
    pp_fft_run(s->forward, buffer);
    apply_ramps(s, ramps, ramps + s->py, buffer);
    pp_fft_run(s->backward, buffer);
    pp_free(ramps);
    *out = buffer;
    return PP_OK;
}

/* Takes `to` out of the moved image; `put` is one of out_complex, out_real. */
static void crop(const pp_shifter *s, const pp_c32 *buffer, pp_c32 air, const int64_t whole[2],
                 pp_c32 *out_complex, float *out_real)
{
    const int64_t width = s->to.x1 - s->to.x0;
    for (int64_t y = s->to.y0; y < s->to.y1; y++)
        for (int64_t x = s->to.x0; x < s->to.x1; x++) {
            const int64_t sy = y - whole[0], sx = x - whole[1];
            const bool inside =
                sy >= s->from.y0 && sy < s->from.y1 && sx >= s->from.x0 && sx < s->from.x1;
            pp_c32 z = air;
            if (inside) {
                const pp_c32 b =
                    buffer[(sy - s->from.y0 + margin) * s->px + sx - s->from.x0 + margin];
                z = (pp_c32){air.re + b.re, air.im + b.im};
            }
            const int64_t i = (y - s->to.y0) * width + x - s->to.x0;
            if (out_complex) {
                out_complex[i] = z;
            } else {
                out_real[i] = z.re;
            }
        }
}

static pp_status shift_image(const pp_shifter *s, image in, pp_c32 air, const double shift[2],
                             pp_c32 *out_complex, float *out_real)
{
    const int64_t whole[2] = {(int64_t)floor(shift[0] + 0.5), (int64_t)floor(shift[1] + 0.5)};
    const double rest[2] = {shift[0] - (double)whole[0], shift[1] - (double)whole[1]};
    pp_c32 *buffer;
    PP_TRY(moved(s, in, air, rest, &buffer));
    crop(s, buffer, air, whole, out_complex, out_real);
    pp_free(buffer);
    return PP_OK;
}

pp_status pp_shift_complex(const pp_shifter *shifter, const pp_c32 *in, pp_c32 air,
                           const double shift[2], pp_c32 *out)
{
    return shift_image(shifter, (image){in, NULL}, air, shift, out, NULL);
}

pp_status pp_shift_real(const pp_shifter *shifter, const float *in, const double shift[2],
                        float *out)
{
    return shift_image(shifter, (image){NULL, in}, (pp_c32){0, 0}, shift, NULL, out);
}

double pp_shifter_bytes(int64_t ny, int64_t nx)
{
    const double py = (double)good_length(ny + 2 * margin),
                 px = (double)good_length(nx + 2 * margin);
    return py * px * sizeof(pp_c32) + (py + px) * sizeof(pp_c64);
}
