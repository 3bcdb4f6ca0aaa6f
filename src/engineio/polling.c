/* engineio/polling.c - long-polling: a GET that waits for output, POSTs that bring input.
 *
 * Invariants
 *   - at most one GET and one POST at a time; a second one of a kind ends the session;
 *   - output that finds a GET waiting is gathered until the iteration's jobs, then goes out in one
 *     payload; without a GET it waits, bounded by the output policy and EIO_MSGS_MAX;
 *   - while a probe has been answered no GET waits: each is answered at once, so that the client,
 *     which must end its GET before it may upgrade, never stalls;
 *   - get and post have user == this object; a request that is answered is forgotten first.
 *
 * Start reading at eio_polling_get() and eio_polling_body().
 *
 * SPDX-License-Identifier: MIT
 */
#include "engineio/polling.h"

#include "base/assert.h"
#include "base/mem.h"
#include "engineio/body.h"
#include "engineio/cookie.h"

enum { SCRATCH_KEEP_BYTES = 64 * 1024, QUEUE_KEEP = 16 };

static struct eio_server *server_of(const struct eio_polling *p)
{
    return p->session->server;
}

/* --- Answers --- */

static void queue_drop(struct eio_polling *p)
{
    for (uint32_t i = 0; i < p->count; i++)
        msg_unref(p->queue[i]);
    p->count = 0;
    pressure_stats.polling_bytes -= p->bytes;
    p->bytes = 0;
    if (p->cap > QUEUE_KEEP) {
        mem_free(p->queue);
        p->queue = NULL;
        p->cap = 0;
    }
}

/* Internet Explorer warns of a script attack otherwise. */
static void add_user_agent_headers(struct buf *head, const struct http_request *r)
{
    str agent = http1_header(&r->head, STR("user-agent"));

    if (agent.n > 0 &&
        (str_search(agent, STR(";MSIE")) >= 0 || str_search(agent, STR("Trident/")) >= 0))
        buf_add(head, STR("X-XSS-Protection: 0\r\n"));
}

struct reply {
    str type, body;
    bool compress; /* if it is large enough */
};

static void respond(const struct eio_server *e, struct http_request *r, const struct reply *a,
                    str type, str headers)
{
    http_respond(r, &(struct http_response){
                        .type = type,
                        .headers = headers,
                        .body = a->body,
                        .compress = a->compress && a->body.n >= e->options.compress_min,
                        .compress_min = 1,
                    });
}

/* The application looks the headers over. It may have us answer others meanwhile, so the scratch
 * that head and body lie in is kept from them. */
static void respond_hooked(struct eio_server *e, struct http_request *r, const struct reply *a,
                           bool initial)
{
    struct buf head = e->head, kept = e->body;

    e->head = e->body = (struct buf){ 0 };
    buf_format(&head, "Content-Type: %.*s\r\n", STR_ARG(a->type));
    eio_headers_hook(e, r, &head, initial);
    if (!r->answered)
        respond(e, r, a, STR(""), buf_str(&head));
    buf_free(&e->head);
    buf_free(&e->body);
    e->head = head;
    e->body = kept;
}

/* begins: a session that begins with this answer, or NULL. */
static void answer(struct eio_server *e, struct http_request *r, const struct reply *a,
                   const struct eio_session *begins)
{
    struct buf *head = eio_answer_head(e, r);

    add_user_agent_headers(head, r);
    buf_add(head, STR("cache-control: no-store\r\n"));
    if (begins)
        eio_cookie_header(head, &e->options.cookie, eio_session_sid(begins));
    if (e->hooks.on_headers)
        respond_hooked(e, r, a, begins != NULL);
    else
        respond(e, r, a, a->type, buf_str(head));
}

/* Answers a GET with what eio_body_write() put into e->body. */
static void answer_packets(struct eio_server *e, struct http_request *r, str type, bool compress,
                           const struct eio_session *begins)
{
    answer(e, r, &(struct reply){ type, buf_str(&e->body), compress }, begins);
    if (e->body.cap > SCRATCH_KEEP_BYTES)
        buf_free(&e->body);
}

/* Answers the GET with what is queued and what waits behind that, then (unless 0) one more packet.
 * The owner's on_drain comes last: it may end the session. */
static void flush(struct eio_polling *p, char last)
{
    struct eio_session *s = p->session;
    struct eio_server *e = server_of(p);
    struct http_request *r = p->get;
    bool drained = (p->waited || s->pressure) && s->state == EIO_STATE_OPEN, compress = false;
    str type;

    eio_session_pump_all(s);
    p->waited = p->noop_due = false;
    p->get = NULL;
    r->user = NULL;
    list_remove(&p->flush.link);
    ASSERT(p->count > 0 || last);
    type = eio_body_write(&e->body, p, p->queue, p->count, last);
    for (uint32_t i = 0; i < p->count && !compress; i++)
        compress = !p->queue[i]->incompressible; /* 1.9: one that may be is enough */
    queue_drop(p);
    answer_packets(e, r, type, compress, NULL);
    if (drained && s->state == EIO_STATE_OPEN)
        eio_session_drained(s);
}

static void on_flush(struct loop_job *job)
{
    struct eio_polling *p = container_of(job, struct eio_polling, flush);

    if (p->get && p->count > 0)
        flush(p, 0);
    else if (p->get && p->noop_due)
        eio_polling_noop(p);
}

/* --- Opening and freeing --- */

static void on_go_on(struct loop_job *job);

struct eio_polling *eio_polling_new(struct eio_session *s)
{
    struct eio_polling *p = mem_zalloc(sizeof *p);

    p->holder = EIO_HOLDER_POLLING;
    p->session = s;
    loop_job_init(&p->flush, on_flush);
    loop_job_init(&p->go_on, on_go_on);
    list_init(&p->upgrade.link); /* websocket.c starts it */
    return p;
}

void eio_polling_open(struct eio_server *e, struct http_request *r, const struct eio_query *q,
                      str sid)
{
    struct eio_session *s = eio_session_new(e, !q->version4, sid);
    struct msg *first[2];
    size_t n = 1;

    eio_session_limit(s, r);
    s->polling = eio_polling_new(s);
    s->polling->text_only = q->base64;
    s->polling->jsonp = eio_body_jsonp(r->head.query);
    e->stats.polling_open++;
    first[0] = eio_session_open_packet(s, e->options.allow_upgrades &&
                                              (e->options.transports & EIO_WEBSOCKET));
    e->events->on_open(s, r);
    /* As the first answer: what on_open sent waits for the next GET. */
    if ((first[1] = eio_session_greeting(s)))
        n = 2;
    answer_packets(e, r, eio_body_write(&e->body, s->polling, first, n, 0), true, s);
    if (first[1])
        msg_unref(first[1]);
    msg_unref(first[0]);
}

void eio_polling_free(struct eio_polling *p)
{
    ASSERT(!p->get);
    ASSERT(!timer_running(&p->upgrade));
    queue_drop(p);
    mem_free(p->queue);
    mem_free(p->jsonp);
    mem_free(p);
}

/* --- GET --- */

void eio_polling_get(struct eio_polling *p, struct http_request *r)
{
    struct eio_session *s = p->session;
    struct eio_server *e = s->server;

    if (p->get) {
        e->stats.overlaps++;
        eio_session_end(s, EIO_TRANSPORT_ERROR, "overlap from client", 0);
        eio_answer_empty(e, r, 400, false);
        return;
    }
    p->get = r;
    r->user = p;
    if (s->state == EIO_STATE_CLOSING) {
        eio_session_end(s, s->close_reason, NULL, 0);
        return;
    }
    if (p->count > 0 || p->probe == EIO_PROBE_ANSWERED)
        eio_polling_noop(p);
}

/* --- POST --- */

/* More came in than may: as a WebSocket is closed for it. */
static void end_too_fast(struct eio_polling *p, struct http_request *r)
{
    struct eio_server *e = server_of(p);

    e->stats.rate_limited++;
    eio_session_end(p->session, EIO_TRANSPORT_ERROR, "rate limit exceeded", 0);
    eio_answer_empty(e, r, 429, false);
}

void eio_polling_post(struct eio_polling *p, struct http_request *r)
{
    struct eio_session *s = p->session;
    struct eio_server *e = s->server;

    if (p->post) {
        e->stats.overlaps++;
        eio_session_end(s, EIO_TRANSPORT_ERROR, "data request overlap from client", 0);
        eio_answer_empty(e, r, 400, false);
        return;
    }
    if (!s->eio3 && eio_body_is_binary(r)) {
        eio_session_end(s, EIO_TRANSPORT_ERROR, "invalid content", 0);
        eio_answer_empty(e, r, 400, false);
        return;
    }
    if (r->head.has_length && r->head.length > e->options.message_bytes_max) {
        e->stats.too_large++;
        eio_answer_empty(e, r, 413, false);
        return;
    }
    if (s->guard && r->head.has_length && !rates_take(s->guard, 0, r->head.length)) {
        end_too_fast(p, r);
        return;
    }
    r->body_bytes_max = e->options.message_bytes_max;
    r->user = p;
    p->post = r;
}

/* Whether a payload is within the session's limits: the bytes of one whose length its head did not
 * tell. */
static bool within_rates(struct eio_session *s, const struct http_request *r)
{
    return !s->guard || r->head.has_length || rates_take(s->guard, 0, r->body.len);
}

/* Hands a payload out packet by packet, until the session is held. A handler may end it in the
 * middle: the rest is then dropped. False at the first malformed packet, or the first too many;
 * those before it were delivered. */
static bool deliver(struct eio_polling *p)
{
    struct eio_session *s = p->session;
    struct eio_packet pk;

    while (p->rest.rest.p && !s->holds && s->state != EIO_STATE_CLOSED) {
        if (s->guard && !rates_take(s->guard, 1, 0))
            return false;
        if (eio_body_next(&p->rest, &pk) != PARSE_DONE)
            return false;
        if (pk.type == EIO_CLOSE) /* also from a session that is closing already */
            eio_session_end(s, EIO_TRANSPORT_CLOSE, NULL, EIO_END_NOOP);
        else
            eio_session_packet(s, &pk);
    }
    return true;
}

static void end_post(struct eio_polling *p, bool good)
{
    struct http_request *r = p->post;
    struct eio_session *s = p->session;
    struct eio_server *e = s->server;

    p->post = NULL;
    p->rest = (struct eio_body){ 0 };
    r->user = NULL;
    if (good) {
        /* text/html keeps some agents from offering the answer as a download. */
        answer(e, r, &(struct reply){ STR("text/html"), STR("ok"), false }, NULL);
        return;
    }
    if (s->guard && s->guard->exceeded) {
        end_too_fast(p, r);
        return;
    }
    e->stats.parse_errors++;
    eio_answer_empty(e, r, 400, false);
    eio_session_end(s, EIO_PARSE_ERROR, NULL, 0);
}

/* The POST is answered when all of it was delivered: a client sends no other before. */
static void go_on(struct eio_polling *p)
{
    bool good;

    p->delivering = true;
    good = deliver(p);
    p->delivering = false;
    if (!good || !p->rest.rest.p || p->session->state == EIO_STATE_CLOSED)
        end_post(p, good); /* else it is held */
}

void eio_polling_body(struct eio_polling *p, struct http_request *r)
{
    ASSERT(p->post == r);
    if (within_rates(p->session, r) && eio_body_open(&p->rest, p, r) == PARSE_DONE)
        go_on(p);
    else
        end_post(p, false);
}

static void on_go_on(struct loop_job *job)
{
    struct eio_polling *p = container_of(job, struct eio_polling, go_on);

    if (p->rest.rest.p)
        go_on(p);
}

void eio_polling_go_on(struct eio_polling *p)
{
    if (p->rest.rest.p && !p->delivering)
        loop_defer(server_of(p)->loop, &p->go_on);
}

void eio_polling_abort(struct eio_polling *p, struct http_request *r)
{
    const char *description = "poll connection closed prematurely";

    r->user = NULL;
    if (r == p->get) {
        p->get = NULL;
    } else {
        ASSERT(r == p->post);
        p->post = NULL;
        p->rest = (struct eio_body){ 0 };
        description = "data request connection closed prematurely";
    }
    eio_session_end(p->session, EIO_TRANSPORT_ERROR, description, 0);
}

/* --- Output --- */

bool eio_polling_has_room(const struct eio_polling *p, size_t n)
{
    return n <= EIO_MSGS_MAX && p->count + n <= EIO_MSGS_MAX;
}

void eio_polling_send(struct eio_polling *p, struct msg *const *msgs, size_t n)
{
    ASSERT(eio_polling_has_room(p, n));
    if (p->count + n > p->cap) {
        while (p->count + n > p->cap)
            p->cap = p->cap ? 2 * p->cap : 4;
        p->queue = mem_realloc(p->queue, p->cap * sizeof *p->queue);
    }
    for (size_t i = 0; i < n; i++) {
        p->queue[p->count++] = msg_ref(msgs[i]);
        p->bytes += msgs[i]->len;
        pressure_stats.polling_bytes += msgs[i]->len;
    }
    if (p->get)
        loop_defer(server_of(p)->loop, &p->flush);
    else
        p->waited = true;
}

void eio_polling_noop(struct eio_polling *p)
{
    if (p->get)
        flush(p, p->count > 0 ? 0 : '6');
}

void eio_polling_noop_later(struct eio_polling *p)
{
    p->noop_due = true;
    loop_defer(server_of(p)->loop, &p->flush);
}

void eio_polling_release(struct eio_polling *p, char last, bool with_queue)
{
    struct eio_server *e = server_of(p);
    struct http_request *r;

    loop_timer_stop(e->loop, &p->upgrade);
    list_remove(&p->flush.link);
    if (p->get && with_queue) {
        flush(p, last);
    } else if ((r = p->get)) {
        p->get = NULL;
        r->user = NULL;
        answer_packets(e, r, eio_body_write(&e->body, p, NULL, 0, last), false, NULL);
    }
    list_remove(&p->go_on.link);
    if (p->post && !p->delivering) {
        r = p->post;
        p->post = NULL;
        p->rest = (struct eio_body){ 0 };
        r->user = NULL;
        eio_answer_empty(e, r, 400, true);
    }
}
