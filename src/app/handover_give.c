/* app/handover_give.c - the old worker's side of a hand-over.
 *
 * greeting: each heir gets an end of a link, a successor also the application's state, and says
 * that it is ready; who is not in time, or is leaving itself, gets nothing. Workers that give to
 *           this one have finished then;
 * moving:   batches go to the heirs in turn, at most BATCHES_AHEAD that an heir has not taken yet.
 *           What cannot be moved just now is tried again;
 * tail:     all has moved that could, ids of sessions lead to the heir. Handlers that still run and
 *           acknowledgements that are waited for have their time; connections of HTTP follow when
 *           they are between requests.
 *
 * Sessions that poll all go to the first heir, because their ids tell where they are, and say the
 * same for all of a worker.
 *
 * Start reading at handover_give() and on_tick().
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <unistd.h>

#include "api/engine.h"
#include "api/handover.h"
#include "app/cluster.h"
#include "app/handover_parts.h"
#include "base/log.h"
#include "base/mem.h"
#include "engineio/handover.h"
#include "gateway/handover.h"
#include "socketio/client.h"
#include "socketio/handover.h"
#include "socketio/tail.h"

enum {
    GREETING_MS = 10000, /* for an heir to take the application's state */
    STUCK_MS = 5000,     /* for one to take what it was given */
    TICK_MS = 20,
    BATCH_ITEMS = 64, /* connections that wait together for the last of them */
    BATCH_BYTES = 1 << 20,
    BATCHES_AHEAD = 2
};

/* All that so many batches may be, where the last connection of each is as large as can be: there
 * is always room for one that was frozen. */
#define QUEUE_BYTES_MAX                                                                            \
    ((size_t)BATCHES_AHEAD * (2 * BATCH_BYTES + 2 * (size_t)LINK_MESSAGE_BYTES_MAX))

struct heir {
    struct list link; /* in bequest->heirs */
    struct bequest *in;
    struct link *to; /* NULL: it has gone */
    unsigned slot;
    bool ready;
    uint32_t sent, taken; /* batches */
};

enum phase { GREETING, MOVING, TAIL };

struct bequest {
    struct handover *h;
    struct handover_order order;
    struct list heirs; /* of struct heir, the first one gets what polls */
    struct heir *turn;
    struct timer tick;
    uint64_t until_ms; /* of the phase */
    enum phase phase;
    uint32_t fences;  /* peers that may still send what they meant for this worker */
    bool met;         /* heirs were found */
    bool heir_serves; /* whether the walk over the board has met it */
    bool ended;       /* the old worker does the rest */
    bool broken;      /* the heir of the batch that is made has gone */
    struct buf item;
    uint32_t items; /* of the batch that is made */
    size_t bytes;
};

static struct cluster *cluster_of(const struct bequest *g)
{
    return g->h->cluster;
}

static struct loop *loop_of(const struct bequest *g)
{
    return &cluster_of(g)->app->loop;
}

static void tick_in(struct bequest *g, uint64_t ms)
{
    loop_timer(loop_of(g), &g->tick, ms);
}

static void send_byte(struct heir *h, enum handover_message what, const void *data, size_t n)
{
    struct buf b = { 0 };

    buf_byte(&b, (uint8_t)what);
    buf_append(&b, data, n);
    (void)link_send(h->to, buf_str(&b), NULL, 0); /* a link that takes no more has closed */
    buf_free(&b);
}

/* --- A connection --- */

/* Sends what was frozen into g->item. */
static void send_item(struct bequest *g, struct heir *h, int fd)
{
    struct handover_stats *stats = &g->h->stats;
    int err = link_send(h->to, buf_str(&g->item), &fd, fd >= 0);

    if (err == 0)
        stats->given++;
    else
        stats->lost++;
    g->broken = err == ATR_ECLOSED;
    stats->bytes += g->item.len;
    g->items++;
    g->bytes += g->item.len;
    if (fd >= 0)
        close(fd);
}

static void begin_item(struct bequest *g, enum handover_kind kind)
{
    buf_clear(&g->item);
    buf_byte(&g->item, HANDOVER_ITEM);
    buf_byte(&g->item, (uint8_t)kind);
}

static bool batch_full(const struct bequest *g)
{
    return g->broken || g->items >= BATCH_ITEMS || g->bytes >= BATCH_BYTES;
}

/* A walk over all that may be given to an heir. */
struct walk {
    struct bequest *g;
    struct heir *h;
};

/* What could not be frozen stays for a later batch, or is closing anyway. */
static void settle(const struct walk *w, int err, int fd)
{
    if (err == 0)
        send_item(w->g, w->h, fd);
}

/* Sessions that poll are the first heir's. */
static bool is_for(const struct walk *w, const struct eio_session *s)
{
    return w->g->heirs.next == &w->h->link || eio_session_on_websocket(s);
}

static bool give_engine_session(void *arg, struct eio_session *s)
{
    struct walk *w = arg;
    int fd = -1, err = -EAGAIN;

    if (batch_full(w->g))
        return false;
    begin_item(w->g, HANDOVER_ENGINE);
    if (is_for(w, s))
        err = engine_session_freeze(s, &w->g->item, &fd);
    settle(w, err, fd);
    return true;
}

static void give_sessions(struct walk *w, struct sio_server *io)
{
    struct list *at, *after;

    list_each(at, after, &io->engine.all)
    {
        struct eio_session *s = container_of(at, struct eio_session, link);
        int fd = -1, err = -EAGAIN;

        if (s->state != EIO_STATE_OPEN)
            continue;
        if (batch_full(w->g))
            return;
        begin_item(w->g, HANDOVER_SOCKETIO);
        if (is_for(w, s))
            err = sio_client_freeze(container_of(s, struct sio_client, session), &w->g->item, &fd);
        settle(w, err, fd);
    }
}

static void give_websockets(const struct walk *w, struct gateway *gateway)
{
    struct gateway_conn *c;
    uint32_t at = 0;

    while (!batch_full(w->g) && (c = gateway_conn_next(gateway, &at))) {
        int fd = -1, err;

        begin_item(w->g, HANDOVER_WEBSOCKET);
        err = gateway_conn_freeze(c, &w->g->item, &fd);
        settle(w, err, fd);
    }
}

/* --- A batch --- */

/* False: the bus does not take its note. */
static bool open_batch(struct bequest *g, struct heir *h)
{
    uint32_t number = h->sent + 1;
    struct bus_note note = { .kind = HANDOVER_NOTE,
                             .to = (uint16_t)h->slot,
                             .head = str_n(&number, sizeof number) };
    uint64_t at;

    g->items = 0;
    g->bytes = 0;
    g->broken = false;
    if (bus_publish(&cluster_of(g)->bus.base, &note, &at) < 0)
        return false;
    send_byte(h, HANDOVER_NOTED, &at, sizeof at);
    return true;
}

/* Returns whether there was anything to give. */
static bool give_batch(struct bequest *g, struct heir *h)
{
    struct atr_app *app = cluster_of(g)->app;
    struct walk w = { g, h };

    if (!open_batch(g, h))
        return false;
    if (app->io)
        give_sessions(&w, &app->io->server);
    engines_each_session(app, give_engine_session, &w);
    give_websockets(&w, &app->gateway);
    h->sent++;
    g->h->stats.batches++;
    send_byte(h, HANDOVER_BATCH, &h->sent, sizeof h->sent);
    if (g->broken)
        link_close(h->to, ATR_ECLOSED);
    return g->items > 0;
}

/* --- The tail --- */

static void end(struct bequest *g)
{
    struct cluster *c = cluster_of(g);

    if (g->ended)
        return;
    g->ended = true;
    if (c->app->io)
        sio_server_tail_end(&c->app->io->server);
    log_event(LOG_INFO, "handed-over", "connections=%llu lost=%llu left=%llu bytes=%llu",
              (unsigned long long)g->h->stats.given, (unsigned long long)g->h->stats.lost,
              (unsigned long long)g->h->stats.left, (unsigned long long)g->h->stats.bytes);
    loop_timer_stop(loop_of(g), &g->tick);
    g->order.on_done(g->order.user);
}

static struct heir *first_heir(const struct bequest *g)
{
    return list_empty(&g->heirs) ? NULL : container_of(g->heirs.next, struct heir, link);
}

static bool pass_idle(void *arg, int fd)
{
    struct bequest *g = arg;

    return sticky_give_idle(&cluster_of(g)->sticky, first_heir(g)->slot, fd);
}

/* Connections that were in the middle of a request come to rest, and follow the others. */
static void pass_idle_connections(struct bequest *g)
{
    if (first_heir(g))
        (void)http_server_release_idle(&cluster_of(g)->app->http, pass_idle, g);
}

static bool busy(const struct bequest *g)
{
    const struct atr_app *app = cluster_of(g)->app;

    return app_busy(app) > 0 || (app->io && sio_server_tail(&app->io->server) > 0) ||
           (first_heir(g) &&
            (g->fences || !list_empty(&app->http.conns) || sticky_busy(&cluster_of(g)->sticky)));
}

static size_t count_open(const struct bequest *g)
{
    struct atr_app *app = cluster_of(g)->app;

    return io_close_some(app, 0);
}

static bool ask_for_fence(void *arg, unsigned slot, uint32_t generation)
{
    struct bequest *g = arg;

    (void)generation;
    g->fences +=
        peers_send(&cluster_of(g)->peers, slot, HANDOVER_PEERS_FENCE, STR(""), NULL, 0) == 0;
    return true;
}

void handover_fenced(struct handover *h)
{
    if (h->bequest && h->bequest->fences)
        h->bequest->fences--;
}

static void begin_tail(struct bequest *g)
{
    struct cluster *c = cluster_of(g);
    struct heir *heir = first_heir(g);

    g->phase = TAIL;
    g->until_ms = loop_of(g)->now_ms + g->order.tail_ms;
    g->h->stats.left += count_open(g);
    if (heir)
        board_move_homes(&c->board, c->peers.slot, heir->slot);
    for (struct list *at = g->heirs.next; at != &g->heirs; at = at->next)
        send_byte(container_of(at, struct heir, link), HANDOVER_DONE, NULL, 0);
    peers_each(&c->peers, ask_for_fence, g);
    tick_in(g, 0);
}

/* --- The link --- */

static void drop_heir(struct heir *h)
{
    struct bequest *g = h->in;
    struct link *l = h->to;

    if (g->turn == h)
        g->turn = NULL;
    list_remove(&h->link);
    h->to = NULL;
    if (l)
        link_close(l, 0);
    mem_free(h);
}

static void on_message(struct link *l, str data, const int *fds, size_t fd_count)
{
    struct heir *h = l->owner;
    uint8_t what = data.n ? (uint8_t)data.p[0] : 0;

    for (size_t i = 0; i < fd_count; i++)
        close(fds[i]);
    if (what == HANDOVER_READY)
        h->ready = true;
    else if (what == HANDOVER_TAKEN && data.n == 1 + sizeof h->taken)
        memcpy(&h->taken, data.p + 1, sizeof h->taken);
    if (h->in->phase != TAIL)
        tick_in(h->in, 0);
}

/* What it has not taken is lost, or its successor's to find in its journal. */
static void on_close(struct link *l, int err)
{
    struct heir *h = l->owner;
    struct bequest *g = h->in;

    (void)err;
    if (!h->to)
        return;
    h->to = NULL;
    log_event(LOG_WARN, "heir-lost", "slot=%u batches=%u taken=%u", h->slot, h->sent, h->taken);
    drop_heir(h);
    if (g->phase != TAIL)
        tick_in(g, 0);
}

static const struct link_events link_events = { on_message, on_close, NULL };

/* --- Heirs --- */

static void add_heir(struct bequest *g, unsigned slot)
{
    struct cluster *c = cluster_of(g);
    struct heir *h;
    int ends[2];

    if (link_pair(ends) < 0)
        return;
    h = mem_zalloc(sizeof *h);
    *h = (struct heir){ .in = g, .slot = slot };
    list_init(&h->link);
    if (peers_send(&c->peers, slot, HANDOVER_PEERS_LINK, STR(""), &ends[1], 1) < 0) {
        close(ends[0]);
    } else if ((h->to = link_new(loop_of(g), ends[0], &link_events, h))) {
        h->to->queued_bytes_max = QUEUE_BYTES_MAX;
        g->met = true;
        list_append(&g->heirs, &h->link);
        h = NULL;
    }
    close(ends[1]);
    mem_free(h);
}

static bool look_for_heir(void *arg, unsigned slot, uint32_t generation)
{
    struct bequest *g = arg;
    const struct board_slot *s = &cluster_of(g)->board.slots[slot];
    pid_t wanted = g->order.heir;

    (void)generation;
    if (atomic_load(&s->state) == BOARD_SERVING &&
        (wanted < 0 || (uint32_t)wanted == atomic_load(&s->pid)))
        add_heir(g, slot);
    return true;
}

/* The state of the application is for who takes its place. */
static void send_state(struct bequest *g)
{
    struct buf json = { 0 };

    if (g->order.heir > 0 && handover_save(cluster_of(g)->app, &json) < 0)
        log_event(LOG_ERROR, "save-failed", "hint=%s",
                  "the application's state is not handed over");
    for (struct list *at = g->heirs.next; at != &g->heirs; at = at->next)
        send_byte(container_of(at, struct heir, link), HANDOVER_BEGIN, json.data, json.len);
    buf_free(&json);
}

static bool is_heir(void *arg, unsigned slot)
{
    struct bequest *g = arg;
    const struct board_slot *s = &cluster_of(g)->board.slots[slot];

    g->heir_serves |=
        (uint32_t)g->order.heir == atomic_load(&s->pid) && atomic_load(&s->state) == BOARD_SERVING;
    return !g->heir_serves;
}

/* Whether there is a successor. Who was busy while it started does not know it as a peer yet. */
static bool heir_serves(struct bequest *g)
{
    g->heir_serves = false;
    if (g->order.heir > 0)
        board_each(&cluster_of(g)->board, is_heir, g);
    return g->heir_serves;
}

static void look_for_heirs(struct bequest *g)
{
    peers_each(&cluster_of(g)->peers, look_for_heir, g);
    if (g->met)
        send_state(g);
}

/* --- Going on --- */

static bool all_taken(const struct bequest *g)
{
    for (struct list *at = g->heirs.next; at != &g->heirs; at = at->next) {
        const struct heir *h = container_of(at, struct heir, link);
        if (h->taken != h->sent)
            return false;
    }
    return true;
}

/* The next heir in turn that can take a batch. */
static struct heir *next_heir(struct bequest *g)
{
    struct list *at = g->turn ? &g->turn->link : &g->heirs;

    for (struct list *stop = at;;) {
        at = at->next;
        if (at != &g->heirs) {
            struct heir *h = container_of(at, struct heir, link);

            if (h->ready && h->sent - h->taken < BATCHES_AHEAD)
                return g->turn = h;
        }
        if (at == stop)
            return NULL;
    }
}

/* Whether there is nothing (more) to be given. */
static bool moved(struct bequest *g)
{
    return list_empty(&g->heirs) || loop_of(g)->now_ms >= g->until_ms || count_open(g) == 0;
}

/* Whether the heirs have all that was given; or one is stuck. */
static bool arrived(const struct bequest *g)
{
    return all_taken(g) || loop_of(g)->now_ms >= g->until_ms + STUCK_MS;
}

static void move(struct bequest *g)
{
    bool gave = false;
    struct heir *h;

    if (!moved(g) && (h = next_heir(g)))
        gave = give_batch(g, h);
    if (moved(g) && arrived(g))
        begin_tail(g);
    else
        tick_in(g, gave ? 0 : TICK_MS);
}

/* Those that did not answer get nothing. */
static void begin_moving(struct bequest *g)
{
    struct cluster *c = cluster_of(g);
    struct list *at, *after;

    list_each(at, after, &g->heirs)
    {
        struct heir *h = container_of(at, struct heir, link);
        if (!h->ready)
            drop_heir(h);
    }
    g->phase = MOVING;
    g->until_ms = loop_of(g)->now_ms + g->order.move_ms;
    if (first_heir(g))
        sticky_move(&c->sticky, first_heir(g)->slot);
    move(g);
}

static void greet(struct bequest *g)
{
    bool all;

    if (!g->met)
        look_for_heirs(g);
    all = g->met || !heir_serves(g);
    for (struct list *at = g->heirs.next; at != &g->heirs; at = at->next)
        all = all && container_of(at, struct heir, link)->ready;
    if ((all && !handover_arriving(g->h)) || loop_of(g)->now_ms >= g->until_ms)
        begin_moving(g);
    else
        tick_in(g, TICK_MS);
}

static void wait_for_tail(struct bequest *g)
{
    pass_idle_connections(g);
    if (!busy(g) || loop_of(g)->now_ms >= g->until_ms)
        end(g);
    else
        tick_in(g, TICK_MS);
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
    look_for_heirs(g);
    if (!g->met && !heir_serves(g)) {
        mem_free(g);
        return ATR_EUNKNOWN;
    }
    h->bequest = g;
    c->joined.on_closing(&c->joined);
    http_server_stop_accepting(&c->app->http);
    g->until_ms = c->app->loop.now_ms + GREETING_MS;
    tick_in(g, TICK_MS);
    return 0;
}

void handover_drop_bequest(struct handover *h)
{
    struct bequest *g = h->bequest;

    if (!g)
        return;
    h->bequest = NULL;
    loop_timer_stop(loop_of(g), &g->tick);
    while (first_heir(g))
        drop_heir(first_heir(g));
    buf_free(&g->item);
    mem_free(g);
}
