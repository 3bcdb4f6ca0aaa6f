/* http/body.c - reading the body of a request: gathered for the handler, or dropped once it
 * answered.
 *
 * Invariant: a function that calls a handler returns at once when the request is not the
 * connection's any more.
 *
 * Start reading at http_body_take().
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/assert.h"
#include "http/conn.h"

/* Reserved at once for an announced length; more only as it comes. */
enum { FIRST_BYTES = 64 * 1024 };

void http_body_give_up(struct http_conn *c)
{
    struct http_request *r = c->request;

    r->body_done = true;
    c->close_after = true;
    c->state = HTTP_WAIT;
    if (!r->responding)
        http_conn_next(c);
}

static void too_large(struct http_conn *c)
{
    struct http_request *r = c->request;

    c->server->stats.too_large++;
    if (r->handler->on_too_large)
        r->handler->on_too_large(r->handler, r);
    if (!r->answered)
        http_respond(r, &(struct http_response){ .status = 413 });
}

/* Takes bytes of the body. False: no more of it is wanted. */
static bool accept_body(struct http_conn *c, struct http_request *r, str data)
{
    if (r->answered) {
        r->dropped += (uint32_t)data.n;
        if (r->dropped <= HTTP_DROP_BYTES_MAX)
            return true;
        http_body_give_up(c);
        return false;
    }
    if (data.n <= r->body_bytes_max && r->body.len <= r->body_bytes_max - data.n) {
        buf_add(&r->body, data);
        return true;
    }
    too_large(c);
    return c->request == r;
}

static size_t bad_chunk(struct http_conn *c, size_t n)
{
    struct http_request *r = c->request;
    bool answered = r->answered;

    c->server->stats.bad_requests++;
    if (answered && r->responding) {
        http_body_give_up(c);
        return n;
    }
    if (!answered)
        http_refuse(c, 400);
    http_conn_end(c);
    return n;
}

static size_t take_chunks(struct http_conn *c, const char *p, size_t n)
{
    struct http_request *r = c->request;
    size_t at = 0, used;
    bool end = false;
    str data;

    while (!end) {
        enum parse result = http1_chunk(&r->chunks, p + at, n - at, &used, &data, &end);
        if (result == PARSE_BAD)
            return bad_chunk(c, n);
        at += used;
        if (result == PARSE_MORE)
            return at;
        if (data.n > 0 && !accept_body(c, r, data))
            return c->state == HTTP_WAIT ? at : n;
    }
    http_conn_complete(c);
    return at;
}

size_t http_body_take(struct http_conn *c, const char *p, size_t n)
{
    struct http_request *r = c->request;

    r->continue_due = false; /* it did not wait for it */
    if (r->head.chunked)
        return take_chunks(c, p, n);
    size_t take = n < r->body_left ? n : (size_t)r->body_left;
    r->body_left -= take;
    if (accept_body(c, r, str_n(p, take)) && r->body_left == 0)
        http_conn_complete(c);
    return take;
}

void http_body_begin(struct http_conn *c)
{
    struct http_request *r = c->request;

    if (r->head.has_length && r->head.length > r->body_bytes_max) {
        too_large(c);
        return;
    }
    if (r->head.has_length) {
        size_t first = r->body_left < FIRST_BYTES ? (size_t)r->body_left : FIRST_BYTES;
        int err = buf_reserve(&r->body, first);
        ASSERT(err == 0);
    }
    http_conn_timer(c, c->server->limits.body_timeout_ms);
}
