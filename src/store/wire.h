/* store/wire.h - what the centre and its guests say to each other, over net/link.h.
 *
 * A guest's message: a number (of the operations that change something, all up to it are answered
 * as far as it is concerned), then requests: operation, number, record. The first request of a
 * connection is WIRE_HELLO: key the space, owner the guest's id, count WIRE_VERSION. WIRE_BYE: the
 * guest will not come back.
 *
 * The centre's message: answers: number, error, count of items, body (a record and the items).
 * Number 0 answers the hello; with an error, value says why in a sentence.
 *
 * All is MessagePack, one value after the other.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef STORE_WIRE_H
#define STORE_WIRE_H

#include "cluster/store.h"

enum {
    WIRE_VERSION = 1,
    WIRE_HELLO = 0,
    WIRE_BYE = 255,
    WIRE_GUEST_BYTES = 16,       /* of a guest's id */
    WIRE_MESSAGE_BYTES = 1 << 20 /* one more request or answer begins a message of its own */
};

struct wire_request {
    uint64_t op, seq;
    struct store_record r;
};

struct wire_answer {
    uint64_t seq;
    int err;
    uint32_t count;
    str body;
};

/* record: its bytes. */
void wire_write_request(struct buf *out, unsigned op, uint64_t seq, str record);
void wire_write_answer(struct buf *out, const struct wire_answer *a);
void wire_write_number(struct buf *out, uint64_t n);

/* Cut what they read off *in. ATR_ESYNTAX when it does not begin with one; *in is unchanged then.
 */
int wire_read_request(str *in, struct wire_request *q) MUST_CHECK;
int wire_read_answer(str *in, struct wire_answer *a) MUST_CHECK;
int wire_read_number(str *in, uint64_t *n) MUST_CHECK;

#endif
