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

enum { TICK_MS = 50, PER_TICK_MIN = 25 }; /* 500 a second unless the time is short */

struct drain {
    struct timer tick;
    atr_app *app;
    uint64_t until_ms;
};

static void on_tick(struct timer *t)
{
    struct drain *d = container_of(t, struct drain, tick);
    struct loop *l = &d->app->loop;
    uint64_t left_ms = d->until_ms > l->now_ms ? d->until_ms - l->now_ms : 0;
    size_t left = io_close_some(d->app, 0), due = left / (left_ms / TICK_MS + 1) + 1;

    left = io_close_some(d->app, due < PER_TICK_MIN ? PER_TICK_MIN : due);
    if (left)
        loop_timer(l, t, TICK_MS);
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
