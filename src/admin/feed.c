/* admin/feed.c - what administrators are told, and how much of it.
 *
 * An event is encoded once for all. One who does not take what is sent to him fast enough misses
 * events, which is counted, and is sent the whole list of sockets once he has caught up: the page
 * then shows what is true again. So what waits for him is bounded, and nobody else waits.
 *
 * Start reading at admin_feed_begin() and admin_feed_end().
 *
 * SPDX-License-Identifier: MIT
 */
#include <time.h>

#include "admin/parts.h"
#include "base/mem.h"
#include "proto/json.h"

enum {
    QUEUE_MAX = 4 << 20, /* bytes that may wait for one administrator */
    EXCEPT_FEW = 16
};

/* --- Who can take it --- */

static size_t queue_max(const struct admin *a)
{
    size_t engine = a->io->engine.options.output.bytes_max / 4 * 3;

    return engine < QUEUE_MAX ? engine : QUEUE_MAX;
}

static struct sio_socket *socket_of(const struct admin *a, const struct admin_peer *p)
{
    return sio_socket_find(a->io, p->socket);
}

static bool has_room(const struct admin *a, const struct sio_socket *s, size_t bytes)
{
    return eio_session_queued(sio_socket_session(s)) + bytes <= queue_max(a);
}

static struct admin_peer *peer_of(const struct list *at)
{
    return container_of(at, struct admin_peer, link);
}

void admin_peer_add(struct admin *a, struct sio_socket *s)
{
    struct admin_peer *p = mem_alloc(sizeof *p);

    *p = (struct admin_peer){ .socket = s->ref };
    list_init(&p->link);
    list_append(&a->peers, &p->link);
}

void admin_peer_remove(struct admin *a, const struct sio_socket *s)
{
    struct list *at, *after;

    list_each(at, after, &a->peers)
    {
        if (peer_of(at)->socket != s->ref)
            continue;
        list_remove(at);
        mem_free(peer_of(at));
    }
}

static void miss(struct admin *a, struct admin_peer *p)
{
    p->stale = true;
    a->stats.dropped++;
}

/* Whether at least one has room for anything at all; else all of them miss it. */
static bool anyone_listens(struct admin *a)
{
    for (struct list *at = a->peers.next; at != &a->peers; at = at->next) {
        const struct sio_socket *s = socket_of(a, peer_of(at));

        if (s && has_room(a, s, 1))
            return true;
    }
    for (struct list *at = a->peers.next; at != &a->peers; at = at->next)
        miss(a, peer_of(at));
    return false;
}

/* --- An event to all --- */

bool admin_feed_begin(struct admin *a, struct buf *b, str event)
{
    if (!anyone_listens(a))
        return false;
    *b = a->out; /* lent: whoever feeds meanwhile finds none, and brings his own */
    a->out = (struct buf){ 0 };
    buf_clear(b);
    buf_add(b, STR("[\""));
    buf_add(b, event);
    buf_add(b, STR("\","));
    return true;
}

/* As JavaScript writes dates. */
static void write_time(struct buf *b, int64_t unix_ms)
{
    time_t seconds = (time_t)(unix_ms / 1000);
    struct tm t;

    gmtime_r(&seconds, &t);
    buf_format(b, "\"%04d-%02d-%02dT%02d:%02d:%02d.%03dZ\"", t.tm_year + 1900, t.tm_mon + 1,
               t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec, (int)(unix_ms % 1000));
}

static void send_to_all(struct admin *a, const struct sio_data *data)
{
    str few[EXCEPT_FEW], *except = few;
    size_t bytes = data->json.n, count = 0, peers = 0;

    for (size_t i = 0; i < data->attachment_count; i++)
        bytes += data->attachments[i].n;
    for (struct list *at = a->peers.next; at != &a->peers; at = at->next)
        peers++;
    if (peers > EXCEPT_FEW)
        except = mem_alloc(peers * sizeof *except);
    for (struct list *at = a->peers.next; at != &a->peers; at = at->next) {
        const struct sio_socket *s = socket_of(a, peer_of(at));

        if (!s || has_room(a, s, bytes))
            continue;
        miss(a, peer_of(at));
        except[count++] = sio_socket_id(s);
    }
    /* To those of this node: how fast others read is not known here. */
    (void)sio_emit(
        a->nsp, &(struct sio_target){ .except = except, .except_count = count, .flags = SIO_LOCAL },
        data); /* too large for a packet: counted there */
    if (except != few)
        mem_free(except);
}

void admin_feed_end(struct admin *a, struct buf *b, bool dated, const struct sio_data *attached)
{
    struct sio_data data = { 0 };

    if (dated) {
        buf_byte(b, ',');
        write_time(b, a->io->engine.loop->wall_ms);
    }
    buf_byte(b, ']');
    data.json = buf_str(b);
    if (attached) {
        data.attachments = attached->attachments;
        data.attachment_count = attached->attachment_count;
    }
    send_to_all(a, &data);
    buf_free(&a->out);
    a->out = *b;
}

/* --- The events --- */

/* "nsp","id" */
static void write_whose(struct buf *b, const struct sio_namespace *n, const struct sio_socket *s)
{
    json_write_string(b, n->name);
    buf_byte(b, ',');
    json_write_string(b, sio_socket_id(s));
}

void admin_tell_socket(struct admin *a, struct sio_socket *s)
{
    struct buf b;

    if (!admin_feed_begin(a, &b, STR("socket_connected")))
        return;
    admin_describe(a, s, &b);
    admin_feed_end(a, &b, true, NULL);
}

bool admin_update_begin(struct admin *a, struct buf *b, const struct sio_socket *s)
{
    if (!admin_feed_begin(a, b, STR("socket_updated")))
        return false;
    buf_add(b, STR("{\"id\":"));
    json_write_string(b, sio_socket_id(s));
    buf_add(b, STR(",\"nsp\":"));
    json_write_string(b, s->nsp->name);
    buf_byte(b, ',');
    return true;
}

void admin_tell_transport(struct admin *a, struct sio_socket *s)
{
    struct buf b;

    if (!admin_update_begin(a, &b, s))
        return;
    buf_add(&b, STR("\"transport\":\"websocket\"}"));
    admin_feed_end(a, &b, false, NULL);
}

void admin_tell_gone(struct admin *a, struct sio_socket *s, const char *reason)
{
    struct buf b;

    if (!admin_feed_begin(a, &b, STR("socket_disconnected")))
        return;
    write_whose(&b, s->nsp, s);
    buf_byte(&b, ',');
    json_write_string(&b, str_of(reason));
    admin_feed_end(a, &b, true, NULL);
}

void admin_tell_room(struct admin *a, const struct sio_namespace *n, str room,
                     const struct sio_socket *s, bool joined)
{
    struct buf b;

    if (!admin_feed_begin(a, &b, joined ? STR("room_joined") : STR("room_left")))
        return;
    json_write_string(&b, n->name);
    buf_byte(&b, ',');
    json_write_string(&b, room);
    buf_byte(&b, ',');
    json_write_string(&b, sio_socket_id(s));
    admin_feed_end(a, &b, true, NULL);
}

void admin_tell_event(struct admin *a, const struct sio_socket *s, const struct sio_data *data,
                      bool received)
{
    struct buf b;

    if (!admin_feed_begin(a, &b, received ? STR("event_received") : STR("event_sent")))
        return;
    write_whose(&b, s->nsp, s);
    buf_byte(&b, ',');
    buf_add(&b, data->json);
    admin_feed_end(a, &b, true, data);
}

/* --- To one --- */

static void send_one(struct sio_socket *s, const struct buf *b)
{
    (void)sio_socket_emit(s, &(struct sio_data){ .json = buf_str(b) },
                          0); /* who cannot be told is on his way out */
}

void admin_send_config(struct admin *a, struct sio_socket *s)
{
    struct buf b = { 0 };

    buf_add(&b, STR("[\"config\",{\"supportedFeatures\":["));
    if (!a->options.readonly)
        buf_add(&b, STR("\"EMIT\",\"JOIN\",\"LEAVE\",\"DISCONNECT\",\"MJOIN\",\"MLEAVE\","
                        "\"MDISCONNECT\","));
    buf_add(&b, STR("\"AGGREGATED_EVENTS\""));
    if (a->options.development)
        buf_add(&b, STR(",\"ALL_EVENTS\""));
    buf_add(&b, STR("]}]"));
    send_one(s, &b);
    buf_free(&b);
}

/* As many as fit: half of what may wait for one administrator. */
void admin_send_sockets(struct admin *a, struct sio_socket *s)
{
    const struct id_table *all = &a->io->sockets;
    size_t most = queue_max(a) / 2, first, before;
    struct buf b = { 0 };

    buf_add(&b, STR("[\"all_sockets\",["));
    first = b.len;
    for (uint32_t i = 0; i < all->cap; i++) {
        struct sio_socket *one = all->slots[i].object;

        if (!one || !sio_socket_connected(one))
            continue;
        if (b.len >= most) {
            a->stats.left_out++;
            continue;
        }
        before = b.len;
        if (b.len > first)
            buf_byte(&b, ',');
        admin_describe(a, one, &b);
        if (b.len > most) { /* this one does not fit, and a shorter one still may */
            b.len = before;
            a->stats.left_out++;
        }
    }
    buf_add(&b, STR("]]"));
    send_one(s, &b);
    buf_free(&b);
}

void admin_resync(struct admin *a)
{
    for (struct list *at = a->peers.next; at != &a->peers; at = at->next) {
        struct admin_peer *p = peer_of(at);
        struct sio_socket *s = socket_of(a, p);

        if (!p->stale || !s || !has_room(a, s, queue_max(a) / 4 * 3))
            continue;
        p->stale = false;
        a->stats.resyncs++;
        admin_send_sockets(a, s);
    }
}
