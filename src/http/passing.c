/* http/passing.c - connections that go from one process to another, and requests that one answers
 * for another.
 *
 * A connection is passed on at the head of a request, as that is what tells where it belongs: the
 * other process gets the descriptor, the head, and what was read behind it. A request whose
 * connection has to stay is spoken for instead: its bytes go over a socket pair to the other
 * process, whose answer comes back as it is.
 *
 * SPDX-License-Identifier: MIT
 */
#include <unistd.h>

#include "base/assert.h"
#include "base/mem.h"
#include "http/conn.h"

bool http_may_hand_over(const struct http_request *r)
{
    return !r->conn->stream->secure && !r->conn->origin;
}

bool http_is_relayed(const struct http_request *r)
{
    return r->conn->origin != NULL;
}

unsigned http_moves(const struct http_request *r)
{
    return r->conn->moves;
}

struct stream *http_hand_over(struct http_request *r, struct buf *head)
{
    struct http_conn *c = r->conn;
    struct stream *s;

    ASSERT(http_may_hand_over(r));
    ASSERT(c->busy && r->body.len == 0);
    buf_add(head, r->head_text);
    s = http_conn_release(c);
    stream_pause(s);
    c->server->stats.handed_over++;
    return s;
}

/* Between requests, and nothing of the next one or of the last answer is here. */
static bool is_at_rest(const struct http_conn *c)
{
    const struct stream *s = c->stream;

    return c->state == HTTP_IDLE && !c->busy && !c->origin && !s->secure && !s->kept && !s->fault &&
           !s->ended && !s->ending && !s->closing && !stream_has_queue(s);
}

size_t http_server_release_idle(struct http_server *s, bool (*take)(void *user, int fd), void *user)
{
    struct list *at, *after;
    struct buf none = { 0 };
    struct stream *stream;
    size_t released = 0;
    int fd;

    list_each(at, after, &s->conns)
    {
        struct http_conn *c = container_of(at, struct http_conn, link);

        if (!is_at_rest(c))
            continue;
        if (!take(user, c->stream->watch.fd))
            break;
        s->stats.handed_over++;
        released++;
        stream = http_conn_let_go(c);
        stream_pause(stream);
        if ((fd = stream_detach(stream, &none, NULL)) >= 0)
            close(fd);
    }
    buf_free(&none);
    return released;
}

void http_server_adopt_bytes(struct http_server *s, int fd, str bytes, unsigned moves)
{
    struct http_conn *c;

    s->stats.adopted++;
    if (!http_server_accepts(s, fd, false))
        return;
    c = http_conn_new(s, fd, NULL);
    c->moves = (uint8_t)(moves < UINT8_MAX ? moves : UINT8_MAX);
    c->arrived = true;
    stream_preload(c->stream, bytes);
}

static struct http_origin *origin_new(const struct http_origin *o)
{
    struct http_origin *copy = mem_alloc(sizeof *copy + o->cert.n);
    char *text = (char *)(copy + 1);

    *copy = *o;
    copy->peer = (str){ 0 };
    copy->cert = str_n(text, o->cert.n);
    if (o->cert.n)
        memcpy(text, o->cert.p, o->cert.n);
    return copy;
}

void http_server_adopt_relayed(struct http_server *s, int fd, str bytes,
                               const struct http_origin *o)
{
    struct http_conn *c;

    s->stats.spoken_for++;
    if (!http_server_accepts(s, fd, false))
        return;
    c = http_conn_new(s, fd, NULL);
    c->arrived = true;
    c->origin = origin_new(o);
    c->peer = str_dup(o->peer);
    stream_preload(c->stream, bytes);
}

void http_respond_relayed(struct http_request *r, str answer, bool close)
{
    struct http_conn *c = r->conn;
    bool silent = !http_conn_keep(c, close) && !close;
    ptrdiff_t line = str_find(answer, '\n') + 1;

    ASSERT(!r->answered);
    r->answered = true;
    if (silent) { /* gathered, and written as one */
        stream_write(c->stream, str_n(answer.p, (size_t)line));
        stream_write(c->stream, STR("Connection: close\r\n"));
        answer = str_n(answer.p + line, answer.n - (size_t)line);
    }
    stream_write(c->stream, answer);
    http_conn_answered(c);
}
