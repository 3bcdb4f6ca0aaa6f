/* sticky/relayed.c - requests that another worker answers while their connection stays here.
 *
 * The request goes there whole, over one end of a socket pair that is as good as the client's
 * connection; the answer is gathered and goes out in one piece, so that a worker that dies on the
 * way leaves an error and not half an answer. If the answer is that the connection is a WebSocket
 * now, the two are joined for good.
 *
 * Start reading at sticky_relay(), then on_data().
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/tether.h"
#include "sticky/parts.h"

enum {
    FIXED_BYTES = 4,           /* of the message: flags, lengths of address and certificate */
    FIRST_BYTES = 32 * 1024,   /* of the request that go in the message; the rest follows */
    ANSWER_HEAD_MAX = 1 << 20, /* of what is our own */
    ANSWER_BYTES_MAX = 256 << 20
};

struct relayed {
    struct sticky *in;
    struct list link; /* in in->relayed */
    unsigned slot;
    bool begins;
    struct http_request *request; /* NULL: answered, or the client left */
    struct http_handler handler;  /* in place of */
    struct http_handler *former;
    struct stream *stream; /* our end of the pair; NULL: none (any more) */
    size_t total;          /* of the answer; 0: its head has not come whole */
    struct loop_job reaper;
};

/* A WebSocket of another worker's, whose client is connected to this one. */
struct pipe {
    struct tether tether;
    struct sticky *in;
    struct list link; /* in in->pipes */
    struct loop_job reaper;
};

static void reap(struct loop_job *job)
{
    mem_free(container_of(job, struct relayed, reaper));
}

static void end(struct relayed *x)
{
    struct stream *st = x->stream;

    if (list_empty(&x->link))
        return;
    list_remove(&x->link);
    x->in->stats.waiting--;
    x->request = NULL;
    x->stream = NULL;
    if (st)
        stream_close(st, 0);
    loop_doom(x->in->peers->loop, &x->reaper);
}

/* There will be no answer. Its client tries again, as after any error. */
static void fail(struct relayed *x)
{
    struct http_request *r = x->request;

    if (!r)
        return;
    x->in->stats.relay_failures++;
    x->request = NULL;
    end(x);
    http_respond(r, &(struct http_response){ .status = 502 });
}

/* --- WebSockets --- */

static void reap_pipe(struct loop_job *job)
{
    mem_free(container_of(job, struct pipe, reaper));
}

static void end_pipe(struct pipe *p)
{
    list_remove(&p->link);
    p->in->stats.pipes--;
    loop_doom(p->in->peers->loop, &p->reaper);
}

static void on_pipe_done(struct tether *t)
{
    end_pipe(container_of(t, struct pipe, tether));
}

/* answer is the 101 and what came behind it. */
static void join(struct relayed *x, str answer)
{
    struct sticky *s = x->in;
    struct stream *other = x->stream, *client = http_take_stream(x->request);
    struct pipe *p = mem_alloc(sizeof *p);

    *p = (struct pipe){ .tether.on_done = on_pipe_done, .in = s };
    list_init(&p->link);
    list_append(&s->pipes, &p->link);
    loop_job_init(&p->reaper, reap_pipe);
    s->stats.pipes++;
    x->stream = NULL;
    end(x);
    stream_write(client, answer);
    tether_join(&p->tether, client, other);
}

/* --- The answer --- */

/* Looks at the answer's head. False: it is none of ours. */
static bool measure(struct relayed *x, str in, struct http_head *head)
{
    bool bodiless = str_eq(x->request->head.method, STR("HEAD"));

    switch (http1_response(in.p, in.n, ANSWER_HEAD_MAX, head)) {
    case PARSE_MORE:
        return true;
    case PARSE_BAD:
        return false;
    case PARSE_DONE:
        break;
    }
    if (head->chunked || (head->status < 200 && head->status != 101) ||
        head->length > ANSWER_BYTES_MAX || (head->status == 101 && !x->request->head.upgrade))
        return false;
    bodiless |= head->status == 101 || head->status == 204 || head->status == 304;
    x->total = head->bytes + (bodiless ? 0 : (size_t)head->length);
    return true;
}

static void answer(struct relayed *x, str whole)
{
    struct http_request *r = x->request;
    struct http_head head;

    (void)http1_response(whole.p, whole.n, ANSWER_HEAD_MAX, &head);
    if (head.status == 101) {
        join(x, whole);
        return;
    }
    x->request = NULL;
    http_respond_relayed(r, str_n(whole.p, x->total), !head.keep_alive);
    end(x);
}

static size_t on_data(struct stream *st, uint8_t *data, size_t n)
{
    struct relayed *x = st->owner;
    str in = str_n((char *)data, n);
    struct http_head head;

    if (!x->request)
        return n;
    if (!x->total && !measure(x, in, &head)) {
        fail(x);
        return n;
    }
    if (!x->total || n < x->total)
        return 0; /* kept, until all of it is there */
    answer(x, in);
    return n;
}

static void on_end(struct stream *st)
{
    stream_close(st, ATR_ECLOSED);
}

static void on_close(struct stream *st, int err)
{
    struct relayed *x = st->owner;

    (void)err;
    if (x->stream != st)
        return;
    x->stream = NULL;
    fail(x);
}

/* --- The request --- */

static void write_u16(struct buf *b, size_t n)
{
    buf_byte(b, (uint8_t)(n >> 8));
    buf_byte(b, (uint8_t)n);
}

static void write_origin(struct buf *b, struct http_request *r, bool begins)
{
    bool verified;
    str peer = http_peer(r), cert = http_client_cert(r, &verified);

    buf_byte(b, (uint8_t)((begins ? STICKY_BEGINS : 0) | (r->secure ? STICKY_SECURE : 0) |
                          (verified ? STICKY_VERIFIED : 0)));
    buf_byte(b, (uint8_t)peer.n); /* at most 63 */
    write_u16(b, cert.n);         /* at most TLS_SUBJECT_MAX */
    buf_add(b, peer);
    buf_add(b, cert);
}

/* The request as it came, but for the sizes of its chunks. */
static void write_request(struct buf *b, const struct http_request *r)
{
    str body = buf_str(&r->body);

    buf_add(b, r->head_text);
    if (!r->head.chunked) {
        buf_add(b, body);
        return;
    }
    if (body.n) {
        buf_format(b, "%zx\r\n", body.n);
        buf_add(b, body);
        buf_add(b, STR("\r\n"));
    }
    buf_add(b, STR("0\r\n\r\n"));
}

static int send_to(struct relayed *x, const struct buf *message, size_t first, int fd)
{
    return peers_send(x->in->peers, x->slot, STICKY_KIND_RELAY, str_n(message->data, first), &fd,
                      1);
}

/* Sends the request; 0 or a negative code. */
static int ask(struct relayed *x)
{
    static const struct stream_events events = { .on_data = on_data,
                                                 .on_end = on_end,
                                                 .on_close = on_close };
    struct loop *loop = x->in->peers->loop;
    struct buf b = { 0 };
    int fds[2], err;
    size_t first;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) < 0)
        return -errno;
    write_origin(&b, x->request, x->begins);
    first = b.len + FIRST_BYTES;
    write_request(&b, x->request);
    if (first > b.len)
        first = b.len;
    err = send_to(x, &b, first, fds[1]);
    close(fds[1]);
    if (err < 0) {
        close(fds[0]);
    } else {
        x->stream = stream_new(loop, fds[0], &events, x);
        if (first < b.len)
            stream_write(x->stream, str_n(b.data + first, b.len - first));
    }
    buf_free(&b);
    return err;
}

/* It cannot be sent. A session can begin here as well, but one that is there will not answer. */
static void return_it(struct relayed *x)
{
    struct http_handler *former = x->former;
    struct http_request *r = x->request;

    if (!x->begins) {
        fail(x);
        return;
    }
    x->in->stats.returned++;
    sticky_unsent(x->in, x->slot);
    end(x);
    r->handler = former;
    r->user = NULL;
    former->on_request(former, r);
}

static struct relayed *relayed_of(struct http_handler *h)
{
    return container_of(h, struct relayed, handler);
}

static void on_request(struct http_handler *h, struct http_request *r)
{
    struct relayed *x = relayed_of(h);

    (void)r;
    if (ask(x) < 0)
        return_it(x);
    else
        x->in->stats.relayed++;
}

/* The client has left; the other worker learns of it by the pair. */
static void on_abort(struct http_handler *h, struct http_request *r)
{
    struct relayed *x = relayed_of(h);

    (void)r;
    if (x->begins && !x->stream)
        sticky_unsent(x->in, x->slot);
    end(x);
}

void sticky_relay(struct sticky *s, unsigned slot, bool begins, struct http_request *r)
{
    struct relayed *x = mem_alloc(sizeof *x);

    *x = (struct relayed){
        .in = s,
        .slot = slot,
        .begins = begins,
        .request = r,
        .handler = { .on_request = on_request, .on_abort = on_abort, .on_too_large = on_abort },
        .former = r->handler
    };
    list_init(&x->link);
    list_append(&s->relayed, &x->link);
    loop_job_init(&x->reaper, reap);
    s->stats.waiting++;
    r->handler = &x->handler;
}

/* --- At the other worker --- */

void sticky_take_relayed(struct sticky *s, str data, int fd)
{
    const uint8_t *at = (const uint8_t *)data.p;
    struct http_origin o;
    size_t peer, cert;

    if (data.n < FIXED_BYTES)
        goto wrong;
    peer = at[1];
    cert = (size_t)at[2] << 8 | at[3];
    if (data.n - FIXED_BYTES < peer + cert)
        goto wrong;
    o = (struct http_origin){ .peer = str_n(data.p + FIXED_BYTES, peer),
                              .cert = str_n(data.p + FIXED_BYTES + peer, cert),
                              .secure = at[0] & STICKY_SECURE,
                              .verified = at[0] & STICKY_VERIFIED };
    s->stats.relayed_in++;
    data = str_n(o.cert.p + cert, data.n - FIXED_BYTES - peer - cert);
    http_server_adopt_relayed(s->http, fd, data, &o);
    if (at[0] & STICKY_BEGINS)
        sticky_is_due(s);
    return;
wrong:
    close(fd);
}

/* A request that is not written to its end is a POST, which is answered soon anyway. */
void sticky_hurry(struct sticky *s)
{
    for (struct list *at = s->relayed.next; at != &s->relayed; at = at->next) {
        struct relayed *x = container_of(at, struct relayed, link);

        if (x->stream && !stream_has_queue(x->stream))
            (void)shutdown(x->stream->watch.fd, SHUT_WR);
    }
}

void sticky_drop_relayed(struct sticky *s)
{
    while (!list_empty(&s->relayed))
        fail(container_of(s->relayed.next, struct relayed, link));
    while (!list_empty(&s->pipes)) {
        struct pipe *p = container_of(s->pipes.next, struct pipe, link);

        tether_close(&p->tether);
        end_pipe(p);
    }
}
