/* tests/unit/engineio/rig.c - see rig.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "rig.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/base64.h"
#include "count.h"

enum { TURNS_MAX = 3000, TURN_MS = 5, SETTLE_TURNS = 8 };

/* --- The owner --- */

static struct rig *rig_of(struct eio_server *e)
{
    return e->owner;
}

static void on_handshake(struct eio_server *e, eio_handshake hs, struct http_request *r)
{
    struct rig *g = rig_of(e);

    (void)r;
    buf_add(&g->log, STR("ask;"));
    g->held = hs;
    if (!g->hold)
        eio_server_decide(e, hs, true, NULL);
}

static void on_open(struct eio_session *s, struct http_request *r)
{
    struct rig *g = rig_of(s->server);

    assert_true(http_peer(r).n > 0);
    buf_add(&g->log, STR("open;"));
    g->last = container_of(s, struct peer, session);
    memcpy(g->last->mark, "marked!", sizeof g->last->mark);
    if (g->on_open)
        g->on_open(g, s);
}

static void on_message(struct eio_session *s, bool binary, uint8_t *data, size_t n)
{
    struct rig *g = rig_of(s->server);

    buf_add(&g->log, binary ? STR("binary:") : STR("text:"));
    buf_append(&g->log, data, n < 64 ? n : 64);
    buf_add(&g->log, STR(";"));
    if (g->echo && binary) {
        rig_send_binary(s, data, n);
    } else if (g->echo) {
        struct msg *m = ws_msg_reserve(WS_TEXT, n + 1);
        m->data[m->head] = '4';
        if (n)
            memcpy(m->data + m->head + 1, data, n);
        (void)eio_session_send(s, &m, 1);
        msg_unref(m);
    }
    if (g->on_message)
        g->on_message(g, s, str_n(data, n));
}

static void on_close(struct eio_session *s, enum eio_reason reason, const char *description)
{
    struct rig *g = rig_of(s->server);
    struct peer *p = container_of(s, struct peer, session);

    assert_string_equal(p->mark, "marked!");
    assert_int_equal(eio_session_send(s, &s->server->ping, 1), ATR_ECLOSED);
    buf_format(&g->log, "close:%s", eio_reason_text(reason));
    if (description)
        buf_format(&g->log, "(%s)", description);
    buf_byte(&g->log, ';');
    if (g->last == p)
        g->last = NULL;
}

static void on_upgrade(struct eio_session *s)
{
    buf_add(&rig_of(s->server)->log, STR("upgrade;"));
}

static void on_drain(struct eio_session *s)
{
    buf_add(&rig_of(s->server)->log, STR("drain;"));
}

static void on_error(struct eio_server *e, struct http_request *r, int code, const char *message,
                     const char *context)
{
    (void)r;
    buf_format(&rig_of(e)->log, "error:%d,%s,%s;", code, message, context);
}

/* --- The server --- */

static void turn(struct rig *g, int timeout_ms)
{
    if (g->beside)
        g->beside();
    assert_int_equal(loop_turn(&g->loop, timeout_ms), 0);
}

static struct http_handler *route(void *user, struct http_request *r, unsigned *why)
{
    struct rig *g = user;

    (void)why;
    return str_starts(r->head.target, g->engine.options.path) ? &g->engine.handler : NULL;
}

static void open_with(struct rig *g, void (*change)(struct eio_options *o), bool asking)
{
    struct eio_options o;
    char why[ATR_WHY_MAX];

    *g = (struct rig){ .fds = fd_count() };
    g->events = (struct eio_events){
        .session_bytes = sizeof(struct peer),
        .on_handshake = asking ? on_handshake : NULL,
        .on_open = on_open,
        .on_message = on_message,
        .on_close = on_close,
        .on_upgrade = on_upgrade,
        .on_drain = on_drain,
        .on_error = on_error,
    };
    eio_options_default(&o);
    if (change)
        change(&o);
    assert_int_equal(loop_init(&g->loop), 0);
    eio_server_init(&g->engine, &g->loop, &o, &g->events, g);
    http_server_init(&g->http, &g->loop, &HTTP_LIMITS_DEFAULT, route, g);
    assert_int_equal(http_server_listen(&g->http, "127.0.0.1", 0, why), 0);
}

void rig_open(struct rig *g, void (*change)(struct eio_options *o))
{
    open_with(g, change, false);
}

void rig_open_asking(struct rig *g, void (*change)(struct eio_options *o))
{
    open_with(g, change, true);
}

void rig_close(struct rig *g)
{
    eio_server_close(&g->engine, EIO_SERVER_SHUTTING_DOWN);
    http_server_abort(&g->http);
    rig_settle(g);
    assert_int_equal(g->engine.sessions.count, 0);
    assert_int_equal(g->engine.stats.opened + g->engine.stats.thawed,
                     g->engine.stats.closed + g->engine.stats.frozen);
    assert_int_equal(g->engine.stats.polling_open, 0);
    assert_int_equal(g->engine.stats.websocket_open, 0);
    eio_server_fini(&g->engine);
    rig_settle(g);
    loop_fini(&g->loop);
    buf_free(&g->log);
    if (g->fds >= 0)
        assert_int_equal(fd_count(), g->fds);
}

void rig_settle(struct rig *g)
{
    for (int i = 0; i < SETTLE_TURNS; i++)
        turn(g, 1);
}

bool rig_logged(const struct rig *g, const char *text)
{
    return str_search(buf_str(&g->log), str_of(text)) >= 0;
}

void rig_await(struct rig *g, const char *text)
{
    for (int i = 0; i < TURNS_MAX && !rig_logged(g, text); i++)
        turn(g, TURN_MS);
    if (!rig_logged(g, text))
        fail_msg("never told %s, but %.*s", text, STR_ARG(buf_str(&g->log)));
}

void rig_send_text(struct eio_session *s, const char *text)
{
    struct msg *m = ws_msg_reserve(WS_TEXT, strlen(text) + 1);

    m->data[m->head] = '4';
    memcpy(m->data + m->head + 1, text, strlen(text));
    (void)eio_session_send(s, &m, 1);
    msg_unref(m);
}

void rig_send_binary(struct eio_session *s, const void *data, size_t n)
{
    struct msg *m = ws_msg(WS_BINARY, str_n(data, n));

    (void)eio_session_send(s, &m, 1);
    msg_unref(m);
}

/* --- Clients --- */

void client_open(struct client *c, struct rig *g)
{
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons(g->http.listener.port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

    *c = (struct client){ .rig = g, .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) };
    assert_true(c->fd >= 0);
    assert_int_equal(connect(c->fd, (struct sockaddr *)&to, sizeof to), 0);
}

void client_close(struct client *c)
{
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
    buf_free(&c->in);
}

void client_reset(struct client *c)
{
    struct linger now = { .l_onoff = 1 };

    assert_int_equal(setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now), 0);
    client_close(c);
}

/* Takes what has arrived. */
static void drink(struct client *c)
{
    struct pollfd p = { .fd = c->fd, .events = POLLIN };
    char bytes[65536];
    ssize_t n;

    while (!c->ended && poll(&p, 1, 0) == 1) {
        n = recv(c->fd, bytes, sizeof bytes, MSG_DONTWAIT);
        if (n > 0)
            buf_append(&c->in, bytes, (size_t)n);
        else if (n == 0 || errno != EAGAIN)
            c->ended = true;
    }
}

void client_write(struct client *c, str bytes)
{
    while (bytes.n > 0) {
        ssize_t n = send(c->fd, bytes.p, bytes.n, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno != EAGAIN)
            return; /* the server has had enough; what it said can still be read */
        if (n > 0)
            bytes = str_n(bytes.p + n, bytes.n - (size_t)n);
        turn(c->rig, 0);
    }
}

void client_ask(struct client *c, const char *method, const char *target, const char *extra,
                const char *body)
{
    struct buf b = { 0 };

    buf_format(&b, "%s %s HTTP/1.1\r\nHost: localhost\r\n%s", method, target, extra ? extra : "");
    if (body)
        buf_format(&b, "Content-Type: text/plain;charset=UTF-8\r\nContent-Length: %zu\r\n\r\n%s",
                   strlen(body), body);
    else
        buf_add(&b, STR("\r\n"));
    client_write(c, buf_str(&b));
    buf_free(&b);
}

/* Drops what was returned before. */
static void forward(struct client *c)
{
    buf_consume(&c->in, c->used);
    c->used = 0;
}

static bool parse_answer(struct client *c, struct answer *a)
{
    str in = buf_str(&c->in), length;
    ptrdiff_t end = str_search(in, STR("\r\n\r\n"));
    uint64_t n = 0;

    if (end < 0)
        return false;
    assert_true(str_starts(in, STR("HTTP/1.1 ")));
    a->status = (unsigned)atoi(in.p + 9);
    a->head = str_n(in.p, (size_t)end + 2);
    length = answer_header(a, "Content-Length");
    if (length.p)
        assert_int_equal(str_to_u64(length, 1 << 30, &n), 0);
    if (in.n < (size_t)end + 4 + n)
        return false;
    a->body = str_n(in.p + end + 4, n);
    c->used = (size_t)end + 4 + n;
    return true;
}

struct answer client_answer(struct client *c)
{
    struct answer a = { 0 };

    forward(c);
    for (int i = 0; i < TURNS_MAX; i++) {
        if (parse_answer(c, &a))
            return a;
        if (c->ended)
            break;
        turn(c->rig, TURN_MS);
        drink(c);
    }
    fail_msg("no answer, but %.*s", STR_ARG(buf_str(&c->in)));
    return a;
}

struct answer client_get(struct client *c, const char *target)
{
    client_ask(c, "GET", target, NULL, NULL);
    return client_answer(c);
}

struct answer client_post(struct client *c, const char *target, const char *body)
{
    client_ask(c, "POST", target, NULL, body);
    return client_answer(c);
}

void client_silent(struct client *c)
{
    forward(c);
    rig_settle(c->rig);
    drink(c);
    assert_false(c->ended);
    assert_int_equal(c->in.len, 0);
}

void client_await_end(struct client *c)
{
    forward(c);
    for (int i = 0; i < TURNS_MAX && !c->ended; i++) {
        turn(c->rig, TURN_MS);
        drink(c);
    }
    assert_true(c->ended);
}

str answer_header(const struct answer *a, const char *name)
{
    str rest = a->head, line;
    size_t n = strlen(name);

    (void)str_cut(&rest, '\n', &line);
    while (str_cut(&rest, '\n', &line))
        if (line.n > n && line.p[n] == ':' && str_ieq(str_n(line.p, n), str_of(name)))
            return str_trim(str_n(line.p + n + 1, line.n - n - 2));
    return (str){ 0 };
}

/* --- Sessions --- */

static char *slot(void)
{
    static char slots[8][160];
    static unsigned at;

    return slots[at++ % 8];
}

const char *polling_url(const char *sid)
{
    char *url = slot();

    (void)snprintf(url, 160, "/engine.io/?EIO=4&transport=polling%s%s", sid ? "&sid=" : "",
                   sid ? sid : "");
    return url;
}

const char *websocket_url(const char *sid)
{
    char *url = slot();

    (void)snprintf(url, 160, "/engine.io/?EIO=4&transport=websocket%s%s", sid ? "&sid=" : "",
                   sid ? sid : "");
    return url;
}

const char *polling_session(struct client *c)
{
    struct answer a = client_get(c, polling_url(NULL));
    char *sid = slot();

    assert_int_equal(a.status, 200);
    assert_true(str_starts(a.body, STR("0{\"sid\":\"")));
    memcpy(sid, a.body.p + 9, EIO_SID_LEN);
    sid[EIO_SID_LEN] = 0;
    return sid;
}

void websocket_ask(struct client *c, const char *target, const char *extra)
{
    struct buf b = { 0 };

    buf_format(&b,
               "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
               "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s\r\n",
               target, extra ? extra : "");
    client_write(c, buf_str(&b));
    buf_free(&b);
}

struct answer websocket_connect(struct client *c, const char *target, const char *extra)
{
    websocket_ask(c, target, extra);
    struct answer a = client_answer(c);
    assert_int_equal(a.status, 101);
    assert_header(&a, "Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    return a;
}

void websocket_session(struct client *c)
{
    struct frame f;

    (void)websocket_connect(c, websocket_url(NULL), NULL);
    f = frame_next(c);
    assert_int_equal(f.op, WS_TEXT);
    assert_true(str_starts(f.data, STR("0{\"sid\":\"")));
}

void frame_send(struct client *c, unsigned op, str data)
{
    static const uint8_t mask[4] = { 0x11, 0x22, 0x33, 0x44 };
    uint8_t head[WS_HEAD_MAX];
    size_t n = ws_frame_head_masked(head, (enum ws_op)op, true, data.n, mask);
    struct buf b = { 0 };

    buf_append(&b, head, n);
    buf_add(&b, data);
    ws_unmask(b.data + n, data.n, mask, 0);
    client_write(c, buf_str(&b));
    buf_free(&b);
}

void frame_text(struct client *c, const char *text)
{
    frame_send(c, WS_TEXT, str_of(text));
}

static bool parse_frame(struct client *c, struct frame *out)
{
    static const struct ws_rules rules = { .len_max = 1 << 30 };
    struct ws_frame f;
    enum ws_bad bad;

    if (ws_frame_parse(c->in.data, c->in.len, &rules, &f, &bad) != PARSE_DONE ||
        c->in.len < f.head + f.len)
        return false;
    assert_true(f.fin);
    *out = (struct frame){ f.op, str_n(c->in.data + f.head, f.len) };
    c->used = f.head + f.len;
    return true;
}

struct frame frame_next(struct client *c)
{
    struct frame f = { 0 };

    forward(c);
    for (int i = 0; i < TURNS_MAX; i++) {
        if (parse_frame(c, &f))
            return f;
        if (c->ended)
            break;
        turn(c->rig, TURN_MS);
        drink(c);
    }
    fail_msg("no frame; %zu bytes are there", c->in.len);
    return f;
}
