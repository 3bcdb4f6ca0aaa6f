/* proto/eio_packet.h - Engine.IO protocol 4: packets and polling payloads.
 *
 * A packet is one type digit and data; a binary message has no digit on WebSocket and is
 * 'b' + base64 in a polling payload, where packets are joined by 0x1e.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROTO_EIO_PACKET_H
#define PROTO_EIO_PACKET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"
#include "proto/parse.h"

enum eio_type { EIO_OPEN, EIO_CLOSE, EIO_PING, EIO_PONG, EIO_MESSAGE, EIO_UPGRADE, EIO_NOOP };
enum { EIO_SEPARATOR = 0x1e };

struct eio_packet {
    enum eio_type type;
    bool binary; /* a binary message; data is the raw bytes */
    str data;
};

/* Decodes one packet of a text frame or of a payload. A leading 'b' is a binary message: its base64
 * is decoded in place, so text is written to. Text must already be known to be UTF-8. PARSE_DONE or
 * PARSE_BAD (empty, unknown type, bad base64). */
enum parse eio_packet_decode(char *text, size_t n, struct eio_packet *out);

/* Cuts the next packet off a polling payload and decodes it. *rest starts as the body; after
 * PARSE_DONE, rest->p == NULL when that was the last packet. An empty packet is PARSE_BAD. */
enum parse eio_payload_next(str *rest, struct eio_packet *out);

/* Appends a packet in its payload form, with a separator in front unless out is empty. */
void eio_payload_add(struct buf *out, enum eio_type type, bool binary, str data);

#endif
