/* net/burst.h - the writes of a flush phase, gathered and handed to the kernel by one call.
 *
 * Internal to net. Writing to a thousand streams one by one enters the kernel a thousand times, and
 * each time whoever was woken by it may run first. Where there is no io_uring, or it is switched
 * off, streams write for themselves as ever.
 *
 * A stream that was taken by a burst has not been written when its flush job ends, but it is before
 * the phase does: nothing outside of the flush phase sees the difference.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef NET_BURST_H
#define NET_BURST_H

#include "net/stream.h"

/* Takes the write of s upon itself: piece, the whole queue. False: s is to write by itself. When
 * the burst is full owners are called back, and s may be closed when this returns. */
bool burst_take(struct stream *s, str piece);

/* As coalesce(), careful of what was taken. */
str burst_coalesce(const struct stream *s);

/* Before the descriptor or the messages of a stream that is `taken` go: the kernel gets what was
 * gathered, all of it. Calls nobody back. */
void burst_send(struct loop *l);

void burst_free(struct loop *l);

#endif
