/* Specimens and their views.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "tomo/specimen.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "backend/fft.h"
#include "base/alloc.h"
#include "tomo/joseph.h"

struct pp_specimen {
    pp_phantom *phantom; /* or a volume: */
    int64_t slices, n;
    float *delta, *beta;
    float *sheet; /* or a sheet of slices x n pixels */
};

/* Of a volume: the spectrum of its line integrals on a grid of rows x columns pixels that begins at (v0, u0). */
struct pp_specimen_view {
    const pp_phantom *phantom;
    const pp_specimen *sheet;
    double angle;
    pp_window field;
    pp_c32 *spectrum;
    pp_fft *backward;
};

pp_status pp_specimen_bodies(pp_phantom **phantom, pp_specimen **out)
{
    pp_specimen *specimen = NULL;
    const pp_status status = PP_ALLOC(1, &specimen);
    if (status != PP_OK) {
        pp_phantom_free(phantom);
        return status;
    }
    specimen->phantom = *phantom;
    *phantom = NULL;
    *out = specimen;
    return PP_OK;
}

pp_status pp_specimen_volume(int64_t slices, int64_t n, float **delta, float **beta,
                             pp_specimen **out)
{
    pp_specimen *specimen = NULL;
    const pp_status status = PP_ALLOC(1, &specimen);
    if (status == PP_OK) {
        *specimen = (pp_specimen){.slices = slices, .n = n, .delta = *delta, .beta = *beta};
        *out = specimen;
    } else {
        pp_free(*delta);
        pp_free(*beta);
    }
    *delta = NULL;
    *beta = NULL;
    return status;
}

pp_status pp_specimen_sheet(int64_t rows, int64_t columns, float **sheet, pp_specimen **out)
{
    pp_specimen *specimen = NULL;
    const pp_status status = PP_ALLOC(1, &specimen);
    if (status == PP_OK) {
        *specimen = (pp_specimen){.slices = rows, .n = columns, .sheet = *sheet};
        *out = specimen;
    } else
        pp_free(*sheet);
    *sheet = NULL;
    return status;
}

const float *pp_specimen_sheet_of(const pp_specimen *specimen)
{
    return specimen->sheet;
}

void pp_specimen_free(pp_specimen **specimen)
{
    pp_specimen *s = *specimen;
    if (s) {
        pp_phantom_free(&s->phantom);
        pp_free(s->delta);
        pp_free(s->beta);
        pp_free(s->sheet);
    }
    pp_free(s);
    *specimen = NULL;
}

void pp_specimen_scale(pp_specimen *specimen, double factor)
{
    if (specimen->phantom) {
        pp_phantom_scale(specimen->phantom, factor);
        return;
    }
    for (int64_t i = 0; specimen->sheet && i < specimen->slices * specimen->n; i++)
        specimen->sheet[i] = (float)(specimen->sheet[i] * factor);
    for (int64_t i = 0; specimen->delta && i < specimen->slices * specimen->n * specimen->n; i++) {
        specimen->delta[i] = (float)(specimen->delta[i] * factor);
        specimen->beta[i] = (float)(specimen->beta[i] * factor);
    }
}

void pp_specimen_voxels(const pp_specimen *specimen, pp_slab slab, float *delta, float *beta)
{
    if (specimen->phantom) {
        pp_phantom_voxels(specimen->phantom, slab, delta, beta);
        return;
    }
    memset(delta, 0, (size_t)(slab.rows * slab.n * slab.n) * sizeof *delta);
    memset(beta, 0, (size_t)(slab.rows * slab.n * slab.n) * sizeof *beta);
    if (specimen->sheet) return;
    const int64_t n = specimen->n, move = n / 2 - slab.n / 2;
    const int64_t begin = move < 0 ? -move : 0, end = n - move < slab.n ? n - move : slab.n;
    for (int64_t r = 0; r < slab.rows; r++) {
        const int64_t z = slab.first + r - slab.slices / 2 + specimen->slices / 2;
        if (z < 0 || z >= specimen->slices) continue;
        for (int64_t y = begin; y < end; y++) {
            const int64_t from = (z * n + y + move) * n + begin + move;
            const int64_t to = (r * slab.n + y) * slab.n + begin;
            memcpy(delta + to, specimen->delta + from, (size_t)(end - begin) * sizeof *delta);
            memcpy(beta + to, specimen->beta + from, (size_t)(end - begin) * sizeof *beta);
        }
    }
}

/* Smallest even size of factors 2, 3, 5 from `at_least` on. */
static int64_t good_size(int64_t at_least)
{
    for (int64_t size = at_least + (at_least & 1);; size += 2) {
        int64_t rest = size;
        while (rest % 2 == 0) rest /= 2;
        while (rest % 3 == 0) rest /= 3;
        while (rest % 5 == 0) rest /= 5;
        if (rest == 1) return size;
    }
}

/* Line integrals of a volume at half-pixel distance, [slices][2 reach], the axis at column reach. */
static pp_status dense_lines(const pp_specimen *s, const float *volume, double angle, int64_t reach,
                             float **out)
{
    const pp_joseph joseph = {
        .n = s->n, .columns = 2 * reach, .views = 1, .angles = &angle, .pitch = 0.5};
    PP_TRY(PP_ALLOC(s->slices * 2 * reach, out));
    pp_joseph_forward(&joseph, s->slices, volume, *out);
    return PP_OK;
}

/* Mean over the pixel at whole column u, by the trapezium rule over its two halves. */
static float pixel_mean(const float *line, int64_t reach, int64_t u)
{
    const int64_t c = reach + 2 * u;
    if (c < 1 || c + 1 >= 2 * reach) return 0;
    return 0.25f * line[c - 1] + 0.5f * line[c] + 0.25f * line[c + 1];
}

static void fill_map(const pp_specimen *s, const float *delta, const float *beta, int64_t reach,
                     const pp_window *f, pp_c32 *map)
{
    for (int64_t i = 0; i < f->rows; i++) {
        const int64_t z = i + (int64_t)f->v0 + s->slices / 2;
        if (z < 0 || z >= s->slices) continue;
        for (int64_t j = 0; j < f->columns; j++) {
            const int64_t u = j + (int64_t)f->u0;
            map[i * f->columns + j] = (pp_c32){pixel_mean(delta + z * 2 * reach, reach, u),
                                               pixel_mean(beta + z * 2 * reach, reach, u)};
        }
    }
}

static pp_status make_spectrum(const pp_specimen *s, pp_specimen_view *view)
{
    pp_status status = PP_OK;
    float *delta = NULL, *beta = NULL;
    pp_fft *forward = NULL;
    const pp_window *f = &view->field;
    const int64_t shape[2] = {f->rows, f->columns};
    const int64_t reach = 2 * (int64_t)ceil(0.75 * (double)s->n) + 4; /* beyond the diagonal */
    PP_TRY_TO(done, pp_fft_buffer(f->rows * f->columns, &view->spectrum));
    PP_TRY_TO(done, dense_lines(s, s->delta, view->angle, reach, &delta));
    PP_TRY_TO(done, dense_lines(s, s->beta, view->angle, reach, &beta));
    PP_TRY_TO(done, pp_fft_create(2, shape, 1, -1, &forward));
    PP_TRY_TO(done, pp_fft_create(2, shape, 1, +1, &view->backward));
    memset(view->spectrum, 0, (size_t)(f->rows * f->columns) * sizeof(pp_c32));
    fill_map(s, delta, beta, reach, f, view->spectrum);
    pp_fft_run(forward, view->spectrum);
done:
    pp_fft_free(&forward);
    pp_free(delta);
    pp_free(beta);
    return status;
}

pp_status pp_specimen_view_create(const pp_specimen *specimen, double angle, pp_window field,
                                  pp_specimen_view **out)
{
    pp_specimen_view *view = NULL;
    PP_TRY(PP_ALLOC(1, &view));
    view->phantom = specimen->phantom;
    view->sheet = specimen->sheet ? specimen : NULL;
    view->angle = angle;
    if (!specimen->phantom &&
        !specimen->sheet) { /* whole pixels, and a rim that takes up the wrap-around */
        view->field.v0 = floor(field.v0) - 4;
        view->field.u0 = floor(field.u0) - 4;
        view->field.rows = good_size(field.rows + 10);
        view->field.columns = good_size(field.columns + 10);
        const pp_status status = make_spectrum(specimen, view);
        if (status != PP_OK) {
            pp_specimen_view_free(&view);
            return status;
        }
    }
    *out = view;
    return PP_OK;
}

void pp_specimen_view_free(pp_specimen_view **view)
{
    if (*view) {
        pp_fft_free(&(*view)->backward);
        pp_free((*view)->spectrum);
    }
    pp_free(*view);
    *view = NULL;
}

int64_t pp_specimen_scratch(const pp_specimen_view *view)
{
    return view->phantom || view->sheet ? 1 : view->field.rows * view->field.columns;
}

/* exp(2 pi i k s / n) at signed frequency k / n; the Nyquist term keeps its real part. */
static pp_c64 shift_factor(int64_t k, int64_t n, double s)
{
    const int64_t signed_k = k < (n + 1) / 2 ? k : k - n;
    const double angle = 6.283185307179586 * (double)signed_k * s / (double)n;
    return (pp_c64){cos(angle), 2 * k == n ? 0 : sin(angle)};
}

static void shifted_map(const pp_specimen_view *view, double sv, double su, pp_c32 *out)
{
    const pp_window *f = &view->field;
    for (int64_t i = 0; i < f->rows; i++) {
        const pp_c64 a = shift_factor(i, f->rows, sv);
        for (int64_t j = 0; j < f->columns; j++) {
            const pp_c64 b = shift_factor(j, f->columns, su);
            const double re = a.re * b.re - a.im * b.im, im = a.re * b.im + a.im * b.re;
            const pp_c32 z = view->spectrum[i * f->columns + j];
            out[i * f->columns + j] =
                (pp_c32){(float)(z.re * re - z.im * im), (float)(z.re * im + z.im * re)};
        }
    }
    pp_fft_run(view->backward, out);
}

static void look_at_sheet(const pp_specimen *s, pp_window w, pp_c64 *out)
{
    const int64_t top = llrint(w.v0) + s->slices / 2, left = llrint(w.u0) + s->n / 2;
    for (int64_t i = 0; i < w.rows; i++)
        for (int64_t j = 0; j < w.columns; j++) {
            const int64_t y = top + i, x = left + j;
            const bool inside = y >= 0 && y < s->slices && x >= 0 && x < s->n;
            out[i * w.columns + j] = (pp_c64){inside ? (double)s->sheet[y * s->n + x] : 0, 0};
        }
}

void pp_specimen_look(const pp_specimen_view *view, pp_window w, pp_c32 *scratch, pp_c64 *out)
{
    if (view->phantom) {
        pp_phantom_project(view->phantom, view->angle, w, out);
        return;
    }
    if (view->sheet) {
        look_at_sheet(view->sheet, w, out);
        return;
    }
    const pp_window *f = &view->field;
    const double scale = 1 / (double)(f->rows * f->columns);
    const int64_t row = (int64_t)(floor(w.v0) - f->v0), column = (int64_t)(floor(w.u0) - f->u0);
    shifted_map(view, w.v0 - floor(w.v0), w.u0 - floor(w.u0), scratch);
    for (int64_t i = 0; i < w.rows; i++)
        for (int64_t j = 0; j < w.columns; j++) {
            const pp_c32 z = scratch[(i + row) * f->columns + j + column];
            out[i * w.columns + j] = (pp_c64){z.re * scale, z.im * scale};
        }
}

pp_status pp_specimen_peak(const pp_specimen *specimen, int64_t slices, int64_t n, int64_t angles,
                           double *out)
{
    pp_status status = PP_OK;
    pp_c64 *lines = NULL;
    pp_c32 *scratch = NULL;
    pp_specimen_view *view = NULL;
    const int64_t top = -(slices / 2), left = -(n / 2);
    const pp_window window = {(double)top, (double)left, slices, n};
    double peak = 0;
    PP_TRY_TO(done, PP_ALLOC(slices * n, &lines));
    for (int64_t k = 0; k < angles; k++) {
        const double angle = 3.141592653589793 * (double)k / (double)angles;
        PP_TRY_TO(done, pp_specimen_view_create(specimen, angle, window, &view));
        pp_free(scratch);
        scratch = NULL;
        PP_TRY_TO(done, pp_fft_buffer(pp_specimen_scratch(view), &scratch));
        pp_specimen_look(view, window, scratch, lines);
        for (int64_t i = 0; i < slices * n; i++) peak = fmax(peak, fabs(lines[i].re));
        pp_specimen_view_free(&view);
    }
    *out = peak;
done:
    pp_specimen_view_free(&view);
    pp_free(scratch);
    pp_free(lines);
    return status;
}
