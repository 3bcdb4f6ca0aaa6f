/* socketio/thaw.c - a client that comes from another server: see handover.h, and freeze.c for what
 * the maps hold.
 *
 * All that may be refused is looked at first; then the client is made, which does not fail. What is
 * read may be anything: a wrong value is as good as none, and a map without what has to be there
 * costs the client its connection.
 *
 * Start reading at sio_server_thaw().
 *
 * SPDX-License-Identifier: MIT
 */
#include "socketio/handover.h"

#include <unistd.h>

#include "base/mem.h"
#include "engineio/handover.h"
#include "proto/frozen.h"
#include "proto/json.h"
#include "socketio/cluster_parts.h"
#include "socketio/cluster_session.h"
#include "socketio/lifecycle.h"
#include "socketio/partial.h"
#include "socketio/recovery.h"
#include "socketio/v2.h"

/* Acknowledgement ids are numbers of JavaScript. */
#define ACK_ID_MAX (UINT64_C(1) << 53)

struct thawing_socket {
    str nsp, parent, id, auth;
    bool left_own_room;
    uint64_t next_ack;
    struct sio_record_state record; /* its data, too */
    str rooms, owed;                /* arrays; p NULL: none */
};

struct thawing {
    struct sio_handshake handshake;
    str cert;
    uint64_t parser, patience;
    struct thawing_socket *sockets;
    uint32_t count;
    struct sio_packet partial; /* attachments 0: there is none */
    str pieces;
};

/* --- Reading --- */

/* JSON, or nothing. */
static bool json_or_none(str text)
{
    return text.n == 0 || json_check(text, JSON_DEPTH) == 0;
}

static int read_socket(str map, struct thawing_socket *t)
{
    struct frozen f;
    size_t used;

    if (frozen_open(&f, map, &used) < 0)
        return ATR_ESYNTAX;
    *t = (struct thawing_socket){
        .nsp = frozen_bytes(&f, "nsp"),
        .parent = frozen_bytes(&f, "parent"),
        .id = frozen_bytes(&f, "id"),
        .auth = frozen_bytes(&f, "auth"),
        .left_own_room = frozen_bool(&f, "left"),
        .next_ack = frozen_uint(&f, "next_ack", 0),
        .record = { .pid = frozen_bytes(&f, "pid"),
                    .data = frozen_bytes(&f, "data"),
                    .cursor = frozen_uint(&f, "cursor", 0),
                    .joined_ms = frozen_uint(&f, "joined", 0) },
        .rooms = frozen_value(&f, "rooms"),
        .owed = frozen_value(&f, "owed"),
    };
    if (t->nsp.n == 0 || t->nsp.p[0] != '/' || t->id.n == 0 || t->next_ack > ACK_ID_MAX ||
        !json_or_none(t->auth) || !json_or_none(t->record.data))
        return ATR_ESYNTAX;
    return 0;
}

static int read_sockets(const struct frozen *f, struct thawing *t)
{
    struct msgpack_reader r;
    uint32_t count = frozen_array(f, "sockets", &r);
    str map;

    t->sockets = mem_alloc(count * sizeof *t->sockets + 1);
    for (; t->count < count; t->count++)
        if (msgpack_reader_skip(&r, &map) != PARSE_DONE ||
            read_socket(map, &t->sockets[t->count]) < 0)
            return ATR_ESYNTAX;
    return 0;
}

static int read_partial(const struct sio_server *io, const struct frozen *f, struct thawing *t)
{
    struct sio_limits limits = { io->options.attachments_max, io->options.json_depth_max };
    struct msgpack_reader r;
    str text = frozen_bytes(f, "partial");

    if (!text.p)
        return 0;
    if (sio_packet_decode(text, &limits, &t->partial, NULL) != PARSE_DONE ||
        t->partial.attachments == 0 || /* it is binary, then */
        sio_placeholders_check(t->partial.data, t->partial.attachments) < 0 ||
        frozen_array(f, "pieces", &r) >= t->partial.attachments)
        return ATR_ESYNTAX;
    t->pieces = frozen_value(f, "pieces");
    return 0;
}

static int read_handshake(const struct frozen *f, struct thawing *t)
{
    t->handshake = (struct sio_handshake){
        .head = frozen_bytes(f, "head"),
        .address = frozen_bytes(f, "address"),
        .issued_ms = (int64_t)frozen_uint(f, "issued", 0),
        .secure = frozen_bool(f, "secure"),
        .client_verified = frozen_bool(f, "verified"),
    };
    t->cert = frozen_bytes(f, "cert");
    return t->handshake.head.n == 0 || t->cert.n > UINT16_MAX ? ATR_ESYNTAX : 0;
}

static int read_client(const struct sio_server *io, str in, size_t *used, struct thawing *t)
{
    struct frozen f;
    int err;

    *t = (struct thawing){ 0 };
    if ((err = frozen_open(&f, in, used)) < 0 || (err = read_handshake(&f, t)) < 0 ||
        (err = read_partial(io, &f, t)) < 0)
        return err;
    t->parser = frozen_uint(&f, "parser", SIO_PARSER_DEFAULT);
    t->patience = frozen_uint(&f, "patience", 0);
    if (t->parser > SIO_PARSER_AUTO)
        return ATR_ESYNTAX;
    return read_sockets(&f, t);
}

/* --- Making --- */

/* Namespaces that exist while somebody is in them come to be as if he asked for them, without a
 * question. */
static struct sio_namespace *namespace_of(struct sio_server *io, const struct thawing_socket *t)
{
    struct sio_namespace *n = map_get(&io->namespaces, t->nsp), *parent;

    if (n || t->parent.n == 0)
        return n;
    for (struct list *at = io->parents.next; at != &io->parents; at = at->next) {
        parent = container_of(at, struct sio_namespace, link);
        if (str_eq(parent->name, t->parent))
            return sio_namespace_child_quietly(parent, t->nsp);
    }
    return NULL;
}

static void turn_away(struct sio_client *c, str nsp)
{
    struct sio_outgoing p = { .type = SIO_DISCONNECT, .nsp = nsp, .id = SIO_NO_ID };

    (void)sio_send(c, &p); /* a full queue ends the connection, from the loop */
}

static void enter_rooms(struct sio_socket *s, str rooms)
{
    struct msgpack_reader r;

    if (!rooms.p)
        return;
    msgpack_reader_init(&r, rooms, MSGPACK_DEPTH);
    if (msgpack_reader_next(&r) != MSGPACK_ARRAY)
        return;
    for (uint32_t count = r.count; count > 0; count--) {
        if (msgpack_reader_next(&r) != MSGPACK_STRING)
            return;
        if (!str_eq(r.bytes, sio_socket_id(s)))
            (void)hub_join(&s->nsp->hub, &s->member, r.bytes);
    }
}

static bool next_uint(struct msgpack_reader *r, uint64_t max, uint64_t *out)
{
    if (msgpack_reader_next(r) != MSGPACK_UINT || r->uint > max)
        return false;
    *out = r->uint;
    return true;
}

static void expect_owed(struct sio_socket *s, str owed)
{
    struct sio_server *io = s->nsp->server;
    struct msgpack_reader r;
    uint64_t id, node, generation, ref, theirs;

    if (!owed.p)
        return;
    msgpack_reader_init(&r, owed, MSGPACK_DEPTH);
    if (msgpack_reader_next(&r) != MSGPACK_ARRAY)
        return;
    while (next_uint(&r, ACK_ID_MAX, &id) && next_uint(&r, BUS_NODES_MAX - 1, &node) &&
           next_uint(&r, UINT32_MAX, &generation) && next_uint(&r, UINT64_MAX, &ref) &&
           next_uint(&r, ACK_ID_MAX, &theirs)) {
        struct sio_owner owner = {
            io, { (uint16_t)node, (uint32_t)generation }, ref, (int64_t)theirs
        };

        if (sio_ack_expected(s, (int64_t)id))
            continue;
        sio_tail_from(io, owner.node);
        sio_ack_for(s, (int64_t)id, &owner);
    }
}

static struct sio_socket *thaw_socket(struct sio_client *c, const struct thawing_socket *t)
{
    struct sio_namespace *n = namespace_of(sio_client_server(c), t);
    struct sio_socket *s;

    if (!n || n->forgetful || (!sio_is_v2(c) && t->id.n != SIO_ID_LEN) ||
        map_get(&n->by_id, t->id)) {
        turn_away(c, t->nsp);
        return NULL;
    }
    s = sio_socket_thaw(n, c, t->id, t->auth, t->left_own_room);
    enter_rooms(s, t->rooms);
    if (n->next_ack < (int64_t)t->next_ack)
        n->next_ack = (int64_t)t->next_ack;
    expect_owed(s, t->owed);
    sio_record_thaw(s, &t->record);
    if (sio_record_of(s))
        sio_session_changed(sio_record_of(s));
    else
        sio_arrival_keep(s, t->record.data);
    return s;
}

static void thaw_partial(struct sio_client *c, const struct thawing *t)
{
    struct msgpack_reader r;
    struct sio_socket *s = c->sockets;

    while (s && !str_eq(s->nsp->name, t->partial.nsp))
        s = s->next;
    if (!s) /* its namespace has gone: what follows is a breach */
        return;
    c->partial = sio_partial_new(&t->partial, s->ref);
    if (!t->pieces.p)
        return;
    msgpack_reader_init(&r, t->pieces, MSGPACK_DEPTH);
    (void)msgpack_reader_next(&r);
    while (msgpack_reader_next(&r) == MSGPACK_BINARY)
        (void)sio_partial_add(c->partial, r.bytes); /* there are fewer than it waits for */
}

/* The refs of its sockets, behind their number; then its session's id. */
static void arrive(struct sio_server *io, uint64_t none, str text)
{
    struct sio_reader r = { text.p, text.p + text.n, false };
    struct eio_session *session;
    str sid;

    (void)none;
    for (uint32_t left = sio_read_u32(&r); left > 0; left--) {
        struct sio_socket *s = sio_socket_find(io, sio_read_u64(&r));

        if (s)
            sio_socket_arrived(s);
    }
    sid = str_n(r.at, (size_t)(r.end - r.at));
    if ((session = map_get(&io->engine.sessions, sid)))
        eio_session_release(session);
}

static void thaw_client(struct sio_client *c, const struct thawing *t)
{
    struct sio_server *io = sio_client_server(c);
    uint64_t now = io->engine.loop->now_ms, most = io->options.connect_timeout_ms;
    uint64_t patience = t->patience > now ? t->patience - now : t->patience > 0;
    struct buf refs = { 0 };
    uint32_t count = 0;

    sio_client_thaw(c, sio_handshake_copy(&t->handshake, t->cert), (enum sio_parser)t->parser,
                    patience < most ? patience : most);
    sio_write_u32(&refs, 0);
    for (uint32_t i = 0; i < t->count; i++) {
        const struct sio_socket *s = thaw_socket(c, &t->sockets[i]);

        if (s)
            sio_write_u64(&refs, s->ref), count++;
    }
    memcpy(refs.data, &count, sizeof count);
    buf_add(&refs, eio_session_sid(&c->session));
    if (t->partial.attachments)
        thaw_partial(c, t);
    sio_cluster_defer_call(io->cluster, arrive, 0, buf_str(&refs));
    buf_free(&refs);
}

/* Who speaks for a socket that it had cannot have it as well: notes go to others. */
static bool was_ours(const struct sio_server *io, const struct thawing *t)
{
    for (uint32_t i = 0; io->handover && i < t->count; i++)
        if (map_get(&io->handover->moved, t->sockets[i].id))
            return true;
    return false;
}

static int thaw(struct sio_server *io, str in, int *fd, struct thawing *t)
{
    bool delivering = io->cluster->delivering;
    struct eio_session *session;
    size_t used, more;
    int err;

    if ((err = read_client(io, in, &used, t)) < 0)
        return err;
    if (was_ours(io, t))
        return ATR_EEXISTS;
    session = eio_session_thaw(&io->engine, str_n(in.p + used, in.n - used), &more, *fd);
    *fd = -1;
    if (!session)
        return ATR_ESYNTAX;
    io->cluster->delivering = true; /* listeners of rooms are told from the job */
    thaw_client(container_of(session, struct sio_client, session), t);
    io->cluster->delivering = delivering;
    return 0;
}

int sio_server_thaw(struct sio_server *io, str in, int fd, struct bus_node from)
{
    struct thawing t = { 0 };
    int err = ATR_ECLOSED;

    if (!io->closing && io->cluster) {
        sio_tail_from(io, from);
        err = thaw(io, in, &fd, &t);
    }
    mem_free(t.sockets);
    if (fd >= 0)
        close(fd);
    if (err < 0)
        io->stats.handover_failures++;
    else
        io->stats.handed_in++;
    return err;
}
