/* SPDX-License-Identifier: BSD-3-Clause */
#include "solvers/view.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "models/probe.h"
#include "models/window.h"

typedef struct solve {
    const pp_view_input *in;
    const pp_view_options *o;
    const pp_backend *backend;
    pp_sweep_setup setup;
    const char *implementation;
    pp_object_frame frame;
    double *corners;  /* [J][2] */
    void *frames;     /* in detector order; NULL where that is the natural one */
    uint8_t *mask;    /* in detector order */
    pp_c32 *probe;    /* [M][n][n] start, on the host */
    double center[2]; /* of the start probe */
    pp_ptychography model;
    pp_point point;
    pp_view_output *out;
} solve;

/* ---- detector order ---- */

static void reorder(char *to, const char *from, const int32_t *order, int64_t count, size_t size)
{
    for (int64_t k = 0; k < count; k++)
        memcpy(to + (size_t)k * size, from + (size_t)order[k] * size, size);
}

static pp_status order_frames(solve *s, const pp_sweep_class *kind)
{
    const pp_sweep_setup *u = &s->setup;
    const int64_t n2 = u->n * u->n;
    const size_t size = pp_dtype_size(u->frame_type), frame = (size_t)n2 * size;
    const char *from = pp_array_read(s->in->frames);
    int32_t *order;
    PP_TRY(PP_ALLOC(n2, &s->mask));
    if (!kind->order) {
        memcpy(s->mask, pp_array_read(s->in->mask), (size_t)n2);
        return PP_OK;
    }
    PP_TRY(PP_ALLOC(n2, &order));
    kind->order(u->n, order);
    reorder((char *)s->mask, pp_array_read(s->in->mask), order, n2, 1);
    const pp_status status = pp_alloc((size_t)u->patterns, frame, &s->frames);
    for (int64_t j = 0; status == PP_OK && j < u->patterns; j++)
        reorder((char *)s->frames + (size_t)j * frame, from + (size_t)j * frame, order, n2, size);
    pp_free(order);
    return status;
}

/* ---- start ---- */

static pp_status check_input(const solve *s)
{
    const pp_view_input *in = s->in;
    const int64_t n = pp_array_size(in->frames, 1), patterns = pp_array_size(in->frames, 0);
    if (pp_array_size(in->frames, 2) != n)
        return PP_FAIL(PP_ERR_DATA,
                       "frames are %lld x %lld pixels, they must be square: set load's crop",
                       (long long)n, (long long)pp_array_size(in->frames, 2));
    if (pp_array_size(in->positions, 0) != patterns)
        return PP_FAIL(PP_ERR_DATA, "%lld frames but %lld positions", (long long)patterns,
                       (long long)pp_array_size(in->positions, 0));
    if (pp_array_size(in->probe, 1) != n || pp_array_size(in->probe, 2) != n)
        return PP_FAIL(PP_ERR_DATA,
                       "the probe is %lld x %lld pixels, the frames %lld x %lld: give a "
                       "probe of the frames' size, or probe = \"mean_pattern\"",
                       (long long)pp_array_size(in->probe, 1),
                       (long long)pp_array_size(in->probe, 2), (long long)n, (long long)n);
    return PP_OK;
}

static pp_status lay_out(solve *s)
{
    const double *positions = pp_array_read(s->in->positions);
    pp_sweep_setup *u = &s->setup;
    u->n = pp_array_size(s->in->frames, 1);
    u->patterns = pp_array_size(s->in->frames, 0);
    u->modes = s->o->probe_modes;
    u->mode = s->o->positions;
    u->model = s->o->model;
    u->frame_type = pp_array_dtype(s->in->frames);
    u->probe_moves = s->o->solver.refine_probe;
    u->threads = s->o->threads;
    PP_TRY(pp_object_frame_of(positions, u->patterns, u->n, &s->frame));
    memcpy(u->object, s->frame.size, sizeof u->object);
    PP_TRY(PP_ALLOC(2 * u->patterns, &s->corners));
    pp_object_corners(&s->frame, positions, u->patterns, u->n, s->corners);
    u->positions = s->corners;
    return PP_OK;
}

void pp_view_bytes(const pp_sweep_setup *setup, const pp_sweep_class *kind, bool refine_probe,
                   double *far_fields, double *rest)
{
    pp_sweep_setup with = *setup, without = *setup;
    const double pixels = (double)(setup->object[0] * setup->object[1]),
                 plane = (double)(setup->n * setup->n * setup->modes);
    with.keep = true, without.keep = false;
    *far_fields = kind->bytes(&with) - kind->bytes(&without);
    /* point, gradient twice, direction, weights */
    *rest = kind->bytes(&without) + pixels * (4 * sizeof(pp_c32) + sizeof(float)) +
            plane * (refine_probe ? 4.5 : 1) * sizeof(pp_c32);
    if (kind->order)
        *rest += (double)(setup->patterns * setup->n * setup->n) *
                 (double)pp_dtype_size(setup->frame_type);
}

static pp_status choose(solve *s, const pp_sweep_class **kind)
{
    double far, rest;
    *kind = pp_backend_sweep(s->backend, &s->setup, s->o->implementation);
    if (!*kind)
        return PP_FAIL(PP_ERR_RUN, "back end %s has no sweep for %lld x %lld detectors",
                       s->backend->name, (long long)s->setup.n, (long long)s->setup.n);
    pp_view_bytes(&s->setup, *kind, s->o->solver.refine_probe, &far, &rest);
    s->setup.keep = s->o->keep_far_field == PP_CHOOSE_YES ||
                    (s->o->keep_far_field == PP_CHOOSE_AUTO && far + rest <= s->o->memory);
    s->implementation = (*kind)->name;
    return PP_OK;
}

/* Extra modes, and the counts' scale: the probe's power becomes the mean counts of a pattern. */
static pp_status start_probe(solve *s, double counts)
{
    const pp_sweep_setup *u = &s->setup;
    const int64_t given = pp_array_size(s->in->probe, 0), n2 = u->n * u->n;
    const bool rescale = s->o->rescale_probe == PP_CHOOSE_YES ||
                         (s->o->rescale_probe == PP_CHOOSE_AUTO && s->o->solver.refine_probe);
    PP_TRY(PP_ALLOC(u->modes * n2, &s->probe));
    pp_probe_start(s->probe, u->modes, pp_array_read(s->in->probe), given, u->n);
    const double power = pp_probe_power(s->probe, u->n, given < u->modes ? given : u->modes);
    if (!(power > 0) || !isfinite(power))
        return PP_FAIL(PP_ERR_DATA,
                       "the starting probe has power %g: it must be a finite number "
                       "above 0",
                       power);
    s->out->probe_scale = rescale ? sqrt(counts / (double)u->patterns / power) : 1;
    for (int64_t k = 0; k < u->modes * n2; k++) {
        s->probe[k].re *= (float)s->out->probe_scale;
        s->probe[k].im *= (float)s->out->probe_scale;
    }
    pp_probe_center(s->probe, u->n, u->modes, s->center);
    return PP_OK;
}

/* Object 1 and the start probe, on the device. */
static pp_status start_point(solve *s)
{
    const pp_ptychography *m = &s->model;
    pp_status status = PP_OK;
    pp_c32 *one;
    PP_TRY(pp_point_create(m, true, &s->point));
    PP_TRY(PP_ALLOC(m->pixels, &one));
    for (int64_t k = 0; k < m->pixels; k++) one[k] = (pp_c32){1, 0};
    PP_TRY_TO(done, m->backend->upload(s->point.object, one, (size_t)m->pixels * sizeof *one));
    PP_TRY_TO(done, m->backend->upload(s->point.probe, s->probe,
                                       (size_t)(m->modes * m->frame) * sizeof *one));
done:
    pp_free(one);
    return status;
}

/* ---- solve ---- */

static pp_status run_solver(solve *s, pp_ptycho_result *result)
{
    const pp_ptycho_settings *settings = &s->o->solver;
    if (s->o->method == PP_PTYCHO_PUBLISHED)
        return pp_solve_published(&s->model, &s->point, settings, result);
    result->positions = settings->refine_positions ? s->corners : NULL;
    return pp_solve_cg(&s->model, &s->point, settings, result);
}

/* Far from the data the Poisson gradient is singular where the model is dark, so a few iterations with the amplitude
 * model come first; they are no part of the history. */
static pp_status approach(solve *s)
{
    double *history;
    pp_sweep_setup setup = s->setup;
    pp_ptychography poisson = s->model;
    pp_ptycho_settings settings = s->o->solver;
    settings.iterations = s->o->amplitude_start, settings.refine_positions = false;
    if (setup.model != PP_SWEEP_POISSON || settings.iterations == 0) return PP_OK;
    setup.model = PP_SWEEP_AMPLITUDE, setup.keep = false;
    PP_TRY(PP_ALLOC(2 * settings.iterations + 1, &history));
    pp_ptycho_result result = {.cost = history, .step = history + settings.iterations + 1};
    pp_status status = pp_ptychography_create(s->backend, s->implementation, &setup, &s->model);
    if (status == PP_OK) {
        status = s->o->method == PP_PTYCHO_PUBLISHED
                     ? pp_solve_published(&s->model, &s->point, &settings, &result)
                     : pp_solve_cg(&s->model, &s->point, &settings, &result);
        pp_ptychography_free(&s->model);
    }
    s->model = poisson;
    pp_free(history);
    return status;
}

static pp_status put_cost(const solve *s, const pp_ptycho_result *result)
{
    PP_TRY(pp_array_create_1d(PP_F64, result->done + 1, "1", &s->out->cost));
    memcpy(pp_array_data(s->out->cost), result->cost,
           (size_t)(result->done + 1) * sizeof *result->cost);
    PP_TRY(pp_array_create_1d(PP_F64, 1, "1", &s->out->error));
    const double counts = s->model.totals.counts;
    *(double *)pp_array_data(s->out->error) = counts > 0 ? result->misfit / counts : 0;
    return PP_OK;
}

static pp_status solve_point(solve *s)
{
    const int64_t iterations = s->o->solver.iterations;
    double *history;
    PP_TRY(PP_ALLOC(2 * iterations + 1, &history));
    pp_ptycho_result result = {.cost = history, .step = history + iterations + 1};
    pp_status status = approach(s);
    if (status == PP_OK) status = run_solver(s, &result);
    if (status == PP_OK) status = put_cost(s, &result);
    s->out->iterations = result.done;
    s->out->converged = result.converged;
    s->out->adjointness = result.adjointness;
    pp_free(history);
    return status;
}

/* ---- results ---- */

/* The pair may drift together: |F(p o)| does not change where both are moved by the same amount. */
static pp_status move_back(solve *s)
{
    const pp_sweep_setup *u = &s->setup;
    pp_c32 *probe = pp_array_data(s->out->probe);
    double now[2], shift[2];
    if (!s->o->solver.refine_probe) return PP_OK;
    pp_probe_orthogonalise(probe, u->n, u->modes);
    pp_probe_center(probe, u->n, u->modes, now);
    for (int a = 0; a < 2; a++) s->out->moved[a] = shift[a] = s->center[a] - now[a];
    PP_TRY(pp_probe_move(probe, u->n, u->modes, shift));
    PP_TRY(pp_object_move(pp_array_data(s->out->object), u->object, shift, u->threads));
    return PP_OK;
}

static pp_status put_positions(const solve *s)
{
    const int64_t count = 2 * s->setup.patterns, half = s->setup.n / 2;
    PP_TRY(pp_array_copy(s->in->positions, &s->out->positions));
    double *g = pp_array_data(s->out->positions);
    for (int64_t i = 0; s->o->solver.refine_positions && i < count; i++)
        g[i] = s->corners[i] - (double)(s->frame.origin[i % 2] - half);
    PP_TRY(pp_array_create_1d(PP_I64, 2, "pixel", &s->out->origin));
    memcpy(pp_array_data(s->out->origin), s->frame.origin, sizeof s->frame.origin);
    return PP_OK;
}

static pp_status fetch(solve *s)
{
    const pp_ptychography *m = &s->model;
    const int64_t n = s->setup.n;
    PP_TRY(pp_array_create(PP_C32, 2, s->setup.object, "1", &s->out->object));
    PP_TRY(pp_array_create(PP_C32, 3, (const int64_t[]){m->modes, n, n}, "sqrt(counts)",
                           &s->out->probe));
    PP_TRY(m->backend->download(pp_array_data(s->out->object), s->point.object,
                                pp_array_bytes(s->out->object)));
    PP_TRY(m->backend->download(pp_array_data(s->out->probe), s->point.probe,
                                pp_array_bytes(s->out->probe)));
    PP_TRY(move_back(s));
    return put_positions(s);
}

static pp_status put_illumination(solve *s)
{
    const pp_ptychography *m = &s->model;
    const pp_sweep_point at = {s->point.object, s->point.probe};
    float *w;
    PP_TRY(m->backend->upload(s->point.probe, pp_array_read(s->out->probe),
                              pp_array_bytes(s->out->probe)));
    PP_TRY(m->backend->alloc((size_t)m->pixels * sizeof *w, (void **)&w));
    pp_status status = pp_sweep_illumination(m->sweep, w, NULL, &at);
    if (status == PP_OK)
        status = pp_array_create(PP_F32, 2, s->setup.object, "counts", &s->out->illumination);
    if (status == PP_OK)
        status = m->backend->download(pp_array_data(s->out->illumination), w,
                                      pp_array_bytes(s->out->illumination));
    m->backend->release(w);
    return status;
}

static pp_status run(solve *s)
{
    const pp_sweep_class *kind;
    pp_sweep_facts facts;
    PP_TRY(check_input(s));
    PP_TRY(lay_out(s));
    PP_TRY(choose(s, &kind));
    PP_TRY(order_frames(s, kind));
    s->setup.frames = s->frames ? s->frames : pp_array_read(s->in->frames);
    s->setup.mask = s->mask;
    PP_TRY(pp_ptychography_create(s->backend, s->implementation, &s->setup, &s->model));
    if (!(s->model.totals.counts > 0))
        return PP_FAIL(PP_ERR_DATA, "the frames hold no counts in measured pixels");
    PP_TRY(start_probe(s, s->model.totals.counts));
    PP_TRY(start_point(s));
    PP_TRY(solve_point(s));
    pp_sweep_tell(s->model.sweep, &facts);
    s->implementation = facts.implementation;
    s->out->bytes_resident = facts.bytes_resident, s->out->bytes_moved = facts.bytes_moved;
    PP_TRY(fetch(s));
    return put_illumination(s);
}

pp_status pp_view_solve(const pp_view_input *input, const pp_view_options *options,
                        pp_view_output *out)
{
    pp_view_output result = {0};
    solve s = {.in = input, .o = options, .out = &result};
    s.backend = pp_backend_find(options->backend);
    if (!s.backend)
        return PP_FAIL(PP_ERR_CONFIG, "back end %s is not in this build", options->backend);
    pp_status status = run(&s);
    result.implementation = s.implementation, result.kept = s.setup.keep;
    pp_free(s.corners), pp_free(s.frames), pp_free(s.mask), pp_free(s.probe);
    if (s.model.backend) {
        pp_point_free(&s.model, &s.point);
        pp_ptychography_free(&s.model);
    }
    if (status == PP_OK)
        *out = result;
    else
        pp_view_output_free(&result);
    return status;
}

void pp_view_output_free(pp_view_output *out)
{
    pp_array_free(&out->object), pp_array_free(&out->origin), pp_array_free(&out->illumination);
    pp_array_free(&out->probe), pp_array_free(&out->positions);
    pp_array_free(&out->cost), pp_array_free(&out->error);
}
