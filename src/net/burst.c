/* net/burst.c - see burst.h.
 *
 * Two steps: sending (burst_send), which may happen at any moment and calls nobody, and telling the
 * streams what became of it (finish), which may close them and runs at the end of the flush phase,
 * or when the burst is full.
 *
 * Invariants
 *   - sent <= count; a stream is `taken` while its part is gathered and not sent;
 *   - the bytes of a part belong to a message in its stream's queue, or to the concatenation, which
 *     is not replaced before they are sent;
 *   - a part's stream is in memory: streams are freed by the reap phase, later.
 *
 * Start reading at burst_take().
 *
 * SPDX-License-Identifier: MIT
 */
#include "net/burst.h"

#include <errno.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "net/coalesce.h"
#include "net/queue.h"
#include "net/stream_parts.h"
#include "net/uring.h"

/* MAX: more gains nothing, and the ring's memory counts. LEAST: fewer cost less one by one. */
enum { BURST_MAX = 256, BURST_LEAST = 4 };

struct part {
    struct stream *stream;
    str bytes;
    ssize_t result; /* once sent: as of send(), with -errno */
};

struct burst {
    struct loop_job finish; /* queued while count > 0 */
    uint32_t count, sent;
    bool shared; /* a part that is not sent yet lies in the concatenation */
    struct uring ring;
    struct part parts[BURST_MAX];
};

/* --- Sending --- */

static void send_alone(struct part *p)
{
    do
        p->result = send(p->stream->watch.fd, p->bytes.p, p->bytes.n, MSG_NOSIGNAL);
    while (p->result < 0 && errno == EINTR);
    if (p->result < 0)
        p->result = -errno;
}

static void send_together(struct burst *b)
{
    uint32_t first = b->sent, tag, made;
    int result;

    for (uint32_t i = first; i < b->count; i++) {
        struct part *p = &b->parts[i];
        p->result = (ssize_t)p->bytes.n;
        uring_send(&b->ring, p->stream->watch.fd, p->bytes.p, p->bytes.n, i);
    }
    made = uring_run(&b->ring);
    while (uring_next(&b->ring, &tag, &result))
        b->parts[tag].result = result;
    stream_stats.bursts++;
    stream_stats.burst_writes += made;
    for (uint32_t i = first + made; i < b->count; i++)
        send_alone(&b->parts[i]);
}

void burst_send(struct loop *l)
{
    struct burst *b = l->burst;
    uint32_t left = b->count - b->sent;

    if (left >= BURST_LEAST)
        send_together(b);
    else
        for (uint32_t i = b->sent; i < b->count; i++)
            send_alone(&b->parts[i]);
    for (; b->sent < b->count; b->sent++)
        b->parts[b->sent].stream->taken = false;
    b->shared = false;
}

static void finish(struct loop_job *job)
{
    struct burst *b = container_of(job, struct burst, finish);

    if (b->count == 0)
        return;
    burst_send(b->parts[0].stream->loop);
    for (uint32_t i = 0; i < b->count; i++) {
        struct part *p = &b->parts[i];
        if (!p->stream->closing)
            stream_written(p->stream, p->result, p->bytes.n);
    }
    b->count = b->sent = 0;
}

/* --- Gathering --- */

static struct burst *burst_of(struct loop *l)
{
    struct burst *b = l->burst;

    if (l->no_burst || l->no_uring)
        return NULL;
    if (b)
        return b;
    b = mem_zalloc(sizeof *b);
    if (uring_open(&b->ring, BURST_MAX) < 0) {
        mem_free(b);
        l->no_uring = true;
        return NULL;
    }
    loop_job_init(&b->finish, finish);
    l->burst = b;
    return b;
}

str burst_coalesce(const struct stream *s)
{
    struct burst *b = s->loop->burst;
    str known = coalesce_known(s->queue);

    if (known.n)
        return known;
    if (b && b->shared)
        burst_send(s->loop); /* the concatenation may be replaced now */
    return coalesce(s->loop, s->queue, s->queued_bytes);
}

bool burst_take(struct stream *s, str piece)
{
    struct burst *b = burst_of(s->loop);

    if (!b)
        return false;
    if (b->count == 0)
        loop_after_flush(s->loop, &b->finish);
    b->parts[b->count++] = (struct part){ .stream = s, .bytes = piece };
    b->shared = b->shared || s->queue->count > 1;
    s->taken = s->untold = true;
    stream_stats.writes++;
    if (b->count == BURST_MAX)
        finish(&b->finish);
    return true;
}

void burst_free(struct loop *l)
{
    if (!l->burst)
        return;
    uring_close(&l->burst->ring);
    mem_free(l->burst);
    l->burst = NULL;
}
