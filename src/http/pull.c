/* http/pull.c - streamed answers: pieces from a source, as fast as the client takes them.
 *
 * Invariant: on_done of a source is called exactly once, and nothing of it is touched afterwards.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/assert.h"
#include "http/conn.h"
#include "http/response.h"

static void finish(struct http_request *r, bool complete)
{
    struct http_pull *p = r->pull;

    r->pull = NULL;
    r->responding = false;
    p->on_done(p, complete);
}

void http_respond_stream(struct http_request *r, const struct http_response *res, uint64_t length,
                         struct http_pull *p)
{
    bool head_only = str_eq(r->head.method, STR("HEAD"));

    http_response_head(r, res, length);
    r->pull = p;
    r->pull_left = length;
    r->responding = true;
    if (length > 0 && !head_only) {
        http_conn_pump_later(r->conn);
        return;
    }
    finish(r, true);
    http_conn_answered(r->conn);
}

void http_respond_piece_msg(struct http_request *r, struct msg *m)
{
    ASSERT(r->responding);
    ASSERT(m->len <= r->pull_left);
    stream_send(r->conn->stream, m);
    r->pull_left -= m->len;
    if (r->pull_left > 0)
        return;
    finish(r, true);
    http_conn_answered(r->conn);
}

void http_respond_piece(struct http_request *r, str bytes)
{
    struct msg *m = msg_of(bytes);

    http_respond_piece_msg(r, m);
    msg_unref(m);
}

void http_pull_fail(struct http_request *r)
{
    finish(r, false);
}
