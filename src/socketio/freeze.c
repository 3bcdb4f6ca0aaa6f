/* socketio/freeze.c - a client on its way to another server: see handover.h.
 *
 * The map of a client, then its session's (engineio/handover.h):
 *
 *     head, address, issued, secure, cert, verified: its handshake
 *     parser; patience: until when it has to join a namespace
 *     sockets: a list of maps, oldest first
 *     partial: a binary packet that is arriving, as its text; pieces: the attachments so far
 *
 * and of a socket: nsp, parent (of a dynamic namespace: the parent's name), id, auth, data, rooms,
 * left (its own room), next_ack (of its namespace); pid, cursor, joined (its record); owed: five
 * numbers for each acknowledgement (the id, and whose it is: node, generation, ref, id there).
 *
 * Start reading at sio_client_freeze().
 *
 * SPDX-License-Identifier: MIT
 */
#include "socketio/handover.h"

#include <errno.h>

#include "base/mem.h"
#include "engineio/handover.h"
#include "proto/frozen.h"
#include "socketio/lifecycle.h"
#include "socketio/partial.h"
#include "socketio/recovery.h"

enum { VERSION = 1 };

/* --- What a socket owes --- */

struct owing {
    struct buf *out;
    const struct sio_socket *socket;
    struct bus_node self;
    uint32_t count;
};

static void count_one(void *arg, int64_t id, sio_ack_fn fn, void *user)
{
    (void)id;
    (void)fn;
    (void)user;
    ++*(uint32_t *)arg;
}

static void write_one(void *arg, int64_t id, sio_ack_fn fn, void *user)
{
    const struct owing *o = arg;
    struct sio_owner self = { .node = o->self, .ref = o->socket->ref, .id = id };
    const struct sio_owner *owner = fn == sio_tail_reply ? user : &self;

    msgpack_write_uint(o->out, (uint64_t)id);
    msgpack_write_uint(o->out, owner->node.number);
    msgpack_write_uint(o->out, owner->node.generation);
    msgpack_write_uint(o->out, owner->ref);
    msgpack_write_uint(o->out, (uint64_t)owner->id);
}

static void freeze_owed(struct frozen_writer *w, const struct sio_socket *s)
{
    struct owing o = { .socket = s, .self = bus_self(s->nsp->server->cluster->exchange->bus) };

    sio_acks_each(s, count_one, &o.count);
    if (o.count == 0)
        return;
    o.out = frozen_put_value(w, "owed");
    msgpack_write_array(o.out, o.count * 5);
    sio_acks_each(s, write_one, &o);
}

/* --- Sockets --- */

static void freeze_record(struct frozen_writer *w, const struct sio_socket *s)
{
    const struct sio_record *rec = sio_record_of(s);

    if (!rec)
        return;
    frozen_put_bytes(w, "pid", str_n(rec->pid, SIO_ID_LEN));
    frozen_put_uint(w, "cursor", rec->cursor);
    frozen_put_uint(w, "joined", rec->joined_ms);
}

static void freeze_rooms(struct frozen_writer *w, const struct sio_socket *s)
{
    struct buf *out;

    if (s->left_own_room)
        frozen_put_bool(w, "left", true);
    if (s->member.group_count == 0)
        return;
    out = frozen_put_value(w, "rooms");
    msgpack_write_array(out, s->member.group_count);
    for (uint32_t i = 0; i < s->member.group_count; i++)
        msgpack_write_string(out, hub_group_name(s->member.groups[i].group));
}

static void freeze_data(struct frozen_writer *w, struct sio_socket *s)
{
    const struct sio_events *events = s->nsp->server->events;
    struct buf json = { 0 };

    if (events->on_freeze)
        events->on_freeze(s, &json);
    if (json.len)
        frozen_put_bytes(w, "data", buf_str(&json));
    buf_free(&json);
}

static void freeze_socket(struct buf *out, struct sio_socket *s)
{
    struct frozen_writer w;

    frozen_begin(&w, out, VERSION);
    frozen_put_bytes(&w, "nsp", s->nsp->name);
    if (s->nsp->parent)
        frozen_put_bytes(&w, "parent", s->nsp->parent->name);
    frozen_put_bytes(&w, "id", sio_socket_id(s));
    if (s->auth_len)
        frozen_put_bytes(&w, "auth", str_n(s->auth, s->auth_len));
    frozen_put_uint(&w, "next_ack", (uint64_t)s->nsp->next_ack);
    freeze_data(&w, s);
    freeze_rooms(&w, s);
    freeze_record(&w, s);
    freeze_owed(&w, s);
    frozen_end(&w);
}

/* The client's list has the newest first. */
static struct sio_socket **oldest_first(const struct sio_client *c, uint32_t *count)
{
    struct sio_socket **list;
    uint32_t at;

    *count = 0;
    for (struct sio_socket *s = c->sockets; s; s = s->next)
        ++*count;
    at = *count;
    list = mem_alloc(at * sizeof(struct sio_socket *) + 1);
    for (struct sio_socket *s = c->sockets; s; s = s->next)
        list[--at] = s;
    return list;
}

/* --- The client --- */

static void freeze_handshake(struct frozen_writer *w, const struct sio_handshake *h)
{
    frozen_put_bytes(w, "head", h->head);
    frozen_put_bytes(w, "address", h->address);
    frozen_put_uint(w, "issued", (uint64_t)h->issued_ms);
    if (h->secure)
        frozen_put_bool(w, "secure", true);
    if (h->client_cert_len)
        frozen_put_bytes(w, "cert", sio_handshake_client_cert(h));
    if (h->client_verified)
        frozen_put_bool(w, "verified", true);
}

static void freeze_partial(struct frozen_writer *w, const struct sio_partial *p,
                           const struct sio_socket *s)
{
    struct buf text = { 0 }, *out;

    sio_packet_head(&text, p->packet.type, p->packet.attachments, s->nsp->name, p->packet.id);
    buf_add(&text, p->packet.data);
    frozen_put_bytes(w, "partial", buf_str(&text));
    buf_free(&text);
    out = frozen_put_value(w, "pieces");
    msgpack_write_array(out, p->have);
    for (uint32_t i = 0; i < p->have; i++)
        msgpack_write_binary(out, p->attachments[i]);
}

static void freeze_client(struct sio_client *c, struct buf *out, struct sio_socket *const *sockets,
                          uint32_t count)
{
    struct frozen_writer w;

    frozen_begin(&w, out, VERSION);
    freeze_handshake(&w, c->handshake);
    frozen_put_uint(&w, "parser", c->parser);
    if (c->patience)
        frozen_put_uint(&w, "patience", sio_client_patience(c));
    msgpack_write_array(frozen_put_value(&w, "sockets"), count);
    for (uint32_t i = 0; i < count; i++)
        freeze_socket(out, sockets[i]);
    if (c->partial)
        freeze_partial(&w, c->partial, sio_socket_find(sio_client_server(c), c->partial->socket));
    frozen_end(&w);
}

/* --- Leaving --- */

static int may_move(const struct sio_client *c)
{
    struct sio_server *io = sio_client_server(c);
    const struct sio_socket *half = c->partial ? sio_socket_find(io, c->partial->socket) : NULL;

    if (c->closing || !io->cluster)
        return ATR_ESTATE;
    for (const struct sio_socket *s = c->sockets; s; s = s->next) {
        if (s->nsp->forgetful)
            return ATR_ESTATE;
        if (s->state != SIO_SOCKET_CONNECTED || s->arriving)
            return -EAGAIN;
    }
    /* A packet for a socket that we have disconnected: its end is near. */
    if (c->connects || (c->partial && (!half || half->state != SIO_SOCKET_CONNECTED)))
        return -EAGAIN;
    return 0;
}

static void move(struct sio_client *c)
{
    struct sio_server *io = sio_client_server(c);

    sio_client_move(c);
    for (struct sio_socket *s = c->sockets; s; s = s->next) {
        sio_tail_begin(s);
        sio_socket_move(s);
        sio_acks_forget(s, sio_tail_reply); /* those are the next one's to answer */
    }
    io->stats.handed_out++;
    if (c->sockets)
        return;
    sio_bury(&io->graves, c->handshake);
    eio_session_bury(&c->session);
}

int sio_client_freeze(struct sio_client *c, struct buf *out, int *fd)
{
    size_t before = out->len;
    struct sio_socket **sockets;
    uint32_t count;
    int err = may_move(c);

    if (err < 0)
        return err;
    sockets = oldest_first(c, &count);
    freeze_client(c, out, sockets, count);
    mem_free(sockets);
    if ((err = eio_session_freeze(&c->session, out, fd)) < 0) {
        out->len = before;
        return err;
    }
    move(c);
    return 0;
}
