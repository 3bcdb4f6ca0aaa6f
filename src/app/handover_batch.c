/* app/handover_batch.c - a batch: the note on the bus, and the connections that are frozen in the
 * same breath.
 *
 * Nothing of the application runs and nothing is published between the note and the last
 * connection.
 *
 * Start reading at handover_give_batch().
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <unistd.h>

#include "api/engine.h"
#include "app/handover_bequest.h"
#include "engineio/handover.h"
#include "gateway/handover.h"
#include "socketio/client.h"
#include "socketio/handover.h"

enum { BATCH_ITEMS = 64 }; /* connections that wait together for the last of them */

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
    return g->broken || g->items >= BATCH_ITEMS || g->bytes >= HANDOVER_BATCH_BYTES;
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
    if (bus_publish(&bequest_cluster(g)->bus.base, &note, &at) < 0)
        return false;
    handover_tell(h, HANDOVER_NOTED, str_n(&at, sizeof at));
    return true;
}

bool handover_give_batch(struct bequest *g, struct heir *h)
{
    struct atr_app *app = bequest_cluster(g)->app;
    struct walk w = { g, h };

    if (!open_batch(g, h))
        return false;
    if (app->io)
        give_sessions(&w, &app->io->server);
    engines_each_session(app, give_engine_session, &w);
    give_websockets(&w, &app->gateway);
    h->sent++;
    g->h->stats.batches++;
    handover_tell(h, HANDOVER_BATCH, str_n(&h->sent, sizeof h->sent));
    if (g->broken)
        link_close(h->to, ATR_ECLOSED);
    return g->items > 0;
}
