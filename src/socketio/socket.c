/* socketio/socket.c - a client's membership in a namespace: its life, its rooms, what it sends.
 *
 * Invariants
 *   - connecting and connected sockets are in their client's list and in server->sockets; connected
 *     ones also in the namespace's hub and by_id;
 *   - the room called like its id is not a group: the hub asks named() (namespace.c), so a socket
 *     that joined nothing owns no room memory;
 *   - leaving is a state: on_disconnecting sees the rooms, nobody's broadcast sees the socket, and
 *     what on_disconnecting does to the socket is refused or already under way.
 *
 * Start reading at sio_socket_accept() and sio_socket_end().
 *
 * SPDX-License-Identifier: MIT
 */
#include "socketio/socket.h"

#include "base/assert.h"
#include "base/mem.h"
#include "base/random.h"
#include "socketio/ack.h"
#include "socketio/connect.h"
#include "socketio/encode.h"
#include "socketio/lifecycle.h"

/* --- Life --- */

/* The payload of clients that have nothing to say: `{}` and no payload mean the same. */
static bool is_empty_object(str json)
{
    return json.n == 2 && json.p[0] == '{';
}

struct sio_socket *sio_socket_new(struct sio_namespace *n, struct sio_client *c, str auth)
{
    struct sio_server *io = n->server;
    struct sio_socket *s = mem_alloc(sizeof *s);

    *s = (struct sio_socket){ .nsp = n, .client = c, .next = c->sockets };
    hub_member_init(&s->member);
    random_name(s->id, sizeof s->id);
    s->ref = id_add(&io->sockets, s);
    if (auth.n && !is_empty_object(auth)) {
        s->auth = mem_dup(auth.p, auth.n);
        s->auth_len = (uint32_t)auth.n;
    }
    c->sockets = s;
    c->memberships++;
    n->population++;
    return s;
}

/* Its own room has no group, so what listens to groups is told from here. */
static void own_room_joined(struct sio_socket *s)
{
    const struct hub_events *e = &s->nsp->hub.events;

    if (e->on_create)
        e->on_create(s->nsp->hub.user, sio_socket_id(s));
    if (e->on_join)
        e->on_join(s->nsp->hub.user, sio_socket_id(s), &s->member);
}

static void own_room_left(struct sio_socket *s)
{
    const struct hub_events *e = &s->nsp->hub.events;

    if (e->on_leave)
        e->on_leave(s->nsp->hub.user, sio_socket_id(s), &s->member);
    if (e->on_delete)
        e->on_delete(s->nsp->hub.user, sio_socket_id(s));
}

static void send_connect(struct sio_socket *s)
{
    char json[8 + SIO_ID_LEN + 2] = "{\"sid\":\"";

    memcpy(json + 8, s->id, SIO_ID_LEN);
    memcpy(json + 8 + SIO_ID_LEN, "\"}", 2);
    (void)sio_send(s->client,
                   &(struct sio_outgoing){ SIO_CONNECT, s->nsp->name, SIO_NO_ID,
                                           &(struct sio_data){ .json = { json, sizeof json } } },
                   0); /* a full queue ends the connection, and s with it, from the loop */
}

void sio_socket_accept(struct sio_socket *s)
{
    struct sio_namespace *n = s->nsp;
    struct sio_server *io = n->server;

    ASSERT(s->state == SIO_SOCKET_CONNECTING);
    s->state = SIO_SOCKET_CONNECTED;
    map_put(&n->by_id, sio_socket_id(s), s);
    hub_enter(&n->hub, &s->member);
    io->stats.connects++;
    io->stats.sockets_open++;
    sio_client_joined(s->client);
    own_room_joined(s);
    send_connect(s);
    if (s->state == SIO_SOCKET_CONNECTED) /* unless who listens to rooms had it leave */
        io->events->on_connection(s);
}

/* Nothing finds it any more; its memory goes with the iteration. */
static void vanish(struct sio_socket *s)
{
    struct sio_server *io = s->nsp->server;

    id_remove(&io->sockets, s->ref);
    sio_bury(&io->graves, s->auth);
    sio_bury(&io->graves, s);
    sio_namespace_shrink(s->nsp);
}

void sio_socket_abandon(struct sio_socket *s)
{
    struct sio_server *io = s->nsp->server;

    ASSERT(s->state == SIO_SOCKET_CONNECTING);
    s->state = SIO_SOCKET_GONE;
    sio_connect_forget(s->client, s);
    hub_exit(&s->nsp->hub, &s->member); /* 2.2: rooms are dropped if the connect fails */
    sio_client_remove(s->client, s);
    sio_acks_fail(s);
    if (io->events->on_abandon)
        io->events->on_abandon(s);
    vanish(s);
}

void sio_socket_end(struct sio_socket *s, const char *reason, const char *description)
{
    struct sio_namespace *n = s->nsp;
    struct sio_server *io = n->server;

    ASSERT(s->state == SIO_SOCKET_CONNECTED);
    s->state = SIO_SOCKET_LEAVING;
    io->events->on_disconnecting(s, reason, description);
    map_remove(&n->by_id, sio_socket_id(s));
    hub_exit(&n->hub, &s->member);
    if (!s->left_own_room)
        own_room_left(s);
    sio_client_remove(s->client, s);
    io->stats.sockets_open--;
    s->state = SIO_SOCKET_GONE;
    sio_acks_fail(s);
    io->events->on_disconnect(s, reason, description);
    vanish(s);
}

static void leave_politely(struct sio_socket *s)
{
    (void)sio_send(s->client,
                   &(struct sio_outgoing){ SIO_DISCONNECT, s->nsp->name, SIO_NO_ID, NULL }, 0);
    /* 2.1: to the peer the whole namespace is gone, also what an overlapping CONNECT made. */
    sio_client_leave(s->client, s->nsp, "server namespace disconnect");
}

static struct sio_socket *connected_one(const struct sio_client *c)
{
    struct sio_socket *s = c->sockets;

    while (s && s->state != SIO_SOCKET_CONNECTED)
        s = s->next;
    return s;
}

void sio_socket_disconnect(struct sio_socket *s, bool close)
{
    struct sio_client *c = s->client;

    if (s->state != SIO_SOCKET_CONNECTED)
        return;
    if (!close) {
        leave_politely(s);
        return;
    }
    /* 2.5: one 41 per namespace, then the transport. */
    while ((s = connected_one(c)))
        leave_politely(s);
    sio_client_close(c, EIO_FORCED_SERVER_CLOSE);
}

/* --- Who it is --- */

struct sio_socket *sio_socket_find(struct sio_server *io, uint64_t ref)
{
    return id_get(&io->sockets, ref);
}

const struct sio_handshake *sio_socket_handshake(const struct sio_socket *s)
{
    return s->client->handshake;
}

struct eio_session *sio_socket_session(const struct sio_socket *s)
{
    return &s->client->session;
}

/* --- Sending --- */

/* 2.2: what is sent to a connecting socket arrives before its CONNECT; clients keep it until then.
 */
static bool may_send(const struct sio_socket *s)
{
    return s->state <= SIO_SOCKET_CONNECTED;
}

int sio_socket_send_event(struct sio_socket *s, const struct sio_data *data, unsigned flags,
                          int64_t id)
{
    struct sio_server *io = s->nsp->server;
    int err;

    if (may_send(s) && s->nsp->watch_outgoing && io->events->on_outgoing)
        io->events->on_outgoing(s, data);
    if (!may_send(s))
        return ATR_ECLOSED;
    err = sio_send(s->client, &(struct sio_outgoing){ SIO_EVENT, s->nsp->name, id, data }, flags);
    if (err == 0)
        io->stats.events_out++;
    return err;
}

int sio_socket_emit(struct sio_socket *s, const struct sio_data *data, unsigned flags)
{
    return sio_socket_send_event(s, data, flags, SIO_NO_ID);
}

int sio_socket_ack(struct sio_socket *s, int64_t ack, const struct sio_data *data)
{
    int err;

    if (s->state != SIO_SOCKET_CONNECTED)
        return ATR_ECLOSED;
    err = sio_send(s->client, &(struct sio_outgoing){ SIO_ACK, s->nsp->name, ack, data }, 0);
    if (err == 0)
        s->nsp->server->stats.acks_out++;
    return err;
}

/* --- Rooms --- */

static bool is_own_room(const struct sio_socket *s, str room)
{
    return str_eq(room, sio_socket_id(s));
}

static bool in_own_room(const struct sio_socket *s)
{
    return (s->state == SIO_SOCKET_CONNECTED || s->state == SIO_SOCKET_LEAVING) &&
           !s->left_own_room;
}

int sio_socket_join(struct sio_socket *s, str room)
{
    struct sio_server *io = s->nsp->server;
    uint32_t max = io->options.rooms_max;

    if (s->state == SIO_SOCKET_GONE)
        return ATR_ECLOSED;
    if (is_own_room(s, room)) {
        if (s->left_own_room) {
            s->left_own_room = false;
            own_room_joined(s);
        }
        return 0;
    }
    if (max && s->member.group_count >= max && !hub_in(&s->nsp->hub, &s->member, room)) {
        io->stats.limits_hit++;
        return ATR_ELIMIT;
    }
    (void)hub_join(&s->nsp->hub, &s->member, room); /* already in is fine */
    return 0;
}

void sio_socket_leave(struct sio_socket *s, str room)
{
    if (!is_own_room(s, room)) {
        (void)hub_leave(&s->nsp->hub, &s->member, room);
    } else if (in_own_room(s)) {
        s->left_own_room = true;
        own_room_left(s);
    }
}

bool sio_socket_in(const struct sio_socket *s, str room)
{
    return is_own_room(s, room) ? in_own_room(s) : hub_in(&s->nsp->hub, &s->member, room);
}

void sio_socket_rooms(const struct sio_socket *s, void (*fn)(void *arg, str room), void *arg)
{
    if (in_own_room(s))
        fn(arg, sio_socket_id(s));
    for (uint32_t i = 0; i < s->member.group_count; i++)
        fn(arg, hub_group_name(s->member.groups[i].group));
}
