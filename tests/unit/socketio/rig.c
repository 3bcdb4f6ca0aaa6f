/* tests/unit/socketio/rig.c - see rig.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "rig.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/slab.h"
#include "proto/sio_msgpack.h"
#include "proto/ws_frame.h"
#include "socketio/cluster.h"

/* --- What the owner is told --- */

static struct rig *rig_of(const struct sio_socket *s)
{
    return s->nsp->server->user;
}

static void note(struct rig *g, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void note(struct rig *g, const char *format, ...)
{
    va_list args;

    if (g->quiet)
        return;
    if (g->log.len)
        buf_byte(&g->log, ' ');
    va_start(args, format);
    buf_vformat(&g->log, format, args);
    va_end(args);
}

static void on_middleware(struct sio_socket *s, void *middleware, sio_decision d)
{
    struct rig *g = rig_of(s);

    note(g, "%s(%.*s)", middleware ? (const char *)middleware : "mw", STR_ARG(s->nsp->name));
    if (g->on_middleware)
        g->on_middleware(g, s, middleware, d);
    else if (g->hold)
        g->owed[g->owed_count++] = d;
    else
        sio_decide(&g->io, d, true, (str){ 0 }, (str){ 0 });
}

static void on_connection(struct sio_socket *s)
{
    struct rig *g = rig_of(s);

    assert_true(sio_socket_connected(s));
    assert_ptr_equal(sio_socket_find(&g->io, s->ref), s);
    assert_ptr_equal(sio_namespace_socket(s->nsp, sio_socket_id(s)), s);
    note(g, "connect(%.*s)", STR_ARG(s->nsp->name));
    g->last = s;
    if (g->on_connection)
        g->on_connection(g, s);
}

static void on_event(struct sio_socket *s, str event, const struct sio_data *data, int64_t ack)
{
    struct rig *g = rig_of(s);

    assert_true(sio_socket_connected(s));
    note(g, "event(%.*s,%.*s,%.*s", STR_ARG(s->nsp->name), STR_ARG(event), STR_ARG(data->json));
    if (!g->quiet) {
        for (size_t i = 0; i < data->attachment_count; i++)
            buf_format(&g->log, "+%.*s", STR_ARG(data->attachments[i]));
        if (ack != SIO_NO_ID)
            buf_format(&g->log, ",%lld", (long long)ack);
        buf_byte(&g->log, ')');
    }
    if (g->on_event)
        g->on_event(g, s, event, data, ack);
}

static void on_disconnecting(struct sio_socket *s, const char *reason, const char *description)
{
    struct rig *g = rig_of(s);

    (void)description;
    assert_int_equal(s->state, SIO_SOCKET_LEAVING);
    note(g, "leaving(%.*s,%s)", STR_ARG(s->nsp->name), reason);
    if (g->on_disconnecting)
        g->on_disconnecting(g, s);
}

static void on_disconnect(struct sio_socket *s, const char *reason, const char *description)
{
    struct rig *g = rig_of(s);

    (void)description;
    assert_int_equal(s->member.group_count, 0);
    assert_null(sio_namespace_socket(s->nsp, sio_socket_id(s)));
    assert_non_null(sio_socket_handshake(s));
    note(g, "left(%.*s,%s)", STR_ARG(s->nsp->name), reason);
    if (g->last == s)
        g->last = NULL;
    if (g->on_disconnect)
        g->on_disconnect(g, s);
}

static void on_abandon(struct sio_socket *s)
{
    struct rig *g = rig_of(s);

    note(g, "abandon(%.*s)", STR_ARG(s->nsp->name));
    if (g->on_abandon)
        g->on_abandon(g, s);
}

static void on_parent_match(struct sio_namespace *parent, void *matcher, str name, str auth,
                            sio_decision d)
{
    struct rig *g = parent->server->user;

    note(g, "match(%.*s,%.*s,%.*s)", STR_ARG(parent->name), STR_ARG(name), STR_ARG(auth));
    if (g->on_match)
        g->on_match(g, matcher, name, d);
    else if (g->hold)
        g->owed[g->owed_count++] = d;
    else
        sio_decide(&g->io, d, true, (str){ 0 }, (str){ 0 });
}

static void on_namespace(struct sio_namespace *n)
{
    struct rig *g = n->server->user;

    note(g, "namespace(%.*s)", STR_ARG(n->name));
    if (g->on_namespace)
        g->on_namespace(g, n);
}

static void on_namespace_gone(struct sio_namespace *n)
{
    note(n->server->user, "gone(%.*s)", STR_ARG(n->name));
}

static void on_outgoing(struct sio_socket *s, const struct sio_data *data)
{
    struct rig *g = rig_of(s);

    note(g, "out(%.*s,%.*s)", STR_ARG(s->nsp->name), STR_ARG(data->json));
    if (g->on_outgoing)
        g->on_outgoing(g, s);
}

static void on_room(struct sio_namespace *n, enum sio_room_change what, str room,
                    struct sio_socket *s)
{
    struct rig *g = n->server->user;

    (void)room;
    assert_int_equal(s != NULL, what == SIO_ROOM_JOINED || what == SIO_ROOM_LEFT);
    buf_byte(&g->log, (uint8_t) "CDJL"[what]);
}

static void on_forgotten(struct sio_namespace *n, void *data)
{
    assert_non_null(data);
    note(n->server->user, "forgotten(%.*s)", STR_ARG(n->name));
}

static void on_drain(struct sio_socket *s)
{
    note(rig_of(s), "drain(%.*s)", STR_ARG(s->nsp->name));
}

static void on_server_side(struct sio_namespace *n, const struct sio_data *data,
                           const struct request_from *to)
{
    struct rig *g = n->server->user;

    note(g, "%s(%.*s,%.*s", to ? "asked" : "side", STR_ARG(n->name), STR_ARG(data->json));
    for (size_t i = 0; i < data->attachment_count; i++)
        buf_format(&g->log, "+%.*s", STR_ARG(data->attachments[i]));
    buf_byte(&g->log, ')');
    if (to && !g->hold)
        sio_server_side_answer(&g->io, to, &(struct sio_data){ .json = STR("\"yes\"") });
}

static void on_describe(struct sio_socket *s, struct buf *json)
{
    size_t padding = rig_of(s)->describes;

    buf_format(json, "{\"rooms\":%u", s->member.group_count);
    if (padding)
        buf_format(json, ",\"padding\":\"%0*d\"", (int)padding, 0);
    buf_byte(json, '}');
}

static void on_freeze(struct sio_socket *s, struct buf *json)
{
    const char *saves = rig_of(s)->saves;

    if (saves)
        buf_add(json, str_of(saves));
}

static void on_moved(struct sio_socket *s)
{
    assert_int_equal(s->state, SIO_SOCKET_GONE);
    note(rig_of(s), "moved(%.*s)", STR_ARG(s->nsp->name));
}

static const struct sio_events events = {
    .on_middleware = on_middleware,
    .on_connection = on_connection,
    .on_event = on_event,
    .on_disconnecting = on_disconnecting,
    .on_disconnect = on_disconnect,
    .on_abandon = on_abandon,
    .on_parent_match = on_parent_match,
    .on_namespace = on_namespace,
    .on_namespace_gone = on_namespace_gone,
    .on_outgoing = on_outgoing,
    .on_room = on_room,
    .on_forgotten = on_forgotten,
    .on_drain = on_drain,
    .on_server_side = on_server_side,
    .on_describe = on_describe,
    .on_freeze = on_freeze,
    .on_moved = on_moved,
};

void rig_echo(struct rig *g, struct sio_socket *s, str event, const struct sio_data *data,
              int64_t ack)
{
    (void)g, (void)event;
    if (ack == SIO_NO_ID)
        assert_int_equal(sio_socket_emit(s, data, 0), 0);
    else
        assert_int_equal(sio_socket_ack(s, ack, data), 0);
}

/* --- The server --- */

static struct http_handler *route(void *user, struct http_request *r, unsigned *why_status)
{
    (void)r, (void)why_status;
    return &((struct rig *)user)->io.engine.handler;
}

void rig_open(struct rig *g, void (*change)(struct sio_options *o))
{
    char why[ATR_WHY_MAX];
    struct sio_options o;

    *g = (struct rig){ .fds = fd_count() };
    sio_options_default(&o);
    if (change)
        change(&o);
    assert_int_equal(loop_init(&g->loop), 0);
    sio_server_init(&g->io, &g->loop, &o, &events, g);
    g->main = sio_server_of(&g->io, STR("/"));
    http_server_init(&g->http, &g->loop, &HTTP_LIMITS_DEFAULT, route, g);
    assert_int_equal(http_server_listen(&g->http, "127.0.0.1", 0, why), 0);
}

void rig_settle(struct rig *g)
{
    uint64_t seen;

    for (int still = 0; still < 4; still++) {
        seen = g->loop.stats.events;
        assert_int_equal(loop_turn(&g->loop, 0), 0);
        if (g->loop.stats.events != seen)
            still = -1;
    }
}

void rig_await(struct rig *g, const char *text)
{
    for (int i = 0; i < 5000; i++) {
        if (str_search(buf_str(&g->log), str_of(text)) >= 0)
            return;
        assert_int_equal(loop_turn(&g->loop, 1), 0);
    }
    fail_msg("never logged: %s", text);
}

void rig_close(struct rig *g)
{
    sio_server_close(&g->io);
    rig_settle(g);
    http_server_abort(&g->http);
    /* Closing handshakes that no client answers end with their connections. */
    for (int i = 0; i < 5000 && !list_empty(&g->io.engine.all); i++)
        assert_int_equal(loop_turn(&g->loop, 1), 0);
    rig_settle(g);
    assert_int_equal(g->io.stats.sockets_open, 0);
    assert_int_equal(g->io.sockets.count, 0);
    assert_int_equal(g->io.decisions.count, 0);
    assert_int_equal(g->io.acks.count, 0);
    sio_server_fini(&g->io);
    if (g->on_end)
        g->on_end(g);
    assert_int_equal(g->loop.timers.count, 0);
    assert_int_equal(stream_stats.queued_bytes, 0);
    loop_fini(&g->loop);
    buf_free(&g->log);
    if (g->fds >= 0)
        assert_int_equal(fd_count(), g->fds);
}

/* --- Clients --- */

static void transmit(struct peer *p, const void *bytes, size_t n)
{
    size_t at = 0;

    while (at < n) {
        ssize_t sent = send(p->fd, (const char *)bytes + at, n - at, MSG_NOSIGNAL);

        if (sent > 0)
            at += (size_t)sent;
        else if (errno != EAGAIN)
            return; /* the server has closed: what it did is in the log */
        else
            assert_int_equal(loop_turn(&p->rig->loop, 0), 0);
    }
}

static void receive(struct peer *p)
{
    uint8_t piece[65536];
    ssize_t n;

    while ((n = recv(p->fd, piece, sizeof piece, 0)) > 0)
        buf_append(&p->in, piece, (size_t)n);
    if (n == 0 || (n < 0 && errno != EAGAIN))
        p->closed = true;
}

static void put_frame(struct buf *out, enum ws_op op, str payload)
{
    static const uint8_t mask[4] = { 9, 8, 7, 6 };
    uint8_t head[WS_HEAD_MAX];
    size_t n = ws_frame_head_masked(head, op, true, payload.n, mask);

    buf_append(out, head, n);
    buf_add(out, payload);
    if (payload.n)
        ws_unmask(out->data + out->len - payload.n, payload.n, mask, 0);
}

static void say(struct peer *p, enum ws_op op, str payload)
{
    struct buf out = { 0 };

    put_frame(&out, op, payload);
    transmit(p, out.data, out.len);
    buf_free(&out);
}

void peer_say(struct peer *p, const char *text)
{
    say(p, WS_TEXT, str_of(text));
    rig_settle(p->rig);
}

void peer_say_two(struct peer *p, const char *first, const char *second)
{
    struct buf out = { 0 };

    put_frame(&out, WS_TEXT, str_of(first));
    put_frame(&out, WS_TEXT, str_of(second));
    transmit(p, out.data, out.len);
    buf_free(&out);
    rig_settle(p->rig);
}

void peer_bytes(struct peer *p, str bytes)
{
    say(p, WS_BINARY, bytes);
    rig_settle(p->rig);
}

void rig_pack(struct buf *out, const char *text, const str *attachments)
{
    const struct sio_limits limits = { UINT32_MAX, 256 };
    struct buf scratch = { 0 };
    struct sio_packet packet;

    assert_int_equal(sio_packet_decode(str_of(text + 1), &limits, &packet, NULL), PARSE_DONE);
    assert_int_equal(sio_msgpack_encode(out, &packet, attachments, &scratch), 0);
    buf_free(&scratch);
}

void peer_pack(struct peer *p, const char *text, const str *attachments)
{
    struct buf out = { 0 };

    rig_pack(&out, text, attachments);
    peer_bytes(p, buf_str(&out));
    buf_free(&out);
}

static void hear_text(struct peer *p, str text)
{
    ptrdiff_t at = str_search(text, STR("{\"sid\":\""));

    if (str_starts(text, STR("40")) && at >= 0) {
        memcpy(p->sid, text.p + at + 8, SIO_ID_LEN);
        buf_append(&p->heard, text.p, (size_t)at + 8);
        buf_byte(&p->heard, '$');
        buf_append(&p->heard, text.p + at + 8 + SIO_ID_LEN, text.n - (size_t)at - 8 - SIO_ID_LEN);
    } else {
        buf_add(&p->heard, text);
    }
}

static void hear_packed(struct peer *p, str bytes)
{
    const struct sio_limits limits = { UINT32_MAX, 256 };
    struct sio_msgpack m = { 0 };
    struct sio_packet packet;
    struct buf text = { 0 };
    const char *why = NULL;

    if (sio_msgpack_decode(bytes, &limits, &m, &packet, &why) != PARSE_DONE)
        fail_msg("a bad packet: %s", why);
    buf_byte(&text, '4');
    sio_packet_head(&text, packet.type, packet.attachments, packet.nsp, packet.id);
    buf_add(&text, packet.data);
    for (uint32_t i = 0; i < packet.attachments; i++)
        buf_format(&text, "+%.*s", STR_ARG(sio_msgpack_attachments(&m)[i]));
    buf_byte(&p->heard, '(');
    hear_text(p, buf_str(&text));
    buf_byte(&p->heard, ')');
    sio_msgpack_free(&m);
    buf_free(&text);
}

static void hear_frame(struct peer *p, const struct ws_frame *f, str payload)
{
    unsigned code = 1005;

    if (p->heard.len)
        buf_byte(&p->heard, ' ');
    if (f->op == WS_TEXT) {
        hear_text(p, payload);
    } else if (f->op == WS_BINARY && p->packed) {
        hear_packed(p, payload);
    } else if (f->op == WS_BINARY) {
        buf_format(&p->heard, "b(%.*s)", STR_ARG(payload));
    } else {
        assert_int_equal(f->op, WS_CLOSE);
        if (payload.n)
            code = (unsigned)(uint8_t)payload.p[0] << 8 | (uint8_t)payload.p[1];
        buf_format(&p->heard, "close(%u)", code);
        p->closed = true;
    }
}

void peer_hear(struct peer *p)
{
    struct ws_rules rules = { .len_max = UINT32_MAX };
    struct ws_frame f;
    enum ws_bad bad;

    receive(p);
    while (ws_frame_parse(p->in.data, p->in.len, &rules, &f, &bad) == PARSE_DONE &&
           p->in.len >= f.head + f.len) {
        hear_frame(p, &f, str_n(p->in.data + f.head, (size_t)f.len));
        buf_consume(&p->in, f.head + (size_t)f.len);
    }
}

static void handshake(struct peer *p, int version)
{
    ptrdiff_t end = -1;
    static const char rest[] =
        "&transport=websocket&token=t HTTP/1.1\r\nHost: a\r\n"
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

    char request[sizeof rest + 32];
    int n = snprintf(request, sizeof request, "GET /socket.io/?EIO=%d%s", version, rest);

    transmit(p, request, (size_t)n);
    for (int i = 0; i < 100 && end < 0; i++) {
        rig_settle(p->rig);
        receive(p);
        end = str_search(buf_str(&p->in), STR("\r\n\r\n"));
    }
    assert_true(end > 0);
    assert_true(str_starts(buf_str(&p->in), STR("HTTP/1.1 101 ")));
    buf_consume(&p->in, (size_t)end + 4);
}

/* Its open packet has been read. */
static void peer_dial(struct peer *p, struct rig *g, int version)
{
    ptrdiff_t end;
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(g->http.listener.port) };

    *p = (struct peer){ .rig = g, .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) };
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(connect(p->fd, (struct sockaddr *)&to, sizeof to), 0);
    assert_int_equal(fcntl(p->fd, F_SETFL, O_NONBLOCK), 0);
    assert_int_equal(setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int)), 0);
    handshake(p, version);
    for (int i = 0; i < 100 && p->heard.len == 0; i++) {
        rig_settle(g);
        peer_hear(p);
    }
    assert_true(str_starts(buf_str(&p->heard), STR("0{\"sid\":\"")));
    memcpy(p->sid, p->heard.data + 9, sizeof p->sid);
    end = str_find(buf_str(&p->heard), ' '); /* what follows came along with it */
    buf_consume(&p->heard, end < 0 ? p->heard.len : (size_t)end + 1);
}

void peer_open(struct peer *p, struct rig *g)
{
    peer_dial(p, g, 4);
}

void peer_open_v2(struct peer *p, struct rig *g)
{
    g->io.engine.options.allow_eio3 = true;
    peer_dial(p, g, 3);
}

void peer_join(struct peer *p, struct rig *g)
{
    peer_open(p, g);
    peer_say(p, "40");
    peer_hear(p);
    assert_true(str_starts(buf_str(&p->heard), STR("40{\"sid\":\"$\"}")));
    assert_non_null(g->last);
    assert_memory_equal(g->last->id, p->sid, SIO_ID_LEN);
    buf_clear(&p->heard);
    buf_clear(&g->log);
}

void peer_join_packed(struct peer *p, struct rig *g)
{
    peer_open(p, g);
    p->packed = true;
    peer_pack(p, "40", NULL);
    peer_hear(p);
    assert_true(str_starts(buf_str(&p->heard), STR("(40{\"sid\":\"$\"")));
    assert_non_null(g->last);
    assert_memory_equal(g->last->id, p->sid, SIO_ID_LEN);
    buf_clear(&p->heard);
    buf_clear(&g->log);
}

void peer_close(struct peer *p)
{
    if (p->fd >= 0)
        close(p->fd);
    p->fd = -1;
    buf_free(&p->in);
    buf_free(&p->heard);
    rig_settle(p->rig);
}

int rig_setup(void **state)
{
    static struct rig rig;

    *state = &rig;
    rig_open(&rig, NULL);
    return 0;
}

int rig_teardown(void **state)
{
    rig_close(*state);
    msg_trim();
    slab_trim();
    return 0;
}
