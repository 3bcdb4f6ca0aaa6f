/* net/stream_end.c - ending a stream so that the peer gets all that was said.
 *
 * First the queue is written, as long as it moves; then the peer is told (a FIN); then what it
 * still sends is dropped until it has closed as well, for at most STREAM_LINGER_MS. Closing at once
 * would make the kernel answer unread input with a reset, which can destroy what is under way.
 *
 * Invariants
 *   - an ending stream is under a timer, unless it is closed in the call that ends it;
 *   - on_data and on_end are not called for it any more.
 *
 * Start reading at stream_end().
 *
 * SPDX-License-Identifier: MIT
 */
#include <sys/socket.h>

#include "base/slab.h"
#include "net/stream_parts.h"

struct stream_linger {
    struct timer timer;
    struct list link; /* in lingering */
    struct stream *stream;
    uint32_t left; /* queued_bytes when the timer was started */
    uint8_t class;
};

/* Those of this thread: a detached stream is nobody's, but must not outlive its loop. Zeroed until
 * the first one. */
static _Thread_local struct list lingering;

static void on_linger(struct timer *t)
{
    struct stream_linger *g = container_of(t, struct stream_linger, timer);
    struct stream *s = g->stream;

    if (s->finished || s->queued_bytes == g->left) {
        stream_close(s, s->finished ? 0 : ATR_ETIMEOUT);
        return;
    }
    g->left = s->queued_bytes;
    loop_timer(s->loop, t, STREAM_STALL_MS);
}

static void linger(struct stream *s, uint64_t delay_ms)
{
    uint8_t class;

    if (!s->linger) {
        s->linger = slab_alloc(sizeof *s->linger, &class);
        *s->linger = (struct stream_linger){ .stream = s, .class = class };
        timer_init(&s->linger->timer, on_linger);
        list_init(&s->linger->link);
        if (!lingering.next)
            list_init(&lingering);
        list_append(&lingering, &s->linger->link);
    }
    s->linger->left = s->queued_bytes;
    loop_timer(s->loop, &s->linger->timer, delay_ms);
}

void stream_stop_linger(struct stream *s)
{
    struct stream_linger *g = s->linger;

    if (!g)
        return;
    loop_timer_stop(s->loop, &g->timer);
    list_remove(&g->link);
    slab_free(g, g->class);
    s->linger = NULL;
}

void stream_uncount(struct stream *s)
{
    if (s->counted)
        --*s->counted;
    s->counted = NULL;
}

void stream_finish(struct stream *s)
{
    /* A peer that finished sending before waits for nothing but our answer. */
    if ((s->secure && !tls_stream_finish(s)) || s->drained || shutdown(s->watch.fd, SHUT_WR) < 0) {
        stream_close(s, 0);
        return;
    }
    s->finished = true;
    linger(s, STREAM_LINGER_MS);
}

void stream_end(struct stream *s)
{
    if (s->closing || s->ending)
        return;
    stream_uncount(s);
    s->ending = true;
    stream_interest(s);
    if (s->watch.fd < 0)
        return; /* the fault is told from the loop */
    if (s->queue)
        linger(s, STREAM_STALL_MS);
    else
        stream_finish(s);
}

static size_t orphan_data(struct stream *s, uint8_t *data, size_t n)
{
    (void)s, (void)data;
    return n;
}

static void orphan_end(struct stream *s)
{
    (void)s;
}

static void orphan_close(struct stream *s, int err)
{
    (void)s, (void)err;
}

void stream_end_detached(struct stream *s)
{
    static const struct stream_events orphan = { .on_data = orphan_data,
                                                 .on_end = orphan_end,
                                                 .on_close = orphan_close };
    if (s->closing)
        return;
    s->events = &orphan;
    s->owner = NULL;
    stream_end(s);
}

bool stream_ends_written(const struct loop *l)
{
    for (struct list *at = lingering.next; at && at != &lingering; at = at->next) {
        const struct stream *s = container_of(at, struct stream_linger, link)->stream;

        if (s->loop == l && s->queue)
            return false;
    }
    return true;
}

void stream_end_all(struct loop *l)
{
    struct list *at = lingering.next;

    while (at && at != &lingering) {
        struct stream *s = container_of(at, struct stream_linger, link)->stream;

        at = at->next;
        if (s->loop != l)
            continue;
        stream_close(s, ATR_ECLOSED);
        at = lingering.next; /* its owner may have closed others */
    }
}
