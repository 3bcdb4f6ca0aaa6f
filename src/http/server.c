/* http/server.c - accepting connections within limits, and closing them all.
 *
 * SPDX-License-Identifier: MIT
 */
#include "http/server.h"

#include <sys/socket.h>
#include <unistd.h>

#include "http/conn.h"

void http_server_init(struct http_server *s, struct loop *l, const struct http_limits *limits,
                      http_route route, void *route_user)
{
    *s = (struct http_server){
        .loop = l, .limits = *limits, .route = route, .route_user = route_user
    };
    list_init(&s->conns);
    s->listener.watch.fd = s->tls_listener.watch.fd = -1;
}

/* Costs no memory, because there may be many of them: the answer either fits the socket or is lost.
 * Under TLS there is none, for it would take a handshake. */
static void turn_away(int fd, bool secure, str answer)
{
    if (!secure)
        (void)send(fd, answer.p, answer.n, MSG_NOSIGNAL | MSG_DONTWAIT);
    (void)shutdown(fd, SHUT_WR);
    close(fd);
}

static void refuse(struct http_server *s, int fd, bool secure)
{
    s->stats.refused++;
    turn_away(fd, secure,
              STR("HTTP/1.1 503 Service Unavailable\r\n"
                  "Content-Length: 0\r\nConnection: close\r\n\r\n"));
}

bool http_server_accepts(struct http_server *s, int fd, bool secure)
{
    uint32_t max = s->limits.connections_max;

    s->stats.connections++;
    if (max == 0 || s->streams_open < max)
        return true;
    refuse(s, fd, secure);
    return false;
}

static void adopt(struct http_server *s, int fd, struct tls_context *tls)
{
    if (s->closing) {
        s->stats.connections++;
        refuse(s, fd, tls != NULL);
    } else if (http_server_accepts(s, fd, tls != NULL)) {
        (void)http_conn_new(s, fd, tls);
    }
}

/* Whether the peer connects too often. A proxy connects for others: their handshakes are counted.
 */
static bool too_often(struct http_server *s, int fd)
{
    struct address a;

    if (!s->rates || !s->rates->connects || !address_of_peer(fd, &a) ||
        address_in(&a, s->proxies, s->proxy_count) || rates_connect(s->rates, &a, RATES_CONNECTS))
        return false;
    s->stats.connections++;
    s->stats.rate_limited++;
    return true;
}

static void accepted(struct http_server *s, int fd, struct tls_context *tls)
{
    if (too_often(s, fd))
        turn_away(fd, tls != NULL,
                  STR("HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\n"
                      "Content-Length: 0\r\nConnection: close\r\n\r\n"));
    else if (!s->share || !s->share(s->share_user, fd, tls != NULL))
        adopt(s, fd, tls);
}

static void on_accept(struct listener *l, int fd)
{
    accepted(l->owner, fd, NULL);
}

static void on_accept_tls(struct listener *l, int fd)
{
    struct http_server *s = l->owner;

    accepted(s, fd, s->tls);
}

int http_server_listen(struct http_server *s, const char *host, uint16_t port, char *why)
{
    struct listener *l = &s->listener;

    *l = (struct listener){ .on_accept = on_accept, .owner = s };
    return listener_open(l, s->loop, host, port, why);
}

int http_server_listen_tls(struct http_server *s, struct tls_context *tls, const char *host,
                           uint16_t port, char *why)
{
    struct listener *l = &s->tls_listener;

    s->tls = tls;
    *l = (struct listener){ .on_accept = on_accept_tls, .owner = s };
    return listener_open(l, s->loop, host, port, why);
}

void http_server_adopt(struct http_server *s, int fd)
{
    adopt(s, fd, NULL);
}

void http_server_adopt_tls(struct http_server *s, int fd, struct tls_context *tls)
{
    adopt(s, fd, tls);
}

void http_server_take(struct http_server *s, int fd, struct tls_context *tls)
{
    if (http_server_accepts(s, fd, tls != NULL))
        (void)http_conn_new(s, fd, tls);
}

void http_server_stop_accepting(struct http_server *s)
{
    listener_close(&s->listener);
    listener_close(&s->tls_listener);
}

void http_server_close(struct http_server *s)
{
    struct list *node, *after;

    s->closing = true;
    http_server_stop_accepting(s);
    list_each(node, after, &s->conns)
    {
        struct http_conn *c = container_of(node, struct http_conn, link);
        if (c->state == HTTP_IDLE)
            http_conn_end(c);
    }
}

void http_server_abort(struct http_server *s)
{
    http_server_close(s);
    /* A callback may close others: start over from the front each time. */
    while (!list_empty(&s->conns))
        http_conn_abort(container_of(s->conns.next, struct http_conn, link));
}
