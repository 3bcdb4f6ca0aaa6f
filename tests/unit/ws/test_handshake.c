/* tests/unit/ws/test_handshake.c - the opening handshake, alone and through a real HTTP server.
 *
 * SPDX-License-Identifier: MIT
 */
#include "client.h"

#include "http/server.h"

/* --- The check --- */

#define GOOD_HEADERS                                                                               \
    "Host: x\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"                         \
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

static int check(const char *head, const char **why)
{
    struct http_request *r = calloc(1, sizeof *r);
    enum http_bad bad;
    int status;

    assert_int_equal(http1_request(head, strlen(head), 0, 16384, &r->head, &bad), PARSE_DONE);
    status = ws_handshake_check(r, why);
    free(r);
    return status;
}

static void handshakes_are_checked(void **state)
{
    static const struct {
        const char *head;
        int status;
    } cases[] = {
        { "GET / HTTP/1.1\r\n" GOOD_HEADERS "\r\n", 0 },
        { "POST / HTTP/1.1\r\n" GOOD_HEADERS "Content-Length: 0\r\n\r\n", 405 },
        { "GET / HTTP/1.0\r\n" GOOD_HEADERS "\r\n", 400 },
        { "GET / HTTP/1.1\r\n" GOOD_HEADERS "Content-Length: 3\r\n\r\n", 400 },
        { "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 400 },
        { "GET / HTTP/1.1\r\nHost: x\r\nUPGRADE: WebSocket\r\nCONNECTION: UPGRADE\r\n"
          "sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
          0 },
        { "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n"
          "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
          400 },
        { "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: close\r\n"
          "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
          400 },
        { "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
          "Sec-WebSocket-Version: 8\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
          426 },
        { "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
          426 },
        { "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
          "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: c2hvcnQ=\r\n\r\n",
          400 },
        { "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
          "Sec-WebSocket-Version: 13\r\n\r\n",
          400 },
        { "GET / HTTP/1.1\r\n" GOOD_HEADERS "sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
          400 },
        { "GET / HTTP/1.1\r\n" GOOD_HEADERS "Sec-WebSocket-Version: 13\r\n\r\n", 400 },
    };
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *why = NULL;
        assert_int_equal(check(cases[i].head, &why), cases[i].status);
        assert_true((why != NULL) == (cases[i].status != 0));
    }
}

/* --- Through a server --- */

static struct client client;
static str accept_extra, accept_protocol;

static void on_request(struct http_handler *h, struct http_request *r)
{
    const char *why;
    int status = ws_handshake_check(r, &why);
    (void)h;

    if (status)
        http_respond_status(r, (unsigned)status);
    else
        ws_conn_accept(&client.ws, r, accept_extra, accept_protocol, 1000, &client_events);
}

static struct http_handler *route(void *user, struct http_request *r, unsigned *why_status)
{
    static struct http_handler handler = { .on_request = on_request };
    (void)user, (void)r, (void)why_status;

    return &handler;
}

/* Reads the answer's head off what the client received. */
static void hear_head(char out[512])
{
    size_t n = 0;

    while (n < 4 || memcmp(out + n - 4, "\r\n\r\n", 4) != 0) {
        assert_true(n < 511);
        if (recv(client.fd, out + n, 1, 0) == 1)
            n++;
        else
            turn();
    }
    out[n] = '\0';
}

/* Frames may follow the request at once; whatever the cuts, none is lost and none is seen by HTTP.
 */
static void upgrade(const char *request, size_t cut)
{
    struct http_server server;
    struct http_limits limits = HTTP_LIMITS_DEFAULT;
    struct buf b = { 0 };
    char head[512];
    int fds[2];

    client = (struct client){ 0 };
    http_server_init(&server, &loop, &limits, route, NULL);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    client.fd = fds[1];
    http_server_adopt(&server, fds[0]);
    buf_add(&b, str_of(request));
    put_frame(&b, FIN | WS_TEXT, "early", 5);
    put_frame(&b, FIN | WS_PING, "p", 1);
    cut = cut < b.len ? cut : b.len;
    assert_int_equal(send(client.fd, b.data, cut, 0), cut);
    turn();
    if (cut < b.len)
        assert_int_equal(send(client.fd, b.data + cut, b.len - cut, 0), b.len - cut);
    hear_head(head);
    assert_memory_equal(head, "HTTP/1.1 101 ", 13);
    assert_non_null(strstr(head, "\r\nUpgrade: websocket\r\n"));
    assert_non_null(strstr(head, "\r\nConnection: Upgrade\r\n"));
    /* The example of RFC 6455 section 1.3. */
    assert_non_null(strstr(head, "\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
    assert_int_equal(strstr(head, "\r\nX-Extra: 1\r\n") != NULL, accept_extra.n > 0);
    assert_int_equal(strstr(head, "\r\nSec-WebSocket-Protocol: chat\r\n") != NULL,
                     accept_protocol.n > 0);
    settle(&client);
    assert_log(&client, "T(early)");
    assert_heard(&client, "pong(p)");
    http_server_abort(&server); /* it is not HTTP's any more */
    assert_non_null(client.ws.stream);
    client_close(&client);
    buf_free(&b);
}

static void upgrades_at_every_cut(void **state)
{
    static const char request[] = "GET /chat?x=1 HTTP/1.1\r\n" GOOD_HEADERS "\r\n";
    (void)state;

    accept_extra = accept_protocol = STR("");
    for (size_t cut = 1; cut <= sizeof request - 1 + 18; cut++)
        upgrade(request, cut);
    assert_int_equal(ws_stats.opened, sizeof request - 1 + 18);
}

static void extra_headers_and_protocol(void **state)
{
    (void)state;
    accept_extra = STR("X-Extra: 1\r\n");
    accept_protocol = STR("chat");
    upgrade("GET / HTTP/1.1\r\n" GOOD_HEADERS "\r\n", 1000);
}

TEST_MAIN(cmocka_unit_test(handshakes_are_checked), CLIENT_TEST(upgrades_at_every_cut),
          CLIENT_TEST(extra_headers_and_protocol))
