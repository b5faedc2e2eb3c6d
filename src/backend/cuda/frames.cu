/* Frames on their way to the device: once, or batch by batch at every pass.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "backend/cuda/sweep.h"

#include <cstring>

namespace PP_DEVICE
{
namespace
{

size_t frame_bytes(const sweep *s)
{
    const pp_sweep_setup *u = &s->base.setup;
    return static_cast<size_t>(u->n * u->n) * pp_dtype_size(u->frame_type);
}

/* The batch's frames, gathered into one block. */
void gather(const sweep *s, const batch *b, char *to)
{
    const size_t frame = frame_bytes(s);
    for (int k = 0; k < b->count; k++)
        memcpy(to + static_cast<size_t>(k) * frame,
               static_cast<const char *>(s->base.setup.frames) +
                   static_cast<size_t>(s->order[b->first + k]) * frame,
               frame);
}

/* All frames to the device, through two pinned rooms of one batch. */
pp_status send_all(sweep *s, char *pinned)
{
    const size_t frame = frame_bytes(s), one = static_cast<size_t>(s->sizes[0]) * frame;
    cudaStream_t q = nullptr;
    PP_TRY(this_stream(&q));
    for (int i = 0; i < s->batches; i++) {
        const batch *b = &s->of[i];
        char *const room = pinned + (i % 2 ? one : 0);
        gather(s, b, room);
        if (i > 0) PP_TRY(settle()); /* the other room's copy ran behind the gathering */
        PP_TRY(PP_CHECK(cudaMemcpyAsync(s->frames.all + static_cast<size_t>(b->first) * frame, room,
                                        static_cast<size_t>(b->count) * frame,
                                        cudaMemcpyHostToDevice, q)));
    }
    return settle();
}

pp_status make_resident(sweep *s)
{
    const size_t frame = frame_bytes(s);
    void *pinned = nullptr;
    PP_TRY(take(static_cast<size_t>(s->slots) * frame, &s->frames.all));
    PP_TRY(take_pinned(2 * static_cast<size_t>(s->sizes[0]) * frame, &pinned));
    const pp_status status = send_all(s, static_cast<char *>(pinned));
    give_pinned(pinned);
    return status;
}

pp_status make_streamed(sweep *s)
{
    frame_store *const f = &s->frames;
    const size_t frame = frame_bytes(s);
    void *pinned = nullptr;
    f->streamed = true;
    PP_TRY(take_pinned(static_cast<size_t>(s->slots) * frame, &pinned));
    f->all = static_cast<char *>(pinned);
    for (int i = 0; i < s->batches; i++)
        gather(s, &s->of[i], f->all + static_cast<size_t>(s->of[i].first) * frame);
    PP_TRY(PP_CHECK(cudaStreamCreateWithFlags(&f->copies, cudaStreamNonBlocking)));
    for (int k = 0; k < 2; k++) {
        PP_TRY(take(static_cast<size_t>(s->sizes[0]) * frame, &f->room[k]));
        PP_TRY(PP_CHECK(cudaEventCreateWithFlags(&f->copied[k], cudaEventDisableTiming)));
        PP_TRY(PP_CHECK(cudaEventCreateWithFlags(&f->used[k], cudaEventDisableTiming)));
    }
    return settle(); /* the rooms are this queue's; copies come from another */
}

/* The next batch that is not on its way, once its room's last user is done. */
pp_status issue(sweep *s)
{
    frame_store *const f = &s->frames;
    const batch *b = &s->of[f->issued % s->batches];
    const int k = static_cast<int>(f->issued % 2);
    const size_t frame = frame_bytes(s);
    PP_TRY(PP_CHECK(cudaStreamWaitEvent(f->copies, f->used[k], 0)));
    PP_TRY(PP_CHECK(cudaMemcpyAsync(f->room[k], f->all + static_cast<size_t>(b->first) * frame,
                                    static_cast<size_t>(b->count) * frame, cudaMemcpyHostToDevice,
                                    f->copies)));
    PP_TRY(PP_CHECK(cudaEventRecord(f->copied[k], f->copies)));
    f->issued++;
    return PP_OK;
}

} // namespace

pp_status make_frames(sweep *s)
{
    return s->base.setup.stream ? make_streamed(s) : make_resident(s);
}

void free_frames(sweep *s)
{
    frame_store *const f = &s->frames;
    if (!f->streamed) {
        give(f->all);
        return;
    }
    if (f->copies) (void)cudaStreamSynchronize(f->copies);
    for (int k = 0; k < 2; k++) {
        if (f->copied[k]) (void)cudaEventDestroy(f->copied[k]);
        if (f->used[k]) (void)cudaEventDestroy(f->used[k]);
        give(f->room[k]);
    }
    if (f->copies) (void)cudaStreamDestroy(f->copies);
    give_pinned(f->all);
}

pp_status take_frames(sweep *s, cudaStream_t q, int i, const void **out)
{
    frame_store *const f = &s->frames;
    *out = f->all + static_cast<size_t>(s->of[i].first) * frame_bytes(s);
    if (!f->streamed) return PP_OK;
    if (f->taken % s->batches != i) { /* a pass before was broken off */
        PP_TRY(settle());
        PP_TRY(PP_CHECK(cudaStreamSynchronize(f->copies)));
        f->taken = f->issued = i;
    }
    while (f->issued < f->taken + 2) PP_TRY(issue(s));
    const int k = static_cast<int>(f->taken % 2);
    *out = f->room[k];
    return PP_CHECK(cudaStreamWaitEvent(q, f->copied[k], 0));
}

pp_status used_frames(sweep *s, cudaStream_t q)
{
    frame_store *const f = &s->frames;
    if (!f->streamed) return PP_OK;
    PP_TRY(PP_CHECK(cudaEventRecord(f->used[f->taken % 2], q)));
    f->taken++;
    return issue(s);
}

} // namespace PP_DEVICE
