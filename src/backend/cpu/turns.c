/* SPDX-License-Identifier: BSD-3-Clause */
#include "backend/cpu/turns.h"

#include <math.h>
#include <sched.h>
#include <string.h>

#include "base/alloc.h"
#include "kernels/regrid.h"

static int64_t lesser(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Pixels of all boxes, and how many probe sums. One thread adds each chunk as soon as it is made; more want room for what is
 * ahead of its turn. The boxes take at most two objects. */
typedef struct room {
    int64_t pixels, slots;
} room;

/* A chunk's box is a window and the chunk's share of the scan, which is not always square. */
static int64_t usual_box(const pp_sweep_setup *s, int64_t chunks)
{
    const double scan[2] = {(double)(s->object[0] - s->n), (double)(s->object[1] - s->n)},
                 share = 1.4 * sqrt(fmax(scan[0], 0) * fmax(scan[1], 0) / (double)chunks);
    double box = 1;
    for (int a = 0; a < 2; a++) box *= floor(fmin((double)s->object[a], (double)s->n + share));
    return box < 1 ? 1 : (int64_t)box;
}

static room room_of(const pp_sweep_setup *s)
{
    const int64_t chunks = pp_chunks_equal_count(s->patterns), box = usual_box(s, chunks),
                  wanted = lesser(s->threads > 1 ? 2 * (int64_t)s->threads : 1, chunks),
                  most = 2 * s->object[0] * s->object[1];
    return (room){lesser(wanted * box, most > box ? most : box), wanted};
}

static double pixels_of(const pp_sweep_setup *s)
{
    return (double)s->object[0] * (double)s->object[1];
}

double pp_turns_bytes(const pp_sweep_setup *s)
{
    const room r = room_of(s);
    const int64_t probe = s->probe_moves ? s->n * s->n * s->modes : 0;
    const double objects =
        s->wide_sum ? 2.0 * (double)r.pixels + 2.0 * pixels_of(s) : (double)r.pixels;
    return (objects + (double)(r.slots * probe)) * sizeof(pp_c32) +
           PP_TURNS_BANDS * sizeof(pp_turns_band) +
           (double)pp_chunks_small_count(s->patterns) * (sizeof(pp_chunk) + sizeof(pp_turns_chunk));
}

static int64_t largest_box(const pp_chunks *c)
{
    int64_t most = 1;
    for (int64_t i = 0; i < c->count; i++) {
        const int64_t pixels = c->chunk[i].height * c->chunk[i].width;
        if (pixels > most) most = pixels;
    }
    return most;
}

static pp_status make(pp_turns *t, bool wide)
{
    if (wide) {
        PP_TRY(PP_ALLOC(t->slots * t->box, &t->wide_boxes));
        PP_TRY(PP_ALLOC(2 * t->object[0] * t->object[1], &t->wide_sum));
    } else {
        PP_TRY(PP_ALLOC(t->slots * t->box, &t->boxes));
    }
    if (t->probe) PP_TRY(PP_ALLOC(t->slots * t->probe, &t->probes));
    PP_TRY(PP_ALLOC(t->chunks->count, &t->chunk));
    return PP_ALLOC(PP_TURNS_BANDS, &t->bands);
}

pp_status pp_turns_create(const pp_sweep_setup *setup, const pp_chunks *chunks, int64_t probe,
                          pp_turns *out)
{
    const int64_t box = largest_box(chunks);
    const room r = room_of(setup);
    pp_turns t = {.chunks = chunks,
                  .slots = r.pixels < box ? 1 : lesser(r.slots, r.pixels / box),
                  .box = 2 * box,
                  .probe = probe,
                  .object = {setup->object[0], setup->object[1]}};
    const pp_status status = make(&t, setup->wide_sum);
    if (status != PP_OK)
        pp_turns_free(&t);
    else
        *out = t;
    return status;
}

void pp_turns_free(pp_turns *t)
{
    pp_free(t->boxes), pp_free(t->probes);
    pp_free(t->wide_boxes), pp_free(t->wide_sum);
    pp_free(t->chunk), pp_free(t->bands);
    *t = (pp_turns){0};
}

void pp_turns_begin(pp_turns *t, float *object, float *rest, int parts, float *probe)
{
    t->to_object = object, t->to_rest = rest, t->to_probe = probe, t->parts = parts;
    t->taken = 0;
    for (int64_t i = 0; i < t->chunks->count; i++) t->chunk[i].made = false;
    for (int k = 0; k < PP_TURNS_BANDS; k++) {
        t->bands[k].next = 0;
        atomic_flag_clear(&t->bands[k].busy);
    }
}

float *pp_turns_box(const pp_turns *t, int64_t i)
{
    return t->boxes ? t->boxes + i % t->slots * t->box : NULL;
}

double *pp_turns_wide_box(const pp_turns *t, int64_t i)
{
    return t->wide_boxes ? t->wide_boxes + i % t->slots * t->box : NULL;
}

float *pp_turns_probe(const pp_turns *t, int64_t i)
{
    return t->to_probe ? t->probes + i % t->slots * t->probe : NULL;
}

static void add(float *restrict to, const float *restrict from, int64_t count)
{
    for (int64_t i = 0; i < count; i++) to[i] += from[i];
}

static void add_wide(double *restrict to, const double *restrict from, int64_t count)
{
    for (int64_t i = 0; i < count; i++) to[i] += from[i];
}

/* Numbers [first, last) of the object's sum begin at 0. */
static void clear_sum(const pp_turns *t, int64_t first, int64_t last)
{
    const size_t count = (size_t)(last - first);
    if (t->wide_sum)
        memset(t->wide_sum + first, 0, count * sizeof(double));
    else
        memset(t->to_object + first, 0, count * sizeof(float));
}

/* The sum is whole: to the caller, and what rounding leaves of it. */
static void round_sum(const pp_turns *t, int64_t first, int64_t last)
{
    for (int64_t k = first; k < last; k++) {
        const double sum = t->wide_sum ? t->wide_sum[k] : (double)t->to_object[k];
        const float rest = pp_round_off(&t->to_object[k], sum);
        if (t->to_rest) t->to_rest[k] = rest;
    }
}

/* Chunk i into rows [first, last) of the object. */
static void add_rows(const pp_turns *t, int64_t i, int64_t first, int64_t last)
{
    const pp_chunk *c = &t->chunks->chunk[i];
    const int64_t width = t->object[1] * t->parts, columns = c->width * t->parts;
    if (i == 0) clear_sum(t, first * width, last * width);
    const int64_t end = lesser(last, c->y + c->height);
    for (int64_t y = first > c->y ? first : c->y; y < end; y++) {
        const int64_t to = y * width + c->x * t->parts, from = (y - c->y) * columns;
        if (t->wide_sum)
            add_wide(t->wide_sum + to, pp_turns_wide_box(t, i) + from, columns);
        else
            add(t->to_object + to, pp_turns_box(t, i) + from, columns);
    }
    if (i + 1 == t->chunks->count && (t->wide_sum || t->to_rest))
        round_sum(t, first * width, last * width);
}

static void add_probe(const pp_turns *t, int64_t i, int64_t first, int64_t last)
{
    if (i == 0) memset(t->to_probe + first, 0, (size_t)(last - first) * sizeof(float));
    add(t->to_probe + first, pp_turns_probe(t, i) + first, last - first);
}

static void add_band(const pp_turns *t, int k, int64_t i)
{
    const int64_t rows = t->object[0], count = t->probe;
    if (t->to_object) add_rows(t, i, rows * k / PP_TURNS_BANDS, rows * (k + 1) / PP_TURNS_BANDS);
    if (t->to_probe) add_probe(t, i, count * k / PP_TURNS_BANDS, count * (k + 1) / PP_TURNS_BANDS);
}

static bool due(const pp_turns *t, const pp_turns_band *b)
{
    return b->next < t->chunks->count && t->chunk[b->next].made;
}

/* Adds what is due and nobody else is adding. A chunk that is made while its band is busy is seen by the one who is busy, who
 * looks again after having let go. */
static void settle(pp_turns *t)
{
    for (int k = 0; k < PP_TURNS_BANDS; k++) {
        pp_turns_band *b = &t->bands[k];
        while (due(t, b) && !atomic_flag_test_and_set(&b->busy)) {
            for (; due(t, b); b->next++) add_band(t, k, b->next);
            atomic_flag_clear(&b->busy);
        }
    }
}

/* Whether the slot of chunk i is no other's any more. */
static bool has_room(const pp_turns *t, int64_t i)
{
    for (int k = 0; k < PP_TURNS_BANDS; k++)
        if (t->bands[k].next <= i - t->slots) return false;
    return true;
}

static void clear(const pp_turns *t, int64_t i)
{
    const pp_chunk *c = &t->chunks->chunk[i];
    const size_t numbers = (size_t)(c->height * c->width * t->parts);
    if (t->to_object && t->wide_boxes)
        memset(pp_turns_wide_box(t, i), 0, numbers * sizeof(double));
    else if (t->to_object)
        memset(pp_turns_box(t, i), 0, numbers * sizeof(float));
    if (t->to_probe) memset(pp_turns_probe(t, i), 0, (size_t)t->probe * sizeof(float));
}

int64_t pp_turns_take(pp_turns *t)
{
    const int64_t i = t->taken++;
    if (i >= t->chunks->count) return -1;
    while (!has_room(t, i)) {
        settle(t);
        if (!has_room(t, i)) (void)sched_yield();
    }
    clear(t, i);
    return i;
}

void pp_turns_give(pp_turns *t, int64_t i)
{
    t->chunk[i].made = true;
    settle(t);
}
