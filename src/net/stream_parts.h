/* net/stream_parts.h - what the parts of a stream owe each other: stream.c, stream_write.c,
 * stream_end.c and, for those that speak TLS, tls_stream.c.
 *
 * Internal to net.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef NET_STREAM_PARTS_H
#define NET_STREAM_PARTS_H

#include <sys/types.h>

#include "net/stream.h"

/* Fills in a zeroed stream and watches fd. */
void stream_init(struct stream *s, struct loop *l, int fd, const struct stream_events *events,
                 void *owner);

/* What the loop calls: with the events of the descriptor, and when there is something to offer. */
void stream_on_events(struct watch *w, uint32_t events);
void stream_on_offer(struct loop_job *job);

/* Writes what this iteration gathered, now or with the others' at the end of the flush phase. */
void stream_flush(struct stream *s);
/* Writes what the kernel takes, and draws the consequences: waiting for EPOLLOUT, draining,
 * finishing. The stream may be closed afterwards. */
void stream_write_out(struct stream *s);

/* The same for a write that was made: of n bytes out of asked, or -errno. */
void stream_written(struct stream *s, ssize_t n, size_t asked);

/* Asks epoll for what the stream's flags call for. */
void stream_interest(struct stream *s);

/* Closes s from the loop. */
void stream_fault(struct stream *s, int err);

/* The queue of an ending stream is written. */
void stream_finish(struct stream *s);
void stream_stop_linger(struct stream *s);
/* Before it ends or closes: it is not open any more. */
void stream_uncount(struct stream *s);

/* --- implemented by tls_stream.c, for streams that are secure --- */

/* As recv(): errno on -1, 0 at the end. */
ssize_t tls_stream_read(struct stream *s, void *p, size_t n);
/* Writes one record from the front of the queue; as send(). *asked is how much it holds. */
ssize_t tls_stream_write(struct stream *s, size_t *asked);
/* What epoll is asked for, given what a plain stream would ask for. */
uint32_t tls_stream_interest(const struct stream *s, uint32_t plain);
/* Says that nothing follows; false when it cannot be said. */
bool tls_stream_finish(struct stream *s);
/* Stops what still runs for a stream that closes; frees what it owns. */
void tls_stream_closed(struct stream *s);
void tls_stream_free(struct stream *s);

#endif
