/* Groups of threads: collectives over shared addresses under one lock.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "comm/group.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "comm/comm_class.h"

/* Messages from one rank to another that are not read yet. A pass posts a handful at most. */
enum { BOX = 16 };

typedef struct box {
    const void *data[BOX];
    size_t bytes[BOX];
    int64_t posted, read;
} box;

typedef struct meeting {
    pthread_mutex_t lock;
    pthread_cond_t change;
    int size, arrived, reading; /* reading: ranks that are inside another one's message */
    int64_t round;
    void (*alarm)(void *argument);
    void *argument; /* of alarm and of the members' work */
    bool broken;    /* a rank has left with an error: nothing new is read from then on */
    pp_error error;
    const void *data[PP_GROUP_MOST];
    const int64_t *rows[PP_GROUP_MOST];
    box *boxes; /* [from][to] */
} meeting;

typedef struct group_comm {
    pp_comm base;
    meeting *all;
    pp_group_account account;
    int depth;                          /* of calls of the group's functions in each other */
    pp_status (*alive)(void *argument); /* asked while waiting; NULL: nobody */
    void *argument;
} group_comm;

static group_comm *mine(const pp_comm *comm)
{
    /* the account changes, the communicator does not */
    return (group_comm *)(uintptr_t)comm;
}

/* Between both lies work on what others sent, the waiting apart. */
static double enter(group_comm *comm)
{
    return comm->depth++ == 0 ? pp_clock_seconds() - comm->account.waited : 0;
}

static pp_status end(group_comm *comm, double entered, pp_status status)
{
    if (--comm->depth == 0)
        comm->account.moving += pp_clock_seconds() - comm->account.waited - entered;
    return status;
}

static void leave(group_comm *comm, pp_status status)
{
    if (status == PP_OK) return;
    meeting *all = comm->all;
    (void)pthread_mutex_lock(&all->lock);
    const bool first = !all->broken;
    if (first) all->error = *pp_error_last();
    all->broken = true;
    (void)pthread_cond_broadcast(&all->change);
    (void)pthread_mutex_unlock(&all->lock);
    if (first && all->alarm) all->alarm(all->argument);
}

void pp_group_fail(const pp_comm *group, pp_status status)
{
    leave(mine(group), status);
}

void pp_group_watch(const pp_comm *group, pp_status (*alive)(void *argument), void *argument)
{
    group_comm *self = mine(group);
    self->alive = alive, self->argument = argument;
}

/* Waits under the lock for a change, or for a tenth of a second. */
static void wait_watching(group_comm *comm)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += 100000000;
    if (until.tv_nsec >= 1000000000) until.tv_sec++, until.tv_nsec -= 1000000000;
    if (pthread_cond_timedwait(&comm->all->change, &comm->all->lock, &until) != ETIMEDOUT) return;
    (void)pthread_mutex_unlock(&comm->all->lock);
    leave(comm, comm->alive(comm->argument));
    (void)pthread_mutex_lock(&comm->all->lock);
}

/* Waits under the lock for a change; the lock may have been given away meanwhile. */
static void wait_change(group_comm *comm)
{
    const double start = pp_clock_seconds();
    if (comm->alive)
        wait_watching(comm);
    else
        (void)pthread_cond_wait(&comm->all->change, &comm->all->lock);
    comm->account.waited += pp_clock_seconds() - start;
}

/* Gives the lock back. Where the group is broken nobody reads any more when this returns: the caller frees what it had
 * posted on its way out. */
static pp_status unlock(meeting *all, bool fine)
{
    while (!fine && all->reading > 0) (void)pthread_cond_wait(&all->change, &all->lock);
    (void)pthread_mutex_unlock(&all->lock);
    return fine ? PP_OK : PP_FAIL(PP_ERR_RUN, "another device of the group has failed");
}

/* Everybody arrives before anybody goes on; the lock is held. */
static bool gather_round(group_comm *comm)
{
    meeting *all = comm->all;
    const int64_t round = all->round;
    if (all->broken) return false;
    if (++all->arrived == all->size) {
        all->arrived = 0;
        all->round++;
        (void)pthread_cond_broadcast(&all->change);
    }
    while (all->round == round && !all->broken) wait_change(comm);
    return all->round != round;
}

/* Offers addresses to the others, which may read there until the barrier that follows. */
static pp_status meet(group_comm *comm, const void *data, const int64_t *rows)
{
    meeting *all = comm->all;
    (void)pthread_mutex_lock(&all->lock);
    all->data[comm->base.rank] = data;
    all->rows[comm->base.rank] = rows;
    return unlock(all, gather_round(comm));
}

static pp_status barrier(const pp_comm *comm)
{
    group_comm *self = mine(comm);
    const double entered = enter(self);
    (void)pthread_mutex_lock(&self->all->lock);
    return end(self, entered, unlock(self->all, gather_round(self)));
}

static pp_status share(group_comm *self, void *data, size_t bytes, int root)
{
    PP_TRY(meet(self, data, NULL));
    if (self->base.rank != root) {
        memcpy(data, self->all->data[root], bytes);
        self->account.received += (double)bytes;
    }
    return barrier(&self->base);
}

static pp_status bcast(const pp_comm *comm, void *data, size_t bytes, int root)
{
    group_comm *self = mine(comm);
    const double entered = enter(self);
    return end(self, entered, share(self, data, bytes, root));
}

static pp_status collect(group_comm *self, const void *data, void *all, size_t bytes)
{
    PP_TRY(meet(self, data, NULL));
    for (int r = 0; r < self->base.size; r++)
        memmove((char *)all + (size_t)r * bytes, self->all->data[r], bytes);
    self->account.received += (double)bytes * (self->base.size - 1);
    return barrier(&self->base);
}

static pp_status allgather(const pp_comm *comm, const void *data, void *all, size_t bytes)
{
    group_comm *self = mine(comm);
    const double entered = enter(self);
    return end(self, entered, collect(self, data, all, bytes));
}

static pp_status take_part(group_comm *self, int from, const int64_t *expected, size_t row_bytes,
                           char **to)
{
    const int64_t *sent = self->all->rows[from];
    const int me = self->base.rank;
    if (sent[me] != expected[from])
        return PP_FAIL(PP_ERR_RUN, "rank %d sends %lld rows to rank %d, which expects %lld", from,
                       (long long)sent[me], me, (long long)expected[from]);
    int64_t before = 0;
    for (int r = 0; r < me; r++) before += sent[r];
    const size_t bytes = (size_t)sent[me] * row_bytes;
    if (bytes) memcpy(*to, (const char *)self->all->data[from] + (size_t)before * row_bytes, bytes);
    *to += bytes;
    if (from != me) self->account.received += (double)bytes;
    return PP_OK;
}

static pp_status exchange(const pp_comm *comm, const void *send, const int64_t *send_rows,
                          void *receive, const int64_t *receive_rows, size_t row_bytes)
{
    group_comm *self = mine(comm);
    const double entered = enter(self);
    char *to = receive;
    pp_status status = meet(self, send, send_rows);
    if (status != PP_OK) return end(self, entered, status);
    for (int r = 0; r < comm->size && status == PP_OK; r++)
        status = take_part(self, r, receive_rows, row_bytes, &to);
    /* nobody leaves while the others may still read from it */
    const pp_status met = barrier(comm);
    return end(self, entered, status != PP_OK ? status : met);
}

static void progress(const pp_comm *comm)
{
    (void)comm;
}

/* Views are not drawn inside a group: its counter would have no use. */
static pp_status counter_create(const pp_comm *comm, pp_counter **out)
{
    (void)comm, (void)out;
    return PP_FAIL(PP_ERR_RUN, "a group of devices has no shared counter");
}

static pp_status counter_add(pp_counter *counter, int64_t add, int64_t *before)
{
    (void)counter, (void)add, (void)before;
    return PP_FAIL(PP_ERR_RUN, "a group of devices has no shared counter");
}

static void counter_free(pp_counter *counter)
{
    (void)counter;
}

static void free_group(pp_comm *comm)
{
    (void)comm; /* lives on pp_group_run's stack */
}

static const pp_comm_class group_class = {
    .free = free_group,
    .barrier = barrier,
    .bcast = bcast,
    .allgather = allgather,
    .exchange = exchange,
    .progress = progress,
    .counter_create = counter_create,
    .counter_add = counter_add,
    .counter_free = counter_free,
};

typedef struct member {
    group_comm comm;
    pp_group_work work;
    pthread_t thread;
    bool started;
} member;

static void *run_member(void *argument)
{
    member *one = argument;
    leave(&one->comm, one->work(&one->comm.base, one->comm.all->argument));
    return NULL;
}

static void set_up(member *one, int rank, int size, meeting *all, pp_group_work work)
{
    one->comm.base = (pp_comm){&group_class, rank, size, rank, size};
    one->comm.all = all;
    one->work = work;
}

static void run_members(member *members, int size)
{
    for (int r = 1; r < size; r++) {
        members[r].started = pthread_create(&members[r].thread, NULL, run_member, &members[r]) == 0;
        if (!members[r].started)
            leave(&members[r].comm,
                  PP_FAIL(PP_ERR_RESOURCE, "the thread of device %d of a group cannot start", r));
    }
    (void)run_member(&members[0]);
    for (int r = 1; r < size; r++)
        if (members[r].started) (void)pthread_join(members[r].thread, NULL);
}

pp_status pp_group_run_alarmed(int size, pp_group_work work, void (*alarm)(void *argument),
                               void *argument)
{
    if (size < 1 || size > PP_GROUP_MOST)
        return PP_FAIL(PP_ERR_RUN, "a group has 1 to %d devices, not %d", PP_GROUP_MOST, size);
    meeting all = {.lock = PTHREAD_MUTEX_INITIALIZER,
                   .change = PTHREAD_COND_INITIALIZER,
                   .size = size,
                   .alarm = alarm,
                   .argument = argument};
    member *members = NULL;
    pp_status status = PP_OK;
    PP_TRY_TO(done, PP_ALLOC(size, &members));
    PP_TRY_TO(done, PP_ALLOC(size * size, &all.boxes));
    for (int r = 0; r < size; r++) set_up(&members[r], r, size, &all, work);
    run_members(members, size);
    if (all.broken) status = pp_error_give(&all.error);
done:
    pp_free(all.boxes);
    pp_free(members);
    (void)pthread_cond_destroy(&all.change);
    (void)pthread_mutex_destroy(&all.lock);
    return status;
}

pp_status pp_group_run(int size, pp_group_work work, void *argument)
{
    return pp_group_run_alarmed(size, work, NULL, argument);
}

static double reduced(double a, double b, pp_reduce how)
{
    if (how == PP_SUM) return a + b;
    return how == PP_MIN ? (b < a ? b : a) : (b > a ? b : a);
}

pp_status pp_group_sum(const pp_comm *group, double *values, int count, pp_reduce how)
{
    double all[PP_GROUP_MOST * PP_GROUP_FEW] = {0};
    if (count < 0 || count > PP_GROUP_FEW)
        return PP_FAIL(PP_ERR_RUN, "%d numbers in one sum of a group, at most %d", count,
                       PP_GROUP_FEW);
    PP_TRY(allgather(group, values, all, (size_t)count * sizeof *all));
    for (int i = 0; i < count; i++) {
        values[i] = all[i];
        for (int r = 1; r < group->size; r++)
            values[i] = reduced(values[i], all[r * count + i], how);
    }
    return PP_OK;
}

static box *box_of(const group_comm *comm, int from, int to)
{
    return &comm->all->boxes[from * comm->base.size + to];
}

pp_status pp_group_post(const pp_comm *group, int to, const void *data, size_t bytes)
{
    group_comm *self = mine(group);
    box *b = box_of(self, group->rank, to);
    const double entered = enter(self);
    (void)pthread_mutex_lock(&self->all->lock);
    while (b->posted - b->read == BOX && !self->all->broken) wait_change(self);
    const bool fine = !self->all->broken;
    if (fine) {
        b->data[b->posted % BOX] = data;
        b->bytes[b->posted % BOX] = bytes;
        b->posted++;
        (void)pthread_cond_broadcast(&self->all->change);
    }
    return end(self, entered, unlock(self->all, fine));
}

static pp_status receive_from(group_comm *self, int from,
                              pp_status (*take)(void *argument, const void *data, size_t bytes),
                              void *argument)
{
    box *b = box_of(self, from, self->base.rank);
    (void)pthread_mutex_lock(&self->all->lock);
    while (b->posted == b->read && !self->all->broken) wait_change(self);
    const bool fine = !self->all->broken;
    const void *data = b->data[b->read % BOX];
    const size_t bytes = b->bytes[b->read % BOX];
    self->all->reading += fine;
    PP_TRY(unlock(self->all, fine));
    const pp_status taken = take(argument, data, bytes);
    leave(self, taken);
    (void)pthread_mutex_lock(&self->all->lock);
    self->account.received += (double)bytes;
    self->all->reading--;
    b->read++;
    (void)pthread_cond_broadcast(&self->all->change);
    const pp_status left = unlock(self->all, taken == PP_OK);
    return taken != PP_OK ? taken : left;
}

pp_status pp_group_receive(const pp_comm *group, int from,
                           pp_status (*take)(void *argument, const void *data, size_t bytes),
                           void *argument)
{
    group_comm *self = mine(group);
    const double entered = enter(self);
    return end(self, entered, receive_from(self, from, take, argument));
}

static bool settled(const group_comm *self)
{
    for (int r = 0; r < self->base.size; r++) {
        const box *b = box_of(self, self->base.rank, r);
        if (b->posted != b->read) return false;
    }
    return true;
}

pp_status pp_group_settle(const pp_comm *group)
{
    group_comm *self = mine(group);
    const double entered = enter(self);
    (void)pthread_mutex_lock(&self->all->lock);
    while (!settled(self) && !self->all->broken) wait_change(self);
    const bool fine = settled(self);
    return end(self, entered, unlock(self->all, fine));
}

void pp_group_add(const pp_comm *group, double passing, double alone, double received)
{
    pp_group_account *account = &mine(group)->account;
    account->moving += alone, account->beside += passing > alone ? passing - alone : 0;
    account->received += received;
}

void pp_group_tell(const pp_comm *group, pp_group_account *out)
{
    *out = mine(group)->account;
}
