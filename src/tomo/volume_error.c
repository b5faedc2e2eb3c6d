/* Error of a volume: a search over whole voxels, then Gauss-Newton steps of the translation.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "tomo/volume_error.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "backend/fft.h"
#include "base/alloc.h"
#include "tomo/solve3.h"

enum { AXES = 3, WHOLE = 4, STEPS = 12, SAMPLES = 100000 };

static const double pi = 3.14159265358979323846;

/* Both volumes; `wide` is v on the larger of both shapes. */
typedef struct pair {
    const int64_t *shape; /* of t */
    int64_t wide[AXES];
    const float *t;
    float *v, *work; /* [wide] as given, and moved */
} pair;

static int64_t count_of(const int64_t *shape)
{
    return shape[0] * shape[1] * shape[2];
}

/* Voxel (z, y, x) of t's array in an array of another shape with the same origin; -1 outside. */
static int64_t place(const int64_t *from, const int64_t *to, const int64_t at[AXES])
{
    int64_t index = 0;
    for (int axis = 0; axis < AXES; axis++) {
        const int64_t i = at[axis] - from[axis] / 2 + to[axis] / 2;
        if (i < 0 || i >= to[axis]) return -1;
        index = index * to[axis] + i;
    }
    return index;
}

/* Copies the part that both shapes have. */
static void copy_common(const int64_t *from_shape, const float *from, const int64_t *to_shape,
                        float *to)
{
    for (int64_t z = 0; z < to_shape[0]; z++)
        for (int64_t y = 0; y < to_shape[1]; y++)
            for (int64_t x = 0; x < to_shape[2]; x++) {
                const int64_t source = place(to_shape, from_shape, (const int64_t[]){z, y, x});
                *to++ = source < 0 ? 0 : from[source];
            }
}

/* ---- translation ---- */

/* Where the volume goes, and whether to its means over voxels: those of the band-limited field that it samples. */
typedef struct placing {
    double shift[AXES];
    bool means;
} placing;

/* sin(pi f) / (pi f) of f cycles a voxel. */
static double sinc(double f)
{
    return fabs(f) > 1e-6 ? sin(pi * f) / (pi * f) : 1;
}

/* Two real lines as one complex one, times the ramp of a shift, and the mean over a voxel. */
static void shift_pair(const pp_fft *const fft[2], int64_t n, double shift, bool means,
                       pp_c32 *line)
{
    pp_fft_run(fft[0], line);
    for (int64_t k = 0; k < n; k++) {
        const double f = (double)(2 * k < n ? k : k - n), angle = -2 * pi * f * shift / (double)n;
        const double gain = (means ? sinc(f / (double)n) : 1) / (double)n;
        const float c = (float)(cos(angle) * gain), s = 2 * k == n ? 0 : (float)(sin(angle) * gain);
        const pp_c32 a = line[k];
        line[k] = (pp_c32){c * a.re - s * a.im, c * a.im + s * a.re};
    }
    pp_fft_run(fft[1], line);
}

/* Lines along one axis of the moved volume. */
static pp_status shift_axis(const pair *p, int axis, const placing *to)
{
    const int64_t n = p->wide[axis], lines = count_of(p->wide) / n;
    int64_t step = 1;
    for (int k = axis + 1; k < AXES; k++) step *= p->wide[k];
    pp_fft *fft[2] = {NULL, NULL};
    pp_c32 *line = NULL;
    pp_status status = pp_fft_create(1, &n, 1, -1, &fft[0]);
    if (status == PP_OK) status = pp_fft_create(1, &n, 1, 1, &fft[1]);
    if (status == PP_OK) status = pp_fft_buffer(n, &line);
    for (int64_t i = 0; status == PP_OK && i < lines; i += 2) {
        float *one = p->work + i / step * step * n + i % step, *two = one;
        const bool both = i + 1 < lines;
        if (both) two = p->work + (i + 1) / step * step * n + (i + 1) % step;
        for (int64_t k = 0; k < n; k++) line[k] = (pp_c32){one[k * step], two[k * step]};
        shift_pair((const pp_fft *const *)fft, n, to->shift[axis], to->means, line);
        for (int64_t k = 0; k < n; k++) {
            one[k * step] = line[k].re;
            if (both) two[k * step] = line[k].im;
        }
    }
    pp_fft_free(&fft[0]);
    pp_fft_free(&fft[1]);
    pp_free(line);
    return status;
}

static pp_status translate(const pair *p, const placing *to)
{
    memcpy(p->work, p->v, (size_t)count_of(p->wide) * sizeof *p->work);
    for (int axis = 0; axis < AXES; axis++) PP_TRY(shift_axis(p, axis, to));
    return PP_OK;
}

/* ---- comparison over the central three quarters ---- */

/* Calls of visit for every `stride`-th voxel: index in t and in the wide volume. */
typedef void visitor(void *self, int64_t in_t, int64_t in_wide, const int64_t at[AXES]);

static void visit_inner(const pair *p, int64_t stride, visitor *visit, void *self)
{
    int64_t low[AXES], high[AXES], at[AXES];
    for (int k = 0; k < AXES; k++) {
        const int64_t inner = 3 * p->shape[k] / 4;
        low[k] = p->shape[k] / 2 - inner / 2;
        high[k] = low[k] + inner;
    }
    for (at[0] = low[0]; at[0] < high[0]; at[0] += stride)
        for (at[1] = low[1]; at[1] < high[1]; at[1] += stride)
            for (at[2] = low[2]; at[2] < high[2]; at[2] += stride)
                visit(self, (at[0] * p->shape[1] + at[1]) * p->shape[2] + at[2],
                      place(p->shape, p->wide, at), at);
}

typedef struct whole_search {
    const pair *p;
    int64_t shift[AXES];
    double squares;
} whole_search;

static void add_square(void *self_, int64_t in_t, int64_t in_wide, const int64_t at[AXES])
{
    whole_search *self = self_;
    int64_t from[AXES];
    for (int k = 0; k < AXES; k++) from[k] = at[k] - self->shift[k];
    (void)in_wide;
    const int64_t source = place(self->p->shape, self->p->wide, from);
    const double gap = (source < 0 ? 0 : (double)self->p->v[source]) - self->p->t[in_t];
    self->squares += gap * gap;
}

/* The best translation by whole voxels, from some hundred thousand voxels. */
static void search_whole(const pair *p, double best[AXES])
{
    const int width = 2 * WHOLE + 1;
    int64_t stride = 1;
    while (count_of(p->shape) / (stride * stride * stride) > SAMPLES) stride++;
    double least = INFINITY;
    for (int i = 0; i < width * width * width; i++) {
        whole_search s = {.p = p, .shift = {i / width / width, i / width % width, i % width}};
        for (int k = 0; k < AXES; k++) s.shift[k] -= WHOLE;
        visit_inner(p, stride, add_square, &s);
        if (s.squares >= least) continue;
        least = s.squares;
        for (int k = 0; k < AXES; k++) best[k] = (double)s.shift[k];
    }
}

/* Sums of a Gauss-Newton step of the translation, and of the error. */
typedef struct sums {
    const pair *p;
    double m[AXES][AXES], b[AXES], gap, truth, product;
} sums;

static void add_voxel(void *self_, int64_t in_t, int64_t in_wide, const int64_t at[AXES])
{
    sums *s = self_;
    const float *v = s->p->work + in_wide;
    const double t = s->p->t[in_t], gap = (double)v[0] - t;
    double slope[AXES];
    int64_t step = 1;
    (void)at; /* the inner voxels have neighbours on all sides */
    for (int axis = AXES - 1; axis >= 0; step *= s->p->wide[axis--])
        slope[axis] = ((double)v[step] - v[-step]) / 2;
    for (int i = 0; i < AXES; i++) {
        for (int k = 0; k < AXES; k++) s->m[i][k] += slope[i] * slope[k];
        s->b[i] += slope[i] * gap;
    }
    s->gap += gap * gap;
    s->truth += t * t;
    s->product += t * v[0];
}

/* Errors along the way decide: the best place seen is the result. */
static pp_status refine(const pair *p, const double start[AXES], pp_volume_error *out)
{
    placing at = {.means = false};
    double largest = 1;
    memcpy(at.shift, start, sizeof at.shift);
    *out = (pp_volume_error){.error = INFINITY};
    for (int step = 0; step < STEPS && largest > 1e-3; step++) {
        sums s = {.p = p};
        PP_TRY(translate(p, &at));
        visit_inner(p, 1, add_voxel, &s);
        if (!(s.truth > 0))
            return PP_FAIL(PP_ERR_DATA, "the known volume is 0 in its central three quarters");
        if (sqrt(s.gap / s.truth) < out->error) {
            *out = (pp_volume_error){.error = sqrt(s.gap / s.truth), .scale = s.product / s.truth};
            memcpy(out->shift, at.shift, sizeof at.shift);
        }
        pp_solve3(s.m, s.b);
        largest = 0;
        for (int k = 0; k < AXES; k++) {
            const double move = fmax(-0.5, fmin(0.5, s.b[k]));
            at.shift[k] += move;
            largest = fmax(largest, fabs(move));
        }
    }
    return PP_OK;
}

/* The means' error at the best place; at the end `work` holds the volume itself there. */
static pp_status compare_means(const pair *p, pp_volume_error *out)
{
    placing at = {.means = true};
    sums s = {.p = p};
    memcpy(at.shift, out->shift, sizeof at.shift);
    PP_TRY(translate(p, &at));
    visit_inner(p, 1, add_voxel, &s);
    out->means_error = sqrt(s.gap / s.truth);
    out->means_scale = s.product / s.truth;
    at.means = false;
    return translate(p, &at);
}

pp_status pp_volume_error_find(const int64_t v_shape[3], const float *v, const int64_t t_shape[3],
                               const float *t, float *moved, pp_volume_error *out)
{
    pair p = {.shape = t_shape, .t = t};
    double start[AXES] = {0, 0, 0};
    for (int k = 0; k < AXES; k++) {
        p.wide[k] = v_shape[k] > t_shape[k] ? v_shape[k] : t_shape[k];
        if (t_shape[k] < 4)
            return PP_FAIL(PP_ERR_DATA,
                           "the known volume has %lld voxels along axis %d, 4 or more "
                           "are needed",
                           (long long)t_shape[k], k);
    }
    const pp_fft_effort before = pp_fft_set_effort(PP_FFT_ESTIMATE);
    pp_status status = PP_ALLOC(count_of(p.wide), &p.v);
    if (status == PP_OK) status = PP_ALLOC(count_of(p.wide), &p.work);
    if (status == PP_OK) {
        copy_common(v_shape, v, p.wide, p.v);
        search_whole(&p, start);
        status = refine(&p, start, out);
        if (status == PP_OK) status = compare_means(&p, out);
    }
    if (status == PP_OK) copy_common(p.wide, p.work, t_shape, moved);
    (void)pp_fft_set_effort(before);
    pp_free(p.v);
    pp_free(p.work);
    return status;
}
