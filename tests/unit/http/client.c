/* tests/unit/http/client.c - see client.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

void site_open(struct site *t, const struct http_limits *limits)
{
    struct http_limits standard = HTTP_LIMITS_DEFAULT;
    char why[ATR_WHY_MAX];

    assert_int_equal(loop_init(&t->loop), 0);
    http_router_init(&t->router);
    http_server_init(&t->server, &t->loop, limits ? limits : &standard, http_router_find,
                     &t->router);
    assert_int_equal(http_server_listen(&t->server, "127.0.0.1", 0, why), 0);
}

void site_close(struct site *t)
{
    http_server_abort(&t->server);
    /* Ended streams wait for their peers, under a timer; nothing else may be left. */
    site_until(t, t->loop.timers.count == 0);
    site_turns(t, 1);
    assert_int_equal(t->server.stats.connections_open, 0);
    assert_true(list_empty(&t->server.conns));
    loop_fini(&t->loop);
    http_router_free(&t->router);
}

void site_turns(struct site *t, int n)
{
    while (n-- > 0)
        assert_int_equal(loop_turn(&t->loop, 1), 0);
}

void client_open(struct client *c, struct site *t)
{
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons(t->server.listener.port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

    int on = 1;

    *c = (struct client){ .site = t, .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) };
    assert_true(c->fd >= 0);
    /* Else the second part of a split request waits for the first one's acknowledgement. */
    assert_int_equal(setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), 0);
    assert_int_equal(connect(c->fd, (struct sockaddr *)&to, sizeof to), 0);
    assert_int_equal(fcntl(c->fd, F_SETFL, O_NONBLOCK), 0);
}

void client_close(struct client *c)
{
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
    buf_free(&c->in);
    buf_free(&c->body);
    buf_free(&c->whole);
}

void client_send(struct client *c, str bytes)
{
    int turns = 0;

    while (bytes.n > 0) {
        ssize_t n = send(c->fd, bytes.p, bytes.n, MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN)
            return; /* the server closed: what the test asserts next will show it */
        if (n > 0)
            bytes = str_n(bytes.p + n, bytes.n - (size_t)n);
        else
            site_turns(c->site, 1);
        assert_true(turns++ < SITE_TURNS_MAX);
    }
}

static void receive(struct client *c)
{
    char chunk[65536];
    ssize_t n = recv(c->fd, chunk, sizeof chunk, 0);

    if (n > 0)
        buf_append(&c->in, chunk, (size_t)n);
    else if (n == 0 || errno != EAGAIN)
        c->ended = true;
}

/* Takes a whole response off c->in. */
static bool take(struct client *c, const char *method)
{
    const char *in = (const char *)c->in.data;
    enum parse p = http1_response(in, c->in.len, 65536, &c->head);
    bool no_body = strcmp(method, "HEAD") == 0 || c->head.status == 204 || c->head.status == 304 ||
                   c->head.status < 200;
    size_t body;

    assert_int_not_equal(p, PARSE_BAD);
    if (p != PARSE_DONE)
        return false;
    body = no_body ? 0 : (size_t)c->head.length;
    if (c->in.len < c->head.bytes + body)
        return false;
    buf_clear(&c->whole);
    buf_clear(&c->body);
    buf_append(&c->whole, in, c->head.bytes + body);
    buf_append(&c->body, in + c->head.bytes, body);
    buf_consume(&c->in, c->head.bytes + body);
    /* Once more, for slices that last. */
    assert_int_equal(http1_response((char *)c->whole.data, c->whole.len, 65536, &c->head),
                     PARSE_DONE);
    return true;
}

unsigned client_response(struct client *c, const char *method)
{
    for (int i = 0; i < SITE_TURNS_MAX; i++) {
        if (c->in.len > 0 && take(c, method))
            return c->head.status;
        if (c->ended)
            return 0;
        site_turns(c->site, 1);
        receive(c);
    }
    fail_msg("no response");
    return 0;
}

unsigned client_get(struct client *c, const char *target, const char *headers)
{
    struct buf b = { 0 };

    buf_format(&b, "GET %s HTTP/1.1\r\nHost: x\r\n%s\r\n", target, headers);
    client_send(c, buf_str(&b));
    buf_free(&b);
    return client_response(c, "GET");
}

str client_header(const struct client *c, const char *name)
{
    return http1_header(&c->head, str_of(name));
}

void client_until_ended(struct client *c)
{
    for (int i = 0; i < SITE_TURNS_MAX && !c->ended; i++) {
        site_turns(c->site, 1);
        receive(c);
    }
    assert_true(c->ended);
}
