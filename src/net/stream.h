/* net/stream.h - a connected byte stream: reads into shared memory, writes gathered once per
 * iteration.
 *
 * Reading: bytes land in the loop's read buffer and are offered to on_data, which answers how many
 * it used; the rest is kept (only then does the stream own a buffer) and offered again with more
 * behind. An idle stream owns no buffer at all.
 *
 * Writing: stream_send() queues a reference; the queue of each stream is flushed once per iteration
 * by one writev. Streams that hold the same messages are served from one concatenation of them.
 * What the kernel does not take waits for EPOLLOUT.
 *
 * Closing: stream_close() may be called anywhere, also in the stream's own callbacks. on_close runs
 * exactly once, in the close call; the memory lives until the end of the iteration.
 *
 * Ending: stream_end() writes the queue, says so to the peer (a FIN) and drops what it still sends
 * until it has closed as well, for at most STREAM_LINGER_MS: closing with unread input would make
 * the kernel reset the connection and could destroy an answer under way.
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
     * paused, ending or closed. May replace the stream's owner and events (an upgrade); the new
     * ones are offered what was not used, from the loop. A consumer that wants no more bytes
     * pauses: as long as it does not, what it left unused grows with every read. */
    size_t (*on_data)(struct stream *s, uint8_t *data, size_t n);
    /* The peer finished sending (half-close): exactly once, after its last byte; but at once while
     * paused, when input may still wait. Closing is the usual answer. Not called while ending. */
    void (*on_end)(struct stream *s);
    /* err: what stream_close() was given, 0 after stream_end(), else a negative code (ATR_ECLOSED,
     * -ECONNRESET, ...). */
    void (*on_close)(struct stream *s, int err);
    /* The queue, having been non-empty at the end of a flush or when stream_tell_drain() was
     * called, is empty again. May be NULL. */
    void (*on_drain)(struct stream *s);
};

struct stream_queue; /* messages not yet taken by the kernel; exists only while there are some */
struct stream_linger;

/* Bytes read and not used. */
struct stream_kept {
    uint32_t len, cap;
    uint8_t class; /* of the slab */
    uint8_t data[];
};

enum {
    STREAM_LINGER_MS = 2000, /* for the peer to close too, once all is written */
    STREAM_STALL_MS = 30000  /* an ending stream that writes nothing for so long is closed */
};

struct stream {
    struct watch watch;
    struct loop *loop;
    const struct stream_events *events;
    void *owner;
    struct loop_job flush;      /* queued while there is something to write; reused for reaping */
    struct loop_job offer;      /* queued when kept bytes are to be offered, or a fault told */
    struct stream_queue *queue; /* NULL: nothing to write */
    union {
        uint64_t *counted;            /* NULL, or one less there once it ends or closes */
        struct stream_linger *linger; /* ending: NULL unless that takes time */
    };
    struct stream_kept *kept; /* NULL: none */
    uint32_t queued_bytes;    /* in queue */
    int16_t fault;            /* to be closed from the loop with this code; 0: no */
    bool paused : 1, closing : 1;
    bool ending : 1;   /* close after the queue is written */
    bool blocked : 1;  /* the kernel refused more */
    bool ended : 1;    /* the peer sent its last byte (not necessarily read yet) */
    bool drained : 1;  /* and there is nothing left to read */
    bool finished : 1; /* our last byte is written, and the peer was told */
    bool tell : 1;     /* on_drain is due even if the kernel takes all at once */
    bool secure : 1;   /* speaks TLS: it is part of a struct tls_stream */
    bool taken : 1;    /* by this phase's burst, which has not sent yet */
    bool untold : 1;   /* or has, and not said what became of it */
};

struct stream_stats { /* of this thread */
    uint64_t bytes_in, bytes_out, messages_out;
    uint64_t reads, writes;            /* reads that gave something, all writes */
    uint64_t kept_bytes, queued_bytes; /* held right now, all streams; kept: the buffers' size */
    uint64_t coalesced;                /* flushes served from a shared concatenation */
    uint64_t bursts, burst_writes;     /* calls that made many writes; of writes: those */
};
extern _Thread_local struct stream_stats stream_stats;

/* Takes a connected, non-blocking socket. The stream is freed by itself after closing. Never NULL:
 * if the socket cannot be watched, the stream closes from the loop. */
struct stream *stream_new(struct loop *l, int fd, const struct stream_events *events, void *owner)
    __attribute__((returns_nonnull));

/* Hands the stream to another consumer. Bytes kept for the former one are offered to it, from the
 * loop. */
void stream_give(struct stream *s, const struct stream_events *events, void *owner);

/* Queues m (takes its own reference). An ending or closed stream ignores it. The owner bounds
 * queued_bytes; a queue of 4 GiB closes the stream from the loop with ATR_ELIMIT. */
void stream_send(struct stream *s, struct msg *m);
/* Copies bytes into a message and queues it. */
void stream_write(struct stream *s, str bytes);

/* Offers what is queued to the kernel now, for an owner who wants to know what it does not take. No
 * callback runs in this call. */
void stream_offer(struct stream *s);
/* Wants on_drain when what is queued, now or until the next flush, has been written. */
static inline void stream_tell_drain(struct stream *s)
{
    s->tell = true;
}

/* Stops reading; kept bytes wait. Resuming offers kept bytes again, from the loop, not from within.
 */
void stream_pause(struct stream *s);
void stream_resume(struct stream *s);

/* Closes now; what is queued is lost. A no-op when closed already. */
void stream_close(struct stream *s, int err);
/* Closes once the queue is written and the peer has closed too (or did not in time). on_data is not
 * called any more; on_close comes at the end, perhaps in this call. A paused stream is resumed. */
void stream_end(struct stream *s);
/* The same, but forgets the owner: it gets no callback any more, on_close included. */
void stream_end_detached(struct stream *s);
/* Whether those of a loop that are taking leave have nothing left to write. */
bool stream_ends_written(const struct loop *l);
/* Closes those of a loop that are still taking leave, before the loop goes. */
void stream_end_all(struct loop *l);

/* Whether something waits for the kernel or for this iteration's flush. */
static inline bool stream_has_queue(const struct stream *s)
{
    return s->queue != NULL;
}

/* The peer's address, "127.0.0.1" or "::1" style (an IPv4-mapped address in its IPv4 form as
 * "::ffff:1.2.3.4", as Node prints it); out has room for 64 bytes. Port through port. */
void stream_peer(const struct stream *s, char out[64], uint16_t *port);

/* Gives this thread's buffer for concatenations back (at exit, and in tests). */
void stream_trim(void);

/* --- Passing a connection on, to another process --- */
/* Takes the descriptor out of a plain stream that is paused and whose on_data is not on the stack;
 * what was read and not used is appended to unread, what the kernel does not take of its queue to
 * unsent (NULL: it has none). Returns the descriptor, which is the caller's, or the negative code
 * that the stream was about to be closed with. Either way the stream is gone, on_close is not
 * called, and its memory lives until the end of the iteration. */
int stream_detach(struct stream *s, struct buf *unread, struct buf *unsent) MUST_CHECK;
/* A fresh plain stream is offered these bytes (copied) before what it reads. */
void stream_preload(struct stream *s, str bytes);

#endif
