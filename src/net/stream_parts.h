/* net/stream_parts.h - what the parts of a stream owe each other: stream.c, stream_write.c and
 * stream_end.c.
 *
 * Internal to net.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef NET_STREAM_PARTS_H
#define NET_STREAM_PARTS_H

#include "net/stream.h"

/* Writes what the kernel takes, and draws the consequences: waiting for EPOLLOUT, draining,
 * finishing. The stream may be closed afterwards. */
void stream_write_out(struct stream *s);

/* Asks epoll for what the stream's flags call for. */
void stream_interest(struct stream *s);

/* Closes s from the loop. */
void stream_fault(struct stream *s, int err);

/* The queue of an ending stream is written. */
void stream_finish(struct stream *s);
void stream_stop_linger(struct stream *s);

#endif
