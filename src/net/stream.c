/* net/stream.c - the life of a stream: opening, reading, pausing, closing.
 *
 * Invariants
 *   - on_data is called only by the loop (an event or a job), never from within a call of the
 * owner, and never for a stream whose on_data is on the stack;
 *   - `kept` is not freed before reap, because an on_data that closes may still be reading it;
 *   - what epoll is asked for follows from the flags, through interest() alone. Pausing only sets a
 *     flag: EPOLLIN goes when input arrives meanwhile, so a short pause costs no system call.
 *
 * Writing is in stream_write.c, ending in stream_end.c, TLS in tls_stream.c. Start reading at
 * stream_on_events().
 *
 * SPDX-License-Identifier: MIT
 */
#include "net/stream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/mem.h"
#include "base/slab.h"
#include "net/burst.h"
#include "net/coalesce.h"
#include "net/queue.h"
#include "net/stream_parts.h"

_Thread_local struct stream_stats stream_stats;

/* Every connection has one: beyond this the allocator's next size is 16 bytes more. */
static_assert(sizeof(struct stream) <= 120, "a stream has grown");

/* ROOM_MIN: the least worth a recv() behind kept bytes. FEW: what is cheaper copied than grown. */
enum { KEPT_ROOM_MIN = 4096, KEPT_FEW = 4096 };

/* Closes from the loop: for trouble met inside a call of the owner, who expects no callback there.
 */
void stream_fault(struct stream *s, int err)
{
    s->fault = (int16_t)err;
    loop_defer(s->loop, &s->offer);
}

void stream_interest(struct stream *s)
{
    bool in = s->ending ? !s->drained : !s->drained && !s->paused;
    uint32_t events = (in ? (uint32_t)EPOLLIN : 0) | (s->ended ? 0 : (uint32_t)EPOLLRDHUP) |
                      (s->blocked ? (uint32_t)EPOLLOUT : 0);
    int err;

    if (s->secure)
        events = tls_stream_interest(s, events);
    if (events != s->watch.events && !s->fault &&
        (err = loop_rewatch(s->loop, &s->watch, events)) < 0)
        stream_fault(s, err);
}

/* --- Reading --- */

static void drop_kept(struct stream *s)
{
    if (!s->kept)
        return;
    stream_stats.kept_bytes -= s->kept->cap;
    slab_free(s->kept, s->kept->class);
    s->kept = NULL;
}

static uint32_t kept_len(const struct stream *s)
{
    return s->kept ? s->kept->len : 0;
}

/* Makes room for n bytes behind the kept ones, at least doubling. */
static void grow_kept(struct stream *s, size_t n)
{
    struct stream_kept *old = s->kept, *k;
    size_t least = kept_len(s) + n, cap = old ? 2 * (size_t)old->cap : 0;
    uint8_t class;

    if (cap < least)
        cap = least;
    ASSERT(cap <= UINT32_MAX - sizeof *k);
    k = slab_alloc(sizeof *k + cap, &class);
    if (class != SLAB_BIG)
        cap = slab_size(class) - sizeof *k;
    *k = (struct stream_kept){ .len = kept_len(s), .cap = (uint32_t)cap, .class = class };
    if (old)
        memcpy(k->data, old->data, old->len);
    drop_kept(s);
    s->kept = k;
    stream_stats.kept_bytes += cap;
}

/* Keeps the unused end of what was offered; it lies in kept itself or in the read buffer. */
static void keep(struct stream *s, const uint8_t *rest, size_t n)
{
    if (n == 0) {
        drop_kept(s);
        return;
    }
    if (!s->kept)
        grow_kept(s, n);
    if (rest != s->kept->data)
        memmove(s->kept->data, rest, n);
    s->kept->len = (uint32_t)n;
}

static void deliver(struct stream *s, uint8_t *data, size_t n)
{
    const struct stream_events *before = s->events;
    size_t used = before->on_data(s, data, n);

    if (s->closing)
        return;
    ASSERT(used <= n);
    keep(s, data + used, s->ending ? 0 : n - used);
    if (s->kept && s->events != before)
        loop_defer(s->loop, &s->offer);
}

void stream_on_offer(struct loop_job *job)
{
    struct stream *s = container_of(job, struct stream, offer);

    if (s->fault)
        stream_close(s, s->fault);
    else if (s->kept && !s->paused && !s->ending)
        deliver(s, s->kept->data, s->kept->len);
}

static int socket_error(const struct stream *s)
{
    int err = 0;
    socklen_t len = sizeof err;

    (void)getsockopt(s->watch.fd, SOL_SOCKET, SO_ERROR, &err, &len);
    return err ? -err : ATR_ECLOSED;
}

static void on_last_byte(struct stream *s, bool read)
{
    bool told = s->ended;

    s->ended = true;
    s->drained = s->drained || read;
    if (!told)
        s->events->on_end(s);
    if (!s->closing)
        stream_interest(s);
}

/* Few kept bytes move to the front of the read buffer, so that a whole buffer can follow and
 * nothing is allocated; many are left where they are, and grow. */
static uint8_t *into_which(struct stream *s, size_t *room)
{
    if (kept_len(s) > KEPT_FEW) {
        if (s->kept->cap - s->kept->len < KEPT_ROOM_MIN)
            grow_kept(s, KEPT_ROOM_MIN);
        *room = s->kept->cap - s->kept->len;
        return s->kept->data;
    }
    if (s->kept)
        memcpy(s->loop->read_buffer, s->kept->data, s->kept->len);
    *room = LOOP_READ_BYTES - kept_len(s);
    return s->loop->read_buffer;
}

static void receive(struct stream *s, uint32_t events)
{
    size_t room, have = kept_len(s);
    uint8_t *into = into_which(s, &room);
    ssize_t n;

    n = s->secure ? tls_stream_read(s, into + have, room) : recv(s->watch.fd, into + have, room, 0);
    if (n > 0) {
        stream_stats.reads++;
        stream_stats.bytes_in += (uint64_t)n;
        if (s->kept && into == s->kept->data)
            s->kept->len += (uint32_t)n;
        else
            drop_kept(s); /* it is in front of what came */
        deliver(s, into, have + (size_t)n);
    } else if (n == 0) {
        on_last_byte(s, true);
    } else if (errno != EAGAIN && errno != EINTR) {
        stream_close(s, -errno);
    } else if (events & (EPOLLHUP | EPOLLERR)) {
        stream_close(s, socket_error(s)); /* it would be reported for ever */
    }
}

/* While paused only the peer's leaving is of interest. */
static void watch_leaving(struct stream *s, uint32_t events)
{
    if (events & (EPOLLHUP | EPOLLERR))
        stream_close(s, socket_error(s));
    else if (events & EPOLLRDHUP)
        on_last_byte(s, false);
    else
        stream_interest(s);
}

/* While ending nobody wants the input any more. */
static void discard(struct stream *s, uint32_t events)
{
    ssize_t n = recv(s->watch.fd, s->loop->read_buffer, LOOP_READ_BYTES, 0);

    if (n > 0 ||
        (n < 0 && (errno == EAGAIN || errno == EINTR) && !(events & (EPOLLHUP | EPOLLERR))))
        return;
    if (s->finished)
        stream_close(s, 0);
    else if (n < 0)
        stream_close(s, socket_error(s));
    else {
        s->ended = s->drained = true;
        stream_interest(s);
    }
}

void stream_on_events(struct watch *w, uint32_t events)
{
    struct stream *s = container_of(w, struct stream, watch);

    if (events & EPOLLOUT)
        stream_write_out(s);
    if (s->closing || !(events & ~(uint32_t)EPOLLOUT))
        return;
    if (s->drained)
        stream_close(s, socket_error(s)); /* only hanging up or an error is left to be told */
    else if (s->ending)
        discard(s, events);
    else if (s->paused)
        watch_leaving(s, events);
    else
        receive(s, events);
}

void stream_pause(struct stream *s)
{
    s->paused = true;
}

void stream_resume(struct stream *s)
{
    if (!s->paused || s->closing)
        return;
    s->paused = false;
    stream_interest(s);
    /* Even if nothing is kept: an on_data that is on the stack may keep something yet. */
    loop_defer(s->loop, &s->offer);
}

/* --- Opening and closing --- */

static void on_flush(struct loop_job *job)
{
    stream_flush(container_of(job, struct stream, flush));
}

void stream_init(struct stream *s, struct loop *l, int fd, const struct stream_events *events,
                 void *owner)
{
    int err;

    *s = (struct stream){ .loop = l, .events = events, .owner = owner };
    s->watch.on_events = stream_on_events;
    loop_job_init(&s->flush, on_flush);
    loop_job_init(&s->offer, stream_on_offer);
    if ((err = loop_watch(l, &s->watch, fd, EPOLLIN | EPOLLRDHUP)) < 0) {
        close(fd);
        stream_fault(s, err);
    }
}

struct stream *stream_new(struct loop *l, int fd, const struct stream_events *events, void *owner)
{
    struct stream *s = mem_alloc(sizeof *s);

    stream_init(s, l, fd, events, owner);
    return s;
}

void stream_give(struct stream *s, const struct stream_events *events, void *owner)
{
    s->events = events;
    s->owner = owner;
    if (!s->closing)
        loop_defer(s->loop, &s->offer);
}

static void reap(struct loop_job *job)
{
    struct stream *s = container_of(job, struct stream, flush);

    drop_kept(s);
    if (s->secure)
        tls_stream_free(s);
    mem_free(s);
}

void stream_close(struct stream *s, int err)
{
    int fd = s->watch.fd;

    if (s->closing)
        return; /* both ends may give up at once */
    s->closing = true;
    if (s->taken)
        burst_send(s->loop);
    if (s->ending)
        stream_stop_linger(s);
    else
        stream_uncount(s);
    if (s->secure)
        tls_stream_closed(s);
    loop_unwatch(s->loop, &s->watch);
    if (fd >= 0)
        close(fd);
    stream_stats.queued_bytes -= s->queued_bytes;
    s->queued_bytes = 0;
    queue_free(s->queue);
    s->queue = NULL;
    list_remove(&s->offer.link);
    s->flush.run = reap;
    loop_doom(s->loop, &s->flush);
    s->events->on_close(s, err);
}

/* --- Passing on --- */

/* What the kernel takes now is sent; the rest is a copy, as it may be held by others too. */
static void take_unsent(struct stream *s, struct buf *unsent)
{
    ASSERT(!s->taken && !s->untold); /* which ends with the flush phase */
    stream_offer(s);
    while (s->queue) {
        str piece = queue_rest(s->queue);

        buf_add(unsent, piece);
        (void)queue_consume(s->queue, piece.n);
        if (s->queue->count > 0)
            continue;
        queue_free(s->queue);
        s->queue = NULL;
    }
    stream_stats.queued_bytes -= s->queued_bytes;
    s->queued_bytes = 0;
}

int stream_detach(struct stream *s, struct buf *unread, struct buf *unsent)
{
    int fd = s->watch.fd, err;

    ASSERT(s->paused && !s->secure);
    ASSERT(!s->closing && !s->ending);
    if (unsent)
        take_unsent(s, unsent);
    ASSERT(!s->queue);
    err = s->fault;
    s->closing = true;
    stream_uncount(s);
    loop_unwatch(s->loop, &s->watch);
    list_remove(&s->offer.link);
    s->flush.run = reap;
    loop_doom(s->loop, &s->flush);
    if (err == 0) {
        if (s->kept)
            buf_append(unread, s->kept->data, s->kept->len);
        return fd;
    }
    if (fd >= 0)
        close(fd);
    return err;
}

void stream_preload(struct stream *s, str bytes)
{
    ASSERT(!s->kept && !s->secure);
    if (bytes.n == 0)
        return;
    grow_kept(s, bytes.n);
    memcpy(s->kept->data, bytes.p, bytes.n);
    s->kept->len = (uint32_t)bytes.n;
    loop_defer(s->loop, &s->offer);
}

/* --- Details --- */

void stream_peer(const struct stream *s, char out[64], uint16_t *port)
{
    struct sockaddr_storage a;
    socklen_t len = sizeof a;

    out[0] = '\0';
    *port = 0;
    if (s->watch.fd < 0 || getpeername(s->watch.fd, (struct sockaddr *)&a, &len) < 0)
        return;
    if (a.ss_family == AF_INET) {
        const struct sockaddr_in *in = (const void *)&a;
        (void)inet_ntop(AF_INET, &in->sin_addr, out, 64);
        *port = ntohs(in->sin_port);
    } else if (a.ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const void *)&a;
        (void)inet_ntop(AF_INET6, &in6->sin6_addr, out, 64);
        *port = ntohs(in6->sin6_port);
    }
}

void stream_trim(void)
{
    coalesce_trim();
}
