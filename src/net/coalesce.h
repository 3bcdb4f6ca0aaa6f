/* net/coalesce.h - one concatenation for all streams that are about to write the same messages.
 *
 * Internal to net. A broadcast of many small messages to many streams costs the kernel one short
 * copy per message and stream; from one contiguous buffer it is one copy per stream.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef NET_COALESCE_H
#define NET_COALESCE_H

#include "net/loop.h"
#include "net/queue.h"

/* The bytes of the whole queue (`bytes` in all) in one piece, when streams flushed just before held
 * the same messages; else n == 0. Borrowed until the next call.
 * Nothing of the queue may be written yet. */
str coalesce(struct loop *l, const struct stream_queue *q, size_t bytes);
/* The same, but only if those are the bytes that were given last, which stay where they are. */
str coalesce_known(const struct stream_queue *q);

/* Gives this thread's buffer back. */
void coalesce_trim(void);

#endif
