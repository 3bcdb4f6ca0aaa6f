/* api/drain.c - leaving without a stampede: nobody new, and those who are there sent away at a
 * pace.
 *
 * Clients that are closed with 1001 come back at once, to whoever listens then. All of them in one
 * moment would make the others busy with nothing but handshakes.
 *
 * SPDX-License-Identifier: MIT
 */
#include "api/app.h"
#include "base/mem.h"
#include "net/tether.h"

enum { TICK_MS = 50, PER_TICK_MIN = 25 }; /* 500 a second unless the time is short */
/* How often to look whether there are tethers yet; how long their far ends have to say farewell. */
enum { LOOK_MS = 1000, FAREWELL_MS = 5000 };

struct drain {
    struct timer tick;
    atr_app *app;
    uint64_t until_ms;
    uint64_t linger_ms;   /* until then those stay that were handed over but for their TLS */
    uint64_t farewell_ms; /* all have been told: when to give those up that are left; 0: not yet */
};

static bool handed_over(const atr_app *app)
{
    struct eio_stats sum;
    uint64_t waiting;

    io_sum_stats(app, &sum, &waiting);
    return sum.frozen + app->gateway.stats.frozen > 0;
}

/* Once all others are gone: connections that are relayed for other processes. For those that this
 * one's clients went to they are for `tlsLinger`. Returns in how many ms to look again; 0: there
 * are none any more. */
static uint64_t see_tethers_off(struct drain *d)
{
    struct loop *l = &d->app->loop;
    size_t n = PER_TICK_MIN;

    if (tether_count(l) == 0)
        return 0;
    if (l->now_ms < d->linger_ms && handed_over(d->app))
        return d->linger_ms - l->now_ms < LOOK_MS ? d->linger_ms - l->now_ms : LOOK_MS;
    if (tether_end_some(l, &n) == 0 && d->farewell_ms == 0)
        d->farewell_ms = l->now_ms + FAREWELL_MS;
    return d->farewell_ms && l->now_ms >= d->farewell_ms ? 0 : TICK_MS;
}

static void on_tick(struct timer *t)
{
    struct drain *d = container_of(t, struct drain, tick);
    struct loop *l = &d->app->loop;
    uint64_t left_ms = d->until_ms > l->now_ms ? d->until_ms - l->now_ms : 0;
    size_t left = io_close_some(d->app, 0), due = left / (left_ms / TICK_MS + 1) + 1;

    left = io_close_some(d->app, due < PER_TICK_MIN ? PER_TICK_MIN : due);
    if (left)
        loop_timer(l, t, TICK_MS);
    else if ((left_ms = see_tethers_off(d)) > 0)
        loop_timer(l, t, left_ms);
    else
        atr_app_close(d->app, (uint32_t)settings_number(&d->app->settings, SET_shutdownTimeout));
}

void app_drain(atr_app *app, uint32_t ms)
{
    struct drain *d;

    if (app->closing || app->drain)
        return;
    app->drain = d = mem_zalloc(sizeof *d);
    d->app = app;
    d->until_ms = app->loop.now_ms + ms;
    d->linger_ms = app->loop.now_ms + (uint64_t)settings_number(&app->settings, SET_tlsLinger);
    if (app->cluster)
        app->cluster->on_closing(app->cluster);
    timer_init(&d->tick, on_tick);
    http_server_close(&app->http);
    io_refuse_new(app);
    loop_timer(&app->loop, &d->tick, 0);
}

void drain_free(atr_app *app)
{
    if (!app->drain)
        return;
    loop_timer_stop(&app->loop, &app->drain->tick);
    mem_free(app->drain);
    app->drain = NULL;
}
