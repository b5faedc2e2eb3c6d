/* SPDX-License-Identifier: BSD-3-Clause */
#include "tomo/slab_team.h"

#include "base/alloc.h"
#include "comm/group.h"
#include "tomo/transpose.h"

struct pp_slab_team {
    pp_slab_team_setup setup;
    pp_slab_work work;
    void *argument;
    int64_t first, slices; /* of this rank */
    int used;              /* seats with slices; the others come last */
    bool told;             /* all ranks know of a failure: nothing is passed any more */
    bool direct;           /* MPI gets addresses of the vectors' memory */
    pp_links *links;       /* NULL: one seat */
    int64_t *counts;       /* [2][ranks] */
    double *mine, *all;    /* [slices][PP_SLAB_SUMS] of the rank, [rows][...] of all */
    double sums[PP_SLAB_SUMS];
};

static int64_t pixels_of(const pp_slab_team *t)
{
    return t->setup.n * t->setup.n;
}

static int ranks_of(const pp_slab_team *t)
{
    return pp_comm_size(t->setup.comm);
}

/* What went wrong here so far, to all ranks; before anything is passed between them. */
static pp_status agree(pp_slab_team *t, pp_status mine)
{
    const pp_status all = pp_comm_agree(t->setup.comm, mine);
    if (all != PP_OK) t->told = true;
    return all;
}

/* ---- sums ---- */

/* Seat 0, when all seats have put theirs into `mine`. */
static pp_status add_up(pp_slab_team *t, int count)
{
    const double *all = t->mine;
    if (ranks_of(t) > 1) {
        int64_t first;
        PP_TRY(agree(t, PP_OK));
        for (int r = 0; r < ranks_of(t); r++)
            pp_slab_block(t->setup.rows, ranks_of(t), r, &first, &t->counts[r]);
        PP_TRY(pp_comm_allgather_rows(t->setup.comm, t->mine, t->all,
                                      (size_t)count * sizeof *t->all, t->counts));
        all = t->all;
    }
    for (int which = 0; which < count; which++) {
        t->sums[which] = 0;
        for (int64_t k = 0; k < t->setup.rows; k++) t->sums[which] += all[k * count + which];
    }
    return PP_OK;
}

pp_status pp_slab_seat_sum(const pp_slab_seat *seat, int count, double *sums)
{
    pp_slab_team *t = seat->team;
    for (int64_t i = 0; i < seat->slices * count; i++)
        t->mine[seat->start * count + i] = seat->each[i];
    PP_TRY(pp_comm_barrier(seat->group));
    if (seat->rank == 0) PP_TRY(add_up(t, count));
    PP_TRY(pp_comm_barrier(seat->group));
    for (int which = 0; which < count; which++) sums[which] = t->sums[which];
    return PP_OK;
}

/* ---- the slices next to a block ---- */

/* What seat 0 passes between ranks: slots of sent and received, of the rank before and the one after; -1: there is none. */
typedef struct passes {
    int down, up;           /* sent: the slab's first slice, its last one */
    int from_down, from_up; /* received */
} passes;

static passes find_passes(const pp_slab_team *t, bool before, bool after)
{
    passes p = {-1, -1, -1, -1};
    int sent = 0, received = 0;
    const bool mine = t->slices > 0, lower = mine && t->first > 0,
               upper = mine && t->first + t->slices < t->setup.rows;
    if (lower && after) p.down = sent++;
    if (upper && before) p.up = sent++;
    if (lower && before) p.from_down = received++;
    if (upper && after) p.from_up = received++;
    return p;
}

/* Pieces of one transfer. */
typedef struct transfer {
    pp_link_piece pieces[8];
    int count;
    int64_t pixels;
} transfer;

static void add_piece(transfer *t, const float *at, int peer, bool send)
{
    /* only read where it is sent */
    t->pieces[t->count++] = (pp_link_piece){.at = (float *)(uintptr_t)at,
                                            .rows = 1,
                                            .columns = t->pixels,
                                            .stride = t->pixels,
                                            .peer = peer,
                                            .send = send};
}

static const float *last_slice(const pp_slab_seat *seat, const float *volume)
{
    return volume + (seat->slices - 1) * pixels_of(seat->team);
}

/* From seat to seat; the last seat's slice for the next rank goes to seat 0. */
static pp_status pass_seats(const pp_slab_seat *seat, const float *volume, bool before, bool after)
{
    const pp_slab_team *t = seat->team;
    const int me = seat->rank, last = t->used - 1;
    const passes p = find_passes(t, before, after);
    transfer all = {.pixels = pixels_of(t)};
    if (seat->slices == 0 || !t->links) return PP_OK;
    if (after && me > 0) add_piece(&all, volume, me - 1, true);
    if (before && me > 0) add_piece(&all, seat->before, me - 1, false);
    if (before && me < last) add_piece(&all, last_slice(seat, volume), me + 1, true);
    if (after && me < last) add_piece(&all, seat->after, me + 1, false);
    if (p.up >= 0 && me == last && last > 0) add_piece(&all, last_slice(seat, volume), 0, true);
    if (p.up >= 0 && me == 0 && last > 0)
        add_piece(&all, seat->sent + p.up * all.pixels, last, false);
    return t->setup.backend->links->transfer(t->links, me, all.pieces, all.count);
}

static void copy_slice(const pp_slab_team *t, float *to, const float *from)
{
    t->setup.backend->slabs->combine(pixels_of(t), to, 1, from, 0, NULL);
}

/* The rank's slices in the order of ranks: counts of what is sent, and of what is received. */
static void count_slices(const pp_slab_team *t, const passes *p)
{
    const int me = pp_comm_rank(t->setup.comm), ranks = ranks_of(t);
    for (int r = 0; r < 2 * ranks; r++) t->counts[r] = 0;
    if (p->down >= 0) t->counts[me - 1] = 1;
    if (p->up >= 0) t->counts[me + 1] = 1;
    if (p->from_down >= 0) t->counts[ranks + me - 1] = 1;
    if (p->from_up >= 0) t->counts[ranks + me + 1] = 1;
}

static pp_status exchange(const pp_slab_seat *seat, const passes *p)
{
    pp_slab_team *t = seat->team;
    const pp_backend *backend = t->setup.backend;
    const size_t slice = (size_t)pixels_of(t) * sizeof(float),
                 out = slice * (size_t)((p->down >= 0) + (p->up >= 0)),
                 in = slice * (size_t)((p->from_down >= 0) + (p->from_up >= 0));
    const void *from = t->direct ? (const void *)seat->sent : seat->staged[0];
    void *to = t->direct ? (void *)seat->received : seat->staged[1];
    pp_status status = PP_OK;
    if (!t->direct && out > 0) status = backend->download(seat->staged[0], seat->sent, out);
    if (t->direct && !backend->host_memory) status = backend->download(NULL, NULL, 0); /* waits */
    PP_TRY(agree(t, status));
    count_slices(t, p);
    PP_TRY(
        pp_comm_alltoall_rows(t->setup.comm, from, t->counts, to, t->counts + ranks_of(t), slice));
    return !t->direct && in > 0 ? backend->upload(seat->received, to, in) : PP_OK;
}

/* From rank to rank. */
static pp_status pass_ranks(const pp_slab_seat *seat, const float *volume, bool before, bool after)
{
    const pp_slab_team *t = seat->team;
    const passes p = find_passes(t, before, after);
    const int64_t pixels = pixels_of(t);
    const bool alone = t->used == 1;
    if (p.down >= 0) copy_slice(t, seat->sent + p.down * pixels, volume);
    if (p.up >= 0 && alone) copy_slice(t, seat->sent + p.up * pixels, last_slice(seat, volume));
    PP_TRY(exchange(seat, &p));
    if (p.from_down >= 0) copy_slice(t, seat->before, seat->received + p.from_down * pixels);
    if (p.from_up >= 0 && alone) copy_slice(t, seat->after, seat->received + p.from_up * pixels);
    return PP_OK;
}

/* What seat 0 has from the next rank, to the last seat. */
static pp_status hand_on(const pp_slab_seat *seat, bool before, bool after)
{
    const pp_slab_team *t = seat->team;
    const passes p = find_passes(t, before, after);
    const int last = t->used - 1;
    transfer all = {.pixels = pixels_of(t)};
    if (last < 1 || p.from_up < 0) return PP_OK;
    if (seat->rank == 0) add_piece(&all, seat->received + p.from_up * all.pixels, last, true);
    if (seat->rank == last) add_piece(&all, seat->after, 0, false);
    return t->setup.backend->links->transfer(t->links, seat->rank, all.pieces, all.count);
}

pp_status pp_slab_seat_neighbours(const pp_slab_seat *seat, const float *volume, bool before,
                                  bool after)
{
    PP_TRY(pass_seats(seat, volume, before, after));
    if (ranks_of(seat->team) == 1) return PP_OK;
    if (seat->rank == 0) PP_TRY(pass_ranks(seat, volume, before, after));
    return hand_on(seat, before, after);
}

const pp_backend *pp_slab_seat_backend(const pp_slab_seat *seat)
{
    return seat->team->setup.backend;
}

pp_slab_cut pp_slab_seat_cut(const pp_slab_seat *seat)
{
    const bool starts = seat->team->first + seat->start == 0;
    return (pp_slab_cut){.n = seat->team->setup.n,
                         .slices = seat->slices,
                         .before = starts ? NULL : seat->before,
                         .after = seat->ends ? NULL : seat->after};
}

/* ---- seats ---- */

int64_t pp_slab_seat_most(int64_t slices, int devices)
{
    int64_t first, count;
    pp_slab_block(slices, devices > 1 ? devices : 1, 0, &first, &count);
    return count;
}

double pp_slab_seat_bytes(int64_t n)
{
    return 6.0 * (double)(n * n) * (double)sizeof(float);
}

static pp_status take_memory(pp_slab_seat *seat)
{
    const pp_slab_team *t = seat->team;
    const pp_backend *backend = t->setup.backend;
    const size_t slice = (size_t)pixels_of(t) * sizeof(float);
    PP_TRY(backend->alloc(slice, (void **)&seat->before));
    PP_TRY(backend->alloc(slice, (void **)&seat->after));
    PP_TRY(PP_ALLOC((seat->slices + 1) * PP_SLAB_SUMS, &seat->each));
    if (seat->rank > 0 || ranks_of(t) == 1) return PP_OK;
    PP_TRY(backend->alloc(2 * slice, (void **)&seat->sent));
    PP_TRY(backend->alloc(2 * slice, (void **)&seat->received));
    for (int way = 0; way < 2 && !t->direct; way++)
        PP_TRY(backend->slabs->host_alloc(2 * slice, &seat->staged[way]));
    return PP_OK;
}

static void give_memory(pp_slab_seat *seat)
{
    const pp_backend *backend = seat->team->setup.backend;
    float *const taken[] = {seat->before, seat->after, seat->sent, seat->received};
    for (int k = 0; k < 4; k++)
        if (taken[k]) backend->release(taken[k]);
    for (int way = 0; way < 2; way++)
        if (seat->staged[way]) backend->slabs->host_free(seat->staged[way]);
    pp_free(seat->each);
}

static pp_status device_alive(void *argument)
{
    const pp_backend *backend = argument;
    return backend->facts->alive();
}

/* One device's thread. */
static pp_status sit(const pp_comm *group, void *argument)
{
    pp_slab_team *t = argument;
    const pp_backend *backend = t->setup.backend;
    pp_slab_seat seat = {.team = t, .group = group, .rank = pp_comm_rank(group)};
    pp_slab_block(t->slices, t->setup.devices, seat.rank, &seat.start, &seat.slices);
    seat.ends = t->first + seat.start + seat.slices == t->setup.rows;
    PP_TRY(pp_backend_use(backend, pp_backend_device(backend, seat.rank)));
    if (t->links && backend->facts) /* asked, not changed */
        pp_group_watch(group, device_alive, (void *)(uintptr_t)backend);
    pp_status status = take_memory(&seat);
    if (status == PP_OK) status = t->work(&seat, t->argument);
    give_memory(&seat);
    return status;
}

static void end_links(void *argument)
{
    const pp_slab_team *t = argument;
    if (t->links) t->setup.backend->links->abort(t->links);
}

/* ---- the team ---- */

static pp_status open_links(pp_slab_team *t)
{
    int devices[PP_LINK_MOST];
    int64_t room[PP_LINK_MOST] = {0}; /* slices are contiguous */
    if (t->setup.devices == 1) return PP_OK;
    for (int k = 0; k < t->setup.devices; k++) devices[k] = pp_backend_device(t->setup.backend, k);
    const pp_link_setup setup = {.size = t->setup.devices, .devices = devices, .room = room};
    return t->setup.backend->links->open(&setup, &t->links);
}

static pp_status make_team(pp_slab_team *t)
{
    const pp_backend *backend = t->setup.backend;
    const int ranks = ranks_of(t);
    if (t->setup.devices < 1 || t->setup.devices > PP_GROUP_MOST)
        return PP_FAIL(PP_ERR_RUN, "a slab is shared by 1 to %d devices, not %d",
                       (int)PP_GROUP_MOST, t->setup.devices);
    pp_slab_block(t->setup.rows, ranks, pp_comm_rank(t->setup.comm), &t->first, &t->slices);
    while (t->used < t->setup.devices) {
        int64_t first, slices;
        pp_slab_block(t->slices, t->setup.devices, t->used, &first, &slices);
        if (slices == 0) break;
        t->used++;
    }
    t->direct = backend->host_memory || (backend->mpi_may_read && pp_mpi_takes_device_memory());
    PP_TRY(PP_ALLOC(2 * ranks, &t->counts));
    PP_TRY(PP_ALLOC((t->slices + 1) * PP_SLAB_SUMS, &t->mine));
    if (ranks > 1) PP_TRY(PP_ALLOC(t->setup.rows * PP_SLAB_SUMS, &t->all));
    return open_links(t);
}

pp_status pp_slab_team_run(const pp_slab_team_setup *setup, pp_slab_work work, void *argument)
{
    pp_slab_team t = {.setup = *setup, .work = work, .argument = argument};
    pp_status status = make_team(&t);
    if (status == PP_OK) status = pp_group_run_alarmed(setup->devices, sit, end_links, &t);
    if (t.links) setup->backend->links->close(&t.links);
    pp_free(t.counts);
    pp_free(t.mine);
    pp_free(t.all);
    /* ranks that were fine wait in their next exchange, or here */
    return t.told ? status : pp_comm_agree(setup->comm, status);
}
