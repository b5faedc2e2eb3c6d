/* SPDX-License-Identifier: BSD-3-Clause */
#include "models/tiles.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

pp_box pp_box_common(const pp_box *a, const pp_box *b)
{
    pp_box c;
    for (int k = 0; k < 2; k++) {
        c.from[k] = a->from[k] > b->from[k] ? a->from[k] : b->from[k];
        c.to[k] = a->to[k] < b->to[k] ? a->to[k] : b->to[k];
        if (c.to[k] < c.from[k]) c.to[k] = c.from[k];
    }
    return c;
}

int64_t pp_box_area(const pp_box *box)
{
    return (box->to[0] - box->from[0]) * (box->to[1] - box->from[1]);
}

/* ---- cuts ---- */

static int by_value(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

/* Where to cut sorted centres so that as near as possible to `wanted` of them lie below, not before `least`. */
static int64_t cut_at(const int64_t *sorted, int64_t count, int64_t wanted, int64_t least,
                      int64_t end)
{
    int64_t below = wanted, above = wanted;
    if (count == 0) return least;
    while (below > 0 && below < count && sorted[below - 1] == sorted[below]) below--;
    while (above < count && above > 0 && sorted[above - 1] == sorted[above]) above++;
    const int64_t k = wanted - below <= above - wanted ? below : above;
    const int64_t at = k <= 0       ? sorted[0]
                       : k >= count ? sorted[count - 1] + 1
                                    : (sorted[k - 1] + sorted[k] + 1) / 2;
    return at < least ? least : at > end ? end : at;
}

static int64_t centre_of(const double *corners, int64_t j, int axis, int64_t n)
{
    return (int64_t)rint(corners[2 * j + axis]) + n / 2;
}

/* Strips so that tiles are about square over the area that the centres span. */
static int strips_of(const double *corners, int64_t count, int devices)
{
    double low[2] = {INFINITY, INFINITY}, high[2] = {-INFINITY, -INFINITY};
    for (int64_t j = 0; j < 2 * count; j++) {
        low[j % 2] = fmin(low[j % 2], corners[j]);
        high[j % 2] = fmax(high[j % 2], corners[j]);
    }
    const double ratio = count ? (high[1] - low[1] + 1) / (high[0] - low[0] + 1) : 1;
    const int strips = (int)lround(sqrt(devices * ratio));
    return strips < 1 ? 1 : strips > devices ? devices : strips;
}

typedef struct cutter {
    const double *corners;
    int64_t count, n;
    pp_tiles *t;
    int32_t *tile_of;
    int64_t *sorted; /* [count] */
} cutter;

/* Tiles of one strip, the columns [from, to). */
static void cut_strip(const cutter *c, int strip, int64_t from, int64_t to)
{
    pp_tiles *t = c->t;
    const int first = t->first[strip], tiles = t->first[strip + 1] - first;
    int64_t inside = 0, y = 0;
    for (int64_t j = 0; j < c->count; j++) {
        const int64_t x = centre_of(c->corners, j, 1, c->n);
        if (x >= from && x < to) c->sorted[inside++] = centre_of(c->corners, j, 0, c->n);
    }
    qsort(c->sorted, (size_t)inside, sizeof *c->sorted, by_value);
    for (int k = 0; k < tiles; k++) {
        const int64_t end =
            k + 1 == tiles ? t->object[0]
                           : cut_at(c->sorted, inside, inside * (k + 1) / tiles, y, t->object[0]);
        t->core[first + k] = (pp_box){{y, from}, {end, to}};
        t->strip[first + k] = strip;
        y = end;
    }
}

static void cut_strips(const cutter *c)
{
    pp_tiles *t = c->t;
    int64_t cut[PP_TILES_MOST + 1] = {0};
    for (int64_t j = 0; j < c->count; j++) c->sorted[j] = centre_of(c->corners, j, 1, c->n);
    qsort(c->sorted, (size_t)c->count, sizeof *c->sorted, by_value);
    for (int s = 0; s < t->strips; s++) {
        t->first[s + 1] = t->count * (s + 1) / t->strips;
        cut[s + 1] = s + 1 == t->strips
                         ? t->object[1]
                         : cut_at(c->sorted, c->count, c->count * t->first[s + 1] / t->count,
                                  cut[s], t->object[1]);
    }
    for (int s = 0; s < t->strips; s++) cut_strip(c, s, cut[s], cut[s + 1]);
}

static int32_t holder(const pp_tiles *t, int64_t y, int64_t x)
{
    for (int k = 0; k < t->count; k++)
        if (y >= t->core[k].from[0] && y < t->core[k].to[0] && x >= t->core[k].from[1] &&
            x < t->core[k].to[1])
            return k;
    return -1;
}

/* ---- extended tiles ---- */

static void cover(pp_box *box, const double *corner, int64_t n)
{
    for (int a = 0; a < 2; a++) {
        const int64_t at = (int64_t)rint(corner[a]);
        if (at < box->from[a]) box->from[a] = at;
        if (at + n > box->to[a]) box->to[a] = at + n;
    }
}

/* Along `axis` no tile of [first, end) begins after the next one, or ends after it. */
static void keep_order(pp_tiles *t, int first, int end, int axis)
{
    for (int k = end - 2; k >= first; k--)
        if (t->extended[k].from[axis] > t->extended[k + 1].from[axis])
            t->extended[k].from[axis] = t->extended[k + 1].from[axis];
    for (int k = first + 1; k < end; k++)
        if (t->extended[k].to[axis] < t->extended[k - 1].to[axis])
            t->extended[k].to[axis] = t->extended[k - 1].to[axis];
}

/* One extent along x for all tiles of a strip; then order over strips. */
static void share_columns(pp_tiles *t)
{
    int64_t from[PP_TILES_MOST], to[PP_TILES_MOST];
    for (int s = 0; s < t->strips; s++) {
        from[s] = INT64_MAX, to[s] = 0;
        for (int k = t->first[s]; k < t->first[s + 1]; k++) {
            if (t->extended[k].from[1] < from[s]) from[s] = t->extended[k].from[1];
            if (t->extended[k].to[1] > to[s]) to[s] = t->extended[k].to[1];
        }
    }
    for (int s = t->strips - 2; s >= 0; s--)
        if (from[s] > from[s + 1]) from[s] = from[s + 1];
    for (int s = 1; s < t->strips; s++)
        if (to[s] < to[s - 1]) to[s] = to[s - 1];
    for (int k = 0; k < t->count; k++) {
        t->extended[k].from[1] = from[t->strip[k]];
        t->extended[k].to[1] = to[t->strip[k]];
    }
}

static void extend(pp_tiles *t, const double *corners, int64_t count, int64_t n,
                   const int32_t *tile_of)
{
    memcpy(t->extended, t->core, sizeof t->core);
    memset(t->patterns, 0, sizeof t->patterns);
    for (int64_t j = 0; j < count; j++) {
        cover(&t->extended[tile_of[j]], corners + 2 * j, n);
        t->patterns[tile_of[j]]++;
    }
    for (int s = 0; s < t->strips; s++) keep_order(t, t->first[s], t->first[s + 1], 0);
    share_columns(t);
}

pp_status pp_tiles_cut(const double *corners, int64_t count, int64_t n, const int64_t object[2],
                       int devices, pp_tiles *out, int32_t *tile_of)
{
    if (devices < 1 || devices > PP_TILES_MOST)
        return PP_FAIL(PP_ERR_RUN, "a view is split over 1 to %d devices, not %d", PP_TILES_MOST,
                       devices);
    *out = (pp_tiles){.count = devices,
                      .strips = strips_of(corners, count, devices),
                      .object = {object[0], object[1]}};
    cutter c = {corners, count, n, out, tile_of, NULL};
    PP_TRY(PP_ALLOC(count ? count : 1, &c.sorted));
    cut_strips(&c);
    for (int64_t j = 0; j < count; j++)
        tile_of[j] = holder(out, centre_of(corners, j, 0, n), centre_of(corners, j, 1, n));
    extend(out, corners, count, n, tile_of);
    pp_free(c.sorted);
    return PP_OK;
}

/* ---- surroundings ---- */

double pp_tiles_step(const double *corners, int64_t count)
{
    double low[2] = {INFINITY, INFINITY}, high[2] = {-INFINITY, -INFINITY};
    for (int64_t j = 0; j < 2 * count; j++) {
        low[j % 2] = fmin(low[j % 2], corners[j]);
        high[j % 2] = fmax(high[j % 2], corners[j]);
    }
    /* (rows - 1) (columns - 1) steps; a line has one row only */
    const double y = high[0] - low[0], x = high[1] - low[1], side = sqrt((double)count) - 1;
    if (count < 2) return 1;
    if (fmin(y, x) * (double)count < fmax(y, x)) return fmax(y, x) / (double)(count - 1);
    return fmax(1, sqrt(y * x) / fmax(side, 1));
}

bool pp_tiles_takes(const pp_tiles *t, int k, int32_t owner, const double corner[2], int64_t n)
{
    if (owner == k) return true;
    if (!(t->reach > 0) || pp_box_area(&t->core[k]) == 0) return false;
    for (int a = 0; a < 2; a++) {
        const double at = rint(corner[a]) + (double)(n / 2);
        if (at < (double)t->core[k].from[a] - t->reach || at >= (double)t->core[k].to[a] + t->reach)
            return false;
    }
    return true;
}

/* A halo comes from direct neighbours: no tile may be narrower than what another needs beside its core. */
static pp_status check_halos(const pp_tiles *t)
{
    for (int a = 0; a < 2; a++) {
        int64_t halo = 0, narrow = t->object[a];
        for (int k = 0; k < t->count; k++) {
            const pp_box *c = &t->core[k], *e = &t->extended[k];
            const int64_t below = c->from[a] - e->from[a], above = e->to[a] - c->to[a];
            halo = below > halo ? below : halo;
            halo = above > halo ? above : halo;
            narrow = c->to[a] - c->from[a] < narrow ? c->to[a] - c->from[a] : narrow;
        }
        if (narrow < t->object[a] && narrow < halo)
            return PP_FAIL(
                PP_ERR_CONFIG,
                "a tile of %lld pixels along %s is smaller than the halo of %lld pixels: "
                "method \"halo\" needs fewer devices_per_view, or use \"gradient\"",
                (long long)narrow, a ? "x" : "y", (long long)halo);
    }
    return PP_OK;
}

pp_status pp_tiles_surround(pp_tiles *t, const double *corners, int64_t count, int64_t n,
                            const int32_t *tile_of, double reach)
{
    t->reach = reach;
    memcpy(t->extended, t->core, sizeof t->core);
    memset(t->patterns, 0, sizeof t->patterns);
    for (int64_t j = 0; j < count; j++)
        for (int k = 0; k < t->count; k++)
            if (pp_tiles_takes(t, k, tile_of[j], corners + 2 * j, n)) {
                cover(&t->extended[k], corners + 2 * j, n);
                t->patterns[k]++;
            }
    return check_halos(t);
}

/* ---- from cores of somebody else ---- */

static pp_status refuse(int64_t tile)
{
    return PP_FAIL(PP_ERR_RUN,
                   "tile %lld does not continue its strip: tiles go along y in strips along x and "
                   "cover every pixel once",
                   (long long)tile);
}

static pp_status read_cores(pp_tiles *t, const int64_t *cores)
{
    for (int k = 0; k < t->count; k++) {
        const int64_t *c = cores + 4 * k;
        const pp_box *before = k ? &t->core[k - 1] : NULL;
        const bool next = k > 0 && before->to[0] == t->object[0] && c[0] == 0;
        t->core[k] = (pp_box){{c[0], c[1]}, {c[2], c[3]}};
        if (k == 0 || next) {
            if (c[0] != 0 || c[1] != (k ? before->to[1] : 0) || c[3] < c[1]) return refuse(k);
            t->first[t->strips++] = k;
        } else if (c[0] != before->to[0] || c[1] != before->from[1] || c[3] != before->to[1]) {
            return refuse(k);
        }
        if (c[2] < c[0] || c[2] > t->object[0]) return refuse(k);
        t->strip[k] = t->strips - 1;
    }
    t->first[t->strips] = t->count;
    const pp_box *last = &t->core[t->count - 1];
    return last->to[0] == t->object[0] && last->to[1] == t->object[1] ? PP_OK
                                                                      : refuse(t->count - 1);
}

pp_status pp_tiles_from(const int64_t *cores, int64_t tiles, const int32_t *tile_of,
                        const double *corners, int64_t count, int64_t n, const int64_t object[2],
                        pp_tiles *out)
{
    if (tiles < 1 || tiles > PP_TILES_MOST)
        return PP_FAIL(PP_ERR_RUN, "a view is split over 1 to %d devices, not %lld", PP_TILES_MOST,
                       (long long)tiles);
    *out = (pp_tiles){.count = (int)tiles, .object = {object[0], object[1]}};
    PP_TRY(read_cores(out, cores));
    for (int64_t j = 0; j < count; j++)
        if (tile_of[j] < 0 || tile_of[j] >= tiles)
            return PP_FAIL(PP_ERR_RUN, "pattern %lld belongs to tile %d of %lld", (long long)j,
                           (int)tile_of[j], (long long)tiles);
    extend(out, corners, count, n, tile_of);
    return PP_OK;
}

pp_status pp_tiles_array(const pp_tiles *tiles, pp_array **out)
{
    PP_TRY(pp_array_create(PP_I64, 2, (const int64_t[]){tiles->count, 4}, "pixel", out));
    int64_t *box = pp_array_data(*out);
    for (int k = 0; k < tiles->count; k++) {
        memcpy(box + 4 * k, tiles->core[k].from, 2 * sizeof *box);
        memcpy(box + 4 * k + 2, tiles->core[k].to, 2 * sizeof *box);
    }
    return PP_OK;
}
