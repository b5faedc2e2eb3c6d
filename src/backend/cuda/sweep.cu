/* Making and freeing a device's sweep.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "backend/cuda/callbacks.h"
#include "backend/cuda/sweep.h"

#include <algorithm>
#include <vector>

extern "C" {
#include "base/alloc.h"
}

namespace PP_DEVICE
{
namespace
{

bool supports(const pp_sweep_setup *u)
{
    return u->n >= 1 && u->n <= 16384 && u->patterns < (INT64_C(1) << 30) / SLICES_MOST &&
           u->object[0] < (INT64_C(1) << 30) && u->object[1] < (INT64_C(1) << 30);
}

/* The emulation's plans are FFTW's, and those are measured once for all ranks; a device plans nothing ahead. */
pp_status prepare(int64_t n)
{
#ifdef PP_MOCK
    cufftHandle plan = 0;
    size_t bytes = 0;
    PP_TRY(make_transforms(2, n, 1, &bytes, &plan));
    return PP_CHECK_FFT(cufftDestroy(plan));
#else
    (void)n;
    return PP_OK;
#endif
}

int slices_of(int64_t n)
{
    const int64_t slices = (n * n + SLICE_PIXELS - 1) / SLICE_PIXELS;
    return static_cast<int>(std::min<int64_t>(slices, SLICES_MOST));
}

/* Which fields of a batch there are. */
struct fields {
    int rooms, probes; /* room[0 .. rooms), moved and dmoved */
};

fields fields_of(const pp_sweep_setup *u)
{
    const bool fourier = u->mode == PP_SWEEP_FOURIER;
    const int rooms = fourier ? 3 : u->keep ? 1 : u->probe_moves ? 3 : 2;
    return {rooms, fourier ? (u->probe_moves ? 2 : 1) : 0};
}

/* Patterns of the largest batch: what a pass touches of it takes half of the L2 cache. */
int64_t batch_size(const pp_sweep_setup *u, double cache)
{
    const fields f = fields_of(u);
    const double plane = static_cast<double>(u->n * u->n),
                 touched = plane * (static_cast<double>(u->modes) * sizeof(pp_c32) *
                                        (2 + (u->probe_moves ? 1 : 0) + f.probes) +
                                    static_cast<double>(pp_dtype_size(u->frame_type)));
    const double most = std::min(cache / 2 / touched, static_cast<double>(BATCH_MOST));
    return std::max<int64_t>(1, std::min(u->patterns, static_cast<int64_t>(most)));
}

double bytes(const pp_sweep_setup *u)
{
    const fields f = fields_of(u);
    double cache = 50e6;
    int devices = 0;
    if (cudaGetDeviceCount(&devices) != cudaSuccess || devices < 1)
        (void)cudaGetLastError(); /* planned for a machine that has one */
    else if (cache_bytes(&cache) != PP_OK)
        cache = 50e6;
    const double j = static_cast<double>(u->patterns), n = static_cast<double>(u->n),
                 field = n * n * static_cast<double>(u->modes) * sizeof(pp_c32);
    const bool fourier = u->mode == PP_SWEEP_FOURIER;
    const double kept = u->keep ? (u->probe_moves ? 3 : 2) * field * j : 0;
    const int64_t most = batch_size(u, cache),
                  batches = std::max<int64_t>(1, (u->patterns + most - 1) / most);
    const double batch = static_cast<double>((u->patterns + batches - 1) / batches); /* as cut */
    const double frames =
        n * n * static_cast<double>(pp_dtype_size(u->frame_type)) * (u->stream ? 2 * batch : j);
    /* cuFFT's own room: as much as a batch */
    const double work = (f.rooms + f.probes + 1) * field * batch;
    const double rows = j * slices_of(u->n) * (LINE_SUMS * sizeof(double) + sizeof(float));
    const double probe = (u->probe_moves ? 2 : 0) * field + (fourier ? 2 * field : 0) + n * n;
    const double ramps = fourier ? j * (2 * n * sizeof(pp_c32) + 3 * sizeof(double)) : 0;
    const double between = u->mode == PP_SWEEP_BILINEAR ? 2 * j * sizeof(float) : 0,
                 background = u->background ? n * n * (sizeof(float) + sizeof(double2)) : 0;
    const double sum = u->wide_sum ? static_cast<double>(u->object[0] * u->object[1]) : 0;
    const double tables =
        u->callbacks
            ? j * sizeof(float) + static_cast<double>(batches) *
                                      (USES * sizeof(product_source) + sizeof(residual_source))
            : 0;
    return kept + frames + work + rows + probe + ramps + between + background +
           sum * sizeof(double2) + j * sizeof(corner) + tables;
}

/* ---- batches ---- */

void set_box(const sweep *s, batch *b)
{
    const int n =
        static_cast<int>(s->base.setup.n) + (s->base.setup.mode == PP_SWEEP_BILINEAR ? 1 : 0);
    b->from = b->to = s->windows[b->first];
    for (int k = b->first; k < b->first + b->count; k++) {
        const corner w = s->windows[k];
        b->from = {std::min(b->from.y, w.y), std::min(b->from.x, w.x)};
        b->to = {std::max(b->to.y, w.y), std::max(b->to.x, w.x)};
    }
    b->to.y += n, b->to.x += n;
}

/* Batches of two sizes at most, which differ by one: two plans. */
pp_status cut(sweep *s)
{
    const pp_sweep_setup *u = &s->base.setup;
    double cache = 0;
    PP_TRY(cache_bytes(&cache));
    const int64_t most = batch_size(u, cache), count = (u->patterns + most - 1) / most;
    PP_TRY(PP_ALLOC(count, &s->of));
    s->batches = static_cast<int>(count);
    for (int64_t i = 0; i < count; i++) {
        const int64_t first = u->patterns * i / count, last = u->patterns * (i + 1) / count;
        s->of[i].first = static_cast<int>(first), s->of[i].count = static_cast<int>(last - first);
        set_box(s, &s->of[i]);
        s->sizes[0] = std::max(s->sizes[0], s->of[i].count);
    }
    for (int64_t i = 0; i < count; i++)
        if (s->of[i].count != s->sizes[0]) s->sizes[1] = s->of[i].count;
    return PP_OK;
}

/* Which batch a stage ends with. */
pp_status find_stages(sweep *s, const pp_sweep_setup *u)
{
    PP_TRY(PP_CHECK(cudaEventCreateWithFlags(&s->computed, cudaEventDefault)));
    PP_TRY(PP_CHECK(cudaEventCreateWithFlags(&s->shared, cudaEventDefault)));
    for (int k = 0; k < pp_sweep_stages(u); k++) {
        int slots = s->slots;
        PP_TRY(PP_CHECK(cudaEventCreateWithFlags(&s->staged[k], cudaEventDefault)));
        while (u->stages > 1 && slots > 0 && u->stage[s->order[slots - 1]] > k) slots--;
        s->last[k] = -1;
        for (int i = 0; i < s->batches && s->of[i].first < slots; i++) s->last[k] = i;
    }
    return PP_OK;
}

/* Stage by stage, and in each along the curve. */
pp_status put_in_order(sweep *s, const pp_sweep_setup *u)
{
    pp_chunks chunks;
    int64_t slot = 0;
    PP_TRY(PP_ALLOC(u->patterns, &s->order));
    PP_TRY(PP_ALLOC(u->patterns, &s->windows));
    PP_TRY(pp_chunks_create(u, &chunks));
    for (int stage = 0; stage < pp_sweep_stages(u); stage++)
        for (int64_t k = 0; k < u->patterns; k++) {
            const int64_t j = chunks.order[k];
            if (u->stages > 1 && u->stage[j] != stage) continue;
            s->order[slot] = j;
            s->windows[slot++] = {chunks.window[j][0], chunks.window[j][1]};
        }
    pp_chunks_free(&chunks);
    return PP_OK;
}

void set_offsets(sweep *s, const double *positions, const double *factors)
{
    if (!s->ramp) return;
    for (int k = 0; k < s->slots; k++) {
        const int64_t j = s->order[k];
        s->host_rows[3 * k] = positions[2 * j] - s->windows[k].y;
        s->host_rows[3 * k + 1] = positions[2 * j + 1] - s->windows[k].x;
        s->host_rows[3 * k + 2] = factors ? factors[j] : 1.0;
    }
    s->moved_on = true;
}

/* ---- memory ---- */

pp_status make_plans(sweep *s)
{
    const pp_sweep_setup *u = &s->base.setup;
    const bool fourier = u->mode == PP_SWEEP_FOURIER,
               plain = !u->callbacks || fourier || !residual_is_loaded(s);
    size_t bytes = 0;
    for (int i = 0; i < 2; i++)
        if (s->sizes[i] && plain)
            PP_TRY(make_transforms(2, u->n, s->sizes[i] * u->modes, &bytes, &s->plans[PLAIN + i]));
    if (fourier) PP_TRY(make_transforms(2, u->n, u->modes, &bytes, &s->plans[PROBE]));
    if (u->callbacks) PP_TRY(make_callbacks(s, &bytes));
    return share_room(s->plans, PLANS, bytes, &s->fft_room);
}

pp_status make_fields(sweep *s)
{
    const pp_sweep_setup *u = &s->base.setup;
    const fields f = fields_of(u);
    const size_t field = static_cast<size_t>(s->field), j = static_cast<size_t>(u->patterns),
                 one = field * static_cast<size_t>(s->sizes[0]);
    if (u->keep) PP_TRY(take(field * j, &s->far));
    if (u->keep) PP_TRY(take(field * j, &s->f1));
    if (u->keep && u->probe_moves) PP_TRY(take(field * j, &s->f2));
    for (int i = 0; i < f.rooms; i++) PP_TRY(take(one, &s->room[i]));
    if (f.probes > 0) PP_TRY(take(one, &s->moved));
    if (f.probes > 1) PP_TRY(take(one, &s->dmoved));
    if (u->probe_moves) PP_TRY(take(field, &s->probe_sum));
    if (u->wide_sum) PP_TRY(take(static_cast<size_t>(u->object[0] * u->object[1]), &s->object_sum));
    if (u->mode != PP_SWEEP_FOURIER) return PP_OK;
    PP_TRY(take(field, &s->hat));
    if (u->probe_moves) PP_TRY(take(field, &s->dhat));
    PP_TRY(take(3 * j, &s->offsets));
    return take(2 * j * static_cast<size_t>(u->n), &s->ramp);
}

pp_status make_rows(sweep *s)
{
    const size_t j = static_cast<size_t>(s->slots), rows = j * static_cast<size_t>(s->slices);
    void *memory = nullptr;
    PP_TRY(take(rows, &s->maxima));
    PP_TRY(take(LINE_SUMS * rows, &s->partial));
    PP_TRY(take(LINE_SUMS, &s->total));
    PP_TRY(take_pinned(LINE_SUMS * sizeof(double), &memory));
    s->host_total = static_cast<double *>(memory);
    if (s->base.setup.mode != PP_SWEEP_FOURIER) return PP_OK;
    PP_TRY(take_pinned(POSITION_SUMS * rows * sizeof(double), &memory));
    s->host_rows = static_cast<double *>(memory);
    return PP_OK;
}

/* 0 until it is set. */
pp_status make_background(sweep *s)
{
    const size_t plane = static_cast<size_t>(s->base.setup.n * s->base.setup.n);
    void *memory = nullptr;
    cudaStream_t q = nullptr;
    if (!s->base.setup.background) return PP_OK;
    PP_TRY(this_stream(&q));
    PP_TRY(take(plane, &s->background));
    PP_TRY(take(plane, &s->terms));
    PP_TRY(take_pinned(plane * sizeof *s->host_terms, &memory));
    s->host_terms = static_cast<double2 *>(memory);
    return PP_CHECK(cudaMemsetAsync(s->background, 0, plane * sizeof *s->background, q));
}

/* Where bilinear positions lie between pixels. */
pp_status send_parts(sweep *s, const double *positions)
{
    cudaStream_t q = nullptr;
    std::vector<float> parts;
    if (s->base.setup.mode != PP_SWEEP_BILINEAR) return PP_OK;
    for (int k = 0; k < s->slots; k++) {
        parts.push_back(static_cast<float>(positions[2 * s->order[k]] - s->windows[k].y));
        parts.push_back(static_cast<float>(positions[2 * s->order[k] + 1] - s->windows[k].x));
    }
    PP_TRY(this_stream(&q));
    PP_TRY(take(parts.size(), &s->part));
    PP_TRY(PP_CHECK(cudaMemcpyAsync(s->part, parts.data(), parts.size() * sizeof(float),
                                    cudaMemcpyHostToDevice, q)));
    return settle();
}

/* Small tables from the host; waits, so that they need not be pinned. */
pp_status send_tables(sweep *s, const uint8_t *mask)
{
    const size_t plane = static_cast<size_t>(s->base.setup.n * s->base.setup.n),
                 windows = static_cast<size_t>(s->slots) * sizeof(corner);
    cudaStream_t q = nullptr;
    PP_TRY(this_stream(&q));
    PP_TRY(take(static_cast<size_t>(s->slots), &s->window));
    PP_TRY(take(plane, &s->mask));
    PP_TRY(PP_CHECK(cudaMemcpyAsync(s->window, s->windows, windows, cudaMemcpyHostToDevice, q)));
    PP_TRY(mask ? PP_CHECK(cudaMemcpyAsync(s->mask, mask, plane, cudaMemcpyHostToDevice, q))
                : PP_CHECK(cudaMemsetAsync(s->mask, 1, plane, q)));
    return settle();
}

pp_status count_totals(sweep *s)
{
    cudaStream_t q = nullptr;
    PP_TRY(this_stream(&q));
    for (int i = 0; i < s->batches; i++) {
        const batch *b = &s->of[i];
        const void *frames = nullptr;
        PP_TRY(take_frames(s, q, i, &frames));
        launch_totals(q, scene_of(s, *b), measurement_of(s, frames),
                      s->partial + static_cast<int64_t>(b->first) * s->slices,
                      static_cast<int64_t>(s->slots) * s->slices);
        PP_TRY(used_frames(s, q));
    }
    PP_TRY(fetch_totals(s, 3));
    s->totals = {s->host_total[0], s->host_total[1], s->host_total[2]};
    return PP_OK;
}

pp_status fill(sweep *s, const pp_sweep_setup *u)
{
    s->slots = static_cast<int>(u->patterns);
    s->slices = slices_of(u->n);
    s->field = u->modes * u->n * u->n;
    PP_TRY(put_in_order(s, u));
    PP_TRY(cut(s));
    PP_TRY(find_stages(s, u));
    PP_TRY(make_plans(s));
    PP_TRY(make_fields(s));
    PP_TRY(make_rows(s));
    PP_TRY(send_tables(s, u->mask));
    PP_TRY(send_parts(s, u->positions));
    PP_TRY(make_background(s));
    PP_TRY(make_frames(s));
    set_offsets(s, u->positions, nullptr);
    return count_totals(s);
}

void free_sweep(pp_sweep *base)
{
    sweep *const s = of(base);
    (void)cudaStreamSynchronize(stream()); /* pinned memory may be in use after an error */
    free_frames(s);
    for (const cudaEvent_t event : s->staged)
        if (event) (void)cudaEventDestroy(event);
    if (s->computed) (void)cudaEventDestroy(s->computed);
    if (s->shared) (void)cudaEventDestroy(s->shared);
    for (const cufftHandle plan : s->plans)
        if (plan >= 0) (void)cufftDestroy(plan);
    for (pp_c32 *memory : {s->far, s->f1, s->f2, s->room[0], s->room[1], s->room[2], s->moved,
                           s->dmoved, s->hat, s->dhat, s->ramp})
        give(memory);
    give(s->window), give(s->offsets), give(s->mask), give(s->probe_sum), give(s->object_sum);
    give(s->maxima), give(s->partial), give(s->total);
    give(s->fft_room), give(s->part), give(s->background), give(s->terms);
    free_callbacks(s);
    give_pinned(s->host_total), give_pinned(s->host_rows), give_pinned(s->host_terms);
    pp_free(s->of), pp_free(s->order), pp_free(s->windows);
    pp_free(s);
}

pp_status create(const pp_sweep_setup *setup, pp_sweep **out)
{
    sweep *s = nullptr;
    PP_TRY(PP_ALLOC(1, &s));
    s->base.kind = &sweep_batched;
    for (cufftHandle &plan : s->plans) plan = -1;
    s->base.setup = *setup;
    s->base.setup.positions = nullptr, s->base.setup.mask = nullptr, s->base.setup.stage = nullptr;
    const pp_status status = fill(s, setup);
    if (status == PP_OK)
        *out = &s->base;
    else
        free_sweep(&s->base);
    return status;
}

void advance(pp_sweep *s, double to)
{
    of(s)->to = to;
}

void renew(pp_sweep *s)
{
    of(s)->known = false;
}

void move(pp_sweep *s, const double *positions, const double *factors)
{
    set_offsets(of(s), positions, factors);
    renew(s);
}

void totals(const pp_sweep *s, pp_sweep_totals *out)
{
    *out = reinterpret_cast<const sweep *>(s)->totals;
}

void facts(const pp_sweep *s, pp_sweep_facts *out)
{
    const pp_sweep_setup *u = &s->setup;
    const double plane = static_cast<double>(u->n * u->n),
                 frame = plane * static_cast<double>(pp_dtype_size(u->frame_type)),
                 field = plane * static_cast<double>(u->modes) * sizeof(pp_c32);
    const double lines = u->probe_moves ? 2 : 1;
    /* kept: line reads far and writes the line's terms, gradient reads both and writes far */
    *out = {u->callbacks ? PP_TABLE_NAME " batched, callbacks" : PP_TABLE_NAME " batched",
            frame + (u->keep ? (1 + lines) * field : 0),
            2 * frame + (u->keep ? (3 + 2 * lines) * field : 0)};
}

} // namespace

pp_status cache_bytes(double *out)
{
    int device = 0;
    cudaDeviceProp facts;
    PP_TRY(PP_CHECK(cudaGetDevice(&device)));
    PP_TRY(PP_CHECK(cudaGetDeviceProperties(&facts, device)));
    *out = static_cast<double>(facts.l2CacheSize);
    return PP_OK;
}

sweep *of(pp_sweep *s)
{
    return reinterpret_cast<sweep *>(s);
}

/* name, staged, supports, order, prepare, bytes, create, free, gradient, line, costs, advance, renew, illumination, positions, move,
 * totals, facts, set_background, background_terms */
const pp_sweep_class sweep_batched = {
    "batched",
    true,
    supports,
    nullptr,
    prepare,
    bytes,
    create,
    free_sweep,
    sweep_gradient,
    sweep_line,
    sweep_costs,
    advance,
    renew,
    sweep_illumination,
    sweep_positions,
    move,
    totals,
    facts,
    sweep_set_background,
    sweep_background_terms,
};

} // namespace PP_DEVICE
