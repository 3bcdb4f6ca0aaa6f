/* socketio/client.c - one connection: what comes in, and how it ends.
 *
 * Invariants
 *   - c->sockets holds those that are connecting, connected or leaving, newest first; at most one
 * per namespace is connected unless two CONNECTs overlapped (2.1);
 *   - once c->closing is set nothing more is read from this client; its sockets may still be on
 * their way out, further up the stack;
 *   - attachments are gathered only for a socket that is connected: a stranger cannot make us keep
 *     anything but its handshake.
 *
 * Start reading at on_message().
 *
 * SPDX-License-Identifier: MIT
 */
#include "socketio/client.h"

#include "base/assert.h"
#include "base/mem.h"
#include "socketio/ack.h"
#include "socketio/cluster_session.h"
#include "socketio/connect.h"
#include "socketio/lifecycle.h"
#include "socketio/partial.h"
#include "socketio/v2.h"

enum { SCRATCH_KEEP_BYTES = 64 * 1024 };

/* 2.1: no namespace joined in time. Exists only until the first one is. */
struct sio_patience {
    struct timer timer;
    struct sio_client *client;
};

static struct sio_client *client_of(struct eio_session *s)
{
    return container_of(s, struct sio_client, session);
}

/* --- Opening --- */

static void lose_patience(struct timer *t)
{
    struct sio_client *c = container_of(t, struct sio_patience, timer)->client;

    sio_client_server(c)->stats.connect_timeouts++;
    sio_client_close(c, EIO_FORCED_SERVER_CLOSE);
}

static void calm(struct sio_client *c)
{
    if (!c->patience)
        return;
    loop_timer_stop(c->session.server->loop, &c->patience->timer);
    /* Not at once: this may be its own callback. */
    sio_bury(&sio_client_server(c)->graves, c->patience);
    c->patience = NULL;
}

static void choose_parser(struct sio_client *c, enum sio_parser parser)
{
    c->parser = (uint8_t)parser;
    if (parser == SIO_PARSER_MSGPACK)
        sio_client_server(c)->stats.msgpack_clients++;
}

static void be_patient(struct sio_client *c, uint64_t ms)
{
    c->patience = mem_alloc(sizeof *c->patience);
    *c->patience = (struct sio_patience){ .client = c };
    timer_init(&c->patience->timer, lose_patience);
    loop_timer(c->session.server->loop, &c->patience->timer, ms);
}

static void client_init(struct sio_client *c, struct sio_handshake *h)
{
    memset((char *)c + sizeof c->session, 0, sizeof *c - sizeof c->session);
    c->handshake = h;
}

static void on_open(struct eio_session *session, struct http_request *r)
{
    struct sio_client *c = client_of(session);
    struct sio_server *io = sio_client_server(c);

    client_init(c, sio_handshake_new(r, session->server->loop->wall_ms));
    choose_parser(c, sio_is_v2(c) ? SIO_PARSER_DEFAULT : io->options.parser);
    be_patient(c, io->options.connect_timeout_ms);
    if (sio_is_v2(c)) /* is in the main namespace without asking */
        sio_connect(c, STR("/"), STR(""));
}

void sio_client_joined(struct sio_client *c)
{
    c->joined_turn = (uint32_t)c->session.server->loop->stats.iterations;
    calm(c);
}

/* --- Handing over --- */

void sio_client_thaw(struct sio_client *c, struct sio_handshake *h, enum sio_parser parser,
                     uint64_t patience_ms)
{
    client_init(c, h);
    c->parser = (uint8_t)parser;
    if (patience_ms)
        be_patient(c, patience_ms);
}

void sio_client_move(struct sio_client *c)
{
    c->closing = true;
    calm(c);
    sio_partial_free(c->partial);
    c->partial = NULL;
}

uint64_t sio_client_patience(const struct sio_client *c)
{
    return c->patience ? c->patience->timer.at_ms : 0;
}

/* --- Ending --- */

void sio_client_remove(struct sio_client *c, struct sio_socket *s)
{
    struct sio_socket **at = &c->sockets;

    while (*at != s) {
        ASSERT(*at);
        at = &(*at)->next;
    }
    *at = s->next;
    c->memberships--;
}

/* The first one that has yet to be told: callbacks may change the list at will. */
static struct sio_socket *next_to_end(const struct sio_client *c, const struct sio_namespace *n)
{
    struct sio_socket *s = c->sockets;

    while (s && (s->state > SIO_SOCKET_CONNECTED || (n && s->nsp != n)))
        s = s->next;
    return s;
}

static void end_one(struct sio_socket *s, const char *reason, const char *description)
{
    if (s->state == SIO_SOCKET_CONNECTING)
        sio_socket_abandon(s);
    else
        sio_socket_end(s, reason, description);
}

void sio_client_leave(struct sio_client *c, const struct sio_namespace *n, const char *reason)
{
    struct sio_socket *s;

    while ((s = next_to_end(c, n)))
        end_one(s, reason, NULL);
}

void sio_client_end(struct sio_client *c, const char *reason, const char *description)
{
    struct sio_socket *s;

    c->closing = true;
    calm(c);
    sio_partial_free(c->partial);
    c->partial = NULL;
    sio_connects_drop(c);
    while ((s = next_to_end(c, NULL)))
        end_one(s, reason, description);
}

void sio_client_close(struct sio_client *c, enum eio_reason reason)
{
    if (c->closing)
        return;
    c->closing = true;
    eio_session_close(&c->session, reason, false);
    /* on_close has seen to it, unless output is to be flushed first: sockets do not wait for that.
     */
    sio_client_end(c, eio_reason_text(reason), NULL);
}

static void on_close(struct eio_session *session, enum eio_reason reason, const char *description)
{
    struct sio_client *c = client_of(session);
    struct sio_server *io = sio_client_server(c);

    sio_bury(&io->graves, c->handshake); /* the pointer stays good as long as the client's memory */
    sio_client_end(c, eio_reason_text(reason), description);
}

/* --- Packets --- */

/* 2.7: what cannot be decoded. */
void sio_client_malformed(struct sio_client *c)
{
    if (c->closing)
        return;
    sio_client_server(c)->stats.protocol_errors++;
    sio_client_close(c, EIO_FORCED_CLOSE);
}

/* 2.1: what is well formed, but not now. */
static void out_of_state(struct sio_client *c)
{
    sio_client_server(c)->stats.protocol_errors++;
    sio_client_close(c, EIO_FORCED_SERVER_CLOSE);
}

static struct sio_socket *connected_to(const struct sio_client *c, str nsp)
{
    struct sio_socket *s = c->sockets;

    while (s && (s->state != SIO_SOCKET_CONNECTED || !str_eq(s->nsp->name, nsp)))
        s = s->next;
    return s;
}

/* Two sockets would have one id, so of CONNECTs that overlap one is served; the client is content
 * with one answer. */
static void connect_v2(struct sio_client *c, str nsp, str query)
{
    struct buf auth = { 0 };

    if (sio_connect_known(c, nsp))
        return;
    sio_v2_auth(&auth, query);
    sio_connect(c, nsp, buf_str(&auth));
    buf_free(&auth);
}

/* 2.1: a CONNECT for a namespace that is connected breaks the protocol; but clients send two at
 * once, and both are served. Two in one read overlap even if nothing had to wait. */
static void connect(struct sio_client *c, const struct sio_packet *p, str query)
{
    bool just_now = c->joined_turn == (uint32_t)c->session.server->loop->stats.iterations;

    if (connected_to(c, p->nsp) && !just_now)
        out_of_state(c);
    else if (sio_is_v2(c))
        connect_v2(c, p->nsp, query);
    else
        sio_connect(c, p->nsp, p->data);
}

static void deliver(struct sio_socket *s, const struct sio_packet *p, const struct sio_data *data)
{
    struct sio_server *io = s->nsp->server;

    if (p->type == SIO_ACK || p->type == SIO_BINARY_ACK) {
        io->stats.acks_in++;
        sio_ack_arrived(s, p->id, data);
        return;
    }
    io->stats.events_in++;
    if (!p->event.p) /* 2.1: a bare 42 is accepted; it has no name that anybody could listen to */
        return;
    io->events->on_event(s, p->event, data, p->id);
    if (io->cluster)
        sio_session_touched(s);
}

/* A packet. attachments NULL: they have yet to come, if there are any. query: see v2.h. */
static void take(struct sio_client *c, const struct sio_packet *p, str query,
                 const str *attachments)
{
    struct sio_socket *s;

    if (p->type == SIO_CONNECT) {
        connect(c, p, query);
        return;
    }
    s = connected_to(c, p->nsp);
    if (!s || p->type == SIO_CONNECT_ERROR)
        out_of_state(c);
    else if (p->type == SIO_DISCONNECT)
        sio_client_leave(c, s->nsp, "client namespace disconnect");
    else if (p->attachments && !attachments)
        c->partial = sio_partial_new(p, s->ref);
    else
        deliver(s, p, &(struct sio_data){ p->data, attachments, p->attachments });
}

static struct sio_limits limits_of(const struct sio_client *c)
{
    const struct sio_options *o = &sio_client_server(c)->options;

    return (struct sio_limits){ o->attachments_max, o->json_depth_max };
}

static void on_text(struct sio_client *c, str text)
{
    struct sio_limits limits = limits_of(c);
    struct sio_packet p;
    str query = { 0 };

    if (c->partial || sio_packet_decode(text, &limits, &p, NULL) != PARSE_DONE ||
        (p.attachments && sio_placeholders_check(p.data, p.attachments) < 0)) {
        sio_client_malformed(c);
        return;
    }
    if (sio_is_v2(c))
        p.nsp = sio_v2_namespace(p.nsp, &query);
    take(c, &p, query, NULL);
}

static void on_attachment(struct sio_client *c, str bytes)
{
    struct sio_partial *p = c->partial;
    struct sio_socket *s;

    if (!p) {
        sio_client_malformed(c);
        return;
    }
    if (!sio_partial_add(p, bytes))
        return;
    c->partial = NULL; /* the callback may close the client */
    s = sio_socket_find(sio_client_server(c), p->socket);
    if (s)
        deliver(s, &p->packet,
                &(struct sio_data){ p->packet.data, p->attachments, p->packet.attachments });
    else /* we disconnected it meanwhile */
        out_of_state(c);
    sio_partial_free(p);
}

/* 2.8: a packet is one binary message. Its JSON is many times as long in the worst case: what is
 * kept of a CONNECT may not be longer than a text might have been. */
static void on_packed(struct sio_client *c, str bytes)
{
    struct sio_server *io = sio_client_server(c);
    struct sio_limits limits = limits_of(c);
    struct sio_msgpack in = io->packing.in; /* out of reach of whatever is called */
    struct sio_packet p;

    io->packing.in = (struct sio_msgpack){ 0 };
    if (sio_msgpack_decode(bytes, &limits, &in, &p, NULL) == PARSE_DONE &&
        (p.type != SIO_CONNECT || p.data.n <= io->engine.options.message_bytes_max))
        take(c, &p, (str){ 0 }, sio_msgpack_attachments(&in));
    else
        sio_client_malformed(c);
    if (in.text.cap + in.slices.cap > SCRATCH_KEEP_BYTES || io->packing.in.text.cap)
        sio_msgpack_free(&in);
    else
        io->packing.in = in;
}

static void on_message(struct eio_session *session, bool binary, uint8_t *data, size_t n)
{
    struct sio_client *c = client_of(session);

    if (c->closing)
        return;
    if (c->parser == SIO_PARSER_AUTO)
        choose_parser(c, binary ? SIO_PARSER_MSGPACK : SIO_PARSER_DEFAULT);
    if (c->parser == SIO_PARSER_MSGPACK) {
        if (binary)
            on_packed(c, str_n(data, n));
        else
            sio_client_malformed(c);
        return;
    }
    if (binary)
        on_attachment(c, str_n(data, n));
    else
        on_text(c, str_n(data, n));
}

static void on_drain(struct eio_session *session)
{
    struct sio_client *c = client_of(session);
    const struct sio_events *events = sio_client_server(c)->events;

    if (!events->on_drain)
        return;
    for (struct sio_socket *s = c->sockets; s; s = s->next) {
        if (s->state == SIO_SOCKET_CONNECTED && !s->arriving)
            events->on_drain(s);
    }
}

void sio_client_events(struct eio_events *out)
{
    *out = (struct eio_events){
        .session_bytes = sizeof(struct sio_client),
        .on_open = on_open,
        .on_message = on_message,
        .on_close = on_close,
        .on_drain = on_drain,
    };
}
