/* socketio/socket.c - a client's membership in a namespace: its life, its rooms. What it sends is
 * in send.c.
 *
 * Invariants
 *   - connecting and connected sockets are in their client's list and in server->sockets; connected
 *     ones also in the namespace's hub and by_id; so are those that another server has (tail.h),
 * but for hub and by_id;
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

#include <stdio.h>

#include "base/assert.h"
#include "base/mem.h"
#include "base/random.h"
#include "socketio/ack.h"
#include "socketio/connect.h"
#include "socketio/encode.h"
#include "socketio/lifecycle.h"
#include "socketio/recovery.h"
#include "socketio/tail.h"
#include "socketio/v2.h"

/* --- Life --- */

/* The payload of clients that have nothing to say: `{}` and no payload mean the same. */
static bool is_empty_object(str json)
{
    return json.n == 2 && json.p[0] == '{';
}

static struct sio_socket *socket_alloc(struct sio_namespace *n, const struct sio_client *c,
                                       size_t id_len)
{
    struct sio_recoverable *s;

    if (sio_is_v2(c))
        return mem_alloc(sizeof(struct sio_socket) + (id_len == SIO_ID_LEN ? 0 : id_len));
    sio_recovery_start(n);
    if (!n->recovery)
        return mem_alloc(sizeof(struct sio_socket));
    s = mem_alloc(sizeof *s);
    s->record = NULL;
    return &s->socket;
}

static struct sio_socket *socket_new(struct sio_namespace *n, struct sio_client *c, str auth)
{
    struct sio_server *io = n->server;
    bool v2 = sio_is_v2(c);
    size_t id_len = v2 ? sio_v2_id_len(c, n) : SIO_ID_LEN;
    struct sio_socket *s = socket_alloc(n, c, id_len);

    *s = (struct sio_socket){ .nsp = n, .client = c, .next = c->sockets };
    s->id_len = (uint32_t)id_len;
    s->recoverable = n->recovery && !v2;
    s->form = (uint8_t)sio_client_form(c);
    hub_member_init(&s->member);
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

static void name_v2(struct sio_socket *s)
{
    sio_v2_id(s->client, s->nsp, s->id_len == SIO_ID_LEN ? s->id : (char *)(s + 1));
    s->nsp->other_ids = s->nsp->other_ids || s->id_len != SIO_ID_LEN;
}

struct sio_socket *sio_socket_new(struct sio_namespace *n, struct sio_client *c, str auth)
{
    struct sio_socket *s = socket_new(n, c, auth);

    if (sio_is_v2(c)) {
        name_v2(s);
        return s;
    }
    random_name(s->id, sizeof s->id);
    if (s->recoverable)
        sio_record_new(n->recovery, s);
    return s;
}

struct sio_socket *sio_socket_resume(struct sio_record *rec, struct sio_client *c, str auth)
{
    struct sio_socket *s = socket_new(rec->in->nsp, c, auth);

    sio_record_resume(rec, s);
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
    struct sio_outgoing p = { .type = SIO_CONNECT, .nsp = s->nsp->name, .id = SIO_NO_ID };
    const struct sio_record *rec = sio_record_of(s);
    char json[2 * SIO_ID_LEN + 32];
    int n = rec ? snprintf(json, sizeof json, "{\"sid\":\"%.*s\",\"pid\":\"%.*s\"}", SIO_ID_LEN,
                           s->id, SIO_ID_LEN, rec->pid)
                : snprintf(json, sizeof json, "{\"sid\":\"%.*s\"}", SIO_ID_LEN, s->id);
    struct sio_data data = { .json = { json, (size_t)n } };

    if (!sio_is_v2(s->client))
        p.data = &data;
    (void)sio_send(s->client, &p); /* a full queue ends the connection, from the loop */
}

void sio_socket_accept(struct sio_socket *s)
{
    struct sio_namespace *n = s->nsp;
    struct sio_server *io = n->server;

    ASSERT(s->state == SIO_SOCKET_CONNECTING);
    sio_record_joined(s); /* 2.6: what was missed goes before the reply */
    s->state = SIO_SOCKET_CONNECTED;
    map_put(&n->by_id, sio_socket_id(s), s);
    hub_enter(&n->hub, &s->member);
    sio_record_entered(s);
    io->stats.connects++;
    io->stats.sockets_open++;
    sio_client_joined(s->client);
    if (!s->left_own_room) /* as one who came back may have */
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
    if (!sio_record_part(s))
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
    sio_record_abandoned(s);
    if (io->events->on_abandon)
        io->events->on_abandon(s);
    vanish(s);
}

void sio_socket_end(struct sio_socket *s, const char *reason, const char *description)
{
    struct sio_namespace *n = s->nsp;
    struct sio_server *io = n->server;

    sio_socket_arrived(s);
    if (s->state > SIO_SOCKET_CONNECTED) /* it was disconnected there */
        return;
    ASSERT(s->state == SIO_SOCKET_CONNECTED);
    s->state = SIO_SOCKET_LEAVING;
    io->events->on_disconnecting(s, reason, description);
    sio_record_save(s, reason);
    map_remove(&n->by_id, sio_socket_id(s));
    hub_exit(&n->hub, &s->member);
    if (!s->left_own_room)
        own_room_left(s);
    sio_client_remove(s->client, s);
    io->stats.sockets_open--;
    s->state = SIO_SOCKET_GONE;
    sio_acks_fail(s);
    if (s->handed_over)
        sio_tail_tell_gone(s);
    io->events->on_disconnect(s, reason, description);
    vanish(s);
}

/* --- Between servers --- */

struct sio_socket *sio_socket_thaw(struct sio_namespace *n, struct sio_client *c, str id, str auth,
                                   bool left_own_room)
{
    struct sio_socket *s = socket_new(n, c, auth);

    if (sio_is_v2(c)) {
        name_v2(s);
    } else {
        ASSERT(id.n == SIO_ID_LEN);
        memcpy(s->id, id.p, SIO_ID_LEN);
    }
    s->state = SIO_SOCKET_CONNECTED;
    s->recovered = s->handed_over = s->arriving = true;
    s->left_own_room = left_own_room;
    map_put(&n->by_id, sio_socket_id(s), s);
    hub_enter(&n->hub, &s->member);
    n->server->stats.sockets_open++;
    if (!left_own_room)
        own_room_joined(s);
    return s;
}

void sio_socket_arrived(struct sio_socket *s)
{
    if (!s->arriving)
        return;
    s->arriving = false;
    sio_namespace_announce(s->nsp);
    s->nsp->server->events->on_connection(s);
    sio_arrival_over(s);
}

/* Listeners to rooms are not told: what they keep ends with this server. */
void sio_socket_move(struct sio_socket *s)
{
    struct sio_namespace *n = s->nsp;
    struct hub_events events = n->hub.events;

    ASSERT(s->state == SIO_SOCKET_CONNECTED);
    map_remove(&n->by_id, sio_socket_id(s));
    n->hub.events = (struct hub_events){ 0 };
    hub_exit(&n->hub, &s->member);
    n->hub.events = events;
    sio_record_move(s);
    s->state = SIO_SOCKET_MOVED;
    n->server->stats.sockets_open--;
}

void sio_socket_end_moved(struct sio_socket *s)
{
    const struct sio_events *events = s->nsp->server->events;

    ASSERT(s->state == SIO_SOCKET_MOVED);
    sio_client_remove(s->client, s);
    s->state = SIO_SOCKET_GONE;
    sio_acks_fail(s);
    if (events->on_moved)
        events->on_moved(s);
    vanish(s);
}

static void leave_politely(struct sio_socket *s)
{
    struct sio_outgoing p = { .type = SIO_DISCONNECT, .nsp = s->nsp->name, .id = SIO_NO_ID };

    (void)sio_send(s->client, &p);
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

    if (s->state == SIO_SOCKET_MOVED)
        sio_tail_disconnect(s, close);
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

void sio_socket_reject(struct sio_socket *s)
{
    sio_client_malformed(s->client);
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

/* --- Rooms --- */

static bool is_own_room(const struct sio_socket *s, str room)
{
    return str_eq(room, sio_socket_id(s));
}

static bool in_own_room(const struct sio_socket *s)
{
    return (sio_socket_alive(s) || s->state == SIO_SOCKET_LEAVING) && !s->left_own_room;
}

int sio_socket_join(struct sio_socket *s, str room)
{
    struct sio_server *io = s->nsp->server;
    uint32_t max = io->options.rooms_max;

    if (s->state == SIO_SOCKET_GONE)
        return ATR_ECLOSED;
    if (s->state == SIO_SOCKET_MOVED)
        return sio_tail_join(s, room);
    if (is_own_room(s, room)) {
        if (s->left_own_room) {
            s->left_own_room = false;
            sio_recovery_moved(s, room, true);
            own_room_joined(s);
        }
        return 0;
    }
    if (max && s->member.group_count >= max && !hub_in(&s->nsp->hub, &s->member, room)) {
        io->stats.limits_hit++;
        io->stats.rooms_full++;
        return ATR_ELIMIT;
    }
    if (hub_join(&s->nsp->hub, &s->member, room))
        sio_recovery_moved(s, room, true);
    return 0;
}

void sio_socket_leave(struct sio_socket *s, str room)
{
    if (s->state == SIO_SOCKET_MOVED) {
        sio_tail_leave(s, room);
    } else if (!is_own_room(s, room)) {
        if (hub_leave(&s->nsp->hub, &s->member, room))
            sio_recovery_moved(s, room, false);
    } else if (in_own_room(s)) {
        s->left_own_room = true;
        sio_recovery_moved(s, room, false);
        own_room_left(s);
    }
}

bool sio_socket_in(const struct sio_socket *s, str room)
{
    if (is_own_room(s, room))
        return in_own_room(s);
    return s->state == SIO_SOCKET_MOVED ? sio_tail_in(s, room)
                                        : hub_in(&s->nsp->hub, &s->member, room);
}

void sio_socket_rooms(const struct sio_socket *s, void (*fn)(void *arg, str room), void *arg)
{
    if (in_own_room(s))
        fn(arg, sio_socket_id(s));
    if (s->state == SIO_SOCKET_MOVED)
        sio_tail_rooms(s, fn, arg);
    for (uint32_t i = 0; i < s->member.group_count; i++)
        fn(arg, hub_group_name(s->member.groups[i].group));
}
