/* tests/unit/api/test_websocket.c - plain WebSocket endpoints as C applications see them.
 *
 * A real server on a loopback port, real sockets as clients, one thread that does both in turn.
 *
 * SPDX-License-Identifier: MIT
 */
#include "test.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "atrium/atrium.h"
#include "base/buf.h"
#include "base/mem.h"

enum { TURNS_MAX = 3000, TURN_MS = 5 };

struct world {
    atr_app *app;
    atr_websocket *endpoint;
    uint16_t port;
    struct buf log;
    atr_ws *last;
    atr_ref ref;
    atr_decision held;
    bool echo;
};

static void on_upgrade(void *user, atr_request *r, atr_decision d)
{
    struct world *w = user;

    buf_format(&w->log, "ask:%.*s;", (int)atr_request_path(r).n, atr_request_path(r).p);
    w->held = d;
}

static void on_open(void *user, atr_ws *ws, atr_request *r)
{
    struct world *w = user;

    assert_string_equal(atr_request_address(r).p, "127.0.0.1");
    assert_null(atr_ws_user(ws));
    atr_ws_set_user(ws, w);
    w->last = ws;
    w->ref = atr_ws_ref(ws);
    buf_add(&w->log, STR("open;"));
}

static void on_message(void *user, atr_ws *ws, atr_str data, int binary)
{
    struct world *w = user;

    assert_ptr_equal(atr_ws_user(ws), w);
    if (w->echo)
        assert_int_equal(atr_ws_send(ws, data, binary), 0);
    else
        buf_format(&w->log, "%s:%.*s;", binary ? "binary" : "text", (int)data.n, data.p);
}

static void on_close(void *user, atr_ws *ws, unsigned code, atr_str reason)
{
    struct world *w = user;

    assert_ptr_equal(atr_ws_find(w->app, atr_ws_ref(ws)), ws);
    assert_int_equal(atr_ws_send(ws, ATR_STR("x"), 0), ATR_ECLOSED);
    assert_null(atr_ws_address(ws).p);
    buf_format(&w->log, "close:%u:%.*s;", code, (int)reason.n, reason.p);
}

static void on_pong(void *user, atr_ws *ws, atr_str payload)
{
    (void)ws;
    buf_format(&((struct world *)user)->log, "pong:%.*s;", (int)payload.n, payload.p);
}

static void open_world(struct world *w, const char *path, const char *options, bool asking)
{
    char why[ATR_WHY_BYTES] = "";
    atr_websocket_handlers h = ATR_WEBSOCKET_HANDLERS_INIT;
    int err;

    *w = (struct world){ .app = atr_app_new(&err) };
    h.on_upgrade = asking ? on_upgrade : NULL;
    h.on_open = on_open;
    h.on_message = on_message;
    h.on_close = on_close;
    h.on_pong = on_pong;
    w->endpoint = atr_websocket_new(w->app, (atr_str){ path, strlen(path) },
                                    (atr_str){ options, strlen(options) }, &h, w, why);
    if (!w->endpoint)
        fail_msg("%s", why);
    err = atr_app_listen(w->app, "127.0.0.1", 0, why);
    assert_true(err > 0);
    w->port = (uint16_t)err;
}

static void close_world(struct world *w)
{
    atr_app_free(w->app);
    buf_free(&w->log);
}

static void await_log(struct world *w, const char *text)
{
    for (int i = 0; i < TURNS_MAX && str_search(buf_str(&w->log), str_of(text)) < 0; i++)
        assert_true(atr_app_turn(w->app, TURN_MS) >= 0);
    if (str_search(buf_str(&w->log), str_of(text)) < 0)
        fail_msg("no \"%s\" in %.*s", text, STR_ARG(buf_str(&w->log)));
}

static int client(struct world *w, const char *target, const char *extra)
{
    struct sockaddr_in a = { .sin_family = AF_INET,
                             .sin_port = htons(w->port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), n;
    char head[1024];

    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    n = snprintf(head, sizeof head,
                 "GET %s HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                 "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                 "%s\r\n",
                 target, extra);
    assert_int_equal(send(fd, head, (size_t)n, 0), n);
    return fd;
}

/* Turns until fd has given n bytes, or ended. */
static size_t receive(struct world *w, int fd, char *out, size_t n)
{
    size_t have = 0;

    for (int i = 0; i < TURNS_MAX && have < n; i++) {
        ssize_t got = recv(fd, out + have, n - have, MSG_DONTWAIT);
        if (got == 0)
            break;
        if (got > 0)
            have += (size_t)got;
        else
            assert_true(atr_app_turn(w->app, TURN_MS) >= 0);
    }
    return have;
}

/* The head of an answer. */
static void receive_head(struct world *w, int fd, char out[1024])
{
    size_t n = 0;

    do
        assert_int_equal(receive(w, fd, out + n, 1), 1);
    while (++n < 1023 && (n < 4 || memcmp(out + n - 4, "\r\n\r\n", 4) != 0));
    out[n] = 0;
}

static int connected(struct world *w, const char *target)
{
    int fd = client(w, target, "");
    char head[1024];

    receive_head(w, fd, head);
    assert_memory_equal(head, "HTTP/1.1 101 ", 13);
    return fd;
}

static void bad_options_are_named(void **state)
{
    static const char *const cases[][2] = {
        { "[]", "must be an object" },
        { "{", "must be an object" },
        { "{\"x\":1}", "has no option \"x\"" },
        { "{\"maxPayload\":0}", "\"maxPayload\" must be an integer between 1 and 1073741824" },
        { "{\"maxPayload\":1.5}", "\"maxPayload\"" },
        { "{\"maxPayload\":1073741825}", "\"maxPayload\"" },
        { "{\"maxBufferedBytes\":1023}", "\"maxBufferedBytes\"" },
        { "{\"pingInterval\":-1}", "\"pingInterval\"" },
        { "{\"idleTimeout\":\"1\"}", "\"idleTimeout\"" },
        { "{\"overflow\":\"panic\"}", "\"dropOldest\", \"keepLatest\" or \"block\"" },
        { "{\"overflow\":1}", "\"overflow\" must be" },
        { "{\"highWaterMark\":0}", "\"highWaterMark\"" },
        { "{\"blockTimeout\":0}", "\"blockTimeout\" must be an integer between 1 and 3600000" },
        { "{\"keepHandshake\":1}", "true or false" },
        { "{\"protocols\":\"a\"}", "list of texts" },
        { "{\"protocols\":[\"\"]}", "no name of a protocol" },
        { "{\"protocols\":[\"a,b\"]}", "no name of a protocol" },
        { "{\"protocols\":[1]}", "no name of a protocol" },
    };
    atr_websocket_handlers h = ATR_WEBSOCKET_HANDLERS_INIT;
    char why[ATR_WHY_BYTES];
    int err;
    atr_app *app = atr_app_new(&err);

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        atr_str options = { cases[i][0], strlen(cases[i][0]) };

        *why = 0;
        assert_null(atr_websocket_new(app, ATR_STR("/x"), options, &h, NULL, why));
        if (!strstr(why, cases[i][1]))
            fail_msg("%s: %s", cases[i][0], why);
    }
    assert_null(atr_websocket_new(app, ATR_STR("x"), (atr_str){ 0 }, &h, NULL, why));
    assert_non_null(strstr(why, "bad path \"x\""));
    atr_app_free(app);
}

static void messages_both_ways(void **state)
{
    struct world w;
    char in[64];

    (void)state;
    open_world(&w, "/x", "", false);
    int fd = connected(&w, "/x");
    assert_int_equal(atr_websocket_count(w.endpoint), 1);
    assert_ptr_equal(atr_ws_websocket(w.last), w.endpoint);
    assert_int_equal(send(fd, "\x81\x82\0\0\0\0hi\x82\x81\0\0\0\0b\x8a\x81\0\0\0\0p", 22, 0), 22);
    await_log(&w, "pong:p;");
    assert_str(buf_str(&w.log), "open;text:hi;binary:b;pong:p;");
    assert_int_equal(atr_ws_send(w.last, ATR_STR("yes"), 0), 0);
    assert_int_equal(atr_ws_ping(w.last, ATR_STR("p")), 0);
    assert_int_equal(atr_ws_buffered(w.last), 8);
    assert_int_equal(receive(&w, fd, in, 8), 8);
    assert_memory_equal(in, "\x81\x03yes\x89\x01p", 8);
    assert_int_equal(atr_ws_buffered(w.last), 0);
    assert_string_equal(atr_ws_address(w.last).p, "127.0.0.1");
    assert_null(atr_ws_url(w.last).p);
    assert_null(atr_ws_header(w.last, ATR_STR("host")).p);
    assert_int_equal(atr_ws_close(w.last, 1006, ATR_STR("")), ATR_ERANGE);
    assert_int_equal(atr_ws_close(w.last, 3001, ATR_STR("over")), 0);
    assert_int_equal(receive(&w, fd, in, 8), 8);
    assert_memory_equal(in, "\x88\x06\x0b\xb9over", 8);
    assert_int_equal(send(fd, "\x88\x82\0\0\0\0\x0b\xb9", 8, 0), 8);
    await_log(&w, "close:3001:;");
    assert_null(atr_ws_find(w.app, w.ref));
    assert_int_equal(atr_websocket_count(w.endpoint), 0);
    close(fd);
    close_world(&w);
}

static void pair(void *arg, atr_str name, atr_str value)
{
    buf_format(arg, "%.*s=%.*s;", (int)name.n, name.p, (int)value.n, value.p);
}

static void keeps_its_handshake(void **state)
{
    struct buf query = { 0 };
    struct world w;

    (void)state;
    open_world(&w, "/x/:id", "{\"keepHandshake\":true}", false);
    int fd = connected(&w, "/x/7?a=1&b=c%20d");
    atr_str url = atr_ws_url(w.last), host = atr_ws_header(w.last, ATR_STR("hOST"));
    assert_str(str_n(url.p, url.n), "/x/7?a=1&b=c%20d");
    assert_str(str_n(host.p, host.n), "x");
    assert_null(atr_ws_header(w.last, ATR_STR("cookie")).p);
    atr_ws_query(w.last, pair, &query);
    assert_str(buf_str(&query), "a=1;b=c d;");
    buf_free(&query);
    atr_ws_abort(w.last);
    assert_str(buf_str(&w.log), "open;close:1006:;"); /* in that call */
    close(fd);
    close_world(&w);
}

static void decisions(void **state)
{
    struct world w;
    char head[1024];

    (void)state;
    open_world(&w, "/x", "{\"protocols\":[\"b\"]}", true);
    int fd = client(&w, "/x", "Sec-WebSocket-Protocol: a, b\r\n");
    await_log(&w, "ask:/x;");
    assert_int_equal(atr_ws_choose(w.app, w.held, ATR_STR("c")), ATR_EUNKNOWN);
    assert_int_equal(atr_ws_choose(w.app, w.held + 1, ATR_STR("a")), ATR_ECLOSED);
    assert_int_equal(atr_ws_choose(w.app, w.held, ATR_STR("a")), 0);
    atr_decide(w.app, w.held, 1, (atr_str){ 0 }, (atr_str){ 0 });
    atr_decide(w.app, w.held, 0, (atr_str){ 0 }, (atr_str){ 0 });
    assert_int_equal(atr_ws_choose(w.app, w.held, ATR_STR("a")), ATR_ECLOSED);
    receive_head(&w, fd, head);
    assert_non_null(strstr(head, "\r\nSec-WebSocket-Protocol: a\r\n"));
    close(fd);
    await_log(&w, "close:");
    buf_clear(&w.log);
    fd = client(&w, "/x", "");
    await_log(&w, "ask:/x;");
    atr_decide(w.app, w.held, 0, ATR_STR("no"), (atr_str){ 0 });
    receive_head(&w, fd, head);
    assert_memory_equal(head, "HTTP/1.1 403 ", 13);
    close(fd);
    fd = client(&w, "/x", ""); /* one that is never decided upon */
    buf_clear(&w.log);
    await_log(&w, "ask:/x;");
    close_world(&w);
    close(fd);
}

static void channels(void **state)
{
    struct world w;
    char in[64];

    (void)state;
    open_world(&w, "/x", "", false);
    int a = connected(&w, "/x");
    atr_ws *wa = w.last;
    int b = connected(&w, "/x");
    assert_int_equal(atr_ws_subscribe(wa, ATR_STR("c")), 1);
    assert_int_equal(atr_ws_subscribe(w.last, ATR_STR("c")), 1);
    assert_int_equal(atr_ws_subscribe(w.last, ATR_STR("c")), 0);
    assert_int_equal(atr_channel_count(w.app, ATR_STR("c")), 2);
    assert_int_equal(atr_ws_subscribed(wa, ATR_STR("c")), 1);
    assert_int_equal(atr_publish(w.app, ATR_STR("c"), ATR_STR("x"), 1, wa), 1);
    assert_int_equal(atr_publish(w.app, ATR_STR("c"), ATR_STR("y"), 0, NULL), 2);
    assert_int_equal(receive(&w, b, in, 6), 6);
    assert_memory_equal(in, "\x82\x01x\x81\x01y", 6);
    assert_int_equal(receive(&w, a, in, 3), 3);
    assert_memory_equal(in, "\x81\x01y", 3);
    assert_int_equal(atr_ws_unsubscribe(wa, ATR_STR("c")), 1);
    assert_int_equal(atr_ws_subscribed(wa, ATR_STR("c")), 0);
    close(b);
    await_log(&w, "close:1006:;");
    assert_int_equal(atr_channel_count(w.app, ATR_STR("c")), 0);
    close(a);
    close_world(&w);
}

static void closing_tells_everyone(void **state)
{
    struct world w;
    char in[64];

    (void)state;
    open_world(&w, "/x", "", false);
    int fd = connected(&w, "/x");
    atr_app_close(w.app, 5000);
    assert_int_equal(receive(&w, fd, in, 4), 4);
    assert_memory_equal(in + 2, "\x03\xe9", 2);
    assert_int_equal(send(fd, "\x88\x82\0\0\0\0\x03\xe9", 8, 0), 8);
    close(fd);
    assert_int_equal(atr_app_run(w.app), 0); /* ends because nobody is left */
    assert_str(buf_str(&w.log), "open;close:1001:server shutting down;");
    close_world(&w);
}

TEST_MAIN(cmocka_unit_test(bad_options_are_named), cmocka_unit_test(messages_both_ways),
          cmocka_unit_test(keeps_its_handshake), cmocka_unit_test(decisions),
          cmocka_unit_test(channels), cmocka_unit_test(closing_tells_everyone))
