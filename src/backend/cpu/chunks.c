/* SPDX-License-Identifier: BSD-3-Clause */
#include "backend/cpu/chunks.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "kernels/regrid.h"

/* More chunks for two of them being cut. */
enum { TAPER = 4 };

typedef struct keyed {
    uint64_t key;
    int64_t pattern;
} keyed;

/* Distance along the Hilbert curve of order 16 (Hilbert, Math. Ann. 38, 459 (1891)). */
static uint64_t hilbert(uint32_t y, uint32_t x)
{
    uint64_t d = 0;
    for (uint32_t s = 1u << 15; s > 0; s >>= 1) {
        const uint32_t ry = (y & s) != 0, rx = (x & s) != 0;
        d += (uint64_t)s * s * ((3 * rx) ^ ry);
        if (!ry) {
            if (rx) x = 0xffff - x, y = 0xffff - y;
            const uint32_t t = x;
            x = y, y = t;
        }
    }
    return d;
}

static int by_key(const void *a, const void *b)
{
    const keyed *p = a, *q = b;
    if (p->key != q->key) return p->key < q->key ? -1 : 1;
    return p->pattern < q->pattern ? -1 : p->pattern > q->pattern;
}

/* Cells of an eighth of the window, so that the curve follows the scan and not its jitter. */
static pp_status sort(pp_chunks *c, int64_t n)
{
    keyed *keys;
    PP_TRY(PP_ALLOC(c->patterns, &keys));
    const int64_t cell = n / 8 > 0 ? n / 8 : 1;
    for (int64_t j = 0; j < c->patterns; j++)
        keys[j] = (keyed){hilbert((uint32_t)(c->window[j][0] / cell) & 0xffff,
                                  (uint32_t)(c->window[j][1] / cell) & 0xffff),
                          j};
    qsort(keys, (size_t)c->patterns, sizeof *keys, by_key);
    for (int64_t j = 0; j < c->patterns; j++) c->order[j] = keys[j].pattern;
    pp_free(keys);
    return PP_OK;
}

/* n: pixels of the object that a pattern touches, along an axis. */
static void box(const pp_chunks *c, pp_chunk *k, int64_t n)
{
    int64_t lo[2] = {INT64_MAX, INT64_MAX}, hi[2] = {0, 0};
    for (int64_t i = k->first; i < k->first + k->count; i++)
        for (int a = 0; a < 2; a++) {
            const int64_t w = c->window[c->order[i]][a];
            lo[a] = w < lo[a] ? w : lo[a], hi[a] = w + n > hi[a] ? w + n : hi[a];
        }
    k->y = lo[0], k->x = lo[1], k->height = hi[0] - lo[0], k->width = hi[1] - lo[1];
}

/* Chunk i of `count` equal ones, in quarters of one; `tapered`: the last but one is cut in two and the last in four, so that threads
 * end together. */
static int64_t quarters(int64_t i, int64_t count, bool tapered)
{
    const int64_t halves = i - (count - 2);
    if (!tapered || halves <= 0) return 4 * i;
    return halves < 2 ? 4 * (count - 2) + 2 * halves : 4 * (count - 1) + halves - 2;
}

/* count: before the last two are cut. */
static void cut(pp_chunks *c, int64_t count, bool tapered, int64_t n)
{
    c->count = count + (tapered ? TAPER : 0), c->pixels = 0;
    for (int64_t i = 0; i < c->count; i++) {
        pp_chunk *k = &c->chunk[i];
        k->first = c->patterns * quarters(i, count, tapered) / (4 * count);
        k->count = c->patterns * quarters(i + 1, count, tapered) / (4 * count) - k->first;
        box(c, k, n);
        k->offset = c->pixels;
        c->pixels += k->height * k->width;
    }
}

/* Boxes are cleared and merged once a chunk, so chunks are of 16 patterns and more; of 4 and more where that would leave
 * fewer than 8 of them. Fewer where the boxes would take more than two objects. */
static int64_t chunk_count(int64_t patterns)
{
    const int64_t few = patterns / 4 < 8 ? patterns / 4 : 8;
    const int64_t count = patterns / 16 > few ? patterns / 16 : few;
    return count < 1 ? 1 : count > PP_CHUNKS_MOST ? PP_CHUNKS_MOST : count;
}

double pp_chunks_bound(const pp_sweep_setup *s)
{
    const double most = (double)s->patterns / 4;
    return most < 1 ? 1 : most > PP_CHUNKS_MOST ? PP_CHUNKS_MOST : most;
}

/* In order, not cut yet. */
static pp_status create_sorted(const pp_sweep_setup *s, int64_t most, pp_chunks *out)
{
    pp_status status = PP_OK;
    pp_chunks c = {.patterns = s->patterns};
    PP_TRY_TO(failed, PP_ALLOC(s->patterns, &c.order));
    PP_TRY_TO(failed, PP_ALLOC(s->patterns, &c.window));
    PP_TRY_TO(failed, PP_ALLOC(most, &c.chunk));
    const bool between = s->mode == PP_SWEEP_BILINEAR;
    for (int64_t i = 0; i < 2 * s->patterns; i++) {
        const double x = s->positions[i];
        c.window[i / 2][i % 2] = (int32_t)(between ? floor(x) : rint(x));
    }
    PP_TRY_TO(failed, sort(&c, s->n));
    *out = c;
    return PP_OK;
failed:
    pp_chunks_free(&c);
    return status;
}

pp_status pp_chunks_create(const pp_sweep_setup *s, pp_chunks *out)
{
    const int64_t reach = s->n + (s->mode == PP_SWEEP_BILINEAR);
    int64_t count = chunk_count(s->patterns);
    PP_TRY(create_sorted(s, PP_CHUNKS_MOST, out));
    for (cut(out, count, false, reach); count > 4 && out->pixels > 2 * s->object[0] * s->object[1];)
        count /= 2, cut(out, count, false, reach);
    return PP_OK;
}

/* A box is cleared and added once a chunk: of 16 patterns, of 32 where that leaves more than 64 chunks. */
int64_t pp_chunks_equal_count(int64_t patterns)
{
    enum { MANY = 64 };
    const int64_t narrow = patterns / 16, wide = patterns / 32;
    if (narrow <= PP_CHUNKS_MOST) return chunk_count(patterns);
    return narrow < MANY ? narrow : wide > MANY ? wide : MANY;
}

/* Not where chunks are small anyway. */
static bool tapers(int64_t patterns)
{
    return pp_chunks_equal_count(patterns) >= 2 && patterns / pp_chunks_equal_count(patterns) >= 16;
}

int64_t pp_chunks_small_count(int64_t patterns)
{
    return pp_chunks_equal_count(patterns) + (tapers(patterns) ? TAPER : 0);
}

pp_status pp_chunks_create_small(const pp_sweep_setup *s, pp_chunks *out)
{
    PP_TRY(create_sorted(s, pp_chunks_small_count(s->patterns), out));
    cut(out, pp_chunks_equal_count(s->patterns), tapers(s->patterns),
        s->n + (s->mode == PP_SWEEP_BILINEAR));
    return PP_OK;
}

void pp_chunks_free(pp_chunks *chunks)
{
    pp_free(chunks->order);
    pp_free(chunks->window);
    pp_free(chunks->chunk);
    *chunks = (pp_chunks){0};
}

void pp_chunks_merge(const pp_chunks *c, float *out, const float *boxes, int parts,
                     const int64_t object[2], int threads)
{
    const int64_t width = object[1] * parts;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t y = 0; y < object[0]; y++) {
        memset(out + y * width, 0, (size_t)width * sizeof *out);
        for (int64_t i = 0; i < c->count; i++) {
            const pp_chunk *k = &c->chunk[i];
            if (y < k->y || y >= k->y + k->height) continue;
            const float *from = boxes + (k->offset + (y - k->y) * k->width) * parts;
            float *to = out + y * width + k->x * parts;
            for (int64_t x = 0; x < k->width * parts; x++) to[x] += from[x];
        }
    }
}

/* Number k of row y of the object, two a pixel: the sum of the boxes that hold it, in chunk order. */
static double sum_number(const pp_chunks *c, const double *boxes, int64_t y, int64_t k)
{
    double sum = 0;
    for (int64_t i = 0; i < c->count; i++) {
        const pp_chunk *b = &c->chunk[i];
        const int64_t x = k / 2 - b->x;
        if (y < b->y || y >= b->y + b->height || x < 0 || x >= b->width) continue;
        sum += boxes[2 * (b->offset + (y - b->y) * b->width + x) + k % 2];
    }
    return sum;
}

void pp_chunks_merge_wide(const pp_chunks *c, pp_c32 *out, pp_c32 *rest, const pp_c64 *boxes,
                          const int64_t object[2], int threads)
{
    const int64_t width = 2 * object[1];
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t i = 0; i < object[0] * width; i++) {
        const float left =
            pp_round_off(&out->re + i, sum_number(c, &boxes->re, i / width, i % width));
        if (rest) (&rest->re)[i] = left;
    }
}

void pp_chunks_light(const pp_chunks *c, float *out, const pp_c32 *object,
                     const pp_sweep_setup *setup)
{
    const int64_t n = setup->n, width = setup->object[1];
#pragma omp parallel for num_threads(setup->threads) schedule(static)
    for (int64_t y = 0; y < n; y++) {
        float *to = out + y * n;
        memset(to, 0, (size_t)n * sizeof *to);
        for (int64_t j = 0; j < c->patterns; j++) {
            const int32_t *w = c->window[j];
            const pp_c32 *o = object + (w[0] + y) * width + w[1];
            for (int64_t x = 0; x < n; x++) to[x] += o[x].re * o[x].re + o[x].im * o[x].im;
        }
    }
}
