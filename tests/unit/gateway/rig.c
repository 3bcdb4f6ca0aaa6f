/* tests/unit/gateway/rig.c - see rig.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "rig.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "count.h"

enum { TURNS_MAX = 3000, TURN_MS = 5, SETTLE_TURNS = 8 };

/* --- The owner --- */

static struct rig *rig_of(struct gateway_conn *c)
{
    return gateway_conn_endpoint(c)->owner;
}

static void on_handshake(struct gateway_endpoint *e, gateway_handshake hs, struct http_request *r)
{
    struct rig *g = e->owner;

    (void)r;
    buf_add(&g->log, STR("ask;"));
    g->held = hs;
    if (!g->hold)
        gateway_decide(e->gateway, hs, true, STR(""));
}

static void on_open(struct gateway_conn *c, struct http_request *r)
{
    struct rig *g = rig_of(c);

    assert_true(r->head.target.n > 0);
    buf_add(&g->log, STR("open;"));
    g->last = c;
}

static void on_message(struct gateway_conn *c, bool binary, uint8_t *data, size_t n)
{
    struct rig *g = rig_of(c);

    if (g->echo) {
        (void)gateway_conn_send(c, str_n(data, n), binary, STR(""));
        return;
    }
    buf_add(&g->log, binary ? STR("binary:") : STR("text:"));
    buf_append(&g->log, data, n < 64 ? n : 64);
    buf_byte(&g->log, ';');
}

static void on_pong(struct gateway_conn *c, str payload)
{
    buf_format(&rig_of(c)->log, "pong:%.*s;", STR_ARG(payload));
}

static void on_close(struct gateway_conn *c, unsigned code, str reason)
{
    struct rig *g = rig_of(c);

    assert_int_equal(gateway_conn_send(c, STR("too late"), false, STR("")), ATR_ECLOSED);
    assert_int_equal(gateway_conn_ping(c, STR("")), ATR_ECLOSED);
    assert_int_equal(gateway_conn_close(c, 1000, STR("")), ATR_ECLOSED);
    assert_int_equal(gateway_subscribe(c, STR("late")), ATR_ECLOSED);
    assert_ptr_equal(id_get(&g->gateway.conns, c->id), c);
    buf_format(&g->log, "close:%u:%.*s;", code, STR_ARG(reason));
    if (g->on_close)
        g->on_close(g, c);
    if (g->last == c)
        g->last = NULL;
}

static void on_drain(struct gateway_conn *c)
{
    buf_add(&rig_of(c)->log, STR("drain;"));
}

static void on_freeze(struct gateway_conn *c, struct buf *state)
{
    struct rig *g = rig_of(c);

    assert_int_equal(gateway_conn_send(c, STR("too late"), false, STR("")), ATR_ECLOSED);
    buf_add(&g->log, STR("freeze;"));
    buf_add(state, STR("state"));
    g->last = NULL;
}

static void on_thaw(struct gateway_conn *c, str state)
{
    struct rig *g = rig_of(c);

    buf_format(&g->log, "thaw:%.*s;", STR_ARG(state));
    g->last = c;
}

static struct http_handler *route(void *user, struct http_request *r, unsigned *why)
{
    (void)r, (void)why;
    return &((struct rig *)user)->endpoint.handler;
}

void rig_open(struct rig *g, const struct gateway_options *o, bool asking)
{
    *g = (struct rig){ .fds = fd_count() };
    g->events = (struct gateway_events){ .on_handshake = asking ? on_handshake : NULL,
                                         .on_open = on_open,
                                         .on_message = on_message,
                                         .on_pong = on_pong,
                                         .on_close = on_close,
                                         .on_drain = on_drain,
                                         .on_freeze = on_freeze,
                                         .on_thaw = on_thaw };
    assert_int_equal(loop_init(&g->loop), 0);
    gateway_init(&g->gateway, &g->loop);
    gateway_endpoint_init(&g->endpoint, &g->gateway, o ? o : &GATEWAY_OPTIONS_DEFAULT, &g->events,
                          g);
    g->endpoint.path = STR("/");
    http_server_init(&g->http, &g->loop, &HTTP_LIMITS_DEFAULT, route, g);
}

void rig_close(struct rig *g)
{
    http_server_abort(&g->http);
    gateway_fini(&g->gateway);
    rig_settle(g);
    assert_int_equal(g->gateway.stats.open, 0);
    loop_fini(&g->loop);
    stream_trim();
    msg_trim();
    buf_free(&g->log);
    if (g->fds >= 0)
        assert_int_equal(fd_count(), g->fds);
}

void rig_settle(struct rig *g)
{
    for (int i = 0; i < SETTLE_TURNS; i++)
        assert_int_equal(loop_turn(&g->loop, 0), 0);
}

int rig_stall(struct gateway_conn *c, str data)
{
    int sent = 0;

    for (; !c->pressed || !c->ws.stream->blocked; sent++)
        assert_int_equal(gateway_conn_send(c, data, true, STR("")), 0);
    return sent;
}

bool rig_logged(const struct rig *g, const char *text)
{
    return str_search(buf_str(&g->log), str_of(text)) >= 0;
}

void rig_await(struct rig *g, const char *text)
{
    for (int i = 0; i < TURNS_MAX && !rig_logged(g, text); i++)
        assert_int_equal(loop_turn(&g->loop, TURN_MS), 0);
    if (!rig_logged(g, text))
        fail_msg("the log lacks \"%s\": %.*s", text, STR_ARG(buf_str(&g->log)));
}

/* --- Clients --- */

void client_open(struct client *c, struct rig *g)
{
    int pair[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
    *c = (struct client){ .rig = g, .fd = pair[1] };
    http_server_adopt(&g->http, pair[0]);
}

void client_close(struct client *c)
{
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
    buf_free(&c->in);
}

void client_write(struct client *c, str bytes)
{
    while (bytes.n) {
        ssize_t n = send(c->fd, bytes.p, bytes.n, MSG_NOSIGNAL);

        if (n > 0)
            bytes = str_n(bytes.p + n, bytes.n - (size_t)n);
        else
            assert_int_equal(errno, EAGAIN);
        assert_int_equal(loop_turn(&c->rig->loop, 0), 0);
    }
}

void client_handshake(struct client *c, const char *extra)
{
    client_write(c, STR("GET /x HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
                        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"));
    client_write(c, str_of(extra));
    client_write(c, STR("\r\n"));
}

/* Reads what there is. */
static void pull(struct client *c)
{
    uint8_t bytes[16384];
    ssize_t n;

    while (!c->ended && (n = recv(c->fd, bytes, sizeof bytes, 0)) >= 0) {
        buf_append(&c->in, bytes, (size_t)n);
        c->ended = n == 0;
    }
}

static void more(struct client *c)
{
    assert_false(c->ended);
    assert_int_equal(loop_turn(&c->rig->loop, TURN_MS), 0);
    pull(c);
}

static void drop_used(struct client *c)
{
    buf_consume(&c->in, c->used);
    c->used = 0;
}

str client_head(struct client *c)
{
    ptrdiff_t at = -1;

    drop_used(c);
    for (int i = 0; i < TURNS_MAX && at < 0; i++) {
        at = str_search(buf_str(&c->in), STR("\r\n\r\n"));
        if (at < 0)
            more(c);
    }
    assert_true(at >= 0);
    c->used = (size_t)at + 4;
    return str_n(c->in.data, (size_t)at + 2);
}

void client_connect(struct client *c, struct rig *g)
{
    client_open(c, g);
    client_handshake(c, "");
    assert_true(str_starts(client_head(c), STR("HTTP/1.1 101 ")));
}

void client_frame(struct client *c, unsigned op, str data)
{
    static const uint8_t mask[4] = { 1, 2, 3, 4 };
    uint8_t head[WS_HEAD_MAX];
    struct buf out = { 0 };

    buf_append(&out, head, ws_frame_head_masked(head, (enum ws_op)op, true, data.n, mask));
    size_t at = out.len;
    buf_add(&out, data);
    ws_unmask(out.data + at, data.n, mask, 0);
    client_write(c, buf_str(&out));
    buf_free(&out);
}

static bool take_frame(struct client *c, struct frame *f)
{
    const uint8_t *p = c->in.data;
    size_t n = c->in.len, head = 2, len;

    if (n < 2)
        return false;
    assert_int_equal(p[1] & 0x80, 0);
    len = p[1] & 0x7f;
    assert_true(len != 127);
    if (len == 126) {
        if (n < 4)
            return false;
        len = (size_t)p[2] << 8 | p[3];
        head = 4;
    }
    if (n < head + len)
        return false;
    *f = (struct frame){ p[0] & 15, str_n(p + head, len) };
    c->used = head + len;
    return true;
}

struct frame client_next(struct client *c)
{
    struct frame f = { 0 };

    drop_used(c);
    for (int i = 0; i < TURNS_MAX && !take_frame(c, &f); i++)
        more(c);
    assert_true(c->used > 0);
    return f;
}

void client_silent(struct client *c)
{
    rig_settle(c->rig);
    pull(c);
    drop_used(c);
    assert_int_equal(c->in.len, 0);
    assert_false(c->ended);
}

void client_await_end(struct client *c)
{
    for (int i = 0; i < TURNS_MAX && !c->ended; i++)
        more(c);
    assert_true(c->ended);
}
