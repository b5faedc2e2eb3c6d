/* SPDX-License-Identifier: BSD-3-Clause */
#include "comm/background.h"

#include <pthread.h>

#include "base/alloc.h"

struct pp_background {
    bool beside, over;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t change;
    pp_status (*task)(void *argument); /* NULL: idle */
    void *argument;
    pp_status status; /* of the last task */
    pp_error error;
};

static void do_task(pp_background *b, pp_status (*task)(void *), void *argument)
{
    b->status = task(argument);
    if (b->status != PP_OK) pp_error_take(&b->error);
}

static void *serve(void *argument)
{
    pp_background *b = argument;
    (void)pthread_mutex_lock(&b->lock);
    for (;;) {
        while (!b->task && !b->over) (void)pthread_cond_wait(&b->change, &b->lock);
        if (!b->task) break;
        (void)pthread_mutex_unlock(&b->lock);
        do_task(b, b->task, b->argument);
        (void)pthread_mutex_lock(&b->lock);
        b->task = NULL;
        (void)pthread_cond_broadcast(&b->change);
    }
    (void)pthread_mutex_unlock(&b->lock);
    return NULL;
}

pp_status pp_background_create(bool beside, pp_background **out)
{
    pp_background *b = NULL;
    PP_TRY(PP_ALLOC(1, &b));
    b->beside = beside;
    (void)pthread_mutex_init(&b->lock, NULL);
    (void)pthread_cond_init(&b->change, NULL);
    if (beside && pthread_create(&b->thread, NULL, serve, b) != 0) {
        b->beside = false;
        pp_background_free(&b);
        return PP_FAIL(PP_ERR_RESOURCE, "a device's second thread cannot start");
    }
    *out = b;
    return PP_OK;
}

void pp_background_start(pp_background *b, pp_status (*task)(void *argument), void *argument)
{
    if (!b->beside) {
        do_task(b, task, argument);
        return;
    }
    (void)pthread_mutex_lock(&b->lock);
    b->argument = argument;
    b->task = task;
    (void)pthread_cond_broadcast(&b->change);
    (void)pthread_mutex_unlock(&b->lock);
}

pp_status pp_background_wait(pp_background *b)
{
    (void)pthread_mutex_lock(&b->lock);
    while (b->task) (void)pthread_cond_wait(&b->change, &b->lock);
    const pp_status status = b->status;
    b->status = PP_OK;
    (void)pthread_mutex_unlock(&b->lock);
    return status == PP_OK ? PP_OK : pp_error_give(&b->error);
}

void pp_background_free(pp_background **background)
{
    pp_background *b = *background;
    if (!b) return;
    *background = NULL;
    if (b->beside) {
        (void)pthread_mutex_lock(&b->lock);
        b->over = true;
        (void)pthread_cond_broadcast(&b->change);
        (void)pthread_mutex_unlock(&b->lock);
        (void)pthread_join(b->thread, NULL);
    }
    (void)pthread_cond_destroy(&b->change);
    (void)pthread_mutex_destroy(&b->lock);
    pp_free(b);
}
