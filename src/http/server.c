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
}

static void on_accept(struct listener *l, int fd)
{
    http_server_adopt(l->owner, fd);
}

int http_server_listen(struct http_server *s, const char *host, uint16_t port, char *why)
{
    int err;

    s->listener = (struct listener){ .on_accept = on_accept, .owner = s };
    if ((err = listener_open(&s->listener, s->loop, host, port, why)) < 0)
        return err;
    s->listening = true;
    return 0;
}

/* Costs no memory, because there may be many of them: the answer either fits the socket or is lost.
 */
static void turn_away(struct http_server *s, int fd)
{
    static const char answer[] = "HTTP/1.1 503 Service Unavailable\r\n"
                                 "Content-Length: 0\r\nConnection: close\r\n\r\n";

    s->stats.refused++;
    (void)send(fd, answer, sizeof answer - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    (void)shutdown(fd, SHUT_WR);
    close(fd);
}

void http_server_adopt(struct http_server *s, int fd)
{
    uint32_t max = s->limits.connections_max;

    s->stats.connections++;
    if (s->closing || (max > 0 && s->stats.connections_open >= max))
        turn_away(s, fd);
    else
        http_conn_new(s, fd);
}

void http_server_close(struct http_server *s)
{
    struct list *node, *after;

    s->closing = true;
    if (s->listening)
        listener_close(&s->listener);
    s->listening = false;
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
