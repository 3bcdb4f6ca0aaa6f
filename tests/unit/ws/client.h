/* tests/unit/ws/client.h - a connection over a socket pair, and a client that speaks raw frames.
 *
 * Both sides are written down as text: what the server's owner was told (`log`), and what the
 * client received (`heard`), so that a test compares two strings.
 *
 *     T(hello) B(3) P(x)          a text, a binary message of 3 bytes, a pong
 *     C(1000,bye,peer)            on_close: code, reason, who spoke first (ours or peer)
 *     t(hello) b(3) ping(x) pong(x) close(1000,bye) close() end     on the client's side
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WS_CLIENT_H
#define WS_CLIENT_H

#include "test.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "ws/conn.h"
#include "ws/handover.h"

enum { FIN = 0x80, MESSAGE_MAX = 1 << 20 };

struct client {
    struct ws_conn ws;
    int fd; /* the client's side */
    struct buf log, in, heard;
    /* What the owner does with a message; NULL: nothing but the log. */
    void (*on_message)(struct client *c, bool binary, uint8_t *data, size_t n);
    int closes, drains;
    bool heard_end;
};

static struct loop loop;

static inline struct client *client_of(struct ws_conn *w)
{
    return container_of(w, struct client, ws);
}

static void log_text(struct buf *b, const char *kind, const void *p, size_t n)
{
    buf_format(b, "%s%s(", b->len ? " " : "", kind);
    if (n <= 40)
        buf_append(b, p, n);
    else
        buf_format(b, "%zu", n);
    buf_byte(b, ')');
}

static void client_on_message(struct ws_conn *w, bool binary, uint8_t *data, size_t n)
{
    struct client *c = client_of(w);

    assert_non_null(data);
    assert_int_equal(c->closes, 0);
    if (binary)
        buf_format(&c->log, "%sB(%zu)", c->log.len ? " " : "", n);
    else
        log_text(&c->log, "T", data, n);
    if (c->on_message)
        c->on_message(c, binary, data, n);
}

static void client_on_pong(struct ws_conn *w, str payload)
{
    log_text(&client_of(w)->log, "P", payload.p, payload.n);
}

static void client_on_close(struct ws_conn *w, unsigned code, str reason, bool ours)
{
    struct client *c = client_of(w);

    assert_null(w->stream);
    c->closes++;
    buf_format(&c->log, "%sC(%u,%.*s,%s)", c->log.len ? " " : "", code, STR_ARG(reason),
               ours ? "ours" : "peer");
}

static void client_on_drain(struct ws_conn *w)
{
    client_of(w)->drains++;
}

static const struct ws_events client_events = { .on_message = client_on_message,
                                                .on_pong = client_on_pong,
                                                .on_close = client_on_close,
                                                .on_drain = client_on_drain };

/* A raw stream is never called before ws_conn_open() takes it over. */
static const struct stream_events no_events = { 0 };

static inline void client_open(struct client *c, uint32_t message_max, int send_bytes)
{
    int fds[2];

    *c = (struct client){ 0 };
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    if (send_bytes)
        (void)setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &send_bytes, sizeof send_bytes);
    c->fd = fds[1];
    ws_conn_open(&c->ws, stream_new(&loop, fds[0], &no_events, NULL), message_max, &client_events);
}

/* Another process goes on with the connection, as far as c->ws can tell. */
static inline void client_hand_over(struct client *c)
{
    struct buf map = { 0 };
    int fd;

    assert_int_equal(ws_conn_freeze(&c->ws, &map, &fd), 0);
    assert_null(c->ws.stream);
    assert_null(c->ws.partial);
    assert_int_equal(ws_conn_thaw(&c->ws, &loop, buf_str(&map), fd, &client_events), 0);
    buf_free(&map);
}

static inline void turn(void)
{
    assert_int_equal(loop_turn(&loop, 0), 0);
}

/* --- What the client received --- */

static inline void hear_frame(struct client *c, const struct ws_frame *f, const uint8_t *p)
{
    static const char *const names[] = { [WS_TEXT] = "t",
                                         [WS_BINARY] = "b",
                                         [WS_CLOSE] = "close",
                                         [WS_PING] = "ping",
                                         [WS_PONG] = "pong" };
    assert_true(f->fin);
    assert_false(f->masked);
    if (f->op == WS_CLOSE && f->len) {
        assert_true(f->len >= 2);
        buf_format(&c->heard, "%sclose(%d%s%.*s)", c->heard.len ? " " : "", p[0] << 8 | p[1],
                   f->len > 2 ? "," : "", (int)f->len - 2, p + 2);
    } else if (f->op == WS_BINARY) {
        buf_format(&c->heard, "%sb(%d)", c->heard.len ? " " : "", (int)f->len);
    } else {
        log_text(&c->heard, names[f->op], p, f->len);
    }
}

static inline void client_hear(struct client *c)
{
    struct ws_rules rules = { .len_max = UINT32_MAX };
    uint8_t piece[16384];
    struct ws_frame f;
    enum ws_bad bad;
    ssize_t n;

    while ((n = recv(c->fd, piece, sizeof piece, 0)) > 0)
        buf_append(&c->in, piece, (size_t)n);
    while (ws_frame_parse(c->in.data, c->in.len, &rules, &f, &bad) == PARSE_DONE &&
           c->in.len >= f.head + f.len) {
        hear_frame(c, &f, c->in.data + f.head);
        buf_consume(&c->in, f.head + f.len);
    }
    if (n == 0 && !c->heard_end) {
        c->heard_end = true;
        buf_format(&c->heard, "%send", c->heard.len ? " " : "");
    }
}

/* --- What the client sends --- */

/* Appends a masked frame; first: FIN, reserved bits and opcode. */
static inline void put_frame(struct buf *b, uint8_t first, const void *p, size_t n)
{
    static const uint8_t mask[4] = { 0x5a, 0xc3, 0x01, 0x77 };
    uint8_t head[WS_HEAD_MAX];
    size_t len = ws_frame_head_masked(head, WS_TEXT, true, n, mask);

    head[0] = first;
    buf_append(b, head, len);
    buf_append(b, p, n);
    if (n)
        ws_unmask(b->data + b->len - n, n, mask, 0);
}

static inline void client_send(struct client *c, const struct buf *b, size_t from, size_t to)
{
    while (from < to) {
        ssize_t n = send(c->fd, b->data + from, to - from, MSG_NOSIGNAL);
        if (n > 0)
            from += (size_t)n;
        else if (errno != EAGAIN)
            break; /* the server went away: the log tells */
        turn();
        client_hear(c);
    }
}

static inline void client_say(struct client *c, uint8_t first, const char *text)
{
    struct buf b = { 0 };

    put_frame(&b, first, text, strlen(text));
    client_send(c, &b, 0, b.len);
    buf_free(&b);
}

/* Lets everything in flight arrive. */
static inline void settle(struct client *c)
{
    for (int i = 0; i < 3; i++) {
        turn();
        client_hear(c);
    }
}

static inline void client_close(struct client *c)
{
    ws_conn_abort(&c->ws);
    if (c->fd >= 0)
        close(c->fd);
    turn();
    turn();
    buf_free(&c->log);
    buf_free(&c->in);
    buf_free(&c->heard);
}

static inline const char *text_of(struct buf *b)
{
    buf_byte(b, '\0');
    b->len--;
    return (const char *)b->data;
}

#define assert_log(c, want)   assert_string_equal(text_of(&(c)->log), want)
#define assert_heard(c, want) assert_string_equal(text_of(&(c)->heard), want)

static inline int client_setup(void **state)
{
    (void)state;
    ws_stats = (struct ws_stats){ 0 };
    stream_stats = (struct stream_stats){ 0 };
    return loop_init(&loop);
}

static inline int client_teardown(void **state)
{
    (void)state;
    assert_int_equal(stream_stats.kept_bytes, 0);
    assert_int_equal(stream_stats.queued_bytes, 0);
    assert_int_equal(loop.timers.count, 0);
    loop_fini(&loop);
    stream_trim();
    msg_trim();
    return 0;
}

#define CLIENT_TEST(f) cmocka_unit_test_setup_teardown(f, client_setup, client_teardown)

#endif
