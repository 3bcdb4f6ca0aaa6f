/* sticky/pass.c - connections that leave for another worker, and those that come from one.
 *
 * A connection leaves once all that was answered on it before is written: at once, as a rule. Until
 * then nothing of it is read.
 *
 * Start reading at sticky_pass().
 *
 * SPDX-License-Identifier: MIT
 */
#include <unistd.h>

#include "base/mem.h"
#include "sticky/parts.h"

enum { HEAD_BYTES = 2 }; /* of the message: flags, moves */

struct passing {
    struct sticky *in;
    struct list link; /* in in->passing */
    struct stream *stream;
    unsigned slot;
    bool begins;
    struct buf message; /* its head, and the request's */
    struct loop_job job;
    struct timer stall; /* the client takes nothing of what was answered before */
};

/* The stream is somebody else's, or closed. */
static void end(struct passing *p)
{
    loop_timer_stop(p->in->peers->loop, &p->stall);
    list_remove(&p->job.link);
    list_remove(&p->link);
    buf_free(&p->message);
    mem_free(p);
}

/* Nobody there takes it: its client is served here. */
static void serve_here(struct sticky *s, int fd, const struct buf *message)
{
    s->stats.returned++;
    http_server_adopt_bytes(s->http, fd,
                            str_n(message->data + HEAD_BYTES, message->len - HEAD_BYTES),
                            message->data[1]);
}

static void leave(struct passing *p)
{
    struct sticky *s = p->in;
    int fd = stream_detach(p->stream, &p->message, NULL);

    if (fd >= 0 &&
        peers_send(s->peers, p->slot, STICKY_KIND_PASS, buf_str(&p->message), &fd, 1) == 0) {
        s->stats.passed++;
        close(fd);
    } else {
        if (p->begins)
            sticky_unsent(s, p->slot);
        if (fd >= 0)
            serve_here(s, fd, &p->message);
    }
    end(p);
}

static void on_job(struct loop_job *job)
{
    struct passing *p = container_of(job, struct passing, job);

    if (stream_has_queue(p->stream))
        stream_tell_drain(p->stream);
    else
        leave(p);
}

static void on_stall(struct timer *t)
{
    stream_close(container_of(t, struct passing, stall)->stream, ATR_ETIMEOUT);
}

static size_t on_data(struct stream *st, uint8_t *data, size_t n)
{
    (void)st, (void)data, (void)n; /* it is paused */
    return 0;
}

static void on_end(struct stream *st)
{
    stream_close(st, ATR_ECLOSED); /* as between requests: the client has left */
}

static void on_drain(struct stream *st)
{
    struct passing *p = st->owner;

    loop_defer(p->in->peers->loop, &p->job);
}

static void on_close(struct stream *st, int err)
{
    struct passing *p = st->owner;

    (void)err;
    if (p->begins)
        sticky_unsent(p->in, p->slot);
    end(p);
}

void sticky_pass(struct sticky *s, unsigned slot, bool begins, struct http_request *r)
{
    static const struct stream_events events = {
        .on_data = on_data, .on_end = on_end, .on_close = on_close, .on_drain = on_drain
    };
    struct passing *p = mem_alloc(sizeof *p);
    unsigned moves = http_moves(r) + 1;

    *p = (struct passing){ .in = s, .slot = slot, .begins = begins };
    list_init(&p->link);
    list_append(&s->passing, &p->link);
    loop_job_init(&p->job, on_job);
    timer_init(&p->stall, on_stall);
    buf_byte(&p->message, begins ? STICKY_BEGINS : 0);
    buf_byte(&p->message, (uint8_t)(moves < UINT8_MAX ? moves : UINT8_MAX));
    p->stream = http_hand_over(r, &p->message);
    stream_give(p->stream, &events, p);
    loop_timer(s->peers->loop, &p->stall, s->http->limits.write_timeout_ms);
    loop_defer(s->peers->loop, &p->job);
}

void sticky_take_passed(struct sticky *s, str data, int fd)
{
    const uint8_t *head = (const uint8_t *)data.p;

    if (data.n < HEAD_BYTES) {
        close(fd);
        return;
    }
    s->stats.passed_in++;
    http_server_adopt_bytes(s->http, fd, str_n(data.p + HEAD_BYTES, data.n - HEAD_BYTES), head[1]);
    if (head[0] & STICKY_BEGINS)
        sticky_is_due(s);
}

void sticky_drop_passing(struct sticky *s)
{
    while (!list_empty(&s->passing))
        stream_close(container_of(s->passing.next, struct passing, link)->stream, ATR_ECLOSED);
}
