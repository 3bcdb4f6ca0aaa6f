/* admin/admin.c - the observer: takes the place of the owner's callbacks, looks, passes on.
 *
 * Invariants
 *   - every callback of the owner is called exactly as without us, with one exception: a socket
 *     that was disconnected while administrators were told of it is not announced to the owner, as
 *     if it had never got that far (socketio does the same);
 *   - namespaces are watched only while somebody looks, so an instrumented server without
 *     administrators pays one indirect call per event;
 *   - administrators' own events are told to nobody.
 *
 * Start reading at on_connection().
 *
 * SPDX-License-Identifier: MIT
 */
#include "admin/parts.h"
#include "base/assert.h"
#include "base/mem.h"
#include "net/aside.h"
#include "socketio/client.h"

/* A room that a socket left because it goes: told when that was told, as in Node. */
struct admin_left {
    struct list link; /* in admin->pending */
    uint64_t socket;
    size_t len;
    char room[];
};

/* Whether somebody looks at sockets, not at figures alone. */
static bool looks(const struct admin *a)
{
    return a->options.development && !list_empty(&a->peers);
}

/* --- Watching --- */

static void watch(struct admin *a, struct sio_namespace *n, bool on)
{
    if (n == a->nsp)
        return; /* its rooms always, its events never */
    n->watch_outgoing = (uint8_t)(on ? n->watch_outgoing | SIO_WATCH_OBSERVER
                                     : n->watch_outgoing & ~SIO_WATCH_OBSERVER);
    sio_namespace_watch_rooms(n, SIO_WATCH_OBSERVER, on);
}

static void watch_all(struct admin *a, bool on)
{
    struct sio_namespace *n;

    if (!a->options.development || a->watching == on)
        return;
    a->watching = on;
    for (uint32_t at = 0; (n = map_next(&a->io->namespaces, &at));)
        watch(a, n, on);
}

/* --- Administrators --- */

static void welcome(struct admin *a, struct sio_socket *s)
{
    if (list_empty(&a->peers))
        admin_stats_start(a);
    admin_peer_add(a, s);
    watch_all(a, true);
}

static void farewell(struct admin *a, struct sio_socket *s)
{
    admin_peer_remove(a, s);
    if (!list_empty(&a->peers))
        return;
    admin_stats_stop(a);
    admin_changes_clear(a);
    watch_all(a, false);
}

/* --- The server's callbacks --- */

static struct admin *of(const struct sio_socket *s)
{
    return admin_of(s->nsp->server);
}

static void on_middleware(struct sio_socket *s, void *middleware, sio_decision d)
{
    struct admin *a = of(s);

    if (middleware == a)
        admin_gate(a, s, d);
    else
        a->inner->on_middleware(s, middleware, d);
}

static void on_connection(struct sio_socket *s)
{
    struct admin *a = of(s);
    bool administrator = s->nsp == a->nsp;

    if (administrator)
        welcome(a, s);
    if (looks(a)) {
        watch(a, s->nsp, true); /* it may be newer than the latest administrator */
        admin_tell_socket(a, s);
    }
    if (administrator && sio_socket_connected(s))
        admin_send_config(a, s);
    if (administrator && a->options.development && sio_socket_connected(s))
        admin_send_sockets(a, s);
    if (!sio_socket_connected(s))
        return;
    a->inner->on_connection(s);
    if (looks(a))
        admin_touch(a, s);
}

static void on_event(struct sio_socket *s, str token, const struct sio_data *data, int64_t ack)
{
    struct admin *a = of(s);

    if (s->nsp == a->nsp)
        admin_command(a, token, data);
    else if (looks(a))
        admin_tell_event(a, s, data, true);
    if (!sio_socket_connected(s))
        return;
    a->inner->on_event(s, token, data, ack);
    if (looks(a))
        admin_touch(a, s);
}

/* Told now: s has been disconnected. */
static void tell_rooms_left(struct admin *a, struct sio_socket *s)
{
    struct list mine, *at, *after;

    list_init(&mine);
    list_each(at, after, &a->pending)
    {
        if (container_of(at, struct admin_left, link)->socket != s->ref)
            continue;
        list_remove(at);
        list_append(&mine, at);
    }
    while (!list_empty(&mine)) {
        struct admin_left *left = container_of(mine.next, struct admin_left, link);

        list_remove(&left->link);
        if (looks(a))
            admin_tell_room(a, s->nsp, str_n(left->room, left->len), s, false);
        mem_free(left);
    }
}

static void on_disconnect(struct sio_socket *s, const char *reason, const char *description)
{
    struct admin *a = of(s);

    if (s->nsp == a->nsp)
        farewell(a, s);
    if (looks(a))
        admin_tell_gone(a, s, reason);
    tell_rooms_left(a, s);
    admin_changes_forget(a, s);
    a->inner->on_disconnect(s, reason, description);
}

static void on_outgoing(struct sio_socket *s, const struct sio_data *data)
{
    struct admin *a = of(s);

    if (s->nsp != a->nsp && looks(a))
        admin_tell_event(a, s, data, false);
    if ((s->nsp->watch_outgoing & SIO_WATCH_OWNER) && a->inner->on_outgoing)
        a->inner->on_outgoing(s, data);
}

static void leave_later(struct admin *a, const struct sio_socket *s, str room)
{
    struct admin_left *left = mem_alloc(sizeof *left + room.n);

    *left = (struct admin_left){ .socket = s->ref, .len = room.n };
    if (room.n)
        memcpy(left->room, room.p, room.n);
    list_init(&left->link);
    list_append(&a->pending, &left->link);
}

static void on_room(struct sio_namespace *n, enum sio_room_change what, str room,
                    struct sio_socket *s)
{
    struct admin *a = admin_of(n->server);

    if (s && looks(a)) {
        if (what == SIO_ROOM_LEFT && s->state == SIO_SOCKET_LEAVING)
            leave_later(a, s, room);
        else
            admin_tell_room(a, n, room, s, what == SIO_ROOM_JOINED);
    }
    if ((n->watch_rooms & SIO_WATCH_OWNER) && a->inner->on_room)
        a->inner->on_room(n, what, room, s);
}

static void on_namespace(struct sio_namespace *n)
{
    struct admin *a = admin_of(n->server);

    if (a->watching)
        watch(a, n, true);
    if (a->inner->on_namespace)
        a->inner->on_namespace(n);
}

/* --- The engine's callbacks --- */

static void on_close(struct eio_session *session, enum eio_reason reason, const char *description)
{
    struct sio_server *io = session->server->owner;
    struct admin *a = admin_of(io);

    a->closed[reason]++;
    a->inner_engine.on_close(session, reason, description);
}

static void on_upgrade(struct eio_session *session)
{
    struct sio_server *io = session->server->owner;
    struct admin *a = admin_of(io);
    const struct sio_client *c = container_of(session, struct sio_client, session);

    if (a->inner_engine.on_upgrade)
        a->inner_engine.on_upgrade(session);
    for (struct sio_socket *s = c->sockets; s && looks(a); s = s->next)
        if (sio_socket_connected(s))
            admin_tell_transport(a, s);
}

/* --- Life --- */

static void copy_options(struct admin *a, const struct admin_options *o)
{
    a->options = *o;
    a->options.namespace_name = arena_copy(&a->strings, o->namespace_name);
    a->options.server_id = arena_copy(&a->strings, o->server_id);
    a->options.username = arena_copy(&a->strings, o->username);
    if (o->auth) {
        size_t n = strlen(o->password) + 1;

        a->options.password = memcpy(arena_alloc(&a->strings, n), o->password, n);
    }
}

static void take_place(struct admin *a)
{
    struct sio_server *io = a->io;

    a->inner = io->events;
    a->events = *io->events;
    a->events.on_middleware = on_middleware;
    a->events.on_connection = on_connection;
    a->events.on_event = on_event;
    a->events.on_disconnect = on_disconnect;
    a->events.on_outgoing = on_outgoing;
    a->events.on_room = on_room;
    a->events.on_namespace = on_namespace;
    io->events = &a->events;
    a->inner_engine = io->engine_events;
    io->engine_events.on_close = on_close;
    io->engine_events.on_upgrade = on_upgrade;
}

struct admin *admin_open(struct sio_server *io, const struct admin_options *o)
{
    struct admin *a = mem_zalloc(sizeof *a);

    a->io = io;
    copy_options(a, o);
    list_init(&a->peers);
    list_init(&a->pending);
    list_init(&a->touched);
    timer_init(&a->tick, NULL);
    admin_attempts_init(&a->attempts);
    a->checks = aside_open(io->engine.loop, "password", ADMIN_CHECKS_MAX);
    a->opened_ms = io->engine.loop->now_ms;
    take_place(a);
    a->nsp = sio_server_of(io, o->namespace_name);
    a->nsp->forgetful = true; /* who comes back is sent everything anew */
    if (o->auth)
        sio_namespace_use(a->nsp, a);
    if (o->development)
        sio_namespace_watch_rooms(a->nsp, SIO_WATCH_OBSERVER, true);
    return a;
}

void admin_free(struct admin *a)
{
    if (!a)
        return;
    ASSERT(list_empty(&a->peers) && list_empty(&a->pending));
    aside_close(a->checks);
    admin_stats_stop(a);
    admin_changes_clear(a);
    admin_attempts_free(&a->attempts);
    buf_free(&a->out);
    arena_free(&a->strings);
    mem_free(a);
}

void admin_describe_with(struct admin *a, str (*fn)(void *user, struct sio_socket *s), void *user)
{
    a->describe = fn;
    a->describe_user = user;
}

const struct admin_stats *admin_stats(const struct admin *a)
{
    return &a->stats;
}

struct sio_namespace *admin_namespace(const struct admin *a)
{
    return a->nsp;
}
