/* SPDX-License-Identifier: BSD-3-Clause */
#include "models/split.h"

/* What `take` does with another rank's image: the part in `box` goes to the same pixels of this rank's. */
typedef struct piece {
    const pp_backend *backend;
    float *to;
    pp_box to_frame, from_frame, box;
    int lanes;
    bool add;
} piece;

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

static pp_status take(void *argument, const void *data, size_t bytes)
{
    const piece *p = argument;
    const float *from = data;
    (void)bytes;
    p->backend->vectors->box(p->to + offset(&p->to_frame, &p->box) * p->lanes,
                             (p->to_frame.to[1] - p->to_frame.from[1]) * p->lanes,
                             from + offset(&p->from_frame, &p->box) * p->lanes,
                             (p->from_frame.to[1] - p->from_frame.from[1]) * p->lanes,
                             p->box.to[0] - p->box.from[0],
                             (p->box.to[1] - p->box.from[1]) * p->lanes, p->add);
    return PP_OK;
}

static pp_status send(const pp_split *s, int to, const void *image, const pp_box *box, int lanes)
{
    const int64_t area = pp_box_area(box);
    if (area == 0) return PP_OK;
    return pp_group_post(s->group, to, image, (size_t)(area * lanes) * sizeof(float));
}

static pp_status receive(const pp_split *s, int from, piece *p)
{
    if (pp_box_area(&p->box) == 0) return PP_OK;
    return pp_group_receive(s->group, from, take, p);
}

static piece piece_of(const pp_split *s, void *image, int lanes)
{
    const pp_box mine = pp_split_extended(s);
    return (piece){
        .backend = s->backend, .to = image, .to_frame = mine, .from_frame = mine, .lanes = lanes};
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

static pp_status from_neighbour(const pp_split *s, piece *p, int from, pp_box box, bool add)
{
    p->from_frame = s->tiles->extended[from];
    p->box = box, p->add = add;
    return receive(s, from, p);
}

static pp_status along_strip(const pp_split *s, piece *p)
{
    const pp_tiles *t = s->tiles;
    const int me = pp_comm_rank(s->group), strip = t->strip[me];
    const bool first = me == t->first[strip], last = me + 1 == t->first[strip + 1];
    if (!first) PP_TRY(from_neighbour(s, p, me - 1, shared(s, me - 1, me), true));
    if (!last) {
        const pp_box box = shared(s, me, me + 1);
        PP_TRY(send(s, me + 1, p->to, &box, p->lanes));
        PP_TRY(pp_group_settle(s->group));
        PP_TRY(from_neighbour(s, p, me + 1, box, false));
    }
    if (!first) {
        const pp_box box = shared(s, me - 1, me);
        PP_TRY(send(s, me - 1, p->to, &box, p->lanes));
    }
    return pp_group_settle(s->group);
}

static pp_status from_strip(const pp_split *s, piece *p, int strip, bool add)
{
    const pp_tiles *t = s->tiles;
    const int me = pp_comm_rank(s->group);
    if (strip < 0 || strip >= t->strips) return PP_OK;
    for (int k = t->first[strip]; k < t->first[strip + 1]; k++)
        PP_TRY(from_neighbour(s, p, k, across(s, k, me), add));
    return PP_OK;
}

static pp_status to_strip(const pp_split *s, const piece *p, int strip)
{
    const pp_tiles *t = s->tiles;
    const int me = pp_comm_rank(s->group);
    if (strip < 0 || strip >= t->strips) return PP_OK;
    for (int k = t->first[strip]; k < t->first[strip + 1]; k++) {
        const pp_box box = across(s, me, k);
        PP_TRY(send(s, k, p->to, &box, p->lanes));
    }
    return PP_OK;
}

pp_status pp_split_pass(const pp_split *s, void *image, int lanes)
{
    piece p = piece_of(s, image, lanes);
    const int strip = s->tiles->strip[pp_comm_rank(s->group)];
    PP_TRY(along_strip(s, &p));
    PP_TRY(from_strip(s, &p, strip - 1, true));
    PP_TRY(to_strip(s, &p, strip + 1));
    PP_TRY(pp_group_settle(s->group));
    PP_TRY(from_strip(s, &p, strip + 1, false));
    PP_TRY(to_strip(s, &p, strip - 1));
    return pp_group_settle(s->group);
}

/* ---- whole objects on rank 0 ---- */

pp_status pp_split_gather(const pp_split *s, void *whole, const void *image, int lanes)
{
    const int me = pp_comm_rank(s->group);
    const pp_box frame = pp_split_whole(s), mine = pp_split_extended(s);
    piece p = {s->backend, whole, frame, mine, mine, lanes, true};
    if (me != 0) {
        PP_TRY(send(s, 0, image, &mine, lanes));
        return pp_group_settle(s->group);
    }
    s->backend->vectors->box(whole, frame.to[1] * lanes, NULL, 0, frame.to[0], frame.to[1] * lanes,
                             false);
    PP_TRY(take(&p, image, 0));
    for (int r = 1; r < pp_comm_size(s->group); r++) {
        p.from_frame = p.box = s->tiles->extended[r];
        PP_TRY(receive(s, r, &p));
    }
    return PP_OK;
}

pp_status pp_split_scatter(const pp_split *s, void *image, const void *whole, int lanes)
{
    const int me = pp_comm_rank(s->group);
    piece p = piece_of(s, image, lanes);
    p.box = p.to_frame, p.from_frame = pp_split_whole(s);
    if (me != 0) return receive(s, 0, &p);
    for (int r = 1; r < pp_comm_size(s->group); r++)
        PP_TRY(send(s, r, whole, &s->tiles->extended[r], lanes));
    PP_TRY(take(&p, whole, 0));
    return pp_group_settle(s->group);
}

pp_status pp_split_borders(const pp_split *s, void *image, int lanes)
{
    const pp_tiles *t = s->tiles;
    const int me = pp_comm_rank(s->group);
    piece p = piece_of(s, image, lanes);
    for (int r = 0; r < t->count; r++) {
        const pp_box box = pp_box_common(&t->core[me], &t->extended[r]);
        if (r != me) PP_TRY(send(s, r, image, &box, lanes));
    }
    for (int r = 0; r < t->count; r++)
        if (r != me)
            PP_TRY(from_neighbour(s, &p, r, pp_box_common(&t->core[r], &t->extended[me]), false));
    return pp_group_settle(s->group);
}

/* ---- replicated values ---- */

pp_status pp_split_sum(const pp_split *s, float *values, float *room, int64_t count)
{
    const int me = pp_comm_rank(s->group), size = pp_comm_size(s->group);
    const pp_box line = {{0, 0}, {1, count}};
    piece p = {s->backend, room, line, line, line, 1, false};
    for (int r = 0; r < size; r++)
        if (r != me) PP_TRY(send(s, r, values, &line, 1));
    for (int r = 0; r < size; r++) {
        p.add = r > 0;
        if (r == me) PP_TRY(take(&p, values, 0));
        if (r != me) PP_TRY(receive(s, r, &p));
    }
    PP_TRY(pp_group_settle(s->group));
    p.to = values, p.add = false;
    return take(&p, room, 0);
}
