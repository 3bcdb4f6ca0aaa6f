/* net/stream_write.c - the writing half of a stream: queue, flush, backpressure.
 *
 * Invariants
 *   - a stream with a queue waits either for this iteration's flush (its job is queued) or for
 *     EPOLLOUT (blocked), never for neither;
 *   - queued_bytes is the number of bytes in the queue that the kernel has not taken.
 *
 * Start reading at stream_send(), then stream_write_out().
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <sys/socket.h>

#include "net/burst.h"
#include "net/queue.h"
#include "net/stream_parts.h"

enum { WRITE_IOV_MAX = 256 };

void stream_send(struct stream *s, struct msg *m)
{
    if (s->closing || s->ending || s->fault || m->len == 0)
        return;
    if (UINT32_MAX - s->queued_bytes < m->len) {
        stream_fault(s, ATR_ELIMIT);
        return;
    }
    s->queue = queue_push(s->queue, m);
    s->queued_bytes += m->len;
    stream_stats.queued_bytes += m->len;
    if (!s->blocked)
        loop_flush_later(s->loop, &s->flush);
}

void stream_write(struct stream *s, str bytes)
{
    struct msg *m;

    if (s->closing || s->ending)
        return;
    m = msg_of(bytes);
    stream_send(s, m);
    msg_unref(m);
}

/* One system call. *asked is how many bytes it was given. piece: the whole queue, or empty. */
static ssize_t write_once(struct stream *s, str piece, size_t *asked)
{
    struct iovec iov[WRITE_IOV_MAX];
    struct msghdr head = { .msg_iov = iov };
    struct stream_queue *q = s->queue;

    stream_stats.writes++;
    if (s->secure)
        return tls_stream_write(s, asked);
    if (q->count == 1)
        piece = queue_rest(q);
    if (piece.n) {
        *asked = piece.n;
        return send(s->watch.fd, piece.p, piece.n, MSG_NOSIGNAL);
    }
    head.msg_iovlen = (size_t)queue_gather(q, iov, WRITE_IOV_MAX, asked);
    return sendmsg(s->watch.fd, &head, MSG_NOSIGNAL);
}

static void took(struct stream *s, size_t n)
{
    stream_stats.bytes_out += n;
    stream_stats.queued_bytes -= n;
    s->queued_bytes -= (uint32_t)n;
    stream_stats.messages_out += queue_consume(s->queue, n);
    if (s->queue->count == 0) {
        queue_free(s->queue);
        s->queue = NULL;
    }
}

static void set_blocked(struct stream *s, bool blocked)
{
    s->blocked = blocked;
    stream_interest(s);
}

/* The queue is empty, or the kernel takes no more of it. */
static void settle(struct stream *s, bool was_blocked)
{
    if (s->queue) {
        if (!was_blocked)
            set_blocked(s, true);
        return;
    }
    if (was_blocked)
        set_blocked(s, false);
    if (s->ending) {
        stream_finish(s);
    } else if ((was_blocked || s->tell) && s->events->on_drain) {
        s->tell = false;
        s->events->on_drain(s);
    }
}

void stream_written(struct stream *s, ssize_t n, size_t asked)
{
    s->untold = false;
    if (n < 0 && n != -EAGAIN) {
        stream_close(s, (int)n);
        return;
    }
    if (n > 0)
        took(s, (size_t)n);
    if (n == (ssize_t)asked && s->queue)
        loop_flush_later(s->loop, &s->flush); /* said since it was gathered */
    else
        settle(s, false);
}

/* Writes until the kernel takes no more. 0, or a negated errno. */
static int write_queue(struct stream *s, str piece)
{
    while (s->queue) {
        size_t asked;
        ssize_t n = write_once(s, piece, &asked);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno != EAGAIN)
            return -errno;
        if (n > 0)
            took(s, (size_t)n);
        if (n < 0 || (size_t)n < asked)
            break; /* the socket buffer is full: another call would only say so */
        piece = (str){ 0 };
    }
    return 0;
}

static void write_all(struct stream *s, str piece)
{
    bool was_blocked = s->blocked;
    int err = write_queue(s, piece);

    if (err < 0)
        stream_close(s, err);
    else
        settle(s, was_blocked);
}

void stream_write_out(struct stream *s)
{
    write_all(s, (str){ 0 });
}

/* What a burst has taken is not asked about: the kernel has it, or is about to. */
void stream_offer(struct stream *s)
{
    str piece = { 0 };
    int err;

    if (s->closing || s->fault || s->blocked || s->untold || !s->queue)
        return;
    if (s->queue->count > 1 && !s->secure && (piece = burst_coalesce(s)).n)
        stream_stats.coalesced++;
    if ((err = write_queue(s, piece)) < 0)
        stream_fault(s, err);
    else if (s->queue)
        set_blocked(s, true);
}

/* The queue is all that this iteration gathered; only such queues may equal each other. */
void stream_flush(struct stream *s)
{
    str piece = { 0 };

    if (s->queue && !s->blocked && !s->secure) {
        if (s->queue->count == 1)
            piece = queue_rest(s->queue);
        else if ((piece = burst_coalesce(s)).n)
            stream_stats.coalesced++;
        if (piece.n && burst_take(s, piece))
            return;
    }
    write_all(s, piece);
}
