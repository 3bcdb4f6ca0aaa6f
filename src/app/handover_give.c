/* app/handover_give.c - the old worker's side of a hand-over.
 *
 *   - greeting: each heir gets an end of a link, a successor also the application's state, and says
 *     that it is ready; who is not in time, or is leaving itself, gets nothing. Workers that give
 *     to this one have finished then;
 *   - moving: batches go to the heirs in turn, until there is nothing left to be moved, or the time
 *     is over. What cannot be moved just now is tried again;
 *   - tail: ids of sessions lead to the heir. Handlers that still run and acknowledgements that are
 *     waited for have their time; connections of HTTP follow when they are between requests.
 *
 * Sessions that poll all go to the first heir, because their ids tell where they are, and say the
 * same for all of a worker.
 *
 * Start reading at handover_give() and on_tick().
 *
 * SPDX-License-Identifier: MIT
 */
#include "api/handover.h"
#include "api/io.h"
#include "app/handover_bequest.h"
#include "base/log.h"
#include "base/mem.h"
#include "socketio/tail.h"

enum {
    GREETING_MS = 10000, /* for an heir to take the application's state */
    STUCK_MS = 5000      /* for one to take what it was given */
};

/* --- The tail --- */

static void end(struct bequest *g)
{
    struct cluster *c = bequest_cluster(g);

    if (g->ended)
        return;
    g->ended = true;
    if (c->app->io)
        sio_server_tail_end(&c->app->io->server);
    log_event(LOG_INFO, "handed-over", "connections=%llu lost=%llu left=%llu bytes=%llu",
              (unsigned long long)g->h->stats.given, (unsigned long long)g->h->stats.lost,
              (unsigned long long)g->h->stats.left, (unsigned long long)g->h->stats.bytes);
    loop_timer_stop(bequest_loop(g), &g->tick);
    g->order.on_done(g->order.user);
}

static bool pass_idle(void *arg, int fd)
{
    struct bequest *g = arg;

    return sticky_give_idle(&bequest_cluster(g)->sticky, handover_first_heir(g)->slot, fd);
}

/* Connections that were in the middle of a request come to rest, and follow the others. */
static void pass_idle_connections(struct bequest *g)
{
    if (handover_first_heir(g))
        (void)http_server_release_idle(&bequest_cluster(g)->app->http, pass_idle, g);
}

static bool busy(const struct bequest *g)
{
    const struct atr_app *app = bequest_cluster(g)->app;

    return app_busy(app) > 0 || (app->io && sio_server_tail(&app->io->server) > 0) ||
           (handover_first_heir(g) && (g->fences || !list_empty(&app->http.conns) ||
                                       sticky_busy(&bequest_cluster(g)->sticky)));
}

static size_t count_open(const struct bequest *g)
{
    struct atr_app *app = bequest_cluster(g)->app;

    return io_close_some(app, 0);
}

static bool ask_for_fence(void *arg, unsigned slot, uint32_t generation)
{
    struct bequest *g = arg;

    (void)generation;
    g->fences +=
        peers_send(&bequest_cluster(g)->peers, slot, HANDOVER_PEERS_FENCE, STR(""), NULL, 0) == 0;
    return true;
}

void handover_fenced(struct handover *h)
{
    if (h->bequest && h->bequest->fences)
        h->bequest->fences--;
}

static void begin_tail(struct bequest *g)
{
    struct cluster *c = bequest_cluster(g);
    struct heir *heir = handover_first_heir(g);

    g->phase = TAIL;
    g->until_ms = bequest_loop(g)->now_ms + g->order.tail_ms;
    g->h->stats.left += count_open(g);
    if (heir)
        board_move_homes(&c->board, c->peers.slot, heir->slot);
    handover_tell_all(g, HANDOVER_DONE, STR(""));
    peers_each(&c->peers, ask_for_fence, g);
    bequest_tick_in(g, 0);
}

/* --- Going on --- */

/* Whether there is nothing (more) to be given. */
static bool moved(struct bequest *g)
{
    return list_empty(&g->heirs) || bequest_loop(g)->now_ms >= g->until_ms || count_open(g) == 0;
}

/* Whether the heirs have all that was given; or one is stuck. */
static bool arrived(const struct bequest *g)
{
    return handover_all_taken(g) || bequest_loop(g)->now_ms >= g->until_ms + STUCK_MS;
}

static void move(struct bequest *g)
{
    bool gave = false;
    struct heir *h;

    if (!moved(g) && (h = handover_next_heir(g)))
        gave = handover_give_batch(g, h);
    if (moved(g) && arrived(g))
        begin_tail(g);
    else
        bequest_tick_in(g, gave ? 0 : HANDOVER_TICK_MS);
}

/* Those that did not answer get nothing. */
static void begin_moving(struct bequest *g)
{
    handover_drop_unready(g);
    g->phase = MOVING;
    g->until_ms = bequest_loop(g)->now_ms + g->order.move_ms;
    if (handover_first_heir(g))
        sticky_move(&bequest_cluster(g)->sticky, handover_first_heir(g)->slot);
    move(g);
}

static void greet(struct bequest *g)
{
    bool all;

    if (!g->met)
        handover_look_for_heirs(g);
    all = g->met || !handover_heir_serves(g);
    all = all && handover_all_ready(g);
    if ((all && !handover_arriving(g->h)) || bequest_loop(g)->now_ms >= g->until_ms)
        begin_moving(g);
    else
        bequest_tick_in(g, HANDOVER_TICK_MS);
}

static void wait_for_tail(struct bequest *g)
{
    pass_idle_connections(g);
    if (!busy(g) || bequest_loop(g)->now_ms >= g->until_ms)
        end(g);
    else
        bequest_tick_in(g, HANDOVER_TICK_MS);
}

static void on_tick(struct timer *t)
{
    struct bequest *g = container_of(t, struct bequest, tick);

    if (g->phase == GREETING)
        greet(g);
    else if (g->phase == MOVING)
        move(g);
    else
        wait_for_tail(g);
}

/* --- The beginning --- */

int handover_give(struct handover *h, const struct handover_order *o)
{
    struct cluster *c = h->cluster;
    struct bequest *g;

    if (h->bequest)
        return ATR_ESTATE;
    g = mem_zalloc(sizeof *g);
    *g = (struct bequest){ .h = h, .order = *o };
    list_init(&g->heirs);
    timer_init(&g->tick, on_tick);
    handover_look_for_heirs(g);
    if (!g->met && !handover_heir_serves(g)) {
        mem_free(g);
        return ATR_EUNKNOWN;
    }
    h->bequest = g;
    c->joined.on_closing(&c->joined);
    http_server_stop_accepting(&c->app->http);
    g->until_ms = c->app->loop.now_ms + GREETING_MS;
    bequest_tick_in(g, HANDOVER_TICK_MS);
    return 0;
}

void handover_drop_bequest(struct handover *h)
{
    struct bequest *g = h->bequest;

    if (!g)
        return;
    h->bequest = NULL;
    loop_timer_stop(bequest_loop(g), &g->tick);
    handover_drop_heirs(g);
    buf_free(&g->item);
    mem_free(g);
}
