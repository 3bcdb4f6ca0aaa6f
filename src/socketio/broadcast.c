/* socketio/broadcast.c - one event to many, and what else is done to many.
 *
 * A plain broadcast encodes once per form and walks the hub, queueing the same messages on each
 * session: no allocation per recipient. Whatever may run application code per recipient gathers the
 * sockets first (hub rule 4).
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

/* One packet to many, in each of the forms that they want: made when the first of them comes. */
struct cast {
    struct sio_server *io;
    const struct sio_namespace *nsp;
    struct sio_outgoing packet;
    struct sio_frames frames[SIO_FORMS];
    struct parcel parcels[SIO_FORMS]; /* of frames */
    const struct pressure_policy *policy;
    str key;            /* of parcels */
    int err[SIO_FORMS]; /* negative: it cannot be had in that form */
    struct sio_stamp stamp;
    bool stamped; /* it came with an offset at its end */
    bool is_volatile;
    bool told; /* keeping it told the other servers */
    uint64_t sent, dropped;
};

/* Of a packet from another server there is but its form of texts. */
static bool cast_encode(struct cast *c, enum sio_form form)
{
    struct sio_frames *texts = &c->frames[SIO_FORM_TEXT], *f = &c->frames[form];

    if (f->count || c->err[form] < 0)
        return f->count;
    if (form == SIO_FORM_V2 && !c->packet.data) {
        sio_frames_v2(texts, c->stamped, f);
    } else if (form == SIO_FORM_V2 && cast_encode(c, SIO_FORM_TEXT) && texts->count == 1 &&
               !c->packet.offset.n) { /* it would be the same */
        f->msgs = f->few;
        f->msgs[f->count++] = msg_ref(texts->msgs[0]);
    } else if (c->packet.data) {
        c->err[form] = sio_encode(c->io, &c->packet, form, f);
    } else {
        c->err[form] = sio_encode_again(c->io, texts, form, f);
    }
    if (c->err[form] == 0)
        c->parcels[form] = sio_parcel(c->nsp, f, c->packet.id, c->key);
    return c->err[form] == 0;
}

static inline void cast_to(struct cast *c, struct sio_socket *s)
{
    struct sio_frames *f = &c->frames[s->form];

    /* In rooms already, but its CONNECT has yet to be answered (2.2). */
    if (s->state != SIO_SOCKET_CONNECTED)
        return;
    if (c->is_volatile && !sio_client_idle(s->client)) {
        c->dropped++;
        return;
    }
    if (f->count == 0 && !cast_encode(c, s->form))
        return;
    /* A queue that overflows ends its session from the loop, not while the hub is walked. */
    if (eio_session_send_parcel(&s->client->session, &c->parcels[s->form], c->policy) == 0)
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

/* 2.6: with its offset, and kept for who is away, in the one form that all others come from. */
static int keep(struct cast *c, struct sio_namespace *n, const struct sio_target *t)
{
    struct sio_frames *texts = &c->frames[SIO_FORM_TEXT];
    struct hub_audience to = audience_of(t);
    int err;

    sio_stamp_make(n, NULL, c->packet.flags, &c->stamp);
    c->packet.offset = (str){ c->stamp.text, sizeof c->stamp.text };
    if (!cast_encode(c, SIO_FORM_TEXT))
        return c->err[SIO_FORM_TEXT];
    c->told = c->stamp.keep && n->recovery->shared;
    err = sio_stamp_keep(n, &c->stamp, texts, &to, c->packet.flags);
    if (err < 0)
        sio_frames_free(texts);
    return err;
}

static void cast_start(struct cast *c, struct sio_namespace *n, const struct sio_target *t,
                       const struct sio_data *data, int64_t id)
{
    c->io = n->server;
    c->nsp = n;
    c->policy = sio_output(n);
    c->key = sio_key(n, data, NULL);
    c->packet = (struct sio_outgoing){
        .type = SIO_EVENT, .nsp = n->name, .id = id, .data = data, .flags = t ? t->flags : 0
    };
    for (int i = 0; i < SIO_FORMS; i++)
        c->frames[i].count = 0, c->err[i] = 0;
    c->stamped = c->packet.flags & SIO_WIRE_STAMPED;
    c->is_volatile = c->packet.flags & SIO_VOLATILE;
    c->told = false;
    c->sent = c->dropped = 0;
}

static int cast_init(struct cast *c, struct sio_namespace *n, const struct sio_target *t,
                     const struct sio_data *data, int64_t id)
{
    cast_start(c, n, t, data, id);
    return n->recovery && id == SIO_NO_ID ? keep(c, n, t) : 0;
}

/* 0, or why those who wanted one of the forms have not got it. */
static int cast_fini(struct cast *c)
{
    int err = 0;

    for (int i = 0; i < SIO_FORMS; i++) {
        if (c->frames[i].count)
            sio_frames_free(&c->frames[i]);
        if (c->err[i] < 0)
            err = c->err[i];
    }
    c->io->stats.broadcasts++;
    c->io->stats.deliveries += c->sent;
    c->io->stats.volatile_dropped += c->dropped;
    return err;
}

/* Tells the other servers, once all that precedes was done here. */
static int tell_others(struct sio_namespace *n, const struct sio_target *t, struct cast *c)
{
    uint64_t number;

    if (c->told || !sio_clustered(n->server, t ? t->flags : 0))
        return 0;
    if (!cast_encode(c, SIO_FORM_TEXT))
        return 0; /* the error is among those of the cast */
    return sio_cluster_cast(n, t, &c->frames[SIO_FORM_TEXT], NULL, 0, &number);
}

static void tell_listeners(struct sio_namespace *n, const struct sio_gathered *to,
                           const struct sio_data *data)
{
    const struct sio_server *io = n->server;

    if (!n->watch_outgoing || !io->events->on_outgoing)
        return;
    if (io->cluster && io->cluster->delivering) {
        sio_cluster_defer_told(n, to, data);
        return;
    }
    for (uint32_t i = 0; i < to->count; i++)
        if (sio_socket_connected(to->sockets[i]))
            io->events->on_outgoing(to->sockets[i], data);
}

/* Listeners first, for they may send: what is sent in between would overtake this packet at some,
 * and not at others. */
int sio_broadcast_to(struct sio_namespace *n, const struct sio_gathered *to,
                     const struct sio_target *t, const struct sio_data *data, int64_t id)
{
    struct cast c;
    int told = 0, err;

    tell_listeners(n, to, data);
    if ((err = cast_init(&c, n, t, data, id)) < 0)
        return err;
    if (id == SIO_NO_ID)
        told = tell_others(n, t, &c);
    for (uint32_t i = 0; i < to->count; i++)
        cast_to(&c, to->sockets[i]);
    err = cast_fini(&c);
    return err < 0 ? err : told;
}

/* A packet that there is in the form of texts alone; f stays the caller's. */
static void cast_of_texts(struct cast *c, struct sio_namespace *n, const struct sio_target *t,
                          struct sio_frames *f)
{
    cast_start(c, n, t, NULL, SIO_NO_ID);
    for (size_t i = 0; i < f->count; i++)
        f->msgs[i]->incompressible = (t->flags & SIO_NO_COMPRESS) != 0;
    c->frames[SIO_FORM_TEXT] = *f;
    c->key = sio_key(n, NULL, f);
    c->parcels[SIO_FORM_TEXT] = sio_parcel(n, f, SIO_NO_ID, c->key);
}

static void cast_of_texts_end(struct cast *c)
{
    for (int i = SIO_FORM_TEXT + 1; i < SIO_FORMS; i++) {
        if (c->frames[i].count)
            sio_frames_free(&c->frames[i]);
    }
}

void sio_sent_received(struct sio_socket *s, unsigned flags, struct sio_frames *f)
{
    struct cast c;

    cast_of_texts(&c, s->nsp, &(struct sio_target){ .flags = flags }, f);
    cast_to(&c, s);
    cast_of_texts_end(&c);
    s->nsp->server->stats.events_out += c.sent;
}

void sio_cast_received(struct sio_namespace *n, const struct sio_target *t, struct sio_frames *f)
{
    struct hub_target target = hub_target_of(t);
    struct cast c;

    cast_of_texts(&c, n, t, f);
    hub_each(&n->hub, &target, cast_to_member, &c);
    cast_of_texts_end(&c);
    n->server->stats.deliveries += c.sent;
    n->server->stats.volatile_dropped += c.dropped;
    if (n->watch_outgoing && n->server->events->on_outgoing)
        sio_cluster_defer_outgoing(n, t, f);
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
    int told, err;

    if (n->hub.count == 0 && !sio_recovery_waits(n) && !sio_clustered(n->server, t ? t->flags : 0))
        return 0;
    if (n->server->cluster)
        sio_recovery_start(n); /* clients of other servers may come back */
    if (n->watch_outgoing)
        return emit_watched(n, t, data);
    if ((err = cast_init(&c, n, t, data, SIO_NO_ID)) < 0)
        return err;
    told = tell_others(n, t, &c);
    hub_each(&n->hub, &target, cast_to_member, &c);
    err = cast_fini(&c);
    return err < 0 ? err : told;
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

/* What is done to a parent's children is done to them on the other servers, too: those there are
 * here, as with an emit. */
static void tell_rooms(struct sio_namespace *n, const struct sio_target *t, const struct rooms *r,
                       bool join)
{
    struct sio_namespace **children;
    uint32_t count;

    if (!sio_clustered(n->server, t ? t->flags : 0))
        return;
    if (!n->is_parent) {
        sio_cluster_rooms(n, t, r->names, r->count, join);
        return;
    }
    count = children_of(n, &children);
    for (uint32_t i = 0; i < count; i++)
        sio_cluster_rooms(children[i], t, r->names, r->count, join);
    mem_free(children);
}

static void tell_disconnect(struct sio_namespace *n, const struct sio_target *t, bool close)
{
    struct sio_namespace **children;
    uint32_t count;

    if (!sio_clustered(n->server, t ? t->flags : 0))
        return;
    if (!n->is_parent) {
        sio_cluster_disconnect(n, t, close);
        return;
    }
    count = children_of(n, &children);
    for (uint32_t i = 0; i < count; i++)
        sio_cluster_disconnect(children[i], t, close);
    mem_free(children);
}

void sio_sockets_join(struct sio_namespace *n, const struct sio_target *t, const str *rooms,
                      size_t count)
{
    struct rooms r = { rooms, count };

    tell_rooms(n, t, &r, true);
    sio_each(n, t, join_all, &r);
}

void sio_sockets_leave(struct sio_namespace *n, const struct sio_target *t, const str *rooms,
                       size_t count)
{
    struct rooms r = { rooms, count };

    tell_rooms(n, t, &r, false);
    sio_each(n, t, leave_all, &r);
}

void sio_disconnect_sockets(struct sio_namespace *n, const struct sio_target *t, bool close)
{
    tell_disconnect(n, t, close);
    sio_each(n, t, disconnect, &close);
}
