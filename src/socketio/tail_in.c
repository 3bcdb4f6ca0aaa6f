/* socketio/tail_in.c - what comes from a server that had a socket before us, or has one after us;
 * and how what is left of those here ends. See tail.h, and tail.c for the notes.
 *
 * What sends or changes rooms is done at once; what runs application code is put off, in its turn.
 *
 * Start reading at sio_tail_take().
 *
 * SPDX-License-Identifier: MIT
 */
#include "socketio/tail.h"

#include "base/mem.h"
#include "engineio/handover.h"
#include "socketio/client.h"
#include "socketio/cluster_parts.h"
#include "socketio/lifecycle.h"
#include "socketio/recovery.h"

/* --- What comes --- */

bool sio_tail_concerns(struct sio_namespace *n, const struct sio_wire_target *t)
{
    if (t->in_body)
        return true;
    return t->room_count == 1 && (sio_namespace_socket(n, t->rooms[0]) ||
                                  map_get(&n->server->handover->moved, t->rooms[0]));
}

/* What recovery has no hand in, with the offset that all events carry which are not kept. */
static int send(struct sio_socket *s, const struct sio_data *data, unsigned flags, int64_t id)
{
    struct sio_outgoing p = sio_event_of(s, data, flags, id);
    struct sio_stamp stamp;

    if (s->recoverable && id == SIO_NO_ID) {
        sio_stamp_make(s->nsp, s, flags | SIO_VOLATILE, &stamp);
        p.offset = (str){ stamp.text, sizeof stamp.text };
    }
    return sio_send(s->client, &p);
}

static void take_emit(struct sio_socket *s, unsigned flags, uint64_t number,
                      const struct sio_data *data, struct sio_owner *owner)
{
    int64_t id = number ? s->nsp->next_ack++ : SIO_NO_ID;

    if (sio_event_check(data) < 0) {
        s->nsp->server->cluster->stats.malformed++;
        return;
    }
    if (send(s, data, flags, id) < 0)
        return;
    s->nsp->server->stats.events_out++;
    if (!number)
        return;
    owner->id = (int64_t)(number - 1);
    sio_ack_for(s, id, owner);
}

static void take_ack(struct sio_socket *s, uint64_t number, const struct sio_data *data)
{
    struct sio_outgoing p = {
        .type = SIO_ACK, .nsp = s->nsp->name, .id = (int64_t)number, .data = data
    };

    if ((int64_t)number >= 0 && sio_send(s->client, &p) == 0)
        s->nsp->server->stats.acks_out++;
}

static void take_data(struct sio_socket *s, enum sio_tail_op op, unsigned flags, uint64_t number,
                      str body, struct sio_owner *owner)
{
    struct sio_reader r = { body.p, body.p + body.n, false };
    struct sio_data data;
    str *attachments;

    if (sio_read_data(&r, &data, &attachments) < 0) {
        s->nsp->server->cluster->stats.malformed++;
        return;
    }
    if (op == SIO_TAIL_EMIT)
        take_emit(s, flags, number, &data, owner);
    else
        take_ack(s, number, &data);
    mem_free(attachments);
}

static void disconnect_now(struct sio_server *io, uint64_t ref, str text)
{
    struct sio_socket *s = sio_socket_find(io, ref);

    if (s)
        sio_socket_disconnect(s, text.n > 0);
}

static void act(struct sio_socket *s, enum sio_tail_op op, const struct sio_wire_target *t,
                uint64_t number, str body, struct sio_owner *owner)
{
    struct sio_server *io = s->nsp->server;

    io->stats.tail_in++;
    switch (op) {
    case SIO_TAIL_EMIT:
    case SIO_TAIL_ACK:
        take_data(s, op, t->flags, number, body, owner);
        break;
    case SIO_TAIL_JOIN:
        (void)sio_socket_join(s, body); /* a limit is counted there */
        break;
    case SIO_TAIL_LEAVE:
        sio_socket_leave(s, body);
        break;
    case SIO_TAIL_DISCONNECT:
        sio_cluster_defer_call(io->cluster, disconnect_now, s->ref, number ? STR("1") : STR(""));
        break;
    default: /* of a later version */
        io->cluster->stats.malformed++;
    }
}

static void end_moved(struct sio_handover *h, struct sio_moved *m)
{
    struct sio_socket *s = m->socket;
    struct sio_client *c = s->client;
    struct sio_server *io = s->nsp->server;

    map_remove(&h->moved, sio_socket_id(s));
    buf_free(&m->rooms);
    mem_free(m);
    sio_socket_end_moved(s);
    if (c->sockets)
        return;
    sio_bury(&io->graves, c->handshake);
    eio_session_bury(&c->session);
}

static void gone_now(struct sio_server *io, uint64_t ref, str text)
{
    struct sio_socket *s = sio_socket_find(io, ref);

    (void)text;
    if (s && s->state == SIO_SOCKET_MOVED)
        end_moved(io->handover, sio_moved_of(s));
}

static void take_tail(struct sio_cluster *c, const struct bus_message *m, struct sio_namespace *n,
                      const struct sio_wire_target *t, struct sio_reader *r, str body)
{
    struct sio_socket *s = sio_namespace_socket(n, t->rooms[0]);
    struct sio_moved *moved = map_get(&c->io->handover->moved, t->rooms[0]);
    struct sio_owner owner = { .io = c->io, .node.number = m->from };
    enum sio_tail_op op = sio_read_u8(r);
    uint64_t number;

    owner.node.generation = sio_read_u32(r);
    owner.ref = sio_read_u64(r);
    number = sio_read_u64(r);
    if (r->broken)
        c->stats.malformed++;
    else if (op == SIO_TAIL_GONE && moved)
        sio_cluster_defer_call(c, gone_now, moved->socket->ref, STR(""));
    else if (op != SIO_TAIL_GONE && s)
        act(s, op, t, number, body, &owner);
}

/* An event that recovery keeps. */
static void take_sent(struct sio_cluster *c, struct sio_namespace *n,
                      const struct sio_wire_target *t, struct sio_reader *r, str body)
{
    struct sio_socket *s = sio_namespace_socket(n, t->rooms[0]);
    struct sio_frames f;

    if (!s)
        return;
    if (sio_cluster_frames(r, body, &f) < 0) {
        c->stats.malformed++;
        return;
    }
    c->io->stats.tail_in++;
    sio_sent_received(s, t->flags, &f);
    sio_frames_free(&f);
}

static void replied_now(struct sio_server *io, uint64_t ref, str text)
{
    struct sio_socket *s = sio_socket_find(io, ref);
    struct sio_reader r = { text.p, text.p + text.n, false };
    int64_t id = (int64_t)sio_read_u64(&r);
    struct sio_data data;
    str *attachments;

    if (!s || sio_read_data(&r, &data, &attachments) < 0)
        return;
    io->stats.acks_in++;
    sio_ack_arrived(s, id, &data);
    mem_free(attachments);
}

static void take_reply(struct sio_cluster *c, const struct bus_message *m, str body)
{
    struct sio_reader r = { m->head.p, m->head.p + m->head.n, false };
    uint32_t generation = sio_read_u32(&r);
    uint64_t ref = sio_read_u64(&r), id = sio_read_u64(&r);
    struct buf text = { 0 };

    if (r.broken) {
        c->stats.malformed++;
        return;
    }
    if (generation != bus_self(c->exchange->bus).generation)
        return; /* to who had our number before */
    sio_write_u64(&text, id);
    buf_add(&text, body);
    sio_cluster_defer_call(c, replied_now, ref, buf_str(&text));
    buf_free(&text);
}

void sio_tail_take(struct sio_cluster *c, const struct bus_message *m, str body)
{
    struct sio_wire_target t;
    struct sio_namespace *n;
    struct sio_reader r;

    if (m->kind == SIO_NOTE_REPLIED) {
        take_reply(c, m, body);
        return;
    }
    if (!(n = sio_cluster_read(c, m, &body, &r, &t)))
        return;
    if (t.room_count != 1)
        c->stats.malformed++;
    else if (m->kind == SIO_NOTE_SENT)
        take_sent(c, n, &t, &r, body);
    else
        take_tail(c, m, n, &t, &r, body);
    sio_wire_free(&t);
}

/* --- For the owner --- */

size_t sio_server_tail(const struct sio_server *io)
{
    return sio_acks_of_moved(io) + io->questions.count;
}

void sio_server_tail_end(struct sio_server *io)
{
    /* Callbacks may end others, so slots are walked by number. */
    for (uint32_t i = 0; io->handover && i < io->sockets.cap; i++) {
        const struct sio_socket *s = io->sockets.slots[i].object;

        if (s && s->state == SIO_SOCKET_MOVED)
            end_moved(io->handover, sio_moved_of(s));
    }
}
