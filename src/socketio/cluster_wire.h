/* socketio/cluster_wire.h - what servers of one application tell each other, as bytes: whom it
 * concerns, and the frames of packets.
 *
 * Pure. The writers and readers are of one machine and of one version or its neighbour: numbers are
 * little-endian, texts have 32-bit lengths, the first byte is the version. A reader relies on
 * nothing: what does not fit is refused.
 *
 * A head names the namespace, then the target: rooms and exceptions. One with very many of them has
 * the target in front of the body instead, so that a head stays small.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SOCKETIO_CLUSTER_WIRE_H
#define SOCKETIO_CLUSTER_WIRE_H

#include "base/buf.h"
#include "base/msg.h"
#include "base/str.h"

enum { SIO_WIRE_VERSION = 1, SIO_WIRE_FEW = 16, SIO_WIRE_HEAD_MAX = 8 * 1024 };
enum { SIO_WIRE_STAMPED = 0x40 /* a flag of packets: the text ends with an offset */ };

/* Reading bytes piece by piece. A read past the end gives 0 or an empty text, and `broken`. */
struct sio_reader {
    const char *at, *end;
    bool broken;
};

uint8_t sio_read_u8(struct sio_reader *r);
uint32_t sio_read_u32(struct sio_reader *r);
uint64_t sio_read_u64(struct sio_reader *r);
str sio_read_str(struct sio_reader *r); /* points into the input */

void sio_write_u32(struct buf *b, uint32_t n);
void sio_write_u64(struct buf *b, uint64_t n);
void sio_write_str(struct buf *b, str s);

/* Whom a note concerns. Texts point into what was read. */
struct sio_wire_target {
    str nsp;
    uint8_t flags;       /* the kind's own */
    bool in_body;        /* the target stands in front of the body; the rest is not set yet */
    str *rooms, *except; /* both in one block: `few`, or one to be freed */
    size_t room_count, except_count;
    str few[SIO_WIRE_FEW];
};

/* Writes a head: namespace, flags and target. When the target does not fit into a head it goes to
 * body_front, which is to be the first part of the body, else body_front stays empty. */
void sio_wire_write(struct buf *head, struct buf *body_front, str nsp, uint8_t flags,
                    const str *rooms, size_t room_count, const str *except, size_t except_count);
/* Reads a head; *r then stands behind it. On success (0, else ATR_ESYNTAX) the target is to be
 * freed with sio_wire_free(). */
int sio_wire_read(struct sio_reader *r, struct sio_wire_target *out) MUST_CHECK;
/* Of one whose target is in the body: reads it; *r then stands behind it. 0 or ATR_ESYNTAX. */
int sio_wire_read_front(struct sio_reader *r, struct sio_wire_target *t) MUST_CHECK;
void sio_wire_free(struct sio_wire_target *t);

/* --- Frames: messages as they are sent to clients. Their sizes go into the head, their bytes into
 * the body. --- */
void sio_wire_write_frames(struct buf *head, struct msg *const *msgs, size_t count);
/* How many, and where the sizes are; ATR_ESYNTAX when they do not make up `bytes`. */
struct sio_wire_frames {
    uint32_t count;
    const char *sizes;
};
int sio_wire_read_frames(struct sio_reader *r, size_t bytes,
                         struct sio_wire_frames *out) MUST_CHECK;
/* The i-th, copied from the body at *at, which moves on. */
struct msg *sio_wire_frame(const struct sio_wire_frames *f, uint32_t i, str *body);

#endif
