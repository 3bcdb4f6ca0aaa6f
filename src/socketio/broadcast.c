/* socketio/broadcast.c - one event to many, and what else is done to many.
 *
 * A plain broadcast encodes once and walks the hub, queueing the same messages on each session: no
 * allocation per recipient. Whatever may run application code per recipient gathers the sockets
 * first (hub rule 4).
 *
 * Start reading at sio_emit().
 *
 * SPDX-License-Identifier: MIT
 */
#include "socketio/broadcast.h"

#include "base/mem.h"
#include "socketio/client.h"
#include "socketio/cluster.h"
#include "socketio/encode.h"
#include "socketio/gather.h"
#include "socketio/recovery.h"
#include "socketio/v2.h"

static struct sio_socket *socket_of(struct hub_member *m)
{
    return container_of(m, struct sio_socket, member);
}

static struct hub_target hub_target_of(const struct sio_target *t)
{
    if (!t)
        return (struct hub_target){ 0 };
    return (struct hub_target){ t->rooms, t->room_count, t->except, t->except_count,
                                t->sender ? &t->sender->member : NULL };
}

/* --- Sending --- */

struct cast {
    struct sio_frames frames;
    struct sio_frames v2;       /* for clients of Socket.IO 2; count 0: none has turned up */
    struct sio_outgoing packet; /* what v2 is made of */
    struct sio_server *io;
    bool is_volatile;
    bool told; /* keeping it told the other servers */
    bool v2_differs; /* else they are sent what all are */
    uint64_t sent, dropped;
};

/* It fits, for the others' did. */
static const struct sio_frames *frames_of_v2(struct cast *c)
{
    if (c->v2_differs && c->v2.count == 0 && sio_encode(c->io, &c->packet, true, &c->v2) < 0)
        return NULL;
    return c->v2_differs ? &c->v2 : &c->frames;
}

static inline void cast_to(struct cast *c, struct sio_socket *s)
{
    const struct sio_frames *f = &c->frames;

    /* In rooms already, but its CONNECT has yet to be answered (2.2). */
    if (s->state != SIO_SOCKET_CONNECTED)
        return;
    if (c->is_volatile && !sio_client_idle(s->client)) {
        c->dropped++;
        return;
    }
    if (sio_is_v2(s->client))
        f = frames_of_v2(c);
    /* A queue that overflows ends its session from the loop, not while the hub is walked. */
    if (f && eio_session_send(&s->client->session, f->msgs, f->count) == 0)
        c->sent++;
}

static void cast_to_member(void *arg, struct hub_member *m)
{
    cast_to(arg, socket_of(m));
}

static struct hub_audience audience_of(const struct sio_target *t)
{
    if (!t)
        return (struct hub_audience){ 0 };
    return (struct hub_audience){
        .sender = t->sender ? sio_socket_id(t->sender) : (str){ 0 },
        .groups = t->rooms,
        .group_count = t->room_count,
        .except = t->except,
        .except_count = t->except_count,
    };
}

/* 2.6: encoded with its offset, and kept for who is away. */
static int encode_kept(struct cast *c, struct sio_namespace *n, const struct sio_target *t,
                       const struct sio_data *data)
{
    struct sio_outgoing p = { .type = SIO_EVENT, .nsp = n->name, .id = SIO_NO_ID, .data = data };
    struct hub_audience to = audience_of(t);
    struct sio_stamp stamp;
    int err;

    sio_stamp_make(n, NULL, t ? t->flags : 0, &stamp);
    p.offset = (str){ stamp.text, sizeof stamp.text };
    c->v2_differs = true; /* who cannot come back has no use for an offset */
    if ((err = sio_encode(n->server, &p, false, &c->frames)) < 0)
        return err;
    c->told = stamp.keep && n->recovery->shared;
    if ((err = sio_stamp_keep(n, &stamp, &c->frames, &to, t ? t->flags : 0)) < 0)
        sio_frames_free(&c->frames);
    return err;
}

static int cast_init(struct cast *c, struct sio_namespace *n, const struct sio_target *t,
                     const struct sio_data *data, int64_t id)
{
    struct sio_outgoing p = { .type = SIO_EVENT, .nsp = n->name, .id = id, .data = data };

    *c = (struct cast){ .packet = p, .io = n->server };
    c->is_volatile = t && (t->flags & SIO_VOLATILE);
    c->v2_differs = data->attachment_count > 0;
    if (n->recovery && id == SIO_NO_ID)
        return encode_kept(c, n, t, data);
    return sio_encode(n->server, &p, false, &c->frames);
}

static void cast_fini(struct cast *c, struct sio_server *io)
{
    sio_frames_free(&c->frames);
    if (c->v2.count)
        sio_frames_free(&c->v2);
    io->stats.broadcasts++;
    io->stats.deliveries += c->sent;
    io->stats.volatile_dropped += c->dropped;
}

/* Tells the other servers, once all that precedes was done here. */
static int tell_others(struct sio_namespace *n, const struct sio_target *t, const struct cast *c)
{
    uint64_t number;

    if (c->told || !sio_clustered(n->server, t ? t->flags : 0))
        return 0;
    return sio_cluster_cast(n, t, &c->frames, NULL, 0, &number);
}

/* Listeners first, for they may send: what is sent in between would overtake this packet at some,
 * and not at others. */
int sio_broadcast_to(struct sio_namespace *n, const struct sio_gathered *to,
                     const struct sio_target *t, const struct sio_data *data, int64_t id)
{
    struct sio_server *io = n->server;
    struct cast c;
    int err;

    for (uint32_t i = 0; i < to->count && n->watch_outgoing && io->events->on_outgoing; i++) {
        if (sio_socket_connected(to->sockets[i]))
            io->events->on_outgoing(to->sockets[i], data);
    }
    if ((err = cast_init(&c, n, t, data, id)) < 0)
        return err;
    if (id == SIO_NO_ID)
        err = tell_others(n, t, &c);
    for (uint32_t i = 0; i < to->count; i++)
        cast_to(&c, to->sockets[i]);
    cast_fini(&c, io);
    return err;
}

void sio_cast_received(struct sio_namespace *n, const struct sio_target *t, struct sio_frames *f)
{
    struct hub_target target = hub_target_of(t);
    struct cast c = { .frames = *f, .is_volatile = t->flags & SIO_VOLATILE };

    hub_each(&n->hub, &target, cast_to_member, &c);
    n->server->stats.deliveries += c.sent;
    n->server->stats.volatile_dropped += c.dropped;
}

static int emit_watched(struct sio_namespace *n, const struct sio_target *t,
                        const struct sio_data *data)
{
    struct sio_gathered to;
    int err;

    sio_gather(n, t, &to);
    err = sio_broadcast_to(n, &to, t, data, SIO_NO_ID);
    sio_gathered_free(&to);
    return err;
}

static int emit_one(struct sio_namespace *n, const struct sio_target *t,
                    const struct sio_data *data)
{
    struct hub_target target = hub_target_of(t);
    struct cast c;
    int err;

    if (n->hub.count == 0 && !sio_recovery_waits(n) && !sio_clustered(n->server, t ? t->flags : 0))
        return 0;
    if (n->server->cluster)
        sio_recovery_start(n); /* clients of other servers may come back */
    if (n->watch_outgoing)
        return emit_watched(n, t, data);
    if ((err = cast_init(&c, n, t, data, SIO_NO_ID)) < 0)
        return err;
    err = tell_others(n, t, &c);
    hub_each(&n->hub, &target, cast_to_member, &c);
    cast_fini(&c, n->server);
    return err;
}

/* --- Gathering --- */

static void gather(void *arg, struct hub_member *m)
{
    struct sio_gathered *g = arg;

    if (!sio_socket_connected(socket_of(m)))
        return;
    if (g->count == g->cap) {
        g->cap = g->cap ? g->cap * 2 : 16;
        g->sockets = mem_realloc(g->sockets, g->cap * sizeof(struct sio_socket *));
    }
    g->sockets[g->count++] = socket_of(m);
}

void sio_gather(struct sio_namespace *n, const struct sio_target *t, struct sio_gathered *out)
{
    struct hub_target target = hub_target_of(t);

    *out = (struct sio_gathered){ 0 };
    hub_each(&n->hub, &target, gather, out);
}

void sio_gathered_free(struct sio_gathered *g)
{
    mem_free(g->sockets);
}

/* --- Parents: the same for every child --- */

/* The children as a list of its own: callbacks may have some cleaned up, whose memory lives on. */
static uint32_t children_of(const struct sio_namespace *parent, struct sio_namespace ***out)
{
    uint32_t count = 0;
    const struct list *at;

    for (at = parent->children.next; at != &parent->children; at = at->next)
        count++;
    *out = mem_alloc(count * sizeof **out);
    count = 0;
    for (at = parent->children.next; at != &parent->children; at = at->next)
        (*out)[count++] = container_of(at, struct sio_namespace, link);
    return count;
}

int sio_emit(struct sio_namespace *n, const struct sio_target *t, const struct sio_data *data)
{
    struct sio_namespace **children;
    uint32_t count;
    int err = 0;

    if (!n->is_parent)
        return emit_one(n, t, data);
    count = children_of(n, &children);
    for (uint32_t i = 0; i < count && err == 0; i++)
        err = emit_one(children[i], t, data);
    mem_free(children);
    return err;
}

static void each_of_one(struct sio_namespace *n, const struct sio_target *t,
                        void (*fn)(void *arg, struct sio_socket *s), void *arg)
{
    struct sio_gathered g;

    sio_gather(n, t, &g);
    for (uint32_t i = 0; i < g.count; i++) {
        if (sio_socket_connected(g.sockets[i]))
            fn(arg, g.sockets[i]);
    }
    sio_gathered_free(&g);
}

void sio_each(struct sio_namespace *n, const struct sio_target *t,
              void (*fn)(void *arg, struct sio_socket *s), void *arg)
{
    struct sio_namespace **children;
    uint32_t count;

    if (!n->is_parent) {
        each_of_one(n, t, fn, arg);
        return;
    }
    count = children_of(n, &children);
    for (uint32_t i = 0; i < count; i++)
        each_of_one(children[i], t, fn, arg);
    mem_free(children);
}

/* --- What is done to each --- */

struct rooms {
    const str *names;
    size_t count;
};

static void join_all(void *arg, struct sio_socket *s)
{
    const struct rooms *r = arg;

    for (size_t i = 0; i < r->count; i++)
        (void)sio_socket_join(s, r->names[i]); /* a limit is counted there */
}

static void leave_all(void *arg, struct sio_socket *s)
{
    const struct rooms *r = arg;

    for (size_t i = 0; i < r->count; i++)
        sio_socket_leave(s, r->names[i]);
}

static void disconnect(void *arg, struct sio_socket *s)
{
    sio_socket_disconnect(s, *(const bool *)arg);
}

void sio_sockets_join(struct sio_namespace *n, const struct sio_target *t, const str *rooms,
                      size_t count)
{
    if (sio_clustered(n->server, t ? t->flags : 0))
        sio_cluster_rooms(n, t, rooms, count, true);
    sio_each(n, t, join_all, &(struct rooms){ rooms, count });
}

void sio_sockets_leave(struct sio_namespace *n, const struct sio_target *t, const str *rooms,
                       size_t count)
{
    if (sio_clustered(n->server, t ? t->flags : 0))
        sio_cluster_rooms(n, t, rooms, count, false);
    sio_each(n, t, leave_all, &(struct rooms){ rooms, count });
}

void sio_disconnect_sockets(struct sio_namespace *n, const struct sio_target *t, bool close)
{
    if (sio_clustered(n->server, t ? t->flags : 0))
        sio_cluster_disconnect(n, t, close);
    sio_each(n, t, disconnect, &close);
}
