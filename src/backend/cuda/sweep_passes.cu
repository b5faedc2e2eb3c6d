/* The passes over the patterns, batch after batch on the device's queue.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "backend/cuda/sweep.h"

#include <cstring>

namespace PP_DEVICE
{
namespace
{

const probes none = {nullptr, 0};

/* One batch on its way through a pass. */
struct work {
    sweep *s;
    cudaStream_t q;
    const batch *b;
    scene v;
    measurement m;
    cufftHandle plan;
    int i;         /* which batch */
    int64_t at;    /* of the batch in kept fields */
    float *maxima; /* of the batch */
    double *partial;
    int64_t row;
};

pp_status transform(const work &w, pp_c32 *field, int direction)
{
    cufftComplex *const data = reinterpret_cast<cufftComplex *>(field);
    return PP_CHECK_FFT(cufftExecC2C(w.plan, data, data, direction));
}

work work_of(sweep *s, cudaStream_t q, int i)
{
    work w = {};
    const batch *b = &s->of[i];
    w.s = s, w.q = q, w.b = b, w.i = i;
    w.v = scene_of(s, *b), w.m = measurement_of(s, nullptr);
    w.plan = s->plans[b->count == s->sizes[0] ? PLAIN : PLAIN + 1];
    w.at = b->first * s->field;
    w.maxima = s->maxima + static_cast<int64_t>(b->first) * s->slices;
    w.partial = s->partial + static_cast<int64_t>(b->first) * s->slices;
    w.row = static_cast<int64_t>(s->slots) * s->slices;
    return w;
}

/* body(work) for every batch with its frames. */
template <class F> pp_status for_batches(sweep *s, cudaStream_t q, F body)
{
    for (int i = 0; i < s->batches; i++) {
        work w = work_of(s, q, i);
        PP_TRY(take_frames(s, q, i, &w.m.frames));
        PP_TRY(body(w));
        PP_TRY(used_frames(s, q));
    }
    return PP_OK;
}

pp_status send_offsets(sweep *s, cudaStream_t q)
{
    if (!s->moved_on) return PP_OK;
    PP_TRY(PP_CHECK(cudaMemcpyAsync(s->offsets, s->host_rows,
                                    static_cast<size_t>(s->slots) * 3 * sizeof(double),
                                    cudaMemcpyHostToDevice, q)));
    launch_ramps(q, s->ramp, s->offsets, s->slots, static_cast<int>(s->base.setup.n));
    s->moved_on = false;
    return settle(); /* host_rows has other uses */
}

pp_status send_background(sweep *s, cudaStream_t q)
{
    const size_t bytes =
        static_cast<size_t>(s->base.setup.n * s->base.setup.n) * sizeof *s->background;
    if (!s->other_background) return PP_OK;
    PP_TRY(
        PP_CHECK(cudaMemcpyAsync(s->background, s->host_terms, bytes, cudaMemcpyHostToDevice, q)));
    s->other_background = false, s->dim = true;
    return settle(); /* host_terms has other uses */
}

/* Plans to this thread's queue, new ramps, and the transforms of probe and its direction. */
pp_status start(sweep *s, cudaStream_t *q, const pp_c32 *probe, const pp_c32 *dprobe)
{
    const pp_sweep_setup *u = &s->base.setup;
    PP_TRY(launched());
    PP_TRY(this_stream(q));
    for (const cufftHandle plan : s->plans)
        if (plan >= 0) PP_TRY(PP_CHECK_FFT(cufftSetStream(plan, *q)));
    PP_TRY(send_background(s, *q));
    if (!s->ramp) return PP_OK;
    PP_TRY(send_offsets(s, *q));
    const pp_c32 *const from[2] = {probe, dprobe};
    pp_c32 *const to[2] = {s->hat, s->dhat};
    for (int i = 0; i < 2; i++) {
        cufftComplex *const hat = reinterpret_cast<cufftComplex *>(to[i]);
        if (!from[i] || !hat) continue;
        launch_scaled(*q, to[i], from[i], 1.0f / static_cast<float>(u->n * u->n), s->field);
        PP_TRY(PP_CHECK_FFT(cufftExecC2C(s->plans[PROBE], hat, hat, CUFFT_FORWARD)));
    }
    return launched();
}

/* The probe as the batch's patterns have it: moved into `room`, or as it is where positions are whole pixels. */
pp_status moved(const work &w, pp_c32 *room, const pp_c32 *hat, const pp_c32 *probe, probes *out)
{
    *out = {probe, 0};
    if (!w.v.ramp) return PP_OK;
    launch_shift(w.q, w.v, room, hat, -1);
    *out = {room, w.s->field};
    return transform(w, room, CUFFT_INVERSE);
}

/* to = F(products). */
pp_status far_field(const work &w, int use, pp_c32 *to, const products &f)
{
    if (w.s->base.setup.callbacks) return transform_product(w.s, w.q, w.i, use, to, f);
    launch_product(w.q, w.v, to, f);
    return transform(w, to, CUFFT_FORWARD);
}

/* The far field of a point, kept, followed or computed, and its maxima. */
pp_status far_of(const work &w, probes p, const pp_c32 *object, pp_c32 **out)
{
    const sweep *s = w.s;
    pp_c32 *const far = s->far ? s->far + w.at : s->room[0];
    *out = far;
    if (s->far && s->known) {
        if (s->to == s->at && s->dim)
            launch_follow(w.q, w.v, s->slices, far, nullptr, nullptr, 0, 0, w.maxima);
        if (s->to == s->at) return PP_OK;
        launch_follow(w.q, w.v, s->slices, far, s->f1 + w.at, s->square ? s->f2 + w.at : nullptr,
                      s->to - s->at, s->to * s->to - s->at * s->at, w.maxima);
        return PP_OK;
    }
    PP_TRY(far_field(w, AT_POINT, far, {p, object, none, nullptr}));
    launch_follow(w.q, w.v, s->slices, far, nullptr, nullptr, 0, 0, w.maxima);
    return PP_OK;
}

/* After a pass in which every batch went through far_of. */
void all_known(sweep *s)
{
    s->known = true, s->dim = false;
    s->at = s->to;
}

/* Poisson costs are summed relative to their least value. */
double offset(const sweep *s)
{
    return s->base.setup.model == PP_SWEEP_POISSON ? s->totals.poisson_offset : 0;
}

/* Costs, and the near field of what they change with: where it is, not set where `near` is NULL. */
pp_status near_field(const work &w, pp_c32 *far, bool misfit, pp_c32 **near)
{
    sweep *const s = w.s;
    const bool loaded = near && residual_is_loaded(s);
    const residual_out to = {near && !loaded ? s->room[0] : nullptr,
                             loaded ? s->tables.limit + w.b->first : nullptr};
    launch_residual(w.q, w.v, w.m, to, far, w.maxima, misfit, w.partial, w.row);
    if (!near) return PP_OK;
    *near = loaded && !s->far ? s->room[1] : s->room[0]; /* a callback's input stays */
    return loaded ? transform_residual(s, w.q, w.i, *near, far, w.m.frames)
                  : transform(w, *near, CUFFT_INVERSE);
}

/* Gradients from the near field. */
pp_status back(const work &w, const pp_sweep_gradient *out, const pp_sweep_point *at, probes p,
               pp_c32 *near)
{
    sweep *const s = w.s;
    if (out->object) launch_add_object(w.q, w.v, *w.b, out->object, s->object_sum, p, near);
    if (!out->probe) return PP_OK;
    if (s->ramp) {
        launch_window_conj(w.q, w.v, near, at->object);
        PP_TRY(transform(w, near, CUFFT_FORWARD));
    }
    launch_add_probe(w.q, w.v, s->probe_sum, near, at->object);
    return PP_OK;
}

pp_status batch_gradient(const work &w, const pp_sweep_gradient *out, const pp_sweep_point *at)
{
    sweep *const s = w.s;
    probes p;
    pp_c32 *far, *near;
    const bool further = out->object || out->probe;
    PP_TRY(moved(w, s->moved, s->hat, at->probe, &p));
    PP_TRY(far_of(w, p, at->object, &far));
    PP_TRY(near_field(w, far, out->misfit != nullptr, further ? &near : nullptr));
    return further ? back(w, out, at, p, near) : PP_OK;
}

/* The probe's gradient from the sum over all patterns. */
pp_status put_probe(sweep *s, cudaStream_t q, pp_c32 *out)
{
    cufftComplex *const data = reinterpret_cast<cufftComplex *>(out);
    launch_round(q, out, nullptr, s->probe_sum, s->field);
    if (!s->ramp) return PP_OK;
    PP_TRY(PP_CHECK_FFT(cufftExecC2C(s->plans[PROBE], data, data, CUFFT_INVERSE)));
    launch_scaled(q, out, out, 1.0f / static_cast<float>(s->base.setup.n * s->base.setup.n),
                  s->field);
    return PP_OK;
}

int64_t pixels_of(const sweep *s)
{
    return s->base.setup.object[0] * s->base.setup.object[1];
}

pp_status clear(const sweep *s, cudaStream_t q, const pp_sweep_gradient *out)
{
    const size_t pixels = static_cast<size_t>(pixels_of(s));
    if (out->object)
        PP_TRY(PP_CHECK(s->object_sum
                            ? cudaMemsetAsync(s->object_sum, 0, pixels * sizeof(double2), q)
                            : cudaMemsetAsync(out->object, 0, pixels * sizeof(pp_c32), q)));
    if (out->probe)
        PP_TRY(PP_CHECK(
            cudaMemsetAsync(s->probe_sum, 0, static_cast<size_t>(s->field) * sizeof(double2), q)));
    return PP_OK;
}

/* ---- lines ---- */

struct line_request {
    const pp_sweep_point *at;
    const pp_sweep_direction *along;
    trial_steps steps;
    bool fresh; /* the direction is new, else kept fields are used where there are */
};

/* F1 and F2 of a direction. */
pp_status direction_fields(const work &w, const line_request &r, probes p, pp_c32 *f1, pp_c32 *f2)
{
    probes dp;
    if (!r.along->probe) return far_field(w, ALONG, f1, {p, r.along->object, none, nullptr});
    PP_TRY(moved(w, w.s->dmoved, w.s->dhat, r.along->probe, &dp));
    PP_TRY(far_field(w, ALONG, f1, {p, r.along->object, dp, r.at->object}));
    return far_field(w, SQUARE, f2, {dp, r.along->object, none, nullptr});
}

pp_status batch_line(const work &w, const line_request &r)
{
    const sweep *s = w.s;
    const bool kept = s->far != nullptr, square = r.along->probe != nullptr;
    pp_c32 *far = kept ? s->far + w.at : nullptr, *f1 = kept ? s->f1 + w.at : s->room[1],
           *f2 = !square ? nullptr
                 : kept  ? s->f2 + w.at
                         : s->room[2];
    double at = s->at;
    if (r.fresh || !kept) {
        probes p;
        PP_TRY(moved(w, s->moved, s->hat, r.at->probe, &p));
        PP_TRY(far_of(w, p, r.at->object, &far));
        PP_TRY(direction_fields(w, r, p, f1, f2));
        at = 0;
    }
    launch_line(w.q, w.v, w.m, {far, f1, f2, at}, w.maxima, r.steps, w.partial, w.row);
    return PP_OK;
}

pp_status line_pass(sweep *s, const line_request &r, double *costs)
{
    cudaStream_t q = nullptr;
    PP_TRY(start(s, &q, r.at->probe, r.along->probe));
    PP_TRY(for_batches(s, q, [&](const work &w) { return batch_line(w, r); }));
    PP_TRY(fetch_totals(s, 2 + r.steps.count));
    for (int k = 0; k < r.steps.count; k++) costs[k] = s->host_total[2 + k] + offset(s);
    return PP_OK;
}

line_request request(const pp_sweep_point *at, const pp_sweep_direction *along, const double *steps,
                     int count, bool fresh)
{
    line_request r = {at, along, {{}, count}, fresh};
    for (int i = 0; i < count; i++) r.steps.at[i] = steps[i];
    return r;
}

pp_status batch_positions(const work &w, const pp_sweep_point *at)
{
    const sweep *s = w.s;
    probes p;
    pp_c32 *far;
    PP_TRY(moved(w, s->moved, s->hat, at->probe, &p));
    PP_TRY(far_of(w, p, at->object, &far));
    for (int axis = 0; axis < 2; axis++) {
        launch_shift(w.q, w.v, s->moved, s->hat, axis);
        PP_TRY(transform(w, s->moved, CUFFT_INVERSE));
        PP_TRY(far_field(w, AXIS_Y + axis, s->room[1 + axis],
                         {{s->moved, s->field}, at->object, none, nullptr}));
    }
    launch_positions(w.q, w.v, w.m, far, s->room[1], s->room[2], w.maxima, w.partial, w.row);
    return PP_OK;
}

pp_status batch_background(const work &w, const pp_sweep_point *at)
{
    const sweep *s = w.s;
    probes p;
    pp_c32 *far;
    PP_TRY(moved(w, s->moved, s->hat, at->probe, &p));
    PP_TRY(far_of(w, p, at->object, &far));
    launch_background(w.q, w.v, w.m, far, s->terms);
    return PP_OK;
}

/* Slices of a pattern in order; patterns back to the setup's order. */
void put_positions(const sweep *s, pp_sweep_position *out)
{
    const int64_t row = static_cast<int64_t>(s->slots) * s->slices;
    for (int k = 0; k < s->slots; k++) {
        double sum[POSITION_SUMS] = {};
        for (int a = 0; a < POSITION_SUMS; a++)
            for (int i = 0; i < s->slices; i++)
                sum[a] += s->host_rows[a * row + static_cast<int64_t>(k) * s->slices + i];
        out[s->order[k]] = {sum[0], sum[1], sum[2], sum[3], sum[4], sum[5], sum[6]};
    }
}

} // namespace

scene scene_of(const sweep *s, const batch &b)
{
    const pp_sweep_setup *u = &s->base.setup;
    const int n = static_cast<int>(u->n);
    scene v = {n,
               n * n,
               static_cast<int>(u->modes),
               b.count,
               -1,
               u->object[1],
               s->window + b.first,
               s->ramp ? s->ramp + static_cast<int64_t>(b.first) * 2 * n : nullptr,
               s->part ? s->part + static_cast<int64_t>(b.first) * 2 : nullptr,
               s->background};
    for (int k = 0; k < 16; k++)
        if (n == 1 << k) v.shift = k;
    return v;
}

measurement measurement_of(const sweep *s, const void *frames)
{
    const pp_sweep_setup *u = &s->base.setup;
    return {frames, s->mask, u->frame_type == PP_U16, u->model == PP_SWEEP_POISSON, s->slices};
}

pp_status fetch_totals(sweep *s, int sums)
{
    cudaStream_t q = nullptr;
    PP_TRY(this_stream(&q));
    launch_sum_rows(q, s->total, s->partial, sums, static_cast<int64_t>(s->slots) * s->slices);
    PP_TRY(PP_CHECK(cudaMemcpyAsync(s->host_total, s->total,
                                    static_cast<size_t>(sums) * sizeof(double),
                                    cudaMemcpyDeviceToHost, q)));
    return settle();
}

namespace
{

/* Batch i is enqueued (-1: the start): the end of stages that it is the last of. */
pp_status mark_stages(const sweep *s, cudaStream_t q, int i)
{
    for (int k = 0; k < pp_sweep_stages(&s->base.setup); k++)
        if (s->last[k] == i) PP_TRY(PP_CHECK(cudaEventRecord(s->staged[k], q)));
    return PP_OK;
}

/* What is to be done after each stage, beside the batches after it. Both failures count; the queue is the first one again. */
pp_status share_stages(const sweep *s, cudaStream_t q, const pp_sweep_gradient *out)
{
    pp_status status = PP_OK;
    if (!out->ready) return PP_OK;
    PP_TRY(PP_CHECK(cudaEventRecord(s->computed, q)));
    for (int k = 0; k < pp_sweep_stages(&s->base.setup) && status == PP_OK; k++) {
        PP_TRY(go_aside(s->staged[k]));
        status = out->ready(out->self, k);
        const pp_status back = come_back(s->shared);
        if (status == PP_OK) status = back;
    }
    return status;
}

/* After the queue has ended. */
pp_status time_stages(const sweep *s, const pp_sweep_gradient *out)
{
    const cudaEvent_t from[2] = {s->staged[0], s->computed};
    if (!out->ready || !out->beside) return PP_OK;
    for (int k = 0; k < 2; k++) {
        float milliseconds = 0.0f;
        PP_TRY(PP_CHECK(cudaEventElapsedTime(&milliseconds, from[k], s->shared)));
        out->beside[k] = milliseconds > 0.0f ? 1e-3 * static_cast<double>(milliseconds) : 0.0;
    }
    return PP_OK;
}

} // namespace

pp_status sweep_gradient(pp_sweep *base, const pp_sweep_gradient *out, const pp_sweep_point *at)
{
    sweep *const s = of(base);
    cudaStream_t q = nullptr;
    if (out->probe && !base->setup.probe_moves)
        return PP_FAIL(PP_ERR_RUN, "this sweep was made for a probe that stays");
    PP_TRY(start(s, &q, at->probe, nullptr));
    int i = 0;
    PP_TRY(clear(s, q, out));
    PP_TRY(mark_stages(s, q, -1));
    const pp_status status = for_batches(s, q, [&](const work &w) {
        PP_TRY(batch_gradient(w, out, at));
        return mark_stages(s, q, i++);
    });
    PP_TRY(status);
    all_known(s);
    if (out->object && s->object_sum) {
        launch_round(q, out->object, out->rest, s->object_sum, pixels_of(s));
        for (int k = 0; k < pp_sweep_stages(&base->setup); k++)
            PP_TRY(PP_CHECK(cudaEventRecord(s->staged[k], q))); /* only now is it there */
    }
    if (out->probe) PP_TRY(put_probe(s, q, out->probe));
    PP_TRY(share_stages(s, q, out));
    PP_TRY(fetch_totals(s, 2));
    PP_TRY(time_stages(s, out));
    if (out->cost) *out->cost = s->host_total[0] + offset(s);
    if (out->misfit) *out->misfit = s->host_total[1];
    return PP_OK;
}

pp_status sweep_line(pp_sweep *base, pp_sweep_slope *out, const pp_sweep_point *at,
                     const pp_sweep_direction *along, const double *steps, int count, double *costs)
{
    sweep *const s = of(base);
    if (along->probe && !base->setup.probe_moves)
        return PP_FAIL(PP_ERR_RUN, "this sweep was made for a probe that stays");
    PP_TRY(line_pass(s, request(at, along, steps, count, true), costs));
    all_known(s);
    s->at = s->to = 0;
    s->square = along->probe != nullptr;
    *out = {s->host_total[0], s->host_total[1]};
    return PP_OK;
}

pp_status sweep_costs(pp_sweep *base, double *costs, const pp_sweep_point *at,
                      const pp_sweep_direction *along, const double *steps, int count)
{
    return line_pass(of(base), request(at, along, steps, count, false), costs);
}

pp_status sweep_illumination(pp_sweep *base, float *object, float *probe, const pp_sweep_point *at)
{
    sweep *const s = of(base);
    const pp_sweep_setup *u = &base->setup;
    const batch all = {0, s->slots, {0, 0}, {0, 0}};
    cudaStream_t q = nullptr;
    PP_TRY(start(s, &q, at->probe, nullptr));
    if (probe) launch_light_probe(q, scene_of(s, all), probe, at->object);
    if (!object) return launched();
    PP_TRY(PP_CHECK(cudaMemsetAsync(
        object, 0, static_cast<size_t>(u->object[0] * u->object[1]) * sizeof(float), q)));
    for (int i = 0; i < s->batches; i++) {
        const work w = work_of(s, q, i);
        probes p;
        PP_TRY(moved(w, s->moved, s->hat, at->probe, &p));
        launch_light_object(q, w.v, *w.b, object, p);
    }
    return launched();
}

pp_status sweep_positions(pp_sweep *base, pp_sweep_position *out, const pp_sweep_point *at)
{
    sweep *const s = of(base);
    cudaStream_t q = nullptr;
    const size_t count = static_cast<size_t>(s->slots) * static_cast<size_t>(s->slices);
    PP_TRY(start(s, &q, at->probe, nullptr));
    PP_TRY(for_batches(s, q, [&](const work &w) { return batch_positions(w, at); }));
    all_known(s);
    PP_TRY(
        PP_CHECK(cudaMemcpyAsync(s->host_rows, s->partial, POSITION_SUMS * count * sizeof(double),
                                 cudaMemcpyDeviceToHost, q)));
    PP_TRY(settle());
    put_positions(s, out);
    return PP_OK;
}

void sweep_set_background(pp_sweep *base, const float *background)
{
    sweep *const s = of(base);
    memcpy(s->host_terms, background,
           static_cast<size_t>(base->setup.n * base->setup.n) * sizeof *background);
    s->other_background = true;
}

pp_status sweep_background_terms(pp_sweep *base, double *first, double *second,
                                 const pp_sweep_point *at)
{
    sweep *const s = of(base);
    const size_t plane = static_cast<size_t>(base->setup.n * base->setup.n),
                 bytes = plane * sizeof *s->terms;
    cudaStream_t q = nullptr;
    PP_TRY(start(s, &q, at->probe, nullptr));
    PP_TRY(PP_CHECK(cudaMemsetAsync(s->terms, 0, bytes, q)));
    PP_TRY(for_batches(s, q, [&](const work &w) { return batch_background(w, at); }));
    all_known(s);
    PP_TRY(PP_CHECK(cudaMemcpyAsync(s->host_terms, s->terms, bytes, cudaMemcpyDeviceToHost, q)));
    PP_TRY(settle());
    for (size_t k = 0; k < plane; k++)
        first[k] = s->host_terms[k].x, second[k] = s->host_terms[k].y;
    return PP_OK;
}

} // namespace PP_DEVICE
