/* net/stream.h - a connected byte stream: reads into shared memory, writes gathered once per iteration.
 *
 * Reading: bytes land in the loop's read buffer and are offered to on_data, which answers how many it
 * used; the rest is kept (only then does the stream own a buffer) and offered again with more behind.
 * An idle stream owns no buffer at all.
 *
 * Writing: stream_send() queues a reference; the queue of each stream is flushed once per iteration by
 * one writev. Streams that hold the same messages are served from one concatenation of them. What the
 * kernel does not take waits for EPOLLOUT.
 *
 * Closing: stream_close() may be called anywhere, also in the stream's own callbacks. on_close runs
 * exactly once, in the close call; the memory lives until the end of the iteration.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef NET_STREAM_H
#define NET_STREAM_H

#include "base/buf.h"
#include "base/msg.h"
#include "net/loop.h"

struct stream;

struct stream_events {
    /* data may be changed in place. Returns how many bytes were used; 0 to n. Not called while
     * paused or closed. May replace the stream's owner and events (an upgrade). */
    size_t (*on_data)(struct stream *s, uint8_t *data, size_t n);
    /* The peer finished sending (half-close). Closing is the usual answer. */
    void (*on_end)(struct stream *s);
    /* err: 0 for our own stream_close(), else a negative code (ATR_ECLOSED, -ECONNRESET, ...). */
    void (*on_close)(struct stream *s, int err);
    /* The queue, having been non-empty at the end of a flush, is empty again. May be NULL. */
    void (*on_drain)(struct stream *s);
};

struct stream_queue; /* messages not yet taken by the kernel; exists only while there are some */

struct stream {
    struct watch watch;
    struct loop *loop;
    const struct stream_events *events;
    void *owner;
    struct loop_job flush;       /* queued while there is something to write; reused for reaping */
    struct stream_queue *queue;  /* NULL: nothing to write */
    uint8_t *kept;               /* bytes read and not used; NULL: none */
    uint32_t kept_len, kept_cap;
    uint32_t queued_bytes;       /* in queue */
    bool paused, closing, ending, blocked; /* ending: close after the queue is written;
                                              blocked: the kernel refused more */
    bool ended;                  /* the peer sent its last byte */
    uint8_t reserved[3];
};

struct stream_stats { /* of this thread */
    uint64_t bytes_in, bytes_out, reads, writes, messages_out;
    uint64_t kept_bytes, queued_bytes; /* held right now, all streams */
    uint64_t coalesced;                /* flushes served from a shared concatenation */
};
extern _Thread_local struct stream_stats stream_stats;

/* Takes a connected, non-blocking descriptor. The stream is freed by itself after closing. */
struct stream *stream_new(struct loop *l, int fd, const struct stream_events *events, void *owner);

/* Queues m (takes its own reference). A closed stream ignores it. */
void stream_send(struct stream *s, struct msg *m);
/* Copies bytes into a message and queues it. */
void stream_write(struct stream *s, str bytes);

/* Stops reading; kept bytes wait. Resuming offers kept bytes again, from the loop, not from within. */
void stream_pause(struct stream *s);
void stream_resume(struct stream *s);

/* Closes now; what is queued is lost. */
void stream_close(struct stream *s, int err);
/* Closes once the queue is written. on_data is not called any more; on_close comes at the end. */
void stream_end(struct stream *s);

/* Whether something waits for the kernel or for this iteration's flush. */
static inline bool stream_has_queue(const struct stream *s)
{
    return s->queue != NULL;
}

/* The peer's address, "127.0.0.1" or "::1" style (an IPv4-mapped address in its IPv4 form as
 * "::ffff:1.2.3.4", as Node prints it); out has room for 64 bytes. Port through port. */
void stream_peer(const struct stream *s, char out[64], uint16_t *port);

#endif
