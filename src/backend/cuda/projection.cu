/* Projections of slices, see backend/projection.h: two slots take turns, each with a stream, transforms and buffers of its own, so that
 * the copies of one batch run beside the kernels of the other.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "backend/cuda/projection.h"
#include "backend/cuda/transforms.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <vector>

namespace PP_DEVICE
{
namespace
{

enum { SLOTS = 2, BATCH = PROJECTION_BATCH, BIN = PROJECTION_BIN, TAPS = PP_RADIAL_TAPS };

struct slot_t {
    batch_t batch = {};
    cudaEvent_t done = nullptr;
    float *host_image = nullptr, *host_lines = nullptr; /* pinned */
    cufftHandle plans[2] = {-1, -1};                    /* of the grid, and of lines */
    char *fft_room = nullptr;
    /* where the batch under way goes: nothing where count is 0 */
    float *to = nullptr;
    size_t count = 0;
};

struct projection_t {
    radial_t r = {};
    int *first_y = nullptr, *first_x = nullptr, *line = nullptr, *start = nullptr;
    float *weights = nullptr, *apodisation = nullptr;
    pp_c32 *ramps = nullptr;
    cudaEvent_t ready = nullptr; /* where the queue is that gives a job on the device */
    slot_t slots[SLOTS];
};

projection_t &of(pp_projection *p)
{
    return *reinterpret_cast<projection_t *>(p);
}

/* ---- tables ---- */

template <class T> pp_status put(const std::vector<T> &from, T **out)
{
    PP_TRY(take(from.size(), out));
    PP_TRY(PP_CHECK(cudaMemcpyAsync(*out, from.data(), from.size() * sizeof(T),
                                    cudaMemcpyHostToDevice, stream())));
    return settle(); /* `from` may go */
}

/* A point's first cell on the periodic grid; its table counts from the halo's corner. */
struct cell_t {
    int y, x;
};

cell_t first_cell(const pp_radial *r, int64_t i)
{
    const int64_t cell = r->points[i].cell, y = cell / r->pitch - PP_RADIAL_HALO,
                  x = cell % r->pitch - PP_RADIAL_HALO;
    return {static_cast<int>((y + r->grid) % r->grid), static_cast<int>((x + r->grid) % r->grid)};
}

int bin_of(const radial_t &d, cell_t c)
{
    return c.y / BIN * d.bins + c.x / BIN;
}

/* Counting sort of the points by bins. */
void sort_points(const pp_radial *r, const radial_t &d, std::vector<int> *start,
                 std::vector<int64_t> *order)
{
    start->assign(static_cast<size_t>(d.bins) * static_cast<size_t>(d.bins) + 1, 0);
    order->resize(static_cast<size_t>(r->count));
    for (int64_t i = 0; i < r->count; i++)
        (*start)[static_cast<size_t>(bin_of(d, first_cell(r, i))) + 1]++;
    for (size_t k = 1; k < start->size(); k++) (*start)[k] += (*start)[k - 1];
    std::vector<int> next(*start);
    for (int64_t i = 0; i < r->count; i++) {
        const size_t bin = static_cast<size_t>(bin_of(d, first_cell(r, i)));
        (*order)[static_cast<size_t>(next[bin]++)] = i;
    }
}

pp_status put_points(projection_t *p, const pp_radial *r)
{
    std::vector<int> start, y, x, line;
    std::vector<int64_t> order;
    const size_t count = static_cast<size_t>(r->count);
    std::vector<float> weights(2 * TAPS * count);
    sort_points(r, p->r, &start, &order);
    y.resize(count), x.resize(count), line.resize(count);
    for (size_t k = 0; k < count; k++) {
        const pp_radial_point &point = r->points[order[k]];
        const cell_t c = first_cell(r, order[k]);
        y[k] = c.y, x[k] = c.x, line[k] = point.line;
        for (size_t t = 0; t < TAPS; t++) {
            weights[t * count + k] = point.wy[t];
            weights[(TAPS + t) * count + k] = point.wx[t];
        }
    }
    PP_TRY(put(start, &p->start));
    PP_TRY(put(y, &p->first_y));
    PP_TRY(put(x, &p->first_x));
    PP_TRY(put(line, &p->line));
    return put(weights, &p->weights);
}

pp_status make_tables(projection_t *p, const pp_radial *r)
{
    p->r.n = static_cast<int>(r->n), p->r.views = static_cast<int>(r->views);
    p->r.grid = static_cast<int>(r->grid), p->r.samples = static_cast<int>(r->samples);
    p->r.bins = (p->r.grid + BIN - 1) / BIN, p->r.count = r->count;
    PP_TRY(put_points(p, r));
    const std::vector<float> apodisation(r->apodisation, r->apodisation + r->n);
    PP_TRY(put(apodisation, &p->apodisation));
    PP_TRY(take(static_cast<size_t>(r->count), &p->ramps));
    p->r.first_y = p->first_y, p->r.first_x = p->first_x, p->r.line = p->line;
    p->r.start = p->start, p->r.weights = p->weights;
    p->r.apodisation = p->apodisation, p->r.ramps = p->ramps;
    return PP_OK;
}

/* ---- slots ---- */

pp_status make_plans(slot_t *s, const radial_t &r)
{
    size_t bytes = 0;
    PP_TRY(make_transforms(2, r.grid, BATCH, &bytes, &s->plans[0]));
    PP_TRY(make_transforms(1, r.n, static_cast<int64_t>(BATCH) * r.views, &bytes, &s->plans[1]));
    for (const cufftHandle plan : s->plans)
        PP_TRY(PP_CHECK_FFT(cufftSetStream(plan, s->batch.stream)));
    return share_room(s->plans, 2, bytes, &s->fft_room);
}

size_t image_floats(const radial_t &r)
{
    return 2 * static_cast<size_t>(BATCH) * static_cast<size_t>(r.n) * static_cast<size_t>(r.n);
}

size_t line_floats(const radial_t &r)
{
    return 2 * static_cast<size_t>(BATCH) * static_cast<size_t>(r.views) * static_cast<size_t>(r.n);
}

pp_status make_slot(slot_t *s, const radial_t &r)
{
    batch_t &b = s->batch;
    const size_t cells = static_cast<size_t>(r.grid) * static_cast<size_t>(r.grid);
    void *image = nullptr, *lines = nullptr;
    PP_TRY(PP_CHECK(cudaStreamCreateWithFlags(&b.stream, cudaStreamNonBlocking)));
    PP_TRY(PP_CHECK(cudaEventCreateWithFlags(&s->done, cudaEventDisableTiming)));
    PP_TRY(take(image_floats(r), &b.image));
    PP_TRY(take(line_floats(r), &b.lines));
    PP_TRY(take(BATCH * cells, &b.grid));
    PP_TRY(take(BATCH * static_cast<size_t>(r.count), &b.values));
    PP_TRY(take(line_floats(r) / 2, &b.transformed));
    PP_TRY(take_pinned(image_floats(r) * sizeof(float), &image));
    s->host_image = static_cast<float *>(image);
    PP_TRY(take_pinned(line_floats(r) * sizeof(float), &lines));
    s->host_lines = static_cast<float *>(lines);
    return make_plans(s, r);
}

void free_slot(slot_t *s)
{
    batch_t &b = s->batch;
    if (b.stream) (void)cudaStreamSynchronize(b.stream);
    for (const cufftHandle plan : s->plans)
        if (plan >= 0) (void)cufftDestroy(plan);
    if (s->done) (void)cudaEventDestroy(s->done);
    if (b.stream) (void)cudaStreamDestroy(b.stream);
    give(b.image), give(b.lines), give(b.grid), give(b.values), give(b.transformed);
    give(s->fft_room);
    give_pinned(s->host_image), give_pinned(s->host_lines);
}

void free_projection(pp_projection *projection)
{
    if (!projection) return;
    projection_t &p = of(projection);
    for (slot_t &s : p.slots) free_slot(&s);
    if (p.ready) (void)cudaEventDestroy(p.ready);
    give(p.first_y), give(p.first_x), give(p.line), give(p.start);
    give(p.weights), give(p.apodisation), give(p.ramps);
    delete &p;
}

pp_status create(const pp_radial *radial, pp_projection **out)
{
    projection_t *p = new (std::nothrow) projection_t;
    if (!p) return PP_FAIL(PP_ERR_RESOURCE, "no memory for a projection's tables");
    pp_status status = make_tables(p, radial);
    if (status == PP_OK)
        status = PP_CHECK(cudaEventCreateWithFlags(&p->ready, cudaEventDisableTiming));
    for (slot_t &s : p->slots)
        if (status == PP_OK) status = make_slot(&s, p->r);
    if (status == PP_OK) status = settle(); /* the slots' streams do not wait for this queue */
    if (status == PP_OK)
        *out = reinterpret_cast<pp_projection *>(p);
    else
        free_projection(reinterpret_cast<pp_projection *>(p));
    return status;
}

pp_status set_ramps(pp_projection *projection, const pp_c32 *ramps)
{
    const projection_t &p = of(projection);
    PP_TRY(PP_CHECK(cudaMemcpyAsync(p.ramps, ramps, static_cast<size_t>(p.r.count) * sizeof *ramps,
                                    cudaMemcpyHostToDevice, stream())));
    return settle();
}

/* ---- batches ---- */

pp_status forward_batch(const radial_t &r, const slot_t *s, const batch_t &b)
{
    cufftComplex *const grid = reinterpret_cast<cufftComplex *>(b.grid),
                        *const lines = reinterpret_cast<cufftComplex *>(b.transformed);
    load_image(r, b);
    PP_TRY(PP_CHECK_FFT(cufftExecC2C(s->plans[0], grid, grid, CUFFT_FORWARD)));
    gather(r, b);
    values_to_lines(r, b);
    PP_TRY(PP_CHECK_FFT(cufftExecC2C(s->plans[1], lines, lines, CUFFT_INVERSE)));
    store_lines(r, b);
    return launched();
}

pp_status adjoint_batch(const radial_t &r, const slot_t *s, const batch_t &b)
{
    cufftComplex *const grid = reinterpret_cast<cufftComplex *>(b.grid),
                        *const lines = reinterpret_cast<cufftComplex *>(b.transformed);
    load_lines(r, b);
    PP_TRY(PP_CHECK_FFT(cufftExecC2C(s->plans[1], lines, lines, CUFFT_FORWARD)));
    lines_to_values(r, b);
    scatter(r, b);
    PP_TRY(PP_CHECK_FFT(cufftExecC2C(s->plans[0], grid, grid, CUFFT_INVERSE)));
    store_image(r, b);
    return launched();
}

/* The slot's batch has come; its result goes where it belongs. */
pp_status collect(slot_t *s, const float *host)
{
    if (s->count == 0) return PP_OK;
    PP_TRY(PP_CHECK(cudaEventSynchronize(s->done)));
    memcpy(s->to, host, s->count * sizeof(float));
    s->count = 0;
    return PP_OK;
}

struct way_t {
    bool forward;
    size_t from, to; /* floats of a slice, in and out */
};

float *host_to(const slot_t &s, const way_t &way)
{
    return way.forward ? s.host_lines : s.host_image;
}

pp_status start(const radial_t &r, slot_t *s, const way_t &way, const pp_projection_job *job,
                int64_t first)
{
    batch_t &b = s->batch;
    const int64_t each = job->real ? 2 * BATCH : BATCH, left = job->slices - first;
    b.slices = static_cast<int>(left < each ? left : each), b.real = job->real;
    const size_t slices = static_cast<size_t>(b.slices), from = slices * way.from,
                 to = slices * way.to;
    float *const host = way.forward ? s->host_image : s->host_lines,
                 *const in = way.forward ? b.image : b.lines,
                 *const out = way.forward ? b.lines : b.image;
    memcpy(host, job->from + static_cast<size_t>(first) * way.from, from * sizeof(float));
    PP_TRY(PP_CHECK(
        cudaMemcpyAsync(in, host, from * sizeof(float), cudaMemcpyHostToDevice, b.stream)));
    PP_TRY(way.forward ? forward_batch(r, s, b) : adjoint_batch(r, s, b));
    PP_TRY(PP_CHECK(cudaMemcpyAsync(host_to(*s, way), out, to * sizeof(float),
                                    cudaMemcpyDeviceToHost, b.stream)));
    s->to = job->to + static_cast<size_t>(first) * way.to, s->count = to;
    return PP_CHECK(cudaEventRecord(s->done, b.stream));
}

pp_status run(projection_t *p, const way_t &way, const pp_projection_job *job)
{
    const int64_t each = job->real ? 2 * BATCH : BATCH;
    for (int64_t first = 0, k = 0; first < job->slices; first += each, k++) {
        slot_t *s = &p->slots[k % SLOTS];
        PP_TRY(collect(s, host_to(*s, way)));
        PP_TRY(start(p->r, s, way, job, first));
    }
    for (slot_t &s : p->slots) PP_TRY(collect(&s, host_to(s, way)));
    return PP_OK;
}

/* The slot's stream goes on where this thread's queue is, and the queue waits for the stream. */
pp_status begin_there(const projection_t &p, const slot_t &s)
{
    return PP_CHECK(cudaStreamWaitEvent(s.batch.stream, p.ready, 0));
}

pp_status end_there(const slot_t &s)
{
    PP_TRY(PP_CHECK(cudaEventRecord(s.done, s.batch.stream)));
    return PP_CHECK(cudaStreamWaitEvent(stream(), s.done, 0));
}

/* One batch of a job whose arrays lie on the device: the kernels have the caller's in place of the slot's. */
pp_status start_there(const projection_t &p, const slot_t &s, const way_t &way,
                      const pp_projection_job *job, int64_t first)
{
    const int64_t each = job->real ? 2 * BATCH : BATCH, left = job->slices - first;
    float *const from = const_cast<float *>(job->from) + static_cast<size_t>(first) * way.from,
                 *const to = job->to + static_cast<size_t>(first) * way.to;
    batch_t b = s.batch;
    b.slices = static_cast<int>(left < each ? left : each), b.real = job->real;
    b.image = way.forward ? from : to, b.lines = way.forward ? to : from;
    return way.forward ? forward_batch(p.r, &s, b) : adjoint_batch(p.r, &s, b);
}

pp_status run_there(const projection_t &p, const way_t &way, const pp_projection_job *job)
{
    const int64_t each = job->real ? 2 * BATCH : BATCH;
    PP_TRY(launched());
    PP_TRY(PP_CHECK(cudaEventRecord(p.ready, stream())));
    for (const slot_t &s : p.slots) PP_TRY(begin_there(p, s));
    for (int64_t first = 0, k = 0; first < job->slices; first += each, k++)
        PP_TRY(start_there(p, p.slots[k % SLOTS], way, job, first));
    for (const slot_t &s : p.slots) PP_TRY(end_there(s));
    return PP_OK;
}

/* What failed leaves nothing under way. */
pp_status run_and_settle(pp_projection *projection, bool forward, const pp_projection_job *job)
{
    projection_t &p = of(projection);
    const size_t lanes = job->real ? 1 : 2, image = image_floats(p.r) / (2 * BATCH) * lanes,
                 line = line_floats(p.r) / (2 * BATCH) * lanes;
    const way_t way = {forward, forward ? image : line, forward ? line : image};
    const pp_status status = job->on_device ? run_there(p, way, job) : run(&p, way, job);
    for (slot_t &s : p.slots) {
        if (status != PP_OK) (void)cudaStreamSynchronize(s.batch.stream);
        s.count = 0;
    }
    return status;
}

pp_status forward(pp_projection *projection, const pp_projection_job *job)
{
    return run_and_settle(projection, true, job);
}

pp_status adjoint(pp_projection *projection, const pp_projection_job *job)
{
    return run_and_settle(projection, false, job);
}

/* cuFFT's own room: as much as the larger of its plans. */
double bytes(int64_t n, int64_t views, int64_t grid)
{
    const double count = static_cast<double>((n / 2 * 2 + 1) * views),
                 line = static_cast<double>(views * n), image = static_cast<double>(n * n),
                 cells = static_cast<double>(grid * grid),
                 bins = static_cast<double>((grid + BIN - 1) / BIN);
    const double sample =
        sizeof(float) * 2 * static_cast<size_t>(TAPS) + 3 * sizeof(int) + sizeof(pp_c32);
    return count * sample + bins * bins * sizeof(int) +
           static_cast<double>(sizeof(pp_c32) * SLOTS * BATCH) *
               (image + 2 * line + count + cells + std::max(cells, line));
}

} // namespace

const pp_projection_class projection_class = {create,  free_projection, set_ramps,
                                              forward, adjoint,         bytes};

} // namespace PP_DEVICE
