/* SPDX-License-Identifier: BSD-3-Clause */
#include "solvers/joint_view.h"

#include <math.h>
#include <string.h>

#include "backend/backend.h"
#include "base/alloc.h"

/* ---- detector order ---- */

static void reorder(char *to, const char *from, const int32_t *order, int64_t count, size_t size)
{
    if (!order) {
        memcpy(to, from, (size_t)count * size);
        return;
    }
    for (int64_t k = 0; k < count; k++)
        memcpy(to + (size_t)k * size, from + (size_t)order[k] * size, size);
}

pp_sweep_setup pp_joint_view_setup(const pp_joint_view *view)
{
    return (pp_sweep_setup){.n = view->n,
                            .modes = view->modes,
                            .patterns = view->patterns,
                            .object = {view->frame.size[0], view->frame.size[1]},
                            .mode = PP_SWEEP_FOURIER,
                            .frame_type = view->frame_type,
                            .model = view->model,
                            .background = view->background || view->model == PP_SWEEP_POISSON,
                            .threads = 1};
}

static pp_status find_sweep(const pp_joint_view *view, const char *backend,
                            const pp_sweep_class **out)
{
    const pp_backend *found = pp_backend_find(backend);
    const pp_sweep_setup setup = pp_joint_view_setup(view);
    if (!found) return PP_FAIL(PP_ERR_CONFIG, "back end %s is not in this build", backend);
    *out = pp_backend_sweep(found, &setup, NULL);
    if (!*out)
        return PP_FAIL(PP_ERR_RUN, "back end %s has no sweep for %lld x %lld detectors",
                       found->name, (long long)view->n, (long long)view->n);
    return PP_OK;
}

/* One count more; what is not measured (NaN, the largest number) stays so, and nothing becomes it. */
static void add_count(pp_joint_view *view)
{
    const int64_t count = view->patterns * view->n * view->n;
    uint16_t *numbers = view->data.frames;
    float *reals = view->data.frames;
    for (int64_t i = 0; i < count; i++) {
        if (view->frame_type == PP_F32)
            reals[i] += 1;
        else if (numbers[i] < UINT16_MAX - 1)
            numbers[i]++;
    }
}

static pp_status order_frames(pp_joint_view *view, const int32_t *order, const pp_array *frames,
                              const pp_array *mask, const pp_array *background)
{
    const int64_t n2 = view->n * view->n;
    const size_t size = pp_dtype_size(view->frame_type), frame = (size_t)n2 * size;
    PP_TRY(PP_ALLOC(n2, &view->data.mask));
    PP_TRY(pp_alloc((size_t)view->patterns, frame, &view->data.frames));
    const char *from = pp_array_read(frames);
    char *to = view->data.frames;
    for (int64_t j = 0; j < view->patterns; j++)
        reorder(to + (size_t)j * frame, from + (size_t)j * frame, order, n2, size);
    reorder((char *)view->data.mask, pp_array_read(mask), order, n2, 1);
    if (background) {
        PP_TRY(PP_ALLOC(n2, &view->data.background));
        reorder((char *)view->data.background, pp_array_read(background), order, n2, sizeof(float));
    }
    if (view->model == PP_SWEEP_POISSON) add_count(view);
    return PP_OK;
}

pp_status pp_joint_view_frames(pp_joint_view *view, const char *backend, const pp_array *frames,
                               const pp_array *mask, const pp_array *background)
{
    const pp_sweep_class *kind;
    int32_t *order = NULL;
    if (pp_array_size(frames, 0) != view->patterns || pp_array_size(frames, 1) != view->n ||
        pp_array_size(frames, 2) != view->n)
        return PP_FAIL(PP_ERR_DATA,
                       "%lld frames of %lld x %lld pixels do not fit the view's result, %lld "
                       "positions and a probe of %lld pixels: run the view again (--restart)",
                       (long long)pp_array_size(frames, 0), (long long)pp_array_size(frames, 1),
                       (long long)pp_array_size(frames, 2), (long long)view->patterns,
                       (long long)view->n);
    if (background && pp_array_count(background) != view->n * view->n)
        return PP_FAIL(PP_ERR_DATA,
                       "a background of %lld pixels does not fit frames of %lld x %lld: run the "
                       "view again (--restart)",
                       (long long)pp_array_count(background), (long long)view->n,
                       (long long)view->n);
    view->frame_type = pp_array_dtype(frames);
    view->background = background != NULL;
    PP_TRY(find_sweep(view, backend, &kind));
    if (kind->order) {
        PP_TRY(PP_ALLOC(view->n * view->n, &order));
        kind->order(view->n, order);
    }
    const pp_status status = order_frames(view, order, frames, mask, background);
    pp_free(order);
    return status;
}

pp_status pp_joint_view_intensities(pp_joint_view *view, const pp_array *intensities)
{
    if (!intensities) return PP_OK;
    if (pp_array_count(intensities) != view->patterns)
        return PP_FAIL(PP_ERR_DATA,
                       "%lld intensities of the beam for %lld frames: run the view again "
                       "(--restart)",
                       (long long)pp_array_count(intensities), (long long)view->patterns);
    const double *from = pp_array_read(intensities);
    PP_TRY(PP_ALLOC(view->patterns, &view->factors));
    for (int64_t j = 0; j < view->patterns; j++) view->factors[j] = sqrt(from[j]);
    return PP_OK;
}

double pp_joint_frames_bytes(int64_t n, int64_t patterns, pp_dtype type)
{
    return (double)(n * n) * ((double)patterns * (double)pp_dtype_size(type) + 1);
}

void pp_joint_frames_free(pp_joint_view *view)
{
    pp_free(view->data.frames);
    pp_free(view->data.mask);
    pp_free(view->data.background);
    view->data = (pp_joint_frames){NULL, NULL, NULL};
}

/* ---- start ---- */

static void light(pp_joint_view *view)
{
    const int64_t n = view->n, columns = view->frame.size[1];
    for (int64_t j = 0; j < view->patterns; j++) {
        const int64_t y0 = llrint(view->corners[2 * j]), x0 = llrint(view->corners[2 * j + 1]);
        for (int64_t i = 0; i < view->modes * n * n; i++) {
            const int64_t y = i / n % n, x = i % n;
            const pp_c32 p = view->probe[i];
            view->illumination[(y0 + y) * columns + x0 + x] += p.re * p.re + p.im * p.im;
        }
    }
    for (int64_t i = 0; i < view->pixels; i++)
        view->largest = fmaxf(view->largest, view->illumination[i]);
}

static pp_status create(const double *positions, const pp_array *probe, pp_joint_view *v)
{
    PP_TRY(pp_object_frame_of(positions, v->patterns, v->n, &v->frame));
    v->pixels = v->frame.size[0] * v->frame.size[1];
    PP_TRY(PP_ALLOC(2 * v->patterns, &v->corners));
    PP_TRY(PP_ALLOC(v->modes * v->n * v->n, &v->probe));
    PP_TRY(PP_ALLOC(v->pixels, &v->psi));
    PP_TRY(PP_ALLOC(v->pixels, &v->multiplier));
    PP_TRY(PP_ALLOC(v->pixels, &v->illumination));
    pp_object_corners(&v->frame, positions, v->patterns, v->n, v->corners);
    memcpy(v->probe, pp_array_read(probe), pp_array_bytes(probe));
    light(v);
    if (!(v->largest > 0)) return PP_FAIL(PP_ERR_DATA, "the view's probe is 0 everywhere");
    return PP_OK;
}

pp_status pp_joint_view_create(const double *positions, int64_t patterns, const pp_array *probe,
                               pp_sweep_model model, pp_joint_view *out)
{
    pp_joint_view view = {.model = model,
                          .n = pp_array_size(probe, 1),
                          .modes = pp_array_size(probe, 0),
                          .patterns = patterns,
                          .frame_type = PP_U16};
    const pp_status status = create(positions, probe, &view);
    if (status != PP_OK)
        pp_joint_view_free(&view);
    else
        *out = view;
    return status;
}

void pp_joint_view_free(pp_joint_view *view)
{
    pp_joint_frames_free(view);
    pp_free(view->corners);
    pp_free(view->factors);
    pp_free(view->probe);
    pp_free(view->psi);
    pp_free(view->multiplier);
    pp_free(view->illumination);
    *view = (pp_joint_view){0};
}

void pp_joint_view_move(pp_joint_view *view, const double shift[2])
{
    const double room = PP_WINDOW_MARGIN - 1;
    for (int a = 0; a < 2; a++) {
        const double to = fmin(fmax(view->moved[a] + shift[a], -room), room),
                     by = to - view->moved[a];
        view->moved[a] = to;
        for (int64_t j = 0; j < view->patterns; j++) view->corners[2 * j + a] += by;
    }
}
