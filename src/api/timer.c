/* api/timer.c - timers of applications, named by refs.
 *
 * SPDX-License-Identifier: MIT
 */
#include "api/app.h"

#include "base/mem.h"

struct atr_timer {
    struct timer timer;
    atr_app *app;
    atr_ref ref;
    uint32_t repeat_ms; /* 0: once */
    void (*fn)(void *user);
    void *user;
};

static void end(atr_timer *t)
{
    id_remove(&t->app->timers, t->ref);
    loop_timer_stop(&t->app->loop, &t->timer);
    mem_free(t);
}

static void fire(struct timer *timer)
{
    atr_timer *t = container_of(timer, atr_timer, timer);
    void (*fn)(void *) = t->fn;
    void *user = t->user;

    /* The callback may stop the timer: nothing of t is used after it. */
    if (t->repeat_ms)
        loop_timer(&t->app->loop, &t->timer, t->repeat_ms);
    else
        end(t);
    fn(user);
}

atr_ref atr_timer_start(atr_app *app, uint32_t delay_ms, uint32_t repeat_ms, void (*fn)(void *user),
                        void *user)
{
    atr_timer *t = mem_alloc(sizeof *t);

    *t = (atr_timer){ .app = app, .repeat_ms = repeat_ms, .fn = fn, .user = user };
    timer_init(&t->timer, fire);
    t->ref = id_add(&app->timers, t);
    loop_timer(&app->loop, &t->timer, delay_ms);
    return t->ref;
}

void atr_timer_stop(atr_app *app, atr_ref ref)
{
    atr_timer *t = id_get(&app->timers, ref);

    if (t)
        end(t);
}

void timers_free(atr_app *app)
{
    for (uint32_t i = 0; i < app->timers.cap; i++)
        if (app->timers.slots[i].object)
            end(app->timers.slots[i].object);
    id_table_free(&app->timers);
}
