/* http/conn.c - the state machine of a connection: head, body, answer, next.
 *
 * Invariants
 *   - a request exists in HTTP_BODY and HTTP_WAIT, in no other state;
 *   - every state but an unanswered HTTP_WAIT is under a timer, so no peer holds a connection open
 * by doing nothing;
 *   - after any call to a handler the connection may be HTTP_GONE, or already be at the next
 * request: both are looked for before going on;
 *   - on_data uses up whole heads and whatever there is of a body, and nothing while an answer is
 * due: pipelined requests wait in the kernel, because the stream is paused meanwhile.
 *
 * Start reading at on_data().
 *
 * SPDX-License-Identifier: MIT
 */
#include "http/conn.h"

#include "base/assert.h"
#include "base/mem.h"
#include "net/tls_stream.h"

/* Answers queued for a client that pipelines but does not read. */
enum { OUTPUT_BYTES_MAX = 256 * 1024 };

void http_conn_timer(struct http_conn *c, uint32_t delay_ms)
{
    c->queued_seen = c->stream->queued_bytes;
    loop_timer(c->server->loop, &c->timer, delay_ms);
}

/* --- Leaving --- */

static void reap(struct loop_job *job)
{
    struct http_conn *c = container_of(job, struct http_conn, job);

    mem_free(c->peer);
    mem_free(c->origin);
    mem_free(c);
}

/* Forgets the stream, which closes, ends or goes to somebody else. */
static void leave(struct http_conn *c)
{
    c->state = HTTP_GONE;
    c->stream = NULL;
    list_remove(&c->link);
    loop_timer_stop(c->server->loop, &c->timer);
    c->server->stats.connections_open--;
    c->job.run = reap;
    loop_doom(c->server->loop, &c->job);
}

/* Ends the request under way, if any, without an answer. */
static void drop_request(struct http_conn *c)
{
    struct http_request *r = c->request;
    bool unanswered;

    if (!r)
        return;
    c->request = NULL;
    http_request_doom(r, c->server->loop);
    unanswered = !r->answered;
    r->answered = true;
    if (r->responding)
        http_pull_fail(r);
    if (!unanswered)
        return;
    c->server->stats.aborted++;
    if (r->handler && r->handler->on_abort)
        r->handler->on_abort(r->handler, r);
}

void http_conn_end(struct http_conn *c)
{
    struct stream *s = c->stream;

    if (c->state == HTTP_GONE)
        return;
    leave(c);
    stream_end_detached(s);
    drop_request(c);
}

void http_conn_abort(struct http_conn *c)
{
    if (c->state != HTTP_GONE)
        stream_close(c->stream, ATR_ECLOSED); /* on_close does the rest */
}

/* Says why, and ends. What the peer still sends is not looked at. */
static void refuse(struct http_conn *c, unsigned status)
{
    http_refuse(c, status);
    http_conn_end(c);
}

/* --- Answers --- */

bool http_conn_keep(struct http_conn *c, bool want_close)
{
    struct http_request *r = c->request;

    /* A client that waits for 100 (RFC 9110 10.1.1) may send its body now or not: who can tell? */
    if (want_close || c->server->closing || r->continue_due)
        c->close_after = true;
    if (!r->body_done && !r->head.chunked && r->body_left > HTTP_DROP_BYTES_MAX)
        c->close_after = true;
    bool keep = !c->close_after;
    if (c->origin)
        c->close_after = true;
    return keep;
}

void http_conn_next(struct http_conn *c)
{
    struct http_request *r = c->request;

    c->request = NULL;
    http_request_doom(r, c->server->loop);
    if (c->close_after) {
        http_conn_end(c);
        return;
    }
    c->state = HTTP_IDLE;
    http_conn_timer(c, c->server->limits.idle_timeout_ms);
    if (!c->busy)
        stream_resume(c->stream);
}

void http_conn_answered(struct http_conn *c)
{
    if (c->request->body_done || c->close_after)
        http_conn_next(c);
    else
        http_conn_timer(c, c->server->limits.body_timeout_ms); /* for the rest, which is dropped */
}

static bool output_full(const struct http_conn *c)
{
    return c->stream->queued_bytes > OUTPUT_BYTES_MAX;
}

/* Asks the source of a streamed answer for more, unless the client has not taken what there is. */
static void pump(struct http_conn *c)
{
    struct http_request *r = c->request;
    uint64_t before = r->pull_left;

    if (c->stream->blocked)
        return; /* on_drain comes */
    http_conn_timer(c, c->server->limits.write_timeout_ms);
    r->pull->on_drain(r->pull, r);
    if (c->request != r || !r->responding)
        return;
    if (r->pull_left == before)
        http_conn_abort(c); /* 6.3: only a broken connection tells that the answer is cut short */
    else
        http_conn_pump_later(c);
}

static void on_job(struct loop_job *job)
{
    struct http_conn *c = container_of(job, struct http_conn, job);

    if (c->request && c->request->responding)
        pump(c);
    else if (c->state != HTTP_WAIT && !output_full(c))
        stream_resume(c->stream);
    else if (c->state != HTTP_WAIT && !c->stream->blocked)
        loop_defer(c->server->loop, job); /* this iteration's flush is still to come */
}

void http_conn_pump_later(struct http_conn *c)
{
    loop_defer(c->server->loop, &c->job);
}

static void on_drain(struct stream *s)
{
    struct http_conn *c = s->owner;

    loop_defer(c->server->loop, &c->job);
}

/* --- Heads --- */

void http_conn_complete(struct http_conn *c)
{
    struct http_request *r = c->request;

    r->body_done = true;
    c->state = HTTP_WAIT;
    loop_timer_stop(c->server->loop, &c->timer);
    if (!r->answered)
        r->handler->on_request(r->handler, r);
    else if (!r->responding)
        http_conn_next(c);
    else
        http_conn_timer(c, c->server->limits.write_timeout_ms);
}

static void begin_request(struct http_conn *c, const char *text, const struct http_head *head)
{
    struct http_server *s = c->server;
    struct http_request *r = http_request_new(c, text, head);
    bool has_body = head->chunked || head->length > 0;
    unsigned why = 404;

    s->stats.requests++;
    c->request = r;
    r->stream = c->stream;
    r->secure = c->origin ? c->origin->secure : c->stream->secure;
    r->arrived = c->arrived;
    c->arrived = false;
    c->close_after = !head->keep_alive;
    c->state = has_body ? HTTP_BODY : HTTP_WAIT;
    r->body_done = !has_body;
    r->body_left = head->length;
    r->body_bytes_max = s->limits.body_bytes_max;
    r->continue_due = head->expect_continue && has_body && !c->origin;
    if (has_body) /* bytes behind such a head would mean one thing to us, another to a new owner */
        r->head.upgrade = false;

    r->handler = s->route(s->route_user, r, &why);
    if (!r->handler)
        http_respond_status(r, why);
    else if (r->handler->on_head)
        r->handler->on_head(r->handler, r);
    if (r->answered) /* or aborted, or taken: it may not be the connection's any more */
        return;
    if (has_body)
        http_body_begin(c);
    else
        http_conn_complete(c);
}

static size_t take_head(struct http_conn *c, const char *p, size_t n)
{
    const struct http_limits *limits = &c->server->limits;
    struct http_head head;
    enum http_bad bad;

    if (c->state == HTTP_IDLE && n == 2 && p[0] == '\r' && p[1] == '\n')
        return n; /* 2.2: a leftover of the body before; not yet a head that is under a timer */
    switch (http1_request(p, n, c->scanned, limits->head_bytes_max, &head, &bad)) {
    case PARSE_DONE:
        c->scanned = 0;
        begin_request(c, p, &head);
        return head.bytes;
    case PARSE_MORE:
        c->scanned = (uint32_t)n;
        if (c->state == HTTP_IDLE)
            http_conn_timer(c, limits->head_timeout_ms);
        c->state = HTTP_HEAD;
        return 0;
    case PARSE_BAD:
        break;
    }
    c->server->stats.bad_requests++;
    refuse(c, bad);
    return n;
}

/* --- Events of the stream --- */

/* What is left to do once no handler is on the stack. */
static void settle(struct http_conn *c)
{
    struct http_request *r = c->request;

    if (c->state == HTTP_BODY && r->continue_due && !r->answered) {
        r->continue_due = false;
        stream_write(c->stream, STR("HTTP/1.1 100 Continue\r\n\r\n"));
    }
    if (c->state == HTTP_WAIT) {
        stream_pause(c->stream);
    } else if (output_full(c)) {
        stream_pause(c->stream);
        loop_defer(c->server->loop, &c->job);
    }
}

static size_t on_data(struct stream *s, uint8_t *data, size_t n)
{
    struct http_conn *c = s->owner;
    const char *p = (const char *)data;
    size_t used = 0, took = 1;

    c->busy = true;
    while (used < n && took > 0 && c->state < HTTP_WAIT && !output_full(c)) {
        took = c->state == HTTP_BODY ? http_body_take(c, p + used, n - used)
                                     : take_head(c, p + used, n - used);
        used += took;
    }
    c->busy = false;
    if (c->state != HTTP_GONE)
        settle(c);
    return used;
}

/* The client sends no more. One that waits for an answer and does so has left, as far as can be
 * told (Node takes it so too); one that is being answered may read on. */
static void on_end(struct stream *s)
{
    struct http_conn *c = s->owner;
    struct http_request *r = c->request;

    if (c->origin && c->state == HTTP_WAIT && !r->answered) {
        if (r->handler->on_hurry)
            r->handler->on_hurry(r->handler, r);
    } else if (c->state == HTTP_WAIT && r->responding)
        c->close_after = true;
    else if (c->state == HTTP_BODY && r->responding)
        http_body_give_up(c);
    else
        http_conn_end(c);
}

static void on_close(struct stream *s, int err)
{
    struct http_conn *c = s->owner;

    (void)err;
    if (c->state == HTTP_GONE)
        return;
    leave(c);
    drop_request(c);
}

/* The client takes what is queued, if slowly: it is alive. */
static bool progresses(struct http_conn *c)
{
    if (!c->stream->queue || c->stream->queued_bytes == c->queued_seen)
        return false;
    http_conn_timer(c, c->server->limits.write_timeout_ms);
    return true;
}

static void on_timer(struct timer *t)
{
    struct http_conn *c = container_of(t, struct http_conn, timer);
    bool answered = c->request && c->request->answered;

    if ((c->state == HTTP_IDLE || answered) && progresses(c))
        return;
    c->server->stats.timeouts++;
    if (c->stream->queue && (c->state == HTTP_IDLE || answered))
        http_conn_abort(c); /* the client does not read */
    else if (c->state == HTTP_HEAD || (c->state == HTTP_BODY && !answered))
        refuse(c, 408); /* one that sent nothing at all did not ask: it gets no answer */
    else
        http_conn_end(c);
}

struct http_conn *http_conn_new(struct http_server *s, int fd, struct tls_context *tls)
{
    static const struct stream_events events = {
        .on_data = on_data, .on_end = on_end, .on_close = on_close, .on_drain = on_drain
    };
    struct http_conn *c = mem_zalloc(sizeof *c);

    c->server = s;
    c->state = HTTP_IDLE;
    list_append(&s->conns, &c->link);
    timer_init(&c->timer, on_timer);
    loop_job_init(&c->job, on_job);
    s->stats.connections_open++;
    c->stream =
        tls ? tls_stream_new(s->loop, fd, tls, &events, c) : stream_new(s->loop, fd, &events, c);
    c->stream->counted = &s->streams_open;
    s->streams_open++;
    http_conn_timer(c, s->limits.head_timeout_ms);
    return c;
}

/* --- Upgrades, and leaving for elsewhere --- */

struct stream *http_conn_let_go(struct http_conn *c)
{
    struct stream *s = c->stream;

    ASSERT(!c->request);
    leave(c);
    return s;
}

struct stream *http_conn_release(struct http_conn *c)
{
    struct http_request *r = c->request;
    struct stream *s = c->stream;

    ASSERT(!r->answered);
    r->answered = true;
    c->request = NULL;
    http_request_doom(r, c->server->loop);
    leave(c);
    return s;
}

struct stream *http_take_stream(struct http_request *r)
{
    struct http_conn *c = r->conn;
    struct stream *s;

    ASSERT(r->body_done);
    s = http_conn_release(c);
    c->server->stats.upgrades++;
    stream_resume(s); /* when it was paused: kept bytes are offered from the loop */
    return s;
}
