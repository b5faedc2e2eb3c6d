/* Frames and mask in a sweep's order of detector pixels. A view's own frames are moved about where they are, so they exist once;
 * a device of several takes a copy of its part.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <omp.h>
#include <string.h>

#include "base/alloc.h"
#include "solvers/view_internal.h"

static void gather(char *to, const char *from, const int32_t *order, int64_t count, size_t size)
{
    for (int64_t k = 0; k < count; k++)
        memcpy(to + (size_t)k * size, from + (size_t)order[k] * size, size);
}

static void scatter(char *to, const char *from, const int32_t *order, int64_t count, size_t size)
{
    for (int64_t k = 0; k < count; k++)
        memcpy(to + (size_t)order[k] * size, from + (size_t)k * size, size);
}

/* Every frame by way of its thread's room. */
static void turn_frames(const solve *s, bool back)
{
    const int64_t n2 = s->setup.n * s->setup.n;
    const size_t size = pp_dtype_size(s->setup.frame_type), frame = (size_t)n2 * size;
    char *frames = pp_array_data(s->in->frames);
#pragma omp parallel for num_threads(s->setup.threads) schedule(static)
    for (int64_t j = 0; j < s->setup.patterns; j++) {
        char *room = s->room + (size_t)omp_get_thread_num() * frame,
             *at = frames + (size_t)j * frame;
        memcpy(room, at, frame);
        if (back)
            scatter(at, room, s->order, n2, size);
        else
            gather(at, room, s->order, n2, size);
    }
}

/* This device's frames in memory of their own. */
static pp_status copy_frames(solve *s)
{
    const int64_t n2 = s->setup.n * s->setup.n, count = s->setup.patterns;
    const size_t size = pp_dtype_size(s->setup.frame_type), frame = (size_t)n2 * size;
    const char *from = pp_array_read(s->in->frames);
    PP_TRY(pp_alloc((size_t)(count ? count : 1), frame, &s->frames));
    for (int64_t j = 0; j < count; j++)
        gather((char *)s->frames + (size_t)j * frame, from + (size_t)s->pick[j] * frame, s->order,
               n2, size);
    return PP_OK;
}

pp_status pp_view_order_frames(solve *s, const pp_sweep_class *kind)
{
    const int64_t n2 = s->setup.n * s->setup.n;
    const size_t frame = (size_t)n2 * pp_dtype_size(s->setup.frame_type);
    PP_TRY(PP_ALLOC(n2, &s->mask));
    PP_TRY(PP_ALLOC(n2, &s->order));
    for (int64_t k = 0; k < n2; k++) s->order[k] = (int32_t)k;
    if (kind->order) kind->order(s->setup.n, s->order);
    gather((char *)s->mask, pp_array_read(s->in->mask), s->order, n2, 1);
    if (s->pick) return copy_frames(s);
    if (!kind->order) return PP_OK;
    PP_TRY(pp_alloc((size_t)s->setup.threads, frame, (void **)&s->room));
    turn_frames(s, false);
    return PP_OK;
}

void pp_view_restore_frames(solve *s)
{
    if (s->room) turn_frames(s, true);
    pp_free(s->frames), pp_free(s->mask), pp_free(s->order), pp_free(s->room);
}
