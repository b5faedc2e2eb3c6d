/* SPDX-License-Identifier: BSD-3-Clause */
#include "models/split.h"

#include <math.h>

#include "backend/backend.h"

/* A part of an image that goes to another rank's or comes from there. */
typedef struct part {
    int peer;
    pp_box frame, box; /* of the peer's image; what is passed */
    bool send, add;
} part;

/* Parts that go off together, to and from one image of this rank. */
typedef struct step {
    const pp_split *split;
    float *image;
    pp_box frame;
    int lanes, count;
    part parts[PP_LINK_PIECES];
} step;

pp_box pp_split_extended(const pp_split *s)
{
    return s->tiles->extended[pp_comm_rank(s->group)];
}

pp_box pp_split_core(const pp_split *s)
{
    return s->tiles->core[pp_comm_rank(s->group)];
}

pp_box pp_split_whole(const pp_split *s)
{
    return (pp_box){{0, 0}, {s->tiles->object[0], s->tiles->object[1]}};
}

static int64_t offset(const pp_box *frame, const pp_box *box)
{
    return (box->from[0] - frame->from[0]) * (frame->to[1] - frame->from[1]) + box->from[1] -
           frame->from[1];
}

static int64_t width(const pp_box *box)
{
    return box->to[1] - box->from[1];
}

/* image's pixels in `box` = or += those of `from`. */
static void put(const step *s, const float *from, const pp_box *frame, const pp_box *box, bool add)
{
    s->split->backend->vectors->box(s->image + offset(&s->frame, box) * s->lanes,
                                    width(&s->frame) * s->lanes,
                                    from + offset(frame, box) * s->lanes, width(frame) * s->lanes,
                                    box->to[0] - box->from[0], width(box) * s->lanes, add);
}

static step step_of(const pp_split *split, void *image, const pp_box *frame, int lanes)
{
    step s;
    s.split = split, s.image = image, s.frame = *frame, s.lanes = lanes, s.count = 0;
    return s;
}

static void add_part(step *s, const part *p)
{
    if (pp_box_area(&p->box) > 0) s->parts[s->count++] = *p;
}

static void send_to(step *s, int peer, pp_box box)
{
    const part p = {.peer = peer, .box = box, .send = true};
    add_part(s, &p);
}

static void receive_from(step *s, int peer, pp_box frame, pp_box box, bool add)
{
    const part p = {.peer = peer, .frame = frame, .box = box, .add = add};
    add_part(s, &p);
}

/* ---- devices that fail ---- */

static pp_status device_alive(void *argument)
{
    const pp_backend *backend = argument;
    return backend->facts->alive();
}

void pp_split_watch(const pp_split *split)
{
    if (split->backend->facts) /* asked, not changed */
        pp_group_watch(split->group, device_alive, (void *)(uintptr_t)split->backend);
}

void pp_split_tell_failure(const pp_split *split)
{
    if (split->links) pp_group_fail(split->group, split->backend->download(NULL, NULL, 0));
}

/* ---- a step by messages that are read where they lie ---- */

typedef struct reading {
    const step *s;
    const part *p;
} reading;

static pp_status take(void *argument, const void *data, size_t bytes)
{
    const reading *r = argument;
    (void)bytes;
    put(r->s, data, &r->p->frame, &r->p->box, r->p->add);
    return PP_OK;
}

static pp_status run_messages(const step *s)
{
    const pp_comm *group = s->split->group;
    for (int k = 0; k < s->count; k++) {
        const part *p = &s->parts[k];
        const size_t floats = (size_t)(pp_box_area(&p->box) * s->lanes);
        if (p->send) PP_TRY(pp_group_post(group, p->peer, s->image, floats * sizeof(float)));
    }
    for (int k = 0; k < s->count; k++) {
        reading r = {s, &s->parts[k]};
        if (!r.p->send) PP_TRY(pp_group_receive(group, r.p->peer, take, &r));
    }
    return pp_group_settle(group);
}

/* ---- and through the devices' links ---- */

/* By this rank's device, so far. */
static double received(const pp_split *split)
{
    return split->backend->links->received(split->links, pp_comm_rank(split->group));
}

static pp_status run_links(const step *s)
{
    pp_link_piece pieces[PP_LINK_PIECES];
    for (int k = 0; k < s->count; k++) {
        const part *p = &s->parts[k];
        pieces[k] = (pp_link_piece){.at = s->image + offset(&s->frame, &p->box) * s->lanes,
                                    .rows = p->box.to[0] - p->box.from[0],
                                    .columns = width(&p->box) * s->lanes,
                                    .stride = width(&s->frame) * s->lanes,
                                    .peer = p->peer,
                                    .send = p->send,
                                    .add = p->add};
    }
    const double before = received(s->split);
    PP_TRY(s->split->backend->links->transfer(s->split->links, pp_comm_rank(s->split->group),
                                              pieces, s->count));
    pp_group_add(s->split->group, 0, 0, received(s->split) - before);
    return PP_OK;
}

static pp_status run(step *s)
{
    if (s->count == 0) return PP_OK;
    const pp_status status = s->split->links ? run_links(s) : run_messages(s);
    s->count = 0;
    return status;
}

static step step_here(const pp_split *s, void *image, int lanes)
{
    const pp_box mine = pp_split_extended(s);
    return step_of(s, image, &mine, lanes);
}

/* An upper bound: overlaps go out and come in at most once each in a step. */
int64_t pp_split_room(const pp_tiles *t, pp_split_method method, int rank, int lanes,
                      int64_t shared)
{
    int64_t overlap = 0, others = 0;
    for (int r = 0; r < t->count; r++) {
        const pp_box common = pp_box_common(&t->extended[rank], &t->extended[r]);
        if (r == rank) continue;
        overlap += pp_box_area(&common);
        others += pp_box_area(&t->extended[r]);
    }
    int64_t most = 2 * overlap;
    if (method == PP_SPLIT_HYBRID && rank == 0 && others > most) most = others;
    most *= lanes;
    return shared > 0 && shared + t->count > most ? shared + t->count : most;
}

/* ---- passes ---- */

static pp_box shared(const pp_split *s, int a, int b)
{
    return pp_box_common(&s->tiles->extended[a], &s->tiles->extended[b]);
}

/* What goes from tile a of one strip to tile b of a neighbouring one: rows that a owns, columns that both hold. So each
 * pixel of b comes from one tile of the other strip. */
static pp_box across(const pp_split *s, int a, int b)
{
    pp_box box = s->tiles->extended[a];
    box.from[0] = s->tiles->core[a].from[0], box.to[0] = s->tiles->core[a].to[0];
    return pp_box_common(&box, &s->tiles->extended[b]);
}

static pp_status along_strip(step *s)
{
    const pp_tiles *t = s->split->tiles;
    const int me = pp_comm_rank(s->split->group), strip = t->strip[me];
    const bool first = me == t->first[strip], last = me + 1 == t->first[strip + 1];
    if (!first) receive_from(s, me - 1, t->extended[me - 1], shared(s->split, me - 1, me), true);
    PP_TRY(run(s));
    if (!last) send_to(s, me + 1, shared(s->split, me, me + 1));
    PP_TRY(run(s));
    if (!last) receive_from(s, me + 1, t->extended[me + 1], shared(s->split, me, me + 1), false);
    PP_TRY(run(s));
    if (!first) send_to(s, me - 1, shared(s->split, me - 1, me));
    return run(s);
}

static pp_status from_strip(step *s, int strip, bool add)
{
    const pp_tiles *t = s->split->tiles;
    const int me = pp_comm_rank(s->split->group);
    if (strip < 0 || strip >= t->strips) return PP_OK;
    for (int k = t->first[strip]; k < t->first[strip + 1]; k++)
        receive_from(s, k, t->extended[k], across(s->split, k, me), add);
    return run(s);
}

static pp_status to_strip(step *s, int strip)
{
    const pp_tiles *t = s->split->tiles;
    const int me = pp_comm_rank(s->split->group);
    if (strip < 0 || strip >= t->strips) return PP_OK;
    for (int k = t->first[strip]; k < t->first[strip + 1]; k++)
        send_to(s, k, across(s->split, me, k));
    return run(s);
}

pp_status pp_split_pass(const pp_split *split, void *image, int lanes)
{
    step s = step_here(split, image, lanes);
    const int strip = split->tiles->strip[pp_comm_rank(split->group)];
    PP_TRY(along_strip(&s));
    PP_TRY(from_strip(&s, strip - 1, true));
    PP_TRY(to_strip(&s, strip + 1));
    PP_TRY(from_strip(&s, strip + 1, false));
    return to_strip(&s, strip - 1);
}

/* ---- whole objects on rank 0 ---- */

static pp_box band_of(pp_box tile, int band, int bands)
{
    const int64_t from = tile.from[0], rows = tile.to[0] - from;
    tile.from[0] = from + rows * band / bands, tile.to[0] = from + rows * (band + 1) / bands;
    return tile;
}

pp_status pp_split_gather(const pp_split *split, void *whole, void *image, int lanes, int band,
                          int bands)
{
    const pp_box frame = pp_split_whole(split), mine = pp_split_extended(split),
                 rows = band_of(mine, band, bands);
    if (pp_comm_rank(split->group) != 0) {
        step s = step_of(split, image, &mine, lanes);
        send_to(&s, 0, rows);
        return run(&s);
    }
    step s = step_of(split, whole, &frame, lanes);
    if (band == 0)
        split->backend->vectors->box(whole, frame.to[1] * lanes, NULL, 0, frame.to[0],
                                     frame.to[1] * lanes, false);
    put(&s, image, &mine, &rows, true);
    for (int r = 1; r < pp_comm_size(split->group); r++) {
        const pp_box *box = &split->tiles->extended[r];
        receive_from(&s, r, *box, band_of(*box, band, bands), true);
    }
    return run(&s);
}

/* ---- stages ---- */

enum { BANDS = 4 };

int pp_split_stages(const pp_split *split)
{
    if (!split->group || !split->links) return 1;
    return split->method == PP_SPLIT_HYBRID ? BANDS : split->method == PP_SPLIT_GRADIENT ? 2 : 1;
}

/* A pixel more on each side than a window has: it lies at the nearest pixel, or between two. */
static pp_box window_of(const pp_split *split, const double corner[2], int64_t n)
{
    pp_box box = pp_split_extended(split);
    for (int a = 0; a < 2; a++) {
        box.from[a] += (int64_t)floor(corner[a]);
        box.to[a] = box.from[a] + n + 1;
    }
    return box;
}

int pp_split_stage(const pp_split *split, const double corner[2], int64_t n)
{
    const int me = pp_comm_rank(split->group), stages = pp_split_stages(split);
    const pp_box mine = pp_split_extended(split), window = window_of(split, corner, n);
    int stage = stages - 1;
    if (split->method == PP_SPLIT_HYBRID) {
        while (stage > 0 && window.from[0] < band_of(mine, stage, stages).from[0]) stage--;
        return stage;
    }
    for (int r = 0; r < split->tiles->count; r++) {
        const pp_box common = pp_box_common(&window, &split->tiles->extended[r]);
        if (r != me && pp_box_area(&common) > 0) stage = 0;
    }
    return stage;
}

pp_status pp_split_scatter(const pp_split *split, void *image, void *whole, int lanes)
{
    const pp_box frame = pp_split_whole(split), mine = pp_split_extended(split);
    step here = step_of(split, image, &mine, lanes);
    if (pp_comm_rank(split->group) != 0) {
        receive_from(&here, 0, frame, mine, false);
        return run(&here);
    }
    step s = step_of(split, whole, &frame, lanes);
    for (int r = 1; r < pp_comm_size(split->group); r++) send_to(&s, r, split->tiles->extended[r]);
    put(&here, whole, &frame, &mine, false);
    return run(&s);
}

pp_status pp_split_borders(const pp_split *split, void *image, int lanes)
{
    const pp_tiles *t = split->tiles;
    const int me = pp_comm_rank(split->group);
    step s = step_here(split, image, lanes);
    for (int r = 0; r < t->count; r++)
        if (r != me) send_to(&s, r, pp_box_common(&t->core[me], &t->extended[r]));
    for (int r = 0; r < t->count; r++)
        if (r != me)
            receive_from(&s, r, t->extended[r], pp_box_common(&t->core[r], &t->extended[me]),
                         false);
    return run(&s);
}

/* ---- replicated values ---- */

static pp_status sum_links(const pp_split *split, float *values, int64_t count)
{
    const double before = received(split);
    PP_TRY(split->backend->links->sum(split->links, pp_comm_rank(split->group), values, count));
    pp_group_add(split->group, 0, 0, received(split) - before);
    return PP_OK;
}

pp_status pp_split_sum(const pp_split *split, float *values, float *room, int64_t count)
{
    const int me = pp_comm_rank(split->group), size = pp_comm_size(split->group);
    const pp_box line = {{0, 0}, {1, count}};
    if (split->links) return sum_links(split, values, count);
    step s = step_of(split, room, &line, 1);
    for (int r = 0; r < size; r++)
        if (r != me) PP_TRY(pp_group_post(split->group, r, values, (size_t)count * sizeof *values));
    for (int r = 0; r < size; r++) {
        const part p = {.peer = r, .frame = line, .box = line, .add = r > 0};
        reading from = {&s, &p};
        if (r == me)
            put(&s, values, &line, &line, p.add);
        else
            PP_TRY(pp_group_receive(split->group, r, take, &from));
    }
    PP_TRY(pp_group_settle(split->group));
    step back = step_of(split, values, &line, 1);
    put(&back, room, &line, &line, false);
    return PP_OK;
}
