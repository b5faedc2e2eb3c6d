/* Links between devices, see backend/link.h: parts are packed where they are not contiguous, moved, and put or added where they
 * belong. Moving is link_nccl.cu's or link_copies.cu's.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "backend/cuda/link.h"

namespace PP_DEVICE
{
namespace
{

links_t &of(pp_links *l)
{
    return *reinterpret_cast<links_t *>(l);
}

const links_t &of(const pp_links *l)
{
    return *reinterpret_cast<const links_t *>(l);
}

/* The calling thread's device is put back where a function works on several. */
class keep_device
{
    int before_ = 0;

  public:
    keep_device() { (void)cudaGetDevice(&before_); }
    ~keep_device() { (void)cudaSetDevice(before_); }
    keep_device(const keep_device &) = delete;
    keep_device &operator=(const keep_device &) = delete;
};

bool different(const pp_link_setup *setup)
{
    for (int a = 0; a < setup->size; a++)
        for (int b = 0; b < a; b++)
            if (setup->devices[a] == setup->devices[b]) return false;
    return true;
}

pp_status open_end(links_t *l, const pp_link_setup *setup, int rank)
{
    end_t &e = l->ends[rank];
    e.device = setup->devices[rank];
    PP_TRY(PP_CHECK(cudaSetDevice(e.device)));
    e.room = setup->room[rank];
    PP_TRY(take(static_cast<size_t>(e.room > 0 ? e.room : 1), &e.staging));
    PP_TRY(settle()); /* other threads' queues use it */
    PP_TRY(make_urgent_stream(&e.stream));
    PP_TRY(PP_CHECK(cudaEventCreateWithFlags(&e.ready, cudaEventDisableTiming)));
    return PP_CHECK(cudaEventCreateWithFlags(&e.done, cudaEventDisableTiming));
}

void close_end(end_t *e)
{
    (void)cudaSetDevice(e->device);
    (void)cudaDeviceSynchronize();
    if (e->ready) (void)cudaEventDestroy(e->ready);
    if (e->done) (void)cudaEventDestroy(e->done);
    if (e->stream) (void)cudaStreamDestroy(e->stream);
    give(e->staging);
}

void close(pp_links **links)
{
    const keep_device kept;
    if (!*links) return;
    links_t *l = &of(*links);
    for (int r = 0; r < l->size; r++) close_end(&l->ends[r]);
    close_nccl(l);
    delete l;
    *links = nullptr;
}

pp_status open(const pp_link_setup *setup, pp_links **out)
{
    const keep_device kept;
    if (setup->size < 1 || setup->size > PP_LINK_MOST)
        return PP_FAIL(PP_ERR_RUN, "a link has 1 to %d ranks, not %d", PP_LINK_MOST, setup->size);
    links_t *l = new (std::nothrow) links_t;
    if (!l) return PP_FAIL(PP_ERR_RESOURCE, "no memory for the link of %d devices", setup->size);
    l->size = setup->size;
    l->nccl = setup->size > 1 && !setup->copies && different(setup);
    pp_status status = PP_OK;
    for (int r = 0; r < setup->size && status == PP_OK; r++) status = open_end(l, setup, r);
    if (status == PP_OK && l->nccl) status = open_nccl(l);
    if (status == PP_OK && !l->nccl) status = open_copies(l);
    pp_links *made = reinterpret_cast<pp_links *>(l);
    if (status == PP_OK)
        *out = made;
    else
        close(&made);
    return status;
}

/* ---- transfers ---- */

bool contiguous(const pp_link_piece &p)
{
    return p.rows == 1 || p.stride == p.columns;
}

pp_status pack(const end_t &e, const pp_link_piece *pieces, int count, parcel *parcels)
{
    int64_t used = 0;
    for (int k = 0; k < count; k++) {
        const pp_link_piece &p = pieces[k];
        const int64_t floats = p.rows * p.columns;
        parcels[k] = {p.at, floats, p.peer, p.send, contiguous(p) && !p.add};
        if (parcels[k].direct) continue;
        if (used + floats > e.room)
            return PP_FAIL(PP_ERR_RUN,
                           "a transfer stages more than the %lld floats it has room for",
                           static_cast<long long>(e.room));
        parcels[k].at = e.staging + used;
        used += floats;
        if (p.send) vectors.box(parcels[k].at, p.columns, p.at, p.stride, p.rows, p.columns, false);
    }
    return launched();
}

void unpack(const pp_link_piece *pieces, int count, const parcel *parcels)
{
    for (int k = 0; k < count; k++) {
        const pp_link_piece &p = pieces[k];
        if (!p.send && !parcels[k].direct)
            vectors.box(p.at, p.stride, parcels[k].at, p.columns, p.rows, p.columns, p.add);
    }
}

pp_status transfer(pp_links *links, int rank, const pp_link_piece *pieces, int count)
{
    links_t &l = of(links);
    parcel parcels[PP_LINK_PIECES];
    if (count == 0) return PP_OK;
    if (count > PP_LINK_PIECES)
        return PP_FAIL(PP_ERR_RUN, "a transfer of %d pieces, at most %d", count, PP_LINK_PIECES);
    PP_TRY(pack(l.ends[rank], pieces, count, parcels));
    PP_TRY(l.nccl ? move_nccl(&l, rank, parcels, count) : move_copies(&l, rank, parcels, count));
    unpack(pieces, count, parcels);
    PP_TRY(launched());
    for (int k = 0; k < count; k++)
        if (!parcels[k].send)
            l.ends[rank].received += static_cast<double>(parcels[k].floats) * sizeof(float);
    return l.nccl ? PP_OK : settle_copies(&l, rank, parcels, count);
}

/* ---- sums ---- */

struct slices {
    int64_t first, count;
};

slices slice_of(int64_t count, int size, int rank)
{
    const int64_t each = (count + size - 1) / size, first = each * rank;
    const int64_t left = count - first;
    return {first, left < 0 ? 0 : left < each ? left : each};
}

__global__ void sum_kernel(float *mine, const float *others, int64_t count, int size, int rank)
{
    const int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
    if (i >= count) return;
    float sum = 0.0f;
    for (int r = 0; r < size; r++) {
        const float value = r == rank ? mine[i] : others[r * count + i];
        sum = r == 0 ? value : sum + value;
    }
    mine[i] = sum;
}

void sum_slices(float *mine, const float *others, int64_t count, int size, int rank)
{
    const unsigned blocks = static_cast<unsigned>((count + 255) / 256);
    if (count > 0) PP_LAUNCH(sum_kernel, blocks, 256, 0, stream(), mine, others, count, size, rank);
}

/* Each rank sums one slice of the values, in rank order, and gives it to all. */
pp_status sum(pp_links *links, int rank, float *values, int64_t count)
{
    links_t &l = of(links);
    const end_t &e = l.ends[rank];
    const slices mine = slice_of(count, l.size, rank);
    pp_link_piece pieces[PP_LINK_PIECES];
    if (mine.count * l.size > e.room)
        return PP_FAIL(PP_ERR_RUN, "a sum of %lld floats stages more than %lld",
                       static_cast<long long>(count), static_cast<long long>(e.room));
    for (int pass = 0; pass < 2; pass++) {
        int used = 0;
        for (int r = 0; r < l.size; r++) {
            const slices theirs = slice_of(count, l.size, r);
            const slices from = pass ? mine : theirs, to = pass ? theirs : mine;
            float *const at = pass ? values + to.first : e.staging + r * mine.count;
            if (r != rank && from.count)
                pieces[used++] = {values + from.first, 1, from.count, from.count, r, true, false};
            if (r != rank && to.count)
                pieces[used++] = {at, 1, to.count, to.count, r, false, false};
        }
        PP_TRY(transfer(links, rank, pieces, used));
        if (pass == 0) sum_slices(values + mine.first, e.staging, mine.count, l.size, rank);
    }
    return launched();
}

/* ---- the rest ---- */

void abort_all(pp_links *links)
{
    const keep_device kept;
    links_t &l = of(links);
    {
        const std::lock_guard<std::mutex> hold(l.lock);
        l.broken = true;
        l.change.notify_all();
    }
    if (l.nccl) abort_nccl(&l);
}

const char *how(const pp_links *links)
{
    return of(links).nccl ? nccl_name() : "copies";
}

double received(const pp_links *links, int rank)
{
    return of(links).ends[rank].received;
}

} // namespace

pp_status broken()
{
    return PP_FAIL(PP_ERR_RUN, "another device of the group has failed");
}

const pp_link_class link_class = {open, close, transfer, sum, abort_all, how, received};

} // namespace PP_DEVICE
