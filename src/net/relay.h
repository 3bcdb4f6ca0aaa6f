/* net/relay.h - two streams joined: what comes in at one end goes out at the other, whatever it is.
 *
 * Who reads faster than the other end writes is paused. When one end has said its last byte, that
 * and all before is written to the other, and both end; when one breaks, the other ends.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef NET_RELAY_H
#define NET_RELAY_H

#include "net/stream.h"

enum { RELAY_QUEUE_BYTES = 256 * 1024 }; /* not yet written; beyond it reading pauses */

struct relay {
    struct loop *loop;
    struct stream *ends[2]; /* both, or (once it is done) none */
    struct loop_job job;    /* looks whether all is read of an end that says no more */
    bool last[2];           /* that end says no more; what it has said may not all be read */
    bool muted[2];          /* nothing is written to that end any more */
    bool whole[2];     /* the owner's: that end is closed whole, without waiting for its peer */
    uint64_t bytes[2]; /* that came in */
    /* The streams are the relay's no more, and end by themselves. Called once, unless relay_close()
     * is; never within relay_join(). */
    void (*on_done)(struct relay *r);
};

/* Takes both streams over; what they have kept is relayed. r->on_done is set by the caller. */
void relay_join(struct relay *r, struct loop *l, struct stream *a, struct stream *b);
/* Says to an end that nothing follows, whatever the other one still says; what it says is relayed
 * as before. False: what was queued for it is not all written yet. */
bool relay_end_output(struct relay *r, int side);
/* Closes both at once. */
void relay_close(struct relay *r);

#endif
